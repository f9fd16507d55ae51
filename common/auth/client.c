/* SPDX-License-Identifier: ISC */
/*
 * The front-ends' end of an exchange with authd: one connection per exchange, one line out, one line in.
 * Whatever goes wrong on the way (authd restarts, is overloaded, answers nonsense, does not answer in time)
 * is AUTH_UNAVAILABLE: the mail client is told to try again later, and never that its password is wrong.
 */
#include "auth/client.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire.h"

/* Longer than authd ever waits before it answers: its delay against guessing (10 s) and its queue. */
#define ANSWER_TIMEOUT_MS 30000
/* Longest login: 64 octets of local part, 255 of domain (RFC 5321 section 4.5.3.1), with room for escapes. */
#define LOGIN_LIMIT 1024

struct auth_client {
    struct loop *loop;
    char *socket_path;
};

struct auth_exchange {
    struct conn *conn; /* NULL when the exchange has ended */
    struct buf login;
};

struct auth_client *auth_client_new(struct loop *loop, const char *socket_path)
{
    struct auth_client *client = mem_new(struct auth_client);
    client->loop = loop;
    client->socket_path = mem_strdup(socket_path);
    return client;
}

void auth_client_free(struct auth_client *client)
{
    if (client) {
        mem_free(client->socket_path);
        mem_free(client);
    }
}

static void hang_up(struct auth_exchange *exchange)
{
    if (exchange->conn) {
        conn_close(exchange->conn);
        exchange->conn = NULL;
    }
}

static enum err send_and_receive(struct conn *conn, struct slice request, struct slice *answer_r)
{
    enum err err = conn_write(conn, request);
    if (!err) {
        err = conn_flush(conn);
    }
    return err ? err : conn_read_line(conn, WIRE_LINE_LIMIT, answer_r);
}

/* One line to authd, its answer back. */
static enum auth_outcome talk(struct auth_exchange *exchange, const struct buf *request,
                              struct buf *challenge)
{
    struct slice answer;
    enum err err = send_and_receive(exchange->conn, buf_slice(request), &answer);
    if (err) {
        if (err != ERR_CANCELED) {
            log_warning("auth.unavailable", log_err(err));
        }
        hang_up(exchange);
        return AUTH_UNAVAILABLE;
    }
    struct buf text;
    buf_init(&text, WIRE_LINE_LIMIT);
    enum auth_outcome outcome = wire_get_answer(answer, &text);
    if (outcome == AUTH_CONTINUE) {
        buf_append(challenge, buf_slice(&text));
    } else {
        hang_up(exchange);
    }
    if (outcome == AUTH_OK) {
        buf_append(&exchange->login, buf_slice(&text));
    }
    if (!buf_ok(challenge) || !buf_ok(&exchange->login)) {
        hang_up(exchange);
        outcome = AUTH_UNAVAILABLE;
    }
    buf_free(&text);
    return outcome;
}

static enum auth_outcome connect_and_begin(struct auth_client *client, struct auth_exchange *exchange,
                                           const struct buf *request, struct buf *challenge)
{
    enum err err = conn_connect_unix(client->loop, client->socket_path, ANSWER_TIMEOUT_MS, &exchange->conn);
    if (err) {
        exchange->conn = NULL;
        log_warning("auth.unavailable", log_cstr("socket", client->socket_path), log_err(err));
        return AUTH_UNAVAILABLE;
    }
    conn_set_timeout(exchange->conn, ANSWER_TIMEOUT_MS);
    return talk(exchange, request, challenge);
}

enum auth_outcome auth_begin(struct auth_client *client, const struct auth_request *request,
                             struct auth_exchange **exchange_r, struct buf *challenge)
{
    struct auth_exchange *exchange = mem_new(struct auth_exchange);
    struct buf line;
    enum auth_outcome outcome;
    buf_init(&exchange->login, LOGIN_LIMIT);
    *exchange_r = exchange;
    buf_clear(challenge);
    /* The name comes from the mail client: one that is no name at all must not reach the wire. */
    if (!wire_is_mechanism(request->mechanism)) {
        return AUTH_NO_MECHANISM;
    }
    wire_buf_init(&line);
    wire_put_begin(&line, request);
    if (buf_ok(&line)) {
        outcome = connect_and_begin(client, exchange, &line, challenge);
    } else {
        outcome = AUTH_MALFORMED;
    }
    wire_buf_wipe(&line);
    return outcome;
}

enum auth_outcome auth_step(struct auth_exchange *exchange, struct slice response, struct buf *challenge)
{
    struct buf line;
    enum auth_outcome outcome;
    buf_clear(challenge);
    if (!exchange->conn) {
        return AUTH_UNAVAILABLE;
    }
    wire_buf_init(&line);
    wire_put_step(&line, response);
    if (buf_ok(&line)) {
        outcome = talk(exchange, &line, challenge);
    } else {
        hang_up(exchange);
        outcome = AUTH_MALFORMED;
    }
    wire_buf_wipe(&line);
    return outcome;
}

struct slice auth_login(const struct auth_exchange *exchange)
{
    return buf_slice(&exchange->login);
}

void auth_end(struct auth_exchange *exchange)
{
    if (exchange) {
        hang_up(exchange);
        buf_free(&exchange->login);
        mem_free(exchange);
    }
}

/*
 * RFC 4616 section 2: message = [authzid] UTF8NUL authcid UTF8NUL passwd. A name or password with a NUL in it
 * would shift the borders; no stored name or password has one.
 */
enum auth_outcome auth_password(struct auth_client *client, const char *service, const char *peer_address,
                                bool tls, struct slice name, struct slice password, struct buf *login_r)
{
    struct auth_request request = {.service = service,
                                   .mechanism = S("PLAIN"),
                                   .has_initial = true,
                                   .peer_address = peer_address,
                                   .tls = tls};
    struct auth_exchange *exchange = NULL;
    struct buf message, challenge;
    if (slice_has(name, '\0') || slice_has(password, '\0')) {
        return AUTH_MALFORMED;
    }
    wire_buf_init(&message);
    buf_init(&challenge, WIRE_LINE_LIMIT);
    buf_append_char(&message, '\0');
    buf_append(&message, name);
    buf_append_char(&message, '\0');
    buf_append(&message, password);
    request.initial = buf_slice(&message);
    enum auth_outcome outcome = AUTH_MALFORMED;
    if (buf_ok(&message)) {
        outcome = auth_begin(client, &request, &exchange, &challenge);
    }
    if (outcome == AUTH_OK) {
        buf_append(login_r, auth_login(exchange));
    }
    auth_end(exchange);
    buf_free(&challenge);
    wire_buf_wipe(&message);
    /* PLAIN is over after one message: a further challenge is not for us. */
    return outcome == AUTH_CONTINUE ? AUTH_UNAVAILABLE : outcome;
}

const char *auth_mechanisms(bool tls, bool loopback, int64_t plaintext_auth)
{
    bool allowed = tls || plaintext_auth == PLAINTEXT_AUTH_ALWAYS ||
                   (plaintext_auth == PLAINTEXT_AUTH_LOOPBACK && loopback);
    return allowed ? "PLAIN LOGIN" : "";
}
