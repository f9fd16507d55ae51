/* SPDX-License-Identifier: ISC */
/*
 * The counters behind the delays: one table for both kinds of keys, in the order of last use. Keys and wrong
 * passwords are kept as hashes under a key that is made at start and never leaves the process.
 */
#include "throttle.h"

#include <arpa/inet.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "digest.h"

/* Failures without a delay; then 1, 2, 4, 8, 10, 10 … seconds. */
#define FREE_FAILURES    4
#define FIRST_DELAY_MS   1000
#define LONGEST_DELAY_MS 10000
/* More than this are not counted, so that it takes no longer than MOST_FAILURES * FORGET_MS to be as good as
 * new. */
#define MOST_FAILURES 10
/* After this time one failure is forgotten. */
#define FORGET_MS (2 * 60 * 1000)
/* How many different wrong passwords are recognised when they come again. */
#define KNOWN_WRONG 8

/* Longer names are told apart by these bytes only. */
#define NAME_LIMIT 512

enum key_kind { KEY_ADDRESS, KEY_ACCOUNT_IN_NETWORK, KEY_COUNT };

struct entry {
    struct digest key;
    unsigned failures;
    int64_t since; /* when the count was last brought down */
    struct digest wrong[KNOWN_WRONG];
    unsigned next_wrong;
    UT_hash_handle hh; /* the table's own order is that of insertion: the first is the one to go */
};

struct throttle {
    struct entry *entries;
    size_t limit;
    struct digest_key secret;
};

struct throttle *throttle_new(size_t limit)
{
    struct throttle *throttle = mem_new(struct throttle);
    throttle->limit = limit;
    digest_key_make(&throttle->secret);
    return throttle;
}

static void drop(struct throttle *throttle, struct entry *entry)
{
    HASH_DEL(throttle->entries, entry);
    mem_free(entry);
}

void throttle_free(struct throttle *throttle)
{
    if (throttle) {
        while (throttle->entries) {
            drop(throttle, throttle->entries);
        }
        mem_wipe(&throttle->secret, sizeof(throttle->secret));
        mem_free(throttle);
    }
}

size_t throttle_size(const struct throttle *throttle)
{
    return HASH_COUNT(throttle->entries);
}

/* --- keys --- */

/* The first bytes of the address that count; the whole text when it is no IP address ("local"). */
static struct slice network_of(const char *address, size_t v4_bytes, size_t v6_bytes, unsigned char bytes[16])
{
    if (inet_pton(AF_INET, address, bytes) == 1) {
        return slice_of(bytes, v4_bytes);
    }
    if (inet_pton(AF_INET6, address, bytes) == 1) {
        return slice_of(bytes, v6_bytes);
    }
    return slice_from(address);
}

static struct digest key_of(const struct throttle *throttle, const struct throttle_attempt *attempt,
                            enum key_kind kind)
{
    unsigned char network[16];
    char name[NAME_LIMIT];
    if (kind == KEY_ADDRESS) {
        struct slice parts[] = {S("address"), network_of(attempt->address, 4, 8, network)};
        return digest_of(&throttle->secret, parts, ARRAY_LEN(parts));
    }
    struct slice typed = slice_take(slice_trim(attempt->name), NAME_LIMIT);
    for (size_t i = 0; i < typed.len; i++) {
        name[i] = char_lower(typed.data[i]);
    }
    struct slice parts[] = {S("account"), network_of(attempt->address, 3, 6, network),
                            slice_of(name, typed.len)};
    return digest_of(&throttle->secret, parts, ARRAY_LEN(parts));
}

static struct entry *find(const struct throttle *throttle, const struct throttle_attempt *attempt,
                          enum key_kind kind)
{
    struct digest key = key_of(throttle, attempt, kind);
    struct entry *entry;
    HASH_FIND(hh, throttle->entries, &key, sizeof(key), entry);
    return entry;
}

/* --- counting --- */

static void forget_old_failures(struct entry *entry, int64_t now)
{
    int64_t steps = (now - entry->since) / FORGET_MS;
    if (steps <= 0) {
        return;
    }
    entry->failures -= (unsigned)MIN_OF(steps, (int64_t)entry->failures);
    entry->since += steps * FORGET_MS;
}

static int64_t delay_for(unsigned failures)
{
    int64_t delay = FIRST_DELAY_MS;
    if (failures < FREE_FAILURES) {
        return 0;
    }
    for (unsigned i = FREE_FAILURES; i < failures && delay < LONGEST_DELAY_MS; i++) {
        delay *= 2;
    }
    return MIN_OF(delay, (int64_t)LONGEST_DELAY_MS);
}

int64_t throttle_delay(struct throttle *throttle, const struct throttle_attempt *attempt, int64_t now)
{
    int64_t delay = 0;
    for (enum key_kind kind = 0; kind < KEY_COUNT; kind++) {
        struct entry *entry = find(throttle, attempt, kind);
        if (entry) {
            forget_old_failures(entry, now);
            delay = MAX_OF(delay, delay_for(entry->failures));
        }
    }
    return delay;
}

/* The entry, made when missing, as the most recently used one. */
static struct entry *touch(struct throttle *throttle, const struct throttle_attempt *attempt,
                           enum key_kind kind, int64_t now)
{
    struct entry *entry = find(throttle, attempt, kind);
    if (entry) {
        HASH_DEL(throttle->entries, entry);
        forget_old_failures(entry, now);
    } else {
        entry = mem_new(struct entry);
        entry->key = key_of(throttle, attempt, kind);
        entry->since = now;
        if (HASH_COUNT(throttle->entries) >= throttle->limit) {
            drop(throttle, throttle->entries);
        }
    }
    HASH_ADD(hh, throttle->entries, key, sizeof(entry->key), entry);
    return entry;
}

static bool is_known_wrong(const struct entry *entry, const struct digest *wrong)
{
    for (size_t i = 0; i < KNOWN_WRONG; i++) {
        if (memcmp(&entry->wrong[i], wrong, sizeof(*wrong)) == 0) {
            return true;
        }
    }
    return false;
}

void throttle_failed(struct throttle *throttle, const struct throttle_attempt *attempt, struct slice password,
                     int64_t now)
{
    struct slice parts[] = {S("wrong"), attempt->name, password};
    struct digest wrong = digest_of(&throttle->secret, parts, ARRAY_LEN(parts));
    for (enum key_kind kind = 0; kind < KEY_COUNT; kind++) {
        struct entry *entry = touch(throttle, attempt, kind, now);
        if (is_known_wrong(entry, &wrong)) {
            continue;
        }
        entry->wrong[entry->next_wrong++ % KNOWN_WRONG] = wrong;
        if (entry->failures == 0) {
            entry->since = now;
        }
        entry->failures = MIN_OF(entry->failures + 1, (unsigned)MOST_FAILURES);
    }
}

void throttle_succeeded(struct throttle *throttle, const struct throttle_attempt *attempt)
{
    for (enum key_kind kind = 0; kind < KEY_COUNT; kind++) {
        struct entry *entry = find(throttle, attempt, kind);
        if (entry) {
            drop(throttle, entry);
        }
    }
}
