/* SPDX-License-Identifier: ISC */
/*
 * What nobody waits for. Each process that changes accounts may have one thread for it, with low priority; an
 * account's work begins when it was left alone for some seconds, or after half a minute at the latest. All of
 * it may be broken off at any moment and is found again by its traces in the index: letters that wait, bodies
 * without thread, a copy that is old. Several processes may be at the same account: each step takes the
 * account's lock for itself, or leaves the work to who has it.
 */
#include "maintain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <uthash.h>
#include <utlist.h>

#include "afterwards.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fts.h"
#include "index_backup.h"
#include "intents.h"
#include "letters.h"
#include "recovery.h"
#include "shares.h"
#include "storage/care.h"
#include "threads.h"
#include "vanished.h"

#define QUIET_MS       5000  /* the account was not changed for so long */
#define WAIT_MAX_MS    30000 /* but its work waits no longer than this */
#define RETRY_MS       60000
#define NICENESS       10
#define TURN_MS        5000
#define BODIES_AT_ONCE 256
#define IDLE_WAL_BYTES (1024 * 1024)
#define DAMAGED_DAYS   30

struct waiting {
    UT_hash_handle hh; /* by login */
    struct waiting *prev, *next;
    char *login;
    int64_t first_ms, last_ms, due_ms;
};

struct maintenance {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    atomic_bool stop;
    struct waiting *table;
    struct waiting *list; /* by due_ms */
    int64_t quiet_ms, wait_max_ms;
};

/* ---- the work ---- */

struct pass {
    struct account *account;
    maintain_go_on *go_on;
    void *data;
    bool in_turns; /* other accounts wait */
    bool more;     /* to be gone on with when they had theirs */
};

static bool may_go_on(const struct pass *pass)
{
    return !pass->go_on || pass->go_on(pass->data);
}

/* Left by a process that died, or by an error that may be gone. */
static enum err unlink_files(struct pass *pass)
{
    if (intents_left(pass->account)) {
        atomic_store(&pass->account->has_unlinks, true);
    }
    afterwards_do(pass->account, true);
    return pass->in_turns && intents_left(pass->account) ? ERR_UNAVAILABLE : ERR_OK; /* to be tried again */
}

static enum err rename_files(struct pass *pass)
{
    bool more = true;
    enum err err = ERR_OK;
    while (more && !err) {
        err = may_go_on(pass) ? letters_run(pass->account, LETTERS_AT_ONCE, &more) : ERR_CANCELED;
    }
    return err;
}

static enum err compare_folders(struct pass *pass)
{
    return account_compare_folders(pass->account);
}

static enum err trim_vanished(struct pass *pass)
{
    return vanished_trim(pass->account, clock_wall_us());
}

static enum err copy_index(struct pass *pass)
{
    return index_backup_if_due(pass->account, pass->go_on, pass->data);
}

static enum err find_threads(struct pass *pass)
{
    enum err err = threads_catch_up(pass->account, pass->go_on, pass->data);
    return err ? err : threads_trim(pass->account);
}

/* Much text takes long: others get their turn in between. */
static enum err index_text(struct pass *pass)
{
    int64_t until = clock_monotonic_ms() + TURN_MS;
    uint64_t pending = UINT64_MAX, before;
    bool cleared = false;
    enum err err = fts_sweep(pass->account, &cleared);
    do {
        before = pending;
        err = err ? err : fts_catch_up(pass->account, BODIES_AT_ONCE, pass->go_on, pass->data);
        err = err ? err : fts_pending(pass->account, &pending);
        pass->more = pass->in_turns && clock_monotonic_ms() > until;
    } while (!err && pending > 0 && pending < before && !pass->more);
    if (err == ERR_CORRUPT) { /* no trouble of the account's: the next use makes a new one */
        pass->more = true;
        err = ERR_OK;
    }
    return err == ERR_BUSY ? ERR_OK : err; /* somebody else is at it */
}

/* Indexes that were found damaged are kept for somebody to look at, but not for ever. */
static enum err remove_damaged(struct pass *pass)
{
    int fd = openat(pass->account->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    struct stat info;
    while (directory && (entry = readdir(directory))) {
        if (slice_starts_with(slice_from(entry->d_name), S("index.db.damaged-")) &&
            fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
            clock_wall_us() / 1000000 - info.st_ctim.tv_sec > DAMAGED_DAYS * INT64_C(86400)) {
            unlinkat(fd, entry->d_name, 0);
        }
    }
    if (directory) {
        closedir(directory);
    }
    return ERR_OK;
}

static enum err tell_shares(struct pass *pass)
{
    shares_mend_later(pass->account);
    return ERR_OK;
}

static enum err cut_wal(struct pass *pass)
{
    enum err err = db_checkpoint(pass->account->db, IDLE_WAL_BYTES);
    return err == ERR_BUSY ? ERR_OK : err; /* then it is not idle */
}

static const struct {
    const char *name;
    enum err (*run)(struct pass *pass);
} jobs[] = {
    {"files of expunged messages", unlink_files},
    {"letters of files", rename_files},
    {"folders", compare_folders},
    {"vanished messages", trim_vanished},
    {"threads", find_threads},
    {"full text", index_text},
    {"copy of the index", copy_index},
    {"damaged indexes", remove_damaged},
    {"shares", tell_shares},
    {"checkpoint", cut_wal},
};

/* One job that fails is no reason to leave the others. */
static enum err run_jobs(struct pass *pass)
{
    enum err first = store_check_writable(pass->account->store);
    if (first) {
        return first;
    }
    for (size_t i = 0; i < ARRAY_LEN(jobs) && first != ERR_CANCELED && first != ERR_CORRUPT; i++) {
        if (!may_go_on(pass)) {
            return ERR_CANCELED;
        }
        enum err err = jobs[i].run(pass);
        if (err && err != ERR_CANCELED) {
            log_warning("maintenance.failed", log_cstr("account", pass->account->login),
                        log_cstr("job", jobs[i].name), log_err(err));
        }
        first = first ? first : err;
    }
    return first;
}

enum err account_maintain(struct account *account)
{
    return run_jobs(&(struct pass){.account = account});
}

/* ---- the thread ---- */

static bool not_stopped(void *data)
{
    struct maintenance *maintenance = data;
    return !atomic_load(&maintenance->stop);
}

static void free_waiting(struct waiting *waiting)
{
    mem_free(waiting->login);
    mem_free(waiting);
}

/* By the time when it is due; mostly that is the end. */
static void enlist(struct maintenance *maintenance, struct waiting *waiting)
{
    struct waiting *before = maintenance->list ? maintenance->list->prev : NULL;
    while (before && before->due_ms > waiting->due_ms) {
        before = before == maintenance->list ? NULL : before->prev;
    }
    DL_APPEND_ELEM(maintenance->list, before, waiting);
    if (maintenance->list == waiting) {
        pthread_cond_signal(&maintenance->changed);
    }
}

/* With the mutex. */
static void add(struct maintenance *maintenance, const char *login, int64_t due_ms)
{
    struct waiting *waiting = NULL;
    int64_t now = clock_monotonic_ms();
    HASH_FIND_STR(maintenance->table, login, waiting);
    if (waiting) {
        waiting->last_ms = now;
        return;
    }
    waiting = mem_new(struct waiting);
    waiting->login = mem_strdup(login);
    waiting->first_ms = waiting->last_ms = now;
    waiting->due_ms = due_ms;
    HASH_ADD_KEYPTR(hh, maintenance->table, waiting->login, strlen(waiting->login), waiting);
    enlist(maintenance, waiting);
}

static void wait_until(struct maintenance *maintenance, int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    pthread_cond_timedwait(&maintenance->changed, &maintenance->mutex, &time);
}

/* With the mutex: waits for the next account whose time has come; NULL at the end. */
static struct waiting *next_due(struct maintenance *maintenance)
{
    while (!atomic_load(&maintenance->stop)) {
        struct waiting *first = maintenance->list;
        int64_t now = clock_monotonic_ms();
        if (!first) {
            pthread_cond_wait(&maintenance->changed, &maintenance->mutex);
        } else if (first->due_ms > now) {
            wait_until(maintenance, first->due_ms);
        } else {
            int64_t due =
                MIN_OF(first->last_ms + maintenance->quiet_ms, first->first_ms + maintenance->wait_max_ms);
            DL_DELETE(maintenance->list, first);
            if (due <= now) {
                HASH_DEL(maintenance->table, first);
                return first;
            }
            first->due_ms = due;
            enlist(maintenance, first);
        }
    }
    return NULL;
}

/* The account was removed, or is damaged and mended by its next opening: nothing to come back for. */
static bool is_worth_another_try(enum err err)
{
    return err && err != ERR_NOT_FOUND && err != ERR_CANCELED;
}

static enum err work_on(struct maintenance *maintenance, const char *login, bool *more_r)
{
    struct account *account;
    enum err err = account_open(maintenance->store, slice_from(login), &account);
    if (!err) {
        struct pass pass = {.account = account, .go_on = not_stopped, .data = maintenance, .in_turns = true};
        err = run_jobs(&pass);
        *more_r = pass.more;
        account_close(account);
    }
    return err;
}

/* The nice value belongs to the thread on Linux, whatever POSIX says. */
static void lower_priority(void)
{
    if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS) != 0) {
        log_warning("maintenance.priority", log_errno(errno));
    }
}

static void *run(void *data)
{
    struct maintenance *maintenance = data;
    struct waiting *waiting;
    lower_priority();
    pthread_mutex_lock(&maintenance->mutex);
    while ((waiting = next_due(maintenance))) {
        pthread_mutex_unlock(&maintenance->mutex);
        bool more = false;
        enum err err = work_on(maintenance, waiting->login, &more);
        pthread_mutex_lock(&maintenance->mutex);
        if (is_worth_another_try(err)) {
            add(maintenance, waiting->login, clock_monotonic_ms() + RETRY_MS);
        } else if (more) {
            add(maintenance, waiting->login, clock_monotonic_ms() + maintenance->quiet_ms);
        }
        free_waiting(waiting);
    }
    pthread_mutex_unlock(&maintenance->mutex);
    return NULL;
}

static void free_maintenance(struct maintenance *maintenance)
{
    struct waiting *waiting, *next;
    DL_FOREACH_SAFE(maintenance->list, waiting, next)
    {
        // Every entry is in the table. NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
        HASH_DEL(maintenance->table, waiting);
        DL_DELETE(maintenance->list, waiting);
        free_waiting(waiting);
    }
    pthread_cond_destroy(&maintenance->changed);
    pthread_mutex_destroy(&maintenance->mutex);
    mem_free(maintenance);
}

static enum err start_thread(struct store *store)
{
    struct maintenance *maintenance = mem_new(struct maintenance);
    pthread_condattr_t attributes;
    maintenance->store = store;
    maintenance->quiet_ms = QUIET_MS;
    maintenance->wait_max_ms = WAIT_MAX_MS;
    pthread_mutex_init(&maintenance->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&maintenance->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    int failed = pthread_create(&maintenance->thread, NULL, run, maintenance);
    if (failed) {
        free_maintenance(maintenance);
        return err_from_errno(failed);
    }
    store->maintenance = maintenance;
    return ERR_OK;
}

enum err store_maintenance_start(struct store *store)
{
    enum err err = afterwards_start(store);
    if (!err && (err = start_thread(store))) {
        afterwards_stop(store);
    }
    return err;
}

void maintenance_stop(struct maintenance *maintenance)
{
    if (!maintenance) {
        return;
    }
    pthread_mutex_lock(&maintenance->mutex);
    atomic_store(&maintenance->stop, true);
    pthread_cond_signal(&maintenance->changed);
    pthread_mutex_unlock(&maintenance->mutex);
    pthread_join(maintenance->thread, NULL);
    free_maintenance(maintenance);
}

void maintenance_set_times(struct store *store, int64_t quiet_ms, int64_t wait_max_ms)
{
    struct maintenance *maintenance = store->maintenance;
    pthread_mutex_lock(&maintenance->mutex);
    maintenance->quiet_ms = quiet_ms;
    maintenance->wait_max_ms = wait_max_ms;
    pthread_mutex_unlock(&maintenance->mutex);
}

void maintenance_note(struct account *account)
{
    struct maintenance *maintenance = account->store->maintenance;
    if (maintenance) {
        pthread_mutex_lock(&maintenance->mutex);
        add(maintenance, account->login, clock_monotonic_ms() + maintenance->quiet_ms);
        pthread_mutex_unlock(&maintenance->mutex);
    }
}

void maintenance_note_opened(struct account *account)
{
    int step = 0;
    if (account->store->maintenance && !db_begin_read(account->db)) {
        step = db_step(
            account->db,
            db_statement(account->db,
                         "SELECT 1 FROM counter WHERE body>threaded OR EXISTS(SELECT 1 FROM intent)"));
        db_end_read(account->db);
    }
    if (step == 1) {
        maintenance_note(account);
    }
}
