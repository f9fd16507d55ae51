/* SPDX-License-Identifier: ISC */
#include "fetch_run.h"

#include "base/clock.h"
#include "base/log.h"
#include "mail/text.h"

#define ROWS_A_LOOK 32

void fetch_put_label(struct fetch_run *run, const struct fetch_item *item)
{
    buf_append(&run->out, item->label);
    buf_append_char(&run->out, ' ');
}

void fetch_put_literal(struct fetch_run *run, uint64_t octets, bool binary)
{
    buf_append(&run->out, binary ? S("~{") : S("{"));
    buf_append_number(&run->out, octets, 1);
    buf_append(&run->out, S("}\r\n"));
}

bool fetch_put_size(struct fetch_run *run, const struct fetch_item *item, uint64_t octets, bool binary)
{
    bool only_size = item->type->traits & FETCH_ONLY_SIZE;
    fetch_put_label(run, item);
    if (only_size)
        buf_append_number(&run->out, octets, 1);
    else
        fetch_put_literal(run, octets, binary);
    return !only_size;
}

void fetch_put_nil(struct fetch_run *run, const struct fetch_item *item)
{
    fetch_put_label(run, item);
    buf_append(&run->out, item->type->traits & FETCH_ONLY_SIZE ? S("0") : S("NIL"));
}

/* --- pages --- */

static enum err read_flags(struct fetch_run *run, struct snapshot *snapshot, struct message_scan *scan)
{
    struct message_page *page = &run->page;
    run->flags = arena_array(&run->page_arena, struct message_flags, page->count);
    size_t most = run->page_arena.used + MESSAGE_FLAGS_MUCH;
    enum err err = flag_source_read(&run->source, snapshot, &run->page_arena);
    for (size_t i = 0; !err && i < page->count; i++) {
        err = message_flags_of(run->selected, snapshot, page, i, &run->page_arena, &run->flags[i]);
        if (!err && run->page_arena.used >= most)
            message_scan_back(scan, page, i + 1);
    }
    return err;
}

static enum err read_rows(struct fetch_run *run, struct snapshot *snapshot, struct message_scan *scan)
{
    enum err err = snapshot_scan(snapshot, scan, &run->page);
    if (!err && run->page.flags && run->page.count > 0)
        err = read_flags(run, snapshot, scan);
    return err;
}

/* So many messages make a page, when the last comes first. */
#define FALLING_PAGE 64

/* The last ones of what is left, at most `count`. */
static struct uid_set last_wanted(struct fetch_run *run, size_t count)
{
    struct uid_range *last = arena_array(&run->page_arena, struct uid_range, count);
    const struct uid_range *ranges = run->wanted.ranges;
    size_t begin = 0, end = run->wanted.count, at = count;
    while (begin < end) { /* the ranges that reach below `below` */
        size_t middle = begin + (end - begin) / 2;
        if (ranges[middle].first < run->below)
            begin = middle + 1;
        else
            end = middle;
    }
    for (uint64_t left = count; end > 0 && left > 0;) {
        struct uid_range range = ranges[--end];
        range.last = (uint32_t)MIN_OF((uint64_t)range.last, run->below - 1);
        uint64_t size = MIN_OF(left, (uint64_t)range.last - range.first + 1);
        range.first = (uint32_t)(range.last - (size - 1));
        last[--at] = range;
        left -= size;
    }
    return (struct uid_set){last + at, count - at};
}

/* RFC 9738 section 3.1: where the limit tells, messages are processed "from highest to lowest UID". A scan
 * knows only the other direction; so a page is all of a scan, or it is made smaller. */
static enum err read_last_rows(struct fetch_run *run, struct snapshot *snapshot)
{
    struct message_scan scan;
    enum err err = ERR_OK;
    size_t count = FALLING_PAGE;
    do {
        scan = run->scan;
        scan.uids = last_wanted(run, count);
        scan.done = scan.uids.count == 0;
        if (!scan.done)
            err = read_rows(run, snapshot, &scan);
        count /= 2;
    } while (!err && !scan.done && count > 0);
    run->below = scan.uids.count > 0 ? scan.uids.ranges[0].first : run->lowest;
    run->scan.done = run->below <= run->lowest;
    run->row = run->page.count - 1; /* none, where there are none */
    return err;
}

static enum err read_page(struct fetch_run *run)
{
    struct snapshot *snapshot = NULL;
    arena_reset(&run->page_arena);
    run->row = 0;
    run->page.count = 0;
    enum err err = run->page.fields & SCAN_THREAD
                       ? snapshot_open_for(run->selected->account, SCAN_THREAD, &snapshot)
                       : snapshot_open(run->selected->account, &snapshot);
    if (err)
        return err;
    err = run->lowest > 0 ? read_last_rows(run, snapshot) : read_rows(run, snapshot, &run->scan);
    run->found += run->page.count;
    snapshot_close(snapshot);
    return err;
}

/* --- a message --- */

static void end_message(struct fetch_run *run)
{
    fetch_stream_free(&run->stream);
    if (run->has_file)
        blob_reader_close(&run->file);
    run->has_file = run->in_message = run->is_partly_sent = false;
    run->row = run->lowest > 0 ? run->row - 1 : run->row + 1; /* no row is before the first, either */
}

/* Nothing was sent of it yet, and nothing will be; the command will end in NO. */
static void give_message_up(struct fetch_run *run, enum err err)
{
    uint32_t uid = run->page.uids[run->row];
    if (err == ERR_NOT_FOUND) {
        run->some_gone = true;
    } else if (err == ERR_SYNTAX) {
        run->some_unknown = true;
    } else {
        log_error("imap.read", log_text("login", buf_slice(&run->session->login)),
                  log_cstr("mailbox", run->selected->name), log_number("uid", uid), log_err(err));
        run->failure = err;
    }
    buf_truncate(&run->out, run->message_start);
    end_message(run);
}

static enum err prepare_items(struct fetch_run *run, bool *file_r)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < run->request->item_count && !err; i++) {
        const struct fetch_item *item = &run->request->items[i];
        bool needs_file = false;
        if (item->type->prepare)
            err = item->type->prepare(run, item, &needs_file);
        *file_r |= needs_file;
    }
    return err;
}

static enum err open_file(struct fetch_run *run)
{
    struct account *account = run->selected->account;
    int64_t mailbox_id = run->selected->mailbox_id;
    uint32_t uid = run->page.uids[run->row];
    enum err err = run->lowest > 0 ? message_open(account, mailbox_id, uid, &run->file)
                                   : message_open_next(account, mailbox_id, uid, &run->places, &run->file);
    run->has_file = !err;
    if (!err && run->page.sizes && run->file.size > run->page.sizes[run->row])
        return ERR_CORRUPT; /* it grew: what the index tells of it does not hold */
    return err;
}

/* `* 3 FETCH (`, `* 3 FETCH (UID 7 ` or `* 7 UIDFETCH (` (RFC 9586) */
static void put_message_begin(struct fetch_run *run, uint32_t uid, uint32_t number)
{
    bool by_uid_only = run->session->enabled & ENABLED_UIDONLY;
    buf_append(&run->out, S("* "));
    buf_append_number(&run->out, by_uid_only ? uid : number, 1);
    buf_append(&run->out, by_uid_only ? S(" UIDFETCH (") : S(" FETCH ("));
}

/* The flags of a message that this command changed (RFC 9051 section 6.4.5) beside those that were asked for;
 * with MODSEQ and UID for those who keep them (RFC 7162 section 3.2.4). */
static void put_changed_flags(struct fetch_run *run)
{
    uint32_t uid = run->page.uids[run->row];
    if (!run->flags || run->seen_now.count == 0 || !uid_set_has(&run->seen_now, uid))
        return;
    bool has_flags = false, has_modseq = !run->tells_modseq;
    bool has_uid = !(run->session->enabled & ENABLED_QRESYNC);
    for (size_t i = 0; i < run->request->item_count; i++) {
        has_flags |= run->request->items[i].type == fetch_item_find(S("FLAGS"));
        has_modseq |= run->request->items[i].type == fetch_item_find(S("MODSEQ"));
        has_uid |= run->request->items[i].type == fetch_item_find(S("UID"));
    }
    if (!has_uid) {
        buf_append(&run->out, S("UID "));
        buf_append_number(&run->out, uid, 1);
        buf_append_char(&run->out, ' ');
    }
    if (!has_flags) {
        buf_append(&run->out, S("FLAGS "));
        respond_flags(&run->out, &run->flags[run->row], &run->source.names);
        buf_append_char(&run->out, ' ');
    }
    if (!has_modseq) {
        buf_append(&run->out, S("MODSEQ ("));
        buf_append_number(&run->out, run->page.modseqs[run->row], 1);
        buf_append(&run->out, S(") "));
    }
}

static enum err begin_message(struct fetch_run *run)
{
    uint32_t uid = run->page.uids[run->row];
    uint32_t number = view_number(&run->selected->view, uid);
    bool needs_file = false;
    run->in_message = true;
    run->item = 0;
    run->message_start = run->out.len;
    enum err err = number > 0 ? prepare_items(run, &needs_file) : ERR_NOT_FOUND;
    if (!err && needs_file)
        err = open_file(run);
    if (err)
        return err;
    if (run->flags) {
        message_flags_announce(run->selected, &run->source.names, run->page.keywords[run->row], &run->out);
        run->message_start = run->out.len;
    }
    put_message_begin(run, uid, number);
    put_changed_flags(run);
    return ERR_OK;
}

/* Also between two items of a message: some are as long as its header, or take as long as all of it. What is
 * copied out of the page takes less time than a look at the clock. */
static bool is_visit_over(const struct fetch_run *run)
{
    if (run->out.len >= FETCH_OUT_SIZE)
        return true;
    bool looks = !run->is_plain || run->row % ROWS_A_LOOK == 0;
    return looks && clock_monotonic_ms() >= run->visit_end;
}

/* The next piece of what the message still has to tell, as far as the buffer takes it. */
static enum err go_on_with_message(struct fetch_run *run)
{
    const struct fetch_request *request = run->request;
    while (true) {
        size_t room = FETCH_OUT_SIZE - MIN_OF(run->out.len, FETCH_OUT_SIZE);
        enum err err = fetch_stream_take(&run->stream, &run->out, room);
        if (err || run->stream.left > 0)
            return err;
        fetch_stream_free(&run->stream);
        if (run->item == request->item_count)
            break;
        if (run->item > 0 && is_visit_over(run))
            return ERR_OK;
        const struct fetch_item *item = &request->items[run->item];
        if (run->item++ > 0)
            buf_append_char(&run->out, ' ');
        err = item->type->write(run, item);
        if (err)
            return err;
    }
    buf_append(&run->out, S(")\r\n"));
    end_message(run);
    return ERR_OK;
}

static enum err work_on_message(struct fetch_run *run)
{
    enum err err = run->in_message ? ERR_OK : begin_message(run);
    if (!err)
        err = go_on_with_message(run);
    if (err && !run->is_partly_sent) {
        give_message_up(run, err);
        err = ERR_OK;
    }
    return err;
}

/* --- visits --- */

enum err fetch_run_visit(struct fetch_run *run)
{
    enum err err = ERR_OK;
    buf_truncate(&run->out, 0);
    run->message_start = 0;
    run->is_partly_sent = run->in_message;
    run->visit_end = clock_monotonic_ms() + FETCH_VISIT_MS;
    do {
        if (run->in_message || run->row < run->page.count)
            err = work_on_message(run);
        else if (run->scan.done)
            run->done = true;
        else
            err = read_page(run);
    } while (!err && !run->done && !is_visit_over(run));
    return err;
}

static bool is_plain(const struct fetch_request *request)
{
    for (size_t i = 0; i < request->item_count; i++)
        if (request->items[i].type->prepare)
            return false;
    return true;
}

static unsigned scan_fields(const struct fetch_run *run)
{
    unsigned fields = run->seen_now.count > 0 ? SCAN_FLAGS : 0;
    for (size_t i = 0; i < run->request->item_count; i++)
        fields |= fetch_item_fields(&run->request->items[i]);
    return fields;
}

void fetch_run_init(struct fetch_run *run, struct imap_session *session, const struct fetch_request *request,
                    struct uid_set wanted)
{
    run->session = session;
    run->selected = session->selected;
    run->request = request;
    run->wanted = wanted;
    run->below = (uint64_t)UINT32_MAX + 1;
    run->is_plain = is_plain(request);
    run->tells_modseq = session->enabled & ENABLED_CONDSTORE;
    run->scan = (struct message_scan){.mailbox_id = run->selected->mailbox_id,
                                      .uids = wanted,
                                      .viewer = run->selected->viewer,
                                      .changed_since = request->changed_since,
                                      .done = wanted.count == 0};
    buf_init(&run->out, SIZE_MAX / 2);
    message_page_init(&run->page, scan_fields(run));
    run->page.texts_max = FETCH_PAGE_TEXTS;
}

void fetch_run_free(struct fetch_run *run)
{
    fetch_stream_free(&run->stream);
    if (run->has_file)
        blob_reader_close(&run->file);
    message_places_free(&run->places);
    message_page_free(&run->page);
    arena_free(&run->page_arena);
    text_extractor_free(run->extractor);
    buf_free(&run->out);
}
