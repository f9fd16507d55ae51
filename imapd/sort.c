/* SPDX-License-Identifier: ISC */
/*
 * RFC 5256 section 5, RFC 5957 section 5, RFC 6203 section 7:
 *
 *     sort-criteria   = "(" sort-criterion *(SP sort-criterion) ")"
 *     sort-criterion  = ["REVERSE" SP] sort-key
 *     sort-key        = "ARRIVAL" / "CC" / "DATE" / "FROM" / "SIZE" / "SUBJECT" / "TO"
 *     sort-key        =/ "DISPLAYFROM" / "DISPLAYTO" / "RELEVANCY"
 */
#include "sort.h"

#include <stdlib.h>

static const struct {
    struct slice name;
    enum sort_key key;
} keys[] = {
    {{"ARRIVAL", 7}, SORT_ARRIVAL},     {{"CC", 2}, SORT_CC},
    {{"DATE", 4}, SORT_DATE},           {{"DISPLAYFROM", 11}, SORT_DISPLAYFROM},
    {{"DISPLAYTO", 9}, SORT_DISPLAYTO}, {{"FROM", 4}, SORT_FROM},
    {{"RELEVANCY", 9}, SORT_RELEVANCY}, {{"SIZE", 4}, SORT_SIZE},
    {{"SUBJECT", 7}, SORT_SUBJECT},     {{"TO", 2}, SORT_TO},
};

static bool parse_criterion(struct parser *parser, struct sort_criterion *criterion)
{
    criterion->reverse = parse_word(parser, S("REVERSE"));
    if (criterion->reverse && !parse_space(parser))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (parse_word(parser, keys[i].name)) {
            criterion->key = keys[i].key;
            return true;
        }
    }
    return parser_expected(parser, "a sort criterion");
}

bool parse_sort_criteria(struct parser *parser, struct sort_criteria *criteria_r)
{
    struct sort_criteria criteria = {0};
    if (!parse_char(parser, '('))
        return false;
    do {
        if (criteria.count == SORT_CRITERIA_MAX)
            return parser_expected(parser, "fewer criteria");
        if (!parse_criterion(parser, &criteria.list[criteria.count++]))
            return false;
    } while (parse_space(parser));
    if (!parse_char(parser, ')'))
        return false;
    *criteria_r = criteria;
    return true;
}

bool sort_has(const struct sort_criteria *criteria, enum sort_key key)
{
    for (size_t i = 0; i < criteria->count; i++)
        if (criteria->list[i].key == key)
            return true;
    return false;
}

bool sort_key_is_text(enum sort_key key)
{
    return key != SORT_ARRIVAL && key != SORT_DATE && key != SORT_SIZE && key != SORT_RELEVANCY;
}

struct sorting {
    const struct sort_criteria *criteria;
    const struct sort_table *table;
};

static int compare_rows(const void *a, const void *b, void *data)
{
    const struct sorting *sorting = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    for (size_t i = 0; i < sorting->criteria->count; i++) {
        const struct sort_column *column = &sorting->table->columns[i];
        int difference = column->texts ? slice_cmp(column->texts[x], column->texts[y])
                                       : (column->numbers[x] > column->numbers[y]) -
                                             (column->numbers[x] < column->numbers[y]);
        if (difference != 0)
            return sorting->criteria->list[i].reverse ? -difference : difference;
    }
    /* "There is an implicit sort criterion of sequence number", which REVERSE does not change. */
    return x < y ? -1 : x > y;
}

void sort_rows(const struct sort_criteria *criteria, const struct sort_table *table, uint32_t *order_r)
{
    struct sorting sorting = {criteria, table};
    for (size_t i = 0; i < table->count; i++)
        order_r[i] = (uint32_t)i;
    qsort_r(order_r, table->count, sizeof(*order_r), compare_rows, &sorting);
}
