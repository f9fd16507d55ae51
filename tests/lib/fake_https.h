/* SPDX-License-Identifier: ISC */
/*
 * A web server on a port of its own, with certificates of a private authority, that answers as it is told:
 * what `fake_https.answer` says, or nothing at all. Runs on the loop of the test's task.
 */
#ifndef TEST_FAKE_HTTPS_H
#define TEST_FAKE_HTTPS_H

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

#include "check.h"
#include "net/conn.h"
#include "net/task.h"

static struct {
    char *directory;
    char ca_path[4096];
    struct tls_context *tls;
    struct task *task;
    int fd;
    unsigned port;
    const char *answer; /* all of it, from "HTTP/1.1 200 OK" on; NULL: silence */
    size_t padding;     /* so many bytes more */
    unsigned requests;  /* that came */
    char request[4096]; /* the first line of the last one */
    char type[4096];    /* its Content-Type */
    struct buf body;    /* what was posted */
} fake_https;

static inline void fake_https_read_body(struct conn *conn, size_t length)
{
    struct slice bytes;
    buf_clear(&fake_https.body);
    while (fake_https.body.len < length && conn_peek(conn, &bytes) == ERR_OK) {
        size_t size = MIN_OF(bytes.len, length - fake_https.body.len);
        buf_append(&fake_https.body, slice_take(bytes, size));
        conn_consume(conn, size);
    }
}

static inline void fake_https_answer(struct conn *conn)
{
    struct slice line;
    uint64_t length = 0;
    bool first = true;
    conn_set_timeout(conn, 20000);
    if (conn_start_tls(conn, fake_https.tls))
        return;
    while (conn_read_line(conn, 4000, &line) == ERR_OK && line.len > 0) {
        if (first)
            snprintf(fake_https.request, sizeof(fake_https.request), "%.*s", SLICE_ARG(line));
        if (slice_starts_with_nocase(line, S("Content-Type: ")))
            snprintf(fake_https.type, sizeof(fake_https.type), "%.*s", SLICE_ARG(slice_skip(line, 14)));
        if (slice_starts_with_nocase(line, S("Content-Length: ")))
            slice_to_u64(slice_skip(line, 16), 1 << 20, &length);
        first = false;
    }
    if (first)
        return;
    fake_https.requests++;
    fake_https_read_body(conn, length);
    if (!fake_https.answer) {
        if (conn_peek(conn, &line) == ERR_OK)
            fail_msg("more than one request");
        return;
    }
    conn_write(conn, slice_from(fake_https.answer));
    for (size_t i = 0; i < fake_https.padding && !conn_error(conn); i++)
        conn_write(conn, S("\n"));
    conn_flush(conn);
}

/* For the group: a certificate for these names. */
static inline int fake_https_prepare(const char *const *names, size_t count)
{
    char certificate[4096], key[4096];
    signal(SIGPIPE, SIG_IGN);
    fake_https.directory = check_temporary_directory();
    snprintf(fake_https.ca_path, sizeof(fake_https.ca_path), "%s/ca.pem", fake_https.directory);
    snprintf(certificate, sizeof(certificate), "%s/cert.pem", fake_https.directory);
    snprintf(key, sizeof(key), "%s/key.pem", fake_https.directory);
    buf_init(&fake_https.body, 1 << 20);
    return tls_make_certificate(fake_https.directory, names, count, NULL) ||
           tls_context_new(certificate, key, &fake_https.tls, NULL);
}

static inline void fake_https_remove(void)
{
    tls_context_free(fake_https.tls);
    buf_free(&fake_https.body);
    check_remove_directory(fake_https.directory);
}

/* One after the other. */
static inline void fake_https_serve(void *arg)
{
    (void)arg;
    while (wait_fd(fake_https.fd, false, NO_DEADLINE) == ERR_OK) {
        int fd = accept4(fake_https.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            continue;
        struct conn *conn = conn_from_fd(task_loop(), fd);
        fake_https_answer(conn);
        conn_close(conn);
    }
}

/* Inside of a task. */
static inline void fake_https_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    fake_https.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fake_https.fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fake_https.fd, 16), 0);
    getsockname(fake_https.fd, (struct sockaddr *)&address, &length);
    fake_https.port = ntohs(address.sin_port);
    fake_https.requests = 0;
    fake_https.padding = 0;
    fake_https.task = task_spawn(task_loop(), "https", fake_https_serve, NULL);
}

static inline void fake_https_stop(void)
{
    task_cancel(fake_https.task);
    assert_int_equal(task_join(fake_https.task), ERR_OK);
    fd_forget(task_loop(), fake_https.fd);
    close(fake_https.fd);
}

#endif
