/* SPDX-License-Identifier: ISC */
/* Where mail for a recipient goes: to local accounts, or why not. */
#ifndef SMTPD_ROUTE_H
#define SMTPD_ROUTE_H

#include "base/arena.h"
#include "mail/path.h"
#include "reply.h"

struct session;

struct route {
    enum reply refusal; /* REPLY_NONE: to these accounts */
    struct slice *accounts;
    size_t account_count;
};

/* Suspends. Texts live in the arena. */
struct route route_find(struct session *session, struct arena *arena, const struct mail_path *path);

#endif
