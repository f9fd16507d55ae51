/* SPDX-License-Identifier: ISC */
/*
 * Whom mail for an address goes to, also when the address is one that we made for the sender of a forward
 * (srs.h): then to that sender. Blocks on the disk: for worker threads.
 */
#ifndef SMTPD_OUTBOUND_RESOLVE_H
#define SMTPD_OUTBOUND_RESOLVE_H

#include "base/conf.h"
#include "storage/directory.h"

struct resolution {
    struct directory_route route;
    bool is_return; /* an address of our making, or one that only looks so: DIRECTORY_NO_USER */
};
/* Everything lives in the arena. ERR_SYNTAX: the domain is none. */
enum err resolve_address(struct store *store, const struct conf *conf, const struct address *address,
                         struct arena *arena, struct resolution *resolution_r) MUST_CHECK;

#endif
