/* SPDX-License-Identifier: ISC */
/*
 * The start of a daemon, each time in a process of its own: what it takes from its arguments and its
 * environment, what it tells the supervisor, and how it ends when something is wrong.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/daemon.h"
#include "base/fsio.h"
#include "base/log.h"

struct place {
    char *folder;
    char file[256];   /* postern.conf */
    char output[256]; /* what the process wrote to stderr */
    struct buf content;
};

/* Ends the child with a number that says which line failed. */
#define EXPECT(condition)                                           \
    do {                                                            \
        if (!(condition)) {                                         \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
            _exit(99);                                              \
        }                                                           \
    } while (0)

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    place->folder = check_temporary_directory();
    snprintf(place->file, sizeof(place->file), "%s/postern.conf", place->folder);
    snprintf(place->output, sizeof(place->output), "%s/stderr", place->folder);
    assert_ok(fs_write_durable(place->file, S("hostname = mail.example.org\n"), 0600));
    buf_init(&place->content, 1 << 20);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    buf_free(&place->content);
    check_remove_directory(place->folder);
    free(place);
    return 0;
}

/* Runs `body` in a child without the sockets and variables of whoever runs the tests; gives its exit code. */
static int run(struct place *place, void (*body)(struct place *place))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int output = open(place->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        const char *const names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET",
                                     "POSTERN_CONFIG"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            unsetenv(names[i]);
        }
        EXPECT(dup2(output, STDERR_FILENO) == STDERR_FILENO);
        body(place);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    buf_clear(&place->content);
    assert_ok(fs_read_file(place->output, &place->content));
    if (WEXITSTATUS(status) == 99) {
        print_error("%s\n", buf_cstr(&place->content));
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void start(struct daemon *daemon, struct place *place)
{
    char *arguments[] = {(char *)"testd", (char *)"-c", place->file, (char *)"-w", (char *)"3", NULL};
    daemon_start(daemon, "testd", 5, arguments);
}

static void set_number(const char *name, long number)
{
    char text[32];
    snprintf(text, sizeof(text), "%ld", number);
    setenv(name, text, 1);
}

/* `count` sockets at the descriptors from 3 on, as a supervisor leaves them. */
static void leave_sockets(int count)
{
    for (int fd = 3; fd < 3 + count; fd++) {
        int made = socket(AF_UNIX, SOCK_STREAM, 0);
        EXPECT(made >= 0);
        if (made != fd) {
            EXPECT(dup2(made, fd) == fd);
            if (made >= 3 + count) {
                close(made);
            }
        }
    }
}

static void start_alone(struct place *place)
{
    struct daemon daemon;
    start(&daemon, place);
    EXPECT(strcmp(daemon.program, "testd") == 0);
    EXPECT(daemon.worker == 3);
    EXPECT(daemon.socket_count == 0);
    EXPECT(strcmp(daemon.conf->hostname, "mail.example.org") == 0);
    EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    EXPECT(umask(0) == 077);
    int signal_at_death = -1;
    EXPECT(prctl(PR_GET_PDEATHSIG, &signal_at_death) == 0 && signal_at_death == 0); /* started by hand */
    int ends[2];
    EXPECT(pipe(ends) == 0 && close(ends[0]) == 0);
    EXPECT(write(ends[1], "x", 1) == -1 && errno == EPIPE); /* and no SIGPIPE */
    daemon_ready();                                         /* nobody asked */
}

static void it_starts_by_hand(void **state)
{
    assert_int_equal(run(*state, start_alone), 0);
}

static void start_with_sockets(struct place *place)
{
    struct daemon daemon;
    leave_sockets(4);
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "4", 1);
    setenv("LISTEN_FDNAMES", "smtp:submission::", 1);
    start(&daemon, place);
    const char *const names[] = {"smtp", "submission", "unknown", "unknown"};
    EXPECT(daemon.socket_count == 4);
    for (int i = 0; i < 4; i++) {
        EXPECT(daemon.sockets[i].fd == 3 + i);
        EXPECT(strcmp(daemon.sockets[i].name, names[i]) == 0);
        EXPECT(fcntl(3 + i, F_GETFD) == FD_CLOEXEC);
    }
    EXPECT(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS") && !getenv("LISTEN_FDNAMES"));
    int signal_at_death = -1;
    EXPECT(prctl(PR_GET_PDEATHSIG, &signal_at_death) == 0 && signal_at_death == SIGTERM);
}

static void start_without_names(struct place *place)
{
    struct daemon daemon;
    leave_sockets(1);
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "1", 1);
    start(&daemon, place);
    EXPECT(daemon.socket_count == 1);
    EXPECT(strcmp(daemon.sockets[0].name, "unknown") == 0);
}

static void start_with_sockets_of_another(struct place *place)
{
    struct daemon daemon;
    set_number("LISTEN_PID", getppid());
    setenv("LISTEN_FDS", "1", 1);
    start(&daemon, place);
    EXPECT(daemon.socket_count == 0);
    EXPECT(!getenv("LISTEN_FDS"));
}

static void sockets_are_taken_over(void **state)
{
    assert_int_equal(run(*state, start_with_sockets), 0);
    assert_int_equal(run(*state, start_without_names), 0);
    assert_int_equal(run(*state, start_with_sockets_of_another), 0);
}

static void start_with_too_many(struct place *place)
{
    struct daemon daemon;
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "65", 1);
    start(&daemon, place);
}

static void start_with_closed_socket(struct place *place)
{
    struct daemon daemon;
    leave_sockets(1);
    closefrom(4);
    set_number("LISTEN_PID", getpid());
    setenv("LISTEN_FDS", "2", 1);
    start(&daemon, place);
}

static void wrong_sockets_end_the_start(void **state)
{
    struct place *place = *state;
    assert_int_equal(run(place, start_with_too_many), 1);
    assert_string_equal(buf_cstr(&place->content), "testd: LISTEN_FDS=65: more than 64 sockets\n");
    assert_int_equal(run(place, start_with_closed_socket), 1);
    assert_string_equal(buf_cstr(&place->content), "testd: descriptor 4 of LISTEN_FDS is not open\n");
}

static void start_with(struct place *place, int count, const char *const *words)
{
    struct daemon daemon;
    char *arguments[8] = {(char *)"testd"};
    for (int i = 0; i < count; i++) {
        arguments[i + 1] = (char *)words[i];
    }
    (void)place;
    daemon_start(&daemon, "testd", count + 1, arguments);
}

static void use_nothing(struct place *place)
{
    start_with(place, 0, NULL);
}
static void use_bad_worker(struct place *place)
{
    start_with(place, 4, (const char *const[]){"-c", place->file, "-w", "x"});
}
static void use_bad_option(struct place *place)
{
    start_with(place, 3, (const char *const[]){"-c", place->file, "-z"});
}
static void use_extra_word(struct place *place)
{
    start_with(place, 3, (const char *const[]){"-c", place->file, "more"});
}
static void use_environment(struct place *place)
{
    setenv("POSTERN_CONFIG", place->file, 1);
    start_with(place, 0, NULL);
}

static void wrong_usage_ends_with_2(void **state)
{
    struct place *place = *state;
    void (*const wrong[])(struct place *) = {use_nothing, use_bad_worker, use_bad_option, use_extra_word};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(run(place, wrong[i]), 2);
        assert_non_null(strstr(buf_cstr(&place->content), "usage: testd -c FILE [-w NUMBER]\n"));
    }
    assert_int_equal(run(place, use_environment), 0);
}

static void start_plainly(struct place *place)
{
    struct daemon daemon;
    start(&daemon, place);
}

static void a_wrong_configuration_ends_with_1(void **state)
{
    struct place *place = *state;
    assert_ok(fs_write_durable(place->file, S("hostname = a\nworkers = x\n"), 0600));
    assert_int_equal(run(place, start_plainly), 1);
    assert_non_null(strstr(buf_cstr(&place->content), ":2: workers = \"x\": must be a number"));
    assert_ok(fs_write_durable(place->file, S("hostname = a\nlog_target = none/log\n"), 0600));
    assert_int_equal(run(place, start_plainly), 1);
    assert_non_null(strstr(buf_cstr(&place->content), "none/log: not found\n"));
    if (geteuid() == 0) {
        assert_ok(fs_write_durable(place->file, S("hostname = a\nuser = no-such-user-here\n"), 0600));
        assert_int_equal(run(place, start_plainly), 1);
        assert_string_equal(buf_cstr(&place->content), "testd: user 'no-such-user-here': no such user\n");
    }
}

/* A datagram socket in the folder (or the abstract name space) gets the news. */
static void tell_ready(struct place *place, bool abstract)
{
    struct daemon daemon;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[100], message[100];
    snprintf(name, sizeof(name), "%s%s/notify", abstract ? "@" : "", place->folder);
    memcpy(address.sun_path, name, strlen(name));
    if (abstract) {
        address.sun_path[0] = '\0';
    }
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0);
    EXPECT(bind(receiver, (struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) == 0);
    setenv("NOTIFY_SOCKET", name, 1);
    start(&daemon, place);
    EXPECT(recv(receiver, message, sizeof(message), MSG_DONTWAIT) == -1); /* not before it is */
    daemon_ready();
    EXPECT(recv(receiver, message, sizeof(message), MSG_DONTWAIT) == 7);
    EXPECT(memcmp(message, "READY=1", 7) == 0);
}

static void tell_by_path(struct place *place)
{
    tell_ready(place, false);
}
static void tell_by_abstract_name(struct place *place)
{
    tell_ready(place, true);
}
static void tell_nobody_there(struct place *place)
{
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    start_plainly(place);
}

static void readiness_is_told(void **state)
{
    assert_int_equal(run(*state, tell_by_path), 0);
    assert_int_equal(run(*state, tell_by_abstract_name), 0);
    assert_int_equal(run(*state, tell_nobody_there), 1);
}

static void become_nobody(struct place *place)
{
    struct daemon daemon;
    start(&daemon, place);
    EXPECT(getuid() != 0 && geteuid() != 0 && getgid() != 0);
    EXPECT(setuid(0) == -1);
    log_info("test.still_logging");
    log_reopen();
    log_info("test.reopened");
}

static void root_becomes_the_user(void **state)
{
    struct place *place = *state;
    if (geteuid() != 0) {
        skip();
    }
    char path[300];
    assert_int_equal(chmod(place->folder, 0755), 0);
    assert_ok(fs_write_durable(place->file, S("hostname = a\nuser = nobody\nlog_target = log\n"), 0600));
    assert_int_equal(run(place, become_nobody), 0);
    snprintf(path, sizeof(path), "%s/log", place->folder);
    buf_clear(&place->content);
    assert_ok(fs_read_file(path, &place->content));
    assert_non_null(strstr(buf_cstr(&place->content), "test.still_logging"));
    assert_non_null(strstr(buf_cstr(&place->content), "test.reopened"));
    assert_null(strstr(buf_cstr(&place->content), "reopen_failed"));
}

static void reload(struct place *place)
{
    struct daemon daemon;
    start(&daemon, place);
    const struct conf *first = daemon.conf;
    EXPECT(fs_write_durable(place->file, S("hostname = b\nlog_level = x\n"), 0600) == ERR_OK);
    EXPECT(!daemon_reload(&daemon));
    EXPECT(daemon.conf == first);
    EXPECT(fs_write_durable(
               place->file,
               S("hostname = b\nlog_level = debug\nthreads = 3\nsmtp { listen = \"127.0.0.1:25\" }\n"),
               0600) == ERR_OK);
    EXPECT(daemon_reload(&daemon));
    EXPECT(strcmp(daemon.conf->hostname, "b") == 0);
    EXPECT(strcmp(first->hostname, "mail.example.org") == 0); /* sessions still look at it */
    EXPECT(daemon.conf->threads == 16);                       /* needs a restart */
    EXPECT(daemon.conf->listeners[SERVICE_SMTP].listen.count == 0);
    log_debug("test.debug_is_on");
}

static void reloading_takes_over_what_may_change(void **state)
{
    struct place *place = *state;
    assert_int_equal(run(place, reload), 0);
    const char *log = buf_cstr(&place->content);
    assert_non_null(strstr(log, " error config.reload_failed reason="));
    assert_non_null(strstr(log, " warning config.restart_needed section=\"\" option=threads\n"));
    assert_non_null(strstr(log, " warning config.restart_needed section=smtp option=listen\n"));
    assert_null(strstr(log, "option=hostname"));
    assert_non_null(strstr(log, "test.debug_is_on"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_starts_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sockets_are_taken_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_sockets_end_the_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_usage_ends_with_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_configuration_ends_with_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readiness_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(root_becomes_the_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reloading_takes_over_what_may_change, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
