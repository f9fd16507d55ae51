/* SPDX-License-Identifier: ISC */
/*
 * FETCH and UID FETCH (RFC 9051 sections 6.4.5 and 6.4.9): what must happen before the first answer, the
 * answers piece by piece, and the end.
 */
#include "base/log.h"
#include "net/loop.h"
#include "net/task.h"
#include "storage/batch.h"

#include "fetch_run.h"
#include "message_limit.h"
#include "resync.h"
#include "rights.h"
#include "row_reader.h"

static bool has_item(const struct fetch_request *request, struct slice name)
{
    const struct fetch_item_type *type = fetch_item_find(name);
    for (size_t i = 0; i < request->item_count; i++)
        if (request->items[i].type == type)
            return true;
    return false;
}

static bool has_trait(const struct fetch_request *request, enum fetch_trait trait)
{
    for (size_t i = 0; i < request->item_count; i++)
        if (request->items[i].type->traits & trait)
            return true;
    return false;
}

/* Text of messages, and not only their headers. */
static bool asks_for_bodies(const struct fetch_request *request)
{
    for (size_t i = 0; i < request->item_count; i++) {
        const struct fetch_item *item = &request->items[i];
        bool is_text = item->section.text == SECTION_WHOLE || item->section.text == SECTION_TEXT;
        unsigned traits = item->type->traits & (FETCH_BODY | FETCH_SECTION | FETCH_ONLY_SIZE);
        if (traits & FETCH_BODY || (traits == FETCH_SECTION && is_text))
            return true;
    }
    return false;
}

/* RFC 7162 section 3.2.6. False when that is answered. */
static bool check_modifiers(struct imap_session *session, const struct fetch_request *request)
{
    if (!request->wants_vanished)
        return true;
    if (!session->by_uid)
        imap_bad(session, "VANISHED is for UID FETCH");
    else if (!(session->enabled & ENABLED_QRESYNC))
        imap_bad(session, "VANISHED needs ENABLE QRESYNC");
    else if (!request->has_changed_since)
        imap_bad(session, "VANISHED needs CHANGEDSINCE");
    else
        return true;
    return false;
}

/* What is answered without having been named: the UID in the answer to UID FETCH (RFC 9051 section 6.4.9),
 * where the answer does not begin with it, and MODSEQ for CHANGEDSINCE (RFC 7162 section 3.1.4.1). */
static void add_implied_items(struct imap_session *session, struct fetch_request *request)
{
    struct fetch_item *items = arena_array(&session->arena, struct fetch_item, request->item_count + 2);
    size_t count = 0;
    if (session->by_uid && !(session->enabled & ENABLED_UIDONLY) && !has_item(request, S("UID")))
        items[count++] = (struct fetch_item){.type = fetch_item_find(S("UID")), .label = S("UID")};
    for (size_t i = 0; i < request->item_count; i++)
        items[count++] = request->items[i];
    if (request->has_changed_since && !has_item(request, S("MODSEQ")))
        items[count++] = (struct fetch_item){.type = fetch_item_find(S("MODSEQ")), .label = S("MODSEQ")};
    request->items = items;
    request->item_count = count;
}

/* RFC 9394 section 3.3: of the messages, in the order of their UIDs, those with these numbers. */
static struct uid_set cut_window(const struct fetch_request *request, struct uid_set uids,
                                 struct arena *arena)
{
    uint64_t first, last;
    if (!partial_positions(&request->window, uid_set_size(&uids), &first, &last))
        return (struct uid_set){0};
    return partial_uids(&uids, first, last, arena);
}

/* A window is never cut, but may be too wide (RFC 9738 section 3.1). False when that is answered. */
static bool limit_messages(struct imap_session *session, const struct fetch_request *request,
                           struct uid_set *uids, uint32_t *lowest_r)
{
    *lowest_r = 0;
    if (!request->has_window) {
        *lowest_r = message_limit_cut(session, uids);
    } else if (message_limit_exceeded(session, partial_width(&request->window))) {
        message_limit_refuse(session, 0);
        return false;
    } else {
        *uids = cut_window(request, *uids, &session->arena);
    }
    return true;
}

/* --- before the first answer --- */

struct prelude {
    struct imap_session *session;
    struct fetch_request *request;
    struct uid_set wanted, seen_now;
    uint64_t seen_modseq;
};

/* Of the wanted messages those that changed, as far as that matters, and of these the ones without \Seen. */
static enum err find_unseen(struct prelude *prelude, struct uid_set *unseen_r)
{
    struct selected *selected = prelude->session->selected;
    struct arena *arena = &prelude->session->arena;
    struct uid_set_writer found = {0}, unseen = {0};
    struct message_scan scan = {.mailbox_id = selected->mailbox_id,
                                .uids = prelude->wanted,
                                .viewer = selected->viewer,
                                .changed_since = prelude->request->changed_since};
    struct row_reader rows;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(selected->account, &snapshot);
    if (err)
        return err;
    row_reader_begin(&rows, snapshot, &scan, SCAN_FLAGS);
    while (row_reader_next(&rows)) {
        uid_set_add(&found, rows.page.uids[rows.row]);
        if (!(rows.page.flags[rows.row] & MESSAGE_SEEN))
            uid_set_add(&unseen, rows.page.uids[rows.row]);
    }
    err = row_reader_end(&rows);
    snapshot_close(snapshot);
    struct uid_set all_found = uid_set_take(&found, arena);
    *unseen_r = uid_set_take(&unseen, arena);
    /* What is marked now changes by that; what else is to be answered was settled before. */
    if (!err && prelude->request->changed_since > 0) {
        prelude->wanted = all_found;
        prelude->request->changed_since = 0;
    }
    return err;
}

/* RFC 9051 section 6.4.5: "The \Seen flag is implicitly set". All in one commit; that it cannot be set is no
 * reason to withhold the mail. */
static enum err set_seen(void *arg)
{
    struct prelude *prelude = arg;
    struct imap_session *session = prelude->session;
    struct selected *selected = session->selected;
    struct batch_operation add = {
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_numbered(selected->mailbox_id),
        .flags = {.change = FLAGS_ADD, .flags = MESSAGE_SEEN, .viewer = selected->viewer}};
    enum err err = find_unseen(prelude, &add.flags.uids);
    if (err || add.flags.uids.count == 0)
        return err;
    err = batch_commit(selected->account, &add, 1, &session->arena);
    if (err) {
        log_warning("imap.seen", log_text("login", buf_slice(&session->login)),
                    log_cstr("mailbox", selected->name), log_err(err));
    } else {
        prelude->seen_now = add.result.changed;
        prelude->seen_modseq = add.result.modseq;
    }
    return ERR_OK;
}

/* RFC 7162 section 3.2.6: before any FETCH. */
static enum err send_vanished(struct imap_session *session, const struct fetch_request *request)
{
    const struct selected *selected = session->selected;
    struct uid_set named = request->set.saved
                               ? (struct uid_set){selected->saved.ranges, selected->saved.count}
                               : sequence_any_uids(&request->set, &selected->view, &session->arena);
    return imap_send_vanished(session, &named, request->changed_since);
}

/* --- the answers --- */

/* A few, so that the loop may write them. */
#define SMALL_SET 1000

/* Which UID a number stands for the session knows by itself: for that, what another session expunged
 * meanwhile is still available (RFC 2180 section 4.1.1). */
static bool asks_for_few_uids(const struct imap_session *session, const struct fetch_request *request,
                              const struct uid_set *wanted)
{
    return !session->by_uid && request->item_count == 1 && !request->has_changed_since &&
           has_item(request, S("UID")) && uid_set_size(wanted) <= SMALL_SET;
}

static void send_uids(struct imap_session *session, const struct uid_set *uids)
{
    const struct view *view = &session->selected->view;
    struct buf out;
    buf_init(&out, SIZE_MAX / 2);
    for (size_t i = 0; i < uids->count; i++)
        for (uint64_t uid = uids->ranges[i].first; uid <= uids->ranges[i].last; uid++)
            buf_printf(&out, "* %u FETCH (UID %u)\r\n", (unsigned)view_number(view, (uint32_t)uid),
                       (unsigned)uid);
    conn_write(session->conn, buf_slice(&out));
    buf_free(&out);
    imap_ok(session, NULL, "fetched");
}

static enum err visit(void *arg)
{
    return fetch_run_visit(arg);
}

static void answer(struct imap_session *session, const struct fetch_run *run)
{
    bool all_found = run->request->changed_since > 0 || run->found == uid_set_size(&run->wanted);
    if (run->some_unknown) /* RFC 3516 section 4.3 */
        imap_no(session, "UNKNOWN-CTE", "a part is encoded in a way that is not known here");
    else if (run->failure)
        imap_no(session, "SERVERBUG", "some of the messages cannot be read");
    else if ((run->some_gone || !all_found) && !session->by_uid)
        imap_no(session, "EXPUNGEISSUED", "some of the messages were expunged"); /* RFC 5530 section 3 */
    else
        imap_ok(session, NULL, "fetched");
    message_limit_tell(session, run->lowest);
}

/* The client was promised more octets than there are: whatever came next, it would take it for them. */
static void break_connection(struct imap_session *session, const struct fetch_run *run, enum err err)
{
    if (!task_is_canceled())
        log_error("imap.read", log_text("login", buf_slice(&session->login)),
                  log_cstr("mailbox", run->selected->name), log_number("uid", run->page.uids[run->row]),
                  log_err(err));
    session->ended = "a message could not be read to its end";
    session->answer.condition = ANSWER_NONE;
}

static void send_answers(struct imap_session *session, struct fetch_run *run)
{
    struct imap_call call;
    struct buf ready;
    buf_init(&ready, SIZE_MAX / 2);
    enum err sending = ERR_OK, err = imap_on_thread(session, visit, run);
    /* While one piece is sent the next is made: reading and sending cost about the same. */
    for (bool is_last = false; !err && !sending && !is_last;) {
        struct buf next = ready;
        ready = run->out;
        run->out = next;
        is_last = run->done;
        if (!is_last)
            imap_begin_on_thread(session, &call, visit, run);
        sending = conn_write(session->conn, buf_slice(&ready));
        /* Of what takes long the client sees each piece at once; and when it is gone that is found out. */
        if (!sending && !is_last && ready.len < FETCH_OUT_SIZE)
            sending = conn_flush(session->conn);
        if (!is_last)
            err = imap_end_on_thread(session, &call);
    }
    buf_free(&ready);
    if (err && run->in_message && run->is_partly_sent)
        break_connection(session, run, err);
    else if (err)
        imap_no_err(session, err);
    else if (!sending)
        answer(session, run);
}

enum err imap_fetch_unasked(struct imap_session *session, struct slice items, struct uid_set uids)
{
    struct fetch_request request;
    struct fetch_run run = {0};
    struct parser parser = parser_of(
        &session->arena, slice_from(arena_printf(&session->arena, " 1 %.*s", (int)items.len, items.data)));
    enum err err = parse_fetch(&parser, &request) ? ERR_OK : ERR_SYNTAX;
    if (err || uids.count == 0)
        return err;
    fetch_run_init(&run, session, &request, uids);
    while (!err && !run.done) {
        err = imap_on_thread(session, visit, &run);
        if (!err)
            err = conn_write(session->conn, buf_slice(&run.out));
    }
    if (err && run.in_message && run.is_partly_sent)
        break_connection(session, &run, err);
    fetch_run_free(&run);
    return err;
}

void imap_fetch(struct imap_session *session, struct parser *parser)
{
    struct fetch_request request;
    struct prelude prelude = {.session = session, .request = &request};
    struct fetch_run run = {0};
    if (!parse_fetch(parser, &request)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!check_modifiers(session, &request))
        return;
    if (request.has_changed_since || has_trait(&request, FETCH_ENABLES_CONDSTORE)) /* RFC 7162 section 3.1 */
        session->enabled |= ENABLED_CONDSTORE;
    if (asks_for_bodies(&request))
        selected_hold(session->selected, loop_now(conn_loop(session->conn)));
    if (!imap_resolve(session, &request.set, &prelude.wanted) ||
        !limit_messages(session, &request, &prelude.wanted, &run.lowest))
        return;
    if (run.lowest == 0 && asks_for_few_uids(session, &request, &prelude.wanted)) {
        send_uids(session, &prelude.wanted);
        return;
    }
    add_implied_items(session, &request);
    enum err err = request.wants_vanished ? send_vanished(session, &request) : ERR_OK;
    if (!err && selected_may(session->selected, RIGHT_SEEN) && has_trait(&request, FETCH_SETS_SEEN))
        err = imap_on_thread(session, set_seen, &prelude);
    if (err) {
        imap_no_err(session, err);
        return;
    }
    run.seen_now = prelude.seen_now;
    fetch_run_init(&run, session, &request, prelude.wanted);
    send_answers(session, &run);
    /* Otherwise some of the new flags may not have been told: they are with the updates. */
    if (prelude.seen_modseq && session->answer.condition == ANSWER_OK)
        selected_note_own(session->selected, prelude.seen_modseq);
    fetch_run_free(&run);
}
