/* SPDX-License-Identifier: ISC */
/*
 * One account out of a backup into a store that is in use. The backup's copy of the account is opened as a
 * store of its own, in a temporary folder beside the backups (its bodies are links, which cost nothing) or,
 * where that cannot be, in the data directory. So a backup of an earlier version is brought up to date on the
 * way, and nothing but the interface is needed to take from it what is missing.
 */
#include "backup_private.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "account_copy.h"
#include "account_path.h"
#include "base/fsio.h"
#include "base/log.h"
#include "directory_private.h"
#include "mail/address.h"
#include "store_private.h"

struct account_restore {
    struct restore_run run;
    struct store *store, *copy; /* copy: of the backup */
    struct slice login;         /* in lookup form */
    const char *temporary;      /* NULL: none */
    struct restore_result result;
    struct arena arena;
};

static enum err explain(struct account_restore *restore, enum err err, const char *reason)
{
    buf_printf(restore->run.why, "%.*s: %s", SLICE_ARG(restore->login), reason);
    return err;
}

/* ---- the backup as a store ---- */

static enum err fill_temporary(struct account_restore *restore, const char *temporary)
{
    struct arena *arena = &restore->arena;
    struct file_facts facts;
    struct buf relative;
    buf_init(&relative, 4096);
    enum err err = account_path(&relative, restore->login);
    const char *source = arena_printf(arena, "%s/mail/%s", restore->run.folder, buf_cstr(&relative));
    const char *target = arena_printf(arena, "%s/mail/%s", temporary, buf_cstr(&relative));
    buf_free(&relative);
    if (!err && access(source, F_OK) != 0) {
        err = explain(restore, ERR_NOT_FOUND, "the backup has no such account");
    }
    if (!err) {
        err = restore_account_files(&restore->run, source, target, NULL);
    }
    if (!err) {
        err = backup_copy_file(arena_printf(arena, "%s/directory.db", restore->run.folder),
                               arena_printf(arena, "%s/directory.db", temporary), &facts);
    }
    if (!err) {
        err = store_open(temporary, "restore", &restore->copy, restore->run.why);
    }
    return err;
}

static void remove_temporary(struct account_restore *restore)
{
    if (restore->copy) {
        store_close(restore->copy);
        restore->copy = NULL;
    }
    if (restore->temporary && backup_remove_tree(restore->temporary)) {
        log_warning("restore.leftover", log_cstr("path", restore->temporary));
    }
    restore->temporary = NULL;
}

/* Beside the backups when that is a place for a store (writable, no network file system), else in the data
 * directory. */
static enum err open_copy(struct account_restore *restore)
{
    const char *places[] = {restore->run.options->directory, restore->store->data};
    enum err err = ERR_DENIED;
    for (size_t i = 0; i < ARRAY_LEN(places) && (err == ERR_DENIED || err == ERR_CONFIG || err == ERR_IO);
         i++) {
        const char *temporary = arena_printf(&restore->arena, "%s/.restore.%d", places[i], (int)getpid());
        buf_clear(restore->run.why);
        if (mkdir(temporary, 0700) != 0) {
            err = errno == EROFS ? ERR_DENIED : err_from_errno(errno);
            continue;
        }
        restore->temporary = temporary;
        err = fill_temporary(restore, temporary);
        if (err) {
            remove_temporary(restore);
        }
    }
    return err;
}

/* ---- the user ---- */

static enum err add_domain(struct account_restore *restore)
{
    struct slice domain = address_domain_of(restore->login);
    bool local = false;
    enum err err = directory_is_local_domain(restore->store, domain, &local);
    return err || local ? err : directory_domain_add(restore->store, domain, restore->run.why);
}

static enum err recreate_user(struct account_restore *restore)
{
    struct directory_user user;
    enum err err = directory_user_get(restore->copy, &restore->arena, restore->login, &user);
    if (err) {
        return explain(restore, err, "the backup has no such user");
    }
    err = add_domain(restore);
    if (!err) {
        err = directory_user_add(restore->store, user.login, user.display_name, user.quota_bytes,
                                 restore->run.why);
    }
    if (!err && user.disabled) {
        err = directory_user_set_disabled(restore->store, user.login, true);
    }
    restore->result.recreated = !err;
    return err;
}

static enum err find_user(struct account_restore *restore)
{
    struct directory_user user;
    enum err err = directory_user_get(restore->store, &restore->arena, restore->login, &user);
    if (err != ERR_NOT_FOUND) {
        return err;
    }
    if (restore->run.options->mailbox.len) {
        return explain(restore, err, "there is no such user any more: restore all of the account");
    }
    return recreate_user(restore);
}

/* ---- the mail ---- */

static bool report(void *data, const struct intake_counts *counts)
{
    struct account_restore *restore = data;
    const struct restore *options = restore->run.options;
    struct backup_progress progress = {
        .account = restore->login,
        .accounts_total = 1,
        .messages_done = counts->added + counts->present,
        .bytes_copied = counts->bytes,
    };
    return !options->progress || options->progress(options->data, &progress);
}

static enum err copy_mail(struct account_restore *restore)
{
    struct account_copy_plan plan = {
        .mailbox = restore->run.options->mailbox,
        .uid = restore->run.options->uid,
        .progress = report,
        .data = restore,
    };
    struct intake_counts counts = {0};
    enum err err = account_open(restore->copy, restore->login, &plan.from);
    if (!err) {
        err = account_open(restore->store, restore->login, &plan.to);
    }
    if (!err) {
        err = mailbox_refresh(plan.to, 0);
    }
    if (!err) {
        err = account_copy(&plan, &counts);
    }
    account_close(plan.from);
    account_close(plan.to);
    restore->result.messages = counts.added;
    restore->result.present = counts.present;
    restore->result.moved = counts.renumbered;
    return err == ERR_NOT_FOUND
               ? explain(restore, err,
                         plan.uid ? "the backup has no such message" : "the backup has no such mailbox")
               : err;
}

enum err restore_account(struct store *store, const struct restore *restore, struct restore_result *result_r,
                         struct buf *why)
{
    struct account_restore run = {
        .run = {.options = restore, .link_bodies = true, .why = why},
        .store = store,
        .login = restore->login,
    };
    struct directory_key key;
    /* What restore_account_files tells is not of interest: it is the preparation only. */
    struct restore quiet = *restore;
    quiet.progress = NULL;
    run.run.options = &quiet;
    enum err err = directory_key_parse(&run.arena, restore->login, &key, why);
    if (!err) {
        run.login = key.text;
        err = backup_find(restore->directory, restore->name, &run.arena, &run.run.folder, why);
    }
    if (!err) {
        err = open_copy(&run);
    }
    run.run.options = restore;
    if (!err) {
        err = find_user(&run);
    }
    if (!err) {
        err = copy_mail(&run);
    }
    if (!err) {
        *result_r = run.result;
    } else if (why->len == 0) {
        explain(&run, err, err_text(err));
    }
    remove_temporary(&run);
    link_table_free(&run.run.links);
    arena_free(&run.arena);
    return err;
}
