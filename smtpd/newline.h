/* SPDX-License-Identifier: ISC */
/*
 * Line ends of a message that comes by BDAT, where no dots tell anything: only CR LF is one (RFC 3030 section
 * 2, RFC 5321 section 2.3.8). Bare ones are noted, and made CR LF where the listener repairs. Pure: slices
 * in, slices out.
 */
#ifndef SMTPD_NEWLINE_H
#define SMTPD_NEWLINE_H

#include "base/slice.h"

struct newline_filter {
    bool repair;   /* set by the caller at the start */
    bool bare;     /* a CR without LF or an LF without CR was seen */
    bool after_cr; /* state: a CR was the last byte, and is held back */
};

/* The next stretch made from *input (which moves on); false when it is used up. *chunk_r points into the
 * input or at static bytes. */
bool newline_filter_next(struct newline_filter *filter, struct slice *input, struct slice *chunk_r);
/* What a CR at the very end of the message leaves to be written. */
struct slice newline_filter_end(struct newline_filter *filter);

#endif
