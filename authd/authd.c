/* SPDX-License-Identifier: ISC */
/* Putting authd together and taking it apart; what it is made of stands in authd.h. */
#include "authd.h"

#include <unistd.h>

#include "authd_priv.h"
#include "base/mem.h"

#define LOOKUP_THREADS     2
#define LOOKUP_QUEUE_LIMIT 4096
/* About two seconds' worth at 40 ms a hash, and less than the clients' patience when the machine is busy with
 * other things too; whoever would have to wait longer is told to come again. */
#define QUEUE_PER_HASH_THREAD 50
#define CACHE_LIMIT           4096
#define THROTTLE_LIMIT        16384

size_t authd_hash_threads(int64_t memory_limit, const struct password_cost *cost, long processors)
{
    /* More threads than processors would take memory without being faster. */
    int64_t threads = MIN_OF(memory_limit / (int64_t)cost->memory, (int64_t)processors);
    return (size_t)MIN_OF(MAX_OF(threads, 1), 256);
}

enum err authd_new(struct loop *loop, const struct authd_settings *settings, struct authd **authd_r)
{
    struct verifier_settings verifier_settings = {.store = settings->store,
                                                  .secrets = settings->secrets,
                                                  .cost = settings->cost,
                                                  .cache_time_ms = settings->cache_time_ms,
                                                  .cache_limit = CACHE_LIMIT};
    struct authd *authd = mem_new(struct authd);
    size_t threads =
        authd_hash_threads(settings->memory_limit, &settings->cost, sysconf(_SC_NPROCESSORS_ONLN));
    size_t queue_limit = settings->queue_limit ? settings->queue_limit : threads * QUEUE_PER_HASH_THREAD;
    authd->loop = loop;
    authd->sasl = sasl_library_new();
    if (!authd->sasl || verifier_new(&verifier_settings, &authd->verifier)) {
        sasl_library_free(authd->sasl);
        mem_free(authd);
        return ERR_UNAVAILABLE;
    }
    authd->throttle = throttle_new(THROTTLE_LIMIT);
    authd->lookups = work_pool_new(loop, LOOKUP_THREADS, LOOKUP_QUEUE_LIMIT);
    authd->hashes = work_pool_new(loop, threads, queue_limit);
    *authd_r = authd;
    return ERR_OK;
}

void authd_free(struct authd *authd)
{
    work_pool_free(authd->hashes);
    work_pool_free(authd->lookups);
    throttle_free(authd->throttle);
    verifier_free(authd->verifier);
    sasl_library_free(authd->sasl);
    mem_free(authd);
}

void authd_set_cache_time(struct authd *authd, int64_t ms)
{
    verifier_set_cache_time(authd->verifier, ms);
}
