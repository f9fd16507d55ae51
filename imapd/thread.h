/* SPDX-License-Identifier: ISC */
/*
 * Threading (RFC 5256 section 3, and REFS of draft-ietf-morg-inthread): from what is known of messages to
 * trees. Pure, and without recursion: what messages refer to is their senders' choice. Memory is in
 * proportion to messages and references.
 */
#ifndef IMAPD_THREAD_H
#define IMAPD_THREAD_H

#include "base/arena.h"
#include "base/buf.h"

#define THREAD_NONE UINT32_MAX

enum thread_algorithm {
    THREAD_ORDEREDSUBJECT,
    THREAD_REFERENCES,
    THREAD_REFS /* REFERENCES without subjects; the thread with the newest message comes last */
};

/* Message identifiers and subjects as small numbers: the same text, the same number. */
struct thread_texts {
    struct arena arena;
    struct slice *list;
    struct thread_slot {
        uint32_t hash, number; /* THREAD_NONE: free */
    } * table;
    size_t count, room, table_size;
    unsigned char key[16]; /* of the table's hash */
};
uint32_t thread_text(struct thread_texts *texts, struct slice text);
void thread_texts_free(struct thread_texts *texts);

struct thread_message {
    uint32_t number;   /* what is written of it */
    int64_t date;      /* that counts: when it was sent; for REFS when it arrived */
    uint32_t id;       /* thread_text of its identifier; THREAD_NONE */
    uint32_t subject;  /* thread_text of its base subject; THREAD_NONE: it is empty */
    bool is_reply;     /* its subject says so */
    size_t references; /* where its references begin in thread_input.references */
    size_t reference_count;
};

struct thread_input {
    const struct thread_message *messages; /* in mailbox order */
    size_t count;
    const uint32_t *references; /* thread_text */
    size_t text_count;          /* numbers are below this */
    const struct slice *texts;  /* to sort by subject (ORDEREDSUBJECT) */
};

/* Nodes below `count` are the messages; those behind them stand for what is not there, which can only be at
 * the top. All in the arena. */
struct thread_forest {
    const struct thread_input *input;
    size_t node_count;
    uint32_t *starts;   /* children of node i: children[starts[i]] … children[starts[i + 1] - 1] */
    uint32_t *children; /* sorted */
    uint32_t *roots;    /* sorted */
    size_t root_count;
};

void thread_messages(enum thread_algorithm algorithm, const struct thread_input *input, struct arena *arena,
                     struct thread_forest *forest_r);

/* "(2)(3 6 (4 23)(44 7 96))". `more` is called now and then, to take away what is in the buffer. */
void thread_write(const struct thread_forest *forest, struct buf *out, void (*more)(void *data), void *data);

/* --- between thread.c and thread_forest.c --- */

/* Makes the forest of `node_count` nodes with these parents (THREAD_NONE: a root), and sorts it; nodes marked
 * in `dropped` are left out. `newest`: roots are sorted by the newest message of their thread. */
void thread_plant(struct thread_forest *forest, const uint32_t *parents, const bool *dropped, bool newest,
                  struct arena *arena);

#endif
