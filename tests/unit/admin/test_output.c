/* SPDX-License-Identifier: ISC */
/* Sizes, dates, columns and JSON. */
#include "check.h"

#include "output.h"

static void reads_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"1024", 1024},
                {"1K", 1024},
                {"50M", 50 * 1048576},
                {"5g", UINT64_C(5) << 30},
                {"5GiB", UINT64_C(5) << 30},
                {"5GB", UINT64_C(5) << 30},
                {"7b", 7},
                {"2T", UINT64_C(2) << 40},
                {"4611686018427387904", UINT64_C(1) << 62},
                {"4194304T", UINT64_C(1) << 62}};
    static const char *const bad[] = {"",
                                      "M",
                                      "1.5G",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 M",
                                      "1X",
                                      "1MiBs",
                                      "1Mi",
                                      "5GBB",
                                      "1iB",
                                      "0x10",
                                      "4194305T",
                                      "4611686018427387905",
                                      "99999999999999999999",
                                      "none"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        uint64_t bytes = 1;
        assert_true(parse_size(slice_from(good[i].text), &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint64_t bytes = 4711;
        if (parse_size(slice_from(bad[i]), &bytes)) {
            fail_msg("'%s' was taken as a size", bad[i]);
        }
        assert_int_equal(bytes, 4711);
    }
}

static void expect_size(uint64_t bytes, const char *expected)
{
    struct buf out;
    buf_init(&out, 64);
    format_size(bytes, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
}

static void shows_sizes(void **state)
{
    (void)state;
    expect_size(0, "0 B");
    expect_size(1023, "1023 B");
    expect_size(1024, "1 KiB");
    expect_size(1536, "1.5 KiB");
    expect_size(UINT64_C(50) << 20, "50 MiB");
    expect_size(UINT64_MAX, "16 EiB");
}

static void shows_dates(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 64);
    format_time(INT64_C(1700000000999999), &out);
    assert_string_equal(buf_cstr(&out), "2023-11-14T22:13:20Z");
    buf_free(&out);
    json_t *value = json_time(INT64_C(1700000000000000));
    assert_string_equal(json_string_value(value), "2023-11-14T22:13:20Z");
    json_decref(value);
    value = json_time(0);
    assert_true(json_is_null(value));
    json_decref(value);
}

static void shows_spans(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } expected[] = {{-5, "0 s"},       {0, "0 s"},    {119, "119 s"},   {120, "2 min"},    {719, "11 min"},
                    {7199, "119 min"}, {7200, "2 h"}, {172799, "47 h"}, {172800, "2 days"}};
    struct buf out;
    buf_init(&out, 64);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        buf_clear(&out);
        format_span(expected[i].seconds * 1000000, &out);
        assert_string_equal(buf_cstr(&out), expected[i].text);
    }
    buf_free(&out);
}

/* Widths count characters, not bytes; nothing trails; a terminal's escapes do not get through. */
static void aligns_columns(void **state)
{
    struct table table;
    struct buf out;
    (void)state;
    table_init(&table, 3);
    table_add(&table, S("A"));
    table_add(&table, S("LONG"));
    table_add(&table, S("LAST"));
    table_add(&table, S("Gr\xc3\xbc\xc3\x9f"));
    table_add_format(&table, "%d", 7);
    table_add(&table, S(""));
    table_add(&table, S("x\x1b[2J\n"));
    table_add(&table, S("y"));
    table_add(&table, S("z"));
    buf_init(&out, 4096);
    table_format(&table, &out);
    assert_string_equal(buf_cstr(&out), "A       LONG  LAST\n"
                                        "Gr\xc3\xbc\xc3\x9f    7\n"
                                        "x?[2J?  y     z\n");
    buf_free(&out);
    table_free(&table);
}

static void json_text_is_always_utf8(void **state)
{
    (void)state;
    json_t *value = json_text(S("a\xff\xc3\xbc\xc3"));
    assert_string_equal(json_string_value(value), "a\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd");
    json_decref(value);
    value = json_text(SLICE_EMPTY);
    assert_string_equal(json_string_value(value), "");
    json_decref(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_sizes),    cmocka_unit_test(shows_sizes),
        cmocka_unit_test(shows_dates),    cmocka_unit_test(shows_spans),
        cmocka_unit_test(aligns_columns), cmocka_unit_test(json_text_is_always_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
