/* SPDX-License-Identifier: ISC */
/* Reading an IMAP server's answers (RFC 3501 section 7) as fast as they come, and three loads: logins,
 * APPEND, waiting in IDLE. */
#include "load_imap.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- answers --- */

/* literal = "{" number "}" CRLF *CHAR8, at the end of a line; literal8 has "~" before it. 0: none. */
static uint64_t literal_size(const char *line, size_t length)
{
    if (length < 3 || line[length - 1] != '}')
        return 0;
    size_t digits = length - 1;
    while (digits > 0 && line[digits - 1] >= '0' && line[digits - 1] <= '9')
        digits--;
    return digits > 0 && line[digits - 1] == '{' ? strtoull(line + digits, NULL, 10) : 0;
}

static long count_numbers(const char *text)
{
    long count = 0;
    for (bool before = false; *text; text++) {
        bool digit = *text >= '0' && *text <= '9';
        count += digit && !before;
        before = digit;
    }
    return count;
}

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static void count(const char *line, struct imap_tally *tally)
{
    if (!begins(line, "* "))
        return;
    char *rest;
    unsigned long number = strtoul(line + 2, &rest, 10);
    if (begins(rest, " FETCH ")) {
        tally->fetches++;
        tally->fetched += number;
    } else if (begins(rest, " EXPUNGE")) {
        tally->expunges++;
    } else if (begins(rest, " EXISTS")) {
        tally->exists = (long)number;
    } else if (begins(rest, "LIST ")) {
        tally->lists++;
    } else if (begins(rest, "STATUS ")) {
        tally->statuses++;
    } else if (begins(rest, "SEARCH") || begins(rest, "SORT") || begins(rest, "THREAD")) {
        tally->numbers += count_numbers(rest);
    }
}

char *imap_read(struct connection *connection, struct imap_tally *tally)
{
    char *line = read_line(connection);
    if (!line)
        return NULL;
    count(line, tally);
    uint64_t size = literal_size(line, connection->line_length);
    while (line && size > 0) {
        tally->literal_bytes += size;
        line = skip_bytes(connection, size) ? read_line(connection) : NULL;
        size = line ? literal_size(line, connection->line_length) : 0;
    }
    return line;
}

char *imap_finish(struct connection *connection, const char *tag, struct imap_tally *tally)
{
    size_t length = strlen(tag);
    for (;;) {
        char *line = imap_read(connection, tally);
        if (!line)
            return NULL;
        if (strncmp(line, tag, length) == 0 && line[length] == ' ')
            return line + length + 1;
    }
}

bool imap_run(struct connection *connection, const char *command, struct imap_tally *tally)
{
    if (!send_text(connection, "a1 %s\r\n", command))
        return false;
    char *answer = imap_finish(connection, "a1", tally);
    if (answer && !begins(answer, "OK"))
        fprintf(stderr, "load: %s: %s\n", command, answer);
    return answer && begins(answer, "OK");
}

bool imap_log_in(struct connection *connection, const char *user)
{
    char command[512];
    struct imap_tally tally = IMAP_TALLY_EMPTY;
    snprintf(command, sizeof command, "LOGIN %s %s", user, options.password);
    return dial(connection) && imap_read(connection, &tally) && imap_run(connection, command, &tally);
}

/* --- LOGIN, SELECT, LOGOUT --- */

void *imap_login_session(void *session)
{
    struct connection *connection = connection_new();
    int number;
    for (int turn = 0; (number = take_number()) >= 0; turn++) {
        struct imap_tally tally = IMAP_TALLY_EMPTY;
        char user[256];
        choose_user(user, session, turn);
        double begin = now();
        if (imap_log_in(connection, user) && imap_run(connection, "SELECT INBOX", &tally) &&
            tally.exists >= 0 && imap_run(connection, "LOGOUT", &tally))
            tell_done(number, now() - begin);
        else
            tell_failed(number);
        hang_up(connection);
    }
    connection_free(connection);
    return NULL;
}

/* --- APPEND --- */

/* The whole command with a literal that needs no permission (LITERAL+, RFC 7888), malloced. */
static char *make_append(const char *tag, size_t *length_r)
{
    size_t size, length;
    char *message = make_message((size_t)options.size, &size);
    char *command = malloc(size + 512);
    length = (size_t)snprintf(command, 512, "%s APPEND %s {%zu+}\r\n", tag, options.mailbox, size);
    memcpy(command + length, message, size);
    memcpy(command + length + size, "\r\n", 2);
    free(message);
    *length_r = length + size + 2;
    return command;
}

void *imap_append_session(void *session)
{
    struct connection *connection = connection_new();
    struct imap_tally tally = IMAP_TALLY_EMPTY;
    size_t length;
    char *command = make_append("a2", &length);
    char user[256];
    choose_user(user, session, 0);
    if (!imap_log_in(connection, user))
        die("login");
    int number;
    while ((number = take_number()) >= 0) {
        double begin = now();
        char *answer = send_bytes(connection, command, length) ? imap_finish(connection, "a2", &tally) : NULL;
        if (answer && begins(answer, "OK [APPENDUID "))
            tell_done(number, now() - begin);
        else
            tell_failed(number);
    }
    imap_run(connection, "LOGOUT", &tally);
    free(command);
    connection_free(connection);
    return NULL;
}

/* --- IDLE --- */

/* Reads what there is; false at the end of the connection. */
static bool read_ready(struct connection *connection, short ready, struct imap_tally *tally, bool *tagged)
{
    bool good = true;
    for (bool more = ready != 0; good && (more || has_line(connection)); more = false) {
        char *line = imap_read(connection, tally);
        good = line && !begins(line, "a2 NO") && !begins(line, "a2 BAD");
        *tagged = *tagged || (good && begins(line, "a2 OK"));
    }
    return good;
}

/* Until both sessions heard; when `idle` was told of more messages than `tally` has. */
static double wait_for_exists(struct connection *writer, struct connection *idle, struct imap_tally *tally)
{
    struct imap_tally unused = IMAP_TALLY_EMPTY;
    struct pollfd polled[2] = {{.fd = writer->fd, .events = POLLIN}, {.fd = idle->fd, .events = POLLIN}};
    double told = 0;
    long before = tally->exists;
    for (bool answered = false; !answered || told == 0;) {
        bool tagged = false;
        if (poll(polled, 2, 60000) <= 0 || !read_ready(writer, polled[0].revents, &unused, &answered) ||
            !read_ready(idle, polled[1].revents, tally, &tagged))
            die("APPEND beside IDLE");
        if (told == 0 && tally->exists > before)
            told = now();
    }
    return told;
}

/* From sending a message by APPEND until another session hears of it. */
void imap_idle(struct connection *writer)
{
    struct connection *idle = connection_new();
    struct imap_tally tally = IMAP_TALLY_EMPTY;
    size_t length;
    char *command = make_append("a2", &length);
    char select[300];
    snprintf(select, sizeof select, "SELECT %s", options.mailbox);
    if (!imap_log_in(writer, options.user) || !imap_log_in(idle, options.user) ||
        !imap_run(idle, select, &tally) || !send_text(idle, "a3 IDLE\r\n"))
        die("login");
    char *line;
    while ((line = imap_read(idle, &tally)) && line[0] != '+')
        ;
    for (int number; line && (number = take_number()) >= 0;) {
        double begin = now();
        if (!send_bytes(writer, command, length))
            die("APPEND");
        tell_done(number, wait_for_exists(writer, idle, &tally) - begin);
    }
    free(command);
    connection_free(idle);
}
