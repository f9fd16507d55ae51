/* SPDX-License-Identifier: ISC */
/* postern export and postern import: an account as a folder that other mail programs read, and back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers.h"
#include "identity.h"
#include "instance.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "storage/directory.h"
#include "storage/transfer.h"

#define WHY_CAP 4096

struct shown {
    struct progress line;
    struct transfer_progress last;
};

static bool show(void *data, const struct transfer_progress *progress)
{
    struct shown *shown = data;
    shown->last = *progress;
    shown->last.mailbox = SLICE_EMPTY;
    if (progress_is_due(&shown->line)) {
        struct buf text;
        buf_init(&text, WHY_CAP);
        buf_printf(&text, "%llu", (unsigned long long)progress->messages_done);
        if (progress->messages_total) {
            buf_printf(&text, " of %llu", (unsigned long long)progress->messages_total);
        }
        buf_append(&text, S(" messages, "));
        format_size(progress->bytes_done, &text);
        buf_printf(&text, ": %.*s", SLICE_ARG(progress->mailbox));
        progress_show(&shown->line, &text);
        buf_free(&text);
    }
    return !progress_is_interrupted();
}

/* --format; true when it is absent or good. */
static bool read_format(const struct invocation *call, enum transfer_format *format)
{
    const char *text = option_value(call, "format");
    if (text && strcmp(text, "maildir") == 0) {
        *format = TRANSFER_MAILDIR;
    } else if (text && strcmp(text, "mbox") == 0) {
        *format = TRANSFER_MBOX;
    }
    return !text || strcmp(text, "maildir") == 0 || strcmp(text, "mbox") == 0;
}

static int tell(const struct transfer_progress *last)
{
    struct buf text;
    buf_init(&text, WHY_CAP);
    buf_printf(&text, "%llu messages, %llu of them were there\n", (unsigned long long)last->messages_done,
               (unsigned long long)last->skipped);
    if (last->renumbered) {
        buf_printf(&text, "%llu have another UID: the mailbox has messages of its own\n",
                   (unsigned long long)last->renumbered);
    }
    if (last->uidls_lost) {
        buf_printf(&text, "%llu have another POP3 UIDL: only those of 32 hex digits can be kept\n",
                   (unsigned long long)last->uidls_lost);
    }
    if (last->keywords_lost) {
        buf_printf(&text, "%llu lost their keywords: there are too many different ones\n",
                   (unsigned long long)last->keywords_lost);
    }
    if (last->refused) {
        buf_printf(&text, "%llu were passed over: they are too long\n", (unsigned long long)last->refused);
    }
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

typedef enum err transfer_function(struct account *account, const struct transfer *transfer, struct buf *why);

static int run_transfer(struct instance *instance, const struct invocation *call, struct transfer *transfer,
                        transfer_function *function)
{
    struct arena arena = {0};
    struct account *account = NULL;
    struct shown shown = {.last.messages_done = 0};
    struct directory_user user;
    struct buf why;
    buf_init(&why, WHY_CAP);
    transfer->progress = show;
    transfer->data = &shown;
    enum err err = directory_user_get(instance->store, &arena, slice_from(call->arguments[0]), &user);
    if (!err) {
        err = account_open(instance->store, user.login, &account);
    } else if (err == ERR_NOT_FOUND) {
        buf_append(&why, S("there is no such user"));
    }
    if (!err) {
        progress_begin(&shown.line);
        err = function(account, transfer, &why);
        progress_end(&shown.line);
        account_close(account);
    }
    transfer->data = NULL;
    int code = err ? refuse_because(call->arguments[0], err, &why) : tell(&shown.last);
    buf_free(&why);
    arena_free(&arena);
    return code;
}

static int transfer(const struct invocation *call, enum transfer_format format, bool make_folder,
                    transfer_function *function)
{
    struct instance instance;
    struct transfer options = {.format = format, .path = call->arguments[1]};
    struct buf why;
    if (!read_format(call, &options.format)) {
        return misuse(call, "'%s' is no format; there are maildir and mbox", option_value(call, "format"));
    }
    buf_init(&why, WHY_CAP);
    int code = instance_open(&instance, call);
    if (!code && make_folder) {
        enum err err = identity_make_folder(options.path, &why);
        code = err ? refuse_because(options.path, err, &why) : EXIT_DONE;
    }
    if (!code) {
        code = run_transfer(&instance, call, &options, function);
    }
    buf_free(&why);
    instance_close(&instance);
    return code;
}

int cmd_export(const struct invocation *call)
{
    return transfer(call, TRANSFER_MAILDIR, true, account_export);
}

int cmd_import(const struct invocation *call)
{
    return transfer(call, TRANSFER_DETECT, false, account_import);
}
