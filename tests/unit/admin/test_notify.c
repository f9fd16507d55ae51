/* SPDX-License-Identifier: ISC */
/* READY=1 from real processes: the kernel says who sent it. */
#include "check.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "supervisor/notify.h"

static void send_text(const char *name, const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ssize_t sent = sendto(fd, text, strlen(text), 0, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    if (sent != (ssize_t)strlen(text)) {
        _exit(1);
    }
    close(fd);
}

static pid_t send_from_child(const char *name, const char *text)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        send_text(name, text);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return pid;
}

static void tells_the_sender(void **state)
{
    struct notify notify;
    struct buf why;
    (void)state;
    buf_init(&why, 4096);
    assert_ok(notify_open(&notify, &why));
    assert_int_equal(notify.name[0], '@');
    assert_int_equal(notify_next_ready(&notify), 0);
    pid_t first = send_from_child(notify.name, "READY=1");
    send_from_child(notify.name, "STATUS=READY=1\nREADY=0");
    send_from_child(notify.name, "");
    pid_t second = send_from_child(notify.name, "STATUS=well\nREADY=1\n");
    assert_int_equal(notify_next_ready(&notify), first);
    assert_int_equal(notify_next_ready(&notify), second);
    assert_int_equal(notify_next_ready(&notify), 0);
    notify_close(&notify);
    buf_free(&why);
}

static void passes_readiness_on_to_our_own_starter(void **state)
{
    struct notify notify;
    struct buf why;
    (void)state;
    buf_init(&why, 4096);
    assert_ok(notify_open(&notify, &why));
    setenv("NOTIFY_SOCKET", notify.name, 1);
    notify_parent("READY=1");
    assert_int_equal(notify_next_ready(&notify), getpid());
    unsetenv("NOTIFY_SOCKET");
    notify_parent("READY=1");
    assert_int_equal(notify_next_ready(&notify), 0);
    notify_close(&notify);
    buf_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_sender),
        cmocka_unit_test(passes_readiness_on_to_our_own_starter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
