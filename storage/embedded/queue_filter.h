/* SPDX-License-Identifier: ISC */
/* A filter of the queue as a condition in SQL. */
#ifndef STORAGE_QUEUE_FILTER_H
#define STORAGE_QUEUE_FILTER_H

#include "queue_private.h"

/* Over recipient, message and destination; the values ?1 to ?8 are those of queue_filter_bind. Each pattern
 * is one for LIKE, or "%", which costs nothing. */
#define QUEUE_FILTER QUEUE_FILTER_MESSAGE " AND " QUEUE_FILTER_RECIPIENT
#define QUEUE_FILTER_MESSAGE                                                        \
    "(?1='' OR message.name=?1) AND (?2='%' OR message.sender LIKE ?2 ESCAPE '\\')" \
    " AND (?7=0 OR message.received<?7)"
#define QUEUE_FILTER_RECIPIENT                                                             \
    "(?3='%' OR recipient.address LIKE ?3 ESCAPE '\\') AND (?4='' OR destination.name=?4)" \
    " AND (?5='%' OR recipient.text LIKE ?5 ESCAPE '\\') AND (1<<recipient.state)&?6"

struct queue_filter_values {
    const struct queue_filter *filter;
    struct slice sender, recipient, text; /* patterns */
    unsigned states;
};

/* Patterns live in the arena. */
void queue_filter_prepare(const struct queue_filter *filter, struct arena *arena,
                          struct queue_filter_values *values_r);
void queue_filter_bind(sqlite3_stmt *statement, const struct queue_filter_values *values);

#endif
