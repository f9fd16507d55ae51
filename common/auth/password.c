/* SPDX-License-Identifier: ISC */
/*
 * Hashing and comparing passwords: Argon2id (RFC 9106) by libsodium, over the password's prepared form. Why
 * these figures: docs/decisions/0002-passwords.md.
 */
#include <gsasl.h>
#include <sodium.h>
#include <string.h>

#include "auth/secrets.h"
#include "base/mem.h"

const struct password_cost password_cost = {.passes = 2, .memory = 32 << 20};

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "libsodium's stored string fits");

enum err password_hash(struct slice password, const struct password_cost *cost,
                       char hash[static PASSWORD_HASH_SIZE])
{
    int failed = crypto_pwhash_str_alg(hash, password.data, password.len, cost->passes, cost->memory,
                                       crypto_pwhash_ALG_ARGON2ID13);
    return failed ? ERR_UNAVAILABLE : ERR_OK;
}

bool password_matches(struct slice password, const char *hash)
{
    return crypto_pwhash_str_verify(hash, password.data ? password.data : "", password.len) == 0;
}

/*
 * RFC 4616 section 2 and RFC 4954 section 4 ask for SASLprep: NFKC, other spaces become SP, invisible
 * characters go. It is defined on Unicode 3.2; "unassigned" code points are let through, or nobody could have
 * an emoji in a password. What cannot be prepared (text that is not UTF-8, forbidden characters) is no reason
 * to lock its owner out: as it is.
 */
void password_prepare(struct slice password, struct buf *prepared)
{
    struct buf text;
    char *out = NULL;
    buf_clear(prepared);
    buf_init(&text, password.len);
    buf_append(&text, password);
    if (!slice_has(password, '\0') &&
        gsasl_saslprep(buf_cstr(&text), GSASL_ALLOW_UNASSIGNED, &out, NULL) == GSASL_OK && out[0]) {
        buf_append(prepared, slice_from(out));
    }
    if (prepared->len == 0) {
        buf_clear(prepared);
        buf_append(prepared, password);
    }
    if (out) {
        mem_wipe(out, strlen(out));
        gsasl_free(out);
    }
    if (text.data) {
        mem_wipe(text.data, text.size);
    }
    buf_free(&text);
}
