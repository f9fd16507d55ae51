/* SPDX-License-Identifier: ISC */
/* The sockets of an instance: bound here, by the one process that may, and inherited by the daemons. */
#ifndef SUPERVISOR_LISTEN_H
#define SUPERVISOR_LISTEN_H

#include <sys/socket.h>

#include "base/arena.h"
#include "base/conf.h"
#include "supervisor/program.h"

struct listener {
    const char *name;    /* "smtp", "authd": what the daemon knows it by */
    const char *address; /* as in the configuration */
    const struct program *program;
    int fd;
    bool is_unix;
    unsigned mode; /* of a Unix socket's file */
};

struct listeners {
    struct arena arena;
    struct listener *items;
    size_t count;
};

/* Binds everything that the configuration names. Where an address is in use it tries again for `patience_ms`:
 * the children of a supervisor that was killed need a moment to end. On failure nothing stays open, and `why`
 * tells which and what. */
enum err listeners_open(struct listeners *listeners, const struct conf *conf, int64_t patience_ms,
                        struct buf *why) MUST_CHECK;
/* Closes the sockets of the front-ends, so that clients who come while the last sessions end are refused at
 * once instead of waiting for nobody. The list stays. */
void listeners_refuse_clients(struct listeners *listeners);
/* Closes all, and removes the files of the Unix sockets. */
void listeners_close(struct listeners *listeners);

/* "127.0.0.1:25", "[::1]:25", or the path of a Unix socket. ERR_SYNTAX, or ERR_TOO_LONG for a path. */
enum err listen_parse(const char *text, struct sockaddr_storage *address_r, socklen_t *length_r) MUST_CHECK;

#endif
