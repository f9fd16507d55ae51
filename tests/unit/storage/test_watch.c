/* SPDX-License-Identifier: ISC */
/* Hearing of changes across processes: datagrams, queues that are full, datagrams that were lost, sockets of
 * the dead. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "notify.h"
#include "watch_private.h"

#define PATIENCE_MS 20000

/* What the callback was told. */
struct heard {
    struct watch_event last;
    uint64_t highest;
    unsigned count;
    struct watched *remove; /* to be removed by the callback */
    int64_t when_ns;
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void hear(void *data, const struct watch_event *event)
{
    struct heard *heard = data;
    heard->last = *event;
    heard->highest = MAX_OF(heard->highest, event->modseq);
    heard->count++;
    heard->when_ns = now_ns();
    if (heard->remove) {
        watch_remove(heard->remove);
        heard->remove = NULL;
    }
}

/* Dispatches, as a loop would, until the modseq was heard. */
static void wait_for(struct watch *watch, const struct heard *heard, uint64_t modseq)
{
    int64_t end = now_ns() + (int64_t)PATIENCE_MS * 1000000;
    while (heard->highest < modseq && now_ns() < end) {
        struct pollfd ready = {.fd = watch_fd(watch), .events = POLLIN};
        poll(&ready, 1, 10);
        watch_dispatch(watch);
    }
    assert_true(heard->highest >= modseq);
}

static uint64_t modseq_of(struct account *account)
{
    struct mailbox_entry *list;
    size_t count;
    uint64_t modseq = 0;
    struct arena arena = {0};
    assert_ok(mailbox_list(account, &arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        modseq = MAX_OF(modseq, list[i].status.highestmodseq);
    }
    arena_free(&arena);
    return modseq;
}

/* Nothing urgent is left of opening. */
static void settle(struct watch *watch, struct heard *heard)
{
    watch_dispatch(watch);
    *heard = (struct heard){0};
}

static struct watch *open_watch(struct fixture *fixture)
{
    struct watch *watch = NULL;
    assert_ok(watch_open(fixture->store, &watch));
    return watch;
}

/* A process with a store of its own appends `count` messages to Alice's INBOX. */
static pid_t start_writer(struct fixture *fixture, unsigned count)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store = NULL;
        struct account *account = NULL;
        struct arena arena = {0};
        struct sealed sealed;
        int code = store_open(fixture->directory, "other.example.org", &store, NULL) ||
                   account_open(store, ALICE, &account) || try_seal(store, &arena, HELLO, &sealed);
        for (unsigned i = 0; i < count && !code; i++) {
            struct batch_operation append = append_to("INBOX", &sealed);
            code = batch_commit(account, &append, 1, NULL) != ERR_OK;
        }
        _exit(code);
    }
    assert_true(pid > 0);
    return pid;
}

static void finish(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void own_commits_are_heard(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    struct watched *watched = watch_add(watch, ALICE, modseq_of(account), hear, &heard);
    settle(watch, &heard);
    append_text(fixture, account, "Drafts", HELLO);
    struct pollfd ready = {.fd = watch_fd(watch), .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 0), 1);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.modseq, modseq_of(account));
    assert_int_equal(heard.last.mailbox_id, status_of(account, "Drafts").id);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 1);
    watch_remove(watched);
    append_text(fixture, account, "Drafts", HELLO);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 1);
    watch_close(watch);
    account_close(account);
}

static void hints_of_one_dispatch_are_merged(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    struct watched *watched = watch_add(watch, ALICE, modseq_of(account), hear, &heard);
    settle(watch, &heard);
    append_text(fixture, account, "Drafts", HELLO);
    append_text(fixture, account, "Sent", HELLO);
    append_text(fixture, account, "Drafts", HELLO);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.mailbox_id, 0);
    assert_int_equal(heard.last.modseq, modseq_of(account));
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void commits_of_another_process_are_heard(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    uint64_t before = modseq_of(account);
    struct watched *watched = watch_add(watch, ALICE, before, hear, &heard);
    settle(watch, &heard);
    pid_t writer = start_writer(fixture, 1);
    wait_for(watch, &heard, before + 1);
    finish(writer);
    assert_int_equal(heard.last.mailbox_id, 1);
    assert_int_equal(heard.last.modseq, modseq_of(account));
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

/* The queue of a socket holds ten: most of these find it full. */
static void thousand_commits_overflow_a_sleeper_who_still_ends_at_the_right_place(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    struct watched *watched = watch_add(watch, ALICE, modseq_of(account), hear, &heard);
    settle(watch, &heard);
    finish(start_writer(fixture, 1000));
    uint64_t modseq = modseq_of(account);
    wait_for(watch, &heard, modseq);
    assert_int_equal(heard.last.modseq, modseq);
    assert_true(heard.count < 50);
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void lost_datagram_is_made_good_by_the_sweep(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    struct notice notice;
    struct watched *watched = watch_add(watch, ALICE, modseq_of(account), hear, &heard);
    settle(watch, &heard);
    append_text(fixture, account, "INBOX", HELLO);
    assert_int_equal(recv(watch_fd(watch), &notice, sizeof(notice), 0), sizeof(notice));
    assert_int_equal(notice.modseq, modseq_of(account));
    watch_dispatch(watch);
    assert_int_equal(heard.count, 0);
    watch_set_sweep(watch, 20);
    wait_for(watch, &heard, notice.modseq);
    assert_int_equal(heard.count, 1);
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

/* Other programs put their mail into new/, and the account need not be open for that to be noticed. */
static void mail_of_another_program_is_told_of(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    append_text(fixture, account, "INBOX", HELLO);
    uint64_t modseq = modseq_of(account);
    struct watched *watched = watch_add(watch, ALICE, modseq, hear, &heard);
    account_close(account);
    settle(watch, &heard);
    watch_set_sweep(watch, 1);
    usleep(5000);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 0);
    int fd = open(path_of(fixture, ALICE_INBOX "/new/1.dropped"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "Subject: x\r\n\r\n", 14), 14);
    close(fd);
    wait_for(watch, &heard, modseq);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.mailbox_id, 0);
    account = open_account(fixture, ALICE);
    assert_ok(mailbox_refresh(account, 0));
    wait_for(watch, &heard, modseq_of(account)); /* what he knows was not put up by that */
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void change_between_reading_and_watching_is_heard(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    uint64_t before = modseq_of(account);
    append_text(fixture, account, "INBOX", HELLO);
    watch_dispatch(watch);
    struct watched *watched = watch_add(watch, ALICE, before, hear, &heard);
    watch_dispatch(watch);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.last.modseq, modseq_of(account));
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void watches_may_be_removed_within_callbacks(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard[3] = {{.count = 0}};
    struct watched *watched[3];
    for (size_t i = 0; i < ARRAY_LEN(watched); i++) {
        watched[i] = watch_add(watch, ALICE, modseq_of(account), hear, &heard[i]);
    }
    watch_dispatch(watch);
    heard[0].remove = watched[1]; /* the next one */
    heard[2].remove = watched[2]; /* itself */
    append_text(fixture, account, "INBOX", HELLO);
    watch_dispatch(watch);
    assert_int_equal(heard[0].count, 1);
    assert_int_equal(heard[1].count, 0);
    assert_int_equal(heard[2].count, 1);
    heard[0].remove = watched[0]; /* the last of the account */
    append_text(fixture, account, "INBOX", HELLO);
    watch_dispatch(watch);
    assert_int_equal(heard[0].count, 2);
    assert_int_equal(heard[2].count, 1);
    watch_close(watch);
    account_close(account);
}

static void only_the_account_that_changed_is_told(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(directory_user_add(fixture->store, S("bob@example.org"), S("Bob"), 0, NULL));
    struct account *alice = open_account(fixture, ALICE), *bob = open_account(fixture, S("bob@example.org"));
    struct watch *watch = open_watch(fixture);
    struct heard of_alice = {0}, of_bob = {0};
    struct watched *first = watch_add(watch, ALICE, modseq_of(alice), hear, &of_alice);
    struct watched *second = watch_add(watch, S("bob@example.org"), modseq_of(bob), hear, &of_bob);
    settle(watch, &of_alice);
    of_bob = (struct heard){0};
    append_text(fixture, bob, "INBOX", HELLO);
    watch_dispatch(watch);
    assert_int_equal(of_alice.count, 0);
    assert_int_equal(of_bob.count, 1);
    watch_remove(first);
    watch_remove(second);
    watch_close(watch);
    account_close(alice);
    account_close(bob);
}

static void socket_of_a_dead_process_is_removed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store;
        struct watch *watch;
        _exit(store_open(fixture->directory, "other.example.org", &store, NULL) || watch_open(store, &watch));
    }
    finish(pid);
    assert_int_equal(count_files(fixture, "notify"), 2);
    append_text(fixture, account, "INBOX", HELLO);
    assert_int_equal(count_files(fixture, "notify"), 0);
    append_text(fixture, account, "INBOX", HELLO);
    struct watch *watch = open_watch(fixture);
    assert_int_equal(count_files(fixture, "notify"), 2);
    watch_close(watch);
    assert_int_equal(count_files(fixture, "notify"), 0);
    account_close(account);
}

/* Figures, not promises. */
static void latency_and_cost(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = open_watch(fixture);
    struct heard heard = {0};
    int64_t total = 0;
    uint64_t before = modseq_of(account);
    struct watched *watched = watch_add(watch, ALICE, before, hear, &heard);
    settle(watch, &heard);
    for (unsigned i = 0; i < 100; i++) {
        int64_t start = now_ns();
        notify_commit(account, before + 1 + i, 1);
        wait_for(watch, &heard, before + 1 + i);
        total += heard.when_ns - start;
    }
    print_message("a commit is heard after %.1f us\n", (double)total / 100 / 1000);
    watch_remove(watched);
    watch_close(watch);
    nanosleep(&(struct timespec){0, 120000000}, NULL); /* the folder's time has settled */
    notify_commit(account, before, 1);
    int64_t start = now_ns();
    for (unsigned i = 0; i < 1000; i++) {
        notify_commit(account, before, 1);
    }
    print_message("telling nobody takes %.2f us\n", (double)(now_ns() - start) / 1000 / 1000);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(own_commits_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hints_of_one_dispatch_are_merged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(commits_of_another_process_are_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thousand_commits_overflow_a_sleeper_who_still_ends_at_the_right_place,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_datagram_is_made_good_by_the_sweep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mail_of_another_program_is_told_of, set_up, tear_down),
        cmocka_unit_test_setup_teardown(change_between_reading_and_watching_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(watches_may_be_removed_within_callbacks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_the_account_that_changed_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(socket_of_a_dead_process_is_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(latency_and_cost, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
