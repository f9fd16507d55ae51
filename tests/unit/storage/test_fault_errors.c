/* SPDX-License-Identifier: ISC */
/*
 * The walk of errors: each step of each run (fault_runs.c) is made again and again, and each time another of
 * its file operations fails, in each way that a disk knows. The caller must hear of a temporary error and
 * nothing may have happened, or of success and everything. When there is room again the same process goes on;
 * after an error of a sync it is read-only, and a restart finds everything or nothing.
 *
 * In the environment: FAULT_THIN=n looks at every n-th operation (1; 6 in a build with sanitizers),
 * FAULT_RUN=name at one run, FAULT_LOG=1 shows the log.
 */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/log.h"
#include "fault/disk.h"
#include "fault_queue.h"
#include "fault_runs.h"
#include "fault_state.h"
#include "store_private.h"

#define CHANGES_OF_SPACE \
    (FAULT_CREATE | FAULT_WRITE | FAULT_TRUNCATE | FAULT_RENAME | FAULT_LINK | FAULT_MKDIR)

static const struct way {
    const char *name;
    struct fault fault;
    bool goes_on; /* the same process must work again afterwards */
} ways[] = {
    {"no space, once", {.calls = CHANGES_OF_SPACE, .error = ENOSPC}, true},
    {"no space", {.calls = CHANGES_OF_SPACE, .error = ENOSPC, .for_good = true}, true},
    {"disk quota", {.calls = CHANGES_OF_SPACE, .error = EDQUOT, .for_good = true}, true},
    {"short write, then no space",
     {.calls = FAULT_WRITE, .error = ENOSPC, .short_write = true, .for_good = true},
     true},
    {"I/O error, once", {.calls = FAULT_CHANGES, .error = EIO}, false},
    {"no space at sync", {.calls = FAULT_SYNC, .error = ENOSPC}, false},
    {"read-only disk", {.calls = FAULT_CHANGES, .error = EROFS, .for_good = true}, false},
    {"too many open files", {.calls = FAULT_CREATE | FAULT_OPEN, .error = EMFILE}, false},
    {"unreadable, once", {.calls = FAULT_OPEN | FAULT_READ, .error = EIO}, false},
};

static unsigned thin = 1, failures;

/* One step of one run, from the state that the steps before it left. */
struct trial {
    const struct run *run;
    size_t step;
    struct disk *disk;
    const char *folder;
    struct state before, after;
    unsigned long points;
};

static void complain(const struct trial *trial, const struct way *way, unsigned at, enum err err,
                     const char *what, const struct buf *why)
{
    failures++;
    print_error("%s, step %zu, %s at %u (%s): %s\n%.*s\n", trial->run->name, trial->step + 1, way->name, at,
                err_text(err), what, why ? (int)why->len : 0, why ? why->data : "");
}

static bool is_temporary(enum err err)
{
    return err == ERR_IO || err == ERR_NO_SPACE || err == ERR_UNAVAILABLE;
}

/* Every account is as before the step, or as after it. New identifiers come with every try, so afterwards
 * only the mail is compared. */
static bool is_as(const struct trial *trial, const struct state *found, bool before, bool after,
                  struct buf *why)
{
    for (size_t i = 0; i < state_accounts; i++) {
        const struct account_state *account = &found->accounts[i];
        bool good = before && state_matches(account, &trial->before.accounts[i], NULL, why);
        good = good || (before && (trial->run->several_accounts || trial->run->new_identifiers) &&
                        state_has_same_mail(account, &trial->before.accounts[i]));
        good = good || (after && state_has_same_mail(account, &trial->after.accounts[i]));
        if (!good) {
            return false;
        }
    }
    return true;
}

static void look_after_restart(struct trial *trial, const struct way *way, unsigned at, enum err err,
                               bool before, bool after)
{
    struct run_context context;
    struct state found = {0};
    struct buf why;
    buf_init(&why, 1 << 20);
    enum err opened = run_open(trial->folder, &context);
    if (!opened) {
        opened = state_read(context.store, &found);
    }
    if (opened) {
        buf_printf(&why, "%s", err_text(opened));
        complain(trial, way, at, err, "cannot be opened again", &why);
    } else if (!is_as(trial, &found, before, after, &why)) {
        complain(trial, way, at, err, "is not as it should be after a restart", &why);
    } else {
        buf_clear(&why);
        if (!state_is_sound(context.store, &why)) {
            complain(trial, way, at, err, "is not sound after a restart", &why);
        } else if (state_of_queue && !queue_works_on(context.store, &why)) {
            complain(trial, way, at, err, "does not work after a restart", &why);
        }
    }
    state_free(&found);
    buf_free(&why);
    run_close(&context);
}

/* The process that met the fault goes on. */
static void look_at_once(struct trial *trial, const struct way *way, unsigned at, enum err err,
                         struct run_context *context)
{
    struct state found = {0};
    struct buf why;
    buf_init(&why, 1 << 20);
    enum err read = state_read(context->store, &found);
    /* Several accounts: what one of them took may stay when nothing can be taken back any more. */
    bool both = (trial->run->several_accounts && way->fault.for_good) || trial->run->in_parts;
    if (read) {
        buf_printf(&why, "%s", err_text(read));
        complain(trial, way, at, err, "cannot be read in the same process", &why);
    } else if (!is_as(trial, &found, err || both, !err || both, &why)) {
        complain(trial, way, at, err, "is not as it should be in the same process", &why);
    } else if (err && !both) {
        enum err again = trial->run->steps[trial->step](context);
        if (again) {
            buf_printf(&why, "%s", err_text(again));
            complain(trial, way, at, err, "does not work again", &why);
        }
    }
    state_free(&found);
    buf_clear(&why);
    if (!read && !state_is_sound(context->store, &why)) {
        complain(trial, way, at, err, "is not sound in the same process", &why);
    }
    buf_free(&why);
}

/* False when the step has no such operation any more. */
static bool try_one(struct trial *trial, const struct way *way, unsigned at)
{
    struct run_context context;
    struct fault fault = way->fault;
    enum fault_call hit = 0;
    fault.at = at;
    disk_cut(trial->disk, CUT_KILL, 0);
    disk_build(trial->disk, trial->folder);
    fault_watch(trial->folder);
    enum err err = run_open(trial->folder, &context);
    if (!err && !trial->run->invisible) { /* opening is not what is tried */
        struct state state;
        err = state_read(context.store, &state);
        state_free(&state);
    }
    assert_ok(err);
    fault_arm(&fault);
    err = trial->run->steps[trial->step](&context);
    fault_disarm(&hit);
    bool reading = way->fault.calls & (FAULT_READ | FAULT_OPEN);
    bool went_read_only = store_check_writable(context.store) != ERR_OK;
    if (err && !is_temporary(err) && !reading) {
        complain(trial, way, at, err, "is no temporary error", NULL);
    }
    if (way->goes_on && went_read_only) {
        complain(trial, way, at, err, "the store became read-only", NULL);
    }
    /* A database that is being made is thrown away with what failed. */
    if (hit == FAULT_SYNC && err && !went_read_only && way->fault.error != ENOSPC &&
        !trial->run->makes_database) {
        complain(trial, way, at, err, "the store did not become read-only", NULL);
    }
    if (trial->run->queue && !trial->run->makes_database && went_read_only &&
        !(trial->run->relaxed & 1U << trial->step)) {
        if (trial->run->steps[trial->step](&context) != ERR_UNAVAILABLE) {
            complain(trial, way, at, err, "is not refused while the store is read-only", NULL);
        }
    }
    bool retried = way->goes_on && !went_read_only;
    if (retried) {
        look_at_once(trial, way, at, err, &context);
    }
    run_close(&context);
    fault_watch(NULL);
    bool both = trial->run->several_accounts || trial->run->in_parts;
    look_after_restart(trial, way, at, err, (err && !retried) || both,
                       !err || retried || went_read_only || both);
    disk_remove(trial->folder);
    trial->points += hit != 0;
    return hit != 0;
}

static void try_all(struct trial *trial)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        if (trial->run->invisible && (ways[i].fault.calls & FAULT_READ)) {
            continue; /* a message on a bad block is not waited for, and comes into the index later */
        }
        unsigned at = 1 + (unsigned)(i + trial->step) % thin;
        while (failures < 40 && try_one(trial, &ways[i], at)) {
            at += thin;
        }
    }
}

/* The states before and after the step, without faults. False when the engine does not know the operation. */
static bool learn(struct trial *trial)
{
    struct run_context context;
    disk_cut(trial->disk, CUT_KILL, 0);
    disk_build(trial->disk, trial->folder);
    assert_ok(run_open(trial->folder, &context));
    if (!trial->run->invisible || trial->step > 0) {
        assert_ok(state_read(context.store, &trial->before));
    }
    enum err err = trial->run->steps[trial->step](&context);
    if (err != ERR_UNAVAILABLE) {
        assert_ok(err);
        assert_ok(state_read(context.store, &trial->after));
    }
    run_close(&context);
    return err != ERR_UNAVAILABLE;
}

static unsigned long try_run(const struct run *run, const char *folder)
{
    struct timespec from, to;
    unsigned long points = 0;
    state_accounts = run->several_accounts ? STATE_ACCOUNTS : 1;
    state_of_queue = run->queue;
    run_make_store(folder);
    bool known = !run->prepare || !run->prepare(folder);
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (size_t i = 0; known && run->steps[i]; i++) {
        struct trial trial = {.run = run, .step = i, .folder = folder, .disk = disk_load(folder)};
        disk_remove(folder);
        known = learn(&trial);
        struct disk *next = disk_load(folder);
        disk_remove(folder);
        /* What cannot be compared with before: an index that is lost is built anew in any case. */
        if (known && run->invisible && i == 0) {
            trial.before = trial.after;
        }
        if (known) {
            try_all(&trial);
        }
        disk_cut(next, CUT_KILL, 0);
        disk_build(next, folder);
        disk_free(next);
        disk_free(trial.disk);
        if (!(run->invisible && i == 0)) {
            state_free(&trial.before);
        }
        state_free(&trial.after);
        points += trial.points;
    }
    failures += !known;
    disk_remove(folder);
    clock_gettime(CLOCK_MONOTONIC, &to);
    print_message("# %-22s %6lu faults  %5.1f s%s\n", run->name, points,
                  (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
                  known ? "" : "  THE ENGINE DOES NOT KNOW THIS");
    return points;
}

static char *make_place(void)
{
    char *path = strdup("/dev/shm/postern-fault.XXXXXX");
    if (!mkdtemp(path)) {
        free(path);
        path = check_temporary_directory();
    }
    return path;
}

static void every_error_leaves_all_or_nothing(void **state)
{
    char *place = make_place();
    char folder[4096];
    unsigned long total = 0;
    (void)state;
    snprintf(folder, sizeof(folder), "%s/data", place);
    for (size_t i = 0; i < run_count; i++) {
        const char *only = getenv("FAULT_RUN");
        if (!only || strcmp(only, runs[i].name) == 0) {
            total += try_run(&runs[i], folder);
        }
    }
    print_message("# %-22s %6lu faults\n", "all", total);
    disk_remove(place);
    free(place);
    assert_int_equal(failures, 0);
}

/* ---- single faults ---- */

static void network_file_systems_are_refused(void **state)
{
    static const unsigned long magics[] = {0x6969, 0xFE534D42, 0x01021997, 0x00C36400};
    char *place = check_temporary_directory();
    struct store *store = NULL;
    struct buf why;
    (void)state;
    buf_init(&why, 1000);
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        fault_pretend_file_system(magics[i]);
        buf_clear(&why);
        assert_err(store_open(place, "mx", &store, &why), ERR_CONFIG);
        assert_true(slice_find_text(buf_slice(&why), S("network file system")) < why.len);
    }
    fault_pretend_file_system(0);
    assert_ok(store_open(place, "mx", &store, NULL));
    store_close(store);
    buf_free(&why);
    check_remove_directory(place);
}

/* What a file system without (more) links answers: the message is copied. */
static void where_links_are_refused_bodies_are_copied(void **state)
{
    static const int errors[] = {EMLINK, EXDEV, EPERM, EOPNOTSUPP};
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fault_watch(fixture->directory);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        fault_arm(&(struct fault){.calls = FAULT_LINK, .at = 1, .error = errors[i], .for_good = true});
        uint32_t uid = append_text(fixture, account, "INBOX", HELLO);
        struct uid_range range = {uid, uid};
        struct batch_operation copy = {
            .kind = BATCH_COPY,
            .mailbox = mailbox_named(S("INBOX")),
            .copy = {.uids = {&range, 1}, .target = mailbox_named(S("Archive"))},
        };
        assert_ok(batch_commit(account, &copy, 1, NULL));
        enum fault_call hit;
        fault_disarm(&hit);
        assert_int_equal(hit, FAULT_LINK);
        assert_slice(read_message(fixture, account, 1, uid), HELLO);
        assert_slice(read_message(fixture, account, copy.result.mailbox_id, copy.result.uid), HELLO);
    }
    fault_watch(NULL);
    assert_int_equal(status_of(account, "INBOX").messages, 4);
    assert_int_equal(status_of(account, "Archive").messages, 4);
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    check_consistent(fixture, account, "Archive", ALICE_INBOX "/.Archive/cur");
    account_close(account);
}

static void *append_hello(void *argument)
{
    struct fixture *fixture = argument;
    struct arena arena = {0};
    struct account *account = NULL;
    struct sealed sealed;
    assert_ok(account_open(fixture->store, ALICE, &account));
    assert_ok(try_seal(fixture->store, &arena, HELLO, &sealed));
    struct batch_operation append = append_to("INBOX", &sealed);
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    account_close(account);
    arena_free(&arena);
    return NULL;
}

/* While one commit waits for a slow disk, the others gather. */
static void slow_disk_only_costs_time(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[8];
    fault_watch(fixture->directory);
    fault_arm(&(struct fault){.calls = FAULT_SYNC, .at = 1, .for_good = true, .delay_us = 5000});
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, append_hello, fixture), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    fault_disarm(NULL);
    fault_watch(NULL);
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, ARRAY_LEN(threads));
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_file_systems_are_refused),
        cmocka_unit_test_setup_teardown(where_links_are_refused_bodies_are_copied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(slow_disk_only_costs_time, set_up, tear_down),
        cmocka_unit_test(every_error_leaves_all_or_nothing),
    };
    thin = run_settings();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
