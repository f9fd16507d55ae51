/* SPDX-License-Identifier: ISC */
/*
 * To a server that takes mail for a destination: its hosts by the DNS or by configuration, one after the
 * other, each of their addresses, TLS as the policy wants it, and a login where one is configured. What comes
 * back is a connection that is ready for MAIL, or why there is none. Suspends.
 */
#ifndef SMTPD_RELAY_CONNECT_H
#define SMTPD_RELAY_CONNECT_H

#include "destination.h"
#include "outcome.h"
#include "relay_client.h"
#include "relay_policy.h"

/* What all connections of the process share. */
struct relay_tools {
    struct loop *loop;
    const struct conf *conf;
    struct work_pool *work;
    struct dns *dns;
    struct tls_client *tls;
    struct relay_policy *policy;
};

/* Flags of a message that decide what a connection must be like. */
#define RELAY_CONNECTION_FLAGS (QUEUE_REQUIRETLS | QUEUE_TLS_OPTIONAL)

struct relay_connection {
    struct relay_client client; /* client.conn is NULL when there is none */
    struct buf host;            /* "mx.example.net [192.0.2.1]" */
    unsigned flags;             /* messages with these of RELAY_CONNECTION_FLAGS may go over it */
    bool is_fresh;              /* nothing was sent over it yet */
    /* Asked when the hosts of a domain are known, with the first one's name, before any is connected to.
     * False: not now. NULL: whenever. */
    bool (*may_connect)(void *data, struct slice host);
    void *data;
};

void relay_connection_init(struct relay_connection *connection);
/* Says goodbye when that makes sense, and closes; nothing if it is closed. May suspend for some seconds. */
void relay_connection_close(struct relay_connection *connection);
void relay_connection_free(struct relay_connection *connection);

/* `flags`: of the messages that are to go. *connection is closed before. When nobody could be reached its
 * conn is NULL and *verdict_r says why, in texts of the arena: RELAY_DEFERRED, or RELAY_REFUSED when the DNS
 * says that nobody takes mail there. ERR_OK; ERR_BUSY: may_connect said no; ERR_LIMIT: this process lacks
 * descriptors or memory, which says nothing about the host; ERR_CANCELED. */
enum err relay_connect(const struct relay_tools *tools, const struct destination *destination, unsigned flags,
                       bool ipv6_first, struct arena *arena, struct relay_connection *connection,
                       struct verdict *verdict_r) MUST_CHECK;

#endif
