/* SPDX-License-Identifier: ISC */
/* base64 and quoted-printable, good and bad, whole and byte by byte. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "mail/transfer_encoding.h"

static void check(enum part_encoding encoding, const char *source, const char *expected)
{
    struct slice text = slice_from(source);
    for (size_t piece = 1; piece <= text.len + 1; piece += piece < 5 ? 1 : text.len) {
        struct transfer_decoder decoder = {.encoding = encoding};
        struct buf out;
        buf_init(&out, text.len + 64);
        for (struct slice rest = text; rest.len > 0; rest = slice_skip(rest, piece)) {
            transfer_decode(&decoder, &out, slice_take(rest, piece));
        }
        transfer_decode_finish(&decoder, &out);
        assert_true(buf_ok(&out));
        assert_slice(buf_slice(&out), slice_from(expected));
        buf_free(&out);
    }
}

static void base64_is_decoded(void **state)
{
    (void)state;
    check(ENCODING_BASE64, "SGVsbG8sIFdvcmxkIQ==", "Hello, World!");
    check(ENCODING_BASE64, "SGVs\r\nbG8s\r\n", "Hello,");
    check(ENCODING_BASE64, "SG VsbG8", "Hello");
    check(ENCODING_BASE64, "SGk=SGk=", "HiHi"); /* padding in the middle */
    check(ENCODING_BASE64, "S*G!k", "Hi");
    check(ENCODING_BASE64, "====", "");
    check(ENCODING_BASE64, "S", "");
    check(ENCODING_BASE64, "", "");
}

static void quoted_printable_is_decoded(void **state)
{
    (void)state;
    check(ENCODING_QUOTED_PRINTABLE, "Gr=C3=BC=c3=9fe", "Grüße");
    check(ENCODING_QUOTED_PRINTABLE, "a=\r\nb=\nc= \t\r\nd", "abcd");
    check(ENCODING_QUOTED_PRINTABLE, "\xc3=\r\n\xbc", "ü"); /* a soft break inside a character */
    check(ENCODING_QUOTED_PRINTABLE, "=C3=\r\n=BC", "ü");
    check(ENCODING_QUOTED_PRINTABLE, "1=2 x=y =3Z = z == =41 =\r=41", "1=2 x=y =3Z = z == A =\rA");
    check(ENCODING_QUOTED_PRINTABLE, "end=", "end");
    check(ENCODING_QUOTED_PRINTABLE, "end=4", "end=4");
    check(ENCODING_QUOTED_PRINTABLE, "=         \r\nx", "x");
}

/* RFC 2045 section 6.7 (3): "any trailing white space on a line must be deleted". */
static void spaces_at_the_end_of_a_line_go(void **state)
{
    (void)state;
    check(ENCODING_QUOTED_PRINTABLE, "a \r\nb\t \n \t\r\n\r\nc d", "a\r\nb\n\r\n\r\nc d");
    check(ENCODING_QUOTED_PRINTABLE, "kept=20\r\nkept =\r\n=41  =\r\n", "kept \r\nkept A  ");
    check(ENCODING_QUOTED_PRINTABLE, "a \rb \r\r\n \r =41\r\r\n", "a \rb \r\r\n \r A\r\r\n");
    check(ENCODING_QUOTED_PRINTABLE, "the end \t", "the end \t");
    /* A limit, which is the same wherever the bytes are cut. */
    char text[200], expected[200];
    for (size_t count = TRANSFER_SPACES_MAX - 1; count < TRANSFER_SPACES_MAX + 3; count++) {
        size_t stay = count > TRANSFER_SPACES_MAX ? count - TRANSFER_SPACES_MAX : 0;
        snprintf(text, sizeof(text), "a%*s\r\nb", (int)count, "");
        snprintf(expected, sizeof(expected), "a%*s\r\nb", (int)stay, "");
        check(ENCODING_QUOTED_PRINTABLE, text, expected);
    }
    snprintf(text, sizeof(text), "a=%*s\r\nb", TRANSFER_SPACES_MAX, "");
    check(ENCODING_QUOTED_PRINTABLE, text, "ab");
    snprintf(text, sizeof(text), "a=%*s\r\nb", TRANSFER_SPACES_MAX + 1, "");
    check(ENCODING_QUOTED_PRINTABLE, text, text);
}

static void other_encodings_stay(void **state)
{
    (void)state;
    check(ENCODING_IDENTITY, "a=41\r\n", "a=41\r\n");
    check(ENCODING_UNKNOWN, "a=41\r\n", "a=41\r\n");
    assert_int_equal(transfer_encoding_of(S("base64")), ENCODING_BASE64);
    assert_int_equal(transfer_encoding_of(S("8bit")), ENCODING_IDENTITY);
    assert_int_equal(transfer_encoding_of(S("x-uuencode")), ENCODING_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_decoded),
        cmocka_unit_test(quoted_printable_is_decoded),
        cmocka_unit_test(spaces_at_the_end_of_a_line_go),
        cmocka_unit_test(other_encodings_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
