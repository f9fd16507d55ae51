/* SPDX-License-Identifier: ISC */
/*
 * Searching in text: the engine names candidates, and each is looked at here, on its decoded and folded text.
 * So every answer is exact, whatever the engine's index knows.
 *
 * When only header fields are asked for that the index keeps (mime_keeps_field), no file is opened.
 */
#include "storage/search.h"

#include "mail/fold.h"
#include "mail/mime.h"
#include "search_engine.h"
#include "search_match.h"
#include "storage/snapshot.h"

/* Messages between two questions whether to go on. */
#define GO_ON_EVERY 16

struct search {
    struct account *account;
    struct search_request request; /* with folded texts */
    struct search_reader *reader;
    struct search_match match;
    bool from_index;     /* the kept header fields suffice */
    struct slice *names; /* of the fields that the terms ask for */
    size_t looked_at;
    struct uid_set_writer found;
};

/* The terms with folded texts. One that everything matches is left out. */
static void fold_terms(struct search *search, const struct search_request *request, struct arena *arena)
{
    struct search_term *terms = arena_array(arena, struct search_term, request->term_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < request->term_count; i++) {
        struct search_term term = request->terms[i];
        struct buf text;
        buf_init(&text, term.text.len * FOLD_GROWTH + 1024);
        fold_text(&text, term.text);
        term.text = arena_copy(arena, buf_slice(&text));
        buf_free(&text);
        if (term.text.len > 0 || term.where == SEARCH_HEADER) {
            terms[count++] = term;
        }
    }
    search->names = arena_array(arena, struct slice, count + 1);
    for (size_t i = 0; i < count; i++) {
        search->names[i] = terms[i].header;
    }
    search->request = *request;
    search->request.terms = terms;
    search->request.term_count = count;
}

static bool index_suffices(const struct search_request *request)
{
    for (size_t i = 0; i < request->term_count; i++) {
        if (request->terms[i].where != SEARCH_HEADER || !mime_keeps_field(request->terms[i].header)) {
            return false;
        }
    }
    return true;
}

static enum err go_on(struct search *search)
{
    const struct search_request *request = &search->request;
    bool ask = request->go_on && search->looked_at++ % GO_ON_EVERY == 0;
    return ask && !request->go_on(request->data) ? ERR_CANCELED : ERR_OK;
}

static enum err look_at_file(struct search *search, uint32_t uid)
{
    struct blob_reader message;
    enum err err = message_open(search->account, search->request.mailbox_id, uid, &message);
    if (!err) {
        err = search_read(search->reader, &message, search_match_wants(&search->match), search_match_take,
                          &search->match);
        blob_reader_close(&message);
    }
    return err;
}

static void note_result(struct search *search, uint32_t uid)
{
    if (search_match_holds(&search->match)) {
        uid_set_add(&search->found, uid);
    }
}

/* `headers`: the kept fields; data NULL when they are not complete, or not asked for. */
static enum err look_at(struct search *search, uint32_t uid, struct slice headers)
{
    enum err err = go_on(search);
    search_match_begin(&search->match);
    if (!err && headers.data) {
        search_read_fields(search->reader, headers, search->names, search->request.term_count,
                           search_match_take, &search->match);
    } else if (!err && search->request.term_count > 0) {
        err = look_at_file(search, uid);
    }
    if (!err) {
        note_result(search, uid);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* expunged meanwhile */
}

static enum err look_at_files(struct search *search, const struct uid_set *candidates)
{
    for (size_t i = 0; i < candidates->count; i++) {
        const struct uid_range *range = &candidates->ranges[i];
        for (uint64_t uid = range->first; uid <= range->last; uid++) {
            enum err err = look_at(search, (uint32_t)uid, (struct slice){0});
            if (err) {
                return err;
            }
        }
    }
    return ERR_OK;
}

/* One page of rows with their header fields; the snapshot is closed while they are looked at. */
static enum err read_page(struct search *search, struct message_scan *scan, struct message_page *page)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(search->account, &snapshot);
    if (!err) {
        err = snapshot_scan(snapshot, scan, page);
    }
    snapshot_close(snapshot);
    return err;
}

static enum err look_at_rows(struct search *search, const struct uid_set *candidates)
{
    struct message_scan scan = {.mailbox_id = search->request.mailbox_id, .uids = *candidates};
    struct message_page page;
    enum err err = ERR_OK;
    message_page_init(&page, SCAN_HEADERS);
    while (!err && !scan.done) {
        err = read_page(search, &scan, &page);
        for (size_t i = 0; i < page.count && !err; i++) {
            err = look_at(search, page.uids[i], page.headers[i]);
        }
    }
    message_page_free(&page);
    return err;
}

enum err search_text(struct account *account, const struct search_request *request, struct arena *arena,
                     struct uid_set *uids_r)
{
    struct search search = {.account = account};
    struct arena working = {0};
    struct uid_set candidates = {0};
    fold_terms(&search, request, &working);
    search.from_index = index_suffices(&search.request);
    search_match_init(&search.match, &working, search.request.terms, search.request.term_count);
    search.reader = search_reader_new();
    enum err err = search_candidates(account, &search.request, &working, &candidates);
    if (!err) {
        err = search.from_index ? look_at_rows(&search, &candidates) : look_at_files(&search, &candidates);
    }
    if (err) {
        uid_set_drop(&search.found);
    } else {
        *uids_r = uid_set_take(&search.found, arena);
    }
    search_reader_free(search.reader);
    search_match_free(&search.match);
    arena_free(&working);
    return err;
}
