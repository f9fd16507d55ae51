/* SPDX-License-Identifier: ISC */
/* The certificate of a fresh installation and its loading, seen through OpenSSL's own verifier. */
#include "check.h"
#include "net/tls.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "base/fsio.h"

static const char *const names[] = {"mail.example.org", "example.org", "localhost", "127.0.0.1", "::1"};

static char directory_path[4096];

static const char *in_directory(const char *directory, const char *name)
{
    snprintf(directory_path, sizeof directory_path, "%s/%s", directory, name);
    return directory_path;
}

struct fixture {
    char *directory;
    struct buf why;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->directory = check_temporary_directory();
    buf_init(&fixture->why, 1024);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buf_free(&fixture->why);
    check_remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

static void make(struct fixture *fixture)
{
    assert_ok(tls_make_certificate(fixture->directory, names, ARRAY_LEN(names), &fixture->why));
}

static X509 *read_certificate(const char *directory, const char *name)
{
    FILE *file = fopen(in_directory(directory, name), "r");
    assert_non_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    assert_non_null(certificate);
    fclose(file);
    return certificate;
}

static unsigned file_mode(const char *directory, const char *name)
{
    struct stat info;
    assert_int_equal(stat(in_directory(directory, name), &info), 0);
    return info.st_mode & 07777;
}

/* X509_V_OK or the reason against it. */
static int verify(X509 *ca, X509 *certificate, const char *host, const char *address)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_add_cert(store, ca);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    if (host)
        X509_VERIFY_PARAM_set1_host(parameters, host, 0);
    if (address)
        X509_VERIFY_PARAM_set1_ip_asc(parameters, address);
    int result = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    return result;
}

static void made_certificate_verifies_strictly(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    X509 *ca = read_certificate(fixture->directory, "ca.pem");
    X509 *certificate = read_certificate(fixture->directory, "cert.pem");
    assert_int_equal(verify(ca, certificate, "mail.example.org", NULL), X509_V_OK);
    assert_int_equal(verify(ca, certificate, "localhost", NULL), X509_V_OK);
    assert_int_equal(verify(ca, certificate, NULL, "127.0.0.1"), X509_V_OK);
    assert_int_equal(verify(ca, certificate, NULL, "::1"), X509_V_OK);
    assert_int_equal(verify(ca, certificate, "other.example.org", NULL), X509_V_ERR_HOSTNAME_MISMATCH);
    assert_int_equal(verify(ca, certificate, NULL, "127.0.0.2"), X509_V_ERR_IP_ADDRESS_MISMATCH);
    assert_int_equal(X509_check_ca(ca), 1);
    assert_false(X509_get_extension_flags(certificate) & EXFLAG_CA);
    X509_free(certificate);
    X509_free(ca);
}

static void days_are_within_what_clients_accept(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    X509 *certificate = read_certificate(fixture->directory, "cert.pem");
    int days, seconds;
    assert_int_equal(
        ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(certificate), X509_get0_notAfter(certificate)),
        1);
    assert_true(days >= 820 && (days < 825 || (days == 825 && seconds == 0)));
    assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0);
    X509_free(certificate);
}

static void keys_are_private(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    assert_int_equal(file_mode(fixture->directory, "key.pem"), 0600);
    assert_int_equal(file_mode(fixture->directory, "ca-key.pem"), 0600);
}

static void existing_files_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(fs_write_durable(in_directory(fixture->directory, "key.pem"), S("mine"), 0600));
    assert_err(tls_make_certificate(fixture->directory, names, 1, &fixture->why), ERR_EXISTS);
    assert_true(slice_find_text(buf_slice(&fixture->why), S("key.pem")) < fixture->why.len);
    struct buf content;
    buf_init(&content, 16);
    assert_ok(fs_read_file(in_directory(fixture->directory, "key.pem"), &content));
    assert_text(buf_slice(&content), "mine");
    buf_free(&content);
    assert_int_not_equal(access(in_directory(fixture->directory, "ca.pem"), F_OK), 0);
}

static void names_are_checked(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"", "a b", "x,DNS:evil.example", "m\xc3\xbcller.example", "a\n"};
    assert_err(tls_make_certificate(fixture->directory, bad, 0, &fixture->why), ERR_SYNTAX);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_err(tls_make_certificate(fixture->directory, &bad[i], 1, &fixture->why), ERR_SYNTAX);
}

static void context_loads_and_reloads(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    char certificate[4096], key[4096];
    snprintf(certificate, sizeof certificate, "%s/cert.pem", fixture->directory);
    snprintf(key, sizeof key, "%s/key.pem", fixture->directory);
    struct tls_context *context;
    assert_ok(tls_context_new(certificate, key, &context, &fixture->why));
    assert_ok(tls_context_reload(context, certificate, key, &fixture->why));
    assert_int_equal(fixture->why.len, 0);
    assert_err(tls_context_reload(context, "/nonexistent/cert.pem", key, &fixture->why), ERR_CONFIG);
    assert_true(slice_find_text(buf_slice(&fixture->why), S("No such file")) < fixture->why.len);
    assert_ok(tls_context_reload(context, certificate, key, &fixture->why));
    tls_context_free(context);
}

static void wrong_files_are_named(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    char certificate[4096], key[4096];
    struct tls_context *context = NULL;
    snprintf(certificate, sizeof certificate, "%s/cert.pem", fixture->directory);
    snprintf(key, sizeof key, "%s/ca-key.pem", fixture->directory); /* of another certificate */
    assert_err(tls_context_new(certificate, key, &context, &fixture->why), ERR_CONFIG);
    assert_true(slice_starts_with(buf_slice(&fixture->why), slice_from(key)));
    buf_clear(&fixture->why);
    assert_ok(fs_write_durable(certificate, S("no PEM at all"), 0644));
    assert_err(tls_context_new(certificate, key, &context, &fixture->why), ERR_CONFIG);
    assert_true(slice_starts_with(buf_slice(&fixture->why), slice_from(certificate)));
    assert_null(context);
}

/* Must fail instead of asking for the passphrase at the terminal. */
static void encrypted_keys_are_refused(void **state)
{
    struct fixture *fixture = *state;
    make(fixture);
    char certificate[4096], key[4096];
    snprintf(certificate, sizeof certificate, "%s/cert.pem", fixture->directory);
    snprintf(key, sizeof key, "%s/key.pem", fixture->directory);
    FILE *file = fopen(key, "r");
    EVP_PKEY *plain = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    file = fopen(key, "w");
    assert_int_equal(
        PEM_write_PrivateKey(file, plain, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL),
        1);
    fclose(file);
    EVP_PKEY_free(plain);
    struct tls_context *context;
    assert_err(tls_context_new(certificate, key, &context, &fixture->why), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_certificate_verifies_strictly, setup, teardown),
        cmocka_unit_test_setup_teardown(days_are_within_what_clients_accept, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_private, setup, teardown),
        cmocka_unit_test_setup_teardown(existing_files_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(context_loads_and_reloads, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_files_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(encrypted_keys_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
