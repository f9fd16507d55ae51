/* SPDX-License-Identifier: ISC */
/*
 * One exchange with a front-end, from BEGIN to OK or FAIL, in the order in which authd.h tells it. Grammar:
 * wire.h.
 *
 * What can go wrong: a line that is none ends in "FAIL malformed"; a front-end that hangs up (its client did)
 * ends the session at the next wait, also while it waits out a delay, so a guesser gains nothing by hanging
 * up; too many checks at once, or a store that cannot be read, end in "FAIL unavailable", never in "wrong
 * password".
 */
#include "authd_priv.h"
#include "base/log.h"
#include "base/utf8.h"
#include "net/event.h"
#include "net/task.h"
#include "wire.h"

/* The front-end has shorter time-outs of its own; this one is for front-ends that were forgotten. */
#define STEP_TIMEOUT_MS (5 * 60 * 1000)
/* No mechanism takes more. */
#define MOST_STEPS 8
/* Of a name as typed, in the log. */
#define LOGGED_NAME 256

struct session {
    struct authd *authd;
    struct conn *conn;
    struct arena arena;
    struct auth_request request;
    struct sasl *sasl;
    struct buf response; /* what the client said last, decoded */
    struct buf challenge;
};

/* --- the verdict --- */

struct verify_work {
    struct verifier *verifier;
    struct verify_check *check;
};

static void run_lookup(void *arg)
{
    struct verify_work *work = arg;
    verify_lookup(work->verifier, work->check);
}

static void run_hash(void *arg)
{
    struct verify_work *work = arg;
    verify_hash(work->verifier, work->check);
}

static void unavailable(struct verify_check *check, const char *reason)
{
    check->outcome = AUTH_UNAVAILABLE;
    check->reason = reason;
}

/* Waits as long as the throttle says; false when the front-end hung up meanwhile (it has nothing to say now).
 */
static bool wait_out_delay(struct session *session, const struct throttle_attempt *attempt)
{
    int64_t delay = throttle_delay(session->authd->throttle, attempt, loop_now(session->authd->loop));
    struct event never = {0};
    size_t which;
    if (delay == 0) {
        return true;
    }
    log_debug("auth.delayed", log_cstr("peer", attempt->address), log_number("ms", delay));
    return conn_wait(session->conn, &never, loop_now(session->authd->loop) + delay, &which) == ERR_TIMEOUT;
}

static void verify(struct session *session, struct verify_check *check)
{
    struct authd *authd = session->authd;
    struct throttle_attempt attempt = {.address = session->request.peer_address, .name = check->name};
    struct verify_work work = {authd->verifier, check};
    if (work_run(authd->lookups, 0, run_lookup, &work)) {
        unavailable(check, "overload");
        return;
    }
    if (check->outcome == AUTH_CONTINUE) {
        if (!wait_out_delay(session, &attempt)) {
            unavailable(check, "gone");
            return;
        }
        if (work_run(authd->hashes, 0, run_hash, &work)) {
            unavailable(check, "overload");
            return;
        }
    }
    if (check->outcome == AUTH_OK) {
        throttle_succeeded(authd->throttle, &attempt);
    } else if (check->outcome == AUTH_FAILED) {
        throttle_failed(authd->throttle, &attempt, check->password, loop_now(authd->loop));
    }
}

static void log_outcome(const struct session *session, enum auth_outcome outcome,
                        const struct verify_check *check)
{
    const struct log_field fields[] = {
        log_cstr("service", session->request.service),
        log_cstr("peer", session->request.peer_address),
        log_text("mechanism", slice_take(session->request.mechanism, LOGGED_NAME)),
        log_number("tls", session->request.tls),
        log_number("cached", check->cached),
        log_text("login", utf8_cut(check->name, LOGGED_NAME)),
        log_text("account", check->login),
        log_cstr("reason", check->reason),
    };
    if (outcome == AUTH_OK) {
        log_event(LOG_INFO, "auth.ok", fields, ARRAY_LEN(fields) - 1); /* a success needs no reason */
    } else {
        log_event(LOG_INFO, "auth.failed", fields, ARRAY_LEN(fields));
    }
}

/* Leaves the login in the session's arena. */
static enum auth_outcome decide(struct session *session, struct slice *login_r)
{
    struct verify_check check = {.name = buf_slice(&session->sasl->name),
                                 .identity = buf_slice(&session->sasl->identity),
                                 .password = buf_slice(&session->sasl->password)};
    verify(session, &check);
    log_outcome(session, check.outcome, &check);
    *login_r = arena_copy(&session->arena, check.login);
    verify_end(&check);
    return check.outcome;
}

static enum auth_outcome refuse(const struct session *session, enum auth_outcome outcome)
{
    const struct verify_check nothing = {.reason = wire_outcome_text(outcome)};
    log_outcome(session, outcome, &nothing);
    return outcome;
}

/* --- the dialogue --- */

static bool send_line(struct session *session, struct buf *line)
{
    bool sent = buf_ok(line) && !conn_write(session->conn, buf_slice(line)) && !conn_flush(session->conn);
    buf_free(line);
    return sent;
}

/* Reads one line into `line`; false when there is none to be had. */
static bool read_line(struct session *session, struct slice *line_r, bool *too_long_r)
{
    enum err err = conn_read_line(session->conn, WIRE_LINE_LIMIT, line_r);
    *too_long_r = err == ERR_TOO_LONG;
    return !err || *too_long_r;
}

/* Sends the challenge and takes the client's answer to it. False: the front-end is gone. */
static bool ask(struct session *session, enum sasl_result *result_r)
{
    struct buf out;
    struct slice line;
    bool too_long;
    buf_init(&out, WIRE_LINE_LIMIT + 2);
    wire_put_continue(&out, buf_slice(&session->challenge));
    if (!send_line(session, &out) || !read_line(session, &line, &too_long)) {
        return false;
    }
    buf_clear(&session->response);
    buf_clear(&session->challenge);
    if (too_long || wire_get_step(line, &session->response)) {
        *result_r = SASL_MALFORMED;
    } else {
        *result_r = sasl_step(session->sasl, buf_slice(&session->response), &session->challenge);
    }
    return true;
}

/* Reads BEGIN and starts the mechanism. */
static bool begin(struct session *session, enum sasl_result *result_r)
{
    struct slice line;
    bool too_long;
    if (!read_line(session, &line, &too_long)) {
        return false;
    }
    if (too_long || wire_get_begin(line, &session->arena, &session->request, &session->response)) {
        *result_r = SASL_MALFORMED;
        return true;
    }
    *result_r = sasl_begin(session->authd->sasl, session->request.mechanism,
                           session->request.has_initial ? &session->request.initial : NULL, &session->sasl,
                           &session->challenge);
    return true;
}

static void finish(struct session *session, enum sasl_result result)
{
    struct buf out;
    struct slice login = SLICE_EMPTY;
    enum auth_outcome outcome;
    if (result == SASL_CREDENTIALS) {
        outcome = decide(session, &login);
    } else {
        outcome = refuse(session, result == SASL_NO_MECHANISM ? AUTH_NO_MECHANISM : AUTH_MALFORMED);
    }
    buf_init(&out, WIRE_LINE_LIMIT + 2);
    if (outcome == AUTH_OK) {
        wire_put_ok(&out, login);
    } else {
        wire_put_fail(&out, outcome);
    }
    send_line(session, &out);
}

static void run(struct session *session)
{
    enum sasl_result result;
    conn_set_timeout(session->conn, STEP_TIMEOUT_MS);
    if (!begin(session, &result)) {
        return;
    }
    for (size_t steps = 0; result == SASL_CONTINUE && steps < MOST_STEPS; steps++) {
        if (!ask(session, &result)) {
            return;
        }
    }
    finish(session, result);
}

void authd_session(struct conn *conn, void *arg)
{
    struct session session = {.authd = arg, .conn = conn};
    wire_buf_init(&session.response);
    buf_init(&session.challenge, WIRE_LINE_LIMIT / 2);
    run(&session);
    if (session.sasl) {
        sasl_end(session.sasl);
    }
    buf_free(&session.challenge);
    wire_buf_wipe(&session.response);
    arena_free(&session.arena);
}
