/* SPDX-License-Identifier: ISC */
/*
 * postern serve: the life of an instance. One process, one thread, one poll(2) over the signals and the
 * children's messages; no byte from the network is read here.
 *
 *     starting   lock, bind, start authd, then the others; all ready: say so
 *     running    restart what dies, reload on SIGHUP
 *     stopping   SIGTERM to the front-ends, then to authd; SIGKILL when the time is up
 *
 * A child that ends before it was ever ready ends the start: its reason is on stderr, and trying again would
 * not change it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "handlers.h"
#include "identity.h"
#include "instance.h"
#include "report.h"
#include "supervisor/pidfile.h"
#include "supervisor/spawn.h"
#include "supervisor/supervisor.h"

#define WHY_CAP           (64 * 1024)
#define BIND_PATIENCE_MS  5000  /* for the ports of children whose supervisor was killed */
#define START_PATIENCE_MS 60000 /* for all children to be ready */
#define STOP_MARGIN_MS    5000  /* beyond shutdown_grace, before SIGKILL */

/* ---- starting ---- */

static bool open_signals(struct supervisor *supervisor)
{
    static const int wanted[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        sigaddset(&set, wanted[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return supervisor->signal_fd >= 0;
}

static enum err plan_children(struct supervisor *supervisor, struct buf *why)
{
    const struct conf *conf = supervisor->daemon.conf;
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[length > 0 ? length : 0] = '\0';
    supervisor->children = arena_array(&supervisor->arena, struct child, program_count * WORKER_LIMIT);
    for (size_t i = 0; i < program_count; i++) {
        unsigned workers = program_workers(&programs[i], conf);
        const char *path = workers ? program_find(&programs[i], self, &supervisor->arena, why) : NULL;
        if (workers && !path) {
            return ERR_NOT_FOUND;
        }
        for (unsigned worker = 0; worker < workers; worker++) {
            supervisor->children[supervisor->child_count++] = (struct child){
                .program = &programs[i], .path = path, .worker = worker, .wake_at = NO_DEADLINE};
        }
    }
    return ERR_OK;
}

static enum err check_socket_counts(const struct supervisor *supervisor, struct buf *why)
{
    for (size_t i = 0; i < program_count; i++) {
        size_t count = 0;
        for (size_t j = 0; j < supervisor->listeners.count; j++) {
            count += supervisor->listeners.items[j].program == &programs[i];
        }
        if (count > SPAWN_SOCKET_LIMIT) {
            buf_printf(why, "%zu addresses for %s; at most %d are possible", count, programs[i].name,
                       SPAWN_SOCKET_LIMIT);
            return ERR_LIMIT;
        }
    }
    return ERR_OK;
}

/* The lock first: without it nothing of the instance may be touched. */
static enum err take_instance(struct supervisor *supervisor, bool *stale_r, struct buf *why)
{
    const struct conf *conf = supervisor->daemon.conf;
    pid_t holder = 0;
    supervisor->pid_path = arena_printf(&supervisor->arena, "%s/postern.pid", conf->run_directory);
    supervisor->status_path = arena_printf(&supervisor->arena, "%s/status.json", conf->run_directory);
    enum err err = identity_make_folder(conf->run_directory, why); /* /run is empty after a reboot */
    if (err) {
        return err;
    }
    err = pidfile_take(supervisor->pid_path, &supervisor->pid_fd, stale_r, &holder);
    if (err == ERR_BUSY) {
        buf_printf(why, "this instance runs already, as process %d (%s)", (int)holder, supervisor->pid_path);
    } else if (err) {
        buf_printf(why, "%s: %s", supervisor->pid_path, err_text(err));
    }
    return err;
}

static enum err start(struct supervisor *supervisor, struct buf *why)
{
    const struct conf *conf = supervisor->daemon.conf;
    bool stale = false;
    enum err err = take_instance(supervisor, &stale, why);
    if (!err) {
        err = plan_children(supervisor, why);
    }
    if (!err) {
        err = notify_open(&supervisor->notify, why);
    }
    if (!err) {
        err = listeners_open(&supervisor->listeners, conf, stale ? BIND_PATIENCE_MS : 0, why);
    }
    return err ? err : check_socket_counts(supervisor, why);
}

/* ---- children ---- */

static void send_signal(const struct child *child, int number)
{
    if (child->pid > 0) {
        identity_raise(); /* it may still be root, or the instance's user already */
        kill(child->pid, number);
        identity_lower();
    }
}

static void handle(struct supervisor *supervisor, struct child *child, enum child_event event);

static void spawn(struct supervisor *supervisor, struct child *child)
{
    child->pid =
        spawn_child(child, &supervisor->listeners, supervisor->daemon.conf->file, supervisor->notify.name);
    if (child->pid < 0) {
        log_error("child.fork_failed", log_cstr("program", child->program->name), log_errno(errno));
        child->pid = 0;
        handle(supervisor, child, CHILD_EXITED);
        return;
    }
    log_debug("child.started", log_cstr("program", child->program->name), log_number("worker", child->worker),
              log_number("pid", child->pid));
}

static void handle(struct supervisor *supervisor, struct child *child, enum child_event event)
{
    enum child_state former = child->state;
    enum child_action action = child_handle(child, event, clock_monotonic_ms());
    supervisor->changed = supervisor->changed || former != child->state;
    if (action == CHILD_SPAWN) {
        spawn(supervisor, child);
    } else if (action == CHILD_TERMINATE) {
        send_signal(child, SIGTERM);
    }
    if (child->state == CHILD_READY && child->reload_owed) {
        child->reload_owed = false;
        send_signal(child, SIGHUP);
    }
}

static struct child *find_child(struct supervisor *supervisor, pid_t pid)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        if (supervisor->children[i].pid == pid) {
            return &supervisor->children[i];
        }
    }
    return NULL;
}

/* `ended` is the child as it was, `child` what became of it. */
static void log_exit(const struct child *ended, const struct child *child)
{
    bool by_signal = WIFSIGNALED(ended->exit_status), wanted = child->state == CHILD_GONE;
    int code = by_signal ? WTERMSIG(ended->exit_status) : WEXITSTATUS(ended->exit_status);
    bool in_order = wanted && (by_signal ? code == SIGTERM : code == 0);
    struct log_field fields[] = {log_cstr("program", ended->program->name),
                                 log_number("worker", ended->worker), log_number("pid", ended->pid),
                                 log_number(by_signal ? "signal" : "status", code),
                                 log_number("restart_in_ms", child->delay_ms)};
    log_event(in_order ? LOG_DEBUG : LOG_ERROR, "child.exited", fields, ARRAY_LEN(fields) - wanted);
}

static void begin_stop(struct supervisor *supervisor);

static void fail_start(struct supervisor *supervisor, const struct child *child)
{
    bool by_signal = WIFSIGNALED(child->exit_status);
    refuse("%s ended before it was ready (%s %d); what it said stands above or in the log",
           child->program->name, by_signal ? "signal" : "exit status",
           by_signal ? WTERMSIG(child->exit_status) : WEXITSTATUS(child->exit_status));
    supervisor->failed = true;
    begin_stop(supervisor);
}

static void reap(struct supervisor *supervisor)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *child = find_child(supervisor, pid);
        if (!child) {
            continue; /* nobody we started: handed to us with the process that exec'ed us */
        }
        child->exit_status = status;
        child->has_exited = true;
        struct child ended = *child;
        handle(supervisor, child, CHILD_EXITED);
        if (supervisor->phase == SUPERVISOR_STARTING && !child->was_ready) {
            fail_start(supervisor, child);
        }
        log_exit(&ended, child);
    }
}

static void take_messages(struct supervisor *supervisor)
{
    pid_t pid;
    while ((pid = notify_next_ready(&supervisor->notify)) > 0) {
        struct child *child = find_child(supervisor, pid);
        if (child) {
            handle(supervisor, child, CHILD_TOLD_READY);
        }
    }
}

/* Counts the children of one kind (single or not) that are not in `state`. */
static size_t count_not_in(const struct supervisor *supervisor, bool single, enum child_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < supervisor->child_count; i++) {
        const struct child *child = &supervisor->children[i];
        count += child->program->single == single && child->state != state;
    }
    return count;
}

/* ---- the phases ---- */

/* Says `event` to all children of one kind. */
static void handle_all(struct supervisor *supervisor, bool single, enum child_event event)
{
    for (size_t i = 0; i < supervisor->child_count; i++) {
        if (supervisor->children[i].program->single == single) {
            handle(supervisor, &supervisor->children[i], event);
        }
    }
}

static void begin_stop(struct supervisor *supervisor)
{
    if (supervisor->phase == SUPERVISOR_STOPPING) {
        return;
    }
    notify_parent("STOPPING=1");
    supervisor->phase = SUPERVISOR_STOPPING;
    supervisor->changed = true;
    supervisor->deadline = clock_monotonic_ms() + supervisor->daemon.conf->shutdown_grace + STOP_MARGIN_MS;
    handle_all(supervisor, false, CHILD_STOP);
    listeners_refuse_clients(&supervisor->listeners);
}

static void write_status(struct supervisor *supervisor)
{
    supervisor->changed = false;
    status_file_write(supervisor);
}

static void announce(struct supervisor *supervisor)
{
    supervisor->phase = SUPERVISOR_RUNNING;
    supervisor->deadline = NO_DEADLINE;
    write_status(supervisor); /* first: who has seen "ready" and asks for the status is told the same */
    log_info("serve.ready", log_number("processes", supervisor->child_count),
             log_cstr("version", POSTERN_VERSION));
    puts("ready");
    fflush(stdout);
    notify_parent("READY=1");
}

/* The front-ends ask authd, so it is there before them and after them. Children that wait without a time have
 * not been started yet. */
static void advance_start(struct supervisor *supervisor)
{
    bool helpers_ready = count_not_in(supervisor, true, CHILD_READY) == 0;
    size_t unready = 0;
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->state == CHILD_WAITING && child->wake_at == NO_DEADLINE &&
            (child->program->single || helpers_ready)) {
            child->wake_at = 0;
        }
        unready += !child->was_ready;
    }
    if (unready == 0) {
        announce(supervisor);
    } else if (clock_monotonic_ms() >= supervisor->deadline) {
        refuse("%zu of %zu processes did not get ready in time", unready, supervisor->child_count);
        supervisor->failed = true;
        begin_stop(supervisor);
    }
}

static void advance_stop(struct supervisor *supervisor)
{
    if (count_not_in(supervisor, false, CHILD_GONE) == 0) {
        handle_all(supervisor, true, CHILD_STOP);
    }
    if (clock_monotonic_ms() < supervisor->deadline) {
        return;
    }
    supervisor->deadline = NO_DEADLINE;
    for (size_t i = 0; i < supervisor->child_count; i++) {
        handle(supervisor, &supervisor->children[i], CHILD_STOP);
        if (supervisor->children[i].pid) {
            log_error("child.killed", log_cstr("program", supervisor->children[i].program->name),
                      log_number("pid", supervisor->children[i].pid));
            send_signal(&supervisor->children[i], SIGKILL);
        }
    }
}

/* SIGHUP. It is passed on even when the file is bad: certificates and log files are looked at again all the
 * same, and each child refuses the bad file by itself. */
static void reload(struct supervisor *supervisor)
{
    log_reopen();
    if (daemon_reload(&supervisor->daemon)) {
        log_info("serve.reloaded", log_cstr("file", supervisor->daemon.conf->file));
    }
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        child->reload_owed = child->state == CHILD_STARTING;
        if (child->state == CHILD_READY) {
            send_signal(child, SIGHUP);
        }
    }
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(supervisor);
            break;
        case SIGHUP:
            reload(supervisor);
            break;
        default:
            if (supervisor->phase == SUPERVISOR_STOPPING) { /* asked a second time: at once */
                supervisor->deadline = 0;
            }
            log_info("serve.stopping", log_number("signal", info.ssi_signo));
            begin_stop(supervisor);
        }
    }
}

/* Starts what is due; returns how long poll(2) may sleep, -1 for ever. */
static int run_due(struct supervisor *supervisor)
{
    int64_t now = clock_monotonic_ms(), next = supervisor->deadline;
    for (size_t i = 0; i < supervisor->child_count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->state == CHILD_WAITING && child->wake_at <= now) {
            handle(supervisor, child, CHILD_DUE);
        }
        next = MIN_OF(next, child->state == CHILD_WAITING ? child->wake_at : NO_DEADLINE);
    }
    return next == NO_DEADLINE ? -1 : (int)MIN_OF(MAX_OF(next - now, 0), INT32_MAX);
}

static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->phase == SUPERVISOR_STOPPING && count_not_in(supervisor, false, CHILD_GONE) == 0 &&
           count_not_in(supervisor, true, CHILD_GONE) == 0;
}

static void advance(struct supervisor *supervisor)
{
    if (supervisor->phase == SUPERVISOR_STARTING) {
        advance_start(supervisor);
    }
    if (supervisor->phase == SUPERVISOR_STOPPING) {
        advance_stop(supervisor);
    }
}

static void loop(struct supervisor *supervisor)
{
    supervisor->deadline = clock_monotonic_ms() + START_PATIENCE_MS;
    supervisor->changed = true;
    for (advance(supervisor); !is_over(supervisor); advance(supervisor)) {
        struct pollfd ready[] = {{.fd = supervisor->signal_fd, .events = POLLIN},
                                 {.fd = supervisor->notify.fd, .events = POLLIN}};
        int sleep_ms = run_due(supervisor);
        if (supervisor->changed) {
            write_status(supervisor);
        }
        if (poll(ready, ARRAY_LEN(ready), sleep_ms) < 0 && errno != EINTR) {
            log_error("serve.poll_failed", log_errno(errno));
            sleep(1);
        }
        take_messages(
            supervisor); /* before the signals: a READY=1 and the end of its sender may be there together */
        take_signals(supervisor);
    }
}

static void finish(struct supervisor *supervisor)
{
    listeners_close(&supervisor->listeners);
    notify_close(&supervisor->notify);
    if (supervisor->pid_fd >= 0) {
        unlink(supervisor->status_path);
        pidfile_release(supervisor->pid_path, supervisor->pid_fd);
    }
    if (supervisor->signal_fd >= 0) {
        close(supervisor->signal_fd);
    }
    arena_free(&supervisor->arena);
    conf_free(supervisor->daemon.conf);
}

static enum err open_log(const struct conf *conf, struct buf *why)
{
    bool to_file = strcmp(conf->log_target, "stderr") != 0;
    enum err err = to_file ? identity_make_file(conf->log_target, 0640, why) : ERR_OK;
    if (err) {
        return err;
    }
    err = log_open("postern", conf->log_target, (enum log_level)conf->log_level);
    if (err) {
        buf_printf(why, "log file %s: %s", conf->log_target, err_text(err));
    }
    return err;
}

/* Nothing that keeps the server from running, but that its administrator should know. */
static void warn(const struct conf *conf)
{
    if (geteuid() == 0) {
        log_warning("serve.as_root",
                    log_cstr("advice", "let the daemons become another user, with the option user"));
    }
    if (faccessat(AT_FDCWD, conf->file, R_OK, AT_EACCESS) != 0) {
        log_warning("serve.cannot_reload", log_cstr("file", conf->file), log_errno(errno));
    }
}

int supervisor_run(struct conf *conf)
{
    struct supervisor supervisor = {.daemon = {.program = "postern", .conf = conf},
                                    .pid_fd = -1,
                                    .signal_fd = -1,
                                    .notify = {.fd = -1},
                                    .started_us = clock_wall_us()};
    struct buf why;
    buf_init(&why, WHY_CAP);
    enum err err = open_signals(&supervisor) ? open_log(conf, &why) : err_from_errno(errno);
    if (!err) {
        err = start(&supervisor, &why);
    }
    if (err) {
        refuse_because("cannot serve", err, &why);
    } else {
        warn(conf);
        loop(&supervisor);
        log_info("serve.stopped", log_number("status", supervisor.failed));
    }
    finish(&supervisor);
    buf_free(&why);
    return err || supervisor.failed ? EXIT_REFUSED : EXIT_DONE;
}

int cmd_serve(const struct invocation *call)
{
    struct instance instance;
    int code = instance_load(&instance, call);
    if (!code) {
        struct conf *conf = instance.conf;
        instance.conf = NULL;
        code = supervisor_run(conf);
    }
    instance_close(&instance);
    return code;
}
