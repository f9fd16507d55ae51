/* SPDX-License-Identifier: ISC */
#include "relay_policy.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/https.h"
#include "net/task.h"
#include "policy_priv.h"

#define HTTPS_THREADS     4 /* requests at a time */
#define HTTPS_QUEUE_LIMIT 1000
#define WRITE_MS          15000 /* between two times that counts are written down */
#define WRITE_IN_TESTS_MS 1000
#define CARE_US           HOUR_US
#define REPORT_US         (10 * 60 * SECOND_US)
#define REPORT_SPREAD_US  (4 * HOUR_US) /* RFC 8460 section 4.1: not all senders at midnight */
#define FORGET_US         (400 * DAY_US)

enum err relay_policy_new(const struct relay_policy_settings *settings, struct relay_policy **policy_r,
                          struct buf *why)
{
    (void)why;
    struct relay_policy *policy = mem_new(struct relay_policy);
    https_init();
    policy->loop = settings->loop;
    policy->dns = settings->dns;
    policy->work = settings->work;
    policy->store = settings->store;
    policy->conf = settings->conf;
    policy->https = work_pool_new(settings->loop, HTTPS_THREADS, HTTPS_QUEUE_LIMIT);
    policy->cache = policy_cache_new();
    policy->counts = policy_counts_new();
    policy->report_offset_us = random() % REPORT_SPREAD_US;
    atomic_init(&policy->stopping, false);
    *policy_r = policy;
    return ERR_OK;
}

void relay_policy_set_conf(struct relay_policy *policy, const struct conf *conf)
{
    policy->conf = conf;
}

struct forgetting {
    struct store *store;
    enum err err;
};

static void forget(void *arg)
{
    struct forgetting *forgetting = arg;
    forgetting->err = tls_policy_forget(forgetting->store, clock_wall_us() - FORGET_US);
}

static void care(struct relay_policy *policy)
{
    struct forgetting forgetting = {.store = policy->store};
    policy_sts_refresh(policy);
    if (!work_run(policy->work, 0, forget, &forgetting) && forgetting.err)
        log_warning("tls_policy.not_forgotten", log_err(forgetting.err));
}

static void watch(void *arg)
{
    struct relay_policy *policy = arg;
    int64_t pause = clock_is_moved_by_test() ? WRITE_IN_TESTS_MS : WRITE_MS;
    do {
        policy_cache_write(policy);
        policy_counts_write(policy);
        if (clock_wall_us() >= policy->next_care_us) {
            policy->next_care_us = clock_wall_us() + CARE_US;
            care(policy);
        }
        if (clock_wall_us() >= policy->next_report_us) {
            policy->next_report_us = clock_wall_us() + REPORT_US;
            policy_report_send(policy);
        }
    } while (task_sleep(pause) == ERR_OK);
}

void relay_policy_start(struct relay_policy *policy)
{
    policy->task = task_spawn(policy->loop, "tls policy", watch, policy);
}

void relay_policy_stop(struct relay_policy *policy)
{
    atomic_store(&policy->stopping, true);
    if (policy->task) {
        task_cancel(policy->task);
        if (task_join(policy->task))
            task_detach(policy->task);
        policy->task = NULL;
    }
    policy_cache_write(policy);
    policy_counts_write(policy);
}

void relay_policy_free(struct relay_policy *policy)
{
    if (!policy)
        return;
    work_pool_free(policy->https);
    policy_cache_free(policy->cache);
    policy_counts_free(policy->counts);
    mem_free(policy);
}
