/* SPDX-License-Identifier: ISC */
/* Reading mbox: what begins a message, what is quoted, and the same result whatever the cuts. */
#include "check.h"

#include "mbox.h"

/* "{from-line|text}" for each message. */
static enum err on_begin(void *data, struct slice line)
{
    buf_append_char(data, '{');
    buf_append(data, line);
    buf_append_char(data, '|');
    return ERR_OK;
}

static enum err on_text(void *data, struct slice bytes)
{
    buf_append(data, bytes);
    return ERR_OK;
}

static enum err on_end(void *data)
{
    buf_append_char(data, '}');
    return ERR_OK;
}

static const struct mbox_events events = {on_begin, on_text, on_end};

static void read_in_pieces(struct slice text, size_t piece, struct buf *out)
{
    struct mbox_reader reader;
    buf_init(out, 1 << 20);
    mbox_reader_init(&reader, &events, out);
    while (text.len) {
        assert_ok(mbox_reader_feed(&reader, slice_take(text, piece)));
        text = slice_skip(text, piece);
    }
    assert_ok(mbox_reader_finish(&reader));
    mbox_reader_free(&reader);
}

static void check(const char *text, const char *expected)
{
    for (size_t piece = 1; piece <= strlen(text) + 1; piece++) {
        struct buf out;
        read_in_pieces(slice_from(text), piece, &out);
        assert_text(buf_slice(&out), expected);
        buf_free(&out);
    }
}

static void messages_are_told_apart(void **state)
{
    (void)state;
    check("", "");
    check("From a 12:34\nx\n\nFrom b 1:23\ny\n", "{a 12:34|x\n}{b 1:23|y\n}");
    check("From a 12:34\r\nx\r\n\r\nFrom b 1:23\r\ny\r\n\r\n", "{a 12:34|x\r\n}{b 1:23|y\r\n}");
    check("From \nx\n\nFrom - \ny", "{|x\n}{- |y}");
    check("From a 12:34\n\n\n\nFrom b 12:34\n\n", "{a 12:34|\n\n}{b 12:34|}");
    check("From a 12:34", "{a 12:34|}");
    check("junk\n\nFrom a 12:34\nx\n", "{a 12:34|x\n}");
}

static void lines_that_only_look_like_a_beginning_are_text(void **state)
{
    (void)state;
    check("From a 12:34\nx\nFrom b 12:34\n", "{a 12:34|x\nFrom b 12:34\n}");
    check("From a 12:34\nx\n\nFrom now on\n", "{a 12:34|x\n\nFrom now on\n}");
    check("From a 12:34\nx\n\nFromage 12:34\n", "{a 12:34|x\n\nFromage 12:34\n}");
    check("From a 12:34\nx\n\n\rFrom b 12:34\n", "{a 12:34|x\n\n\rFrom b 12:34\n}");
    check("From a 12:34\nx\n\nFro", "{a 12:34|x\n\nFro}");
}

static void quoted_lines_lose_one_mark(void **state)
{
    (void)state;
    check("From a 12:34\n>From b\n>>From c\n> From d\n>x\n>\n",
          "{a 12:34|From b\n>From c\n> From d\n>x\n>\n}");
    check("From a 12:34\n\n>From b 12:34\n", "{a 12:34|\nFrom b 12:34\n}");
    check("From a 12:34\n>>", "{a 12:34|>>}");
}

static void lines_may_be_of_any_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {998, 999, 1000, 1001, 1002, 1003, 5000, 100000};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct buf text, out;
        buf_init(&text, 1 << 20);
        buf_append(&text, S("From a 12:34\n\nFrom 12:34 "));
        size_t begin = text.len;
        while (text.len - begin < lengths[i]) {
            buf_append_char(&text, 'x');
        }
        buf_append_char(&text, '\n');
        while (text.len - begin < 3 * lengths[i]) {
            buf_append_char(&text, '>');
        }
        buf_append(&text, S("From \n"));
        struct buf whole;
        read_in_pieces(buf_slice(&text), text.len, &whole);
        /* One line end and one ">" less, and with a line short enough to begin a message, that message. */
        assert_true(whole.len < text.len && whole.len > text.len - 20);
        for (size_t piece = 1; piece < 2000; piece += 333) {
            read_in_pieces(buf_slice(&text), piece, &out);
            assert_slice(buf_slice(&out), buf_slice(&whole));
            buf_free(&out);
        }
        buf_free(&whole);
        buf_free(&text);
    }
}

static void what_must_be_quoted_is_known(void **state)
{
    (void)state;
    assert_true(mbox_must_quote(S("From ")));
    assert_true(mbox_must_quote(S(">>>From x")));
    assert_false(mbox_must_quote(S("from ")));
    assert_false(mbox_must_quote(S("> From ")));
    assert_false(mbox_must_quote(S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart),
        cmocka_unit_test(lines_that_only_look_like_a_beginning_are_text),
        cmocka_unit_test(quoted_lines_lose_one_mark),
        cmocka_unit_test(lines_may_be_of_any_length),
        cmocka_unit_test(what_must_be_quoted_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
