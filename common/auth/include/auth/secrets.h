/* SPDX-License-Identifier: ISC */
/*
 * secrets.db: the stored credentials. Opened by authd (to verify) and by the `postern` command (to set) only; front-ends
 * neither open nor link it (a library of its own: secrets_dep). Blocking.
 */
#ifndef AUTH_SECRETS_H
#define AUTH_SECRETS_H

#include "base/buf.h"

struct secrets;

/* `<data>/secrets.db`, mode 0600. */
enum err secrets_open(const char *path, struct secrets **secrets_r, struct buf *why) MUST_CHECK;
void secrets_close(struct secrets *secrets);
/* Hashes with Argon2id and stores, replacing the user's password. ERR_SYNTAX: empty, longer than 1 KiB, or with NUL, CR, LF. */
enum err secrets_set_password(struct secrets *secrets, struct slice login, struct slice password) MUST_CHECK;
enum err secrets_remove(struct secrets *secrets, struct slice login) MUST_CHECK; /* all credentials; ERR_NOT_FOUND */
/* The stored string of crypto_pwhash_str, at most 128 bytes. ERR_NOT_FOUND. */
enum err secrets_get(struct secrets *secrets, struct slice login, struct buf *hash_r) MUST_CHECK;

#endif
