/* SPDX-License-Identifier: ISC */
/*
 * One IMAP session whose commands come from the standard input, a line each; a line
 *
 *     repeat 200 STATUS "Box %d" (MESSAGES)
 *
 * sends its command so many times, one after the other, with 1, 2, 3 … for %d. For each line a JSON object
 * tells the time from sending to the tagged answer, and what came between.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_imap.h"

#define COMMAND_MAX 4096

/* The command with `number` for each "%d". */
static void expand(char *out, const char *command, int number)
{
    size_t length = 0;
    for (const char *c = command; *c && length < COMMAND_MAX - 16;)
        if (strncmp(c, "%d", 2) == 0) {
            length += (size_t)sprintf(out + length, "%d", number);
            c += 2;
        } else {
            out[length++] = *c++;
        }
    out[length] = '\0';
}

/* The answer's text without what JSON does not take. */
static void keep_answer(char out[200], const char *answer)
{
    snprintf(out, 200, "%.150s", answer);
    for (char *c = out; *c; c++)
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '.';
}

static void run_line(struct connection *connection, const char *command, int times)
{
    struct imap_tally tally = IMAP_TALLY_EMPTY;
    uint64_t bytes = connection->bytes;
    double *latencies = calloc((size_t)times, sizeof *latencies);
    bool good = true;
    char last[200] = "", expanded[COMMAND_MAX];
    double begin = now();
    for (int i = 0; i < times; i++) {
        expand(expanded, command, i + 1);
        double sent = now();
        char *answer = send_text(connection, "a4 %s\r\n", expanded) ? imap_finish(connection, "a4", &tally)
                                                                    : "the connection is closed";
        latencies[i] = now() - sent;
        good = good && answer && strncmp(answer, "OK", 2) == 0;
        keep_answer(last, answer ? answer : "the connection was closed");
    }
    printf("{\"ok\": %s, \"answer\": \"%s\", \"seconds\": %.6f, \"bytes\": %llu, \"literal_bytes\": %llu, "
           "\"fetches\": %ld, \"fetched\": %llu, \"expunges\": %ld, \"exists\": %ld, \"lists\": %ld, "
           "\"statuses\": %ld, \"numbers\": %ld, \"p50_ms\": %.4f, \"p99_ms\": %.4f}\n",
           good ? "true" : "false", last, now() - begin, (unsigned long long)(connection->bytes - bytes),
           (unsigned long long)tally.literal_bytes, tally.fetches, (unsigned long long)tally.fetched,
           tally.expunges, tally.exists, tally.lists, tally.statuses, tally.numbers,
           percentile_ms(latencies, times, 0.5), percentile_ms(latencies, times, 0.99));
    fflush(stdout);
    free(latencies);
}

void imap_script(struct connection *connection)
{
    char line[COMMAND_MAX];
    int lines = 0;
    if (!imap_log_in(connection, options.user))
        die("login");
    for (; fgets(line, sizeof line, stdin); lines++) {
        int times = 1, skipped = 0;
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "repeat %d %n", &times, &skipped) < 1 || times < 1)
            times = 1;
        run_line(connection, line + skipped, times);
    }
    tell_total(lines);
}
