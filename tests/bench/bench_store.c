/* SPDX-License-Identifier: ISC */
/*
 * Deliveries per second into the store, beside a bare loop of what a Maildir alone would cost: create, write,
 * fdatasync, rename, fsync of the folder. Both in the same run on the same disk, so that their ratio means
 * something.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release tests/bench/bench_store
 *     build-release/tests/bench/bench_store [folder] [seconds per figure] [message bytes]
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
} bench;

struct worker {
    pthread_t thread;
    int number;
    size_t accounts; /* how many share the work */
    void (*once)(struct worker *worker, unsigned n);
    int64_t until_us;
    int64_t *samples; /* µs each */
    unsigned count;
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

/* Returns operations per second. */
static double run(const char *name, int threads, size_t accounts, void (*once)(struct worker *, unsigned),
                  int weight)
{
    static struct worker workers[THREADS_MAX];
    int64_t start = clock_wall_us();
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
    }
    qsort(all, total, sizeof(int64_t), compare);
    double rate = (double)total * weight / seconds;
    printf("%-34s %3d threads %9.0f /s   p50 %7.2f ms   p99 %7.2f ms\n", name, threads, rate,
           (double)all[total / 2] / 1000, (double)all[total * 99 / 100] / 1000);
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

int main(int argc, char **argv)
{
    static const int threads[] = {1, 8, 50};
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
    printf("%zu bytes a message, %d accounts, %lld s a figure, in %s\n", bench.message.len, ACCOUNTS,
           (long long)bench.seconds, root);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        double bare = run("bare write+sync+rename+sync", threads[i], ACCOUNTS, write_bare, 1);
        double store = run("store, 50 accounts", threads[i], ACCOUNTS, deliver_one, 1);
        double one = run("store, one account", threads[i], 1, deliver_one, 1);
        printf("%-34s %3d threads   %.2f of bare over accounts, %.2f on one\n", "  ratio", threads[i],
               store / bare, one / bare);
    }
    run("store, each to 50 (mailboxes)", 1, ACCOUNTS, deliver_to_all, ACCOUNTS);
    run("store, each to 50 (mailboxes)", 8, ACCOUNTS, deliver_to_all, ACCOUNTS);
    store_close(bench.store);
    printf("left in %s\n", root);
    arena_free(&arena);
    return 0;
}
