/* SPDX-License-Identifier: ISC */
/* A report between the decision to write it and the mailbox or queue that takes it. */
#ifndef SMTPD_OUTBOUND_REPORT_PRIVATE_H
#define SMTPD_OUTBOUND_REPORT_PRIVATE_H

#include "mail/summary.h"
#include "report.h"

struct report_text {
    struct blob *blob; /* sealed; the caller's to free */
    struct message_summary summary;
    struct slice id, message_id, subject;
    uint64_t skip; /* bytes of our Return-Path field, which only mailboxes here get */
    bool is_8bit;
    unsigned flags; /* QUEUE_REQUIRETLS: what the message demanded, the report does */
};

/* Writes it as a message: `original` is what is returned of the message, whole or its header. */
enum err report_build(struct store *store, struct arena *arena, const struct dsn_report *report,
                      struct slice original, struct report_text *text_r) MUST_CHECK;
/* To where mail for that address goes: into mailboxes here, into the queue, or nowhere, which is logged. */
enum err report_post(struct store *store, const struct conf *conf, struct arena *arena, struct slice address,
                     const struct report_text *text, int64_t now_us) MUST_CHECK;

/* Whether some of what is sent to that address leaves this server. */
enum err report_is_for_elsewhere(struct store *store, const struct conf *conf, struct arena *arena,
                                 struct slice address, bool *elsewhere_r) MUST_CHECK;

/* The header of a message, without the empty line; what is cut in the middle of it ends with a whole line. */
struct slice report_header_of(struct slice message);

#endif
