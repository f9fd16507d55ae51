/* SPDX-License-Identifier: ISC */
/*
 * The load that scripts/bench puts on a server: SMTP deliveries, POP3 logins and downloads, over any number
 * of sessions at once (a thread each). Speaks to any server, in clear, on loopback. Prints one JSON object.
 *
 *     load smtp       --port P --sessions S --count N --size BYTES --recipient 'u%d@bench.test' --users U
 *     load pop3-login --port P --sessions S --count N --user 'u%d' --users U --password W
 *     load pop3-retr  --port P --user NAME --password W [--window W]      all messages, W requests in flight
 *     load pop3-list  --port P --user NAME --password W                   STAT, UIDL and LIST
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES_PER_CONNECTION 100

static struct {
    const char *mode, *recipient, *user, *password;
    int port, sessions, count, size, users, window;
} options = {.recipient = "u%d@bench.test",
             .user = "u%d",
             .password = "pass",
             .sessions = 1,
             .count = 1000,
             .size = 4096,
             .users = 10,
             .window = 1};

static atomic_int next_number, done, failed;
static atomic_llong bytes_read;
static double *latencies; /* seconds, by number; negative: failed */

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* --- a connection, read line by line --- */

struct connection {
    int fd; /* -1: not connected */
    size_t start, end;
    char input[65536];
};

static bool dial(struct connection *connection)
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

static void hang_up(struct connection *connection)
{
    if (connection->fd >= 0)
        close(connection->fd);
    connection->fd = -1;
}

static bool send_bytes(struct connection *connection, const char *bytes, size_t size)
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

static bool send_text(struct connection *connection, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return length < (int)sizeof text && send_bytes(connection, text, (size_t)length);
}

/* The next line without its CRLF; NULL at the end. Valid until the next call. */
static char *read_line(struct connection *connection)
{
    for (;;) {
        char *line = connection->input + connection->start;
        char *end = memchr(line, '\n', connection->end - connection->start);
        if (end) {
            connection->start = (size_t)(end + 1 - connection->input);
            *(end > line && end[-1] == '\r' ? end - 1 : end) = '\0';
            return line;
        }
        memmove(connection->input, line, connection->end - connection->start);
        connection->end -= connection->start;
        connection->start = 0;
        if (connection->end == sizeof connection->input)
            return NULL;
        ssize_t n = recv(connection->fd, connection->input + connection->end,
                         sizeof connection->input - connection->end, 0);
        if (n <= 0)
            return NULL;
        connection->end += (size_t)n;
        bytes_read += n;
    }
}

/* --- SMTP --- */

static bool smtp_reply(struct connection *connection, char expected)
{
    char *line;
    do
        line = read_line(connection);
    while (line && strlen(line) > 3 && line[3] == '-');
    return line && line[0] == expected;
}

/* Headers and lines of text, `size` bytes in all, ending with the dot. */
static char *make_message(size_t *length_r)
{
    static const char line[] =
        "The quick brown fox jumps over the lazy dog, and the dog does not mind it.\r\n";
    char *text = malloc((size_t)options.size + 1024);
    size_t length = (size_t)sprintf(text, "From: <sender@client.test>\r\nTo: <someone@bench.test>\r\n"
                                          "Subject: a message of the usual size\r\nMIME-Version: 1.0\r\n"
                                          "Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
                                          "Message-ID: <bench@client.test>\r\n\r\n");
    while (length + sizeof line < (size_t)options.size)
        length += (size_t)sprintf(text + length, "%s", line);
    length += (size_t)sprintf(text + length, ".\r\n");
    *length_r = length;
    return text;
}

static bool smtp_message(struct connection *connection, int number, const char *message, size_t length)
{
    char recipient[256];
    snprintf(recipient, sizeof recipient, options.recipient, number % options.users);
    return send_text(connection, "MAIL FROM:<sender@client.test>\r\nRCPT TO:<%s>\r\nDATA\r\n", recipient) &&
           smtp_reply(connection, '2') && smtp_reply(connection, '2') && smtp_reply(connection, '3') &&
           send_bytes(connection, message, length) && smtp_reply(connection, '2');
}

static void *smtp_session(void *unused)
{
    (void)unused;
    struct connection *connection = calloc(1, sizeof *connection);
    size_t length;
    char *message = make_message(&length);
    int sent = 0, number;
    connection->fd = -1;
    while ((number = next_number++) < options.count) {
        double begin = now();
        bool good = true;
        if (sent++ % MESSAGES_PER_CONNECTION == 0) {
            hang_up(connection);
            good = dial(connection) && smtp_reply(connection, '2') &&
                   send_text(connection, "EHLO client.test\r\n") && smtp_reply(connection, '2');
        }
        good = good && smtp_message(connection, number, message, length);
        latencies[number] = good ? now() - begin : -1;
        good ? done++ : failed++;
        if (!good)
            sent = 0;
    }
    if (connection->fd >= 0 && send_text(connection, "QUIT\r\n"))
        smtp_reply(connection, '2');
    hang_up(connection);
    free(message);
    free(connection);
    return NULL;
}

/* --- POP3 --- */

static bool pop3_reply(struct connection *connection)
{
    char *line = read_line(connection);
    return line && line[0] == '+';
}

static bool pop3_skip_lines(struct connection *connection)
{
    char *line;
    while ((line = read_line(connection)) && strcmp(line, ".") != 0)
        ;
    return line;
}

static bool pop3_log_in(struct connection *connection, const char *user)
{
    return dial(connection) && pop3_reply(connection) && send_text(connection, "USER %s\r\n", user) &&
           pop3_reply(connection) && send_text(connection, "PASS %s\r\n", options.password) &&
           pop3_reply(connection);
}

static void *pop3_login_session(void *unused)
{
    (void)unused;
    struct connection *connection = calloc(1, sizeof *connection);
    int number;
    while ((number = next_number++) < options.count) {
        char user[256];
        snprintf(user, sizeof user, options.user, number % options.users);
        double begin = now();
        bool good = pop3_log_in(connection, user) && send_text(connection, "STAT\r\n") &&
                    pop3_reply(connection) && send_text(connection, "QUIT\r\n") && pop3_reply(connection);
        latencies[number] = good ? now() - begin : -1;
        good ? done++ : failed++;
        hang_up(connection);
    }
    free(connection);
    return NULL;
}

static void pop3_retr(struct connection *connection)
{
    int messages = 0, asked = 0;
    if (!pop3_log_in(connection, options.user) || !send_text(connection, "STAT\r\n"))
        die("login");
    char *line = read_line(connection);
    if (!line || sscanf(line, "+OK %d", &messages) != 1)
        die("STAT");
    options.count = messages;
    bytes_read = 0;
    for (int got = 0; got < messages; got++) {
        while (asked < messages && asked - got < options.window)
            if (!send_text(connection, "RETR %d\r\n", ++asked))
                die("RETR");
        if (!pop3_reply(connection) || !pop3_skip_lines(connection))
            die("RETR");
        done++;
    }
}

static void pop3_list(struct connection *connection)
{
    if (!pop3_log_in(connection, options.user) ||
        !send_text(connection, "STAT\r\nUIDL\r\nLIST\r\nQUIT\r\n") || !pop3_reply(connection) ||
        !pop3_reply(connection) || !pop3_skip_lines(connection) || !pop3_reply(connection) ||
        !pop3_skip_lines(connection) || !pop3_reply(connection))
        die("list");
    done = options.count = 1;
}

static void one_session(void (*run)(struct connection *))
{
    struct connection *connection = calloc(1, sizeof *connection);
    run(connection);
    hang_up(connection);
    free(connection);
}

/* --- the run --- */

static void many_sessions(void *(*run)(void *))
{
    pthread_t threads[1024];
    if (options.sessions > 1024)
        options.sessions = 1024;
    latencies = calloc((size_t)options.count, sizeof *latencies);
    for (int i = 0; i < options.sessions; i++)
        if (pthread_create(&threads[i], NULL, run, NULL) != 0)
            die("thread");
    for (int i = 0; i < options.sessions; i++)
        pthread_join(threads[i], NULL);
}

static int compare(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double percentile_ms(double part)
{
    if (!latencies || done == 0)
        return 0;
    qsort(latencies, (size_t)options.count, sizeof *latencies, compare);
    return latencies[failed + (int)(part * (done - 1))] * 1e3;
}

static void read_options(int argc, char **argv)
{
    options.mode = argc > 1 ? argv[1] : "";
    for (int i = 2; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--recipient") == 0)
            options.recipient = value;
        else if (strcmp(name, "--user") == 0)
            options.user = value;
        else if (strcmp(name, "--password") == 0)
            options.password = value;
        else if (strcmp(name, "--port") == 0)
            options.port = atoi(value);
        else if (strcmp(name, "--sessions") == 0)
            options.sessions = atoi(value);
        else if (strcmp(name, "--count") == 0)
            options.count = atoi(value);
        else if (strcmp(name, "--size") == 0)
            options.size = atoi(value);
        else if (strcmp(name, "--users") == 0)
            options.users = atoi(value);
        else if (strcmp(name, "--window") == 0)
            options.window = atoi(value);
    }
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    double begin = now();
    if (strcmp(options.mode, "smtp") == 0)
        many_sessions(smtp_session);
    else if (strcmp(options.mode, "pop3-login") == 0)
        many_sessions(pop3_login_session);
    else if (strcmp(options.mode, "pop3-retr") == 0)
        one_session(pop3_retr);
    else if (strcmp(options.mode, "pop3-list") == 0)
        one_session(pop3_list);
    else {
        errno = EINVAL;
        die("mode");
    }
    double seconds = now() - begin;
    printf(
        "{\"done\": %d, \"failed\": %d, \"seconds\": %.3f, \"rate\": %.1f, \"megabytes_per_second\": %.1f, "
        "\"p50_ms\": %.2f, \"p99_ms\": %.2f}\n",
        (int)done, (int)failed, seconds, done / seconds, (double)bytes_read / seconds / 1e6,
        percentile_ms(0.5), percentile_ms(0.99));
    return failed > 0;
}
