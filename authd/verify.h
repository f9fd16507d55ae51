/* SPDX-License-Identifier: ISC */
/*
 * Whether name and password belong together. In two halves that both block, for threads: the lookup takes
 * microseconds and settles what was right a moment ago; the hash takes Argon2's time and memory, so the
 * caller bounds how many run.
 *
 *     verify_lookup(verifier, &check);
 *     if (check.outcome == AUTH_CONTINUE)
 *         verify_hash(verifier, &check);
 *
 * An unknown name goes the same way as a wrong password, through a hash that nobody's password has: same
 * steps, same time, same answer.
 */
#ifndef AUTHD_VERIFY_H
#define AUTHD_VERIFY_H

#include "auth/client.h"
#include "auth/secrets.h"
#include "base/arena.h"
#include "storage/store.h"

struct verifier;

struct verifier_settings {
    struct store *store;
    struct secrets *secrets;
    struct password_cost cost; /* of the passwords in the store */
    int64_t cache_time_ms;
    size_t cache_limit; /* entries */
};

struct verify_check {
    struct slice name;     /* in: as typed */
    struct slice identity; /* in: whom to act as; empty: the same */
    struct slice password; /* in */
    struct arena arena;    /* in: zeroed; freed by the caller */

    enum auth_outcome
        outcome;        /* AUTH_CONTINUE between the halves, then AUTH_OK, _FAILED, _DISABLED, _UNAVAILABLE */
    const char *reason; /* why not AUTH_OK, for the log and not for the client: "unknown user"; static */
    struct slice login; /* lookup form, in the arena; empty for an unknown name */
    bool cached;        /* answered without a hash */

    struct buf prepared; /* private: the password's prepared form */
    struct slice stored; /* private: the hash to compare with */
    bool disabled, refused;
};

/* ERR_UNAVAILABLE when there is no memory for a hash. Takes one hash's time. */
enum err verifier_new(const struct verifier_settings *settings, struct verifier **verifier_r) MUST_CHECK;
void verifier_free(struct verifier *verifier);
void verifier_set_cache_time(struct verifier *verifier, int64_t ms);

void verify_lookup(struct verifier *verifier, struct verify_check *check);
void verify_hash(struct verifier *verifier, struct verify_check *check);
/* Overwrites the password's prepared form and frees the check's memory. */
void verify_end(struct verify_check *check);

/* Hashes computed so far, whatever came out: for tests and metrics. */
uint64_t verifier_hashes(const struct verifier *verifier);

#endif
