/* SPDX-License-Identifier: ISC */
/* STORE, COPY, MOVE, EXPUNGE: what they answer, and what other sessions hear of it. */
#include "world.h"

#include "storage_memory/faults.h"

#define SELECTED                                                                                          \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 5 EXISTS$\n* 5 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n" \
    "* OK [UIDNEXT 6] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] "
#define SELECTED_SECOND                                                                                   \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 5 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n" \
    "* OK [UIDNEXT 6] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] "

static void store(void)
{
    fill(5);
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    peer_do(b, "SELECT INBOX", SELECTED_SECOND);
    peer_do(a, "STORE 2:3 +FLAGS (\\Deleted)",
            "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))$\n* 3 FETCH (UID 3 FLAGS (\\Deleted "
            "\\Recent))$\nOK stored$");
    peer_do(b, "NOOP", "* 2 FETCH (UID 2 FLAGS (\\Deleted))$\n* 3 FETCH (UID 3 FLAGS (\\Deleted))$\nOK ");
    /* What is so already is answered, too, but nobody else hears of it. */
    peer_do(a, "UID STORE 2 +FLAGS \\Deleted", "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))$\nOK ");
    peer_do(b, "NOOP", "OK ");
    peer_do(a, "STORE 2 -FLAGS.SILENT (\\Deleted)", "OK ");
    peer_do(b, "NOOP", "* 2 FETCH (UID 2 FLAGS ())$\nOK ");
    peer_do(b, "STORE 5:* FLAGS (\\Seen $Work work \\Answered)",
            "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $Work work)$\n"
            "* 5 FETCH (UID 5 FLAGS (\\Seen \\Answered $Work work))$\nOK ");
    peer_do(a, "NOOP", "* FLAGS (\n* 5 FETCH (UID 5 FLAGS (\\Seen \\Answered \\Recent $Work work))$\nOK ");
    peer_do(a, "STORE 6 +FLAGS (\\Seen)", "BAD there is no message");
    peer_do(a, "UID STORE 77 +FLAGS (\\Seen)", "OK ");
    peer_do(a, "STORE 1 +FLAGS (\\Nonsense)", "BAD ");
    peer_do(a, "STORE 1 +FLAGS (\\Recent)", "* 1 FETCH (UID 1 FLAGS (\\Recent))$\nOK ");
    peer_do(a, "STORE 1 +FLAGS", "BAD ");
    peer_do(a, "STORE $ +FLAGS ()", "OK ");
    peer_do(
        b, "EXAMINE INBOX",
        "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 5 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n"
        "* OK [UIDVALIDITY \n* OK [UIDNEXT 6] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-ONLY] ");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "NO [READ-ONLY] ");
}
PEER_CASE(store)

/* Numbers stay while a command uses them: the EXPUNGE of another session waits. */
static void expunges_wait(void)
{
    fill(5);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    expunge_elsewhere("INBOX", 2);
    peer_do(a, "STORE 3 +FLAGS (\\Seen)", "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent))$\nOK ");
    fill(1);
    peer_do(a, "STORE 2 +FLAGS.SILENT (\\Seen)", "* 6 EXISTS$\n* 6 RECENT$\nOK ");
    peer_do(a, "STORE 2 +FLAGS (\\Seen)", "NO [EXPUNGEISSUED] ");
    peer_do(a, "STORE 2:3 -FLAGS (\\Draft)",
            "* 3 FETCH (UID 3 FLAGS (\\Seen \\Recent))$\nNO [EXPUNGEISSUED] ");
    peer_do(a, "UID STORE 4 +FLAGS (\\Seen)",
            "* 4 FETCH (UID 4 FLAGS (\\Seen \\Recent))$\n* 2 EXPUNGE$\nOK ");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(expunges_wait)

/* RFC 9051 section 6.4.3, with messages 3, 4, 7 and 11 marked there. */
static void expunge(void)
{
    fill(5);
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    peer_do(b, "SELECT INBOX", SELECTED_SECOND);
    peer_do(a, "STORE 2,3,5 +FLAGS.SILENT (\\Deleted)", "OK ");
    peer_do(a, "UID EXPUNGE 3:4", "* 3 EXPUNGE$\nOK ");
    peer_do(b, "NOOP",
            "* 3 EXPUNGE$\n* 2 FETCH (UID 2 FLAGS (\\Deleted))$\n* 4 FETCH (UID 5 FLAGS (\\Deleted))$\nOK ");
    peer_do(a, "EXPUNGE", "* 4 EXPUNGE$\n* 2 EXPUNGE$\nOK ");
    peer_do(a, "EXPUNGE", "OK ");
    peer_do(b, "NOOP", "* 4 EXPUNGE$\n* 2 EXPUNGE$\nOK ");
    /* A session removes only what it has seen. */
    fill(1);
    flag_elsewhere("INBOX", 6, FLAGS_ADD, MESSAGE_DELETED);
    peer_do(a, "EXPUNGE", "* 3 EXISTS$\n* 3 RECENT$\nOK ");
    peer_do(a, "EXPUNGE 1", "BAD ");
    peer_do(a, "UID EXPUNGE", "BAD ");
}
PEER_CASE(expunge)

static void copy_and_move(void)
{
    fill(5);
    create("Work");
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    peer_do(a, "COPY 2:3 Work", "OK [COPYUID ");
    peer_do(a, "COPY 1 Nowhere", "NO [TRYCREATE] ");
    peer_do(a, "UID COPY 77 Work", "OK there was nothing");
    peer_do(a, "MOVE 1,4 Work", "* OK [COPYUID \n* 4 EXPUNGE$\n* 1 EXPUNGE$\nOK ");
    peer_do(a, "UID MOVE 3 \"Work\"", "* OK [COPYUID \n* 2 EXPUNGE$\nOK ");
    /* To the mailbox itself: the message gets another UID. */
    peer_do(a, "MOVE 1 INBOX", "* OK [COPYUID \n* 1 EXPUNGE$\n* 2 EXISTS$\n* 2 RECENT$\nOK ");
    peer_do(
        a, "EXAMINE Work",
        "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 5 EXISTS$\n* 5 RECENT$\n* OK [UNSEEN 1] \n"
        "* OK [UIDVALIDITY \n* OK [UIDNEXT 6] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-ONLY] ");
    peer_do(a, "MOVE 1 INBOX", "NO [READ-ONLY] ");
    peer_do(a, "COPY 1 INBOX", "OK [COPYUID ");
}
PEER_CASE(copy_and_move)

/* A UID that was not announced yet works (COPY from a list that another session gave). */
static void unannounced_uid(void)
{
    fill(5);
    create("Work");
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    fill(1);
    peer_do(a, "UID COPY 6 Work", "* 6 EXISTS$\n* 6 RECENT$\nOK [COPYUID ");
}
PEER_CASE(unannounced_uid)

static uint64_t modseq_of_inbox(void)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status status;
    assert_ok(mailbox_status(account, S("INBOX"), &status));
    account_close(account);
    return status.highestmodseq;
}

static const char *text(const char *format, unsigned long long number)
{
    struct buf out;
    buf_init(&out, 1000);
    struct slice rest = slice_from(format);
    while (rest.data) {
        buf_append(&out, slice_split(&rest, '#'));
        if (rest.data)
            buf_printf(&out, "%llu", number);
    }
    const char *copy = arena_cstr(&world.fixture->arena, buf_slice(&out));
    buf_free(&out);
    return copy;
}

static void condstore(void)
{
    fill(5);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX (CONDSTORE)", SELECTED);
    unsigned long long before = modseq_of_inbox();
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN);
    unsigned long long seen = modseq_of_inbox();
    peer_do(a, "NOOP", text("* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) MODSEQ (#))$\nOK ", seen));
    /* RFC 7162 section 3.1.3: what changed after it is left alone and named. */
    peer_do(a, text("STORE 1:3 (UNCHANGEDSINCE #) +FLAGS.SILENT (\\Deleted)", before),
            text("* 1 FETCH (UID 1 MODSEQ (#))$\n* 3 FETCH (UID 3 MODSEQ (#))$\nOK [MODIFIED 2] ", seen + 1));
    peer_do(a, text("UID STORE 2 (UNCHANGEDSINCE #) +FLAGS (\\Deleted)", seen),
            text("* 2 FETCH (UID 2 FLAGS (\\Seen \\Deleted \\Recent) MODSEQ (#))$\nOK stored", seen + 2));
    peer_do(a, "STORE 4 (UNCHANGEDSINCE 0) +FLAGS (\\Deleted)", "* 4 FETCH (\nOK [MODIFIED 4] ");
    peer_do(a, "EXPUNGE", text("* 3 EXPUNGE$\n* 2 EXPUNGE$\n* 1 EXPUNGE$\nOK [HIGHESTMODSEQ #] ", seen + 3));
    peer_do(a, "MOVE 1 Trash", text("* OK [COPYUID \n* 1 EXPUNGE$\nOK [HIGHESTMODSEQ #] ", seen + 4));
}
PEER_CASE(condstore)

/* RFC 7162 section 6: while expunges wait, MODSEQs that are higher than theirs must not mislead. */
static void modseqs_meanwhile(void)
{
    fill(5);
    struct peer *a = peer_login();
    peer_do(a, "ENABLE QRESYNC", "* ENABLED QRESYNC$\nOK ");
    peer_do(a, "SELECT INBOX", SELECTED);
    unsigned long long before = modseq_of_inbox();
    expunge_elsewhere("INBOX", 3);
    peer_do(a, "STORE 1 +FLAGS.SILENT (\\Seen)",
            text("* 1 FETCH (UID 1 MODSEQ (\n* OK [HIGHESTMODSEQ #] what is gone\nOK ", before));
    unsigned long long after = modseq_of_inbox();
    peer_do(a, "FETCH 1 FLAGS", text("* 1 FETCH (FLAGS (\n* OK [HIGHESTMODSEQ #] what is gone\nOK ", before));
    peer_do(a, "NOOP", text("* VANISHED 3$\n* OK [HIGHESTMODSEQ #] this far\nOK ", after));
    peer_do(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\nOK ");
    /* Section 3.1.3: a conditional STORE tells MODSEQ also of what was so before. */
    peer_do(a, text("STORE 1 (UNCHANGEDSINCE #) +FLAGS.SILENT (\\Seen)", after),
            text("* 1 FETCH (UID 1 MODSEQ (#))$\nOK stored", after));
    peer_do(a, "STORE 1 +FLAGS.SILENT (\\Seen)", "OK ");
}
PEER_CASE(modseqs_meanwhile)

#define RESYNCED                                                                      \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 4 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n" \
    "* OK [UIDVALIDITY \n* OK [UIDNEXT 7] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"

/* RFC 7162 section 3.2.5 */
static void qresync(void)
{
    fill(5);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED);
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status status;
    assert_ok(mailbox_status(account, S("INBOX"), &status));
    account_close(account);
    unsigned long long uidvalidity = status.uidvalidity;
    peer_do(a, "SELECT INBOX (QRESYNC (1 1))", "BAD ENABLE QRESYNC");
    peer_do(a, "ENABLE QRESYNC", "* ENABLED QRESYNC$\n* OK [HIGHESTMODSEQ \nOK ");
    peer_do(a, "CLOSE", "OK ");
    expunge_elsewhere("INBOX", 2);
    expunge_elsewhere("INBOX", 4);
    flag_elsewhere("INBOX", 3, FLAGS_ADD, MESSAGE_SEEN);
    fill(1);
    unsigned long long now = modseq_of_inbox();
    const char *command = arena_printf(&world.fixture->arena, "SELECT INBOX (QRESYNC (%llu %llu))",
                                       uidvalidity, (unsigned long long)status.highestmodseq);
    peer_do(a, command,
            text(RESYNCED "* VANISHED (EARLIER) 2,4$\n* 2 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (\n"
                          "* 4 FETCH (UID 6 FLAGS (\\Recent) MODSEQ (#))$\nOK [READ-WRITE] ",
                 now));
    /* Only what the client knows. */
    command = arena_printf(&world.fixture->arena, "EXAMINE INBOX (QRESYNC (%llu %llu 1,3:5))", uidvalidity,
                           (unsigned long long)status.highestmodseq);
    peer_do(
        a, command,
        "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 4 EXISTS$\n* 0 RECENT$\n"
        "* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 7] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"
        "* VANISHED (EARLIER) 4$\n* 2 FETCH (UID 3 \nOK ");
    /* Another UIDVALIDITY: nothing that the client knows holds. */
    peer_do(a, "EXAMINE INBOX (QRESYNC (67890007 1 41,43:211 (1:2 3,4)))",
            "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 4 EXISTS$\n* 0 RECENT$\n"
            "* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 7] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID "
            "\nOK ");
    peer_do(a, "EXAMINE INBOX (QRESYNC (67890007 1 (1:3 3,4)))", "BAD expected as many");
    peer_do(a, "SELECT INBOX",
            "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS (\n* 4 EXISTS$\n* 0 RECENT$\n"
            "* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n* OK [UIDNEXT 7] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID "
            "\nOK ");
    expunge_elsewhere("INBOX", 1);
    peer_do(a, "NOOP", "* VANISHED 1$\nOK ");
}
PEER_CASE(qresync)

/* Reads up to the answer of the command: how many lines say EXPUNGE; and the number of the last EXISTS. */
static unsigned expunges_told(struct peer *peer, const char *tag, uint64_t *exists)
{
    unsigned count = 0;
    struct slice line = peer_line(peer);
    while (!slice_starts_with(line, slice_from(tag))) {
        struct slice number = slice_take(slice_skip(line, 2), slice_find(slice_skip(line, 2), ' '));
        count += slice_ends_with_nocase(line, S(" EXPUNGE"));
        if (slice_ends_with_nocase(line, S(" EXISTS")))
            assert_true(slice_to_u64(number, UINT32_MAX, exists));
        line = peer_line(peer);
    }
    return count;
}

/* Whatever cannot be read: numbers are as the client counts them. */
static void failing_reads(void)
{
    fill(2);
    struct peer *a = peer_login();
    uint64_t exists = 0;
    peer_send(a, "s SELECT INBOX\r\n");
    expunges_told(a, "s OK", &exists);
    for (unsigned nth = 1; nth <= 20; nth++) {
        expunge_elsewhere("INBOX", nth);
        append("INBOX", "Subject: new\r\n\r\n");
        flag_elsewhere("INBOX", nth + 1, FLAGS_ADD, MESSAGE_FLAGGED);
        memory_store_fail(world.fixture->store, MEMORY_READ, nth, ERR_IO);
        peer_send(a, "f NOOP\r\n");
        unsigned told = expunges_told(a, "f OK", &exists);
        memory_store_heal(world.fixture->store);
        peer_send(a, "h NOOP\r\n");
        told += expunges_told(a, "h OK", &exists);
        assert_int_equal(told, 1);
        assert_int_equal(exists, 2);
        exists = 0;
    }
}
PEER_CASE(failing_reads)

/* RFC 9051 section 6.3.2: "if the … SELECT fails, no mailbox is selected". */
static void select_that_fails(void)
{
    fill(2);
    struct account *account = open_account(world.fixture, ALICE);
    const char *select = arena_printf(&world.fixture->arena, "s SELECT INBOX (QRESYNC (%u 1))\r\n",
                                      (unsigned)status_of(account, "INBOX").uidvalidity);
    account_close(account);
    struct peer *a = peer_login();
    peer_do(a, "ENABLE QRESYNC", "* ENABLED QRESYNC$\nOK ");
    unsigned failed = 0;
    for (unsigned nth = 1; nth <= 40; nth++) {
        struct slice line;
        memory_store_fail(world.fixture->store, MEMORY_READ, nth, ERR_IO);
        peer_send(a, select);
        do
            line = peer_line(a);
        while (!slice_starts_with(line, S("s ")));
        memory_store_heal(world.fixture->store);
        bool good = slice_starts_with(line, S("s OK "));
        failed += !good;
        peer_do(a, "CHECK", good ? "OK " : "BAD no mailbox is selected");
    }
    assert_true(failed > 0 && failed < 40);
}
PEER_CASE(select_that_fails)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(store),         peer_test(expunges_wait),
        peer_test(expunge),       peer_test(modseqs_meanwhile),
        peer_test(copy_and_move), peer_test(unannounced_uid),
        peer_test(condstore),     peer_test(qresync),
        peer_test(failing_reads), peer_test(select_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
