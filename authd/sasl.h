/* SPDX-License-Identifier: ISC */
/*
 * SASL (RFC 4422) by GNU SASL: turns what the mail client sends into a name and a password. Pure: no waiting,
 * no verdict; who may enter is decided by verify.h.
 *
 *     result = sasl_begin(library, mechanism, initial, &sasl, challenge);
 *     while (result == SASL_CONTINUE) { send challenge, read answer; result = sasl_step(sasl, answer,
 * challenge); } if (result == SASL_CREDENTIALS) … sasl->name, sasl->identity, sasl->password …
 *     sasl_end(sasl);
 */
#ifndef AUTHD_SASL_H
#define AUTHD_SASL_H

#include "base/buf.h"

enum sasl_result {
    SASL_CONTINUE,    /* a challenge is to be sent; may be empty */
    SASL_CREDENTIALS, /* the mechanism is through: check the password */
    SASL_MALFORMED,   /* that was no message of the mechanism */
    SASL_NO_MECHANISM /* not offered */
};

struct sasl_library;

struct sasl {
    struct buf name;     /* who logs in (the authentication identity), as typed */
    struct buf identity; /* whom to act as (the authorization identity); empty: the same */
    struct buf password;
    const struct sasl_mechanism *mechanism;
    struct Gsasl_session *session;
    size_t step; /* challenges sent */
};

struct sasl_library *sasl_library_new(void);
void sasl_library_free(struct sasl_library *library);

/* Takes the mechanism's first step. `initial` is NULL when the client sent no initial response (an empty one
 * is another thing). *sasl_r is always set, and to be ended. `challenge` is empty or appended to. */
enum sasl_result sasl_begin(struct sasl_library *library, struct slice mechanism, const struct slice *initial,
                            struct sasl **sasl_r, struct buf *challenge);
enum sasl_result sasl_step(struct sasl *sasl, struct slice response, struct buf *challenge);
/* "PLAIN", as it is registered; "" for one that is not offered. Static. */
const char *sasl_mechanism_name(const struct sasl *sasl);
/* Overwrites the password. */
void sasl_end(struct sasl *sasl);

#endif
