/* SPDX-License-Identifier: ISC */
/* READY=1 (sd_notify(3)): heard from the children, told to whoever started the supervisor. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <sys/types.h>

#include "base/buf.h"

struct notify {
    int fd;
    char name[108]; /* for the children's NOTIFY_SOCKET: "@…", an abstract name that leaves no file */
};

enum err notify_open(struct notify *notify, struct buf *why) MUST_CHECK;
void notify_close(struct notify *notify);
/* The process that said READY=1, as the kernel vouches for it; 0 when nothing is to be read any more. Other
 * messages are passed over. */
pid_t notify_next_ready(struct notify *notify);
/* To systemd, when it started us with NOTIFY_SOCKET. */
void notify_parent(const char *state);

#endif
