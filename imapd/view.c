/* SPDX-License-Identifier: ISC */
#include "view.h"

#include "base/mem.h"

void view_free(struct view *view)
{
    mem_free(view->ranges);
    *view = (struct view){0};
}

void view_append_range(struct view *view, uint32_t first, uint32_t last)
{
    struct view_range *end = view->range_count > 0 ? &view->ranges[view->range_count - 1] : NULL;
    if (end && end->last + 1 == first) {
        end->last = last;
    } else {
        if (view->range_count == view->room) {
            view->room = view->room > 0 ? view->room * 2 : 4;
            view->ranges = mem_realloc_array(view->ranges, view->room, sizeof(*view->ranges));
        }
        view->ranges[view->range_count++] = (struct view_range){first, last, view->count};
    }
    view->count += last - first + 1;
}

void view_append(struct view *view, uint32_t uid)
{
    view_append_range(view, uid, uid);
}

/* Copies a range without what the set has of it. `*next` is the set's first range that may reach it. */
static void append_rest(struct view *to, struct view_range range, const struct uid_set *uids, size_t *next)
{
    uint64_t first = range.first; /* wider than a UID: behind the last one */
    while (*next < uids->count && uids->ranges[*next].last < first)
        (*next)++;
    for (size_t i = *next; i < uids->count && uids->ranges[i].first <= range.last; i++) {
        if (uids->ranges[i].first > first)
            view_append_range(to, (uint32_t)first, uids->ranges[i].first - 1);
        first = MAX_OF(first, (uint64_t)uids->ranges[i].last + 1);
    }
    if (first <= range.last)
        view_append_range(to, (uint32_t)first, range.last);
}

void view_remove(struct view *view, const struct uid_set *uids)
{
    struct view rest = {0};
    size_t next = 0;
    for (size_t i = 0; i < view->range_count; i++)
        append_rest(&rest, view->ranges[i], uids, &next);
    view_free(view);
    *view = rest;
}

/* The last range that begins with message `number` or before it. */
static const struct view_range *range_of_number(const struct view *view, uint32_t number)
{
    size_t low = 0, high = view->range_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (view->ranges[middle].before < number)
            low = middle;
        else
            high = middle;
    }
    return &view->ranges[low];
}

uint32_t view_run(const struct view *view, uint32_t number, uint32_t *uid_r)
{
    const struct view_range *range = range_of_number(view, number);
    *uid_r = range->first + (number - 1 - range->before);
    return range->last - *uid_r + 1;
}

uint32_t view_uid(const struct view *view, uint32_t number)
{
    uint32_t uid;
    view_run(view, number, &uid);
    return uid;
}

/* The first range that ends with this UID or behind it; range_count when there is none. */
static size_t range_of_uid(const struct view *view, uint32_t uid)
{
    size_t low = 0, high = view->range_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->ranges[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint32_t view_number(const struct view *view, uint32_t uid)
{
    size_t i = range_of_uid(view, uid);
    if (i == view->range_count || view->ranges[i].first > uid)
        return 0;
    return view->ranges[i].before + (uid - view->ranges[i].first) + 1;
}

uint32_t view_numbers_below(const struct view *view, uint32_t uid)
{
    size_t i = range_of_uid(view, uid);
    if (i == view->range_count)
        return view->count;
    return view->ranges[i].before + (uid > view->ranges[i].first ? uid - view->ranges[i].first : 0);
}

uint32_t view_last_uid(const struct view *view)
{
    return view->range_count > 0 ? view->ranges[view->range_count - 1].last : 0;
}

struct uid_set view_slice(const struct view *view, uint32_t from, uint32_t to, struct arena *arena)
{
    struct uid_range all = {view_uid(view, from), view_uid(view, to)};
    struct uid_set set = {&all, 1};
    return view_intersect(view, &set, arena);
}

struct uid_set view_intersect(const struct view *view, const struct uid_set *uids, struct arena *arena)
{
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < uids->count; i++) {
        struct uid_range wanted = uids->ranges[i];
        for (size_t r = range_of_uid(view, wanted.first); r < view->range_count; r++) {
            const struct view_range *range = &view->ranges[r];
            if (range->first > wanted.last)
                break;
            uid_set_add_range(&writer, (struct uid_range){MAX_OF(range->first, wanted.first),
                                                          MIN_OF(range->last, wanted.last)});
        }
    }
    return uid_set_take(&writer, arena);
}
