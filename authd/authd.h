/* SPDX-License-Identifier: ISC */
/*
 * The daemon that alone can read credentials. Front-ends connect over a Unix socket (the protocol:
 * common/auth/wire.h), one connection per exchange; each is a task that goes from top to bottom:
 *
 *     sasl.h      the mechanism's messages          → name and password
 *     verify.h    directory, stored hash, cache     → right lately?
 *     throttle.h  a wait, if there was guessing
 *     verify.h    Argon2, on few threads            → right or wrong
 */
#ifndef AUTHD_AUTHD_H
#define AUTHD_AUTHD_H

#include "auth/secrets.h"
#include "net/conn.h"
#include "storage/store.h"

struct authd;

struct authd_settings {
    struct store *store;
    struct secrets *secrets;
    struct password_cost cost; /* of the passwords in the store: &password_cost */
    int64_t memory_limit;      /* for all Argon2 computations that run at once */
    int64_t cache_time_ms;
    size_t queue_limit; /* checks that may wait for a thread; 0: a few seconds' worth */
};

enum err authd_new(struct loop *loop, const struct authd_settings *settings,
                   struct authd **authd_r) MUST_CHECK;
/* No session may be left. */
void authd_free(struct authd *authd);
void authd_set_cache_time(struct authd *authd, int64_t ms); /* SIGHUP */

/* One exchange: a server_session_fn, with the authd as `arg`. */
void authd_session(struct conn *conn, void *authd);

/* How many hashes may be computed at once within this memory: at least one, and no more than there are
 * processors. */
size_t authd_hash_threads(int64_t memory_limit, const struct password_cost *cost, long processors);

#endif
