/* SPDX-License-Identifier: ISC */
/* The tagged answer of a command, and untagged lines (RFC 9051 section 7.1). */
#include <stdarg.h>

#include "base/log.h"
#include "net/task.h"

#include "session.h"

static void set_answer(struct imap_session *session, enum imap_condition condition, const char *code,
                       const char *text)
{
    session->answer.condition = condition;
    session->answer.code = code;
    session->answer.text = text;
}

void imap_ok(struct imap_session *session, const char *code, const char *text)
{
    set_answer(session, ANSWER_OK, code, text);
}

void imap_no(struct imap_session *session, const char *code, const char *text)
{
    set_answer(session, ANSWER_NO, code, text);
}

void imap_bad(struct imap_session *session, const char *text)
{
    session->errors++;
    set_answer(session, ANSWER_BAD, NULL, text);
}

void imap_bad_syntax(struct imap_session *session, const struct parser *parser)
{
    imap_bad(session, parser_complaint(parser, session->language));
}

/* RFC 5530 section 3 names what the client can do about it. */
void imap_no_err(struct imap_session *session, enum err err)
{
    switch (err) {
    case ERR_NOT_FOUND:
        imap_no(session, "NONEXISTENT", "no such mailbox");
        break;
    case ERR_EXISTS:
        imap_no(session, "ALREADYEXISTS", "there is a mailbox of this name");
        break;
    case ERR_DENIED:
        imap_no(session, "NOPERM", "you have no right to do this");
        break;
    case ERR_SYNTAX:
        imap_no(session, "CANNOT", "this cannot be a name here");
        break;
    case ERR_OVER_QUOTA:
        imap_no(session, "OVERQUOTA", "the quota of this account is exhausted");
        break;
    case ERR_LIMIT:
    case ERR_TOO_LONG:
        imap_no(session, "LIMIT", "a limit of this server is reached");
        break;
    case ERR_BUSY:
        imap_no(session, "INUSE", "in use, try again later");
        break;
    case ERR_CONFLICT:
        imap_no(session, "INUSE", "changed by another session meanwhile, try again");
        break;
    case ERR_CORRUPT:
        imap_no(session, "CORRUPTION", "stored data is damaged");
        break;
    default:
        if (!task_is_canceled() && !conn_error(session->conn)) /* or it is given up as nobody waits for it */
            log_error("imap.store", log_text("login", buf_slice(&session->login)),
                      log_text("command", session->command ? session->command->name : SLICE_EMPTY),
                      log_err(err));
        imap_no(session, "UNAVAILABLE", "not possible just now, try again later");
    }
}

const char *imap_words(const struct imap_session *session, const char *english)
{
    return imap_text(session->language, english);
}

static void write_status(struct imap_session *session, struct slice tag, enum imap_condition condition,
                         const char *code, const char *text)
{
    static const char *const words[] = {
        [ANSWER_OK] = " OK ", [ANSWER_NO] = " NO ", [ANSWER_BAD] = " BAD ", [ANSWER_BYE] = " BYE "};
    conn_write(session->conn, tag);
    conn_write(session->conn, slice_from(words[condition]));
    if (code) {
        conn_write(session->conn, S("["));
        conn_write(session->conn, slice_from(code));
        conn_write(session->conn, S("] "));
    }
    conn_write(session->conn, slice_from(imap_words(session, text)));
    conn_write(session->conn, S("\r\n"));
}

void imap_send_answer(struct imap_session *session)
{
    /* A program that is in for weeks may ask now and then for what we do not know. */
    if (session->answer.condition == ANSWER_OK && session->login.len > 0)
        session->errors = 0;
    if (session->answer.condition != ANSWER_NONE)
        write_status(session, session->tag.len > 0 ? session->tag : S("*"), session->answer.condition,
                     session->answer.code, session->answer.text);
    session->answer.condition = ANSWER_NONE;
}

void imap_say(struct imap_session *session, enum imap_condition condition, const char *code, const char *text)
{
    write_status(session, S("*"), condition, code, text);
}

void imap_invite(struct imap_session *session, const char *text)
{
    conn_printf(session->conn, "+ %s\r\n", imap_words(session, text));
}

void imap_untagged(struct imap_session *session, const char *format, ...)
{
    struct buf line;
    va_list args;
    va_start(args, format);
    buf_init(&line, SIZE_MAX / 2); /* COPYUID of a large mailbox is long */
    buf_append(&line, S("* "));
    buf_vprintf(&line, format, args);
    buf_append(&line, S("\r\n"));
    conn_write(session->conn, buf_slice(&line));
    buf_free(&line);
    va_end(args);
}
