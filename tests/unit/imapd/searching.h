/* SPDX-License-Identifier: ISC */
/* For the tests of searching, sorting and threading. */
#ifndef TEST_IMAPD_SEARCHING_H
#define TEST_IMAPD_SEARCHING_H

#include "world.h"

/* Whatever SELECT tells. */
static inline void select_inbox(struct peer *peer)
{
    struct slice line;
    peer_send(peer, "s SELECT INBOX\r\n");
    do
        line = peer_line(peer);
    while (!slice_starts_with(line, S("s ")));
    assert_true(slice_starts_with(line, S("s OK ")));
}

#endif
