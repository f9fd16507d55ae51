/* SPDX-License-Identifier: ISC */
#include "digest.h"

#include <sodium.h>

#include "base/mem.h"

_Static_assert(sizeof(struct digest_key) == crypto_generichash_KEYBYTES, "libsodium's key");
_Static_assert(sizeof(struct digest) == crypto_generichash_BYTES, "libsodium's digest");

void digest_key_make(struct digest_key *key)
{
    crypto_generichash_keygen(key->bytes);
}

struct digest digest_of(const struct digest_key *key, const struct slice *parts, size_t count)
{
    crypto_generichash_state state;
    struct digest digest;
    crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), sizeof(digest.bytes));
    for (size_t i = 0; i < count; i++) {
        uint64_t len = parts[i].len;
        const char *data = parts[i].data ? parts[i].data : "";
        crypto_generichash_update(&state, (const unsigned char *)&len, sizeof(len));
        crypto_generichash_update(&state, (const unsigned char *)data, parts[i].len);
    }
    crypto_generichash_final(&state, digest.bytes, sizeof(digest.bytes));
    mem_wipe(&state, sizeof(state));
    return digest;
}
