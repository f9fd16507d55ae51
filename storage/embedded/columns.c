/* SPDX-License-Identifier: ISC */
/*
 * One mutex for all: it is held for the copy of a page (some µs) and, seldom, while rows are put in between
 * others. Nothing under it reads the index.
 */
#include "columns.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

uint64_t columns_messages_min = (uint64_t)2 * SCAN_PAGE_ROWS;
uint64_t columns_uids_min = 64;

struct key {
    const struct account *account;
    int64_t mailbox_id;
};

struct kept {
    UT_hash_handle hh;
    struct kept *prev, *next; /* the one used last is the first */
    struct key key;
    struct columns_state state;
    struct column_row *rows; /* NULL: unfit */
    size_t count, room;
};

struct columns {
    pthread_mutex_t mutex;
    struct kept *table, *list;
    uint64_t room, rows_max;
};

struct columns *columns_new(uint64_t rows_max)
{
    struct columns *columns = mem_new(struct columns);
    pthread_mutex_init(&columns->mutex, NULL);
    columns->rows_max = rows_max;
    return columns;
}

static void drop(struct columns *columns, struct kept *kept)
{
    /* Whoever is in the table is in the list. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    HASH_DEL(columns->table, kept);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    DL_DELETE(columns->list, kept);
    columns->room -= kept->room;
    mem_free(kept->rows);
    mem_free(kept);
}

void columns_free(struct columns *columns)
{
    if (!columns) {
        return;
    }
    while (columns->list) {
        drop(columns, columns->list);
    }
    pthread_mutex_destroy(&columns->mutex);
    mem_free(columns);
}

void columns_forget(struct columns *columns, const struct account *account)
{
    struct kept *kept, *next;
    pthread_mutex_lock(&columns->mutex);
    DL_FOREACH_SAFE(columns->list, kept, next)
    {
        if (kept->key.account == account) {
            drop(columns, kept);
        }
    }
    pthread_mutex_unlock(&columns->mutex);
}

static struct kept *find(const struct columns *columns, const struct columns_state *state)
{
    struct kept *kept = NULL;
    struct key key = {state->account, state->mailbox_id};
    /* The key has no gaps. NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
    HASH_FIND(hh, columns->table, &key, sizeof(key), kept);
    return kept;
}

/* --- reading --- */

/* The first row from `from` on whose UID is not below this one. */
static size_t find_row(const struct kept *kept, size_t from, uint32_t uid)
{
    size_t low = from, high = kept->count;
    if (low < high && kept->rows[low].uid >= uid) { /* as in a set whose gaps have no messages */
        return low;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kept->rows[middle].uid < uid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void copy_row(const struct column_row *row, struct message_page *page)
{
    size_t i = page->count++;
    page->uids[i] = row->uid;
    page->modseqs[i] = row->modseq;
    if (page->flags) {
        page->flags[i] = row->flags;
        page->keywords[i] = row->keywords;
    }
}

static void fill_page(const struct kept *kept, const struct message_scan *scan, struct message_page *page)
{
    const struct uid_set *uids = &scan->uids;
    size_t row = find_row(kept, 0, scan->next_uid);
    for (size_t i = uid_set_find(uids, scan->next_uid); i < uids->count; i++) {
        row = find_row(kept, row, uids->ranges[i].first);
        for (; row < kept->count && kept->rows[row].uid <= uids->ranges[i].last; row++) {
            if (page->count == page->rows_max) {
                return;
            }
            if (kept->rows[row].modseq > scan->changed_since) {
                copy_row(&kept->rows[row], page);
            }
        }
    }
}

static enum columns_found compare(const struct kept *kept, const struct columns_state *state)
{
    const struct columns_state *own = &kept->state;
    bool is_same = own->highestmodseq == state->highestmodseq && own->messages == state->messages &&
                   own->uidvalidity == state->uidvalidity;
    if (is_same) {
        return kept->rows ? COLUMNS_SAME : COLUMNS_UNFIT;
    }
    if (own->highestmodseq > state->highestmodseq) {
        return COLUMNS_UNFIT;
    }
    bool can_follow =
        kept->rows && own->highestmodseq < state->highestmodseq && own->uidvalidity == state->uidvalidity;
    return can_follow ? COLUMNS_OLDER : COLUMNS_NONE;
}

enum columns_found columns_read(struct columns *columns, const struct columns_state *state,
                                const struct message_scan *scan, struct message_page *page, uint64_t *since_r)
{
    enum columns_found found = COLUMNS_NONE;
    pthread_mutex_lock(&columns->mutex);
    struct kept *kept = find(columns, state);
    if (kept) {
        found = compare(kept, state);
    }
    if (found == COLUMNS_SAME) {
        fill_page(kept, scan, page);
        DL_DELETE(columns->list, kept);
        DL_PREPEND(columns->list, kept);
    } else if (found == COLUMNS_OLDER) {
        *since_r = kept->state.highestmodseq;
    }
    pthread_mutex_unlock(&columns->mutex);
    return found;
}

/* --- writing --- */

static void make_room(struct columns *columns)
{
    while (columns->list && columns->room > columns->rows_max) {
        drop(columns, columns->list->prev); /* the last one */
    }
}

static void add(struct columns *columns, const struct columns_state *state, struct column_row *rows)
{
    struct kept *kept = mem_new(struct kept);
    kept->key = (struct key){state->account, state->mailbox_id};
    kept->state = *state;
    kept->rows = rows;
    kept->count = kept->room = rows ? (size_t)state->messages : 0;
    HASH_ADD(hh, columns->table, key, sizeof(kept->key), kept);
    DL_PREPEND(columns->list, kept);
    columns->room += kept->room;
    make_room(columns);
}

void columns_put(struct columns *columns, const struct columns_state *state, struct column_row *rows)
{
    pthread_mutex_lock(&columns->mutex);
    struct kept *kept = find(columns, state);
    bool is_newer = kept && kept->state.highestmodseq > state->highestmodseq;
    if (kept && !is_newer) {
        drop(columns, kept);
    }
    if (is_newer) {
        mem_free(rows);
    } else {
        add(columns, state, rows);
    }
    pthread_mutex_unlock(&columns->mutex);
}

static void take_out(struct kept *kept, const struct uid_set *gone)
{
    size_t to = gone->count ? find_row(kept, 0, gone->ranges[0].first) : kept->count;
    size_t range = 0;
    for (size_t from = to; from < kept->count; from++) {
        uint32_t uid = kept->rows[from].uid;
        while (range < gone->count && gone->ranges[range].last < uid) {
            range++;
        }
        if (range == gone->count || gone->ranges[range].first > uid) {
            kept->rows[to++] = kept->rows[from];
        }
    }
    kept->count = to;
}

/* Overwrites those that are there; moves the others to the beginning of the list and returns how many. */
static size_t replace(struct kept *kept, struct column_row *changed, size_t count)
{
    size_t row = 0, fresh = 0;
    for (size_t i = 0; i < count; i++) {
        row = find_row(kept, row, changed[i].uid);
        if (row < kept->count && kept->rows[row].uid == changed[i].uid) {
            kept->rows[row] = changed[i];
        } else {
            changed[fresh++] = changed[i];
        }
    }
    return fresh;
}

/* From the end, so that nothing is moved for messages that came last. */
static void put_in(struct columns *columns, struct kept *kept, const struct column_row *fresh, size_t count)
{
    size_t old = kept->count, to = old + count;
    if (to > kept->room) {
        size_t room = to + to / 16;
        kept->rows = mem_realloc_array(kept->rows, room, sizeof(*kept->rows));
        columns->room += room - kept->room;
        kept->room = room;
    }
    kept->count = to;
    while (count > 0) {
        bool from_old = old > 0 && kept->rows[old - 1].uid > fresh[count - 1].uid;
        kept->rows[--to] = from_old ? kept->rows[--old] : fresh[--count];
    }
}

static int compare_rows(const void *a, const void *b)
{
    uint32_t x = ((const struct column_row *)a)->uid, y = ((const struct column_row *)b)->uid;
    return x < y ? -1 : x > y;
}

void columns_update(struct columns *columns, const struct columns_state *state, uint64_t since,
                    const struct uid_set *gone, struct column_row *changed, size_t changed_count)
{
    if (changed_count) {
        qsort(changed, changed_count, sizeof(*changed), compare_rows);
    }
    pthread_mutex_lock(&columns->mutex);
    struct kept *kept = find(columns, state);
    if (kept && compare(kept, state) == COLUMNS_OLDER && kept->state.highestmodseq == since) {
        take_out(kept, gone);
        put_in(columns, kept, changed, replace(kept, changed, changed_count));
        kept->state = *state;
        if (kept->count != state->messages) {
            drop(columns, kept);
        }
        make_room(columns);
    }
    pthread_mutex_unlock(&columns->mutex);
}
