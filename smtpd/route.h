/* SPDX-License-Identifier: ISC */
/* Where mail for a recipient goes: to local accounts, to others by way of an alias, elsewhere; or why not. */
#ifndef SMTPD_ROUTE_H
#define SMTPD_ROUTE_H

#include "base/arena.h"
#include "mail/path.h"
#include "reply.h"

struct session;

struct route {
    enum reply refusal;     /* REPLY_NONE: it is taken */
    struct slice *accounts; /* logins */
    size_t account_count;
    struct slice *forwards; /* addresses elsewhere that an alias leads to */
    size_t forward_count;
    bool is_elsewhere; /* the domain is not ours, and the client may send there */
};

/* Suspends. Texts live in the arena. */
struct route route_find(struct session *session, struct arena *arena, const struct mail_path *path);

#endif
