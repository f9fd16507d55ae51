/* SPDX-License-Identifier: ISC */
/* Sessions of silent clients cost little (doze.c). */
#ifndef IMAPD_DOZE_H
#define IMAPD_DOZE_H

#include "net/event.h"

struct imap_session;

#define IMAP_DOZE_AFTER_MS  20000
#define IMAP_DOZING_LOOK_MS 900000 /* between looks at the folder for what other programs did */

/* conn_wait, and after context->doze_after of it the account is let go. Until `end`; or until it is time to
 * `look` (NO_DEADLINE: never), which is put off when the session dozes. */
enum err imap_wait(struct imap_session *session, struct event *event, int64_t look, int64_t end,
                   size_t *which_r) MUST_CHECK;
/* Lets go of the account; imap_wake must be called before it is needed again. */
void imap_doze(struct imap_session *session);
/* Has the account again, and is sure that the open mailbox is still the same. False: it is not to be had,
 * which was said to the client; the session ends. */
bool imap_wake(struct imap_session *session);

#endif
