/* SPDX-License-Identifier: ISC */
/* ESEARCH in several mailboxes (RFC 7377). */
#include "searching.h"
#include "sharing.h"

#define CHAD             "Subject: chad\r\n\r\n\r\n"
#define FROM(name, rest) "* ESEARCH (TAG \"x\" MAILBOX \"" name "\" UIDVALIDITY #) UID " rest "$\n"

/* With the UIDVALIDITY of each mailbox in place of "#". */
static void say(struct peer *peer, const char *command, const char *answers)
{
    struct slice rest = slice_from(answers);
    peer_send(peer, arena_printf(&world.fixture->arena, "x %s\r\n", command));
    while (rest.len > 0) {
        struct slice want = slice_split(&rest, '\n'), line = peer_line(peer);
        size_t at = slice_find(want, '#'), digits = at;
        while (digits < line.len && at < want.len && char_is_digit(line.data[digits]))
            digits++;
        struct slice tail = slice_skip(want, at + 1);
        bool whole = want.len > 0 && want.data[want.len - 1] == '$';
        if (whole)
            tail = slice_take(tail, tail.len > 0 ? tail.len - 1 : 0);
        bool good = at == want.len ? slice_starts_with(line, want)
                                   : slice_starts_with(line, slice_take(want, at)) && digits > at &&
                                         slice_eq(slice_skip(line, digits), tail);
        if (!good) {
            print_error("expected '%.*s', got '%.*s'\n", SLICE_ARG(want), SLICE_ARG(line));
            fail();
        }
    }
}

/* RFC 7377 section 3. */
static struct peer *folders(void)
{
    create("folder1");
    create("folder2");
    create("folder2/banana");
    create("folder2/peach");
    create("folder2/peach/stone");
    create("folder2/salmon");
    create("gr\xc3\xbcn");
    append("folder1", CHAD);
    append("folder1", CHAD);
    append("folder1", "Subject: x\r\n\r\n\r\n");
    append("folder2/banana", CHAD);
    append("folder2/peach/stone", CHAD);
    append("folder2/salmon", "Subject: x\r\n\r\n\r\n");
    append("gr\xc3\xbcn", CHAD);
    append("INBOX", CHAD);
    return peer_login();
}

static void named_mailboxes(void)
{
    struct peer *peer = folders();
    say(peer, "UID ESEARCH IN (mailboxes (folder1 folder2/salmon nowhere folder1)) RETURN (MAX COUNT) ALL",
        FROM("folder1", "MAX 3 COUNT 3") FROM("folder2/salmon", "MAX 1 COUNT 1") "x OK ");
    say(peer, "ESEARCH IN (mailboxes folder1) 3:9", FROM("folder1", "ALL 3") "x OK ");
    say(peer, "ESEARCH IN (mailboxes folder1) RETURN (PARTIAL -1:-2) ALL",
        FROM("folder1", "PARTIAL (-1:-2 2:3)") "x OK ");
}
PEER_CASE(named_mailboxes)

static void subtrees(void)
{
    struct peer *peer = folders();
    say(peer, "ESEARCH IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
        FROM("folder1", "ALL 1:3") FROM("folder2/banana", "ALL 1") FROM("folder2/peach/stone", "ALL 1")
            FROM("folder2/salmon", "ALL 1") "x OK ");
    say(peer, "ESEARCH IN (mailboxes \"folder1\" subtree-one \"folder2\") subject \"chad\"",
        FROM("folder1", "ALL 1:2") FROM("folder2/banana", "ALL 1") "x OK ");
    say(peer, "ESEARCH IN (subtree folder2) SUBJECT nothing", "x OK ");
}
PEER_CASE(subtrees)

static void personal(void)
{
    struct peer *peer = folders();
    say(peer, "ESEARCH IN (personal) RETURN (COUNT) CHARSET UTF-8 SUBJECT chad",
        FROM("INBOX", "COUNT 1") FROM("folder1", "COUNT 2") FROM("folder2/banana", "COUNT 1")
            FROM("folder2/peach/stone", "COUNT 1") FROM("gr&APw-n", "COUNT 1") "x OK ");
}
PEER_CASE(personal)

static void subscribed(void)
{
    struct peer *peer = folders();
    change((struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(S("folder2/banana")),
                                    .subscribe = {.subscribed = true}});
    say(peer, "ESEARCH IN (subscribed) ALL", FROM("INBOX", "ALL 1") FROM("folder2/banana", "ALL 1") "x OK ");
}
PEER_CASE(subscribed)

static void selected(void)
{
    struct peer *peer = folders();
    say(peer, "ESEARCH SUBJECT chad", "x BAD ");
    say(peer, "ESEARCH IN (selected) SUBJECT chad", "x BAD ");
    select_inbox(peer);
    say(peer, "ESEARCH SUBJECT chad", FROM("INBOX", "ALL 1") "x OK ");
    say(peer, "ESEARCH IN (selected mailboxes (INBOX folder1)) SUBJECT chad",
        FROM("INBOX", "ALL 1") FROM("folder1", "ALL 1:2") "x OK ");
    say(peer, "ESEARCH RETURN (SAVE) SUBJECT chad", "x OK ");
    say(peer, "SEARCH $", "* SEARCH 1\nx OK ");
    say(peer, "ESEARCH IN (mailboxes folder1) RETURN (SAVE) ALL", "x BAD ");
    say(peer, "ESEARCH IN (selected mailboxes folder1) RETURN (UPDATE) ALL", "x BAD ");
}
PEER_CASE(selected)

/* "r" is needed, and "l" by those that are not named; others are passed over in silence. */
static void shared(void)
{
    add_users();
    create("open");
    create("hidden");
    create("closed");
    append("open", CHAD);
    append("hidden", CHAD);
    append("closed", CHAD);
    give("open", "bob@example.org", "lrs");
    give("hidden", "bob@example.org", "rs");
    give("closed", "bob@example.org", "l");
    struct peer *peer = login_as("bob");
    say(peer, "ESEARCH IN (personal) ALL", "x OK ");
    say(peer, "ESEARCH IN (subtree Shared/alice@example.org) SUBJECT chad",
        FROM("Shared/alice@example.org/open", "ALL 1") "x OK ");
    say(peer,
        "ESEARCH IN (mailboxes (Shared/alice@example.org/hidden Shared/alice@example.org/closed)) UNSEEN",
        FROM("Shared/alice@example.org/hidden", "ALL 1") "x OK ");
}
PEER_CASE(shared)

static void mistakes(void)
{
    struct peer *peer = folders();
    say(peer, "ESEARCH IN (selected-delayed) ALL", "x BAD ");
    say(peer, "ESEARCH IN () ALL", "x BAD ");
    say(peer, "ESEARCH IN (mailboxes) ALL", "x BAD ");
    say(peer, "ESEARCH IN (subtree folder2 (scope 1)) ALL", "x BAD ");
    say(peer, "ESEARCH IN (personal)", "x BAD ");
    say(peer, "ESEARCH IN (personal) CHARSET X-UNKNOWN ALL", "x NO [BADCHARSET ");
}
PEER_CASE(mistakes)

int main(void)
{
    const struct CMUnitTest tests[] = {peer_test(named_mailboxes), peer_test(subtrees), peer_test(personal),
                                       peer_test(subscribed),      peer_test(selected), peer_test(shared),
                                       peer_test(mistakes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
