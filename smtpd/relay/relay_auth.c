/* SPDX-License-Identifier: ISC */
#include "relay_auth.h"

#include <string.h>

#include "auth/sasl_client.h"
#include "base/encode.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"

#define PASSWORD_MAX     1024
#define RESPONSE_MAX     4000 /* what is sent at once, before base64 */
#define STEPS_MAX        8    /* challenges; no mechanism that we have needs more than three */
#define COMMAND_LINE_MAX 510  /* RFC 5321 section 4.5.3.1.4, without CRLF */

struct login {
    struct relay_client *client;
    struct work_pool *work;
    const char *user, *password_file;
    struct buf password, response, base64, challenge;
    const char *mechanism;
    struct sasl_client *sasl;
    struct buf *why;
    enum err read_err; /* of the password */
    enum sasl_client_result step;
};

/* --- on a worker thread --- */

/* The first line of the file. */
static void read_password(void *arg)
{
    struct login *login = arg;
    login->read_err = fs_read_file(login->password_file, &login->password);
    struct slice text = buf_slice(&login->password), line = slice_split(&text, '\n');
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    if (!login->read_err)
        buf_truncate(&login->password, line.len);
    if (!login->read_err && (line.len == 0 || slice_has(line, '\0')))
        login->read_err = ERR_SYNTAX;
}

static void take_step(void *arg)
{
    struct login *login = arg;
    login->step = sasl_client_step(login->sasl, buf_slice(&login->challenge), &login->response);
}

/* --- the exchange (RFC 4954 section 4) --- */

/*
 *     auth-command     = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response]
 * CRLF initial-response = base64 / "=" continue-req     = "334" SP [base64] CRLF cancel-response  = "*"
 */
static enum err answer(struct login *login)
{
    buf_clear(&login->response);
    enum err err = work_run(login->work, 0, take_step, login);
    if (err)
        return err;
    buf_clear(&login->base64);
    base64_encode(&login->base64, buf_slice(&login->response));
    if (!buf_ok(&login->response) || !buf_ok(&login->base64))
        login->step = SASL_CLIENT_UNFIT;
    return ERR_OK;
}

/* One that makes the line too long waits to be asked for. */
static enum err begin(struct login *login, bool *waits_r)
{
    struct relay_client *client = login->client;
    buf_clear(&login->challenge);
    *waits_r = false;
    if (!sasl_client_goes_first(login->sasl))
        return relay_say(client, client->times->mail, "AUTH %s", login->mechanism);
    enum err err = answer(login);
    if (err || login->step != SASL_CLIENT_ANSWERED)
        return err;
    *waits_r = strlen("AUTH ") + strlen(login->mechanism) + 1 + login->base64.len > COMMAND_LINE_MAX;
    if (*waits_r)
        return relay_say(client, client->times->mail, "AUTH %s", login->mechanism);
    return relay_say(client, client->times->mail, "AUTH %s %s", login->mechanism,
                     login->base64.len > 0 ? buf_cstr(&login->base64) : "=");
}

static enum err cancel(struct login *login)
{
    return relay_say(login->client, login->client->times->mail, "*");
}

/* To the end, whatever it is: then the reply is not 334. */
static enum err exchange(struct login *login)
{
    struct relay_client *client = login->client;
    bool waits;
    enum err err = begin(login, &waits);
    if (login->step != SASL_CLIENT_ANSWERED)
        return err; /* nothing was said yet */
    for (size_t steps = 0; !err && client->reply.code == 334; steps++) {
        buf_clear(&login->challenge);
        if (steps == STEPS_MAX ||
            base64_decode(&login->challenge, slice_trim(buf_slice(&client->reply.text)))) {
            login->step = SASL_CLIENT_MALFORMED;
            return cancel(login);
        }
        if (!waits)
            err = answer(login);
        waits = false;
        if (!err && login->step != SASL_CLIENT_ANSWERED)
            return cancel(login);
        if (!err)
            err = relay_say(client, client->times->mail, "%s", buf_cstr(&login->base64));
    }
    return err;
}

/* --- what came of it --- */

static void explain(struct login *login, const char *text, bool with_reply)
{
    buf_printf(login->why, "4.7.0 %s", text);
    if (!with_reply)
        return;
    buf_append(login->why, S(": "));
    relay_reply_format(&login->client->reply, login->why);
}

/* ERR_PROTOCOL: no answer to AUTH. */
static enum err judge(struct login *login, enum relay_auth *outcome_r)
{
    const struct relay_reply *reply = &login->client->reply;
    if (login->step == SASL_CLIENT_IMPOSTOR ||
        (reply->code == 235 && !sasl_client_is_complete(login->sasl))) {
        *outcome_r = RELAY_AUTH_IMPOSTOR;
        explain(login, "the next host did not prove that it knows the password", false);
    } else if (login->step == SASL_CLIENT_UNFIT) {
        *outcome_r = RELAY_AUTH_REFUSED;
        explain(login, "name or password have characters that the mechanism cannot carry", false);
    } else if (login->step != SASL_CLIENT_ANSWERED) {
        *outcome_r = RELAY_AUTH_LATER;
        explain(login, "what the next host asked for to log in makes no sense", false);
    } else if (reply->code == 235) {
        *outcome_r = RELAY_AUTH_DONE;
    } else if (relay_reply_is(reply, 4)) {
        *outcome_r = RELAY_AUTH_LATER;
        explain(login, "the next host cannot check our login now", true);
    } else if (relay_reply_is(reply, 5)) {
        *outcome_r = RELAY_AUTH_REFUSED;
        explain(login, "the next host does not accept our login", true);
    } else {
        return ERR_PROTOCOL;
    }
    return ERR_OK;
}

/* --- which mechanism --- */

static bool offers(void *data, const char *mechanism)
{
    const struct relay_client *client = data;
    return relay_has_mechanism(&client->abilities, mechanism);
}

static const char *choose(struct login *login, const char *after)
{
    struct conn *conn = login->client->conn;
    return sasl_client_choose(after, offers, login->client, conn_is_tls(conn) || conn_peer_is_loopback(conn));
}

/* 504: it has not the mechanism after all (RFC 4954 section 4); and some cannot carry every password. */
static bool try_another(const struct login *login)
{
    return login->client->reply.code == 504 || login->step == SASL_CLIENT_UNFIT;
}

static enum err log_in(struct login *login, enum relay_auth *outcome_r)
{
    enum err err = ERR_OK;
    const char *next = choose(login, NULL);
    *outcome_r = RELAY_AUTH_NO_MECHANISM;
    while (!err && next) {
        login->mechanism = next;
        buf_clear(login->why);
        relay_reply_clear(&login->client->reply);
        login->step = SASL_CLIENT_ANSWERED;
        login->sasl = sasl_client_new(login->mechanism, login->user, buf_cstr(&login->password));
        if (!login->sasl)
            return ERR_UNAVAILABLE;
        err = exchange(login);
        if (!err)
            err = judge(login, outcome_r);
        sasl_client_free(login->sasl);
        next = !err && try_another(login) ? choose(login, next) : NULL;
    }
    if (!err && *outcome_r == RELAY_AUTH_NO_MECHANISM)
        explain(login,
                "the next host offers no way to log in that we have and that keeps the password secret",
                false);
    return err;
}

/* What waits for an administrator is an error in the log. */
static void log_outcome(const struct login *login, enum relay_auth outcome)
{
    const char *peer = conn_peer_address(login->client->conn);
    if (outcome == RELAY_AUTH_DONE)
        log_debug("relay.login", log_cstr("peer", peer), log_cstr("user", login->user),
                  log_cstr("mechanism", login->mechanism));
    else
        log_at(outcome == RELAY_AUTH_LATER ? LOG_WARNING : LOG_ERROR, "relay.login_failed",
               log_cstr("peer", peer), log_cstr("user", login->user),
               log_cstr("mechanism", login->mechanism ? login->mechanism : ""),
               log_text("reason", buf_slice(login->why)));
}

/* All the room from the start, so that no copy of a password stays behind in memory that was outgrown. */
static void secret_init(struct buf *buf, size_t size)
{
    buf_init(buf, size);
    buf_reserve(buf, size);
}

static void secret_free(struct buf *buf)
{
    mem_wipe(buf->data, buf->size);
    buf_free(buf);
}

enum err relay_auth(struct relay_client *client, struct work_pool *work, const char *user,
                    const char *password_file, enum relay_auth *outcome_r, struct buf *why)
{
    struct login login = {
        .client = client, .work = work, .user = user, .password_file = password_file, .why = why};
    secret_init(&login.password, PASSWORD_MAX);
    secret_init(&login.response, RESPONSE_MAX);
    secret_init(&login.base64, RELAY_LINE_MAX - 100);
    buf_init(&login.challenge, RELAY_TEXT_MAX);
    enum err err = work_run(work, 0, read_password, &login);
    if (!err && login.read_err) {
        *outcome_r = RELAY_AUTH_NO_PASSWORD;
        buf_printf(why, "4.7.0 the file with the password cannot be used: %s",
                   login.read_err == ERR_SYNTAX ? "its first line is empty" : err_text(login.read_err));
    } else if (!err) {
        err = log_in(&login, outcome_r);
    }
    if (!err)
        log_outcome(&login, *outcome_r);
    secret_free(&login.password);
    secret_free(&login.response);
    secret_free(&login.base64);
    buf_free(&login.challenge);
    return err;
}
