/* SPDX-License-Identifier: ISC */
/*
 * What is in the queue, in words for people and as JSON for programs. For people:
 *
 *     7Q2K9D4M1V0B  4.2 KiB, 2 h ago, from alice@example.org: Lunch on Friday
 *         bob@example.net  waiting, attempt 4 in 12 min
 *             mx.example.net [192.0.2.1]: 451 4.7.1 Greylisted, try again later
 */
#ifndef ADMIN_QUEUE_WORDS_H
#define ADMIN_QUEUE_WORDS_H

#include <jansson.h>

#include "storage/queue.h"

/* A message in the list: its line, and at most `recipients` of its recipients. */
void queue_append_item(const struct queue_item *item, size_t recipients, int64_t now_us, struct buf *out);
/* All that is known of it. */
void queue_append_details(const struct queue_item *item, int64_t now_us, struct buf *out);
/* "waiting, attempt 4 in 12 min", "delivered 3 h ago" */
void queue_append_state(const struct queue_item_recipient *recipient, int64_t now_us, struct buf *out);
/* "mx.example.net [192.0.2.1]: 451 4.7.1 Greylisted"; nothing when there was no reply. */
void queue_append_reply(const struct queue_reply *reply, struct buf *out);
/* " in 12 min", " now" */
void queue_append_when(int64_t due_us, int64_t now_us, struct buf *out);
/* "12 messages, 4.2 MiB, the oldest 2 h old; 15 waiting, 1 active, 2 held", or "empty". */
void queue_append_figures(const struct queue_figures *figures, int64_t now_us, struct buf *out);

json_t *queue_item_json(const struct queue_item *item);
json_t *queue_reply_json(const struct queue_reply *reply); /* null when there was none */
json_t *queue_figures_json(const struct queue_figures *figures);

#endif
