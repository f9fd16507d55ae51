/* SPDX-License-Identifier: ISC */
/*
 * postern status: whether the instance runs, how its processes are, how many clients they have, what the
 * store and the queue hold. Looks at the lock and the files in the run directory and asks no process, so it
 * answers also when they do not.
 */
#include <string.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "handlers.h"
#include "instance.h"
#include "net/peers.h"
#include "output.h"
#include "queue_words.h"
#include "report.h"
#include "storage/account.h"
#include "storage/directory.h"
#include "supervisor/pidfile.h"
#include "supervisor/program.h"

#define STATUS_FILE_MAX (1024 * 1024)

struct status {
    struct arena arena;
    pid_t pid;          /* 0: not running */
    json_t *supervisor; /* status.json, or NULL */
    bool has_usage;
    uint64_t domains, users, aliases, messages, bytes;
    struct queue_figures queue;
};

static void read_supervisor(struct status *status, const struct conf *conf)
{
    struct buf text;
    buf_init(&text, STATUS_FILE_MAX);
    status->pid = pidfile_holder(arena_printf(&status->arena, "%s/postern.pid", conf->run_directory));
    if (status->pid &&
        !fs_read_file(arena_printf(&status->arena, "%s/status.json", conf->run_directory), &text)) {
        status->supervisor = json_loadb(buf_cstr(&text), text.len, 0, NULL);
    }
    buf_free(&text);
}

static enum err count_account(struct status *status, struct store *store, struct slice login)
{
    struct arena arena = {0};
    struct account *account;
    struct mailbox_entry *mailboxes;
    size_t count;
    enum err err = account_open(store, login, &account);
    if (err) {
        return err;
    }
    err = mailbox_list(account, &arena, &mailboxes, &count);
    for (size_t i = 0; i < count && !err; i++) {
        status->messages += mailboxes[i].status.messages;
        status->bytes += mailboxes[i].status.bytes;
    }
    account_close(account);
    arena_free(&arena);
    return err;
}

static enum err count_usage(struct status *status, struct store *store)
{
    struct directory_user *users;
    size_t count;
    enum err err = directory_user_list(store, &status->arena, SLICE_EMPTY, &users, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = count_account(status, store, users[i].login);
        err = err == ERR_NOT_FOUND ? ERR_OK : err; /* removed meanwhile */
    }
    status->has_usage = true;
    return err;
}

static enum err read_store(struct status *status, struct store *store, bool usage)
{
    struct directory_domain *domains;
    size_t count;
    enum err err = directory_domain_list(store, &status->arena, &domains, &count);
    for (size_t i = 0; i < count && !err; i++) {
        status->users += domains[i].users;
        status->aliases += domains[i].aliases;
        status->domains++;
    }
    err = err ? err : queue_count(store, &status->queue);
    return err || !usage ? err : count_usage(status, store);
}

/* {"smtpd": 3, …}: what all workers of a program serve at this moment. */
static json_t *connections_json(struct status *status, const struct conf *conf)
{
    json_t *object = json_object();
    for (size_t i = 0; i < program_count; i++) {
        size_t total;
        const char *path = arena_printf(&status->arena, "%s/%s.peers", conf->run_directory, programs[i].name);
        if (status->pid && programs[i].services && !peers_read_total(path, &total)) {
            json_object_set_new(object, programs[i].name, json_integer((json_int_t)total));
        }
    }
    return object;
}

static int print_status_json(const struct status *status, json_t *connections)
{
    json_t *object = json_pack("{s:b, s:o, s:o, s:O?, s:I, s:I, s:I, s:o}", "running", status->pid != 0,
                               "pid", status->pid ? json_integer(status->pid) : json_null(), "connections",
                               connections, "supervisor", status->supervisor, "domains",
                               (json_int_t)status->domains, "users", (json_int_t)status->users, "aliases",
                               (json_int_t)status->aliases, "queue", queue_figures_json(&status->queue));
    if (status->has_usage) {
        json_object_set_new(object, "messages", json_integer((json_int_t)status->messages));
        json_object_set_new(object, "bytes", json_integer((json_int_t)status->bytes));
    }
    return print_json(object);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void add_child_row(struct table *table, const json_t *child)
{
    const json_t *exit = json_object_get(child, "last_exit"), *status = json_object_get(exit, "status");
    const json_t *pid = json_object_get(child, "pid");
    table_add(table, slice_from(text_of(child, "name")));
    table_add_format(table, "%lld", json_integer_value(json_object_get(child, "worker")));
    table_add_format(table, json_is_integer(pid) ? "%lld" : "-", json_integer_value(pid));
    table_add(table, slice_from(text_of(child, "state")));
    table_add_format(table, "%lld", json_integer_value(json_object_get(child, "restarts")));
    if (status) {
        table_add_format(table, "status %lld", json_integer_value(status));
    } else if (json_is_object(exit)) {
        table_add_format(table, "signal %lld", json_integer_value(json_object_get(exit, "signal")));
    } else {
        table_add(table, S("-"));
    }
}

static void append_children(const struct status *status, struct buf *out)
{
    static const char *const heading[] = {"PROGRAM", "WORKER", "PROCESS", "STATE", "RESTARTS", "LAST EXIT"};
    struct table table;
    size_t index;
    json_t *child;
    table_init(&table, ARRAY_LEN(heading));
    for (size_t i = 0; i < ARRAY_LEN(heading); i++) {
        table_add(&table, slice_from(heading[i]));
    }
    json_array_foreach(json_object_get(status->supervisor, "children"), index, child)
    {
        add_child_row(&table, child);
    }
    table_format(&table, out);
    table_free(&table);
}

static int print_status_text(const struct status *status, json_t *connections)
{
    struct buf text;
    const char *program;
    json_t *total;
    buf_init(&text, STATUS_FILE_MAX);
    if (status->pid) {
        buf_printf(&text, "%s, process %d, since %s\n\n", text_of(status->supervisor, "state"),
                   (int)status->pid, text_of(status->supervisor, "started"));
        append_children(status, &text);
        buf_append(&text, json_object_size(connections) ? S("\nconnections:") : SLICE_EMPTY);
        json_object_foreach(connections, program, total)
        {
            buf_printf(&text, " %s %lld", program, json_integer_value(total));
        }
        buf_append(&text, S("\n"));
    } else {
        buf_append(&text, S("not running\n"));
    }
    buf_printf(&text, "domains %llu, users %llu, aliases %llu\n", (unsigned long long)status->domains,
               (unsigned long long)status->users, (unsigned long long)status->aliases);
    buf_append(&text, S("queue: "));
    queue_append_figures(&status->queue, clock_wall_us(), &text);
    buf_append_char(&text, '\n');
    if (status->has_usage) {
        buf_printf(&text, "messages %llu, ", (unsigned long long)status->messages);
        format_size(status->bytes, &text);
        buf_append(&text, S("\n"));
    }
    json_decref(connections);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

int cmd_status(const struct invocation *call)
{
    struct instance instance;
    struct status status = {0};
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = read_store(&status, instance.store, option_given(call, "usage"));
        code = err ? refuse_because("cannot read the store", err, NULL) : EXIT_DONE;
    }
    if (!code) {
        read_supervisor(&status, instance.conf);
        json_t *connections = connections_json(&status, instance.conf);
        code = option_given(call, "json") ? print_status_json(&status, connections)
                                          : print_status_text(&status, connections);
    }
    if (!code && !status.pid) {
        code = EXIT_REFUSED;
    }
    json_decref(status.supervisor);
    arena_free(&status.arena);
    instance_close(&instance);
    return code;
}
