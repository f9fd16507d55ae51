/* SPDX-License-Identifier: ISC */
/*
 * SASL (RFC 4422) as the client, by GNU SASL: what we answer to a server's challenges to log in with a name
 * and a password. Pure, but for SCRAM's arithmetic, which takes a second in the worst case: for worker
 * threads.
 *
 *     name = sasl_client_choose(NULL, offers, data, may_show);
 *     client = sasl_client_new(name, user, password);
 *     if (sasl_client_goes_first(client))
 *         sasl_client_step(client, S(""), &response);       the initial response
 *     while the server sends a challenge:
 *         if (sasl_client_step(client, challenge, &response) != SASL_CLIENT_ANSWERED) give up
 *     when the server says that we are in: sasl_client_is_complete(client), or it is not who we think
 */
#ifndef AUTH_SASL_CLIENT_H
#define AUTH_SASL_CLIENT_H

#include "base/buf.h"

/* What hashing a password may cost a server to ask for: RFC 7677 section 4 says at least 4,096. */
#define SASL_CLIENT_ITERATIONS_MAX 1000000

struct sasl_client;

/* The best mechanism that we have and the server offers: SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5 (RFC 5802,
 * 7677, 2195), and where the password may be shown PLAIN (RFC 4616) and LOGIN; the best of those that are
 * less good than `after`, unless that is NULL. NULL: none. Static. */
const char *sasl_client_choose(const char *after, bool (*offers)(void *data, const char *mechanism),
                               void *data, bool may_show);

/* Both texts are NUL-terminated and copied. NULL: the library has no such mechanism. */
struct sasl_client *sasl_client_new(const char *mechanism, const char *user, const char *password);
/* Overwrites the password. NULL is fine. */
void sasl_client_free(struct sasl_client *client);

bool sasl_client_goes_first(const struct sasl_client *client);

enum sasl_client_result {
    SASL_CLIENT_ANSWERED,  /* the response, maybe empty, is to be sent */
    SASL_CLIENT_MALFORMED, /* that was no challenge of this mechanism, or one too costly to answer */
    SASL_CLIENT_UNFIT,     /* name or password have characters that the mechanism cannot carry */
    SASL_CLIENT_IMPOSTOR   /* the server does not know the password */
};
enum sasl_client_result sasl_client_step(struct sasl_client *client, struct slice challenge,
                                         struct buf *response);
/* Whether all was said; where the mechanism has it, the server has proved that it knows the password. */
bool sasl_client_is_complete(const struct sasl_client *client);

#endif
