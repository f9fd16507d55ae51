/* SPDX-License-Identifier: ISC */
/* Columns, JSON, sizes and dates. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "report.h"

#define OUTPUT_CAP (256 * 1024 * 1024) /* a list of a million users fits */

void table_init(struct table *table, size_t columns)
{
    *table = (struct table){.columns = columns};
}

void table_add(struct table *table, struct slice cell)
{
    if (table->cell_count == table->cell_size) {
        table->cell_size = table->cell_size ? table->cell_size * 2 : 64;
        table->cells = mem_realloc_array(table->cells, table->cell_size, sizeof(*table->cells));
    }
    table->cells[table->cell_count++] = arena_copy(&table->arena, cell);
}

void table_add_format(struct table *table, const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, 64 * 1024);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    table_add(table, buf_slice(&text));
    buf_free(&text);
}

void table_free(struct table *table)
{
    arena_free(&table->arena);
    mem_free(table->cells);
    *table = (struct table){0};
}

/* Characters as the eye counts them: near enough to a terminal's cells for names. */
static size_t text_width(struct slice text)
{
    size_t width = 0;
    while (text.len) {
        size_t length = utf8_char_length(text);
        text = slice_skip(text, length ? length : 1);
        width++;
    }
    return width;
}

void append_printable(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        buf_append_char(out, char_is_ctl(text.data[i]) ? '?' : text.data[i]);
    }
}

void append_field(struct buf *out, const char *name, struct slice value)
{
    if (value.len) {
        buf_printf(out, FIELD_NAME, name);
        append_printable(out, value);
        buf_append_char(out, '\n');
    }
}

void table_format(const struct table *table, struct buf *out)
{
    size_t widths[TABLE_COLUMN_LIMIT] = {0};
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t *width = &widths[i % table->columns];
        *width = MAX_OF(*width, text_width(table->cells[i]));
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->columns;
        size_t missing = widths[column] - text_width(table->cells[i]);
        append_printable(out, table->cells[i]);
        if (column + 1 < table->columns) {
            buf_printf(out, "%*s", (int)(missing + 2), "");
            continue;
        }
        while (out->len && out->data[out->len - 1] == ' ') { /* empty cells at the end of the row */
            buf_truncate(out, out->len - 1);
        }
        buf_append_char(out, '\n');
    }
}

json_t *json_text(struct slice text)
{
    struct buf clean;
    buf_init(&clean, 3 * text.len + 1);
    while (text.len) {
        size_t length = utf8_char_length(text);
        buf_append(&clean, length ? slice_take(text, length) : S("\xEF\xBF\xBD"));
        text = slice_skip(text, length ? length : 1);
    }
    json_t *value = json_stringn_nocheck(clean.len ? clean.data : "", clean.len);
    buf_free(&clean);
    return value;
}

void format_time(int64_t wall_us, struct buf *out)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec);
}

json_t *json_time(int64_t wall_us)
{
    if (wall_us == 0) {
        return json_null();
    }
    struct buf text;
    buf_init(&text, 64);
    format_time(wall_us, &text);
    json_t *value = json_text(buf_slice(&text));
    buf_free(&text);
    return value;
}

void format_size(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    buf_printf(out, unit == 0 || value == (double)(uint64_t)value ? "%.0f %s" : "%.1f %s", value,
               units[unit]);
}

void format_span(int64_t us, struct buf *out)
{
    static const struct {
        int64_t seconds, at_least;
        const char *name;
    } units[] = {{86400, 2 * 86400, "days"}, {3600, 2 * 3600, "h"}, {60, 120, "min"}, {1, 0, "s"}};
    int64_t seconds = MAX_OF(us, 0) / 1000000;
    size_t unit = 0;
    while (seconds < units[unit].at_least) {
        unit++;
    }
    buf_printf(out, "%lld %s", (long long)(seconds / units[unit].seconds), units[unit].name);
}

/*  size = 1*DIGIT [ ("K" / "M" / "G" / "T") [ "i" ] ] [ "B" ]  */
bool parse_size(struct slice text, uint64_t *bytes_r)
{
    static const struct slice letters = {"KMGT", 4};
    const uint64_t limit = UINT64_C(1) << 62;
    uint64_t number;
    unsigned shift = 0;
    size_t digits = 0;
    while (digits < text.len && char_is_digit(text.data[digits])) {
        digits++;
    }
    struct slice unit = slice_skip(text, digits);
    if (!slice_to_u64(slice_take(text, digits), limit, &number)) {
        return false;
    }
    size_t index = unit.len ? slice_find(letters, char_upper(unit.data[0])) : letters.len;
    if (index < letters.len) {
        shift = 10 * (unsigned)(index + 1);
        unit = slice_skip(unit, 1);
        if (slice_eq_nocase(unit, S("iB"))) {
            unit = SLICE_EMPTY;
        }
    }
    if ((unit.len && !slice_eq_nocase(unit, S("B"))) || number > limit >> shift) {
        return false;
    }
    *bytes_r = number << shift;
    return true;
}

int print_text(struct slice text)
{
    if ((text.len && fwrite(text.data, 1, text.len, stdout) != text.len) || fflush(stdout) != 0) {
        return refuse("cannot write the output: %s", strerror(errno));
    }
    return EXIT_DONE;
}

int print_table(struct table *table)
{
    struct buf text;
    buf_init(&text, OUTPUT_CAP);
    table_format(table, &text);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    table_free(table);
    return code;
}

int print_json(json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
    json_decref(value);
    if (!text) {
        return refuse("cannot write JSON");
    }
    int code = print_text(slice_from(text));
    mem_free(text);
    return code ? code : print_text(S("\n"));
}
