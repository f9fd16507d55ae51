/* SPDX-License-Identifier: ISC */
/* Encoded-words back to text: the examples of RFC 2047 section 8, and what mailers really write. */
#include "check.h"

#include "base/utf8.h"
#include "mail/encoded_word.h"

static void check(const char *source, const char *expected)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf out;
    buf_init(&out, 1 << 20);
    encoded_word_decode(&out, slice_from(source), cache);
    assert_slice(buf_slice(&out), slice_from(expected));
    buf_free(&out);
    charset_cache_free(cache);
}

static void examples_of_the_rfc(void **state)
{
    (void)state;
    check("=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>");
    check("=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>", "André Pirard <PIRARD@vm1.ulg.ac.be>");
    check("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= "
          "=?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
          "If you can read this you understand the example.");
    check("(=?ISO-8859-1?Q?a?=)", "(a)");
    check("(=?ISO-8859-1?Q?a?= b)", "(a b)");
    check("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)");
    check("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)");
    check("(=?ISO-8859-1?Q?a_b?=)", "(a b)");
    check("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)");
}

static void what_mailers_write(void **state)
{
    (void)state;
    check("=?utf-8?q?=C3?= =?UTF-8?Q?=BC?=", "ü");      /* a character in two words */
    check("=?utf-8?B?w7w?=", "ü");                      /* without padding */
    check("\"=?utf-8?Q?J=C3=B6rg?=\" x", "\"Jörg\" x"); /* in quotes */
    check("Re:=?utf-8?Q?=C3=BC?=", "Re:ü");             /* without a blank */
    check("=?utf-8?Q?a?==?utf-8?Q?b?=", "ab");
    check("=?utf-8?Q?with blank?=", "with blank");
    check("=?utf-8*de?Q?=C3=BC?=", "ü"); /* RFC 2231 section 5 */
    check("=?iso-2022-jp?B?GyRCJDMbKEI=?= =?iso-2022-jp?B?GyRCJHMbKEI=?=", "こん");
    check("=?unknown-8bit?Q?Gr=FC=DFe?=", "Grüße");
    check("Gr\xfc\xdf"
          "e =?utf-8?Q?=C3=BC?= Gr\xc3\xbc",
          "Grüße ü Grü");
}

static void what_is_none_stays(void **state)
{
    (void)state;
    check("", "");
    check("a = b =? c ?= d", "a = b =? c ?= d");
    check("=?utf-8?X?abc?=", "=?utf-8?X?abc?=");
    check("=?utf-8?Q?abc", "=?utf-8?Q?abc");
    check("=??Q?abc?=", "=??Q?abc?=");
    check("=?utf-8?Q?"
          "?=x",
          "x");
    check("=?utf-8?B?!!?=x", "x");
}

/* Beginnings without an end must not cost the square of their number. */
static void long_fields_are_cheap(void **state)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf text, out;
    (void)state;
    buf_init(&text, 2 << 20);
    buf_init(&out, 16 << 20);
    while (text.len < 1 << 20) {
        buf_append(&text, S("=?a?q? "));
    }
    encoded_word_decode(&out, buf_slice(&text), cache);
    assert_slice(buf_slice(&out), buf_slice(&text));
    buf_free(&out);
    buf_free(&text);
    charset_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(what_mailers_write),
        cmocka_unit_test(what_is_none_stays),
        cmocka_unit_test(long_fields_are_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
