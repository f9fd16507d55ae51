/* SPDX-License-Identifier: ISC */
/* Starting a daemon with the sockets that are its own: the LISTEN_FDS convention of sd_listen_fds(3). */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <sys/types.h>

#include "supervisor/child.h"
#include "supervisor/listen.h"

/* Descriptors that the convention's other side takes (struct daemon). */
#define SPAWN_SOCKET_LIMIT 64

/* The process of the new child, or -1 with errno. `notify` is the value for NOTIFY_SOCKET. */
pid_t spawn_child(const struct child *child, const struct listeners *listeners, const char *config,
                  const char *notify);

#endif
