/* SPDX-License-Identifier: ISC */
/*
 * The commands of `postern`: one row each in the table of commands.c, from which the parser of the command
 * line and all help texts come. A family ("user") has several commands ("user add"); a family of one has no
 * second name ("serve").
 *
 *     postern [-c CONF] FAMILY [NAME] ARGUMENT… [--option [VALUE]]…
 *
 * -c and --help may stand anywhere; "--" ends the options.
 */
#ifndef ADMIN_COMMAND_H
#define ADMIN_COMMAND_H

#include "base/buf.h"

#define COMMAND_OPTION_LIMIT 12

/* What the process exits with; documented in postern(8). */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct command_option {
    const char *name;  /* without the dashes; NULL ends the list */
    const char *value; /* what stands for its value in the help, "SIZE"; NULL: a switch */
    const char *help;
};

struct invocation;

struct command {
    const char *family;
    const char *name;      /* NULL: the family is the command */
    const char *arguments; /* as in the help: "ADDRESS TARGET..." */
    unsigned argument_min, argument_max;
    const char *help;    /* one line */
    const char *details; /* more sentences for its own help page, or NULL */
    struct command_option options[COMMAND_OPTION_LIMIT];
    int (*run)(const struct invocation *call); /* returns the exit code */
};

/* One command line, taken apart. Texts point into argv. */
struct invocation {
    const struct command *command;
    const char *config; /* of -c, or NULL */
    const char **arguments;
    size_t argument_count;
    const char *values[COMMAND_OPTION_LIMIT]; /* beside command->options: the value, "" for a switch, NULL:
                                                 not given */
};

enum command_outcome {
    COMMAND_RUN,  /* `call` is complete */
    COMMAND_HELP, /* the text is in `out`: exit 0 */
    COMMAND_VERSION,
    COMMAND_MISUSE /* what is wrong is in `out`: exit 2 */
};

/* Takes argv (without the program's name) apart. The arguments' array is to be freed with invocation_free in
 * every case. */
enum command_outcome command_parse(const struct command *table, size_t count, size_t argc,
                                   const char *const *argv, struct invocation *call,
                                   struct buf *out) MUST_CHECK;
void invocation_free(struct invocation *call);

/* The value of an option of the command's row, NULL when it was not given. */
const char *option_value(const struct invocation *call, const char *name);
bool option_given(const struct invocation *call, const char *name);

/* "postern user add ADDRESS [--password-stdin] …" */
void command_usage(const struct command *command, struct buf *out);

extern const struct command commands[];
extern const size_t command_count;

#endif
