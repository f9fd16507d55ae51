/* SPDX-License-Identifier: ISC */
#include "tls_result.h"

static const char *const names[TLS_RESULT_COUNT] = {
    [TLS_RESULT_SUCCESS] = "success",
    [TLS_RESULT_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
    [TLS_RESULT_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
    [TLS_RESULT_CERTIFICATE_EXPIRED] = "certificate-expired",
    [TLS_RESULT_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
    [TLS_RESULT_VALIDATION_FAILURE] = "validation-failure",
    [TLS_RESULT_TLSA_INVALID] = "tlsa-invalid",
    [TLS_RESULT_DNSSEC_INVALID] = "dnssec-invalid",
    [TLS_RESULT_DANE_REQUIRED] = "dane-required",
    [TLS_RESULT_STS_POLICY_FETCH_ERROR] = "sts-policy-fetch-error",
    [TLS_RESULT_STS_POLICY_INVALID] = "sts-policy-invalid",
    [TLS_RESULT_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
};

const char *tls_result_name(enum tls_result result)
{
    return names[result];
}

enum tls_result tls_result_of(enum tls_failure failure)
{
    switch (failure) {
    case TLS_FAILURE_NONE:
        return TLS_RESULT_SUCCESS;
    case TLS_FAILURE_EXPIRED:
        return TLS_RESULT_CERTIFICATE_EXPIRED;
    case TLS_FAILURE_NAME:
        return TLS_RESULT_CERTIFICATE_HOST_MISMATCH;
    case TLS_FAILURE_UNTRUSTED:
        return TLS_RESULT_CERTIFICATE_NOT_TRUSTED;
    case TLS_FAILURE_RECORDS:
    case TLS_FAILURE_HANDSHAKE:
        break;
    }
    return TLS_RESULT_VALIDATION_FAILURE;
}
