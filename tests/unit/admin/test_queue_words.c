/* SPDX-License-Identifier: ISC */
/* The queue in words and as JSON. */
#include "check.h"

#include "queue_words.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define NOW    (INT64_C(1800000000) * SECOND)

static const struct queue_reply greylisted = {.code = 451,
                                              .text = {"4.7.1 Try later", 15},
                                              .host = {"mx.example.net [192.0.2.1]", 26},
                                              .is_theirs = true};

static struct queue_item_recipient recipient(enum queue_state state, uint32_t attempts, int64_t due_us)
{
    return (struct queue_item_recipient){
        .state = state,
        .changed_us = NOW - 3 * MINUTE,
        .taken = {.attempts = attempts,
                  .recipient = {.address = S("bob@example.net"),
                                .destination = S("example.net"),
                                .due_us = due_us,
                                .notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY}}};
}

static void assert_state(struct queue_item_recipient it, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    queue_append_state(&it, NOW, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static void each_state(void **state)
{
    (void)state;
    assert_state(recipient(QUEUE_WAITING, 0, NOW), "waiting, attempt 1 now");
    assert_state(recipient(QUEUE_WAITING, 3, NOW + 12 * MINUTE), "waiting, attempt 4 in 12 min");
    assert_state(recipient(QUEUE_TAKEN, 1, 0), "active, attempt 2 is under way");
    assert_state(recipient(QUEUE_HELD, 0, 0), "held for 3 min, after 0 attempts");
    assert_state(recipient(QUEUE_HELD, 1, 0), "held for 3 min, after 1 attempt");
    assert_state(recipient(QUEUE_PREPARED, 0, 0), "incoming");
    assert_state(recipient(QUEUE_DELIVERED, 1, 0), "delivered 3 min ago");
    assert_state(recipient(QUEUE_FAILED, 9, 0), "failed 3 min ago");
    assert_state(recipient(QUEUE_REMOVED, 9, 0), "removed 3 min ago");
}

static struct queue_envelope lunch(void)
{
    return (struct queue_envelope){.id = S("7Q2K"),
                                   .sender = S("alice@example.org"),
                                   .login = S("alice@example.org"),
                                   .subject = S("Lunch\x1b[2J"),
                                   .message_id = S("<1@example.org>"),
                                   .flags = QUEUE_8BIT | QUEUE_RETURN_HEADER,
                                   .received_us = NOW - 120 * MINUTE,
                                   .expires_us = NOW + 100 * MINUTE,
                                   .size = 4300};
}

static void a_message_in_the_list(void **state)
{
    (void)state;
    struct queue_item_recipient people[] = {recipient(QUEUE_WAITING, 3, NOW + 12 * MINUTE),
                                            recipient(QUEUE_HELD, 0, 0), recipient(QUEUE_WAITING, 0, NOW)};
    struct queue_item item = {.message = 5, .envelope = lunch(), .recipients = people, .count = 3};
    struct buf out;
    people[0].taken.last = greylisted;
    people[1].taken.recipient.destination = S("route:office");
    buf_init(&out, 10000);
    queue_append_item(&item, 2, NOW, &out);
    assert_string_equal(buf_cstr(&out),
                        "7Q2K  4.2 KiB, 2 h ago, from alice@example.org: Lunch?[2J\n"
                        "    bob@example.net  waiting, attempt 4 in 12 min\n"
                        "        mx.example.net [192.0.2.1]: 451 4.7.1 Try later\n"
                        "    bob@example.net  held for 3 min, after 0 attempts, by route:office\n"
                        "    and 1 more recipients\n");
    buf_clear(&out);
    item.envelope.sender = SLICE_EMPTY;
    item.envelope.subject = SLICE_EMPTY;
    item.count = 1;
    people[0].taken.last = (struct queue_reply){.text = S("connection refused")};
    queue_append_item(&item, 1, NOW, &out);
    assert_string_equal(buf_cstr(&out), "7Q2K  4.2 KiB, 2 h ago, from <>\n"
                                        "    bob@example.net  waiting, attempt 4 in 12 min\n"
                                        "        connection refused\n");
    buf_free(&out);
}

static void all_about_a_message(void **state)
{
    (void)state;
    struct queue_item_recipient one = recipient(QUEUE_WAITING, 3, NOW + 12 * MINUTE);
    struct queue_item item = {.message = 5, .envelope = lunch(), .recipients = &one, .count = 1};
    struct buf out;
    one.taken.last = greylisted;
    one.taken.delay_told = true;
    buf_init(&out, 10000);
    queue_append_details(&item, NOW, &out);
    assert_string_equal(buf_cstr(&out), "id          7Q2K\n"
                                        "from        alice@example.org\n"
                                        "login       alice@example.org\n"
                                        "subject     Lunch?[2J\n"
                                        "message-id  <1@example.org>\n"
                                        "size        4.2 KiB\n"
                                        "received    2027-01-15T06:00:00Z, 2 h ago\n"
                                        "expires     2027-01-15T09:40:00Z, in 100 min\n"
                                        "flags       8bit, return-header\n"
                                        "\n"
                                        "to          bob@example.net\n"
                                        "state       waiting, attempt 4 in 12 min\n"
                                        "by          example.net\n"
                                        "next        2027-01-15T08:12:00Z, in 12 min\n"
                                        "changed     2027-01-15T07:57:00Z, 3 min ago\n"
                                        "last reply  mx.example.net [192.0.2.1]: 451 4.7.1 Try later\n"
                                        "delay       the sender was told\n"
                                        "notify      success, delay\n");
    buf_free(&out);
}

static void assert_figures(struct queue_figures figures, const char *expected)
{
    struct buf out;
    buf_init(&out, 1000);
    queue_append_figures(&figures, NOW, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static void figures(void **state)
{
    (void)state;
    assert_figures((struct queue_figures){0}, "empty");
    assert_figures((struct queue_figures){.recipients = {[QUEUE_DELIVERED] = 3}}, "empty; 3 delivered");
    assert_figures((struct queue_figures){.messages = 1,
                                          .bytes = 2048,
                                          .oldest_us = NOW - 5 * MINUTE,
                                          .recipients = {[QUEUE_WAITING] = 2, [QUEUE_FAILED] = 1}},
                   "1 message, 2 KiB, the oldest 5 min old; 2 waiting, 1 failed");
}

static void as_json(void **state)
{
    (void)state;
    struct queue_item_recipient people[] = {recipient(QUEUE_WAITING, 3, NOW),
                                            recipient(QUEUE_FAILED, 1, NOW)};
    struct queue_item item = {.message = 5, .envelope = lunch(), .recipients = people, .count = 2};
    people[0].taken.last = greylisted;
    json_t *object = queue_item_json(&item);
    assert_string_equal(json_string_value(json_object_get(object, "id")), "7Q2K");
    assert_int_equal(json_integer_value(json_object_get(object, "number")), 5);
    assert_string_equal(json_string_value(json_array_get(json_object_get(object, "flags"), 1)),
                        "return-header");
    const json_t *first = json_array_get(json_object_get(object, "recipients"), 0);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "waiting");
    assert_string_equal(json_string_value(json_object_get(first, "due")), "2027-01-15T08:00:00Z");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "last"), "code")), 451);
    assert_true(json_is_true(json_object_get(json_object_get(first, "last"), "theirs")));
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "notify"), 0)), "success");
    const json_t *second = json_array_get(json_object_get(object, "recipients"), 1);
    assert_true(json_is_null(json_object_get(second, "due")));
    assert_true(json_is_null(json_object_get(second, "last")));
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state),
        cmocka_unit_test(a_message_in_the_list),
        cmocka_unit_test(all_about_a_message),
        cmocka_unit_test(figures),
        cmocka_unit_test(as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
