/* SPDX-License-Identifier: ISC */
/* Small sorted tables, copied when they are changed while somebody else looks at them. */
#include "table.h"

#include <string.h>

#include "base/mem.h"

struct table *table_new(bool without_case)
{
    struct table *table = mem_new(struct table);
    atomic_init(&table->users, 1);
    table->without_case = without_case;
    return table;
}

struct table *table_share(struct table *table)
{
    atomic_fetch_add(&table->users, 1);
    return table;
}

static void release_record(struct record *record)
{
    text_release(record->name);
    text_release(record->value);
}

void table_release(struct table *table)
{
    if (!table || atomic_fetch_sub(&table->users, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        release_record(&table->records[i]);
    }
    mem_free(table->records);
    mem_free(table);
}

static struct table *own(struct table **table)
{
    struct table *old = *table;
    if (atomic_load(&old->users) == 1) {
        return old;
    }
    struct table *copy = table_new(old->without_case);
    copy->count = old->count;
    copy->room = old->count + 1;
    copy->records = mem_realloc_array(NULL, copy->room, sizeof(*copy->records));
    for (size_t i = 0; i < old->count; i++) {
        copy->records[i] = old->records[i];
        text_share(copy->records[i].name);
        text_share(copy->records[i].value);
    }
    table_release(old);
    *table = copy;
    return copy;
}

static int compare(const struct table *table, const struct record *record, int64_t number, struct slice name)
{
    if (record->number != number) {
        return record->number < number ? -1 : 1;
    }
    return table->without_case ? slice_cmp_nocase(text_slice(record->name), name)
                               : slice_cmp(text_slice(record->name), name);
}

/* The first record that is not before this one. */
static size_t position(const struct table *table, int64_t number, struct slice name)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(table, &table->records[middle], number, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct table *table, size_t at, int64_t number, struct slice name)
{
    return at < table->count && compare(table, &table->records[at], number, name) == 0;
}

const struct record *table_find(const struct table *table, int64_t number, struct slice name)
{
    size_t at = position(table, number, name);
    return is_at(table, at, number, name) ? &table->records[at] : NULL;
}

size_t table_first(const struct table *table, int64_t number)
{
    return position(table, number, SLICE_EMPTY);
}

void table_put(struct table **table, int64_t number, struct slice name, struct slice value, int64_t extra)
{
    struct record record = {
        .number = number, .name = text_new(name), .value = text_new(value), .extra = extra};
    struct table *mine = own(table);
    size_t at = position(mine, number, name);
    if (is_at(mine, at, number, name)) {
        release_record(&mine->records[at]);
        mine->records[at] = record;
        return;
    }
    if (mine->count == mine->room) {
        mine->room = mine->room ? 2 * mine->room : 8;
        mine->records = mem_realloc_array(mine->records, mine->room, sizeof(record));
    }
    memmove(&mine->records[at + 1], &mine->records[at], (mine->count - at) * sizeof(record));
    mine->records[at] = record;
    mine->count++;
}

static void remove_at(struct table *mine, size_t at)
{
    release_record(&mine->records[at]);
    mine->count--;
    memmove(&mine->records[at], &mine->records[at + 1], (mine->count - at) * sizeof(*mine->records));
}

bool table_remove(struct table **table, int64_t number, struct slice name)
{
    if (!table_find(*table, number, name)) {
        return false;
    }
    struct table *mine = own(table);
    remove_at(mine, position(mine, number, name));
    return true;
}

void table_remove_number(struct table **table, int64_t number)
{
    size_t at = table_first(*table, number);
    while (at < (*table)->count && (*table)->records[at].number == number) {
        remove_at(own(table), at);
    }
}
