/* SPDX-License-Identifier: ISC */
/*
 * RFC 2045 section 6.7, quoted-printable:
 *
 *     - any octet may be "=" and two upper case hexadecimal digits; those from 33 to 126 but "=" are
 * themselves
 *     - space and tab are themselves, but not at the end of a line
 *     - line ends are CRLF; CR and LF by themselves are octets
 *     - no line has more than 76 characters; "=" at its end joins it with the next one
 */
#include "dsn_private.h"

#define LINE_MAX 76

static bool is_line_end(struct slice text)
{
    return text.len == 0 || slice_starts_with(text, S("\r\n"));
}

/* Whether the first octet stands for itself. */
static bool is_plain(struct slice text)
{
    char c = text.data[0];
    if (c == ' ' || c == '\t')
        return !is_line_end(slice_skip(text, 1));
    return c > ' ' && c <= '~' && c != '=';
}

void dsn_append_quoted(struct buf *out, struct slice text)
{
    size_t column = 0;
    while (text.len > 0) {
        if (is_line_end(text)) {
            buf_append(out, S("\r\n"));
            text = slice_skip(text, 2);
            column = 0;
            continue;
        }
        size_t width = is_plain(text) ? 1 : 3;
        if (column + width > LINE_MAX - 1) { /* room for "=" */
            buf_append(out, S("=\r\n"));
            column = 0;
        }
        if (width == 1)
            buf_append_char(out, text.data[0]);
        else
            buf_printf(out, "=%02X", (unsigned)(unsigned char)text.data[0]);
        text = slice_skip(text, 1);
        column += width;
    }
}
