/* SPDX-License-Identifier: ISC */
/*
 * xtext, RFC 3461 section 4: how ENVID, ORCPT and AUTH carry any byte inside an esmtp-value.
 *
 *     xtext   = *( xchar / hexchar )
 *     xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
 *     hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
 */
#include "mail/path.h"

static bool is_xchar(char c)
{
    return c >= '!' && c <= '~' && c != '+' && c != '=';
}

static int upper_hex(char c)
{
    if (char_is_digit(c)) {
        return c - '0';
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err xtext_decode(struct buf *out, struct slice text)
{
    size_t before = out->len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '+') {
            int high = i + 2 < text.len ? upper_hex(text.data[i + 1]) : -1;
            int low = high >= 0 ? upper_hex(text.data[i + 2]) : -1;
            if (low < 0) {
                buf_truncate(out, before);
                return ERR_SYNTAX;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (!is_xchar(c)) {
            buf_truncate(out, before);
            return ERR_SYNTAX;
        }
        buf_append_char(out, c);
    }
    return out->error;
}

bool xtext_is_printable(struct slice text)
{
    struct buf decoded;
    buf_init(&decoded, text.len + 1);
    bool good = xtext_decode(&decoded, text) == ERR_OK;
    for (size_t i = 0; i < decoded.len && good; i++) {
        good = char_is_wsp(decoded.data[i]) || (decoded.data[i] >= ' ' && decoded.data[i] <= '~');
    }
    buf_free(&decoded);
    return good;
}

void xtext_encode(struct buf *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        char c = bytes.data[i];
        if (is_xchar(c)) {
            buf_append_char(out, c);
        } else {
            buf_printf(out, "+%02X", (unsigned)(unsigned char)c);
        }
    }
}
