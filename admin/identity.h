/* SPDX-License-Identifier: ISC */
/*
 * Whose files the instance has. Root may run every command on an instance whose configuration names a user;
 * what a command creates must then belong to that user, or the daemons could not open it.
 */
#ifndef ADMIN_IDENTITY_H
#define ADMIN_IDENTITY_H

#include "base/buf.h"

/* Becomes `user` for everything but identity_raise: only when started by root and `user` is not empty.
 * ERR_NOT_FOUND: there is no such user. */
enum err identity_assume(const char *user, struct buf *why) MUST_CHECK;
/* Root again, if identity_assume gave that up, for one action that needs it: a low port, a signal, a chown, a
 * child. */
void identity_raise(void);
void identity_lower(void);
/* Root again for good, as the last thing before the process ends: a process that changed its user may not be
 * looked into, and LeakSanitizer has to. */
void identity_end(void);
/* Root gives `path` to `user`; nothing to do for anybody else. */
enum err identity_give(const char *path, const char *user, struct buf *why) MUST_CHECK;
/* Makes a folder (with those above it) or an empty file that the assumed user has no right to make, and gives
 * it to the user. Nothing happens when it exists. */
enum err identity_make_folder(const char *path, struct buf *why) MUST_CHECK;
enum err identity_make_file(const char *path, unsigned mode, struct buf *why) MUST_CHECK;
/* Lets the group of the assumed user read a file of root's. */
enum err identity_share(const char *path, struct buf *why) MUST_CHECK;

#endif
