/* SPDX-License-Identifier: ISC */
/*
 * Reading one large mailbox: what opening it costs, how many rows a second a scan gives with which columns,
 * what asking for changes and for sets of UIDs takes, and whether appending grows slower with its size.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release tests/bench/bench_scan
 *     build-release/tests/bench/bench_scan [folder] [messages]
 *
 * The messages (100,000 unless told) are appended first, which takes a while. Each figure is the best of some
 * runs: the files are in the kernel's cache, as those of a mailbox in use are.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/batch.h"
#include "storage/directory.h"
#include "storage/snapshot.h"

#define AT_ONCE 250 /* messages of one batch while filling, all links to one file */
#define SINGLES 300 /* appends that are timed one by one */
#define RUNS    7

static struct {
    struct store *store;
    struct account *account;
    struct arena arena;
    unsigned filled;
} bench;

static void check(enum err err, const char *what)
{
    if (err) {
        fprintf(stderr, "%s: %s\n", what, err_text(err));
        exit(1);
    }
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

#define MESSAGE_SIZE 1000 /* of all: what stands in the file must have the size that the index is told */

/* Every fourth message begins a thread that the next three answer to. */
static struct slice make_message(struct arena *arena, unsigned n)
{
    const char *reference =
        n % 4 == 0 ? ""
                   : arena_printf(arena, "References: <%u.first@example.org> <%u@example.org>\r\n", n - n % 4,
                                  n - 1);
    const char *text = arena_printf(
        arena,
        "From: \"Somebody Somewhere\" <somebody@example.org>\r\nTo: Alice <alice@example.org>\r\n"
        "Subject: %smessage %u of many\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n"
        "Message-ID: <%u%s@example.org>\r\n%sMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
        "The quick brown fox jumps over the lazy dog.\r\n",
        n % 4 ? "Re: " : "", n - n % 4, n, n % 4 ? "" : ".first", reference);
    return slice_from(arena_printf(arena, "%-*s\r\n", MESSAGE_SIZE, text));
}

static void summarize(struct arena *arena, struct slice text, struct message_summary *summary)
{
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    mime_parser_feed(parser, text);
    mime_parser_finish(parser);
    summary_build(arena, parser, summary);
}

/* Appends `count` messages in one batch: one file, but each with a header of its own in the index. */
static void append(unsigned count)
{
    struct arena arena = {0};
    struct batch_operation *operations = arena_array(&arena, struct batch_operation, count);
    struct message_summary *summaries = arena_array(&arena, struct message_summary, count);
    struct blob *blob;
    check(blob_begin(bench.store, &blob), "blob_begin");
    check(blob_write(blob, make_message(&arena, bench.filled)), "blob_write");
    check(blob_seal(blob), "blob_seal");
    for (unsigned i = 0; i < count; i++) {
        summarize(&arena, make_message(&arena, bench.filled + i), &summaries[i]);
        operations[i] = (struct batch_operation){.kind = BATCH_APPEND,
                                                 .mailbox = mailbox_named(S("INBOX")),
                                                 .append = {.blob = blob, .summary = &summaries[i]}};
    }
    check(batch_commit(bench.account, operations, count, NULL), "append");
    blob_free(blob);
    arena_free(&arena);
    bench.filled += count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Median of single appends, each durable when it returns; the sealing of the blob is not what grows, but
 * counts. */
static double time_appends(void)
{
    double samples[SINGLES];
    for (int i = 0; i < SINGLES; i++) {
        double start = now_ms();
        append(1);
        samples[i] = now_ms() - start;
    }
    qsort(samples, SINGLES, sizeof(samples[0]), compare);
    return samples[SINGLES / 2];
}

static void fill(unsigned messages)
{
    double first = time_appends();
    double start = now_ms();
    while (bench.filled + SINGLES < messages) {
        append(MIN_OF(AT_ONCE, messages - SINGLES - bench.filled));
    }
    printf("filled with %u messages in %.0f s, %u to a batch\n", messages, (now_ms() - start) / 1e3, AT_ONCE);
    double last = time_appends();
    printf("%-46s %10.3f ms, median of %d\n", "append to an empty mailbox", first, SINGLES);
    printf("%-46s %10.3f ms, %.2f times as long\n", "append behind all of them", last, last / first);
}

/* --- reading --- */

static struct snapshot *open_snapshot(unsigned fields)
{
    struct snapshot *snapshot = NULL;
    check(snapshot_open_for(bench.account, fields, &snapshot), "snapshot_open");
    return snapshot;
}

static void time_opening(void)
{
    double best = 1e9;
    for (int run = 0; run < 20 * RUNS; run++) {
        struct arena arena = {0};
        struct mailbox_entry entry;
        double start = now_ms();
        struct snapshot *snapshot = open_snapshot(0);
        check(snapshot_mailbox(snapshot, mailbox_named(S("INBOX")), &arena, &entry), "snapshot_mailbox");
        snapshot_close(snapshot);
        best = MIN_OF(best, now_ms() - start);
        arena_free(&arena);
    }
    printf("%-46s %10.3f ms\n", "opening: its counters", best);
}

static struct {
    atomic_bool stop;
    unsigned commits;
} beside;

static void *keep_appending(void *unused)
{
    (void)unused;
    while (!atomic_load(&beside.stop)) {
        append(1);
        beside.commits++;
    }
    return NULL;
}

/* Nobody who reads waits for a commit, whose fsync takes longer than all of this. */
static void time_opening_beside_a_writer(void)
{
    enum { LOOKS = 5000 };
    static double samples[LOOKS];
    pthread_t thread;
    double begin = now_ms();
    pthread_create(&thread, NULL, keep_appending, NULL);
    for (int i = 0; i < LOOKS; i++) {
        struct mailbox_status status;
        double start = now_ms();
        check(mailbox_status(bench.account, S("INBOX"), &status), "mailbox_status");
        samples[i] = now_ms() - start;
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL); /* or the writer gets nowhere */
    }
    atomic_store(&beside.stop, true);
    pthread_join(thread, NULL);
    double commit = (now_ms() - begin) / beside.commits;
    qsort(samples, LOOKS, sizeof(samples[0]), compare);
    printf("%-46s %10.3f ms, p99 %.3f ms, %.3f ms a commit\n", "mailbox_status beside a writer, p50",
           samples[LOOKS / 2], samples[LOOKS * 99 / 100], commit);
}

/* Returns how many rows came. */
static size_t scan_once(struct snapshot *snapshot, struct message_scan scan, struct message_page *page)
{
    size_t count = 0;
    while (!scan.done) {
        check(snapshot_scan(snapshot, &scan, page), "snapshot_scan");
        count += page->count;
    }
    return count;
}

static void time_scan(const char *name, unsigned fields, struct message_scan scan)
{
    double best = 1e9;
    size_t count = 0, texts = 0;
    for (int run = 0; run < RUNS; run++) {
        struct message_page page;
        struct snapshot *snapshot = open_snapshot(fields);
        message_page_init(&page, fields);
        double start = now_ms();
        count = scan_once(snapshot, scan, &page);
        best = MIN_OF(best, now_ms() - start);
        texts = page.texts.used;
        message_page_free(&page);
        snapshot_close(snapshot);
    }
    printf("%-46s %10.3f ms, %zu rows, %.2f M rows/s", name, best, count, (double)count / best / 1e3);
    printf(texts ? ", %.1f MB of text on the last page\n" : "\n", (double)texts / 1e6);
    fflush(stdout);
}

static struct uid_set every(uint32_t step, uint32_t last)
{
    struct uid_set_writer writer = {0};
    for (uint32_t uid = 1; uid <= last; uid += step) {
        uid_set_add(&writer, uid);
    }
    return uid_set_take(&writer, &bench.arena);
}

static uint64_t current_modseq(void)
{
    struct snapshot *snapshot = open_snapshot(0);
    uint64_t modseq = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    return modseq;
}

static void set_flag(struct uid_set uids)
{
    struct batch_operation operation = {
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(S("INBOX")),
        .flags = {.uids = uids, .change = FLAGS_ADD, .flags = MESSAGE_FLAGGED},
    };
    check(batch_commit(bench.account, &operation, 1, NULL), "flags");
}

static void time_changes(void)
{
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    scan.changed_since = current_modseq();
    set_flag(every(bench.filled / 9, bench.filled));
    time_scan("changed since, 10 of them: uid modseq flags", SCAN_FLAGS, scan);
    set_flag(every(bench.filled / 3000, bench.filled));
    time_scan("changed since, 3 %: uid modseq flags", SCAN_FLAGS, scan);
    set_flag(every(5, bench.filled));
    time_scan("changed since, 20 %: uid modseq flags", SCAN_FLAGS, scan);
}

static void time_rows(void)
{
    struct mailbox_status status;
    struct message_row *rows;
    size_t count = 0;
    double best = 1e9;
    for (int run = 0; run < RUNS; run++) {
        double start = now_ms();
        check(mailbox_read(bench.account, S("INBOX"), &status, &rows, &count), "mailbox_read");
        best = MIN_OF(best, now_ms() - start);
        mem_free(rows);
    }
    printf("%-46s %10.3f ms, %.2f M rows/s, %.1f MB\n", "mailbox_read, as POP3 does", best,
           (double)count / best / 1e3, (double)(count * sizeof(*rows)) / 1e6);
}

static void time_vanished(void)
{
    uint64_t since = current_modseq();
    struct batch_operation operation = {
        .kind = BATCH_EXPUNGE,
        .mailbox = mailbox_named(S("INBOX")),
        .expunge = {.uids = every(bench.filled / 1000, bench.filled)},
    };
    double best = 1e9, best_all = 1e9;
    check(batch_commit(bench.account, &operation, 1, NULL), "expunge");
    struct snapshot *snapshot = open_snapshot(0);
    for (int run = 0; run < RUNS; run++) {
        struct arena arena = {0};
        struct uid_set uids;
        bool complete;
        double start = now_ms();
        check(snapshot_vanished(snapshot, 1, since, &arena, &uids, &complete), "snapshot_vanished");
        best = MIN_OF(best, now_ms() - start);
        start = now_ms();
        check(snapshot_vanished(snapshot, 1, 0, &arena, &uids, &complete), "snapshot_vanished");
        best_all = MIN_OF(best_all, now_ms() - start);
        arena_free(&arena);
    }
    snapshot_close(snapshot);
    printf("%-46s %10.3f ms\n", "vanished, 1000 ranges", best);
    printf("%-46s %10.3f ms\n", "vanished, when it is forgotten: all UIDs", best_all);
}

static void time_threads(void)
{
    double start = now_ms();
    snapshot_close(open_snapshot(SCAN_THREAD));
    double taken = now_ms() - start;
    printf("%-46s %10.3f ms, %.0f messages/s\n", "finding the threads of all", taken,
           bench.filled / taken * 1e3);
}

static void show_memory(void)
{
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS);
    size_t row = sizeof(*page.uids) + sizeof(*page.modseqs) + sizeof(*page.flags) + sizeof(*page.keywords);
    printf("%-46s %10.1f KB\n", "memory: a page of uid modseq flags keywords",
           (double)(row * SCAN_PAGE_ROWS) / 1e3);
    printf("%-46s %10.1f KB\n", "memory: a session's view, 4 bytes a message",
           (double)bench.filled * 4 / 1e3);
    message_page_free(&page);
}

static void prepare(const char *root)
{
    struct buf why;
    buf_init(&why, 4096);
    if (store_open(arena_printf(&bench.arena, "%s/data", root), "bench.example", &bench.store, &why)) {
        fprintf(stderr, "%s\n", buf_cstr(&why));
        exit(1);
    }
    check(directory_domain_add(bench.store, S("example.org"), NULL), "domain");
    check(directory_user_add(bench.store, S("alice@example.org"), S(""), 0, NULL), "user");
    check(account_open(bench.store, S("alice@example.org"), &bench.account), "account");
    buf_free(&why);
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "/tmp";
    long messages = argc > 2 ? atol(argv[2]) : 100000;
    if (folder[0] == '-' || messages < 10 * SINGLES || argc > 3) {
        fprintf(stderr, "usage: bench_scan [folder] [messages, at least %d]\n", 10 * SINGLES);
        return 1;
    }
    char *root = arena_printf(&bench.arena, "%s/postern-scan.XXXXXX", folder);
    if (!mkdtemp(root)) {
        fprintf(stderr, "%s: %s\n", root, strerror(errno));
        return 1;
    }
    prepare(root);
    fill((unsigned)messages);
    struct message_scan all = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_scan half = {.mailbox_id = 1, .uids = every(2, bench.filled)};
    struct message_scan sparse = {.mailbox_id = 1, .uids = every(100, bench.filled)};
    time_opening();
    time_scan("scan: uid modseq", 0, all);
    time_scan("scan: uid modseq flags keywords", SCAN_FLAGS, all);
    time_scan("scan: and size, dates", SCAN_FLAGS | SCAN_SIZE | SCAN_DATES, all);
    time_scan("scan: and guid", SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID, all);
    time_scan("scan: envelope", SCAN_ENVELOPE, all);
    time_scan("scan: envelope structure headers", SCAN_ENVELOPE | SCAN_STRUCTURE | SCAN_HEADERS, all);
    time_threads();
    time_scan("scan: thread", SCAN_THREAD, all);
    time_scan("every second UID: uid modseq flags", SCAN_FLAGS, half);
    time_scan("every hundredth UID: uid modseq flags", SCAN_FLAGS, sparse);
    time_rows();
    time_changes();
    time_vanished();
    show_memory();
    time_opening_beside_a_writer();
    account_close(bench.account);
    store_close(bench.store);
    printf("left in %s\n", root);
    arena_free(&bench.arena);
    return 0;
}
