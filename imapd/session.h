/* SPDX-License-Identifier: ISC */
/*
 * One IMAP session (RFC 3501, RFC 9051), so far in the not-authenticated state: greeting, CAPABILITY, NOOP,
 * STARTTLS, LOGOUT. Logging in is announced as impossible (LOGINDISABLED) until mailboxes are served.
 */
#ifndef IMAPD_SESSION_H
#define IMAPD_SESSION_H

#include "base/arena.h"
#include "base/conf.h"
#include "net/conn.h"

struct imap_context {
    const struct conf *conf;
    struct tls_context *tls; /* NULL when there is none */
};

struct imap_session {
    const struct imap_context *context;
    struct conn *conn;
    bool ended;
    int64_t errors;
    struct slice tag; /* of the command that runs */
    struct arena arena;
};

void imap_session_run(struct conn *conn, const struct imap_context *context);

typedef void imap_handler(struct imap_session *session);

struct imap_command {
    struct slice name;
    imap_handler *run;
};
const struct imap_command *imap_command_find(struct slice name);

imap_handler imap_capability, imap_noop, imap_logout, imap_starttls;

/* Writes "IMAP4rev1 …" as it stands for this connection. */
void imap_write_capabilities(struct imap_session *session);
/* Tagged answers: "A1 OK text", "A1 NO text", "A1 BAD text" (or "* BAD" when the tag could not be read). */
void imap_ok(struct imap_session *session, const char *text);
void imap_no(struct imap_session *session, const char *text);
void imap_bad(struct imap_session *session, const char *text);

/* command = tag SP name [SP arguments] (RFC 3501 section 9); false when there is no well-formed tag. `tag_r`
 * is set as far as it could be read, for the answer. */
bool imap_parse_command(struct slice line, struct slice *tag_r, struct slice *name_r,
                        struct slice *arguments_r);

#endif
