/* SPDX-License-Identifier: ISC */
/*
 * What commands print: aligned columns for people, JSON for programs; and the forms of sizes and dates in
 * both.
 */
#ifndef ADMIN_OUTPUT_H
#define ADMIN_OUTPUT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"

#define TABLE_COLUMN_LIMIT 8

/* Rows of cells; the first row is the heading. Texts are copied. */
struct table {
    struct arena arena;
    size_t columns;
    struct slice *cells; /* row after row */
    size_t cell_count, cell_size;
};

void table_init(struct table *table, size_t columns);
void table_add(struct table *table, struct slice cell);
void table_add_format(struct table *table, const char *format, ...) PRINTF_LIKE(2, 3);
/* Columns as wide as their widest cell, two spaces between them, nothing behind the last. Control characters
 * in cells come out as "?". */
void table_format(const struct table *table, struct buf *out);
void table_free(struct table *table);

/* Foreign text for a terminal: control characters come out as "?". */
void append_printable(struct buf *out, struct slice text);

/* "subject     lunch": a line of a description; none for an empty value. */
#define FIELD_NAME "%-12s"
void append_field(struct buf *out, const char *name, struct slice value);

/* The text as a JSON string; what is not UTF-8 comes out as U+FFFD. */
json_t *json_text(struct slice text);
/* "2026-11-21T10:00:00Z" as JSON; null for 0. */
json_t *json_time(int64_t wall_us);

/* "10.5 MiB", "512 B". */
void format_size(uint64_t bytes, struct buf *out);
/* "2026-11-21T10:00:00Z" */
void format_time(int64_t wall_us, struct buf *out);
/* "45 s", "12 min", "5 h", "3 days": how long something takes, roughly; nothing is less than 0. */
void format_span(int64_t us, struct buf *out);
/* "500M", "1.5G" is refused; K, M, G, T count in 1024; "B" or "iB" may follow. false: no size, or larger than
 * 2^62. */
bool parse_size(struct slice text, uint64_t *bytes_r);

/* Writes to stdout; the exit code: what cannot be written was not done. */
int print_text(struct slice text);
/* Prints the table (JSON: the value, indented) and frees it. */
int print_table(struct table *table);
int print_json(json_t *value);

#endif
