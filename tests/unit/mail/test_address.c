/* SPDX-License-Identifier: ISC */
/* Mailboxes of RFC 5321: what is one, what is not, and that formatting and parsing undo each other. */
#include "check.h"

#include "mail/address.h"

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define L60 A16 A16 A16 "aaaaaaaaaaa."

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool utf8;
        enum err err;
        const char *local, *domain;
    } cases[] = {
        {"user@example.org", false, ERR_OK, "user", "example.org"},
        {"User.Name+tag@Example.ORG", false, ERR_OK, "User.Name+tag", "Example.ORG"},
        {"!#$%&'*+-/=?^_`{|}~@x", false, ERR_OK, "!#$%&'*+-/=?^_`{|}~", "x"},
        {"\"john doe\"@example.org", false, ERR_OK, "john doe", "example.org"},
        {"\"a\\\"b\\\\c\"@x", false, ERR_OK, "a\"b\\c", "x"},
        {"\"john\"@x", false, ERR_OK, "john", "x"},
        {"\"a@b\"@c", false, ERR_OK, "a@b", "c"},
        {"\"\"@x", false, ERR_OK, "", "x"},
        {"user@my_host.example", false, ERR_OK, "user", "my_host.example"},
        {"user@123.example", false, ERR_OK, "user", "123.example"},
        {"user@[192.0.2.1]", false, ERR_OK, "user", "[192.0.2.1]"},
        {"user@[IPv6:2001:db8::1]", false, ERR_OK, "user", "[IPv6:2001:db8::1]"},
        {"user@[ipv6:::1]", false, ERR_OK, "user", "[ipv6:::1]"},
        {"j\xc3\xb6rg@b\xc3\xbc"
         "cher.example",
         true, ERR_OK, "j\xc3\xb6rg",
         "b\xc3\xbc"
         "cher.example"},
        {"\"j\xc3\xb6rg x\"@x", true, ERR_OK, "j\xc3\xb6rg x", "x"},
        {A64 "@x", false, ERR_OK, A64, "x"},

        {"", false, ERR_SYNTAX},
        {"user", false, ERR_SYNTAX},
        {"user@", false, ERR_SYNTAX},
        {"@example.org", false, ERR_SYNTAX},
        {"a b@x", false, ERR_SYNTAX},
        {"a..b@x", false, ERR_SYNTAX},
        {".a@x", false, ERR_SYNTAX},
        {"a.@x", false, ERR_SYNTAX},
        {"a@b@c", false, ERR_SYNTAX},
        {"a@b c", false, ERR_SYNTAX},
        {"a@.b", false, ERR_SYNTAX},
        {"a@b..c", false, ERR_SYNTAX},
        {"a@b.", false, ERR_SYNTAX},
        {"a@-b", false, ERR_SYNTAX},
        {"a@b-", false, ERR_SYNTAX},
        {"a@b-.c", false, ERR_SYNTAX},
        {"a@[192.0.2]", false, ERR_SYNTAX},
        {"a@[192.0.2.256]", false, ERR_SYNTAX},
        {"a@[192.0.2.1", false, ERR_SYNTAX},
        {"a@[]", false, ERR_SYNTAX},
        {"a@[2001:db8::1]", false, ERR_SYNTAX},
        {"a@[IPv6:192.0.2.1]", false, ERR_SYNTAX},
        {"a@[tag:content]", false, ERR_SYNTAX},
        {"a@[192.0.2.1]x", false, ERR_SYNTAX},
        {"\"a@x", false, ERR_SYNTAX},
        {"\"a\"b@x", false, ERR_SYNTAX},
        {"\"a\\", false, ERR_SYNTAX},
        {"\"a\tb\"@x", false, ERR_SYNTAX},
        {"\"a\\\rb\"@x", false, ERR_SYNTAX},
        {"a\r@x", false, ERR_SYNTAX},
        {"<a@x>", false, ERR_SYNTAX},
        {"j\xc3\xb6rg@x", false, ERR_SYNTAX},
        {"a@b\xc3\xbc", false, ERR_SYNTAX},
        {"j\xf6rg@x", true, ERR_SYNTAX},
        {"\"a\\\xc3\xb6@x", true, ERR_SYNTAX},
        {"\"\\\xc3\\\xb6\"@x", true, ERR_SYNTAX},
        {"a@b\xfc", true, ERR_SYNTAX},

        {A64 "a@x", false, ERR_TOO_LONG},
        {"\"" A64 "a\"@x", false, ERR_TOO_LONG},
        {"a@" A64, false, ERR_TOO_LONG},
        {"a@" L60 L60 L60 L60 A16, false, ERR_TOO_LONG},
        {A64 "@" L60 L60 L60 A16, false, ERR_TOO_LONG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address = {S("untouched"), S("untouched")};
        enum err err = address_parse(&arena, slice_from(cases[i].text), cases[i].utf8, &address);
        if (err != cases[i].err) {
            print_error("%s gives %s\n", cases[i].text, err_text(err));
        }
        assert_err(err, cases[i].err);
        assert_text(address.local, err ? "untouched" : cases[i].local);
        assert_text(address.domain, err ? "untouched" : cases[i].domain);
    }
    struct address address;
    assert_err(address_parse(&arena, S("a\0b@x"), true, &address), ERR_SYNTAX);
    assert_err(address_parse(&arena, S("a@x\0"), true, &address), ERR_SYNTAX);
    assert_err(address_parse(&arena, S("a@[192.0.2.1\0]"), true, &address), ERR_SYNTAX);
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        const char *local, *domain, *text;
    } cases[] = {
        {"user", "x", "user@x"},
        {"john doe", "x", "\"john doe\"@x"},
        {"a\"b\\c", "x", "\"a\\\"b\\\\c\"@x"},
        {"a..b", "x", "\"a..b\"@x"},
        {".a", "x", "\".a\"@x"},
        {"a.", "x", "\"a.\"@x"},
        {"", "x", "\"\"@x"},
        {"a@b", "x", "\"a@b\"@x"},
        {"postmaster", "", "postmaster"},
        {"", "", ""},
        {"j\xc3\xb6rg", "x", "j\xc3\xb6rg@x"},
        {"a.b", "[192.0.2.1]", "a.b@[192.0.2.1]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address address = {slice_from(cases[i].local), slice_from(cases[i].domain)}, again;
        struct buf out;
        buf_init(&out, 1000);
        address_format(&out, &address);
        assert_text(buf_slice(&out), cases[i].text);
        if (address.domain.len > 0 && address.local.len < 64) {
            assert_ok(address_parse(&arena, buf_slice(&out), true, &again));
            assert_true(address_eq(&address, &again));
        }
        buf_free(&out);
    }
}

static void test_equal(void **state)
{
    (void)state;
    struct address a = {S("user"), S("Example.org")};
    assert_true(address_eq(&a, &(struct address){S("user"), S("example.ORG")}));
    assert_false(address_eq(&a, &(struct address){S("User"), S("example.org")}));
    assert_false(address_eq(&a, &(struct address){S("user"), S("example.com")}));
}

static void test_domain(void **state)
{
    (void)state;
    assert_ok(address_check_domain(S("mail.example.org"), false));
    assert_ok(address_check_domain(S("b\xc3\xbc"
                                     "cher.example"),
                                   true));
    assert_err(address_check_domain(S("b\xc3\xbc"
                                      "cher.example"),
                                    false),
               ERR_SYNTAX);
    assert_err(address_check_domain(S("[192.0.2.1]"), false), ERR_SYNTAX);
    assert_err(address_check_domain(S("a b"), false), ERR_SYNTAX);
    assert_err(address_check_domain(S(""), false), ERR_SYNTAX);
    assert_true(address_is_literal(S("[192.0.2.1]")));
    assert_false(address_is_literal(S("example.org")));
    assert_false(address_is_literal(S("")));
    assert_true(address_check_literal(S("[IPv6:::ffff:192.0.2.1]")));
    assert_false(address_check_literal(S("[")));
    assert_false(address_check_literal(S("192.0.2.1")));
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *domain, *key;
    } cases[] = {
        {"Example.ORG", "example.org"},
        {"my_Host.example", "my_host.example"},
        {"B\xc3\xbc"
         "cher.Example",
         "xn--bcher-kva.example"},
        {"xn--BCHER-kva.example", "xn--bcher-kva.example"},
        {"stra\xc3\x9f"
         "e.example",
         "xn--strae-oqa.example"}, /* nontransitional: not "strasse" */
        {"bu\xcc\x88"
         "cher.example",
         "xn--bcher-kva.example"}, /* NFD */
        {"[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]"},
        {"\xe2\x80\x8b.example", NULL}, /* a zero width space alone */
        {"a\xff.example", NULL},
        {"a\xef\xbc\xa0x.example", NULL}, /* a full width @ */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice key;
        enum err err = address_domain_key(&arena, slice_from(cases[i].domain), &key);
        assert_err(err, cases[i].key ? ERR_OK : ERR_SYNTAX);
        if (cases[i].key) {
            assert_text(key, cases[i].key);
        }
    }
    struct slice key;
    assert_text(address_local_key(&arena, S("John.DOE")), "john.doe");
    assert_ok(address_key(&arena,
                          &(struct address){S("John Doe"), S("B\xc3\xbc"
                                                             "cher.example")},
                          &key));
    assert_text(key, "\"john doe\"@xn--bcher-kva.example");
    assert_ok(address_key(&arena, &(struct address){S("Postmaster"), S("")}, &key));
    assert_text(key, "postmaster");
}

static void test_detail(void **state)
{
    (void)state;
    static const struct {
        const char *local, *delimiter, *user, *detail;
        bool found;
    } cases[] = {
        {"user+tag", "+", "user", "tag", true},  {"user", "+", "user", "", false},
        {"user+", "+", "user", "", true},        {"+tag", "+", "+tag", "", false},
        {"u+a+b", "+", "u", "a+b", true},        {"u-a+b", "+-", "u", "a+b", true},
        {"user+tag", "", "user+tag", "", false}, {"", "+", "", "", false},
        {"++a", "+", "++a", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice user, detail;
        assert_int_equal(
            address_split_detail(slice_from(cases[i].local), slice_from(cases[i].delimiter), &user, &detail),
            cases[i].found);
        assert_text(user, cases[i].user);
        assert_text(detail, cases[i].detail);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_parse, free_arena),
        cmocka_unit_test_teardown(test_format, free_arena),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_domain),
        cmocka_unit_test_teardown(test_keys, free_arena),
        cmocka_unit_test(test_detail),
    };
    return cmocka_run_group_tests_name("mail/address", tests, NULL, NULL);
}
