/* SPDX-License-Identifier: ISC */
/* UNAUTHENTICATE (RFC 8437). */
#include "world.h"

#define OPENED                                                                                            \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n" \
    "* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK "

static void then_somebody_else(void)
{
    assert_ok(directory_user_add(world.fixture->store, S("bob@example.org"), S("Bob"), 0, NULL));
    create("Only here");
    struct peer *a = peer_login();
    peer_do(a, "UNAUTHENTICATE", "OK [CAPABILITY IMAP4rev1 ");
    peer_do(a, "LIST \"\" *", "BAD ");
    peer_do(a, "UNAUTHENTICATE", "BAD ");
    peer_do(a, "LOGIN bob@example.org secret", "OK [CAPABILITY ");
    peer_do(a, "STATUS \"Only here\" (MESSAGES)", "NO [NONEXISTENT] ");
    peer_do(a, "UNAUTHENTICATE x", "BAD ");
}
PEER_CASE(then_somebody_else)

/* Section 3: the mailbox is left, and nothing is expunged. */
static void nothing_is_expunged(void)
{
    fill(1);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_DELETED);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", OPENED);
    peer_do(a, "UNAUTHENTICATE", "OK ");
    peer_do(a, "CLOSE", "BAD ");
    peer_do(a, "LOGIN alice@example.org secret", "OK [CAPABILITY ");
    peer_do(a, "CLOSE", "BAD ");
    peer_do(a, "STATUS INBOX (MESSAGES DELETED)", "* STATUS \"INBOX\" (MESSAGES 1 DELETED 1)$\nOK ");
}
PEER_CASE(nothing_is_expunged)

/* Section 4.1: what was enabled is so no longer. */
static void extensions_are_off(void)
{
    fill(1);
    struct peer *a = peer_login();
    peer_do(a, "ENABLE CONDSTORE QRESYNC", "* ENABLED CONDSTORE QRESYNC$\nOK ");
    peer_do(a, "UNAUTHENTICATE", "OK ");
    peer_do(a, "LOGIN alice@example.org secret", "OK ");
    peer_do(a, "SELECT INBOX (QRESYNC (1 1))", "BAD ");
    peer_do(a, "ENABLE CONDSTORE", "* ENABLED CONDSTORE$\nOK ");
}
PEER_CASE(extensions_are_off)

/* Section 4.1 again: nobody hears of the former account. */
static void notify_is_off(void)
{
    struct peer *a = peer_login();
    peer_do(a, "NOTIFY SET (PERSONAL (MessageNew MessageExpunge))", "OK ");
    peer_do(a, "UNAUTHENTICATE", "OK ");
    append("Sent", "S: 1\r\n\r\n");
    peer_do(a, "LOGIN alice@example.org secret", "OK ");
    append("Sent", "S: 2\r\n\r\n");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(notify_is_off)

/* It may be pipelined with the next login (section 3). */
static void pipelined(void **state)
{
    (void)state;
    expect(LOGIN "b UNAUTHENTICATE\r\nc LOGIN alice@example.org secret\r\nd NOOP\r\n" LOGOUT,
           LOGGED_IN "b OK [CAPABILITY \nc OK [CAPABILITY \nd OK \n" BYE);
}

/* Offered after login, and not while the connection is compressed. */
static bool is_offered(struct peer *peer)
{
    peer_send(peer, "x CAPABILITY\r\n");
    struct slice line = peer_line(peer);
    peer_expect(peer, "x OK ");
    return slice_find_text(line, S(" UNAUTHENTICATE")) < line.len;
}

static void offered(void)
{
    struct peer *a = peer_connect(), *b = peer_login();
    assert_false(is_offered(a));
    assert_true(is_offered(b));
    peer_do(b, "COMPRESS DEFLATE", "OK ");
    assert_ok(conn_start_deflate(b->client));
    assert_false(is_offered(b));
    peer_do(b, "UNAUTHENTICATE", "BAD ");
    peer_do(b, "NAMESPACE", "* NAMESPACE \nOK ");
}
PEER_CASE(offered)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(then_somebody_else), peer_test(nothing_is_expunged), peer_test(extensions_are_off),
        peer_test(notify_is_off),      dialogue_test(pipelined),       peer_test(offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
