/* SPDX-License-Identifier: ISC */
/*
 * The promise about a lost index: UIDVALIDITY, UIDs, UIDLs, flags and keywords come back, UIDNEXT is not
 * lower. REBUILD_MESSAGES sets the size of the large account (10,000 in documentation/performance).
 */
#include "inside.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "index_backup.h"
#include "storage/care.h"
#include "storage/snapshot.h"

#define MESSAGES_DEFAULT 2000
#define AT_ONCE          100

static const char *const folders[] = {
    "INBOX",       "Drafts",       "Sent",         "Work",
    "Work/2023",   "Work/2024",    "Work/2024/Q1", "Work/2024/Q1/Übersicht",
    "Привет",      "Привет/мир",   "日本語",       "日本語/受信",
    "a.b",         "a.b/c d & e",  "Lists/x+y~z",  "Ελλάδα",
    "Größe/klein", "Entwürfe alt", "x/y/z/1/2/3",  "mail \xf0\x9f\x93\xa7",
};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void remove_index(struct fixture *fixture)
{
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm",
                                        "fts.db",   "fts.db-wal",   "fts.db-shm"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unlink(path_of(fixture, arena_printf(&fixture->arena, ALICE_DIR "/%s", names[i])));
    }
}

/* ---- what a client sees, as text ---- */

static int compare_names(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void describe_keywords(struct snapshot *snapshot, int64_t mailbox, uint32_t uid, struct buf *out)
{
    struct arena arena = {0};
    struct slice *names;
    size_t count;
    assert_ok(snapshot_message_keywords(snapshot, mailbox, uid, &arena, &names, &count));
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, " %.*s", SLICE_ARG(names[i]));
    }
    arena_free(&arena);
}

static void describe_messages(struct snapshot *snapshot, int64_t mailbox, struct buf *out)
{
    struct message_page page;
    struct message_scan scan = {.mailbox_id = mailbox, .uids = uid_set_all};
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID);
    do {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        for (size_t i = 0; i < page.count; i++) {
            buf_printf(out, "%u %u %llu %lld ", page.uids[i], page.flags[i],
                       (unsigned long long)page.sizes[i], (long long)page.internal_dates_us[i]);
            for (size_t n = 0; n < sizeof(page.guids[i]); n++) {
                buf_printf(out, "%02x", page.guids[i][n]);
            }
            if (page.keywords[i]) {
                describe_keywords(snapshot, mailbox, page.uids[i], out);
            }
            buf_append_char(out, '\n');
        }
    } while (page.count);
    message_page_free(&page);
}

static void describe_viewers(struct snapshot *snapshot, int64_t mailbox, struct buf *out)
{
    struct arena arena = {0};
    struct slice *viewers;
    size_t count;
    assert_ok(snapshot_viewers(snapshot, mailbox, &arena, &viewers, &count));
    for (size_t i = 0; i < count; i++) {
        struct uid_set seen;
        assert_ok(snapshot_seen(snapshot, mailbox, viewers[i], &arena, &seen));
        buf_printf(out, "seen by %.*s:", SLICE_ARG(viewers[i]));
        for (size_t n = 0; n < seen.count; n++) {
            buf_printf(out, " %u-%u", seen.ranges[n].first, seen.ranges[n].last);
        }
        buf_append_char(out, '\n');
    }
    arena_free(&arena);
}

/* One text for the account; *uidnexts_r in the order of the mailboxes. */
static void describe(struct account *account, struct buf *out, uint32_t *uidnexts_r, uint64_t *modseq_r)
{
    struct snapshot *snapshot;
    struct arena arena = {0};
    struct mailbox_entry *list;
    size_t count;
    buf_init(out, 64 * 1024 * 1024);
    assert_ok(snapshot_open(account, &snapshot));
    *modseq_r = snapshot_modseq(snapshot);
    assert_ok(snapshot_mailboxes(snapshot, &arena, &list, &count));
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        const struct mailbox_status *status = &list[i].status;
        buf_printf(out, "%.*s %s %lld %u %.*s %d %llu\n", SLICE_ARG(list[i].name), list[i].guid,
                   (long long)status->id, status->uidvalidity, SLICE_ARG(list[i].special_use),
                   list[i].subscribed, (unsigned long long)status->messages);
        describe_messages(snapshot, status->id, out);
        describe_viewers(snapshot, status->id, out);
        uidnexts_r[i] = status->uidnext;
    }
    snapshot_close(snapshot);
    arena_free(&arena);
}

static void expect_same(struct fixture *fixture, const struct buf *before, const uint32_t *uidnexts,
                        uint64_t modseq)
{
    uint32_t after_uidnexts[64] = {0};
    uint64_t after_modseq;
    struct buf after;
    struct account *account = open_account(fixture, ALICE);
    describe(account, &after, after_uidnexts, &after_modseq);
    if (!slice_eq(buf_slice(before), buf_slice(&after))) {
        struct slice a = buf_slice(before), b = buf_slice(&after);
        while (a.len && b.len) {
            struct slice x = slice_split(&a, '\n'), y = slice_split(&b, '\n');
            if (!slice_eq(x, y)) {
                fail_msg("before: %.*s\nafter:  %.*s", SLICE_ARG(x), SLICE_ARG(y));
            }
        }
        fail_msg("%zu bytes before, %zu after", before->len, after.len);
    }
    for (size_t i = 0; i < ARRAY_LEN(after_uidnexts); i++) {
        assert_true(after_uidnexts[i] >= uidnexts[i]);
    }
    assert_true(after_modseq > modseq);
    buf_free(&after);
    struct check_report report;
    struct check check = {.read_bodies = true};
    int64_t start = now_ms();
    assert_ok(account_check(account, &check, &report));
    assert_int_equal(report.problems, 0);
    print_message("%llu messages and their bodies were checked in %lld ms\n",
                  (unsigned long long)report.messages, (long long)(now_ms() - start));
    account_close(account);
}

/* ---- an account of many messages ---- */

static void make_folders(struct fixture *fixture, struct account *account)
{
    for (size_t i = 3; i < ARRAY_LEN(folders); i++) {
        struct batch_operation create = {.kind = BATCH_MAILBOX_CREATE,
                                         .mailbox = mailbox_named(slice_from(folders[i])),
                                         .create = {.subscribed = i % 2}};
        enum err err = batch_commit(account, &create, 1, &fixture->arena);
        if (err && err != ERR_EXISTS) {
            fail_msg("%s: %s", folders[i], err_text(err));
        }
    }
}

static struct sealed make_body(struct fixture *fixture, struct arena *arena, unsigned number)
{
    struct sealed sealed;
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_printf(&text,
               "From: sender%u@example.net\r\nTo: alice@example.org\r\nSubject: message %u\r\n"
               "Message-ID: <%u@example.net>\r\nDate: Sun, 22 Nov 2026 03:00:00 +0000\r\n\r\n",
               number % 100, number, number);
    for (unsigned i = 0; i < 40 + number % 40; i++) {
        buf_append(&text, S("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do.\r\n"));
    }
    assert_ok(try_seal(fixture->store, arena, buf_slice(&text), &sealed));
    buf_free(&text);
    return sealed;
}

static void append_many(struct fixture *fixture, struct account *account, unsigned total)
{
    static const struct slice words[] = {{"$Forwarded", 10}, {"$Junk", 5}, {"Work", 4}, {"later", 5}};
    for (unsigned done = 0; done < total; done += AT_ONCE) {
        struct arena arena = {0};
        struct sealed bodies[AT_ONCE];
        struct batch_operation operations[AT_ONCE];
        const char *folder = folders[done / AT_ONCE % ARRAY_LEN(folders)];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            unsigned number = done + i;
            bodies[i] = make_body(fixture, &arena, number);
            operations[i] = append_to(folder, &bodies[i]);
            operations[i].append.flags = number % 32;
            operations[i].append.keywords = &words[number % 3];
            operations[i].append.keyword_count = number % 5 == 0 ? 2 : 0;
        }
        assert_ok(batch_commit(account, operations, AT_ONCE, NULL));
        for (unsigned i = 0; i < AT_ONCE; i++) {
            blob_free(bodies[i].blob);
        }
        arena_free(&arena);
    }
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) { /* gaps, one of them at the end */
        uint32_t uidnext = status_of(account, folders[i]).uidnext;
        run_one(fixture, account, expunge_from(folders[i], uids(fixture, 3, 7)));
        run_one(fixture, account, expunge_from(folders[i], uids(fixture, uidnext - 2, uidnext - 1)));
        run_one(fixture, account, store_flags(folders[i], uids(fixture, 10, 19), FLAGS_ADD, MESSAGE_FLAGGED));
        run_one(fixture, account,
                store_keyword(fixture, folders[i], uids(fixture, 15, 24), FLAGS_ADD, "$Phishing"));
    }
    run_one(fixture, account, copy_to("INBOX", "Work/2024", uids(fixture, 20, 40)));
    run_one(fixture, account, move_to("INBOX", "Привет/мир", uids(fixture, 41, 60)));
}

static long peak_memory_kb(void)
{
    char line[256];
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            peak = strtol(line + 6, NULL, 10);
        }
    }
    if (file) {
        fclose(file);
    }
    return peak;
}

/* In a process of its own, whose memory is measured. */
static void open_in_another_process(struct fixture *fixture, const char *what)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store;
        struct account *account;
        FILE *reset = fopen("/proc/self/clear_refs", "w"); /* the peak of what came before */
        if (reset) {
            fputs("5", reset);
            fclose(reset);
        }
        long before = peak_memory_kb();
        int64_t start = now_ms();
        int code = store_open(fixture->directory, "mx.example.org", &store, NULL) ||
                   account_open(store, ALICE, &account);
        printf("# %s: %lld ms, %ld MiB more memory at its peak\n", what, (long long)(now_ms() - start),
               (peak_memory_kb() - before) / 1024);
        fflush(stdout);
        _exit(code);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void large_account_comes_back_whole(void **state)
{
    struct fixture *fixture = *state;
    const char *wanted = getenv("REBUILD_MESSAGES");
    unsigned total = wanted ? (unsigned)strtoul(wanted, NULL, 10) : MESSAGES_DEFAULT;
    uint32_t uidnexts[64] = {0};
    uint64_t modseq;
    struct buf before;
    struct account *account = open_account(fixture, ALICE);
    make_folders(fixture, account);
    append_many(fixture, account, total);
    assert_ok(letters_run(account, 0, NULL));
    describe(account, &before, uidnexts, &modseq);
    account_close(account);
    store_close(fixture->store);
    fixture->store = NULL;
    remove_index(fixture);
    open_in_another_process(fixture, "an index built anew");
    open_store(fixture);
    expect_same(fixture, &before, uidnexts, modseq);
    buf_free(&before);
}

static struct batch_operation seen_by(const char *viewer, const char *mailbox, struct uid_set uids)
{
    struct batch_operation operation = store_flags(mailbox, uids, FLAGS_ADD, MESSAGE_SEEN);
    operation.flags.viewer = slice_from(viewer);
    return operation;
}

/* More keywords than letters, and all that files do not tell. */
static void copy_of_the_index_tells_what_no_file_does(void **state)
{
    struct fixture *fixture = *state;
    uint32_t uidnexts[64] = {0};
    uint64_t modseq;
    struct buf before;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 5; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    for (int i = 0; i < 100; i++) { /* of which 26 get letters and 63 bits */
        run_one(fixture, account,
                store_keyword(fixture, "INBOX", uids(fixture, 2, 3), FLAGS_ADD,
                              arena_printf(&fixture->arena, "word%d", i)));
    }
    append_text(fixture, account, "Drafts", HELLO);
    run_one(fixture, account, seen_by("bob@example.org", "INBOX", uids(fixture, 2, 3)));
    run_one(fixture, account, seen_by("bob@example.org", "INBOX", uids(fixture, 5, 5)));
    run_one(fixture, account, seen_by("carol@example.org", "INBOX", uids(fixture, 1, 1)));
    run_one(fixture, account, seen_by("bob@example.org", "Drafts", uids(fixture, 1, 1)));
    struct batch_operation seen = {.kind = BATCH_SEEN,
                                   .seen = {.kind = 1, .key = S("bob"), .expires_us = INT64_MAX}};
    enum err has_seen = batch_commit(account, &seen, 1, NULL);
    assert_ok(account_maintain(account));
    describe(account, &before, uidnexts, &modseq);
    account_close(account);
    store_close(fixture->store);
    fixture->store = NULL;
    remove_index(fixture);
    open_store(fixture);
    expect_same(fixture, &before, uidnexts, modseq);
    buf_free(&before);
    if (!has_seen) {
        account = open_account(fixture, ALICE);
        assert_ok(batch_commit(account, &seen, 1, NULL));
        assert_false(seen.result.was_new);
        account_close(account);
    }
}

/* The copy is older than the files: where they differ, it is the files that count. */
static void files_count_more_than_an_old_copy(void **state)
{
    struct fixture *fixture = *state;
    uint32_t uidnexts[64] = {0};
    uint64_t modseq;
    struct buf before;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 9; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 1, 4), FLAGS_ADD, MESSAGE_SEEN));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 4), FLAGS_ADD, "old"));
    run_one(fixture, account, seen_by("bob@example.org", "INBOX", uids(fixture, 5, 7)));
    assert_ok(letters_run(account, 0, NULL));
    assert_ok(index_backup_make(account, NULL, NULL));
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 1, 2), FLAGS_REMOVE, MESSAGE_SEEN));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 3), FLAGS_REMOVE, "old"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 5, 5), FLAGS_ADD, "new"));
    run_one(fixture, account, expunge_from("INBOX", uids(fixture, 6, 6)));
    run_one(fixture, account, expunge_from("INBOX", uids(fixture, 9, 9)));
    struct batch_operation unsee = seen_by("bob@example.org", "INBOX", uids(fixture, 7, 7));
    unsee.flags.change = FLAGS_REMOVE; /* the copy of it in Drafts would not be there anew */
    run_one(fixture, account, unsee);
    run_one(fixture, account, move_to("INBOX", "Drafts", uids(fixture, 7, 7)));
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(letters_run(account, 0, NULL));
    describe(account, &before, uidnexts, &modseq);
    account_close(account);
    store_close(fixture->store);
    fixture->store = NULL;
    remove_index(fixture);
    open_store(fixture);
    expect_same(fixture, &before, uidnexts, modseq);
    buf_free(&before);
}

static void copy_that_is_damaged_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
    assert_ok(fs_write_durable(path_of(fixture, ALICE_DIR "/" INDEX_BACKUP),
                               S("SQLite format 3 but not really"), 0600));
    store_close(fixture->store);
    fixture->store = NULL;
    remove_index(fixture);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    account_close(account);
}

struct told {
    uint64_t messages;
    uint64_t stop_at; /* 0: never */
};

static bool tell(void *data, const struct check_report *report)
{
    struct told *told = data;
    told->messages = report->messages;
    return told->stop_at == 0 || report->messages < told->stop_at;
}

static void rebuild_on_purpose_tells_of_progress_and_may_be_broken_off(void **state)
{
    struct fixture *fixture = *state;
    uint32_t uidnexts[64] = {0};
    uint64_t modseq, messages = 0;
    struct buf before;
    struct told told = {.stop_at = 5};
    struct check progress = {.progress = tell, .data = &told};
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 20; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 1, 4), FLAGS_ADD, MESSAGE_SEEN));
    describe(account, &before, uidnexts, &modseq);
    account_close(account);
    assert_err(account_rebuild(fixture->store, ALICE, &progress, &messages), ERR_CANCELED);
    assert_int_equal(told.messages, 5);
    expect_same(fixture, &before, uidnexts, modseq); /* whoever comes next ends it */
    told.stop_at = 0;
    assert_ok(account_rebuild(fixture->store, ALICE, &progress, &messages));
    assert_int_equal(told.messages, 20);
    assert_int_equal(messages, 20);
    expect_same(fixture, &before, uidnexts, modseq);
    buf_free(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(large_account_comes_back_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_of_the_index_tells_what_no_file_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_count_more_than_an_old_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_that_is_damaged_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rebuild_on_purpose_tells_of_progress_and_may_be_broken_off, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
