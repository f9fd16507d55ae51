/* SPDX-License-Identifier: ISC */
/*
 * Deliveries per second into the store, beside two bare loops that know nothing of mail:
 *
 *     maildir   create, write, fdatasync, rename, fsync of the folder: what a Maildir without an index costs
 *     commit    what a delivery through the store does to files, call for call, with as many bytes: create,
 *               write, fdatasync, link, fsync of the folder, a line in a journal, the write to the log of the
 *               index and its fdatasync, locks, a look whether the files are still those that were opened,
 *               unlink. Nothing else: no parsing, no SQL, no checkpoints
 *
 * All on the same disk and in turns, a short time each, so that the ratios mean something where the disk's
 * speed changes from minute to minute; the ratio of a round is of neighbours, and the median counts. Each
 * thread has a folder or an account of its own; "one account" is all threads on the same. Files deleted in
 * the last minute make new ones slow on some file systems: do not clean up right before.
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
#include <sys/file.h>
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
    struct message_summary summary; /* of it: a daemon makes it while the lines arrive, before the delivery */
    struct store *store;
    struct slice logins[ACCOUNTS];
    unsigned figure;     /* how many were measured: names are never used twice */
    size_t commit_bytes; /* what a commit of one delivery writes to the log of the index */
} bench;

/* What a bare loop keeps open, as the store does of an account. */
struct bare {
    int folder, log, journal, shared;
    off_t log_end;
};

struct worker {
    pthread_t thread;
    int number;
    size_t accounts; /* how many share the work */
    void (*once)(struct worker *worker, unsigned n);
    int64_t until_us;
    int64_t *samples; /* µs each */
    unsigned count;
    struct bare bare;
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

struct names {
    char from[300], to[300], folder[256];
};

/* Folders per thread: as good as it can be. */
static struct names write_file(struct worker *worker, unsigned n)
{
    struct names names;
    snprintf(names.folder, sizeof(names.folder), "%s/bare/%d/cur", bench.root, worker->number);
    snprintf(names.from, sizeof(names.from), "%s/bare/%d/tmp/%u", bench.root, worker->number, n);
    snprintf(names.to, sizeof(names.to), "%s/%u.%u", names.folder, bench.figure, n);
    int fd = open(names.from, O_WRONLY | O_CREAT | O_EXCL, 0600);
    check_call(fd, names.from);
    check(fs_write_all(fd, bench.message), "write");
    check_call(fdatasync(fd), "fdatasync");
    close(fd);
    return names;
}

static void write_bare(struct worker *worker, unsigned n)
{
    struct names names = write_file(worker, n);
    check_call(rename(names.from, names.to), "rename");
    check(fs_sync_directory(names.folder), "fsync");
}

static int open_bare(struct worker *worker, const char *name, int flags)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/bare/%d/%s", bench.root, worker->number, name);
    int fd = open(path, flags, 0600);
    check_call(fd, path);
    return fd;
}

static void open_files(struct worker *worker)
{
    struct bare *bare = &worker->bare;
    bare->folder = open_bare(worker, "cur", O_RDONLY | O_DIRECTORY);
    bare->log = open_bare(worker, "log", O_WRONLY | O_CREAT);
    bare->journal = open_bare(worker, "journal", O_RDWR | O_CREAT);
    bare->shared = open_bare(worker, "shared", O_RDWR | O_CREAT);
    bare->log_end = 0;
}

static void close_files(struct bare *bare)
{
    close(bare->folder);
    close(bare->log);
    close(bare->journal);
    close(bare->shared);
}

/* A byte of the WAL's shared index, as SQLite locks it: once for a reader's mark and for the writer. */
static void lock_byte(struct worker *worker, short type, off_t byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    check_call(fcntl(worker->bare.shared, F_SETLK, &lock), "fcntl");
}

static void lock_bare(struct worker *worker)
{
    check_call(flock(worker->bare.journal, LOCK_EX), "flock");
    lock_byte(worker, F_WRLCK, 124);
    lock_byte(worker, F_UNLCK, 124);
    lock_byte(worker, F_RDLCK, 124);
    lock_byte(worker, F_WRLCK, 120);
}

static void unlock_bare(struct worker *worker)
{
    lock_byte(worker, F_UNLCK, 120);
    lock_byte(worker, F_UNLCK, 124);
    check_call((int)pwrite(worker->bare.journal, "done  ", 6, 0), "pwrite");
    check_call(flock(worker->bare.journal, LOCK_UN), "flock");
}

/* The log is begun anew when it is as long as the store lets its own become. */
#define LOG_MAX       (2 * 1024 * 1024)
#define JOURNAL_BYTES 132

static void append_to_log(struct bare *bare)
{
    static const char pages[256 * 1024];
    if (bare->log_end + (off_t)bench.commit_bytes > LOG_MAX) {
        bare->log_end = 0;
    }
    check_call((int)pwrite(bare->log, pages, bench.commit_bytes, bare->log_end), "pwrite");
    check_call(fdatasync(bare->log), "fdatasync of the log");
    bare->log_end += (off_t)bench.commit_bytes;
}

static void write_bare_with_commit(struct worker *worker, unsigned n)
{
    static const char line[JOURNAL_BYTES];
    struct bare *bare = &worker->bare;
    struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    struct stat info;
    char head[64];
    if (n == 0) {
        open_files(worker);
    }
    struct names names = write_file(worker, n);
    check_call(stat(names.folder, &info), "stat");
    check_call(fstatat(bare->folder, "../log", &info, 0), "stat");
    lock_bare(worker);
    check_call(fstatat(bare->folder, "../log", &info, 0), "stat");
    check_call((int)pread(bare->journal, head, sizeof(head), 0), "pread");
    check_call(fstatat(bare->folder, ".", &info, 0), "stat");
    check_call((int)pwrite(bare->journal, line, sizeof(line), 0), "pwrite");
    check_call(link(names.from, names.to), "link");
    check_call(fsync(bare->folder), "fsync");
    check_call(futimens(bare->folder, now), "futimens");
    check_call(fstatat(bare->folder, ".", &info, 0), "stat");
    append_to_log(bare);
    unlock_bare(worker);
    check_call(fstat(bare->folder, &info), "fstat");
    check_call(unlink(names.from), "unlink");
}

static void deliver_one(struct worker *worker, unsigned n)
{
    struct blob *blob;
    enum err result = ERR_OK;
    check(blob_begin(bench.store, &blob), "blob_begin");
    check(blob_write(blob, bench.message), "blob_write");
    check(blob_seal(blob), "blob_seal");
    size_t account = ((size_t)worker->number + n * THREADS_MAX) % worker->accounts;
    deliver(bench.store, &bench.logins[account], 1, blob, &bench.summary, &result);
    check(result, "deliver");
    blob_free(blob);
}

/* One message to all accounts: a sample counts once, the figure counts each mailbox. */
static void deliver_to_all(struct worker *worker, unsigned n)
{
    struct blob *blob;
    (void)worker;
    (void)n;
    check(blob_begin(bench.store, &blob), "blob_begin");
    check(blob_write(blob, bench.message), "blob_write");
    check(blob_seal(blob), "blob_seal");
    check(deliver_all(bench.store, bench.logins, ACCOUNTS, blob, &bench.summary), "deliver_all");
    blob_free(blob);
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
    bench.figure++;
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
        if (once == write_bare_with_commit) {
            close_files(&workers[i].bare);
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
        check(fs_make_directories(arena_printf(arena, "%s/bare/%d/tmp", bench.root, i), 0700), "mkdir");
        check(fs_make_directories(arena_printf(arena, "%s/bare/%d/cur", bench.root, i), 0700), "mkdir");
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

static void make_message(struct arena *arena, size_t size)
{
    struct buf text;
    buf_init(&text, size + 200);
    buf_append(&text, S("From: a@example.org\r\nTo: b@example.org\r\nSubject: bench\r\n"
                        "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <x@example.org>\r\n\r\n"));
    while (text.len < size) {
        buf_append(&text, S("The quick brown fox jumps over the lazy dog and does so again.\r\n"));
    }
    bench.message = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    mime_parser_feed(parser, bench.message);
    mime_parser_finish(parser);
    summary_build(arena, parser, &bench.summary);
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

#define ROUNDS_MAX 100

struct ratios {
    double values[ROUNDS_MAX];
    int count;
};

static int compare_ratios(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_ratio(const char *name, int threads, struct ratios *ratios)
{
    qsort(ratios->values, (size_t)ratios->count, sizeof(double), compare_ratios);
    printf("  %-32s %3d threads   median %.2f   (%.2f to %.2f)\n", name, threads,
           ratios->values[ratios->count / 2], ratios->values[0], ratios->values[ratios->count - 1]);
}

static void compare_at(int threads, int rounds)
{
    struct ratios each = {0}, one = {0}, maildir = {0};
    for (int round = 0; round < rounds; round++) {
        double bare = run("bare maildir", threads, ACCOUNTS, write_bare, 1);
        double commit = run("bare commit", threads, ACCOUNTS, write_bare_with_commit, 1);
        double store = run("store, an account each", threads, ACCOUNTS, deliver_one, 1);
        each.values[each.count++] = store / commit;
        maildir.values[maildir.count++] = store / bare;
        commit = run("bare commit", threads, ACCOUNTS, write_bare_with_commit, 1);
        one.values[one.count++] = run("store, one account", threads, 1, deliver_one, 1) / commit;
    }
    print_ratio("an account each / bare commit", threads, &each);
    print_ratio("one account / bare commit", threads, &one);
    print_ratio("an account each / bare maildir", threads, &maildir);
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
    make_message(&arena, argc > 3 ? (size_t)atoi(argv[3]) : 4096);
    prepare(&arena);
    measure_commit(&arena);
    printf("%zu bytes a message, %zu a commit, %d accounts, %lld s a figure, in %s\n", bench.message.len,
           bench.commit_bytes, ACCOUNTS, (long long)bench.seconds, root);
    int rounds = argc > 4 ? MIN_OF(MAX_OF(atoi(argv[4]), 1), ROUNDS_MAX) : 3;
    for (int i = 5; i < argc; i++) {
        compare_at(MIN_OF(atoi(argv[i]), THREADS_MAX), rounds);
    }
    for (size_t i = 0; i < ARRAY_LEN(usual) && argc <= 5; i++) {
        compare_at(usual[i], rounds);
    }
    run("store, each to 50 (mailboxes)", 1, ACCOUNTS, deliver_to_all, ACCOUNTS);
    run("store, each to 50 (mailboxes)", 8, ACCOUNTS, deliver_to_all, ACCOUNTS);
    store_close(bench.store);
    printf("left in %s\n", root);
    arena_free(&arena);
    return 0;
}
