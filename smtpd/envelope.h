/* SPDX-License-Identifier: ISC */
/* What the queue and reports are told of a message that came in. */
#ifndef SMTPD_ENVELOPE_H
#define SMTPD_ENVELOPE_H

#include "mail/summary.h"
#include "storage/queue.h"

struct session;

/* Of the session's transaction and the message that the parser has read to its end. `skip`: see there. Texts
 * live in the arena and in the session. */
struct queue_envelope envelope_of(const struct session *session, const struct mime_parser *parser,
                                  const struct message_summary *summary, uint64_t skip, struct arena *arena);

#endif
