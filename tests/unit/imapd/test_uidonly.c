/* SPDX-License-Identifier: ISC */
/* UIDONLY (RFC 9586): no message numbers any more, in neither direction. */
#include "world.h"

#define OPENED                                                                                             \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 3 EXISTS$\n* 3 RECENT$\n* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n" \
    "* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] "

static struct peer *peer_uidonly(void)
{
    struct peer *peer = peer_login();
    peer_do(peer, "ENABLE UIDONLY", "* ENABLED UIDONLY$\nOK ");
    peer_do(peer, "SELECT INBOX", OPENED); /* without UNSEEN, which is a number */
    return peer;
}

static void numbers_are_refused(void)
{
    static const char *const commands[] = {"FETCH 1 FLAGS",
                                           "FETCH $ FLAGS",
                                           "STORE 1 +FLAGS (\\Seen)",
                                           "COPY 1 Sent",
                                           "MOVE 1 Sent",
                                           "SEARCH ALL",
                                           "UID SEARCH 1:3",
                                           "SORT (DATE) UTF-8 ALL",
                                           "THREAD REFERENCES UTF-8 ALL",
                                           "REPLACE 1 INBOX {3+}\r\nabc"};
    fill(3);
    struct peer *a = peer_uidonly();
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        peer_do(a, commands[i], "BAD [UIDREQUIRED] ");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(numbers_are_refused)

static void fetch(void)
{
    fill(3);
    struct peer *a = peer_uidonly();
    peer_do(a, "UID FETCH 2:* (FLAGS)",
            "* 2 UIDFETCH (FLAGS (\\Recent))$\n* 3 UIDFETCH (FLAGS (\\Recent))$\nOK ");
    peer_do(a, "UID FETCH 2 (UID FLAGS)", "* 2 UIDFETCH (UID 2 FLAGS (\\Recent))$\nOK ");
    peer_do(a, "UID SEARCH UID 2:3", "* SEARCH 2 3$\nOK ");
    peer_do(a, "UID STORE 2 +FLAGS (\\Deleted)", "* 2 UIDFETCH (FLAGS (\\Deleted \\Recent))$\nOK ");
}
PEER_CASE(fetch)

/* VANISHED instead of EXPUNGE, and UIDFETCH of what others changed. */
static void changes(void)
{
    fill(3);
    struct peer *a = peer_uidonly();
    expunge_elsewhere("INBOX", 1);
    flag_elsewhere("INBOX", 3, FLAGS_ADD, MESSAGE_SEEN);
    peer_do(a, "NOOP", "* VANISHED 1$\n* 3 UIDFETCH (FLAGS (\\Seen \\Recent))$\nOK ");
    peer_do(a, "UID STORE 2:3 +FLAGS.SILENT (\\Deleted)", "OK ");
    peer_do(a, "UID EXPUNGE 2", "* VANISHED 2$\nOK ");
    peer_do(a, "EXPUNGE", "* VANISHED 3$\nOK ");
    fill(1);
    peer_do(a, "NOOP", "* 1 EXISTS$\n* 1 RECENT$\nOK ");
    peer_do(a, "UID MOVE 4 Sent", "* OK [COPYUID \n* VANISHED 4$\nOK ");
}
PEER_CASE(changes)

static void replace(void)
{
    fill(3);
    struct peer *a = peer_uidonly();
    peer_do(a, "UID REPLACE 2 INBOX {3+}\r\nabc",
            "* OK [APPENDUID \n* VANISHED 2$\n* 3 EXISTS$\n* 3 RECENT$\nOK ");
}
PEER_CASE(replace)

/* Another session goes on with numbers. */
static void only_this_session(void)
{
    fill(3);
    struct peer *a = peer_uidonly(), *b = peer_login();
    peer_do(b, "SELECT INBOX",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 3 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n"
            "* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_do(b, "FETCH 1 UID", "* 1 FETCH (UID 1)$\nOK ");
    peer_do(a, "FETCH 1 UID", "BAD [UIDREQUIRED] ");
}
PEER_CASE(only_this_session)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(numbers_are_refused), peer_test(fetch), peer_test(changes), peer_test(replace),
        peer_test(only_this_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
