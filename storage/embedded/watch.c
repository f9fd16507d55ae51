/* SPDX-License-Identifier: ISC */
/*
 * The receiving side of notify.h.
 *
 *     datagram                  the account's callbacks, those of one call of watch_dispatch merged
 *     word "full" set           a datagram was lost: all accounts are compared, soon
 *     sweep                     each account is compared once within the interval, some at each call
 *     watch_add                 compared soon: a change between the caller's read and watch_add was told to
 *                               nobody
 *
 * To compare is first a look at the account's WAL, which every commit writes: only when it was written since
 * the last look is the index asked for its counter. A look at Maildir/new, where nobody but other programs
 * writes, tells of their mail without opening the account.
 */
#include "watch_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>
#include <uthash.h>
#include <utlist.h>

#include "account_path.h"
#include "account_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "notify.h"
#include "storage/snapshot.h"

#define DATAGRAMS_MAX 1024 /* taken in one call; the descriptor stays readable when there are more */
#define URGENT_MAX    256  /* accounts compared in one call besides the sweep's share */
#define SWEEP_SLACK   6    /* the sweep is done in 5/6 of the promised time: calls come late */
#define UNSURE_NS     100000000
#define STALE_SECONDS 60

/* The WAL at the last look; zeroed: not known, or so young that it may change without a trace. */
struct stamp {
    int64_t mtime, size;
    ino_t inode;
};

struct watched {
    struct watched *prev, *next; /* of its account */
    struct watched *removed_next;
    struct watched_account *account;
    watch_callback *callback; /* NULL: removed, and freed when the dispatch ends */
    void *data;
    uint64_t known;
};

struct watched_account {
    UT_hash_handle hh;                   /* by key */
    struct watched_account *prev, *next; /* in the ring of the sweep */
    struct watch *watch;
    uint64_t key;
    char *login, *wal, *drops; /* paths below the data directory */
    struct stamp stamp;
    int64_t drops_mtime; /* of the folder `drops`; 0: not looked at yet */
    struct watched *list;
    struct watched_account *pending_next;
    struct watch_event pending; /* modseq 0: nothing */
};

struct watch {
    struct store *store;
    int fd;
    char name[NOTIFY_NAME_MAX];
    atomic_uint *full;
    struct watched_account *table;
    struct watched_account *ring; /* the one to be compared next comes first */
    unsigned count, urgent;       /* urgent: so many at the head of the ring are compared at once */
    struct watched_account *pending;
    struct watched *removed;
    bool dispatching;
    int64_t sweep_ms, swept_ms, credit; /* credit: accounts * ms that the sweep owes */
};

/* Words of processes that died between making one and its socket. */
static void remove_stale_words(int folder_fd)
{
    int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char name[NAME_MAX + 1];
        struct stat info;
        struct slice text = slice_from(entry->d_name);
        if (!slice_ends_with_nocase(text, S(NOTIFY_FULL))) {
            continue;
        }
        snprintf(name, sizeof(name), "%.*s", (int)(text.len - strlen(NOTIFY_FULL)), entry->d_name);
        if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT &&
            fstatat(folder_fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            clock_wall_us() / 1000000 - info.st_mtim.tv_sec > STALE_SECONDS) {
            unlinkat(folder_fd, entry->d_name, 0);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

static enum err open_socket(struct watch *watch)
{
    struct sockaddr_un address;
    uint64_t random;
    int folder_fd = notify_folder(watch->store->notifier);
    randombytes_buf(&random, sizeof(random));
    snprintf(watch->name, sizeof(watch->name), "%d.%016" PRIx64, (int)getpid(), random);
    enum err err = notify_address(watch->store, watch->name, &address);
    if (err) {
        return err;
    }
    remove_stale_words(folder_fd);
    watch->full = notify_map_full(folder_fd, watch->name, true);
    if (!watch->full) {
        return err_from_errno(errno);
    }
    watch->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (watch->fd < 0 || bind(watch->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return err_from_errno(errno);
    }
    return ERR_OK;
}

enum err watch_open(struct store *store, struct watch **watch_r)
{
    struct watch *watch = mem_new(struct watch);
    watch->store = store;
    watch->fd = -1;
    watch->swept_ms = clock_monotonic_ms();
    watch_set_sweep(watch, WATCH_SWEEP_US / 1000);
    enum err err = open_socket(watch);
    if (err) {
        log_error("watch.open_failed", log_cstr("directory", store->data), log_err(err));
        watch_close(watch);
        return err;
    }
    *watch_r = watch;
    return ERR_OK;
}

void watch_set_sweep(struct watch *watch, int64_t interval_ms)
{
    watch->sweep_ms = MAX_OF(interval_ms - interval_ms / SWEEP_SLACK, 1);
}

void watch_close(struct watch *watch)
{
    if (!watch) {
        return;
    }
    if (watch->fd >= 0) {
        close(watch->fd);
    }
    notify_remove(notify_folder(watch->store->notifier), watch->name);
    notify_unmap_full(watch->full);
    mem_free(watch);
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

static char *path_of(struct slice login, struct slice file)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_append(&path, S("mail/"));
    if (account_path(&path, login)) { /* no account can have this name: there is nothing to look at */
        buf_clear(&path);
    }
    buf_append(&path, file);
    char *copy = mem_strdup(buf_cstr(&path));
    buf_free(&path);
    return copy;
}

static struct watched_account *find_account(struct watch *watch, uint64_t key)
{
    struct watched_account *account = NULL;
    HASH_FIND(hh, watch->table, &key, sizeof(key), account);
    return account;
}

static struct watched_account *new_account(struct watch *watch, uint64_t key, struct slice login)
{
    struct watched_account *account = mem_new(struct watched_account);
    struct arena arena = {0};
    account->watch = watch;
    account->key = key;
    account->login = mem_strdup(arena_cstr(&arena, login));
    account->wal = path_of(login, S("/index.db-wal"));
    account->drops = path_of(login, S("/Maildir/new"));
    HASH_ADD(hh, watch->table, key, sizeof(key), account);
    DL_PREPEND(watch->ring, account);
    watch->count++;
    arena_free(&arena);
    return account;
}

struct watched *watch_add(struct watch *watch, struct slice login, uint64_t modseq, watch_callback *callback,
                          void *data)
{
    struct watched *watched = mem_new(struct watched);
    uint64_t key = notice_key(login);
    struct watched_account *account;
    /* Two logins with one key: the second hears nothing, and lives by the sweep. */
    while ((account = find_account(watch, key)) && !slice_eq(slice_from(account->login), login)) {
        key++;
    }
    if (account) {
        DL_DELETE(watch->ring, account);
        DL_PREPEND(watch->ring, account);
    } else {
        account = new_account(watch, key, login);
    }
    account->stamp = (struct stamp){0};
    watch->urgent++;
    *watched = (struct watched){.account = account, .callback = callback, .data = data, .known = modseq};
    DL_APPEND(account->list, watched);
    return watched;
}

static void free_watched(struct watched *watched)
{
    struct watched_account *account = watched->account;
    struct watch *watch = account->watch;
    DL_DELETE(account->list, watched);
    mem_free(watched);
    if (!account->list) {
        HASH_DEL(watch->table, account);
        DL_DELETE(watch->ring, account);
        watch->count--;
        mem_free(account->login);
        mem_free(account->wal);
        mem_free(account->drops);
        mem_free(account);
    }
}

void watch_remove(struct watched *watched)
{
    struct watch *watch = watched->account->watch;
    if (watch->dispatching) { /* somebody stands on it, or on its account */
        watched->callback = NULL;
        watched->removed_next = watch->removed;
        watch->removed = watched;
        return;
    }
    free_watched(watched);
}

static void tell(struct watched_account *account, const struct watch_event *event, bool always)
{
    struct watched *watched;
    DL_FOREACH (account->list, watched) {
        if (watched->callback && (always || event->modseq > watched->known)) {
            watched->known = event->modseq;
            watched->callback(watched->data, event);
        }
    }
}

static void take_notice(struct watch *watch, const struct notice *notice)
{
    struct watched_account *account =
        notice->kind == NOTICE_COMMIT ? find_account(watch, notice->account) : NULL;
    if (!account) {
        return;
    }
    if (account->pending.modseq == 0) {
        account->pending.mailbox_id = notice->mailbox;
        account->pending_next = watch->pending;
        watch->pending = account;
    } else if (account->pending.mailbox_id != notice->mailbox) {
        account->pending.mailbox_id = 0;
    }
    account->pending.modseq = MAX_OF(account->pending.modseq, notice->modseq);
}

static void receive(struct watch *watch)
{
    struct notice notice;
    for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
        ssize_t got = recv(watch->fd, &notice, sizeof(notice), MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && errno != EINTR) {
            break;
        }
        if (got == (ssize_t)sizeof(notice)) {
            take_notice(watch, &notice);
        }
    }
    while (watch->pending) {
        struct watched_account *account = watch->pending;
        struct watch_event event = account->pending;
        watch->pending = account->pending_next;
        account->pending = (struct watch_event){0};
        tell(account, &event, false);
    }
}

static struct stamp look_at_wal(const struct watched_account *account)
{
    struct stat info;
    if (fstatat(account->watch->store->data_fd, account->wal, &info, 0) != 0) {
        return (struct stamp){0};
    }
    return (struct stamp){.mtime = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
                          .size = info.st_size,
                          .inode = info.st_ino};
}

/* By a handle for readers: no waiting for somebody's commit. */
static enum err read_modseq(const struct watched_account *watched, uint64_t *modseq_r)
{
    struct account *account;
    struct snapshot *snapshot = NULL;
    enum err err = account_open(watched->watch->store, slice_from(watched->login), &account);
    if (err) {
        return err;
    }
    err = snapshot_open(account, &snapshot);
    if (!err) {
        *modseq_r = snapshot_modseq(snapshot);
        snapshot_close(snapshot);
    }
    account_close(account);
    return err;
}

/* The counter is not what we know: higher, or lower when an index from a backup took the place of ours. */
static void tell_those_behind(struct watched_account *account, uint64_t modseq)
{
    struct watch_event event = {.modseq = modseq};
    bool behind = false;
    struct watched *watched;
    DL_FOREACH (account->list, watched) {
        behind = behind || (watched->callback && watched->known != modseq);
    }
    if (behind) {
        tell(account, &event, true);
    }
}

/* Mail of another program, perhaps: whoever looks at the folder will see. */
static void look_for_drops(struct watched_account *account)
{
    int64_t before = account->drops_mtime;
    account->drops_mtime = folder_mtime(account->watch->store->data_fd, account->drops);
    if (before == 0 || before == account->drops_mtime) {
        return;
    }
    struct watched *watched;
    DL_FOREACH (account->list, watched) {
        if (watched->callback) {
            watched->callback(watched->data, &(struct watch_event){.modseq = watched->known});
        }
    }
}

static void compare(struct watched_account *account)
{
    uint64_t modseq;
    look_for_drops(account);
    struct stamp stamp = look_at_wal(account);
    if (stamp.inode && memcmp(&stamp, &account->stamp, sizeof(stamp)) == 0) {
        return;
    }
    account->stamp = (struct stamp){0};
    enum err err = read_modseq(account, &modseq);
    if (err) {
        log_debug("watch.not_compared", log_cstr("account", account->login), log_err(err));
        return;
    }
    if (clock_wall_us() * 1000 - stamp.mtime > UNSURE_NS) {
        account->stamp = stamp;
    }
    tell_those_behind(account, modseq);
}

/* How many accounts the time that went by asks for. */
static unsigned sweep_share(struct watch *watch)
{
    int64_t now = clock_monotonic_ms();
    int64_t passed = MIN_OF(now - watch->swept_ms, 2 * WATCH_SWEEP_MS);
    watch->swept_ms = now;
    watch->credit += passed * watch->count;
    int64_t share = watch->credit / watch->sweep_ms;
    watch->credit -= share * watch->sweep_ms;
    return (unsigned)MIN_OF(share, (int64_t)watch->count);
}

static void wake_self(struct watch *watch)
{
    struct notice notice = {.kind = NOTICE_WAKE};
    struct sockaddr_un address;
    if (!notify_address(watch->store, watch->name, &address)) {
        /* When the queue is full, the descriptor is readable anyway. */
        (void)!sendto(watch->fd, &notice, sizeof(notice), MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, sizeof(address));
    }
}

static void sweep(struct watch *watch)
{
    if (atomic_exchange(watch->full, 0) != 0) {
        watch->urgent = watch->count;
    }
    watch->urgent = MIN_OF(watch->urgent, watch->count);
    unsigned urgent = MIN_OF(watch->urgent, URGENT_MAX);
    unsigned share = MIN_OF(urgent + sweep_share(watch), watch->count);
    watch->urgent -= urgent;
    while (share-- > 0) {
        struct watched_account *account = watch->ring;
        DL_DELETE(watch->ring, account);
        DL_APPEND(watch->ring, account);
        compare(account);
    }
    if (watch->urgent > 0) {
        wake_self(watch);
    }
}

static void free_removed(struct watch *watch)
{
    while (watch->removed) {
        struct watched *watched = watch->removed;
        watch->removed = watched->removed_next;
        free_watched(watched);
    }
}

void watch_dispatch(struct watch *watch)
{
    watch->dispatching = true;
    receive(watch);
    sweep(watch);
    watch->dispatching = false;
    free_removed(watch);
}
