/* SPDX-License-Identifier: ISC */
/*
 * A store in memory. Whoever opens the same path in this process gets the same store, as it would be with one
 * on a disk; with the last store_close all is gone. Nothing is written to the path.
 */
#include "memory_store.h"

#include <string.h>

#include "base/mem.h"
#include "queue.h"
#include "tls_policy.h"

#define VANISHED_MAX 10000

static pthread_mutex_t stores_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct store *stores;

static struct store *store_new(const char *path)
{
    struct store *store = mem_new(struct store);
    store->path = mem_strdup(path);
    pthread_mutex_init(&store->directory.mutex, NULL);
    pthread_mutex_init(&store->accounts_mutex, NULL);
    pthread_mutex_init(&store->watches_mutex, NULL);
    pthread_mutex_init(&store->faults_mutex, NULL);
    store->queue = queue_new();
    store->policies = tls_policies_new();
    atomic_init(&store->vanished_max, VANISHED_MAX);
    store->next = stores;
    stores = store;
    return store;
}

enum err store_open(const char *data_directory, const char *hostname, struct store **store_r, struct buf *why)
{
    (void)hostname; /* stands in file names only */
    (void)why;
    pthread_mutex_lock(&stores_mutex);
    struct store *store = stores;
    while (store && strcmp(store->path, data_directory) != 0) {
        store = store->next;
    }
    if (!store) {
        store = store_new(data_directory);
    }
    store->users++;
    pthread_mutex_unlock(&stores_mutex);
    *store_r = store;
    return ERR_OK;
}

static void store_free(struct store *store)
{
    directory_free(&store->directory);
    accounts_free(store);
    queue_free(store->queue);
    tls_policies_free(store->policies);
    pthread_mutex_destroy(&store->directory.mutex);
    pthread_mutex_destroy(&store->accounts_mutex);
    pthread_mutex_destroy(&store->watches_mutex);
    pthread_mutex_destroy(&store->faults_mutex);
    mem_free(store->path);
    mem_free(store);
}

void store_close(struct store *store)
{
    if (!store) {
        return;
    }
    pthread_mutex_lock(&stores_mutex);
    bool last = --store->users == 0;
    for (struct store **link = &stores; last && *link; link = &(*link)->next) {
        if (*link == store) {
            *link = store->next;
            break;
        }
    }
    pthread_mutex_unlock(&stores_mutex);
    if (last) {
        store_free(store);
    }
}
