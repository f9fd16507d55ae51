/* SPDX-License-Identifier: ISC */
/* Sets of UIDs, as ranges: what operations work on, and what they answer. */
#ifndef STORAGE_UID_H
#define STORAGE_UID_H

#include "base/arena.h"

struct uid_range {
    uint32_t first, last; /* both belong to it; 1 <= first <= last */
};

/* Ascending, without overlaps. The ranges belong to whoever made them. */
struct uid_set {
    const struct uid_range *ranges;
    size_t count;
};

/* Every UID there can be. */
extern const struct uid_set uid_set_all;

/* A set out of sorted UIDs without doubles; in the arena. */
struct uid_set uid_set_from_uids(struct arena *arena, const uint32_t *uids, size_t count);
bool uid_set_has(const struct uid_set *set, uint32_t uid);
/* The first range that does not end before this UID; set->count when there is none. */
size_t uid_set_find(const struct uid_set *set, uint32_t uid);
/* How many UIDs it names, of which not all need exist. */
uint64_t uid_set_size(const struct uid_set *set);
/* What is in one of them; in both; in `a` and not in `b`. Ranges in the arena. */
struct uid_set uid_set_union(struct arena *arena, const struct uid_set *a, const struct uid_set *b);
struct uid_set uid_set_common(struct arena *arena, const struct uid_set *a, const struct uid_set *b);
struct uid_set uid_set_minus(struct arena *arena, const struct uid_set *a, const struct uid_set *b);

/* Grows a set. Zeroed it is empty; uid_set_take moves it into an arena and empties the writer, uid_set_drop
 * throws it away. */
struct uid_set_writer {
    struct uid_range *ranges;
    size_t count, room;
};
/* UIDs must come in ascending order. */
void uid_set_add(struct uid_set_writer *writer, uint32_t uid);
void uid_set_add_range(struct uid_set_writer *writer, struct uid_range range);
struct uid_set uid_set_take(struct uid_set_writer *writer, struct arena *arena);
void uid_set_drop(struct uid_set_writer *writer);

#endif
