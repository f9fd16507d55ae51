/* SPDX-License-Identifier: ISC */
/* What can be wrong with the TLS of a session, in the words of RFC 8460 section 4.3. Pure. */
#ifndef SMTPD_RELAY_TLS_RESULT_H
#define SMTPD_RELAY_TLS_RESULT_H

#include "base/slice.h"
#include "net/tls_client.h"

enum tls_result {
    TLS_RESULT_SUCCESS,
    /* Section 4.3.1: negotiation. */
    TLS_RESULT_STARTTLS_NOT_SUPPORTED,
    TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
    TLS_RESULT_CERTIFICATE_EXPIRED,
    TLS_RESULT_CERTIFICATE_NOT_TRUSTED,
    TLS_RESULT_VALIDATION_FAILURE,
    /* Section 4.3.2.1: DANE. */
    TLS_RESULT_TLSA_INVALID,
    TLS_RESULT_DNSSEC_INVALID,
    TLS_RESULT_DANE_REQUIRED,
    /* Section 4.3.2.2: MTA-STS. */
    TLS_RESULT_STS_POLICY_FETCH_ERROR,
    TLS_RESULT_STS_POLICY_INVALID,
    TLS_RESULT_STS_WEBPKI_INVALID
};
#define TLS_RESULT_COUNT (TLS_RESULT_STS_WEBPKI_INVALID + 1)

/* "certificate-expired"; static. */
const char *tls_result_name(enum tls_result result);
/* What a handshake told. */
enum tls_result tls_result_of(enum tls_failure failure);

#endif
