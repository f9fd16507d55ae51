/* SPDX-License-Identifier: ISC */
/* What an attempt means for a recipient. */
#include "check.h"
#include "outcome.h"

#define SECOND ((int64_t)1000000)
#define NOW    (1800000000 * SECOND)

static const struct limits limits = {.concurrency = 1,
                                     .retry_first_us = 300 * SECOND,
                                     .retry_longest_us = 14400 * SECOND,
                                     .expire_after_us = 4 * 86400 * SECOND};
static const struct queue_claim claim = {.message = 7, .envelope = {.expires_us = NOW + 4 * 86400 * SECOND}};

static struct verdict verdict(enum relay_fate fate)
{
    return (struct verdict){fate, {550, S("5.1.1 who?"), S("mx.example.net [192.0.2.1]"), true}};
}

static void what_was_taken_is_delivered(void **state)
{
    (void)state;
    struct queue_taken_recipient taken = {.number = 3, .attempts = 2, .delay_told = true};
    struct verdict taken_over = verdict(RELAY_ACCEPTED);
    struct queue_outcome outcome = outcome_of(&claim, &taken, &taken_over, &limits, NOW, 0);
    assert_int_equal(outcome.message, 7);
    assert_int_equal(outcome.number, 3);
    assert_int_equal(outcome.state, QUEUE_DELIVERED);
    assert_true(outcome.attempted);
    assert_true(outcome.delay_told);
    assert_text(outcome.reply.text, "5.1.1 who?");
}

static void what_was_refused_has_failed(void **state)
{
    (void)state;
    struct queue_taken_recipient taken = {.number = 0};
    struct verdict refused = verdict(RELAY_REFUSED);
    assert_int_equal(outcome_of(&claim, &taken, &refused, &limits, NOW, 0).state, QUEUE_FAILED);
}

static void what_was_deferred_waits_longer_each_time(void **state)
{
    (void)state;
    int64_t last = 0;
    struct verdict deferred = verdict(RELAY_DEFERRED);
    for (uint32_t attempts = 0; attempts < 6; attempts++) {
        struct queue_taken_recipient taken = {.attempts = attempts};
        struct queue_outcome outcome = outcome_of(&claim, &taken, &deferred, &limits, NOW, 100);
        assert_int_equal(outcome.state, QUEUE_WAITING);
        assert_true(outcome.due_us - NOW > last);
        last = outcome.due_us - NOW;
    }
    struct queue_taken_recipient taken = {.attempts = 30};
    int64_t end = claim.envelope.expires_us;
    /* The last attempt is made at the end, and after it there is none. */
    assert_int_equal(outcome_of(&claim, &taken, &deferred, &limits, end - SECOND, 0).due_us, end);
    assert_int_equal(outcome_of(&claim, &taken, &deferred, &limits, end, 0).state, QUEUE_FAILED);
}

static void an_attempt_is_made_when_the_sender_is_to_be_told(void **state)
{
    (void)state;
    struct queue_claim late = {.envelope = {.received_us = NOW, .expires_us = NOW + 4 * 86400 * SECOND}};
    struct limits noticing = limits;
    struct verdict deferred = verdict(RELAY_DEFERRED);
    struct queue_taken_recipient taken = {.attempts = 30};
    int64_t notice = NOW + 14400 * SECOND, now = NOW + 3600 * SECOND;
    noticing.delay_notice_after_us = 14400 * SECOND;
    assert_int_equal(outcome_of(&late, &taken, &deferred, &noticing, now, 100).due_us, notice);
    assert_true(outcome_of(&late, &taken, &deferred, &limits, now, 100).due_us > notice);
    assert_true(outcome_of(&late, &taken, &deferred, &noticing, notice, 100).due_us > notice + SECOND);
    taken.attempts = 0;
    assert_true(outcome_of(&late, &taken, &deferred, &noticing, now, 100).due_us < notice);
    taken = (struct queue_taken_recipient){.attempts = 30, .delay_told = true};
    assert_true(outcome_of(&late, &taken, &deferred, &noticing, now, 100).due_us > notice);
}

static void what_was_put_back_is_as_before(void **state)
{
    (void)state;
    struct queue_taken_recipient taken = {
        .number = 1, .attempts = 4, .delay_told = true, .last = {451, S("later"), S("mx"), true}};
    struct queue_outcome outcome = outcome_put_back(&claim, &taken, NOW);
    assert_int_equal(outcome.state, QUEUE_WAITING);
    assert_int_equal(outcome.due_us, NOW);
    assert_false(outcome.attempted);
    assert_true(outcome.delay_told);
    assert_int_equal(outcome.reply.code, 451);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_is_delivered),
        cmocka_unit_test(what_was_refused_has_failed),
        cmocka_unit_test(what_was_deferred_waits_longer_each_time),
        cmocka_unit_test(an_attempt_is_made_when_the_sender_is_to_be_told),
        cmocka_unit_test(what_was_put_back_is_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
