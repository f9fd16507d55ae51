/* SPDX-License-Identifier: ISC */
/*
 * Who may do what: submission is for authenticated users, a user sends as addresses of their own, and only
 * they may one day send to other domains. Port 25 and LMTP take mail for local recipients from everybody,
 * whatever the sender says: a forwarder elsewhere rightly sends with a local sender address.
 */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "mail/address.h"
#include "mail/mime.h"
#include "reply.h"

struct session;
struct store;

/* May this client begin a transaction at all? */
enum reply policy_check_service(const struct session *session);
/* May it use this envelope sender (both slices empty: the null path)? Suspends. */
enum reply policy_check_sender(struct session *session, const struct address *sender);
/* Refuses a sender, and names the command that would allow it. */
void policy_explain_sender(struct session *session);
/* Whether every mailbox in the From fields belongs to the user. Blocking: for a worker thread, after the
 * header was parsed. REPLY_NONE, REPLY_FROM_NOT_OWNED, or REPLY_LOCAL_ERROR. */
enum reply policy_check_from(struct store *store, struct slice login, const char *delimiter,
                             const struct mime_parser *parser);

#endif
