/* SPDX-License-Identifier: ISC */
/* Tests that wait: each runs as a task on a loop of its own, which must be left without any task in the end.
 */
#ifndef TEST_TASK_CASE_H
#define TEST_TASK_CASE_H

#include "check.h"
#include "net/task.h"

struct task_case {
    task_fn *fn;
};

static inline void run_task_case(void **state)
{
    struct task_case *test = *state;
    struct loop *loop = loop_new();
    task_detach(task_spawn(loop, "test", test->fn, NULL));
    loop_run(loop);
    assert_int_equal(task_count(loop), 0);
    loop_free(loop);
}

/* A row for a list of struct CMUnitTest: the test is `static void name(void *arg)`. */
#define task_test(name)                                       \
    {                                                         \
#name, run_task_case, NULL, NULL, &(struct task_case) \
        {                                                     \
            name                                              \
        }                                                     \
    }

#endif
