/* SPDX-License-Identifier: ISC */
/*
 * URLs that carry their own permission (RFC 4467): a key of the mailbox, which its owner can throw away,
 * signs the URL up to the name of who may use it. The mechanism INTERNAL, which is the server's own business:
 * the token is a version and the HMAC-SHA-256 of the URL, in hex.
 */
#ifndef IMAPD_URLAUTH_H
#define IMAPD_URLAUTH_H

#include "imapurl.h"
#include "session.h"

#define URLAUTH_KEY_SIZE  32
#define URLAUTH_TOKEN_MAX 80

/* All of these block. */

/* The token for this URL of the session's user; makes the mailbox's key if it has none. ERR_NOT_FOUND: there
 * is no such mailbox; ERR_DENIED: the URL is not of this user or server. */
enum err urlauth_make(struct imap_session *session, const struct imapurl *url,
                      char token_r[URLAUTH_TOKEN_MAX]) MUST_CHECK;
/* Whether this session may have what the URL names: opens its owner's account, which the caller closes.
 * ERR_DENIED in every other case. */
enum err urlauth_open(struct imap_session *session, const struct imapurl *url,
                      struct account **account_r) MUST_CHECK;
/* Throws the key of this mailbox away, of all with an empty name: URLs made with it are worth nothing any
 * more. ERR_NOT_FOUND. */
enum err urlauth_reset(struct imap_session *session, struct slice mailbox) MUST_CHECK;

#endif
