/* SPDX-License-Identifier: ISC */
/*
 * Where mail goes next, as the configuration (`via`) and `postern queue route` write it:
 *
 *     mx                              the hosts that the domain's MX records name
 *     smtp://mail.example.net:587     this host, by SMTP; TLS begins with STARTTLS. Without a port: 25
 *     smtps://192.0.2.1               the same with TLS from the first byte. Without a port: 465
 *     lmtp://[2001:db8::1]:24         by LMTP (RFC 2033). Without a port: 24
 *     lmtp:/run/lmtp.sock             by LMTP to a socket on this host
 */
#ifndef BASE_NEXT_HOP_H
#define BASE_NEXT_HOP_H

#include "base/arena.h"
#include "base/buf.h"

enum next_hop_kind { NEXT_HOP_MX, NEXT_HOP_SMTP, NEXT_HOP_SMTPS, NEXT_HOP_LMTP, NEXT_HOP_LMTP_UNIX };

struct next_hop {
    enum next_hop_kind kind;
    struct slice host; /* a name in lower case, or an address without brackets; empty: MX, LMTP_UNIX */
    bool is_address;   /* the host is one */
    unsigned port;     /* 0: MX, LMTP_UNIX */
    struct slice path; /* of the socket; LMTP_UNIX only */
};

/* What `text` says, word for word one of the forms above; ERR_SYNTAX. Texts live in the arena. */
enum err next_hop_parse(struct slice text, struct arena *arena, struct next_hop *hop_r) MUST_CHECK;
/* The same way each time, so that two ways to write one place become one: with the port, without needless
 * brackets. */
void next_hop_format(const struct next_hop *hop, struct buf *out);
/* For people who wrote something else. */
#define NEXT_HOP_FORMS \
    "\"mx\", \"smtp://host:port\", \"smtps://host:port\", \"lmtp://host:port\" or \"lmtp:/path/of/socket\""

/* Letters, digits and hyphens between dots, 255 bytes at most (RFC 1123 section 2.1). */
bool host_name_is_valid(struct slice name);

#endif
