/* SPDX-License-Identifier: ISC */
/*
 * The lines that a server adds on top of a message: Received and Return-Path (RFC 5321 section 4.4), and the
 * ids that go with them.
 *
 *     Received: from client.example (client.example [192.0.2.1])
 *      by mail.example.org (Postern) with ESMTPS id 7XKQ2M4T6NPA
 *      (TLSv1.3 TLS_AES_256_GCM_SHA384)
 *      for <user@example.org>; Sat, 21 Nov 2026 12:00:00 +0000
 *
 * Lines end in CRLF and are folded under 78 columns where the words allow it. Foreign text is cut and
 * sanitised here: whatever the client said in HELO, no line can be forged with it.
 */
#ifndef MAIL_TRACE_H
#define MAIL_TRACE_H

#include "mail/address.h"

struct trace_received {
    struct slice helo;           /* argument of HELO/EHLO/LHLO as sent; may be empty */
    struct slice client_address; /* "192.0.2.1" or "2001:db8::1", without brackets; empty: not an IP client
                                    (Unix socket) */
    struct slice client_name;    /* verified name of that address; empty: unknown */
    bool hide_client;            /* submission: neither HELO nor address nor name are told */
    struct slice host;           /* our name */
    struct slice protocol;       /* "ESMTPSA", … (RFC 3848, RFC 6531: "UTF8SMTPSA") */
    struct slice id;             /* trace id of the message */
    struct slice tls;            /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty: no TLS */
    struct slice
        recipient;    /* "user@example.org" when there is exactly one, else empty (several would tell Bcc) */
    int64_t seconds;  /* time of receipt */
    int zone_minutes; /* see date_local_zone */
};

void trace_append_received(struct buf *out, const struct trace_received *received);
/* "Return-Path: <path>\r\n"; an address with both slices empty is the null path. */
void trace_append_return_path(struct buf *out, const struct address *path);

#define TRACE_ID_LEN 16 /* 80 random bits in base32 */
/* A new id for a message: TRACE_ID_LEN characters A-Z 2-7 and a NUL. */
void trace_id_make(char id[TRACE_ID_LEN + 1]);
/* "<20261121120000.RANDOM@host>" for a message that came without Message-ID. */
void trace_append_message_id(struct buf *out, struct slice host, int64_t seconds);

#endif
