/* SPDX-License-Identifier: ISC */
/* The domains that mail goes to, in memory: what the store knows of them, and what is found out meanwhile. */
#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"
#include "policy_priv.h"

#define uthash_malloc(size)       mem_alloc(size)
#define uthash_free(memory, size) mem_free(memory)
#include <uthash.h>

/* A domain costs some hundred bytes, and a policy of up to MTA_STS_POLICY_MAX, which is its own to choose. */
#define ENTRIES_MAX 500

struct cached {
    UT_hash_handle hh; /* in the order of their last use */
    struct policy_entry entry;
    char name[];
};

struct policy_cache {
    struct cached *table;
};

struct policy_cache *policy_cache_new(void)
{
    return mem_new(struct policy_cache);
}

static void cached_free(struct policy_cache *cache, struct cached *cached)
{
    HASH_DEL(cache->table, cached);
    arena_free(&cached->entry.arena);
    mem_free(cached);
}

void policy_cache_free(struct policy_cache *cache)
{
    struct cached *cached, *next;
    HASH_ITER (hh, cache->table, cached, next)
        cached_free(cache, cached);
    mem_free(cache);
}

static void make_room(struct policy_cache *cache)
{
    struct cached *cached, *next;
    HASH_ITER (hh, cache->table, cached, next) {
        if (HASH_COUNT(cache->table) < ENTRIES_MAX)
            break;
        if (cached->entry.users == 0 && !cached->entry.is_changed)
            cached_free(cache, cached);
    }
}

static struct cached *find(struct policy_cache *cache, struct slice domain)
{
    struct cached *cached;
    HASH_FIND(hh, cache->table, domain.data, domain.len, cached);
    if (cached) { /* to the end of the line */
        HASH_DEL(cache->table, cached);
        HASH_ADD(hh, cache->table, name, domain.len, cached);
    }
    return cached;
}

struct policy_entry *policy_entry_find(struct relay_policy *policy, struct slice domain)
{
    struct cached *cached = find(policy->cache, domain);
    return cached ? &cached->entry : NULL;
}

static void set_known(struct policy_entry *entry, const struct tls_policy *known)
{
    struct arena arena = {0};
    struct tls_policy copy = *known;
    copy.domain = arena_copy(&arena, known->domain);
    copy.id = arena_copy(&arena, known->id);
    copy.text = arena_copy(&arena, known->text);
    arena_free(&entry->arena);
    entry->arena = arena;
    entry->known = copy;
}

void policy_entry_set_text(struct policy_entry *entry, struct slice id, struct slice text, int64_t fetched_us,
                           int64_t ends_us, int64_t refresh_us)
{
    struct tls_policy known = entry->known;
    known.id = id;
    known.text = text;
    known.fetched_us = fetched_us;
    known.ends_us = ends_us;
    known.refresh_us = refresh_us;
    set_known(entry, &known);
    entry->is_changed = true;
}

struct reading {
    struct store *store;
    struct slice domain;
    struct arena arena;
    struct tls_policy known;
    enum err err;
};

static void read_known(void *arg)
{
    struct reading *reading = arg;
    reading->err = tls_policy_find(reading->store, reading->domain, &reading->arena, &reading->known);
}

static struct cached *add(struct policy_cache *cache, struct slice domain, const struct tls_policy *known)
{
    struct cached *cached = mem_alloc(sizeof(*cached) + domain.len + 1);
    make_room(cache);
    memcpy(cached->name, domain.data, domain.len);
    HASH_ADD(hh, cache->table, name, domain.len, cached);
    set_known(&cached->entry, known);
    return cached;
}

enum err policy_entry_take(struct relay_policy *policy, struct slice domain, struct policy_entry **entry_r)
{
    struct cached *cached = find(policy->cache, domain);
    if (!cached) {
        struct reading reading = {.store = policy->store, .domain = domain};
        enum err err = work_run(policy->work, 0, read_known, &reading);
        err = err ? err : reading.err;
        if (err == ERR_NOT_FOUND)
            reading.known = (struct tls_policy){.domain = domain};
        cached = find(policy->cache, domain); /* another task may have read it meanwhile */
        if (!cached && (!err || err == ERR_NOT_FOUND))
            cached = add(policy->cache, domain, &reading.known);
        arena_free(&reading.arena);
        if (!cached)
            return err;
    }
    cached->entry.users++;
    *entry_r = &cached->entry;
    return ERR_OK;
}

void policy_entry_release(struct policy_entry *entry)
{
    entry->users--;
}

/* --- writing --- */

struct writing {
    struct store *store;
    struct arena arena;
    struct tls_policy *list;
    size_t count;
    enum err err;
};

static void write_known(void *arg)
{
    struct writing *writing = arg;
    writing->err = tls_policy_put(writing->store, writing->list, writing->count);
}

/* What changes while the thread writes is written the next time; what a task that is to end leaves, by
 * relay_policy_stop. */
void policy_cache_write(struct relay_policy *policy)
{
    struct writing writing = {.store = policy->store};
    struct cached *cached, *next;
    size_t changed = 0;
    if (task_current() && task_is_canceled())
        return;
    HASH_ITER (hh, policy->cache->table, cached, next)
        changed += cached->entry.is_changed;
    if (changed == 0)
        return;
    writing.list = arena_array(&writing.arena, struct tls_policy, changed);
    HASH_ITER (hh, policy->cache->table, cached, next) {
        struct tls_policy *copy = &writing.list[writing.count];
        if (!cached->entry.is_changed)
            continue;
        *copy = cached->entry.known;
        copy->domain = arena_copy(&writing.arena, copy->domain);
        copy->id = arena_copy(&writing.arena, copy->id);
        copy->text = arena_copy(&writing.arena, copy->text);
        cached->entry.is_changed = false;
        writing.count++;
    }
    enum err err = work_run(policy->work, 0, write_known, &writing);
    err = err ? err : writing.err;
    if (err)
        log_warning("tls_policy.not_written", log_number("domains", writing.count), log_err(err));
    arena_free(&writing.arena);
}
