/* SPDX-License-Identifier: ISC */
/* The dialogue itself: greeting, tags, literals, states, errors, and how sessions end. */
#include "world.h"

static void test_greeting_and_logout(void **state)
{
    (void)state;
    expect(LOGOUT, GREETING BYE);
}

static void test_tags(void **state)
{
    (void)state;
    expect("1 NOOP\r\n00000012 noop\r\n1A NoOp\r\n+x NOOP\r\nnonsense\r\n\r\na  NOOP\r\n" LOGOUT, GREETING
           "1 OK done$\n00000012 OK done$\n1A OK done$\n* BAD expected a tag\nnonsense BAD \n* BAD \n"
           "a OK done$\n" BYE);
}

static void test_capability(void **state)
{
    (void)state;
    expect("a CAPABILITY\r\nb CAPABILITY x\r\n" LOGOUT,
           GREETING "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR \na OK \nb BAD expected the end of "
                    "the command\n" BYE);
}

static void test_login(void **state)
{
    (void)state;
    expect(LOGIN LOGOUT, LOGGED_IN BYE);
    expect("a LOGIN \"alice@example.org\" \"secret\"\r\n" LOGOUT, LOGGED_IN BYE);
    expect("a LOGIN {17+}\r\nalice@example.org {6+}\r\nsecret\r\n" LOGOUT, LOGGED_IN BYE);
    expect("a LOGIN {17}\r\nalice@example.org {6}\r\nsecret\r\n" LOGOUT,
           GREETING "+ ready\n+ ready\na OK [CAPABILITY \n" BYE);
    expect("a LOGIN alice@example.org wrong\r\n" LOGOUT, GREETING "a NO [AUTHENTICATIONFAILED] \n" BYE);
    expect("a LOGIN alice@example.org\r\n" LOGOUT, GREETING "a BAD expected a space at the end\n" BYE);
    expect("a LOGIN carol@example.org secret\r\n" LOGOUT, GREETING "a NO [CONTACTADMIN] \n" BYE);
    expect("a LOGIN down@example.org secret\r\n" LOGOUT, GREETING "a NO [UNAVAILABLE] \n" BYE);
}

static void test_authenticate(void **state)
{
    (void)state;
    /* "\0alice@example.org\0secret" */
    expect("a AUTHENTICATE PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n" LOGOUT, LOGGED_IN BYE);
    expect("a AUTHENTICATE PLAIN\r\nAGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n" LOGOUT,
           GREETING "+ $\na OK [CAPABILITY \n" BYE);
    expect("a AUTHENTICATE PLAIN\r\n*\r\n" LOGOUT, GREETING "+ $\na BAD cancelled$\n" BYE);
    expect("a AUTHENTICATE PLAIN\r\n!!\r\n" LOGOUT, GREETING "+ $\na BAD malformed base64$\n" BYE);
    expect("a AUTHENTICATE NONSENSE =\r\n" LOGOUT, GREETING "a NO [CANNOT] \n" BYE);
}

/* What Thunderbird does with a wrong password: three ways on one connection, and then the right one. */
static void test_thunderbird_tries_all_ways(void **state)
{
    (void)state;
    expect("1 authenticate PLAIN\r\nAGFsaWNlQGV4YW1wbGUub3JnAHdyb25n\r\n"
           "2 authenticate LOGIN\r\nYWxpY2VAZXhhbXBsZS5vcmc=\r\nd3Jvbmc=\r\n"
           "3 login \"alice@example.org\" \"wrong\"\r\n"
           "4 login \"alice@example.org\" \"secret\"\r\n" LOGOUT,
           GREETING "+ $\n1 NO [AUTHENTICATIONFAILED] \n+ VXNlcm5hbWU6$\n+ UGFzc3dvcmQ6$\n"
                    "2 NO [AUTHENTICATIONFAILED] \n3 NO [AUTHENTICATIONFAILED] \n4 OK [CAPABILITY \n" BYE);
}

static void test_states(void **state)
{
    (void)state;
    expect("a SELECT INBOX\r\nb CLOSE\r\nc UID NOOP\r\nd FROBNICATE {3+}\r\nabc\r\n" LOGOUT, GREETING
           "a BAD log in first$\nb BAD log in first$\nc BAD unknown command$\nd BAD unknown command$\n" BYE);
    expect(LOGIN "b LOGIN alice@example.org secret\r\nc CLOSE\r\n" LOGOUT,
           LOGGED_IN "b BAD you are logged in already$\nc BAD no mailbox is selected$\n" BYE);
}

/* A literal that nobody wants is read away when it comes uninvited, and not invited when it waits. */
static void test_unwanted_literals(void **state)
{
    (void)state;
    expect("a NOOP {5+}\r\n12345 {2+}\r\n\r\n\r\nb NOOP {310}\r\nc NOOP\r\n" LOGOUT,
           GREETING "a BAD \nb BAD \nc OK done$\n" BYE);
    expect("a LOGIN {99999999}\r\nb NOOP\r\n" LOGOUT,
           GREETING "a BAD expected the bytes of the literal\nb OK done$\n" BYE);
    expect("a LOGIN {9999999999999+}\r\n", GREETING "* BYE [TOOBIG] \n");
}

static void test_too_many_errors(void **state)
{
    (void)state;
    world.conf.error_limit = 2;
    expect("a\r\nb\r\nc\r\nd NOOP\r\n", GREETING "a BAD \nb BAD \nc BAD \n* BYE too many errors$\n");
    expect("a\r\nb NOOP\r\nc\r\nd NOOP\r\ne\r\nf NOOP\r\n",
           GREETING "a BAD \nb OK \nc BAD \nd OK \ne BAD \n* BYE too many errors$\n");
    /* Behind the login those in a row count. */
    expect(LOGIN "a\r\nb\r\nc NOOP\r\nd\r\ne\r\nf NOOP\r\ng\r\nh\r\ni\r\nj NOOP\r\n",
           LOGGED_IN "a BAD \nb BAD \nc OK \nd BAD \ne BAD \nf OK \ng BAD \nh BAD \ni BAD \n"
                     "* BYE too many errors$\n");
}

static void expect_of_long_line(const char *end)
{
    struct buf input;
    buf_init(&input, 100000);
    buf_append(&input, S("a NOOP "));
    for (size_t i = 0; i < INPUT_LINE_MAX_STRANGER; i++)
        buf_append_char(&input, 'x');
    buf_append(&input, slice_from(end));
    buf_append(&input, S("b NOOP\r\n" LOGOUT));
    expect_bytes(buf_slice(&input), GREETING "* BAD line too long$\nb OK done$\n" BYE);
    buf_free(&input);
}

static void test_long_line(void **state)
{
    (void)state;
    expect_of_long_line("\r\n");
}

/* What a line announces that is too long belongs to it, and is no command. */
static void test_long_line_with_literal(void **state)
{
    (void)state;
    expect_of_long_line(" {18+}\r\nevil NOOP\r\nx NOO more\r\n");
}

static void test_id(void **state)
{
    (void)state;
    /* RFC 2971 section 3.1 */
    expect(
        "a023 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" \"Pink Floyd Music Limited\")\r\n"
        "a042 ID NIL\r\nc ID (\"name\" NIL)\r\nd ID ()\r\ne ID (name x)\r\n" LOGOUT,
        GREETING
        "* ID (\"name\" \"Postern\" \"version\" \na023 OK \n* ID (\na042 OK \n* ID (\nc OK \n* ID (\nd OK \n"
        "e BAD expected a string where \"name x)\" stands$\n" BYE);
}

/* A capability is not shown to a program that is known to choke on it. */
static void profiles(void)
{
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "ID (\"name\" \"iPhone Mail\" \"version\" \"22A3354\")", "* ID (\nOK ");
    peer_send(a, "x CAPABILITY\r\n");
    peer_send(b, "x CAPABILITY\r\n");
    struct slice phone = peer_line(a), other = peer_line(b);
    assert_true(slice_find_text(other, S(" NOTIFY")) < other.len);
    assert_true(slice_find_text(phone, S(" NOTIFY")) == phone.len);
    assert_true(slice_find_text(phone, S(" MOVE")) < phone.len);
}
PEER_CASE(profiles)

static void test_enable(void **state)
{
    (void)state;
    expect(LOGIN "b ENABLE CONDSTORE X-NONSENSE\r\nc enable condstore\r\nd ENABLE\r\n" LOGOUT,
           LOGGED_IN "* ENABLED CONDSTORE$\nb OK \n* ENABLED$\nc OK \nd BAD \n" BYE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(test_greeting_and_logout),
        dialogue_test(test_tags),
        dialogue_test(test_capability),
        dialogue_test(test_login),
        dialogue_test(test_authenticate),
        dialogue_test(test_thunderbird_tries_all_ways),
        dialogue_test(test_states),
        dialogue_test(test_unwanted_literals),
        dialogue_test(test_too_many_errors),
        dialogue_test(test_long_line),
        dialogue_test(test_long_line_with_literal),
        dialogue_test(test_id),
        peer_test(profiles),
        dialogue_test(test_enable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
