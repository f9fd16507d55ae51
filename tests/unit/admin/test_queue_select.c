/* SPDX-License-Identifier: ISC */
/* The filters of `postern queue`, from a command line. */
#include "check.h"

#include "queue_select.h"

#define NOW (INT64_C(1800000000) * 1000000)

struct selected {
    struct arena arena;
    struct invocation call;
    struct queue_filter filter;
    bool any;
    int code;
};

/* Words behind "queue list", up to NULL. */
static struct selected select_by(const char *const *words)
{
    struct selected selected = {0};
    const char *all[20] = {"queue", "list"};
    size_t count = 2;
    struct buf out;
    for (; words[count - 2]; count++)
        all[count] = words[count - 2];
    buf_init(&out, 10000);
    assert_int_equal(command_parse(commands, command_count, count, all, &selected.call, &out), COMMAND_RUN);
    selected.code = queue_select(&selected.call, NOW, &selected.arena, &selected.filter, &selected.any);
    buf_free(&out);
    return selected;
}
#define SELECT(...) select_by((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void release(struct selected *selected)
{
    invocation_free(&selected->call);
    arena_free(&selected->arena);
}

static void nothing_asks_for_nothing(void **state)
{
    (void)state;
    struct selected selected = SELECT();
    assert_int_equal(selected.code, EXIT_DONE);
    assert_false(selected.any);
    assert_int_equal(selected.filter.states, 0);
    assert_int_equal(selected.filter.id.len + selected.filter.recipient.len, 0);
    assert_int_equal(selected.filter.received_before_us, 0);
    release(&selected);
    selected = SELECT("--limit", "5");
    assert_false(selected.any);
    release(&selected);
}

static void every_filter(void **state)
{
    (void)state;
    struct selected selected =
        SELECT("--id", "X", "--sender", "<>", "--recipient", "bob@example.net", "--state", "held, failed",
               "--older-than", "2h", "--error", "try", "--destination", "route:x");
    assert_int_equal(selected.code, EXIT_DONE);
    assert_true(selected.any);
    assert_text(selected.filter.id, "X");
    assert_text(selected.filter.sender, "<>");
    assert_text(selected.filter.recipient, "bob@example.net");
    assert_int_equal(selected.filter.states, 1 << QUEUE_HELD | 1 << QUEUE_FAILED);
    assert_int_equal(selected.filter.received_before_us, NOW - INT64_C(7200) * 1000000);
    assert_text(selected.filter.text, "try");
    assert_text(selected.filter.destination, "route:x");
    release(&selected);
    selected = SELECT("--domain", "example.net");
    assert_text(selected.filter.recipient, "@example.net");
    release(&selected);
    selected = SELECT("--domain", "@example.net");
    assert_text(selected.filter.recipient, "@example.net");
    assert_true(selected.any);
    release(&selected);
}

static void states_by_name(void **state)
{
    (void)state;
    assert_int_equal(queue_states_named(S("waiting")), 1 << QUEUE_WAITING);
    assert_int_equal(queue_states_named(S("active")), 1 << QUEUE_TAKEN);
    assert_int_equal(queue_states_named(S("over")),
                     1 << QUEUE_DELIVERED | 1 << QUEUE_FAILED | 1 << QUEUE_REMOVED);
    assert_int_equal(queue_states_named(S("all")), 127);
    assert_int_equal(queue_states_named(S("Waiting")), 0);
    assert_int_equal(queue_states_named(S("")), 0);
}

static void what_is_no_filter(void **state)
{
    (void)state;
    struct selected wrong[] = {SELECT("--state", "asleep"),
                               SELECT("--state", "held,"),
                               SELECT("--older-than", "2"),
                               SELECT("--older-than", "-1h"),
                               SELECT("--older-than", "9999999d"),
                               SELECT("--id", ""),
                               SELECT("--error", ""),
                               SELECT("--domain", "a.example", "--recipient", "b@a.example")};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(wrong[i].code, EXIT_USAGE);
        release(&wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asks_for_nothing),
        cmocka_unit_test(every_filter),
        cmocka_unit_test(states_by_name),
        cmocka_unit_test(what_is_no_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
