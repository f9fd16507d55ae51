/* SPDX-License-Identifier: ISC */
/* Addresses, and real sockets bound from a configuration in a temporary folder. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/fsio.h"
#include "supervisor/listen.h"

static void reads_addresses(void **state)
{
    struct sockaddr_storage address;
    socklen_t length;
    (void)state;
    assert_ok(listen_parse("127.0.0.1:25", &address, &length));
    assert_int_equal(address.ss_family, AF_INET);
    assert_int_equal(ntohs(((struct sockaddr_in *)&address)->sin_port), 25);
    assert_int_equal(ntohl(((struct sockaddr_in *)&address)->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_ok(listen_parse("[::1]:65535", &address, &length));
    assert_int_equal(address.ss_family, AF_INET6);
    assert_int_equal(ntohs(((struct sockaddr_in6 *)&address)->sin6_port), 65535);
    assert_true(IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *)&address)->sin6_addr));
    assert_ok(listen_parse("/run/x.sock", &address, &length));
    assert_int_equal(address.ss_family, AF_UNIX);
    assert_string_equal(((struct sockaddr_un *)&address)->sun_path, "/run/x.sock");
}

static void refuses_what_is_no_address(void **state)
{
    static const char *const bad[] = {"",      "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:25",
                                      "[]:25", "[::1:25",    "localhost:25",    "256.0.0.1:25", ":25"};
    struct sockaddr_storage address;
    socklen_t length;
    char path[200];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_err(listen_parse(bad[i], &address, &length), ERR_SYNTAX);
    }
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[107] = '\0'; /* sun_path has 108 bytes, one is for the NUL */
    assert_ok(listen_parse(path, &address, &length));
    path[107] = 'x';
    path[108] = '\0';
    assert_err(listen_parse(path, &address, &length), ERR_TOO_LONG);
}

/* A configuration whose only listener is LMTP, in `folder`. */
static struct conf *load_configuration(const char *folder)
{
    static const char text[] = "hostname = \"mail.example.org\"\nlmtp { listen = { \"lmtp.sock\" } }\n"
                               "run_directory = \".\"\n";
    struct arena arena = {0};
    struct conf *conf = NULL;
    struct buf why;
    char *path = arena_printf(&arena, "%s/postern.conf", folder);
    buf_init(&why, 4096);
    assert_ok(fs_write_durable(path, slice_from(text), 0600));
    assert_ok(conf_load(path, &conf, &why));
    buf_free(&why);
    arena_free(&arena);
    return conf;
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    return info.st_mode & 0777;
}

static void binds_replaces_stale_sockets_and_cleans_up(void **state)
{
    char *folder = check_temporary_directory();
    struct conf *conf = load_configuration(folder);
    struct listeners first, second;
    struct buf why;
    char authd[200], lmtp[200];
    (void)state;
    buf_init(&why, 4096);
    assert_ok(listeners_open(&first, conf, 0, &why));
    assert_int_equal(first.count, 2);
    assert_string_equal(first.items[0].name, "authd");
    assert_string_equal(first.items[0].program->name, "authd");
    assert_string_equal(first.items[1].name, "lmtp");
    assert_string_equal(first.items[1].program->name, "smtpd");
    snprintf(authd, sizeof(authd), "%s", first.items[0].address);
    snprintf(lmtp, sizeof(lmtp), "%s", first.items[1].address);
    assert_int_equal(mode_of(authd), 0600);
    assert_int_equal(mode_of(lmtp), 0660);
    assert_ok(listeners_open(&second, conf, 0, &why)); /* as after a kill -9 */
    listeners_close(&second);
    assert_int_equal(access(authd, F_OK), -1);
    assert_int_equal(access(lmtp, F_OK), -1);
    listeners_close(&first);
    buf_free(&why);
    conf_free(conf);
    check_remove_directory(folder);
}

/* A file that is no socket is not ours to remove. */
static void leaves_other_files_alone(void **state)
{
    char *folder = check_temporary_directory();
    struct conf *conf = load_configuration(folder);
    struct listeners listeners;
    struct buf why;
    char lmtp[200];
    (void)state;
    buf_init(&why, 4096);
    snprintf(lmtp, sizeof(lmtp), "%s/lmtp.sock", folder);
    assert_ok(fs_write_durable(lmtp, S("precious"), 0600));
    assert_int_not_equal(listeners_open(&listeners, conf, 0, &why), ERR_OK);
    assert_non_null(strstr(buf_cstr(&why), "lmtp.sock"));
    assert_int_equal(access(lmtp, F_OK), 0);
    buf_free(&why);
    conf_free(conf);
    check_remove_directory(folder);
}

/* The port is taken by a socket of our own: refused at once without patience. */
static void tells_which_address_is_in_use(void **state)
{
    char *folder = check_temporary_directory();
    struct conf *conf = load_configuration(folder);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct listeners listeners;
    struct buf why;
    char text[64];
    const char *items[] = {text};
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(text, sizeof(text), "127.0.0.1:%d", ntohs(address.sin_port));
    conf->listeners[SERVICE_POP3].listen = (struct conf_list){items, 1};
    buf_init(&why, 4096);
    assert_int_not_equal(listeners_open(&listeners, conf, 0, &why), ERR_OK);
    assert_non_null(strstr(buf_cstr(&why), text));
    assert_non_null(strstr(buf_cstr(&why), "in use"));
    close(fd);
    buf_free(&why);
    conf_free(conf);
    check_remove_directory(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(binds_replaces_stale_sockets_and_cleans_up),
        cmocka_unit_test(leaves_other_files_alone),
        cmocka_unit_test(tells_which_address_is_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
