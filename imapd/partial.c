/* SPDX-License-Identifier: ISC */
#include "partial.h"

bool parse_partial_range(struct parser *parser, struct partial_range *range_r)
{
    struct partial_range range;
    range.from_end = parse_char(parser, '-');
    if (!parse_nonzero(parser, &range.first) || !parse_char(parser, ':') ||
        parse_char(parser, '-') != range.from_end || !parse_nonzero(parser, &range.last))
        return parser_expected(parser, "a range like 1:100 or -1:-100");
    *range_r = range;
    return true;
}

uint64_t partial_width(const struct partial_range *range)
{
    return (uint64_t)MAX_OF(range->first, range->last) - MIN_OF(range->first, range->last) + 1;
}

bool partial_positions(const struct partial_range *range, uint64_t count, uint64_t *first_r, uint64_t *last_r)
{
    uint64_t low = MIN_OF(range->first, range->last), high = MAX_OF(range->first, range->last);
    if (low > count)
        return false;
    high = MIN_OF(high, count);
    *first_r = range->from_end ? count + 1 - high : low;
    *last_r = range->from_end ? count + 1 - low : high;
    return true;
}

struct uid_set partial_uids(const struct uid_set *uids, uint64_t first, uint64_t last, struct arena *arena)
{
    struct uid_set_writer writer = {0};
    uint64_t before = 0;
    for (size_t i = 0; i < uids->count && before < last; i++) {
        struct uid_range range = uids->ranges[i];
        uint64_t size = (uint64_t)range.last - range.first + 1;
        uint64_t from = MAX_OF(first, before + 1), to = MIN_OF(last, before + size);
        if (from <= to)
            uid_set_add_range(&writer, (struct uid_range){range.first + (uint32_t)(from - before - 1),
                                                          range.first + (uint32_t)(to - before - 1)});
        before += size;
    }
    return uid_set_take(&writer, arena);
}
