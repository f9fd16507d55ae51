/* SPDX-License-Identifier: ISC */
/*
 * postern store: checking and mending accounts, building their indexes anew, figures. All of it beside a
 * server that runs. Work that takes long tells of its progress when somebody looks on.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "report.h"
#include "storage/care.h"
#include "storage/directory.h"

#define PROGRESS_MS 200
#define OUTPUT_CAP  ((size_t)64 * 1024 * 1024)

/* ---- which accounts ---- */

static int find_named(struct instance *instance, const struct invocation *call, struct arena *arena,
                      struct slice **logins_r)
{
    struct slice *logins = arena_array(arena, struct slice, call->argument_count);
    for (size_t i = 0; i < call->argument_count; i++) {
        struct directory_user user;
        enum err err = directory_user_get(instance->store, arena, slice_from(call->arguments[i]), &user);
        if (err) {
            return err == ERR_NOT_FOUND ? refuse("there is no user %s", call->arguments[i])
                                        : refuse_because(call->arguments[i], err, NULL);
        }
        logins[i] = user.login;
    }
    *logins_r = logins;
    return EXIT_DONE;
}

static int find_all(struct instance *instance, struct arena *arena, struct slice **logins_r, size_t *count_r)
{
    struct directory_user *users;
    enum err err = directory_user_list(instance->store, arena, SLICE_EMPTY, &users, count_r);
    if (err) {
        return refuse_because("cannot list the users", err, NULL);
    }
    *logins_r = arena_array(arena, struct slice, *count_r + 1);
    for (size_t i = 0; i < *count_r; i++) {
        (*logins_r)[i] = users[i].login;
    }
    return EXIT_DONE;
}

/* Those that were named, else all. */
static int find_accounts(struct instance *instance, const struct invocation *call, struct arena *arena,
                         struct slice **logins_r, size_t *count_r)
{
    *count_r = call->argument_count;
    return call->argument_count ? find_named(instance, call, arena, logins_r)
                                : find_all(instance, arena, logins_r, count_r);
}

/* ---- progress ---- */

struct watching {
    struct slice login;
    bool terminal; /* somebody looks on */
    bool shown;
    int64_t shown_ms;
};

static bool show_progress(struct watching *watching, const struct check_report *report)
{
    int64_t now = clock_monotonic_ms();
    if (watching->terminal && now - watching->shown_ms >= PROGRESS_MS) {
        fprintf(stderr, "\r\033[K%.*s: %llu messages", SLICE_ARG(watching->login),
                (unsigned long long)report->messages);
        fflush(stderr);
        watching->shown = true;
        watching->shown_ms = now;
    }
    return true;
}

static void clear_progress(struct watching *watching)
{
    if (watching->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        watching->shown = false;
    }
}

/* ---- check ---- */

struct checked {
    struct watching watching; /* first: it is what show_progress gets */
    struct buf lines;         /* of the accounts so far, or empty with --json */
    json_t *findings;         /* of this account, or NULL */
    struct check_report total;
    bool failed; /* something could not be checked */
};

static bool check_progress(void *data, const struct check_report *report)
{
    struct checked *checked = data;
    return show_progress(&checked->watching, report);
}

static void note_problem(void *data, const char *text)
{
    struct checked *checked = data;
    if (checked->findings) {
        json_array_append_new(checked->findings, json_text(slice_from(text)));
        return;
    }
    clear_progress(&checked->watching);
    buf_printf(&checked->lines, "%.*s: %s\n", SLICE_ARG(checked->watching.login), text);
}

/* An index that SQLite itself finds damaged is built anew when the account is opened the next time. */
static enum err check_account(struct store *store, const struct check *check, struct slice login,
                              struct check_report *report)
{
    struct account *account;
    struct check_report again = {0};
    enum err err = account_open(store, login, &account);
    if (err) {
        return err;
    }
    err = account_check(account, check, report);
    account_close(account);
    if (err != ERR_CORRUPT || !check->repair) {
        return err;
    }
    uint64_t damages = report->problems;
    err = account_open(store, login, &account);
    if (!err) {
        err = account_check(account, check, &again);
        account_close(account);
        *report = again;
        report->problems += damages;
        report->repaired += err ? 0 : damages;
    }
    return err;
}

static json_t *report_json(const struct checked *checked, const struct check_report *report, enum err err)
{
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:O, s:o}", "account",
                     json_text(checked->watching.login), "mailboxes", (json_int_t)report->mailboxes,
                     "messages", (json_int_t)report->messages, "bytes", (json_int_t)report->bytes, "problems",
                     (json_int_t)report->problems, "repaired", (json_int_t)report->repaired, "findings",
                     checked->findings, "error", err ? json_text(slice_from(err_text(err))) : json_null());
}

static void check_one(struct checked *checked, struct store *store, const struct invocation *call,
                      struct slice login, json_t *list)
{
    struct check_report report = {0};
    struct check check = {
        .repair = option_given(call, "repair"),
        .read_bodies = option_given(call, "read-bodies"),
        .problem = note_problem,
        .progress = check_progress,
        .data = checked,
    };
    checked->watching.login = login;
    checked->findings = list ? json_array() : NULL;
    enum err err = check_account(store, &check, login, &report);
    clear_progress(&checked->watching);
    if (err && err != ERR_CORRUPT && err != ERR_NOT_FOUND) { /* removed meanwhile is fine */
        checked->failed = true;
        refuse("%.*s: cannot be checked: %s", SLICE_ARG(login), err_text(err));
    }
    checked->total.mailboxes += report.mailboxes;
    checked->total.messages += report.messages;
    checked->total.bytes += report.bytes;
    checked->total.problems += report.problems;
    checked->total.repaired += report.repaired;
    if (list) {
        json_array_append_new(list, report_json(checked, &report, err));
        json_decref(checked->findings);
    } else if (print_text(buf_slice(&checked->lines)) != EXIT_DONE) {
        checked->failed = true;
    }
    buf_clear(&checked->lines);
}

static int print_summary(const struct checked *checked, size_t accounts)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%zu accounts, %llu messages, ", accounts, (unsigned long long)checked->total.messages);
    format_size(checked->total.bytes, &text);
    buf_printf(&text, ": %llu problems, %llu repaired\n", (unsigned long long)checked->total.problems,
               (unsigned long long)checked->total.repaired);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

int cmd_store_check(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct checked checked = {.watching.terminal = isatty(STDERR_FILENO) == 1};
    struct slice *logins = NULL;
    size_t count = 0;
    buf_init(&checked.lines, OUTPUT_CAP);
    json_t *list = option_given(call, "json") ? json_array() : NULL;
    int code = instance_open(&instance, call);
    if (!code) {
        code = find_accounts(&instance, call, &arena, &logins, &count);
    }
    if (!code) {
        for (size_t i = 0; i < count && logins; i++) {
            check_one(&checked, instance.store, call, logins[i], list);
        }
        code = list ? print_json(json_incref(list)) : print_summary(&checked, count);
    }
    if (!code && (checked.failed || checked.total.repaired < checked.total.problems)) {
        code = EXIT_REFUSED;
    }
    json_decref(list);
    buf_free(&checked.lines);
    arena_free(&arena);
    instance_close(&instance);
    return code;
}

/* ---- rebuild ---- */

static bool rebuild_progress(void *data, const struct check_report *report)
{
    return show_progress(data, report);
}

static enum err rebuild_search(struct store *store, struct slice login, const struct check *progress,
                               uint64_t *bodies_r)
{
    struct account *account;
    struct account_stats stats;
    enum err err = account_open(store, login, &account);
    if (err) {
        return err;
    }
    err = account_rebuild_search(account, progress);
    if (!err) {
        err = account_stats(account, &stats);
    }
    account_close(account);
    if (!err) {
        *bodies_r = stats.bodies;
    }
    return err;
}

static int rebuild(struct instance *instance, const struct invocation *call)
{
    struct arena arena = {0};
    struct slice *logins = NULL;
    uint64_t messages = 0;
    int code = find_named(instance, call, &arena, &logins);
    if (!code && logins) {
        struct watching watching = {.login = logins[0], .terminal = isatty(STDERR_FILENO) == 1};
        struct check progress = {.progress = rebuild_progress, .data = &watching};
        enum err err = option_given(call, "search")
                           ? rebuild_search(instance->store, logins[0], &progress, &messages)
                           : account_rebuild(instance->store, logins[0], &progress, &messages);
        clear_progress(&watching);
        code = err ? refuse_because(call->arguments[0], err, NULL) : EXIT_DONE;
    }
    if (!code && logins) {
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text, "%.*s: %llu messages\n", SLICE_ARG(logins[0]), (unsigned long long)messages);
        code = print_text(buf_slice(&text));
        buf_free(&text);
    }
    arena_free(&arena);
    return code;
}

int cmd_store_rebuild(const struct invocation *call)
{
    struct instance instance;
    int code = instance_open(&instance, call);
    if (!code) {
        code = rebuild(&instance, call);
    }
    instance_close(&instance);
    return code;
}

/* ---- stats ---- */

static json_t *stats_json(struct slice login, const struct account_stats *stats)
{
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "account", json_text(login),
        "mailboxes", (json_int_t)stats->mailboxes, "messages", (json_int_t)stats->messages, "bodies",
        (json_int_t)stats->bodies, "bytes", (json_int_t)stats->bytes, "disk_bytes",
        (json_int_t)stats->disk_bytes, "index_bytes", (json_int_t)stats->index_bytes, "wal_bytes",
        (json_int_t)stats->wal_bytes, "search_bytes", (json_int_t)stats->search_bytes, "search_pending",
        (json_int_t)stats->search_pending, "vanished_ranges", (json_int_t)stats->vanished_ranges, "keywords",
        (json_int_t)stats->keywords, "pending_renames", (json_int_t)stats->pending_renames);
}

static void add_size(struct table *table, uint64_t bytes)
{
    struct buf text;
    buf_init(&text, 64);
    format_size(bytes, &text);
    table_add(table, buf_slice(&text));
    buf_free(&text);
}

static void add_stats(struct table *table, struct slice login, const struct account_stats *stats)
{
    table_add(table, login);
    table_add_format(table, "%llu", (unsigned long long)stats->mailboxes);
    table_add_format(table, "%llu", (unsigned long long)stats->messages);
    add_size(table, stats->bytes);
    add_size(table, stats->disk_bytes);
    add_size(table, stats->index_bytes + stats->wal_bytes);
    add_size(table, stats->search_bytes);
    table_add_format(table, "%llu", (unsigned long long)stats->search_pending);
}

static enum err read_stats(struct store *store, struct slice login, struct account_stats *stats)
{
    struct account *account;
    enum err err = account_open(store, login, &account);
    if (!err) {
        err = account_stats(account, stats);
        account_close(account);
    }
    return err;
}

static int collect_stats(struct instance *instance, const struct slice *logins, size_t count, json_t *list,
                         struct table *table)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < count; i++) {
        struct account_stats stats;
        enum err err = read_stats(instance->store, logins[i], &stats);
        if (err == ERR_NOT_FOUND) { /* removed meanwhile */
            continue;
        }
        if (err) {
            code = refuse("%.*s: %s", SLICE_ARG(logins[i]), err_text(err));
        } else if (list) {
            json_array_append_new(list, stats_json(logins[i], &stats));
        } else {
            add_stats(table, logins[i], &stats);
        }
    }
    return code;
}

int cmd_store_stats(const struct invocation *call)
{
    static const char *const heading[] = {"ACCOUNT", "MAILBOXES", "MESSAGES", "SIZE",
                                          "ON DISK", "INDEX",     "SEARCH",   "UNINDEXED"};
    struct instance instance;
    struct arena arena = {0};
    struct slice *logins = NULL;
    struct table table;
    size_t count = 0;
    json_t *list = option_given(call, "json") ? json_array() : NULL;
    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, slice_from(heading[i]));
    }
    int code = instance_open(&instance, call);
    if (!code) {
        code = find_accounts(&instance, call, &arena, &logins, &count);
    }
    if (!code) {
        int failed = collect_stats(&instance, logins, count, list, &table);
        code = list ? print_json(json_incref(list)) : EXIT_DONE;
        if (!list) {
            struct buf text;
            buf_init(&text, OUTPUT_CAP);
            table_format(&table, &text);
            code = print_text(buf_slice(&text));
            buf_free(&text);
        }
        code = code ? code : failed;
    }
    json_decref(list);
    table_free(&table);
    arena_free(&arena);
    instance_close(&instance);
    return code;
}
