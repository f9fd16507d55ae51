/* SPDX-License-Identifier: ISC */
/*
 * The certificate of a fresh installation: a private authority, and a server certificate signed by it, so
 * that TLS works from the first minute and a client that is given ca.pem can verify it, until the operator
 * sets a real one. The profile is that of RFC 5280 section 4.2, with all that strict verifiers ask for
 * (critical basic constraints and key usage, both key identifiers), and 825 days at most, beyond which
 * Apple's programs refuse a server certificate.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "tls_internal.h"

enum { CA_DAYS = 3650, CERTIFICATE_DAYS = 825, SERIAL_BYTES = 16, PEM_CAP = 64 * 1024, PATH_CAP = 4096 };
/* Clocks differ: a certificate that begins now is not yet valid for a client that is a little behind. */
enum { HEAD_START_SECONDS = 24 * 3600 };
/* RFC 5280 appendix A.1, ub-common-name. */
enum { COMMON_NAME_MAX = 64 };
/* RFC 1035 section 2.3.4, as text. */
enum { NAME_MAX_BYTES = 253 };

static const char *const file_names[] = {"ca.pem", "ca-key.pem", "cert.pem", "key.pem"};

/* All that is to be freed, whatever fails. */
struct parts {
    EVP_PKEY *ca_key, *key;
    X509 *ca, *certificate;
};

static bool add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return added;
}

/* RFC 5280 section 4.1.2.2: positive, and unpredictable here, so that two installations never make the same
 * pair of issuer and serial number, which browsers refuse. */
static bool set_random_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f;
    bytes[SERIAL_BYTES - 1] |= 1; /* never zero */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool set = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    return set;
}

static bool add_name_entry(X509_NAME *name, const char *field, const char *value)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1, -1, 0) ==
           1;
}

/* What both certificates have: version 3, serial, time, key. */
static bool begin_certificate(X509 *certificate, EVP_PKEY *key, int days)
{
    return certificate && key && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           set_random_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -HEAD_START_SECONDS) &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), days - 1, 0, NULL) &&
           X509_set_pubkey(certificate, key) == 1;
}

static bool make_ca(struct parts *parts)
{
    parts->ca_key = EVP_EC_gen("P-256");
    parts->ca = X509_new();
    X509 *ca = parts->ca;
    if (!begin_certificate(ca, parts->ca_key, CA_DAYS))
        return false;
    /* The name carries a random part: a client that trusts two installations can tell their authorities
     * apart. */
    unsigned char salt[4];
    char common_name[COMMON_NAME_MAX + 1];
    if (RAND_bytes(salt, sizeof salt) != 1)
        return false;
    snprintf(common_name, sizeof common_name, "Postern private CA %02x%02x%02x%02x", salt[0], salt[1],
             salt[2], salt[3]);
    X509_NAME *name = X509_get_subject_name(ca);
    return add_name_entry(name, "O", "Postern") && add_name_entry(name, "CN", common_name) &&
           X509_set_issuer_name(ca, name) == 1 &&
           add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") &&
           add_extension(ca, ca, NID_subject_key_identifier, "hash") &&
           add_extension(ca, ca, NID_authority_key_identifier, "keyid:always") &&
           X509_sign(ca, parts->ca_key, EVP_sha256()) != 0;
}

/* RFC 5280 section 4.2.1.6, SubjectAltName: a dNSName, or an iPAddress of 4 or 16 bytes. Built from bytes: in
 * OpenSSL's textual form a name could smuggle in further entries. */
static GENERAL_NAME *make_alternative_name(const char *text)
{
    unsigned char address[16];
    size_t len = inet_pton(AF_INET, text, address) == 1    ? 4
                 : inet_pton(AF_INET6, text, address) == 1 ? 16
                                                           : 0;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = len ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    const void *bytes = len ? (const void *)address : text;
    if (!name || !value || ASN1_STRING_set(value, bytes, len ? (int)len : (int)strlen(text)) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, len ? GEN_IPADD : GEN_DNS, value);
    return name;
}

static bool add_alternative_names(X509 *certificate, const char *const *names, size_t count)
{
    GENERAL_NAMES *list = GENERAL_NAMES_new();
    bool done = list != NULL;
    for (size_t i = 0; done && i < count; i++) {
        GENERAL_NAME *name = make_alternative_name(names[i]);
        done = name && sk_GENERAL_NAME_push(list, name) > 0;
        if (!done)
            GENERAL_NAME_free(name);
    }
    done = done && X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1;
    GENERAL_NAMES_free(list);
    return done;
}

static bool make_server_certificate(struct parts *parts, const char *const *names, size_t count)
{
    parts->key = EVP_EC_gen("P-256");
    parts->certificate = X509_new();
    X509 *certificate = parts->certificate;
    if (!begin_certificate(certificate, parts->key, CERTIFICATE_DAYS))
        return false;
    /* Verifiers look at the alternative names; the common name is for people, and may be too short for the
     * host's. */
    const char *common_name = strlen(names[0]) <= COMMON_NAME_MAX ? names[0] : "Postern";
    return add_name_entry(X509_get_subject_name(certificate), "CN", common_name) &&
           X509_set_issuer_name(certificate, X509_get_subject_name(parts->ca)) == 1 &&
           add_extension(certificate, parts->ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, parts->ca, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, parts->ca, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, parts->ca, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, parts->ca, NID_authority_key_identifier, "keyid:always") &&
           add_alternative_names(certificate, names, count) &&
           X509_sign(certificate, parts->ca_key, EVP_sha256()) != 0;
}

static void file_path(const char *directory, const char *name, struct buf *path)
{
    buf_clear(path);
    buf_printf(path, "%s/%s", directory, name);
}

static enum err refuse_to_overwrite(const char *directory, struct buf *why)
{
    struct buf path;
    buf_init(&path, PATH_CAP);
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < ARRAY_LEN(file_names); i++) {
        file_path(directory, file_names[i], &path);
        if (!buf_ok(&path))
            err = ERR_TOO_LONG;
        else if (access(buf_cstr(&path), F_OK) == 0)
            err = ERR_EXISTS;
    }
    if (err)
        buf_printf(why, "%s: %s", err == ERR_EXISTS ? buf_cstr(&path) : directory, err_text(err));
    buf_free(&path);
    return err;
}

/* The PEM texts of up to two certificates and a key, whichever are given, into one file. */
static enum err write_pem(const char *directory, const char *name, X509 *first, X509 *second, EVP_PKEY *key,
                          struct buf *why)
{
    BIO *bio = key ? BIO_new(BIO_s_secmem()) : BIO_new(BIO_s_mem());
    bool made = bio && (!first || PEM_write_bio_X509(bio, first) == 1) &&
                (!second || PEM_write_bio_X509(bio, second) == 1) &&
                (!key || PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    enum err err = ERR_TLS;
    if (made) {
        char *text;
        long len = BIO_get_mem_data(bio, &text);
        struct buf path;
        buf_init(&path, PATH_CAP);
        file_path(directory, name, &path);
        err = fs_write_durable(buf_cstr(&path), slice_of(text, (size_t)len), key ? 0600 : 0644);
        if (err)
            buf_printf(why, "%s: %s", buf_cstr(&path), err_text(err));
        buf_free(&path);
    }
    BIO_free(bio);
    return err;
}

static enum err write_files(const char *directory, const struct parts *parts, struct buf *why)
{
    enum err err = write_pem(directory, "ca-key.pem", NULL, NULL, parts->ca_key, why);
    if (!err)
        err = write_pem(directory, "key.pem", NULL, NULL, parts->key, why);
    if (!err)
        err = write_pem(directory, "ca.pem", parts->ca, NULL, NULL, why);
    if (!err)
        err = write_pem(directory, "cert.pem", parts->certificate, parts->ca, NULL, why);
    return err;
}

/* A dNSName holds ASCII: international names come in their xn-- form. */
static enum err check_names(const char *const *names, size_t count, struct buf *why)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*:";
    if (count == 0) {
        buf_append(why, S("a certificate needs at least one name"));
        return ERR_SYNTAX;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = strspn(names[i], allowed);
        if (len == 0 || len > NAME_MAX_BYTES || names[i][len] != '\0') {
            buf_printf(why, "\"%.64s\" is no host name or address", names[i]);
            return ERR_SYNTAX;
        }
    }
    return ERR_OK;
}

enum err tls_make_certificate(const char *directory, const char *const *names, size_t name_count,
                              struct buf *why)
{
    enum err err = check_names(names, name_count, why);
    if (!err)
        err = refuse_to_overwrite(directory, why);
    if (err)
        return err;
    ERR_clear_error();
    struct parts parts = {0};
    err = make_ca(&parts) && make_server_certificate(&parts, names, name_count)
              ? write_files(directory, &parts, why)
              : ERR_TLS;
    if (err && why->len == 0)
        tls_error_text(why);
    X509_free(parts.certificate);
    X509_free(parts.ca);
    EVP_PKEY_free(parts.key);
    EVP_PKEY_free(parts.ca_key);
    return err;
}
