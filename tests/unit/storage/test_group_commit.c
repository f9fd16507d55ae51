/* SPDX-License-Identifier: ISC */
/* Many writers on one account: threads that share commits, processes that meet at the lock file, failures in
 * between. */
#include "fixture.h"

#include <pthread.h>
#include <sys/wait.h>

#define INBOX_CUR ALICE_INBOX "/cur"
#define THREADS   16
#define EACH      25
#define PROCESSES 8

struct writer {
    pthread_t thread;
    struct fixture *fixture;
    int number;
    enum err err;
    unsigned refused;
    uint32_t uids[EACH];
};

/* Every third batch of the odd writers fails: it must not take the batches along that share its commit. */
static enum err write_one(struct writer *writer, struct account *account, struct arena *arena, int i)
{
    struct sealed sealed;
    const char *text = arena_printf(arena, "Subject: %d/%d\r\n\r\n", writer->number, i);
    enum err err = try_seal(writer->fixture->store, arena, slice_from(text), &sealed);
    if (err) {
        return err;
    }
    struct batch_operation operations[] = {append_to("INBOX", &sealed),
                                           append_to("No such mailbox", &sealed)};
    if (writer->number % 2 && i % 3 == 0) {
        writer->refused += batch_commit(account, operations, 2, NULL) == ERR_NOT_FOUND;
    }
    err = batch_commit(account, operations, 1, NULL);
    writer->uids[i] = operations[0].result.uid;
    blob_free(sealed.blob);
    return err;
}

static void *write_all(void *argument)
{
    struct writer *writer = argument;
    struct account *account = NULL;
    struct arena arena = {0};
    writer->err = account_open(writer->fixture->store, ALICE, &account);
    for (int i = 0; i < EACH && !writer->err; i++) {
        writer->err = write_one(writer, account, &arena, i);
        arena_reset(&arena);
    }
    account_close(account);
    arena_free(&arena);
    return NULL;
}

static void threads_share_commits(void **state)
{
    struct fixture *fixture = *state;
    struct writer writers[THREADS] = {0};
    bool taken[THREADS * EACH + 2] = {0};
    unsigned expected = 0, refused = 0;
    for (int i = 0; i < THREADS; i++) {
        writers[i].fixture = fixture;
        writers[i].number = i;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_ok(writers[i].err);
        refused += writers[i].refused;
        for (int j = 0; j < EACH; j++) {
            expected += i % 2 && j % 3 == 0;
            assert_in_range(writers[i].uids[j], 1, THREADS * EACH);
            assert_false(taken[writers[i].uids[j]]);
            assert_true(j == 0 || writers[i].uids[j] > writers[i].uids[j - 1]);
            taken[writers[i].uids[j]] = true;
        }
    }
    assert_int_equal(refused, expected);
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, THREADS * EACH);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(count_spool(fixture), 0);
    account_close(account);
}

static int write_in_process(const char *directory, int number)
{
    struct fixture fixture = {0};
    struct writer writer = {.fixture = &fixture, .number = number};
    if (store_open(directory, "mx", &fixture.store, NULL)) {
        return 1;
    }
    write_all(&writer);
    store_close(fixture.store);
    return writer.err ? 2 : 0;
}

static void processes_append_to_one_account(void **state)
{
    struct fixture *fixture = *state;
    pid_t children[PROCESSES];
    store_close(fixture->store);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(write_in_process(fixture->directory, i));
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    open_store(fixture);
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, PROCESSES * EACH);
    assert_int_equal(status_of(account, "INBOX").uidnext, PROCESSES * EACH + 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

/* One thread removes what the others bring, while a third reads. */
static void *expunge_all(void *argument)
{
    struct writer *writer = argument;
    struct account *account = NULL;
    unsigned removed = 0;
    writer->err = account_open(writer->fixture->store, ALICE, &account);
    while (!writer->err && removed < EACH * 4) {
        struct message_row *rows = NULL;
        size_t count = 0;
        writer->err = mailbox_scan(account, 1, &rows, &count);
        for (size_t i = 0; i < count && !writer->err; i++) {
            struct batch_operation expunge = {
                .kind = BATCH_EXPUNGE,
                .mailbox = mailbox_named(S("INBOX")),
                .expunge = {.uids = {&(struct uid_range){rows[i].uid, rows[i].uid}, 1}}};
            writer->err = batch_commit(account, &expunge, 1, NULL);
            removed += (unsigned)expunge.result.affected;
        }
        mem_free(rows);
    }
    account_close(account);
    return NULL;
}

static void appends_and_expunges_mix(void **state)
{
    struct fixture *fixture = *state;
    struct writer writers[4] = {0}, remover = {.fixture = fixture};
    for (int i = 0; i < 4; i++) {
        writers[i].fixture = fixture;
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_all, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&remover.thread, NULL, expunge_all, &remover), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_ok(writers[i].err);
    }
    pthread_join(remover.thread, NULL);
    assert_ok(remover.err);
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_int_equal(status_of(account, "INBOX").bytes, 0);
    assert_int_equal(count_files(fixture, INBOX_CUR), 0);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_share_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_append_to_one_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(appends_and_expunges_mix, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
