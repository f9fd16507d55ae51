/* SPDX-License-Identifier: ISC */
/* Annotations, with the examples of RFC 5464 section 4, RFC 9590 and RFC 6154 section 5.4. */
#include "world.h"

static void annotate(const char *mailbox, const char *entry, struct slice value)
{
    struct mailbox_ref ref = mailbox ? mailbox_named(slice_from(mailbox)) : (struct mailbox_ref){0};
    change((struct batch_operation){
        .kind = BATCH_ANNOTATE, .mailbox = ref, .annotate = {.entry = slice_from(entry), .value = value}});
}

static struct slice many_bytes(size_t count)
{
    char *bytes = arena_alloc(&world.fixture->arena, count + 1);
    memset(bytes, 'x', count);
    return slice_of(bytes, count);
}

/* RFC 5464 section 4.2 */
static void get(void)
{
    annotate("INBOX", "/private/comment", S("My own comment"));
    annotate("INBOX", "/shared/comment", S("Shared comment"));
    struct peer *a = peer_login();
    peer_do(a, "GETMETADATA \"INBOX\" /private/comment",
            "* METADATA \"INBOX\" (/private/comment \"My own comment\")$\nOK ");
    peer_do(a, "GETMETADATA \"INBOX\" (/shared/comment /private/comment)",
            "* METADATA \"INBOX\" (/shared/comment \"Shared comment\" /private/comment \"My own "
            "comment\")$\nOK ");
    peer_do(a, "GETMETADATA INBOX /private/comment /SHARED/comment",
            "* METADATA \"INBOX\" (/private/comment \"My own comment\" /shared/comment \"Shared "
            "comment\")$\nOK ");
    peer_do(a, "GETMETADATA INBOX (/private/comment /private/comment /private/none)",
            "* METADATA \"INBOX\" (/private/comment \"My own comment\" /private/none NIL)$\nOK ");
    peer_do(a, "GETMETADATA nowhere /private/comment", "NO [NONEXISTENT] ");
    peer_do(a, "GETMETADATA INBOX /comment", "BAD ");
    peer_do(a, "GETMETADATA INBOX /private/*", "BAD ");
    peer_do(a, "GETMETADATA INBOX /private//x", "BAD ");
    peer_do(a, "GETMETADATA INBOX /private/", "BAD ");
    peer_do(a, "GETMETADATA INBOX ()", "BAD ");
    peer_do(a, "GETMETADATA INBOX", "BAD ");
}
PEER_CASE(get)

/* Section 4.2.1 */
static void max_size(void)
{
    annotate("INBOX", "/shared/comment", many_bytes(2199));
    annotate("INBOX", "/private/comment", S("My own comment"));
    struct peer *a = peer_login();
    const char *only_short = "* METADATA \"INBOX\" (/private/comment \"My own comment\")$\n"
                             "OK [METADATA LONGENTRIES 2199] ";
    peer_do(a, "GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment /private/comment)", only_short);
    peer_do(a, "GETMETADATA (maxsize 1024) INBOX (/shared/comment /private/comment)", only_short);
    peer_do(a, "GETMETADATA (MAXSIZE 14) INBOX (/private/comment)",
            "* METADATA \"INBOX\" (/private/comment \"My own comment\")$\nOK that is all$");
    peer_do(a, "GETMETADATA (MAXSIZE 13) INBOX (/private/comment)", "OK [METADATA LONGENTRIES 14] ");
    peer_do(a, "GETMETADATA (MAXSIZE 2199) INBOX /shared/comment",
            "* METADATA \"INBOX\" (/shared/comment {2199}$\n"
            "xxx\nOK ");
    peer_do(a, "GETMETADATA (MAXSIZE) INBOX /shared/comment", "BAD ");
}
PEER_CASE(max_size)

/* Section 4.2.2 */
static void depth(void)
{
    annotate("INBOX", "/private/filters/values/small", S("SMALLER 5000"));
    annotate("INBOX", "/private/filters/values/boss", S("FROM \"boss@example.com\""));
    annotate("INBOX", "/private/filters/values/boss/old", S("x"));
    annotate("INBOX", "/private/filters/valuesx", S("no"));
    struct peer *a = peer_login();
    peer_do(a, "GETMETADATA \"INBOX\" (DEPTH 1) (/private/filters/values)",
            "* METADATA \"INBOX\" (/private/filters/values/boss \"FROM \\\"boss@example.com\\\"\" "
            "/private/filters/values/small \"SMALLER 5000\")$\nOK ");
    peer_do(a, "GETMETADATA (DEPTH infinity) INBOX /private/filters/values",
            "* METADATA \"INBOX\" (/private/filters/values/boss \"FROM \\\"boss@example.com\\\"\" "
            "/private/filters/values/boss/old \"x\" /private/filters/values/small \"SMALLER 5000\")$\nOK ");
    peer_do(a, "GETMETADATA (DEPTH 0 MAXSIZE 5) INBOX /private/filters/values",
            "* METADATA \"INBOX\" (/private/filters/values NIL)$\nOK ");
    peer_do(a, "GETMETADATA (DEPTH 1) INBOX /private/nothing",
            "* METADATA \"INBOX\" (/private/nothing NIL)$\nOK ");
    peer_do(a, "GETMETADATA (DEPTH 2) INBOX /private/filters", "BAD ");
    peer_do(a, "GETMETADATA (DEEP 1) INBOX /private/filters", "BAD ");
}
PEER_CASE(depth)

/* Section 4.3 */
static void set(void)
{
    struct peer *a = peer_login();
    peer_send(a, "x SETMETADATA INBOX (/private/comment {33}\r\n");
    peer_expect(a, "+ ");
    peer_send(a, "My new comment across\r\ntwo lines.)\r\n");
    peer_expect(a, "x OK ");
    peer_do(a, "SETMETADATA INBOX (/private/comment {33+}\r\nMy new comment across\r\ntwo lines.)", "OK ");
    peer_do(a, "GETMETADATA INBOX /private/comment",
            "* METADATA \"INBOX\" (/private/comment {33}$\nMy new comment across$\ntwo lines.)$\nOK ");
    peer_do(a, "SETMETADATA INBOX (/private/comment NIL)", "OK ");
    peer_do(a, "GETMETADATA INBOX /private/comment", "* METADATA \"INBOX\" (/private/comment NIL)$\nOK ");
    peer_do(
        a, "SETMETADATA INBOX (/private/comment \"My new comment\" /shared/comment \"This one is for you!\")",
        "OK ");
    peer_do(a, "GETMETADATA (DEPTH infinity) INBOX (/private /shared)",
            "* METADATA \"INBOX\" (/private/comment \"My new comment\" /shared/comment \"This one is for "
            "you!\")$\nOK ");
    peer_do(a, "SETMETADATA INBOX (/private/empty \"\" /private/bytes ~{3+}\r\na\xff\x01)", "OK ");
    peer_do(a, "GETMETADATA INBOX (/private/empty /private/bytes)",
            "* METADATA \"INBOX\" (/private/empty \"\" /private/bytes {3}$\na\xff\x01)$\nOK ");
    peer_do(a, "SETMETADATA INBOX (/private/a \"1\" /priv/b \"2\")", "BAD ");
    peer_do(a, "SETMETADATA INBOX /private/a \"1\"", "BAD ");
    peer_do(a, "SETMETADATA INBOX (/private/a)", "BAD ");
    peer_do(a, "SETMETADATA nowhere (/private/a \"1\")", "NO [NONEXISTENT] ");
    peer_do(a, "GETMETADATA INBOX /private/a", "* METADATA \"INBOX\" (/private/a NIL)$\nOK ");
}
PEER_CASE(set)

/* All or nothing; what is too long or too much is told as the RFC wants. */
static void limits(void)
{
    struct arena *arena = &world.fixture->arena;
    struct peer *a = peer_login();
    const char *too_long = arena_cstr(arena, many_bytes(ANNOTATION_VALUE_MAX + 1));
    peer_do(a,
            arena_printf(arena, "SETMETADATA INBOX (/private/short \"1\" /private/long {%d+}\r\n%s)",
                         ANNOTATION_VALUE_MAX + 1, too_long),
            "NO [METADATA MAXSIZE 65536] ");
    peer_do(a, "GETMETADATA INBOX /private/short", "* METADATA \"INBOX\" (/private/short NIL)$\nOK ");
    for (unsigned i = 0; i < ANNOTATIONS_MAX; i++)
        annotate("INBOX", arena_printf(arena, "/private/vendor/x/%u", i), S("1"));
    peer_do(a, "SETMETADATA INBOX (/private/comment \"My new comment\")", "NO [METADATA TOOMANY] ");
    peer_do(a, "SETMETADATA INBOX (/private/vendor/x/7 \"2\")", "OK ");
}
PEER_CASE(limits)

/* Sections 3.2.1.1 and 6.2: entries of the server. */
static void server_entries(void)
{
    struct peer *a = peer_login();
    peer_do(a, "GETMETADATA \"\" (/shared/comment /shared/admin)",
            "* METADATA \"\" (/shared/comment NIL /shared/admin \"mailto:postmaster@example.org\")$\nOK ");
    peer_do(a, "SETMETADATA \"\" (/shared/admin \"mailto:me@example.org\")", "NO [NOPERM] ");
    peer_do(a, "SETMETADATA \"\" (/shared/comment \"x\")", "NO [NOPERM] ");
    peer_do(a, "SETMETADATA \"\" (/private/vendor/vendor.example/theme \"dark\")", "OK ");
    peer_do(a, "GETMETADATA \"\" (DEPTH infinity) (/private)",
            "* METADATA \"\" (/private/vendor/vendor.example/theme \"dark\")$\nOK ");
    peer_do(a, "GETMETADATA INBOX (DEPTH infinity) (/private)", "* METADATA \"INBOX\" (/private NIL)$\nOK ");
    peer_do(a, "SETMETADATA \"\" (/private/vendor/vendor.example/theme NIL)", "OK ");
}
PEER_CASE(server_entries)

/* RFC 6154 sections 4 and 5.4 */
static void special_use(void)
{
    create("SavedDrafts");
    struct peer *a = peer_login();
    peer_do(a, "GETMETADATA \"Drafts\" /private/specialuse",
            "* METADATA \"Drafts\" (/private/specialuse \"\\\\Drafts\")$\nOK ");
    peer_do(a, "SETMETADATA \"SavedDrafts\" (/private/specialuse \"\\\\Drafts\")", "OK ");
    peer_do(a, "LIST (SPECIAL-USE) \"\" \"*Drafts\"",
            "* LIST (\\HasNoChildren \\Drafts) \"/\" \"SavedDrafts\"$\nOK ");
    peer_do(a, "GETMETADATA Drafts /private/specialuse",
            "* METADATA \"Drafts\" (/private/specialuse NIL)$\nOK ");
    peer_do(a, "SETMETADATA Sent (/private/specialuse NIL)", "OK ");
    peer_do(a, "LIST \"\" Sent", "* LIST (\\HasNoChildren) \"/\" \"Sent\"$\nOK ");
    peer_do(a, "SETMETADATA Sent (/private/comment \"x\" /private/specialuse \"\\\\All\")", "NO [USEATTR] ");
    peer_do(a, "SETMETADATA Sent (/private/specialuse \"\\\\Sent \\\\Trash\")", "NO [USEATTR] ");
    peer_do(a, "GETMETADATA Sent /private/comment", "* METADATA \"Sent\" (/private/comment NIL)$\nOK ");
}
PEER_CASE(special_use)

/* Annotations go where their mailbox goes (section 4.1). */
static void follow_the_mailbox(void)
{
    create("Work");
    struct peer *a = peer_login();
    peer_do(a, "SETMETADATA Work/ (/shared/comment \"x\")", "OK ");
    peer_do(a, "RENAME Work Play", "OK ");
    peer_do(a, "GETMETADATA Play /shared/comment", "* METADATA \"Play\" (/shared/comment \"x\")$\nOK ");
    peer_do(a, "DELETE Play", "OK ");
    peer_do(a, "CREATE Play", "OK ");
    peer_do(a, "GETMETADATA Play/ /shared/comment", "* METADATA \"Play\" (/shared/comment NIL)$\nOK ");
}
PEER_CASE(follow_the_mailbox)

/* RFC 9590: values, or NIL, for what exists and meets the options. */
static void listed(void)
{
    annotate("INBOX", "/shared/vendor/vendor.example/color", S("#b71c1c"));
    annotate("Sent", "/private/comment", S("s"));
    create("foo/bar");
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("foo"))});
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" (INBOX Sent fo%) RETURN (METADATA (\"/shared/vendor/vendor.example/color\"))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"$\n"
            "* METADATA \"INBOX\" (/shared/vendor/vendor.example/color \"#b71c1c\")$\n"
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"$\n"
            "* METADATA \"Sent\" (/shared/vendor/vendor.example/color NIL)$\n"
            "* LIST (\\NonExistent \\HasChildren) \"/\" \"foo\"$\nOK ");
    peer_do(a,
            "LIST (SUBSCRIBED) \"\" Sent RETURN (METADATA (/private/comment /private/specialuse) STATUS "
            "(MESSAGES))",
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"Sent\"$\n* STATUS \"Sent\" (MESSAGES 0)$\n"
            "* METADATA \"Sent\" (/private/comment \"s\" /private/specialuse \"\\\\Sent\")$\nOK ");
    peer_do(a, "LIST \"\" INBOX RETURN (METADATA)", "BAD ");
    peer_do(a, "LIST \"\" INBOX RETURN (METADATA ())", "BAD ");
    peer_do(a, "LIST \"\" INBOX RETURN (METADATA (/nonsense))", "BAD ");
    peer_do(a, "LIST \"\" \"\" RETURN (METADATA (/private/comment))", "OK ");
}
PEER_CASE(listed)

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

/* Section 3.3: "l" and something beside it; what is bob's own stays his. */
static void shared_mailboxes(void)
{
    assert_ok(directory_user_add(world.fixture->store, BOB, S("Bob"), 0, NULL));
    static const char *const entries[] = {"/private/comment", "/shared/comment"};
    for (size_t i = 0; i < 2; i++)
        bob_does(
            (struct batch_operation){.kind = BATCH_ANNOTATE,
                                     .mailbox = mailbox_named(S("Sent")),
                                     .annotate = {.entry = slice_from(entries[i]), .value = S("bob's")}});
    struct peer *a = peer_login();
    peer_do(a, "GETMETADATA Shared/bob@example.org/Sent /shared/comment", "NO [NONEXISTENT] ");
    bob_allows("Sent", "l");
    peer_do(a, "GETMETADATA Shared/bob@example.org/Sent /shared/comment", "NO [NOPERM] ");
    peer_do(a, "LIST \"Shared/\" *Sent RETURN (METADATA (/shared/comment))",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"Shared/bob@example.org/Sent\"$\nOK ");
    bob_allows("Sent", "lr");
    peer_do(a,
            "GETMETADATA Shared/bob@example.org/Sent (/shared/comment /private/comment /private/specialuse)",
            "* METADATA \"Shared/bob@example.org/Sent\" (/shared/comment \"bob's\" /private/comment NIL "
            "/private/specialuse NIL)$\nOK ");
    peer_do(a, "LIST \"Shared/\" *Sent RETURN (METADATA (/shared/comment))",
            "* LIST (\\HasNoChildren) \"/\" \"Shared/bob@example.org/Sent\"$\n"
            "* METADATA \"Shared/bob@example.org/Sent\" (/shared/comment \"bob's\")$\nOK ");
    peer_do(a, "SETMETADATA Shared/bob@example.org/Sent (/shared/comment \"mine\")", "NO [NOPERM] ");
    bob_allows("Sent", "lrw");
    peer_do(a, "SETMETADATA Shared/bob@example.org/Sent (/shared/comment \"ours\")", "OK ");
    peer_do(a, "SETMETADATA Shared/bob@example.org/Sent (/private/comment \"mine\")",
            "NO [METADATA NOPRIVATE] ");
    peer_do(a, "SETMETADATA Shared/bob@example.org/Sent (/private/specialuse \"\\\\Junk\")",
            "NO [METADATA NOPRIVATE] ");
    peer_do(a, "GETMETADATA Shared/bob@example.org/Sent /shared/comment",
            "* METADATA \"Shared/bob@example.org/Sent\" (/shared/comment \"ours\")$\nOK ");
}
PEER_CASE(shared_mailboxes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(get),    peer_test(max_size),         peer_test(depth),       peer_test(set),
        peer_test(limits), peer_test(server_entries),   peer_test(special_use), peer_test(follow_the_mailbox),
        peer_test(listed), peer_test(shared_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
