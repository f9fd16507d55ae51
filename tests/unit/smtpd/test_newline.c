/* SPDX-License-Identifier: ISC */
/* Line ends of BDAT messages: every text of up to six characters out of CR, LF and a letter, in every cut,
 * against a model. */
#include "base/buf.h"
#include "check.h"
#include "newline.h"

/* What the text should become, said as simply as possible. */
static bool model(struct slice text, bool repair, struct buf *output)
{
    bool bare = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\r' && i + 1 < text.len && text.data[i + 1] == '\n') {
            buf_append(output, S("\r\n"));
            i++;
        } else if (c == '\r' || c == '\n') {
            bare = true;
            buf_append(output, repair ? S("\r\n") : slice_of(&c, 1));
        } else {
            buf_append_char(output, c);
        }
    }
    return bare;
}

static void check(struct slice text, size_t cut, bool repair)
{
    struct newline_filter filter = {.repair = repair};
    struct buf output, expected;
    struct slice chunk;
    buf_init(&output, 100);
    buf_init(&expected, 100);
    struct slice parts[2] = {slice_take(text, cut), slice_skip(text, cut)};
    for (int i = 0; i < 2; i++)
        while (newline_filter_next(&filter, &parts[i], &chunk))
            buf_append(&output, chunk);
    buf_append(&output, newline_filter_end(&filter));
    bool bare = model(text, repair, &expected);
    assert_slice(buf_slice(&output), buf_slice(&expected));
    assert_int_equal(filter.bare, bare);
    buf_free(&output);
    buf_free(&expected);
}

static void every_short_text_in_every_cut(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 6; len++) {
        size_t texts = 1;
        for (size_t i = 0; i < len; i++)
            texts *= 3;
        for (size_t number = 0; number < texts; number++) {
            char text[6];
            size_t rest = number;
            for (size_t i = 0; i < len; i++, rest /= 3)
                text[i] = "\r\na"[rest % 3];
            for (size_t cut = 0; cut <= len; cut++) {
                check(slice_of(text, len), cut, false);
                check(slice_of(text, len), cut, true);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_text_in_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
