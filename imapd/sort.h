/* SPDX-License-Identifier: ISC */
/*
 * Sorting messages (RFC 5256, RFC 5957, RFC 6203 section 6): the criteria, and the order that they give to
 * rows whose keys are known. Pure. Texts are compared as RFC 5255 section 4.6 says: folded
 * (i;unicode-casemap), byte by byte.
 */
#ifndef IMAPD_SORT_H
#define IMAPD_SORT_H

#include "parser.h"

#define SORT_CRITERIA_MAX 16

enum sort_key {
    SORT_ARRIVAL,
    SORT_CC,
    SORT_DATE,
    SORT_DISPLAYFROM,
    SORT_DISPLAYTO,
    SORT_FROM,
    SORT_RELEVANCY,
    SORT_SIZE,
    SORT_SUBJECT,
    SORT_TO
};

struct sort_criterion {
    enum sort_key key;
    bool reverse;
};

struct sort_criteria {
    struct sort_criterion list[SORT_CRITERIA_MAX];
    size_t count;
};

/* sort-criteria = "(" sort-criterion *(SP sort-criterion) ")" */
bool parse_sort_criteria(struct parser *parser, struct sort_criteria *criteria_r);
bool sort_has(const struct sort_criteria *criteria, enum sort_key key);
bool sort_key_is_text(enum sort_key key);

/* Keys of the rows, which are in mailbox order: a column for each criterion, of numbers or of texts. */
struct sort_column {
    int64_t *numbers;
    struct slice *texts;
};
struct sort_table {
    size_t count;
    struct sort_column columns[SORT_CRITERIA_MAX];
};
/* `order_r` gets the rows' indexes, sorted; rows that are equal stay in mailbox order. */
void sort_rows(const struct sort_criteria *criteria, const struct sort_table *table, uint32_t *order_r);

#endif
