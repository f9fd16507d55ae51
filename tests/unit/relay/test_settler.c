/* SPDX-License-Identifier: ISC */
/* What was delivered, on its way into the queue; the queue is a list here that fails on demand. */
#include "settler.h"
#include "task_case.h"

static size_t calls, settled_count, failures_to_come;
static struct queue_outcome settled[2000];
static char texts[2000][32];

enum err queue_settle(struct store *store, struct slice owner, const struct queue_outcome *outcomes,
                      size_t count, int64_t now_us, size_t *settled_r)
{
    (void)store, (void)now_us;
    assert_text(owner, "relayd.1");
    calls++;
    if (failures_to_come > 0) {
        failures_to_come--;
        return ERR_NO_SPACE;
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[settled_count], sizeof(texts[0]), "%.*s", SLICE_ARG(outcomes[i].reply.text));
        settled[settled_count++] = outcomes[i];
    }
    *settled_r = count;
    return ERR_OK;
}

static struct relayd relayd = {.owner = "relayd.1"};

static void begin(void)
{
    calls = settled_count = failures_to_come = 0;
    relayd.tools.loop = task_loop();
    relayd.tools.work = work_pool_new(task_loop(), 1, 10);
    relayd.settler = settler_new(&relayd);
}

static void end(void)
{
    settler_free(relayd.settler);
    work_pool_free(relayd.tools.work);
}

enum { RECIPIENTS = 3 };

/* A claim whose texts are overwritten when it is gone, as an arena's are. */
static bool give(int64_t message, enum queue_state last_state, unsigned notify)
{
    char address[] = "u@example.net", text[] = "2.0.0 taken", id[] = "ID";
    struct queue_taken_recipient taken[RECIPIENTS] = {{.number = 0}};
    struct queue_outcome outcomes[RECIPIENTS];
    const struct queue_claim claim = {.message = message,
                                      .envelope = {.id = slice_from(id), .sender = slice_from(address)},
                                      .recipients = taken,
                                      .count = RECIPIENTS};
    for (uint32_t i = 0; i < RECIPIENTS; i++) {
        taken[i].number = i;
        taken[i].recipient.address = slice_from(address);
        taken[i].recipient.notify = i == RECIPIENTS - 1 ? notify : QUEUE_NOTIFY_FAILURE;
        outcomes[i] = (struct queue_outcome){.message = message,
                                             .number = i,
                                             .state = i == RECIPIENTS - 1 ? last_state : QUEUE_DELIVERED,
                                             .reply = {.code = 250, .text = slice_from(text)}};
    }
    bool takes = settler_takes(relayd.settler, "example.net", &claim, outcomes, RECIPIENTS);
    memset(text, '#', strlen(text));
    memset(address, '#', strlen(address));
    memset(id, '#', strlen(id));
    return takes;
}

static void what_comes_together_is_settled_at_once(void *arg)
{
    (void)arg;
    begin();
    settler_start(relayd.settler);
    assert_true(give(7, QUEUE_DELIVERED, 0));
    assert_true(give(8, QUEUE_DELIVERED, QUEUE_NOTIFY_NEVER));
    while (calls == 0)
        assert_ok(task_sleep(1));
    assert_int_equal(calls, 1);
    assert_int_equal(settled_count, 2 * RECIPIENTS);
    assert_int_equal(settled[0].message, 7);
    assert_int_equal(settled[5].message, 8);
    assert_int_equal(settled[5].number, 2);
    assert_string_equal(texts[5], "2.0.0 taken");
    assert_true(give(9, QUEUE_DELIVERED, 0));
    settler_stop(relayd.settler);
    assert_int_equal(settled_count, 3 * RECIPIENTS);
    end();
    assert_int_equal(settled_count, 3 * RECIPIENTS);
}

static void who_has_to_be_told_of_is_not_taken(void *arg)
{
    (void)arg;
    begin();
    assert_false(give(7, QUEUE_WAITING, 0));
    assert_false(give(7, QUEUE_FAILED, 0));
    assert_false(give(7, QUEUE_DELIVERED, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE));
    end();
    assert_int_equal(calls, 0);
}

static void what_the_disk_refuses_is_tried_again(void *arg)
{
    (void)arg;
    begin();
    failures_to_come = 1;
    settler_start(relayd.settler);
    assert_true(give(7, QUEUE_DELIVERED, 0));
    while (calls == 0)
        assert_ok(task_sleep(1));
    assert_true(give(8, QUEUE_DELIVERED, 0)); /* waits behind it */
    settler_stop(relayd.settler);
    assert_int_equal(settled_count, 2 * RECIPIENTS);
    assert_int_equal(settled[0].message, 7);
    assert_int_equal(settled[3].message, 8);
    end();
}

static void more_than_enough_is_left_to_the_caller(void *arg)
{
    int64_t taken = 0;
    (void)arg;
    begin();
    while (give(taken + 1, QUEUE_DELIVERED, 0))
        taken++;
    assert_in_range(taken, 10, 1000);
    end(); /* nobody settled it before */
    assert_int_equal(settled_count, taken * RECIPIENTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(what_comes_together_is_settled_at_once),
        task_test(who_has_to_be_told_of_is_not_taken),
        task_test(what_the_disk_refuses_is_tried_again),
        task_test(more_than_enough_is_left_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
