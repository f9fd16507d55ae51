/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954): carries the blobs of a SASL exchange between the client and authd, which knows the
 * mechanisms. Nothing of the exchange is ever logged.
 */
#include "arguments.h"
#include "auth/client.h"
#include "base/log.h"
#include "base/scan.h"
#include "commands.h"
#include "session.h"

static bool in_mechanism(char c)
{
    return char_is_alnum(c) || c == '-' || c == '_';
}

static enum reply outcome_reply(enum auth_outcome outcome)
{
    switch (outcome) {
    case AUTH_OK:
        return REPLY_AUTHENTICATED;
    case AUTH_FAILED:
        return REPLY_AUTH_WRONG;
    case AUTH_DISABLED:
        return REPLY_AUTH_DISABLED;
    case AUTH_MALFORMED:
        return REPLY_BAD_BASE64;
    case AUTH_NO_MECHANISM:
        return REPLY_BAD_MECHANISM;
    case AUTH_CONTINUE:
    case AUTH_UNAVAILABLE:
        break;
    }
    return REPLY_AUTH_UNAVAILABLE;
}

/* The exchange itself, from the first blob to its outcome. On success the login is noted in the session. */
static enum reply exchange(struct session *session, struct slice mechanism, bool has_initial,
                           struct slice initial)
{
    const struct auth_request request = {.service = "smtp",
                                         .mechanism = mechanism,
                                         .has_initial = has_initial,
                                         .peer_address = conn_peer_address(session->conn),
                                         .tls = conn_is_tls(session->conn),
                                         .prompt = "334"};
    struct buf login;
    enum auth_outcome outcome = AUTH_UNAVAILABLE;
    if (!has_initial || slice_eq(initial, S("="))) /* which stands for an empty response (section 4) */
        initial = SLICE_EMPTY;
    buf_init(&login, AUTH_LINE_LIMIT);
    enum err err = auth_converse(session->context->auth, session->conn, request, initial, &login, &outcome);
    if (!err && outcome == AUTH_OK) {
        buf_clear(&session->login);
        buf_append(&session->login, buf_slice(&login));
    }
    buf_free(&login);
    switch (err) {
    case ERR_OK:
        return outcome_reply(outcome);
    case ERR_SYNTAX:
        return REPLY_BAD_BASE64;
    case ERR_TOO_LONG:
        return REPLY_AUTH_TOO_LONG;
    case ERR_DENIED:
        break;
    default:
        session_end(session, err);
    }
    return REPLY_AUTH_CANCELLED;
}

/*
 *   auth-command     = "AUTH" SP sasl-mech [SP initial-response] CRLF      RFC 4954 section 8
 *   initial-response = base64 / "="
 *
 * Windows Mail sends two spaces before its response; any number is taken.
 */
enum reply auth_arguments_parse(struct slice arguments, struct slice *mechanism_r, bool *has_initial_r,
                                struct slice *initial_r)
{
    struct scan scan = scan_of(arguments);
    if (!scan_while(&scan, in_mechanism, mechanism_r))
        return REPLY_BAD_ARGUMENT;
    *has_initial_r = !scan_at_end(&scan);
    if (*has_initial_r && !scan_wsp(&scan))
        return REPLY_BAD_ARGUMENT;
    *initial_r = scan.rest;
    return REPLY_NONE;
}

static enum reply check_state(const struct session *session)
{
    if (session_is_authenticated(session))
        return REPLY_ALREADY_AUTHENTICATED;
    if (session->hello != HELLO_EHLO)
        return REPLY_NO_HELLO;
    if (!*session_mechanisms(session))
        return conn_is_tls(session->conn) ? REPLY_NOT_IMPLEMENTED : REPLY_AUTH_NEEDS_TLS;
    return REPLY_NONE;
}

void cmd_auth(struct session *session, struct slice arguments)
{
    struct slice mechanism, initial;
    bool has_initial;
    enum reply reply = check_state(session);
    if (!reply)
        reply = auth_arguments_parse(arguments, &mechanism, &has_initial, &initial);
    if (reply) {
        session_reply(session, reply);
        return;
    }
    struct arena arena = {0}; /* the line is gone as soon as the client's next one is read */
    mechanism = arena_copy(&arena, mechanism);
    reply = exchange(session, mechanism, has_initial, initial);
    bool heard = !session->closing;
    log_info(reply == REPLY_AUTHENTICATED ? "auth.accepted" : "auth.refused",
             log_cstr("service", conf_service_names[session->service]),
             log_cstr("peer", conn_peer_address(session->conn)), log_text("mechanism", mechanism),
             log_text("login", buf_slice(&session->login)), log_number("code", reply_code(reply)));
    arena_free(&arena);
    if (heard)
        session_reply(session, reply);
}
