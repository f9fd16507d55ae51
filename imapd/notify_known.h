/* SPDX-License-Identifier: ISC */
/* How the mailboxes of an account were when the client was last told of them, and what is new since. Pure. */
#ifndef IMAPD_NOTIFY_KNOWN_H
#define IMAPD_NOTIFY_KNOWN_H

#include "storage/snapshot.h"

#include "notify.h"

struct notify_known_mailbox {
    struct mailbox_entry entry;
    struct annotation *annotations; /* where somebody asked for them; of values their hashes */
    size_t annotation_count;
};

struct notify_known {
    struct arena arena;
    struct notify_known_mailbox *mailboxes; /* by identifier */
    size_t count;
    struct slice *subscriptions; /* of names without mailbox, too; sorted */
    size_t subscription_count;
    struct annotation *annotations; /* of the account; hashes, too */
    size_t annotation_count;
};

/* Reads it: annotations only if `events` has those. Blocks. */
enum err notify_known_read(struct snapshot *snapshot, unsigned events,
                           struct notify_known **known_r) MUST_CHECK;
void notify_known_free(struct notify_known *known); /* NULL is fine */

const struct notify_known_mailbox *notify_known_find(const struct notify_known *known, int64_t id);
bool notify_known_is_subscribed(const struct notify_known *known, struct slice name);

/* The entries that differ between two lists, sorted without case as the store gives them. */
void notify_changed_entries(const struct annotation *before, size_t before_count,
                            const struct annotation *after, size_t after_count, struct arena *arena,
                            struct slice **names_r, size_t *count_r);

/* Which events the request wants to hear of this mailbox. */
unsigned notify_events_of(const struct notify_request *request, struct slice name, bool subscribed);
/* All events that somebody asks for, of whatever mailbox. */
unsigned notify_all_events(const struct notify_request *request);

#endif
