/* SPDX-License-Identifier: ISC */
/*
 * What protocols see of a connection: lines and bytes in, bytes out, TLS when asked for. Never a uv handle or
 * a socket. All waiting functions suspend the running task and must be called from tasks; one task at a time
 * reads, one writes.
 *
 * Errors stick: after ERR_CLOSED, ERR_IO, ERR_TLS, ERR_PROTOCOL or ERR_TIMEOUT every further call returns the
 * same error, so a session can check once per command. With one exception: the orderly end of the input (a
 * client may say QUIT, close its half, and wait for our reply) and a time-out while reading (the session
 * wants to say why it closes) stick to the input; output still works. ERR_TOO_LONG, ERR_SHUTDOWN and
 * ERR_CANCELED do not stick.
 */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdarg.h>

#include "base/buf.h"
#include "net/event.h"
#include "net/tls.h"

struct conn;

/* Takes over a connected socket (TCP or Unix), which conn_close closes. Sets it non-blocking, TCP_NODELAY,
 * keep-alive. */
struct conn *conn_from_fd(struct loop *loop, int fd);
/* Connects to a Unix socket; suspends while its queue is full. ERR_UNAVAILABLE when nobody listens, ERR_LIMIT
 * when this process lacks descriptors or memory. */
enum err conn_connect_unix(struct loop *loop, const char *path, int64_t timeout_ms,
                           struct conn **conn_r) MUST_CHECK;
/* Connects to "192.0.2.1" or "2001:db8::1"; suspends. `source`: the address to come from if it is of the same
 * family, NULL or "": whichever the kernel takes. ERR_SYNTAX: no addresses; ERR_TIMEOUT; ERR_LIMIT: no
 * descriptor or memory; ERR_UNAVAILABLE: refused, unreachable and the like; ERR_CANCELED. *why_r: the
 * kernel's words, static, "" on success. */
enum err conn_connect_tcp(struct loop *loop, const char *address, uint16_t port, const char *source,
                          int64_t timeout_ms, struct conn **conn_r, const char **why_r) MUST_CHECK;
/* Two ends joined in memory, for tests: what one writes the other reads, at most `capacity` bytes on the way
 * (so back-pressure can be tested) and at most `chunk` bytes at a time (1 splits every line). */
void conn_pair(struct loop *loop, size_t capacity, size_t chunk, struct conn *ends_r[2]);
/* Closes and frees, without flushing; sends TLS close_notify when that needs no waiting. */
void conn_close(struct conn *conn);

/* How long one waiting call may take in total (default: for ever). Sending starts anew with each progress: a
 * large message over a slow line is no reason to cut it off. */
void conn_set_timeout(struct conn *conn, int64_t ms);
/* No call waits past this moment (loop_now milliseconds, NO_DEADLINE), whatever progress there is: against a
 * peer that takes one byte a minute. */
void conn_set_end(struct conn *conn, int64_t deadline);
/* After how long a wait for input memory is given back that can be had anew (default: 5 seconds). */
void conn_set_quiet_after(struct conn *conn, int64_t ms);
/* From another task or callback: the reader of a *line* gets ERR_SHUTDOWN once no complete line is buffered,
 * so that the session can say goodbye (output still works) between two commands; bodies under way are not
 * disturbed. Sticks. */
void conn_interrupt(struct conn *conn);

/* --- input --- */

enum { CONN_LINE_TAIL = 32 };

/* The next line, without its line end (CRLF; a bare LF is accepted too: people type commands into netcat).
 * *line_r is valid until the next call on the connection's input. A line longer than `limit` bytes (without
 * line end) gives ERR_TOO_LONG after the rest of it has been read away (memory stays bounded); the session
 * can answer and go on, and *line_r is how the line ended, at most CONN_LINE_TAIL bytes. NUL bytes are passed
 * on. At end of input: ERR_CLOSED; an unfinished line is dropped.
 */
enum err conn_read_line(struct conn *conn, size_t limit, struct slice *line_r) MUST_CHECK;
/* At least one byte of what comes next, at most what is buffered (up to 64 KiB): suspends while there is
 * none. The bytes stay until conn_consume; *bytes_r is valid until the next call on the input. This is how
 * bodies, literals and chunks are read. */
enum err conn_peek(struct conn *conn, struct slice *bytes_r) MUST_CHECK;
void conn_consume(struct conn *conn, size_t n);
/* Whether input is buffered already (a pipelining client); never suspends. Under compression it may say no
 * while some is under way, never the other way round. */
bool conn_has_input(const struct conn *conn);
/* Whether a whole line is buffered already; never suspends. When there is none, replies must be flushed
 * before the next one is read: a buffered piece of a command is no reason to keep them, its rest may come
 * only after the client has seen them. */
bool conn_has_line(const struct conn *conn);
/* Whether the peer has sent its last: it is gone, or closed its half and may still read, of which the next
 * write will tell. Never suspends; for who works long without reading. */
bool conn_has_hung_up(const struct conn *conn);
/* The descriptor-level wait for a session that idles: waits for input, an event, or a deadline (loop_now
 * based). *which_r: 0 input (at least one byte is buffered; or its end, a failure, an interruption), 1 the
 * event; `event` may be NULL. ERR_TIMEOUT (does not stick), ERR_CANCELED. */
enum err conn_wait(struct conn *conn, struct event *event, int64_t deadline, size_t *which_r) MUST_CHECK;

/* --- output --- */

/* Adds to the output buffer. Suspends only when the high-water mark (64 KiB) is reached, until the buffer has
 * been sent, so an answer of any size can be written piece by piece at bounded memory. */
enum err conn_write(struct conn *conn, struct slice bytes);
enum err conn_printf(struct conn *conn, const char *format, ...) PRINTF_LIKE(2, 3);
/* Sends what is buffered, and returns when the kernel has taken it. */
enum err conn_flush(struct conn *conn);

/* --- TLS --- */

/* Handshake as the server; suspends. Plaintext that the client pipelined behind STARTTLS must never be read
 * as if it had come encrypted: when any is buffered this returns ERR_PROTOCOL without a handshake, and the
 * session is to be closed (RFC 3207 section 4.2, CVE-2011-0411). ERR_TLS: handshake failed (reason logged at
 * info). The connection's time-out holds for the whole handshake, 60 seconds at most. Sockets only: on a pair
 * it is ERR_TLS. */
enum err conn_start_tls(struct conn *conn, struct tls_context *context) MUST_CHECK;
bool conn_is_tls(const struct conn *conn);
/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; "" without TLS. Valid as long as the connection. */
const char *conn_tls_version(const struct conn *conn);
const char *conn_tls_cipher(const struct conn *conn);

/* --- compression --- */

/* DEFLATE both ways from here on, on top of TLS if there is any (RFC 4978: raw, without zlib's header). What
 * was written before is sent as it is; input that is buffered already is the begin of the compressed. From
 * then on only conn_flush makes sure that what was written can be read by the peer. Input that cannot be
 * inflated is ERR_PROTOCOL, which sticks. ERR_EXISTS: runs already. No other task may be reading or writing.
 */
enum err conn_start_deflate(struct conn *conn) MUST_CHECK;
bool conn_is_deflated(const struct conn *conn);

/* --- who is it --- */

/* "192.0.2.1", "2001:db8::1" (v4-mapped addresses shown as v4), "local" for Unix sockets and pairs. */
const char *conn_peer_address(const struct conn *conn);
/* Ours, of a connection that conn_connect_tcp made; else "". */
const char *conn_local_address(const struct conn *conn);
uint16_t conn_peer_port(const struct conn *conn);
bool conn_peer_is_loopback(const struct conn *conn); /* Unix sockets and pairs too */
/* The sticky error, ERR_OK while the connection works. */
enum err conn_error(const struct conn *conn);
/* As the session sees them: before compression, without TLS. */
uint64_t conn_bytes_in(const struct conn *conn);
uint64_t conn_bytes_out(const struct conn *conn);
struct loop *conn_loop(const struct conn *conn);

#endif
