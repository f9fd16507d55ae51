/* SPDX-License-Identifier: ISC */
/*
 * Where mail for an address goes.
 *
 * Aliases may lead to aliases, so the addresses still to look up form a list that grows while it is walked;
 * an address that was on it before is not entered again. That ends every circle. Members of a circle that
 * lead out of it still get their mail; only when nothing else is left the circle is the answer.
 */
#include "storage/directory.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "directory_key.h"
#include "directory_look_up.h"

#define EXPANSION_LIMIT 1000

struct destinations {
    struct slice *items;
    size_t count;
};

struct expansion {
    struct store *store;
    struct arena *arena;
    struct slice delimiter;
    struct directory_key *pending; /* all that were ever entered, in order */
    size_t count, size;
    struct destinations accounts, forwards;
    bool circle, disabled, too_many;
};

static void add_once(struct destinations *list, struct slice text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (slice_eq(list->items[i], text)) {
            return;
        }
    }
    list->items = mem_realloc_array(list->items, list->count + 1, sizeof(text));
    list->items[list->count++] = text;
}

static void enter(struct expansion *expansion, struct directory_key key)
{
    for (size_t i = 0; i < expansion->count; i++) {
        if (slice_eq(expansion->pending[i].text, key.text)) {
            expansion->circle =
                true; /* or two ways to one address, which changes nothing if anything is found */
            return;
        }
    }
    if (expansion->count == EXPANSION_LIMIT) {
        expansion->too_many = true;
        return;
    }
    if (expansion->count == expansion->size) {
        expansion->size = expansion->size ? 2 * expansion->size : 8;
        expansion->pending = mem_realloc_array(expansion->pending, expansion->size, sizeof(key));
    }
    expansion->pending[expansion->count++] = key;
}

static enum err enter_text(struct expansion *expansion, struct slice text)
{
    struct directory_key key;
    enum err err = directory_key_parse(expansion->arena, text, &key, NULL);
    if (err) { /* was checked when it was stored */
        log_error("directory.bad_target", log_text("target", text));
        return ERR_CORRUPT;
    }
    enter(expansion, key);
    return ERR_OK;
}

static void take_user(struct expansion *expansion, const struct directory_user *user)
{
    if (user->disabled) {
        expansion->disabled = true;
    } else {
        add_once(&expansion->accounts, user->login);
    }
}

/* ERR_NOT_FOUND when there is no such user. */
static enum err try_user(struct expansion *expansion, int64_t domain, struct slice local)
{
    struct directory_user user;
    enum err err = directory_look_up_user(expansion->store, expansion->arena, domain, local, &user);
    if (!err) {
        take_user(expansion, &user);
    }
    return err;
}

/* ERR_NOT_FOUND when there is no such alias. */
static enum err try_alias(struct expansion *expansion, int64_t domain, struct slice local)
{
    struct slice *targets = NULL;
    size_t count = 0;
    enum err err =
        directory_look_up_alias(expansion->store, expansion->arena, domain, local, &targets, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = enter_text(expansion, targets[i]);
    }
    return err;
}

static enum err try_user_or_alias(struct expansion *expansion, int64_t domain, struct slice local)
{
    enum err err = try_user(expansion, domain, local);
    return err == ERR_NOT_FOUND ? try_alias(expansion, domain, local) : err;
}

/* RFC 5321 section 4.5.1: mail to postmaster reaches a person. The user who was there first is the likely
 * one, of this domain if it has any. */
static enum err try_first_user(struct expansion *expansion, int64_t domain)
{
    struct directory_user user;
    enum err err = directory_look_up_first_user(expansion->store, expansion->arena, domain, &user);
    if (!err) {
        take_user(expansion, &user);
    }
    return err;
}

/* "RCPT TO:<postmaster>", without a domain: the first domain that has somebody of that name, else the first
 * user of all. */
static enum err try_bare_postmaster(struct expansion *expansion)
{
    int64_t domain = 0;
    enum err err = directory_look_up_postmaster_domain(expansion->store, &domain);
    if (!err) {
        err = try_user_or_alias(expansion, domain, S("postmaster"));
    }
    return err == ERR_NOT_FOUND ? try_first_user(expansion, domain) : err;
}

static enum err look_up_local(struct expansion *expansion, const struct directory_domain_row *domain,
                              struct slice local)
{
    struct slice user, detail;
    enum err err = try_user_or_alias(expansion, domain->id, local);
    if (err == ERR_NOT_FOUND && address_split_detail(local, expansion->delimiter, &user, &detail)) {
        err = try_user_or_alias(expansion, domain->id, user);
    }
    if (err == ERR_NOT_FOUND && slice_eq(local, S("postmaster"))) {
        err = try_first_user(expansion, domain->id);
    }
    if (err == ERR_NOT_FOUND && domain->catchall.len) {
        err = enter_text(expansion, domain->catchall);
    }
    /* An alias with a target that is gone: the other targets get their mail. */
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* *remote_r: the domain is not ours. */
static enum err look_up(struct expansion *expansion, const struct directory_key *key, bool *remote_r)
{
    struct directory_domain_row domain;
    *remote_r = false;
    if (key->domain.len == 0) {
        enum err err = slice_eq(key->local, S("postmaster")) ? try_bare_postmaster(expansion) : ERR_OK;
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    enum err err = directory_look_up_domain(expansion->store, expansion->arena, key->domain, &domain);
    if (err == ERR_NOT_FOUND) {
        *remote_r = true;
        return ERR_OK;
    }
    return err ? err : look_up_local(expansion, &domain, key->local);
}

static enum err expand(struct expansion *expansion, bool *all_remote_r)
{
    enum err err = ERR_OK;
    for (size_t next = 0; next < expansion->count && !err && !expansion->too_many; next++) {
        struct directory_key key = expansion->pending[next]; /* a copy: the list may move */
        bool remote = false;
        err = look_up(expansion, &key, &remote);
        if (remote && next == 0) {
            *all_remote_r = true;
        } else if (remote) {
            add_once(&expansion->forwards, key.text);
        }
    }
    return err;
}

static enum directory_outcome outcome_of(const struct expansion *expansion)
{
    if (expansion->too_many) {
        return DIRECTORY_LOOP;
    }
    if (expansion->accounts.count + expansion->forwards.count > 0) {
        return DIRECTORY_OK;
    }
    if (expansion->disabled) {
        return DIRECTORY_DISABLED;
    }
    return expansion->circle ? DIRECTORY_LOOP : DIRECTORY_NO_USER;
}

static struct slice *to_arena(struct arena *arena, const struct destinations *list)
{
    struct slice *items = arena_array(arena, struct slice, list->count);
    if (list->count) {
        memcpy(items, list->items, list->count * sizeof(*items));
    }
    return items;
}

static enum err resolve_key(struct expansion *expansion, struct directory_key key,
                            struct directory_route *route)
{
    bool remote = false;
    enum err err = directory_look_up_begin(expansion->store);
    if (err) {
        return err;
    }
    enter(expansion, key);
    err = expand(expansion, &remote);
    directory_look_up_end(expansion->store);
    if (err) {
        return err;
    }
    *route = (struct directory_route){.outcome = remote ? DIRECTORY_REMOTE : outcome_of(expansion)};
    if (route->outcome == DIRECTORY_OK) {
        route->accounts = to_arena(expansion->arena, &expansion->accounts);
        route->account_count = expansion->accounts.count;
        route->forwards = to_arena(expansion->arena, &expansion->forwards);
        route->forward_count = expansion->forwards.count;
    }
    return ERR_OK;
}

enum err directory_resolve(struct store *store, struct arena *arena, const struct address *address,
                           const char *delimiter, struct directory_route *route_r)
{
    struct expansion expansion = {.store = store, .arena = arena, .delimiter = slice_from(delimiter)};
    struct directory_key key = {.domain = SLICE_EMPTY};
    if (address->domain.len == 0) {
        key.local = key.text = address_local_key(arena, address->local);
    } else if (directory_key_of(arena, address, &key)) {
        *route_r = (struct directory_route){
            .outcome = DIRECTORY_REMOTE}; /* no name that a domain of ours can have */
        return ERR_OK;
    }
    enum err err = resolve_key(&expansion, key, route_r);
    mem_free(expansion.pending);
    mem_free(expansion.accounts.items);
    mem_free(expansion.forwards.items);
    return err;
}

enum err directory_may_send_as(struct store *store, struct slice login, const struct address *address,
                               const char *delimiter, bool *allowed_r)
{
    struct arena arena = {0};
    struct directory_route route = {0};
    /* Who gets the mail for an address may write in its name: that is the own address, with detail, the
     * aliases, the catch-all. */
    enum err err = directory_resolve(store, &arena, address, delimiter, &route);
    if (!err) {
        *allowed_r = false;
        for (size_t i = 0; i < route.account_count; i++) {
            *allowed_r = *allowed_r || slice_eq(route.accounts[i], login);
        }
    }
    arena_free(&arena);
    return err;
}
