/* SPDX-License-Identifier: ISC */
/*
 * The start of a daemon, in the order that privileges ask for: what needs root (reading the configuration,
 * connecting to the supervisor's socket, opening the log) first, then the change of user, then what the
 * change would have undone (the signal at the parent's death). Everything fails loudly and ends the process:
 * a daemon that runs half set up is worse than one that the supervisor reports as dead.
 */
#include "base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

/* sd_listen_fds(3): inherited sockets begin here. */
#define FIRST_SOCKET 3

/* Connected to NOTIFY_SOCKET; -1 when nobody wants to be told. */
static int notify_fd = -1;

static void die(const struct daemon *daemon, const char *format, ...) PRINTF_LIKE(2, 3)
    __attribute__((noreturn));
static void die(const struct daemon *daemon, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", daemon->program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static void usage(const struct daemon *daemon) __attribute__((noreturn));
static void usage(const struct daemon *daemon)
{
    fprintf(stderr, "usage: %s -c FILE [-w NUMBER]\n", daemon->program);
    exit(2);
}

static const char *read_arguments(struct daemon *daemon, int argc, char **argv)
{
    const char *file = getenv("POSTERN_CONFIG");
    uint64_t worker;
    int option;
    optind = 1;
    while ((option = getopt(argc, argv, "c:w:")) != -1) {
        if (option == 'c') {
            file = optarg;
        } else if (option == 'w' && slice_to_u64(slice_from(optarg), 1000, &worker)) {
            daemon->worker = (int)worker;
        } else {
            usage(daemon);
        }
    }
    if (optind != argc || !file) {
        usage(daemon);
    }
    return file;
}

static void load_configuration(struct daemon *daemon, const char *file)
{
    struct buf why;
    buf_init(&why, 64 * 1024);
    if (conf_load(file, &daemon->conf, &why)) {
        fputs(buf_cstr(&why), stderr);
        die(daemon, "the configuration cannot be used");
    }
    buf_free(&why);
}

/* The number in an environment variable, or 0. */
static uint64_t environment_number(const char *name)
{
    uint64_t value = 0;
    return slice_to_u64(slice_from(getenv(name)), INT32_MAX, &value) ? value : 0;
}

/*
 * LISTEN_PID tells whom the sockets are for, LISTEN_FDS how many there are, LISTEN_FDNAMES their names with
 * colons between. A socket without a name is "unknown", as for systemd. The variables go away: they are not
 * for our children.
 */
static void take_sockets(struct daemon *daemon)
{
    uint64_t count = environment_number("LISTEN_FDS");
    if (environment_number("LISTEN_PID") != (uint64_t)getpid()) {
        count = 0;
    }
    if (count > ARRAY_LEN(daemon->sockets)) {
        die(daemon, "LISTEN_FDS=%llu: more than %zu sockets", (unsigned long long)count,
            ARRAY_LEN(daemon->sockets));
    }
    const char *listed = getenv("LISTEN_FDNAMES");
    struct slice names = slice_from(listed);
    for (size_t i = 0; i < count; i++) {
        int fd = FIRST_SOCKET + (int)i;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            die(daemon, "descriptor %d of LISTEN_FDS is not open", fd);
        }
        struct slice name = slice_split(&names, ':');
        daemon->sockets[i].fd = fd;
        daemon->sockets[i].name = arena_cstr(&daemon->conf->arena, name.len ? name : S("unknown"));
    }
    daemon->socket_count = count;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

/* Connected while still root: afterwards the supervisor's folder may be out of reach. */
static void connect_notify_socket(const struct daemon *daemon)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (!path || !path[0]) {
        return;
    }
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path)) {
        die(daemon, "NOTIFY_SOCKET is too long");
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') { /* the abstract name space: a NUL in front, and no file */
        address.sun_path[0] = '\0';
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify_fd < 0 || connect(notify_fd, (struct sockaddr *)&address,
                                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0) {
        die(daemon, "NOTIFY_SOCKET=%s: %s", path, strerror(errno));
    }
}

static bool logs_to_file(const struct conf *conf)
{
    return strcmp(conf->log_target, "stderr") != 0;
}

static void become(const struct daemon *daemon, const char *user)
{
    errno = 0;
    struct passwd *account = getpwnam(user);
    if (!account) {
        die(daemon, "user '%s': %s", user, errno ? strerror(errno) : "no such user");
    }
    /* Root created the log file; rotation reopens it as this user. (Not through a symbolic link, with which
     * the user could make root give away any file.) */
    if (logs_to_file(daemon->conf) &&
        lchown(daemon->conf->log_target, account->pw_uid, account->pw_gid) != 0) {
        die(daemon, "%s: %s", daemon->conf->log_target, strerror(errno));
    }
    /* The user's further groups may be what lets it read the TLS key. */
    if (initgroups(user, account->pw_gid) != 0 || setgid(account->pw_gid) != 0 ||
        setuid(account->pw_uid) != 0) {
        die(daemon, "cannot become user '%s': %s", user, strerror(errno));
    }
    if (account->pw_uid != 0 && setuid(0) == 0) {
        die(daemon, "could become root again after the change to user '%s'", user);
    }
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit); /* the former limit serves too, if fewer clients */
    }
}

/* SIGTERM when the parent dies. Comes after the change of user, which clears it. The parent may have died
 * before; then somebody else is our parent by now. (The kernel means the thread that forked, so a supervisor
 * forks in its main thread.) */
static void follow_parent(const struct daemon *daemon, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) {
        die(daemon, "prctl: %s", strerror(errno));
    }
    if (getppid() != parent) {
        die(daemon, "the supervisor is gone");
    }
}

void daemon_start(struct daemon *daemon, const char *program, int argc, char **argv)
{
    pid_t parent = getppid();
    *daemon = (struct daemon){.program = program};
    umask(077);
    signal(SIGPIPE, SIG_IGN); /* a client that went away is an error of write, not the end of the process */
    load_configuration(daemon, read_arguments(daemon, argc, argv));
    take_sockets(daemon);
    connect_notify_socket(daemon);
    enum err err = log_open(program, daemon->conf->log_target, (enum log_level)daemon->conf->log_level);
    if (err) {
        die(daemon, "log file %s: %s", daemon->conf->log_target, err_text(err));
    }
    if (geteuid() == 0 && daemon->conf->user[0]) {
        become(daemon, daemon->conf->user);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        die(daemon, "prctl: %s", strerror(errno));
    }
    if (notify_fd >= 0 || daemon->socket_count) { /* started by a supervisor, not by hand */
        follow_parent(daemon, parent);
    }
    raise_descriptor_limit();
}

void daemon_ready(void)
{
    struct slice message = S("READY=1");
    if (notify_fd >= 0 && send(notify_fd, message.data, message.len, MSG_NOSIGNAL) < 0) {
        log_warning("daemon.notify_failed", log_errno(errno));
    }
}

static size_t value_size(const struct conf_option *option)
{
    switch (option->type) {
    case CONF_TEXT:
    case CONF_PATH:
        return sizeof(const char *);
    case CONF_TEXTS:
        return sizeof(struct conf_list);
    default:
        return sizeof(int64_t);
    }
}

static bool same_value(const struct conf *a, const struct conf *b, const struct conf_option *option)
{
    struct buf first, second;
    buf_init(&first, 64 * 1024);
    buf_init(&second, 64 * 1024);
    conf_format_value(a, option, &first);
    conf_format_value(b, option, &second);
    bool same = slice_eq(buf_slice(&first), buf_slice(&second));
    buf_free(&first);
    buf_free(&second);
    return same;
}

/* What only a restart can change keeps its value, so that nobody sees a data directory that is not in use. */
static void keep_fixed_values(const struct conf *former, struct conf *fresh)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        if (option->reloadable || same_value(former, fresh, option)) {
            continue;
        }
        log_warning("config.restart_needed", log_cstr("section", option->section),
                    log_cstr("option", option->name));
        memcpy((char *)fresh + option->offset, (const char *)former + option->offset, value_size(option));
    }
}

bool daemon_reload(struct daemon *daemon)
{
    struct conf *fresh;
    struct buf why;
    buf_init(&why, 64 * 1024);
    enum err err = conf_load(daemon->conf->file, &fresh, &why);
    if (err) {
        log_error("config.reload_failed", log_text("reason", buf_slice(&why)));
        buf_free(&why);
        return false;
    }
    buf_free(&why);
    keep_fixed_values(daemon->conf, fresh);
    fresh->former = daemon->conf;
    daemon->conf = fresh;
    err = log_open(daemon->program, fresh->log_target, (enum log_level)fresh->log_level);
    if (err) {
        log_error("log.open_failed", log_cstr("path", fresh->log_target), log_err(err));
    }
    return true;
}
