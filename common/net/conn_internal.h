/* SPDX-License-Identifier: ISC */
/* The inside of a connection, for the files that make it up: conn.c (life and identity, TLS), conn_input.c,
 * conn_output.c. */
#ifndef NET_CONN_INTERNAL_H
#define NET_CONN_INTERNAL_H

#include "net/conn.h"
#include "stream.h"

struct conn {
    struct loop *loop;
    struct stream *stream;
    int64_t timeout;      /* milliseconds, or NO_DEADLINE */
    int64_t end_of_time;  /* loop_now, or NO_DEADLINE */
    int64_t quiet_after;  /* milliseconds */
    enum err error;       /* sticky, both directions */
    enum err input_error; /* sticky, input only: its end, or its time-out */
    struct event interrupted;
    unsigned moves; /* reads and writes since the task last gave others a turn */

    /* Input: bytes from `start` to `end` are waiting to be taken. Without any, nothing need be allocated. */
    char *input;
    size_t input_size;
    size_t next_size; /* what the next allocation takes: grows and shrinks with the flow */
    size_t start, end;
    size_t scanned;                 /* bytes from `start` that are known to hold no LF */
    bool discarding;                /* the line that is coming in was longer than its limit */
    char line_tail[CONN_LINE_TAIL]; /* its last bytes so far */
    size_t line_tail_len;

    struct buf output;
    size_t sent; /* bytes of `output` that are gone already */

    uint64_t bytes_in, bytes_out;
    const char *tls_version, *tls_cipher;
    uint16_t peer_port;
    bool peer_is_loopback;
    bool is_deflated;
    char peer_address[46];  /* INET6_ADDRSTRLEN */
    char local_address[46]; /* of a connection that we began */
};

int64_t conn_deadline(const struct conn *conn);
/* After each read or write: lets the other tasks run once in a while, also when the peer is always ready. */
enum err conn_give_turn(struct conn *conn);
/* The sticky error for a failed read or write; notes and returns it. */
enum err conn_fail(struct conn *conn, enum stream_result result);
/* Sends what is buffered, by us and by the stream; see conn_flush. */
enum err conn_send_all(struct conn *conn);
/* Frees the output buffer when nothing is in it. */
void conn_release_output(struct conn *conn);
/* Reads more input behind what is buffered, of which a line of `limit` bytes may make up one part. With
 * `for_line` an interruption ends the wait: ERR_SHUTDOWN. */
enum err conn_fill(struct conn *conn, size_t limit, int64_t deadline, bool for_line);
void conn_release_input(struct conn *conn);
/* Sends what is buffered, says that nothing more will come, and reads the peer's last words away until it
 * closes too or time is up. A socket that is closed with input unread sends a reset, which may destroy our
 * last reply on its way. */
void conn_linger(struct conn *conn, int64_t ms);

#endif
