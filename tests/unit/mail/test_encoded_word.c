/* SPDX-License-Identifier: ISC */
/* Encoded-words: which words, which charset, where they are cut. */
#include "check.h"

#include "base/utf8.h"
#include "mail/encoded_word.h"

static void test_words(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *words;
    } cases[] = {
        {S(""), ""},
        {S("plain =?text?= (\"\\)"), "plain =?text?= (\"\\)"},
        {S("a\0b\rc\nd\te"), "a b c d\te"},
        {S("\xc3\xb6"), "=?utf-8?Q?=C3=B6?="},
        {S("a \xc3\xb6 b"), "a =?utf-8?Q?=C3=B6?= b"},
        {S("\xc3\xb6 \xc3\xa4  \xc3\xbc x \xc3\x9f"),
         "=?utf-8?Q?=C3=B6_=C3=A4__=C3=BC?= x =?utf-8?Q?=C3=9F?="},
        {S(" \xc3\xb6 "), " =?utf-8?Q?=C3=B6?= "},
        {S("\xc3\xb6=?_\x01"), "=?utf-8?Q?=C3=B6=3D=3F=5F=01?="},
        {S("\xc3\xb6\0x"), "=?utf-8?Q?=C3=B6?= x"},
        {S("a \xf6 \xff"), "a =?unknown-8bit?Q?=F6_=FF?="},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        encoded_word_append(&out, cases[i].text);
        assert_text(buf_slice(&out), cases[i].words);
    }
    buf_free(&out);
}

/* Long text: each word at most 75 characters (RFC 2047 section 2), whole characters in each. */
static void test_long(void **state)
{
    (void)state;
    struct buf text, out;
    buf_init(&text, 10000);
    buf_init(&out, 100000);
    for (size_t i = 0; i < 500; i++) {
        buf_append(&text, i % 7 ? S("\xe2\x82\xac") : S("a"));
    }
    encoded_word_append(&out, buf_slice(&text));
    assert_true(utf8_is_ascii(buf_slice(&out)));
    size_t characters = 0;
    for (struct slice rest = buf_slice(&out); rest.data && rest.len > 0;) {
        struct slice word = slice_split(&rest, ' ');
        assert_true(word.len <= 75);
        assert_true(word.len > 60 || rest.len == 0);
        assert_true(slice_starts_with(word, S("=?utf-8?Q?")));
        assert_true(slice_ends_with_nocase(word, S("?=")));
        struct slice content = slice_take(slice_skip(word, 10), word.len - 12);
        while (content.len > 0) {
            size_t length = content.data[0] == '=' ? 9 : 1;
            assert_true(length == 1 || slice_starts_with(content, S("=E2=82=AC")));
            content = slice_skip(content, length);
            characters++;
        }
    }
    assert_int_equal(characters, 500);
    buf_free(&text);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_long)};
    return cmocka_run_group_tests_name("mail/encoded_word", tests, NULL, NULL);
}
