/* SPDX-License-Identifier: ISC */
/* Opening a mailbox, and what a session is told of it. */
#include "world.h"

#define INBOX_OF_3                                                                                           \
    "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)$\n"                                             \
    "* OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*)] \n* 3 EXISTS$\n* 3 RECENT$\n" \
    "* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"

static void two_sessions(void)
{
    fill(3);
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "SELECT INBOX", INBOX_OF_3 "OK [READ-WRITE] ");
    peer_do(b, "EXAMINE inbox",
            "* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 3 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n"
            "* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-ONLY] ");
    peer_do(a, "NOOP", "OK ");
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN | MESSAGE_DELETED);
    peer_do(a, "NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen \\Deleted \\Recent))$\nOK ");
    peer_do(b, "NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen \\Deleted))$\nOK ");
    peer_do(b, "NOOP", "OK ");
    expunge_elsewhere("INBOX", 1);
    fill(1);
    peer_do(b, "CHECK", "* 1 EXPUNGE$\n* 3 EXISTS$\n* 1 RECENT$\nOK "); /* it shows it, and leaves it */
    peer_do(a, "CHECK", "* 1 EXPUNGE$\n* 3 EXISTS$\n* 3 RECENT$\nOK ");
    /* CLOSE removes what is \Deleted; from an examined mailbox nothing. */
    peer_do(b, "CLOSE", "OK ");
    peer_do(a, "NOOP", "OK ");
    peer_do(a, "CLOSE", "OK ");
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n"
        "* OK [UIDVALIDITY \n* OK [UIDNEXT 5] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] ");
}
PEER_CASE(two_sessions)

static void idle(void)
{
    fill(3);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", INBOX_OF_3 "OK [READ-WRITE] ");
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    fill(1);
    peer_expect(a, "* 4 EXISTS$\n* 4 RECENT$");
    expunge_elsewhere("INBOX", 2);
    peer_expect(a, "* 2 EXPUNGE$");
    flag_elsewhere("INBOX", 4, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_expect(a, "* 3 FETCH (UID 4 FLAGS (\\Flagged \\Recent))$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
    peer_send(a, "y IDLE\r\ndone\r\nz NOOP\r\n"); /* in one packet */
    peer_expect(a, "+ idling$\ny OK \nz OK ");
    peer_send(a, "y IDLE\r\nz NOOP\r\n");
    peer_expect(a, "+ idling$\ny BAD ");
}
PEER_CASE(idle)

static void missing_and_deleted(void)
{
    create("Work");
    struct peer *a = peer_login();
    peer_do(a, "SELECT Nowhere", "NO [NONEXISTENT] ");
    peer_do(a, "UNSELECT", "BAD ");
    peer_do(a, "SELECT Work",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n"
            "* OK [UIDNEXT 1] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_do(a, "SELECT Nowhere", "* OK [CLOSED] \nNO [NONEXISTENT] ");
    peer_do(a, "UNSELECT", "BAD ");
    peer_do(a, "SELECT Work (CONDSTORE)",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n"
            "* OK [UIDNEXT 1] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Work"))});
    peer_do(a, "NOOP", "* BYE the selected mailbox was deleted$\nOK ");
}
PEER_CASE(missing_and_deleted)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(two_sessions),
        peer_test(idle),
        peer_test(missing_and_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
