/* SPDX-License-Identifier: ISC */
/* Where an account lives: "alice@example.org" → "example.org/alice", safe for the file system whatever the
 * name holds. */
#ifndef STORAGE_ACCOUNT_PATH_H
#define STORAGE_ACCOUNT_PATH_H

#include "base/buf.h"

/* One component: everything but [a-z0-9_+=-] and inner dots becomes %XX. ERR_TOO_LONG when a file name cannot
 * hold it. */
enum err account_path_component(struct buf *out, struct slice name) MUST_CHECK;
/* "<domain>/<local part>". ERR_SYNTAX without both. */
enum err account_path(struct buf *out, struct slice login) MUST_CHECK;

#endif
