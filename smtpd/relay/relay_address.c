/* SPDX-License-Identifier: ISC */
/* One address of one host: connection, greeting, TLS as the policy wants it, login. */
#include "base/log.h"
#include "relay_auth.h"
#include "relay_connect_priv.h"

#define CONNECT_MS (INT64_C(30) * 1000)
/* For all between the connection and MAIL. */
#define SESSION_MS (INT64_C(10) * 60 * 1000)

static struct slice copy_text(struct search *search, const struct buf *text)
{
    return arena_copy(search->arena, buf_slice(text));
}

/* The server's own words; a greeting of 5xx is no verdict about a recipient. */
static void fail_by_reply(struct search *search, const char *doing)
{
    const struct relay_reply *reply = &search->connection->client.reply;
    struct buf text;
    buf_init(&text, RELAY_TEXT_MAX + 100);
    relay_reply_format(reply, &text);
    search_fail(search, slice_from(arena_printf(search->arena, "4.3.0 the server refused %s: %s", doing,
                                                buf_cstr(&text))));
    search->verdict.reply.is_theirs = true;
    buf_free(&text);
}

static void fail_by_error(struct search *search, const char *doing, enum err err)
{
    const struct relay_client *client = &search->connection->client;
    if (err == ERR_PROTOCOL && client->reply.text.len > 0) {
        search_fail(search,
                    slice_from(arena_printf(search->arena, "4.5.0 what the server said is no reply: %.*s",
                                            SLICE_ARG(buf_slice(&client->reply.text)))));
    } else {
        search_fail(search, slice_from(arena_printf(search->arena, "4.4.2 the connection broke while %s: %s",
                                                    doing, err_text(err))));
    }
}

static enum progress note_tls(struct search *search, struct relay_tls_session *session,
                              enum relay_tls_outcome outcome, enum tls_failure failure, struct slice why)
{
    bool must = session->protection->level == RELAY_TLS_MUST;
    const struct conn *conn = search->connection->client.conn;
    session->outcome = outcome;
    session->failure = failure;
    session->local_address = slice_from(conn ? conn_local_address(conn) : "");
    session->why = why;
    relay_policy_note(search->tools->policy, session);
    if (outcome == RELAY_TLS_ON || outcome == RELAY_TLS_GIVEN_UP) {
        return READY;
    }
    if (must) {
        search_fail(search, slice_from(arena_printf(
                                search->arena, "4.7.5 TLS is required to this server, and %s%s%.*s",
                                outcome == RELAY_TLS_NOT_OFFERED ? "it does not offer it" : "it failed",
                                why.len > 0 ? ": " : "", SLICE_ARG(why))));
        return NEXT;
    }
    return outcome == RELAY_TLS_NOT_OFFERED ? READY : IN_PLAIN;
}

static enum progress tls_by_command(struct search *search, struct relay_tls_session *session)
{
    struct relay_client *client = &search->connection->client;
    const struct relay_protection *protection = session->protection;
    bool started = false;
    enum tls_failure failure = TLS_FAILURE_NONE;
    struct buf why;
    if (!(client->abilities.extensions & RELAY_STARTTLS)) {
        return note_tls(search, session, RELAY_TLS_NOT_OFFERED, TLS_FAILURE_NONE, SLICE_EMPTY);
    }
    buf_init(&why, 1024);
    enum err err =
        relay_start_tls(client, search->tools->tls, &protection->expectation, &started, &failure, &why);
    enum progress progress = END;
    if (err == ERR_CANCELED) {
        progress = END;
    } else if (!err && !started) {
        progress = note_tls(search, session, RELAY_TLS_NOT_OFFERED, TLS_FAILURE_NONE, SLICE_EMPTY);
    } else if (!err) { /* a failure here is one of a certificate that is only observed */
        progress = note_tls(search, session, RELAY_TLS_ON, failure, copy_text(search, &why));
    } else if (failure || started) {
        if (!failure) {
            failure = TLS_FAILURE_HANDSHAKE;
            buf_append(&why, slice_from(err_text(err)));
        }
        progress = note_tls(search, session, RELAY_TLS_FAILED, failure, copy_text(search, &why));
    } else {
        fail_by_error(search, "asking for TLS", err);
        progress = NEXT;
    }
    buf_free(&why);
    return progress;
}

/* TLS from the first byte, where a route says so (RFC 8314 section 3.3). */
static enum progress tls_at_once(struct search *search, const struct relay_protection *protection)
{
    enum tls_failure failure = TLS_FAILURE_NONE;
    struct buf why;
    buf_init(&why, 1024);
    conn_set_timeout(search->connection->client.conn, CONNECT_MS);
    enum err err = conn_start_tls_client(search->connection->client.conn, search->tools->tls,
                                         &protection->expectation, &failure, &why);
    if (err && err != ERR_CANCELED) {
        search_fail(search, slice_from(arena_printf(search->arena, "4.7.5 no TLS with this server: %s",
                                                    why.len > 0 ? buf_cstr(&why) : err_text(err))));
    }
    buf_free(&why);
    return !err ? READY : err == ERR_CANCELED ? END : NEXT;
}

static enum progress log_in(struct search *search)
{
    const struct conf_route *route = search->destination->route;
    struct relay_client *client = &search->connection->client;
    enum relay_auth outcome = RELAY_AUTH_DONE;
    struct buf why;
    if (!route || !*route->user || search->destination->hop.kind == NEXT_HOP_MX) {
        return READY;
    }
    buf_init(&why, 1024);
    enum err err = relay_auth(client, search->tools->work, route->user, route->password_file, &outcome, &why);
    if (err && err != ERR_CANCELED) {
        fail_by_error(search, "logging in", err);
    } else if (!err && outcome != RELAY_AUTH_DONE) {
        search_fail(search, copy_text(search, &why));
        log_error("relay.login_failed", log_cstr("route", route->name), log_cstr("user", route->user),
                  log_text("host", buf_slice(&search->connection->host)),
                  log_text("reason", buf_slice(&why)));
    }
    buf_free(&why);
    return err == ERR_CANCELED ? END : err || outcome != RELAY_AUTH_DONE ? NEXT : READY;
}

/* An MX record led to this server, by whatever name, for a domain that is none of ours: the mail would come
 * back again and again (RFC 5321 section 6.3). Servers say who they are at the begin of their answer to EHLO
 * (section 4.1.1.1). */
static bool is_ourselves(const struct search *search)
{
    struct slice answer = buf_slice(&search->connection->client.reply.text);
    struct slice line = slice_split(&answer, '\n');
    return search->destination->hop.kind == NEXT_HOP_MX &&
           slice_eq_nocase(slice_split(&line, ' '), slice_from(search->tools->conf->hostname));
}

/* From the connection to MAIL. */
static enum progress introduce(struct search *search, struct relay_tls_session *session, bool in_plain)
{
    struct relay_client *client = &search->connection->client;
    enum next_hop_kind kind = search->destination->hop.kind;
    enum progress progress = READY;
    client->is_lmtp = kind == NEXT_HOP_LMTP || kind == NEXT_HOP_LMTP_UNIX;
    if (kind == NEXT_HOP_SMTPS) {
        progress = tls_at_once(search, session->protection);
    }
    if (progress != READY) {
        return progress;
    }
    enum err err = relay_greet(client);
    if (err) {
        fail_by_error(search, "greeting", err);
        return err == ERR_CANCELED ? END : NEXT;
    }
    if (!relay_reply_is(&client->reply, 2)) {
        fail_by_reply(search, "the session");
        return NEXT;
    }
    if (is_ourselves(search)) {
        search_fail(search,
                    S("5.4.6 the mail host of the domain is this server itself, which takes no mail for it"));
        search->verdict.fate = RELAY_REFUSED;
        search->verdict.reply.code = 554;
        return STOP;
    }
    if (in_plain) {
        note_tls(search, session, RELAY_TLS_GIVEN_UP, TLS_FAILURE_NONE, SLICE_EMPTY);
    } else if (kind != NEXT_HOP_SMTPS && session->protection->level != RELAY_TLS_OFF) {
        progress = tls_by_command(search, session);
    }
    if (progress == READY && conn_is_tls(client->conn) && !relay_reply_is(&client->reply, 2)) {
        fail_by_reply(search, "EHLO after TLS");
        progress = NEXT;
    }
    return progress == READY ? log_in(search) : progress;
}

static void take_over(struct search *search, struct conn *conn)
{
    struct relay_connection *connection = search->connection;
    relay_client_init(&connection->client, conn, search->tools->conf->hostname);
    conn_set_end(conn, loop_now(search->tools->loop) + SESSION_MS);
    connection->flags = search->flags & RELAY_CONNECTION_FLAGS;
    connection->is_fresh = true;
    search->sessions++;
}

static enum progress open_connection(struct search *search, struct slice address, unsigned port)
{
    const struct conf_route *route = search->destination->route;
    struct loop *loop = search->tools->loop;
    struct conn *conn = NULL;
    const char *why = "";
    enum err err;
    search->connects++;
    if (search->destination->hop.kind == NEXT_HOP_LMTP_UNIX) {
        err = conn_connect_unix(loop, arena_cstr(search->arena, search->destination->hop.path), CONNECT_MS,
                                &conn);
        why = err_text(err);
    } else {
        const char *source = "";
        if (route) {
            source = slice_has(address, ':') ? route->source_ipv6 : route->source_ipv4;
        }
        err = conn_connect_tcp(loop, arena_cstr(search->arena, address), (uint16_t)port, source, CONNECT_MS,
                               &conn, &why);
    }
    if (err == ERR_CANCELED || err == ERR_LIMIT) {
        return err == ERR_LIMIT ? LACKING : END;
    }
    if (err) {
        search_fail(search, slice_from(arena_printf(search->arena, "4.4.1 cannot connect: %s", why)));
        return NEXT;
    }
    take_over(search, conn);
    return READY;
}

enum progress search_try_address(struct search *search, const struct relay_protection *protection,
                                 struct slice host, struct slice address, unsigned port)
{
    struct relay_tls_session session = search_tls_session(search, protection, host, address);
    enum progress progress = READY;
    buf_clear(&search->connection->host);
    if (host.len > 0 && !slice_eq(host, address)) {
        buf_printf(&search->connection->host, "%.*s [%.*s]", SLICE_ARG(host), SLICE_ARG(address));
    } else {
        buf_printf(&search->connection->host, "[%.*s]", SLICE_ARG(address));
    }
    for (int turn = 0; turn < 2; turn++) {
        progress = open_connection(search, address, port);
        if (progress == READY) {
            progress = introduce(search, &session, turn > 0);
        }
        if (progress == READY || progress == END) {
            break;
        }
        search_drop(search->connection);
        if (progress != IN_PLAIN) {
            break;
        }
    }
    return progress == IN_PLAIN ? NEXT : progress;
}
