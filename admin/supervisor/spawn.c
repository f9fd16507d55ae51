/* SPDX-License-Identifier: ISC */
/*
 * fork and exec. The child gets /dev/null as stdin and the supervisor's stderr as its output (the
 * supervisor's stdout carries "ready" and nothing else), its sockets from descriptor 3 on, no other
 * descriptor, no blocked signal, and a process group of its own, so that ^C on the terminal reaches the
 * supervisor alone, which then stops the children in order.
 */
#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "identity.h"

#define FIRST_SOCKET 3
#define EXIT_NO_EXEC 127

struct sockets {
    int fds[SPAWN_SOCKET_LIMIT];
    int count;
    struct buf names; /* "smtp:smtp:submission" */
};

static void collect_sockets(struct sockets *sockets, const struct child *child,
                            const struct listeners *listeners)
{
    sockets->count = 0;
    buf_init(&sockets->names, 64 * 1024);
    for (size_t i = 0; i < listeners->count && sockets->count < SPAWN_SOCKET_LIMIT; i++) {
        const struct listener *listener = &listeners->items[i];
        if (listener->program == child->program) {
            buf_append(&sockets->names, sockets->count ? S(":") : SLICE_EMPTY);
            buf_append(&sockets->names, slice_from(listener->name));
            sockets->fds[sockets->count++] = listener->fd;
        }
    }
}

/* Two rounds, because a socket may sit on a number that another one is to get. dup2 clears close-on-exec. */
static bool place_sockets(struct sockets *sockets)
{
    for (int i = 0; i < sockets->count; i++) {
        sockets->fds[i] = fcntl(sockets->fds[i], F_DUPFD_CLOEXEC, FIRST_SOCKET + sockets->count);
        if (sockets->fds[i] < 0) {
            return false;
        }
    }
    for (int i = 0; i < sockets->count; i++) {
        if (dup2(sockets->fds[i], FIRST_SOCKET + i) < 0) {
            return false;
        }
    }
    return close_range((unsigned)(FIRST_SOCKET + sockets->count), ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool place_standard_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_environment(const struct sockets *sockets, const char *notify)
{
    char number[32];
    snprintf(number, sizeof(number), "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    snprintf(number, sizeof(number), "%d", sockets->count);
    setenv("LISTEN_FDS", number, 1);
    setenv("LISTEN_FDNAMES", buf_cstr(&sockets->names), 1);
    setenv("NOTIFY_SOCKET", notify, 1);
}

/* daemon_start asks for the same, but it cannot know a supervisor that died before it ran: the child would
 * stay for ever. The kernel keeps the request through execv. */
static void die_with(pid_t supervisor)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != supervisor) {
        _exit(EXIT_NO_EXEC);
    }
}

static void run_program(const struct child *child, struct sockets *sockets, const char *config,
                        const char *notify, pid_t supervisor) __attribute__((noreturn));
static void run_program(const struct child *child, struct sockets *sockets, const char *config,
                        const char *notify, pid_t supervisor)
{
    char worker[16];
    snprintf(worker, sizeof(worker), "%u", child->worker);
    const char *const arguments[] = {child->path, "-c", config, "-w", worker, NULL};
    setpgid(0, 0);
    set_environment(sockets, notify);
    reset_signals();
    identity_raise(); /* the daemon itself becomes the instance's user, for good */
    die_with(supervisor);
    if (place_standard_streams() && place_sockets(sockets)) {
        execv(child->path, (char *const *)arguments);
    }
    log_error("child.exec_failed", log_cstr("program", child->path), log_errno(errno));
    _exit(EXIT_NO_EXEC);
}

pid_t spawn_child(const struct child *child, const struct listeners *listeners, const char *config,
                  const char *notify)
{
    struct sockets sockets;
    collect_sockets(&sockets, child, listeners);
    pid_t supervisor = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        run_program(child, &sockets, config, notify, supervisor);
    }
    int reason = errno;
    buf_free(&sockets.names);
    errno = reason;
    return pid;
}
