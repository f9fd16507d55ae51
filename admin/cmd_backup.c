/* SPDX-License-Identifier: ISC */
/*
 * postern backup and postern restore. What the store does not know of goes along here: the configuration
 * file, the certificate and its key; and the password of a user who comes back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fsio.h"
#include "handlers.h"
#include "identity.h"
#include "instance.h"
#include "output.h"
#include "progress.h"
#include "report.h"
#include "storage/backup.h"
#include "storage/directory.h"
#include "supervisor/pidfile.h"

#define WHY_CAP         4096
#define CONFIG_FILE_MAX (1024 * 1024)
#define KEEP_MAX        100000

struct shown {
    struct progress line;
    struct backup_progress last;
};

static bool show(void *data, const struct backup_progress *progress)
{
    struct shown *shown = data;
    shown->last = *progress;
    if (progress_is_due(&shown->line)) {
        struct buf text;
        buf_init(&text, WHY_CAP);
        buf_printf(&text, "account %llu of %llu, %llu messages, ",
                   (unsigned long long)progress->accounts_done + 1,
                   (unsigned long long)progress->accounts_total, (unsigned long long)progress->messages_done);
        format_size(progress->bytes_copied, &text);
        buf_printf(&text, " copied: %.*s", SLICE_ARG(progress->account));
        progress_show(&shown->line, &text);
        buf_free(&text);
    }
    return !progress_is_interrupted();
}

/* ---- postern backup --list ---- */

static json_t *entry_json(const struct backup_entry *entry)
{
    return json_pack("{s:s, s:o, s:b, s:I, s:I, s:I}", "name", entry->name, "time", json_time(entry->time_us),
                     "complete", (int)entry->complete, "accounts", (json_int_t)entry->accounts, "messages",
                     (json_int_t)entry->messages, "bytes", (json_int_t)entry->bytes);
}

static void add_entry_row(struct table *table, const struct backup_entry *entry)
{
    struct buf text;
    buf_init(&text, 256);
    table_add(table, slice_from(entry->name));
    table_add(table, entry->complete ? S("complete") : S("cut off"));
    format_time(entry->time_us, &text);
    table_add(table, buf_slice(&text));
    table_add_format(table, "%llu", (unsigned long long)entry->accounts);
    table_add_format(table, "%llu", (unsigned long long)entry->messages);
    buf_clear(&text);
    format_size(entry->bytes, &text);
    table_add(table, buf_slice(&text));
    buf_free(&text);
}

static int print_entries(const struct backup_entry *list, size_t count, bool json)
{
    static const char *const heading[] = {"NAME", "STATE", "TIME", "ACCOUNTS", "MESSAGES", "SIZE"};
    if (json) {
        json_t *array = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(array, entry_json(&list[i]));
        }
        return print_json(array);
    }
    struct table table;
    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, slice_from(heading[i]));
    }
    for (size_t i = 0; i < count; i++) {
        add_entry_row(&table, &list[i]);
    }
    return print_table(&table);
}

static int list_backups(const struct invocation *call)
{
    struct arena arena = {0};
    struct backup_entry *list;
    size_t count;
    struct instance instance;
    int code = instance_load(&instance, call);
    if (!code) {
        enum err err = backup_list(call->arguments[0], &arena, &list, &count);
        code = err ? refuse_because(call->arguments[0], err, NULL)
                   : print_entries(list, count, option_given(call, "json"));
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

/* ---- postern backup ---- */

/* The key is root's where the daemons get it from the supervisor. */
static void add_file(struct backup_file *files, size_t *count, struct buf *text, const char *name,
                     const char *path)
{
    if (!path || !path[0]) {
        return;
    }
    identity_raise();
    enum err err = fs_read_file(path, text);
    identity_lower();
    if (err) {
        refuse("warning: %s is not in the backup: %s", path, err_text(err));
        return;
    }
    files[(*count)++] = (struct backup_file){name, buf_slice(text)};
}

/* The private authority that `init` made lies beside the certificate; with a public one there is none. */
static const char *beside(struct arena *arena, const struct conf *conf, const char *name)
{
    struct slice certificate = slice_from(conf->tls_certificate);
    struct slice folder = slice_take(certificate, slice_find_last(certificate, '/'));
    const char *path = arena_printf(arena, "%.*s/%s", SLICE_ARG(folder), name);
    identity_raise();
    bool exists = folder.len < certificate.len && euidaccess(path, F_OK) == 0;
    identity_lower();
    return exists ? path : NULL;
}

static int verify(const char *directory, const char *name)
{
    struct buf why;
    buf_init(&why, WHY_CAP);
    enum err err = backup_verify(directory, name, &why);
    int code = err ? refuse_because("the backup is not good", err, &why) : EXIT_DONE;
    buf_free(&why);
    return code;
}

static int tell_backup(const struct invocation *call, const char *name, const struct backup_progress *last)
{
    struct buf text;
    buf_init(&text, WHY_CAP);
    buf_printf(&text, "%s: %llu accounts, %llu messages, ", name, (unsigned long long)last->accounts_done,
               (unsigned long long)last->messages_done);
    format_size(last->bytes_copied, &text);
    buf_append(&text, S(" copied, "));
    format_size(last->bytes_linked, &text);
    buf_append(&text, S(" linked\n"));
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    if (last->missing) {
        refuse("warning: %llu messages have no file in the store, see the log; run: postern store check",
               (unsigned long long)last->missing);
    }
    if (last->damaged) {
        refuse("warning: %llu files are not what was delivered, see the log; run: postern store check",
               (unsigned long long)last->damaged);
    }
    return !code && option_given(call, "verify") ? verify(call->arguments[0], name) : code;
}

static int run_backup(const struct instance *instance, const struct invocation *call, struct backup *backup)
{
    struct arena arena = {0};
    struct shown shown = {.last.messages_done = 0};
    struct buf why;
    const char *name = NULL;
    buf_init(&why, WHY_CAP);
    backup->progress = show;
    backup->data = &shown;
    progress_begin(&shown.line);
    enum err err = identity_make_folder(backup->directory, &why);
    if (!err) {
        err = store_backup(instance->store, backup, &arena, &name, &why);
    }
    progress_end(&shown.line);
    int code =
        err ? refuse_because("the backup was not made", err, &why) : tell_backup(call, name, &shown.last);
    buf_free(&why);
    arena_free(&arena);
    return code;
}

static int make_backup(const struct invocation *call, uint64_t keep)
{
    struct instance instance;
    struct arena arena = {0};
    struct backup_file files[5];
    struct buf texts[ARRAY_LEN(files)];
    struct backup backup = {
        .directory = call->arguments[0],
        .link = option_given(call, "link"),
        .keep = (unsigned)keep,
        .files = files,
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        buf_init(&texts[i], CONFIG_FILE_MAX);
    }
    int code = instance_open(&instance, call);
    if (!code) {
        add_file(files, &backup.file_count, &texts[0], "postern.conf", instance.conf->file);
        add_file(files, &backup.file_count, &texts[1], "certificate.pem", instance.conf->tls_certificate);
        add_file(files, &backup.file_count, &texts[2], "key.pem", instance.conf->tls_key);
        add_file(files, &backup.file_count, &texts[3], "ca.pem", beside(&arena, instance.conf, "ca.pem"));
        add_file(files, &backup.file_count, &texts[4], "ca-key.pem",
                 beside(&arena, instance.conf, "ca-key.pem"));
        code = run_backup(&instance, call, &backup);
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].data) {
            explicit_bzero(texts[i].data, texts[i].size);
        }
        buf_free(&texts[i]);
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

int cmd_backup(const struct invocation *call)
{
    const char *keep_text = option_value(call, "keep");
    uint64_t keep = 0;
    if (keep_text && (!slice_to_u64(slice_from(keep_text), KEEP_MAX, &keep) || keep == 0)) {
        return misuse(call, "'%s' is no number of backups", keep_text);
    }
    if (option_given(call, "list")) {
        return list_backups(call);
    }
    if (option_given(call, "check")) {
        struct instance instance;
        int code = instance_load(&instance, call);
        code = code ? code : verify(call->arguments[0], option_value(call, "name"));
        instance_close(&instance);
        return code;
    }
    return make_backup(call, keep);
}

/* ---- postern restore ---- */

static int restore_all(const struct invocation *call, struct restore *restore)
{
    struct instance instance;
    struct arena arena = {0};
    struct buf why;
    struct shown *shown = restore->data;
    buf_init(&why, WHY_CAP);
    int code = instance_load(&instance, call);
    if (!code) {
        const char *pidfile = arena_printf(&arena, "%s/postern.pid", instance.conf->run_directory);
        if (pidfile_holder(pidfile)) {
            code = refuse(
                "the server is running: everything can be restored only while it does not; stop it, or "
                "restore one account with --user");
        }
    }
    if (!code) {
        enum err err = restore_store(restore, instance.conf->data_directory, &why);
        progress_end(&shown->line);
        code = err ? refuse_because("not restored", err, &why) : EXIT_DONE;
        if (!code) {
            printf("%llu accounts, %llu messages; configuration and certificate of then are in the backup's "
                   "folder "
                   "config\n",
                   (unsigned long long)shown->last.accounts_done,
                   (unsigned long long)shown->last.messages_done);
        }
    }
    buf_free(&why);
    arena_free(&arena);
    instance_close(&instance);
    return code;
}

/* A user who was made anew gets back the password, too. */
static int restore_password(struct instance *instance, const struct restore *restore)
{
    struct arena arena = {0};
    struct directory_user user;
    const char *path;
    int code = instance_open_secrets(instance);
    if (!code && !backup_file_path(restore->directory, restore->name, "secrets.db", &arena, &path) &&
        !directory_user_get(instance->store, &arena, restore->login, &user)) {
        enum err err = secrets_restore(instance->secrets, path, user.login);
        if (err == ERR_NOT_FOUND) {
            refuse("warning: the backup has no password of %.*s; set one: postern user passwd %.*s",
                   SLICE_ARG(user.login), SLICE_ARG(user.login));
        } else if (err) {
            code = refuse_because("the password is not restored", err, NULL);
        }
    }
    arena_free(&arena);
    return code;
}

static int tell_restored(const struct restore_result *result)
{
    printf("%llu messages came back, %llu were there\n", (unsigned long long)result->messages,
           (unsigned long long)result->present);
    if (result->moved) {
        printf("%llu of them have another UID: theirs is taken, or the mailbox was made anew\n",
               (unsigned long long)result->moved);
    }
    return fflush(stdout) == 0 ? EXIT_DONE : refuse("cannot write: %s", strerror(errno));
}

static int restore_user(const struct invocation *call, struct restore *restore)
{
    struct instance instance;
    struct restore_result result = {0};
    struct shown *shown = restore->data;
    struct buf why;
    buf_init(&why, WHY_CAP);
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = restore_account(instance.store, restore, &result, &why);
        progress_end(&shown->line);
        code = err ? refuse_because("not restored", err, &why) : EXIT_DONE;
    }
    if (!code && result.recreated) {
        code = restore_password(&instance, restore);
    }
    if (!code) {
        code = tell_restored(&result);
    }
    buf_free(&why);
    instance_close(&instance);
    return code;
}

int cmd_restore(const struct invocation *call)
{
    struct shown shown = {.last.messages_done = 0};
    const char *uid_text = option_value(call, "uid");
    uint64_t uid = 0;
    struct restore restore = {
        .directory = call->arguments[0],
        .name = option_value(call, "name"),
        .login = slice_from(option_value(call, "user")),
        .mailbox = slice_from(option_value(call, "mailbox")),
        .progress = show,
        .data = &shown,
    };
    if (option_given(call, "list")) {
        return list_backups(call);
    }
    if (uid_text && (!slice_to_u64(slice_from(uid_text), UINT32_MAX, &uid) || uid == 0)) {
        return misuse(call, "'%s' is no UID", uid_text);
    }
    restore.uid = (uint32_t)uid;
    if ((restore.mailbox.len && !restore.login.len) || (restore.uid && !restore.mailbox.len)) {
        return misuse(call, "--mailbox needs --user, and --uid needs --mailbox");
    }
    progress_begin(&shown.line);
    return restore.login.len ? restore_user(call, &restore) : restore_all(call, &restore);
}
