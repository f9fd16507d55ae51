/* SPDX-License-Identifier: ISC */
/*
 * What front-ends know of authentication: they pass SASL blobs to authd over a Unix socket (<run>/authd.sock)
 * and learn a login name or a refusal. They never see a stored secret. Suspends; to be called from tasks.
 *
 *     exchange = NULL;
 *     outcome = auth_begin(client, &request, &exchange, challenge);
 *     while (outcome == AUTH_CONTINUE) { send challenge, read answer; outcome = auth_step(exchange, answer,
 * challenge); } if (outcome == AUTH_OK) … auth_login(exchange) … auth_end(exchange);
 */
#ifndef AUTH_CLIENT_H
#define AUTH_CLIENT_H

#include "base/buf.h"
#include "net/conn.h"

enum auth_outcome {
    AUTH_OK,
    AUTH_CONTINUE,     /* a challenge is to be sent to the client (raw bytes, may be empty) */
    AUTH_FAILED,       /* wrong name or password; nothing more is told */
    AUTH_DISABLED,     /* right password, but the account is disabled */
    AUTH_MALFORMED,    /* the client's blob is no message of the mechanism */
    AUTH_NO_MECHANISM, /* not offered */
    AUTH_UNAVAILABLE   /* authd does not answer or is overloaded: tell the client to try again later */
};

struct auth_request {
    const char *service;    /* "smtp", "pop3", "imap" */
    struct slice mechanism; /* as the client wrote it; any case */
    bool has_initial;
    struct slice initial;     /* decoded initial response */
    const char *peer_address; /* for throttling and logs */
    bool tls;
    const char *prompt; /* for auth_converse, before a challenge: "334"; NULL: "+" */
};

struct auth_client;
struct auth_exchange;

/* `socket_path` is copied. */
struct auth_client *auth_client_new(struct loop *loop, const char *socket_path);
void auth_client_free(struct auth_client *client);

/* Begins an exchange; *exchange_r is set always and to be ended with auth_end. */
enum auth_outcome auth_begin(struct auth_client *client, const struct auth_request *request,
                             struct auth_exchange **exchange_r, struct buf *challenge);
enum auth_outcome auth_step(struct auth_exchange *exchange, struct slice response, struct buf *challenge);
/* After AUTH_OK: the account's login in lookup form. Lives as long as the exchange. */
struct slice auth_login(const struct auth_exchange *exchange);
/* Ends it, at any time (a client that cancels or vanishes). NULL is fine. */
void auth_end(struct auth_exchange *exchange);

/* RFC 4954 section 4 sets 12,288 octets for SASL lines in SMTP; the same holds elsewhere. */
#define AUTH_LINE_LIMIT 12288

/* A whole exchange over the lines of a protocol: "+ challenge" out, the answer back, both in base64; what
 * the client said is wiped. `initial`: the initial response in base64, empty when there is none or an empty
 * one; request.has_initial tells. ERR_OK: *outcome_r is how it ended, and after AUTH_OK the login was
 * appended. ERR_DENIED: the client cancelled ("*"); ERR_SYNTAX: that was no base64; ERR_TOO_LONG; else the
 * connection. */
enum err auth_converse(struct auth_client *client, struct conn *conn, struct auth_request request,
                       struct slice initial, struct buf *login_r, enum auth_outcome *outcome_r) MUST_CHECK;

/* USER/PASS and IMAP LOGIN: one round with name and password. On AUTH_OK the login is appended to `login_r`.
 */
enum auth_outcome auth_password(struct auth_client *client, const char *service, const char *peer_address,
                                bool tls, struct slice name, struct slice password, struct buf *login_r);

/* "PLAIN LOGIN": what is offered to a client with (without) TLS under this plaintext_auth setting; "" for
 * nothing. Static. */
const char *auth_mechanisms(bool tls, bool loopback, int64_t plaintext_auth);

#endif
