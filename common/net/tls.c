/* SPDX-License-Identifier: ISC */
/*
 * The settings that all TLS sessions of a process share. A context is one SSL_CTX behind a pointer: sessions
 * hold a reference to the SSL_CTX they began with, so a reload simply puts a new one in its place.
 *
 * TLS 1.2 is the oldest version spoken (RFC 8314 section 4.1, RFC 8996). Among its cipher suites only those
 * with forward secrecy are offered; the CBC ones stand last, for mail programs on Windows 7 and 8.
 */
#include "tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static const char cipher_list[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:"
                                  "!aNULL:!eNULL:!MD5:!DSS:!PSK:!SRP";

/* Name, HMAC key and AES key of the session tickets, as OpenSSL stores them. */
enum { TICKET_KEYS_SIZE = 80 };

struct tls_context {
    SSL_CTX *ssl;
};

void tls_error_text(struct buf *out)
{
    unsigned long code;
    const char *data;
    int flags;
    bool first = true;
    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        char system_text[128];
        const char *reason = ERR_reason_error_string(code);
        if (!reason && ERR_SYSTEM_ERROR(code))
            reason = strerror_r(ERR_GET_REASON(code), system_text, sizeof system_text);
        buf_append(out, first ? SLICE_EMPTY : S("; "));
        buf_append(out, slice_from(reason ? reason : "unknown error"));
        if ((flags & ERR_TXT_STRING) && data && *data)
            buf_printf(out, " (%s)", data);
        first = false;
    }
    if (first)
        buf_append(out, S("unknown error"));
}

static enum err fail(SSL_CTX *ssl, const char *file, struct buf *why)
{
    if (file)
        buf_printf(why, "%s: ", file);
    tls_error_text(why);
    SSL_CTX_free(ssl);
    return ERR_CONFIG;
}

/* A daemon has nobody to ask: without this OpenSSL would wait for a passphrase at the terminal. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text, (void)size, (void)writing, (void)arg;
    return -1;
}

static void apply_settings(SSL_CTX *ssl)
{
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ssl, cipher_list);
    SSL_CTX_set_dh_auto(ssl, 1);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* An idle session gives its record buffers back; a write takes what fits, from wherever the bytes now
     * lie. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Never reads beyond the record it needs: bytes behind a closed session stay in the socket. */
    SSL_CTX_set_read_ahead(ssl, 0);
    /* Clients resume by ticket; nothing is remembered here. */
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"postern", 7);
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
}

static enum err load(const char *certificate_path, const char *key_path, SSL_CTX **ssl_r, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    if (!ssl)
        return fail(ssl, NULL, why);
    apply_settings(ssl);
    if (SSL_CTX_use_certificate_chain_file(ssl, certificate_path) != 1)
        return fail(ssl, certificate_path, why);
    if (SSL_CTX_use_PrivateKey_file(ssl, key_path, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ssl) != 1)
        return fail(ssl, key_path, why);
    *ssl_r = ssl;
    return ERR_OK;
}

enum err tls_context_new(const char *certificate_path, const char *key_path, struct tls_context **context_r,
                         struct buf *why)
{
    SSL_CTX *ssl;
    enum err err = load(certificate_path, key_path, &ssl, why);
    if (err)
        return err;
    struct tls_context *context = mem_new(struct tls_context);
    context->ssl = ssl;
    *context_r = context;
    return ERR_OK;
}

enum err tls_context_reload(struct tls_context *context, const char *certificate_path, const char *key_path,
                            struct buf *why)
{
    SSL_CTX *ssl;
    enum err err = load(certificate_path, key_path, &ssl, why);
    if (err)
        return err;
    /* Tickets that clients hold stay good. */
    unsigned char keys[TICKET_KEYS_SIZE];
    if (SSL_CTX_get_tlsext_ticket_keys(context->ssl, keys, sizeof keys) == 1)
        SSL_CTX_set_tlsext_ticket_keys(ssl, keys, sizeof keys);
    mem_wipe(keys, sizeof keys);
    SSL_CTX_free(context->ssl);
    context->ssl = ssl;
    return ERR_OK;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    mem_free(context);
}

SSL *tls_context_session(struct tls_context *context)
{
    SSL *ssl = SSL_new(context->ssl);
    if (!ssl) { /* fails for want of memory only, and is treated as mem_alloc treats it */
        log_error("memory.exhausted", log_cstr("for", "TLS session"));
        abort();
    }
    SSL_set_accept_state(ssl);
    return ssl;
}
