/* SPDX-License-Identifier: ISC */
/* The walk over header fields, good and bad ones. */
#include "check.h"

#include "mail/header.h"

static void test_walk(void **state)
{
    (void)state;
    struct slice text = S("From joe Mon\r\n"
                          "Subject: one\r\n two\r\n"
                          "X-Old \t: spaces\n"
                          "no colon here\r\n"
                          ": no name\r\n"
                          "bad name: x\r\n"
                          "Empty:\r\n"
                          "Blanks: a\r\n \t\r\n b\r\n"
                          "Last:x\r\n"
                          "\r\n"
                          "Body: this is not a field\r\n");
    static const struct {
        const char *name, *value;
    } expected[] = {
        {"", "From joe Mon"}, {"Subject", " one\r\n two"},
        {"X-Old", " spaces"}, {"", "no colon here"},
        {"", ": no name"},    {"", "bad name: x"},
        {"Empty", ""},        {"Blanks", " a\r\n \t\r\n b"},
        {"Last", "x"},
    };
    struct header_walk walk = header_walk_of(text);
    struct header_field field;
    size_t offset = 0;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(header_next(&walk, &field));
        assert_text(field.name, expected[i].name);
        assert_text(field.value, expected[i].value);
        assert_int_equal(field.offset, offset);
        assert_ptr_equal(field.raw.data, text.data + offset);
        offset += field.raw.len;
    }
    assert_false(header_next(&walk, &field));
    assert_true(walk.has_body);
    assert_int_equal(walk.offset, offset + 2);
    assert_false(header_next(&walk, &field)); /* the end stays the end */
    assert_int_equal(walk.offset, offset + 2);
}

static void test_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t fields, offset;
        bool has_body;
    } cases[] = {
        {"", 0, 0, false},
        {"\n", 0, 1, true},
        {"\r\nx", 0, 2, true},
        {"A: b", 1, 4, false},
        {"A: b\r\n", 1, 6, false},
        {"A: b\n\nx", 1, 6, true},
        {" folded first\r\n\r\n", 1, 17, true},
        {"A: b\n c", 1, 7, false},
        {"A: b\r\r\n\r\n", 1, 9, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct header_walk walk = header_walk_of(slice_from(cases[i].text));
        struct header_field field;
        size_t count = 0;
        while (header_next(&walk, &field)) {
            count++;
        }
        assert_int_equal(count, cases[i].fields);
        assert_int_equal(walk.offset, cases[i].offset);
        assert_int_equal(walk.has_body, cases[i].has_body);
    }
}

static void test_find(void **state)
{
    (void)state;
    struct slice text = S("To: a\r\nReceived: 1\r\nreceived: 2\r\nTo: b\r\n\r\nReceived: 3\r\n");
    struct header_field field;
    assert_true(header_find(text, S("TO"), &field));
    assert_text(field.value, " a");
    assert_int_equal(header_count(text, S("Received")), 2);
    assert_false(header_find(text, S("Receive"), &field));
    assert_false(header_find(text, S(""), &field));
}

static void test_unfold(void **state)
{
    (void)state;
    static const struct {
        struct slice value, text;
    } cases[] = {
        {S(" one"), S("one")},
        {S(" one\r\n two\r\n\tthree "), S("one two three")},
        {S(" one\n two"), S("one two")},
        {S("\r\n one"), S("one")},
        {S(" a\rb\nc\0d"), S("a b c d")},
        {S(" a\r\n"), S("a  ")},
        {S(""), S("")},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice expected = slice_trim(cases[i].text);
        assert_slice(header_unfold(&arena, cases[i].value), expected);
    }
    arena_free(&arena);
}

static void test_names(void **state)
{
    (void)state;
    assert_true(header_name_is_valid(S("X-Weird_but!fine")));
    assert_false(header_name_is_valid(S("")));
    assert_false(header_name_is_valid(S("a b")));
    assert_false(header_name_is_valid(S("a:b")));
    assert_false(header_name_is_valid(S("\xc3\xb6")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),   cmocka_unit_test(test_ends),  cmocka_unit_test(test_find),
        cmocka_unit_test(test_unfold), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("mail/header", tests, NULL, NULL);
}
