/* SPDX-License-Identifier: ISC */
/*
 * One IMAP session (RFC 9051, RFC 3501): not authenticated → authenticated ⇄ selected → logout. The dialogue
 * is in session.c, the table of commands in commands.c, a family of commands in each cmd_*.c; parser.h reads
 * what clients write, respond.h writes what they read, selected.h is the open mailbox, updates.c tells what
 * others did to it.
 */
#ifndef IMAPD_SESSION_H
#define IMAPD_SESSION_H

#include "auth/client.h"
#include "base/conf.h"
#include "net/conn.h"
#include "net/work.h"
#include "storage/account.h"

#include "budget.h"
#include "command.h"
#include "doze.h"
#include "hub.h"
#include "input.h"
#include "notify.h"
#include "selected.h"
#include "sequence.h"
#include "texts.h"

/* What all sessions of the process share. `conf` is replaced at SIGHUP; a session keeps the one it began
 * with. */
struct imap_context {
    const struct conf *conf;
    struct work_pool *work;
    struct store *store;
    struct auth_client *auth;
    struct hub *hub;
    struct tls_context *tls; /* NULL when there is none */
    struct budget *budget;
    int64_t doze_after; /* ms until the account of a silent client is let go (doze.h); 0: never */
};

/* What ENABLE (or a command that implies it) switched on. */
enum imap_extension {
    ENABLED_CONDSTORE = 1, /* RFC 7162 */
    ENABLED_QRESYNC = 2,
    ENABLED_UTF8 = 4,    /* UTF8=ACCEPT (RFC 6855) */
    ENABLED_REV2 = 8,    /* IMAP4rev2 (RFC 9051) */
    ENABLED_UIDONLY = 16 /* RFC 9586 */
};

enum imap_condition { ANSWER_NONE, ANSWER_OK, ANSWER_NO, ANSWER_BAD, ANSWER_BYE };

struct imap_session {
    const struct imap_context *context;
    const struct conf *conf;
    struct conn *conn;
    enum imap_state state;
    const char *ended; /* why the session ends behind this command, for the log; NULL: it goes on */
    int64_t errors;    /* the client's mistakes so far; behind the login, those in a row */
    unsigned enabled;
    enum imap_language language;          /* of the texts that are said */
    const struct client_profile *profile; /* of a mail program that said its name (ID); may be NULL */
    struct buf login;                     /* the account, once authenticated */
    struct account *account;              /* its mail; NULL while it dozes, which no command sees */
    struct hub_member member;             /* hears of changes to the selected mailbox's account */
    struct notify *notify;                /* what NOTIFY asked for; NULL: it never was */
    struct selected *selected;            /* the open mailbox; NULL in other states */
    struct budget_share memory;           /* what the command that runs holds */

    /* --- the command that runs --- */
    struct arena arena;
    struct input input;
    struct slice tag;
    const struct imap_command *command;
    bool by_uid; /* it came as "UID …" */
    unsigned
        updates; /* what may be told when it ends (enum update): the table's, but the handler may change it */
    struct {
        enum imap_condition condition;
        const char *code, *text;
    } answer; /* the tagged one, sent when all else was said */
};

/* Runs a session from greeting to end; the caller closes the connection. */
void imap_session_run(struct conn *conn, const struct imap_context *context);
/* Whether the account is open to this session; sets the state. Answers nothing. (cmd_login.c) */
bool imap_is_enabled(const struct imap_session *session, unsigned extension);

/* --- the tagged answer (answer.c): texts live as long as the command; a second call replaces the first ---
 */

/* `code` without brackets, or NULL. */
void imap_ok(struct imap_session *session, const char *code, const char *text);
void imap_no(struct imap_session *session, const char *code, const char *text);
/* A mistake of the client, of which it may make so many. */
void imap_bad(struct imap_session *session, const char *text);
/* BAD with what the parser expected. */
void imap_bad_syntax(struct imap_session *session, const struct parser *parser);
/* NO (or BAD) for an error of the store, with the code of RFC 5530. */
void imap_no_err(struct imap_session *session, enum err err);
/* Sends it now, and not once more. */
void imap_send_answer(struct imap_session *session);
/* "* …": begins with the text behind the star; the line end is added. */
void imap_untagged(struct imap_session *session, const char *format, ...) PRINTF_LIKE(2, 3);

/* --- texts, which the code has in English and the client gets in its language (texts.h) --- */

/* "* OK [code] text", or NO, or BYE; `code` may be NULL. */
void imap_say(struct imap_session *session, enum imap_condition condition, const char *code,
              const char *text);
/* "+ text": the server waits for more. */
void imap_invite(struct imap_session *session, const char *text);
/* For what is put together elsewhere. */
const char *imap_words(const struct imap_session *session, const char *english) FORMAT_ARG(2);

/* --- blocking work --- */

/* Of an answer that is made and sent piece by piece: enough for one visit to a thread. */
#define IMAP_PIECE_SIZE 32768

/* Runs fn(arg) on a worker thread while the task sleeps, and returns what it returned; ERR_UNAVAILABLE when
 * it could not be run. For reads and commits alike: the store joins commits that wait for one account. */
enum err imap_on_thread(struct imap_session *session, enum err (*fn)(void *arg), void *arg) MUST_CHECK;
/* The same for what must be done in any case, if need be here: accounts are closed also when the session
 * ends, and a task that was cancelled is given no thread. */
void imap_on_thread_surely(struct imap_session *session, void (*fn)(void *arg), void *arg);
/* batch_commit of one operation; the sets of its result live as long as the command. */
struct batch_operation;
enum err imap_commit(struct imap_session *session, struct account *account,
                     struct batch_operation *operation) MUST_CHECK;
/* In two halves, for a task that sends the last piece while the next one is made. What was begun must be
 * ended; `call` and what `arg` points to live until then. */
struct imap_call {
    struct work_call work;
    enum err (*fn)(void *arg);
    void *arg;
    enum err err;
    bool is_begun;
};
void imap_begin_on_thread(struct imap_session *session, struct imap_call *call, enum err (*fn)(void *arg),
                          void *arg);
enum err imap_end_on_thread(struct imap_session *session, struct imap_call *call) MUST_CHECK;

/* Between two pieces of work that keep what they find: the session holds so much now, beside its arena.
 * ERR_LIMIT: too much. Until the command ends, or imap_forget. */
enum err imap_hold(struct imap_session *session, size_t beside) MUST_CHECK;
/* What the command kept is not needed any more. */
void imap_forget(struct imap_session *session);

/* How long the client may be silent, in the state that it is in now. */
void imap_set_patience(struct imap_session *session);

/* Tells the client what happened meanwhile, as far as `what` (enum update) and NOTIFY allow. ERR_NOT_FOUND:
 * the open mailbox is gone. */
enum err imap_tell(struct imap_session *session, unsigned what) MUST_CHECK;
/* Whether this error of imap_tell is the store's, and may pass: what is to be told is told later. */
bool imap_may_pass(const struct imap_session *session, enum err err);
#define IMAP_RETRY_MS 1000
/* What to wait for while nothing is said. */
struct event *imap_news(struct imap_session *session);

/* `* 5 FETCH (…)` of these items for messages of the open mailbox, whose \Seen stays as it is: what NOTIFY
 * tells of new messages. ERR_SYNTAX: `items` is no list of them; with no UIDs that is all that is looked at.
 * (cmd_fetch.c) */
enum err imap_fetch_unasked(struct imap_session *session, struct slice items, struct uid_set uids) MUST_CHECK;

/* Reads the view of the open mailbox, if that was not done. */
enum err imap_load_view(struct imap_session *session) MUST_CHECK;

/* --- what several files of commands need --- */

/* "IMAP4rev1 …" as it stands for this connection (capability.c). */
void imap_write_capabilities(const struct imap_session *session, struct buf *out);
/* "* NAMESPACE …" (cmd_namespace.c) */
void imap_send_namespaces(struct imap_session *session);
bool imap_utf8(const struct imap_session *session); /* names and strings may be UTF-8 */

/* The messages that a sequence set of this command names, as UIDs of the view ("UID" commands: by UID). Tells
 * the client of new messages first when it names UIDs that it has not seen. False when that is answered. */
bool imap_resolve(struct imap_session *session, const struct sequence_set *set, struct uid_set *uids_r);

#endif
