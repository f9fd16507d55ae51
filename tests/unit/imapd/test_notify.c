/* SPDX-License-Identifier: ISC */
/* NOTIFY (RFC 5465), and what it changes for the open mailbox. */
#include "world.h"

#include "storage_memory/faults.h"

#define SELECTED_OF_2                                                                                     \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* 2 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n" \
    "* OK [UIDNEXT 3] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] "

static void rename_elsewhere(const char *from, const char *to)
{
    change((struct batch_operation){.kind = BATCH_MAILBOX_RENAME,
                                    .mailbox = mailbox_named(slice_from(from)),
                                    .rename = {.new_name = slice_from(to)}});
}

static void subscribe_elsewhere(const char *name, bool subscribed)
{
    change((struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .subscribe = {.subscribed = subscribed}});
}

static void annotate_elsewhere(const char *name, const char *entry, const char *value)
{
    struct batch_operation operation = {.kind = BATCH_ANNOTATE,
                                        .annotate = {.entry = slice_from(entry), .value = slice_from(value)}};
    if (*name)
        operation.mailbox = mailbox_named(slice_from(name));
    change(operation);
}

static bool has(struct slice line, const char *what)
{
    return slice_find_text(line, slice_from(what)) < line.len;
}

/* Section 3.1: STATUS of what is watched, and then of what changes; without any command in progress. */
static void other_mailboxes(void)
{
    create("Lists");
    create("Lists/Lemonade");
    struct peer *a = peer_login();
    peer_do(a,
            "notify set status (selected (MessageNew (uid flags) MessageExpunge)) "
            "(subtree Lists (MessageNew MessageExpunge))",
            "* STATUS \"Lists\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY \n* STATUS \"Lists/Lemonade\" (MESSAGES 0 "
            "\nOK ");
    append("Lists/Lemonade", "Subject: 1\r\n\r\n1\r\n");
    peer_expect(a, "* STATUS \"Lists/Lemonade\" (MESSAGES 1 UIDNEXT 2 ");
    append("Drafts", "Subject: 1\r\n\r\n1\r\n"); /* nobody asked */
    expunge_elsewhere("Lists/Lemonade", 1);
    peer_expect(a, "* STATUS \"Lists/Lemonade\" (MESSAGES 0 UIDNEXT 2 ");
    peer_do(a, "NOTIFY NONE", "OK ");
    append("Lists/Lemonade", "Subject: 1\r\n\r\n1\r\n");
    peer_do(a, "NOOP", "OK ");
    /* With FlagChange, whoever knows CONDSTORE says HIGHESTMODSEQ, enabled or not; later only when enabled.
     */
    peer_send(a, "x NOTIFY SET STATUS (mailboxes Lists/Lemonade (MessageNew MessageExpunge FlagChange))\r\n");
    assert_true(has(peer_line(a), " UNSEEN 1 HIGHESTMODSEQ "));
    peer_expect(a, "x OK ");
    flag_elsewhere("Lists/Lemonade", 2, FLAGS_ADD, MESSAGE_SEEN);
    struct slice line = peer_line(a);
    assert_true(has(line, " UNSEEN 0)") && !has(line, "HIGHESTMODSEQ"));
}
PEER_CASE(other_mailboxes)

/* Section 5.4 and 5.5 */
static void names(void)
{
    struct peer *a = peer_login();
    peer_do(a, "NOTIFY SET (personal (MailboxName SubscriptionChange))", "OK ");
    create("NewMailbox");
    peer_expect(a, "* LIST () \"/\" \"NewMailbox\"$");
    create("NewMailbox/Child");
    peer_expect(a, "* LIST () \"/\" \"NewMailbox/Child\"$");
    rename_elsewhere("NewMailbox", "Renamed"); /* the child goes along */
    peer_expect(a, "* LIST () \"/\" \"Renamed\" (\"OLDNAME\" (\"NewMailbox\"))$");
    subscribe_elsewhere("Renamed", true);
    peer_expect(a, "* LIST (\\Subscribed) \"/\" \"Renamed\"$");
    subscribe_elsewhere("Renamed", false);
    peer_expect(a, "* LIST () \"/\" \"Renamed\"$");
    change(
        (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Renamed/Child"))});
    peer_expect(a, "* LIST (\\NonExistent) \"/\" \"Renamed/Child\"$");
    append("INBOX", "Subject: 1\r\n\r\n1\r\n");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(names)

/* Section 5.6 and 5.7 */
static void metadata(void)
{
    struct peer *a = peer_login();
    peer_do(a, "NOTIFY SET (mailboxes (INBOX Sent) (MailboxMetadataChange ServerMetadataChange))", "OK ");
    annotate_elsewhere("INBOX", "/shared/comment", "one");
    peer_expect(a, "* METADATA \"INBOX\" /shared/comment$");
    annotate_elsewhere("INBOX", "/private/comment", "two");
    peer_expect(a, "* METADATA \"INBOX\" /private/comment$");
    annotate_elsewhere("INBOX", "/shared/a {5}", "no literal");
    peer_expect(a, "* METADATA \"INBOX\" \"/shared/a {5}\"$");
    annotate_elsewhere("Drafts", "/private/comment", "two");
    annotate_elsewhere("", "/shared/comment", "three");
    peer_expect(a, "* METADATA \"\" /shared/comment$");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(metadata)

/* Section 6.1: the open mailbox speaks up at once, or only about what leaves the numbers alone. */
static void selected(void)
{
    fill(2);
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED_OF_2);
    peer_do(a, "NOTIFY SET (selected (MessageNew MessageExpunge FlagChange))", "OK ");
    peer_do(b, "NOTIFY SET (selected-delayed (MessageNew MessageExpunge))", "OK ");
    peer_do(b, "EXAMINE INBOX",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 1] \n"
            "* OK [UIDVALIDITY \n* OK [UIDNEXT 3] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    expunge_elsewhere("INBOX", 1);
    peer_expect(a, "* 1 EXPUNGE$");
    fill(1);
    peer_expect(a, "* 2 EXISTS$\n* 2 RECENT$");
    peer_expect(b, "* 3 EXISTS$\n* "); /* who hears of it first has it as recent */
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN);
    peer_expect(a, "* 1 FETCH (UID 2 FLAGS (\\Seen \\Recent))$");
    peer_do(b, "NOOP", "* 1 EXPUNGE$\nOK "); /* nobody asked for flags */
    /* Nothing of the open mailbox any more. */
    peer_do(a, "NOTIFY SET (personal (MailboxName))", "OK ");
    fill(1);
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(selected)

/* Section 5.2: of new messages what the client wants to know, at once. */
static void fetches_new_messages(void)
{
    fill(2);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", SELECTED_OF_2);
    peer_do(a,
            "NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From Subject)]) MessageExpunge))",
            "OK ");
    append("INBOX", "From: b@example.org\r\nSubject: Re: good morning\r\n\r\nbody\r\n");
    peer_expect(a, "* 3 EXISTS$\n* 3 RECENT$\n* 3 FETCH (UID 3 BODY[HEADER.FIELDS (From Subject)] {50}$\n"
                   "From: b@example.org$\nSubject: Re: good morning$\n$\n)$");
    peer_do(a, "UID SEARCH UNSEEN", "* SEARCH 1 2 3$\nOK ");
    peer_do(a, "NOTIFY SET (selected (MessageNew (NONSENSE) MessageExpunge))", "BAD ");
}
PEER_CASE(fetches_new_messages)

/* Section 4: IDLE tells the same. */
static void idle(void)
{
    struct peer *a = peer_login();
    peer_do(a, "NOTIFY SET (personal (MessageNew MessageExpunge))", "OK ");
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    fill(1);
    peer_expect(a, "* STATUS \"INBOX\" (MESSAGES 1 ");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
}
PEER_CASE(idle)

/* The next user of the connection hears nothing of what the one before asked for. */
static void unauthenticate(void)
{
    fill(2);
    struct peer *a = peer_login();
    peer_do(a, "NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))", "OK ");
    peer_do(a, "UNAUTHENTICATE", "OK ");
    peer_do(a, "LOGIN alice@example.org secret", "OK ");
    peer_do(a, "SELECT INBOX", SELECTED_OF_2);
    create("NewMailbox");
    fill(1);
    peer_do(a, "NOOP", "* 3 EXISTS$\n* 3 RECENT$\nOK ");
}
PEER_CASE(unauthenticate)

/* What the store cannot tell just now is told when it can. */
static void store_fails(void)
{
    struct peer *a = peer_login();
    peer_send(a, "s SELECT INBOX\r\n");
    while (!slice_starts_with(peer_line(a), S("s OK "))) {}
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    append("INBOX", "Subject: x\r\n\r\n");
    memory_store_fail(world.fixture->store, MEMORY_READ, 1, ERR_IO);
    peer_expect(a, "* 1 EXISTS$\n* 1 RECENT$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
    peer_do(a, "NOTIFY SET (selected (MessageNew MessageExpunge))", "OK ");
    append("INBOX", "Subject: x\r\n\r\n");
    memory_store_fail(world.fixture->store, MEMORY_READ, 1, ERR_IO);
    peer_expect(a, "* 2 EXISTS$\n* 2 RECENT$");
    peer_do(a, "NOOP", "OK ");
}
PEER_CASE(store_fails)

/* Section 3.1: a tagged NO; section 5.8: an untagged OK, and then it is as after NOTIFY NONE. */
static void overflow(void)
{
    struct peer *a = peer_login();
    world.budget.user_max = 1;
    peer_do(a, "NOTIFY SET (personal (MailboxName))", "NO [NOTIFICATIONOVERFLOW] there ");
    assert_int_equal(world.budget.held, 0);
    world.budget.user_max = BUDGET_USER_MAX;
    peer_do(a, "NOTIFY SET (personal (MailboxName)) (selected (MessageNew MessageExpunge))", "OK ");
    assert_true(world.budget.held > 0);
    create("One");
    peer_expect(a, "* LIST () \"/\" \"One\"$");
    world.budget.user_max = 1;
    create("Two");
    peer_expect(a, "* OK [NOTIFICATIONOVERFLOW] there ");
    world.budget.user_max = BUDGET_USER_MAX;
    create("Three");
    peer_do(a, "NOOP", "OK ");
    assert_int_equal(world.budget.held, 0);
    peer_do(a, "NOTIFY SET (personal (MailboxName))", "OK ");
    create("Four");
    peer_expect(a, "* LIST () \"/\" \"Four\"$");
    peer_do(a, "UNAUTHENTICATE", "OK ");
    assert_int_equal(world.budget.held, 0);
}
PEER_CASE(overflow)

static void test_syntax(void **state)
{
    (void)state;
    expect_once(S(LOGIN
                  "b NOTIFY\r\nc NOTIFY SET\r\nd NOTIFY SET (personal (MessageNew))\r\n"
                  "e NOTIFY SET (selected (MailboxName))\r\nf NOTIFY SET (personal (AnnotationChange))\r\n"
                  "g NOTIFY SET (selected NONE) (selected-delayed NONE)\r\n"
                  "h NOTIFY SET (personal (FlagChange))\r\ni NOTIFY SET (nowhere NONE)\r\n"
                  "j NOTIFY SET (personal (MessageNew (UID) MessageExpunge))\r\n"
                  "k NOTIFY SET (mailboxes (a b \"c d\") NONE) (inboxes (MessageNew MessageExpunge))\r\n"
                  "l NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To)]) "
                  "MessageExpunge))\r\n" LOGOUT),
                0,
                LOGGED_IN "b BAD \nc BAD \nd BAD expected MessageNew and\ne BAD expected events of messages\n"
                          "f NO [BADEVENT (MessageNew \ng BAD expected SELECTED only once\nh BAD \ni BAD \n"
                          "j BAD \nk OK \nl OK \n" BYE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(other_mailboxes),
        peer_test(names),
        peer_test(metadata),
        peer_test(selected),
        peer_test(fetches_new_messages),
        peer_test(idle),
        peer_test(unauthenticate),
        peer_test(store_fails),
        peer_test(overflow),
        dialogue_test(test_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
