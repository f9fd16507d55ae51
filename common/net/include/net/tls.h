/* SPDX-License-Identifier: ISC */
/* The server side's TLS settings and certificate (OpenSSL 3): TLS 1.2 and 1.3, sound ciphers, session
 * tickets. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"

struct tls_context;

/* Loads a PEM certificate chain and its key. ERR_CONFIG with the reason in `why` (file names, OpenSSL's
 * text). */
enum err tls_context_new(const char *certificate_path, const char *key_path, struct tls_context **context_r,
                         struct buf *why) MUST_CHECK;
/* Loads the files again for new handshakes (SIGHUP); sessions that run keep theirs. On failure the old ones
 * stay. */
enum err tls_context_reload(struct tls_context *context, const char *certificate_path, const char *key_path,
                            struct buf *why) MUST_CHECK;
void tls_context_free(struct tls_context *context);

/* Makes a private certification authority and a server certificate signed by it for these names and addresses
 * (DNS names, or "127.0.0.1", "::1"), ECDSA P-256: the CA for ten years, the certificate for 825 days. Writes
 * ca.pem, ca-key.pem, cert.pem (certificate and CA) and key.pem into `directory`; keys with mode 0600.
 * Existing files are left alone: ERR_EXISTS. */
enum err tls_make_certificate(const char *directory, const char *const *names, size_t name_count,
                              struct buf *why) MUST_CHECK;

#endif
