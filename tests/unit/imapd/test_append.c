/* SPDX-License-Identifier: ISC */
/* APPEND, of several messages, too (RFC 3502), and REPLACE (RFC 8508). */
#include "world.h"

#include "storage_memory/faults.h"

#define MAIL      "From: a@example.org\r\nSubject: x\r\n\r\nbody\r\n" /* 41 bytes */
#define OPEN_MAIL "* FLAGS (\n* OK [PERMANENTFLAGS (\n"

static struct mailbox_status status(const char *mailbox)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status result = status_of(account, mailbox);
    account_close(account);
    return result;
}

static void test_append(void **state)
{
    (void)state;
    expect(LOGIN "b APPEND INBOX (\\Seen $Work) \"17-Jul-1996 02:44:25 -0700\" {41}\r\n" MAIL "\r\n"
                 "c APPEND inbox {41+}\r\n" MAIL "\r\n"
                 "d APPEND {5+}\r\nINBOX () {41+}\r\n" MAIL "\r\n"
                 "e APPEND INBOX UTF8 (~{41+}\r\n" MAIL ")\r\n"
                 "f APPEND \"INBOX\" \" 7-Jul-1996 02:44:25 +0000\" ~{41+}\r\n" MAIL "\r\n" LOGOUT,
           LOGGED_IN "+ ready\nb OK [APPENDUID \nc OK [APPENDUID \nd OK [APPENDUID \ne OK [APPENDUID \nf OK "
                     "[APPENDUID \n" BYE);
    assert_int_equal(status("INBOX").messages, 15);
    assert_int_equal(status("INBOX").unseen, 12);
}

static void test_refusals(void **state)
{
    (void)state;
    world.conf.message_size_limit = 100;
    expect(LOGIN "b APPEND Nowhere {41}\r\nc APPEND Nowhere (\\Seen) {41+}\r\n" MAIL "\r\n"
                 "d APPEND INBOX {101}\r\ne APPEND INBOX {101+}\r\n" MAIL MAIL "1234567890123456789\r\n"
                 "f APPEND INBOX {0+}\r\n\r\ng APPEND INBOX \"text\"\r\nh APPEND INBOX (\\Nonsense) {41}\r\n"
                 "i APPEND INBOX \"31-Feb-1996 02:44:25 +0000\" {41}\r\nj APPEND INBOX\r\nk NOOP\r\n" LOGOUT,
           LOGGED_IN
           "b NO [TRYCREATE] \nc NO [TRYCREATE] \nd NO [TOOBIG] \ne NO [TOOBIG] \nf NO [CANNOT] \n"
           "g BAD expected a date\nh BAD expected a flag\ni BAD expected a date\nj BAD \nk OK \n" BYE);
    assert_int_equal(status("INBOX").messages, 0);
}

static void test_long_line(void **state)
{
    (void)state;
    static const char *const commands[] = {"b APPEND INBOX {3+}\r\nabc",
                                           "b APPEND INBOX CATENATE (URL {3+}\r\nabc"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        struct buf input;
        buf_init(&input, 100000);
        buf_printf(&input, LOGIN "%s", commands[i]);
        for (size_t n = 0; n <= INPUT_LINE_MAX; n++)
            buf_append_char(&input, 'x');
        buf_append(&input, S("\r\nc NOOP\r\n" LOGOUT));
        expect_once(buf_slice(&input), 0, LOGGED_IN "b BAD line too long$\nc OK \n" BYE);
        buf_free(&input);
    }
}

static void test_nul(void **state)
{
    (void)state;
    static const char input[] =
        LOGIN "b APPEND INBOX {3+}\r\na\0b\r\nc APPEND INBOX ~{3+}\r\na\0b\r\n" LOGOUT;
    expect_bytes(slice_of(input, sizeof(input) - 1), LOGGED_IN "b NO [CANNOT] \nc OK [APPENDUID \n" BYE);
    assert_int_equal(status("INBOX").messages, 3);
}

/* RFC 3502: all or none. */
static void test_multiappend(void **state)
{
    (void)state;
    create("saved-messages");
    expect_once(S(LOGIN "A003 APPEND saved-messages (\\Seen) {41+}\r\n" MAIL
                        " (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {41+}\r\n" MAIL " {41+}\r\n" MAIL "\r\n"
                        "b APPEND saved-messages {41+}\r\n" MAIL " {0+}\r\n\r\n"
                        "c APPEND saved-messages {41+}\r\n" MAIL " nonsense\r\n" LOGOUT),
                0, LOGGED_IN "A003 OK [APPENDUID \nb NO [CANNOT] \nc BAD \n" BYE);
    assert_int_equal(status("saved-messages").messages, 3);
    assert_int_equal(status("saved-messages").uidnext, 4);
}

/* Of a message that is complete no file is open while the next one comes. */
static void sealed_one_by_one(void)
{
    struct store *store = world.fixture->store;
    struct peer *a = peer_login();
    uint64_t before = memory_store_steps(store, MEMORY_SEAL);
    peer_send(a, "x APPEND INBOX {41+}\r\n" MAIL " {41}\r\n");
    peer_expect(a, "+ ");
    assert_int_equal(memory_store_steps(store, MEMORY_SEAL) - before, 1);
    peer_send(a, MAIL "\r\n");
    peer_expect(a, "x OK [APPENDUID ");
}
PEER_CASE(sealed_one_by_one)

static void quota(void)
{
    struct peer *a = peer_login();
    change((struct batch_operation){.kind = BATCH_QUOTA_SET, .quota = {.limit_bytes = 60}});
    peer_do(a, "APPEND INBOX {41+}\r\n" MAIL, "OK ");
    peer_do(a, "APPEND INBOX {41+}\r\n" MAIL, "NO [OVERQUOTA] ");
    peer_do(a, "APPEND INBOX {41+}\r\n" MAIL " {41}", "NO [OVERQUOTA] "); /* the second is not invited */
    change((struct batch_operation){.kind = BATCH_QUOTA_SET, .quota = {.limit_bytes = 41}});
    peer_do(a, "APPEND INBOX {41}", "NO [OVERQUOTA] "); /* not invited */
    peer_do(a, "SELECT INBOX",
            OPEN_MAIL "* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 2] \n* "
                      "OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    /* RFC 8508 section 3.4: only the difference counts. */
    peer_do(a, "REPLACE 1 INBOX {41+}\r\n" MAIL,
            "* OK [APPENDUID \n* 1 EXPUNGE$\n* 1 EXISTS$\n* 1 RECENT$\nOK ");
}
PEER_CASE(quota)

static void replace(void)
{
    fill(3);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX",
            OPEN_MAIL "* 3 EXISTS$\n* 3 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* "
                      "OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_do(a, "REPLACE 2 Drafts (\\Seen \\Draft) {41+}\r\n" MAIL, "* OK [APPENDUID \n* 2 EXPUNGE$\nOK ");
    peer_do(a, "UID REPLACE 3 INBOX {41+}\r\n" MAIL,
            "* OK [APPENDUID \n* 2 EXPUNGE$\n* 2 EXISTS$\n* 2 RECENT$\nOK ");
    peer_do(a, "UID REPLACE 3 INBOX {41+}\r\n" MAIL, "NO [NONEXISTENT] ");
    peer_do(a, "REPLACE 7 INBOX {41+}\r\n" MAIL, "BAD ");
    peer_do(a, "REPLACE 1 Nowhere {41+}\r\n" MAIL, "NO [TRYCREATE] ");
    peer_do(a, "REPLACE 1 INBOX {41+}\r\n" MAIL " {41+}\r\n" MAIL, "BAD ");
    assert_int_equal(status("Drafts").messages, 1);
    assert_int_equal(status("INBOX").messages, 2);
}
PEER_CASE(replace)

/* RFC 8508 section 3.2: NO when it "can't remove specified message"; and then nothing is added. */
static void replace_what_is_gone(void)
{
    fill(2);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX",
            OPEN_MAIL "* 2 EXISTS$\n* 2 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 3] \n* "
                      "OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_do(a, "FETCH 1 UID", "* 1 FETCH (UID 1)$\nOK ");
    expunge_elsewhere("INBOX", 1);
    peer_do(a, "REPLACE 1 Drafts {41+}\r\n" MAIL, "NO [EXPUNGEISSUED] ");
    peer_do(a, "REPLACE 1 INBOX {41+}\r\n" MAIL, "NO [EXPUNGEISSUED] ");
    peer_do(a, "UID REPLACE 1 INBOX {41+}\r\n" MAIL, "* 1 EXPUNGE$\nNO [EXPUNGEISSUED] ");
    peer_do(a, "UID REPLACE 1 INBOX {41+}\r\n" MAIL, "NO [NONEXISTENT] ");
    assert_int_equal(status("Drafts").messages, 0);
    assert_int_equal(status("INBOX").messages, 1);
}
PEER_CASE(replace_what_is_gone)

#define SENT "Message-ID: <1@example.org>\r\n" MAIL /* 70 bytes */

/* A slow answer must not lead to many copies in Sent. */
static void sent_once(void)
{
    struct peer *a = peer_login();
    peer_do(a, "APPEND Sent (\\Seen) {70+}\r\n" SENT, "OK [APPENDUID ");
    peer_do(a, "APPEND Sent (\\Seen) {70+}\r\n" SENT, "OK [APPENDUID ");
    assert_int_equal(status("Sent").messages, 1);
    peer_do(a, "APPEND Sent (\\Seen) {72+}\r\n" SENT "\r\n", "OK [APPENDUID ");
    assert_int_equal(status("Sent").messages, 2);
    /* Elsewhere everything is filed as often as it comes, and what has no Message-ID, too. */
    peer_do(a, "APPEND INBOX {70+}\r\n" SENT, "OK ");
    peer_do(a, "APPEND INBOX {70+}\r\n" SENT, "OK ");
    assert_int_equal(status("INBOX").messages, 2);
    peer_do(a, "APPEND Sent {41+}\r\n" MAIL, "OK [APPENDUID ");
    peer_do(a, "APPEND Sent {41+}\r\n" MAIL, "OK [APPENDUID ");
    assert_int_equal(status("Sent").messages, 4);
}
PEER_CASE(sent_once)

static void to_the_selected_mailbox(void)
{
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "SELECT INBOX",
            OPEN_MAIL "* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n* OK [UIDNEXT 1] \n* OK [HIGHESTMODSEQ "
                      "\n* OK [MAILBOXID \nOK ");
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    peer_do(b, "APPEND INBOX {41+}\r\n" MAIL, "OK ");
    peer_expect(a, "* 1 EXISTS$\n* 1 RECENT$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
    peer_do(a, "APPEND INBOX {41+}\r\n" MAIL, "* 2 EXISTS$\n* 2 RECENT$\nOK [APPENDUID ");
}
PEER_CASE(to_the_selected_mailbox)

/* RFC 4469 appendix A: the header and the first part of a draft stay, its attachment becomes another one. */
#define DRAFT                                                                                       \
    "From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" \
    "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: image/png\r\n\r\nOLD\r\n--b--\r\n"

static struct slice message_text(const char *mailbox, uint32_t uid)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status found = status_of(account, mailbox);
    struct slice text = read_message(world.fixture, account, found.id, uid);
    account_close(account);
    return text;
}

static void catenate(void)
{
    append("Drafts", DRAFT);
    append("Drafts", "Subject: new attachment\r\n\r\nNEW");
    unsigned uidvalidity = status("Drafts").uidvalidity;
    struct peer *a = peer_login();
    peer_do(a,
            arena_printf(&world.fixture->arena,
                         "APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL "
                         "\"/Drafts;UIDVALIDITY=%u/;UID=1/;section=HEADER\" TEXT {5+}\r\n--b\r\n"
                         " URL \"/Drafts;UIDVALIDITY=%u/;UID=1/;section=1.MIME\" URL "
                         "/Drafts/;UID=1/;section=1 TEXT {7+}\r\n\r\n--b\r\n"
                         " URL \"/Drafts;UID=1/;section=2.MIME\" URL "
                         "\"/Drafts/;UID=2/;section=TEXT\" TEXT {9+}\r\n\r\n--b--\r\n)",
                         uidvalidity, uidvalidity),
            "OK [APPENDUID ");
    struct slice expected =
        S("From: a@example.org\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
          "--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\nContent-Type: "
          "image/png\r\n\r\nNEW\r\n--b--\r\n");
    assert_true(slice_eq(message_text("Drafts", 3), expected));
    /* A piece of a part; and a URL beside the open mailbox. */
    peer_do(a,
            "APPEND INBOX CATENATE (TEXT {13+}\r\nSubject: x\r\n\r URL "
            "\"/Drafts/;UID=1/;SECTION=1/;PARTIAL=1.3\")",
            "OK ");
    assert_true(slice_eq(message_text("INBOX", 1), S("Subject: x\r\n\rell")));
    peer_do(a, "EXAMINE Drafts",
            OPEN_MAIL "* 3 EXISTS$\n* 3 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* "
                      "OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_do(a, "APPEND INBOX CATENATE (URL \";UID=2\")", "OK ");
    assert_true(slice_eq(message_text("INBOX", 2), S("Subject: new attachment\r\n\r\nNEW")));
}
PEER_CASE(catenate)

static void catenate_refusals(void)
{
    append("Drafts", DRAFT);
    struct peer *a = peer_login();
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Drafts/;UID=1/;section=1.5.9\")",
            "NO [BADURL /Drafts/;UID=1/;section=1.5.9] ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Drafts/;UID=77\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Drafts;UIDVALIDITY=77/;UID=1\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Nowhere/;UID=1\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE (URL \";UID=1\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"imap://mx.example.org/Drafts/;UID=1\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"http://x]/\" TEXT {4+}\r\nabcd)", "NO [BADURL http://x?/] ");
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Drafts/;UID=1/;section=NONSENSE\")", "NO [BADURL ");
    peer_do(a, "APPEND INBOX CATENATE ()", "BAD ");
    peer_do(a, "APPEND INBOX CATENATE (TEXT \"x\")", "BAD ");
    world.conf.message_size_limit = 300;
    peer_do(a, "APPEND INBOX CATENATE (URL \"/Drafts/;UID=1\" URL \"/Drafts/;UID=1\")", "NO [TOOBIG] ");
    peer_do(a, "APPEND Nowhere CATENATE (URL \"/Drafts/;UID=1\")", "NO [TRYCREATE] ");
    assert_int_equal(status("INBOX").messages, 0);
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(catenate_refusals)

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(test_append),
        dialogue_test(test_refusals),
        dialogue_test(test_long_line),
        dialogue_test(test_nul),
        dialogue_test(test_multiappend),
        peer_test(sealed_one_by_one),
        peer_test(quota),
        peer_test(replace),
        peer_test(replace_what_is_gone),
        peer_test(catenate),
        peer_test(catenate_refusals),
        peer_test(sent_once),
        peer_test(to_the_selected_mailbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
