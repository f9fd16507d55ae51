/* SPDX-License-Identifier: ISC */
/* How commands end: a reason on stderr and the exit code that goes with it. */
#ifndef ADMIN_REPORT_H
#define ADMIN_REPORT_H

#include "base/buf.h"
#include "command.h"

/* "postern: …" on stderr; returns EXIT_REFUSED. */
int refuse(const char *format, ...) PRINTF_LIKE(1, 2);
/* As refuse, from what a function wrote to `why`, else from its outcome: "postern: <what>: <reason>". */
int refuse_because(const char *what, enum err err, const struct buf *why);
/* A new user or alias was refused; when its domain is not ours (ERR_NOT_FOUND) the text names the command to
 * add it. */
int refuse_new_address(const char *address, enum err err, const struct buf *why);
/* "postern: …" and the command's usage on stderr; returns EXIT_USAGE. */
int misuse(const struct invocation *call, const char *format, ...) PRINTF_LIKE(2, 3);

/* The number that an option gives, or `otherwise` without it. Returns EXIT_DONE, or EXIT_USAGE after
 * misuse(). */
int option_number(const struct invocation *call, const char *option, uint64_t least, uint64_t most,
                  uint64_t otherwise, uint64_t *number_r);

#endif
