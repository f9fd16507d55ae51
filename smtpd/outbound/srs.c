/* SPDX-License-Identifier: ISC */
/*
 * Making and reading rewritten senders. In one place beyond the paper: the hash is SHA-256's, and its letters
 * are those of base32 (RFC 4648 section 6), which a change of case does not harm.
 */
#include "srs.h"

#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"
#include "base/scan.h"

enum { HASH_LENGTH = 4, DAY_LENGTH = 2, DAY_CYCLE = 1 << 10 };

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* --- the key --- */

static enum err read_key(const char *path, struct srs_key *key_r)
{
    struct buf content;
    buf_init(&content, SRS_KEY_SIZE);
    enum err err = fs_read_file(path, &content);
    if (!err && content.len != SRS_KEY_SIZE)
        err = ERR_CORRUPT;
    if (!err)
        memcpy(key_r->bytes, content.data, SRS_KEY_SIZE);
    buf_free(&content);
    return err == ERR_TOO_LONG ? ERR_CORRUPT : err;
}

/* Of several processes that find none, one makes it. */
static enum err make_key(const char *path, const char *lock_path, struct srs_key *key_r)
{
    int lock;
    enum err err = fs_lock_file(lock_path, true, &lock);
    if (err)
        return err;
    err = read_key(path, key_r);
    if (err == ERR_NOT_FOUND) {
        struct srs_key key;
        randombytes_buf(key.bytes, sizeof(key.bytes));
        err = fs_write_durable(path, slice_of((const char *)key.bytes, sizeof(key.bytes)), 0600);
        if (!err)
            *key_r = key;
    }
    close(lock);
    return err;
}

enum err srs_key_load(const char *data_directory, struct srs_key *key_r)
{
    struct arena arena = {0};
    const char *path = arena_printf(&arena, "%s/srs.key", data_directory);
    enum err err = read_key(path, key_r);
    if (err == ERR_NOT_FOUND)
        err = make_key(path, arena_printf(&arena, "%s/srs.lock", data_directory), key_r);
    if (err)
        log_error("srs.no_key", log_cstr("file", path), log_err(err));
    arena_free(&arena);
    return err;
}

/* --- the parts of an address --- */

/* HHHH of what follows it; `kind` is the digit before. */
static void hash(const struct srs_key *key, char kind, struct slice text, char hash_r[HASH_LENGTH])
{
    unsigned char digest[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key->bytes, sizeof(key->bytes));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)&kind, 1);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)char_lower(text.data[i]);
        crypto_auth_hmacsha256_update(&state, &c, 1);
    }
    crypto_auth_hmacsha256_final(&state, digest);
    for (unsigned i = 0; i < HASH_LENGTH; i++)
        hash_r[i] = base32[digest[i] % 32];
}

static bool hash_is(const struct srs_key *key, char kind, struct slice text, struct slice given)
{
    char expected[HASH_LENGTH];
    unsigned difference = given.len != HASH_LENGTH;
    hash(key, kind, text, expected);
    for (size_t i = 0; i < HASH_LENGTH && i < given.len; i++)
        difference |= (unsigned)(char_upper(given.data[i]) ^ expected[i]);
    return difference == 0;
}

static unsigned day_of(int64_t now_us)
{
    return (unsigned)(now_us / ((int64_t)86400 * 1000000) % DAY_CYCLE);
}

static int base32_value(char c)
{
    const char *place = c ? strchr(base32, char_upper(c)) : NULL;
    return place ? (int)(place - base32) : -1;
}

static bool day_is_valid(struct slice text, int64_t now_us)
{
    int high = text.len == DAY_LENGTH ? base32_value(text.data[0]) : -1;
    int low = high >= 0 ? base32_value(text.data[1]) : -1;
    if (low < 0)
        return false;
    return (day_of(now_us) + DAY_CYCLE - (unsigned)(high << 5 | low)) % DAY_CYCLE <= SRS_DAYS;
}

static bool is_separator(char c)
{
    return c == '=' || c == '+' || c == '-';
}

/* "SRS0" or "SRS1" with one of the three separators; *rest_r begins with it. */
static bool has_tag(struct slice local, struct slice tag, struct slice *rest_r)
{
    struct scan scan = scan_of(local);
    if (!scan_word(&scan, tag) || !is_separator(scan_peek(&scan)))
        return false;
    *rest_r = scan.rest;
    return true;
}

bool srs_is_rewritten(struct slice local)
{
    struct slice rest;
    return has_tag(local, S("SRS0"), &rest) || has_tag(local, S("SRS1"), &rest);
}

/* --- there --- */

/* "SRSn=HHHH=" before `text`, which the hash is of. */
static enum err sign(const struct srs_key *key, char kind, struct slice text, struct slice domain,
                     struct arena *arena, struct address *rewritten_r)
{
    char signature[HASH_LENGTH];
    hash(key, kind, text, signature);
    struct slice local =
        slice_from(arena_printf(arena, "SRS%c=%.*s=%.*s", kind, HASH_LENGTH, signature, SLICE_ARG(text)));
    if (local.len > ADDRESS_LOCAL_MAX)
        return ERR_TOO_LONG;
    *rewritten_r = (struct address){.local = local, .domain = domain};
    return ERR_OK;
}

/* What a forwarder before us has written: "first=" and what its own address had behind SRS0, or, of one that
 * was forwarded twice already, what it has behind its hash. */
static bool read_forwarded(const struct address *sender, struct slice domain, struct arena *arena,
                           struct slice *text_r)
{
    struct slice rest, first;
    if (has_tag(sender->local, S("SRS0"), &rest)) {
        *text_r = slice_from(arena_printf(arena, "%.*s=%.*s", SLICE_ARG(domain), SLICE_ARG(rest)));
        return true;
    }
    if (!has_tag(sender->local, S("SRS1"), &rest))
        return false;
    rest = slice_skip(rest, 1);
    slice_split(&rest, '=');
    *text_r = rest;
    first = slice_split(&rest, '=');
    return first.len > 0 && rest.len > 1 && is_separator(rest.data[0]);
}

enum err srs_rewrite(const struct srs_key *key, const struct address *sender, struct slice domain,
                     int64_t now_us, struct arena *arena, struct address *rewritten_r)
{
    struct slice host, text;
    if (sender->local.len == 0 || address_domain_key(arena, sender->domain, &host))
        return ERR_SYNTAX;
    if (read_forwarded(sender, host, arena, &text))
        return sign(key, '1', text, domain, arena, rewritten_r);
    unsigned day = day_of(now_us);
    text = slice_from(arena_printf(arena, "%c%c=%.*s=%.*s", base32[day >> 5], base32[day & 31],
                                   SLICE_ARG(host), SLICE_ARG(sender->local)));
    return sign(key, '0', text, domain, arena, rewritten_r);
}

/* --- and back --- */

static bool is_host(struct slice domain)
{
    return address_is_literal(domain) ? address_check_literal(domain)
                                      : address_check_domain(domain, false) == ERR_OK;
}

/* SRS0=HHHH=TT=host=local */
static enum err reverse_first(const struct srs_key *key, struct slice rest, int64_t now_us,
                              struct address *original_r)
{
    struct slice given = slice_split(&rest, '='), text = rest;
    struct slice day = slice_split(&rest, '='), host = slice_split(&rest, '=');
    if (rest.len == 0 || !is_host(host))
        return ERR_SYNTAX;
    if (!hash_is(key, '0', text, given))
        return ERR_DENIED;
    if (!day_is_valid(day, now_us))
        return ERR_TIMEOUT;
    *original_r = (struct address){.local = rest, .domain = host};
    return ERR_OK;
}

/* SRS1=HHHH=host=rest, which stands for SRS0rest@host. Its day is for that host to look at. */
static enum err reverse_again(const struct srs_key *key, struct slice rest, struct arena *arena,
                              struct address *original_r)
{
    struct slice given = slice_split(&rest, '='), text = rest;
    struct slice host = slice_split(&rest, '=');
    if (rest.len < 2 || !is_separator(rest.data[0]) || !is_host(host))
        return ERR_SYNTAX;
    if (!hash_is(key, '1', text, given))
        return ERR_DENIED;
    struct slice local = slice_from(arena_printf(arena, "SRS0%.*s", SLICE_ARG(rest)));
    *original_r = (struct address){.local = local, .domain = host};
    return ERR_OK;
}

enum err srs_reverse(const struct srs_key *key, struct slice local, int64_t now_us, struct arena *arena,
                     struct address *original_r)
{
    struct address original;
    struct slice rest;
    enum err err = ERR_SYNTAX;
    if (has_tag(local, S("SRS0"), &rest) && rest.data[0] == '=')
        err = reverse_first(key, slice_skip(rest, 1), now_us, &original);
    else if (has_tag(local, S("SRS1"), &rest) && rest.data[0] == '=')
        err = reverse_again(key, slice_skip(rest, 1), arena, &original);
    if (err)
        return err;
    original_r->local = arena_copy(arena, original.local);
    original_r->domain = arena_copy(arena, original.domain);
    return ERR_OK;
}
