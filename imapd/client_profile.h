/* SPDX-License-Identifier: ISC */
/* What mail programs are spared, by the name that they give with ID (RFC 2971). Pure. */
#ifndef IMAPD_CLIENT_PROFILE_H
#define IMAPD_CLIENT_PROFILE_H

#include "base/slice.h"

struct client_profile;

/* NULL for all that need no care. */
const struct client_profile *client_profile_find(struct slice name);
/* Whether this capability is not shown to it. `profile` may be NULL. */
bool client_profile_hides(const struct client_profile *profile, struct slice capability);

#endif
