/* SPDX-License-Identifier: ISC */
/*
 * The big providers that mail goes to at the moment. Many destinations may be hosted by one, which counts
 * connections and messages of all of them: so do these. A delivery is counted from when it is known where it
 * leads to, until it ends.
 */
#ifndef SMTPD_RELAY_PROVIDERS_H
#define SMTPD_RELAY_PROVIDERS_H

#include "relayd.h"

struct provider {
    UT_hash_handle hh;
    const char *name; /* of limits.h */
    size_t active;    /* deliveries */
    struct pacer pace;
};

/* Whether the provider of these limits takes another delivery. Without one: yes. */
bool providers_have_room(const struct relayd *relayd, const struct limits *limits);
/* Who was counted for *provider is so for the one of this name, either NULL: for none. */
void providers_move(struct relayd *relayd, struct provider **provider, const char *name);
void providers_free(struct relayd *relayd);

#endif
