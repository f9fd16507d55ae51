/* SPDX-License-Identifier: ISC */
/* The editing of submitted headers: each case is fed whole, byte by byte, and in two halves at every place.
 */
#include "base/buf.h"
#include "check.h"
#include "header_filter.h"

struct edit_case {
    const char *name, *input, *output;
};

#define ALL_MISSING "From: <me>\r\nDate: D\r\nMessage-ID: <M>\r\n"
#define COMPLETE    "From: <a@b>\r\nDate: X\r\nMessage-ID: <x@y>\r\n"

static const struct edit_case edit_cases[] = {
    {"nothing to do", COMPLETE "To: <c@d>\r\n\r\nBcc: body\r\n", COMPLETE "To: <c@d>\r\n\r\nBcc: body\r\n"},
    {"nothing there", "\r\nbody\r\n", ALL_MISSING "\r\nbody\r\n"},
    {"empty message", "", ALL_MISSING "\r\n"},
    {"header only", "Subject: s\r\n", "Subject: s\r\n" ALL_MISSING "\r\n"},
    {"one missing", "From: <a@b>\r\nDate: X\r\n\r\nb", "From: <a@b>\r\nDate: X\r\nMessage-ID: <M>\r\n\r\nb"},
    {"Bcc goes", "Bcc: <x@y>\r\n" COMPLETE "\r\nb\r\n", COMPLETE "\r\nb\r\n"},
    {"Bcc goes in any case, with blanks and folds",
     COMPLETE "bCC \t: <x@y>,\r\n <z@y>,\r\n\t<w@y>\r\nTo: <t@u>\r\n\r\n", COMPLETE "To: <t@u>\r\n\r\n"},
    {"Resent-Bcc goes", COMPLETE "Resent-Bcc: <x@y>\r\n\r\n", COMPLETE "\r\n"},
    {"empty Bcc goes", COMPLETE "Bcc:\r\n\r\n", COMPLETE "\r\n"},
    {"several Bcc go", "Bcc: 1\r\nBcc: 2\r\n" COMPLETE "Bcc: 3\r\n\r\n", COMPLETE "\r\n"},
    {"other names stay", COMPLETE "Bcc-x: 1\r\nX-Bcc: 2\r\nBc: 3\r\n\r\n",
     COMPLETE "Bcc-x: 1\r\nX-Bcc: 2\r\nBc: 3\r\n\r\n"},
    {"folds of others stay", COMPLETE "To: a,\r\n Bcc: b\r\n\r\n", COMPLETE "To: a,\r\n Bcc: b\r\n\r\n"},
    {"case of names", "FROM: x\r\ndate: y\r\nMESSAGE-id: z\r\n\r\n",
     "FROM: x\r\ndate: y\r\nMESSAGE-id: z\r\n\r\n"},
    {"a line that is no field ends the header", "Subject: s\r\nhello\r\n",
     "Subject: s\r\n" ALL_MISSING "\r\nhello\r\n"},
    {"long names pass",
     COMPLETE "X-1234567890123456789012345678901234567890123456789012345678901234567890: v\r\nBcc: x\r\n\r\n",
     COMPLETE "X-1234567890123456789012345678901234567890123456789012345678901234567890: v\r\n\r\n"},
    {"a colon first", COMPLETE ": v\r\n\r\n", COMPLETE ": v\r\n\r\n"},
};

static void feed(struct header_filter *filter, struct slice input, struct buf *output)
{
    struct slice chunk;
    while (header_filter_next(filter, &input, &chunk))
        buf_append(output, chunk);
}

/* Feeds `text` in pieces of `first` bytes and then `step` bytes. */
static void check(const struct edit_case *edit, size_t first, size_t step)
{
    struct header_filter filter;
    struct buf output;
    header_filter_init(&filter);
    filter.from = S("From: <me>\r\n");
    filter.date = S("Date: D\r\n");
    filter.message_id = S("Message-ID: <M>\r\n");
    buf_init(&output, 65536);
    struct slice rest = slice_from(edit->input);
    feed(&filter, slice_take(rest, first), &output);
    for (rest = slice_skip(rest, first); rest.len > 0; rest = slice_skip(rest, step)) {
        /* a copy of exactly this size, so that the sanitizer sees a read beyond it */
        struct slice piece = slice_take(rest, step);
        char *copy = malloc(piece.len);
        memcpy(copy, piece.data, piece.len);
        feed(&filter, slice_of(copy, piece.len), &output);
        free(copy);
    }
    buf_append(&output, header_filter_end(&filter));
    if (!slice_eq(buf_slice(&output), slice_from(edit->output)))
        print_error("in the case '%s', cut at %zu, steps of %zu\n", edit->name, first, step);
    assert_text(buf_slice(&output), edit->output);
    buf_free(&output);
    header_filter_free(&filter);
}

static void headers_are_edited(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(edit_cases); i++) {
        check(&edit_cases[i], 0, 100000);
        check(&edit_cases[i], 0, 1);
        for (size_t cut = 1; cut < strlen(edit_cases[i].input); cut++)
            check(&edit_cases[i], cut, 100000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_edited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
