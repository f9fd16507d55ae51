/* SPDX-License-Identifier: ISC */
/* Sessions of silent clients let go of their account, which no client must notice. */
#include "world.h"

#include "storage/directory.h"

#define INBOX(count)                                                                                    \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* " #count " EXISTS$\n* " #count " RECENT$\n* OK [UNSEEN 1] \n" \
    "* OK [UIDVALIDITY \n* OK [UIDNEXT \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK [READ-WRITE] "

static void nothing(void *arg)
{
    (void)arg;
}

/* Long enough for all sessions to doze: their time comes before ours on the same loop, and so does their work
 * on the threads. */
static void be_silent(void)
{
    assert_ok(task_sleep(30));
    for (int i = 0; i < 4; i++)
        assert_ok(work_run(world.context.work, 0, nothing, NULL));
}

static struct peer *select_inbox(void)
{
    world.context.doze_after = 1;
    fill(2);
    struct peer *a = peer_login();
    peer_do(a, "SELECT INBOX", INBOX(2));
    return a;
}

static void between_commands(void)
{
    struct peer *a = select_inbox();
    for (int i = 0; i < 3; i++) {
        be_silent();
        peer_do(a, "NOOP", "OK ");
    }
    be_silent();
    fill(1);
    be_silent();
    peer_do(a, "STORE 1 +FLAGS (\\Seen)",
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\n* 3 EXISTS$\n* 3 RECENT$\nOK ");
    be_silent();
    expunge_elsewhere("INBOX", 2);
    peer_do(a, "NOOP", "* 2 EXPUNGE$\nOK ");
    be_silent();
    peer_do(a, "CLOSE", "OK ");
    be_silent();
    peer_do(a, "EXAMINE INBOX",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* 0 RECENT$\n* OK [UNSEEN 2] \n"
            "* OK [UIDVALIDITY \n* OK [UIDNEXT \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"
            "OK [READ-ONLY] ");
}
PEER_CASE(between_commands)

static void while_idling(void)
{
    struct peer *a = select_inbox();
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    for (int i = 3; i < 6; i++) {
        be_silent();
        fill(1);
        peer_expect(a, arena_printf(&world.fixture->arena, "* %d EXISTS$\n* %d RECENT$", i, i));
    }
    be_silent();
    flag_elsewhere("INBOX", 4, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_expect(a, "* 4 FETCH (UID 4 FLAGS (\\Flagged \\Recent))$");
    be_silent();
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
}
PEER_CASE(while_idling)

/* A literal whose rest comes late, and no sooner. */
static void in_the_middle_of_a_command(void)
{
    struct peer *a = select_inbox();
    be_silent();
    peer_send(a, "x STO");
    be_silent();
    peer_send(a, "RE {1}\r\n");
    peer_expect(a, "x BAD ");
    be_silent();
    peer_send(a, "y SELECT {5}\r\n");
    peer_expect(a, "+ ");
    be_silent();
    peer_send(a, "INBOX\r\n");
    peer_expect(a, "* OK [CLOSED] \n* FLAGS (");
}
PEER_CASE(in_the_middle_of_a_command)

static void without_a_mailbox(void)
{
    world.context.doze_after = 1;
    struct peer *a = peer_login();
    be_silent();
    peer_do(a, "NOOP", "OK ");
    be_silent();
    fill(2);
    peer_do(a, "SELECT INBOX", INBOX(2));
    be_silent();
    peer_do(a, "LOGOUT", "* BYE goodbye$\nOK ");
}
PEER_CASE(without_a_mailbox)

static void the_mailbox_is_deleted(void)
{
    world.context.doze_after = 1;
    create("Work");
    struct peer *a = peer_login(), *b = peer_login();
    peer_send(a, "x SELECT Work\r\ny NOOP\r\n");
    while (!slice_starts_with(peer_line(a), S("y OK ")))
        continue;
    be_silent();
    change((struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("Work"))});
    create("Work"); /* another one of this name is not the same */
    peer_send(a, "z NOOP\r\n");
    peer_expect(a, "* BYE the selected mailbox was deleted$");
    peer_do(b, "NOOP", "OK ");
}
PEER_CASE(the_mailbox_is_deleted)

/* This would not be noticed with the account in hand. */
static void the_user_is_removed(void)
{
    struct peer *a = select_inbox();
    struct peer *b = peer_login();
    peer_send(b, "x IDLE\r\n");
    peer_expect(b, "+ idling$");
    be_silent();
    assert_ok(directory_user_remove(world.context.store, ALICE, true, NULL));
    peer_send(a, "z NOOP\r\n");
    peer_expect(a, "* BYE [UNAVAILABLE] ");
    peer_send(b, "DONE\r\n");
    peer_expect(b, "* BYE [UNAVAILABLE] ");
}
PEER_CASE(the_user_is_removed)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(between_commands),           peer_test(while_idling),
        peer_test(in_the_middle_of_a_command), peer_test(without_a_mailbox),
        peer_test(the_mailbox_is_deleted),     peer_test(the_user_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
