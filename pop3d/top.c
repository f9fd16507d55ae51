/* SPDX-License-Identifier: ISC */
/*
 * RFC 1939 section 7: "the POP3 server sends the headers of the message, the blank line separating the
 * headers from the body, and then the number of lines of the indicated message's body". A line ends with LF
 * here, so that files with bare LF are cut where files with CRLF are.
 */
#include "top.h"

#include <string.h>

/* The header line that `text` goes on with: up to its LF, when it is there. */
static void look_at_header(struct top *top, struct slice text)
{
    bool only_cr = text.len == 1 && text.data[0] == '\r';
    if (text.len > 0)
        top->line = top->line == LINE_EMPTY && only_cr ? LINE_HAS_CR : LINE_HAS_TEXT;
}

struct slice top_take(struct top *top, struct slice piece, bool *done_r)
{
    struct slice rest = piece;
    *done_r = false;
    while (rest.len > 0) {
        const char *lf = memchr(rest.data, '\n', rest.len);
        size_t len = lf ? (size_t)(lf - rest.data) : rest.len;
        if (!top->in_body)
            look_at_header(top, slice_take(rest, len));
        if (!lf)
            break;
        rest = slice_skip(rest, len + 1);
        if (top->in_body)
            top->lines_left--;
        else if (top->line != LINE_HAS_TEXT)
            top->in_body = true;
        top->line = LINE_EMPTY;
        if (top->in_body && top->lines_left == 0) {
            *done_r = true;
            return slice_take(piece, piece.len - rest.len);
        }
    }
    return piece;
}
