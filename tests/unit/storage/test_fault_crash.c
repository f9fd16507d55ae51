/* SPDX-License-Identifier: ISC */
/*
 * The walk of crashes: each run (fault_runs.c) is recorded once, and then the disk is built as it may be
 * found after a kill or a power cut at every one of its file operations (fault/disk.h). A store is opened on
 * each of them. What was promised must be there, once, with the same UIDs and identifiers; the step that was
 * cut must be there as a whole or not at all; files, rows and counters must agree.
 *
 * Recoveries are walked in the same way: a part of the disks are opened under record, and that is cut again.
 *
 * In the environment: FAULT_SEEDS=n makes n times two random disks for each operation (1); FAULT_THIN=n looks
 * at every n-th disk only (1; 6 in a build with sanitizers, which is that much slower); FAULT_RUN=name walks
 * one run; FAULT_LOG=1 shows the log; FAULT_KEEP=folder keeps the last disk that was not as it should be.
 */
#include "fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "fault/disk.h"
#include "fault_queue.h"
#include "fault_runs.h"
#include "fault_state.h"

struct tally {
    unsigned long points; /* positions times ways to cut */
    unsigned long disks;  /* that differ, and were opened */
};

struct walk {
    const struct run *run;
    char *place;  /* a folder of our own, in memory where there is one */
    char *folder; /* the data directory of the disk that is looked at */
    struct fault_step *steps;
    size_t step_count;
    size_t promised[RUN_STEPS_MAX + 2];     /* after so many steps of the record the n-th promise was made */
    struct state states[RUN_STEPS_MAX + 2]; /* after so many promises */
    size_t promises;
    uint64_t *seen; /* disks that were looked at */
    size_t seen_count, seen_room;
    bool recovery; /* the record is of a recovery */
    size_t fixed;  /* and so many promises were made before it */
    struct tally tally, recoveries;
    unsigned failures;
};

static unsigned seeds = 1, thin = 1, total_failures;

static const char *const cut_names[] = {"kill", "torn kill", "synced", "names", "content", "order", "random"};

/* ---- places ---- */

static char *make_place(void)
{
    char *path = strdup("/dev/shm/postern-fault.XXXXXX");
    if (!mkdtemp(path)) {
        free(path);
        path = check_temporary_directory();
    }
    return path;
}

static const char *inside(struct walk *walk, const char *name)
{
    static char path[8][4096];
    static unsigned next;
    char *result = path[next++ % 8];
    snprintf(result, sizeof(path[0]), "%s/%s", walk->place, name);
    return result;
}

/* ---- looking at one disk ---- */

static bool is_new(struct walk *walk, uint64_t disk)
{
    for (size_t i = 0; i < walk->seen_count; i++) {
        if (walk->seen[i] == disk) {
            return false;
        }
    }
    if (walk->seen_count == walk->seen_room) {
        walk->seen_room = walk->seen_room ? 2 * walk->seen_room : 256;
        walk->seen = realloc(walk->seen, walk->seen_room * sizeof(uint64_t));
    }
    walk->seen[walk->seen_count++] = disk;
    return true;
}

/* How many of the promises hold after a cut. */
static size_t promises_kept(const struct walk *walk, size_t promises, enum disk_cut cut)
{
    bool power_cut = walk->recovery || (cut != CUT_KILL && cut != CUT_KILL_TORN);
    while (power_cut && promises > 0 && (walk->run->relaxed & 1U << (promises - 1))) {
        promises--;
    }
    return promises;
}

/* The queue as it was at some moment from the last promise that holds on. */
static bool is_queue_since(struct walk *walk, const struct account_state *found, size_t kept, size_t promises,
                           struct buf *why)
{
    for (size_t i = kept; i <= promises + 1 && i < walk->promises; i++) {
        const struct account_state *state = &walk->states[i].accounts[0];
        buf_printf(why, "  against promise %zu:\n", i);
        if (state_matches(found, state, NULL, why) ||
            (walk->recovery && slice_eq(buf_slice(&found->recovered), buf_slice(&state->recovered)))) {
            return true;
        }
    }
    return false;
}

/* Each account by itself: a delivery to several is one commit in each. */
static bool is_before_or_after(struct walk *walk, const struct state *found, size_t promises,
                               enum disk_cut cut, struct buf *why)
{
    bool last = promises + 1 >= walk->promises;
    const struct state *before = &walk->states[promises];
    const struct state *after = &walk->states[last ? promises : promises + 1];
    if (state_of_queue) {
        size_t kept = promises_kept(walk, promises, cut);
        return is_queue_since(walk, &found->accounts[0], kept, promises, why);
    }
    if (promises == 0 && walk->run->new_identifiers) {
        return state_has_same_mail(&found->accounts[0], &before->accounts[0]);
    }
    for (size_t i = 0; i < state_accounts; i++) {
        buf_printf(why, "  %s against before:\n", state_logins[i]);
        if (!state_matches(&found->accounts[i], &before->accounts[i], &before->accounts[i], why)) {
            buf_printf(why, "  %s against after:\n", state_logins[i]);
            if (!state_matches(&found->accounts[i], &after->accounts[i], &before->accounts[i], why)) {
                return false;
            }
        }
    }
    return true;
}

static bool works_on(struct run_context *context, struct buf *why)
{
    if (state_of_queue) {
        return queue_works_on(context->store, why);
    }
    enum err err = run_append_one(context);
    if (err) {
        buf_printf(why, "no mail can be added: %s\n", err_text(err));
    }
    return !err && state_is_sound(context->store, why);
}

static bool stays_so(struct walk *walk, const struct state *found, struct buf *why)
{
    struct run_context context;
    struct state again = {0};
    enum err err = run_open(walk->folder, &context);
    if (!err) {
        err = state_read(context.store, &again);
    }
    bool good = !err;
    if (err) {
        buf_printf(why, "the second opening fails: %s\n", err_text(err));
    }
    for (size_t i = 0; i < state_accounts && good; i++) {
        good = state_matches(&again.accounts[i], &found->accounts[i], &found->accounts[i], why);
    }
    good = good && works_on(&context, why);
    state_free(&again);
    run_close(&context);
    return good;
}

/* Opens what is in walk->folder. */
static bool look(struct walk *walk, size_t promises, enum disk_cut cut, bool twice, struct buf *why)
{
    struct run_context context;
    struct state found = {0};
    enum err err = run_open(walk->folder, &context);
    if (!err) {
        err = state_read(context.store, &found);
    }
    if (err) {
        buf_printf(why, "  cannot be opened: %s\n", err_text(err));
        run_close(&context);
        return false;
    }
    bool good = is_before_or_after(walk, &found, promises, cut, why);
    if (good) {
        buf_clear(why);
        good = state_is_sound(context.store, why);
    }
    if (good && state_of_queue && !twice) {
        good = queue_works_on(context.store, why);
    }
    run_close(&context);
    if (good && twice) {
        good = stays_so(walk, &found, why);
    }
    state_free(&found);
    return good;
}

static size_t promises_at(const struct walk *walk, size_t position)
{
    size_t count = 0;
    if (walk->recovery) {
        return walk->fixed;
    }
    while (count + 1 < walk->promises && walk->promised[count + 1] <= position) {
        count++;
    }
    return count;
}

static void walk_recovery(struct walk *outer, size_t promises);

static void look_at_cut(struct walk *walk, struct disk *disk, size_t position, enum disk_cut cut,
                        unsigned seed)
{
    struct buf why;
    walk->tally.points++;
    size_t promises = promises_at(walk, position);
    /* The same disk after one more promise is another matter. */
    if (!is_new(walk, disk_cut(disk, cut, seed) + promises)) {
        return;
    }
    if (walk->seen_count % thin != 0) {
        return;
    }
    buf_init(&why, 1 << 20);
    disk_build(disk, walk->folder);
    if (!look(walk, promises, cut, walk->tally.disks % 16 == 0, &why)) {
        walk->failures++;
        print_error("%s%s: after step %zu of %zu (%zu promises), %s, seed %u:\n%.*s\n", walk->run->name,
                    walk->recovery ? " (recovery)" : "", position, walk->step_count, promises, cut_names[cut],
                    seed, (int)why.len, why.data);
        if (getenv("FAULT_KEEP")) {
            disk_remove(getenv("FAULT_KEEP"));
            disk_build(disk, getenv("FAULT_KEEP"));
        }
    }
    walk->tally.disks++;
    disk_remove(walk->folder);
    if (!walk->recovery && walk->tally.disks % (400 / thin) == 7) {
        disk_build(disk, walk->folder);
        walk_recovery(walk, promises);
    }
    buf_free(&why);
}

static void look_at_position(struct walk *walk, struct disk *disk, size_t position)
{
    disk_next(disk, position < walk->step_count ? &walk->steps[position] : NULL);
    for (enum disk_cut cut = CUT_KILL; cut <= CUT_CONTENT; cut++) {
        look_at_cut(walk, disk, position, cut, 0);
    }
    for (unsigned seed = 0; seed < seeds; seed++) {
        look_at_cut(walk, disk, position, CUT_ORDER, seed + (unsigned)position * 1000);
        look_at_cut(walk, disk, position, CUT_RANDOM, seed + (unsigned)position * 1000);
    }
}

static void walk_record(struct walk *walk, struct disk *disk)
{
    for (size_t position = 0; position <= walk->step_count && walk->failures < 3; position++) {
        if (position > 0) {
            disk_play(disk, &walk->steps[position - 1]);
        }
        look_at_position(walk, disk, position);
    }
}

/* ---- recording ---- */

static void promise(struct walk *walk, struct run_context *context)
{
    assert_ok(state_read(context->store, &walk->states[walk->promises]));
    walk->promised[walk->promises++] = fault_recorded();
}

/* Runs on walk->folder. False when the engine does not know an operation. */
static bool record_run(struct walk *walk)
{
    struct run_context context;
    bool known = true;
    fault_watch(walk->folder);
    fault_record();
    assert_ok(run_open(walk->folder, &context));
    if (!walk->run->invisible) {
        promise(walk, &context);
    }
    for (size_t i = 0; walk->run->steps[i] && known; i++) {
        enum err err = walk->run->steps[i](&context);
        known = err != ERR_UNAVAILABLE;
        if (known) {
            if (err) {
                print_error("%s, step %zu: %s\n", walk->run->name, i, err_text(err));
            }
            assert_ok(err);
            promise(walk, &context);
        }
    }
    run_close(&context);
    walk->steps = fault_record_end(&walk->step_count);
    fault_watch(NULL);
    return known;
}

/* What is in the folder is what a crash left; opening it is walked. */
static void walk_recovery(struct walk *outer, size_t promises)
{
    struct walk walk = {
        .run = outer->run,
        .place = outer->place,
        .folder = strdup(inside(outer, "recovery")),
        .promises = outer->promises,
        .recovery = true,
        .fixed = promises,
    };
    struct run_context context;
    struct state state = {0};
    memcpy(walk.states, outer->states, sizeof(walk.states));
    struct disk *disk = disk_load(outer->folder);
    fault_watch(outer->folder);
    fault_record();
    assert_ok(run_open(outer->folder, &context));
    if (state_of_queue) {
        assert_ok(queue_release_leases(&context));
    }
    assert_ok(state_read(context.store, &state));
    state_free(&state);
    run_close(&context);
    walk.steps = fault_record_end(&walk.step_count);
    fault_watch(NULL);
    disk_remove(outer->folder);
    unsigned before = seeds;
    seeds = 1;
    walk_record(&walk, disk);
    seeds = before;
    outer->recoveries.points += walk.tally.points;
    outer->recoveries.disks += walk.tally.disks;
    outer->failures += walk.failures;
    disk_free(disk);
    fault_steps_free(walk.steps, walk.step_count);
    free(walk.folder);
    free(walk.seen);
}

/* ---- the test ---- */

static bool is_wanted(const struct run *run)
{
    const char *only = getenv("FAULT_RUN");
    return !only || strcmp(only, run->name) == 0;
}

static struct tally walk_run(const struct run *run, char *place)
{
    struct walk walk = {.run = run, .place = place};
    struct timespec from, to;
    walk.folder = strdup(inside(&walk, "data"));
    state_accounts = run->several_accounts ? STATE_ACCOUNTS : 1;
    state_of_queue = run->queue;
    run_make_store(walk.folder);
    bool known = !run->prepare || !run->prepare(walk.folder);
    struct disk *disk = disk_load(walk.folder);
    clock_gettime(CLOCK_MONOTONIC, &from);
    known = known && record_run(&walk);
    if (run->invisible && walk.promises) { /* before and after are the same */
        memmove(&walk.states[1], &walk.states[0], walk.promises * sizeof(walk.states[0]));
        memmove(&walk.promised[1], &walk.promised[0], walk.promises * sizeof(walk.promised[0]));
        walk.promised[0] = 0;
        walk.promises++;
    }
    disk_remove(walk.folder);
    if (known) {
        walk_record(&walk, disk);
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    print_message(
        "# %-22s %5zu operations %6lu cuts %6lu disks; of recoveries %6lu cuts %6lu disks  %5.1f s%s\n",
        run->name, walk.step_count, walk.tally.points, walk.tally.disks, walk.recoveries.points,
        walk.recoveries.disks, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
        known ? "" : "  THE ENGINE DOES NOT KNOW THIS");
    for (size_t i = run->invisible ? 1 : 0; i < walk.promises; i++) {
        state_free(&walk.states[i]);
    }
    disk_free(disk);
    fault_steps_free(walk.steps, walk.step_count);
    free(walk.folder);
    free(walk.seen);
    total_failures += walk.failures + !known;
    return (struct tally){walk.tally.points + walk.recoveries.points,
                          walk.tally.disks + walk.recoveries.disks};
}

static void every_cut_leaves_what_was_promised(void **state)
{
    struct tally total = {0};
    struct walk walk = {.place = make_place()};
    (void)state;
    for (size_t i = 0; i < run_count; i++) {
        if (is_wanted(&runs[i])) {
            struct tally tally = walk_run(&runs[i], walk.place);
            total.points += tally.points;
            total.disks += tally.disks;
        }
    }
    print_message("# %-22s %6lu cuts, %lu different disks opened\n", "all", total.points, total.disks);
    disk_remove(walk.place);
    free(walk.place);
    assert_int_equal(total_failures, 0);
    assert_true(total.disks * thin >= 10000 || getenv("FAULT_RUN"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_leaves_what_was_promised),
    };
    if (getenv("FAULT_SEEDS")) {
        seeds = (unsigned)atoi(getenv("FAULT_SEEDS"));
    }
    thin = run_settings();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
