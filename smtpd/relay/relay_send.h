/* SPDX-License-Identifier: ISC */
/*
 * One mail transaction towards another server (RFC 5321 section 3.3), with what it can of PIPELINING,
 * CHUNKING, SIZE, 8BITMIME, SMTPUTF8, DSN and REQUIRETLS. What the server cannot and the message needs is
 * found before anything is sent, and told as if the server had said it.
 */
#ifndef SMTPD_RELAY_SEND_H
#define SMTPD_RELAY_SEND_H

#include "base/arena.h"
#include "relay_client.h"
#include "storage/queue.h"

enum relay_fate {
    RELAY_DEFERRED, /* later, perhaps: 4xx, or the connection broke */
    RELAY_ACCEPTED, /* the server has taken it over */
    RELAY_REFUSED   /* 5xx */
};

struct relay_recipient {
    struct slice address, orcpt;
    unsigned notify; /* QUEUE_NOTIFY_SUCCESS … */

    /* What came of it; texts in the arena. */
    enum relay_fate fate;
    unsigned code;
    struct slice text; /* "5.1.1 no such user" */
    bool is_theirs;    /* the server's own words */
};

struct relay_message {
    struct slice sender, envid;
    unsigned flags;   /* QUEUE_8BIT … */
    uint64_t size;    /* of what is sent: `top`, and the file from `skip` on */
    struct slice top; /* header fields that come first */
    int body_fd;      /* the message, with CRLF or LF at the ends of its lines; read by pread */
    uint64_t skip;    /* octets at its beginning that are not sent */
    bool header_is_utf8;
    struct relay_recipient *recipients;
    size_t count;
};

/* Sends it and fills in what came of each recipient, in any case. ERR_OK: the connection can be used again.
 */
enum err relay_send(struct relay_client *client, struct relay_message *message,
                    struct arena *arena) MUST_CHECK;

#endif
