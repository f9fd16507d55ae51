/* SPDX-License-Identifier: ISC */
/* What counts as equal when text is searched. */
#include "check.h"

#include <string.h>

#include "base/utf8.h"
#include "mail/fold.h"

/* Two folds are kept, for comparing. */
static struct slice folded(struct slice text)
{
    static struct buf results[2];
    static unsigned next;
    struct buf *out = &results[next++ % 2];
    buf_free(out);
    buf_init(out, text.len * FOLD_GROWTH + 1024);
    fold_text(out, text);
    assert_true(buf_ok(out));
    return buf_slice(out);
}

/* Character by character. */
static void check_in_pieces(struct slice text)
{
    struct buf out;
    struct fold fold = {0};
    buf_init(&out, text.len * FOLD_GROWTH + 1024);
    for (size_t i = 0; i < text.len;) {
        size_t length = utf8_char_length(slice_skip(text, i));
        length = length ? length : 1;
        fold_append(&fold, &out, slice_take(slice_skip(text, i), length));
        i += length;
    }
    fold_finish(&fold, &out);
    assert_slice(buf_slice(&out), folded(text));
    buf_free(&out);
}

static void check_equal(const char *a, const char *b)
{
    struct slice x = folded(slice_from(a)), y = folded(slice_from(b));
    assert_slice(x, y);
    check_in_pieces(slice_from(a));
    check_in_pieces(slice_from(b));
}

static bool is_found(const char *what, const char *in)
{
    struct slice text = folded(slice_from(in)), needle = folded(slice_from(what));
    return slice_find_text(text, needle) < text.len;
}

static void case_does_not_count(void **state)
{
    (void)state;
    check_equal("Hello World 123 [\\]^_`{|}~@", "hELLO wORLD 123 [\\]^_`{|}~@");
    check_equal("MÜNCHEN", "münchen");
    check_equal("Straße", "STRASSE");
    check_equal("GROẞ", "groß");
    check_equal("ΣΊΣΥΦΟΣ", "σίσυφος");
    check_equal("ПРИВЕТ", "привет");
    check_equal("ı", "I"); /* RFC 5051: the title case of the dotless i is I */
    check_equal("İ", "i\xcc\x87");
    check_equal("Ǆ", "ǆ");
    check_equal("ǅ", "ǆ");
}

static void forms_do_not_count(void **state)
{
    (void)state;
    check_equal("\xc3\xa9", "e\xcc\x81");             /* é */
    check_equal("\xe1\xbb\x87", "e\xcc\x82\xcc\xa3"); /* ệ, its marks in the other order */
    check_equal("ﬁne", "fine");
    check_equal("Ｆｕｌｌ　ｗｉｄｔｈ", "full width");
    check_equal("①㎏", "1kg");
    check_equal("ガ", "カ\xe3\x82\x99");
    check_equal("ｶﾞ", "ガ");
    check_equal("\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"); /* 한 */
    check_equal("ℌ", "h");
}

static void white_space_is_one_space(void **state)
{
    (void)state;
    check_equal("a \t\r\n b", "a b");
    check_equal("a\xc2\xa0\xe2\x80\x83 b", "a b");
    check_equal("a\x01\x02\x7f\x1f"
                "b",
                "a b");
    check_equal("\r\n\r\nx ", " x ");
    check_equal("soft\xc2\xad"
                "hyphen zero\xe2\x80\x8bwidth\xef\xbb\xbf",
                "softhyphen zerowidth");
    assert_slice(folded(S("")), S(""));
    char nul[] = {'a', 0, 'b'};
    assert_slice(folded(slice_of(nul, 3)), S("a b"));
}

static void parts_of_characters_are_found(void **state)
{
    (void)state;
    assert_true(is_found("münch", "Grüße aus MÜNCHEN"));
    assert_true(is_found("mu", "MÜNCHEN"));
    assert_true(is_found("京都", "東京都庁"));
    assert_true(is_found("하", "한국"));
    assert_false(is_found("munch", "MÜNCHEN"));
    assert_false(is_found("b", "ac"));
}

static void malformed_bytes_are_replaced(void **state)
{
    (void)state;
    assert_slice(folded(S("a\xff"
                          "b\xc3")),
                 S("a\xef\xbf\xbd"
                   "b\xef\xbf\xbd"));
    check_in_pieces(S("\xed\xa0\x80 \xf5\x80\x80\x80 \xc0\xaf \xe4\xbd"));
}

static void many_marks_are_bounded(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 100000);
    buf_append_char(&text, 'z');
    for (int i = 0; i < 10000; i++) {
        buf_append(&text, i % 2 ? S("\xcc\xa3") : S("\xcc\x82"));
    }
    check_in_pieces(buf_slice(&text));
    assert_int_equal(folded(buf_slice(&text)).len, 20001);
    buf_clear(&text);
    for (int i = 0; i < 1000; i++) {
        buf_append(&text, S("\xef\xb7\xba")); /* the longest decomposition */
    }
    folded(buf_slice(&text));
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_does_not_count),          cmocka_unit_test(forms_do_not_count),
        cmocka_unit_test(white_space_is_one_space),     cmocka_unit_test(parts_of_characters_are_found),
        cmocka_unit_test(malformed_bytes_are_replaced), cmocka_unit_test(many_marks_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
