/* SPDX-License-Identifier: ISC */
/* Faults on demand. */
#include <unistd.h>

#include "memory_store.h"

enum err store_step(struct store *store, enum memory_step step)
{
    pthread_mutex_lock(&store->faults_mutex);
    struct fault *fault = &store->faults[step];
    enum err err = ERR_OK;
    int64_t delay_us = fault->delay_us;
    fault->begun++;
    if (fault->fail_at && fault->begun >= fault->fail_at) {
        err = fault->err;
        if (!fault->fail_after) {
            fault->fail_at = 0;
        }
    }
    pthread_mutex_unlock(&store->faults_mutex);
    if (delay_us > 0) {
        usleep((useconds_t)delay_us);
    }
    return err;
}

static void set_fault(struct store *store, enum memory_step step, uint64_t nth, bool and_after, enum err err)
{
    pthread_mutex_lock(&store->faults_mutex);
    struct fault *fault = &store->faults[step];
    fault->fail_at = fault->begun + nth;
    fault->fail_after = and_after;
    fault->err = err;
    pthread_mutex_unlock(&store->faults_mutex);
}

void memory_store_fail(struct store *store, enum memory_step step, uint64_t nth, enum err err)
{
    set_fault(store, step, nth, false, err);
}

void memory_store_fail_from(struct store *store, enum memory_step step, uint64_t nth, enum err err)
{
    set_fault(store, step, nth, true, err);
}

void memory_store_delay(struct store *store, enum memory_step step, int64_t delay_us)
{
    pthread_mutex_lock(&store->faults_mutex);
    store->faults[step].delay_us = delay_us;
    pthread_mutex_unlock(&store->faults_mutex);
}

void memory_store_heal(struct store *store)
{
    pthread_mutex_lock(&store->faults_mutex);
    for (size_t i = 0; i < MEMORY_STEP_COUNT; i++) {
        store->faults[i].fail_at = 0;
        store->faults[i].delay_us = 0;
    }
    pthread_mutex_unlock(&store->faults_mutex);
}

uint64_t memory_store_steps(struct store *store, enum memory_step step)
{
    pthread_mutex_lock(&store->faults_mutex);
    uint64_t begun = store->faults[step].begun;
    pthread_mutex_unlock(&store->faults_mutex);
    return begun;
}

void memory_store_set_vanished_max(struct store *store, size_t ranges)
{
    atomic_store(&store->vanished_max, ranges);
}
