/* SPDX-License-Identifier: ISC */
/* How much of a message TOP sends. Pure: fed with the message in pieces of any size. */
#ifndef POP3D_TOP_H
#define POP3D_TOP_H

#include "base/slice.h"

struct top {
    uint64_t lines_left; /* of the body; set by the caller, the rest is zero at the beginning */
    bool in_body;
    enum { LINE_EMPTY, LINE_HAS_CR, LINE_HAS_TEXT } line; /* what the current line of the header has so far */
};

/* The part of the piece that is sent; *done_r when nothing behind it is. */
struct slice top_take(struct top *top, struct slice piece, bool *done_r);

#endif
