/* SPDX-License-Identifier: ISC */
/* Whole dialogues of RFC 1939 and its extensions: what is answered, in which order, in which state. */
#include "world.h"

static const char *const two[] = {
    "Subject: first\r\n\r\nline one\r\nline two\r\n",
    "Subject: dots\r\n\r\n.\r\n..two\r\n.one\r\nend\r\n",
};

/* --- getting in --- */

static void user_and_pass(void **state)
{
    (void)state;
    expect(LOGIN QUIT, LOGGED_IN BYE);
    expect("user alice@example.org\r\npass secret\r\nquit\r\n", LOGGED_IN BYE);
    expect("USER  alice@example.org \r\nPASS secret\r\n" QUIT, LOGGED_IN BYE);
    expect("USER alice@example.org\r\nPASS clé\r\n" QUIT, LOGGED_IN BYE); /* RFC 6856 section 2.2 */
    expect("USER alice@example.org\r\nPASS secret \r\n" QUIT,
           GREETING "+OK\n-ERR [AUTH] name or password is wrong$\n" BYE);
    expect("USER nobody@example.org\r\nPASS secret\r\nUSER alice@example.org\r\nPASS no\r\n" LOGIN QUIT,
           GREETING
           "+OK\n-ERR [AUTH] name or password is wrong$\n+OK\n-ERR [AUTH] name or password is wrong$\n"
           "+OK now\n+OK maildrop\n" BYE);
}

static void pass_comes_directly_behind_user(void **state)
{
    (void)state;
    expect("PASS secret\r\n" QUIT, GREETING "-ERR USER comes first$\n" BYE);
    expect("USER alice@example.org\r\nNOOP\r\nPASS secret\r\n" QUIT,
           GREETING "+OK\n+OK\n-ERR USER comes first$\n" BYE);
    expect("USER alice@example.org\r\nPASS no\r\nPASS secret\r\n" QUIT,
           GREETING "+OK\n-ERR [AUTH]\n-ERR USER comes first$\n" BYE);
    expect("USER alice@example.org\r\nPASS\r\nPASS secret\r\n" QUIT,
           GREETING "+OK\n-ERR wrong arguments$\n-ERR USER comes first$\n" BYE);
    expect(
        "USER\r\nPASS secret\r\nUSER  \r\nUSER \xff\r\n" QUIT, GREETING
        "-ERR wrong arguments$\n-ERR USER comes first$\n-ERR wrong arguments$\n-ERR wrong arguments$\n" BYE);
}

static void what_stands_in_the_way(void **state)
{
    (void)state;
    expect("USER carol@example.org\r\nPASS secret\r\n" QUIT,
           GREETING "+OK\n-ERR [SYS/PERM] this account is disabled$\n" BYE);
    expect("USER down@example.org\r\nPASS secret\r\n" QUIT,
           GREETING "+OK\n-ERR [SYS/TEMP] logins are not possible just now\n" BYE);
    expect("APOP alice@example.org c4c9334bac560ecc979e58001b3e22fb\r\n" QUIT,
           GREETING "-ERR APOP is not offered\n" BYE);
    struct account *account = open_account(world.fixture, ALICE);
    struct maildrop_lock *lock;
    assert_ok(maildrop_lock(account, &lock));
    expect(LOGIN "STAT\r\n" QUIT,
           GREETING "+OK\n-ERR [IN-USE] another session has this maildrop open$\n-ERR not possible\n" BYE);
    maildrop_unlock(lock);
    account_close(account);
    world.conf.pop3_login_delay = 600;
    expect_once(S(LOGIN QUIT), 0, LOGGED_IN BYE);
    expect(LOGIN QUIT, GREETING "+OK\n-ERR [LOGIN-DELAY] too soon after the last login\n" BYE);
}

static void no_passwords_in_clear(void **state)
{
    (void)state;
    world.conf.plaintext_auth = PLAINTEXT_AUTH_NEVER;
    expect(LOGIN "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nAUTH\r\n" QUIT,
           GREETING "-ERR use STLS first\n-ERR use STLS first\n-ERR use STLS first\n+OK\n.$\n" BYE);
    assert_int_equal(world.authd.exchanges, 0);
}

#define PLAIN   "AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==" /* \0alice@example.org\0secret */
#define WRONG   "AGFsaWNlQGV4YW1wbGUub3JnAG5v"         /* …\0no */
#define ALICE64 "YWxpY2VAZXhhbXBsZS5vcmc="
#define SECRET  "c2VjcmV0"

static void auth(void **state)
{
    (void)state;
    expect("AUTH PLAIN " PLAIN "\r\n" QUIT, GREETING "+OK maildrop\n" BYE);
    expect("AUTH PLAIN  " PLAIN " \r\n" QUIT, GREETING "+OK maildrop\n" BYE);
    expect("auth plain\r\n" PLAIN "\r\n" QUIT, GREETING "+ $\n+OK maildrop\n" BYE);
    expect("AUTH LOGIN\r\n" ALICE64 "\r\n" SECRET "\r\n" QUIT,
           GREETING "+ VXNlcm5hbWU6$\n+ UGFzc3dvcmQ6$\n+OK maildrop\n" BYE);
    expect("AUTH LOGIN " ALICE64 "\r\n" SECRET "\r\n" QUIT, GREETING "+ UGFzc3dvcmQ6$\n+OK maildrop\n" BYE);
    expect("AUTH\r\nAUTH \r\n" QUIT, GREETING "+OK\nPLAIN$\nLOGIN$\n.$\n+OK\nPLAIN$\nLOGIN$\n.$\n" BYE);
    expect("AUTH PLAIN " WRONG "\r\nAUTH PLAIN " PLAIN "\r\n" QUIT,
           GREETING "-ERR [AUTH]\n+OK maildrop\n" BYE);
}

static void auth_that_fails(void **state)
{
    (void)state;
    expect("AUTH PLAIN\r\n*\r\nNOOP\r\n" QUIT, GREETING "+ $\n-ERR authentication cancelled$\n+OK\n" BYE);
    expect("AUTH LOGIN\r\n" ALICE64 "\r\n*\r\n" QUIT, GREETING "+\n+\n-ERR authentication cancelled$\n" BYE);
    expect("AUTH PLAIN\r\nnot base64\r\n" QUIT,
           GREETING "+ $\n-ERR that is no answer of this mechanism$\n" BYE);
    expect("AUTH PLAIN !!!!\r\nAUTH PLAIN =\r\nAUTH PLAIN a b\r\n" QUIT,
           GREETING "-ERR that is no answer\n-ERR that is no answer\n-ERR wrong arguments$\n" BYE);
    expect("AUTH CRAM-MD5\r\nAUTH (\r\n" QUIT,
           GREETING "-ERR no such mechanism here$\n-ERR no such mechanism here$\n" BYE);
    /* the longest line of an exchange, and one more */
    struct buf input;
    buf_init(&input, 100000);
    buf_append(&input, S("AUTH PLAIN\r\n"));
    for (int i = 0; i < 12288; i++)
        buf_append_char(&input, 'A');
    buf_append(&input, S("\r\nAUTH PLAIN\r\n"));
    for (int i = 0; i < 12289; i++)
        buf_append_char(&input, 'A');
    buf_append(&input, S("\r\nNOOP\r\n" QUIT));
    expect_once(buf_slice(&input), 0,
                GREETING "+ $\n-ERR [AUTH]\n+ $\n-ERR that is no answer\n+OK still\n" BYE);
    buf_free(&input);
}

/* --- in the maildrop --- */

static void the_drop_in_numbers(void **state)
{
    (void)state;
    expect(LOGIN "STAT\r\nLIST\r\nUIDL\r\nLIST 1\r\nUIDL 1\r\n" QUIT, LOGGED_IN
           "+OK 0 0$\n+OK scan\n.$\n+OK unique\n.$\n-ERR no such message$\n-ERR no such message$\n" BYE);
    fill(two, 2);
    expect(LOGIN "STAT\r\nLIST\r\nLIST 2\r\n" QUIT,
           LOGGED_IN "+OK 2 76$\n+OK scan listing follows$\n1 38$\n2 38$\n.$\n+OK 2 38$\n" BYE);
    expect(LOGIN "LIST 3\r\nLIST 0\r\nLIST 99999999999999999999\r\nLIST -1\r\nLIST x\r\nLIST 1 2\r\n" QUIT,
           LOGGED_IN "-ERR no such message$\n-ERR no such message$\n-ERR no such message$\n"
                     "-ERR wrong arguments$\n-ERR wrong arguments$\n-ERR wrong arguments$\n" BYE);
    expect(LOGIN
           "RETR 3\r\nDELE 3\r\nTOP 3 0\r\nUIDL 3\r\nRETR\r\nDELE\r\nTOP 1\r\nTOP 1 x\r\nTOP 1 -1\r\n" QUIT,
           LOGGED_IN
           "-ERR no such message$\n-ERR no such message$\n-ERR no such message$\n-ERR no such message$\n"
           "-ERR wrong arguments$\n-ERR wrong arguments$\n-ERR wrong arguments$\n"
           "-ERR wrong arguments$\n-ERR wrong arguments$\n" BYE);
}

static void unique_ids(void **state)
{
    (void)state;
    fill(two, 2);
    struct account *account = open_account(world.fixture, ALICE);
    struct message_row *rows;
    size_t count;
    assert_ok(mailbox_scan(account, status_of(account, "INBOX").id, &rows, &count));
    account_close(account);
    char expected[1000];
    snprintf(expected, sizeof(expected),
             LOGGED_IN
             "+OK unique-ids follow$\n1 %s$\n2 %s$\n.$\n+OK 2 %s$\n+OK marked\n+OK unique\n2 %s$\n.$\n"
             "-ERR this message is marked as deleted$\n+OK no message\n+OK 1 %s$\n" BYE,
             rows[0].guid, rows[1].guid, rows[1].guid, rows[1].guid, rows[0].guid);
    mem_free(rows);
    expect(LOGIN "UIDL\r\nUIDL 2\r\nDELE 1\r\nUIDL\r\nUIDL 1\r\nRSET\r\nUIDL 1\r\n" QUIT, expected);
}

/* A copy within INBOX has the GUID of its source; a client must be able to tell them apart. */
static void unique_ids_of_copies(void **state)
{
    (void)state;
    fill(two, 2);
    struct account *account = open_account(world.fixture, ALICE);
    struct batch_operation copy = {
        .kind = BATCH_COPY,
        .mailbox = mailbox_named(S("INBOX")),
        .copy = {.uids = {&(struct uid_range){1, 2}, 1}, .target = mailbox_named(S("INBOX"))}};
    struct message_row *rows;
    size_t count;
    assert_ok(batch_commit(account, &copy, 1, NULL));
    assert_ok(mailbox_scan(account, status_of(account, "INBOX").id, &rows, &count));
    account_close(account);
    assert_int_equal(count, 4);
    assert_string_equal(rows[0].guid, rows[2].guid);
    char expected[1000];
    snprintf(expected, sizeof(expected),
             LOGGED_IN "+OK unique-ids follow$\n1 %s$\n2 %s$\n3 %s-%u$\n4 %s-%u$\n.$\n" BYE, rows[0].guid,
             rows[1].guid, rows[0].guid, rows[2].uid, rows[1].guid, rows[3].uid);
    mem_free(rows);
    expect(LOGIN "UIDL\r\n" QUIT, expected);
}

static void messages_are_byte_stuffed(void **state)
{
    (void)state;
    fill(two, 2);
    expect(LOGIN "RETR 2\r\nRETR 1\r\nRETR 01\r\n" QUIT,
           LOGGED_IN "+OK message follows$\nSubject: dots$\n$\n..$\n...two$\n..one$\nend$\n.$\n"
                     "+OK message follows$\nSubject: first$\n$\nline one$\nline two$\n.$\n"
                     "+OK message follows$\nSubject: first$\n$\nline one$\nline two$\n.$\n" BYE);
}

static void tops(void **state)
{
    static const char *const odd[] = {
        "Subject: x\r\n\r\none\r\n.two\r\nthree\r\n", /* as it should be */
        "Subject: x\r\nTo: y\r\n",                    /* a header only */
        "Subject: x\r\n\r\n",                         /* and with its end */
        "Subject: x\n\n.one\ntwo\n",                  /* bare LF */
        "Subject: x\r\n\r\none\r\ntwo",               /* no line end at the end */
        "\r\n.body\r\n",                              /* no header */
        "",
    };
    (void)state;
    fill(odd, ARRAY_LEN(odd));
    expect(LOGIN "TOP 1 0\r\nTOP 1 2\r\nTOP 1 3\r\nTOP 1 99999999999999999999\r\n" QUIT,
           LOGGED_IN "+OK top of message follows$\nSubject: x$\n$\n.$\n"
                     "+OK top\nSubject: x$\n$\none$\n..two$\n.$\n"
                     "+OK top\nSubject: x$\n$\none$\n..two$\nthree$\n.$\n"
                     "+OK top\nSubject: x$\n$\none$\n..two$\nthree$\n.$\n" BYE);
    expect(LOGIN "TOP 2 0\r\nTOP 2 5\r\nRETR 2\r\nTOP 3 0\r\nRETR 3\r\n" QUIT, LOGGED_IN
           "+OK\nSubject: x$\nTo: y$\n.$\n+OK\nSubject: x$\nTo: y$\n.$\n+OK\nSubject: x$\nTo: y$\n.$\n"
           "+OK\nSubject: x$\n$\n.$\n+OK\nSubject: x$\n$\n.$\n" BYE);
    expect(LOGIN "TOP 4 1\r\nRETR 4\r\nTOP 5 1\r\nTOP 5 2\r\nRETR 5\r\n" QUIT,
           LOGGED_IN "+OK\nSubject: x$\n$\n..one$\n.$\n+OK\nSubject: x$\n$\n..one$\ntwo$\n.$\n"
                     "+OK\nSubject: x$\n$\none$\n.$\n+OK\nSubject: x$\n$\none$\ntwo$\n.$\n"
                     "+OK\nSubject: x$\n$\none$\ntwo$\n.$\n" BYE);
    expect(LOGIN "TOP 6 0\r\nTOP 6 1\r\nTOP 7 0\r\nTOP 7 1\r\nRETR 7\r\n" QUIT,
           LOGGED_IN "+OK\n$\n.$\n+OK\n$\n..body$\n.$\n+OK\n.$\n+OK\n.$\n+OK\n.$\n" BYE);
}

static void marks(void **state)
{
    (void)state;
    static const size_t chunks[] = {0, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        fill(two, 2);
        expect_once(
            S(LOGIN "DELE 1\r\nDELE 1\r\nRETR 1\r\nTOP 1 0\r\nLIST 1\r\nSTAT\r\nLIST\r\nRSET\r\nSTAT\r\n"
                    "DELE 2\r\n" QUIT),
            chunks[i],
            LOGGED_IN "+OK marked as deleted, removed at QUIT$\n-ERR this message is marked as deleted$\n"
                      "-ERR this message is marked as deleted$\n-ERR this message is marked as deleted$\n"
                      "-ERR this message is marked as deleted$\n+OK 1 38$\n+OK\n2 38$\n.$\n"
                      "+OK no message is marked\n+OK 2 76$\n+OK marked\n" BYE);
        assert_int_equal(messages_left(), 1);
        expect_once(S(LOGIN "TOP 1 0\r\nRSET\r\n" QUIT), chunks[i],
                    LOGGED_IN "+OK\nSubject: first$\n$\n.$\n+OK\n" BYE);
    }
}

static void states(void **state)
{
    (void)state;
    expect("STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nRSET\r\nLAST\r\n\r\nNOOP\r\n" LOGIN
           "USER alice\r\nPASS x\r\nAUTH PLAIN\r\nAPOP a b\r\nSTLS\r\nUTF8\r\nLAST\r\nNOOP\r\nnoop 1\r\n" QUIT
           "NOOP\r\n",
           GREETING
           "-ERR not possible in this state$\n-ERR not possible in this state$\n-ERR not possible\n"
           "-ERR not possible\n-ERR not possible\n-ERR not possible\n-ERR not possible\n"
           "-ERR unknown command$\n-ERR unknown command$\n+OK still here$\n+OK now\n+OK maildrop\n"
           "-ERR not possible\n-ERR not possible\n-ERR not possible\n-ERR not possible\n-ERR not possible\n"
           "-ERR not possible\n-ERR unknown command$\n+OK still here$\n-ERR wrong arguments$\n" BYE);
    expect(QUIT, GREETING BYE);
}

/* --- capabilities --- */

#define BOTH_STATES "TOP$\nUIDL$\nPIPELINING$\nRESP-CODES$\nAUTH-RESP-CODE$\nUTF8 USER$\nLANG$\n"

static void capabilities(void **state)
{
    (void)state;
    expect("CAPA\r\n" LOGIN "CAPA\r\nCAPA x\r\n" QUIT,
           GREETING "+OK capabilities follow$\nUSER$\nSASL PLAIN LOGIN$\n" BOTH_STATES
                    "EXPIRE NEVER$\nLOGIN-DELAY 0$\nIMPLEMENTATION Postern-\n.$\n+OK\n+OK\n"
                    "+OK\nUSER$\nSASL PLAIN LOGIN$\n" BOTH_STATES
                    "EXPIRE NEVER$\nLOGIN-DELAY 0$\nIMPLEMENTATION Postern-\n.$\n-ERR wrong\n" BYE);
    world.conf.plaintext_auth = PLAINTEXT_AUTH_NEVER;
    world.conf.pop3_expire = 0;
    world.conf.pop3_login_delay = 900;
    expect("CAPA\r\n" QUIT,
           GREETING "+OK\n" BOTH_STATES "EXPIRE 0$\nLOGIN-DELAY 900$\nIMPLEMENTATION\n.$\n" BYE);
    world.conf.pop3_expire = 60;
    world.context.tls = (struct tls_context *)&world; /* it is only asked whether there is one */
    expect("CAPA\r\n" QUIT,
           GREETING "+OK\nSTLS$\n" BOTH_STATES "EXPIRE 60$\nLOGIN-DELAY 900$\nIMPLEMENTATION\n.$\n" BYE);
}

static void languages(void **state)
{
    (void)state;
    expect("LANG\r\nLANG MUL\r\nLANG de-AT\r\nSTAT\r\nLANG xx\r\nLANG\r\nUSER alice@example.org\r\nPASS "
           "secret\r\n"
           "RETR 1\r\nLANG en\r\nRETR 1\r\nLANG de\r\nLANG *\r\n" QUIT,
           GREETING
           "+OK languages follow$\nen English$\nde Deutsch$\n.$\n-ERR no such language here$\n"
           "+OK de Sprache gewechselt$\n-ERR in diesem Zustand nicht möglich$\n"
           "-ERR diese Sprache gibt es hier nicht$\n+OK die Sprachen$\nen English$\nde Deutsch$\n.$\n"
           "+OK jetzt das Passwort$\n+OK Postfach geöffnet$\n-ERR diese Nachricht gibt es nicht$\n"
           "+OK en language changed$\n-ERR no such message$\n+OK de\n+OK en language changed$\n" BYE);
}

static void utf8(void **state)
{
    static const char *const eai[] = {"Subject: Grüße\r\n\r\nüber\r\n"};
    (void)state;
    fill(eai, 1);
    world.context.tls = (struct tls_context *)&world;
    expect("UTF8\r\nUTF8 1\r\nSTLS\r\n" LOGIN "LIST\r\nRETR 1\r\n" QUIT,
           GREETING "+OK UTF-8 mode$\n-ERR wrong arguments$\n-ERR STLS must come before UTF8$\n+OK\n+OK\n"
                    "+OK\n1 27$\n.$\n+OK\nSubject: Grüße$\n$\nüber$\n.$\n" BYE);
    world.context.tls = NULL;
    expect("STLS\r\n" QUIT, GREETING "-ERR TLS is not available$\n" BYE);
}

/* --- the client's mistakes --- */

static void too_many_errors(void **state)
{
    (void)state;
    world.conf.error_limit = 3;
    expect("X\r\nSTAT\r\nNOOP 1\r\nX\r\nNOOP\r\n",
           GREETING "-ERR unknown\n-ERR not possible\n-ERR wrong\n-ERR unknown\n-ERR too many errors$\n");
    expect("X\r\nX\r\nX\r\n" QUIT, GREETING "-ERR\n-ERR\n-ERR\n" BYE);
    /* messages that are not there are no mistakes: another session may have removed them */
    expect(LOGIN "RETR 1\r\nRETR 2\r\nDELE 1\r\nTOP 3 0\r\nLIST 1\r\nUIDL 1\r\nNOOP\r\n" QUIT,
           LOGGED_IN "-ERR no\n-ERR no\n-ERR no\n-ERR no\n-ERR no\n-ERR no\n+OK\n" BYE);
}

static void line_of(struct buf *line, const char *begin, size_t length)
{
    buf_append(line, slice_from(begin));
    for (size_t i = strlen(begin); i < length; i++)
        buf_append_char(line, 'x');
    buf_append(line, S("\r\n"));
}

static void long_lines(void **state)
{
    (void)state;
    struct buf input;
    buf_init(&input, 1000000);
    line_of(&input, "NOOP ", 4096);
    line_of(&input, "NOOP ", 4097);
    line_of(&input, "", 300000);
    buf_append(&input, S("NOOP\n" QUIT)); /* LF alone ends a line too */
    expect_once(buf_slice(&input), 0,
                GREETING "-ERR wrong arguments$\n-ERR line too long$\n-ERR line too long$\n+OK still\n" BYE);
    expect_once(buf_slice(&input), 7,
                GREETING "-ERR wrong arguments$\n-ERR line too long$\n-ERR line too long$\n+OK still\n" BYE);
    buf_free(&input);
}

static void bytes_of_no_use(void **state)
{
    (void)state;
    static const char input[] =
        "NO\0OP\r\nUSER a\0b\r\nUSER alice@example.org\r\nPASS se\0cret\r\n\xff\xfe\r\n\r\r\n" QUIT;
    static const size_t chunks[] = {0, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        expect_once(slice_of(input, sizeof(input) - 1), chunks[i],
                    GREETING "-ERR unknown\n-ERR wrong\n+OK\n-ERR\n-ERR unknown\n-ERR unknown\n" BYE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(user_and_pass),
        dialogue_test(pass_comes_directly_behind_user),
        dialogue_test(what_stands_in_the_way),
        dialogue_test(no_passwords_in_clear),
        dialogue_test(auth),
        dialogue_test(auth_that_fails),
        dialogue_test(the_drop_in_numbers),
        dialogue_test(unique_ids),
        dialogue_test(unique_ids_of_copies),
        dialogue_test(messages_are_byte_stuffed),
        dialogue_test(tops),
        dialogue_test(marks),
        dialogue_test(states),
        dialogue_test(capabilities),
        dialogue_test(languages),
        dialogue_test(utf8),
        dialogue_test(too_many_errors),
        dialogue_test(long_lines),
        dialogue_test(bytes_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
