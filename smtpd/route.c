/* SPDX-License-Identifier: ISC */
#include "route.h"

#include "policy.h"
#include "resolve.h"
#include "session.h"

struct resolve {
    struct session *session;
    struct arena *arena;
    const struct address *address;
    struct resolution resolution;
    enum err err;
};

static void resolve(void *arg)
{
    struct resolve *resolve = arg;
    const struct session *session = resolve->session;
    resolve->err = resolve_address(session->context->store, session->conf, resolve->address, resolve->arena,
                                   &resolve->resolution);
}

static enum reply refusal_for(const struct session *session, const struct address *address,
                              const struct resolution *resolution)
{
    const struct directory_route *route = &resolution->route;
    bool trusted = session_is_authenticated(session);
    if (route->outcome == DIRECTORY_REMOTE)
        return policy_check_relaying(session, address);
    if (resolution->is_return && route->outcome == DIRECTORY_NO_USER)
        return REPLY_BAD_RETURN;
    if (!resolution->is_return && policy_is_source_routed(address))
        return trusted ? REPLY_NO_SUCH_USER : REPLY_RELAYING_DENIED;
    switch (route->outcome) {
    case DIRECTORY_OK:
        return REPLY_NONE;
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
    const struct directory_route *found = &job.resolution.route;
    struct slice key;
    if (found->outcome == DIRECTORY_REMOTE && address_domain_key(arena, job.address->domain, &key))
        return (struct route){.refusal = REPLY_BAD_RECIPIENT}; /* no server can be asked for it */
    return (struct route){.refusal = refusal_for(session, job.address, &job.resolution),
                          .accounts = found->accounts,
                          .account_count = found->account_count,
                          .forwards = found->forwards,
                          .forward_count = found->forward_count,
                          .is_elsewhere = found->outcome == DIRECTORY_REMOTE};
}
