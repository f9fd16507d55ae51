/* SPDX-License-Identifier: ISC */
/* Keyed hashes (BLAKE2b): how secrets and names are remembered without being kept. */
#ifndef AUTHD_DIGEST_H
#define AUTHD_DIGEST_H

#include "base/slice.h"

struct digest_key {
    unsigned char bytes[32];
};

struct digest {
    unsigned char bytes[32];
};

/* A random key; it never leaves the process. */
void digest_key_make(struct digest_key *key);
/* Each part counts with its length, so that no two lists of parts are hashed alike. */
struct digest digest_of(const struct digest_key *key, const struct slice *parts, size_t count);

#endif
