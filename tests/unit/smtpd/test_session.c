/* SPDX-License-Identifier: ISC */
/* Dialogues on port 25: commands and their order, parameters, recipients, limits; each pipelined whole, byte
 * by byte, and in sevens. */
#include "world.h"

#define HELLO    "EHLO client.example\r\n"
#define MAIL     "MAIL FROM:<x@remote.example>\r\n"
#define RCPT     "RCPT TO:<alice@example.org>\r\n"
#define QUIT     "QUIT\r\n"
#define GREETING "220 mail.example.org ESMTP\n"
/* what EHLO answers here, with neither TLS nor AUTH */
#define EHLO_OK                                                                                          \
    "250-mail.example.org\n250-PIPELINING\n250-SIZE 1000000\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n" \
    "250-ENHANCEDSTATUSCODES\n250-DSN\n250-LIMITS RCPTMAX=100 MAILMAX=50\n250 HELP\n"
#define BYE "221 2.0.0\n"

static void a_message_comes_in(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           HELLO MAIL RCPT
           "DATA\r\nFrom: <x@remote.example>\r\nSubject: hi\r\n\r\nHello\r\n..dot\r\n.\r\n" QUIT,
           GREETING EHLO_OK "250 2.1.0\n250 2.1.5\n354 \n250 2.0.0 \n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 3); /* one for each way of feeding */
    struct slice stored = fake_store_last("alice@example.org");
    assert_true(
        slice_starts_with(stored, S("Return-Path: <x@remote.example>\r\nReceived: from client.example")));
    assert_true(slice_find_text(stored, S(" with ESMTP ")) < stored.len);
    assert_true(slice_find_text(stored, S("for <alice@example.org>;")) < stored.len);
    assert_true(slice_ends_with_nocase(
        stored, S("\r\nFrom: <x@remote.example>\r\nSubject: hi\r\n\r\nHello\r\n.dot\r\n")));
}

static void helo_alone_will_do(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, "HELO c\r\n" MAIL RCPT "DATA\r\n\r\n.\r\n" QUIT,
           GREETING "250 mail.example.org\n250 2.1.0\n250 2.1.5\n354\n250 2.0.0\n" BYE);
    assert_true(slice_find_text(fake_store_last("alice@example.org"), S(" with SMTP ")) <
                fake_store_last("alice@example.org").len);
}

static void commands_have_an_order(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, MAIL RCPT "DATA\r\n" QUIT, GREETING "503 5.5.1\n503 5.5.1\n503 5.5.1\n" BYE);
    expect(SERVICE_SMTP, HELLO RCPT "DATA\r\n" MAIL MAIL "DATA\r\n" QUIT,
           GREETING EHLO_OK "503 5.5.1\n503 5.5.1\n250 2.1.0\n503 5.5.1\n554 5.5.1\n" BYE);
    /* RSET and a second EHLO end the transaction; NOOP, HELP and VRFY do not disturb it */
    expect(SERVICE_SMTP,
           HELLO MAIL "RSET\r\n" RCPT MAIL HELLO RCPT MAIL "NOOP x y\r\nVRFY alice\r\n" RCPT QUIT,
           GREETING EHLO_OK "250 2.1.0\n250 2.0.0\n503 5.5.1\n250 2.1.0\n" EHLO_OK
                            "503 5.5.1\n250 2.1.0\n250 2.0.0\n252 2.0.0\n250 2.1.5\n" BYE);
    assert_int_equal(fake_store.message_count, 0);
}

static void commands_of_no_use(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, "FOO\r\n\r\nMAILFROM:<x>\r\nTURN\r\n MAIL\r\n" QUIT,
           GREETING "500 5.5.2\n500 5.5.2\n500 5.5.2\n500 5.5.2\n500 5.5.2\n" BYE);
    expect(SERVICE_SMTP,
           "LHLO c\r\n" HELLO "AUTH PLAIN AAAA\r\nSTARTTLS\r\nEXPN list\r\nEXPN\r\nVRFY\r\n" QUIT,
           GREETING "500 5.5.1\n" EHLO_OK "500 5.5.1\n454 4.7.0\n502 5.5.1\n501 5.5.4\n501 5.5.4\n" BYE);
    expect(SERVICE_SMTP, "quit now\r\nrset x\r\nQuIt \t \r\n", GREETING "501 5.5.4\n501 5.5.4\n" BYE);
    expect(SERVICE_SMTP, "HELP\r\n" QUIT,
           GREETING "214-2.0.0 EHLO\n214-2.0.0 HELO\n214-2.0.0 STARTTLS\n214-2.0.0 MAIL\n214-2.0.0 RCPT\n"
                    "214-2.0.0 DATA\n214-2.0.0 BDAT\n214-2.0.0 RSET\n214-2.0.0 NOOP\n214-2.0.0 VRFY\n"
                    "214-2.0.0 EXPN\n214-2.0.0 HELP\n214-2.0.0 QUIT\n214 2.0.0\n" BYE);
}

static void names_in_hello(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, "HELO\r\nEHLO  \r\nHELO a b\r\nHELO \x01\r\nHELO [127.0.0.1]\r\nHELO my_pc\r\n" QUIT,
           GREETING "501 5.5.4\n501 5.5.4\n501 5.5.4\n501 5.5.4\n250 \n250 \n" BYE);
    /* a forged line cannot be made of it */
    expect(SERVICE_SMTP, "HELO a);\"\r\n" MAIL RCPT "DATA\r\n\r\n.\r\n" QUIT,
           GREETING "250 \n250 \n250 \n354\n250\n" BYE);
    assert_true(slice_find_text(fake_store_last("alice@example.org"), S("a);")) ==
                fake_store_last("alice@example.org").len);
}

static void senders(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *reply;
    } cases[] = {
        {"FROM:<>", "250 2.1.0"},
        {"from:<x@y.example>", "250 2.1.0"},
        {"FROM: <x@y.example>", "250 2.1.0"},
        {"FROM:   <x@y.example>   SIZE=10  ", "250 2.1.0"},
        {"FROM:x@y.example", "250 2.1.0"},
        {"FROM:<@a.example,@b.example:x@y.example>", "250 2.1.0"},
        {"FROM:<\"x y\"@y.example>", "250 2.1.0"},
        {"FROM:<x@[192.0.2.1]>", "250 2.1.0"},
        {"FROM:<alice@example.org>", "250 2.1.0"}, /* a forwarder elsewhere may say so */
        {"FROM:<x@y.example> SIZE=1000000", "250 2.1.0"},
        {"FROM:<x@y.example> SIZE=1000001", "552 5.3.4"},
        {"FROM:<x@y.example> SIZE=18446744073709551615", "552 5.3.4"},
        {"FROM:<x@y.example> SIZE=99999999999999999999", "501 5.5.4"},
        {"FROM:<x@y.example> SIZE=000000000000000000001", "501 5.5.4"}, /* at most 20 digits */
        {"FROM:<x@y.example> SIZE=", "501 5.5.4"},
        {"FROM:<x@y.example> SIZE", "501 5.5.4"},
        {"FROM:<x@y.example> SIZE=-1", "501 5.5.4"},
        {"FROM:<x@y.example> SIZE=1 SIZE=1", "501 5.5.4"},
        {"FROM:<x@y.example> BODY=7BIT", "250 2.1.0"},
        {"FROM:<x@y.example> body=8bitmime", "250 2.1.0"},
        {"FROM:<x@y.example> BODY=BINARYMIME", "501 5.5.4"},
        {"FROM:<x@y.example> BODY", "501 5.5.4"},
        {"FROM:<x@y.example> SMTPUTF8", "250 2.1.0"},
        {"FROM:<x@y.example> SMTPUTF8=1", "501 5.5.4"},
        {"FROM:<gr\xc3\xbc\xc3\x9f"
         "e@y.example> SMTPUTF8",
         "250 2.1.0"},
        {"FROM:<gr\xc3\xbc\xc3\x9f"
         "e@y.example>",
         "553 5.6.7"},
        {"FROM:<x@b\xc3\xbc"
         "cher.example>",
         "553 5.6.7"},
        {"FROM:<gr\xc3@y.example> SMTPUTF8", "501 5.1.7"},
        {"FROM:<x@y.example> AUTH=<>", "555 5.5.4"}, /* AUTH is not offered here */
        {"FROM:<x@y.example> RET=FULL", "250 2.1.0"},
        {"FROM:<x@y.example> ENVID=1", "250 2.1.0"},
        {"FROM:<x@y.example> REQUIRETLS", "555 5.5.4"}, /* there is no TLS here */
        {"FROM:<x@y.example> =1", "501 5.5.4"},
        {"FROM:<x@y.example> A==1", "501 5.5.4"},
        {"FROM:<x@y.example>SIZE=1", "501 5.1.7"},
        {"FROM:<x@y.example", "501 5.1.7"},
        {"FROM:x@y.example>", "501 5.1.7"},
        {"FROM:<x@>", "501 5.1.7"},
        {"FROM:<@y.example>", "501 5.1.7"},
        {"FROM:<x y@y.example>", "501 5.1.7"},
        {"FROM:<x@y..example>", "501 5.1.7"},
        {"FROM:<x>", "501 5.1.7"},
        {"FROM:<postmaster>", "501 5.1.7"},
        {"FROM:", "501 5.1.7"},
        {"FROM", "501 5.1.7"},
        {"FROM <x@y.example>", "501 5.1.7"},
        {"TO:<x@y.example>", "501 5.1.7"},
        {"", "501 5.1.7"},
        {"FROM:<x@y.example\0> ", "501 5.1.7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[500], expected[1000];
        snprintf(input, sizeof(input), HELLO "MAIL %s\r\n" QUIT, cases[i].argument);
        snprintf(expected, sizeof(expected), GREETING EHLO_OK "%s\n" BYE, cases[i].reply);
        expect(SERVICE_SMTP, input, expected);
    }
}

static void recipients(void **state)
{
    (void)state;
    static const struct {
        const char *argument, *reply;
    } cases[] = {
        {"TO:<alice@example.org>", "250 2.1.5"},
        {"TO: <alice@example.org>", "250 2.1.5"},
        {"to:<Alice@EXAMPLE.org>", "250 2.1.5"},
        {"TO:<alice+tag@example.org>", "250 2.1.5"},
        {"TO:<\"alice\"@example.org>", "250 2.1.5"},
        {"TO:<team@example.org>", "250 2.1.5"},
        {"TO:<anybody@catch.example>", "250 2.1.5"},
        {"TO:<postmaster>", "250 2.1.5"},
        {"TO:<PostMaster>", "250 2.1.5"},
        {"TO:<postmaster@example.org>", "250 2.1.5"},
        {"TO:<nobody@example.org>", "550 5.1.1 <nobody@example.org>:"},
        {"TO:<carol@example.org>", "450 4.2.1"},
        {"TO:<loop@example.org>", "451 4.3.5"},
        {"TO:<out@example.org>", "250 2.1.5"},
        {"TO:<far@example.org>", "250 2.1.5"},
        {"TO:<>", "501 5.1.3"},
        {"TO:<alice>", "501 5.1.3"},
        {"TO:", "501 5.1.3"},
        {"TO", "501 5.1.3"},
        {"FROM:<alice@example.org>", "501 5.1.3"},
        {"TO:<alice@example.org> NOTIFY=NEVER", "250 2.1.5"},
        {"TO:<alice@example.org> notify=success,FAILURE,Delay ORCPT=rfc822;x", "250 2.1.5"},
        {"TO:<alice@example.org> X-NOTIFY=NEVER", "555 5.5.4"},
        {"TO:<alice@example.org> =", "501 5.5.4"},
        {"TO:<gr\xc3\xbc\xc3\x9f"
         "e@example.org>",
         "553 5.6.7"},
        {"TO:<gr\xc3@example.org>", "501 5.1.3"},
        /* relaying, in every spelling there ever was */
        {"TO:<x@elsewhere.example>", "550 5.7.1"},
        {"TO:<x%elsewhere.example@example.org>", "550 5.7.1"},
        {"TO:<elsewhere.example!x@example.org>", "550 5.7.1"},
        {"TO:<\"x@elsewhere.example\"@example.org>", "550 5.7.1"},
        {"TO:<\"x%elsewhere.example\"@example.org>", "550 5.7.1"},
        {"TO:<@example.org:x@elsewhere.example>", "550 5.7.1"},
        {"TO:<@example.org,@elsewhere.example:x@elsewhere.example>", "550 5.7.1"},
        {"TO:<x%elsewhere.example@catch.example>", "550 5.7.1"},
        {"TO:<elsewhere.example!x@catch.example>", "550 5.7.1"},
        {"TO:<\"x@elsewhere.example\"@catch.example>", "550 5.7.1"},
        {"TO:<x%elsewhere.example@[127.0.0.1]>", "550 5.7.1"},
        {"TO:<x@[127.0.0.1]>", "550 5.7.1"},
        {"TO:<x@[192.0.2.1]>", "550 5.7.1"},
        {"TO:<x@[IPv6:2001:db8::1]>", "550 5.7.1"},
        {"TO:<x@example.org.elsewhere.example>", "550 5.7.1"},
        {"TO:x@elsewhere.example", "550 5.7.1"},
        {"TO:<x@elsewhere.example@example.org>", "501 5.1.3"},
        {"TO:<\"x@elsewhere.example>", "501 5.1.3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[500], expected[1000];
        snprintf(input, sizeof(input), HELLO MAIL "RCPT %s\r\n" QUIT, cases[i].argument);
        snprintf(expected, sizeof(expected), GREETING EHLO_OK "250 2.1.0\n%s\n" BYE, cases[i].reply);
        expect(SERVICE_SMTP, input, expected);
    }
}

static void recipients_beyond_ascii(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           HELLO "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<gr\xc3\xbc\xc3\x9f"
                 "e@example.org>\r\nDATA\r\n\r\n.\r\n" QUIT,
           GREETING EHLO_OK "250 2.1.0\n250 2.1.5\n354\n250 2.0.0\n" BYE);
    struct slice stored = fake_store_last("alice@example.org");
    assert_true(slice_find_text(stored, S(" with UTF8SMTP ")) < stored.len);
    assert_true(slice_starts_with(stored, S("Return-Path: <>\r\n")));
}

static void one_bad_recipient_does_not_lose_the_other(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           HELLO MAIL "RCPT TO:<nobody@example.org>\r\n" RCPT
                      "RCPT TO:<bob@example.org>\r\nDATA\r\nA: b\r\n\r\n.\r\n" QUIT,
           GREETING EHLO_OK "250 2.1.0\n550 5.1.1\n250 2.1.5\n250 2.1.5\n354\n250 2.0.0\n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 3);
    assert_int_equal(fake_store_count("bob@example.org"), 3);
    struct slice stored = fake_store_last("bob@example.org"); /* several recipients are not named */
    assert_int_equal(slice_find_text(stored, S("for <")), stored.len);
}

static void an_account_gets_a_message_once(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           HELLO MAIL RCPT RCPT
           "RCPT TO:<alice+x@example.org>\r\nRCPT TO:<team@example.org>\r\nDATA\r\n\r\n.\r\n" QUIT,
           GREETING EHLO_OK "250 2.1.0\n250 2.1.5\n250 2.1.5\n250 2.1.5\n250 2.1.5\n354\n250 2.0.0\n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 3);
    assert_int_equal(fake_store_count("bob@example.org"), 3);
}

static void several_messages_in_one_session(void **state)
{
    (void)state;
    expect(SERVICE_SMTP,
           HELLO MAIL RCPT "DATA\r\nA: 1\r\n\r\n.\r\n" MAIL RCPT "DATA\r\nA: 2\r\n\r\n.\r\n" RCPT QUIT,
           GREETING EHLO_OK "250\n250\n354\n250\n250\n250\n354\n250\n503 5.5.1\n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 6);
}

static void limits_on_numbers(void **state)
{
    (void)state;
    world.conf.recipient_limit = 2;
    expect(SERVICE_SMTP, HELLO MAIL RCPT RCPT RCPT "DATA\r\n\r\n.\r\n" QUIT,
           GREETING
           "250-\n250-\n250-\n250-\n250-\n250-\n250-\n250-DSN\n250-LIMITS RCPTMAX=2 MAILMAX=50\n250 \n"
           "250\n250\n250\n452 4.5.3\n354\n250 2.0.0\n" BYE);
    world.conf.recipient_limit = 100;
    world.conf.transaction_limit = 2;
    expect(SERVICE_SMTP, "HELO c\r\n" MAIL "RSET\r\n" MAIL "RSET\r\n" MAIL "NOOP\r\n",
           GREETING "250\n250\n250\n250\n250\n421 4.7.0\n");
    world.conf.error_limit = 3;
    expect(SERVICE_SMTP, "A\r\nB\r\nC\r\nD\r\nE\r\nNOOP\r\n", GREETING "500\n500\n500\n500\n421 4.7.0\n");
}

static void lines_too_long(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 100000);
    /* the longest line that is read: 4096 octets with its line end */
    buf_append(&input, S("NOOP "));
    for (int i = 0; i < 4096 - 7; i++)
        buf_append_char(&input, 'x');
    buf_append(&input, S("\r\nNOOP x"));
    for (int i = 0; i < 4096 - 7; i++)
        buf_append_char(&input, 'x');
    buf_append(&input, S("\r\n"));
    for (int i = 0; i < 50000; i++)
        buf_append_char(&input, 'y');
    buf_append(&input, S("\r\nNOOP\r\n" QUIT));
    expect_bytes(SERVICE_SMTP, buf_slice(&input), GREETING "250\n500 5.5.2\n500 5.5.2\n250\n" BYE);
    buf_free(&input);
}

static void browsers_are_sent_away(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, "GET / HTTP/1.1\r\nHost: mail.example.org\r\n\r\n" HELLO, GREETING "421 4.7.0\n");
    expect(SERVICE_SMTP, "POST /x HTTP/1.1\r\n\r\n" HELLO MAIL, GREETING "421 4.7.0\n");
}

static void garbage_harms_nobody(void **state)
{
    (void)state;
    expect_bytes(SERVICE_SMTP,
                 S("\0\0\0\r\n\xff\xfe\r\nMAIL FROM:<\0>\r\nEHLO a\0b\r\n\n\n\x16\x03\x01\r\n" QUIT),
                 GREETING "500\n500\n503\n501\n500\n500\n500\n" BYE);
}

static void the_store_may_fail(void **state)
{
    (void)state;
    static const struct {
        enum err err;
        const char *reply;
    } cases[] = {{ERR_IO, "451 4.3.0"},
                 {ERR_NO_SPACE, "452 4.3.1"},
                 {ERR_UNAVAILABLE, "451 4.3.0"},
                 {ERR_OVER_QUOTA, "552 5.2.2"}};
    char expected[1000];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(expected, sizeof(expected), GREETING EHLO_OK "250\n250\n354\n%s\n250\n" BYE, cases[i].reply);
        enum err *faults[] = {&fake_store.deliver_error, &fake_store.begin_error, &fake_store.write_error,
                              &fake_store.seal_error};
        for (size_t j = 0; j < (cases[i].err == ERR_OVER_QUOTA ? 1 : ARRAY_LEN(faults)); j++) {
            *faults[j] = cases[i].err;
            expect(SERVICE_SMTP, HELLO MAIL RCPT "DATA\r\n\r\n.\r\nNOOP\r\n" QUIT, expected);
            *faults[j] = ERR_OK;
        }
    }
    fake_store.directory_error = ERR_UNAVAILABLE;
    expect(SERVICE_SMTP, HELLO MAIL RCPT "DATA\r\n" QUIT, GREETING EHLO_OK "250\n451 4.3.0\n554 5.5.1\n" BYE);
    fake_store.directory_error = ERR_OK;
    assert_int_equal(fake_store.message_count, 0);
}

static void a_full_mailbox_among_others_is_tried_again(void **state)
{
    (void)state;
    expect(SERVICE_SMTP, HELLO MAIL RCPT "RCPT TO:<dave@example.org>\r\nDATA\r\n\r\n.\r\n" QUIT,
           GREETING EHLO_OK "250\n250\n250\n354\n452 4.2.2\n" BYE);
    assert_int_equal(fake_store.message_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(a_message_comes_in),
        dialogue_test(helo_alone_will_do),
        dialogue_test(commands_have_an_order),
        dialogue_test(commands_of_no_use),
        dialogue_test(names_in_hello),
        dialogue_test(senders),
        dialogue_test(recipients),
        dialogue_test(recipients_beyond_ascii),
        dialogue_test(one_bad_recipient_does_not_lose_the_other),
        dialogue_test(an_account_gets_a_message_once),
        dialogue_test(several_messages_in_one_session),
        dialogue_test(limits_on_numbers),
        dialogue_test(lines_too_long),
        dialogue_test(browsers_are_sent_away),
        dialogue_test(garbage_harms_nobody),
        dialogue_test(the_store_may_fail),
        dialogue_test(a_full_mailbox_among_others_is_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
