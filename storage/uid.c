/* SPDX-License-Identifier: ISC */
/* Sets of UIDs. */
#include "storage/uid.h"

#include "base/mem.h"

static const struct uid_range every_uid = {1, UINT32_MAX};
const struct uid_set uid_set_all = {&every_uid, 1};

struct uid_set uid_set_from_uids(struct arena *arena, const uint32_t *uids, size_t count)
{
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < count; i++) {
        uid_set_add(&writer, uids[i]);
    }
    return uid_set_take(&writer, arena);
}

size_t uid_set_find(const struct uid_set *set, uint32_t uid)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool uid_set_has(const struct uid_set *set, uint32_t uid)
{
    size_t range = uid_set_find(set, uid);
    return range < set->count && set->ranges[range].first <= uid;
}

uint64_t uid_set_size(const struct uid_set *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++) {
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    }
    return size;
}

void uid_set_add_range(struct uid_set_writer *writer, struct uid_range range)
{
    struct uid_range *last = writer->count ? &writer->ranges[writer->count - 1] : NULL;
    if (last && (range.first <= last->last || range.first - 1 == last->last)) {
        last->last = MAX_OF(last->last, range.last);
        return;
    }
    if (writer->count == writer->room) {
        writer->room = writer->room ? 2 * writer->room : 16;
        writer->ranges = mem_realloc_array(writer->ranges, writer->room, sizeof(*writer->ranges));
    }
    writer->ranges[writer->count++] = range;
}

void uid_set_add(struct uid_set_writer *writer, uint32_t uid)
{
    uid_set_add_range(writer, (struct uid_range){uid, uid});
}

struct uid_set uid_set_take(struct uid_set_writer *writer, struct arena *arena)
{
    struct uid_set set = {.count = writer->count};
    set.ranges = arena_take_array(arena, writer->ranges, writer->count, sizeof(*writer->ranges));
    *writer = (struct uid_set_writer){0};
    return set;
}

void uid_set_drop(struct uid_set_writer *writer)
{
    mem_free(writer->ranges);
    *writer = (struct uid_set_writer){0};
}

struct uid_set uid_set_union(struct arena *arena, const struct uid_set *a, const struct uid_set *b)
{
    struct uid_set_writer writer = {0};
    size_t i = 0, j = 0;
    while (i < a->count || j < b->count) {
        bool from_a = j == b->count || (i < a->count && a->ranges[i].first <= b->ranges[j].first);
        uid_set_add_range(&writer, from_a ? a->ranges[i++] : b->ranges[j++]);
    }
    return uid_set_take(&writer, arena);
}

struct uid_set uid_set_common(struct arena *arena, const struct uid_set *a, const struct uid_set *b)
{
    struct uid_set_writer writer = {0};
    size_t i = 0, j = 0;
    while (i < a->count && j < b->count) {
        struct uid_range x = a->ranges[i], y = b->ranges[j];
        struct uid_range both = {MAX_OF(x.first, y.first), MIN_OF(x.last, y.last)};
        if (both.first <= both.last) {
            uid_set_add_range(&writer, both);
        }
        i += x.last <= y.last;
        j += y.last <= x.last;
    }
    return uid_set_take(&writer, arena);
}

struct uid_set uid_set_minus(struct arena *arena, const struct uid_set *a, const struct uid_set *b)
{
    struct uid_set_writer writer = {0};
    size_t j = 0;
    for (size_t i = 0; i < a->count; i++) {
        uint64_t first = a->ranges[i].first;
        uint32_t last = a->ranges[i].last;
        while (j < b->count && b->ranges[j].last < first) {
            j++;
        }
        /* Ranges of `b` that begin in this one of `a`; the last of them may reach into the next. */
        for (size_t k = j; first <= last && k < b->count && b->ranges[k].first <= last; k++) {
            if (b->ranges[k].first > first) {
                uid_set_add_range(&writer, (struct uid_range){(uint32_t)first, b->ranges[k].first - 1});
            }
            first = (uint64_t)b->ranges[k].last + 1;
        }
        if (first <= last) {
            uid_set_add_range(&writer, (struct uid_range){(uint32_t)first, last});
        }
    }
    return uid_set_take(&writer, arena);
}
