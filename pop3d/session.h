/* SPDX-License-Identifier: ISC */
/*
 * One POP3 session (RFC 1939): AUTHORIZATION → TRANSACTION → UPDATE. The dialogue is in session.c, the table
 * of commands in commands.c, a family of commands in each cmd_*.c, the frozen maildrop in drop.c, the way of
 * a message from the disk to the client in drop_reader.c and cmd_retr.c.
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include "auth/client.h"
#include "base/arena.h"
#include "base/conf.h"
#include "net/conn.h"
#include "net/work.h"
#include "storage/store.h"

#include "commands.h"
#include "drop.h"
#include "drop_reader.h"
#include "texts.h"

/* What all sessions of the process share. `conf` is replaced at SIGHUP; a session keeps the one it began
 * with. */
struct pop3_context {
    const struct conf *conf;
    struct work_pool *work;
    struct store *store;
    struct auth_client *auth;
    struct tls_context *tls; /* for STLS; NULL when there is none */
};

struct pop3_session {
    const struct pop3_context *context;
    const struct conf *conf;
    struct conn *conn;
    enum pop3_state state;
    const char *ended; /* why the session ends behind this command, for the log; NULL: it goes on */
    unsigned errors;   /* the client's mistakes so far */
    const struct pop3_language *language;
    bool utf8;             /* the UTF8 command was given (RFC 6856) */
    bool expects_password; /* the last command was a good USER */
    struct buf user;       /* its name */
    struct buf login;      /* the account, once authenticated */
    struct drop drop;
    struct drop_reader reader;
    size_t last_retrieved, ahead; /* the message of the last RETR; how many were read ahead then */
    struct {
        size_t messages, retrieved, deleted;
    } counts;           /* for the log */
    struct arena arena; /* of the command that runs */
};

/* Runs a session from greeting to end; the caller closes the connection. */
void pop3_session_run(struct conn *conn, const struct pop3_context *context);

/* --- the handlers (cmd_*.c); `arguments` is what follows the verb and its space, as it came --- */

pop3_handler pop3_user, pop3_pass, pop3_apop, pop3_auth, pop3_capa, pop3_stls, pop3_utf8, pop3_lang;
pop3_handler pop3_stat, pop3_list, pop3_uidl, pop3_retr, pop3_top, pop3_dele, pop3_rset, pop3_noop, pop3_quit;

/* --- answers (reply.c) --- */

/* "+OK text" in the session's language. */
void pop3_ok(struct pop3_session *session, enum pop3_text text);
/* "-ERR [CODE] text"; `code` may be NULL (RFC 2449 section 8, RFC 3206). pop3_error answers a mistake of the
 * client (not a command, not now, wrong arguments, wrong password), of which it may make so many;
 * pop3_refuse answers a good command that cannot be obeyed. */
void pop3_error(struct pop3_session *session, const char *code, enum pop3_text text);
void pop3_refuse(struct pop3_session *session, const char *code, enum pop3_text text);
/* The end of a multi-line answer. */
void pop3_end_lines(struct pop3_session *session);

/* --- what several files of commands need --- */

/* The message with this number; false when there is none (any more), which is answered (cmd_list.c). */
bool pop3_find_message(struct pop3_session *session, uint64_t number, size_t *index_r);
/* The same for arguments that are a message's number and nothing else. */
bool pop3_find_message_argument(struct pop3_session *session, struct slice arguments, size_t *index_r);
/* "PLAIN LOGIN": what may be used on this connection as it stands; "" when it must be encrypted first
 * (cmd_login.c). */
const char *pop3_mechanisms(const struct pop3_session *session);

#endif
