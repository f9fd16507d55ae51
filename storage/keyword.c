/* SPDX-License-Identifier: ISC */
/* The syntax of keywords (RFC 3501 section 9):
 *
 *     flag-keyword    = atom
 *     atom            = 1*ATOM-CHAR
 *     ATOM-CHAR       = <any CHAR except atom-specials>
 *     atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
 *     list-wildcards  = "%" / "*"
 *     quoted-specials = DQUOTE / "\\"
 *     resp-specials   = "]"
 */
#include "storage/mailbox.h"

static bool is_atom_char(char c)
{
    return c > ' ' && c < 0x7f && !slice_has(S("(){%*\"\\]"), c);
}

bool keyword_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_atom_char(name.data[i])) {
            return false;
        }
    }
    return name.len > 0 && name.len <= KEYWORD_LENGTH_MAX;
}
