/* SPDX-License-Identifier: ISC */
/* What the files of this room share about TLS; OpenSSL's types stay behind it. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* A new server-side session with the context's present certificate. To be freed with SSL_free. */
SSL *tls_context_session(struct tls_context *context);

/* Appends the texts of OpenSSL's error queue, oldest first, separated by "; ", and empties the queue.
 * "unknown error" when it holds nothing. */
void tls_error_text(struct buf *out);

#endif
