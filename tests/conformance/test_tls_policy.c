/* SPDX-License-Identifier: ISC */
/* What is remembered of the TLS of other domains, and counted for them. */
#include "suite.h"

#include "storage/tls_policy.h"

/* As another process would find it; a store in memory is there as long as somebody has it open. */
static void open_anew(struct fixture *fixture)
{
    struct store *before = fixture->store;
    open_store(fixture);
    store_close(before);
}

static void put(struct fixture *fixture, const char *domain, const char *text, int64_t ends_us,
                unsigned protection, int64_t protected_us)
{
    struct tls_policy policy = {.domain = slice_from(domain),
                                .id = S("20160831085700Z"),
                                .text = slice_from(text),
                                .fetched_us = 7,
                                .ends_us = ends_us,
                                .refresh_us = ends_us - 10,
                                .protection = protection,
                                .protected_us = protected_us};
    assert_ok(tls_policy_put(fixture->store, &policy, 1));
}

static void what_was_put_is_found(void **state)
{
    struct fixture *fixture = *state;
    struct tls_policy policy;
    assert_err(tls_policy_find(fixture->store, S("example.net"), &fixture->arena, &policy), ERR_NOT_FOUND);
    put(fixture, "example.net", "version: STSv1\n", 100, 3, 50);
    put(fixture, "example.org", "", 0, 1, 60);
    put(fixture, "example.net", "version: STSv2\n", 200, 4, 55);
    open_anew(fixture);
    assert_ok(tls_policy_find(fixture->store, S("example.net"), &fixture->arena, &policy));
    assert_text(policy.domain, "example.net");
    assert_text(policy.id, "20160831085700Z");
    assert_text(policy.text, "version: STSv2\n");
    assert_int_equal(policy.fetched_us, 7);
    assert_int_equal(policy.ends_us, 200);
    assert_int_equal(policy.refresh_us, 190);
    assert_int_equal(policy.protection, 4);
    assert_int_equal(policy.protected_us, 55);
    assert_ok(tls_policy_find(fixture->store, S("example.org"), &fixture->arena, &policy));
    assert_text(policy.text, "");
}

static const char *to_fetch(struct fixture *fixture, int64_t before_us, size_t limit)
{
    struct slice *domains;
    size_t count;
    const char *list = "";
    assert_ok(tls_policy_due(fixture->store, before_us, limit, &fixture->arena, &domains, &count));
    for (size_t i = 0; i < count; i++) {
        list = arena_printf(&fixture->arena, "%s%s%.*s", list, i ? "," : "", SLICE_ARG(domains[i]));
    }
    return list;
}

static void those_to_be_fetched_are_found_in_their_order(void **state)
{
    struct fixture *fixture = *state;
    put(fixture, "c.example", "text", 100, 0, 0);
    put(fixture, "a.example", "text", 300, 0, 0);
    put(fixture, "b.example", "text", 200, 0, 0);
    put(fixture, "none.example", "", 150, 0, 0);
    assert_string_equal(to_fetch(fixture, 1000, 10), "c.example,b.example,a.example");
    assert_string_equal(to_fetch(fixture, 1000, 2), "c.example,b.example");
    assert_string_equal(to_fetch(fixture, 290, 10), "c.example,b.example");
}

static void what_is_over_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct tls_policy policy;
    put(fixture, "old.example", "text", 100, 1, 100);
    put(fixture, "text.example", "text", 200, 1, 100);
    put(fixture, "protected.example", "text", 100, 1, 200);
    assert_ok(tls_policy_forget(fixture->store, 150));
    assert_err(tls_policy_find(fixture->store, S("old.example"), &fixture->arena, &policy), ERR_NOT_FOUND);
    assert_ok(tls_policy_find(fixture->store, S("text.example"), &fixture->arena, &policy));
    assert_ok(tls_policy_find(fixture->store, S("protected.example"), &fixture->arena, &policy));
}

/* --- counts --- */

static struct tls_count sessions(int64_t day, const char *domain, const char *result, uint64_t count)
{
    return (struct tls_count){.day = day,
                              .domain = slice_from(domain),
                              .policy_type = S("sts"),
                              .policy_text = S("version: STSv1\n"),
                              .result = slice_from(result),
                              .sending_address = S("192.0.2.1"),
                              .host = S("mx.example.net"),
                              .host_address = S("192.0.2.2"),
                              .reason = S("certificate has expired"),
                              .sessions = count};
}

static const char *due(struct fixture *fixture, int64_t day, size_t limit)
{
    struct tls_count *days;
    size_t count;
    const char *list = "";
    assert_ok(tls_count_due(fixture->store, day, limit, &fixture->arena, &days, &count));
    for (size_t i = 0; i < count; i++) {
        list = arena_printf(&fixture->arena, "%s%s%d %.*s", list, i ? "," : "", (int)days[i].day,
                            SLICE_ARG(days[i].domain));
    }
    return list;
}

static const char *counted(struct fixture *fixture, int64_t day, const char *domain, size_t limit)
{
    struct tls_count *counts;
    size_t count;
    const char *list = "";
    assert_ok(
        tls_count_list(fixture->store, day, slice_from(domain), limit, &fixture->arena, &counts, &count));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(counts[i].day, day);
        assert_text(counts[i].domain, domain);
        assert_text(counts[i].policy_type, "sts");
        assert_text(counts[i].policy_text, "version: STSv1\n");
        assert_text(counts[i].sending_address, "192.0.2.1");
        assert_text(counts[i].host, "mx.example.net");
        assert_text(counts[i].host_address, "192.0.2.2");
        assert_text(counts[i].reason, "certificate has expired");
        list = arena_printf(&fixture->arena, "%s%s%.*s %d", list, i ? "," : "", SLICE_ARG(counts[i].result),
                            (int)counts[i].sessions);
    }
    return list;
}

static void sessions_that_are_alike_are_counted_together(void **state)
{
    struct fixture *fixture = *state;
    struct tls_count first[] = {sessions(20000, "example.net", "", 3),
                                sessions(20000, "example.net", "certificate-expired", 1),
                                sessions(20001, "example.net", "", 1)};
    struct tls_count second[] = {sessions(20000, "example.net", "", 4), sessions(20000, "a.example", "", 1)};
    assert_ok(tls_count_add(fixture->store, first, ARRAY_LEN(first)));
    open_anew(fixture);
    assert_ok(tls_count_add(fixture->store, second, ARRAY_LEN(second)));
    assert_string_equal(counted(fixture, 20000, "example.net", 10), " 7,certificate-expired 1");
    assert_string_equal(counted(fixture, 20000, "example.net", 1), " 7");
    assert_string_equal(counted(fixture, 20001, "example.net", 10), " 1");
    assert_string_equal(counted(fixture, 20001, "a.example", 10), "");
}

static void days_that_are_over_are_due_until_they_are_removed(void **state)
{
    struct fixture *fixture = *state;
    struct tls_count counts[] = {sessions(20001, "a.example", "", 1), sessions(20000, "b.example", "", 1),
                                 sessions(20000, "b.example", "certificate-expired", 1),
                                 sessions(20002, "a.example", "", 1)};
    assert_ok(tls_count_add(fixture->store, counts, ARRAY_LEN(counts)));
    assert_string_equal(due(fixture, 20002, 10), "20000 b.example,20001 a.example");
    assert_string_equal(due(fixture, 20002, 1), "20000 b.example");
    assert_string_equal(due(fixture, 20000, 10), "");
    assert_ok(tls_count_remove(fixture->store, 20000, S("b.example")));
    assert_string_equal(due(fixture, 20003, 10), "20001 a.example,20002 a.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(what_was_put_is_found),
        conformance_test(those_to_be_fetched_are_found_in_their_order),
        conformance_test(what_is_over_is_forgotten),
        conformance_test(sessions_that_are_alike_are_counted_together),
        conformance_test(days_that_are_over_are_due_until_they_are_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
