/* SPDX-License-Identifier: ISC */
/*
 * What the arguments of a command mean, read by pure functions that stand beside their handlers in cmd_*.c
 * under the grammar they follow. Each returns REPLY_NONE, or the reply that refuses the arguments.
 */
#ifndef SMTPD_ARGUMENTS_H
#define SMTPD_ARGUMENTS_H

#include "mail/path.h"
#include "reply.h"

/* cmd_auth.c; slices point into `arguments`. */
enum reply auth_arguments_parse(struct slice arguments, struct slice *mechanism_r, bool *has_initial_r,
                                struct slice *initial_r);

struct mail_arguments {
    struct mail_path path;
    uint64_t size; /* 0: not said */
    bool smtputf8, requiretls;
    enum { RETURN_ANY, RETURN_FULL, RETURN_HEADER } ret; /* RET (RFC 3461 section 4.3) */
    struct slice envid;                                  /* as it came; points into the arguments */
};

/* Parameters of MAIL that only some sessions know. */
enum { MAIL_KNOWS_AUTH = 1, MAIL_KNOWS_REQUIRETLS = 2 };

/* cmd_mail.c; texts live in the arena, unless it is said otherwise. */
enum reply mail_arguments_parse(struct arena *arena, struct slice arguments, unsigned knows,
                                struct mail_arguments *out);

struct rcpt_arguments {
    struct mail_path path;
    unsigned notify;    /* QUEUE_NOTIFY_SUCCESS …; 0: not said */
    struct slice orcpt; /* as it came; points into the arguments */
};

/* cmd_rcpt.c. `smtputf8`: the transaction allows addresses beyond ASCII. */
enum reply rcpt_arguments_parse(struct arena *arena, struct slice arguments, bool smtputf8,
                                struct rcpt_arguments *out);

struct bdat_arguments {
    uint64_t size;
    bool last;
};

/* cmd_bdat.c */
enum reply bdat_arguments_parse(struct slice arguments, struct bdat_arguments *out);

#endif
