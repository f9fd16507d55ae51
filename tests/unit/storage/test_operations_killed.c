/* SPDX-License-Identifier: ISC */
/*
 * Processes that are killed while they copy, move, flag, expunge and rename. Each message has a number in its
 * subject; a number that was promised to be somewhere is there afterwards, and the store finds nothing wrong
 * with itself.
 */
#include "inside.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "storage/care.h"

#define KILLS     24
#define MESSAGES  40
#define INBOX_CUR ALICE_INBOX "/cur"

static const char *const mailboxes[] = {"INBOX", "Archive", "Drafts"};
static const char *const folders[] = {ALICE_INBOX "/cur", ALICE_INBOX "/.Archive/cur",
                                      ALICE_INBOX "/.Drafts/cur"};

/* Moves everything in a circle, so that a message is always in exactly one mailbox, with copies in Sent that
 * come and go. */
static void work_until_killed(const char *directory, int acknowledge, bool in_background)
{
    struct store *store = NULL;
    struct account *account = NULL;
    struct slice keyword = S("$Work");
    if (store_open(directory, "mx", &store, NULL) || account_open(store, ALICE, &account)) {
        _exit(1);
    }
    if (in_background && store_maintenance_start(store)) {
        _exit(3);
    }
    for (unsigned round = 0;; round++) {
        const char *from = mailboxes[round % 3], *to = mailboxes[(round + 1) % 3];
        struct batch_operation operations[] = {
            copy_to(from, "Sent", uid_set_all),
            store_flags(from, uid_set_all, round % 2 ? FLAGS_ADD : FLAGS_REMOVE, MESSAGE_SEEN),
            move_to(from, to, uid_set_all),
            expunge_from("Sent", uid_set_all),
        };
        operations[1].flags.keywords = &keyword;
        operations[1].flags.keyword_count = 1;
        if (batch_commit(account, operations, 3, NULL) || batch_commit(account, operations + 3, 1, NULL) ||
            letters_run(account, 0, NULL) || write(acknowledge, &round, sizeof(round)) != sizeof(round)) {
            _exit(2);
        }
    }
}

static void kill_once(struct fixture *fixture, bool in_background)
{
    int ends[2], status = 0;
    unsigned round = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        work_until_killed(fixture->directory, ends[1], in_background);
    }
    assert_true(read(ends[0], &round, sizeof(round)) == sizeof(round));
    struct timespec pause = {.tv_nsec = 1000000 + rand() % 80000000};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(ends[0]);
    close(ends[1]);
}

static void complain(void *data, const char *text)
{
    (void)data;
    print_error("check: %s\n", text);
}

static void check_all(struct fixture *fixture)
{
    struct account *account = open_account(fixture, ALICE);
    unsigned seen[MESSAGES + 1] = {0};
    struct check_report report = {0};
    for (size_t i = 0; i < ARRAY_LEN(mailboxes); i++) {
        struct message_row *rows = NULL;
        size_t count = 0;
        int64_t id = status_of(account, mailboxes[i]).id;
        assert_ok(mailbox_scan(account, id, &rows, &count));
        for (size_t n = 0; n < count; n++) {
            unsigned number = 0;
            struct slice text = read_message(fixture, account, id, rows[n].uid);
            assert_int_equal(sscanf(arena_cstr(&fixture->arena, text), "Subject: %u", &number), 1);
            assert_in_range(number, 1, MESSAGES);
            seen[number]++;
        }
        mem_free(rows);
        check_consistent(fixture, account, mailboxes[i], folders[i]);
    }
    check_consistent(fixture, account, "Sent", ALICE_INBOX "/.Sent/cur");
    for (unsigned number = 1; number <= MESSAGES; number++) {
        assert_int_equal(seen[number], 1);
    }
    assert_ok(account_check(account, &(struct check){.read_bodies = true, .problem = complain}, &report));
    assert_int_equal(report.problems, 0);
    account_close(account);
}

static void nothing_is_lost_or_doubled(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (unsigned number = 1; number <= MESSAGES; number++) {
        append_text(fixture, account, "INBOX",
                    slice_from(arena_printf(&fixture->arena, "Subject: %u\r\n\r\nbody\r\n", number)));
    }
    account_close(account);
    srand((unsigned)getpid());
    for (int i = 0; i < KILLS; i++) {
        store_close(fixture->store);
        kill_once(fixture, i % 2 != 0);
        open_store(fixture);
        check_all(fixture);
    }
    /* And so after the loss of the index. */
    account = open_account(fixture, ALICE);
    assert_ok(letters_run(account, 0, NULL));
    account_close(account);
    lose_index(fixture);
    check_all(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost_or_doubled, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
