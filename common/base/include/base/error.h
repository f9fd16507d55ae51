/* SPDX-License-Identifier: ISC */
/*
 * The one list of outcomes that functions return.
 *
 * A function that can fail returns `enum err`; ERR_OK is 0, so `if (err)` reads as "it failed". Details for a
 * person travel beside it (a log line, or a `struct buf *why` that the caller passed). Success outputs are
 * untouched on failure.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#define ERROR_LIST(X)                               \
    X(ERR_OK, "done")                               \
    X(ERR_CLOSED, "the peer closed the connection") \
    X(ERR_TIMEOUT, "time is up")                    \
    X(ERR_CANCELED, "the task was cancelled")       \
    X(ERR_SHUTDOWN, "the server is shutting down")  \
    X(ERR_TOO_LONG, "longer than the limit")        \
    X(ERR_SYNTAX, "malformed")                      \
    X(ERR_PROTOCOL, "the peer broke the protocol")  \
    X(ERR_TLS, "TLS failed")                        \
    X(ERR_IO, "input/output error")                 \
    X(ERR_NO_SPACE, "no space left on the disk")    \
    X(ERR_NOT_FOUND, "not found")                   \
    X(ERR_EXISTS, "exists already")                 \
    X(ERR_DENIED, "not allowed")                    \
    X(ERR_BUSY, "in use by another session")        \
    X(ERR_OVER_QUOTA, "over quota")                 \
    X(ERR_LIMIT, "a limit is reached")              \
    X(ERR_CONFLICT, "changed meanwhile")            \
    X(ERR_CORRUPT, "stored data is damaged")        \
    X(ERR_UNAVAILABLE, "temporarily unavailable")   \
    X(ERR_CONFIG, "the configuration is wrong")

enum err {
#define X(name, text) name,
    ERROR_LIST(X)
#undef X
};

/* "the peer closed the connection"; static text, never NULL. */
const char *err_text(enum err err);

/* The outcome that an errno value stands for: ENOSPC and EDQUOT give ERR_NO_SPACE, ENOENT ERR_NOT_FOUND,
 * EEXIST ERR_EXISTS, EACCES and EPERM ERR_DENIED, all else ERR_IO. */
enum err err_from_errno(int errnum);

#endif
