/* SPDX-License-Identifier: ISC */
/*
 * A whole search. Who wants only the first or last matches (MIN, MAX, PARTIAL) need not wait for all: the
 * view is searched in pieces that grow, from its beginning, or from its end, until there are enough.
 */
#include "base/clock.h"

#include "search_eval.h"

#define FIRST_PIECE 1024
#define PIECE_GROWS 4

/* Messages `from` … `to`; numbers. */
static enum err search_piece(struct search_job *job, uint32_t from, uint32_t to, struct uid_set *found)
{
    struct uid_set within = view_slice(job->view, from, to, job->arena), piece = {0};
    enum err err = search_evaluate(job, &within, &piece);
    return err ? err : search_combine(job, uid_set_union, found, &piece, found);
}

enum err search_run(struct search_job *job, struct search_demand demand, struct uid_set *found_r)
{
    uint32_t low = MAX_OF(job->first_number, (uint32_t)1),
             high = job->view->count; /* what was not looked at yet */
    struct uid_set first = {0}, last = {0};
    bool all = demand.first == 0 && demand.last == 0;
    enum err err = ERR_OK;
    for (uint64_t piece = job->first_piece > 0 ? job->first_piece : FIRST_PIECE; !err && low <= high;
         piece *= PIECE_GROWS) {
        bool more_first = all || uid_set_size(&first) < demand.first;
        bool more_last = !all && uid_set_size(&last) < demand.last;
        if (!more_first && !more_last)
            break;
        uint32_t step = all ? high : (uint32_t)MIN_OF(piece, (uint64_t)high - low + 1);
        if (more_first) {
            err = search_piece(job, low, low + step - 1, &first);
            low += step;
        }
        step = (uint32_t)MIN_OF((uint64_t)step, (uint64_t)high + 1 - low);
        if (!err && more_last && step > 0) {
            err = search_piece(job, high - step + 1, high, &last);
            high -= step;
        }
    }
    return err ? err : search_combine(job, uid_set_union, &first, &last, found_r);
}

struct modseq_job {
    struct search_job *search;
    struct message_scan scan;
    struct message_page page;
    uint64_t modseq;
};

static enum err visit_modseqs(void *arg)
{
    struct modseq_job *job = arg;
    struct snapshot *snapshot = NULL;
    int64_t end = clock_monotonic_ms() + SEARCH_VISIT_MS;
    enum err err = snapshot_open(job->search->account, &snapshot);
    do {
        if (!err)
            err = snapshot_scan(snapshot, &job->scan, &job->page);
        for (size_t row = 0; row < job->page.count && !err; row++)
            job->modseq = MAX_OF(job->modseq, job->page.modseqs[row]);
    } while (!err && !job->scan.done && clock_monotonic_ms() < end);
    snapshot_close(snapshot);
    return err;
}

enum err search_highest_modseq(struct search_job *search, const struct uid_set *uids, uint64_t *modseq_r)
{
    struct modseq_job job = {.search = search, .scan = {.mailbox_id = search->mailbox_id, .uids = *uids}};
    enum err err = ERR_OK;
    message_page_init(&job.page, 0);
    while (!err && uids->count > 0 && !job.scan.done)
        err = search->visit(search->data, visit_modseqs, &job);
    message_page_free(&job.page);
    *modseq_r = job.modseq;
    return err;
}
