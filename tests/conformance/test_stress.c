/* SPDX-License-Identifier: ISC */
/*
 * 64 writers and 16 readers on one account for STRESS_SECONDS (5): in 8 processes, or, for a store that lives
 * in one, in as many threads. Nobody is to see an error that his operation does not give by itself, no UID
 * and no MODSEQ is to be given twice, and every page that a reader sees is to add up.
 *
 * What the processes know together stands in shared memory; the parent looks at it at the end.
 */
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "storage/care.h"

#define PROCESSES 8
#define WRITERS   8 /* in each */
#define READERS   2

/* Readers rest as long between their reads, or they would take all processors from the writers; some of them
 * with a snapshot open, which is to hinder nobody. */
#define READER_REST_US 5000

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- what all know --- */

/* A set of numbers that are not 0, for many writers: open addressing. */
#define SLOT_BITS 24
#define SLOTS     ((size_t)1 << SLOT_BITS)
struct number_set {
    _Atomic uint64_t slots[SLOTS];
};

struct knowledge {
    atomic_bool failed;
    char failure[512]; /* the first */
    atomic_ullong commits, appends, changed, refused, reads, pages, opened, worst_us, waited_us;
    struct number_set uids;    /* mailbox << 32 | uid */
    struct number_set modseqs; /* of every commit */
};

static void fail_with(struct knowledge *known, const char *format, ...) PRINTF_LIKE(2, 3);
static void fail_with(struct knowledge *known, const char *format, ...)
{
    if (!atomic_exchange(&known->failed, true)) {
        va_list args;
        va_start(args, format);
        vsnprintf(known->failure, sizeof(known->failure), format, args);
        va_end(args);
    }
}

/* False when it was there. The set is never to be full (has_room). */
static bool add_number(struct number_set *set, uint64_t number)
{
    size_t slot = (size_t)((number * 0x9E3779B97F4A7C15ull) >> (64 - SLOT_BITS));
    for (;; slot = (slot + 1) % SLOTS) {
        uint64_t there = 0;
        if (atomic_compare_exchange_strong(&set->slots[slot], &there, number)) {
            return true;
        }
        if (there == number) {
            return false;
        }
    }
}

static void raise_to(atomic_ullong *value, unsigned long long to)
{
    unsigned long long now = atomic_load(value);
    while (now < to && !atomic_compare_exchange_weak(value, &now, to)) {}
}

struct worker {
    struct knowledge *known;
    struct store *store;
    struct account *account;
    int64_t end_us;
    uint64_t random;
    struct arena arena; /* of one round */
    struct arena texts; /* of the blob */
    struct sealed sealed;
    size_t blob_uses;
    uint64_t modseq; /* the last that it saw */
};

static size_t below(struct worker *worker, size_t n)
{
    worker->random ^= worker->random << 13;
    worker->random ^= worker->random >> 7;
    worker->random ^= worker->random << 17;
    return (size_t)(worker->random >> 11) % n;
}

/* --- writing --- */

/* These stay; those below "r" are made, renamed and deleted all the time. */
static const char *const fixed[] = {"INBOX", "m0", "m1", "m2", "m3"};

static const char *any_mailbox(struct worker *worker, bool *stays_r)
{
    *stays_r = below(worker, 3) > 0;
    return *stays_r ? fixed[below(worker, ARRAY_LEN(fixed))]
                    : arena_printf(&worker->arena, "r%zu", below(worker, 6));
}

static const char *passing_mailbox(struct worker *worker)
{
    return below(worker, 2) ? arena_printf(&worker->arena, "r%zu", below(worker, 6))
                            : arena_printf(&worker->arena, "r%zu/s%zu", below(worker, 6), below(worker, 2));
}

static bool new_blob(struct worker *worker)
{
    blob_free(worker->sealed.blob);
    arena_reset(&worker->texts);
    worker->sealed = (struct sealed){0};
    worker->blob_uses = 0;
    const char *text =
        arena_printf(&worker->texts, "Subject: %zu\r\nMessage-ID: <%zx@x>\r\n\r\n%0*d\r\n",
                     below(worker, 1000), below(worker, SIZE_MAX), (int)below(worker, 3000), 7);
    enum err err = try_seal(worker->store, &worker->texts, slice_from(text), &worker->sealed);
    if (err) {
        fail_with(worker->known, "seal: %s", err_text(err));
    }
    return !err;
}

/* Some UIDs of what is there; near the end, where the others work too. */
static struct uid_set some_uids(struct worker *worker, const char *mailbox, bool old)
{
    struct mailbox_status status;
    struct uid_set_writer writer = {0};
    if (mailbox_status(worker->account, slice_from(mailbox), &status)) {
        status.uidnext = 10;
    }
    uint32_t end = status.uidnext;
    uint32_t first = end > 60 ? end - 60 + (uint32_t)below(worker, 50) : 1 + (uint32_t)below(worker, end);
    uint32_t last = first + (uint32_t)below(worker, 5);
    if (old) { /* all but the newest */
        first = 1;
        last = end > 40 ? end - 40 : 1;
    }
    uid_set_add_range(&writer, (struct uid_range){first, last});
    return uid_set_take(&writer, &worker->arena);
}

/* What the operation may answer: ERR_NOT_FOUND and ERR_EXISTS when others make and remove its mailboxes. */
struct plan {
    struct batch_operation operation;
    bool may_miss;
};

static bool plan_append(struct worker *worker, struct plan *plan)
{
    bool stays;
    const char *mailbox = any_mailbox(worker, &stays);
    if ((!worker->sealed.blob || ++worker->blob_uses > 8) && !new_blob(worker)) {
        return false;
    }
    plan->operation = append_to(mailbox, &worker->sealed);
    plan->operation.append.flags = (uint32_t)below(worker, 4);
    plan->may_miss = !stays;
    return true;
}

static void plan_copy(struct worker *worker, struct plan *plan, enum batch_kind kind)
{
    bool from_stays, to_stays;
    const char *from = any_mailbox(worker, &from_stays), *to = any_mailbox(worker, &to_stays);
    plan->operation = operation_on(kind, from);
    plan->operation.copy.target = named(to);
    plan->operation.copy.uids = some_uids(worker, from, false);
    plan->may_miss = !from_stays || !to_stays;
}

static void plan_flags(struct worker *worker, struct plan *plan)
{
    static const struct slice word = {"$Forwarded", 10};
    bool stays;
    const char *mailbox = any_mailbox(worker, &stays);
    plan->operation = operation_on(BATCH_FLAGS, mailbox);
    struct batch_flags *flags = &plan->operation.flags;
    flags->uids = some_uids(worker, mailbox, false);
    flags->change = (enum batch_flag_change)below(worker, 3);
    flags->flags = (uint32_t)below(worker, 32);
    flags->keywords = &word;
    flags->keyword_count = below(worker, 2);
    flags->unchanged_since = below(worker, 4) ? 0 : worker->modseq;
    plan->may_miss = !stays;
}

static void plan_expunge(struct worker *worker, struct plan *plan)
{
    bool stays;
    const char *mailbox = any_mailbox(worker, &stays);
    plan->operation = operation_on(BATCH_EXPUNGE, mailbox);
    plan->operation.expunge.uids = some_uids(worker, mailbox, below(worker, 3) == 0);
    plan->may_miss = !stays;
}

static void plan_mailbox(struct worker *worker, struct plan *plan)
{
    size_t chance = below(worker, 10);
    const char *name = passing_mailbox(worker);
    plan->may_miss = true;
    if (chance < 4) {
        plan->operation = operation_on(BATCH_MAILBOX_CREATE, name);
    } else if (chance < 7) {
        plan->operation = rename_of(name, arena_printf(&worker->arena, "r%zu", below(worker, 6)));
    } else if (chance < 9) {
        plan->operation = operation_on(BATCH_MAILBOX_DELETE, name);
    } else {
        plan->operation = operation_on(BATCH_SUBSCRIBE, name);
        plan->operation.subscribe.subscribed = below(worker, 2);
    }
}

static bool make_plan(struct worker *worker, struct plan *plan)
{
    size_t chance = below(worker, 100);
    *plan = (struct plan){.may_miss = false};
    if (chance < 45) {
        return plan_append(worker, plan);
    }
    if (chance < 60) {
        plan_flags(worker, plan);
    } else if (chance < 70) {
        plan_copy(worker, plan, BATCH_COPY);
    } else if (chance < 80) {
        plan_copy(worker, plan, BATCH_MOVE);
    } else if (chance < 92) {
        plan_expunge(worker, plan);
    } else {
        plan_mailbox(worker, plan);
    }
    return true;
}

static bool error_is_fine(const struct plan *plan, enum err err)
{
    bool tree = plan->operation.kind == BATCH_MAILBOX_CREATE || plan->operation.kind == BATCH_MAILBOX_RENAME;
    return (plan->may_miss && err == ERR_NOT_FOUND) ||
           (tree && (err == ERR_EXISTS || err == ERR_SYNTAX)); /* a rename into itself */
}

static bool gives_uids(enum batch_kind kind)
{
    return kind == BATCH_APPEND || kind == BATCH_COPY || kind == BATCH_MOVE;
}

static void note_commit(struct worker *worker, const struct batch_operation *operation)
{
    struct knowledge *known = worker->known;
    const struct batch_result *result = &operation->result;
    atomic_fetch_add(&known->commits, 1);
    for (size_t i = 0; gives_uids(operation->kind) && i < result->affected; i++) {
        atomic_fetch_add(&known->appends, 1);
        if (!add_number(&known->uids, (uint64_t)result->mailbox_id << 32 | (result->uid + i))) {
            fail_with(known, "mailbox %lld gave UID %zu twice", (long long)result->mailbox_id,
                      result->uid + i);
        }
    }
    if (result->modseq == 0) { /* nothing changed */
        return;
    }
    atomic_fetch_add(&known->changed, 1);
    if (result->modseq <= worker->modseq) {
        fail_with(known, "MODSEQ %llu came after %llu", (unsigned long long)result->modseq,
                  (unsigned long long)worker->modseq);
    }
    worker->modseq = result->modseq;
    if (!add_number(&known->modseqs, result->modseq)) {
        fail_with(known, "two commits have MODSEQ %llu", (unsigned long long)result->modseq);
    }
}

static void write_once(struct worker *worker)
{
    struct plan plan;
    if (!make_plan(worker, &plan)) {
        return;
    }
    int64_t begin = now_us();
    enum err err = batch_commit(worker->account, &plan.operation, 1, &worker->arena);
    int64_t took = now_us() - begin;
    raise_to(&worker->known->worst_us, (unsigned long long)took);
    atomic_fetch_add(&worker->known->waited_us, (unsigned long long)took);
    if (!err) {
        note_commit(worker, &plan.operation);
    } else if (error_is_fine(&plan, err)) {
        atomic_fetch_add(&worker->known->refused, 1);
    } else {
        fail_with(worker->known, "operation %d on %.*s: %s", (int)plan.operation.kind,
                  SLICE_ARG(plan.operation.mailbox.name), err_text(err));
    }
}

/* --- reading --- */

static void read_page(struct worker *worker, const struct message_page *page, struct mailbox_status *sum,
                      const struct mailbox_status *status)
{
    for (size_t i = 0; i < page->count; i++) {
        if (page->uids[i] < sum->uidnext || page->modseqs[i] > status->highestmodseq) {
            fail_with(worker->known, "UID %u with MODSEQ %llu out of order", page->uids[i],
                      (unsigned long long)page->modseqs[i]);
        }
        sum->uidnext = page->uids[i] + 1;
        sum->messages++;
        sum->unseen += !(page->flags[i] & MESSAGE_SEEN);
        sum->deleted += (page->flags[i] & MESSAGE_DELETED) != 0;
        sum->bytes += page->sizes[i];
    }
    atomic_fetch_add(&worker->known->pages, 1);
}

static void read_mailbox(struct worker *worker, struct snapshot *snapshot, const struct mailbox_entry *entry,
                         uint32_t *some_uid_r)
{
    const struct mailbox_status *status = &entry->status;
    struct message_scan scan = {.mailbox_id = status->id, .uids = uid_set_all};
    struct mailbox_status sum = {0};
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE);
    while (!scan.done) {
        enum err err = snapshot_scan(snapshot, &scan, &page);
        if (err) {
            fail_with(worker->known, "scan: %s", err_text(err));
            break;
        }
        read_page(worker, &page, &sum, status);
        *some_uid_r = page.count ? page.uids[below(worker, page.count)] : *some_uid_r;
    }
    message_page_free(&page);
    if (sum.messages != status->messages || sum.unseen != status->unseen || sum.deleted != status->deleted ||
        sum.bytes != status->bytes || sum.uidnext > status->uidnext) {
        fail_with(worker->known, "%.*s says %llu messages, has %llu; unseen %llu, %llu; bytes %llu, %llu",
                  SLICE_ARG(entry->name), (unsigned long long)status->messages,
                  (unsigned long long)sum.messages, (unsigned long long)status->unseen,
                  (unsigned long long)sum.unseen, (unsigned long long)status->bytes,
                  (unsigned long long)sum.bytes);
    }
}

static void read_snapshot(struct worker *worker, struct snapshot *snapshot, int64_t *mailbox_r,
                          uint32_t *uid_r)
{
    struct mailbox_entry *list;
    size_t count;
    uint64_t modseq = snapshot_modseq(snapshot), messages = 0;
    struct quota_state quota = {0};
    if (modseq < worker->modseq) {
        fail_with(worker->known, "a reader saw MODSEQ go back");
    }
    worker->modseq = modseq;
    enum err err = snapshot_mailboxes(snapshot, &worker->arena, &list, &count);
    if (!err) {
        err = snapshot_quota(snapshot, &quota);
    }
    if (err) {
        fail_with(worker->known, "reading: %s", err_text(err));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        messages += list[i].status.messages;
        if (list[i].status.highestmodseq > modseq) {
            fail_with(worker->known, "a mailbox is newer than its account");
        }
    }
    if (messages != quota.messages) {
        fail_with(worker->known, "the quota counts %llu messages, the mailboxes %llu",
                  (unsigned long long)quota.messages, (unsigned long long)messages);
    }
    const struct mailbox_entry *entry = &list[below(worker, count)];
    *mailbox_r = entry->status.id;
    read_mailbox(worker, snapshot, entry, uid_r);
}

static void read_once(struct worker *worker)
{
    struct snapshot *snapshot = NULL;
    struct blob_reader reader;
    int64_t mailbox = 0;
    uint32_t uid = 0;
    enum err err = snapshot_open(worker->account, &snapshot);
    if (err) {
        fail_with(worker->known, "snapshot: %s", err_text(err));
        return;
    }
    bool long_open = below(worker, 4) == 0;
    if (long_open) {
        usleep(READER_REST_US);
    }
    read_snapshot(worker, snapshot, &mailbox, &uid);
    snapshot_close(snapshot);
    atomic_fetch_add(&worker->known->reads, 1);
    if (!long_open) {
        usleep(READER_REST_US);
    }
    if (uid == 0) {
        return;
    }
    err = message_open(worker->account, mailbox, uid, &reader);
    if (!err) {
        atomic_fetch_add(&worker->known->opened, 1);
        blob_reader_close(&reader);
    } else if (err != ERR_NOT_FOUND) { /* expunged meanwhile */
        fail_with(worker->known, "open: %s", err_text(err));
    }
}

/* --- running --- */

/* An engine in memory is so fast that the sets end a long run before its time. */
static bool has_room(const struct knowledge *known)
{
    return atomic_load(&known->appends) < SLOTS / 4 * 3 && atomic_load(&known->changed) < SLOTS / 4 * 3;
}

static void work(struct worker *worker, void (*once)(struct worker *worker))
{
    enum err err = account_open(worker->store, ALICE, &worker->account);
    if (err) {
        fail_with(worker->known, "account_open: %s", err_text(err));
        return;
    }
    while (now_us() < worker->end_us && !atomic_load(&worker->known->failed) && has_room(worker->known)) {
        once(worker);
        arena_reset(&worker->arena);
    }
    blob_free(worker->sealed.blob);
    account_close(worker->account);
    arena_free(&worker->arena);
    arena_free(&worker->texts);
}

static void *write_on(void *worker)
{
    work(worker, write_once);
    return NULL;
}

static void *read_on(void *worker)
{
    work(worker, read_once);
    return NULL;
}

static void run_threads(struct knowledge *known, struct store *store, size_t writers, size_t readers,
                        int64_t end_us, uint64_t seed)
{
    pthread_t threads[PROCESSES * (WRITERS + READERS)];
    struct worker *workers = calloc(ARRAY_LEN(threads), sizeof(*workers));
    size_t started = 0;
    for (size_t i = 0; i < writers + readers; i++) {
        workers[i] = (struct worker){.known = known,
                                     .store = store,
                                     .end_us = end_us,
                                     .random = (seed * 1000 + i + 1) * 0x9E3779B97F4A7C15ull};
        if (pthread_create(&threads[i], NULL, i < writers ? write_on : read_on, &workers[i]) != 0) {
            fail_with(known, "no thread");
            break;
        }
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    free(workers);
}

#ifdef ENGINE_MEMORY
static void run_workers(struct fixture *fixture, struct knowledge *known, int64_t end_us)
{
    run_threads(known, fixture->store, PROCESSES * WRITERS, PROCESSES * READERS, end_us, 1);
}
#else
static int run_process(const char *directory, struct knowledge *known, int64_t end_us, uint64_t seed)
{
    struct store *store = NULL;
    if (store_open(directory, "mx.example.org", &store, NULL)) {
        fail_with(known, "store_open");
        return 1;
    }
    run_threads(known, store, WRITERS, READERS, end_us, seed);
    store_close(store);
    return 0;
}

/* The processes begin before anything of the store is open in this one. */
static void run_workers(struct fixture *fixture, struct knowledge *known, int64_t end_us)
{
    pid_t children[PROCESSES];
    store_close(fixture->store);
    fixture->store = NULL;
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            _exit(run_process(fixture->directory, known, end_us, i + 1));
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    open_store(fixture);
}
#endif

static void print_problem(void *data, const char *text)
{
    (void)data;
    print_error("%s\n", text);
}

static void many_at_once_get_along(void **state)
{
    struct fixture *fixture = *state;
    const char *text = getenv("STRESS_SECONDS");
    int seconds = text ? atoi(text) : 5;
    struct account *account = open_account(fixture, ALICE);
    for (size_t i = 1; i < ARRAY_LEN(fixed); i++) {
        create(fixture, account, fixed[i]);
    }
    account_close(account);
    struct knowledge *known =
        mmap(NULL, sizeof(*known), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(known != MAP_FAILED);
    run_workers(fixture, known, now_us() + (int64_t)seconds * 1000000);
    unsigned long long commits = atomic_load(&known->commits) + atomic_load(&known->refused);
    print_message("# %d s: %llu commits/s (%llu changed something, %llu refused), %llu messages came, worst "
                  "wait %llu ms, mean %llu us; %llu snapshots/s, %llu bodies\n",
                  seconds, commits / (unsigned)MAX_OF(seconds, 1), atomic_load(&known->changed),
                  atomic_load(&known->refused), atomic_load(&known->appends),
                  atomic_load(&known->worst_us) / 1000,
                  atomic_load(&known->waited_us) / MAX_OF(commits, 1ull),
                  atomic_load(&known->reads) / (unsigned)MAX_OF(seconds, 1), atomic_load(&known->opened));
    if (atomic_load(&known->failed)) {
        fail_msg("%s", known->failure);
    }
    assert_true(commits > 0 && atomic_load(&known->reads) > 0);
    munmap(known, sizeof(*known));
    account = open_account(fixture, ALICE);
    check_account(account);
    struct check check = {.read_bodies = true, .problem = print_problem};
    struct check_report report;
    assert_ok(account_check(account, &check, &report));
    assert_int_equal(report.problems, 0);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {conformance_test(many_at_once_get_along)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
