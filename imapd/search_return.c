/* SPDX-License-Identifier: ISC */
/*
 *     search-return-opts = SP "RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")"
 *     search-return-opt  = "MIN" / "MAX" / "ALL" / "COUNT"              RFC 4731
 *     search-return-opt  =/ "SAVE"                                      RFC 5182
 *     search-return-opt  =/ "CONTEXT" / "UPDATE"                        RFC 5267
 *     search-return-opt  =/ "RELEVANCY"                                 RFC 6203
 *     search-return-opt  =/ "PARTIAL" SP partial-range                  RFC 9394
 */
#include "search_return.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    struct slice name;
    enum search_option option;
} options[] = {
    {{"MIN", 3}, RETURN_MIN},       {{"MAX", 3}, RETURN_MAX},         {{"ALL", 3}, RETURN_ALL},
    {{"COUNT", 5}, RETURN_COUNT},   {{"SAVE", 4}, RETURN_SAVE},       {{"PARTIAL", 7}, RETURN_PARTIAL},
    {{"UPDATE", 6}, RETURN_UPDATE}, {{"CONTEXT", 7}, RETURN_CONTEXT}, {{"RELEVANCY", 9}, RETURN_RELEVANCY},
};

static bool parse_option(struct parser *parser, struct search_return *wanted)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!parse_word(parser, options[i].name))
            continue;
        if (wanted->options & options[i].option & RETURN_PARTIAL) /* RFC 9394 section 3.1 */
            return parser_expected(parser, "PARTIAL once");
        wanted->options |= options[i].option;
        return options[i].option != RETURN_PARTIAL ||
               (parse_space(parser) && parse_partial_range(parser, &wanted->partial));
    }
    return parser_expected(parser, "a return option");
}

bool parse_search_return(struct parser *parser, struct search_return *wanted_r)
{
    struct search_return wanted = {0};
    if (parse_space_word(parser, S("RETURN"))) {
        if (!parse_space(parser) || !parse_char(parser, '('))
            return false;
        wanted.extended = true;
        while (!parse_char(parser, ')'))
            if (!parse_option(parser, &wanted) || (!parse_space(parser) && parser_peek(parser) != ')'))
                return false;
    }
    if (!(wanted.options & (RETURN_ITEMS | RETURN_SAVE)))
        wanted.options |= RETURN_ALL;
    /* RFC 9394 section 3.1: "a single command MUST NOT contain more than one PARTIAL or ALL" */
    if (wanted.options & RETURN_ALL && wanted.options & RETURN_PARTIAL)
        return parser_expected(parser, "either ALL or PARTIAL");
    *wanted_r = wanted;
    return true;
}

struct search_demand search_return_demand(const struct search_return *wanted)
{
    struct search_demand demand = {0};
    const unsigned few = RETURN_MIN | RETURN_MAX | RETURN_PARTIAL | RETURN_SAVE | RETURN_CONTEXT;
    if (!wanted->extended || wanted->sorted || wanted->options & ~few || !(wanted->options & RETURN_ITEMS))
        return demand;
    demand.first = wanted->options & RETURN_MIN ? 1 : 0;
    demand.last = wanted->options & RETURN_MAX ? 1 : 0;
    if (wanted->options & RETURN_PARTIAL) {
        uint32_t far = MAX_OF(wanted->partial.first, wanted->partial.last);
        uint32_t *end = wanted->partial.from_end ? &demand.last : &demand.first;
        *end = MAX_OF(*end, far);
    }
    return demand;
}

static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The UIDs at these positions, as a set. */
static struct uid_set at_positions(const struct search_result *result, uint64_t first, uint64_t last,
                                   struct arena *arena)
{
    if (!result->sorted)
        return partial_uids(&result->uids, first, last, arena);
    size_t count = (size_t)(last - first + 1);
    uint32_t *uids = arena_array(arena, uint32_t, count);
    memcpy(uids, result->sorted + first - 1, count * sizeof(*uids));
    qsort(uids, count, sizeof(*uids), compare_uids);
    return uid_set_from_uids(arena, uids, count);
}

static struct uid_set few_named(const struct search_return *wanted, const struct search_result *result,
                                struct arena *arena)
{
    uint64_t count = uid_set_size(&result->uids), first, last;
    struct uid_set set = {0}, part;
    if (count > 0 && wanted->options & RETURN_MIN)
        set = at_positions(result, 1, 1, arena);
    if (count > 0 && wanted->options & RETURN_MAX) {
        part = at_positions(result, count, count, arena);
        set = uid_set_union(arena, &set, &part);
    }
    if (wanted->options & RETURN_PARTIAL && partial_positions(&wanted->partial, count, &first, &last)) {
        part = at_positions(result, first, last, arena);
        set = uid_set_union(arena, &set, &part);
    }
    return set;
}

struct uid_set search_return_named(const struct search_return *wanted, const struct search_result *result,
                                   struct arena *arena)
{
    bool all = wanted->options & (RETURN_ALL | RETURN_COUNT) ||
               !(wanted->options & (RETURN_MIN | RETURN_MAX | RETURN_PARTIAL));
    return all ? result->uids : few_named(wanted, result, arena);
}
