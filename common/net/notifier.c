/* SPDX-License-Identifier: ISC */
/* Setting an event from another thread, through libuv's wake-up of the loop. */
#include "base/mem.h"
#include "scheduler.h"

struct notifier {
    uv_async_t handle;
    struct event *event;
};

static void on_fired(uv_async_t *handle)
{
    struct notifier *notifier = handle->data;
    event_raise(notifier->event);
}

struct notifier *notifier_new(struct loop *loop, struct event *event)
{
    struct notifier *notifier = mem_new(struct notifier);
    notifier->event = event;
    uv_async_init(&loop->uv, &notifier->handle, on_fired);
    uv_unref((uv_handle_t *)&notifier
                 ->handle); /* waiting tasks keep the loop running, not those who may wake them */
    notifier->handle.data = notifier;
    return notifier;
}

void notifier_fire(struct notifier *notifier)
{
    uv_async_send(&notifier->handle);
}

static void on_notifier_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void notifier_free(struct notifier *notifier)
{
    if (notifier)
        uv_close((uv_handle_t *)&notifier->handle, on_notifier_closed);
}
