/* SPDX-License-Identifier: ISC */
/* The queue after the routes changed: who moves, and who stays. */
#include "suite.h"

#include "refresh.h"

#define NOW ((int64_t)1800000000 * 1000000)

static struct conf_route office = {
    .name = "office", .via = "smtp://office.example", .domains = {(const char *[]){".example.net"}, 1}};
static struct conf_route gone = {
    .name = "gone", .via = "smtp://gone.example", .domains = {(const char *[]){"example.com"}, 1}};

static void add(struct fixture *fixture, const char *id, const char *address, const char *destination)
{
    struct sealed sealed = seal(fixture, HELLO);
    struct queue_envelope envelope = {
        .id = slice_from(id), .sender = S("a@example.org"), .received_us = NOW, .expires_us = INT64_MAX};
    struct queue_recipient recipient = {
        .address = slice_from(address), .destination = slice_from(destination), .due_us = NOW + 1000};
    assert_ok(queue_add(fixture->store, sealed.blob, &envelope, &recipient, 1, false));
    blob_free(sealed.blob);
}

static void assert_destination(struct fixture *fixture, const char *id, const char *expected, int64_t due_us)
{
    struct queue_item *items;
    struct queue_filter filter = {.id = slice_from(id)};
    size_t count;
    assert_ok(queue_list(fixture->store, &filter, 0, 1, &fixture->arena, &items, &count));
    assert_int_equal(count, 1);
    assert_text(items->recipients[0].taken.recipient.destination, expected);
    assert_int_equal(items->recipients[0].taken.recipient.due_us, due_us);
}

static uint64_t refresh(struct fixture *fixture, const struct conf *conf)
{
    uint64_t count = 77;
    assert_ok(destination_refresh(fixture->store, conf, NOW, &count));
    return count;
}

static void test_moves(void **state)
{
    struct fixture *fixture = *state;
    struct conf conf = {.routes = &office, .route_count = 1};
    add(fixture, "NEW", "x@a.example.net", "a.example.net");
    add(fixture, "SAME", "x@example.org", "example.org");
    add(fixture, "THERE", "x@b.example.net", "route:office");
    add(fixture, "BACK", "x@example.com", "route:gone");
    assert_int_equal(refresh(fixture, &conf), 2);
    assert_destination(fixture, "NEW", "route:office", NOW);
    assert_destination(fixture, "SAME", "example.org", NOW + 1000);
    assert_destination(fixture, "THERE", "route:office", NOW + 1000);
    assert_destination(fixture, "BACK", "example.com", NOW);
    assert_int_equal(refresh(fixture, &conf), 0);
    struct conf_route both[] = {office, gone};
    struct conf more = {.routes = both, .route_count = 2};
    assert_int_equal(refresh(fixture, &more), 1);
    assert_destination(fixture, "BACK", "route:gone", NOW);
    struct conf none = {0};
    assert_int_equal(refresh(fixture, &none), 3);
    assert_destination(fixture, "THERE", "b.example.net", NOW);
}

static void test_pinned(void **state)
{
    struct fixture *fixture = *state;
    struct conf conf = {.routes = &office, .route_count = 1};
    add(fixture, "HOST", "x@a.example.net", "smtp://relay.example:25");
    add(fixture, "MX", "x@a.example.net", "mx:a.example.net");
    add(fixture, "VIA", "x@example.org", "via:office");
    add(fixture, "LOST", "x@a.example.net", "via:gone");
    assert_int_equal(refresh(fixture, &conf), 1);
    assert_destination(fixture, "HOST", "smtp://relay.example:25", NOW + 1000);
    assert_destination(fixture, "MX", "mx:a.example.net", NOW + 1000);
    assert_destination(fixture, "VIA", "via:office", NOW + 1000);
    assert_destination(fixture, "LOST", "route:office", NOW);
}

/* What is remembered of one recipient is not taken for another. */
static void test_in_turn(void **state)
{
    struct fixture *fixture = *state;
    struct conf conf = {.routes = &office, .route_count = 1};
    add(fixture, "1", "x@a.example.net", "a.example.net");
    add(fixture, "2", "x@a.example.net", "mx:a.example.net");
    add(fixture, "3", "x@example.org", "mx:a.example.net");
    add(fixture, "4", "x@example.org", "a.example.net");
    add(fixture, "5", "x@a.example.net", "a.example.net");
    assert_int_equal(refresh(fixture, &conf), 3);
    assert_destination(fixture, "1", "route:office", NOW);
    assert_destination(fixture, "2", "mx:a.example.net", NOW + 1000);
    assert_destination(fixture, "4", "example.org", NOW);
    assert_destination(fixture, "5", "route:office", NOW);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up_empty, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {CASE(moves), CASE(pinned), CASE(in_turn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
