/* SPDX-License-Identifier: ISC */
/* What goes on beside the deliveries: what is over is forgotten after a while, what is claimed stays ours,
 * and what waits follows the routes when they change. */
#include "base/clock.h"
#include "base/log.h"
#include "net/task.h"
#include "refresh.h"
#include "relayd.h"
#include "senders.h"
#include "storage/suppression.h"

enum { PAUSE_MS = 5 * 60 * 1000, PAUSE_IN_TESTS_MS = 1000, FORGET_AT_ONCE = 500 };

struct chores_job {
    struct relayd *relayd;
    const struct conf *conf;
    int64_t now_us;
    bool routes_changed;
    size_t forgotten;
    enum err err;
};

static void work(void *arg)
{
    struct chores_job *job = arg;
    const struct relayd *relayd = job->relayd;
    uint64_t moved;
    if (job->routes_changed) {
        job->err = destination_refresh(relayd->store, job->conf, job->now_us, &moved);
        job->routes_changed = job->err != ERR_OK;
    }
    if (!job->err) {
        job->err = queue_extend(relayd->store, slice_from(relayd->owner), job->now_us + RELAYD_LEASE_US);
    }
    if (!job->err) {
        job->err = queue_forget(relayd->store, job->now_us - job->conf->queue_keep * 1000, FORGET_AT_ONCE,
                                &job->forgotten);
    }
    if (!job->err) {
        job->err = suppression_forget(relayd->store, job->now_us);
    }
}

void relayd_do_chores(void *arg)
{
    struct relayd *relayd = arg;
    enum err err = ERR_OK;
    bool routes_changed = false; /* and not everybody goes the new ways yet */
    while (!relayd->is_stopping && err != ERR_CANCELED) {
        struct chores_job job = {.relayd = relayd,
                                 .conf = relayd->tools.conf,
                                 .now_us = clock_wall_us(),
                                 .routes_changed = routes_changed || relayd->reloaded.is_set};
        event_clear(&relayd->reloaded);
        senders_forget(relayd, job.now_us);
        err = work_run(relayd->tools.work, 0, work, &job);
        routes_changed = job.routes_changed;
        if (!err && job.err) {
            log_error("queue.chores_failed", log_err(job.err));
        }
        bool more = !err && !job.err && job.forgotten == FORGET_AT_ONCE;
        if (!more && err != ERR_CANCELED) {
            int64_t pause_ms = clock_is_moved_by_test() ? PAUSE_IN_TESTS_MS : PAUSE_MS;
            err = event_wait(&relayd->reloaded, loop_now(relayd->tools.loop) + pause_ms);
        }
    }
}
