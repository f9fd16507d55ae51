/* SPDX-License-Identifier: ISC */
/*
 * Who may do what: submission is for authenticated users, a user sends as addresses of their own. Port 25 and
 * LMTP take mail for local recipients from everybody, whatever the sender says: a forwarder elsewhere rightly
 * sends with a local sender address. Mail for other domains is taken from users and from the hosts of
 * `relay_networks`, and for those of `relay_domains` (whose backup MX we are) from everybody.
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
/* May mail for this recipient elsewhere be taken from this client? */
enum reply policy_check_relaying(const struct session *session, const struct address *recipient);
/* Local parts that ask for relaying in the spellings of old. */
bool policy_is_source_routed(const struct address *address);
/* Refuses a sender, and names the command that would allow it. */
void policy_explain_sender(struct session *session);
/* Whether every mailbox in the From fields belongs to the user. Blocking: for a worker thread, after the
 * header was parsed. REPLY_NONE, REPLY_FROM_NOT_OWNED, or REPLY_LOCAL_ERROR. */
enum reply policy_check_from(struct store *store, struct slice login, const char *delimiter,
                             const struct mime_parser *parser);

#endif
