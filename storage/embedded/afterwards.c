/* SPDX-License-Identifier: ISC */
/*
 * The thread takes one account after the other. What it does needs the account's lock, so it goes in pieces
 * of some milliseconds and sleeps between them for as long as the last piece took: a writer who waits gets
 * the lock then, whichever process he is in.
 *
 * An account is in the queue once; who finds it there already has nothing to do. It is taken out before its
 * work begins, so that a commit in the middle of it is not missed.
 */
#include "afterwards.h"

#include <time.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intents.h"
#include "registry.h"
#include "trash.h"

struct afterwards {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct afterwards_place *queue;
    bool working, paused, stop;
};

static void pause_ms(int64_t ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

#define PAUSE_MAX_MS ((int64_t)20)

static void unlink_files(struct account *account, bool gently)
{
    struct intents_progress progress = {.kind = INTENTS_UNLINKS};
    enum err err = ERR_OK;
    while (!err && !progress.done) {
        int64_t begun = clock_monotonic_ms();
        err = intents_run_part(account, &progress);
        if (!err && !progress.done && gently) {
            pause_ms(MIN_OF(clock_monotonic_ms() - begun, PAUSE_MAX_MS));
        }
    }
    if (err) {
        log_warning("intents.left", log_cstr("account", account->login), log_err(err));
    }
}

void afterwards_do(struct account *account, bool gently)
{
    db_checkpoint_put_off(account->db);
    if (db_sync_failed(account->db)) {
        store_note_commit_error(account->store, ERR_IO);
    }
    if (store_check_writable(account->store)) {
        return; /* a restart does the rest */
    }
    if (atomic_exchange(&account->has_unlinks, false) && account_is_current(account)) {
        unlink_files(account, gently);
    }
    trash_empty(account);
}

/* With the mutex. */
static struct account *take_first(struct afterwards *afterwards)
{
    struct afterwards_place *place = afterwards->queue;
    DL_DELETE(afterwards->queue, place);
    place->waits = false;
    return place->account;
}

static void *run(void *data)
{
    struct afterwards *afterwards = data;
    pthread_mutex_lock(&afterwards->mutex);
    while (afterwards->queue || !afterwards->stop) {
        if (!afterwards->stop && (afterwards->paused || !afterwards->queue)) {
            pthread_cond_wait(&afterwards->changed, &afterwards->mutex);
            continue;
        }
        struct account *account = take_first(afterwards);
        bool gently = !afterwards->stop;
        afterwards->working = true;
        pthread_mutex_unlock(&afterwards->mutex);
        afterwards_do(account, gently);
        account_close(account);
        pthread_mutex_lock(&afterwards->mutex);
        afterwards->working = false;
        pthread_cond_broadcast(&afterwards->changed);
    }
    pthread_mutex_unlock(&afterwards->mutex);
    return NULL;
}

static void free_afterwards(struct afterwards *afterwards)
{
    pthread_cond_destroy(&afterwards->changed);
    pthread_mutex_destroy(&afterwards->mutex);
    mem_free(afterwards);
}

enum err afterwards_start(struct store *store)
{
    struct afterwards *afterwards = mem_new(struct afterwards);
    pthread_mutex_init(&afterwards->mutex, NULL);
    pthread_cond_init(&afterwards->changed, NULL);
    int failed = pthread_create(&afterwards->thread, NULL, run, afterwards);
    if (failed) {
        free_afterwards(afterwards);
        return err_from_errno(failed);
    }
    store->afterwards = afterwards;
    return ERR_OK;
}

void afterwards_stop(struct store *store)
{
    struct afterwards *afterwards = store->afterwards;
    if (!afterwards) {
        return;
    }
    pthread_mutex_lock(&afterwards->mutex);
    afterwards->stop = true;
    pthread_cond_broadcast(&afterwards->changed);
    pthread_mutex_unlock(&afterwards->mutex);
    pthread_join(afterwards->thread, NULL);
    store->afterwards = NULL;
    free_afterwards(afterwards);
}

static void enqueue(struct afterwards *afterwards, struct account *account)
{
    pthread_mutex_lock(&afterwards->mutex);
    if (!account->afterwards.waits) {
        registry_hold(account);
        account->afterwards.waits = true;
        account->afterwards.account = account;
        DL_APPEND2(afterwards->queue, &account->afterwards, prev, next);
        pthread_cond_broadcast(&afterwards->changed);
    }
    pthread_mutex_unlock(&afterwards->mutex);
}

void afterwards_note(struct account *account)
{
    if (account->store->afterwards) {
        enqueue(account->store->afterwards, account);
    } else {
        afterwards_do(account, false);
    }
}

void afterwards_note_later(struct account *account)
{
    if (account->store->afterwards && account->entry) { /* without an entry nobody could keep it open */
        enqueue(account->store->afterwards, account);
    }
}

void afterwards_wait(struct store *store)
{
    struct afterwards *afterwards = store->afterwards;
    if (!afterwards) {
        return;
    }
    pthread_mutex_lock(&afterwards->mutex);
    while (afterwards->queue || afterwards->working) {
        pthread_cond_wait(&afterwards->changed, &afterwards->mutex);
    }
    pthread_mutex_unlock(&afterwards->mutex);
}

void afterwards_set_paused(struct store *store, bool paused)
{
    struct afterwards *afterwards = store->afterwards;
    pthread_mutex_lock(&afterwards->mutex);
    afterwards->paused = paused;
    pthread_cond_broadcast(&afterwards->changed);
    pthread_mutex_unlock(&afterwards->mutex);
}
