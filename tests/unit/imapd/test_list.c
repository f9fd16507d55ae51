/* SPDX-License-Identifier: ISC */
/* LIST, LSUB and XLIST, with the examples of RFC 9051 section 6.3.9.8, RFC 3501 section 6.3.9, RFC 5258,
 * RFC 3348 and RFC 6154. The server tells of children and special uses without being asked, and lists a name
 * before what is below it. */
#include "world.h"

static void set_subscription(const char *name, bool subscribed)
{
    change((struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .subscribe = {.subscribed = subscribed}});
}

static void subscribe(const char *name)
{
    set_subscription(name, true);
}

static void create_used(const char *name, const char *special_use)
{
    change((struct batch_operation){.kind = BATCH_MAILBOX_CREATE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .create = {.special_use = slice_from(special_use)}});
}

static void delete_mailbox(const char *name)
{
    change(
        (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(slice_from(name))});
}

/* The RFCs' mailboxes, and none that every account has. */
static void without_first_mailboxes(void)
{
    static const char *const names[] = {"Archive", "Drafts", "Junk", "Sent", "Trash"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        delete_mailbox(names[i]);
        set_subscription(names[i], false);
    }
    set_subscription("INBOX", false);
}

static struct peer *greengrocer(void)
{
    static const char *const names[] = {"Fruit/Apple", "Fruit/Banana", "Tofu", "Vegetable/Broccoli",
                                        "Vegetable/Corn"};
    static const char *const subscribed[] = {"INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable",
                                             "Vegetable/Broccoli"};
    without_first_mailboxes();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        create(names[i]);
    for (size_t i = 0; i < ARRAY_LEN(subscribed); i++)
        subscribe(subscribed[i]);
    return peer_login();
}

/* Examples 1 to 6. */
static void examples_of_vegetables(void)
{
    struct peer *a = greengrocer();
    peer_do(a, "LIST \"\" \"*\"",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n"
            "* LIST (\\HasChildren) \"/\" \"Fruit\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Fruit/Apple\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Fruit/Banana\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Tofu\"$\n"
            "* LIST (\\HasChildren) \"/\" \"Vegetable\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Vegetable/Broccoli\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Vegetable/Corn\"$\n"
            "OK ");
    const char *subscribed = "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"$\n"
                             "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Fruit/Banana\"$\n"
                             "* LIST (\\NonExistent \\Subscribed) \"/\" \"Fruit/Peach\"$\n"
                             "* LIST (\\Subscribed \\HasChildren) \"/\" \"Vegetable\"$\n"
                             "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Vegetable/Broccoli\"$\n"
                             "OK ";
    peer_do(a, "LIST (SUBSCRIBED) \"\" \"*\"", subscribed);
    peer_do(a, "LIST (REMOTE SUBSCRIBED) \"\" \"*\"", subscribed);
    peer_do(a, "LIST (SUBSCRIBED SUBSCRIBED) \"\" \"*\" RETURN (SUBSCRIBED CHILDREN)", subscribed);
    const char *children = "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n"
                           "* LIST (\\HasChildren) \"/\" \"Fruit\"$\n"
                           "* LIST (\\HasNoChildren) \"/\" \"Tofu\"$\n"
                           "* LIST (\\HasChildren) \"/\" \"Vegetable\"$\n"
                           "OK ";
    peer_do(a, "LIST () \"\" \"%\" RETURN (CHILDREN)", children);
    peer_do(a, "LIST (REMOTE) \"\" \"%\" RETURN (CHILDREN)", children);
    peer_do(a, "LIST \"\" % RETURN ()", children);
    peer_do(a, "LIST (REMOTE) \"\" \"*\" RETURN (SUBSCRIBED)",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"$\n"
            "* LIST (\\HasChildren) \"/\" \"Fruit\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Fruit/Apple\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Fruit/Banana\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Tofu\"$\n"
            "* LIST (\\Subscribed \\HasChildren) \"/\" \"Vegetable\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Vegetable/Broccoli\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Vegetable/Corn\"$\n"
            "OK ");
}
PEER_CASE(examples_of_vegetables)

/* Example 7 with all its cases. */
static void childinfo_example(void)
{
    without_first_mailboxes();
    create("Foo/Bar");
    create("Foo/Baz");
    create("Moo");
    struct peer *a = peer_login();
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"", "OK "); /* B */
    peer_do(a, "SUBSCRIBE Foo/Baz", "OK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" \"*\"",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Foo/Baz\"$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" \"%\"", "OK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"",
            "* LIST (\\HasChildren) \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
    peer_do(a, "SUBSCRIBE Foo", "OK "); /* A1 */
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"",
            "* LIST (\\Subscribed \\HasChildren) \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
    peer_do(a, "UNSUBSCRIBE Foo", "OK "); /* A2 */
    peer_do(a, "DELETE Foo", "OK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"",
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"Foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
    peer_do(a, "CREATE Foo", "OK "); /* C */
    peer_do(a, "SUBSCRIBE Foo", "OK ");
    peer_do(a, "SUBSCRIBE Moo", "OK ");
    peer_do(a, "UNSUBSCRIBE Foo/Baz", "OK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\" RETURN (CHILDREN)",
            "* LIST (\\Subscribed \\HasChildren) \"/\" \"Foo\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Moo\"$\nOK ");
    peer_do(a, "LIST (RECURSIVEMATCH) \"\" \"%\"", "BAD ");
    peer_do(a, "LIST (RECURSIVEMATCH REMOTE) \"\" \"%\"", "BAD ");
}
PEER_CASE(childinfo_example)

/* Example 8: something below that is shown itself is no reason to show what is above it (section 6.3.9.6). */
static void childinfo_is_not_redundant(void)
{
    without_first_mailboxes();
    static const char *const names[] = {"foo2/bar1",   "foo2/bar2",  "baz2/bar2", "baz2/bar22",
                                        "baz2/bar222", "eps2/mamba", "qux2/bar2"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        create(names[i]);
        subscribe(names[i]);
    }
    subscribe("eps2");
    delete_mailbox("qux2");
    struct peer *a = peer_login();
    peer_do(a, "LIST (RECURSIVEMATCH SUBSCRIBED) \"\" \"*2\"",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"baz2/bar2\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"baz2/bar22\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"baz2/bar222\"$\n"
            "* LIST (\\Subscribed \\HasChildren) \"/\" \"eps2\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\n"
            "* LIST (\\HasChildren) \"/\" \"foo2\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"foo2/bar2\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"qux2/bar2\"$\n"
            "OK ");
}
PEER_CASE(childinfo_is_not_redundant)

/* Example 9: \HasChildren is about mailboxes, CHILDINFO about subscriptions. */
static void childinfo_without_children(void)
{
    without_first_mailboxes();
    create("foo");
    subscribe("foo/bar");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" (\"foo\")", "* LIST (\\HasNoChildren) \"/\" \"foo\"$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" \"foo/*\"",
            "* LIST (\\NonExistent \\Subscribed) \"/\" \"foo/bar\"$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" foo RETURN (CHILDREN)",
            "* LIST (\\HasNoChildren) \"/\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
}
PEER_CASE(childinfo_without_children)

/* Example 10, and the end of section 6.3.5. */
static void levels_without_mailboxes(void)
{
    without_first_mailboxes();
    create("music/rock");
    delete_mailbox("music");
    struct peer *a = peer_login();
    peer_do(a, "LIST (REMOTE) \"\" mus*", "* LIST (\\HasNoChildren) \"/\" \"music/rock\"$\nOK ");
    peer_do(a, "LIST () \"\" mus%", "* LIST (\\NonExistent \\HasChildren) \"/\" \"music\"$\nOK ");
    peer_do(a, "LIST \"\" mus%", "* LIST (\\Noselect \\HasChildren) \"/\" \"music\"$\nOK ");
    peer_do(a, "LIST \"\" (mus% music/rock)",
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"music\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"music/rock\"$\nOK ");
    peer_do(a, "LIST \"\" %/%", "* LIST (\\HasNoChildren) \"/\" \"music/rock\"$\nOK ");
    peer_do(a, "LIST \"\" music", "OK ");
    peer_do(a, "SELECT music", "NO [NONEXISTENT] ");
    peer_do(a, "DELETE music", "NO [HASCHILDREN] ");
}
PEER_CASE(levels_without_mailboxes)

/* RFC 3501 section 6.3.9: "%" shows a level of which only something below is subscribed, as \Noselect. */
static void lsub(void)
{
    without_first_mailboxes();
    create("foo/bar");
    subscribe("foo/bar");
    subscribe("gone");
    subscribe("INBOX");
    struct peer *a = peer_login();
    peer_do(a, "LSUB \"\" \"%\"",
            "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"$\n* LSUB (\\Noselect \\HasChildren) \"/\" \"foo\"$\n"
            "* LSUB (\\Noselect) \"/\" \"gone\"$\nOK ");
    peer_do(a, "LSUB \"\" \"*\"",
            "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"$\n* LSUB (\\HasNoChildren) \"/\" \"foo/bar\"$\n"
            "* LSUB (\\Noselect) \"/\" \"gone\"$\nOK ");
    peer_do(a, "LSUB foo/ %", "* LSUB (\\HasNoChildren) \"/\" \"foo/bar\"$\nOK ");
    peer_do(a, "LSUB \"\" \"\"", "* LSUB (\\Noselect) \"/\" \"\"$\nOK ");
    peer_do(a, "LSUB (SUBSCRIBED) \"\" *", "BAD ");
}
PEER_CASE(lsub)

/* RFC 6154 sections 5.1 and 5.2; Outlook looks for special uses in plain LIST, in LSUB, and in XLIST. */
static void special_uses(void)
{
    without_first_mailboxes();
    create_used("MyDrafts", "\\Drafts");
    create_used("SentMail", "\\Sent");
    create_used("Spam", "\\Junk");
    create("ToDo");
    subscribe("SentMail");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" \"%\"",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n"
            "* LIST (\\HasNoChildren \\Drafts) \"/\" \"MyDrafts\"$\n"
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"SentMail\"$\n"
            "* LIST (\\HasNoChildren \\Junk) \"/\" \"Spam\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"ToDo\"$\nOK ");
    peer_do(a, "LIST (SPECIAL-USE) \"\" \"*\"",
            "* LIST (\\HasNoChildren \\Drafts) \"/\" \"MyDrafts\"$\n"
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"SentMail\"$\n"
            "* LIST (\\HasNoChildren \\Junk) \"/\" \"Spam\"$\nOK ");
    peer_do(a, "list (subscribed) \"\" \"*\" return (special-use)",
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"SentMail\"$\nOK ");
    peer_do(a, "LIST (SPECIAL-USE SUBSCRIBED) \"\" \"*\"",
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"SentMail\"$\nOK ");
    peer_do(a, "LIST (SPECIAL-USE) \"\" \"*\" RETURN (SUBSCRIBED)",
            "* LIST (\\HasNoChildren \\Drafts) \"/\" \"MyDrafts\"$\n"
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"SentMail\"$\n"
            "* LIST (\\HasNoChildren \\Junk) \"/\" \"Spam\"$\nOK ");
    peer_do(a, "LSUB \"\" \"*\"", "* LSUB (\\HasNoChildren \\Sent) \"/\" \"SentMail\"$\nOK ");
    peer_do(a, "XLIST \"\" \"*\"",
            "* XLIST (\\HasNoChildren \\Inbox) \"/\" \"INBOX\"$\n"
            "* XLIST (\\HasNoChildren \\Drafts) \"/\" \"MyDrafts\"$\n"
            "* XLIST (\\HasNoChildren \\Sent) \"/\" \"SentMail\"$\n"
            "* XLIST (\\HasNoChildren \\Spam) \"/\" \"Spam\"$\n"
            "* XLIST (\\HasNoChildren) \"/\" \"ToDo\"$\nOK ");
}
PEER_CASE(special_uses)

/* The separator is asked for only in the basic syntax; elsewhere empty patterns match nothing. */
static void empty_patterns_and_references(void)
{
    without_first_mailboxes();
    create("archive/2024");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"$\nOK ");
    peer_do(a, "LIST /usr/staff/jones \"\"", "* LIST (\\Noselect) \"/\" \"\"$\nOK ");
    peer_do(a, "LIST () \"\" \"\"", "OK ");
    peer_do(a, "LIST \"\" (\"\")", "OK ");
    peer_do(a, "LIST \"\" \"\" RETURN (CHILDREN)", "OK ");
    peer_do(a, "LIST archive/ %", "* LIST (\\HasNoChildren) \"/\" \"archive/2024\"$\nOK ");
    peer_do(a, "LIST arch ive%", "* LIST (\\HasChildren) \"/\" \"archive\"$\nOK ");
    peer_do(a, "LIST \"\" inbox", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\nOK ");
    peer_do(a, "LIST \"\" iN%", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\nOK ");
    peer_do(a, "LIST \"\" archive/", "* LIST (\\HasChildren) \"/\" \"archive\"$\nOK ");
    peer_do(a, "LIST \"\" \"%%*%\" RETURN ()",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n* LIST (\\HasChildren) \"/\" \"archive\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"archive/2024\"$\nOK ");
}
PEER_CASE(empty_patterns_and_references)

/* In modified UTF-7, in UTF-8, quoted, bare and as a literal. */
static void names_beyond_ascii(void)
{
    without_first_mailboxes();
    create("Entwürfe & Co");
    struct peer *a = peer_login();
    const char *one = "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe &- Co\"$\nOK ";
    peer_do(a, "LIST \"\" \"Entw&APw-rfe &- Co\"", one);
    peer_do(a, "LIST \"\" \"Entwürfe & Co\"", one);
    peer_do(a, "LIST \"\" Entw&APw-%", one);
    peer_do(a, "LIST \"\" Entwü%", one);
    peer_do(a, "LIST \"\" \"Entwu\xcc\x88*\"", one); /* decomposed */
    peer_do(a, "LIST \"\" {18+}\r\nEntw&APw-rfe &- Co", one);
    peer_do(a, "STATUS \"Entwürfe & Co\" (MESSAGES)", "* STATUS \"Entw&APw-rfe &- Co\" (MESSAGES 0)$\nOK ");
    peer_do(a, "LIST \"\" \"Entw\xfcrfe\"", "BAD ");
}
PEER_CASE(names_beyond_ascii)

/* More than fits into one visit to the store, with a client that reads slowly. */
static void many_mailboxes(void)
{
    struct arena *arena = &world.fixture->arena;
    without_first_mailboxes();
    for (unsigned i = 0; i < 600; i++)
        create(arena_printf(arena, "Some rather long name of a mailbox, with a number behind it: %04u", i));
    world.chunk = 700;
    struct peer *a = peer_login();
    peer_send(a,
              "x LIST \"\" \"*\" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN RECENT) MYRIGHTS SUBSCRIBED)\r\n");
    peer_expect(a, "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n* STATUS \"INBOX\" (\n* MYRIGHTS \"INBOX\" ");
    for (unsigned i = 0; i < 600; i++) {
        const char *name =
            arena_printf(arena, "\"Some rather long name of a mailbox, with a number behind it: %04u\"", i);
        peer_expect(a, arena_printf(arena,
                                    "* LIST (\\HasNoChildren) \"/\" %s$\n"
                                    "* STATUS %s (MESSAGES 0 RECENT 0 UIDNEXT 1 UNSEEN 0)$\n"
                                    "* MYRIGHTS %s lrswipkxteacd$",
                                    name, name, name));
    }
    peer_expect(a, "x OK ");
}
PEER_CASE(many_mailboxes)

static void refused(void)
{
    struct peer *a = peer_login();
    static const char *const commands[] = {"LIST",
                                           "LIST \"\"",
                                           "LIST \"\" ()",
                                           "LIST (FOO) \"\" *",
                                           "LIST \"\" * RETURN (FOO)",
                                           "LIST \"\" * RETURN",
                                           "LIST \"\" * RETURN (STATUS)",
                                           "LIST \"\" * RETURN (STATUS ())",
                                           "LIST \"\" * foo",
                                           "LIST (SUBSCRIBED \"\" *",
                                           "LIST \"\" (* ",
                                           "XLIST \"\" (a b)"};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        peer_do(a, commands[i], "BAD ");
    char long_pattern[5001];
    memset(long_pattern, 'x', 5000);
    long_pattern[5000] = 0;
    struct arena *arena = &world.fixture->arena;
    peer_do(a, arena_printf(arena, "LIST \"\" (%s INBO)", long_pattern), "OK ");
    peer_do(a, arena_printf(arena, "LIST \"\" (%s %s)", long_pattern, long_pattern), "NO [LIMIT] ");
}
PEER_CASE(refused)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(examples_of_vegetables),
        peer_test(childinfo_example),
        peer_test(childinfo_is_not_redundant),
        peer_test(childinfo_without_children),
        peer_test(levels_without_mailboxes),
        peer_test(lsub),
        peer_test(special_uses),
        peer_test(empty_patterns_and_references),
        peer_test(names_beyond_ascii),
        peer_test(many_mailboxes),
        peer_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
