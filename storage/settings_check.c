/* SPDX-License-Identifier: ISC */
/* The rules for names and values of settings. */
#include "settings_check.h"

#include "base/utf8.h"

bool annotation_entry_is_valid(struct slice entry)
{
    char before = '\0';
    if (entry.len < 2 || entry.len > ANNOTATION_ENTRY_MAX || entry.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < entry.len; i++) {
        char c = entry.data[i];
        if ((unsigned char)c < 0x20 || (unsigned char)c > 0x7e || c == '*' || c == '%' ||
            (c == '/' && before == '/')) {
            return false;
        }
        before = c;
    }
    return before != '/';
}

/* Text for people: UTF-8, 1 to `max` bytes, neither C0 and C1 controls nor U+2028 and U+2029. */
static bool is_plain_text(struct slice text, size_t max)
{
    if (text.len == 0 || text.len > max || !utf8_is_valid(text)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        struct slice rest = slice_skip(text, i);
        bool c1 = (unsigned char)rest.data[0] == 0xc2 && (unsigned char)rest.data[1] < 0xa0;
        if (char_is_ctl(rest.data[0]) || c1 || slice_starts_with(rest, S("\xe2\x80\xa8")) ||
            slice_starts_with(rest, S("\xe2\x80\xa9"))) {
            return false;
        }
    }
    return true;
}

bool rights_identifier_is_valid(struct slice identifier)
{
    return is_plain_text(identifier, RIGHTS_IDENTIFIER_MAX);
}

bool rights_are_valid(struct slice rights)
{
    for (size_t i = 0; i < rights.len; i++) {
        if (!char_is_alnum(rights.data[i]) || slice_has(slice_take(rights, i), rights.data[i])) {
            return false;
        }
    }
    return true;
}

bool sieve_name_is_valid(struct slice name)
{
    return is_plain_text(name, SIEVE_NAME_MAX);
}

bool sieve_script_is_valid(struct slice script)
{
    return script.len <= SIEVE_SCRIPT_MAX && utf8_is_valid(script) && !slice_has(script, '\0');
}
