/* SPDX-License-Identifier: ISC */
/* Watches hear of every commit. */
#include "suite.h"

#include <poll.h>
#include <pthread.h>

struct heard {
    int calls;
    int64_t mailbox_id; /* of the last call; -1: different ones */
    uint64_t modseq;
    struct watched *remove; /* when told */
};

static void hear(void *data, const struct watch_event *event)
{
    struct heard *heard = data;
    heard->mailbox_id = heard->calls && heard->mailbox_id != event->mailbox_id ? -1 : event->mailbox_id;
    heard->modseq = MAX_OF(heard->modseq, event->modseq);
    heard->calls++;
    if (heard->remove) {
        watch_remove(heard->remove);
        heard->remove = NULL;
    }
}

/* Dispatches until the modseq was told. */
static void wait_for(struct watch *watch, struct heard *heard, uint64_t modseq)
{
    while (heard->modseq < modseq) {
        struct pollfd ready = {.fd = watch_fd(watch), .events = POLLIN};
        assert_true(poll(&ready, 1, WATCH_SWEEP_MS) >= 0);
        watch_dispatch(watch);
    }
}

static struct watch *watch_of(struct fixture *fixture)
{
    struct watch *watch = NULL;
    assert_ok(watch_open(fixture->store, &watch));
    return watch;
}

static uint64_t modseq_now(struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    uint64_t modseq = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    return modseq;
}

static void every_commit_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = watch_of(fixture);
    struct heard heard = {0};
    struct watched *watched = watch_add(watch, ALICE, modseq_now(account), hear, &heard);
    append_many(fixture, account, "Sent", 2);
    wait_for(watch, &heard, modseq_now(account));
    assert_true(heard.mailbox_id == 0 || heard.mailbox_id == status_of(account, "Sent").id);
    struct batch_operation operations[] = {
        flags_on(fixture, "Sent", "1", FLAGS_ADD, MESSAGE_SEEN),
        expunge_of(fixture, "Sent", "1"),
        copy_to(fixture, BATCH_COPY, "Sent", "2", "INBOX"),
        operation_on(BATCH_MAILBOX_CREATE, "New"),
        rename_of("New", "Old"),
        operation_on(BATCH_MAILBOX_DELETE, "Old"),
        operation_on(BATCH_SUBSCRIBE, "Sent"),
    };
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        uint64_t before = modseq_now(account);
        run(fixture, account, operations[i]);
        assert_true(modseq_now(account) > before);
        wait_for(watch, &heard, modseq_now(account));
    }
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void what_happened_before_is_told_too(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = watch_of(fixture);
    struct heard heard = {0};
    uint64_t known = modseq_now(account);
    append_many(fixture, account, "INBOX", 1); /* between reading and watching */
    struct watched *watched = watch_add(watch, ALICE, known, hear, &heard);
    append_many(fixture, account, "INBOX", 1);
    wait_for(watch, &heard, modseq_now(account));
    watch_remove(watched);
    watch_close(watch);
    account_close(account);
}

static void only_the_account_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct watch *watch = watch_of(fixture);
    struct heard alice = {0}, bob = {0}, again = {0};
    assert_ok(directory_user_add(fixture->store, S("bob@example.org"), S(""), 0, NULL));
    struct account *account = open_account(fixture, ALICE),
                   *other = open_account(fixture, S("bob@example.org"));
    struct watched *entries[] = {
        watch_add(watch, ALICE, modseq_now(account), hear, &alice),
        watch_add(watch, S("bob@example.org"), modseq_now(other), hear, &bob),
        watch_add(watch, ALICE, modseq_now(account), hear, &again),
    };
    uint64_t before = modseq_now(other);
    append_many(fixture, account, "INBOX", 1);
    wait_for(watch, &alice, modseq_now(account));
    wait_for(watch, &again, modseq_now(account)); /* both of them */
    assert_true(bob.modseq <= before);
    append_many(fixture, other, "INBOX", 1);
    wait_for(watch, &bob, modseq_now(other));
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        watch_remove(entries[i]);
    }
    watch_close(watch);
    account_close(other);
    account_close(account);
}

static void entries_are_removed_from_within(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = watch_of(fixture);
    struct heard first = {0}, second = {0}, third = {0};
    uint64_t known = modseq_now(account);
    struct watched *one = watch_add(watch, ALICE, known, hear, &first);
    struct watched *two = watch_add(watch, ALICE, known, hear, &second);
    struct watched *three = watch_add(watch, ALICE, known, hear, &third);
    first.remove = one;    /* itself */
    second.remove = three; /* another */
    third.remove = two;
    append_many(fixture, account, "INBOX", 1);
    uint64_t now = modseq_now(account);
    wait_for(watch, &first, now);
    while (second.modseq < now && third.modseq < now) {
        struct pollfd ready = {.fd = watch_fd(watch), .events = POLLIN};
        assert_true(poll(&ready, 1, WATCH_SWEEP_MS) >= 0);
        watch_dispatch(watch);
    }
    assert_int_equal((second.calls > 0) + (third.calls > 0), 1); /* who was first removed the other */
    struct heard *left = second.calls ? &second : &third;
    append_many(fixture, account, "INBOX", 1);
    wait_for(watch, left, modseq_now(account));
    assert_int_equal(first.calls, 1);
    watch_remove(second.calls ? two : three);
    watch_close(watch);
    account_close(account);
}

struct writer {
    struct fixture *fixture;
    struct sealed sealed;
    uint64_t modseq;
};

static void *write_many(void *argument)
{
    struct writer *writer = argument;
    struct account *account = open_account(writer->fixture, ALICE);
    for (int i = 0; i < 100; i++) {
        struct batch_operation append = append_to("INBOX", &writer->sealed);
        assert_ok(batch_commit(account, &append, 1, NULL));
        writer->modseq = append.result.modseq;
    }
    account_close(account);
    return NULL;
}

static void commits_of_other_threads_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct watch *watch = watch_of(fixture);
    struct heard heard = {0};
    struct writer writer = {.fixture = fixture, .sealed = seal(fixture, HELLO)};
    pthread_t thread;
    struct watched *watched = watch_add(watch, ALICE, modseq_now(account), hear, &heard);
    assert_int_equal(pthread_create(&thread, NULL, write_many, &writer), 0);
    while (heard.modseq < modseq_now(account) || heard.modseq == 0) {
        struct pollfd ready = {.fd = watch_fd(watch), .events = POLLIN};
        assert_true(poll(&ready, 1, WATCH_SWEEP_MS) >= 0);
        watch_dispatch(watch);
    }
    pthread_join(thread, NULL);
    wait_for(watch, &heard, writer.modseq);
    watch_remove(watched);
    watch_close(watch);
    blob_free(writer.sealed.blob);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(every_commit_is_told),
        conformance_test(what_happened_before_is_told_too),
        conformance_test(only_the_account_is_told),
        conformance_test(entries_are_removed_from_within),
        conformance_test(commits_of_other_threads_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
