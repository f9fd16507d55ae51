/* SPDX-License-Identifier: ISC */
/*
 * The copy of a sent message, twice. A program that waited too long for the answer to its APPEND sends the
 * message again, and again; and some servers file it as well. The same message (envelope with Message-ID,
 * size) that came to the mailbox for sent mail within the last minute is taken for the one that is there.
 */
#ifndef IMAPD_APPEND_TWIN_H
#define IMAPD_APPEND_TWIN_H

#include "mail/summary.h"
#include "storage/account.h"

/* The UID of the twin, 0 when there is none; only in a mailbox with the special use \Sent. Blocks. */
enum err append_twin_find(struct account *account, struct mailbox_ref mailbox,
                          const struct message_summary *summary, uint32_t *uid_r,
                          uint32_t *uidvalidity_r) MUST_CHECK;

#endif
