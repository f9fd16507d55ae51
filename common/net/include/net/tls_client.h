/* SPDX-License-Identifier: ISC */
/*
 * TLS towards another server: what its certificate must be like, and how it was not. Servers that deliver
 * mail mostly take any certificate, because the alternative is no TLS at all (RFC 7435); a policy that was
 * found by DANE or MTA-STS demands more.
 */
#ifndef NET_TLS_CLIENT_H
#define NET_TLS_CLIENT_H

#include "base/buf.h"
#include "net/dns_record.h"

struct conn;
struct tls_client;

/* `ca_path`: a file with the certificates that are trusted, NULL: those of the system. ERR_CONFIG with the
 * reason in `why`. */
enum err tls_client_new(const char *ca_path, struct tls_client **client_r, struct buf *why) MUST_CHECK;
void tls_client_free(struct tls_client *client);

enum tls_check {
    TLS_CHECK_NOTHING, /* whoever it is */
    TLS_CHECK_NAMES,   /* trusted, in time, for one of the names (RFC 8461 section 4.2, RFC 6125) */
    TLS_CHECK_DANE     /* as the TLSA records say (RFC 7672 section 3.1) */
};

struct tls_expectation {
    enum tls_check check;
    /* TLS_CHECK_NAMES: what is wrong is told, and the handshake goes on all the same (RFC 8461 section 5).
     */
    bool is_observed;
    const char *server_name; /* told to the server (SNI); with DANE the name that the records stand at */
    /* Any of these may stand in the certificate; with DANE, where the records want names to be looked at. */
    const char *const *names;
    size_t name_count;
    const struct dns_tlsa *records; /* those with other usages than 2 and 3 are left out */
    size_t record_count;
};

/* Whether a TLSA record says something that a mail server can be held to (RFC 7672 section 3.1): other usages
 * than 2 and 3 and what is malformed do not. */
bool tls_record_is_usable(const struct dns_tlsa *record);

/* For people and reports (RFC 8460 section 4.3). */
enum tls_failure {
    TLS_FAILURE_NONE,
    TLS_FAILURE_HANDSHAKE, /* no TLS came about, whoever it was */
    TLS_FAILURE_EXPIRED,
    TLS_FAILURE_NAME,
    TLS_FAILURE_UNTRUSTED,
    TLS_FAILURE_RECORDS /* no TLSA record fits, or none of them can be used */
};

/* Handshake as the client; suspends. ERR_TLS: the connection is to be closed; *failure_r and `why` say what
 * it was. They do so too where a certificate is only observed, with ERR_OK. For the rest as conn_start_tls.
 */
enum err conn_start_tls_client(struct conn *conn, struct tls_client *client,
                               const struct tls_expectation *expectation, enum tls_failure *failure_r,
                               struct buf *why) MUST_CHECK;

#endif
