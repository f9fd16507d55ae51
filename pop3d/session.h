/* SPDX-License-Identifier: ISC */
/*
 * One POP3 session (RFC 1939): AUTHORIZATION → TRANSACTION → UPDATE. The dialogue is in session.c, the table
 * of commands in commands.c, a family of commands in each cmd_*.c, the frozen maildrop in drop.c.
 */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include "auth/client.h"
#include "base/arena.h"
#include "base/conf.h"
#include "net/conn.h"
#include "net/work.h"
#include "storage/store.h"

#include "drop.h"
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

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2 };

struct pop3_session {
    const struct pop3_context *context;
    const struct conf *conf;
    struct conn *conn;
    enum pop3_state state;
    bool ended;      /* QUIT was answered, or the session must stop */
    unsigned errors; /* answers of -ERR so far */
    const struct pop3_language *language;
    bool utf8;             /* the UTF8 command was given (RFC 6856) */
    bool expects_password; /* the last command was a good USER */
    struct buf user;       /* its name */
    struct buf login;      /* the account, once authenticated */
    struct drop drop;
    struct arena arena; /* of the command that runs */
};

/* Runs a session from greeting to end; the caller closes the connection. */
void pop3_session_run(struct conn *conn, const struct pop3_context *context);

/* --- the commands (commands.c) --- */

/* `arguments` is what follows the verb and its space, as it came. */
typedef void pop3_handler(struct pop3_session *session, struct slice arguments);

struct pop3_command {
    struct slice verb;
    unsigned states; /* enum pop3_state, or-ed: where it may be given */
    bool takes_arguments;
    pop3_handler *run;
};

/* NULL for an unknown verb. */
const struct pop3_command *pop3_command_find(struct slice verb);
/* Splits a command line into its verb and arguments: `verb [SP arguments]`. */
void pop3_command_split(struct slice line, struct slice *verb_r, struct slice *arguments_r);

pop3_handler pop3_user, pop3_pass, pop3_apop, pop3_auth, pop3_capa, pop3_stls, pop3_utf8, pop3_lang;
pop3_handler pop3_stat, pop3_list, pop3_uidl, pop3_retr, pop3_top, pop3_dele, pop3_rset, pop3_noop, pop3_quit;

/* --- answers (reply.c) --- */

/* "+OK text" and "-ERR [CODE] text" in the session's language; `code` may be NULL (RFC 2449 section 8, RFC
 * 3206). */
void pop3_ok(struct pop3_session *session, enum pop3_text text);
void pop3_error(struct pop3_session *session, const char *code, enum pop3_text text);
/* The end of a multi-line answer. */
void pop3_end_lines(struct pop3_session *session);

/* Whether a password may be sent on this connection as it stands. */
bool pop3_login_allowed(const struct pop3_session *session);
/* After a successful authentication: opens the maildrop and enters TRANSACTION, or answers why not
 * (cmd_login.c). */
void pop3_enter_transaction(struct pop3_session *session, struct slice login);

#endif
