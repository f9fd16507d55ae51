/* SPDX-License-Identifier: ISC */
/*
 * One operation on all messages of a large mailbox: bench_operations [DIRECTORY [MESSAGES]]. Each line tells
 * the seconds of the batch, and the highest memory of the process so far.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "mail/summary.h"
#include "storage/batch.h"
#include "storage/care.h"
#include "storage/directory.h"

#define LOGIN     S("bench@example.org")
#define AT_ONCE   1000  /* messages of a batch that fills the mailbox */
#define LINKS_MAX 20000 /* of one blob: copies double it, and ext4 allows 65,000 */

static void check(enum err err, const char *what)
{
    if (err) {
        fprintf(stderr, "%s: %s\n", what, err_text(err));
        exit(1);
    }
}

struct sealed {
    struct blob *blob;
    struct message_summary summary;
};

static struct sealed seal(struct store *store, struct arena *arena)
{
    struct sealed sealed;
    struct slice text = S("From: a@example.org\r\nSubject: hello\r\n\r\nHello\r\n");
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    mime_parser_feed(parser, text);
    mime_parser_finish(parser);
    summary_build(arena, parser, &sealed.summary);
    check(blob_begin(store, &sealed.blob), "blob");
    check(blob_write(sealed.blob, text), "blob");
    check(blob_seal(sealed.blob), "blob");
    return sealed;
}

static void fill(struct store *store, struct account *account, unsigned messages)
{
    struct arena arena = {0};
    struct batch_operation *appends = arena_array(&arena, struct batch_operation, AT_ONCE);
    struct sealed sealed = {0};
    for (unsigned done = 0; done < messages; done += AT_ONCE) {
        if (done % LINKS_MAX == 0) {
            blob_free(sealed.blob);
            sealed = seal(store, &arena);
        }
        for (unsigned i = 0; i < AT_ONCE; i++) {
            appends[i] = (struct batch_operation){
                .kind = BATCH_APPEND,
                .mailbox = mailbox_named(S("INBOX")),
                .append = {.blob = sealed.blob, .summary = &sealed.summary},
            };
        }
        check(batch_commit(account, appends, AT_ONCE, NULL), "append");
    }
    blob_free(sealed.blob);
    arena_free(&arena);
}

static void report(const char *what, int64_t from_us, size_t messages)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("%-28s %8zu messages %7.2f s   %7.2f s cpu %5ld MB\n", what, messages,
           (double)(clock_wall_us() - from_us) / 1e6, cpu, usage.ru_maxrss / 1024);
    fflush(stdout);
}

static void measure(struct account *account, const char *what, struct batch_operation operation)
{
    struct arena arena = {0};
    int64_t from = clock_wall_us();
    check(batch_commit(account, &operation, 1, &arena), what);
    report(what, from, operation.result.affected);
    arena_free(&arena);
}

static struct batch_operation flags(enum batch_flag_change change, uint32_t bits, const struct slice *keyword)
{
    return (struct batch_operation){
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(S("INBOX")),
        .flags = {.uids = uid_set_all,
                  .change = change,
                  .flags = bits,
                  .keywords = keyword,
                  .keyword_count = keyword != NULL},
    };
}

static struct batch_operation copy(enum batch_kind kind, struct slice from, struct slice to)
{
    return (struct batch_operation){.kind = kind,
                                    .mailbox = mailbox_named(from),
                                    .copy = {.uids = uid_set_all, .target = mailbox_named(to)}};
}

static void run_all(struct account *account, unsigned messages)
{
    struct slice keyword = S("$Forwarded");
    measure(account, "STORE +FLAGS \\Seen", flags(FLAGS_ADD, MESSAGE_SEEN, NULL));
    measure(account, "the same again", flags(FLAGS_ADD, MESSAGE_SEEN, NULL));
    measure(account, "STORE +FLAGS $Forwarded", flags(FLAGS_ADD, 0, &keyword));
    int64_t from = clock_wall_us();
    check(account_maintain(account), "maintenance");
    report("letters, other maintenance", from, messages);
    measure(account, "COPY", copy(BATCH_COPY, S("INBOX"), S("Archive")));
    measure(account, "MOVE", copy(BATCH_MOVE, S("INBOX"), S("Archive")));
    measure(account, "EXPUNGE",
            (struct batch_operation){.kind = BATCH_EXPUNGE,
                                     .mailbox = mailbox_named(S("Archive")),
                                     .expunge = {.uids = uid_set_all}});
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    struct store *store = NULL;
    struct account *account = NULL;
    char *root = arena_printf(&arena, "%s/postern-bench.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    unsigned messages = argc > 2 ? (unsigned)atoi(argv[2]) : 100000;
    if (!mkdtemp(root)) {
        perror(root);
        return 1;
    }
    check(store_open(root, "mx.example.org", &store, NULL), "store");
    check(directory_domain_add(store, S("example.org"), NULL), "domain");
    check(directory_user_add(store, LOGIN, S(""), 0, NULL), "user");
    check(account_open(store, LOGIN, &account), "account");
    int64_t from = clock_wall_us();
    fill(store, account, messages);
    report("APPEND in batches of 1000", from, messages);
    run_all(account, messages);
    account_close(account);
    store_close(store);
    const char *remove = arena_printf(&arena, "rm -r '%s'", root);
    int result = system(remove);
    arena_free(&arena);
    return result != 0;
}
