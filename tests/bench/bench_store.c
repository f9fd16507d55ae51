/* SPDX-License-Identifier: ISC */
/*
 * Deliveries per second into the store, beside two bare loops that know nothing of mail:
 *
 *     maildir   create, write, fdatasync, rename, fsync of the folder: what a Maildir without an index costs
 *     commit    the same, and then so many bytes into a log of the account, as the store's commit writes
 * there, and fdatasync: the file operations and syncs of a delivery, and nothing else
 *
 * All in the same run on the same disk, in turns, so that the ratios mean something. Each thread has a folder
 * or an account of its own; "one account" is all threads on the same.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release tests/bench/bench_store
 *     build-release/tests/bench/bench_store [folder] [seconds per figure] [message bytes] [rounds] [threads…]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "storage/batch.h"
#include "storage/directory.h"

#define ACCOUNTS    50
#define THREADS_MAX 50
#define SAMPLES_MAX 200000 /* per thread */

static struct {
    const char *root;
    int64_t seconds;
    struct slice message;
    struct store *store;
    struct slice logins[ACCOUNTS];
    size_t commit_bytes; /* what a commit of one delivery writes to the log of the index */
} bench;

struct worker {
    pthread_t thread;
    int number;
    size_t accounts; /* how many share the work */
    void (*once)(struct worker *worker, unsigned n);
    int64_t until_us;
    int64_t *samples; /* µs each */
    unsigned count;
    int log;
    off_t log_end;
};

static void check(enum err err, const char *what)
{
    if (err) {
        fprintf(stderr, "%s: %s\n", what, err_text(err));
        exit(1);
    }
}

static void check_call(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        exit(1);
    }
}

/* A folder per thread: as good as it can be. */
static void write_bare(struct worker *worker, unsigned n)
{
    char from[512], to[512], folder[256];
    snprintf(folder, sizeof(folder), "%s/bare/%d", bench.root, worker->number);
    snprintf(from, sizeof(from), "%s/tmp.%u", folder, n);
    snprintf(to, sizeof(to), "%s/cur.%u", folder, n);
    int fd = open(from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    check_call(fd, from);
    check(fs_write_all(fd, bench.message), "write");
    check_call(fdatasync(fd), "fdatasync");
    close(fd);
    check_call(rename(from, to), "rename");
    check(fs_sync_directory(folder), "fsync");
}

/* The log is begun anew when it is as long as the store lets its own become. */
#define LOG_MAX (4 * 1024 * 1024)

static void write_bare_with_commit(struct worker *worker, unsigned n)
{
    static char pages[256 * 1024];
    char path[256];
    write_bare(worker, n);
    if (n == 0) {
        snprintf(path, sizeof(path), "%s/bare/%d/log", bench.root, worker->number);
        worker->log = open(path, O_WRONLY | O_CREAT, 0600);
        check_call(worker->log, path);
    }
    if (worker->log_end + (off_t)bench.commit_bytes > LOG_MAX) {
        worker->log_end = 0;
    }
    check_call((int)pwrite(worker->log, pages, bench.commit_bytes, worker->log_end), "pwrite");
    check_call(fdatasync(worker->log), "fdatasync of the log");
    worker->log_end += (off_t)bench.commit_bytes;
}

static void deliver_one(struct worker *worker, unsigned n)
{
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    struct message_summary summary;
    struct blob *blob;
    enum err result = ERR_OK;
    mime_parser_feed(parser, bench.message);
    mime_parser_finish(parser);
    summary_build(&arena, parser, &summary);
    check(blob_begin(bench.store, &blob), "blob_begin");
    check(blob_write(blob, bench.message), "blob_write");
    check(blob_seal(blob), "blob_seal");
    size_t account = ((size_t)worker->number + n * THREADS_MAX) % worker->accounts;
    deliver(bench.store, &bench.logins[account], 1, blob, &summary, &result);
    check(result, "deliver");
    blob_free(blob);
    arena_free(&arena);
}

/* One message to all accounts: a sample counts once, the figure counts each mailbox. */
static void deliver_to_all(struct worker *worker, unsigned n)
{
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    struct message_summary summary;
    struct blob *blob;
    (void)worker;
    (void)n;
    mime_parser_feed(parser, bench.message);
    mime_parser_finish(parser);
    summary_build(&arena, parser, &summary);
    check(blob_begin(bench.store, &blob), "blob_begin");
    check(blob_write(blob, bench.message), "blob_write");
    check(blob_seal(blob), "blob_seal");
    check(deliver_all(bench.store, bench.logins, ACCOUNTS, blob, &summary), "deliver_all");
    blob_free(blob);
    arena_free(&arena);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    int64_t before = clock_wall_us();
    while (before < worker->until_us && worker->count < SAMPLES_MAX) {
        worker->once(worker, worker->count);
        int64_t after = clock_wall_us();
        worker->samples[worker->count++] = after - before;
        before = after;
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of all threads, µs. */
static int64_t cpu_time(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

/* Returns operations per second. */
static double run(const char *name, int threads, size_t accounts, void (*once)(struct worker *, unsigned),
                  int weight)
{
    static struct worker workers[THREADS_MAX];
    int64_t start = clock_wall_us(), cpu = cpu_time();
    size_t total = 0;
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.number = i,
                                     .accounts = accounts,
                                     .once = once,
                                     .until_us = start + bench.seconds * 1000000,
                                     .samples = mem_alloc(SAMPLES_MAX * sizeof(int64_t))};
        errno = pthread_create(&workers[i].thread, NULL, work, &workers[i]);
        check_call(-errno, "pthread_create");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        total += workers[i].count;
    }
    double seconds = (double)(clock_wall_us() - start) / 1e6;
    int64_t *all = mem_alloc((total + 1) * sizeof(int64_t));
    size_t filled = 0;
    for (int i = 0; i < threads; i++) {
        memcpy(all + filled, workers[i].samples, workers[i].count * sizeof(int64_t));
        filled += workers[i].count;
        mem_free(workers[i].samples);
        if (workers[i].log > 0) {
            close(workers[i].log);
        }
    }
    qsort(all, total, sizeof(int64_t), compare);
    double rate = (double)total * weight / seconds;
    cpu = cpu_time() - cpu;
    printf("%-26s %3d threads %9.0f /s   p50 %7.2f ms   p99 %7.2f ms   CPU %5.0f us\n", name, threads, rate,
           (double)all[total / 2] / 1000, (double)all[total * 99 / 100] / 1000,
           (double)cpu / (double)total / weight);
    fflush(stdout);
    mem_free(all);
    return rate;
}

static void prepare(struct arena *arena)
{
    struct buf why;
    buf_init(&why, 4096);
    for (int i = 0; i < THREADS_MAX; i++) {
        check(fs_make_directories(arena_printf(arena, "%s/bare/%d", bench.root, i), 0700), "mkdir");
    }
    if (store_open(arena_printf(arena, "%s/data", bench.root), "bench.example", &bench.store, &why)) {
        fprintf(stderr, "%s\n", buf_cstr(&why));
        exit(1);
    }
    check(directory_domain_add(bench.store, S("example.org"), NULL), "domain");
    for (int i = 0; i < ACCOUNTS; i++) {
        bench.logins[i] = slice_from(arena_printf(arena, "user%d@example.org", i));
        check(directory_user_add(bench.store, bench.logins[i], S(""), 0, NULL), "user");
    }
    buf_free(&why);
}

static struct slice make_message(struct arena *arena, size_t size)
{
    struct buf text;
    buf_init(&text, size + 200);
    buf_append(&text, S("From: a@example.org\r\nTo: b@example.org\r\nSubject: bench\r\n"
                        "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <x@example.org>\r\n\r\n"));
    while (text.len < size) {
        buf_append(&text, S("The quick brown fox jumps over the lazy dog and does so again.\r\n"));
    }
    struct slice message = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return message;
}

/* By the length that the log of a new account has after some deliveries. */
static void measure_commit(struct arena *arena)
{
    struct worker worker = {.accounts = 1};
    struct stat before, after;
    const char *log = arena_printf(arena, "%s/data/mail/example.org/user0/index.db-wal", bench.root);
    deliver_one(&worker, 0);
    check_call(stat(log, &before), log);
    for (unsigned n = 1; n <= 50; n++) {
        deliver_one(&worker, n);
    }
    check_call(stat(log, &after), log);
    bench.commit_bytes = (size_t)(after.st_size - before.st_size) / 50;
}

static void compare_at(int threads)
{
    double maildir = run("bare maildir", threads, ACCOUNTS, write_bare, 1);
    double commit = run("bare commit", threads, ACCOUNTS, write_bare_with_commit, 1);
    double store = run("store, an account each", threads, ACCOUNTS, deliver_one, 1);
    double one = run("store, one account", threads, 1, deliver_one, 1);
    printf("%-26s %3d threads   an account each %.2f of commit, %.2f of maildir; one account %.2f, %.2f\n",
           "  ratio", threads, store / commit, store / maildir, one / commit, one / maildir);
}

int main(int argc, char **argv)
{
    static const int usual[] = {1, 8, 50};
    struct arena arena = {0};
    struct rlimit files;
    char *root = arena_printf(&arena, "%s/postern-bench.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    check_call(mkdtemp(root) ? 0 : -1, root);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench.root = root;
    bench.seconds = argc > 2 ? atoi(argv[2]) : 3;
    bench.message = make_message(&arena, argc > 3 ? (size_t)atoi(argv[3]) : 4096);
    prepare(&arena);
    measure_commit(&arena);
    printf("%zu bytes a message, %zu a commit, %d accounts, %lld s a figure, in %s\n", bench.message.len,
           bench.commit_bytes, ACCOUNTS, (long long)bench.seconds, root);
    for (int round = argc > 4 ? atoi(argv[4]) : 1; round > 0; round--) {
        for (int i = 5; i < argc; i++) {
            compare_at(MIN_OF(atoi(argv[i]), THREADS_MAX));
        }
        for (size_t i = 0; i < ARRAY_LEN(usual) && argc <= 5; i++) {
            compare_at(usual[i]);
        }
    }
    run("store, each to 50 (mailboxes)", 1, ACCOUNTS, deliver_to_all, ACCOUNTS);
    run("store, each to 50 (mailboxes)", 8, ACCOUNTS, deliver_to_all, ACCOUNTS);
    store_close(bench.store);
    printf("left in %s\n", root);
    arena_free(&arena);
    return 0;
}
