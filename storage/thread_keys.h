/* SPDX-License-Identifier: ISC */
/*
 * By what a message finds its thread (THREADID, RFC 8474 section 5.2), for every engine; RFC 5256 tells what
 * belongs together, here applied to one message after the other, in the order in which they came:
 *
 *   - the thread of what it replies to: the last of its References that is known, or else what In-Reply-To
 *     names;
 *   - the thread in which somebody has replied to it already;
 *   - for a reply without references, the thread that had its base subject last;
 *   - or else a new one, whose identifier is the guid of this message.
 *
 * Then its own Message-ID and its subject lead to this thread, wherever they led before, and so do those
 * references that led nowhere. A message never changes its thread ("MUST NOT change the THREADID of a message
 * once reported"), not even when a later one tells that two threads belong together.
 */
#ifndef STORAGE_THREAD_KEYS_H
#define STORAGE_THREAD_KEYS_H

#include "base/slice.h"

#define THREAD_KEY_SIZE       16
#define THREAD_REFERENCES_MAX 100 /* the last ones count */

struct thread_key {
    unsigned char bytes[THREAD_KEY_SIZE];
};
struct thread_keys {
    struct thread_key references[THREAD_REFERENCES_MAX]; /* the nearest first */
    size_t reference_count;
    struct thread_key own, subject;
    bool has_own, has_subject;
    bool is_reply; /* the subject says so */
};

/* `message_id` and `headers` as in struct message_summary. */
void thread_keys_of(struct slice message_id, struct slice headers, struct thread_keys *keys);

#endif
