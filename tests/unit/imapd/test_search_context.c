/* SPDX-License-Identifier: ISC */
/* Searches that go on (RFC 5267 section 4): UPDATE, ADDTO, REMOVEFROM, CANCELUPDATE. */
#include "searching.h"

static struct peer *begin(unsigned messages)
{
    fill(messages);
    struct peer *peer = peer_login();
    select_inbox(peer);
    return peer;
}

/* A command whose tag is told. */
static void say(struct peer *peer, const char *command, const char *answers)
{
    peer_send(peer, arena_printf(&world.fixture->arena, "%s\r\n", command));
    peer_expect(peer, answers);
}

static void flags_change(void)
{
    struct peer *peer = begin(4);
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_DELETED);
    say(peer, "B01 UID SEARCH RETURN (UPDATE COUNT) DELETED",
        "* 2 FETCH (\n* ESEARCH (TAG \"B01\") UID COUNT 1$\nB01 OK ");
    /* "Note that the following is rejected, and has no effect" */
    say(peer, "B01 SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED", "B01 BAD ");
    flag_elsewhere("INBOX", 3, FLAGS_ADD, MESSAGE_DELETED);
    flag_elsewhere("INBOX", 4, FLAGS_ADD, MESSAGE_DELETED);
    say(peer, "c NOOP", "* 3 FETCH (\n* 4 FETCH (\n* ESEARCH (TAG \"B01\") UID ADDTO (0 3:4)$\nc OK ");
    say(peer, "d NOOP", "d OK ");
    flag_elsewhere("INBOX", 2, FLAGS_REMOVE, MESSAGE_DELETED);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_DELETED);
    say(peer, "e NOOP",
        "* 1 FETCH (\n* 2 FETCH (\n* ESEARCH (TAG \"B01\") UID REMOVEFROM (0 2)$\n"
        "* ESEARCH (TAG \"B01\") UID ADDTO (0 1)$\ne OK ");
    /* One's own change is told too. */
    say(peer, "f STORE 3 -FLAGS.SILENT \\Deleted", "* ESEARCH (TAG \"B01\") UID REMOVEFROM (0 3)$\nf OK ");
    say(peer, "g CANCELUPDATE \"B02\"", "g BAD ");
    say(peer, "h CANCELUPDATE \"B01\"", "h OK ");
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_DELETED);
    say(peer, "i NOOP", "* 2 FETCH (\ni OK ");
    say(peer, "j CANCELUPDATE", "j BAD ");
}
PEER_CASE(flags_change)

static void messages_come_and_go(void)
{
    struct peer *peer = begin(3);
    say(peer, "A SEARCH RETURN (UPDATE ALL) NOT SUBJECT 3", "* ESEARCH (TAG \"A\") ALL 1:2$\nA OK ");
    say(peer, "B UID SEARCH RETURN (UPDATE COUNT) UID 3:*", "* ESEARCH (TAG \"B\") UID COUNT 1$\nB OK ");
    say(peer, "C SEARCH RETURN (UPDATE COUNT) 3:*", "* ESEARCH (TAG \"C\") COUNT 1$\nC OK ");
    expunge_elsewhere("INBOX", 1);
    append("INBOX", "Subject: x\r\n\r\n\r\n");
    /* Message numbers are those of the time of the search, so C hears nothing of the new one. */
    say(peer, "n NOOP",
        "* ESEARCH (TAG \"A\") REMOVEFROM (0 1)$\n* 1 EXPUNGE$\n* 3 EXISTS$\n* 3 RECENT$\n"
        "* ESEARCH (TAG \"A\") ADDTO (0 3)$\n* ESEARCH (TAG \"B\") UID ADDTO (0 4)$\nn OK ");
    expunge_elsewhere("INBOX", 3);
    say(peer, "o NOOP",
        "* ESEARCH (TAG \"B\") UID REMOVEFROM (0 3)$\n* ESEARCH (TAG \"C\") REMOVEFROM (0 2)$\n"
        "* 2 EXPUNGE$\no OK ");
}
PEER_CASE(messages_come_and_go)

/* New mail that waits until the bodies are fetched is told of all the same, and then to the search, too. */
static void behind_bodies(void)
{
    struct peer *peer = begin(1);
    say(peer, "A UID SEARCH RETURN (UPDATE ALL) UNFLAGGED", "* ESEARCH (TAG \"A\") UID ALL 1$\nA OK ");
    append("INBOX", "Subject: new\r\n\r\n");
    say(peer, "b FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1$\n)$\nb OK ");
    say(peer, "c NOOP", "* 2 EXISTS$\n* 2 RECENT$\n* ESEARCH (TAG \"A\") UID ADDTO (0 2)$\nc OK ");
}
PEER_CASE(behind_bodies)

static void sorted(void)
{
    append("INBOX", "Subject: b\r\n\r\n\r\n");
    append("INBOX", "Subject: f\r\n\r\n\r\n");
    append("INBOX", "Subject: d\r\n\r\n\r\n");
    struct peer *peer = begin(0);
    say(peer, "S UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNDELETED",
        "* ESEARCH (TAG \"S\") UID ALL 1,3,2$\nS OK ");
    append("INBOX", "Subject: a\r\n\r\n\r\n");
    append("INBOX", "Subject: e\r\n\r\n\r\n");
    append("INBOX", "Subject: z\r\n\r\n\r\n");
    /* b d f → a b d e f z */
    say(peer, "n NOOP", "* 6 EXISTS$\n* 6 RECENT$\n* ESEARCH (TAG \"S\") UID ADDTO (1 4 4 5 6 6)$\nn OK ");
    expunge_elsewhere("INBOX", 1);
    flag_elsewhere("INBOX", 6, FLAGS_ADD, MESSAGE_DELETED);
    flag_elsewhere("INBOX", 3, FLAGS_ADD, MESSAGE_DELETED);
    /* a d e f z → a e f */
    say(peer, "o NOOP",
        "* ESEARCH (TAG \"S\") UID REMOVEFROM (2 1)$\n* 1 EXPUNGE$\n* 2 FETCH (\n* 5 FETCH (\n"
        "* ESEARCH (TAG \"S\") UID REMOVEFROM (5 6 2 3)$\no OK ");
    flag_elsewhere("INBOX", 3, FLAGS_REMOVE, MESSAGE_DELETED);
    say(peer, "p NOOP", "* 2 FETCH (\n* ESEARCH (TAG \"S\") UID ADDTO (2 3)$\np OK ");
}
PEER_CASE(sorted)

static void limits(void)
{
    struct arena *arena = &world.fixture->arena;
    struct peer *peer = begin(1);
    for (unsigned i = 1; i <= 4; i++)
        say(peer, arena_printf(arena, "S%u SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL", i),
            arena_printf(arena, "* ESEARCH (TAG \"S%u\") COUNT 1$\nS%u OK ", i, i));
    say(peer, "S5 SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL",
        "* ESEARCH (TAG \"S5\") COUNT 1$\n* NO [NOUPDATE \"S5\"] \nS5 OK ");
    for (unsigned i = 1; i <= 12; i++)
        say(peer, arena_printf(arena, "A%u SEARCH RETURN (UPDATE COUNT) FLAGGED", i),
            arena_printf(arena, "* ESEARCH (TAG \"A%u\") COUNT 0$\nA%u OK ", i, i));
    say(peer, "A13 SEARCH RETURN (UPDATE CONTEXT COUNT) ALL",
        "* ESEARCH (TAG \"A13\") COUNT 1$\n* NO [NOUPDATE \"A13\"] \nA13 OK ");
    say(peer, "x CANCELUPDATE \"S1\" \"A3\"", "x OK ");
    say(peer, "A13 SEARCH RETURN (UPDATE COUNT) ALL", "* ESEARCH (TAG \"A13\") COUNT 1$\nA13 OK ");
    /* They end with the mailbox. */
    say(peer, "u UNSELECT", "u OK ");
    select_inbox(peer);
    say(peer, "A13 SEARCH RETURN (UPDATE COUNT) ALL", "* ESEARCH (TAG \"A13\") COUNT 1$\nA13 OK ");
}
PEER_CASE(limits)

/* Told while the client waits. */
static void idle(void)
{
    struct peer *peer = begin(1);
    say(peer, "A UID SEARCH RETURN (UPDATE COUNT) FLAGGED", "* ESEARCH (TAG \"A\") UID COUNT 0$\nA OK ");
    say(peer, "i IDLE", "+ idling$");
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_expect(peer, "* 1 FETCH (\n* ESEARCH (TAG \"A\") UID ADDTO (0 1)$");
    expunge_elsewhere("INBOX", 1);
    peer_expect(peer, "* ESEARCH (TAG \"A\") UID REMOVEFROM (0 1)$\n* 1 EXPUNGE$");
    say(peer, "DONE", "i OK ");
}
PEER_CASE(idle)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(flags_change),  peer_test(messages_come_and_go),
        peer_test(behind_bodies), peer_test(sorted),
        peer_test(limits),        peer_test(idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
