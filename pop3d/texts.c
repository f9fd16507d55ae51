/* SPDX-License-Identifier: ISC */
/* The tables behind texts.h, and the choice of a language by its range. */
#include "texts.h"

const struct pop3_language pop3_languages[] = {
    {.tag = {"en", 2},
     .name = {"English", 7},
     .texts =
         {
#define X(name, english, german) [name] = english,
             POP3_TEXTS(X)
#undef X
         }},
    {.tag = {"de", 2},
     .name = {"Deutsch", 7},
     .texts =
         {
#define X(name, english, german) [name] = german,
             POP3_TEXTS(X)
#undef X
         }},
};
const size_t pop3_language_count = ARRAY_LEN(pop3_languages);

/* RFC 6856 section 3.2 asks for the basic ranges of RFC 4647, section 3.4 of which (lookup) takes subtags off
 * the end until a tag fits: "de-AT" finds "de". */
const struct pop3_language *pop3_language_find(struct slice range)
{
    if (slice_eq(range, S("*")) || slice_eq_nocase(range, S("i-default")))
        return &pop3_languages[0];
    while (range.len > 0) {
        for (size_t i = 0; i < pop3_language_count; i++)
            if (slice_eq_nocase(range, pop3_languages[i].tag))
                return &pop3_languages[i];
        size_t dash = slice_find_last(range, '-');
        range = slice_take(range, dash == range.len ? 0 : dash);
    }
    return NULL;
}
