/* SPDX-License-Identifier: ISC */
/* MESSAGELIMIT (RFC 9738), with a limit of 3. */
#include "world.h"

#define MORE "only the last messages had their turn$"
#define MANY "too many messages at once$"

static struct peer *open_inbox(unsigned messages)
{
    fill(messages);
    world.conf.imap_message_limit = 3;
    struct peer *peer = peer_login();
    peer_send(peer, "s SELECT INBOX\r\n");
    while (!slice_starts_with(peer_line(peer), S("s OK [READ-WRITE]")))
        continue;
    return peer;
}

static bool is_announced(struct peer *peer, const char *name)
{
    peer_send(peer, "x CAPABILITY\r\n");
    struct slice line = peer_line(peer);
    peer_expect(peer, "x OK ");
    return slice_find_text(line, slice_from(name)) < line.len;
}

/* Section 3: with its limit, and only when there is one. */
static void announced(void)
{
    struct peer *a = peer_login();
    assert_false(is_announced(a, "MESSAGELIMIT"));
    assert_false(is_announced(a, "SAVELIMIT"));
    world.conf.imap_message_limit = 1000;
    assert_true(is_announced(a, " MESSAGELIMIT=1000 "));
}
PEER_CASE(announced)

/* Section 3.1: the messages with the highest UIDs, from the last to the first. */
static void fetch(void)
{
    struct peer *a = open_inbox(6);
    expunge_elsewhere("INBOX", 2);
    peer_do(a, "NOOP", "* 2 EXPUNGE$\nOK ");
    peer_do(a, "FETCH 1:5 (UID FLAGS)",
            "* 5 FETCH (UID 6 FLAGS (\\Recent))$\n* 4 FETCH (UID 5 FLAGS (\\Recent))$\n"
            "* 3 FETCH (UID 4 FLAGS (\\Recent))$\nOK [MESSAGELIMIT 3 4] " MORE);
    /* the client goes on below */
    peer_do(a, "UID FETCH 1:3 (UID)", "* 1 FETCH (UID 1)$\n* 2 FETCH (UID 3)$\nOK fetched$");
    peer_do(a, "UID FETCH 1:5 (UID)",
            "* 4 FETCH (UID 5)$\n* 3 FETCH (UID 4)$\n* 2 FETCH (UID 3)$\nOK [MESSAGELIMIT 3 3] " MORE);
    peer_do(a, "UID FETCH 1:2,4,6 (UID)", "* 1 FETCH (UID 1)$\n* 3 FETCH (UID 4)$\n* 5 FETCH (UID 6)$\nOK f");
    peer_do(a, "FETCH 1,3:5 BODY[TEXT]<0.4>",
            "* 5 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {4}\nbody)$\n"
            "* 4 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {4}\nbody)$\n"
            "* 3 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {4}\nbody)$\nOK [MESSAGELIMIT 3 4] " MORE);
    peer_do(a, "UID SEARCH SEEN", "* SEARCH 4 5 6$\nOK [MESSAGELIMIT 3 4] ");
}
PEER_CASE(fetch)

/* More messages than a page has, of which some are not there any more. */
static void long_fetch(void)
{
    fill(200);
    world.conf.imap_message_limit = 150;
    struct peer *a = peer_login();
    peer_send(a, "s EXAMINE INBOX\r\n");
    while (!slice_starts_with(peer_line(a), S("s OK ")))
        continue;
    expunge_elsewhere("INBOX", 52);
    expunge_elsewhere("INBOX", 199);
    peer_send(a, "f FETCH 1:* (UID ENVELOPE)\r\n");
    for (unsigned uid = 200; uid > 50; uid--)
        if (uid != 199 && uid != 52)
            peer_expect(a, arena_printf(&world.fixture->arena, "* %u FETCH (UID %u ENVELOPE (", uid, uid));
    peer_expect(a, "* NO [MESSAGELIMIT 150 51] \nf NO [EXPUNGEISSUED] ");
}
PEER_CASE(long_fetch)

/* What the index has of these takes more than a page has room for. */
static void wide_fetch(void)
{
    char subject[5000];
    memset(subject, 'x', sizeof(subject));
    for (unsigned i = 1; i <= 70; i++)
        append("INBOX",
               arena_printf(&world.fixture->arena, "Subject: %.*s\r\n\r\n", (int)sizeof(subject), subject));
    struct peer *a = open_inbox(0);
    world.conf.imap_message_limit = 65;
    peer_send(a, "f UID FETCH 1:* (ENVELOPE)\r\n");
    for (unsigned uid = 70; uid > 5; uid--)
        peer_expect(a,
                    arena_printf(&world.fixture->arena, "* %u FETCH (UID %u ENVELOPE (NIL \"xxx", uid, uid));
    peer_expect(a, "f OK [MESSAGELIMIT 65 6] " MORE);
}
PEER_CASE(wide_fetch)

/* Section 3.1, the example with EXPUNGEISSUED: the tagged answer has a code of its own. */
static void two_codes(void)
{
    struct peer *a = open_inbox(6);
    expunge_elsewhere("INBOX", 5);
    peer_do(a, "FETCH 1:6 (UID)",
            "* 6 FETCH (UID 6)$\n* 4 FETCH (UID 4)$\n* NO [MESSAGELIMIT 3 4] " MORE
            "\nNO [EXPUNGEISSUED] some of the messages were expunged$");
    peer_do(a, "STORE 1:4 (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)",
            "* 2 FETCH (\n* 3 FETCH (\n* 4 FETCH (\n* NO [MESSAGELIMIT 3 2] " MORE
            "\n* OK [HIGHESTMODSEQ \nOK [MODIFIED 2:4] ");
}
PEER_CASE(two_codes)

/* RFC 9394: a window of more messages than that is refused, wherever it lies. */
static void partial(void)
{
    struct peer *a = open_inbox(6);
    peer_do(a, "UID FETCH 1:* (UID) (PARTIAL -4:-1)", "NO [MESSAGELIMIT 3] " MANY);
    peer_do(a, "UID FETCH 1:* (UID) (PARTIAL 101:200)", "NO [MESSAGELIMIT 3] " MANY);
    peer_do(a, "UID FETCH 1:* (UID) (PARTIAL -1:-3)",
            "* 4 FETCH (UID 4)$\n* 5 FETCH (UID 5)$\n* 6 FETCH (UID 6)$\nOK fetched$");
    peer_do(a, "UID FETCH 1:* (UID) (PARTIAL 1:2)", "* 1 FETCH (UID 1)$\n* 2 FETCH (UID 2)$\nOK fetched$");
}
PEER_CASE(partial)

static void store(void)
{
    struct peer *a = open_inbox(5);
    peer_do(a, "UID STORE 1:* +FLAGS.SILENT (\\Flagged)", "OK [MESSAGELIMIT 3 3] " MORE);
    peer_do(a, "STORE 1:2 +FLAGS.SILENT (\\Answered)", "OK stored$");
    peer_do(a, "UID SEARCH UID 1:3 FLAGGED", "* SEARCH 3$\nOK searched$");
    peer_do(a, "STORE 1,3:5 FLAGS (\\Draft)",
            "* 3 FETCH (UID 3 FLAGS (\\Draft \\Recent))$\n* 4 FETCH (UID 4 FLAGS (\\Draft \\Recent))$\n"
            "* 5 FETCH (UID 5 FLAGS (\\Draft \\Recent))$\nOK [MESSAGELIMIT 3 3] " MORE);
}
PEER_CASE(store)

/* COPY does all or nothing; MOVE may be repeated until it is done. */
static void copy_and_move(void)
{
    struct peer *a = open_inbox(5);
    peer_do(a, "UID COPY 1:* Archive", "NO [MESSAGELIMIT 3 3] " MANY);
    peer_do(a, "COPY 1,3:5 Archive", "NO [MESSAGELIMIT 3 3] " MANY);
    peer_do(a, "STATUS Archive (MESSAGES)", "* STATUS \"Archive\" (MESSAGES 0)$\nOK ");
    peer_do(a, "COPY 3:5 Archive", "OK [COPYUID ");
    peer_do(a, "UID MOVE 1:* Nowhere", "NO [TRYCREATE] ");
    peer_do(a, "UID MOVE 1:* Archive",
            "* OK [COPYUID \n* 5 EXPUNGE$\n* 4 EXPUNGE$\n* 3 EXPUNGE$\nOK [MESSAGELIMIT 3 3] " MORE);
    peer_do(a, "UID MOVE 1:* Archive", "* OK [COPYUID \n* 2 EXPUNGE$\n* 1 EXPUNGE$\nOK moved$");
    peer_do(a, "STATUS Archive (MESSAGES)", "* STATUS \"Archive\" (MESSAGES 8)$\nOK ");
}
PEER_CASE(copy_and_move)

/* UID EXPUNGE counts what has \Deleted; EXPUNGE and CLOSE have no limit. */
static void expunging(void)
{
    struct peer *a = open_inbox(8);
    for (uint32_t uid = 1; uid <= 7; uid += 2)
        flag_elsewhere("INBOX", uid, FLAGS_ADD, MESSAGE_DELETED);
    peer_do(a, "UID EXPUNGE 1:6", "* 5 EXPUNGE$\n* 3 EXPUNGE$\n* 1 EXPUNGE$\n* 4 FETCH (\nOK expunged$");
    for (uint32_t uid = 2; uid <= 8; uid += 2)
        flag_elsewhere("INBOX", uid, FLAGS_ADD, MESSAGE_DELETED);
    peer_do(a, "ENABLE CONDSTORE", "* ENABLED CONDSTORE$\n* OK [HIGHESTMODSEQ \nOK ");
    peer_do(a, "UID EXPUNGE 1:*",
            "* NO [MESSAGELIMIT 3 6] " MORE
            "\n* 5 EXPUNGE$\n* 4 EXPUNGE$\n* 3 EXPUNGE$\n* 1 FETCH (\n* 2 FETCH (\nOK [HIGHESTMODSEQ ");
    for (unsigned i = 0; i < 3; i++)
        flag_elsewhere("INBOX", append("INBOX", "S: x\r\n\r\n"), FLAGS_ADD, MESSAGE_DELETED);
    peer_send(a, "e NOOP\r\n");
    while (!slice_starts_with(peer_line(a), S("e OK ")))
        continue;
    peer_do(a, "EXPUNGE",
            "* 5 EXPUNGE$\n* 4 EXPUNGE$\n* 3 EXPUNGE$\n* 2 EXPUNGE$\n* 1 EXPUNGE$\nOK [HIGHESTMODSEQ ");
}
PEER_CASE(expunging)

/* Section 3.1: what is looked at counts, which the sets among the keys leave; not what is found. */
static void searching(void)
{
    struct peer *a = open_inbox(6);
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_FLAGGED);
    flag_elsewhere("INBOX", 4, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_send(a, "n NOOP\r\n");
    peer_expect(a, "* 2 FETCH (\n* 4 FETCH (\nn OK ");
    peer_do(a, "UID SEARCH FLAGGED", "* SEARCH 4$\nOK [MESSAGELIMIT 3 4] " MORE);
    peer_do(a, "UID SEARCH UID 1:3 FLAGGED", "* SEARCH 2$\nOK searched$");
    peer_do(a, "SEARCH 1:4 FLAGGED", "* SEARCH 2 4$\nOK [MESSAGELIMIT 3 2] " MORE);
    peer_do(a, "SEARCH RETURN (COUNT MIN MAX) ALL",
            "* ESEARCH (TAG \"t5\") MIN 4 MAX 6 COUNT 3$\nOK [MESSAGELIMIT 3 4] " MORE);
    peer_do(a, "SEARCH OR 1:2 3", "* SEARCH$\nOK [MESSAGELIMIT 3 4] " MORE);
    peer_do(a, "SEARCH NOT 4:6", "* SEARCH$\nOK [MESSAGELIMIT 3 4] " MORE);
    peer_do(a, "SEARCH (1:4 UID 2:6) FLAGGED", "* SEARCH 2 4$\nOK searched$");
    peer_do(a, "UID SEARCH RETURN (UPDATE) FLAGGED",
            "* ESEARCH (TAG \"t9\") UID ALL 4$\n* NO [NOUPDATE \"t9\"] not all messages were searched$\n"
            "OK [MESSAGELIMIT 3 4] " MORE);
}
PEER_CASE(searching)

/* Section 3.2. */
static void borders(void)
{
    struct peer *a = open_inbox(6);
    peer_do(a, "UID SEARCH UIDAFTER 4", "* SEARCH 5 6$\nOK searched$");
    peer_do(a, "UID SEARCH UIDBEFORE 4", "* SEARCH 1 2 3$\nOK searched$");
    peer_do(a, "UID SEARCH UIDBEFORE 5", "* SEARCH 2 3 4$\nOK [MESSAGELIMIT 3 2] " MORE);
    peer_do(a, "UID SEARCH UIDAFTER 1 UIDBEFORE 5 UNSEEN", "* SEARCH 2 3 4$\nOK searched$");
    peer_do(a, "UID SEARCH UIDBEFORE 1", "* SEARCH$\nOK searched$");
    peer_do(a, "UID SEARCH UIDAFTER 6", "* SEARCH$\nOK searched$"); /* "7:*" would be the last message */
    peer_do(a, "UID SEARCH UIDAFTER 4294967295", "* SEARCH$\nOK searched$");
    peer_do(a, "UID SEARCH UIDBEFORE 4294967295 UIDAFTER 5", "* SEARCH 6$\nOK searched$");
    peer_do(a, "UID SEARCH UIDAFTER 0", "BAD ");
    peer_do(a, "UID SEARCH UIDBEFORE 4294967296", "BAD ");
    peer_do(a, "UID SEARCH UIDAFTER 1:2", "BAD ");
    peer_do(a, "UID SEARCH UIDBEFORE *", "BAD ");
    peer_do(a, "UID SEARCH UIDAFTER", "BAD ");
}
PEER_CASE(borders)

/* Section 3.3: part of an order, or of the threads, would be none. */
static void sort_and_thread(void)
{
    struct peer *a = open_inbox(5);
    peer_do(a, "UID SORT (REVERSE ARRIVAL) UTF-8 ALL", "NO [MESSAGELIMIT 3] " MANY);
    peer_do(a, "THREAD REFERENCES UTF-8 ALL", "NO [MESSAGELIMIT 3] " MANY);
    peer_do(a, "UID SORT (REVERSE ARRIVAL) UTF-8 UIDAFTER 2", "* SORT 5 4 3$\nOK sorted$");
    peer_do(a, "UID THREAD REFERENCES UTF-8 UID 1:2", "* THREAD (1)(2)$\nOK threaded$");
}
PEER_CASE(sort_and_thread)

/* Section 3.4: "$" has what was found; and nothing when a search was refused. */
static void saved_results(void)
{
    struct peer *a = open_inbox(5);
    peer_do(a, "UID SEARCH RETURN (SAVE) ALL", "OK [MESSAGELIMIT 3 3] ");
    peer_do(a, "UID FETCH $ (UID)",
            "* 3 FETCH (UID 3)$\n* 4 FETCH (UID 4)$\n* 5 FETCH (UID 5)$\nOK fetched$");
    peer_do(a, "UID SORT RETURN (SAVE) (ARRIVAL) UTF-8 ALL", "NO [MESSAGELIMIT 3] ");
    peer_do(a, "UID FETCH $ (UID)", "OK fetched$");
}
PEER_CASE(saved_results)

/* RFC 3502: all messages or none. */
static void append_many(void)
{
    struct peer *a = open_inbox(0);
    peer_send(a, "p APPEND INBOX {6+}\r\nS: 1\r\n {6+}\r\nS: 2\r\n {6+}\r\nS: 3\r\n {6+}\r\nS: 4\r\n\r\n");
    peer_expect(a, "p NO [MESSAGELIMIT 3] " MANY);
    peer_do(a, "STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 0)$\nOK ");
    peer_send(a, "q APPEND INBOX {6+}\r\nS: 1\r\n {6+}\r\nS: 2\r\n {6+}\r\nS: 3\r\n\r\n");
    peer_expect(a, "* 3 EXISTS$\n* 3 RECENT$\nq OK [APPENDUID ");
}
PEER_CASE(append_many)

/* RFC 7377: in the open mailbox as with SEARCH; nobody could tell whose UID it is when there are several. */
static void several_mailboxes(void)
{
    struct peer *a = open_inbox(5);
    peer_do(a, "ESEARCH RETURN (COUNT) ALL",
            "* ESEARCH (TAG \"t2\" MAILBOX \"INBOX\" UIDVALIDITY \nOK [MESSAGELIMIT 3 3] ");
    peer_do(a, "ESEARCH IN (personal) RETURN (COUNT) ALL",
            "* ESEARCH (TAG \"t3\" MAILBOX \"INBOX\" UIDVALIDITY \nOK searched$");
}
PEER_CASE(several_mailboxes)

/* RFC 9586, with which the limit is of most use. */
static void with_uids_only(void)
{
    struct peer *a = open_inbox(4);
    peer_do(a, "ENABLE UIDONLY", "* ENABLED UIDONLY$\nOK ");
    peer_do(a, "UID FETCH 1:* FLAGS",
            "* 4 UIDFETCH (\n* 3 UIDFETCH (\n* 2 UIDFETCH (\nOK [MESSAGELIMIT 3 2] " MORE);
    peer_do(a, "UID FETCH 1:1 FLAGS", "* 1 UIDFETCH (\nOK fetched$");
}
PEER_CASE(with_uids_only)

/* Without the setting nothing is cut. */
static void no_limit(void)
{
    struct peer *a = open_inbox(5);
    world.conf.imap_message_limit = 0;
    peer_do(a, "UID STORE 1:* +FLAGS.SILENT (\\Flagged)", "OK stored$");
    peer_do(a, "UID COPY 1:* Archive", "OK [COPYUID ");
    peer_do(a, "SEARCH FLAGGED", "* SEARCH 1 2 3 4 5$\nOK searched$");
    peer_do(a, "SORT (ARRIVAL) UTF-8 UIDBEFORE 3", "* SORT 1 2$\nOK sorted$");
}
PEER_CASE(no_limit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(announced),      peer_test(fetch),         peer_test(long_fetch),
        peer_test(wide_fetch),     peer_test(two_codes),     peer_test(partial),
        peer_test(store),          peer_test(copy_and_move), peer_test(expunging),
        peer_test(searching),      peer_test(borders),       peer_test(sort_and_thread),
        peer_test(saved_results),  peer_test(append_many),   peer_test(several_mailboxes),
        peer_test(with_uids_only), peer_test(no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
