/* SPDX-License-Identifier: ISC */
/* STATUS, LIST RETURN (STATUS …) and LIST RETURN (MYRIGHTS), with the examples of RFC 9051 section 6.3.11,
 * RFC 5819, RFC 8438, RFC 9208 section 4.1.4 and RFC 8440. */
#include "world.h"

/* RFC 9051 section 6.3.11 */
static void example(void)
{
    create("blurdybloop");
    append("blurdybloop", "Subject: 1\r\n\r\n1\r\n");
    append("blurdybloop", "Subject: 22\r\n\r\n22\r\n");
    struct peer *a = peer_login();
    peer_do(a, "STATUS blurdybloop (UIDNEXT MESSAGES)",
            "* STATUS \"blurdybloop\" (MESSAGES 2 UIDNEXT 3)$\nOK ");
    peer_do(a, "STATUS \"blurdybloop\" (UIDNEXT MESSAGES UNSEEN RECENT)", /* as Thunderbird asks */
            "* STATUS \"blurdybloop\" (MESSAGES 2 RECENT 2 UIDNEXT 3 UNSEEN 2)$\nOK ");
    peer_do(a, "STATUS blurdybloop (SIZE)", "* STATUS \"blurdybloop\" (SIZE 36)$\nOK ");
    peer_do(a, "status INBOX/ (messages uidvalidity highestmodseq)",
            "* STATUS \"INBOX\" (MESSAGES 0 UIDVALIDITY \nOK ");
    peer_do(a, "STATUS nowhere (MESSAGES)", "NO [NONEXISTENT] ");
    peer_do(a, "STATUS INBOX", "BAD ");
    peer_do(a, "STATUS INBOX ()", "BAD ");
    peer_do(a, "STATUS INBOX (FOO)", "BAD ");
    peer_do(a, "STATUS INBOX MESSAGES", "BAD ");
}
PEER_CASE(example)

/* Of the open mailbox, and of another one while it is open. */
static void while_selected(void)
{
    fill(3);
    create("Work");
    append("Work", "Subject: 1\r\n\r\n1\r\n");
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 3 EXISTS$\n* 3 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n"
        "* OK [UIDNEXT 4] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ");
    peer_do(a, "STATUS Work (MESSAGES)", "* STATUS \"Work\" (MESSAGES 1)$\nOK ");
    /* What is \Recent is so for one session only. */
    peer_do(a, "STATUS INBOX (RECENT MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 3 RECENT 3)$\nOK ");
    peer_do(b, "STATUS INBOX (RECENT MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 3 RECENT 0)$\nOK ");
    append("INBOX", "Subject: 4\r\n\r\n4\r\n");
    peer_do(b, "STATUS INBOX (RECENT MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 4 RECENT 1)$\nOK ");
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN);
    peer_do(a, "STATUS inbox (UNSEEN)",
            "* STATUS \"inbox\" (UNSEEN 3)$\n* 4 EXISTS$\n* 4 RECENT$\n"
            "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))$\nOK ");
}
PEER_CASE(while_selected)

/* The first message alone was seen by a session. */
static void recent_behind_the_first(void)
{
    fill(1);
    struct peer *a = peer_login(), *b = peer_login();
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n"
        "* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ");
    peer_do(a, "UNSELECT", "OK ");
    peer_do(b, "STATUS INBOX (RECENT)", "* STATUS \"INBOX\" (RECENT 0)$\nOK ");
    fill(1);
    peer_do(b, "STATUS INBOX (RECENT)", "* STATUS \"INBOX\" (RECENT 1)$\nOK ");
}
PEER_CASE(recent_behind_the_first)

/* RFC 9208 section 4.1.4 */
static void deleted(void)
{
    for (unsigned i = 0; i < 12; i++)
        append("INBOX", "S: 1\r\n\r\n");
    for (uint32_t uid = 3; uid < 7; uid++)
        flag_elsewhere("INBOX", uid, FLAGS_ADD, MESSAGE_DELETED);
    struct peer *a = peer_login();
    peer_do(a, "STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)",
            "* STATUS \"INBOX\" (MESSAGES 12 DELETED 4 DELETED-STORAGE 32)$\nOK ");
    peer_do(a, "STATUS Trash (DELETED DELETED-STORAGE)",
            "* STATUS \"Trash\" (DELETED 0 DELETED-STORAGE 0)$\nOK ");
}
PEER_CASE(deleted)

static void append_limit(void)
{
    world.conf.message_size_limit = 257890;
    struct peer *a = peer_login();
    peer_do(a, "STATUS INBOX (APPENDLIMIT)", "* STATUS \"INBOX\" (APPENDLIMIT 257890)$\nOK ");
}
PEER_CASE(append_limit)

/* To ask for HIGHESTMODSEQ switches CONDSTORE on (RFC 7162 section 3.1). */
static void modseq_enables_condstore(void)
{
    fill(1);
    struct peer *a = peer_login();
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n"
        "* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ");
    peer_do(a, "STATUS Trash (HIGHESTMODSEQ)",
            "* STATUS \"Trash\" (HIGHESTMODSEQ \n* OK [HIGHESTMODSEQ \nOK ");
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_SEEN);
    peer_do(a, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) MODSEQ (\nOK ");
}
PEER_CASE(modseq_enables_condstore)

static void only_inbox_and_foo(void)
{
    static const char *const names[] = {"Archive", "Drafts", "Junk", "Sent", "Trash"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct mailbox_ref mailbox = mailbox_named(slice_from(names[i]));
        change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox});
        change((struct batch_operation){.kind = BATCH_SUBSCRIBE, .mailbox = mailbox});
    }
    create("foo/child");
    create("bar/child");
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("bar"))});
    change((struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(S("foo/child")),
                                    .subscribe = {.subscribed = true}});
}

/* RFC 5819 section 3, RFC 9051 section 6.3.9.8 example 11. */
static void list_with_status(void)
{
    only_inbox_and_foo();
    fill(2);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_SEEN);
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n* STATUS \"INBOX\" (MESSAGES 2 UNSEEN 1)$\n"
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"bar\"$\n"
            "* LIST (\\HasChildren) \"/\" \"foo\"$\n* STATUS \"foo\" (MESSAGES 0 UNSEEN 0)$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (MESSAGES))",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"$\n* STATUS \"INBOX\" (MESSAGES 2)$\n"
            "* LIST (\\HasChildren) \"/\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
    peer_do(a,
            "LIST (SUBSCRIBED) \"\" INBOX RETURN (STATUS (RECENT DELETED-STORAGE SIZE MAILBOXID) CHILDREN)",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"$\n"
            "* STATUS \"INBOX\" (RECENT 2 SIZE 86 DELETED-STORAGE 0 MAILBOXID (F\nOK ");
}
PEER_CASE(list_with_status)

/* RFC 8440 section 4 */
static void list_with_rights(void)
{
    only_inbox_and_foo();
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" % RETURN (MYRIGHTS)",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n* MYRIGHTS \"INBOX\" lrswipkxteacd$\n"
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"bar\"$\n"
            "* LIST (\\HasChildren) \"/\" \"foo\"$\n* MYRIGHTS \"foo\" lrswipkxteacd$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (MYRIGHTS STATUS (MESSAGES))",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"$\n* STATUS \"INBOX\" (MESSAGES 0)$\n"
            "* MYRIGHTS \"INBOX\" lrswipkxteacd$\n"
            "* LIST (\\HasChildren) \"/\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
}
PEER_CASE(list_with_rights)

#define BOB S("bob@example.org")

static void bob_does(struct batch_operation operation)
{
    struct account *account = open_account(world.fixture, BOB);
    assert_ok(batch_commit(account, &operation, 1, NULL));
    account_close(account);
}

static void bob_allows(const char *mailbox, const char *rights)
{
    bob_does((struct batch_operation){.kind = BATCH_SET_RIGHTS,
                                      .mailbox = mailbox_named(slice_from(mailbox)),
                                      .rights = {.identifier = ALICE, .rights = slice_from(rights)}});
}

/* Of others' mailboxes those are there on which one has the right "l"; without "r" they cannot be opened. */
static void shared_mailboxes(void)
{
    assert_ok(directory_user_add(world.fixture->store, BOB, S("Bob"), 0, NULL));
    bob_does(
        (struct batch_operation){.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(S("Team/Plans"))});
    bob_allows("Team/Plans", "lrs");
    bob_allows("Drafts", "l");
    bob_allows("Sent", "rs");
    struct account *account = open_account(world.fixture, BOB);
    append_text(world.fixture, account, "Team/Plans", S("Subject: 1\r\n\r\n1\r\n"));
    account_close(account);
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" Shared*",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"Shared/bob@example.org/Drafts\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Shared/bob@example.org/Team/Plans\"$\nOK ");
    peer_do(a, "LIST \"\" Shar%", "* LIST (\\Noselect \\HasChildren) \"/\" \"Shared\"$\nOK ");
    peer_do(a, "LIST \"Shared/\" % RETURN ()",
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"Shared/bob@example.org\"$\nOK ");
    peer_do(a, "SUBSCRIBE Shared/BOB@example.org/Team/Plans", "OK ");
    peer_do(a, "LIST \"Shared/\" * RETURN (MYRIGHTS SUBSCRIBED STATUS (MESSAGES UNSEEN))",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"Shared/bob@example.org/Drafts\"$\n"
            "* MYRIGHTS \"Shared/bob@example.org/Drafts\" l$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Shared/bob@example.org/Team/Plans\"$\n"
            "* STATUS \"Shared/bob@example.org/Team/Plans\" (MESSAGES 1 UNSEEN 1)$\n"
            "* MYRIGHTS \"Shared/bob@example.org/Team/Plans\" lrs$\nOK ");
    peer_do(a, "LIST (SPECIAL-USE) \"Shared/\" *", "OK "); /* bob's drafts are not alice's */
    peer_do(a, "STATUS Shared/bob@example.org/Team/Plans (MESSAGES UNSEEN)",
            "* STATUS \"Shared/bob@example.org/Team/Plans\" (MESSAGES 1 UNSEEN 1)$\nOK ");
    peer_do(a, "STATUS Shared/bob@example.org/Drafts (MESSAGES)", "NO [NOPERM] ");
    peer_do(a, "STATUS Shared/bob@example.org/Sent (MESSAGES)", "* STATUS \nOK ");
    peer_do(a, "STATUS Shared/bob@example.org/Trash (MESSAGES)", "NO [NONEXISTENT] ");
    peer_do(a, "DELETE Shared/bob@example.org/Team/Plans", "NO [NOPERM] ");
    peer_do(a, "CREATE Shared/bob@example.org/Team/Plans/New", "NO [NOPERM] ");
    bob_allows("Team/Plans", "lrskx");
    peer_do(a, "CREATE Shared/bob@example.org/Team/Plans/New (USE (\\Important))", "NO [USEATTR] ");
    peer_do(a, "CREATE Shared/bob@example.org/Team/Plans/New", "OK [MAILBOXID ");
    peer_do(a, "LIST \"\" *New",
            "* LIST (\\HasNoChildren) \"/\" \"Shared/bob@example.org/Team/Plans/New\"$\nOK ");
    peer_do(a, "RENAME Shared/bob@example.org/Team/Plans/New Mine", "NO [CANNOT] ");
    peer_do(a, "RENAME Shared/bob@example.org/Team/Plans/New Shared/bob@example.org/Team/Plans/Newer", "OK ");
    peer_do(a, "DELETE Shared/bob@example.org/Team/Plans/Newer", "OK ");
}
PEER_CASE(shared_mailboxes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(example),          peer_test(while_selected),   peer_test(recent_behind_the_first),
        peer_test(deleted),          peer_test(append_limit),     peer_test(modseq_enables_condstore),
        peer_test(list_with_status), peer_test(list_with_rights), peer_test(shared_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
