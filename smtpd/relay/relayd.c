/* SPDX-License-Identifier: ISC */
#include "relayd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/task.h"
#include "providers.h"
#include "refresh.h"
#include "senders.h"
#include "settler.h"

/* What was prepared and never confirmed is the work of a smtpd that died; one that lives needs seconds. */
#define PREPARED_US ((int64_t)3600 * 1000000)

enum err relayd_open(struct relayd *relayd, struct store *store, const struct conf *conf)
{
    int64_t now_us = clock_wall_us();
    uint64_t moved;
    relayd->store = store;
    relayd->tools.conf = conf;
    snprintf(relayd->owner, sizeof relayd->owner, "relayd.%d.%lld", (int)getpid(), (long long)now_us);
    srandom(randombytes_random());
    relayd->settler = settler_new(relayd);
    enum err err = queue_bell_open(store, &relayd->bell);
    if (!err) {
        err = queue_recover(store, INT64_MAX, now_us - PREPARED_US);
    }
    return err ? err : destination_refresh(store, conf, now_us, &moved);
}

void relayd_close(struct relayd *relayd)
{
    struct lane *lane, *next;
    HASH_ITER (hh, relayd->lanes, lane, next) {
        HASH_DEL(relayd->lanes, lane);
        lane_free(lane);
    }
    providers_free(relayd);
    senders_free(relayd);
    settler_free(relayd->settler);
    queue_bell_close(relayd->bell);
}

void relayd_reload(struct relayd *relayd)
{
    event_raise(&relayd->reloaded);
}

void relayd_start(struct relayd *relayd)
{
    relayd->scheduler = task_spawn(relayd->tools.loop, "scheduler", relayd_schedule, relayd);
    settler_start(relayd->settler);
    relayd->chores = task_spawn(relayd->tools.loop, "chores", relayd_do_chores, relayd);
}

static void wait_for_deliveries(struct relayd *relayd, int64_t deadline)
{
    enum err err = ERR_OK;
    while (relayd->delivery_count > 0 && !err) {
        event_clear(&relayd->ended);
        err = event_wait(&relayd->ended, deadline);
    }
}

void relayd_stop(struct relayd *relayd, int64_t grace_ms)
{
    relayd->is_stopping = true;
    event_raise(&relayd->wake);
    deliveries_wake(relayd);
    task_cancel(relayd->chores);
    if (task_join(relayd->chores) || task_join(relayd->scheduler)) {
        return; /* cancelled ourselves */
    }
    deliveries_cancel(relayd, false);
    wait_for_deliveries(relayd, loop_now(relayd->tools.loop) + grace_ms);
    if (relayd->delivery_count > 0) {
        log_warning("deliveries.broken_off", log_number("count", relayd->delivery_count));
        deliveries_cancel(relayd, true);
        wait_for_deliveries(relayd, NO_DEADLINE);
    }
    settler_stop(relayd->settler);
}
