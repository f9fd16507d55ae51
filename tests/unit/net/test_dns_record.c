/* SPDX-License-Identifier: ISC */
/* RDATA as it comes from the wire, whole and cut off at every place. */
#include "check.h"
#include "net/dns_record.h"

static struct arena arena;

static int clear(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static void mail_exchangers(void **state)
{
    (void)state;
    struct dns_mx mx;
    struct slice record = S("\x00\x0a\x02mX\x07"
                            "Example\x03net\x00");
    assert_int_equal(dns_parse_mx(&arena, record, &mx), ERR_OK);
    assert_int_equal(mx.preference, 10);
    assert_text(mx.host, "mx.example.net");
    for (size_t i = 0; i < record.len; i++)
        assert_int_equal(dns_parse_mx(&arena, slice_take(record, i), &mx), ERR_SYNTAX);
    /* RFC 7505 section 3: the null MX. */
    assert_int_equal(dns_parse_mx(&arena, S("\x00\x00\x00"), &mx), ERR_OK);
    assert_int_equal(mx.preference, 0);
    assert_int_equal(mx.host.len, 0);
    assert_int_equal(dns_parse_mx(&arena, S("\xff\xff\x01x\x00"), &mx), ERR_OK);
    assert_int_equal(mx.preference, 65535);
}

static void names(void **state)
{
    (void)state;
    struct slice name;
    assert_int_equal(dns_parse_name(&arena,
                                    S("\x03"
                                      "foo\x00 "),
                                    &name),
                     ERR_SYNTAX); /* something behind it */
    assert_int_equal(dns_parse_name(&arena,
                                    S("\x03"
                                      "f.o\x00"),
                                    &name),
                     ERR_SYNTAX);                                               /* would be two labels */
    assert_int_equal(dns_parse_name(&arena, S("\xc0\x0c"), &name), ERR_SYNTAX); /* compression */
    assert_int_equal(dns_parse_name(&arena, S("\x02\r\n\x00"), &name), ERR_SYNTAX);
    assert_int_equal(dns_parse_name(&arena, S("\x05_25.x\x00"), &name), ERR_SYNTAX);
    assert_int_equal(dns_parse_name(&arena, S("\x03_25\x04_tcp\x00"), &name), ERR_OK);
    assert_text(name, "_25._tcp");
    char record[300];
    size_t len = 0;
    while (len < 252) { /* 63 labels of three letters */
        memcpy(record + len,
               "\x03"
               "abc",
               4);
        len += 4;
    }
    record[len++] = '\0';
    assert_int_equal(dns_parse_name(&arena, slice_of(record, len), &name), ERR_OK);
    assert_int_equal(name.len, 251);
    memcpy(record + len - 1,
           "\x02"
           "ab",
           4);
    assert_int_equal(dns_parse_name(&arena, slice_of(record, len + 3), &name), ERR_SYNTAX);
}

static void addresses(void **state)
{
    (void)state;
    struct slice address;
    assert_int_equal(dns_parse_address(&arena, S("\xc0\x00\x02\x01"), &address), ERR_OK);
    assert_text(address, "192.0.2.1");
    assert_int_equal(dns_parse_address(&arena,
                                       S("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"),
                                       &address),
                     ERR_OK);
    assert_text(address, "2001:db8::1");
    assert_int_equal(dns_parse_address(&arena, S("\xc0\x00\x02"), &address), ERR_SYNTAX);
    assert_int_equal(dns_parse_address(&arena, S(""), &address), ERR_SYNTAX);
}

static void texts(void **state)
{
    (void)state;
    struct slice text;
    assert_int_equal(dns_parse_text(&arena, S("\x04v=ST\x03Sv1\x00"), &text), ERR_OK);
    assert_text(text, "v=STSv1");
    assert_int_equal(dns_parse_text(&arena, S("\x00"), &text), ERR_OK);
    assert_int_equal(text.len, 0);
    assert_int_equal(dns_parse_text(&arena, S("\x05v=ST"), &text), ERR_SYNTAX);
    assert_int_equal(dns_parse_text(&arena, S(""), &text), ERR_SYNTAX);
}

static void certificates(void **state)
{
    (void)state;
    struct dns_tlsa tlsa;
    assert_int_equal(dns_parse_tlsa(S("\x03\x01\x02hash"), &tlsa), ERR_OK);
    assert_int_equal(tlsa.usage, 3);
    assert_int_equal(tlsa.selector, 1);
    assert_int_equal(tlsa.matching, 2);
    assert_text(tlsa.data, "hash");
    assert_int_equal(dns_parse_tlsa(S("\x03\x01\x02"), &tlsa), ERR_SYNTAX);
    assert_int_equal(dns_parse_tlsa(S("\x03\x01"), &tlsa), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(mail_exchangers, clear), cmocka_unit_test_teardown(names, clear),
        cmocka_unit_test_teardown(addresses, clear),       cmocka_unit_test_teardown(texts, clear),
        cmocka_unit_test_teardown(certificates, clear),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
