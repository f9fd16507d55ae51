/* SPDX-License-Identifier: ISC */
/* Charsets of mail, whole and byte by byte. */
#include "check.h"

#include <string.h>

#include "base/utf8.h"
#include "mail/charset.h"

static int set_up(void **state)
{
    *state = charset_cache_new();
    return 0;
}

static int tear_down(void **state)
{
    charset_cache_free(*state);
    return 0;
}

static void convert(struct charset_cache *cache, struct buf *out, struct slice name, struct slice bytes,
                    size_t piece)
{
    struct charset *charset = charset_open(cache, name);
    buf_init(out, bytes.len * CHARSET_GROWTH + 1024);
    for (; bytes.len > 0; bytes = slice_skip(bytes, piece)) {
        charset_convert(charset, out, slice_take(bytes, piece));
        assert_true(utf8_is_valid(buf_slice(out)));
    }
    charset_finish(charset, out);
    assert_true(utf8_is_valid(buf_slice(out)) && buf_ok(out));
}

static void check(void **state, const char *name, struct slice bytes, const char *expected)
{
    struct buf whole, pieces;
    convert(*state, &whole, slice_from(name), bytes, SIZE_MAX);
    assert_slice(buf_slice(&whole), slice_from(expected));
    for (size_t piece = 1; piece < 4; piece++) {
        convert(*state, &pieces, slice_from(name), bytes, piece);
        assert_slice(buf_slice(&pieces), slice_from(expected));
        buf_free(&pieces);
    }
    buf_free(&whole);
}

static void one_byte_charsets(void **state)
{
    check(state, "iso-8859-1",
          S("Gr\xfc\xdf"
            "e \x80"),
          "Grüße €"); /* read as windows-1252 */
    check(state, "ISO_8859-2", S("\xb1\xb6"), "ąś");
    check(state, "windows-1251", S("\xcf\xf0\xe8\xe2\xe5\xf2"), "Привет");
    check(state, "CP1251", S("\xcf\xf0"), "Пр");
    check(state, "KOI8-R", S("\xf0\xd2\xc9\xd7\xc5\xd4"), "Привет");
    check(state, "iso-8859-15", S("\xa4"), "€");
    check(state, "TIS-620", S("\xa1\xd2"), "กา");
    check(state, "ibm866", S("\x8f\xe0"), "Пр");
    check(state, "windows-1252", S("a\x81z"), "a\xef\xbf\xbdz");
}

static void asian_charsets(void **state)
{
    check(state, "ISO-2022-JP", S("\x1b$B$3$s$K$A$O\x1b(B abc"), "こんにちは abc");
    check(state, "Shift_JIS", S("\x82\xb1\x82\xf1\x83\x5c"), "こんソ");
    check(state, "EUC-JP", S("\xa4\xb3\xa4\xf3"), "こん");
    check(state, "GB18030", S("\xd6\xd0\xce\xc4 \x81\x30\x89\x37"), "中文 Þ");
    check(state, "gb2312", S("\xd6\xd0\xce\xc4"), "中文");
    check(state, "Big5", S("\xa4\xa4\xa4\xe5"), "中文");
    check(state, "EUC-KR", S("\xc7\xd1\xb1\xdb"), "한글");
    check(state, "ks_c_5601-1987", S("\xc7\xd1"), "한");
    check(state, "ISO-2022-KR", S("\x1b$)C\x0eGQ1[\x0f"), "한글");
}

static void unicode_charsets(void **state)
{
    check(state, "utf-8", S("Grüße 中文 \xf0\x9f\x98\x80"), "Grüße 中文 \xf0\x9f\x98\x80");
    check(state, "UTF8", S("a\xffz\xe4\xbd"), "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd");
    check(state, "utf-16",
          S("\xff\xfe"
            "a\0\xe4\0"),
          "aä");
    check(state, "utf-16", S("\xfe\xff\0a\0\xe4"), "aä");
    check(state, "utf-16be", S("\0a\xd8\x3d\xde\x00"), "a\xf0\x9f\x98\x80");
    check(state, "utf-16le",
          S("a\0\0\xdc"
            "b\0"),
          "a\xef\xbf\xbd"
          "b");
}

static void unknown_charsets_are_guessed(void **state)
{
    static const char *const unknown[] = {"",
                                          "x-unknown",
                                          "us-ascii",
                                          "no such//TRANSLIT",
                                          "../../etc/passwd",
                                          "ISO-2022-CN-EXT",
                                          "averyveryveryveryveryveryveryveryveryveryveryverylongname"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        check(state, unknown[i],
              S("Gr\xc3\xbc\xc3\x9f"
                "e"),
              "Grüße");
        check(state, unknown[i],
              S("Gr\xfc\xdf"
                "e \x93x\x94"),
              "Grüße “x”");
        check(state, unknown[i], S("\xe4\xbd"), "ä½"); /* cut off */
    }
}

static void malformed_bytes_are_replaced(void **state)
{
    check(state, "gb18030",
          S("a\xff"
            "b"),
          "a\xef\xbf\xbd"
          "b");
    check(state, "shift_jis", S("a\x82"), "a\xef\xbf\xbd");
    check(state, "euc-kr", S("\xc7"), "\xef\xbf\xbd");
    check(state, "utf-16le", S("a\0b"), "a\xef\xbf\xbd");
}

/* A converter that was used for something broken begins anew. */
static void converters_are_used_again(void **state)
{
    for (int i = 0; i < 3; i++) {
        check(state, "iso-2022-jp", S("\x1b$B$3"), "こ");
        check(state, "utf-16", S("\xfe\xff\0a"), "a");
        check(state, "koi8-r", S("\xf0"), "П");
        check(state, "big5", S("\xa4"), "\xef\xbf\xbd");
        check(state, "cp1250", S("a"), "a");
        check(state, "cp1253", S("a"), "a");
        check(state, "cp1254", S("a"), "a");
        check(state, "cp1255", S("a"), "a");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_byte_charsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asian_charsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unicode_charsets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_charsets_are_guessed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_bytes_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(converters_are_used_again, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
