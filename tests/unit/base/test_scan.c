/* SPDX-License-Identifier: ISC */
/* The cursor: a match moves on, a failure leaves everything as it was. */
#include "check.h"

#include "base/scan.h"

static void a_grammar_line_chains(void **state)
{
    (void)state;
    struct scan scan = scan_of(S("from: \t<a@b> SIZE=42"));
    struct slice path;
    uint64_t size;
    assert_true(scan_word(&scan, S("FROM")) && scan_char(&scan, ':') && scan_skip_wsp(&scan) &&
                scan_char(&scan, '<') && scan_until(&scan, '>', &path) && scan_char(&scan, '>') &&
                scan_wsp(&scan) && scan_word(&scan, S("size=")) && scan_number(&scan, 100, &size) &&
                scan_at_end(&scan));
    assert_text(path, "a@b");
    assert_int_equal(size, 42);
}

static void failures_do_not_move(void **state)
{
    (void)state;
    struct scan scan = scan_of(S("abc 1234"));
    struct slice text = S("untouched");
    uint64_t number = 7;
    assert_false(scan_char(&scan, 'b'));
    assert_false(scan_word(&scan, S("abd")));
    assert_false(scan_word(&scan, S("abc 12345")));
    assert_false(scan_wsp(&scan));
    assert_true(scan_skip_wsp(&scan));
    assert_false(scan_until(&scan, ';', &text));
    assert_false(scan_while(&scan, char_is_digit, &text));
    assert_false(scan_number(&scan, 9, &number));
    assert_text(scan.rest, "abc 1234");

    assert_true(scan_word(&scan, S("ABC ")));
    assert_false(scan_number(&scan, 1233, &number)); /* digits, but too many of them */
    assert_text(scan.rest, "1234");
    assert_text(text, "untouched");
    assert_int_equal(number, 7);
    assert_true(scan_number(&scan, 1234, &number));
    assert_int_equal(number, 1234);
}

static void classes_match_at_least_one(void **state)
{
    (void)state;
    struct scan scan = scan_of(S("abc1"));
    struct slice text;
    assert_true(scan_while(&scan, char_is_alpha, &text));
    assert_text(text, "abc");
    assert_false(scan_while(&scan, char_is_alpha, &text));
    assert_true(scan_while(&scan, char_is_digit, &text));
    assert_text(text, "1");
    assert_true(scan_at_end(&scan));
    assert_false(scan_while(&scan, char_is_digit, &text));
}

static void until_may_be_empty(void **state)
{
    (void)state;
    struct scan scan = scan_of(S(">"));
    struct slice text = S("x");
    assert_true(scan_until(&scan, '>', &text));
    assert_text(text, "");
    assert_int_equal(scan_peek(&scan), '>');
}

static void nul_is_a_byte_and_not_the_end(void **state)
{
    (void)state;
    struct scan scan = scan_of(S("\0a"));
    struct scan empty = scan_of((struct slice){NULL, 0});
    assert_false(scan_at_end(&scan));
    assert_int_equal(scan_peek(&scan), 0);
    assert_true(scan_char(&scan, '\0'));
    assert_true(scan_char(&scan, 'a'));
    assert_true(scan_at_end(&empty));
    assert_int_equal(scan_peek(&empty), 0);
    assert_false(scan_char(&empty, '\0'));
    assert_false(scan_word(&empty, S("a")));
    assert_false(scan_wsp(&empty));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grammar_line_chains),         cmocka_unit_test(failures_do_not_move),
        cmocka_unit_test(classes_match_at_least_one),    cmocka_unit_test(until_may_be_empty),
        cmocka_unit_test(nul_is_a_byte_and_not_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
