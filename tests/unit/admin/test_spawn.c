/* SPDX-License-Identifier: ISC */
/* A child as the kernel shows it: a script that writes down what it was given. */
#include "check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fsio.h"
#include "supervisor/spawn.h"

/* Its arguments, the environment of the convention, which socket sits on which descriptor, and which
 * descriptors there are (10 and above belong to the shell itself). */
static const char script[] = "#!/bin/sh\n"
                             "exec >\"$0.out\"\n"
                             "[ \"$LISTEN_PID\" = $$ ] && echo pid fits\n"
                             "echo \"$LISTEN_FDS $LISTEN_FDNAMES $NOTIFY_SOCKET $*\"\n"
                             "stat -L -c %i /proc/$$/fd/3 /proc/$$/fd/4 /proc/$$/fd/5\n"
                             "[ \"$(readlink /proc/$$/fd/0)\" = /dev/null ] && echo no input\n"
                             "for fd in 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo leaked $fd; done\n"
                             /* without a fork, for which the shell blocks all signals itself */
                             "while read -r key value; do [ $key = SigBlk: ] && echo $key $value; done "
                             "</proc/$$/status\n"
                             "[ \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$ ] && echo own group\n";

static unsigned long inode_of(int fd)
{
    struct stat info;
    assert_int_equal(fstat(fd, &info), 0);
    return info.st_ino;
}

/* A listener on descriptor `fd`, as the supervisor has it: closed on exec. */
static struct listener listener_on(int fd, const char *name, const struct program *program)
{
    int made = socket(AF_UNIX, SOCK_STREAM, 0);
    int away = fcntl(made, F_DUPFD, 200);
    close(made);
    assert_int_equal(dup3(away, fd, O_CLOEXEC), fd);
    close(away);
    return (struct listener){.name = name, .program = program, .fd = fd};
}

/* The sockets come in crosswise: each sits on a number that another one is to get, or on one that must not
 * leak. */
static void gives_each_socket_its_place(void **state)
{
    char *folder = check_temporary_directory();
    char path[200], out_path[220], expected[1000];
    sigset_t blocked;
    struct listener items[4];
    struct buf out;
    int status;
    (void)state;
    snprintf(path, sizeof(path), "%s/fake", folder);
    snprintf(out_path, sizeof(out_path), "%s.out", path);
    assert_ok(fs_write_durable(path, slice_from(script), 0700));
    int keep[6];
    for (int i = 0; i < 6; i++) { /* what the test program itself has on 3 to 8 is put aside */
        keep[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 100);
    }
    items[0] = listener_on(5, "pop3", &programs[2]);
    items[1] = listener_on(3, "pop3", &programs[2]);
    items[2] = listener_on(4, "smtp", &programs[1]);
    items[3] = listener_on(8, "pop3s", &programs[2]);
    assert_int_equal(dup2(STDERR_FILENO, 7), 7); /* inherited by accident, without close-on-exec */
    struct listeners listeners = {.items = items, .count = ARRAY_LEN(items)};
    struct child child = {.program = &programs[2], .path = path, .worker = 7};
    snprintf(expected, sizeof(expected),
             "pid fits\n3 pop3:pop3:pop3s @x -c /the.conf -w 7\n%lu\n%lu\n%lu\nno input\n"
             "SigBlk: 0000000000000000\nown group\n",
             inode_of(5), inode_of(3), inode_of(8));
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGHUP);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    pid_t pid = spawn_child(&child, &listeners, "/the.conf", "@x");
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 6; i++) {
        close(3 + i);
        if (keep[i] >= 0) {
            dup3(keep[i], 3 + i, O_CLOEXEC);
            close(keep[i]);
        }
    }
    buf_init(&out, 4096);
    assert_ok(fs_read_file(out_path, &out));
    assert_string_equal(buf_cstr(&out), expected);
    buf_free(&out);
    check_remove_directory(folder);
}

static void program_that_is_not_there_ends_the_child(void **state)
{
    struct listeners listeners = {0};
    struct child child = {.program = &programs[0], .path = "/nonexistent/authd"};
    int status;
    (void)state;
    pid_t pid = spawn_child(&child, &listeners, "/the.conf", "@x");
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
}

static void finds_programs_beside_its_own_folder(void **state)
{
    char *folder = check_temporary_directory();
    struct arena arena = {0};
    struct buf why;
    (void)state;
    buf_init(&why, 4096);
    const char *self = arena_printf(&arena, "%s/admin/postern", folder);
    assert_null(program_find(&programs[1], self, &arena, &why));
    assert_non_null(strstr(buf_cstr(&why), "there is no program smtpd"));
    const char *installed = arena_printf(&arena, "%s/libexec/postern/smtpd", folder);
    assert_ok(fs_make_directories(arena_printf(&arena, "%s/libexec/postern", folder), 0700));
    assert_ok(fs_write_durable(installed, S("x"), 0700));
    assert_string_equal(program_find(&programs[1], self, &arena, &why), installed);
    const char *built = arena_printf(&arena, "%s/smtpd/smtpd", folder);
    assert_ok(fs_make_directories(arena_printf(&arena, "%s/smtpd", folder), 0700));
    assert_ok(fs_write_durable(built, S("x"), 0700));
    assert_string_equal(program_find(&programs[1], self, &arena, &why), built);
    buf_free(&why);
    arena_free(&arena);
    check_remove_directory(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_socket_its_place),
        cmocka_unit_test(program_that_is_not_there_ends_the_child),
        cmocka_unit_test(finds_programs_beside_its_own_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
