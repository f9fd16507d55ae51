/* SPDX-License-Identifier: ISC */
/*
 * The commands: which there are, on which service and in which state each is allowed, and who handles it. The
 * grammar of each command stands above its handler in cmd_*.c. Parsing is apart from doing, so that tests and
 * the fuzzer can feed it.
 */
#ifndef SMTPD_COMMANDS_H
#define SMTPD_COMMANDS_H

#include "base/arena.h"
#include "reply.h"

struct session;

enum {
    COMMAND_LINE_LIMIT = 4096,       /* RFC 5321 section 4.5.3.1.4 asks for 512 and what the extensions add */
    COMMAND_LINE_LIMIT_AUTH = 12288, /* RFC 4954 section 4: AUTH with its response */
    HELLO_NAME_LIMIT = 255           /* RFC 5321 section 4.5.3.1.2 */
};

struct command {
    struct slice verb;
    unsigned services; /* one bit (1 << enum conf_service) for each on which it exists */
    unsigned rules;    /* COMMAND_… */
    void (*run)(struct session *session, struct slice arguments);
    const char *syntax; /* for HELP */
};

enum {
    COMMAND_NEEDS_HELLO = 1,  /* 503 before EHLO, HELO or LHLO */
    COMMAND_NEEDS_MAIL = 2,   /* 503 outside of a transaction */
    COMMAND_FORBIDS_MAIL = 4, /* 503 inside of one */
    COMMAND_PLAIN = 8         /* 501 with arguments */
};

extern const struct command commands[];
extern const size_t command_count;

/* The row for this line and what stands behind the verb, without blanks at either end; NULL when the verb is
 * unknown. *arguments_r points into the line. */
const struct command *command_find(struct slice line, struct slice *arguments_r);
/* Answers one command line. */
void command_run(struct session *session, struct slice line);

/* Handlers, one file each group. */
void cmd_helo(struct session *session, struct slice arguments);
void cmd_ehlo(struct session *session, struct slice arguments);
void cmd_lhlo(struct session *session, struct slice arguments);
void cmd_starttls(struct session *session, struct slice arguments);
void cmd_auth(struct session *session, struct slice arguments);
void cmd_mail(struct session *session, struct slice arguments);
void cmd_rcpt(struct session *session, struct slice arguments);
void cmd_data(struct session *session, struct slice arguments);
void cmd_bdat(struct session *session, struct slice arguments);
void cmd_rset(struct session *session, struct slice arguments);
void cmd_noop(struct session *session, struct slice arguments);
void cmd_vrfy(struct session *session, struct slice arguments);
void cmd_expn(struct session *session, struct slice arguments);
void cmd_help(struct session *session, struct slice arguments);
void cmd_quit(struct session *session, struct slice arguments);

#endif
