/* SPDX-License-Identifier: ISC */
/* Keys that the columns of the index decide: flags, keywords, sizes, dates, counters, identifiers. */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "search_eval.h"

/* With so many keys the time is looked at after each row. */
#define MANY_KEYS 50

#define SECOND_US 1000000

struct row_job {
    struct search_job *search;
    struct search_columns columns;
    struct message_scan scan;
    struct message_page page;
    size_t row; /* of the page, where the next visit goes on */
    struct uid_set_writer found;
    /* --- of one visit --- */
    struct snapshot *snapshot;
    struct arena arena;
    uint64_t *bits; /* by node: the bit of KEY_KEYWORD; 0: it has none */
    /* --- of one row --- */
    struct arena row_arena;
    bool has_names;
    struct slice *names; /* its keywords, where they are needed */
    size_t name_count;
};

static unsigned fields_of(const struct search_program *program, uint32_t index)
{
    static const unsigned fields[] = {
        [KEY_FLAGS] = SCAN_FLAGS,         [KEY_KEYWORD] = SCAN_FLAGS,         [KEY_LARGER] = SCAN_SIZE,
        [KEY_SMALLER] = SCAN_SIZE,        [KEY_ARRIVED] = SCAN_DATES,         [KEY_SAVED] = SCAN_DATES,
        [KEY_OLDER_SECONDS] = SCAN_DATES, [KEY_YOUNGER_SECONDS] = SCAN_DATES, [KEY_EMAILID] = SCAN_GUID,
        [KEY_THREADID] = SCAN_THREAD,
    };
    const struct search_node *node = &program->nodes[index];
    unsigned all = (size_t)node->key < ARRAY_LEN(fields) ? fields[node->key] : 0;
    for (uint32_t c = node->child; c != 0; c = program->nodes[c].next)
        all |= fields_of(program, c);
    return all;
}

/* Keywords beyond the first 63 are in no column: this message has some, are they looked for? They are read
 * once, however many keys ask. */
static enum err has_other(struct row_job *job, uint32_t uid, struct slice keyword, bool *has_r)
{
    enum err err = ERR_OK;
    if (!job->has_names) {
        job->name_count = 0;
        err = snapshot_message_keywords(job->snapshot, job->scan.mailbox_id, uid, &job->row_arena,
                                        &job->names, &job->name_count);
        job->has_names = !err || err == ERR_NOT_FOUND;
    }
    for (size_t i = 0; !err && i < job->name_count; i++)
        *has_r |= slice_eq_nocase(job->names[i], keyword);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static bool in_days(const struct day_range *days, int64_t time_us)
{
    int64_t day = search_day_of(time_us);
    return days->first <= day && day < days->end;
}

/* RFC 5032 section 2: "to the resolution of a second". */
static int64_t age_of(const struct row_job *job, size_t row)
{
    return job->search->now_us / SECOND_US - job->page.internal_dates_us[row] / SECOND_US;
}

static enum err holds(struct row_job *job, uint32_t index, size_t row, bool *holds_r);

static enum err any_or_all(struct row_job *job, uint32_t first, bool any, size_t row, bool *holds_r)
{
    const struct search_program *program = job->search->program;
    enum err err = ERR_OK;
    bool held = !any;
    for (uint32_t c = first; c != 0 && !err && held != any; c = program->nodes[c].next)
        err = holds(job, c, row, &held);
    *holds_r = held;
    return err;
}

static enum err holds(struct row_job *job, uint32_t index, size_t row, bool *holds_r)
{
    const struct search_node *node = &job->search->program->nodes[index];
    const struct message_page *page = &job->page;
    enum err err = ERR_OK;
    bool held = false;
    switch (node->key) {
    case KEY_AND:
    case KEY_OR:
        err = any_or_all(job, node->child, node->key == KEY_OR, row, &held);
        break;
    case KEY_NOT:
        err = holds(job, node->child, row, &held);
        held = !held;
        break;
    case KEY_FLAGS:
        held = (page->flags[row] & node->flags.mask) == node->flags.value;
        break;
    case KEY_KEYWORD:
        held = page->keywords[row] & job->bits[index];
        if (!held && job->bits[index] == 0 && page->keywords[row] & KEYWORD_OTHERS)
            err = has_other(job, page->uids[row], node->keyword, &held);
        break;
    case KEY_LARGER:
        held = page->sizes[row] > node->number;
        break;
    case KEY_SMALLER:
        held = page->sizes[row] < node->number;
        break;
    case KEY_ARRIVED:
        held = in_days(&node->days, page->internal_dates_us[row]);
        break;
    case KEY_SAVED:
        held = in_days(&node->days, page->saved_us[row]);
        break;
    case KEY_OLDER_SECONDS:
        held = age_of(job, row) >= (int64_t)node->number;
        break;
    case KEY_YOUNGER_SECONDS:
        held = age_of(job, row) <= (int64_t)node->number;
        break;
    case KEY_MODSEQ:
        held = page->modseqs[row] >= node->number;
        break;
    case KEY_EMAILID:
        held = memcmp(page->guids[row], node->id, sizeof(node->id)) == 0;
        break;
    case KEY_THREADID:
        held = memcmp(page->threads[row], node->id, sizeof(node->id)) == 0;
        break;
    default:
        held = uid_set_has(&node->uids, page->uids[row]);
    }
    *holds_r = held;
    return err;
}

static enum err look_at_row(struct row_job *job)
{
    enum err err = ERR_OK;
    bool held = !job->columns.any;
    for (size_t i = 0; i < job->columns.count && !err && held != job->columns.any; i++)
        err = holds(job, job->columns.nodes[i], job->row, &held);
    if (!err && held)
        uid_set_add(&job->found, job->page.uids[job->row]);
    if (job->has_names)
        arena_reset(&job->row_arena);
    job->has_names = false;
    job->row++;
    job->search->looked_at++;
    return err;
}

/* A page of rows; with thousands of keys that takes longer than a visit should. */
static enum err look_at_page(struct row_job *job, int64_t end)
{
    enum err err = ERR_OK;
    if (job->row == job->page.count) {
        err = snapshot_scan(job->snapshot, &job->scan, &job->page);
        job->row = 0;
    }
    while (!err && job->row < job->page.count) {
        err = look_at_row(job);
        if (job->search->program->count > MANY_KEYS && clock_monotonic_ms() >= end)
            break;
    }
    return err;
}

static bool is_done(const struct row_job *job)
{
    return job->scan.done && job->row == job->page.count;
}

/* Which bits the keywords have: names without one may get one between two visits. */
static enum err find_bits(struct row_job *job)
{
    const struct search_program *program = job->search->program;
    struct slice *names;
    size_t count;
    enum err err = snapshot_keywords(job->snapshot, &job->arena, &names, &count);
    job->bits = arena_array(&job->arena, uint64_t, program->count);
    for (size_t i = 0; !err && i < program->count; i++)
        for (size_t bit = 0; program->nodes[i].key == KEY_KEYWORD && bit < count; bit++)
            if (slice_eq_nocase(names[bit], program->nodes[i].keyword))
                job->bits[i] = (uint64_t)1 << bit;
    return err;
}

static enum err visit_rows(void *arg)
{
    struct row_job *job = arg;
    struct search_job *search = job->search;
    int64_t end = clock_monotonic_ms() + SEARCH_VISIT_MS;
    enum err err = snapshot_open_for(search->account, job->page.fields, &job->snapshot);
    if (!err && job->page.fields & SCAN_FLAGS)
        err = find_bits(job);
    do
        err = err ? err : look_at_page(job, end);
    while (!err && !is_done(job) && clock_monotonic_ms() < end);
    snapshot_close(job->snapshot);
    job->snapshot = NULL;
    arena_reset(&job->arena);
    return err;
}

enum err search_rows(struct search_job *search, struct search_columns columns, const struct uid_set *within,
                     struct uid_set *found_r)
{
    struct row_job job = {
        .search = search,
        .columns = columns,
        .scan = {.mailbox_id = search->mailbox_id, .uids = *within, .viewer = search->viewer}};
    unsigned fields = 0;
    if (within->count == 0) {
        *found_r = *within;
        return ERR_OK;
    }
    for (size_t i = 0; i < columns.count; i++)
        fields |= fields_of(search->program, columns.nodes[i]);
    message_page_init(&job.page, fields);
    enum err err = ERR_OK;
    while (!err && !is_done(&job))
        err = search->visit(search->data, visit_rows, &job);
    if (!err)
        *found_r = uid_set_take(&job.found, search->arena);
    uid_set_drop(&job.found);
    message_page_free(&job.page);
    arena_free(&job.arena);
    arena_free(&job.row_arena);
    return err;
}
