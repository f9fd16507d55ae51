/* SPDX-License-Identifier: ISC */
/*
 * AUTH as the client (RFC 4954): logs in at the next host with the best mechanism that both sides have:
 * SCRAM-SHA-256, SCRAM-SHA-1, CRAM-MD5, PLAIN, LOGIN. The last two show the password, and so are used only
 * over TLS or to this host itself.
 */
#ifndef SMTPD_RELAY_AUTH_H
#define SMTPD_RELAY_AUTH_H

#include "net/work.h"
#include "relay_client.h"

enum relay_auth {
    RELAY_AUTH_DONE,
    RELAY_AUTH_REFUSED, /* name or password are wrong, or the login is closed (5xx); an administrator must
                           look, and mail waits for him */
    RELAY_AUTH_LATER,   /* 4xx: the other side cannot check it at the moment */
    RELAY_AUTH_NO_MECHANISM, /* it offers none that we have, or only such that would show the password */
    RELAY_AUTH_NO_PASSWORD,  /* the file cannot be read or is empty */
    RELAY_AUTH_IMPOSTOR      /* the server did not prove that it knows the password (RFC 5802 section 3) */
};

/* Logs in as `user` with the first line of `password_file`, which is read each time, on a worker thread; so
 * is what SCRAM computes. `why` takes a sentence for the log and the queue, with an enhanced code before it,
 * whatever came of it but RELAY_AUTH_DONE; client->reply has the server's words when they are why.
 * ERR_OK: *outcome_r is set and the dialogue goes on; after other errors (relay_client.h) the connection is
 * worth nothing. */
enum err relay_auth(struct relay_client *client, struct work_pool *work, const char *user,
                    const char *password_file, enum relay_auth *outcome_r, struct buf *why) MUST_CHECK;

#endif
