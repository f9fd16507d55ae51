/* SPDX-License-Identifier: ISC */
/* LMTP (RFC 2033): its greeting, and one answer for each recipient. */
#include "world.h"

#define LHLO     "LHLO client.example\r\n"
#define MAIL     "MAIL FROM:<x@remote.example>\r\n"
#define RCPT(n)  "RCPT TO:<" n "@example.org>\r\n"
#define QUIT     "QUIT\r\n"
#define GREETING "220 mail.example.org LMTP\n"
#define LHLO_OK                                                                                          \
    "250-mail.example.org\n250-PIPELINING\n250-SIZE 1000000\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n" \
    "250-ENHANCEDSTATUSCODES\n250-DSN\n250-LIMITS RCPTMAX=100 MAILMAX=50\n250 HELP\n"
#define BYE "221 2.0.0\n"

static void the_greeting_is_another(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, "HELO c\r\nEHLO c\r\n" MAIL "STARTTLS\r\nAUTH PLAIN\r\n" LHLO QUIT,
           GREETING "500\n500\n503 5.5.1\n500\n500\n" LHLO_OK BYE);
}

static void each_recipient_is_answered(void **state)
{
    (void)state;
    expect(SERVICE_LMTP,
           LHLO MAIL RCPT("alice") RCPT("nobody") RCPT("dave") RCPT("bob")
               RCPT("alice") "DATA\r\n\r\n.\r\nNOOP\r\n" QUIT,
           GREETING LHLO_OK "250\n250\n550 5.1.1\n250\n250\n250\n354\n250 2.0.0 <alice@example.org>:\n"
                            "452 4.2.2 <dave@example.org>:\n250 2.0.0 <bob@example.org>:\n"
                            "250 2.0.0 <alice@example.org>:\n250 2.0.0 OK\n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 3);
    assert_int_equal(fake_store_count("bob@example.org"), 3);
    struct slice stored = fake_store_last("bob@example.org");
    assert_true(slice_find_text(stored, S(" with LMTP ")) < stored.len);
}

static void groups_get_it_whole_or_not(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, LHLO MAIL RCPT("quotateam") RCPT("bob") RCPT("team") "DATA\r\n\r\n.\r\n" QUIT,
           GREETING LHLO_OK "250\n250\n250\n250\n354\n452 4.2.2\n250 2.0.0\n250 2.0.0\n" BYE);
    assert_int_equal(fake_store_count("alice@example.org"), 3); /* by team alone */
    assert_int_equal(fake_store_count("bob@example.org"), 3);
}

static void without_recipients(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, LHLO MAIL "DATA\r\n" RCPT("nobody") "DATA\r\n" QUIT,
           GREETING LHLO_OK "250\n503 5.5.1\n550\n503 5.5.1\n" BYE);
    /* RFC 2033 section 4.3: the last chunk is answered once for each recipient, so not at all */
    expect(SERVICE_LMTP, LHLO MAIL RCPT("nobody") "BDAT 3 LAST\r\nabcRSET\r\n" QUIT,
           GREETING LHLO_OK "250\n550\n250\n" BYE);
}

static void chunks(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, LHLO MAIL RCPT("alice") RCPT("bob") "BDAT 2\r\n\r\nBDAT 3 LAST\r\nx\r\n" QUIT,
           GREETING LHLO_OK "250\n250\n250\n250 2.0.0 chunk\n250 2.0.0 <alice\n250 2.0.0 <bob\n" BYE);
    expect_bytes(SERVICE_LMTP,
                 S(LHLO MAIL RCPT("alice") RCPT("bob") "BDAT 3\r\n\0x\nBDAT 3 LAST\r\nx\r\nNOOP\r\n" QUIT),
                 GREETING LHLO_OK "250\n250\n250\n250 2.0.0 chunk\n550 5.6.0\n550 5.6.0\n250\n" BYE);
}

static void a_refused_message_is_refused_for_each(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, LHLO MAIL RCPT("alice") RCPT("bob") "DATA\r\na\nb\r\n.\r\n" QUIT,
           GREETING LHLO_OK
           "250\n250\n250\n354\n550 5.6.0 <alice@example.org>:\n550 5.6.0 <bob@example.org>:\n" BYE);
    fake_store.seal_error = ERR_NO_SPACE;
    expect(SERVICE_LMTP, LHLO MAIL RCPT("alice") RCPT("bob") "DATA\r\n\r\n.\r\n" QUIT,
           GREETING LHLO_OK "250\n250\n250\n354\n452 4.3.1\n452 4.3.1\n" BYE);
    fake_store.seal_error = ERR_OK;
    assert_int_equal(fake_store.message_count, 0);
}

static void relaying_is_denied_here_too(void **state)
{
    (void)state;
    expect(SERVICE_LMTP, LHLO MAIL "RCPT TO:<x@elsewhere.example>\r\n" QUIT,
           GREETING LHLO_OK "250\n550 5.7.1\n" BYE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(the_greeting_is_another),
        dialogue_test(each_recipient_is_answered),
        dialogue_test(groups_get_it_whole_or_not),
        dialogue_test(without_recipients),
        dialogue_test(chunks),
        dialogue_test(a_refused_message_is_refused_for_each),
        dialogue_test(relaying_is_denied_here_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
