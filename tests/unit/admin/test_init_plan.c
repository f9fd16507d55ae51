/* SPDX-License-Identifier: ISC */
/* What init will write: read back by the parser of the configuration. */
#include "check.h"

#include "base/fsio.h"
#include "init_plan.h"

static void names_stand_once(void **state)
{
    struct arena arena = {0};
    struct init_plan plan = {.hostname = "mail.example.org", .domain = "example.org"};
    static const char *const expected[] = {"mail.example.org", "example.org", "autoconfig.example.org",
                                           "localhost",        "127.0.0.1",   "::1"};
    (void)state;
    init_plan_names(&plan, &arena);
    assert_int_equal(plan.name_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_string_equal(plan.names[i], expected[i]);
    }
    plan = (struct init_plan){.hostname = "localhost"};
    init_plan_names(&plan, &arena);
    assert_int_equal(plan.name_count, 3);
    plan = (struct init_plan){.hostname = "mx.example.net", .domain = "example.org"};
    init_plan_names(&plan, &arena);
    assert_int_equal(plan.name_count, 7);
    assert_string_equal(plan.names[2], "mail.example.org");
    arena_free(&arena);
}

/* The text of the plan as conf_load understands it; to be freed. */
static struct conf *load_plan(const struct init_plan *plan)
{
    char *folder = check_temporary_directory();
    char path[200];
    struct conf *conf = NULL;
    struct buf text, why;
    buf_init(&text, 64 * 1024);
    buf_init(&why, 4096);
    snprintf(path, sizeof(path), "%s/postern.conf", folder);
    init_plan_configuration(plan, &text);
    assert_ok(fs_write_durable(path, buf_slice(&text), 0600));
    enum err err = conf_load(path, &conf, &why);
    if (err) {
        fail_msg("%s", buf_cstr(&why));
    }
    buf_free(&text);
    buf_free(&why);
    check_remove_directory(folder);
    return conf;
}

static void offset_means_loopback(void **state)
{
    struct init_plan plan = {.hostname = "mail.example.org", .user = "", .port_offset = 20000, .ipv6 = true};
    static const struct {
        enum conf_service service;
        const char *v4, *v6;
    } expected[] = {{SERVICE_SMTP, "127.0.0.1:20025", "[::1]:20025"},
                    {SERVICE_SUBMISSION, "127.0.0.1:20587", "[::1]:20587"},
                    {SERVICE_SUBMISSIONS, "127.0.0.1:20465", "[::1]:20465"},
                    {SERVICE_POP3, "127.0.0.1:20110", "[::1]:20110"},
                    {SERVICE_POP3S, "127.0.0.1:20995", "[::1]:20995"},
                    {SERVICE_IMAP, "127.0.0.1:20143", "[::1]:20143"},
                    {SERVICE_IMAPS, "127.0.0.1:20993", "[::1]:20993"}};
    (void)state;
    struct conf *conf = load_plan(&plan);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        const struct conf_list *list = &conf->listeners[expected[i].service].listen;
        assert_int_equal(list->count, 2);
        assert_string_equal(list->items[0], expected[i].v4);
        assert_string_equal(list->items[1], expected[i].v6);
    }
    assert_int_equal(conf->listeners[SERVICE_LMTP].listen.count, 1);
    assert_string_equal(conf->hostname, "mail.example.org");
    conf_free(conf);
}

static void without_offset_every_address_and_the_user(void **state)
{
    struct init_plan plan = {.hostname = "mail.example.org", .user = "postern", .ipv6 = false};
    (void)state;
    struct conf *conf = load_plan(&plan);
    assert_int_equal(conf->listeners[SERVICE_SMTP].listen.count, 1);
    assert_string_equal(conf->listeners[SERVICE_SMTP].listen.items[0], "0.0.0.0:25");
    assert_string_equal(conf->user, "postern");
    conf_free(conf);
    plan.ipv6 = true;
    conf = load_plan(&plan);
    assert_string_equal(conf->listeners[SERVICE_IMAPS].listen.items[1], "[::]:993");
    conf_free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_once),
        cmocka_unit_test(offset_means_loopback),
        cmocka_unit_test(without_offset_every_address_and_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
