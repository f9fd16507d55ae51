/* SPDX-License-Identifier: ISC */
/*
 * One SMTP or LMTP session: what is known of the client, and the mail transaction under way.
 *
 *     greeting → { command line → row of the table (commands.c) → handler (cmd_*.c) → replies } → goodbye
 *
 * Replies are gathered while the client's pipelined commands last and sent before we wait for it (RFC 2920
 * section 3.2).
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include "auth/client.h"
#include "base/conf.h"
#include "net/conn.h"
#include "net/work.h"
#include "reply.h"
#include "storage/store.h"
#include "transaction.h"

/* What a session is given: by which listener the client came, and what all sessions of the process share. */
struct smtp_context {
    enum conf_service service; /* SERVICE_SMTP … SERVICE_LMTP */
    const struct conf *conf;   /* as it is now; a reload does not change it for this session */
    struct store *store;
    struct work_pool *work;
    struct auth_client *auth;
    struct tls_context *tls; /* NULL: TLS is not offered */
};

enum hello { HELLO_NONE, HELLO_HELO, HELLO_EHLO, HELLO_LHLO };

struct session {
    struct conn *conn;
    const struct smtp_context *context;
    const struct conf *conf;
    enum conf_service service;

    enum hello hello;
    struct buf hello_name; /* as the client calls itself */
    struct buf login;      /* the account, empty: not authenticated */

    struct transaction transaction;
    size_t message_count; /* MAIL commands accepted */
    size_t error_count;
    bool closing; /* the last reply was given */
};

/* Runs a session to its end; the context must outlive it. */
void session_run(struct conn *conn, const struct smtp_context *context);

/* Replies, and counts the reply as an error where it is one. */
void session_reply(struct session *session, enum reply reply);
void session_reply_about(struct session *session, enum reply reply, struct slice address);
/* Forgets everything the client said: after STARTTLS (RFC 3207 section 4.2). */
void session_forget(struct session *session);
/* Says why the session ends, as far as the client can still hear it, and ends it. */
void session_end(struct session *session, enum err err);

bool session_is_submission(const struct session *session);
bool session_is_authenticated(const struct session *session);
/* "PLAIN LOGIN" as it may be used right now, "" for nothing. */
const char *session_mechanisms(const struct session *session);
bool session_offers_starttls(const struct session *session);
/* Under TLS only (RFC 8689 section 2). */
bool session_offers_requiretls(const struct session *session);

#endif
