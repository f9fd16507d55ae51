/* SPDX-License-Identifier: ISC */
/*
 * Local delivery: one blob into the INBOX of many accounts. Each account has its own index and so its own
 * syncs; they run in a few threads side by side, because the disk takes many syncs at a time better than one
 * after the other.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "storage/batch.h"

#define THREADS_MAX      8
#define COUNT_PER_THREAD 4 /* fewer accounts than this are not worth a thread */

struct delivery {
    struct store *store;
    const struct slice *logins;
    size_t count;
    struct blob *blob;
    const struct message_summary *summary;
    int64_t now_us;
    uint32_t *uids; /* what they got */
    enum err *results;
    atomic_size_t next;
};

static enum err deliver_one(struct delivery *delivery, size_t i)
{
    struct account *account = NULL;
    struct batch_operation append = {
        .kind = BATCH_APPEND,
        .mailbox = mailbox_named(S("INBOX")),
        .append =
            {
                .blob = delivery->blob,
                .summary = delivery->summary,
                .internal_date_us = delivery->now_us,
            },
    };
    enum err err = account_open(delivery->store, delivery->logins[i], &account);
    if (!err) {
        err = batch_commit(account, &append, 1, NULL);
        account_close(account);
    }
    delivery->uids[i] = append.result.uid;
    return err;
}

static void *deliver_some(void *argument)
{
    struct delivery *delivery = argument;
    size_t i;
    while ((i = atomic_fetch_add(&delivery->next, 1)) < delivery->count) {
        delivery->results[i] = deliver_one(delivery, i);
    }
    return NULL;
}

static void run(struct delivery *delivery)
{
    pthread_t threads[THREADS_MAX];
    size_t wanted = MIN_OF(delivery->count / COUNT_PER_THREAD, (size_t)THREADS_MAX);
    size_t started = 0;
    delivery->now_us = clock_wall_us();
    while (started < wanted && pthread_create(&threads[started], NULL, deliver_some, delivery) == 0) {
        started++;
    }
    deliver_some(delivery); /* this thread works too */
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
}

void deliver(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
             const struct message_summary *summary, enum err *results)
{
    struct delivery delivery = {
        .store = store,
        .logins = logins,
        .count = count,
        .blob = blob,
        .summary = summary,
        .uids = mem_alloc((count + 1) * sizeof(uint32_t)),
        .results = results,
    };
    run(&delivery);
    mem_free(delivery.uids);
}

static void take_back(struct delivery *delivery, size_t i)
{
    struct account *account = NULL;
    struct uid_range uid = {delivery->uids[i], delivery->uids[i]};
    struct batch_operation expunge = {
        .kind = BATCH_EXPUNGE,
        .mailbox = mailbox_named(S("INBOX")),
        .expunge = {.uids = {&uid, 1}},
    };
    enum err err = account_open(delivery->store, delivery->logins[i], &account);
    if (!err) {
        err = batch_commit(account, &expunge, 1, NULL);
        account_close(account);
    }
    if (err) { /* the sender will come again: this one gets the message twice */
        log_error("delivery.not_taken_back", log_text("account", delivery->logins[i]), log_err(err));
    }
}

static enum err first_error(const enum err *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i]) {
            return results[i];
        }
    }
    return ERR_OK;
}

enum err deliver_all(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
                     const struct message_summary *summary)
{
    struct delivery delivery = {
        .store = store,
        .logins = logins,
        .count = count,
        .blob = blob,
        .summary = summary,
        .uids = mem_alloc((count + 1) * sizeof(uint32_t)),
        .results = mem_alloc((count + 1) * sizeof(enum err)),
    };
    run(&delivery);
    enum err err = first_error(delivery.results, count);
    for (size_t i = 0; err && i < count; i++) {
        if (!delivery.results[i]) {
            take_back(&delivery, i);
        }
    }
    mem_free(delivery.results);
    mem_free(delivery.uids);
    return err;
}
