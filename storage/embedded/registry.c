/* SPDX-License-Identifier: ISC */
/*
 * Opening runs outside of the registry's mutex, because it may take long (a Maildir that has to be read): an
 * entry in the state OPENING keeps others from opening the same account meanwhile. An entry whose folder was
 * moved away (user removed, and perhaps added again) is taken out of the table at the next look, and freed by
 * its last user.
 */
#include "registry.h"

#include <assert.h>
#include <sys/resource.h>

#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

#define IDLE_MAX 256
/* Of an idle account: folder, inbox, lock, shared memory, one in passing; database and WAL for the writer and
 * for each reader; four of the full-text index. */
#define FDS_EACH      (5 + 2 * (1 + READERS_KEPT_IDLE) + 4)
#define FDS_ELSEWHERE 256 /* left for connections and the rest */

struct entry {
    UT_hash_handle hh;
    struct entry *prev, *next; /* in the list of the idle ones */
    char *login;
    struct account *account; /* NULL while it is being opened */
    unsigned users;
    bool listed; /* in the table */
};

struct registry {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct entry *table;
    struct entry *idle; /* the longest idle first */
    unsigned idle_count, idle_max;
};

static unsigned idle_bound(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return IDLE_MAX;
    }
    rlim_t spare = limit.rlim_cur > FDS_ELSEWHERE ? limit.rlim_cur - FDS_ELSEWHERE : 0;
    rlim_t bound =
        spare / 2 / FDS_EACH; /* the other half is for accounts in use, which may have more readers */
    return (unsigned)MAX_OF(MIN_OF(bound, (rlim_t)IDLE_MAX), (rlim_t)8);
}

struct registry *registry_new(void)
{
    struct registry *registry = mem_new(struct registry);
    pthread_mutex_init(&registry->mutex, NULL);
    pthread_cond_init(&registry->changed, NULL);
    registry->idle_max = idle_bound();
    return registry;
}

static void free_entry(struct entry *entry)
{
    account_unload(entry->account);
    mem_free(entry->login);
    mem_free(entry);
}

void registry_free(struct registry *registry)
{
    struct entry *entry, *next;
    if (!registry) {
        return;
    }
    DL_FOREACH_SAFE(registry->idle, entry, next)
    {
        // Every entry is in the table. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
        HASH_DEL(registry->table, entry);
        DL_DELETE(registry->idle, entry);
        free_entry(entry);
    }
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->mutex);
    mem_free(registry);
}

/* Nobody finds it any more. The caller holds the mutex. */
static void unlist(struct registry *registry, struct entry *entry)
{
    HASH_DEL(registry->table, entry);
    entry->listed = false;
    if (entry->users == 0) {
        DL_DELETE(registry->idle, entry);
        registry->idle_count--;
    }
}

static struct entry *find(struct registry *registry, struct slice login)
{
    struct entry *entry = NULL;
    HASH_FIND(hh, registry->table, login.data, login.len, entry);
    return entry;
}

/* The open entry for the login, with one user more, or NULL; waits for one that is being opened. The caller
 * holds the mutex. */
static struct entry *take_open(struct registry *registry, struct slice login)
{
    struct entry *entry;
    while ((entry = find(registry, login)) && !entry->account) {
        pthread_cond_wait(&registry->changed, &registry->mutex);
    }
    if (entry && entry->users++ == 0) {
        DL_DELETE(registry->idle, entry);
        registry->idle_count--;
    }
    return entry;
}

/* Gives back an entry whose account was replaced, and lets nobody find it any more. */
static void give_up(struct registry *registry, struct entry *entry)
{
    pthread_mutex_lock(&registry->mutex);
    if (entry->listed) {
        unlist(registry, entry);
    }
    bool last = --entry->users == 0;
    pthread_mutex_unlock(&registry->mutex);
    if (last) {
        free_entry(entry);
    }
}

static struct entry *add_opening(struct registry *registry, struct slice login)
{
    struct entry *entry = mem_new(struct entry);
    struct arena arena = {0};
    entry->login = mem_strdup(arena_cstr(&arena, login));
    entry->users = 1;
    entry->listed = true;
    HASH_ADD_KEYPTR(hh, registry->table, entry->login, login.len, entry);
    arena_free(&arena);
    return entry;
}

static enum err open_entry(struct store *store, struct entry *entry)
{
    struct registry *registry = store->registry;
    struct account *account = NULL;
    enum err err = account_load(store, slice_from(entry->login), &account);
    pthread_mutex_lock(&registry->mutex);
    if (err) {
        HASH_DEL(registry->table, entry);
    } else {
        account->entry = entry;
        entry->account = account;
    }
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->mutex);
    if (err) {
        free_entry(entry);
    }
    return err;
}

enum err registry_acquire(struct store *store, struct slice login, struct account **account_r)
{
    struct registry *registry = store->registry;
    struct entry *entry;
    bool opening;
    for (;;) {
        pthread_mutex_lock(&registry->mutex);
        entry = take_open(registry, login);
        opening = !entry;
        if (opening) {
            entry = add_opening(registry, login);
        }
        pthread_mutex_unlock(&registry->mutex);
        /* Asking the file system with the mutex held would make all accounts wait for each other. */
        if (opening || account_is_current(entry->account)) {
            break;
        }
        give_up(registry, entry);
    }
    enum err err = opening ? open_entry(store, entry) : ERR_OK;
    if (!err) {
        *account_r = entry->account;
    }
    return err;
}

void registry_hold(struct account *account)
{
    struct registry *registry = account->store->registry;
    struct entry *entry = account->entry;
    pthread_mutex_lock(&registry->mutex);
    assert(entry->users > 0);
    entry->users++;
    pthread_mutex_unlock(&registry->mutex);
}

void registry_release(struct account *account)
{
    struct registry *registry = account->store->registry;
    struct entry *entry = account->entry;
    struct entry *surplus = NULL;
    struct db *readers[READERS_KEPT];
    unsigned reader_count = 0;
    pthread_mutex_lock(&registry->mutex);
    assert(entry->users > 0); /* somebody closed it twice */
    if (--entry->users == 0) {
        reader_count = readers_take_surplus(&account->readers, readers);
        if (entry->listed) {
            DL_APPEND(registry->idle, entry);
            registry->idle_count++;
        } else {
            surplus = entry;
        }
    }
    if (!surplus && registry->idle_count > registry->idle_max) {
        surplus = registry->idle;
        unlist(registry, surplus);
    }
    pthread_mutex_unlock(&registry->mutex);
    for (unsigned i = 0; i < reader_count; i++) {
        db_close(readers[i]);
    }
    if (surplus) {
        free_entry(surplus);
    }
}
