/* SPDX-License-Identifier: ISC */
/*
 * Keys for which more must be read than columns: texts (storage/search.h), and the Date field as it was
 * written.
 */
#include "base/clock.h"
#include "mail/date.h"

#include "envelope_text.h"
#include "search_eval.h"

/* --- texts --- */

/* How long one visit may look into messages. */
#define TEXT_VISIT_MS 500
/* So few messages are looked at whatever it takes. */
#define TEXT_STEP_MIN 16

struct text_job {
    struct search_job *search;
    struct search_request request;
    struct uid_set found;
    bool is_bounded; /* by time */
    bool is_over;    /* time is */
    int64_t end;
};

static bool has_time(void *data)
{
    struct text_job *job = data;
    job->is_over = job->is_bounded && clock_monotonic_ms() >= job->end;
    return !job->is_over;
}

static enum err visit_texts(void *arg)
{
    struct text_job *job = arg;
    job->is_over = false;
    job->end = clock_monotonic_ms() + TEXT_VISIT_MS;
    return search_text(job->search->account, &job->request, job->search->arena, &job->found);
}

/* How far a set was gone through. */
struct place {
    size_t range;
    uint64_t uid; /* the next one, when it lies in this range */
};

/* The next `count` UIDs of the set; moves on. */
static struct uid_set next_uids(struct arena *arena, const struct uid_set *set, uint64_t count,
                                struct place *place)
{
    struct uid_set_writer writer = {0};
    while (count > 0 && place->range < set->count) {
        struct uid_range range = set->ranges[place->range];
        range.first = (uint32_t)MAX_OF((uint64_t)range.first, place->uid);
        uint64_t size = MIN_OF((uint64_t)range.last - range.first + 1, count);
        uid_set_add_range(&writer, (struct uid_range){range.first, range.first + (uint32_t)(size - 1)});
        count -= size;
        place->uid = range.first + size;
        place->range += place->uid > range.last;
    }
    return uid_set_take(&writer, arena);
}

static void add_found(struct uid_set_writer *found, const struct uid_set *part)
{
    for (size_t i = 0; i < part->count; i++)
        uid_set_add_range(found, part->ranges[i]);
}

/* With a good index all is found at one go. When that takes too long, it is tried with ever fewer messages,
 * and then goes on from there: a part that did not come to an end is done again. */
enum err search_texts(struct search_job *search, const struct search_term *terms, size_t count,
                      const struct uid_set *within, struct uid_set *found_r)
{
    struct text_job job = {.search = search};
    job.request = (struct search_request){.mailbox_id = search->mailbox_id,
                                          .terms = terms,
                                          .term_count = count,
                                          .go_on = has_time,
                                          .data = &job};
    struct uid_set_writer found = {0};
    struct place place = {0};
    uint64_t step = search->first_piece > 0 ? search->first_piece : uid_set_size(within);
    enum err err = ERR_OK;
    while (!err && place.range < within->count) {
        int64_t begin = clock_monotonic_ms();
        struct place next = place;
        job.request.within = next_uids(search->arena, within, step, &next);
        uint64_t size = uid_set_size(&job.request.within);
        job.is_bounded = size > TEXT_STEP_MIN;
        err = search->visit(search->data, visit_texts, &job);
        if (err == ERR_CANCELED && job.is_over) {
            job.is_over = false;
            step = MAX_OF(size / 4, TEXT_STEP_MIN);
            err = ERR_OK;
            continue;
        }
        if (!err) {
            add_found(&found, &job.found);
            place = next;
            search->looked_at += size;
        }
        if (clock_monotonic_ms() - begin < TEXT_VISIT_MS / 4)
            step *= 2;
    }
    *found_r = uid_set_take(&found, search->arena);
    return err;
}

/* --- the Date field --- */

#define DAY 86400

struct sent_job {
    struct search_job *search;
    struct day_range days;
    struct message_scan scan;
    struct message_page page;
    struct uid_set_writer found, unsure;
};

static bool in_days(const struct day_range *days, int64_t day)
{
    return days->first <= day && day < days->end;
}

static int64_t day_of(int64_t seconds)
{
    return seconds >= 0 ? seconds / DAY : -((-seconds + DAY - 1) / DAY);
}

/* By the time in UTC alone. A zone moves the day by one at most: where that makes no difference, it is
 * decided. */
static void look_at_time(struct sent_job *job, size_t row)
{
    int64_t sent = job->page.sent[row];
    if (sent == INT64_MIN)
        return;
    bool before = in_days(&job->days, day_of(sent) - 1), after = in_days(&job->days, day_of(sent) + 1);
    if (before != after || before != in_days(&job->days, day_of(sent)))
        uid_set_add(&job->unsure, job->page.uids[row]);
    else if (before)
        uid_set_add(&job->found, job->page.uids[row]);
}

/* "disregarding time and timezone" (RFC 9051 section 6.4.4): the day that stands in the field. */
static void look_at_field(struct sent_job *job, size_t row)
{
    struct slice text = envelope_text(job->page.envelopes[row], ENVELOPE_DATE, &job->page.texts);
    struct mail_date date;
    if (!date_parse(text, &date) &&
        in_days(&job->days, day_of(date.seconds + (int64_t)date.zone_minutes * 60)))
        uid_set_add(&job->found, job->page.uids[row]);
}

static enum err visit_sent(void *arg)
{
    struct sent_job *job = arg;
    struct snapshot *snapshot = NULL;
    int64_t end = clock_monotonic_ms() + SEARCH_VISIT_MS;
    enum err err = snapshot_open(job->search->account, &snapshot);
    do {
        if (!err)
            err = snapshot_scan(snapshot, &job->scan, &job->page);
        for (size_t row = 0; row < job->page.count && !err; row++) {
            if (job->page.fields & SCAN_ENVELOPE)
                look_at_field(job, row);
            else
                look_at_time(job, row);
        }
        job->search->looked_at += job->page.count;
    } while (!err && !job->scan.done && clock_monotonic_ms() < end);
    snapshot_close(snapshot);
    return err;
}

static enum err pass_over(struct sent_job *job, unsigned fields, const struct uid_set *within)
{
    enum err err = ERR_OK;
    job->scan = (struct message_scan){.mailbox_id = job->search->mailbox_id, .uids = *within};
    message_page_init(&job->page, fields);
    while (!err && !job->scan.done && within->count > 0)
        err = job->search->visit(job->search->data, visit_sent, job);
    message_page_free(&job->page);
    return err;
}

enum err search_sent(struct search_job *search, struct day_range days, const struct uid_set *within,
                     struct uid_set *found_r)
{
    struct sent_job job = {.search = search, .days = days};
    enum err err = pass_over(&job, SCAN_SENT, within);
    struct uid_set sure = uid_set_take(&job.found, search->arena);
    struct uid_set unsure = uid_set_take(&job.unsure, search->arena);
    if (!err)
        err = pass_over(&job, SCAN_ENVELOPE, &unsure);
    struct uid_set found = uid_set_take(&job.found, search->arena);
    *found_r = uid_set_union(search->arena, &sure, &found);
    return err;
}
