/* SPDX-License-Identifier: ISC */
/*
 * Mail to measure with: a Maildir of any number of messages, the same ones each time. They are like what a
 * person gets: a few thousand senders and subjects, threads with References, plain text, HTML alternatives,
 * attachments, mail of lists with long headers, encoded words, quoted-printable in several scripts, 1 to
 * 60 KiB (11 KiB on average). Four words stand in known numbers of messages, so that a search can be checked.
 *
 *     corpus DIR COUNT        makes DIR/cur, DIR/new, DIR/tmp; prints a JSON object with what is in them
 *
 * Files have LF line ends and names with S= and W=, as Dovecot writes them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "corpus_text.h"

#define FIRST_DATE     1500000000 /* July 2017 */
#define SECONDS_APART  2400       /* 100,000 messages: seven and a half years */
#define RARE_SUBJECT   "Quetzalcoatl"
#define COMMON_SUBJECT "meeting"
#define RARE_BODY      "zyzzyvas"
#define COMMON_BODY    "schedule"

struct totals {
    uint64_t bytes, wire_bytes;
    int unseen, rare_subject, common_subject, rare_body, common_body;
};

struct message {
    int number;
    time_t date;
    bool rare_subject, common_subject, rare_body, common_body, seen;
    int thread; /* the number of its first message */
    int depth;  /* answers above it */
};

static void die(const char *what)
{
    fprintf(stderr, "corpus: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void format_date(char *out, size_t size, time_t date)
{
    struct tm tm;
    gmtime_r(&date, &tm);
    strftime(out, size, "%a, %d %b %Y %H:%M:%S +0000", &tm);
}

/* --- the header --- */

static void write_trace(struct text *text, struct random *random, const char *date, bool list)
{
    int hops = list ? 6 : 1 + (int)random_below(random, 3);
    text_printf(text, "Return-Path: <person%u@example.org>\n", random_below(random, PEOPLE));
    for (int i = 0; i < hops; i++)
        text_printf(text,
                    "Received: from mx%d.example.net (mx%d.example.net [192.0.2.%u])\n"
                    "\tby mail%d.example.org with ESMTPS id %08x\n\tfor <someone@bench.test>; %s\n",
                    i, i, random_below(random, 250), i, random_below(random, UINT32_MAX), date);
    if (list || random_below(random, 2)) {
        text_printf(text, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=key;\n"
                          "\th=from:to:subject:date:message-id; bh=\n");
        for (int i = 0; i < 5; i++) {
            text_printf(text, "\t");
            text_base64_line(text, random, 64);
        }
    }
    if (list)
        text_printf(text,
                    "List-Id: Talk of the town <talk.example.org>\nList-Post: <mailto:talk@example.org>\n"
                    "List-Unsubscribe: <https://example.org/leave>,\n\t<mailto:leave@example.org>\n"
                    "Precedence: list\nX-Spam-Status: No, score=-2.1 required=5.0 tests=BAYES_00,\n"
                    "\tDKIM_SIGNED,DKIM_VALID,SPF_PASS autolearn=ham\n");
}

static void write_references(struct text *text, const struct message *message)
{
    int first = message->depth > 11 ? message->depth - 11 : 0;
    text_printf(text, "In-Reply-To: <%d.%d@bench.example.org>\nReferences:", message->thread,
                message->depth - 1);
    for (int i = first; i < message->depth; i++)
        text_printf(text, "%s<%d.%d@bench.example.org>", i == first ? " " : "\n\t", message->thread, i);
    text_printf(text, "\n");
}

/* The subject is the thread's, so that answers have the same one. */
static void write_subject(struct text *text, const struct message *message)
{
    struct random random = random_of(0x5u, (uint64_t)message->thread);
    const char *word = message->rare_subject ? RARE_SUBJECT : message->common_subject ? COMMON_SUBJECT : NULL;
    text_printf(text, "Subject: %s", message->depth > 0 ? "Re: " : "");
    if (random_below(&random, 10) < 3) {
        text_encoded_subject(text, &random);
        text_printf(text, "%s%s", word ? " " : "", word ? word : "");
    } else {
        for (int i = 2 + (int)random_below(&random, 6); i > 0; i--)
            text_printf(text, "%s ", random_word(&random));
        text_printf(text, "%s", word ? word : random_word(&random));
    }
    text_printf(text, "\n");
}

static void write_header(struct text *text, struct random *random, const struct message *message, bool list)
{
    char date[64];
    format_date(date, sizeof date, message->date);
    write_trace(text, random, date, list);
    text_printf(text, "From: ");
    text_address(text, random_below(random, PEOPLE));
    text_printf(text, "\nTo: ");
    text_address(text, random_below(random, PEOPLE));
    for (unsigned i = list ? 8 : random_below(random, 4); i > 0; i--) {
        text_printf(text, ",\n\t");
        text_address(text, random_below(random, PEOPLE));
    }
    if (random_below(random, 3) == 0) {
        text_printf(text, "\nCc: ");
        text_address(text, random_below(random, PEOPLE));
    }
    if (list)
        text_printf(text, "\nReply-To: Talk <talk@example.org>");
    text_printf(text, "\n");
    write_subject(text, message);
    text_printf(text, "Date: %s\nMessage-ID: <%d.%d@bench.example.org>\n", date, message->thread,
                message->depth);
    if (message->depth > 0)
        write_references(text, message);
    text_printf(text, "X-Mailer: Letters %u.%u\nMIME-Version: 1.0\n", random_below(random, 9),
                random_below(random, 9));
}

/* --- the body --- */

#define HTML_HEAD "<html><head><style>p { margin: 0; }</style></head><body><p>"
#define HTML_TAIL "</p></body></html>\n"

/* The words that searches look for, once, in a line of their own. */
static void write_searched(struct text *text, const struct message *message)
{
    if (message->rare_body)
        text_printf(text, "Have you seen the %s?\n", RARE_BODY);
    if (message->common_body)
        text_printf(text, "It is on the %s for tomorrow.\n", COMMON_BODY);
}

static void write_plain(struct text *text, struct random *random, const struct message *message, size_t end)
{
    bool foreign = random_below(random, 2);
    text_printf(text, "Content-Type: text/plain; charset=%s\nContent-Transfer-Encoding: %s\n\n",
                foreign ? "utf-8" : "us-ascii", foreign ? "quoted-printable" : "7bit");
    write_searched(text, message);
    text_words(text, random, foreign, end);
}

static void write_alternative(struct text *text, struct random *random, const struct message *message,
                              size_t end)
{
    unsigned mark = random_below(random, UINT32_MAX);
    text_printf(text,
                "Content-Type: multipart/alternative; boundary=\"=_a%08x\"\n\nThis is a message in parts.\n"
                "--=_a%08x\nContent-Type: text/plain; charset=utf-8\n"
                "Content-Transfer-Encoding: quoted-printable\n\n",
                mark, mark);
    write_searched(text, message);
    text_words(text, random, true, text->length + (end > text->length ? (end - text->length) / 3 : 0));
    text_printf(text,
                "\n--=_a%08x\nContent-Type: text/html; charset=utf-8\n"
                "Content-Transfer-Encoding: quoted-printable\n\n" HTML_HEAD,
                mark);
    write_searched(text, message);
    text_words(text, random, true, end);
    text_printf(text, HTML_TAIL "--=_a%08x--\n", mark);
}

static void write_attachment(struct text *text, struct random *random, const struct message *message,
                             size_t end)
{
    unsigned mark = random_below(random, UINT32_MAX);
    text_printf(text,
                "Content-Type: multipart/mixed; boundary=\"=_m%08x\"\n\n--=_m%08x\n"
                "Content-Type: text/plain; charset=us-ascii\n\n",
                mark, mark);
    write_searched(text, message);
    text_words(text, random, false, text->length + 600);
    text_printf(text,
                "\n--=_m%08x\nContent-Type: application/pdf; name=\"paper%d.pdf\"\n"
                "Content-Transfer-Encoding: base64\n"
                "Content-Disposition: attachment; filename=\"paper%d.pdf\"\n\n",
                mark, message->number, message->number);
    while (text->length < end)
        text_base64_line(text, random, 76);
    text_printf(text, "--=_m%08x--\n", mark);
}

/* Half of all mail is small, one in fifty is large. */
static size_t random_size(struct random *random)
{
    unsigned kind = random_below(random, 100);
    unsigned from = kind < 60 ? 1 : kind < 85 ? 6 : kind < 98 ? 20 : 40;
    unsigned to = kind < 60 ? 6 : kind < 85 ? 20 : kind < 98 ? 40 : 60;
    return from * 1024 + random_below(random, (to - from) * 1024);
}

static void write_message(struct text *text, const struct message *message)
{
    struct random random = random_of(0x6u, (uint64_t)message->number);
    unsigned kind = random_below(&random, 20);
    size_t end = random_size(&random);
    text->length = 0;
    write_header(text, &random, message, kind >= 18);
    if (kind < 8 || kind >= 18)
        write_plain(text, &random, message, end);
    else if (kind < 15)
        write_alternative(text, &random, message, end);
    else
        write_attachment(text, &random, message, end);
}

/* --- which messages there are --- */

/* Six of ten answer a message among the last hundred threads; `depths` counts what each thread has. */
static struct message choose_message(int number, int *depths)
{
    struct random random = random_of(0x7u, (uint64_t)number);
    struct message message = {.number = number, .thread = number};
    message.date = FIRST_DATE + (time_t)number * SECONDS_APART + random_below(&random, SECONDS_APART * 3);
    if (number > 0 && random_below(&random, 10) < 6) {
        int back = 1 + (int)random_below(&random, number < 250 ? (unsigned)number : 250);
        if (depths[number - back] > 0)
            message.thread = number - back;
    }
    message.depth = depths[message.thread]++;
    message.rare_subject = message.thread % 5000 == 17;
    message.common_subject = !message.rare_subject && message.thread % 10 == 3;
    message.rare_body = number % 10000 == 711;
    message.common_body = random_below(&random, 10) < 3;
    message.seen = random_below(&random, 10) < 8;
    return message;
}

static void store_message(int folder, const struct text *text, const struct message *message, bool flagged)
{
    char name[200];
    struct timespec times[2] = {{.tv_sec = message->date}, {.tv_sec = message->date}};
    snprintf(name, sizeof name, "%lld.M%dP1.bench,S=%zu,W=%zu:2,%s%s", (long long)message->date,
             message->number, text->length, text->length + text->lines, flagged ? "F" : "",
             message->seen ? "S" : "");
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text->bytes, text->length) != (ssize_t)text->length || futimens(fd, times) != 0 ||
        close(fd) != 0)
        die(name);
}

static int open_folder(const char *root, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        die(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

static struct totals fill(int folder, int count)
{
    struct totals totals = {0};
    struct text text = {0};
    int *depths = calloc((size_t)count, sizeof *depths);
    for (int number = 0; number < count; number++) {
        struct message message = choose_message(number, depths);
        write_message(&text, &message);
        text_count_lines(&text);
        store_message(folder, &text, &message, number % 50 == 0);
        totals.bytes += text.length;
        totals.wire_bytes += text.length + text.lines;
        totals.unseen += !message.seen;
        totals.rare_subject += message.rare_subject;
        totals.common_subject += message.common_subject;
        totals.rare_body += message.rare_body;
        totals.common_body += message.common_body;
    }
    free(depths);
    free(text.bytes);
    return totals;
}

int main(int argc, char **argv)
{
    int count = argc == 3 ? atoi(argv[2]) : 0;
    if (count <= 0) {
        fprintf(stderr, "usage: corpus DIR COUNT\n");
        return 2;
    }
    if (mkdir(argv[1], 0700) != 0 && errno != EEXIST)
        die(argv[1]);
    close(open_folder(argv[1], "tmp"));
    close(open_folder(argv[1], "new"));
    int folder = open_folder(argv[1], "cur");
    struct totals totals = fill(folder, count);
    close(folder);
    printf("{\"messages\": %d, \"bytes\": %llu, \"wire_bytes\": %llu, \"unseen\": %d,\n"
           " \"rare_subject\": [\"%s\", %d], \"common_subject\": [\"%s\", %d],\n"
           " \"rare_body\": [\"%s\", %d], \"common_body\": [\"%s\", %d]}\n",
           count, (unsigned long long)totals.bytes, (unsigned long long)totals.wire_bytes, totals.unseen,
           RARE_SUBJECT, totals.rare_subject, COMMON_SUBJECT, totals.common_subject, RARE_BODY,
           totals.rare_body, COMMON_BODY, totals.common_body);
    return 0;
}
