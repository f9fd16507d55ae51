/* SPDX-License-Identifier: ISC */
#include "sequence.h"

#include <stdlib.h>

#include "base/mem.h"

/* seq-number = nz-number / "*" */
static bool parse_sequence_number(struct parser *parser, uint32_t *number_r)
{
    if (parse_char(parser, '*')) {
        *number_r = SEQUENCE_LAST;
        return true;
    }
    return parse_nonzero(parser, number_r) || parser_expected(parser, "a sequence set");
}

bool parse_sequence_set(struct parser *parser, struct sequence_set *set_r)
{
    struct slice start = parser->rest;
    if (parse_char(parser, '$')) {
        *set_r = (struct sequence_set){.saved = true};
        return true;
    }
    struct sequence_range *ranges = NULL;
    size_t count = 0, room = 0;
    bool good;
    do {
        struct sequence_range range;
        good = parse_sequence_number(parser, &range.from);
        range.to = range.from;
        if (good && parse_char(parser, ':'))
            good = parse_sequence_number(parser, &range.to);
        if (count == room) {
            room = room > 0 ? room * 2 : 4;
            ranges = mem_realloc_array(ranges, room, sizeof(*ranges));
        }
        ranges[count++] = range;
    } while (good && parse_char(parser, ','));
    if (!good) {
        mem_free(ranges);
        parser->rest = start;
        return false;
    }
    *set_r =
        (struct sequence_set){arena_take_array(parser->arena, ranges, count, sizeof(*ranges)), count, false};
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    uint32_t left = ((const struct uid_range *)a)->first, right = ((const struct uid_range *)b)->first;
    return left < right ? -1 : left > right;
}

/* Sorts them and joins those that overlap or touch; in place. */
static struct uid_set normalised(struct uid_range *ranges, size_t count)
{
    if (count > 1)
        qsort(ranges, count, sizeof(*ranges), compare_ranges);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (used > 0 && ranges[i].first <= (uint64_t)ranges[used - 1].last + 1)
            ranges[used - 1].last = MAX_OF(ranges[used - 1].last, ranges[i].last);
        else
            ranges[used++] = ranges[i];
    }
    return (struct uid_set){ranges, used};
}

/* With `last` in place of "*". Without one (0) the ranges with "*" name nothing. */
static struct uid_set in_numbers(const struct sequence_set *set, uint32_t last, struct arena *arena)
{
    struct uid_range *ranges = arena_array(arena, struct uid_range, set->count);
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t a = set->ranges[i].from == SEQUENCE_LAST ? last : set->ranges[i].from;
        uint32_t b = set->ranges[i].to == SEQUENCE_LAST ? last : set->ranges[i].to;
        if (a > 0 && b > 0)
            ranges[count++] = (struct uid_range){MIN_OF(a, b), MAX_OF(a, b)};
    }
    return normalised(ranges, count);
}

bool parse_uid_set(struct parser *parser, struct uid_set *set_r)
{
    struct slice start = parser->rest;
    struct sequence_set set;
    if (!parse_sequence_set(parser, &set))
        return parser_expected(parser, "a set of UIDs");
    bool bad = set.saved;
    for (size_t i = 0; i < set.count; i++)
        bad |= set.ranges[i].from == SEQUENCE_LAST || set.ranges[i].to == SEQUENCE_LAST;
    if (bad) {
        parser->rest = start;
        return parser_expected(parser, "a set of UIDs in numbers");
    }
    *set_r = in_numbers(&set, 0, parser->arena);
    return true;
}

uint32_t sequence_highest(const struct sequence_set *set)
{
    uint32_t highest = 0;
    for (size_t i = 0; i < set->count; i++)
        highest = MAX_OF(highest, MAX_OF(set->ranges[i].from, set->ranges[i].to));
    return highest;
}

struct uid_set sequence_any_uids(const struct sequence_set *set, const struct view *view, struct arena *arena)
{
    return in_numbers(set, view_last_uid(view), arena);
}

struct uid_set sequence_uids(const struct sequence_set *set, const struct view *view, struct arena *arena)
{
    struct uid_set named = sequence_any_uids(set, view, arena);
    return view_intersect(view, &named, arena);
}

enum err sequence_messages(const struct sequence_set *set, const struct view *view, struct arena *arena,
                           struct uid_set *uids_r)
{
    if (sequence_highest(set) > view->count)
        return ERR_SYNTAX;
    struct uid_set numbers = in_numbers(set, view->count, arena);
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < numbers.count; i++) {
        struct uid_set part = view_slice(view, numbers.ranges[i].first, numbers.ranges[i].last, arena);
        for (size_t j = 0; j < part.count; j++)
            uid_set_add_range(&writer, part.ranges[j]);
    }
    *uids_r = uid_set_take(&writer, arena);
    return ERR_OK;
}
