/* SPDX-License-Identifier: ISC */
/*
 * Searching in the text of one mailbox of many messages: how long the index takes to be filled, how large it
 * is, and how long answers take, beside looking at every message.
 *
 *     meson setup build-release --buildtype=release && ninja -C build-release tests/bench/bench_search
 *     build-release/tests/bench/bench_search [folder] [messages]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "fts.h"
#include "storage/batch.h"
#include "storage/care.h"
#include "storage/directory.h"
#include "storage/search.h"

#define WORDS      120000
#define BATCH      100
#define BODY_BYTES 1250
#define RARE_EVERY 25000 /* messages for one with the rare word */
#define ATTEMPTS   5

static struct {
    struct store *store;
    struct account *account;
    int64_t mailbox;
    size_t messages;
    uint64_t random, bytes;
    double harmonic[WORDS + 1];
} bench = {.random = 1};

static void check(enum err err, const char *what)
{
    if (err) {
        fprintf(stderr, "%s: %s\n", what, err_text(err));
        exit(1);
    }
}

static uint64_t chance(void)
{
    bench.random = bench.random * 6364136223846793005u + 1442695040888963407u;
    return bench.random >> 16;
}

/* A word by its rank, always the same one: frequent ones are short; consonants and vowels about as in
 * English. */
static void append_word(struct buf *out, size_t rank)
{
    static const char consonants[] = "tttnnnsssrrrhhddllccmmffppggwbbyvkxjqz", vowels[] = "eeeeaaaooiiiuy";
    uint64_t hash = (rank + 1) * 0x9e3779b97f4a7c15u;
    size_t length = 2;
    for (size_t rest = rank; rest > 3; rest /= 4) {
        length++;
    }
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (hash >> 29)) * 0xbf58476d1ce4e5b9u;
        bool vowel = (i + rank) % 2 == 0 ? (hash >> 60) > 2 : (hash >> 60) == 0;
        buf_append_char(out, vowel ? vowels[(hash >> 40) % (sizeof(vowels) - 1)]
                                   : consonants[(hash >> 40) % (sizeof(consonants) - 1)]);
    }
}

/* Zipf: the word of rank r comes with a probability of about 1 / r. */
static size_t choose_rank(void)
{
    double wanted = (double)(chance() % (1u << 30)) / (1u << 30) * bench.harmonic[WORDS];
    size_t low = 0, high = WORDS;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        *(bench.harmonic[middle] <= wanted ? &low : &high) = middle;
    }
    return low;
}

static void append_words(struct buf *out, size_t bytes, size_t line)
{
    size_t start = out->len, line_start = out->len;
    while (out->len - start < bytes) {
        append_word(out, choose_rank());
        bool end = out->len - line_start > line;
        buf_append(out, end ? S("\r\n") : S(" "));
        line_start = end ? out->len : line_start;
    }
}

static void make_message(struct buf *out, size_t number)
{
    buf_clear(out);
    buf_printf(
        out,
        "Received: from mx%llu.example.net ([192.0.2.%llu]) by mx.example.org with ESMTPS id %016llx;\r\n"
        "\tSun, 22 Nov 2026 00:00:00 +0000\r\n"
        "From: User %llu <user%llu@example.net>\r\nTo: b@example.org\r\n"
        "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nMessage-ID: <%016llx@example.net>\r\nSubject: ",
        (unsigned long long)chance() % 100, (unsigned long long)chance() % 256, (unsigned long long)chance(),
        (unsigned long long)chance() % 1000, (unsigned long long)chance() % 1000,
        (unsigned long long)chance());
    append_words(out, 30, SIZE_MAX);
    buf_append(out, S("\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"));
    append_words(out, BODY_BYTES, 70);
    buf_append(out, number % RARE_EVERY == 17 ? S("xylophonist\r\n") : S("\r\n"));
}

static void deliver_batch(size_t first, size_t count)
{
    struct arena arena = {0};
    struct batch_operation *operations = arena_array(&arena, struct batch_operation, count);
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < count; i++) {
        struct mime_parser *parser = mime_parser_new(&arena, NULL);
        struct message_summary *summary = arena_new(&arena, struct message_summary);
        struct blob *blob;
        make_message(&text, first + i);
        mime_parser_feed(parser, buf_slice(&text));
        mime_parser_finish(parser);
        summary_build(&arena, parser, summary);
        check(blob_begin(bench.store, &blob), "blob_begin");
        check(blob_write(blob, buf_slice(&text)), "blob_write");
        check(blob_seal(blob), "blob_seal");
        operations[i] = (struct batch_operation){.kind = BATCH_APPEND,
                                                 .mailbox = mailbox_named(S("INBOX")),
                                                 .append = {.blob = blob, .summary = summary}};
        bench.bytes += text.len;
    }
    check(batch_commit(bench.account, operations, count, NULL), "batch_commit");
    for (size_t i = 0; i < count; i++) {
        blob_free(operations[i].append.blob);
    }
    buf_free(&text);
    arena_free(&arena);
}

static void deliver_all_messages(void)
{
    int64_t start = clock_wall_us();
    for (size_t i = 0; i < bench.messages; i += BATCH) {
        deliver_batch(i, MIN_OF((size_t)BATCH, bench.messages - i));
    }
    printf("%zu messages, %.1f MB, delivered in %.1f s\n", bench.messages, (double)bench.bytes / 1e6,
           (double)(clock_wall_us() - start) / 1e6);
    fflush(stdout);
}

/* Of the processor, for machines that others use too. */
static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void fill(void)
{
    int64_t start = clock_wall_us();
    double cpu = cpu_seconds();
    check(fts_catch_up(bench.account, SIZE_MAX, NULL, NULL), "fts_catch_up");
    double seconds = (double)(clock_wall_us() - start) / 1e6;
    printf(
        "index filled in %.1f s (%.1f s of CPU): %.1f MB/s, %.0f messages/s; %.1f MB, %.2f of the messages\n",
        seconds, cpu_seconds() - cpu, (double)bench.bytes / 1e6 / seconds, (double)bench.messages / seconds,
        (double)fts_bytes(bench.account) / 1e6, (double)fts_bytes(bench.account) / (double)bench.bytes);
    start = clock_wall_us();
    deliver_batch(bench.messages, 1);
    check(fts_catch_up(bench.account, SIZE_MAX, NULL, NULL), "fts_catch_up");
    printf("one message more: %.2f ms with its delivery\n", (double)(clock_wall_us() - start) / 1e3);
    fflush(stdout);
}

static void search(const char *what, const struct search_term *terms, size_t count, int attempts)
{
    struct search_request request = {
        .mailbox_id = bench.mailbox, .within = uid_set_all, .terms = terms, .term_count = count};
    double best = 0, first = 0, cpu_best = 0;
    uint64_t found = 0;
    for (int i = 0; i < attempts; i++) {
        struct arena arena = {0};
        struct uid_set uids;
        double cpu = cpu_seconds();
        int64_t start = clock_wall_us();
        check(search_text(bench.account, &request, &arena, &uids), "search_text");
        double ms = (double)(clock_wall_us() - start) / 1e3, cpu_ms = (cpu_seconds() - cpu) * 1e3;
        first = i == 0 ? ms : first;
        best = i == 0 || ms < best ? ms : best;
        cpu_best = i == 0 || cpu_ms < cpu_best ? cpu_ms : cpu_best;
        found = uid_set_size(&uids);
        arena_free(&arena);
    }
    printf("%-44s %7llu found   first %9.1f ms   best %9.1f ms\n", what, (unsigned long long)found, first,
           best);
    fflush(stdout);
}

static struct slice word_of(struct arena *arena, size_t rank)
{
    struct buf word;
    buf_init(&word, 100);
    append_word(&word, rank);
    struct slice copy = arena_copy(arena, buf_slice(&word));
    buf_free(&word);
    return copy;
}

static void measure(void)
{
    struct arena arena = {0};
    struct search_term rare = {.where = SEARCH_BODY, .text = S("Xylophonist")};
    search("BODY, a word in few messages", &rare, 1, ATTEMPTS);
    rare.where = SEARCH_TEXT;
    search("TEXT, the same", &rare, 1, ATTEMPTS);
    struct search_term none = {.where = SEARCH_BODY, .text = S("nowhere to be found")};
    search("BODY, a text in none", &none, 1, ATTEMPTS);
    struct search_term seldom = {.where = SEARCH_BODY, .text = word_of(&arena, 30000)};
    search("BODY, a word of rank 30,000", &seldom, 1, ATTEMPTS);
    struct search_term two[] = {{.where = SEARCH_BODY, .text = word_of(&arena, 3000)},
                                {.where = SEARCH_BODY, .text = word_of(&arena, 5000)}};
    search("BODY, two words of rank 3,000 and 5,000", two, 2, ATTEMPTS);
    struct search_term subject = {
        .where = SEARCH_HEADER, .header = S("Subject"), .text = word_of(&arena, 3000)};
    search("SUBJECT, a word of rank 3,000", &subject, 1, ATTEMPTS);
    subject.text = S("xq");
    search("SUBJECT, two letters, in none", &subject, 1, 2);
    struct search_term common = {.where = SEARCH_BODY, .text = word_of(&arena, 20)};
    search("BODY, a common word", &common, 1, 1);
    struct search_term scan = {.where = SEARCH_BODY, .text = S("xq")};
    search("BODY, two letters: every message looked at", &scan, 1, 1);
    arena_free(&arena);
}

int main(int argc, char **argv)
{
    struct arena arena = {0};
    struct buf why;
    struct mailbox_status status;
    char *root = arena_printf(&arena, "%s/postern-bench.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    buf_init(&why, 4096);
    bench.messages = argc > 2 ? (size_t)atoi(argv[2]) : 100000;
    for (size_t i = 0; i < WORDS; i++) {
        bench.harmonic[i + 1] = bench.harmonic[i] + 1.0 / (double)(i + 1);
    }
    if (!mkdtemp(root) || store_open(root, "bench.example", &bench.store, &why)) {
        fprintf(stderr, "%s: %s\n", root, buf_cstr(&why));
        return 1;
    }
    check(directory_domain_add(bench.store, S("example.org"), NULL), "domain");
    check(directory_user_add(bench.store, S("a@example.org"), S(""), 0, NULL), "user");
    check(account_open(bench.store, S("a@example.org"), &bench.account), "account");
    check(mailbox_status(bench.account, S("INBOX"), &status), "INBOX");
    bench.mailbox = status.id;
    deliver_all_messages();
    fill();
    measure();
    account_close(bench.account);
    store_close(bench.store);
    printf("left in %s\n", root);
    buf_free(&why);
    arena_free(&arena);
    return 0;
}
