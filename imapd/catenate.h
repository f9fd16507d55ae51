/* SPDX-License-Identifier: ISC */
/* A message put together out of new text and of what is on the server (RFC 4469). */
#ifndef IMAPD_CATENATE_H
#define IMAPD_CATENATE_H

#include "incoming.h"

/* Behind the word CATENATE. *good_r: it is well-formed. A URL that leads nowhere is answered ([BADURL …]),
 * other errors are not. */
enum err catenate_take(struct imap_session *session, struct parser *parser, struct incoming *incoming,
                       bool *good_r) MUST_CHECK;

#endif
