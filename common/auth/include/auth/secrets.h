/* SPDX-License-Identifier: ISC */
/*
 * secrets.db: the stored credentials. Opened by authd (to verify) and by the `postern` command (to set) only;
 * front-ends neither open nor link it (a library of its own: secrets_dep). Blocking; one handle may be used
 * from several threads.
 */
#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

#include "base/buf.h"

struct secrets;

/* What one check of a password costs, for us and for a thief of the database
 * (docs/decisions/0002-passwords.md). */
struct password_cost {
    unsigned long long passes;
    size_t memory; /* bytes, taken while the check runs */
};
extern const struct password_cost password_cost;

/* The longest password that can be set, in bytes. */
#define PASSWORD_LIMIT 1024
/* The stored string of crypto_pwhash_str, with its NUL. */
#define PASSWORD_HASH_SIZE 128

/* `<data>/secrets.db`, mode 0600. */
enum err secrets_open(const char *path, struct secrets **secrets_r, struct buf *why) MUST_CHECK;
void secrets_close(struct secrets *secrets);
/* Hashes with Argon2id and stores, replacing the user's password. ERR_SYNTAX: empty, longer than 1 KiB, or
 * with NUL, CR, LF. */
enum err secrets_set_password(struct secrets *secrets, struct slice login, struct slice password) MUST_CHECK;
/* The same at another cost: for tests, which cannot wait. */
enum err secrets_set_password_at(struct secrets *secrets, struct slice login, struct slice password,
                                 const struct password_cost *cost) MUST_CHECK;
enum err secrets_remove(struct secrets *secrets,
                        struct slice login) MUST_CHECK; /* all credentials; ERR_NOT_FOUND */
/* Takes over all credentials of a login from a copy of a secrets.db (of a backup); those that it has already
 * stay. ERR_NOT_FOUND: the copy has none. */
enum err secrets_restore(struct secrets *secrets, const char *copy, struct slice login) MUST_CHECK;
/* The stored string of crypto_pwhash_str, at most 128 bytes. ERR_NOT_FOUND. */
enum err secrets_get(struct secrets *secrets, struct slice login, struct buf *hash_r) MUST_CHECK;

/* Hashes a password into `hash`. ERR_UNAVAILABLE when there is no memory for it. */
enum err password_hash(struct slice password, const struct password_cost *cost,
                       char hash[static PASSWORD_HASH_SIZE]) MUST_CHECK;
/* Whether the password is the hash's. Takes what the hash says in time and memory. */
bool password_matches(struct slice password, const char *hash);
/* The form in which passwords are hashed and compared, so that one password typed on two keyboards is one:
 * SASLprep (RFC 4013), where that is possible, else the bytes as they are. `prepared` may hold twice
 * PASSWORD_LIMIT and is to be wiped. */
void password_prepare(struct slice password, struct buf *prepared);

#endif
