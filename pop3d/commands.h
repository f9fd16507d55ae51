/* SPDX-License-Identifier: ISC */
/* From a command line to the handler of its command. Pure. */
#ifndef POP3D_COMMANDS_H
#define POP3D_COMMANDS_H

#include "base/error.h"
#include "base/slice.h"

#include "texts.h"

struct pop3_session;

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2, POP3_UPDATE = 4 };

enum pop3_arguments { NO_ARGUMENTS, ARGUMENTS_OPTIONAL, ARGUMENTS_REQUIRED };

typedef void pop3_handler(struct pop3_session *session, struct slice arguments);

struct pop3_command {
    struct slice verb;
    unsigned states; /* enum pop3_state, or-ed: where it may be given */
    enum pop3_arguments arguments;
    pop3_handler *run;
};

/* The command of a line that came in this state; its arguments as they came. NULL when it cannot be run:
 * then *refusal_r says why. */
const struct pop3_command *pop3_command_parse(struct slice line, enum pop3_state state,
                                              struct slice *arguments_r, enum pop3_text *refusal_r);

/* --- the arguments of commands (arguments.c); ERR_SYNTAX --- */

/* A message's number. One that is too large for any maildrop comes out as UINT64_MAX. */
enum err message_argument_parse(struct slice arguments, uint64_t *number_r) MUST_CHECK;

struct top_arguments {
    uint64_t number, lines;
};
enum err top_arguments_parse(struct slice arguments, struct top_arguments *top_r) MUST_CHECK;

struct auth_arguments {
    struct slice mechanism; /* empty: the client asks which there are */
    bool has_initial;
    struct slice initial; /* in base64 */
};
enum err auth_arguments_parse(struct slice arguments, struct auth_arguments *auth_r) MUST_CHECK;

#endif
