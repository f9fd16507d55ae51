/* SPDX-License-Identifier: ISC */
/* Submission: AUTH in all its forms, who may send as whom, and what is done to the header. */
#include "world.h"

#define HELLO "EHLO client.example\r\n"
#define QUIT  "QUIT\r\n"
#define AUTH  "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n" /* \0alice@example.org\0secret */
#define LOGIN HELLO AUTH
#define MAIL  "MAIL FROM:<alice@example.org>\r\n"
#define RCPT  "RCPT TO:<bob@example.org>\r\n"
#define EHLO_OK                                                                                          \
    "220 mail.example.org ESMTP\n250-mail.example.org\n250-PIPELINING\n250-SIZE 1000000\n250-8BITMIME\n" \
    "250-SMTPUTF8\n250-CHUNKING\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-AUTH PLAIN LOGIN\n"               \
    "250-LIMITS RCPTMAX=100 MAILMAX=50\n250 HELP\n"
#define LOGGED_IN EHLO_OK "235 2.7.0\n"
#define BYE       "221 2.0.0\n"

static void authentication(void **state)
{
    (void)state;
    static const struct {
        const char *input, *replies;
    } cases[] = {
        {AUTH, "235 2.7.0\n"},
        {"auth plain AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "235 2.7.0\n"},
        {"AUTH PLAIN  AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "235 2.7.0\n"}, /* Windows Mail */
        {"AUTH PLAIN\r\nAGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "334 \n235 2.7.0\n"},
        {"AUTH LOGIN\r\nYWxpY2VAZXhhbXBsZS5vcmc=\r\nc2VjcmV0\r\n",
         "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0\n"},
        {"AUTH LOGIN YWxpY2VAZXhhbXBsZS5vcmc=\r\nc2VjcmV0\r\n",
         "334 UGFzc3dvcmQ6\r\n235 2.7.0\n"}, /* Outlook */
        {"AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\r\n", "535 5.7.8\n"},
        {"AUTH LOGIN YWxpY2VAZXhhbXBsZS5vcmc=\r\nd3Jvbmc=\r\n", "334 UGFzc3dvcmQ6\r\n535 5.7.8\n"},
        {"AUTH PLAIN AGNhcm9sQGV4YW1wbGUub3JnAHNlY3JldA==\r\n", "535 5.7.8 the account is disabled\n"},
        {"AUTH PLAIN\r\n*\r\nNOOP\r\n", "334 \n501 5.7.0\n250\n"},
        {"AUTH LOGIN\r\nYWxpY2VAZXhhbXBsZS5vcmc=\r\n*\r\nNOOP\r\n", "334\n334\n501 5.7.0\n250\n"},
        {"AUTH PLAIN =\r\n", "501 5.5.2\n"}, /* an empty message is none of PLAIN */
        {"AUTH LOGIN =\r\nc2VjcmV0\r\n", "334 UGFzc3dvcmQ6\r\n535 5.7.8\n"}, /* but a name for LOGIN */
        {"AUTH PLAIN ====\r\n", "501 5.5.2\n"},
        {"AUTH PLAIN AGFs*\r\n", "501 5.5.2\n"},
        {"AUTH PLAIN\r\n=\r\n", "334 \n501 5.5.2\n"}, /* "=" is for the initial response only */
        {"AUTH PLAIN\r\nnot base64!\r\n", "334 \n501 5.5.2\n"},
        {"AUTH PLAIN\r\n\r\n", "334 \n501 5.5.2\n"},
        {"AUTH CRAM-MD5\r\n", "504 5.5.4\n"},
        {"AUTH X-NEVER-HEARD_OF\r\n", "504 5.5.4\n"},
        {"AUTH\r\n", "501 5.5.4\n"},
        {"AUTH \r\n", "501 5.5.4\n"},
        {"AUTH PL/AIN\r\n", "501 5.5.4\n"},
        {AUTH AUTH, "235 2.7.0\n503 5.5.1\n"},
        {AUTH MAIL AUTH, "235 2.7.0\n250 2.1.0\n503 5.5.1\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[500], expected[1000];
        snprintf(input, sizeof(input), HELLO "%s" QUIT, cases[i].input);
        snprintf(expected, sizeof(expected), EHLO_OK "%s" BYE, cases[i].replies);
        expect(SERVICE_SUBMISSION, input, expected);
    }
}

static void after_a_login_auth_is_not_offered_again(void **state)
{
    (void)state;
    expect(SERVICE_SUBMISSIONS, LOGIN HELLO "RSET\r\n" MAIL QUIT,
           LOGGED_IN
           "250-mail.example.org\n250-PIPELINING\n250-SIZE\n250-8BITMIME\n250-SMTPUTF8\n250-CHUNKING\n"
           "250-ENHANCEDSTATUSCODES\n250-DSN\n250-LIMITS\n250 HELP\n250 2.0.0\n250 2.1.0\n" BYE);
}

static void auth_comes_after_ehlo(void **state)
{
    (void)state;
    expect(SERVICE_SUBMISSION, AUTH "HELO c\r\n" AUTH QUIT, "220\n503 5.5.1\n250\n503 5.5.1\n" BYE);
    assert_int_equal(world.auth_exchanges, 0);
}

static void no_password_in_clear(void **state)
{
    (void)state;
    world.conf.plaintext_auth = PLAINTEXT_AUTH_NEVER;
    expect(SERVICE_SUBMISSION, HELLO AUTH "AUTH LOGIN\r\n" MAIL QUIT,
           "220\n250-\n250-\n250-\n250-\n250-\n250-\n250-ENHANCEDSTATUSCODES\n250-DSN\n250-LIMITS\n250 HELP\n"
           "538 5.7.11\n538 5.7.11\n530 5.7.0\n" BYE);
    assert_int_equal(world.auth_exchanges, 0);
}

static void authd_may_be_away(void **state)
{
    (void)state;
    auth_client_free(world.context.auth);
    world.context.auth = auth_client_new(world.loop, "/nonexistent/authd.sock");
    expect(SERVICE_SUBMISSION, HELLO AUTH "NOOP\r\n" QUIT, EHLO_OK "454 4.7.0\n250\n" BYE);
}

static void responses_have_a_length(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 100000);
    for (size_t len = 12280; len <= 12296; len += 4) { /* octets of the line without CRLF */
        buf_clear(&input);
        buf_append(&input, S(HELLO "AUTH PLAIN\r\n"));
        memset(buf_reserve(&input, len), 'A', len);
        buf_commit(&input, len);
        buf_append(&input, S("\r\nNOOP\r\n" QUIT));
        expect_bytes(SERVICE_SUBMISSION, buf_slice(&input),
                     len <= 12288 ? EHLO_OK "334 \n535 5.7.8\n250\n" BYE
                                  : EHLO_OK "334 \n500 5.5.6\n250\n" BYE);
    }
    buf_free(&input);
}

static void only_users_may_submit(void **state)
{
    (void)state;
    expect(SERVICE_SUBMISSION, HELLO MAIL RCPT "MAIL FROM:<>\r\nDATA\r\n" QUIT,
           EHLO_OK "530 5.7.0\n503 5.5.1\n530 5.7.0\n503 5.5.1\n" BYE);
}

static void senders_belong_to_the_user(void **state)
{
    (void)state;
    static const struct {
        const char *sender, *reply;
    } cases[] = {
        {"<alice@example.org>", "250 2.1.0"},
        {"<alice+x@example.org>", "250 2.1.0"},
        {"<sales@example.org>", "250 2.1.0"},
        {"<>", "250 2.1.0"},
        {"<alice@example.org> AUTH=<>", "250 2.1.0"},
        {"<alice@example.org> AUTH=e+3Dmc2@example.com", "250 2.1.0"},
        {"<alice@example.org> AUTH=x+1", "501 5.5.4"},
        {"<alice@example.org> AUTH=", "501 5.5.4"},
        {"<bob@example.org>", "553 5.7.1 this sender address is not yours; the administrator can grant it: "
                              "postern alias add ADDRESS "
                              "alice@example.org"},
        {"<x@elsewhere.example>", "553 5.7.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[500], expected[1000];
        snprintf(input, sizeof(input), LOGIN "MAIL FROM:%s\r\n" QUIT, cases[i].sender);
        snprintf(expected, sizeof(expected), LOGGED_IN "%s\n" BYE, cases[i].reply);
        expect(SERVICE_SUBMISSION, input, expected);
    }
}

static void recipients_of_a_user(void **state)
{
    (void)state;
    expect(SERVICE_SUBMISSION,
           LOGIN MAIL RCPT
           "RCPT TO:<x@elsewhere.example>\r\nRCPT TO:<out@example.org>\r\n"
           "RCPT TO:<nobody@example.org>\r\nRCPT TO:<x%elsewhere.example@example.org>\r\n" QUIT,
           LOGGED_IN "250 2.1.0\n250 2.1.5\n250 2.1.5\n250 2.1.5\n550 5.1.1\n550 5.1.1\n" BYE);
}

static void the_from_field_belongs_to_the_user(void **state)
{
    (void)state;
    static const struct {
        const char *header, *reply;
    } cases[] = {
        {"From: <alice@example.org>\r\n", "250 2.0.0"},
        {"From: Alice <sales@example.org>\r\n", "250 2.0.0"},
        {"Subject: x\r\n", "250 2.0.0"}, /* is added */
        {"From: <bob@example.org>\r\n", "550 5.7.1"},
        {"From: \"alice@example.org\" <bob@example.org>\r\n", "550 5.7.1"},
        {"From: <alice@example.org>, <bob@example.org>\r\n", "550 5.7.1"},
        {"From: <alice@example.org>\r\nFrom: <bob@example.org>\r\n", "550 5.7.1"},
        {"From: <bob@example.org>\r\nfrom: <alice@example.org>\r\n", "550 5.7.1"},
        {"From : <bob@example.org>\r\n", "550 5.7.1"},
        {"From:\r\n <bob@example.org>\r\n", "550 5.7.1"},
        {"From: nobody in particular\r\n", "550 5.7.1"},
        {"From:\r\n", "550 5.7.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[1000], expected[1000];
        snprintf(input, sizeof(input), LOGIN MAIL RCPT "DATA\r\n%s\r\nx\r\n.\r\n" QUIT, cases[i].header);
        snprintf(expected, sizeof(expected), LOGGED_IN "250\n250\n354\n%s\n" BYE, cases[i].reply);
        expect(SERVICE_SUBMISSION, input, expected);
    }
}

/* A From field so far down that the parser keeps it no more is not overlooked. */
static void a_hidden_from_field(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 10 * 1024 * 1024);
    world.conf.header_size_limit = world.conf.message_size_limit = 8 * 1024 * 1024;
    for (int hidden = 0; hidden <= 1; hidden++) {
        buf_clear(&input);
        buf_append(&input, S(LOGIN MAIL RCPT "DATA\r\nFrom: <alice@example.org>\r\n"));
        /* first large fields and then ever smaller ones, until there is room for none */
        for (size_t size = 50000; size > 1; size /= 10)
            for (int i = 0; i < 60; i++) {
                buf_append(&input, S("References: "));
                memset(buf_reserve(&input, size), 'x', size);
                buf_commit(&input, size);
                buf_append(&input, S("\r\n"));
            }
        if (hidden)
            buf_append(&input, S("From: <bob@example.org>\r\n"));
        buf_append(&input, S("\r\nx\r\n.\r\n" QUIT));
        struct buf output;
        buf_init(&output, 10000);
        talk(SERVICE_SUBMISSION, buf_slice(&input), 65536, &output);
        size_t refusal = slice_find_text(buf_slice(&output), S("\r\n550 5.7.1 "));
        assert_int_equal(refusal < output.len, hidden);
        buf_free(&output);
    }
    buf_free(&input);
}

static bool stored_has(const char *text)
{
    struct slice stored = fake_store_last("bob@example.org");
    return slice_find_text(stored, slice_from(text)) < stored.len;
}

static void the_header_is_completed(void **state)
{
    (void)state;
    expect(
        SERVICE_SUBMISSION,
        LOGIN MAIL RCPT
        "DATA\r\nSubject: s\r\nBcc: <eve@example.org>,\r\n <mallory@example.org>\r\n\r\nBcc: x\r\n.\r\n" QUIT,
        LOGGED_IN "250\n250\n354\n250\n" BYE);
    assert_true(stored_has("\r\nSubject: s\r\nFrom: alice@example.org\r\nDate: ") ||
                stored_has("\r\nSubject: s\r\nFrom: <alice@example.org>\r\nDate: "));
    assert_true(stored_has("\r\nMessage-ID: <"));
    assert_true(stored_has("@mail.example.org>\r\n\r\nBcc: x\r\n"));
    assert_false(stored_has("eve@"));
    assert_false(stored_has("mallory@"));
    assert_true(stored_has(" with ESMTPA ")); /* the client's address and name are hidden */
    assert_false(stored_has("client.example"));
    assert_false(stored_has("Received: from"));
}

static void a_complete_header_stays_as_it_is(void **state)
{
    (void)state;
#define COMPLETE                                                                         \
    "From: <alice@example.org>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-Id: " \
    "<1@x>\r\n\r\nbody\r\n"
    expect(SERVICE_SUBMISSION, LOGIN MAIL RCPT "DATA\r\n" COMPLETE ".\r\n" QUIT,
           LOGGED_IN "250\n250\n354\n250\n" BYE);
    assert_true(slice_ends_with_nocase(fake_store_last("bob@example.org"), S("\r\n" COMPLETE)));
    char input[1000];
    snprintf(input, sizeof(input), LOGIN MAIL RCPT "BDAT %zu LAST\r\n" COMPLETE QUIT, strlen(COMPLETE));
    expect(SERVICE_SUBMISSION, input, LOGGED_IN "250\n250\n250\n" BYE);
    assert_true(slice_ends_with_nocase(fake_store_last("bob@example.org"), S("\r\n" COMPLETE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(authentication),
        dialogue_test(after_a_login_auth_is_not_offered_again),
        dialogue_test(auth_comes_after_ehlo),
        dialogue_test(no_password_in_clear),
        dialogue_test(authd_may_be_away),
        dialogue_test(responses_have_a_length),
        dialogue_test(only_users_may_submit),
        dialogue_test(senders_belong_to_the_user),
        dialogue_test(recipients_of_a_user),
        dialogue_test(the_from_field_belongs_to_the_user),
        dialogue_test(a_hidden_from_field),
        dialogue_test(the_header_is_completed),
        dialogue_test(a_complete_header_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
