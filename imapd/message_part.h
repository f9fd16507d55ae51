/* SPDX-License-Identifier: ISC */
/* The octets of one message, or of a section of it, for others than FETCH: CATENATE and URLFETCH. */
#ifndef IMAPD_MESSAGE_PART_H
#define IMAPD_MESSAGE_PART_H

#include "access.h"
#include "imapurl.h"

/* A piece; an error ends the reading and is returned. */
typedef enum err message_part_taker(void *data, struct slice octets);

/* Reads what the URL names (its server and authorisation are the caller's to look at), which lies in a
 * mailbox that the session's user may read; a URL that names no mailbox means the open one, which there
 * must be. ERR_NOT_FOUND: there is no such mailbox, message or section;
 * ERR_SYNTAX: the section is none. Blocks. */
enum err message_part_read(struct imap_session *session, const struct imapurl *url, message_part_taker *take,
                           void *data) MUST_CHECK;
/* The same in an account that somebody else opened to the caller (URLAUTH). */
enum err message_part_read_in(struct account *account, struct arena *arena, const struct imapurl *url,
                              message_part_taker *take, void *data) MUST_CHECK;

#endif
