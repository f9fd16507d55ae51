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

bool uid_set_has(const struct uid_set *set, uint32_t uid)
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
    return low < set->count && set->ranges[low].first <= uid;
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
    if (last && range.first <= last->last + 1 && last->last != UINT32_MAX) {
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
