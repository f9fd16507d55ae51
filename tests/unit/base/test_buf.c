/* SPDX-License-Identifier: ISC */
/* The capped buffer: what fits under the cap, what sticks after it, and the NUL behind the end. */
#include "check.h"

#include "base/buf.h"

static void an_empty_buffer_has_no_memory(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 10);
    assert_null(buf.data);
    assert_string_equal(buf_cstr(&buf), "");
    assert_text(buf_slice(&buf), "");
    buf_drop(&buf, 3);
    buf_truncate(&buf, 3);
    assert_true(buf_ok(&buf));
    buf_free(&buf);
}

static void appending_up_to_the_cap(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_append(&buf, S("abc"));
    buf_append(&buf, (struct slice){NULL, 0});
    buf_append_char(&buf, 'd');
    buf_printf(&buf, "%d", 5);
    assert_true(buf_ok(&buf));
    assert_string_equal(buf_cstr(&buf), "abcd5");
    buf_append(&buf, S("x"));
    assert_false(buf_ok(&buf));
    assert_err(buf.error, ERR_TOO_LONG);
    assert_text(buf_slice(&buf), "abcd5");
    buf_free(&buf);
}

static void the_error_sticks_until_cleared(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 5);
    buf_append(&buf, S("abc"));
    buf_append(&buf, S("def")); /* no part of it goes in */
    buf_append(&buf, S("d"));   /* would fit, but the text has a hole before it */
    assert_text(buf_slice(&buf), "abc");
    assert_null(buf_reserve(&buf, 1));
    buf_clear(&buf);
    assert_true(buf_ok(&buf));
    assert_text(buf_slice(&buf), "");
    assert_string_equal(buf_cstr(&buf), "");
    buf_append(&buf, S("fghij"));
    assert_text(buf_slice(&buf), "fghij");
    buf_free(&buf);
    assert_null(buf.data);
    buf_append(&buf, S("again"));
    assert_text(buf_slice(&buf), "again");
    buf_append_char(&buf, '!'); /* the cap is still there */
    assert_err(buf.error, ERR_TOO_LONG);
    buf_free(&buf);
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 100000; i++) {
        buf_append_char(&buf, (char)(i % 251));
    }
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.len, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_true(buf.data[i] == (char)(i % 251));
    }
    assert_int_equal(buf.data[buf.len], '\0');
    assert_true(buf.size <= 100001);
    buf_append_char(&buf, 'x');
    assert_false(buf_ok(&buf));
    buf_clear(&buf);
    assert_null(buf.data); /* above 64 KiB is given back */
    buf_free(&buf);
}

static void reserving_and_committing(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 300);
    buf_append(&buf, S("ab"));
    char *room = buf_reserve(&buf, 298);
    assert_non_null(room);
    memset(room, 'x', 298); /* AddressSanitizer sees when there is less */
    buf_commit(&buf, 3);
    assert_string_equal(buf_cstr(&buf), "abxxx");
    assert_null(buf_reserve(&buf, 296));
    assert_err(buf.error, ERR_TOO_LONG);
    buf_free(&buf);
}

static void huge_requests_are_refused_without_overflow(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_append(&buf, S("ab"));
    assert_null(buf_reserve(&buf, SIZE_MAX - 1));
    assert_err(buf.error, ERR_TOO_LONG);
    buf_free(&buf);
}

static void dropping_and_truncating(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_append(&buf, S("abcdef"));
    buf_drop(&buf, 2);
    assert_string_equal(buf_cstr(&buf), "cdef");
    buf_truncate(&buf, 3);
    assert_string_equal(buf_cstr(&buf), "cde");
    buf_truncate(&buf, 9);
    assert_string_equal(buf_cstr(&buf), "cde");
    buf_drop(&buf, 9);
    assert_string_equal(buf_cstr(&buf), "");
    assert_int_equal(buf.len, 0);
    buf_free(&buf);
}

static void numbers_with_and_without_leading_zeros(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_number(&buf, 0, 1);
    buf_append_char(&buf, ' ');
    buf_append_number(&buf, 42, 6);
    buf_append_char(&buf, ' ');
    buf_append_number(&buf, 1234567, 6);
    buf_append_char(&buf, ' ');
    buf_append_number(&buf, UINT64_MAX, 99);
    assert_text(buf_slice(&buf), "0 000042 1234567 18446744073709551615");
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_has_no_memory),
        cmocka_unit_test(appending_up_to_the_cap),
        cmocka_unit_test(the_error_sticks_until_cleared),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(reserving_and_committing),
        cmocka_unit_test(huge_requests_are_refused_without_overflow),
        cmocka_unit_test(dropping_and_truncating),
        cmocka_unit_test(numbers_with_and_without_leading_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
