/* SPDX-License-Identifier: ISC */
/* UTF-8: the borders of RFC 3629 section 4, and cuts that leave characters whole. */
#include "check.h"

#include "base/utf8.h"

static void well_formed(void **state)
{
    (void)state;
    const char *const good[] = {
        "",
        "abc",
        "\x7f",
        "\xc2\x80",         /* U+0080 */
        "\xdf\xbf",         /* U+07FF */
        "\xe0\xa0\x80",     /* U+0800 */
        "\xec\xbf\xbf",     /* U+CFFF */
        "\xed\x9f\xbf",     /* U+D7FF */
        "\xee\x80\x80",     /* U+E000 */
        "\xef\xbf\xbf",     /* U+FFFF */
        "\xf0\x90\x80\x80", /* U+10000 */
        "\xf3\xbf\xbf\xbf",
        "\xf4\x8f\xbf\xbf", /* U+10FFFF */
        "gr\xc3\xbc\xc3\x9f"
        "e",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(utf8_is_valid(slice_from(good[i])));
    }
    assert_true(utf8_is_valid(S("a\0b")));
    assert_true(utf8_is_valid((struct slice){NULL, 0}));
}

static void malformed(void **state)
{
    (void)state;
    const char *const bad[] = {
        "\x80",
        "\xbf", /* tails alone */
        "\xc0\x80",
        "\xc1\xbf", /* overlong */
        "\xe0\x80\x80",
        "\xe0\x9f\xbf", /* overlong */
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", /* over U+10FFFF */
        "\xff",
        "\xfe",
        "\xc3",
        "\xc3(",
        "\xe2\x82",
        "\xe2\x82(",
        "\xe2(\x82",
        "\xf0\x9f\x98",
        "\xf0\x9f\x98(",
        "abc\xc3",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(utf8_is_valid(slice_from(bad[i])));
    }
}

/* A character is not valid while bytes of it are missing, and the function does not look for them behind the
 * end. */
static void one_byte_at_a_time(void **state)
{
    (void)state;
    struct slice text = S("\xf0\x9f\x98\x80");
    for (size_t len = 1; len < 4; len++) {
        assert_int_equal(utf8_char_length(slice_take(text, len)), 0);
    }
    assert_int_equal(utf8_char_length(text), 4);
    assert_int_equal(utf8_char_length(S("")), 0);
    assert_int_equal(utf8_char_length(S("ab")), 1);
    assert_int_equal(utf8_char_length(S("\xc3\xbc"
                                        "a")),
                     2);
    assert_int_equal(utf8_char_length(S("\xe2\x82\xac"
                                        "a")),
                     3);
}

static void ascii(void **state)
{
    (void)state;
    assert_true(utf8_is_ascii(S("abc\x7f\0")));
    assert_false(utf8_is_ascii(S("abc\x80")));
    assert_true(utf8_is_ascii(S("")));
}

static void cutting_between_characters(void **state)
{
    (void)state;
    struct slice text = S("a\xe2\x82\xac\xf0\x9f\x98\x80"); /* 1 + 3 + 4 bytes */
    const size_t expected[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};
    for (size_t max = 0; max < ARRAY_LEN(expected); max++) {
        assert_int_equal(utf8_cut(text, max).len, expected[max]);
    }
    assert_int_equal(utf8_cut(S("\x80\x80\x80\x80\x80\x80"), 5).len, 5); /* no UTF-8: just cut */
    assert_int_equal(utf8_cut(S("\x80\x80"), 1).len, 1);
    assert_int_equal(utf8_cut(S(""), 1).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed),
        cmocka_unit_test(malformed),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(ascii),
        cmocka_unit_test(cutting_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
