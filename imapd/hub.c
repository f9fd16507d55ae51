/* SPDX-License-Identifier: ISC */
#include "hub.h"

#include "base/log.h"
#include "base/mem.h"

struct hub {
    struct loop *loop;
    struct watch *watch;
    struct task *task;
};

static void run(void *arg)
{
    struct hub *hub = arg;
    while (wait_fd(watch_fd(hub->watch), false, loop_now(hub->loop) + WATCH_SWEEP_MS) != ERR_CANCELED)
        watch_dispatch(hub->watch);
    fd_forget(hub->loop, watch_fd(hub->watch));
    watch_close(hub->watch);
    mem_free(hub);
}

struct hub *hub_start(struct loop *loop, struct store *store)
{
    struct hub *hub = mem_new(struct hub);
    hub->loop = loop;
    enum err err = watch_open(store, &hub->watch);
    if (err) {
        log_error("imap.watch", log_err(err));
        mem_free(hub);
        return NULL;
    }
    hub->task = task_spawn(loop, "hub", run, hub);
    task_detach(hub->task); /* it frees itself; until then it may be cancelled */
    return hub;
}

void hub_stop(struct hub *hub)
{
    task_cancel(hub->task);
}

static void heard(void *data, const struct watch_event *event)
{
    struct hub_member *member = data;
    if (event->mailbox_id != 0 && member->mailbox_id != 0 && event->mailbox_id != member->mailbox_id)
        return;
    event_raise(&member->changed);
    if (member->also)
        event_raise(member->also);
}

void hub_join(struct hub *hub, struct hub_member *member, struct slice login, int64_t mailbox_id,
              uint64_t modseq)
{
    hub_leave(member);
    member->mailbox_id = mailbox_id;
    event_clear(&member->changed);
    member->watched = watch_add(hub->watch, login, modseq, heard, member);
}

void hub_leave(struct hub_member *member)
{
    if (member->watched)
        watch_remove(member->watched);
    member->watched = NULL;
}

void hub_look(struct hub *hub)
{
    watch_dispatch(hub->watch);
}
