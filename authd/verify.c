/* SPDX-License-Identifier: ISC */
/*
 * directory → stored hash → recent success? → Argon2. Both stores are read anew for each check (some 20 µs),
 * so a password that was changed and a user who was disabled or removed need no message to authd.
 */
#include "verify.h"

#include <sodium.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "cache.h"
#include "storage/directory.h"

struct verifier {
    struct store *store;
    struct secrets *secrets;
    struct cache *cache;
    char nobody[PASSWORD_HASH_SIZE]; /* the hash of a random password, at the usual cost */
    atomic_uint_least64_t hashes;
};

enum err verifier_new(const struct verifier_settings *settings, struct verifier **verifier_r)
{
    unsigned char random[32];
    struct verifier *verifier = mem_new(struct verifier);
    verifier->store = settings->store;
    verifier->secrets = settings->secrets;
    randombytes_buf(random, sizeof(random));
    enum err err = password_hash(slice_of(random, sizeof(random)), &settings->cost, verifier->nobody);
    mem_wipe(random, sizeof(random));
    if (err) {
        mem_free(verifier);
        return err;
    }
    verifier->cache = cache_new(settings->cache_limit, settings->cache_time_ms);
    *verifier_r = verifier;
    return ERR_OK;
}

void verifier_free(struct verifier *verifier)
{
    if (verifier) {
        cache_free(verifier->cache);
        mem_free(verifier);
    }
}

void verifier_set_cache_time(struct verifier *verifier, int64_t ms)
{
    cache_set_time_to_live(verifier->cache, ms);
}

uint64_t verifier_hashes(const struct verifier *verifier)
{
    return atomic_load(&verifier->hashes);
}

/* --- the first half --- */

static void find_user(struct verifier *verifier, struct verify_check *check, enum err *err_r)
{
    struct directory_user user = {0};
    enum err err = directory_login(verifier->store, &check->arena, check->name, &user);
    check->login = SLICE_EMPTY;
    if (!err) {
        check->login = user.login;
        check->disabled = user.disabled;
    } else if (err != ERR_NOT_FOUND && err != ERR_SYNTAX) {
        *err_r = err;
    }
}

/* RFC 4616 section 2: acting as somebody else. Only as oneself, however that is spelled; a foreign identity
 * is refused as if the password were wrong (and only after it was checked). */
static void check_identity(struct verifier *verifier, struct verify_check *check)
{
    struct directory_user user = {0};
    if (check->identity.len == 0 || slice_eq(check->identity, check->name)) {
        return;
    }
    enum err err = directory_login(verifier->store, &check->arena, check->identity, &user);
    check->refused = err || !slice_eq(user.login, check->login);
}

static void find_stored_hash(struct verifier *verifier, struct verify_check *check, enum err *err_r)
{
    struct buf stored;
    buf_init(&stored, PASSWORD_HASH_SIZE);
    /* Asked for unknown names too, under the name as typed: the same work. */
    enum err err = secrets_get(verifier->secrets, check->login.len ? check->login : check->name, &stored);
    if (!err && check->login.len) {
        check->stored = arena_copy(&check->arena, buf_slice(&stored)); /* NUL-terminated there */
    } else if (err && err != ERR_NOT_FOUND) {
        *err_r = err;
    }
    buf_free(&stored);
}

static bool was_right_lately(struct verifier *verifier, const struct verify_check *check)
{
    return check->stored.len && !check->refused &&
           cache_has(verifier->cache, check->login, check->stored, buf_slice(&check->prepared),
                     clock_monotonic_ms());
}

static void accept(struct verify_check *check, bool cached)
{
    check->cached = cached;
    check->outcome = check->disabled ? AUTH_DISABLED : AUTH_OK;
    check->reason = check->disabled ? "disabled" : "";
}

void verify_lookup(struct verifier *verifier, struct verify_check *check)
{
    enum err err = ERR_OK;
    buf_init(&check->prepared, 2 * PASSWORD_LIMIT);
    buf_reserve(&check->prepared,
                2 * PASSWORD_LIMIT); /* all at once: no copy stays in memory that was outgrown */
    password_prepare(check->password, &check->prepared);
    find_user(verifier, check, &err);
    find_stored_hash(verifier, check, &err);
    check_identity(verifier, check);
    check->outcome = AUTH_CONTINUE;
    if (err) {
        log_error("auth.store", log_err(err));
        check->outcome = AUTH_UNAVAILABLE;
        check->reason = "store";
    } else if (was_right_lately(verifier, check)) {
        accept(check, true);
    }
}

/* --- the second half --- */

void verify_hash(struct verifier *verifier, struct verify_check *check)
{
    /* The same user's other connections may have been through while this one waited for a thread. */
    if (was_right_lately(verifier, check)) {
        accept(check, true);
        return;
    }
    const char *hash = check->stored.len ? check->stored.data : verifier->nobody;
    bool right = password_matches(buf_slice(&check->prepared), hash) && check->stored.len;
    atomic_fetch_add(&verifier->hashes, 1);
    if (!right || check->refused) {
        check->outcome = AUTH_FAILED;
        check->reason = !check->login.len    ? "unknown user"
                        : !check->stored.len ? "no password set"
                        : !right             ? "wrong password"
                                             : "other identity";
        return;
    }
    cache_add(verifier->cache, check->login, check->stored, buf_slice(&check->prepared),
              clock_monotonic_ms());
    accept(check, false);
}

void verify_end(struct verify_check *check)
{
    if (check->prepared.data) {
        mem_wipe(check->prepared.data, check->prepared.size);
    }
    buf_free(&check->prepared);
    arena_free(&check->arena);
}
