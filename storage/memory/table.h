/* SPDX-License-Identifier: ISC */
/*
 * Small sorted tables: subscriptions, annotations, rights, scripts, keywords. States share a table; who
 * changes one that is shared gets a copy of his own first. A record is found by its number and name.
 */
#ifndef STORAGE_MEMORY_TABLE_H
#define STORAGE_MEMORY_TABLE_H

#include "text.h"

struct record {
    int64_t number;
    struct text *name;
    struct text *value;
    int64_t extra;
};

struct table {
    atomic_uint users;
    bool without_case; /* how names are compared */
    size_t count, room;
    struct record *records; /* by number, then name */
};

struct table *table_new(bool without_case) NEVER_NULL;
struct table *table_share(struct table *table) NEVER_NULL;
void table_release(struct table *table);

/* NULL when there is none. */
const struct record *table_find(const struct table *table, int64_t number, struct slice name);
/* Where the records of this number begin (and those of the one before end). */
size_t table_first(const struct table *table, int64_t number);

/* These give *table a copy of its own where it is shared. Put replaces. */
void table_put(struct table **table, int64_t number, struct slice name, struct slice value, int64_t extra);
bool table_remove(struct table **table, int64_t number, struct slice name);
void table_remove_number(struct table **table, int64_t number);

#endif
