/* SPDX-License-Identifier: ISC */
/*
 * What APPEND and REPLACE have in common (RFC 9051 section 6.3.12, RFC 3502, RFC 4466 section 4):
 *
 *     append-message  = [SP flag-list] [SP date-time] SP append-data
 *     append-data     = literal / literal8 / append-data-ext
 *     append-data-ext = "UTF8" SP "(" literal8 ")"                    RFC 6855
 *                     / "CATENATE" SP "(" cat-part *(SP cat-part) ")"  RFC 4469, see catenate.c
 */
#ifndef IMAPD_APPEND_PARSE_H
#define IMAPD_APPEND_PARSE_H

#include "access.h"
#include "incoming.h"

/* Takes one message in, from the space before its flags on. False when that was answered. */
bool append_take(struct imap_session *session, struct parser *parser, struct incoming *incoming);
/* Opens the mailbox that shall get it, and answers for it: [TRYCREATE], [NOPERM], [OVERQUOTA] … before
 * the message is sent. *room_r: how many octets the quota has left; NULL where the account does not grow by
 * it. False when it was answered. In any case append_end. */
bool append_begin(struct imap_session *session, struct slice name, uint64_t *room_r,
                  struct imap_access *target_r);
void append_end(struct imap_session *session, struct imap_access *target);
/* The operation that adds the message to it, with the flags that this user may set there (RFC 4314 section
 * 4).
 */
struct batch_operation append_operation(const struct incoming *incoming, const struct imap_access *target);
/* The answer to an error of the commit. */
void append_refuse(struct imap_session *session, enum err err);

#endif
