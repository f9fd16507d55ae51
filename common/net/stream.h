/* SPDX-License-Identifier: ISC */
/*
 * What a connection reads from and writes to: a socket, TLS on a socket, a pair in memory. A stream never
 * waits: it moves what can be moved now, and otherwise says what to wait for. A filter (compression, say) is
 * a stream that holds the one below it and passes its waits up. The waiting, the buffers and the deadlines
 * are in conn.c, once for all kinds.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/slice.h"
#include "net/event.h"
#include "net/tls.h"

enum stream_result {
    STREAM_DONE,   /* at least one byte was moved (or: the handshake is over) */
    STREAM_AGAIN,  /* nothing now: wait for *want_r, then call again */
    STREAM_TURN,   /* read only: something came, but no text yet: call again, others first */
    STREAM_END,    /* read only: the peer sends no more, in good order */
    STREAM_GONE,   /* the peer is gone: reset, or closed while we write */
    STREAM_FAILED, /* another error of the network */
    STREAM_FAILED_TLS,
    STREAM_GARBAGE /* read only: what the peer sent is not what it said it would be */
};

struct stream;
struct ssl_st; /* OpenSSL's SSL */

struct stream_ops {
    enum stream_result (*read)(struct stream *stream, char *data, size_t size, size_t *n_r,
                               struct wait_item *want_r);
    /* After STREAM_AGAIN the next call must begin with the same bytes and offer at least as many. */
    enum stream_result (*write)(struct stream *stream, struct slice bytes, size_t *n_r,
                                struct wait_item *want_r);
    /* For a stream that holds back what was written (else NULL): STREAM_DONE when all of it is sent. */
    enum stream_result (*flush)(struct stream *stream, struct wait_item *want_r);
    /* Whether a read would surely give bytes without asking the kernel. */
    bool (*has_pending)(const struct stream *stream);
    /* Whether the peer has sent its last, be it that it is gone: what is yet to be read may come before. */
    bool (*has_hung_up)(const struct stream *stream);
    /* Nothing has come or gone for a while: gives memory back that can be had anew. May be NULL. */
    void (*quiet)(struct stream *stream);
    /* Tells the peer that nothing more will be sent, as far as that needs no waiting. Reading goes on. */
    void (*end_output)(struct stream *stream);
    /* Says goodbye as far as that needs no waiting, closes and frees. `broken`: say nothing. */
    void (*close)(struct stream *stream, bool broken);
};

/* The first member of each kind's own struct. */
struct stream {
    const struct stream_ops *ops;
};

/* Takes over a connected, non-blocking socket. */
struct stream *stream_socket_new(struct loop *loop, int fd);
/* The descriptor of such a stream, -1 for other kinds. */
int stream_socket_fd(const struct stream *stream);

/* Two ends joined in memory: see conn_pair. */
void stream_memory_pair(size_t capacity, size_t chunk, struct stream *ends_r[2]);

/* TLS on a socket stream, which it takes over with the session when it returns a stream. NULL when `below` is
 * no socket. */
struct stream *stream_tls_new(struct stream *below, struct ssl_st *session);
/* One step of the handshake. Any failure appends its reason to `why`. */
enum stream_result stream_tls_handshake(struct stream *stream, struct wait_item *want_r, struct buf *why);
/* "TLSv1.3" and the cipher suite's name; static texts. */
const char *stream_tls_version(const struct stream *stream);
const char *stream_tls_cipher(const struct stream *stream);

/* DEFLATE without zlib's header both ways, on any stream, which it takes over. `early` is what was read from
 * that one already and belongs to the compressed input; it is copied. */
struct stream *stream_deflate_new(struct stream *below, struct slice early);

#endif
