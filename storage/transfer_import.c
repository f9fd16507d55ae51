/* SPDX-License-Identifier: ISC */
/* Import: what kind of thing it is, then mailbox by mailbox into the account, then the settings. */
#include "transfer_private.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_EVERY 64 /* messages */

enum err import_report(struct import_run *run, bool at_once)
{
    const struct transfer *options = run->options;
    const struct intake_counts *counts = intake_counts(run->intake);
    if (!options->progress || (!at_once && run->progress.messages_done % REPORT_EVERY != 0)) {
        return ERR_OK;
    }
    run->progress.skipped = counts->present;
    run->progress.bytes_done = counts->bytes;
    run->progress.renumbered = counts->renumbered;
    run->progress.keywords_lost = counts->keywords_lost;
    return options->progress(options->data, &run->progress) ? ERR_OK : ERR_CANCELED;
}

enum err import_mailbox(struct import_run *run, const struct mailbox_facts *facts)
{
    const struct intake_mailbox mailbox = {
        .name = facts->name,
        .special_use = facts->special_use,
        .uidvalidity = facts->uidvalidity,
        .uidnext = facts->uidnext,
        .guid = facts->has_guid ? facts->guid : NULL,
    };
    enum err err = intake_mailbox(run->intake, &mailbox);
    run->progress.mailbox = facts->name;
    if (err && run->why->len == 0) {
        buf_printf(run->why, "the mailbox %.*s: %s", SLICE_ARG(facts->name), err_text(err));
    }
    return err;
}

static bool is_folder(struct import_run *run, const char *name)
{
    struct arena arena = {0};
    struct stat info;
    bool is =
        stat(arena_printf(&arena, "%s/%s", run->options->path, name), &info) == 0 && S_ISDIR(info.st_mode);
    arena_free(&arena);
    return is;
}

/* What the export says of itself, else what it looks like. */
static enum err detect(struct import_run *run, enum transfer_format *format_r)
{
    *format_r = run->options->format;
    if (*format_r == TRANSFER_DETECT) {
        *format_r = run->settings.present                            ? run->settings.format
                    : is_folder(run, "cur") || is_folder(run, "new") ? TRANSFER_MAILDIR
                                                                     : TRANSFER_MBOX;
    }
    if (run->settings.present && run->settings.format != *format_r) {
        buf_printf(run->why, "%s is an export in the other format", run->options->path);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err run_import(struct import_run *run)
{
    enum transfer_format format;
    enum err err = settings_read_file(run->options->path, &run->settings);
    if (err == ERR_CORRUPT) {
        buf_printf(run->why, "%s/" ACCOUNT_FILE " is damaged", run->options->path);
        return err;
    }
    err = detect(run, &format);
    if (!err) {
        err = intake_new(run->account, false, &run->intake);
    }
    if (!err) {
        err = format == TRANSFER_MAILDIR ? import_maildir(run) : import_mbox(run);
    }
    if (!err) {
        err = intake_finish(run->intake);
    }
    if (!err) {
        err = settings_apply(run->account, &run->settings);
    }
    return err ? err : import_report(run, true);
}

enum err account_import(struct account *account, const struct transfer *transfer, struct buf *why)
{
    struct import_run run = {.account = account, .options = transfer, .why = why};
    enum err err = ERR_OK;
    if (access(transfer->path, R_OK) != 0) {
        err = err_from_errno(errno);
    }
    if (!err) {
        err = mailbox_refresh(account, 0);
    }
    if (!err) {
        err = run_import(&run);
    }
    if (err == ERR_OVER_QUOTA && why->len == 0) {
        buf_printf(why, "%.*s has no more room: raise the quota and run this again",
                   SLICE_ARG(account_login(account)));
    } else if (err) {
        explain(why, transfer->path, err);
    }
    intake_free(run.intake);
    settings_free(&run.settings);
    return err;
}
