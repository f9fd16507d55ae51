/* SPDX-License-Identifier: ISC */
/*
 * Reads a password. On a terminal the echo is off meanwhile, and comes back also when the administrator gives
 * up with ^C: the signals only interrupt read(2), the terminal is restored, then they are sent again.
 */
#include "password.h"

#include <errno.h>
#include <poll.h>
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

/* Waits for input; false when a watched signal came. `unblocked` is the signal mask while it waits. */
static bool wait_for_input(int fd, const sigset_t *unblocked)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    while (!caught_signal && ppoll(&input, 1, NULL, unblocked) < 0 && errno == EINTR) {}
    return !caught_signal;
}

/* The bytes before the first line end, byte by byte so that nothing behind it is taken. A CR before the line
 * end belongs to it. false: interrupted, or an error. */
static bool read_line(int fd, const sigset_t *unblocked, struct buf *line)
{
    char c = 0;
    for (;;) {
        if (!wait_for_input(fd, unblocked)) {
            return false;
        }
        ssize_t got = read(fd, &c, 1);
        if (got < 0) {
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

static bool ask(const char *prompt, const sigset_t *unblocked, struct buf *line)
{
    fputs(prompt, stderr);
    bool sound = read_line(STDIN_FILENO, unblocked, line);
    fputc('\n', stderr);
    return sound;
}

/* The watched signals, caught and blocked; undone by release_signals. */
struct watch {
    struct sigaction former_actions[4];
    sigset_t former_mask;
};
static const int watched_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void watch_signals(struct watch *watch)
{
    struct sigaction action = {.sa_handler = remember_signal};
    sigset_t set;
    sigemptyset(&set);
    caught_signal = 0;
    for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++) {
        sigaddset(&set, watched_signals[i]);
        sigaction(watched_signals[i], &action, &watch->former_actions[i]);
    }
    sigprocmask(SIG_BLOCK, &set, &watch->former_mask);
}

static void release_signals(const struct watch *watch)
{
    for (size_t i = 0; i < ARRAY_LEN(watched_signals); i++) {
        sigaction(watched_signals[i], &watch->former_actions[i], NULL);
    }
    sigprocmask(SIG_SETMASK, &watch->former_mask, NULL);
    if (caught_signal) {
        raise(caught_signal);
    }
}

static bool ask_twice_without_echo(struct buf *first, struct buf *second)
{
    struct watch watch;
    struct termios shown, hidden;
    watch_signals(&watch);
    tcgetattr(STDIN_FILENO, &shown);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    bool sound =
        ask("New password: ", &watch.former_mask, first) && ask("Once more: ", &watch.former_mask, second);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    release_signals(&watch);
    return sound;
}

static int ask_on_terminal(struct buf *password)
{
    struct buf again;
    buf_init(&again, password->cap);
    bool sound = ask_twice_without_echo(password, &again);
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
        if (!read_line(STDIN_FILENO, NULL, password)) {
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
