/* SPDX-License-Identifier: ISC */
/* Runs a function as the first task of a loop of its own, until no task is left. */
#ifndef TEST_IN_LOOP_H
#define TEST_IN_LOOP_H

#include "check.h"
#include "net/task.h"

static inline void in_loop(task_fn *fn, void *arg)
{
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "test", fn, arg));
    loop_run(loop);
    assert_int_equal(task_count(loop), 0);
    loop_free(loop);
}

/* Lets all other tasks run until they wait. */
static inline void let_others_run(void)
{
    for (int i = 0; i < 10; i++)
        assert_ok(task_sleep(0));
}

#endif
