/* SPDX-License-Identifier: ISC */
/*
 * The dialogue: greeting, then a command at a time until LOGOUT, an error of the connection, or the server's
 * end. Commands that were pipelined are run one after the other, each with its answers complete before the
 * next begins, so the ambiguities of RFC 9051 section 5.5 cannot arise.
 */
#include "session.h"

#include "base/log.h"
#include "net/task.h"
#include "storage/batch.h"

#define STRANGER_TIMEOUT_MS (3 * 60 * 1000)

bool imap_utf8(const struct imap_session *session)
{
    return session->enabled & (ENABLED_UTF8 | ENABLED_REV2);
}

static void run_call(void *arg)
{
    struct imap_call *call = arg;
    call->err = call->fn(call->arg);
}

static enum err err_of_work(enum err err)
{
    return err && err != ERR_CANCELED ? ERR_UNAVAILABLE : err;
}

void imap_begin_on_thread(struct imap_session *session, struct imap_call *call, enum err (*fn)(void *arg),
                          void *arg)
{
    *call = (struct imap_call){.fn = fn, .arg = arg, .work = {.fn = run_call, .arg = call}};
    enum err err = work_begin(session->context->work, &call->work);
    call->is_begun = !err;
    if (err) /* otherwise call->err is the thread's already */
        call->err = err_of_work(err);
}

enum err imap_end_on_thread(struct imap_session *session, struct imap_call *call)
{
    enum err err = call->is_begun ? err_of_work(work_wait(session->context->work, &call->work)) : ERR_OK;
    return err ? err : call->err;
}

enum err imap_on_thread(struct imap_session *session, enum err (*fn)(void *arg), void *arg)
{
    struct imap_call call;
    imap_begin_on_thread(session, &call, fn, arg);
    return imap_end_on_thread(session, &call);
}

void imap_on_thread_surely(struct imap_session *session, void (*fn)(void *arg), void *arg)
{
    if (work_run(session->context->work, 0, fn, arg)) /* it was not run */
        fn(arg);
}

struct commit_job {
    struct account *account;
    struct batch_operation *operation;
    struct arena *arena;
};

static enum err commit(void *arg)
{
    struct commit_job *job = arg;
    return batch_commit(job->account, job->operation, 1, job->arena);
}

enum err imap_commit(struct imap_session *session, struct account *account, struct batch_operation *operation)
{
    struct commit_job job = {account, operation, &session->arena};
    return imap_on_thread(session, commit, &job);
}

enum err imap_hold(struct imap_session *session, size_t beside)
{
    return budget_hold(session->context->budget, &session->memory, buf_slice(&session->login),
                       session->arena.used + beside);
}

void imap_forget(struct imap_session *session)
{
    arena_reset(&session->arena);
    budget_release(session->context->budget, &session->memory);
}

static enum err load_view(void *arg)
{
    return selected_load(arg);
}

enum err imap_load_view(struct imap_session *session)
{
    return session->selected->is_loaded ? ERR_OK : imap_on_thread(session, load_view, session->selected);
}

/* RFC 2180 section 3.3: without its mailbox the session cannot go on. */
static void lose_mailbox(struct imap_session *session)
{
    imap_say(session, ANSWER_BYE, NULL, "the selected mailbox was deleted");
    session->ended = "mailbox deleted";
}

struct event *imap_news(struct imap_session *session)
{
    return session->notify ? &session->notify->member.changed : &session->member.changed;
}

/* RFC 5465 section 5.2: of new messages what the client wants to know. */
static enum err fetch_new(struct imap_session *session, uint32_t from)
{
    struct selected *selected = session->selected;
    struct uid_range range = {from, selected->uidnext - 1};
    struct uid_set new = {&range, 1};
    if (!session->notify || session->notify->request.fetch.len == 0 || from >= selected->uidnext)
        return ERR_OK;
    return imap_fetch_unasked(session, session->notify->request.fetch,
                              view_intersect(&selected->view, &new, &session->arena));
}

static enum err tell_selected(struct imap_session *session, unsigned what)
{
    unsigned ever = session->notify ? notify_update_mask(session->notify) : ~0u;
    what &= ever;
    if (!session->selected || !(what & UPDATE_ALL) ||
        (!session->member.changed.is_set && !(what & UPDATE_REFRESH)))
        return ERR_OK;
    uint32_t uidnext = session->selected->uidnext;
    enum err err = imap_send_updates(session, what);
    if (!err)
        err = fetch_new(session, uidnext);
    /* What could not be told now is told later. */
    if (err || (what & UPDATE_ALL) != (ever & UPDATE_ALL))
        event_raise(&session->member.changed);
    return err;
}

/* RFC 7162: the first command that asks for mod-sequences is told up to where the client knows the mailbox
 * (section 3.1), and so is each that is answered while expunges have to wait: from a higher MODSEQ that it
 * sees meanwhile the client would conclude that it knows of them (section 3.2). `held`: they were waiting
 * until now. */
static void tell_modseq(struct imap_session *session, bool held)
{
    struct selected *selected = session->selected;
    if (!selected || !(session->enabled & ENABLED_CONDSTORE) ||
        (!held && !selected->holds_expunges && selected->knows_modseq))
        return;
    imap_say(
        session, ANSWER_OK,
        arena_printf(&session->arena, "HIGHESTMODSEQ %llu", (unsigned long long)selected_modseq(selected)),
        selected->holds_expunges ? "what is gone is told later" : "this far you know all");
    selected->knows_modseq = true;
}

enum err imap_tell(struct imap_session *session, unsigned what)
{
    hub_look(session->context->hub);
    bool held = session->selected && session->selected->holds_expunges;
    enum err err = tell_selected(session, what);
    if (!err)
        tell_modseq(session, held);
    if (!err && session->notify && session->notify->member.changed.is_set)
        err = notify_tell(session);
    return err;
}

/* What happened meanwhile, as far as this command lets it be told. */
static void send_updates(struct imap_session *session)
{
    unsigned what = session->updates;
    if (session->ended)
        return;
    if (what == UPDATE_NOTHING) {
        tell_modseq(session, false);
        return;
    }
    if (session->by_uid)
        what |= UPDATE_EXPUNGES;
    if (session->selected && session->selected->is_held)
        what &= ~(unsigned)UPDATE_EXISTS;
    else if (session->selected)
        session->selected->held_since = 0;
    if (imap_tell(session, what) == ERR_NOT_FOUND)
        lose_mailbox(session);
}

bool imap_may_pass(const struct imap_session *session, enum err err)
{
    return err && err != ERR_NOT_FOUND && !session->ended && !conn_error(session->conn) &&
           !task_is_canceled();
}

/* Until the client says something: its account may be let go meanwhile. With NOTIFY it hears of what happens
 * also while it says nothing. */
static enum err wait_and_tell(struct imap_session *session)
{
    bool failed = false;
    enum err err = ERR_OK;
    while (!err && session->state != IMAP_NOT_AUTHENTICATED && !conn_has_line(session->conn)) {
        size_t which = 0;
        int64_t now = loop_now(conn_loop(session->conn));
        err = conn_flush(session->conn);
        if (!err)
            err = imap_wait(session, session->notify && !failed ? imap_news(session) : NULL,
                            failed ? now + IMAP_RETRY_MS : NO_DEADLINE, now + session->conf->imap_timeout,
                            &which);
        bool again = failed && err == ERR_TIMEOUT;
        if (!again && (err || which == 0))
            return err;
        if (!imap_wake(session))
            return ERR_UNAVAILABLE;
        err = imap_tell(session, session->notify->request.is_delayed ? UPDATE_NUMBERS_STAY : UPDATE_ALL);
        imap_forget(session);
        failed = imap_may_pass(session, err);
        err = failed ? ERR_OK : err;
    }
    return err;
}

/* Rights on another's mailbox that were changed since the last command count for this one. */
static enum err refresh_rights(struct imap_session *session)
{
    if (!session->selected || session->selected->viewer.len == 0)
        return ERR_OK;
    hub_look(session->context->hub);
    if (!session->member.changed.is_set)
        return ERR_OK;
    enum err err = imap_send_updates(session, UPDATE_NOTHING);
    event_raise(&session->member.changed); /* the rest is told at the end */
    return err;
}

static void run_handler(struct imap_session *session, struct parser *parser)
{
    const struct imap_command *command = session->command;
    bool reads_mailbox = command->states & IMAP_NEEDS_VIEW && session->selected;
    bool wants_rights = reads_mailbox || command->run == imap_close; /* which removes messages */
    enum err err = wants_rights ? refresh_rights(session) : ERR_OK;
    if (!err && reads_mailbox)
        err = imap_load_view(session);
    session->updates = command->updates;
    if (session->selected)
        session->selected->is_held = false; /* unless this is one more FETCH of bodies */
    if (!err)
        command->run(session, parser);
    else if (err == ERR_NOT_FOUND)
        lose_mailbox(session);
    else
        imap_no_err(session, err);
}

static void run_command(struct imap_session *session, struct parser *parser)
{
    struct slice name;
    if (!imap_parse_command(parser, &session->tag, &session->by_uid, &name)) {
        imap_bad_syntax(session, parser);
        return;
    }
    const struct imap_command *command = imap_command_find(name);
    session->command = command;
    if (!command || (session->by_uid ? command->uid == UID_NEVER : command->uid == UID_ONLY)) {
        imap_bad(session, "unknown command");
    } else if (!(command->states & session->state)) {
        imap_bad(session, session->state == IMAP_NOT_AUTHENTICATED ? "log in first"
                          : command->states & IMAP_SELECTED        ? "no mailbox is selected"
                                                                   : "you are logged in already");
    } else {
        run_handler(session, parser);
    }
}

/* The connection has no more commands; says goodbye where somebody may listen. */
static void end_dialogue(struct imap_session *session, enum err err)
{
    if (err == ERR_SHUTDOWN)
        imap_say(session, ANSWER_BYE, "UNAVAILABLE", "the server is shutting down");
    else if (err == ERR_TIMEOUT) /* RFC 9051 section 5.4 */
        imap_say(session, ANSWER_BYE, NULL, "nothing heard for too long");
    else if (err == ERR_NOT_FOUND) /* RFC 2180 section 3.3 */
        imap_say(session, ANSWER_BYE, NULL, "the selected mailbox was deleted");
    else if (err == ERR_LIMIT)
        imap_say(session, ANSWER_BYE, "TOOBIG", "that is far too long");
    session->ended = err_text(err);
}

static enum err read_command(struct imap_session *session, struct parser *parser_r)
{
    enum err err = task_is_canceled() ? ERR_CANCELED : wait_and_tell(session);
    return err ? err : input_begin(session, parser_r);
}

static void next_command(struct imap_session *session)
{
    struct parser parser;
    session->tag = SLICE_EMPTY;
    session->command = NULL;
    session->by_uid = false;
    session->updates = UPDATE_NOTHING;
    session->answer.condition = ANSWER_NONE;
    enum err err = read_command(session, &parser);
    if (session->ended || ((!err || err == ERR_TOO_LONG) && !imap_wake(session)))
        return;
    if (err == ERR_TOO_LONG) {
        imap_bad(session, "line too long");
        err = input_finish(session);
    } else if (!err) {
        run_command(session, &parser);
        err = session->ended ? ERR_OK : input_finish(session);
    }
    if (!err) {
        send_updates(session);
        imap_send_answer(session);
    }
    if (err)
        end_dialogue(session, err);
    imap_forget(session);
    if (!session->ended && session->errors > session->conf->error_limit) {
        imap_say(session, ANSWER_BYE, NULL, "too many errors");
        session->ended = "too many errors";
    }
}

static void close_account(void *arg)
{
    struct imap_session *session = arg;
    selected_free(session->selected);
    if (session->account)
        account_close(session->account);
}

static void end_session(struct imap_session *session)
{
    hub_leave(&session->member);
    notify_end(session);
    if (session->state == IMAP_NOT_AUTHENTICATED)
        return;
    log_info("imap.end", log_text("login", buf_slice(&session->login)),
             log_cstr("peer", conn_peer_address(session->conn)),
             log_number("bytes_in", conn_bytes_in(session->conn)),
             log_number("bytes_out", conn_bytes_out(session->conn)), log_cstr("reason", session->ended));
    imap_on_thread_surely(session, close_account, session);
}

/* RFC 9051 section 5.4 asks for half an hour after login; who has not said who he is gets less. */
void imap_set_patience(struct imap_session *session)
{
    bool is_stranger = session->state == IMAP_NOT_AUTHENTICATED;
    conn_set_timeout(session->conn, is_stranger
                                        ? MIN_OF((int64_t)STRANGER_TIMEOUT_MS, session->conf->imap_timeout)
                                        : session->conf->imap_timeout);
}

void imap_session_run(struct conn *conn, const struct imap_context *context)
{
    struct imap_session session = {
        .context = context, .conf = context->conf, .conn = conn, .state = IMAP_NOT_AUTHENTICATED};
    buf_init(&session.login, INPUT_LINE_MAX_STRANGER);
    imap_set_patience(&session);

    struct buf capabilities;
    buf_init(&capabilities, INPUT_LINE_MAX);
    imap_write_capabilities(&session, &capabilities);
    conn_printf(conn, "* OK [CAPABILITY %s] Postern IMAP server ready\r\n", buf_cstr(&capabilities));
    buf_free(&capabilities);

    while (!session.ended)
        next_command(&session);
    conn_flush(conn);
    end_session(&session);
    imap_forget(&session);
    buf_free(&session.login);
    arena_free(&session.arena);
}
