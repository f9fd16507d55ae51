/* SPDX-License-Identifier: ISC */
/* OpenSSL judges the certificate during the handshake; here it is told how, and its verdict is read. */
#include "net/tls_client.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "tls_internal.h"

/* RFC 6698 section 2.1.1, RFC 7672 section 3.1: the others are for clients that trust authorities. */
#define USAGE_TRUST_ANCHOR 2
#define USAGE_END_ENTITY   3
/* RFC 6698 sections 2.1.2 and 2.1.3. */
#define SELECTOR_CERTIFICATE 0
#define SELECTOR_KEY         1
#define MATCHING_WHOLE       0
#define MATCHING_SHA256      1
#define MATCHING_SHA512      2

struct tls_client {
    SSL_CTX *context;
};

static enum err fail(struct tls_client *client, const char *what, struct buf *why)
{
    if (why) {
        buf_printf(why, "%s: ", what);
        tls_error_text(why);
    }
    tls_client_free(client);
    return ERR_CONFIG;
}

enum err tls_client_new(const char *ca_path, struct tls_client **client_r, struct buf *why)
{
    struct tls_client *client = mem_new(struct tls_client);
    ERR_clear_error();
    client->context = SSL_CTX_new(TLS_client_method());
    if (!client->context)
        return fail(client, "TLS", why);
    SSL_CTX_set_min_proto_version(client->context, TLS1_2_VERSION);
    SSL_CTX_set_options(client->context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(client->context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(client->context, 0);
    SSL_CTX_set_session_cache_mode(client->context, SSL_SESS_CACHE_OFF);
    if (SSL_CTX_dane_enable(client->context) != 1)
        return fail(client, "DANE", why);
    if (ca_path ? SSL_CTX_load_verify_file(client->context, ca_path) != 1
                : SSL_CTX_set_default_verify_paths(client->context) != 1)
        return fail(client, ca_path ? ca_path : "the system's certificates", why);
    *client_r = client;
    return ERR_OK;
}

void tls_client_free(struct tls_client *client)
{
    if (!client)
        return;
    SSL_CTX_free(client->context);
    mem_free(client);
}

static bool expect_names(SSL *ssl, const struct tls_expectation *expectation)
{
    bool good = true;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    for (size_t i = 0; i < expectation->name_count && good; i++)
        good = SSL_add1_host(ssl, expectation->names[i]) == 1;
    return good;
}

static bool is_whole(uint8_t selector, struct slice data)
{
    const unsigned char *at = (const unsigned char *)data.data;
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    if (data.len == 0 || data.len > LONG_MAX)
        return false;
    if (selector == SELECTOR_CERTIFICATE)
        certificate = d2i_X509(NULL, &at, (long)data.len);
    else
        key = d2i_PUBKEY(NULL, &at, (long)data.len);
    bool whole = (certificate || key) && at == (const unsigned char *)data.data + data.len;
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return whole;
}

bool tls_record_is_usable(const struct dns_tlsa *record)
{
    if (record->usage != USAGE_TRUST_ANCHOR && record->usage != USAGE_END_ENTITY)
        return false;
    if (record->selector != SELECTOR_CERTIFICATE && record->selector != SELECTOR_KEY)
        return false;
    switch (record->matching) {
    case MATCHING_WHOLE:
        return is_whole(record->selector, record->data);
    case MATCHING_SHA256:
        return record->data.len == SHA256_DIGEST_LENGTH;
    case MATCHING_SHA512:
        return record->data.len == SHA512_DIGEST_LENGTH;
    default:
        return false;
    }
}

/* False: there is none that can be used. */
static bool expect_records(SSL *ssl, const struct tls_expectation *expectation)
{
    bool any = false;
    if (SSL_dane_enable(ssl, expectation->server_name) != 1)
        return false;
    /* RFC 7672 section 3.1.1: with usage 3 neither names nor times count. */
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < expectation->record_count; i++) {
        const struct dns_tlsa *record = &expectation->records[i];
        if (!tls_record_is_usable(record))
            continue;
        int added = SSL_dane_tlsa_add(ssl, record->usage, record->selector, record->matching,
                                      (const unsigned char *)record->data.data, record->data.len);
        any = any || added > 0;
    }
    ERR_clear_error(); /* of records that are malformed */
    return any;
}

SSL *tls_client_session(struct tls_client *client, const struct tls_expectation *expectation)
{
    bool good = true;
    SSL *ssl = SSL_new(client->context);
    if (!ssl) {
        log_error("memory.exhausted", log_cstr("for", "TLS session"));
        abort();
    }
    SSL_set_connect_state(ssl);
    switch (expectation->check) {
    case TLS_CHECK_NOTHING:
        SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
        break;
    case TLS_CHECK_NAMES:
        SSL_set_verify(ssl, expectation->is_observed ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
        good = expectation->name_count > 0 && expect_names(ssl, expectation);
        break;
    case TLS_CHECK_DANE:
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        good = expect_records(ssl, expectation) && expect_names(ssl, expectation);
        break;
    }
    if (good && expectation->check != TLS_CHECK_DANE && expectation->server_name)
        SSL_set_tlsext_host_name(ssl, expectation->server_name);
    if (good)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

enum tls_failure tls_client_verdict(SSL *ssl, struct buf *why)
{
    long result = SSL_get_verify_result(ssl);
    if (result == X509_V_OK)
        return TLS_FAILURE_HANDSHAKE;
    buf_clear(why);
    buf_append(why, slice_from(X509_verify_cert_error_string(result)));
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_FAILURE_EXPIRED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return TLS_FAILURE_NAME;
    case X509_V_ERR_DANE_NO_MATCH:
        return TLS_FAILURE_RECORDS;
    default:
        return TLS_FAILURE_UNTRUSTED;
    }
}
