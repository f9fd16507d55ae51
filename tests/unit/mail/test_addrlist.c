/* SPDX-License-Identifier: ISC */
/*
 * Address lists of header fields. The expected list is written as text: a mailbox is name|adl|mailbox|host
 * with - for what is missing, "{mailbox" begins a group and "}" ends it.
 */
#include "check.h"

#include "base/buf.h"
#include "mail/addrlist.h"

static void show(struct buf *out, const struct addrlist *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct addrlist_item *item = &list->items[i];
        struct slice texts[] = {item->name, item->adl, item->mailbox, item->host};
        buf_append(out, i > 0 ? S("\n") : SLICE_EMPTY);
        if (item->kind == ADDRLIST_GROUP_START) {
            buf_append_char(out, '{');
            buf_append(out, item->mailbox);
        } else if (item->kind == ADDRLIST_GROUP_END) {
            buf_append_char(out, '}');
        } else {
            for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
                buf_append(out, k > 0 ? S("|") : SLICE_EMPTY);
                buf_append(out, texts[k].data ? texts[k] : S("-"));
            }
        }
    }
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *value, *list;
        bool malformed;
    } cases[] = {
        /* RFC 5322 appendix A.1 */
        {"John Doe <jdoe@machine.example>", "John Doe|-|jdoe|machine.example", false},
        {"\"Joe Q. Public\" <john.q.public@example.com>", "Joe Q. Public|-|john.q.public|example.com", false},
        {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
         "Mary Smith|-|mary|x.test\n-|-|jdoe|example.org\nWho?|-|one|y.test", false},
        {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
         "-|-|boss|nil.test\nGiant; \"Big\" Box|-|sysservices|example.net", false},
        {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
         "{A Group\nEd Jones|-|c|a.test\n-|-|joe|where.test\nJohn|-|jdoe|one.test\n}", false},
        {"Undisclosed recipients:;", "{Undisclosed recipients\n}", false},
        /* appendix A.5: comments and folds */
        {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete|-|pete|silly.test", false},
        {"A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n"
         "  joe@example.org,\r\n John <jdoe@one.test> (my dear friend); (the end of the group)",
         "{A Group\nChris Jones|-|c|public.example\n-|-|joe|example.org\nJohn|-|jdoe|one.test\n}", false},
        {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", "{Hidden recipients\n}", false},
        /* appendix A.6.1: obsolete forms */
        {"Joe Q. Public <john.q.public@example.com>", "Joe Q. Public|-|john.q.public|example.com", false},
        {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
         "Mary Smith|@node.test|mary|example.net\n-|-|jdoe|test.example", false},
        {"<@a.test,@b.test:c@d.test>", "-|@a.test,@b.test|c|d.test", false},
        {"pete . smith @ x . test", "-|-|pete.smith|x.test", false},

        {"", "", false},
        {"  \r\n ", "", false},
        {",,,", "", false},
        {"joe@x.test (Joe Smith)", "Joe Smith|-|joe|x.test", false},
        {"joe@x.test (Joe (the) \\(Smith)", "Joe (the) (Smith|-|joe|x.test", false},
        {"\"john doe\"@x.test", "-|-|john doe|x.test", false},
        {"\"a@b\" <c@d.test>", "a@b|-|c|d.test", false},
        {"joe@[192.0.2.1]", "-|-|joe|[192.0.2.1]", false},
        {"joe@[ 192.0.2.1 ]", "-|-|joe|[192.0.2.1]", false},
        {"J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
         "cher.test>",
         "J\xc3\xb6rg|-|j\xc3\xb6rg|b\xc3\xbc"
         "cher.test",
         false},
        {"=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M?= <j@x.test>", "=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_M?=|-|j|x.test",
         false},
        {"\"\" <j@x.test>", "-|-|j|x.test", false},
        {"a@x.test;", "-|-|a|x.test", true},
        {"G1: a@x.test; G2: b@x.test;", "{G1\n-|-|a|x.test\n}\n{G2\n-|-|b|x.test\n}", false},

        /* malformed, but something can be read */
        {"MAILER-DAEMON", "-|-|MAILER-DAEMON|", true},
        {"<>", "-|-||", true},
        {"joe", "-|-|joe|", true},
        {"joe@x.test <joe@x.test>", "joe@x.test|-|joe|x.test", true},
        {"Joe <joe@x.test", "Joe|-|joe|x.test", true},
        {"Joe <joe@x.test, b@y.test", "Joe|-|joe|x.test\n-|-|b|y.test", true},
        {"<a@x.test b@y.test>", "-|-|a|x.test\n-|-|b|y.test", true},
        {"<a@x.test@y.test>", "-|-|a|x.test\n-|-||y.test", true},
        {"a@x.test b@y.test", "-|-|a|x.test\n-|-|b|y.test", true},
        {"<a@x.test> <b@y.test>", "-|-|a|x.test\n-|-|b|y.test", true},
        {"a b@x.test", "-|-|a b|x.test", true},
        {"\"\" b@x.test", "-|-|b|x.test", true},
        {"a. \"\" b@x.test", "-|-|a.b|x.test", false},
        {"G: a@x.test", "{G\n-|-|a|x.test\n}", true},
        {"G: H: a@x.test;", "{G\n-|-|a|x.test\n}", true},
        {"@x.test", "-|-||x.test", true},
        {"a@", "-|-|a|", true},
        {"\"unterminated <a@x.test>", "-|-|unterminated <a@x.test>|", true},
        {"(unterminated a@x.test", "", true},
        {"a@x.test (unterminated", "unterminated|-|a|x.test", true},
        {">)]\\", "", true},
        {"a@[192.0.2.1", "-|-|a|[192.0.2.1", true},
        {"Joe <not an address> , b@y.test", "Joe|-|not an address|\n-|-|b|y.test", true},
        {"<@x.test>", "-|-||x.test", true},
    };
    struct arena arena = {0};
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addrlist list;
        buf_clear(&out);
        addrlist_parse(&arena, slice_from(cases[i].value), 100, &list);
        show(&out, &list);
        if (list.malformed != cases[i].malformed) {
            print_error("%s\n", cases[i].value);
        }
        assert_text(buf_slice(&out), cases[i].list);
        assert_int_equal(list.malformed, cases[i].malformed);
        assert_false(list.truncated);
        arena_reset(&arena);
    }
    buf_free(&out);
    arena_free(&arena);
}

/* A group that was opened is closed, also when the list is full. */
static void test_limit(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct addrlist list;
    addrlist_parse(&arena, S("a@x, b@x, c@x"), 2, &list);
    assert_int_equal(list.count, 2);
    assert_true(list.truncated);
    addrlist_parse(&arena, S("G: a@x, b@x, c@x;"), 3, &list);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.items[0].kind, ADDRLIST_GROUP_START);
    assert_int_equal(list.items[3].kind, ADDRLIST_GROUP_END);
    assert_true(list.truncated);
    addrlist_parse(&arena, S("a@x, G: b@x;"), 1, &list);
    assert_int_equal(list.count, 1);
    assert_true(list.truncated);
    addrlist_parse(&arena, S("a@x, G:;"), 1, &list);
    assert_int_equal(list.count, 1);
    assert_true(list.truncated);
    addrlist_parse(&arena, S("a@x"), 0, &list);
    assert_int_equal(list.count, 0);
    arena_free(&arena);
}

/* Depth costs no stack: 60,000 nested comments. */
static void test_deep_comments(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct addrlist list;
    struct buf text;
    buf_init(&text, 200000);
    for (size_t i = 0; i < 60000; i++) {
        buf_append_char(&text, '(');
    }
    for (size_t i = 0; i < 60000; i++) {
        buf_append_char(&text, ')');
    }
    buf_append(&text, S(" a@x"));
    addrlist_parse(&arena, buf_slice(&text), 10, &list);
    assert_int_equal(list.count, 1);
    assert_text(list.items[0].mailbox, "a");
    assert_false(list.malformed);
    buf_free(&text);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_deep_comments),
    };
    return cmocka_run_group_tests_name("mail/addrlist", tests, NULL, NULL);
}
