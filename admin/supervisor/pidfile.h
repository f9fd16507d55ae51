/* SPDX-License-Identifier: ISC */
/*
 * <run>/postern.pid: one supervisor per instance. The file is locked as long as the supervisor lives
 * (fcntl(2), so that the kernel can tell who holds it, and children do not inherit it); it holds the process
 * number for people and scripts.
 */
#ifndef SUPERVISOR_PIDFILE_H
#define SUPERVISOR_PIDFILE_H

#include <sys/types.h>

#include "base/base.h"
#include "base/error.h"

/* ERR_BUSY: *holder_r runs already. *stale_r: the file was there, so the one before did not end in order and
 * its children may still be ending. */
enum err pidfile_take(const char *path, int *fd_r, bool *stale_r, pid_t *holder_r) MUST_CHECK;
/* Removes the file and gives up the lock. */
void pidfile_release(const char *path, int fd);
/* The process that holds the lock; 0 when nobody does. */
pid_t pidfile_holder(const char *path);

#endif
