/* SPDX-License-Identifier: ISC */
#include "access.h"

#include "base/log.h"
#include "base/mem.h"
#include "storage/directory.h"

static struct slice own_login(const struct imap_session *session)
{
    return account_login(session->account);
}

/* The account of the owner that the name tells of; the session's own when it tells of none. */
static enum err open_owner(struct imap_session *session, struct slice owner, struct imap_access *access)
{
    struct directory_user user = {.login = own_login(session)};
    enum err err =
        owner.len > 0 ? directory_user_get(session->context->store, &session->arena, owner, &user) : ERR_OK;
    if (err)
        return err;
    access->owner = user.login;
    access->viewer = SLICE_EMPTY;
    access->is_borrowed = slice_eq(user.login, own_login(session));
    if (access->is_borrowed) {
        access->account = session->account;
        access->rights = RIGHTS_ALL;
        return ERR_OK;
    }
    access->viewer = own_login(session);
    return account_open(session->context->store, user.login, &access->account);
}

/* Its entries, and what they give to the session's user unless he is the owner. */
static enum err read_rights(struct imap_session *session, struct snapshot *snapshot,
                            struct imap_access *access)
{
    enum err err = snapshot_rights(snapshot, access->entry.status.id, &session->arena, &access->list,
                                   &access->list_count);
    if (!err && !access->is_borrowed)
        access->rights = rights_of_user(access->list, access->list_count, own_login(session));
    return err;
}

static enum err look_up(struct imap_session *session, struct imap_access *access)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(access->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_named(access->mailbox), &session->arena, &access->entry);
    if (!err)
        err = read_rights(session, snapshot, access);
    snapshot_close(snapshot);
    return err;
}

/* Who may not know that a mailbox is there learns it in no other way either (section 6). */
static enum err refusal(const struct imap_access *access)
{
    return access->rights & RIGHT_LOOKUP ? ERR_DENIED : ERR_NOT_FOUND;
}

static enum err find(struct imap_session *session, struct slice name, struct imap_access *access)
{
    struct imap_name place = imap_name_parse(&session->arena, name);
    *access = (struct imap_access){.mailbox = place.mailbox};
    enum err err = open_owner(session, place.owner, access);
    return err || access->is_borrowed ? err : look_up(session, access);
}

enum err imap_access(struct imap_session *session, struct slice name, unsigned needed,
                     struct imap_access *access_r)
{
    enum err err = find(session, name, access_r);
    if (!err && (access_r->rights & needed) != needed)
        err = refusal(access_r);
    return err;
}

enum err imap_access_any(struct imap_session *session, struct slice name, unsigned one_of,
                         struct imap_access *access_r)
{
    enum err err = find(session, name, access_r);
    if (!err && (access_r->rights & one_of) == 0)
        err = refusal(access_r);
    return err;
}

enum err imap_access_read(struct imap_session *session, struct imap_access *access)
{
    return access->is_borrowed ? look_up(session, access) : ERR_OK;
}

/* The name above; in another's account, INBOX above the first level. Empty: nothing is above. */
static struct slice name_above(struct slice name, bool is_own)
{
    size_t end = slice_find_last(name, '/');
    if (end < name.len)
        return slice_take(name, end);
    return is_own || slice_eq(name, S("INBOX")) ? SLICE_EMPTY : S("INBOX");
}

static enum err look_up_above(struct imap_session *session, struct imap_access *access)
{
    struct snapshot *snapshot = NULL;
    struct slice above = name_above(access->mailbox, access->is_borrowed);
    enum err err = snapshot_open(access->account, &snapshot);
    if (err)
        return err;
    err = ERR_NOT_FOUND;
    while (err == ERR_NOT_FOUND && above.len > 0) {
        err = snapshot_mailbox(snapshot, mailbox_named(above), &session->arena, &access->entry);
        above = name_above(above, access->is_borrowed);
    }
    if (!err)
        err = read_rights(session, snapshot, access);
    snapshot_close(snapshot);
    return err == ERR_NOT_FOUND && access->is_borrowed ? ERR_OK : err;
}

enum err imap_access_new(struct imap_session *session, struct slice name, struct imap_access *access_r)
{
    struct imap_name place = imap_name_parse(&session->arena, name);
    *access_r = (struct imap_access){.mailbox = place.mailbox};
    if (place.owner.len == 0 && imap_name_is_reserved(name))
        return ERR_DENIED;
    enum err err = open_owner(session, place.owner, access_r);
    if (!err)
        err = look_up_above(session, access_r);
    if (!err && !(access_r->rights & RIGHT_CREATE))
        err = refusal(access_r);
    return err;
}

enum err imap_access_made(struct imap_session *session, const struct imap_access *access, enum err err)
{
    struct imap_access there = {
        .account = access->account, .mailbox = access->mailbox, .is_borrowed = access->is_borrowed};
    if (err != ERR_EXISTS || access->is_borrowed || look_up(session, &there))
        return err;
    return there.rights & RIGHT_LOOKUP ? ERR_EXISTS : ERR_DENIED;
}

void imap_access_end(struct imap_access *access)
{
    if (access->account && !access->is_borrowed)
        account_close(access->account);
    access->account = NULL;
}

struct slice imap_access_name(struct imap_session *session, const struct imap_access *access)
{
    return access->is_borrowed ? access->mailbox
                               : imap_shared_name(&session->arena, access->owner, access->mailbox);
}

/* ---- LIST ---- */

static void add_shared(struct shared_list *list, struct shared_mailbox mailbox)
{
    if (list->count == list->room) {
        list->room = list->room > 0 ? list->room * 2 : 8;
        list->mailboxes = mem_realloc_array(list->mailboxes, list->room, sizeof(*list->mailboxes));
    }
    list->mailboxes[list->count++] = mailbox;
}

/* Of what is not for this user's eyes nothing is kept: few share all that they have. */
static enum err list_mailboxes(struct imap_session *session, struct snapshot *snapshot, struct slice owner,
                               struct arena *arena, struct shared_list *list)
{
    struct arena all = {0}, rights_arena = {0};
    struct mailbox_entry *entries;
    size_t count = 0;
    enum err err = snapshot_mailboxes(snapshot, &all, &entries, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct rights_entry *rights_list;
        size_t rights_count;
        struct mailbox_entry entry = entries[i];
        err = snapshot_rights(snapshot, entry.status.id, &rights_arena, &rights_list, &rights_count);
        unsigned rights = err ? 0 : rights_of_user(rights_list, rights_count, own_login(session));
        arena_reset(&rights_arena);
        if (!(rights & RIGHT_LOOKUP))
            continue;
        entry.name = arena_copy(arena, entry.name);
        entry.special_use = arena_copy(arena, entry.special_use);
        add_shared(list, (struct shared_mailbox){.name = imap_shared_name(arena, owner, entry.name),
                                                 .owner = owner,
                                                 .entry = entry,
                                                 .rights = rights});
    }
    arena_free(&rights_arena);
    arena_free(&all);
    return err;
}

static enum err list_owner(struct imap_session *session, struct slice owner, struct arena *arena,
                           struct shared_list *list)
{
    struct account *account = NULL;
    struct snapshot *snapshot = NULL;
    enum err err = account_open(session->context->store, owner, &account);
    if (!err)
        err = snapshot_open(account, &snapshot);
    if (!err)
        err = list_mailboxes(session, snapshot, owner, arena, list);
    snapshot_close(snapshot);
    if (account)
        account_close(account);
    return err;
}

enum err shared_list_begin(struct imap_session *session, struct arena *arena, struct shared_list *list)
{
    *list = (struct shared_list){0};
    return directory_shares(session->context->store, own_login(session), arena, &list->owners,
                            &list->owner_count);
}

void shared_list_next(struct imap_session *session, struct arena *arena, struct shared_list *list)
{
    struct slice owner = list->owners[list->next_owner++];
    enum err failed = list_owner(session, owner, arena, list);
    if (failed) /* somebody else's trouble: one's own mailboxes are to be listed all the same */
        log_warning("imap.shared_unavailable", log_text("owner", owner), log_err(failed));
}

void shared_list_free(struct shared_list *list)
{
    mem_free(list->mailboxes);
    *list = (struct shared_list){0};
}
