/* SPDX-License-Identifier: ISC */
/*
 * What every child of `postern serve` does first and last: take over the inherited sockets (the LISTEN_FDS
 * convention of sd_listen_fds(3)), drop to the unprivileged user, tell when it is ready (sd_notify(3) over
 * NOTIFY_SOCKET), end when its parent dies. Each daemon can so be started by systemd alone too.
 */
#ifndef BASE_DAEMON_H
#define BASE_DAEMON_H

#include "base/conf.h"

struct daemon_socket {
    int fd;
    const char *name; /* from LISTEN_FDNAMES: a service's name, "authd", … */
};

struct daemon {
    const char *program; /* "smtpd" */
    struct conf *conf;
    int worker; /* number of this process among its kind, from 0 (option -w) */
    struct daemon_socket sockets[64];
    size_t socket_count;
};

/* Reads `-c FILE [-w N]` and the environment, loads the configuration, opens the log, blocks SIGPIPE, asks
 * for SIGTERM at the parent's death, and becomes conf->user when started by root and the option is set. Exits
 * with 2 for wrong usage and 1 with a reason on stderr when anything fails: there is nobody to return an
 * error to yet. */
void daemon_start(struct daemon *daemon, const char *program, int argc, char **argv);
/* "READY=1" to the supervisor or systemd; nothing when nobody asked. */
void daemon_ready(void);
/* Loads the configuration again (SIGHUP): true when it is good and daemon->conf was replaced (the former one
 * is kept until the process ends: sessions may still look at it). A bad file is logged and changes nothing.
 */
bool daemon_reload(struct daemon *daemon);

#endif
