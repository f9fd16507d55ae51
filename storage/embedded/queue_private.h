/* SPDX-License-Identifier: ISC */
/*
 * What the files of the queue share.
 *
 *     <data>/queue/queue.db                 envelopes, recipients, destinations, and small bodies
 *     <data>/queue/messages/<n>/<number>    other bodies: 4,096 to a folder, in the order in which they came,
 * so that a group of new ones costs one sync of one folder
 *     <data>/queue/delivered                deliveries that may not be settled yet (queue_note.c)
 *
 * A small body that nobody else has is a row: it becomes durable by the sync that its envelope needs anyway,
 * where a file needs two more, its own and its folder's.
 *
 * As with accounts, a row never points at a missing file: a body is linked and its folder synced before the
 * commit, and unlinked after it. Files without row are found when a deliverer begins (queue_recover).
 */
#ifndef STORAGE_QUEUE_PRIVATE_H
#define STORAGE_QUEUE_PRIVATE_H

#include "group.h"
#include "storage/queue.h"
#include "store_private.h"

#define QUEUE_FOLDER_SHIFT 12

struct queue {
    struct store *store;
    struct db *db;
    int messages_fd;
    atomic_int ring_fd;       /* what the bell is rung with; -1: not yet */
    struct group group;       /* of queue_add */
    struct group settlements; /* of queue_settle */
    /* The folder that bodies went into last; used by whoever serves the group. */
    int64_t folder;
    int folder_fd;
    struct {
        pthread_mutex_t mutex;
        int fd;      /* -1: not yet */
        size_t open; /* that are not settled yet */
    } notes;
};

/* Opens it when it is first needed: most processes never do. */
enum err queue_of(struct store *store, struct queue **queue_r) MUST_CHECK;
void queue_close(struct queue *queue);

/* Begins a transaction for a change that is promised: ERR_UNAVAILABLE while the store is read-only. Ended by
 * queue_end. */
enum err queue_begin(struct store *store, struct queue **queue_r) MUST_CHECK;

/* Somebody may have something to deliver now; or a person wants it. */
enum queue_ring { QUEUE_RING_WORK = 'w', QUEUE_RING_PERSON = 'p' };
void queue_ring(struct queue *queue, enum queue_ring ring);

/* So many deliveries that may have been noted are settled. */
void queue_notes_settled(struct queue *queue, size_t count);
/* Settles what was noted and not settled. Nobody else may deliver. */
enum err queue_notes_recover(struct queue *queue, int64_t now_us) MUST_CHECK;

/* "<n>/<number>", below messages. */
void queue_body_name(int64_t message, char name[48]);
/* Unlinks the body; that it is gone already is fine. */
void queue_remove_body(struct queue *queue, int64_t message);

/* All of these run inside a transaction of queue.db. */
enum err queue_destination(struct db *db, struct slice name, int64_t *id_r) MUST_CHECK;
/* After recipients of the destination came, went or changed: when the first of them is due. */
enum err queue_destination_changed(struct db *db, int64_t id) MUST_CHECK;
/* Changes recipients. `destinations` selects those that are affected, before; both statements get the same
 * values. */
struct queue_update {
    const char *destinations, *update;
    void (*bind)(sqlite3_stmt *statement, const void *data);
    const void *data;
    uint64_t changed; /* how many were */
};
enum err queue_update_recipients(struct db *db, struct queue_update *update) MUST_CHECK;
/* The message's row, and its body if that is one; recipients are gone already. */
enum err queue_delete_message(struct db *db, int64_t message) MUST_CHECK;
enum err queue_find(struct db *db, struct slice id, int64_t *message_r) MUST_CHECK;
/* Takes note that recipients of the message may be over. */
enum err queue_message_changed(struct db *db, int64_t message, int64_t now_us) MUST_CHECK;

/* Columns of queue_envelope in this order, from column `first` on. */
#define QUEUE_ENVELOPE_COLUMNS                                                                \
    "message.id, message.name, message.sender, message.envid, message.login, message.msgid, " \
    "message.subject,"                                                                        \
    " message.flags, message.received, message.expires, message.size,"                        \
    " message.skip, message.top"
#define QUEUE_ENVELOPE_COLUMN_COUNT 13
/* The first of them is the message's number. */
void queue_read_envelope(sqlite3_stmt *statement, int first, struct arena *arena,
                         struct queue_envelope *envelope_r);
/* Columns of queue_taken_recipient in this order. */
#define QUEUE_RECIPIENT_COLUMNS                                                                           \
    "recipient.n, recipient.address, recipient.orcpt, recipient.notify, destination.name, recipient.due," \
    " recipient.attempts, recipient.delay_told, recipient.code, recipient.text, recipient.host,"          \
    " recipient.theirs"
#define QUEUE_RECIPIENT_COLUMN_COUNT 12
void queue_read_recipient(sqlite3_stmt *statement, int first, struct arena *arena,
                          struct queue_taken_recipient *recipient_r);

/* States of recipients that are not over yet, for SQL. */
#define QUEUE_OPEN_STATES "(0, 1, 2, 3)"
_Static_assert(QUEUE_WAITING == 0 && QUEUE_TAKEN == 1 && QUEUE_HELD == 2 && QUEUE_PREPARED == 3,
               "the statements and indexes know them");

/* Ends a transaction by the outcome so far: commits on ERR_OK, else rolls back; returns what came of it. */
enum err queue_end(struct queue *queue, enum err err) MUST_CHECK;

#endif
