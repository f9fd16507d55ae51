/* SPDX-License-Identifier: ISC */
/* Export: the settings, then mailbox by mailbox in the form that is asked for. */
#include "transfer_private.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/mem.h"

#define REPORT_EVERY 64 /* messages */

enum err export_report(struct export_run *run, bool at_once)
{
    const struct transfer *options = run->options;
    if (!options->progress || (!at_once && run->progress.messages_done % REPORT_EVERY != 0)) {
        return ERR_OK;
    }
    return options->progress(options->data, &run->progress) ? ERR_OK : ERR_CANCELED;
}

static enum err count_messages(struct export_run *run, struct mailbox_entry **list_r, size_t *count_r)
{
    enum err err = mailbox_list(run->account, &run->settings.arena, list_r, count_r);
    for (size_t i = 0; !err && i < *count_r; i++) {
        run->progress.messages_total += (*list_r)[i].status.messages;
    }
    return err;
}

static void set_paths(struct export_run *run)
{
    struct settings *settings = &run->settings;
    for (size_t i = 0; i < settings->mailbox_count; i++) {
        struct mailbox_facts *facts = &settings->mailboxes[i];
        facts->path =
            slice_from(settings->format == TRANSFER_MBOX ? mbox_path_of(&settings->arena, facts->name)
                                                         : maildir_path_of(&settings->arena, facts->name));
    }
}

static enum err export_mailbox(struct export_run *run, const struct mailbox_entry *entry)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < run->settings.mailbox_count && !err; i++) {
        run->mailbox = &run->settings.mailboxes[i];
        if (!slice_eq(run->mailbox->name, entry->name)) {
            continue;
        }
        run->progress.mailbox = entry->name;
        run->path = arena_printf(&run->arena, "%s/%.*s", run->options->path, SLICE_ARG(run->mailbox->path));
        err = run->settings.format == TRANSFER_MBOX
                  ? export_mbox(run, entry->status.id, entry->status.highestmodseq)
                  : export_maildir(run, entry->status.id);
        if (err) {
            explain(run->why, run->path, err);
        }
        arena_reset(&run->arena);
    }
    return err;
}

/* Renames are worth what the folders' sync makes of them. */
static enum err sync_all(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    enum err err = syncfs(fd) == 0 ? ERR_OK : err_from_errno(errno);
    close(fd);
    return err;
}

static enum err run_export(struct export_run *run)
{
    struct mailbox_entry *list;
    size_t count = 0;
    enum err err = fs_make_directories(run->options->path, 0700);
    if (!err) {
        err = count_messages(run, &list, &count);
    }
    if (!err) {
        err = settings_read_account(run->account, &run->settings);
    }
    if (!err) {
        run->settings.format = run->options->format == TRANSFER_MBOX ? TRANSFER_MBOX : TRANSFER_MAILDIR;
        set_paths(run);
        /* Before the messages, so that what was cut off can be read; and again with what they brought. */
        err = settings_write_file(run->options->path, &run->settings);
    }
    for (size_t i = 0; i < count && !err; i++) {
        err = export_mailbox(run, &list[i]);
    }
    if (!err) {
        err = settings_write_file(run->options->path, &run->settings);
    }
    return err ? err : sync_all(run->options->path);
}

enum err account_export(struct account *account, const struct transfer *transfer, struct buf *why)
{
    struct export_run run = {.account = account, .options = transfer, .why = why};
    enum err err = mailbox_refresh(account, 0);
    if (!err) {
        err = run_export(&run);
    }
    if (!err) {
        err = export_report(&run, true);
    } else {
        explain(why, transfer->path, err);
    }
    settings_free(&run.settings);
    arena_free(&run.arena);
    arena_free(&run.scratch);
    return err;
}
