/* SPDX-License-Identifier: ISC */
#include "rights_forget.h"

#include "base/log.h"
#include "base/mem.h"
#include "storage/batch.h"
#include "storage/snapshot.h"

struct forgetting {
    struct slice login, negative; /* "bob@…", "-bob@…" */
    struct arena arena;
    struct batch_operation *operations;
    size_t count;
};

static void add(struct forgetting *work, struct batch_operation operation)
{
    work->operations = mem_realloc_array(work->operations, work->count + 1, sizeof(*work->operations));
    work->operations[work->count++] = operation;
}

static enum err look_at_rights(struct forgetting *work, struct snapshot *snapshot, int64_t mailbox)
{
    struct rights_entry *list;
    size_t count = 0;
    enum err err = snapshot_rights(snapshot, mailbox, &work->arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        if (slice_eq(list[i].identifier, work->login) || slice_eq(list[i].identifier, work->negative)) {
            add(work, (struct batch_operation){
                          .kind = BATCH_SET_RIGHTS,
                          .mailbox = mailbox_numbered(mailbox),
                          .rights = {.identifier = list[i].identifier, .rights = SLICE_EMPTY}});
        }
    }
    return err;
}

static enum err look_at_seen(struct forgetting *work, struct snapshot *snapshot, int64_t mailbox)
{
    struct uid_set seen;
    enum err err = snapshot_seen(snapshot, mailbox, work->login, &work->arena, &seen);
    if (!err && seen.count) {
        add(work, (struct batch_operation){.kind = BATCH_FLAGS,
                                           .mailbox = mailbox_numbered(mailbox),
                                           .flags = {.uids = seen,
                                                     .change = FLAGS_REMOVE,
                                                     .flags = MESSAGE_SEEN,
                                                     .viewer = work->login}});
    }
    return err;
}

static enum err look_at_account(struct forgetting *work, struct account *account)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry *list;
    size_t count = 0;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = snapshot_mailboxes(snapshot, &work->arena, &list, &count);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = look_at_rights(work, snapshot, list[i].status.id);
        if (!err) {
            err = look_at_seen(work, snapshot, list[i].status.id);
        }
    }
    snapshot_close(snapshot);
    return err;
}

static enum err forget_in(struct store *store, struct slice owner, struct slice login)
{
    struct forgetting work = {.login = login};
    struct account *account = NULL;
    work.negative = slice_from(arena_printf(&work.arena, "-%.*s", SLICE_ARG(login)));
    enum err err = account_open(store, owner, &account);
    if (!err) {
        err = look_at_account(&work, account);
    }
    if (!err && work.count) {
        err = batch_commit(account, work.operations, work.count, NULL);
    }
    account_close(account);
    mem_free(work.operations);
    arena_free(&work.arena);
    return err;
}

void rights_forget_user(struct store *store, struct slice login)
{
    struct arena arena = {0};
    struct slice *owners;
    size_t count = 0;
    enum err err = directory_shares(store, login, &arena, &owners, &count);
    if (err) {
        log_warning("user.rights_left", log_text("login", login), log_err(err));
    }
    for (size_t i = 0; i < count && !err; i++) {
        enum err failed = forget_in(store, owners[i], login);
        if (failed) {
            log_warning("user.rights_left", log_text("login", login), log_text("owner", owners[i]),
                        log_err(failed));
        }
    }
    arena_free(&arena);
}
