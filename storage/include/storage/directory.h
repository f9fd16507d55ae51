/* SPDX-License-Identifier: ISC */
/*
 * Who gets mail here: domains, users, aliases. Changes are durable when the call returns and seen at once by
 * every process. Names are given as people write them; they are kept in lookup form (address_domain_key,
 * address_local_key).
 */
#ifndef STORAGE_DIRECTORY_H
#define STORAGE_DIRECTORY_H

#include "base/arena.h"
#include "mail/address.h"
#include "storage/store.h"

struct directory_domain {
    struct slice name;     /* A-label, lower case */
    struct slice catchall; /* address that takes mail for unknown users; empty: refused */
    uint64_t users, aliases;
    int64_t created_us;
};

struct directory_user {
    struct slice login; /* "alice@example.org", lookup form: the account's name everywhere */
    struct slice display_name;
    bool disabled;        /* no login, mail is refused with a temporary error */
    uint64_t quota_bytes; /* 0: none */
    int64_t created_us;
};

struct directory_alias {
    struct slice address; /* "sales@example.org" */
    struct slice *targets;
    size_t target_count; /* addresses, here or elsewhere */
};

enum err directory_domain_add(struct store *store, struct slice name, struct buf *why) MUST_CHECK;
/* ERR_BUSY while users or aliases are left in it. */
enum err directory_domain_remove(struct store *store, struct slice name, struct buf *why) MUST_CHECK;
enum err directory_domain_set_catchall(struct store *store, struct slice name, struct slice address,
                                       struct buf *why) MUST_CHECK;
/* Lists are sorted by name and live in the arena. */
enum err directory_domain_list(struct store *store, struct arena *arena, struct directory_domain **list_r,
                               size_t *count_r) MUST_CHECK;

/* Adds the user (its domain must exist: ERR_NOT_FOUND) and creates the account with INBOX and the subscribed
 * special-use mailboxes Drafts, Sent, Junk, Trash, Archive. ERR_EXISTS when a user or alias has the address.
 */
enum err directory_user_add(struct store *store, struct slice address, struct slice display_name,
                            uint64_t quota_bytes, struct buf *why) MUST_CHECK;
enum err directory_user_get(struct store *store, struct arena *arena, struct slice address,
                            struct directory_user *user_r) MUST_CHECK;
enum err directory_user_set_disabled(struct store *store, struct slice address, bool disabled) MUST_CHECK;
enum err directory_user_set_quota(struct store *store, struct slice address, uint64_t quota_bytes) MUST_CHECK;
enum err directory_user_set_name(struct store *store, struct slice address,
                                 struct slice display_name) MUST_CHECK;
/* Removes the user. The mail is moved aside (<data>/removed/…), or deleted when `purge` is set. Rights that
 * others gave him are taken back, so that who gets the name next does not have them. */
enum err directory_user_remove(struct store *store, struct slice address, bool purge,
                               struct buf *why) MUST_CHECK;
enum err directory_user_list(struct store *store, struct arena *arena, struct slice domain /* empty: all */,
                             struct directory_user **list_r, size_t *count_r) MUST_CHECK;

/* Adds targets to an alias, making it when missing. ERR_EXISTS when a user has the address. Loops are found
 * when resolving. */
enum err directory_alias_add(struct store *store, struct slice address, const struct slice *targets,
                             size_t count, struct buf *why) MUST_CHECK;
/* Removes one target, or with an empty `target` the whole alias. */
enum err directory_alias_remove(struct store *store, struct slice address, struct slice target) MUST_CHECK;
enum err directory_alias_list(struct store *store, struct arena *arena, struct directory_alias **list_r,
                              size_t *count_r) MUST_CHECK;

enum directory_outcome {
    DIRECTORY_OK,       /* `accounts` and `forwards` hold where the mail goes; at least one */
    DIRECTORY_REMOTE,   /* the domain is not ours */
    DIRECTORY_NO_USER,  /* our domain, nobody there */
    DIRECTORY_DISABLED, /* every account that would get it is disabled */
    DIRECTORY_LOOP      /* aliases point in a circle, or expand to more than 1,000 addresses */
};

struct directory_route {
    enum directory_outcome outcome;
    struct slice *accounts; /* logins, each once */
    size_t account_count;
    struct slice *forwards; /* addresses elsewhere */
    size_t forward_count;
};

/* Where mail for this address goes: user, alias (expanded), user with detail cut off (`delimiter`, "" turns
 * it off), catch-all; in that order. postmaster@ any of our domains always resolves: to a user or alias of
 * that name, else to the first user of the domain, else of the whole store (RFC 5321 section 4.5.1); a
 * `domain` of length 0 with local "postmaster" likewise. Everything lives in the arena. Answers may be up to
 * a second old for positive results only when cached per process; the cache is keyed on the directory's
 * change counter, so a change by `postern` is seen at once. */
enum err directory_resolve(struct store *store, struct arena *arena, const struct address *address,
                           const char *delimiter, struct directory_route *route_r) MUST_CHECK;
/* The account for a login name as typed: full address; or the bare local part when the store has one domain
 * only. ERR_NOT_FOUND. */
enum err directory_login(struct store *store, struct arena *arena, struct slice typed,
                         struct directory_user *user_r) MUST_CHECK;
/* Whether this user may send as this address: own address (with any detail), an alias that leads to it, or an
 * address of a domain whose catch-all is the user. */
enum err directory_may_send_as(struct store *store, struct slice login, const struct address *address,
                               const char *delimiter, bool *allowed_r) MUST_CHECK;
/* Identifiers of rights (RFC 4314) that mean every user, beside the logins, which mean one: the same thing
 * twice, as nobody reads mail here without a login. */
#define RIGHTS_ANYONE        "anyone"
#define RIGHTS_AUTHENTICATED "authenticated"
/* Logins of the other accounts that give rights on some mailbox to this login or to every user; sorted. Asks
 * no account: what the rights are, and whether a negative one takes them away, the account tells. */
enum err directory_shares(struct store *store, struct slice login, struct arena *arena,
                          struct slice **owners_r, size_t *count_r) MUST_CHECK;
/* Whether the domain is ours. */
enum err directory_is_local_domain(struct store *store, struct slice domain, bool *local_r) MUST_CHECK;

#endif
