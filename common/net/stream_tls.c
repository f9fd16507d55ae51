/* SPDX-License-Identifier: ISC */
/*
 * TLS straight on the socket: OpenSSL reads and writes the descriptor itself, and WANT_READ or
 * WANT_WRITE becomes a wait for it. OpenSSL's socket BIO writes without MSG_NOSIGNAL, so the process ignores
 * SIGPIPE.
 */
#include "stream.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <string.h>

#include "base/mem.h"
#include "tls_internal.h"

struct stream_tls {
    struct stream stream;
    struct stream *below;
    int fd;
    SSL *ssl;
};

static struct stream_tls *tls_of(const struct stream *stream)
{
    return container_of(stream, struct stream_tls, stream);
}

/* Before each call of OpenSSL: SSL_get_error looks at errno and at the thread's error queue, where another
 * session may have left something. */
static void forget_errors(void)
{
    ERR_clear_error();
    errno = 0;
}

/* What came of the call that returned `n` (not positive). Keeps errno. */
static enum stream_result outcome(const struct stream_tls *self, int n, struct wait_item *want_r)
{
    int system_error = errno;
    switch (SSL_get_error(self->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        *want_r = (struct wait_item){.fd = self->fd, .writable = false};
        return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *want_r = (struct wait_item){.fd = self->fd, .writable = true};
        return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_END;
    case SSL_ERROR_SYSCALL:
        errno = system_error;
        /* 0: the peer closed without close_notify. */
        return errno == 0 || errno == EPIPE || errno == ECONNRESET || errno == ETIMEDOUT ? STREAM_GONE
                                                                                         : STREAM_FAILED;
    default:
        return STREAM_FAILED_TLS;
    }
}

static enum stream_result tls_read(struct stream *stream, char *data, size_t size, size_t *n_r,
                                   struct wait_item *want_r)
{
    const struct stream_tls *self = tls_of(stream);
    forget_errors();
    int n = SSL_read(self->ssl, data, (int)MIN_OF(size, (size_t)INT_MAX));
    if (n <= 0)
        return outcome(self, n, want_r);
    *n_r = (size_t)n;
    return STREAM_DONE;
}

static enum stream_result tls_write(struct stream *stream, struct slice bytes, size_t *n_r,
                                    struct wait_item *want_r)
{
    const struct stream_tls *self = tls_of(stream);
    forget_errors();
    int n = SSL_write(self->ssl, bytes.data, (int)MIN_OF(bytes.len, (size_t)INT_MAX));
    if (n <= 0)
        return outcome(self, n, want_r);
    *n_r = (size_t)n;
    return STREAM_DONE;
}

static bool tls_has_pending(const struct stream *stream)
{
    return SSL_pending(tls_of(stream)->ssl) > 0;
}

/* SSL_shutdown sends our close_notify at its first call; a second call would wait for the peer's. Before the
 * end of the handshake it would fail. */
static void send_close_notify(const struct stream_tls *self)
{
    if (!SSL_is_init_finished(self->ssl) || (SSL_get_shutdown(self->ssl) & SSL_SENT_SHUTDOWN))
        return;
    forget_errors();
    SSL_shutdown(self->ssl);
}

static bool tls_has_hung_up(const struct stream *stream)
{
    const struct stream *below = tls_of(stream)->below;
    return below->ops->has_hung_up(below);
}

static void tls_end_output(struct stream *stream)
{
    const struct stream_tls *self = tls_of(stream);
    send_close_notify(self);
    self->below->ops->end_output(self->below);
}

static void tls_close(struct stream *stream, bool broken)
{
    struct stream_tls *self = tls_of(stream);
    if (!broken)
        send_close_notify(self);
    SSL_free(self->ssl);
    self->below->ops->close(self->below, broken);
    mem_free(self);
}

static const struct stream_ops tls_ops = {.read = tls_read,
                                          .write = tls_write,
                                          .has_pending = tls_has_pending,
                                          .has_hung_up = tls_has_hung_up,
                                          .end_output = tls_end_output,
                                          .close = tls_close};

struct stream *stream_tls_new(struct stream *below, SSL *ssl)
{
    int fd = stream_socket_fd(below);
    if (fd < 0)
        return NULL;
    SSL_set_fd(ssl, fd);
    struct stream_tls *self = mem_new(struct stream_tls);
    *self = (struct stream_tls){.stream.ops = &tls_ops, .below = below, .fd = fd, .ssl = ssl};
    return &self->stream;
}

enum stream_result stream_tls_handshake(struct stream *stream, struct wait_item *want_r, struct buf *why)
{
    const struct stream_tls *self = tls_of(stream);
    forget_errors();
    int n = SSL_do_handshake(self->ssl);
    if (n == 1)
        return STREAM_DONE;
    enum stream_result result = outcome(self, n, want_r);
    switch (result) {
    case STREAM_FAILED:
        buf_append(why, slice_from(strerror(errno)));
        break;
    case STREAM_FAILED_TLS:
        tls_error_text(why);
        break;
    case STREAM_END:
    case STREAM_GONE:
        buf_append(why, S("connection closed"));
        break;
    case STREAM_DONE:
    case STREAM_AGAIN:
    case STREAM_TURN:
    case STREAM_GARBAGE:
        break;
    }
    return result;
}

const char *stream_tls_version(const struct stream *stream)
{
    return SSL_get_version(tls_of(stream)->ssl);
}

const char *stream_tls_cipher(const struct stream *stream)
{
    return SSL_get_cipher_name(tls_of(stream)->ssl);
}
