/* SPDX-License-Identifier: ISC */
/*
 * `* 4 FETCH (UID 7 FLAGS (\Seen) MODSEQ (12))` for many messages: what the session is told of changes
 * (updates.c), what STORE answers, what a client that comes back has missed (QRESYNC). In pieces, so that a
 * slow client holds neither memory nor a snapshot.
 */
#ifndef IMAPD_FLAG_REPORT_H
#define IMAPD_FLAG_REPORT_H

#include "respond.h"
#include "session.h"

struct flag_report {
    struct imap_session *session;
    struct message_scan scan;
    struct message_page page;
    struct arena arena; /* of one piece */
    uint64_t found;     /* messages that are there */
    bool skips_own;     /* the client's own changes, which were answered */
    bool only_modseq;   /* without FLAGS: STORE .SILENT of a client that keeps MODSEQs */
};

/* The messages of the session's mailbox with these UIDs (which must live as long) and a MODSEQ above
 * `changed_since`. */
void flag_report_begin(struct flag_report *report, struct imap_session *session, struct uid_set uids,
                       uint64_t changed_since);
void flag_report_end(struct flag_report *report);
/* On a worker thread: writes a piece of it; report->scan.done when that was all. */
enum err flag_report_piece(struct flag_report *report, struct snapshot *snapshot, struct buf *out) MUST_CHECK;

/* From the task: all of it, to the client. */
enum err flag_report_send(struct flag_report *report) MUST_CHECK;

#endif
