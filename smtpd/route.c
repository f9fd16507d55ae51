/* SPDX-License-Identifier: ISC */
#include "route.h"

#include "session.h"
#include "storage/directory.h"

struct resolve {
    struct session *session;
    struct arena *arena;
    const struct address *address;
    struct directory_route route;
    enum err err;
};

static void resolve(void *arg)
{
    struct resolve *resolve = arg;
    const struct session *session = resolve->session;
    resolve->err = directory_resolve(session->context->store, resolve->arena, resolve->address,
                                     session->conf->recipient_delimiter, &resolve->route);
}

/*
 * Local parts that ask for relaying in the spellings of old (RFC 5321 appendix C and F.2, RFC 1123
 * section 5.2.16): user%elsewhere@here, elsewhere!user@here, "user@elsewhere"@here. No mailbox here has such
 * a name, and a catch-all must not make it look as if the mail went further.
 */
static bool asks_for_relaying(struct slice local)
{
    return slice_has(local, '%') || slice_has(local, '!') || slice_has(local, '@');
}

static enum reply refusal_for(const struct session *session, const struct address *address,
                              const struct directory_route *route)
{
    bool trusted = session_is_authenticated(session);
    if (route->outcome == DIRECTORY_REMOTE)
        return trusted ? REPLY_CANNOT_RELAY_YET : REPLY_RELAYING_DENIED;
    if (asks_for_relaying(address->local))
        return trusted ? REPLY_NO_SUCH_USER : REPLY_RELAYING_DENIED;
    switch (route->outcome) {
    case DIRECTORY_OK:
        return route->forward_count > 0 ? REPLY_CANNOT_RELAY_YET : REPLY_NONE;
    case DIRECTORY_DISABLED:
        return REPLY_DISABLED;
    case DIRECTORY_LOOP:
        return REPLY_ALIAS_LOOP;
    case DIRECTORY_NO_USER:
    case DIRECTORY_REMOTE:
        break;
    }
    return REPLY_NO_SUCH_USER;
}

struct route route_find(struct session *session, struct arena *arena, const struct mail_path *path)
{
    struct resolve job = {.session = session, .arena = arena, .address = &path->address};
    struct address postmaster = {.local = S("postmaster"), .domain = SLICE_EMPTY};
    if (path->is_postmaster)
        job.address = &postmaster;
    enum err err = work_run(session->context->work, 0, resolve, &job);
    if (!err)
        err = job.err;
    if (err == ERR_SYNTAX) /* a domain that is no domain can be nobody's */
        return (struct route){.refusal = REPLY_BAD_RECIPIENT};
    if (err)
        return (struct route){.refusal = REPLY_LOCAL_ERROR};
    return (struct route){.refusal = refusal_for(session, job.address, &job.route),
                          .accounts = job.route.accounts,
                          .account_count = job.route.account_count};
}
