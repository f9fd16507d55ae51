/* SPDX-License-Identifier: ISC */
/*
 * The sort keys of messages, from the columns of the index (RFC 5256 section 3, RFC 5957 section 3). Reading
 * goes in visits of some hundredths of a second; sorting is one more.
 */
#include "sort_load.h"

#include "base/clock.h"
#include "mail/encoded_word.h"
#include "mail/fold.h"
#include "mail/subject.h"

#include "envelope_text.h"

/* Of a text so much is compared. */
#define KEY_TEXT_MAX 512

struct sort_job {
    struct search_job *search;
    const struct sort_criteria *criteria;
    const struct search_result *found;
    struct message_scan scan;
    struct message_page page;
    struct sort_table table;
    uint32_t *uids, *order;
    uint8_t *scores;      /* by row */
    size_t range, before; /* where the rows have come to in the result */
    struct charset_cache *charsets;
    struct arena scratch;
    struct buf decoded, folded;
};

static unsigned fields_of(enum sort_key key)
{
    switch (key) {
    case SORT_ARRIVAL:
        return SCAN_DATES;
    case SORT_DATE:
        return SCAN_SENT | SCAN_DATES;
    case SORT_SIZE:
        return SCAN_SIZE;
    case SORT_RELEVANCY:
        return 0;
    default:
        return SCAN_ENVELOPE;
    }
}

static int64_t number_of(const struct sort_job *job, enum sort_key key, size_t row, size_t index)
{
    const struct message_page *page = &job->page;
    switch (key) {
    case SORT_ARRIVAL:
        return page->internal_dates_us[row];
    case SORT_SIZE:
        return (int64_t)page->sizes[row];
    case SORT_DATE: /* section 2.2: without a valid Date field the internal date */
        return page->sent[row] != INT64_MIN ? page->sent[row] : page->internal_dates_us[row] / 1000000;
    default: /* the highest score comes first */
        return -(int64_t)job->scores[index];
    }
}

static struct slice decode(struct sort_job *job, struct slice text)
{
    buf_clear(&job->decoded);
    encoded_word_decode(&job->decoded, text, job->charsets);
    return buf_slice(&job->decoded);
}

/* RFC 5957 section 3. */
static struct slice display_of(struct sort_job *job, const struct envelope_address *address)
{
    struct slice name = address->name.data ? decode(job, address->name) : SLICE_EMPTY;
    if (name.len > 0 || !address->mailbox.data)
        return name;
    if (!address->host.data)
        return address->mailbox;
    return slice_from(
        arena_printf(&job->scratch, "%.*s@%.*s", SLICE_ARG(address->mailbox), SLICE_ARG(address->host)));
}

static struct slice text_of(struct sort_job *job, enum sort_key key, struct slice envelope)
{
    struct envelope_address address;
    enum envelope_item item = key == SORT_CC                                ? ENVELOPE_CC
                              : key == SORT_FROM || key == SORT_DISPLAYFROM ? ENVELOPE_FROM
                                                                            : ENVELOPE_TO;
    if (key == SORT_SUBJECT)
        return subject_base(&job->scratch,
                            decode(job, envelope_text(envelope, ENVELOPE_SUBJECT, &job->scratch)), NULL);
    if (!envelope_first_address(envelope, item, &job->scratch, &address))
        return SLICE_EMPTY;
    return key == SORT_DISPLAYFROM || key == SORT_DISPLAYTO ? display_of(job, &address) : address.mailbox;
}

/* RFC 5051 section 2 compares in title case, RFC 4790 section 9.2 in upper case: "_" and "[" come behind "Z".
 * RFC 5255 section 4.6: what could not be decoded is sorted behind all that could. */
static struct slice folded(struct sort_job *job, struct slice text)
{
    buf_clear(&job->folded);
    if (slice_find_text(text, S("\xef\xbf\xbd")) < text.len)
        buf_append_char(&job->folded, '\xff');
    fold_text(&job->folded, slice_take(text, KEY_TEXT_MAX));
    for (size_t i = 0; i < job->folded.len; i++)
        job->folded.data[i] = char_upper(job->folded.data[i]);
    return arena_copy(job->search->arena, slice_take(buf_slice(&job->folded), KEY_TEXT_MAX));
}

/* Which of the result's messages this is: some may have gone meanwhile. UIDs ascend. */
static size_t position_of(struct sort_job *job, uint32_t uid)
{
    const struct uid_set *uids = &job->found->uids;
    for (; uids->ranges[job->range].last < uid; job->range++)
        job->before += uids->ranges[job->range].last - uids->ranges[job->range].first + 1;
    return job->before + (uid - uids->ranges[job->range].first);
}

static void take_row(struct sort_job *job, size_t row)
{
    size_t index = job->table.count;
    job->uids[index] = job->page.uids[row];
    if (job->found->scores)
        job->scores[index] = job->found->scores[position_of(job, job->page.uids[row])];
    for (size_t i = 0; i < job->criteria->count; i++) {
        enum sort_key key = job->criteria->list[i].key;
        struct sort_column *column = &job->table.columns[i];
        if (sort_key_is_text(key))
            column->texts[index] = folded(job, text_of(job, key, job->page.envelopes[row]));
        else
            column->numbers[index] = number_of(job, key, row, index);
    }
    job->table.count++;
    arena_reset(&job->scratch);
}

static enum err visit_rows(void *arg)
{
    struct sort_job *job = arg;
    struct snapshot *snapshot = NULL;
    int64_t end = clock_monotonic_ms() + SEARCH_VISIT_MS;
    enum err err = snapshot_open(job->search->account, &snapshot);
    do {
        if (!err)
            err = snapshot_scan(snapshot, &job->scan, &job->page);
        for (size_t row = 0; row < job->page.count && !err; row++)
            take_row(job, row);
    } while (!err && !job->scan.done && clock_monotonic_ms() < end);
    snapshot_close(snapshot);
    return err;
}

static enum err visit_sorting(void *arg)
{
    struct sort_job *job = arg;
    sort_rows(job->criteria, &job->table, job->order);
    return ERR_OK;
}

static void begin(struct sort_job *job, size_t count)
{
    struct arena *arena = job->search->arena;
    unsigned fields = 0;
    job->uids = arena_array(arena, uint32_t, count + 1);
    job->order = arena_array(arena, uint32_t, count + 1);
    job->scores = arena_array(arena, uint8_t, count + 1);
    for (size_t i = 0; i < job->criteria->count; i++) {
        enum sort_key key = job->criteria->list[i].key;
        fields |= fields_of(key);
        if (sort_key_is_text(key))
            job->table.columns[i].texts = arena_array(arena, struct slice, count + 1);
        else
            job->table.columns[i].numbers = arena_array(arena, int64_t, count + 1);
    }
    message_page_init(&job->page, fields);
    buf_init(&job->decoded, 1024 * 1024);
    buf_init(&job->folded, 1024 * 1024);
    job->charsets = charset_cache_new();
}

static void end(struct sort_job *job)
{
    message_page_free(&job->page);
    charset_cache_free(job->charsets);
    buf_free(&job->decoded);
    buf_free(&job->folded);
    arena_free(&job->scratch);
}

static void take_result(struct sort_job *job, struct search_result *result)
{
    struct arena *arena = job->search->arena;
    uint32_t *sorted = arena_array(arena, uint32_t, job->table.count + 1);
    uint8_t *scores = arena_array(arena, uint8_t, job->table.count + 1);
    for (size_t i = 0; i < job->table.count; i++) {
        sorted[i] = job->uids[job->order[i]];
        scores[i] = job->scores[job->order[i]];
    }
    result->uids = uid_set_from_uids(arena, job->uids, job->table.count);
    result->sorted = sorted;
    if (result->scores)
        result->scores = scores;
}

enum err sort_result(struct search_job *search, const struct sort_criteria *criteria,
                     struct search_result *result)
{
    struct sort_job job = {.search = search,
                           .criteria = criteria,
                           .found = result,
                           .scan = {.mailbox_id = search->mailbox_id, .uids = result->uids}};
    begin(&job, (size_t)uid_set_size(&result->uids));
    enum err err = ERR_OK;
    while (!err && result->uids.count > 0 && !job.scan.done)
        err = search->visit(search->data, visit_rows, &job);
    if (!err)
        err = search->visit(search->data, visit_sorting, &job);
    if (!err)
        take_result(&job, result);
    end(&job);
    return err;
}
