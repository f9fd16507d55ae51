/* SPDX-License-Identifier: ISC */
/* Events and states. An event that means nothing in a state (READY=1 of a process that died meanwhile)
 * changes nothing. */
#include "supervisor/child.h"

#define DELAY_FIRST_MS 100
#define DELAY_MOST_MS  10000
#define GOOD_LIFE_MS   60000

struct move {
    enum child_state next;
    enum child_action action;
};

static const struct move moves[CHILD_STATE_COUNT][CHILD_EVENT_COUNT] = {
    [CHILD_WAITING] =
        {
            [CHILD_DUE] = {CHILD_STARTING, CHILD_SPAWN},
            [CHILD_TOLD_READY] = {CHILD_WAITING, CHILD_NOTHING},
            [CHILD_EXITED] = {CHILD_WAITING, CHILD_NOTHING},
            [CHILD_STOP] = {CHILD_GONE, CHILD_NOTHING},
        },
    [CHILD_STARTING] =
        {
            [CHILD_DUE] = {CHILD_STARTING, CHILD_NOTHING},
            [CHILD_TOLD_READY] = {CHILD_READY, CHILD_NOTHING},
            [CHILD_EXITED] = {CHILD_WAITING, CHILD_NOTHING},
            [CHILD_STOP] = {CHILD_STOPPING, CHILD_TERMINATE},
        },
    [CHILD_READY] =
        {
            [CHILD_DUE] = {CHILD_READY, CHILD_NOTHING},
            [CHILD_TOLD_READY] = {CHILD_READY, CHILD_NOTHING},
            [CHILD_EXITED] = {CHILD_WAITING, CHILD_NOTHING},
            [CHILD_STOP] = {CHILD_STOPPING, CHILD_TERMINATE},
        },
    [CHILD_STOPPING] =
        {
            [CHILD_DUE] = {CHILD_STOPPING, CHILD_NOTHING},
            [CHILD_TOLD_READY] = {CHILD_STOPPING, CHILD_NOTHING},
            [CHILD_EXITED] = {CHILD_GONE, CHILD_NOTHING},
            [CHILD_STOP] = {CHILD_STOPPING, CHILD_NOTHING},
        },
    [CHILD_GONE] =
        {
            [CHILD_DUE] = {CHILD_GONE, CHILD_NOTHING},
            [CHILD_TOLD_READY] = {CHILD_GONE, CHILD_NOTHING},
            [CHILD_EXITED] = {CHILD_GONE, CHILD_NOTHING},
            [CHILD_STOP] = {CHILD_GONE, CHILD_NOTHING},
        },
};

int64_t child_next_delay(int64_t previous_ms, int64_t good_life_ms)
{
    if (previous_ms == 0 || good_life_ms >= GOOD_LIFE_MS) {
        return DELAY_FIRST_MS;
    }
    return MIN_OF(previous_ms * 2, DELAY_MOST_MS);
}

/* Its process is no more: when may the next one start? */
static void plan_restart(struct child *child, enum child_state former, int64_t now)
{
    int64_t good_life = former == CHILD_READY ? now - child->ready_since : 0;
    child->delay_ms = child_next_delay(child->delay_ms, good_life);
    child->wake_at = now + child->delay_ms;
}

enum child_action child_handle(struct child *child, enum child_event event, int64_t now)
{
    enum child_state former = child->state;
    struct move move = moves[former][event];
    child->state = move.next;
    if (former == move.next) {
        return move.action;
    }
    switch (move.next) {
    case CHILD_WAITING:
        child->pid = 0;
        plan_restart(child, former, now);
        break;
    case CHILD_STARTING:
        child->wake_at = NO_DEADLINE;
        child->restarts += child->has_exited;
        break;
    case CHILD_READY:
        child->ready_since = now;
        child->was_ready = true;
        break;
    case CHILD_GONE:
        child->pid = 0;
        child->wake_at = NO_DEADLINE;
        break;
    default:
        break;
    }
    return move.action;
}

const char *child_state_name(enum child_state state)
{
    static const char *const names[CHILD_STATE_COUNT] = {"waiting", "starting", "ready", "stopping", "gone"};
    return names[state];
}
