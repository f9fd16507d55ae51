/* SPDX-License-Identifier: ISC */
/*
 * SMTP and LMTP as the client (RFC 5321 section 4, RFC 2033): one connection to one server, from its greeting
 * to QUIT. Every function suspends; the other side can neither make one wait longer than its time (section
 * 4.5.3.2) nor make memory grow.
 *
 * A function returns ERR_OK when the dialogue goes on, whatever the answer was: `client->reply` holds it.
 * After any other error the connection is worth nothing any more: ERR_TIMEOUT, ERR_CLOSED, ERR_IO, ERR_TLS,
 * ERR_PROTOCOL (what came was no reply, which `client->reply.text` quotes), ERR_CANCELED.
 */
#ifndef SMTPD_RELAY_CLIENT_H
#define SMTPD_RELAY_CLIENT_H

#include "net/conn.h"
#include "net/tls_client.h"
#include "relay_reply.h"

/* Milliseconds; section 4.5.3.2. */
struct relay_times {
    int64_t greeting, hello, mail, rcpt, data, block, end, quit;
};
extern const struct relay_times relay_times_standard;

struct relay_client {
    struct conn *conn; /* the caller's to close */
    const struct relay_times *times;
    bool is_lmtp;
    const char *name; /* what EHLO says; lives as long as this */
    struct buf line;  /* of a reply, as it is read */
    struct relay_reply reply;
    struct relay_abilities abilities;
    bool speaks_esmtp;   /* EHLO was answered with 2xx */
    bool refuses_chunks; /* announces CHUNKING, and does not know BDAT: the caller may know, or learns it */
    uint64_t mail_count; /* transactions that were begun */
};

void relay_client_init(struct relay_client *client, struct conn *conn, const char *name);
void relay_client_free(struct relay_client *client);

/* The next reply, each of its lines within the time that is left. */
enum err relay_read(struct relay_client *client, int64_t timeout_ms) MUST_CHECK;
/* Nothing was said that was not asked for. A server that answers before it was asked would have its answers
 * taken for those to other questions, and in the end for the promise to keep a message: ERR_PROTOCOL. To be
 * called before a command or a text is sent. */
enum err relay_check_silence(struct relay_client *client) MUST_CHECK;
/* Sends a line (without its end) and what waits before it, and reads the reply. */
enum err relay_say(struct relay_client *client, int64_t timeout_ms, const char *format, ...)
    PRINTF_LIKE(3, 4) MUST_CHECK;

/* Reads the greeting and introduces us: EHLO, or HELO to those who do not know it (section 3.2), or LHLO.
 * `client->reply` is the answer that counts: 2xx, or why the server does not want to. */
enum err relay_greet(struct relay_client *client) MUST_CHECK;
/* STARTTLS and the handshake, then EHLO again, as what was said before counts no more (RFC 3207 section 4.2).
 * When the server refuses, `client->reply` says so and the dialogue goes on in plain text; *started_r tells.
 * ERR_TLS: *failure_r and `why` say how. */
enum err relay_start_tls(struct relay_client *client, struct tls_client *tls,
                         const struct tls_expectation *expectation, bool *started_r,
                         enum tls_failure *failure_r, struct buf *why) MUST_CHECK;
/* Says goodbye, and waits a moment for the answer. */
void relay_quit(struct relay_client *client);

#endif
