/* SPDX-License-Identifier: ISC */
/* Arguments of MAIL and RCPT, as RFC 5321 writes them and as clients do. */
#include "check.h"

#include "mail/path.h"

static struct arena arena;

static int free_arena(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

#define A16 "aaaaaaaaaaaaaaaa"
#define L60 A16 A16 A16 "aaaaaaaaaaa."

static void test_path(void **state)
{
    (void)state;
    enum { NULL_PATH = 1, POSTMASTER = 2, ROUTE = 4, SLOPPY = 8 };
    static const struct {
        const char *text;
        enum err err;
        const char *local, *domain, *rest;
        int flags;
    } cases[] = {
        {"<user@example.org>", ERR_OK, "user", "example.org", "", 0},
        {"<user@example.org> SIZE=10 BODY=8BITMIME", ERR_OK, "user", "example.org", "SIZE=10 BODY=8BITMIME",
         0},
        {"<user@example.org>   ", ERR_OK, "user", "example.org", "", 0},
        {"<>", ERR_OK, "", "", "", NULL_PATH},
        {"<> RET=HDRS", ERR_OK, "", "", "RET=HDRS", NULL_PATH},
        {"<Postmaster>", ERR_OK, "postmaster", "", "", POSTMASTER},
        {"<postmaster> NOTIFY=NEVER", ERR_OK, "postmaster", "", "NOTIFY=NEVER", POSTMASTER},
        {"<postmaster@example.org>", ERR_OK, "postmaster", "example.org", "", 0},
        {"<postmasterx@example.org>", ERR_OK, "postmasterx", "example.org", "", 0},
        {"<@a.example:user@b.example>", ERR_OK, "user", "b.example", "", ROUTE},
        {"<@a.example,@b.example:user@c.example> X", ERR_OK, "user", "c.example", "X", ROUTE},
        {"<\"a> b\"@example.org> X=1", ERR_OK, "a> b", "example.org", "X=1", 0},
        {"  <user@example.org>", ERR_OK, "user", "example.org", "", SLOPPY},
        {"user@example.org", ERR_OK, "user", "example.org", "", SLOPPY},
        {" user@example.org SIZE=1", ERR_OK, "user", "example.org", "SIZE=1", SLOPPY},
        {"postmaster", ERR_OK, "postmaster", "", "", SLOPPY | POSTMASTER},
        {"postmaster X=1", ERR_OK, "postmaster", "", "X=1", SLOPPY | POSTMASTER},
        {"<user@[192.0.2.1]>", ERR_OK, "user", "[192.0.2.1]", "", 0},

        {"", ERR_SYNTAX},
        {"   ", ERR_SYNTAX},
        {"<", ERR_SYNTAX},
        {"<user>", ERR_SYNTAX},
        {"<user@>", ERR_SYNTAX},
        {"<user@example.org", ERR_SYNTAX},
        {"<user@example.org> >", ERR_OK, "user", "example.org", ">", 0},
        {"user@example.org>", ERR_SYNTAX},
        {"<user@example.org>SIZE=1", ERR_SYNTAX},
        {"<user@example.org>>", ERR_SYNTAX},
        {"<<user@example.org>>", ERR_SYNTAX},
        {"< user@example.org>", ERR_SYNTAX},
        {"<user@example.org >", ERR_SYNTAX},
        {"<@a.example>", ERR_SYNTAX},
        {"<@a.example:>", ERR_SYNTAX},
        {"<@a.example user@b.example>", ERR_SYNTAX},
        {"<a.example:user@b.example>", ERR_SYNTAX},
        {"<@a.example,b.example:user@c.example>", ERR_SYNTAX},
        {"<@:user@b.example>", ERR_SYNTAX},
        {"<postmaster", ERR_SYNTAX},
        {"<a!b!c>", ERR_SYNTAX},
        {"<j\xc3\xb6rg@example.org>", ERR_SYNTAX},
        {A16 A16 A16 A16 "@" L60 L60 L60 "aaaaaaaaa", ERR_OK, A16 A16 A16 A16, L60 L60 L60 "aaaaaaaaa", "",
         SLOPPY},
        {"<" A16 A16 A16 A16 "@" L60 L60 L60 "aaaaaaaaa>", ERR_OK, A16 A16 A16 A16, L60 L60 L60 "aaaaaaaaa",
         "", 0},
        {A16 A16 A16 A16 "@" L60 L60 L60 "aaaaaaaaaa", ERR_TOO_LONG},
        {"<" A16 A16 A16 A16 "@" L60 L60 L60 "aaaaaaaaaa>", ERR_TOO_LONG},
        {"<@" L60 L60 "a:a@" L60 L60 A16 ">", ERR_TOO_LONG},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice rest = slice_from(cases[i].text);
        struct mail_path path;
        enum err err = path_parse(&arena, &rest, false, &path);
        if (err != cases[i].err) {
            print_error("%s gives %s\n", cases[i].text, err_text(err));
        }
        assert_err(err, cases[i].err);
        assert_text(rest, err ? cases[i].text : cases[i].rest);
        if (!err) {
            assert_text(path.address.local, cases[i].local);
            assert_text(path.address.domain, cases[i].domain);
            assert_int_equal(path.is_null, (cases[i].flags & NULL_PATH) != 0);
            assert_int_equal(path.is_postmaster, (cases[i].flags & POSTMASTER) != 0);
            assert_int_equal(path.has_route, (cases[i].flags & ROUTE) != 0);
            assert_int_equal(path.sloppy, (cases[i].flags & SLOPPY) != 0);
        }
    }
    struct slice rest = S("<j\xc3\xb6rg@b\xc3\xbc"
                          "cher.example> SMTPUTF8");
    struct mail_path path;
    assert_ok(path_parse(&arena, &rest, true, &path));
    assert_text(path.address.local, "j\xc3\xb6rg");
}

static void test_parameters(void **state)
{
    (void)state;
    struct slice rest = S("SIZE=1000  BODY=8BITMIME SMTPUTF8 AUTH=<> X-1=a<b>\xc3\xb6 "), keyword, value;
    static const struct {
        const char *keyword, *value;
    } expected[] = {
        {"SIZE", "1000"}, {"BODY", "8BITMIME"}, {"SMTPUTF8", NULL}, {"AUTH", "<>"}, {"X-1", "a<b>\xc3\xb6"}};
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_ok(esmtp_parameter_next(&rest, &keyword, &value));
        assert_text(keyword, expected[i].keyword);
        assert_int_equal(value.data == NULL, expected[i].value == NULL);
        assert_text(value, expected[i].value ? expected[i].value : "");
    }
    assert_err(esmtp_parameter_next(&rest, &keyword, &value), ERR_NOT_FOUND);

    static const char *const bad[] = {"=1",         "-A=1", "A=",     "A==1", "A=1=2",
                                      "\xc3\xb6=1", "A,B",  "A=\x7f", "<a>"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rest = slice_from(bad[i]);
        assert_err(esmtp_parameter_next(&rest, &keyword, &value), ERR_SYNTAX);
        assert_text(rest, bad[i]);
    }
}

static void test_xtext(void **state)
{
    (void)state;
    static const struct {
        struct slice text, bytes;
    } cases[] = {
        {S("plain"), S("plain")},
        {S("a+2Bb+3Dc"), S("a+b=c")},
        {S("+20+00+FF"), S(" \0\xff")},
        {S(""), S("")},
    };
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        assert_ok(xtext_decode(&out, cases[i].text));
        assert_slice(buf_slice(&out), cases[i].bytes);
        buf_clear(&out);
        xtext_encode(&out, cases[i].bytes);
        assert_slice(buf_slice(&out), cases[i].text);
    }
    static const char *const bad[] = {"a=b", "a b", "+", "+2", "+2b", "+GG", "a+", "\xc3\xb6"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&out);
        buf_append(&out, S("kept"));
        assert_err(xtext_decode(&out, slice_from(bad[i])), ERR_SYNTAX);
        assert_text(buf_slice(&out), "kept");
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_path, free_arena),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_xtext),
    };
    return cmocka_run_group_tests_name("mail/path", tests, NULL, NULL);
}
