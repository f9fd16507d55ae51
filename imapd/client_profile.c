/* SPDX-License-Identifier: ISC */
/*
 * A mail program that chokes on a capability is not helped by our being right. Each row names what was seen
 * to break it; whoever asks for the extension all the same gets it.
 */
#include "client_profile.h"

struct client_profile {
    struct slice name;   /* the beginning of what it calls itself, in any case */
    struct slice hidden; /* capabilities, separated by spaces */
};

static const struct client_profile profiles[] = {
    /* Older versions show an empty inbox on servers of IMAP4rev2. */
    {{"K-9", 3}, {"IMAP4rev2", 9}},
    /* iOS was seen with an empty inbox behind a very long line: it is spared what it never uses. */
    {{"iPhone Mail", 11},
     {"CATENATE CONTEXT=SEARCH CONTEXT=SORT FILTERS LIST-METADATA MULTISEARCH NOTIFY URLAUTH URL-PARTIAL",
      97}},
    {{"iPad Mail", 9},
     {"CATENATE CONTEXT=SEARCH CONTEXT=SORT FILTERS LIST-METADATA MULTISEARCH NOTIFY URLAUTH URL-PARTIAL",
      97}},
};

const struct client_profile *client_profile_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++)
        if (slice_starts_with_nocase(name, profiles[i].name))
            return &profiles[i];
    return NULL;
}

bool client_profile_hides(const struct client_profile *profile, struct slice capability)
{
    struct slice rest = profile ? profile->hidden : (struct slice){NULL, 0};
    while (rest.data)
        if (slice_eq(slice_split(&rest, ' '), capability))
            return true;
    return false;
}
