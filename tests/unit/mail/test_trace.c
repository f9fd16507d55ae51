/* SPDX-License-Identifier: ISC */
/* Trace lines: their text, their folds, and that nothing a client says forges one. */
#include "check.h"

#include "mail/header.h"
#include "mail/trace.h"

static const struct trace_received full = {
    .helo = {"client.example", 14},
    .client_address = {"192.0.2.1", 9},
    .client_name = {"host.example", 12},
    .host = {"mail.example.org", 16},
    .protocol = {"ESMTPS", 6},
    .id = {"ABCDEFGHIJKLMNOP", 16},
    .tls = {"TLSv1.3 TLS_AES_256_GCM_SHA384", 30},
    .recipient = {"user@example.org", 16},
    .seconds = 1795262400,
};

static void check_received(const struct trace_received *received, const char *expected)
{
    struct buf out;
    buf_init(&out, 10000);
    trace_append_received(&out, received);
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
}

static void test_received(void **state)
{
    (void)state;
    check_received(&full, "Received: from client.example (host.example [192.0.2.1])\r\n"
                          " by mail.example.org (Postern) with ESMTPS id ABCDEFGHIJKLMNOP\r\n"
                          " (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
                          " for <user@example.org>; Sat, 21 Nov 2026 12:00:00 +0000\r\n");
    struct trace_received some = full;
    some.client_address = S("2001:db8::1");
    some.client_name = SLICE_EMPTY;
    some.recipient = SLICE_EMPTY;
    some.zone_minutes = 60;
    check_received(&some, "Received: from client.example ([IPv6:2001:db8::1])\r\n"
                          " by mail.example.org (Postern) with ESMTPS id ABCDEFGHIJKLMNOP\r\n"
                          " (TLSv1.3 TLS_AES_256_GCM_SHA384); Sat, 21 Nov 2026 13:00:00 +0100\r\n");
    some.helo = SLICE_EMPTY;
    some.tls = SLICE_EMPTY;
    check_received(&some, "Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"
                          " by mail.example.org (Postern) with ESMTPS id ABCDEFGHIJKLMNOP;\r\n"
                          " Sat, 21 Nov 2026 13:00:00 +0100\r\n");
    some.client_address = SLICE_EMPTY;
    some.recipient = S("u@x");
    check_received(&some, "Received: by mail.example.org (Postern) with ESMTPS id ABCDEFGHIJKLMNOP\r\n"
                          " for <u@x>; Sat, 21 Nov 2026 13:00:00 +0100\r\n");
    some = full;
    some.hide_client = true;
    check_received(&some, "Received: by mail.example.org (Postern) with ESMTPS id ABCDEFGHIJKLMNOP\r\n"
                          " (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n"
                          " for <user@example.org>; Sat, 21 Nov 2026 12:00:00 +0000\r\n");
}

/* Whatever the texts, the result is one field named Received with one ";" and no line is empty. */
static void test_foreign_text(void **state)
{
    (void)state;
    char long_text[2000];
    memset(long_text, 'x', sizeof(long_text));
    const struct slice evil[] = {
        S("a\r\nX-Forged: b"),
        S("a\r\n\r\nbody"),
        S("a b (c) ; d"),
        S("a\0b"),
        S("\"a\\"),
        S("<script>@x;"),
        S("\x7f\x1b[31m"),
        slice_of(long_text, sizeof(long_text)),
    };
    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        struct trace_received received = full;
        received.helo = received.client_name = received.client_address = evil[i];
        received.recipient = S("u\r\nX-Forged: b\x7f@x");
        received.protocol = received.id = received.tls = received.host = evil[i];
        struct buf out;
        buf_init(&out, 100000);
        trace_append_received(&out, &received);
        struct header_walk walk = header_walk_of(buf_slice(&out));
        struct header_field field;
        assert_true(header_next(&walk, &field));
        assert_text(field.name, "Received");
        assert_int_equal(field.raw.len, out.len);
        size_t semicolons = 0;
        for (size_t k = 0; k < out.len; k++) {
            unsigned char c = (unsigned char)out.data[k];
            semicolons += c == ';';
            assert_true(c >= 0x20 || c == '\r' || c == '\n');
            assert_true(c != 0x7f);
        }
        assert_int_equal(semicolons, 1);
        assert_true(out.len < 4000);
        buf_free(&out);
    }
}

static void test_return_path(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1000);
    trace_append_return_path(&out, &(struct address){S("a b"), S("x")});
    trace_append_return_path(&out, &(struct address){SLICE_EMPTY, SLICE_EMPTY});
    assert_text(buf_slice(&out), "Return-Path: <\"a b\"@x>\r\nReturn-Path: <>\r\n");
    buf_free(&out);
}

static void test_ids(void **state)
{
    (void)state;
    char a[TRACE_ID_LEN + 1], b[TRACE_ID_LEN + 1];
    trace_id_make(a);
    trace_id_make(b);
    assert_int_equal(strlen(a), TRACE_ID_LEN);
    assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), TRACE_ID_LEN);
    assert_string_not_equal(a, b);
    struct buf out;
    buf_init(&out, 1000);
    trace_append_message_id(&out, S("mail.example.org"), 1795262400);
    assert_true(slice_starts_with(buf_slice(&out), S("<20261121120000.")));
    assert_true(slice_ends_with_nocase(buf_slice(&out), S("@mail.example.org>")));
    assert_int_equal(out.len, 16 + TRACE_ID_LEN + 18);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_received),
        cmocka_unit_test(test_foreign_text),
        cmocka_unit_test(test_return_path),
        cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests_name("mail/trace", tests, NULL, NULL);
}
