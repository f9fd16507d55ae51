/* SPDX-License-Identifier: ISC */
/*
 * The connection and the run; prints one JSON object.
 *
 *     load smtp        --port P --sessions S --count N --size BYTES --recipient 'u%d@bench.test' --users U
 *     load pop3-login  --port P --sessions S --count N --user 'u%d' --users U --password W
 *     load pop3-retr   --port P --user NAME [--window W]       all messages, W requests in flight
 *     load pop3-list   --port P --user NAME                    STAT, UIDL and LIST
 *     load imap-login  --port P --sessions S --count N --user 'u%d' --users U        LOGIN, SELECT, LOGOUT
 *     load imap-append --port P --sessions S --count N --size BYTES --user 'u%d'     a user for each session
 *     load imap-idle   --port P --count N --user NAME          from APPEND to EXISTS in another session's
 * IDLE load imap        --port P --user NAME                    commands from the standard input:
 * load_imap_script.c
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SESSIONS_MAX 1024

struct options options = {.recipient = "u%d@bench.test",
                          .user = "u%d",
                          .password = "pass",
                          .mailbox = "INBOX",
                          .sessions = 1,
                          .count = 1000,
                          .size = 4096,
                          .users = 10,
                          .window = 1};

static atomic_int next_number, done, failed;
static atomic_ullong bytes_read;
static double *latencies; /* seconds, by number; negative: failed */

void die(const char *what)
{
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- the connection --- */

struct connection *connection_new(void)
{
    struct connection *connection = calloc(1, sizeof *connection);
    connection->fd = -1;
    connection->capacity = 65536;
    connection->input = malloc(connection->capacity);
    return connection;
}

void connection_free(struct connection *connection)
{
    hang_up(connection);
    bytes_read += connection->bytes;
    free(connection->input);
    free(connection);
}

bool dial(struct connection *connection)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)options.port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1;
    connection->start = connection->end = 0;
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0)
        die("socket");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return connect(connection->fd, (struct sockaddr *)&address, sizeof address) == 0;
}

void hang_up(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

bool send_bytes(struct connection *connection, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(connection->fd, bytes, size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

bool send_text(struct connection *connection, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return length < (int)sizeof text && send_bytes(connection, text, (size_t)length);
}

/* More input behind what is there. */
static bool receive(struct connection *connection)
{
    if (connection->start > 0) {
        memmove(connection->input, connection->input + connection->start,
                connection->end - connection->start);
        connection->end -= connection->start;
        connection->start = 0;
    }
    if (connection->end == connection->capacity) {
        connection->capacity *= 2;
        connection->input = realloc(connection->input, connection->capacity);
        if (!connection->input)
            die("line");
    }
    ssize_t n =
        recv(connection->fd, connection->input + connection->end, connection->capacity - connection->end, 0);
    if (n <= 0)
        return false;
    connection->end += (size_t)n;
    connection->bytes += (uint64_t)n;
    return true;
}

char *read_line(struct connection *connection)
{
    size_t searched = 0;
    for (;;) {
        char *line = connection->input + connection->start;
        char *end = memchr(line + searched, '\n', connection->end - connection->start - searched);
        if (end) {
            connection->start = (size_t)(end + 1 - connection->input);
            end -= end > line && end[-1] == '\r';
            *end = '\0';
            connection->line_length = (size_t)(end - line);
            return line;
        }
        searched = connection->end - connection->start;
        if (!receive(connection))
            return NULL;
    }
}

bool has_line(const struct connection *connection)
{
    return memchr(connection->input + connection->start, '\n', connection->end - connection->start);
}

bool skip_bytes(struct connection *connection, uint64_t count)
{
    for (;;) {
        size_t there = connection->end - connection->start;
        size_t skipped = count < there ? (size_t)count : there;
        connection->start += skipped;
        count -= skipped;
        if (count == 0)
            return true;
        if (!receive(connection))
            return false;
    }
}

/* --- the run --- */

int take_number(void)
{
    int number = next_number++;
    return number < options.count ? number : -1;
}

void tell_done(int number, double seconds)
{
    latencies[number] = seconds;
    done++;
}

void tell_failed(int number)
{
    latencies[number] = -1;
    failed++;
}

void tell_total(int total)
{
    done = total;
}

void choose_user(char out[256], void *session, int turn)
{
    int number = ((int)(intptr_t)session + options.sessions * turn) % options.users;
    snprintf(out, 256, options.user, number);
}

char *make_message(size_t size, size_t *length_r)
{
    static const char line[] =
        "The quick brown fox jumps over the lazy dog, and the dog does not mind it.\r\n";
    char *text = malloc(size + 1024);
    size_t length = (size_t)sprintf(text, "From: <sender@client.test>\r\nTo: <someone@bench.test>\r\n"
                                          "Subject: a message of the usual size\r\nMIME-Version: 1.0\r\n"
                                          "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
                                          "Message-ID: <bench@client.test>\r\n\r\n");
    while (length + sizeof line < size)
        length += (size_t)sprintf(text + length, "%s", line);
    *length_r = length;
    return text;
}

static void many_sessions(void *(*run)(void *))
{
    pthread_t threads[SESSIONS_MAX];
    if (options.sessions > SESSIONS_MAX)
        options.sessions = SESSIONS_MAX;
    for (int i = 0; i < options.sessions; i++)
        if (pthread_create(&threads[i], NULL, run, (void *)(intptr_t)i) != 0)
            die("thread");
    for (int i = 0; i < options.sessions; i++)
        pthread_join(threads[i], NULL);
}

static void one_session(void (*run)(struct connection *))
{
    struct connection *connection = connection_new();
    run(connection);
    connection_free(connection);
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

double percentile_ms(double *seconds, int count, double part)
{
    if (count <= 0)
        return 0;
    qsort(seconds, (size_t)count, sizeof *seconds, compare);
    return seconds[(int)(part * (count - 1))] * 1e3;
}

/* Of those that were done; failed ones come first, being negative. */
static double latency_ms(double part)
{
    percentile_ms(latencies, options.count, 0);
    return percentile_ms(latencies + failed, options.count - failed, part);
}

static void read_options(int argc, char **argv)
{
    const struct {
        const char *name;
        const char **text;
        int *number;
    } known[] = {
        {"--recipient", &options.recipient, NULL}, {"--user", &options.user, NULL},
        {"--password", &options.password, NULL},   {"--mailbox", &options.mailbox, NULL},
        {"--port", NULL, &options.port},           {"--sessions", NULL, &options.sessions},
        {"--count", NULL, &options.count},         {"--size", NULL, &options.size},
        {"--users", NULL, &options.users},         {"--window", NULL, &options.window},
    };
    options.mode = argc > 1 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(argv[i], known[k].name) == 0) {
                if (known[k].text)
                    *known[k].text = argv[i + 1];
                else
                    *known[k].number = atoi(argv[i + 1]);
            }
}

static void run_mode(void)
{
    static const struct {
        const char *mode;
        void *(*many)(void *);
        void (*one)(struct connection *);
    } modes[] = {
        {"smtp", smtp_session, NULL},
        {"pop3-login", pop3_login_session, NULL},
        {"pop3-retr", NULL, pop3_retr},
        {"pop3-list", NULL, pop3_list},
        {"imap-login", imap_login_session, NULL},
        {"imap-append", imap_append_session, NULL},
        {"imap-idle", NULL, imap_idle},
        {"imap", NULL, imap_script},
    };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(options.mode, modes[i].mode) == 0) {
            modes[i].many ? many_sessions(modes[i].many) : one_session(modes[i].one);
            return;
        }
    errno = EINVAL;
    die("mode");
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    latencies = calloc((size_t)options.count, sizeof *latencies);
    double begin = now();
    run_mode();
    double seconds = now() - begin;
    printf(
        "{\"done\": %d, \"failed\": %d, \"seconds\": %.3f, \"rate\": %.1f, \"megabytes_per_second\": %.1f, "
        "\"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
        (int)done, (int)failed, seconds, done / seconds, (double)bytes_read / seconds / 1e6, latency_ms(0.5),
        latency_ms(0.99));
    return failed > 0;
}
