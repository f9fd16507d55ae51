/* SPDX-License-Identifier: ISC */
/* What TOP sends of a message (RFC 1939 section 7), fed whole and in pieces of every size. */
#include "check.h"

#include "base/buf.h"
#include "top.h"

static void expect_top(const char *message, uint64_t lines, const char *expected)
{
    struct slice whole = slice_from(message);
    for (size_t step = 1; step <= whole.len + 1; step++) {
        struct top top = {.lines_left = lines};
        struct buf found;
        bool done = false;
        buf_init(&found, 1000);
        for (struct slice rest = whole; rest.len > 0 && !done; rest = slice_skip(rest, step))
            buf_append(&found, top_take(&top, slice_take(rest, step), &done));
        assert_text(buf_slice(&found), expected);
        buf_free(&found);
    }
}

#define HEADER "Subject: x\r\nTo: y\r\n"

static void header_and_lines(void **state)
{
    (void)state;
    const char *message = HEADER "\r\none\r\n\r\nthree\r\n";
    expect_top(message, 0, HEADER "\r\n");
    expect_top(message, 1, HEADER "\r\none\r\n");
    expect_top(message, 2, HEADER "\r\none\r\n\r\n");
    expect_top(message, 3, message);
    expect_top(message, 4, message);
    expect_top(message, UINT64_MAX, message);
}

static void done_says_when_nothing_more_is_wanted(void **state)
{
    bool done = false;
    (void)state;
    assert_text(top_take(&(struct top){.lines_left = 0}, S(HEADER "\r\nrest"), &done), HEADER "\r\n");
    assert_true(done);
    top_take(&(struct top){.lines_left = 1}, S(HEADER "\r\none\r\n"), &done);
    assert_true(done);
    top_take(&(struct top){.lines_left = 1}, S(HEADER "\r\none"), &done);
    assert_false(done);
    top_take(&(struct top){.lines_left = 0}, S(HEADER), &done);
    assert_false(done);
}

static void odd_messages(void **state)
{
    (void)state;
    expect_top("", 0, "");
    expect_top(HEADER, 0, HEADER);               /* a header only, without its end */
    expect_top("Subject: x", 5, "Subject: x");   /* not even a line end */
    expect_top(HEADER "\r\n", 0, HEADER "\r\n"); /* a header only */
    expect_top(HEADER "\r\n", 9, HEADER "\r\n");
    expect_top("\r\nbody\r\nmore\r\n", 0, "\r\n"); /* no header */
    expect_top("\r\nbody\r\nmore\r\n", 1, "\r\nbody\r\n");
    expect_top(HEADER "\r\none\r\ntwo", 2, HEADER "\r\none\r\ntwo"); /* no line end at the end */
    expect_top(HEADER "\r\none\r\ntwo", 1, HEADER "\r\none\r\n");
    expect_top("A: b\n\none\ntwo\n", 1, "A: b\n\none\n"); /* bare LF */
    expect_top("A: b\r\n\none\r\ntwo\r\n", 0, "A: b\r\n\n");
    expect_top("A: b\r\n \r\nC: d\r\n\r\nx\r\n", 0,
               "A: b\r\n \r\nC: d\r\n\r\n"); /* a space is no empty line */
    expect_top("A: b\r\n\r\r\nC: d\r\n\r\nx\r\n", 0, "A: b\r\n\r\r\nC: d\r\n\r\n"); /* nor are two CRs */
    expect_top("A: b\r\n\rC: d\r\n\r\nx\r\n", 0, "A: b\r\n\rC: d\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_lines),
        cmocka_unit_test(done_says_when_nothing_more_is_wanted),
        cmocka_unit_test(odd_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
