/* SPDX-License-Identifier: ISC */
/* What the files of this room share about TLS; OpenSSL's types stay behind it. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "net/tls_client.h"

/* A new server-side session with the context's present certificate. To be freed with SSL_free. */
SSL *tls_context_session(struct tls_context *context);

/* A new client-side session that judges the certificate by this; NULL when it cannot be met whatever the
 * certificate (TLS_FAILURE_RECORDS, or a name that is none). To be freed with SSL_free. */
SSL *tls_client_session(struct tls_client *client, const struct tls_expectation *expectation);
/* Why a handshake failed; where it was the certificate, `why` says so instead. */
enum tls_failure tls_client_verdict(SSL *ssl, struct buf *why);

/* Appends the texts of OpenSSL's error queue, oldest first, separated by "; ", and empties the queue.
 * "unknown error" when it holds nothing. */
void tls_error_text(struct buf *out);

#endif
