/* SPDX-License-Identifier: ISC */
/* What LIST returns beside names: STATUS (RFC 5819), MYRIGHTS (RFC 8440), METADATA (RFC 9590); and the small
 * things around them: NAMESPACE (RFC 2342), SIZE (RFC 8438), APPENDLIMIT (RFC 7889). */
#include "world.h"

#define BOB S("bob@example.org")

#define OPENED                                                                                            \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n" \
    "* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK "

static void subscribe(const char *name)
{
    change((struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .subscribe = {.subscribed = true}});
}

static void bob_allows(const char *mailbox, struct slice identifier, const char *rights)
{
    struct account *account = open_account(world.fixture, BOB);
    struct batch_operation operation = {.kind = BATCH_SET_RIGHTS,
                                        .mailbox = mailbox_named(slice_from(mailbox)),
                                        .rights = {.identifier = identifier, .rights = slice_from(rights)}};
    assert_ok(batch_commit(account, &operation, 1, NULL));
    account_close(account);
}

static void add_bob(void)
{
    assert_ok(directory_user_add(world.fixture->store, BOB, S("Bob"), 0, NULL));
}

/* --- STATUS --- */

/* A name that is shown only for what is below it has no STATUS (RFC 5819 section 2). */
static void status_of_what_was_chosen(void)
{
    create("foo/child");
    subscribe("foo/child");
    struct peer *a = peer_login();
    peer_do(a, "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" fo% RETURN (STATUS (MESSAGES))",
            "* LIST (\\HasChildren) \"/\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" foo* RETURN (STATUS (MESSAGES))",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"foo/child\"$\n* STATUS \"foo/child\" (MESSAGES "
            "0)$\nOK ");
}
PEER_CASE(status_of_what_was_chosen)

static void no_status_of_what_is_not_there(void)
{
    create("foo/child");
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("foo"))});
    subscribe("gone");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" fo% RETURN (STATUS (MESSAGES))",
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"foo\"$\nOK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" g* RETURN (STATUS (MESSAGES) MYRIGHTS METADATA (/private/comment))",
            "* LIST (\\NonExistent \\Subscribed) \"/\" \"gone\"$\nOK ");
}
PEER_CASE(no_status_of_what_is_not_there)

static void status_enables_condstore(void)
{
    fill(1);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", OPENED);
    peer_do(a, "LIST \"\" Sent RETURN (STATUS (HIGHESTMODSEQ))",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* STATUS \"Sent\" (HIGHESTMODSEQ \n"
            "* OK [HIGHESTMODSEQ \nOK ");
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_SEEN);
    peer_do(a, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent) MODSEQ (\nOK ");
}
PEER_CASE(status_enables_condstore)

/* As things are, not as the session was told. */
static void status_of_the_open_mailbox(void)
{
    fill(1);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", OPENED);
    fill(1);
    peer_do(a, "LIST \"\" inbox RETURN (STATUS (MESSAGES UIDNEXT))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n* STATUS \"INBOX\" (MESSAGES 2 UIDNEXT 3)$\n"
            "* 2 EXISTS$\n* 2 RECENT$\nOK ");
}
PEER_CASE(status_of_the_open_mailbox)

static void status_syntax(void)
{
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" * RETURN (STATUS MESSAGES)", "BAD ");
    peer_do(a, "LIST \"\" * RETURN (STATUS (MESSAGES FOO))", "BAD ");
    peer_do(a, "LIST \"\" * RETURN (STATUS (MESSAGES)", "BAD ");
    peer_do(a, "LIST \"\" nothing RETURN (status (messages) Children)", "OK ");
}
PEER_CASE(status_syntax)

/* --- MYRIGHTS --- */

static void rights_of_everybody(void)
{
    add_bob();
    bob_allows("Sent", S("anyone"), "lr");
    bob_allows("Sent", ALICE, "s");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" *ed/*Sent RETURN (MYRIGHTS)",
            "* LIST (\\HasNoChildren) \"/\" \"Shared/bob@example.org/Sent\"$\n"
            "* MYRIGHTS \"Shared/bob@example.org/Sent\" lrs$\nOK ");
}
PEER_CASE(rights_of_everybody)

/* RFC 4314 section 3: a right can be taken away from one that everybody has. */
static void rights_that_were_taken_away(void)
{
    add_bob();
    bob_allows("Sent", S("anyone"), "lrs");
    bob_allows("Sent", S("-alice@example.org"), "rs");
    bob_allows("Junk", S("anyone"), "lrs");
    bob_allows("Junk", S("-alice@example.org"), "l");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"Shared/\" * RETURN (MYRIGHTS STATUS (MESSAGES) METADATA (/shared/comment))",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"Shared/bob@example.org/Sent\"$\n"
            "* MYRIGHTS \"Shared/bob@example.org/Sent\" l$\nOK ");
}
PEER_CASE(rights_that_were_taken_away)

static void rights_with_patterns(void)
{
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" (Sent Trash Sent) RETURN (MYRIGHTS MYRIGHTS)",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* MYRIGHTS \"Sent\" lrswipkxteacd$\n"
            "* LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"$\n* MYRIGHTS \"Trash\" lrswipkxteacd$\nOK ");
    peer_do(a, "LIST (SPECIAL-USE) \"\" J% RETURN (MYRIGHTS)",
            "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"$\n* MYRIGHTS \"Junk\" lrswipkxteacd$\nOK ");
    peer_do(a, "LIST \"\" J% RETURN (MYRIGHTS ())", "BAD ");
}
PEER_CASE(rights_with_patterns)

/* A mailbox in the middle that one may not see is a level like those that are not there. */
static void invisible_in_the_middle(void)
{
    add_bob();
    struct account *account = open_account(world.fixture, BOB);
    struct batch_operation make = {.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(S("A/B/C"))};
    assert_ok(batch_commit(account, &make, 1, NULL));
    account_close(account);
    bob_allows("A", ALICE, "lr");
    bob_allows("A/B/C", ALICE, "lr");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"Shared/bob@example.org/\" %/% RETURN (MYRIGHTS)",
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"Shared/bob@example.org/A/B\"$\nOK ");
    peer_do(a, "LIST \"Shared/bob@example.org/\" * RETURN (MYRIGHTS)",
            "* LIST (\\HasChildren) \"/\" \"Shared/bob@example.org/A\"$\n* MYRIGHTS "
            "\"Shared/bob@example.org/A\" lr$\n"
            "* LIST (\\HasNoChildren) \"/\" \"Shared/bob@example.org/A/B/C\"$\n"
            "* MYRIGHTS \"Shared/bob@example.org/A/B/C\" lr$\nOK ");
}
PEER_CASE(invisible_in_the_middle)

/* --- METADATA --- */

static void annotate(const char *mailbox, const char *entry, const char *value)
{
    change((struct batch_operation){.kind = BATCH_ANNOTATE,
                                    .mailbox = mailbox_named(slice_from(mailbox)),
                                    .annotate = {.entry = slice_from(entry), .value = slice_from(value)}});
}

static void metadata_private_and_shared(void)
{
    annotate("Sent", "/private/comment", "mine");
    annotate("Sent", "/shared/comment", "ours");
    struct peer *a = peer_login();
    peer_do(
        a, "LIST \"\" Sent RETURN (METADATA (/shared/comment /private/comment /private/other))",
        "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n"
        "* METADATA \"Sent\" (/shared/comment \"ours\" /private/comment \"mine\" /private/other NIL)$\nOK ");
    peer_do(a, "LIST \"\" Sent RETURN (METADATA /shared/comment)", /* entries of RFC 5464 */
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* METADATA \"Sent\" (/shared/comment "
            "\"ours\")$\nOK ");
}
PEER_CASE(metadata_private_and_shared)

static void metadata_of_subscriptions(void)
{
    annotate("Sent", "/private/comment", "mine");
    struct peer *a = peer_login();
    peer_do(a, "UNSUBSCRIBE Trash", "OK ");
    peer_do(a, "LIST (SUBSCRIBED) \"\" (Sent Trash) RETURN (METADATA (/private/comment))",
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"Sent\"$\n"
            "* METADATA \"Sent\" (/private/comment \"mine\")$\nOK ");
}
PEER_CASE(metadata_of_subscriptions)

/* Long values come as literals, and pieces of the answer are not mixed up. */
static void metadata_of_many(void)
{
    struct arena *arena = &world.fixture->arena;
    char text[3001];
    memset(text, 'x', 3000);
    text[3000] = 0;
    for (unsigned i = 0; i < 40; i++) {
        const char *name = arena_printf(arena, "box %02u", i);
        create(name);
        annotate(name, "/shared/comment", text);
    }
    struct peer *a = peer_login();
    peer_send(a, "x LIST \"\" box* RETURN (METADATA (/shared/comment))\r\n");
    for (unsigned i = 0; i < 40; i++)
        peer_expect(a, arena_printf(arena,
                                    "* LIST (\\HasNoChildren) \"/\" \"box %02u\"$\n"
                                    "* METADATA \"box %02u\" (/shared/comment {3000}$\n%s)$",
                                    i, i, text));
    peer_expect(a, "x OK ");
}
PEER_CASE(metadata_of_many)

/* --- NAMESPACE, SIZE, APPENDLIMIT --- */

static void namespace_in_all_states(void **state)
{
    (void)state;
    expect("b NAMESPACE\r\n" LOGIN "c NAMESPACE\r\nd EXAMINE Sent\r\ne NAMESPACE\r\n" LOGOUT,
           GREETING "b BAD \na OK [CAPABILITY IMAP4rev1 \n"
                    "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL$\nc OK \n"
                    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n"
                    "* OK [UIDNEXT 1] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nd OK \n"
                    "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL$\ne OK \n" BYE);
}

/* RFC 8438: the sum of all RFC822.SIZE, whatever comes and goes. */
static void size_follows(void)
{
    append("Sent", "Subject: 1\r\n\r\n1\r\n");
    append("Sent", "Subject: 22\r\n\r\n22\r\n");
    struct peer *a = peer_login();
    peer_do(a, "STATUS Sent (SIZE)", "* STATUS \"Sent\" (SIZE 36)$\nOK ");
    expunge_elsewhere("Sent", 1);
    peer_do(a, "STATUS Sent (SIZE MESSAGES)", "* STATUS \"Sent\" (MESSAGES 1 SIZE 19)$\nOK ");
    expunge_elsewhere("Sent", 2);
    peer_do(a, "STATUS Sent (SIZE)", "* STATUS \"Sent\" (SIZE 0)$\nOK ");
    peer_do(a, "LIST \"\" Sent RETURN (STATUS (SIZE))",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* STATUS \"Sent\" (SIZE 0)$\nOK ");
}
PEER_CASE(size_follows)

static void append_limit(void)
{
    world.conf.message_size_limit = 1024;
    struct peer *a = peer_login();
    peer_send(a, "x CAPABILITY\r\n");
    struct slice line = peer_line(a);
    assert_true(slice_find_text(line, S(" APPENDLIMIT=1024")) < line.len);
    peer_expect(a, "x OK ");
    peer_do(a, "LIST \"\" Sent RETURN (STATUS (APPENDLIMIT))",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* STATUS \"Sent\" (APPENDLIMIT 1024)$\nOK ");
    peer_do(a, "APPEND Sent {1025}", "NO [TOOBIG] ");
}
PEER_CASE(append_limit)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(status_of_what_was_chosen),
        peer_test(no_status_of_what_is_not_there),
        peer_test(status_enables_condstore),
        peer_test(status_of_the_open_mailbox),
        peer_test(status_syntax),
        peer_test(rights_of_everybody),
        peer_test(rights_that_were_taken_away),
        peer_test(rights_with_patterns),
        peer_test(invisible_in_the_middle),
        peer_test(metadata_private_and_shared),
        peer_test(metadata_of_subscriptions),
        peer_test(metadata_of_many),
        dialogue_test(namespace_in_all_states),
        peer_test(size_follows),
        peer_test(append_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
