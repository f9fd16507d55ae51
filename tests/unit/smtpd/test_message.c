/* SPDX-License-Identifier: ISC */
/* Messages on their way in, by DATA and BDAT: dots, line ends, smuggling, sizes, loops, and what is refused.
 */
#include "world.h"

#define HELLO   "EHLO client.example\r\n"
#define MAIL    "MAIL FROM:<x@remote.example>\r\n"
#define RCPT    "RCPT TO:<alice@example.org>\r\n"
#define START   "HELO c\r\n" MAIL RCPT
#define QUIT    "QUIT\r\n"
#define STARTED "220\n250 mail.example.org\n250 2.1.0\n250 2.1.5\n"
#define BYE     "221 2.0.0\n"

/* The message as it was sent: what stands below the trace fields. */
static struct slice without_trace(struct slice stored)
{
    size_t at = slice_find_text(stored, S("\r\nReceived:"));
    assert_true(at < stored.len);
    stored = slice_skip(stored, at + 2);
    do /* the Received field and its continuation lines */
        stored = slice_skip(stored, slice_find(stored, '\n') + 1);
    while (stored.len > 0 && char_is_wsp(stored.data[0]));
    return stored;
}

static void expect_stored(const char *input, struct slice message)
{
    expect(SERVICE_SMTP, input, STARTED "354\n250 2.0.0\n" BYE);
    assert_slice(without_trace(fake_store_last("alice@example.org")), message);
}

static void bytes_are_kept(void **state)
{
    (void)state;
    expect_stored(START "DATA\r\n.\r\n" QUIT, S(""));
    expect_stored(START "DATA\r\n\r\n.\r\n" QUIT, S("\r\n"));
    expect_stored(START "DATA\r\n\r\n..\r\n...\r\n..x\r\n.\r\n" QUIT, S("\r\n.\r\n..\r\n.x\r\n"));
    expect_stored(START "DATA\r\nA: \xff\xfe\t\x01\r\n\r\nGr\xc3\xbc\xc3\x9f"
                        "e\r\n.\r\n" QUIT,
                  S("A: \xff\xfe\t\x01\r\n\r\nGr\xc3\xbc\xc3\x9f"
                    "e\r\n"));
    expect_stored(START "DATA\r\nno header at all\r\n.\r\n" QUIT, S("no header at all\r\n"));
}

static void refused(const char *message, const char *reply)
{
    char input[2000], expected[200];
    size_t before = fake_store.message_count;
    snprintf(input, sizeof(input), START "DATA\r\n%s\r\n.\r\nNOOP\r\n" QUIT, message);
    snprintf(expected, sizeof(expected), STARTED "354\n%s\n250 2.0.0 OK\n" BYE, reply);
    expect(SERVICE_SMTP, input, expected);
    assert_int_equal(fake_store.message_count, before);
}

/* Each of these is the end of a message to some server; here it is text, and the message is refused. */
static void smuggling(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n.\n",   "\n.\r\n",   "\r.\r",   "\r\n.\n",    "\r\n.\r",
                                       "\r.\r\n", "\r\r\n.\n", "\n\n.\n", "\r\n.\r\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        char message[500];
        snprintf(message, sizeof(message),
                 "A: b\r\n\r\ntext%sMAIL FROM:<evil@remote.example>\r\n" RCPT "DATA\r\nevil", ends[i]);
        refused(message, "550 5.6.0");
    }
    assert_int_equal(fake_store.delivery_calls, 0);
}

static void bare_newlines_are_refused(void **state)
{
    (void)state;
    refused("A: b\n\r\nx", "550 5.6.0");
    refused("A: b\r\n\r\nx\ry", "550 5.6.0");
    refused("A: b\r\n\r\nx\r", "550 5.6.0");
    refused("\n", "550 5.6.0");
}

static void bare_newlines_are_repaired_where_wanted(void **state)
{
    (void)state;
    world.conf.listeners[SERVICE_SMTP].bare_newline = BARE_NEWLINE_REPAIR;
    expect_stored(START "DATA\r\nA: b\n\nx\ry\r\n.\r\n" QUIT, S("A: b\r\n\r\nx\r\ny\r\n"));
    expect(SERVICE_SMTP, START "BDAT 7\r\nA: b\n\nxBDAT 4 LAST\r\n\ry\n\r" QUIT, STARTED "250\n250\n" BYE);
    assert_text(without_trace(fake_store_last("alice@example.org")), "A: b\r\n\r\nx\r\ny\r\n\r\n");
}

static void nul_bytes_are_refused(void **state)
{
    (void)state;
    expect_bytes(SERVICE_SMTP, S(START "DATA\r\nA: b\r\n\r\nx\0y\r\n.\r\n" QUIT),
                 STARTED "354\n550 5.6.0\n" BYE);
    expect_bytes(SERVICE_SMTP, S(START "BDAT 3 LAST\r\n\r\n\0" QUIT), STARTED "550 5.6.0\n" BYE);
    assert_int_equal(fake_store.message_count, 0);
}

static void a_first_line_that_is_a_continuation_is_refused(void **state)
{
    (void)state;
    refused(" with ESMTP by nobody\r\n\r\nx", "550 5.6.0");
    refused("\tx", "550 5.6.0");
}

static void loops_end(void **state)
{
    (void)state;
    world.conf.hop_limit = 3;
    expect_stored(START "DATA\r\nReceived: 1\r\nreceived: 2\r\nRECEIVED : 3\r\n\r\nReceived: 4\r\n.\r\n" QUIT,
                  S("Received: 1\r\nreceived: 2\r\nRECEIVED : 3\r\n\r\nReceived: 4\r\n"));
    refused("Received: 1\r\nReceived: 2\r\nReceived: 3\r\nReceived: 4\r\n\r\nx", "554 5.4.6");
}

static void append_times(struct buf *buf, char c, size_t count)
{
    memset(buf_reserve(buf, count), c, count);
    buf_commit(buf, count);
}

static void sizes_are_limited_while_streaming(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 10 * 1024 * 1024);
    world.conf.message_size_limit = 200000;
    for (int over = 0; over <= 1; over++) {
        buf_clear(&input);
        buf_append(&input, S(START "DATA\r\n\r\n"));
        append_times(&input, 'x', 200000 - 4 + (size_t)over);
        buf_append(&input, S("\r\n.\r\nNOOP\r\n" QUIT));
        expect_bytes(SERVICE_SMTP, buf_slice(&input),
                     over ? STARTED "354\n552 5.3.4\n250\n" BYE : STARTED "354\n250 2.0.0\n250\n" BYE);
    }
    assert_int_equal(fake_store.message_count, 3);
    buf_clear(&input);
    buf_append(&input, S(START "DATA\r\n\r\n"));
    append_times(&input, 'x', 1000000);
    /* It does not stop, so it is not listened to any more. One way of feeding only: with small pieces the
     * client's end fails in writing before it has read the reply. */
    struct buf output;
    buf_init(&output, 10000);
    talk(SERVICE_SMTP, buf_slice(&input), 65536, &output);
    compare(buf_slice(&output), STARTED "354\n421 4.7.0\n", 65536);
    buf_free(&output);
    buf_free(&input);
}

static void headers_are_limited(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 10 * 1024 * 1024);
    for (int over = 0; over <= 1; over++) {
        buf_clear(&input);
        buf_append(&input, S(START "DATA\r\nX: "));
        append_times(&input, 'x', 100000 - 7 + (size_t)over);
        buf_append(&input, S("\r\n\r\n"));
        append_times(&input, 'y', 100000);
        buf_append(&input, S("\r\n.\r\n" QUIT));
        expect_bytes(SERVICE_SMTP, buf_slice(&input),
                     over ? STARTED "354\n552 5.3.4\n" BYE : STARTED "354\n250 2.0.0\n" BYE);
    }
    buf_free(&input);
}

/* --- BDAT --- */

static void chunks_make_a_message(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, START "BDAT 6\r\nA: b\r\nBDAT 3\r\n\r\n.bdat 0\r\nBDAT 2 last\r\n\r\n" QUIT,
           STARTED "250 2.0.0\n250 2.0.0\n250 2.0.0\n250 2.0.0\n" BYE);
    assert_text(without_trace(fake_store_last("alice@example.org")), "A: b\r\n\r\n.\r\n");
    expect(SERVICE_SMTP, START "BDAT 8 LAST\r\nA: b\r\n\r\n" MAIL RCPT "BDAT 4\r\n\r\nxyBDAT 0 LAST\r\n" QUIT,
           STARTED "250 2.0.0\n250 2.1.0\n250 2.1.5\n250\n250 2.0.0\n" BYE);
    assert_text(without_trace(fake_store_last("alice@example.org")),
                "\r\nxy\r\n"); /* a last line end is added */
    assert_int_equal(fake_store_count("alice@example.org"), 9);
}

static void an_empty_message_by_bdat(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, START "BDAT 0 LAST\r\n" QUIT, STARTED "250 2.0.0\n" BYE);
    assert_text(without_trace(fake_store_last("alice@example.org")), "");
}

static void refused_chunks_are_read_away(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, "BDAT 6 LAST\r\nQUIT\r\nHELO c\r\nBDAT 6\r\nQUIT\r\n" QUIT,
           "220\n503 5.5.1\n250\n503 5.5.1\n" BYE);
    expect(SERVICE_SMTP,
           "HELO c\r\n" MAIL
           "RCPT TO:<nobody@example.org>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nRSET\r\n" QUIT,
           "220\n250\n250\n550 5.1.1\n554 5.5.1\n503 5.5.1\n250\n" BYE);
    assert_int_equal(fake_store.message_count, 0);
}

static void a_failed_transfer_needs_rset(void **state)
{
    (void)state;
    world.conf.message_size_limit = 10;
    expect(
        SERVICE_SMTP,
        START "BDAT 8\r\n12345678BDAT 8\r\n12345678BDAT 4 LAST\r\n1234" RCPT "DATA\r\n" MAIL
              "RSET\r\n" MAIL RCPT "BDAT 2 LAST\r\n\r\n" QUIT,
        STARTED
        "250 2.0.0\n552 5.3.4\n503 5.5.1\n503 5.5.1\n503 5.5.1\n503 5.5.1\n250\n250\n250\n250 2.0.0\n" BYE);
    expect(SERVICE_SMTP, START "BDAT 12 LAST\r\n1234567890\r\nNOOP\r\n" QUIT, STARTED "552 5.3.4\n250\n" BYE);
    assert_int_equal(fake_store.message_count, 3);
}

static void bdat_and_data_do_not_mix(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           START "BDAT 2\r\n\r\nDATA\r\n" RCPT MAIL "RSET\r\n" MAIL RCPT "DATA\r\n\r\n.\r\n" QUIT,
           STARTED "250\n503 5.5.1\n503 5.5.1\n503 5.5.1\n250\n250\n250\n354\n250\n" BYE);
    assert_int_equal(fake_store.message_count, 3);
}

static void bdat_that_cannot_be_counted_ends_the_session(void **state)
{
    (void)state;
    static const char *const arguments[] = {
        "", "x", "-1", "1 FIRST", "1 LAST x", "99999999999999999999999", "1LAST"};
    for (size_t i = 0; i < ARRAY_LEN(arguments); i++) {
        char input[200];
        snprintf(input, sizeof(input), START "BDAT %s\r\nRSET\r\nNOOP\r\n", arguments[i]);
        expect(SERVICE_SMTP, input, STARTED "501 5.5.4\n");
    }
    expect(SERVICE_SMTP, START "BDAT 18446744073709551615 LAST\r\nNOOP\r\n", STARTED "552 5.3.4\n");
}

static void bare_newlines_in_chunks(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, START "BDAT 3\r\n\r\n\rBDAT 1 LAST\r\n\n" QUIT, STARTED "250\n250 2.0.0\n" BYE);
    expect(SERVICE_SMTP, START "BDAT 3\r\n\r\n\rBDAT 1 LAST\r\nx" QUIT, STARTED "250\n550 5.6.0\n" BYE);
    expect(SERVICE_SMTP, START "BDAT 3 LAST\r\n\r\n\n" QUIT, STARTED "550 5.6.0\n" BYE);
    assert_int_equal(fake_store.message_count, 3);
}

static void a_client_that_vanishes_leaves_nothing(void **state)
{
    (void)state;
    struct buf input, output;
    buf_init(&input, 1024 * 1024);
    buf_init(&output, 10000);
    buf_append(&input, S(START "DATA\r\n\r\n"));
    append_times(&input, 'x', 300000);
    world.conf.smtp_timeout = 1; /* it stays silent from here on */
    talk(SERVICE_SMTP, buf_slice(&input), 65536, &output);
    compare(buf_slice(&output), STARTED "354\n421 4.4.2\n", 65536);
    assert_int_equal(fake_store.message_count, 0);
    assert_int_equal(fake_store.blobs, 0);
    buf_clear(&output);
    talk(SERVICE_SMTP, S(START "BDAT 100\r\nabc"), 65536, &output);
    compare(buf_slice(&output), STARTED "421 4.4.2\n", 65536);
    assert_int_equal(fake_store.blobs, 0);
    buf_free(&input);
    buf_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(bytes_are_kept),
        dialogue_test(smuggling),
        dialogue_test(bare_newlines_are_refused),
        dialogue_test(bare_newlines_are_repaired_where_wanted),
        dialogue_test(nul_bytes_are_refused),
        dialogue_test(a_first_line_that_is_a_continuation_is_refused),
        dialogue_test(loops_end),
        dialogue_test(sizes_are_limited_while_streaming),
        dialogue_test(headers_are_limited),
        dialogue_test(chunks_make_a_message),
        dialogue_test(an_empty_message_by_bdat),
        dialogue_test(refused_chunks_are_read_away),
        dialogue_test(a_failed_transfer_needs_rset),
        dialogue_test(bdat_and_data_do_not_mix),
        dialogue_test(bdat_that_cannot_be_counted_ends_the_session),
        dialogue_test(bare_newlines_in_chunks),
        dialogue_test(a_client_that_vanishes_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
