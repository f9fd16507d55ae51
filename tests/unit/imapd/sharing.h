/* SPDX-License-Identifier: ISC */
/* For tests of shared mailboxes: three users, and clients of each. */
#ifndef TEST_IMAPD_SHARING_H
#define TEST_IMAPD_SHARING_H

#include "world.h"

#include "storage/directory.h"

static UNUSED void add_users(void)
{
    assert_ok(directory_user_add(world.fixture->store, S("bob@example.org"), S("Bob"), 0, NULL));
    assert_ok(directory_user_add(world.fixture->store, S("dave@example.org"), S("Dave"), 0, NULL));
}

static UNUSED struct peer *login_as(const char *user)
{
    struct peer *peer = peer_connect();
    peer_do(peer, arena_printf(&world.fixture->arena, "LOGIN %s@example.org secret", user),
            "OK [CAPABILITY ");
    return peer;
}

/* alice gives rights on one of her mailboxes. */
static UNUSED void give(const char *mailbox, const char *identifier, const char *rights)
{
    change((struct batch_operation){
        .kind = BATCH_SET_RIGHTS,
        .mailbox = mailbox_named(slice_from(mailbox)),
        .rights = {.identifier = slice_from(identifier), .rights = slice_from(rights)}});
}

#endif
