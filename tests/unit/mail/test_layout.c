/* SPDX-License-Identifier: ISC */
/* Section numbers of IMAP against the part offsets: the example of RFC 3501 section 6.4.5, and odd ones. */
#include "check.h"

#include "mail_check.h"

/* The message of the example, with the section number as each body. */
#define EXAMPLE                                                                                       \
    "Content-Type: multipart/mixed; boundary=a\r\n\r\n"                                               \
    "--a\r\nContent-Type: text/plain\r\n\r\n1\r\n"                                                    \
    "--a\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n2\r\n" \
    "--a\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"    \
    "--b\r\nContent-Type: text/plain\r\n\r\n3.1\r\n"                                                  \
    "--b\r\nContent-Type: application/octet-stream\r\n\r\n3.2\r\n--b--\r\n"                           \
    "--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"                                        \
    "--c\r\nContent-Type: image/gif\r\n\r\n4.1\r\n"                                                   \
    "--c\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"    \
    "--d\r\nContent-Type: text/plain\r\n\r\n4.2.1\r\n"                                                \
    "--d\r\nContent-Type: multipart/alternative; boundary=e\r\n\r\n"                                  \
    "--e\r\nContent-Type: text/plain\r\n\r\n4.2.2.1\r\n"                                              \
    "--e\r\nContent-Type: text/richtext\r\n\r\n4.2.2.2\r\n--e--\r\n--d--\r\n--c--\r\n--a--\r\n"

static size_t numbers_of(const char *section, uint32_t *numbers)
{
    size_t count = 0;
    for (struct slice rest = slice_from(section); rest.data && rest.len > 0;) {
        uint64_t number;
        assert_true(slice_to_u64(slice_split(&rest, '.'), UINT32_MAX, &number));
        numbers[count++] = (uint32_t)number;
    }
    return count;
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *text, *section, *body; /* body NULL: not found; "": not compared */
        enum mime_kind kind;
    } cases[] = {
        {EXAMPLE, "", "", MIME_MULTIPART},
        {EXAMPLE, "1", "1", MIME_LEAF},
        {EXAMPLE, "2", "2", MIME_LEAF},
        {EXAMPLE, "3", "", MIME_MESSAGE},
        {EXAMPLE, "3.1", "3.1", MIME_LEAF},
        {EXAMPLE, "3.2", "3.2", MIME_LEAF},
        {EXAMPLE, "4", "", MIME_MULTIPART},
        {EXAMPLE, "4.1", "4.1", MIME_LEAF},
        {EXAMPLE, "4.2", "", MIME_MESSAGE},
        {EXAMPLE, "4.2.1", "4.2.1", MIME_LEAF},
        {EXAMPLE, "4.2.2", "", MIME_MULTIPART},
        {EXAMPLE, "4.2.2.1", "4.2.2.1", MIME_LEAF},
        {EXAMPLE, "4.2.2.2", "4.2.2.2", MIME_LEAF},
        {EXAMPLE, "0", NULL, 0},
        {EXAMPLE, "5", NULL, 0},
        {EXAMPLE, "1.1", NULL, 0},
        {EXAMPLE, "3.3", NULL, 0},
        {EXAMPLE, "4.2.2.3", NULL, 0},
        {EXAMPLE, "4.3", NULL, 0},
        {EXAMPLE, "4.2.2.2.1", NULL, 0},
        {"Subject: x\r\n\r\nalone", "", "alone", MIME_LEAF},
        {"Subject: x\r\n\r\nalone", "1", "alone", MIME_LEAF},
        {"Subject: x\r\n\r\nalone", "2", NULL, 0},
        {"Subject: x\r\n\r\nalone", "1.1", NULL, 0},
        {"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ninner", "1", "A: b\r\n\r\ninner", MIME_MESSAGE},
        {"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ninner", "1.1", "inner", MIME_LEAF},
        {"Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\ninner", "1.1.1", NULL, 0},
        {"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n\r\nx", "1.1.1", "x",
         MIME_LEAF},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = slice_from(cases[i].text);
        struct parsed parsed;
        struct part_layout part, message;
        uint32_t numbers[16];
        parsed_make(&parsed, text, 0, NULL);
        assert_null(check_parsed(&parsed, text));
        size_t count = numbers_of(cases[i].section, numbers);
        enum err err = layout_find(parsed.summary.parts, numbers, count, &part, &message);
        if (err != (cases[i].body ? ERR_OK : ERR_NOT_FOUND)) {
            print_error("section %s: %s\n", cases[i].section, err_text(err));
        }
        assert_err(err, cases[i].body ? ERR_OK : ERR_NOT_FOUND);
        if (!err) {
            assert_int_equal(part.kind, cases[i].kind);
            assert_int_equal(part.body_octets, part.body_end - part.body_start);
        }
        if (!err && cases[i].body[0]) {
            assert_text(slice_take(slice_skip(text, part.body_start), part.body_end - part.body_start),
                        cases[i].body);
        }
        if (!err && part.kind == MIME_MESSAGE) {
            assert_int_equal(message.header_start, part.body_start);
            assert_int_equal(message.depth, part.depth + 1);
        }
        parsed_free(&parsed);
    }
}

static void test_message_itself(void **state)
{
    (void)state;
    struct parsed parsed;
    struct part_layout part, message;
    parsed_make(&parsed, S("A: b\n\nbody\n"), 0, NULL);
    assert_ok(layout_find(parsed.summary.parts, NULL, 0, &part, &message));
    assert_int_equal(message.header_start, 0);
    assert_int_equal(message.body_start, 6);
    assert_int_equal(message.header_octets, 8);
    assert_int_equal(message.body_octets, 6);
    assert_int_equal(message.body_lines, 1);
    parsed_free(&parsed);
}

static void test_encoding(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum part_encoding encoding;
    } cases[] = {
        {"7bit", ENCODING_IDENTITY},   {"8BIT", ENCODING_IDENTITY},
        {"binary", ENCODING_IDENTITY}, {"Base64", ENCODING_BASE64},
        {"x-uu", ENCODING_UNKNOWN},    {"quoted-printable", ENCODING_QUOTED_PRINTABLE},
        {"", ENCODING_IDENTITY},       {"\"base64\" ; x", ENCODING_BASE64},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[200];
        struct parsed parsed;
        struct part_layout part;
        snprintf(text, sizeof(text), "Content-Transfer-Encoding: %s\r\n\r\n", cases[i].name);
        parsed_make(&parsed, slice_from(text), 0, NULL);
        assert_ok(layout_find(parsed.summary.parts, NULL, 0, &part, NULL));
        assert_int_equal(part.encoding, cases[i].encoding);
        parsed_free(&parsed);
    }
}

/* Every cut and many changes of a good blob: an error or some parts, but an end. */
static void test_corrupt(void **state)
{
    (void)state;
    struct parsed parsed;
    parsed_make(&parsed, S(EXAMPLE), 0, NULL);
    struct slice good = parsed.summary.parts;
    for (size_t length = 0; length < good.len; length++) {
        struct layout_walk walk = layout_walk_of(slice_take(good, length));
        struct part_layout part;
        enum err err;
        size_t count = 0;
        while ((err = layout_next(&walk, &part)) == ERR_OK) {
            count++;
        }
        assert_true(err == ERR_CORRUPT || err == ERR_NOT_FOUND);
        assert_true(count < parsed.counts.parts);
    }
    char *bad = malloc(good.len);
    for (size_t i = 0; i < good.len; i++) {
        for (unsigned change = 1; change < 256; change += 5) {
            struct part_layout part;
            memcpy(bad, good.data, good.len);
            bad[i] = (char)(bad[i] ^ change);
            struct layout_walk walk = layout_walk_of(slice_of(bad, good.len));
            while (layout_next(&walk, &part) == ERR_OK) {
                assert_true(part.header_start <= part.body_start && part.body_start <= part.body_end);
            }
        }
    }
    free(bad);
    struct part_layout part;
    assert_err(layout_find(S(""), NULL, 0, &part, NULL), ERR_CORRUPT);
    assert_err(layout_find(S("\2"), NULL, 0, &part, NULL), ERR_CORRUPT);
    parsed_free(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_message_itself),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_corrupt),
    };
    return cmocka_run_group_tests_name("mail/layout", tests, NULL, NULL);
}
