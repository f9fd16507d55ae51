/* SPDX-License-Identifier: ISC */
/* TLS towards a server whose certificate is what it should be, or is not: both ends on one loop. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"
#include "net/tls_client.h"
#include "task_case.h"

static char *directory;
static char certificate_path[4096], key_path[4096], ca_path[4096], old_path[4096], old_key_path[4096];
static struct arena arena;

/* --- certificates --- */

/* For mx.example.net, by itself, for yesterday only. */
static void make_expired(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -2L * 86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), -1L * 86400);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mx.example.net", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:mx.example.net");
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(old_path, "w");
    PEM_write_X509(file, certificate);
    fclose(file);
    file = fopen(old_key_path, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int make_certificates(void **state)
{
    static const char *const names[] = {"mx.example.net", "*.wild.example"};
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    directory = check_temporary_directory();
    snprintf(certificate_path, sizeof(certificate_path), "%s/cert.pem", directory);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", directory);
    snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", directory);
    snprintf(old_path, sizeof(old_path), "%s/old.pem", directory);
    snprintf(old_key_path, sizeof(old_key_path), "%s/old-key.pem", directory);
    make_expired();
    return tls_make_certificate(directory, names, ARRAY_LEN(names), NULL);
}

static int remove_certificates(void **state)
{
    (void)state;
    check_remove_directory(directory);
    arena_free(&arena);
    return 0;
}

/* The nth certificate of a file: all of it, or its key. */
static struct slice der_of(const char *path, int nth, bool only_key)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = NULL;
    unsigned char *der = NULL;
    for (int i = 0; i <= nth; i++) {
        X509_free(certificate);
        certificate = PEM_read_X509(file, NULL, NULL, NULL);
        assert_non_null(certificate);
    }
    fclose(file);
    int length =
        only_key ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der) : i2d_X509(certificate, &der);
    assert_true(length > 0);
    struct slice copy = arena_copy(&arena, slice_of((const char *)der, (size_t)length));
    OPENSSL_free(der);
    X509_free(certificate);
    return copy;
}

static struct dns_tlsa record(unsigned usage, unsigned selector, const char *path, int nth)
{
    struct slice der = der_of(path, nth, selector == 1);
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)der.data, der.len, digest);
    return (struct dns_tlsa){(uint8_t)usage, (uint8_t)selector, 1,
                             arena_copy(&arena, slice_of((const char *)digest, sizeof(digest)))};
}

/* --- a handshake --- */

struct server {
    struct conn *conn;
    const char *certificate, *key;
};

static void serve(void *arg)
{
    struct server *server = arg;
    struct tls_context *context;
    struct slice line;
    assert_int_equal(tls_context_new(server->certificate, server->key, &context, NULL), ERR_OK);
    if (!conn_start_tls(server->conn, context) && !conn_read_line(server->conn, 100, &line)) {
        conn_printf(server->conn, "you said %.*s\r\n", SLICE_ARG(line));
        conn_flush(server->conn);
    }
    conn_close(server->conn);
    tls_context_free(context);
}

static enum tls_failure shake_hands_with(const char *certificate, const char *key, const char *trusted,
                                         const struct tls_expectation *expectation)
{
    int fds[2];
    struct tls_client *client;
    struct buf why;
    enum tls_failure failure = TLS_FAILURE_NONE;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct server server = {conn_from_fd(task_loop(), fds[0]), certificate, key};
    struct conn *conn = conn_from_fd(task_loop(), fds[1]);
    struct task *task = task_spawn(task_loop(), "server", serve, &server);
    buf_init(&why, 1000);
    conn_set_timeout(conn, 20000);
    assert_int_equal(tls_client_new(trusted, &client, &why), ERR_OK);
    enum err err = conn_start_tls_client(conn, client, expectation, &failure, &why);
    assert_int_equal(err, failure == TLS_FAILURE_NONE || expectation->is_observed ? ERR_OK : ERR_TLS);
    assert_int_equal(why.len > 0, failure != TLS_FAILURE_NONE);
    if (!err) {
        struct slice line;
        assert_true(conn_is_tls(conn));
        conn_write(conn, S("hello\r\n"));
        assert_int_equal(conn_flush(conn), ERR_OK);
        assert_int_equal(conn_read_line(conn, 100, &line), ERR_OK);
        assert_text(line, "you said hello");
    }
    conn_close(conn);
    assert_int_equal(task_join(task), ERR_OK);
    tls_client_free(client);
    buf_free(&why);
    return failure;
}

static enum tls_failure shake_hands(const struct tls_expectation *expectation)
{
    return shake_hands_with(certificate_path, key_path, ca_path, expectation);
}

static void anybody_will_do_without_a_policy(void *arg)
{
    (void)arg;
    struct tls_expectation nothing = {.check = TLS_CHECK_NOTHING, .server_name = "other.example"};
    assert_int_equal(shake_hands(&nothing), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_with(old_path, old_key_path, NULL, &nothing), TLS_FAILURE_NONE);
}

static enum tls_failure shake_hands_as(const char *name)
{
    struct tls_expectation names = {
        .check = TLS_CHECK_NAMES, .server_name = name, .names = &name, .name_count = 1};
    return shake_hands(&names);
}

static void names_must_be_right(void *arg)
{
    (void)arg;
    const char *name = "mx.example.net";
    struct tls_expectation names = {
        .check = TLS_CHECK_NAMES, .server_name = name, .names = &name, .name_count = 1};
    assert_int_equal(shake_hands_as("mx.example.net"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_as("MX.example.NET"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_as("a.wild.example"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_as("a.b.wild.example"), TLS_FAILURE_NAME);
    assert_int_equal(shake_hands_as("wild.example"), TLS_FAILURE_NAME);
    assert_int_equal(shake_hands_as("example.net"), TLS_FAILURE_NAME);
    /* The system knows nothing of our authority. */
    assert_int_equal(shake_hands_with(certificate_path, key_path, NULL, &names), TLS_FAILURE_UNTRUSTED);
    /* Trusted by name, but of yesterday. */
    assert_int_equal(shake_hands_with(old_path, old_key_path, old_path, &names), TLS_FAILURE_EXPIRED);
}

static void what_is_only_observed_is_told(void *arg)
{
    (void)arg;
    const char *right = "mx.example.net", *wrong = "other.example";
    struct tls_expectation names = {.check = TLS_CHECK_NAMES,
                                    .is_observed = true,
                                    .server_name = right,
                                    .names = &right,
                                    .name_count = 1};
    assert_int_equal(shake_hands(&names), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_with(certificate_path, key_path, NULL, &names), TLS_FAILURE_UNTRUSTED);
    assert_int_equal(shake_hands_with(old_path, old_key_path, old_path, &names), TLS_FAILURE_EXPIRED);
    names.names = &wrong;
    assert_int_equal(shake_hands(&names), TLS_FAILURE_NAME);
}

/* The names of RFC 7672 section 3.2.2: of the host, and of the domain. */
static enum tls_failure shake_hands_by(const struct dns_tlsa *records, size_t count, const char *base)
{
    const char *names[] = {"example.net"};
    struct tls_expectation dane = {.check = TLS_CHECK_DANE,
                                   .server_name = base,
                                   .names = names,
                                   .name_count = 1,
                                   .records = records,
                                   .record_count = count};
    return shake_hands_with(certificate_path, key_path, NULL, &dane);
}

static void records_decide_with_dane(void *arg)
{
    (void)arg;
    struct dns_tlsa key = record(3, 1, certificate_path, 0), whole = record(3, 0, certificate_path, 0),
                    anchor = record(2, 0, ca_path, 0), other = record(3, 1, old_path, 0),
                    authority = record(0, 1, certificate_path, 0), bad = key;
    bad.data = slice_take(bad.data, 5);
    struct dns_tlsa both[] = {other, key}, useless[] = {authority, bad};
    assert_int_equal(shake_hands_by(&key, 1, "mx.example.net"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_by(&whole, 1, "mx.example.net"), TLS_FAILURE_NONE);
    /* The key alone is enough: names do not count (RFC 7672 section 3.1.1). */
    assert_int_equal(shake_hands_by(&key, 1, "other.example"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_by(&anchor, 1, "mx.example.net"), TLS_FAILURE_NONE);
    assert_int_equal(shake_hands_by(&anchor, 1, "other.example"), TLS_FAILURE_NAME);
    assert_int_equal(shake_hands_by(&other, 1, "mx.example.net"), TLS_FAILURE_RECORDS);
    assert_int_equal(shake_hands_by(both, 2, "mx.example.net"), TLS_FAILURE_NONE); /* a key on its way out */
    assert_int_equal(shake_hands_by(useless, 2, "mx.example.net"), TLS_FAILURE_RECORDS);
    assert_int_equal(shake_hands_by(NULL, 0, "mx.example.net"), TLS_FAILURE_RECORDS);
}

static bool is_usable(unsigned usage, unsigned selector, unsigned matching, struct slice data)
{
    struct dns_tlsa tlsa = {(uint8_t)usage, (uint8_t)selector, (uint8_t)matching, data};
    return tls_record_is_usable(&tlsa);
}

static void some_records_say_nothing_of_use(void *arg)
{
    (void)arg;
    struct slice whole = der_of(certificate_path, 0, false), key = der_of(certificate_path, 0, true);
    char digest[65] = {0};
    assert_true(is_usable(3, 1, 1, slice_of(digest, 32)));
    assert_true(is_usable(2, 0, 2, slice_of(digest, 64)));
    assert_true(is_usable(3, 0, 0, whole));
    assert_true(is_usable(2, 1, 0, key));
    assert_false(is_usable(3, 1, 1, slice_of(digest, 31)));
    assert_false(is_usable(3, 1, 2, slice_of(digest, 65)));
    assert_false(is_usable(0, 1, 1, slice_of(digest, 32)));
    assert_false(is_usable(1, 1, 1, slice_of(digest, 32)));
    assert_false(is_usable(4, 1, 1, slice_of(digest, 32)));
    assert_false(is_usable(3, 2, 1, slice_of(digest, 32)));
    assert_false(is_usable(3, 1, 3, slice_of(digest, 32)));
    assert_false(is_usable(3, 1, 0, whole));
    assert_false(is_usable(3, 0, 0, slice_take(whole, whole.len - 1)));
    assert_false(is_usable(3, 0, 0, SLICE_EMPTY));
}

static void expiry_does_not_count_for_a_key_of_dane(void *arg)
{
    (void)arg;
    struct dns_tlsa old = record(3, 1, old_path, 0);
    struct tls_expectation dane = {
        .check = TLS_CHECK_DANE, .server_name = "mx.example.net", .records = &old, .record_count = 1};
    assert_int_equal(shake_hands_with(old_path, old_key_path, NULL, &dane), TLS_FAILURE_NONE);
}

static void what_is_no_tls_is_a_failed_handshake(void *arg)
{
    (void)arg;
    int fds[2];
    struct tls_client *client;
    struct buf why;
    enum tls_failure failure;
    struct tls_expectation nothing = {.check = TLS_CHECK_NOTHING};
    buf_init(&why, 1000);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    struct conn *conn = conn_from_fd(task_loop(), fds[0]);
    assert_int_equal(write(fds[1], "454 4.7.0 no\r\n", 14), 14);
    assert_int_equal(tls_client_new(NULL, &client, NULL), ERR_OK);
    assert_int_equal(conn_start_tls_client(conn, client, &nothing, &failure, &why), ERR_TLS);
    assert_int_equal(failure, TLS_FAILURE_HANDSHAKE);
    assert_true(why.len > 0);
    conn_close(conn);
    close(fds[1]);
    tls_client_free(client);
    buf_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(anybody_will_do_without_a_policy),     task_test(names_must_be_right),
        task_test(what_is_only_observed_is_told),        task_test(records_decide_with_dane),
        task_test(some_records_say_nothing_of_use),      task_test(expiry_does_not_count_for_a_key_of_dane),
        task_test(what_is_no_tls_is_a_failed_handshake),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
