/* SPDX-License-Identifier: ISC */
/*
 * For the tests of TLS on connections, against OpenSSL's own client: it runs blocking in a thread on the
 * other end of a socket pair, does one script per test, and leaves what it saw for the test to judge.
 */
#ifndef TEST_NET_TLS_PEER_H
#define TEST_NET_TLS_PEER_H

#include "in_loop.h"
#include "net/conn.h"
#include "our_end.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

static struct tls_context *context;
static char certificate_path[4096], key_path[4096], ca_path[4096];

/* --- the client --- */

struct client {
    int fd;
    SSL_CTX *ssl_context;
    SSL *ssl;
    void (*script)(struct client *client);
    pthread_t thread;
    struct conn *conn; /* the server's end */
    bool verified;
    bool resumed;
    bool closed_cleanly;
    size_t bytes;
    char text[256];
};

static inline void *client_thread(void *arg)
{
    struct client *client = arg;
    client->script(client);
    SSL_free(client->ssl);
    close(client->fd);
    return NULL;
}

static inline void client_start(struct client *client, void (*script)(struct client *client))
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    client->conn = conn_from_fd(task_loop(), fds[0]);
    client->fd = fds[1];
    client->ssl = NULL;
    client->script = script;
    client->bytes = 0;
    memset(client->text, 0, sizeof client->text);
    if (!client->ssl_context) {
        client->ssl_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_load_verify_locations(client->ssl_context, ca_path, NULL);
        SSL_CTX_set_verify(client->ssl_context, SSL_VERIFY_PEER, NULL);
    }
    assert_int_equal(pthread_create(&client->thread, NULL, client_thread, client), 0);
}

static inline void client_finish(struct client *client)
{
    conn_close(client->conn);
    assert_int_equal(pthread_join(client->thread, NULL), 0);
}

static inline void client_free(struct client *client)
{
    SSL_CTX_free(client->ssl_context);
}

static bool shake_hands(struct client *client)
{
    client->ssl = SSL_new(client->ssl_context);
    SSL_set1_host(client->ssl, "localhost");
    SSL_set_fd(client->ssl, client->fd);
    client->verified = SSL_connect(client->ssl) == 1 && SSL_get_verify_result(client->ssl) == X509_V_OK;
    return client->verified;
}

static inline void say_in_clear(struct client *client, const char *text)
{
    if (write(client->fd, text, strlen(text)) < 0)
        client->text[0] = '\0';
}

static inline void say(struct client *client, const char *text)
{
    SSL_write(client->ssl, text, (int)strlen(text));
}

static inline void hear_in_clear(struct client *client)
{
    ssize_t n = read(client->fd, client->text, sizeof client->text - 1);
    client->text[n > 0 ? n : 0] = '\0';
}

/* All that comes until the server's end; its close_notify makes it a clean one. */
static inline void hear_until_end(struct client *client)
{
    char bytes[4096];
    int n;
    while ((n = SSL_read(client->ssl, bytes, sizeof bytes)) > 0) {
        size_t have = MIN_OF(client->bytes, sizeof client->text - 1);
        memcpy(client->text + have, bytes, MIN_OF((size_t)n, sizeof client->text - 1 - have));
        client->bytes += (size_t)n;
    }
    client->closed_cleanly = SSL_get_error(client->ssl, n) == SSL_ERROR_ZERO_RETURN;
}

static inline int group_setup(void **state)
{
    static const char *const names[] = {"localhost"};
    char *directory = check_temporary_directory();
    struct buf why;
    buf_init(&why, 1000);
    snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", directory);
    snprintf(key_path, sizeof key_path, "%s/key.pem", directory);
    snprintf(ca_path, sizeof ca_path, "%s/ca.pem", directory);
    *state = directory;
    int failed = tls_make_certificate(directory, names, 1, &why) ||
                 tls_context_new(certificate_path, key_path, &context, &why);
    buf_free(&why);
    return failed;
}

static inline int group_teardown(void **state)
{
    tls_context_free(context);
    check_remove_directory(*state);
    return 0;
}

#endif
