/* SPDX-License-Identifier: ISC */
/* Slices: comparing, searching, cutting, numbers; empty ones with NULL everywhere. */
#include "check.h"

#define NOTHING ((struct slice){NULL, 0})

static void equality_is_by_length_and_bytes(void **state)
{
    (void)state;
    assert_true(slice_eq(S("a"), S("a")));
    assert_false(slice_eq(S("a"), S("A")));
    assert_false(slice_eq(S("a"), S("ab")));
    assert_false(slice_eq(S("a\0b"), S("a\0c")));
    assert_true(slice_eq(NOTHING, S("")));
    assert_true(slice_eq_nocase(S("MaIl"), S("mAiL")));
    assert_false(slice_eq_nocase(S("@"), S("`"))); /* 0x20 apart, not letters */
    assert_false(slice_eq_nocase(S("["), S("{")));
    assert_true(slice_eq_nocase(NOTHING, S("")));
}

static void order_puts_the_shorter_first(void **state)
{
    (void)state;
    assert_true(slice_cmp(S("a"), S("b")) < 0);
    assert_true(slice_cmp(S("ab"), S("a")) > 0);
    assert_true(slice_cmp(NOTHING, S("a")) < 0);
    assert_int_equal(slice_cmp(NOTHING, NOTHING), 0);
    assert_true(slice_cmp(S("\xff"), S("a")) > 0); /* bytes are unsigned */
    assert_true(slice_cmp_nocase(S("\xff"), S("a")) > 0);
    assert_int_equal(slice_cmp_nocase(S("AB"), S("ab")), 0);
    assert_true(slice_cmp_nocase(S("AB"), S("abc")) < 0);
}

static void prefix_and_suffix(void **state)
{
    (void)state;
    assert_true(slice_starts_with(S("MAIL FROM"), S("MAIL")));
    assert_false(slice_starts_with(S("MAIL FROM"), S("mail")));
    assert_true(slice_starts_with_nocase(S("MAIL FROM"), S("mail")));
    assert_false(slice_starts_with(S("MAI"), S("MAIL")));
    assert_true(slice_starts_with(NOTHING, NOTHING));
    assert_true(slice_ends_with_nocase(S("a@Example.ORG"), S(".org")));
    assert_false(slice_ends_with_nocase(S("org"), S(".org")));
    assert_true(slice_ends_with_nocase(S("org"), S("")));
}

static void finding(void **state)
{
    (void)state;
    assert_int_equal(slice_find(S("a@b@c"), '@'), 1);
    assert_int_equal(slice_find_last(S("a@b@c"), '@'), 3);
    assert_int_equal(slice_find(S("abc"), '@'), 3);
    assert_int_equal(slice_find_last(S("abc"), '@'), 3);
    assert_int_equal(slice_find(NOTHING, '@'), 0);
    assert_int_equal(slice_find_text(S("abcabd"), S("abd")), 3);
    assert_int_equal(slice_find_text(S("abc"), S("x")), 3);
    assert_int_equal(slice_find_text(S("abc"), S("")), 0);
    assert_int_equal(slice_find_text(NOTHING, S("x")), 0);
    assert_true(slice_has(S("a\0b"), 'b'));
    assert_false(slice_has(S("ab"), 'c'));
}

static void cutting_stays_inside(void **state)
{
    (void)state;
    assert_text(slice_take(S("abc"), 2), "ab");
    assert_text(slice_take(S("abc"), 9), "abc");
    assert_text(slice_skip(S("abc"), 2), "c");
    assert_text(slice_skip(S("abc"), 9), "");
    assert_text(slice_skip(NOTHING, 9), "");
    assert_text(slice_trim(S(" \t a b \t")), "a b");
    assert_text(slice_trim(S(" \t ")), "");
    assert_text(slice_trim(NOTHING), "");
    assert_text(slice_trim_right(S(" a ")), " a");
    assert_text(slice_trim(S("\r\n")), "\r\n"); /* line ends are no white space here */
}

static void splitting_ends_with_null(void **state)
{
    (void)state;
    struct slice rest = S("a,,b,");
    const char *const expected[] = {"a", "", "b", ""};
    size_t count = 0;
    while (rest.data) {
        assert_true(count < ARRAY_LEN(expected));
        assert_text(slice_split(&rest, ','), expected[count]);
        count++;
    }
    assert_int_equal(count, ARRAY_LEN(expected));
    assert_text(slice_split(&rest, ','), ""); /* and stays there */
    assert_null(rest.data);
}

static void numbers_are_strict(void **state)
{
    (void)state;
    uint64_t value = 7;
    assert_true(slice_to_u64(S("0"), 10, &value));
    assert_int_equal(value, 0);
    assert_true(slice_to_u64(S("0042"), 42, &value));
    assert_int_equal(value, 42);
    assert_true(slice_to_u64(S("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    value = 7;
    assert_false(slice_to_u64(S("18446744073709551616"), UINT64_MAX, &value));
    assert_false(slice_to_u64(S("99999999999999999999999"), UINT64_MAX, &value));
    assert_false(slice_to_u64(S("43"), 42, &value));
    assert_false(slice_to_u64(S("5"), 4, &value));
    assert_false(slice_to_u64(S(""), 42, &value));
    assert_false(slice_to_u64(NOTHING, 42, &value));
    assert_false(slice_to_u64(S("+1"), 42, &value));
    assert_false(slice_to_u64(S("-1"), 42, &value));
    assert_false(slice_to_u64(S("1 "), 42, &value));
    assert_false(slice_to_u64(S("0x1"), 42, &value));
    assert_int_equal(value, 7);
}

static void null_is_an_empty_text(void **state)
{
    (void)state;
    assert_int_equal(slice_from(NULL).len, 0);
    assert_text(slice_from("abc"), "abc");
    assert_slice(slice_of("a\0b", 3), S("a\0b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_is_by_length_and_bytes),
        cmocka_unit_test(order_puts_the_shorter_first),
        cmocka_unit_test(prefix_and_suffix),
        cmocka_unit_test(finding),
        cmocka_unit_test(cutting_stays_inside),
        cmocka_unit_test(splitting_ends_with_null),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(null_is_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
