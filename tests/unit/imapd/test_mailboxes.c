/* SPDX-License-Identifier: ISC */
/* CREATE, DELETE, RENAME, SUBSCRIBE, NAMESPACE, with the examples of RFC 9051 section 6.3, RFC 2342 and
 * RFC 6154 section 5.3. */
#include "world.h"

static struct mailbox_entry entry_of(const char *name)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_entry *list;
    size_t count;
    assert_ok(mailbox_list(account, &world.fixture->arena, &list, &count));
    account_close(account);
    for (size_t i = 0; i < count; i++)
        if (slice_eq(list[i].name, slice_from(name)))
            return list[i];
    fail();
    return (struct mailbox_entry){0};
}

static bool exists(const char *name)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status status;
    enum err err = mailbox_status(account, slice_from(name), &status);
    account_close(account);
    return !err;
}

/* RFC 9051 section 6.3.4: the separator at the end means nothing; what is missing above is made. */
static void create_mailboxes(void)
{
    struct peer *a = peer_login();
    peer_do(a, "CREATE owatagusiam/", "OK [MAILBOXID (F");
    peer_do(a, "CREATE owatagusiam/blurdybloop", "OK [MAILBOXID (F");
    peer_do(a, "CREATE foo/bar/zap", "OK [MAILBOXID (F");
    assert_true(exists("owatagusiam") && exists("owatagusiam/blurdybloop") && exists("foo") &&
                exists("foo/bar"));
    peer_do(a, "CREATE owatagusiam", "NO [ALREADYEXISTS] ");
    peer_do(a, "CREATE inbox", "NO [ALREADYEXISTS] ");
    peer_do(a, "CREATE \"a//b\"", "NO [CANNOT] ");
    peer_do(a, "CREATE \"50%\"", "NO [CANNOT] ");
    peer_do(a, "CREATE \"\"", "NO [CANNOT] ");
    peer_do(a, "CREATE {11+}\r\nEntw&APw-rf", "OK ");
    assert_true(exists("Entwürf"));
    peer_do(a, "CREATE \"Entwürfe\"", "OK ");
    assert_true(exists("Entwürfe"));
    peer_do(a, "CREATE inbox/Sub", "OK ");
    assert_true(exists("INBOX/Sub"));
    peer_do(a, "CREATE", "BAD ");
    peer_do(a, "CREATE x y", "BAD ");
    const char *id =
        arena_printf(&world.fixture->arena, "* STATUS \"foo\" (MAILBOXID (F%s))$\nOK ", entry_of("foo").guid);
    peer_do(a, "STATUS foo (MAILBOXID)", id);
}
PEER_CASE(create_mailboxes)

/* RFC 6154 sections 3 and 5.3 */
static void create_with_special_use(void)
{
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Drafts"))});
    struct peer *a = peer_login();
    peer_do(a, "CREATE MySpecial (USE (\\Drafts))", "OK [MAILBOXID ");
    assert_true(slice_eq(entry_of("MySpecial").special_use, S("\\Drafts")));
    peer_do(a, "CREATE Everything (USE (\\All))", "NO [USEATTR] ");
    peer_do(a, "CREATE Other (USE (\\Drafts))", "NO [USEATTR] ");
    peer_do(a, "CREATE Both (USE (\\Important \\Sent))", "NO [USEATTR] ");
    peer_do(a, "CREATE Odd (USE (\\Nonsense))", "NO [USEATTR] ");
    assert_false(exists("Everything") || exists("Other") || exists("Both") || exists("Odd"));
    peer_do(a, "CREATE MySpecial (USE (\\Important))", "NO [ALREADYEXISTS] ");
    peer_do(a, "CREATE Important (USE (\\important \\Important))", "OK ");
    assert_true(slice_eq(entry_of("Important").special_use, S("\\Important")));
    peer_do(a, "CREATE Plain (USE ())", "OK ");
    peer_do(a, "CREATE x (USE)", "BAD ");
    peer_do(a, "CREATE x (FOO (\\Sent))", "BAD ");
    peer_do(a, "CREATE x (USE (Sent))", "NO [USEATTR] ");
}
PEER_CASE(create_with_special_use)

/* RFC 9051 section 6.3.5 */
static void delete_mailboxes(void)
{
    create("blurdybloop");
    create("foo/bar");
    struct peer *a = peer_login();
    peer_do(a, "DELETE blurdybloop", "OK ");
    peer_do(a, "DELETE blurdybloop", "NO [NONEXISTENT] ");
    peer_do(a, "DELETE foo", "OK ");
    peer_do(a, "LIST \"\" foo*", "* LIST (\\HasNoChildren) \"/\" \"foo/bar\"$\nOK ");
    peer_do(a, "LIST \"\" fo%", "* LIST (\\Noselect \\HasChildren) \"/\" \"foo\"$\nOK ");
    peer_do(a, "DELETE foo", "NO [HASCHILDREN] ");
    peer_do(a, "DELETE foo/bar", "OK ");
    peer_do(a, "DELETE foo", "NO [NONEXISTENT] ");
    peer_do(a, "DELETE Inbox", "NO [CANNOT] ");
    peer_do(a, "DELETE", "BAD ");
}
PEER_CASE(delete_mailboxes)

/* The session that deletes the open mailbox goes on without one; another is told. */
static void delete_what_is_open(void)
{
    create("Work");
    struct peer *a = peer_login(), *b = peer_login();
    const char *opened = "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n"
                         "* OK [UIDNEXT 1] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ";
    peer_do(a, "SELECT Work/", opened);
    peer_do(b, "SELECT Work", opened);
    peer_do(a, "DELETE Work", "* OK [CLOSED] \nOK ");
    peer_do(a, "CLOSE", "BAD ");
    peer_do(a, "STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 0)$\nOK ");
    peer_do(b, "NOOP", "* BYE the selected mailbox was deleted$\nOK ");
}
PEER_CASE(delete_what_is_open)

/* RFC 9051 section 6.3.6 */
static void rename_mailboxes(void)
{
    create("blurdybloop");
    create("foo/bar");
    create("foo bar/x");
    append("blurdybloop", "Subject: 1\r\n\r\n1\r\n");
    struct peer *a = peer_login();
    struct mailbox_entry before = entry_of("blurdybloop");
    peer_do(a, "SUBSCRIBE blurdybloop", "OK ");
    peer_do(a, "RENAME blurdybloop sarasoop", "OK ");
    struct mailbox_entry after = entry_of("sarasoop");
    assert_string_equal(before.guid, after.guid);
    assert_int_equal(before.status.uidvalidity, after.status.uidvalidity);
    peer_do(a, "LSUB \"\" \"*oop\"", "* LSUB (\\HasNoChildren) \"/\" \"sarasoop\"$\nOK ");
    peer_do(a, "DELETE foo", "OK ");
    peer_do(a, "RENAME foo zowie", "OK "); /* a level without a mailbox */
    assert_true(exists("zowie/bar") && exists("foo bar/x") && !exists("foo/bar"));
    peer_do(a, "RENAME zowie sarasoop", "NO [ALREADYEXISTS] ");
    peer_do(a, "RENAME \"sarasoop\" \"Trash/sarasoop\"", "OK "); /* as Thunderbird deletes */
    peer_do(a, "RENAME Trash/sarasoop a/b/c", "OK ");
    assert_true(exists("a") && exists("a/b") && exists("a/b/c"));
    peer_do(a, "RENAME a a/x", "NO [CANNOT] ");
    peer_do(a, "RENAME nowhere x", "NO [NONEXISTENT] ");
    peer_do(a, "RENAME a \"b//c\"", "NO [CANNOT] ");
    peer_do(a, "RENAME a inbox", "NO [ALREADYEXISTS] ");
    peer_do(a, "RENAME a", "BAD ");
}
PEER_CASE(rename_mailboxes)

/* Trees below a level without a mailbox go whole, whatever sorts between a name and what is below it. */
static void rename_level(void)
{
    static const char *const names[] = {"t/b", "t/b-x/d", "t/b/c", "t/b/c/d", "t/bc"};
    struct arena *arena = &world.fixture->arena;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        create(names[i]);
    struct peer *a = peer_login();
    peer_do(a, "DELETE t", "OK ");
    peer_do(a, "DELETE t/b-x", "OK ");
    peer_do(a, "RENAME t long/u", "OK ");
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_true(exists(arena_printf(arena, "long/u%s", names[i] + 1)) && !exists(names[i]));
}
PEER_CASE(rename_level)

/* The same, of INBOX: its messages move, what is below stays. */
static void rename_inbox(void)
{
    create("INBOX/bar");
    fill(2);
    struct peer *a = peer_login();
    peer_do(a, "RENAME INBOX old-mail", "OK ");
    peer_do(a, "STATUS old-mail (MESSAGES)", "* STATUS \"old-mail\" (MESSAGES 2)$\nOK ");
    peer_do(a, "STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 0)$\nOK ");
    assert_true(exists("INBOX/bar") && !exists("old-mail/bar"));
}
PEER_CASE(rename_inbox)

/* A session stays in the mailbox that it has opened, whatever its name. */
static void rename_what_is_open(void)
{
    create("Work");
    append("Work", "Subject: 1\r\n\r\n1\r\n");
    struct peer *a = peer_login();
    peer_do(
        a, "EXAMINE Work",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n"
        "* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ");
    peer_do(a, "RENAME Work Play", "OK ");
    peer_do(a, "ESEARCH IN (selected) ALL", "* ESEARCH (TAG \"t4\" MAILBOX \"Play\" UIDVALIDITY \nOK ");
    append("Play", "Subject: 2\r\n\r\n2\r\n");
    peer_do(a, "NOOP", "* 2 EXISTS$\n* 2 RECENT$\nOK ");
}
PEER_CASE(rename_what_is_open)

static void subscriptions(void)
{
    struct peer *a = peer_login();
    peer_do(a, "SUBSCRIBE #news.comp.mail.mime", "OK "); /* no such mailbox: RFC 9051 section 6.3.7 */
    peer_do(a, "SUBSCRIBE #news.comp.mail.mime", "OK ");
    peer_do(a, "LSUB \"\" \"#*\"", "* LSUB (\\Noselect) \"/\" \"#news.comp.mail.mime\"$\nOK ");
    peer_do(a, "UNSUBSCRIBE #news.comp.mail.mime", "OK ");
    peer_do(a, "UNSUBSCRIBE #news.comp.mail.mime", "OK ");
    peer_do(a, "LSUB \"\" \"#*\"", "OK ");
    peer_do(a, "SUBSCRIBE Work/", "OK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" W*", "* LIST (\\NonExistent \\Subscribed) \"/\" \"Work\"$\nOK ");
    peer_do(a, "SUBSCRIBE \"a//b\"", "NO [CANNOT] ");
    peer_do(a, "UNSUBSCRIBE \"a//b\"", "OK ");
    peer_do(a, "SUBSCRIBE", "BAD ");
    /* What is deleted stays subscribed (RFC 9051 section 6.3.7). */
    peer_do(a, "DELETE Archive", "OK ");
    peer_do(a, "LSUB \"\" Archive", "* LSUB (\\Noselect) \"/\" \"Archive\"$\nOK ");
}
PEER_CASE(subscriptions)

/* Rule 1: an empty personal prefix, "/", other users under "Shared/" (RFC 2342 section 5). */
static void rule_1_namespaces(void)
{
    struct peer *a = peer_login();
    peer_do(a, "NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL$\nOK ");
    peer_do(a, "NAMESPACE x", "BAD ");
    peer_do(a, "CREATE Shared", "NO [NOPERM] ");
    peer_do(a, "CREATE Shared/x", "NO [NOPERM] ");
    peer_do(a, "RENAME Archive Shared/x", "NO [NOPERM] ");
}
PEER_CASE(rule_1_namespaces)

/* Rules 2 and 3: the special mailboxes are there from the first login, subscribed, with English names. */
static void rule_2_special_mailboxes(void)
{
    struct peer *a = peer_login();
    peer_do(
        a, "LSUB \"\" \"*\"",
        "* LSUB (\\HasNoChildren) \"/\" \"INBOX\"$\n* LSUB (\\HasNoChildren \\Archive) \"/\" \"Archive\"$\n"
        "* LSUB (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"$\n* LSUB (\\HasNoChildren \\Junk) \"/\" "
        "\"Junk\"$\n"
        "* LSUB (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* LSUB (\\HasNoChildren \\Trash) \"/\" "
        "\"Trash\"$\nOK ");
    peer_do(a, "XLIST \"\" \"%\"",
            "* XLIST (\\HasNoChildren \\Inbox) \"/\" \"INBOX\"$\n* XLIST (\\HasNoChildren \\Archive) \"/\" "
            "\"Archive\"$\n"
            "* XLIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"$\n* XLIST (\\HasNoChildren \\Spam) \"/\" "
            "\"Junk\"$\n"
            "* XLIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* XLIST (\\HasNoChildren \\Trash) \"/\" "
            "\"Trash\"$\nOK ");
}
PEER_CASE(rule_2_special_mailboxes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(create_mailboxes),    peer_test(create_with_special_use),  peer_test(delete_mailboxes),
        peer_test(delete_what_is_open), peer_test(rename_mailboxes),         peer_test(rename_inbox),
        peer_test(rename_level),        peer_test(rename_what_is_open),      peer_test(subscriptions),
        peer_test(rule_1_namespaces),   peer_test(rule_2_special_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
