/* SPDX-License-Identifier: ISC */
/* MTA-STS: the record in the DNS and the policy behind it (RFC 8461). */
#include "check.h"
#include "mta_sts.h"

static struct arena arena;

static int stop(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* --- the record --- */

static const char *id_of(const char *first, const char *second)
{
    struct slice texts[] = {slice_from(first), slice_from(second)}, id = S("untouched");
    enum err err = mta_sts_find_record(texts, second ? 2 : 1, &id);
    if (err)
        assert_text(id, "untouched");
    return err == ERR_NOT_FOUND ? "none" : err ? "bad" : arena_cstr(&arena, id);
}

static void a_record_has_a_version_and_an_id(void **state)
{
    (void)state;
    assert_string_equal(id_of("v=STSv1; id=20160831085700Z;", NULL), "20160831085700Z"); /* section 3.1 */
    assert_string_equal(id_of("v=STSv1;id=1", NULL), "1");
    assert_string_equal(id_of("v=STSv1 ;\tid=1 ; ", NULL), "1");
    assert_string_equal(id_of("v=STSv1; later=x.y/z; id=1; id=2; a=b:c", NULL), "1");
    assert_string_equal(id_of("v=STSv1; id=12345678901234567890123456789012", NULL),
                        "12345678901234567890123456789012");
}

static void what_is_no_record_is_told_from_what_is_a_bad_one(void **state)
{
    static const char *const none[] = {"",
                                       "v=STSv1",
                                       "v=STSv2; id=1;",
                                       "V=STSv1; id=1;",
                                       "v=stsv1;id=1",
                                       " v=STSv1; id=1",
                                       "v=spf1 -all",
                                       "v=STSv10; id=1;"};
    static const char *const bad[] = {
        "v=STSv1;",
        "v=STSv1;; id=1",
        "v=STSv1; id=",
        "v=STSv1; id=a-b",
        "v=STSv1; id=123456789012345678901234567890123",
        "v=STSv1; ID=1",
        "v=STSv1; id=1; x",
        "v=STSv1; id=1; x=",
        "v=STSv1; id=1; =x",
        "v=STSv1; id=1; x=a b",
        "v=STSv1; id=1; x=a=b",
        "v=STSv1; id=1; _x=a",
        "v=STSv1; id=1; x=\xc3\xa4",
        "v=STSv1; id = 1",
        "v=STSv1; id=1; a23456789012345678901234567890123=a",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_string_equal(id_of(none[i], NULL), "none");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_string_equal(id_of(bad[i], NULL), "bad");
}

static void of_several_records_one_must_be_the_only_one(void **state)
{
    (void)state;
    assert_string_equal(id_of("v=spf1 -all", "v=STSv1; id=2;"), "2");
    assert_string_equal(id_of("v=STSv1; id=2;", "google-site-verification=x"), "2");
    assert_string_equal(id_of("v=STSv1; id=2;", "v=STSv1; id=2;"), "bad");
    assert_string_equal(id_of("v=STSv1; id=2;", "v=STSv1;"), "bad");
    struct slice id;
    assert_err(mta_sts_find_record(NULL, 0, &id), ERR_NOT_FOUND);
}

/* --- the policy --- */

/* "enforce 604800 mail.example.com *.example.net", or why not. */
static const char *read_policy(struct slice text)
{
    struct mta_sts_policy policy = {.max_age = 77};
    const char *why = NULL;
    if (mta_sts_parse_policy(&arena, text, &policy, &why)) {
        assert_non_null(why);
        assert_int_equal(policy.max_age, 77);
        return why;
    }
    const char *modes[] = {"none", "testing", "enforce"};
    const char *list = arena_printf(&arena, "%s %d", modes[policy.mode], (int)policy.max_age);
    for (size_t i = 0; i < policy.mx_count; i++)
        list = arena_printf(&arena, "%s %.*s", list, SLICE_ARG(policy.mx[i]));
    return list;
}

#define assert_policy(text, expected) assert_string_equal(read_policy(slice_from(text)), expected)

/* Section 3.2. */
#define EXAMPLE                    \
    "version: STSv1\r\n"           \
    "mode: enforce\r\n"            \
    "mx: mail.example.com\r\n"     \
    "mx: *.example.net\r\n"        \
    "mx: backupmx.example.com\r\n" \
    "max_age: 604800\r\n"

static void the_example_is_read(void **state)
{
    (void)state;
    assert_policy(EXAMPLE, "enforce 604800 mail.example.com *.example.net backupmx.example.com");
    assert_policy("version: STSv1\nmode: testing\nmx: mx1.example.com\nmx: mx2.example.com\n"
                  "mx: mx.backup-example.com\nmax_age: 1296000",
                  "testing 1296000 mx1.example.com mx2.example.com mx.backup-example.com"); /* appendix A */
}

static void fields_come_in_any_order_and_others_are_passed_over(void **state)
{
    (void)state;
    assert_policy("max_age:0 \nmx:\tMX.Example.com\t\nlater: what \xc3\xa4 b: c\nmode:testing\nversion:STSv1",
                  "testing 0 mx.example.com");
    assert_policy("version: STSv1\nversion: STSv2\nmode: none\nmode: odd\nmax_age: 1\nmax_age: x\n",
                  "none 1");
    assert_policy("version: STSv1\n\r\n\nmode: none\nmax_age: 9999999999\n\n", "none 31557600");
}

static void what_is_wrong_is_told(void **state)
{
    static const char *const cases[][2] = {
        {"", "there is no version"},
        {"mode: none\nmax_age: 1\n", "there is no version"},
        {"version: STSv1\nmax_age: 1\n", "there is no mode"},
        {"version: STSv1\nmode: none\n", "there is no max_age"},
        {"version: STSv1\nmode: enforce\nmax_age: 1\n", "there is no mx"},
        {"version: STSv1\nmode: testing\nmax_age: 1\n", "there is no mx"},
        {"version: STSv2\nmode: none\nmax_age: 1\n", "the version is unknown"},
        {"version: STSv1\nmode: Enforce\nmax_age: 1\n", "the mode is unknown"},
        {"version: STSv1\nmode: none\nmax_age: -1\n", "max_age is no number"},
        {"version: STSv1\nmode: none\nmax_age: 00000000001\n", "max_age is no number"},
        {"version: STSv1\nmode: none\nmax_age: 1s\n", "max_age is no number"},
        {"version: STSv1\nmode: none\nmax_age:\n", "a line is no field"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: *\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: *.*.example\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: a.*.example\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: .example\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: a b\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nmx: [192.0.2.1]\n", "an mx is no name of a host"},
        {"version: STSv1\nmode: none\nmax_age: 1\nodd\n", "a line is no field"},
        {"version: STSv1\nmode: none\nmax_age: 1\n: x\n", "a line is no field"},
        {"version: STSv1\nmode: none\nmax_age: 1\nx: a\x01z\n", "a line is no field"},
        {"version: STSv1\nmode: none\nmax_age: 1\nx: a\rz\n", "a line is no field"},
        {"version: STSv1\nmode: none\nmax_age: 1\nx: a\xffz\n", "a line is no field"},
        {"version: STSv1\n mode: none\nmax_age: 1\n", "a line is no field"},
        {"<html>\n<body>not found</body></html>\n", "a line is no field"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_policy(cases[i][0], cases[i][1]);
}

static void a_long_policy_is_refused(void **state)
{
    char *text = malloc(MTA_STS_POLICY_MAX + 1);
    (void)state;
    memset(text, '\n', MTA_STS_POLICY_MAX + 1);
    memcpy(text, "version: STSv1\nmode: none\nmax_age: 1\n", 37);
    assert_string_equal(read_policy(slice_of(text, MTA_STS_POLICY_MAX + 1)), "it is too long");
    assert_string_equal(read_policy(slice_of(text, MTA_STS_POLICY_MAX)), "none 1");
    free(text);
}

/* Each beginning of it lies at the end of a piece of memory of its own, so that reading beyond it is seen. */
static void no_beginning_is_read_beyond_its_end(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(EXAMPLE) - 1; length++) {
        char *piece = malloc(length + 1);
        memcpy(piece, EXAMPLE, length);
        const char *result = read_policy(slice_of(piece, length));
        /* The last field is whole, or a shorter number, from its first digit on. */
        bool has_age = length > sizeof(EXAMPLE) - 1 - strlen("604800\r\n") && length != sizeof(EXAMPLE) - 2;
        assert_int_equal(strncmp(result, "enforce ", 8) == 0, has_age);
        free(piece);
    }
}

static void a_wildcard_stands_for_one_label(void **state)
{
    static const struct slice mx[] = {{"mail.example.com", 16}, {"*.example.net", 13}};
    (void)state;
    assert_true(mta_sts_has_host(mx, 2, S("mail.example.com")));
    assert_true(mta_sts_has_host(mx, 2, S("MAIL.example.com")));
    assert_true(mta_sts_has_host(mx, 2, S("a.example.net")));
    assert_false(mta_sts_has_host(mx, 2, S("example.net")));
    assert_false(mta_sts_has_host(mx, 2, S(".example.com")));
    assert_false(mta_sts_has_host(mx, 2, S("a.b.example.net")));
    assert_false(mta_sts_has_host(mx, 2, S("a.example.com")));
    assert_false(mta_sts_has_host(mx, 2, S("mail.example.com.evil.example")));
    assert_false(mta_sts_has_host(mx, 2, S("")));
    assert_false(mta_sts_has_host(mx, 0, S("mail.example.com")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_a_version_and_an_id),
        cmocka_unit_test(what_is_no_record_is_told_from_what_is_a_bad_one),
        cmocka_unit_test(of_several_records_one_must_be_the_only_one),
        cmocka_unit_test(the_example_is_read),
        cmocka_unit_test(fields_come_in_any_order_and_others_are_passed_over),
        cmocka_unit_test(what_is_wrong_is_told),
        cmocka_unit_test(a_long_policy_is_refused),
        cmocka_unit_test(no_beginning_is_read_beyond_its_end),
        cmocka_unit_test(a_wildcard_stands_for_one_label),
    };
    return cmocka_run_group_tests_name("relay/mta_sts", tests, NULL, stop);
}
