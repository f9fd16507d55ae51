/* SPDX-License-Identifier: ISC */
/* The tables behind texts.h, and the choice of a language by its range. */
#include "texts.h"

#include "base/language.h"

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

/* RFC 6856 section 3.2 asks for the basic ranges of RFC 4647. */
const struct pop3_language *pop3_language_find(struct slice range)
{
    if (slice_eq(range, S("*")) || slice_eq_nocase(range, S("i-default")))
        return &pop3_languages[0];
    for (size_t i = 0; i < pop3_language_count; i++)
        if (language_fits(range, pop3_languages[i].tag))
            return &pop3_languages[i];
    return NULL;
}
