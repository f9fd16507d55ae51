/* SPDX-License-Identifier: ISC */
/*
 * AUTH (RFC 4954): carries the blobs of a SASL exchange between the client and authd, which knows the
 * mechanisms. Nothing of the exchange is ever logged.
 */
#include "arguments.h"
#include "auth/client.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/scan.h"
#include "commands.h"
#include "session.h"

enum { RESPONSE_LIMIT = COMMAND_LINE_LIMIT_AUTH }; /* RFC 4954 section 4: a line of 12288 octets */

static bool in_mechanism(char c)
{
    return char_is_alnum(c) || c == '-' || c == '_';
}

/* "=" stands for an empty response (section 4); otherwise base64. */
static bool decode_response(struct slice text, struct buf *response)
{
    buf_clear(response);
    return slice_eq(text, S("=")) || base64_decode(response, text) == ERR_OK;
}

/*
 * Sends a challenge and reads the client's response into `response`, decoded. REPLY_NONE: there is one.
 *
 *   server-challenge = "334" SP [ base64 ] CRLF          client-response = [ base64 ] CRLF          cancel =
 * "*" CRLF
 */
static enum reply ask(struct session *session, const struct buf *challenge, struct buf *response)
{
    struct buf encoded;
    buf_init(&encoded, (size_t)2 * RESPONSE_LIMIT);
    base64_encode(&encoded, buf_slice(challenge));
    conn_printf(session->conn, "334 %s\r\n", buf_cstr(&encoded));
    buf_free(&encoded);

    struct slice line;
    enum err err = conn_flush(session->conn);
    if (!err)
        err = conn_read_line(session->conn, RESPONSE_LIMIT - 2, &line);
    if (err == ERR_TOO_LONG)
        return REPLY_AUTH_TOO_LONG;
    if (err) {
        session_end(session, err);
        return REPLY_AUTH_CANCELLED;
    }
    if (slice_eq(line, S("*")))
        return REPLY_AUTH_CANCELLED;
    buf_clear(response);
    return base64_decode(response, line) == ERR_OK ? REPLY_NONE : REPLY_BAD_BASE64;
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
static enum reply authenticate(struct session *session, struct slice mechanism, bool has_initial,
                               struct buf *response, struct buf *challenge)
{
    const struct auth_request request = {.service = "smtp",
                                         .mechanism = mechanism,
                                         .has_initial = has_initial,
                                         .initial = buf_slice(response),
                                         .peer_address = conn_peer_address(session->conn),
                                         .tls = conn_is_tls(session->conn)};
    struct auth_exchange *exchange = NULL;
    enum auth_outcome outcome = auth_begin(session->context->auth, &request, &exchange, challenge);
    enum reply reply = REPLY_NONE;
    while (outcome == AUTH_CONTINUE && !reply) {
        reply = ask(session, challenge, response);
        buf_clear(challenge);
        if (!reply)
            outcome = auth_step(exchange, buf_slice(response), challenge);
    }
    if (!reply)
        reply = outcome_reply(outcome);
    if (reply == REPLY_AUTHENTICATED) {
        buf_clear(&session->login);
        buf_append(&session->login, auth_login(exchange));
    }
    auth_end(exchange);
    return reply;
}

static enum reply exchange(struct session *session, struct slice mechanism, bool has_initial,
                           struct slice initial)
{
    struct buf response, challenge;
    buf_init(&response, RESPONSE_LIMIT);
    buf_init(&challenge, RESPONSE_LIMIT);
    buf_reserve(&response, RESPONSE_LIMIT); /* so that no copy of a password is left behind by growing */
    enum reply reply = REPLY_BAD_BASE64;
    if (!has_initial || decode_response(initial, &response))
        reply = authenticate(session, mechanism, has_initial, &response, &challenge);
    mem_wipe(response.data, response.size);
    buf_free(&response);
    buf_free(&challenge);
    return reply;
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
