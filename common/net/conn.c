/* SPDX-License-Identifier: ISC */
/*
 * A connection's life: made from a socket or as a pair in memory, told apart by its peer's address, put
 * behind TLS and compression, closed. What it reads and writes is in conn_input.c and conn_output.c.
 */
#include "conn_internal.h"
#include "tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/task.h"

enum {
    FIRST_INPUT_SIZE = 4096,
    /* One conn_printf, or what waits to be sent: far above the high-water mark, to catch a run-away. */
    OUTPUT_CAP = 1024 * 1024,
    /* Reads or writes in a row before the other tasks get a turn: at most 1 MiB. */
    MOVES_PER_TURN = 16,
    HANDSHAKE_MS = 60 * 1000,
    /* Longer than the pauses of a client that synchronises; short, as most that wait so long wait for
     * minutes.
     */
    QUIET_AFTER_MS = 5 * 1000,
    LINGER_BYTES = 256 * 1024
};

static void set_address(struct conn *conn, const char *text)
{
    snprintf(conn->peer_address, sizeof conn->peer_address, "%s", text);
}

static struct conn *conn_new(struct loop *loop, struct stream *stream)
{
    struct conn *conn = mem_new(struct conn);
    conn->loop = loop;
    conn->stream = stream;
    conn->timeout = NO_DEADLINE;
    conn->end_of_time = NO_DEADLINE;
    conn->quiet_after = QUIET_AFTER_MS;
    conn->next_size = FIRST_INPUT_SIZE;
    conn->tls_version = conn->tls_cipher = "";
    conn->peer_is_loopback = true;
    set_address(conn, "local");
    buf_init(&conn->output, OUTPUT_CAP);
    return conn;
}

static void note_ipv4(struct conn *conn, const void *address)
{
    inet_ntop(AF_INET, address, conn->peer_address, sizeof conn->peer_address);
    conn->peer_is_loopback = *(const unsigned char *)address == 127;
}

static void note_peer(struct conn *conn, int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof storage;
    if (getpeername(fd, (struct sockaddr *)&storage, &len) != 0) {
        /* Gone already; the first read will tell. Not to be taken for a local peer. */
        set_address(conn, "unknown");
        conn->peer_is_loopback = false;
        return;
    }
    if (storage.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&storage;
        conn->peer_port = ntohs(v4->sin_port);
        note_ipv4(conn, &v4->sin_addr);
    } else if (storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&storage;
        conn->peer_port = ntohs(v6->sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            note_ipv4(conn, v6->sin6_addr.s6_addr + 12);
        } else {
            inet_ntop(AF_INET6, &v6->sin6_addr, conn->peer_address, sizeof conn->peer_address);
            conn->peer_is_loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
        }
    }
}

struct conn *conn_from_fd(struct loop *loop, int fd)
{
    struct conn *conn = conn_new(loop, stream_socket_new(loop, fd));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    note_peer(conn, fd);
    /* On a Unix socket these fail, and are not needed. */
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    return conn;
}

void conn_pair(struct loop *loop, size_t capacity, size_t chunk, struct conn *ends_r[2])
{
    struct stream *streams[2];
    stream_memory_pair(capacity, chunk, streams);
    for (int i = 0; i < 2; i++)
        ends_r[i] = conn_new(loop, streams[i]);
}

void conn_close(struct conn *conn)
{
    if (!conn)
        return;
    conn->stream->ops->close(conn->stream, conn->error != ERR_OK);
    conn_release_input(conn);
    buf_free(&conn->output);
    mem_free(conn);
}

void conn_linger(struct conn *conn, int64_t ms)
{
    conn->timeout = MIN_OF(conn->timeout, ms);
    if (conn_send_all(conn))
        return;
    conn->stream->ops->end_output(conn->stream);
    int64_t deadline = loop_now(conn->loop) + ms;
    uint64_t enough = conn->bytes_in + LINGER_BYTES;
    do
        conn_release_input(conn);
    while (conn->bytes_in < enough && conn_fill(conn, 0, deadline, false) == ERR_OK);
}

void conn_set_timeout(struct conn *conn, int64_t ms)
{
    conn->timeout = ms;
}

void conn_set_end(struct conn *conn, int64_t deadline)
{
    conn->end_of_time = deadline;
}

void conn_set_quiet_after(struct conn *conn, int64_t ms)
{
    conn->quiet_after = ms;
}

void conn_interrupt(struct conn *conn)
{
    event_raise(&conn->interrupted);
}

int64_t conn_deadline(const struct conn *conn)
{
    int64_t deadline = conn->timeout == NO_DEADLINE ? NO_DEADLINE : loop_now(conn->loop) + conn->timeout;
    return MIN_OF(deadline, conn->end_of_time);
}

enum err conn_give_turn(struct conn *conn)
{
    if (++conn->moves < MOVES_PER_TURN)
        return ERR_OK;
    conn->moves = 0;
    return task_sleep(0);
}

enum err conn_fail(struct conn *conn, enum stream_result result)
{
    switch (result) {
    case STREAM_END:
    case STREAM_GONE:
        conn->error = ERR_CLOSED;
        break;
    case STREAM_FAILED_TLS:
        conn->error = ERR_TLS;
        break;
    case STREAM_GARBAGE:
        conn->error = ERR_PROTOCOL;
        break;
    case STREAM_FAILED:
    case STREAM_DONE:
    case STREAM_AGAIN:
    case STREAM_TURN:
        conn->error = ERR_IO;
        break;
    }
    return conn->error;
}

/* Runs the handshake to its end; only ERR_OK leaves the connection usable. */
static enum err handshake(struct conn *conn, struct buf *why)
{
    int64_t deadline = loop_now(conn->loop) + MIN_OF(conn->timeout, (int64_t)HANDSHAKE_MS);
    for (;;) {
        struct wait_item want;
        enum stream_result result = stream_tls_handshake(conn->stream, &want, why);
        if (result == STREAM_DONE)
            return ERR_OK;
        if (result != STREAM_AGAIN)
            return ERR_TLS;
        size_t which;
        enum err err = wait_any(&want, 1, deadline, &which);
        if (err)
            return err;
    }
}

/* With a session that is this function's; *why* says what went wrong. */
static enum err start_tls(struct conn *conn, SSL *session, struct buf *why)
{
    struct stream *stream = stream_tls_new(conn->stream, session);
    enum err err = ERR_TLS;
    if (stream) {
        conn->stream = stream;
        err = handshake(conn, why);
    } else {
        SSL_free(session);
        buf_append(why, S("no TLS on this kind of connection"));
    }
    if (err) {
        /* Also when the task was cancelled: nothing but the rest of the handshake could be sent now. */
        conn->error = err == ERR_CANCELED ? ERR_TLS : err;
        buf_append(why, why->len ? SLICE_EMPTY : slice_from(err_text(err)));
    } else {
        conn->tls_version = stream_tls_version(stream);
        conn->tls_cipher = stream_tls_cipher(stream);
    }
    return err;
}

/* What was said in plain text is over: nothing of it is taken for what came encrypted. */
static enum err end_plaintext(struct conn *conn)
{
    if (conn->error || conn->input_error)
        return conn->error ? conn->error : conn->input_error;
    if (conn_has_input(conn))
        return conn->error = ERR_PROTOCOL;
    enum err err = conn_send_all(conn);
    if (!err) {
        conn_release_input(conn);
        conn_release_output(conn);
    }
    return err;
}

enum err conn_start_tls(struct conn *conn, struct tls_context *context)
{
    enum err err = end_plaintext(conn);
    if (err)
        return err;
    struct buf why;
    buf_init(&why, 512);
    err = start_tls(conn, tls_context_session(context), &why);
    if (err)
        log_info("tls.failed", log_cstr("peer", conn->peer_address), log_text("reason", buf_slice(&why)));
    buf_free(&why);
    return err;
}

enum err conn_start_tls_client(struct conn *conn, struct tls_client *client,
                               const struct tls_expectation *expectation, enum tls_failure *failure_r,
                               struct buf *why)
{
    enum err err = end_plaintext(conn);
    if (err)
        return err;
    SSL *session = tls_client_session(client, expectation);
    *failure_r = session ? TLS_FAILURE_NONE : TLS_FAILURE_RECORDS;
    if (!session) {
        buf_append(why, S("no TLSA record can be used"));
        return conn->error = ERR_TLS;
    }
    SSL_up_ref(session); /* to read its verdict from */
    err = start_tls(conn, session, why);
    if (err || (expectation->is_observed && SSL_get_verify_result(session) != X509_V_OK))
        *failure_r = tls_client_verdict(session, why);
    SSL_free(session);
    return err;
}

bool conn_is_tls(const struct conn *conn)
{
    return *conn->tls_version != '\0';
}

const char *conn_tls_version(const struct conn *conn)
{
    return conn->tls_version;
}

const char *conn_tls_cipher(const struct conn *conn)
{
    return conn->tls_cipher;
}

enum err conn_start_deflate(struct conn *conn)
{
    if (conn->error || conn->input_error)
        return conn->error ? conn->error : conn->input_error;
    if (conn->is_deflated)
        return ERR_EXISTS;
    enum err err = conn_send_all(conn);
    if (err)
        return err;
    struct slice early =
        conn->input ? slice_of(conn->input + conn->start, conn->end - conn->start) : SLICE_EMPTY;
    conn->stream = stream_deflate_new(conn->stream, early);
    conn->is_deflated = true;
    conn->bytes_in -= early.len; /* will be counted as what it inflates to */
    conn_release_input(conn);
    return ERR_OK;
}

bool conn_is_deflated(const struct conn *conn)
{
    return conn->is_deflated;
}

const char *conn_peer_address(const struct conn *conn)
{
    return conn->peer_address;
}

uint16_t conn_peer_port(const struct conn *conn)
{
    return conn->peer_port;
}

bool conn_peer_is_loopback(const struct conn *conn)
{
    return conn->peer_is_loopback;
}

enum err conn_error(const struct conn *conn)
{
    return conn->error ? conn->error : conn->input_error;
}

bool conn_has_hung_up(const struct conn *conn)
{
    return conn_error(conn) || conn->stream->ops->has_hung_up(conn->stream);
}

uint64_t conn_bytes_in(const struct conn *conn)
{
    return conn->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *conn)
{
    return conn->bytes_out;
}

struct loop *conn_loop(const struct conn *conn)
{
    return conn->loop;
}
