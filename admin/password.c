/* SPDX-License-Identifier: ISC */
/*
 * Reads a password. On a terminal the echo is off meanwhile, and comes back also when the administrator gives
 * up with ^C: the signals only interrupt read(2), the terminal is restored, then they are sent again.
 */
#include "password.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "report.h"

static volatile sig_atomic_t caught_signal;

static void remember_signal(int number)
{
    caught_signal = number;
}

/* The bytes before the first line end, byte by byte so that nothing behind it is taken. A CR before the line
 * end belongs to it. false: interrupted, or an error. */
static bool read_line(int fd, struct buf *line)
{
    char c = 0;
    for (;;) {
        ssize_t got = read(fd, &c, 1);
        if (got < 0) {
            if (errno == EINTR && !caught_signal) {
                continue;
            }
            return false;
        }
        if (got == 0 || c == '\n') {
            break;
        }
        buf_append_char(line, c);
    }
    if (line->len && line->data[line->len - 1] == '\r') {
        buf_truncate(line, line->len - 1);
    }
    return true;
}

static bool ask(const char *prompt, struct buf *line)
{
    fputs(prompt, stderr);
    bool sound = read_line(STDIN_FILENO, line);
    fputc('\n', stderr);
    return sound;
}

static const int watched_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void without_echo(bool (*fn)(struct buf *, struct buf *), struct buf *first, struct buf *second,
                         bool *result_r)
{
    struct sigaction former[ARRAY_LEN(watched_signals)];
    struct sigaction action = {.sa_handler = remember_signal}; /* no SA_RESTART: read(2) is to return */
    struct termios shown, hidden;
    caught_signal = 0;
    for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++) {
        sigaction(watched_signals[i], &action, &former[i]);
    }
    tcgetattr(STDIN_FILENO, &shown);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    *result_r = fn(first, second);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++) {
        sigaction(watched_signals[i], &former[i], NULL);
    }
    if (caught_signal) {
        raise(caught_signal);
    }
}

static bool ask_twice(struct buf *first, struct buf *second)
{
    return ask("New password: ", first) && ask("Once more: ", second);
}

static int ask_on_terminal(struct buf *password)
{
    struct buf again;
    bool sound;
    buf_init(&again, password->cap);
    without_echo(ask_twice, password, &again, &sound);
    bool match = slice_eq(buf_slice(password), buf_slice(&again));
    password_wipe(&again);
    if (!sound) {
        return refuse("no password was read");
    }
    return match ? EXIT_DONE : refuse("the two passwords differ");
}

int password_read(const struct invocation *call, struct buf *password)
{
    int code = EXIT_DONE;
    if (option_given(call, "password-stdin")) {
        caught_signal = 0;
        if (!read_line(STDIN_FILENO, password)) {
            return refuse("cannot read the password from standard input: %s", strerror(errno));
        }
    } else if (!isatty(STDIN_FILENO)) {
        return misuse(call, "there is no terminal to ask for the password; pass it with --password-stdin");
    } else {
        code = ask_on_terminal(password);
    }
    if (code) {
        return code;
    }
    if (password->len == 0) {
        return refuse("the password is empty");
    }
    if (!buf_ok(password) || password->len > PASSWORD_MAX) {
        return refuse("the password is longer than %d bytes", PASSWORD_MAX);
    }
    return EXIT_DONE;
}

void password_wipe(struct buf *password)
{
    if (password->data) {
        mem_wipe(password->data, password->size);
    }
    buf_free(password);
}
