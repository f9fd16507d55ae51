/* SPDX-License-Identifier: ISC */
/* Many threads on one account: quotas hold, failures stay with their batch, MODSEQs follow the commits. */
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 8
#define ROUNDS  25

struct worker {
    struct fixture *fixture;
    const struct sealed *sealed;
    int number;
    atomic_uint *good, *refused;
    uint64_t modseqs[ROUNDS]; /* of the commits that went well */
    uint32_t uids[ROUNDS];
    size_t count;
};

/* Runs `work` in all threads at once. */
static void run_all(struct fixture *fixture, struct worker *workers, void *(*work)(void *))
{
    static atomic_uint good, refused;
    struct sealed sealed = seal(fixture, HELLO);
    pthread_t threads[THREADS];
    atomic_store(&good, 0);
    atomic_store(&refused, 0);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .fixture = fixture, .sealed = &sealed, .number = i, .good = &good, .refused = &refused};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    blob_free(sealed.blob);
}

/* Outside of cmocka's assertions, which are for one thread. */
static void require(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "in a thread: %s\n", what);
        abort();
    }
}

static struct account *own_handle(struct worker *worker)
{
    struct account *account = NULL;
    require(!account_open(worker->fixture->store, ALICE, &account), "open");
    return account;
}

static void note(struct worker *worker, enum err err, const struct batch_result *result)
{
    require(!err || err == ERR_OVER_QUOTA, err_text(err));
    atomic_fetch_add(err ? worker->refused : worker->good, 1);
    if (!err) {
        worker->modseqs[worker->count] = result->modseq;
        worker->uids[worker->count++] = result->uid;
    }
}

static void *append_some(void *argument)
{
    struct worker *worker = argument;
    struct account *account = own_handle(worker);
    for (int i = 0; i < ROUNDS; i++) {
        struct batch_operation append = append_to("INBOX", worker->sealed);
        note(worker, batch_commit(account, &append, 1, NULL), &append.result);
    }
    account_close(account);
    return NULL;
}

/* Copies and appends race for the same room. */
static void *copy_some(void *argument)
{
    struct worker *worker = argument;
    struct account *account = own_handle(worker);
    struct uid_range first = {1, 1};
    for (int i = 0; i < ROUNDS; i++) {
        struct batch_operation operation = append_to("INBOX", worker->sealed);
        if ((worker->number + i) % 2) {
            operation = operation_on(BATCH_COPY, "INBOX");
            operation.copy = (struct batch_copy){.uids = {&first, 1}, .target = named("Sent")};
        }
        note(worker, batch_commit(account, &operation, 1, NULL), &operation.result);
    }
    account_close(account);
    return NULL;
}

static void race_for_quota(struct fixture *fixture, void *(*work)(void *), struct batch_quota limits,
                           uint64_t fits)
{
    struct account *account = open_account(fixture, ALICE);
    struct worker workers[THREADS];
    struct batch_operation quota = {.kind = BATCH_QUOTA_SET, .quota = limits};
    append_many(fixture, account, "INBOX", 1);
    run(fixture, account, quota);
    run_all(fixture, workers, work);
    assert_int_equal(atomic_load(workers[0].good), fits - 1);
    assert_int_equal(atomic_load(workers[0].refused), THREADS * ROUNDS - (fits - 1));
    assert_int_equal(quota_of(account).messages, fits);
    account_close(account);
}

static void bytes_of_the_quota_are_given_once(void **state)
{
    race_for_quota(*state, append_some, (struct batch_quota){.limit_bytes = 57 * HELLO.len + 1}, 57);
}

static void messages_of_the_quota_are_given_once(void **state)
{
    race_for_quota(*state, append_some, (struct batch_quota){.limit_messages = 43}, 43);
}

static void copies_race_for_the_quota_too(void **state)
{
    race_for_quota(*state, copy_some, (struct batch_quota){.limit_bytes = 100 * HELLO.len}, 100);
}

/* The second operation fails in every other batch, which is to hurt none of those that share its commit. */
static void *fail_every_other(void *argument)
{
    struct worker *worker = argument;
    struct account *account = own_handle(worker);
    for (int i = 0; i < ROUNDS; i++) {
        bool fails = (worker->number + i) % 2;
        struct batch_operation operations[] = {append_to("INBOX", worker->sealed),
                                               append_to(fails ? "None" : "Sent", worker->sealed)};
        enum err err = batch_commit(account, operations, 2, NULL);
        require(err == (fails ? ERR_NOT_FOUND : ERR_OK), err_text(err));
        if (!err) {
            note(worker, ERR_OK, &operations[0].result);
        }
    }
    account_close(account);
    return NULL;
}

static int compare_uids(const void *a, const void *b)
{
    return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : *(const uint32_t *)a > *(const uint32_t *)b;
}

/* No UID twice and none left out: a batch that failed used none up. */
static void check_uids(const struct worker *workers, uint32_t first)
{
    uint32_t uids[THREADS * ROUNDS];
    size_t count = 0;
    for (int i = 0; i < THREADS; i++) {
        memcpy(&uids[count], workers[i].uids, workers[i].count * sizeof(*uids));
        count += workers[i].count;
    }
    qsort(uids, count, sizeof(*uids), compare_uids);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(uids[i], first + i);
    }
}

static void a_failure_stays_with_its_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct worker workers[THREADS];
    run_all(fixture, workers, fail_every_other);
    assert_int_equal(status_of(account, "INBOX").messages, THREADS * ROUNDS / 2);
    assert_int_equal(status_of(account, "Sent").messages, THREADS * ROUNDS / 2);
    assert_int_equal(status_of(account, "INBOX").uidnext, THREADS * ROUNDS / 2 + 1);
    check_uids(workers, 1);
    account_close(account);
}

static int compare_modseqs(const void *a, const void *b)
{
    return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : *(const uint64_t *)a > *(const uint64_t *)b;
}

/* Each commit has a MODSEQ of its own; a thread's own rise; later UIDs have higher ones. */
static void modseqs_follow_the_commits(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct worker workers[THREADS];
    uint64_t all[THREADS * ROUNDS];
    run_all(fixture, workers, append_some);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < ROUNDS; j++) {
            assert_true(j == 0 || workers[i].modseqs[j] > workers[i].modseqs[j - 1]);
            all[i * ROUNDS + j] = workers[i].modseqs[j];
        }
    }
    qsort(all, ARRAY_LEN(all), sizeof(all[0]), compare_modseqs);
    for (size_t i = 1; i < ARRAY_LEN(all); i++) {
        assert_true(all[i] > all[i - 1]);
    }
    check_uids(workers, 1);
    for (uint32_t uid = 2; uid <= THREADS * ROUNDS; uid += 17) {
        assert_true(modseq_of(account, "INBOX", uid) > modseq_of(account, "INBOX", uid - 1));
    }
    account_close(account);
}

/* Claims of one mailbox by many sessions: every message is recent for one of them. */
static void *claim_some(void *argument)
{
    struct worker *worker = argument;
    struct account *account = own_handle(worker);
    for (int i = 0; i < ROUNDS; i++) {
        struct batch_operation both[] = {append_to("INBOX", worker->sealed),
                                         operation_on(BATCH_CLAIM_RECENT, "INBOX")};
        require(!batch_commit(account, both, 2, NULL), "claim");
        require(both[1].result.uid == both[0].result.uid, "somebody else's message was claimed");
    }
    account_close(account);
    return NULL;
}

static void recent_messages_are_claimed_by_one(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct worker workers[THREADS];
    run_all(fixture, workers, claim_some);
    assert_int_equal(status_of(account, "INBOX").first_recent, THREADS * ROUNDS + 1);
    account_close(account);
}

/* Each name is made by one of those who try. */
static void *create_some(void *argument)
{
    struct worker *worker = argument;
    struct account *account = own_handle(worker);
    for (int i = 0; i < ROUNDS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "box/%d", i);
        struct batch_operation operation = operation_on(BATCH_MAILBOX_CREATE, name);
        enum err err = batch_commit(account, &operation, 1, NULL);
        require(!err || err == ERR_EXISTS, err_text(err));
        atomic_fetch_add(err ? worker->refused : worker->good, 1);
    }
    account_close(account);
    return NULL;
}

static void a_name_is_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[THREADS];
    run_all(fixture, workers, create_some);
    assert_int_equal(atomic_load(workers[0].good), ROUNDS);
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_entry *list;
    size_t count;
    assert_ok(mailbox_list(account, &fixture->arena, &list, &count));
    assert_int_equal(count, 6 + 1 + ROUNDS);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(bytes_of_the_quota_are_given_once),
        conformance_test(messages_of_the_quota_are_given_once),
        conformance_test(copies_race_for_the_quota_too),
        conformance_test(a_failure_stays_with_its_batch),
        conformance_test(modseqs_follow_the_commits),
        conformance_test(recent_messages_are_claimed_by_one),
        conformance_test(a_name_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
