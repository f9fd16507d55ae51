/* SPDX-License-Identifier: ISC */
/* What the search for a host that takes us is made of: relay_connect.c goes through the hosts, and
 * relay_address.c tries one address of one. */
#ifndef SMTPD_RELAY_CONNECT_PRIV_H
#define SMTPD_RELAY_CONNECT_PRIV_H

#include "relay_connect.h"

struct search {
    const struct relay_tools *tools;
    const struct destination *destination;
    unsigned flags;
    bool ipv6_first;
    struct arena *arena;
    struct relay_connection *connection;
    struct verdict verdict; /* of the last that was tried */
    const struct relay_rules *rules;
    bool is_list_secure;
    struct slice list_domain;
    bool refused_only; /* every host that was looked at is one that the message must never go to */
    bool unreachable;  /* no host that was looked at has an address, and that is certain */
    unsigned connects, sessions;
};

enum progress {
    READY,
    NEXT,     /* another address, another host */
    IN_PLAIN, /* the same once more, without TLS */
    STOP,     /* no other host would be any better */
    NOT_NOW,  /* may_connect said so */
    LACKING,  /* this process has no descriptor or no memory for it */
    END       /* cancelled */
};

/* Ours, about the host that connection->host names. */
void search_fail(struct search *search, struct slice text);
/* Without QUIT. */
void search_drop(struct relay_connection *connection);
struct relay_tls_session search_tls_session(const struct search *search,
                                            const struct relay_protection *protection, struct slice host,
                                            struct slice address);
/* From the connection to the login; READY: the next command is MAIL. Suspends. */
enum progress search_try_address(struct search *search, const struct relay_protection *protection,
                                 struct slice host, struct slice address, unsigned port);

#endif
