/* SPDX-License-Identifier: ISC */
/*
 * MESSAGELIMIT (RFC 9738): how many messages one command may work with, where the administrator sets a limit
 * (imap_message_limit).
 *
 *     capability      =/ "MESSAGELIMIT=" message-limit
 *     resp-text-code  =/ "MESSAGELIMIT" SP message-limit [SP uniqueid]
 *
 * FETCH, SEARCH, STORE, MOVE and UID EXPUNGE do it to those with the highest UIDs and name the lowest UID
 * that had its turn (section 3.1); the client goes on below. COPY and APPEND do all or nothing, and what SORT
 * and THREAD tell of a part would be of no use (section 3.3): those are refused. EXPUNGE and CLOSE have no
 * limit.
 */
#ifndef IMAPD_MESSAGE_LIMIT_H
#define IMAPD_MESSAGE_LIMIT_H

#include "session.h"

/* The lowest UID that the command may work with; 0 when all of them. */
uint32_t message_limit_lowest(const struct imap_session *session, const struct uid_set *uids);
/* Leaves out what is beyond the limit. Returns the same; with an answer other than that of a failure it goes
 * to message_limit_tell. */
uint32_t message_limit_cut(struct imap_session *session, struct uid_set *uids);
/* To the answer that was set it adds that there is more, below `lowest`; nothing when that is 0. */
void message_limit_tell(struct imap_session *session, uint32_t lowest);
/* Whether so many are beyond the limit. */
bool message_limit_exceeded(const struct imap_session *session, uint64_t count);
/* NO [MESSAGELIMIT n], with the UID unless it is 0. */
void message_limit_refuse(struct imap_session *session, uint32_t lowest);

#endif
