/* SPDX-License-Identifier: ISC */
/* Questions to a name server that answers as it is told, wrongly too, or not at all. */
#include "fake_dns.h"
#include "net/dns_record.h"
#include "task_case.h"

static const struct fake_answer answers[] = {
    {"mail", DNS_MX, 0,
     FAKE_RECORDS("\x00\x0e\x00\x0a\x02mx\x07"
                  "example\x00"
                  "\x00\x0f\x00\x14\x03mx2\x07"
                  "example\x00"),
     2, FAKE_ANSWERS},
    {"address", DNS_A, 0, FAKE_RECORDS("\x00\x04\x7f\x00\x00\x02"), 1, FAKE_ANSWERS},
    {"broken", DNS_MX, 2, FAKE_RECORDS(""), 0, FAKE_ANSWERS},
    {"refused", DNS_MX, 5, FAKE_RECORDS(""), 0, FAKE_ANSWERS},
    {"silent", DNS_A, 0, FAKE_RECORDS(""), 0, FAKE_IS_SILENT},
    {"forged", DNS_A, 0, FAKE_RECORDS("\x00\x04\x7f\x00\x00\x02"), 1, FAKE_HAS_WRONG_ID},
    {"cut", DNS_A, 0, FAKE_RECORDS("\x00\x04\x7f\x00\x00\x02"), 1, FAKE_IS_CUT},
};

static int start(void **state)
{
    (void)state;
    return fake_dns_start(answers, ARRAY_LEN(answers));
}

static int stop(void **state)
{
    (void)state;
    return fake_dns_stop();
}

static struct dns *new_dns(void)
{
    struct dns *dns = fake_dns_client(task_loop());
    assert_non_null(dns);
    return dns;
}

static struct arena arena;

static struct dns_answer ask(struct dns *dns, const char *name, enum dns_type type)
{
    struct dns_answer answer;
    assert_int_equal(dns_ask(dns, slice_from(name), type, 20000, &arena, &answer), ERR_OK);
    return answer;
}

static void answers_are_told_apart(void *arg)
{
    (void)arg;
    struct dns *dns = new_dns();
    struct dns_answer answer = ask(dns, "mail.example.", DNS_MX);
    struct dns_mx mx;
    struct slice address;
    assert_int_equal(answer.result, DNS_FOUND);
    assert_int_equal(answer.count, 2);
    assert_false(answer.secure);
    assert_true(answer.ttl > 3000 && answer.ttl <= 3600);
    assert_int_equal(dns_parse_mx(&arena, answer.records[0], &mx), ERR_OK);
    int known = atomic_load(&fake_dns.questions);
    answer = ask(dns, "MAIL.example", DNS_MX);
    assert_int_equal(answer.count, 2);
    assert_int_equal(atomic_load(&fake_dns.questions), known); /* nobody was asked again */
    answer = ask(dns, "address.example", DNS_A);
    assert_int_equal(answer.count, 1);
    assert_int_equal(dns_parse_address(&arena, answer.records[0], &address), ERR_OK);
    assert_text(address, "127.0.0.2");
    assert_int_equal(ask(dns, "address.example", DNS_MX).result, DNS_NO_DATA);
    assert_int_equal(ask(dns, "nobody.example", DNS_MX).result, DNS_NO_NAME);
    answer = ask(dns, "broken.example", DNS_MX);
    assert_int_equal(answer.result, DNS_TEMPORARY);
    assert_true(answer.why.len > 0);
    assert_int_equal(ask(dns, "refused.example", DNS_MX).result, DNS_TEMPORARY);
    dns_free(dns);
}

static void what_can_be_no_name_is_none(void *arg)
{
    (void)arg;
    struct dns *dns = new_dns();
    int before = atomic_load(&fake_dns.questions);
    char label[80];
    memset(label, 'a', 64);
    strcpy(label + 64, ".example");
    assert_int_equal(ask(dns, "", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, ".", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, "a..example", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, "a b.example", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, label, DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(atomic_load(&fake_dns.questions), before);
    dns_free(dns);
}

static void silence_and_forgery_are_temporary(void *arg)
{
    (void)arg;
    static const char *const names[] = {"silent.example", "forged.example", "cut.example"};
    struct dns *dns = new_dns();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_answer answer;
        assert_int_equal(dns_ask(dns, slice_from(names[i]), DNS_A, 300, &arena, &answer), ERR_OK);
        assert_int_equal(answer.result, DNS_TEMPORARY);
        assert_true(answer.why.len > 0);
    }
    dns_free(dns);
}

struct asker {
    struct dns *dns;
    enum err err;
    struct dns_answer answer;
    struct arena arena;
};

static void ask_for_silence(void *arg)
{
    struct asker *asker = arg;
    asker->err = dns_ask(asker->dns, S("silent.example"), DNS_A, 60000, &asker->arena, &asker->answer);
}

static void whoever_waits_holds_up_nobody_and_can_be_cancelled(void *arg)
{
    (void)arg;
    struct asker askers[5] = {0};
    struct task *tasks[ARRAY_LEN(askers)];
    struct dns *dns = new_dns();
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i].dns = dns;
        tasks[i] = task_spawn(task_loop(), "asker", ask_for_silence, &askers[i]);
    }
    assert_int_equal(task_sleep(20), ERR_OK);
    assert_int_equal(ask(dns, "address.example", DNS_A).result, DNS_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        task_cancel(tasks[i]);
        assert_int_equal(task_join(tasks[i]), ERR_OK);
        assert_int_equal(askers[i].err, ERR_CANCELED);
        arena_free(&askers[i].arena);
    }
    dns_free(dns);
}

static void settings_that_are_wrong_are_told(void *arg)
{
    (void)arg;
    const char *resolvers[] = {"not an address"};
    struct dns_settings settings = {.resolvers = resolvers, .resolver_count = 1};
    struct dns *dns = NULL;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(dns_new(task_loop(), &settings, &dns, &why), ERR_CONFIG);
    assert_null(dns);
    assert_true(slice_find_text(buf_slice(&why), S("not an address")) < why.len);
    buf_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(answers_are_told_apart),
        task_test(what_can_be_no_name_is_none),
        task_test(silence_and_forgery_are_temporary),
        task_test(whoever_waits_holds_up_nobody_and_can_be_cancelled),
        task_test(settings_that_are_wrong_are_told),
    };
    int failed = cmocka_run_group_tests(tests, start, stop);
    arena_free(&arena);
    return failed;
}
