/* SPDX-License-Identifier: ISC */
/* The content of a message follows from its identifier, so that whoever finds the one knows the other. */
#include "fault_queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "db_private.h"
#include "queue_private.h"
#include "storage/suppression.h"

#define OWNER     S("walk")
#define TEXT_MAX  (1 << 22)
#define NEVER     (INT64_MAX / 2)
#define ROW_SIZE  900
#define FILE_SIZE 70000 /* a blob of this size is a file of the spool */

/* ---- messages ---- */

static size_t size_of(struct slice id)
{
    return slice_find_text(id, S("file")) < id.len ? FILE_SIZE : ROW_SIZE;
}

/* Valid until the next call. */
static struct slice body_of(struct slice id)
{
    static char text[FILE_SIZE];
    size_t size = size_of(id);
    size_t at = (size_t)snprintf(text, sizeof(text), "Subject: %.*s\r\n\r\n", SLICE_ARG(id));
    for (; at < size; at++) {
        text[at] = at % 70 == 68 ? '\r' : at % 70 == 69 ? '\n' : (char)('a' + (at * 7 + at / 70) % 26);
    }
    return slice_of(text, size);
}

static enum err add(struct run_context *context, const char *id, size_t recipients, bool prepared)
{
    const struct queue_recipient list[] = {
        {.address = S("anna@a.example"), .destination = S("a.example"), .due_us = 1000},
        {.address = S("ben@b.example"),
         .orcpt = S("rfc822;ben@b.example"),
         .notify = QUEUE_NOTIFY_FAILURE,
         .destination = S("b.example"),
         .due_us = 2000},
    };
    struct queue_envelope envelope = {
        .id = slice_from(id),
        .sender = S("alice@example.org"),
        .envid = S("QQ314159"),
        .login = S("alice@example.org"),
        .message_id = S("<1@example.org>"),
        .subject = slice_from(id),
        .flags = QUEUE_8BIT,
        .received_us = 500,
        .expires_us = 1000000,
        .skip = 3,
        .top = S("Delivered-To: alice@example.org\r\n"),
    };
    struct blob *blob = NULL;
    enum err err = blob_begin(context->store, &blob);
    if (!err) {
        err = blob_write(blob, body_of(envelope.id));
    }
    if (!err) {
        err = queue_add(context->store, blob, &envelope, list, recipients, prepared);
    }
    blob_free(blob);
    return err;
}

enum err queue_open_it(struct run_context *context)
{
    struct queue *queue;
    return queue_of(context->store, &queue);
}

enum err queue_add_row(struct run_context *context)
{
    return add(context, "row-1", 2, false);
}

enum err queue_add_other_row(struct run_context *context)
{
    return add(context, "row-2", 1, false);
}

enum err queue_add_file(struct run_context *context)
{
    return add(context, "file-1", 2, false);
}

enum err queue_add_other_file(struct run_context *context)
{
    return add(context, "file-2", 1, false);
}

enum err queue_prepare_row(struct run_context *context)
{
    return add(context, "row-3", 2, true);
}

enum err queue_prepare_file(struct run_context *context)
{
    return add(context, "file-3", 2, true);
}

enum err queue_confirm_row(struct run_context *context)
{
    return queue_confirm(context->store, S("row-3"));
}

enum err queue_confirm_file(struct run_context *context)
{
    return queue_confirm(context->store, S("file-3"));
}

enum err queue_cancel_row(struct run_context *context)
{
    return queue_cancel(context->store, S("row-3"));
}

enum err queue_cancel_file(struct run_context *context)
{
    return queue_cancel(context->store, S("file-3"));
}

/* ---- attempts ---- */

static enum err claim(struct run_context *context, struct slice destination)
{
    struct queue_claim *claims;
    size_t count;
    return queue_claim(context->store, destination, OWNER, 3000, 60000, 100, 100, &context->arena, &claims,
                       &count);
}

enum err queue_claim_a(struct run_context *context)
{
    return claim(context, S("a.example"));
}

enum err queue_claim_b(struct run_context *context)
{
    return claim(context, S("b.example"));
}

/* All that the owner has at a destination. */
static enum err settle(struct run_context *context, struct slice destination, enum queue_state state)
{
    const struct queue_filter filter = {.destination = destination, .states = 1 << QUEUE_TAKEN};
    const struct queue_reply reply = {
        .code = 451, .text = S("4.2.0 later"), .host = S("mx.a.example [192.0.2.1]"), .is_theirs = true};
    struct queue_outcome outcomes[16];
    struct queue_item *items;
    size_t count = 0, outcome_count = 0, settled;
    enum err err = queue_list(context->store, &filter, 0, 100, &context->arena, &items, &count);
    for (size_t i = 0; i < count && !err; i++) {
        for (size_t k = 0; k < items[i].count; k++) {
            outcomes[outcome_count++] = (struct queue_outcome){.message = items[i].message,
                                                               .number = items[i].recipients[k].taken.number,
                                                               .state = state,
                                                               .due_us = 9000,
                                                               .attempted = true,
                                                               .delay_told = state == QUEUE_WAITING,
                                                               .reply = reply};
        }
    }
    return err ? err : queue_settle(context->store, OWNER, outcomes, outcome_count, 4000, &settled);
}

enum err queue_settle_delivered(struct run_context *context)
{
    return settle(context, S("a.example"), QUEUE_DELIVERED);
}

enum err queue_settle_failed(struct run_context *context)
{
    return settle(context, S("b.example"), QUEUE_FAILED);
}

enum err queue_settle_waiting(struct run_context *context)
{
    return settle(context, S("a.example"), QUEUE_WAITING);
}

/* ---- what people do ---- */

static enum err change(struct run_context *context, enum queue_action action, struct slice destination)
{
    const struct queue_filter filter = {.destination = S("a.example")};
    uint64_t count;
    return queue_change(context->store, &filter, action, destination, 5000, &count);
}

enum err queue_hold(struct run_context *context)
{
    return change(context, QUEUE_HOLD, SLICE_EMPTY);
}

enum err queue_release(struct run_context *context)
{
    return change(context, QUEUE_RELEASE, SLICE_EMPTY);
}

enum err queue_retry(struct run_context *context)
{
    return change(context, QUEUE_RETRY, SLICE_EMPTY);
}

enum err queue_route(struct run_context *context)
{
    return change(context, QUEUE_ROUTE, S("route:other"));
}

enum err queue_remove(struct run_context *context)
{
    return change(context, QUEUE_REMOVE, SLICE_EMPTY);
}

static struct slice always_a(void *data, struct slice now, struct slice address, struct arena *arena)
{
    (void)data, (void)now, (void)address, (void)arena;
    return S("a.example");
}

enum err queue_reroute_all(struct run_context *context)
{
    const struct queue_filter filter = {.destination = S("route:other")};
    uint64_t count;
    return queue_reroute(context->store, &filter, &(struct queue_router){.destination = always_a}, 6000,
                         &count);
}

enum err queue_suppress(struct run_context *context)
{
    const struct suppression entries[] = {
        {.address = S("nobody@a.example"), .reply = {.code = 550, .text = S("5.1.1 no")}, .until_us = NEVER},
        {.address = S("none@a.example"), .reply = {.code = 550, .text = S("5.1.1 no")}, .until_us = NEVER},
    };
    return suppression_add(context->store, entries, ARRAY_LEN(entries));
}

enum err queue_unsuppress(struct run_context *context)
{
    return suppression_remove(context->store, S("nobody@a.example"));
}

/* ---- tidying ---- */

enum err queue_forget_all(struct run_context *context)
{
    size_t count;
    return queue_forget(context->store, NEVER, 100, &count);
}

enum err queue_release_leases(struct run_context *context)
{
    return queue_recover(context->store, INT64_MAX, 0);
}

enum err queue_drop_prepared(struct run_context *context)
{
    return queue_recover(context->store, 0, NEVER);
}

static enum err delete_rows(struct db *db)
{
    int64_t message;
    enum err err = queue_find(db, S("file-1"), &message);
    if (!err) {
        err =
            db_execute(db, "DELETE FROM recipient WHERE message=(SELECT id FROM message WHERE name='file-1');"
                           "UPDATE destination SET due=(SELECT min(due) FROM recipient WHERE state=0"
                           " AND recipient.destination=destination.id)");
    }
    return err ? err : queue_delete_message(db, message);
}

enum err queue_delete_unsynced(struct run_context *context)
{
    struct queue *queue;
    enum err err = queue_of(context->store, &queue);
    if (!err) {
        err = db_begin_relaxed(queue->db);
    }
    return err ? err : queue_end(queue, delete_rows(queue->db));
}

static enum err make_checkpoint_due(struct run_context *context, bool cut_log)
{
    struct queue *queue;
    enum err err = queue_of(context->store, &queue);
    if (!err) {
        queue->db->checkpoint_from = 1;
        queue->db->truncate_from = cut_log ? 1 : 1000000;
    }
    return err;
}

enum err queue_add_with_checkpoint(struct run_context *context)
{
    enum err err = make_checkpoint_due(context, false);
    return err ? err : add(context, "file-4", 1, false);
}

enum err queue_claim_with_checkpoint(struct run_context *context)
{
    enum err err = make_checkpoint_due(context, false);
    return err ? err : queue_claim_a(context);
}

enum err queue_forget_with_cut_log(struct run_context *context)
{
    enum err err = make_checkpoint_due(context, true);
    return err ? err : queue_forget_all(context);
}

/* ---- what runs begin with ---- */

static enum err make(const char *folder, run_step *const *steps)
{
    struct run_context context;
    enum err err = run_open(folder, &context);
    for (; *steps && !err; steps++) {
        err = (*steps)(&context);
    }
    run_close(&context);
    return err;
}

enum err queue_fill(const char *folder)
{
    run_step *const steps[] = {queue_add_row, queue_add_file, queue_add_other_row, queue_add_other_file,
                               NULL};
    return make(folder, steps);
}

enum err queue_fill_and_deliver(const char *folder)
{
    run_step *const steps[] = {queue_claim_a, queue_settle_delivered, NULL};
    enum err err = queue_fill(folder);
    return err ? err : make(folder, steps);
}

static enum err number_up(struct run_context *context)
{
    struct queue *queue;
    enum err err = queue_of(context->store, &queue);
    return err ? err : db_execute(queue->db, "INSERT INTO sqlite_sequence VALUES('message', 4094)");
}

enum err queue_fill_folder(const char *folder)
{
    run_step *const steps[] = {number_up, NULL};
    return make(folder, steps);
}

static enum err leave_body(struct run_context *context)
{
    struct queue *queue;
    enum err err = queue_of(context->store, &queue);
    int fd = err ? -1 : openat(queue->messages_fd, "0/77", O_WRONLY | O_CREAT, 0600);
    if (fd >= 0) {
        close(fd);
    }
    return fd < 0 ? ERR_IO : ERR_OK;
}

enum err queue_leave_things(const char *folder)
{
    run_step *const steps[] = {queue_add_row,      queue_add_file, queue_claim_a, queue_prepare_row,
                               queue_prepare_file, leave_body,     NULL};
    return make(folder, steps);
}

/* ---- state ---- */

static void add_row(struct buf *text, const char *label, sqlite3_stmt *statement)
{
    buf_append(text, slice_from(label));
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        const char *value = (const char *)sqlite3_column_text(statement, i);
        buf_printf(text, " %s=%s", sqlite3_column_name(statement, i), value ? value : "-");
    }
    buf_append_char(text, '\n');
}

static enum err add_query(struct db *db, struct buf *text, const char *label, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int result;
    if (sqlite3_prepare_v2(db_handle(db), sql, -1, &statement, NULL) != SQLITE_OK) {
        printf("# %s: %s\n", sql, sqlite3_errmsg(db_handle(db)));
        return ERR_CORRUPT;
    }
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        add_row(text, label, statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? ERR_OK : ERR_CORRUPT;
}

#define MESSAGES                                                                                          \
    "SELECT name, sender, envid, login, msgid, subject, flags, received, expires, size, skip, hex(top), " \
    "over FROM message ORDER BY name"
#define RECIPIENTS(state)                                                                          \
    "SELECT message.name AS message, n, address, orcpt, notify, destination.name AS destination, " \
    "recipient.due, attempts, delay_told, changed, code, text, host, theirs, " state               \
    " FROM recipient JOIN message ON message.id=message JOIN destination ON "                      \
    "destination.id=destination ORDER BY 1, 2"
#define SUPPRESSIONS "SELECT * FROM suppression ORDER BY 1"

struct found_message {
    int64_t number;
    char *id;
};

static enum err list_messages(struct db *db, struct found_message **list, size_t *count)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db_handle(db), "SELECT id, name FROM message ORDER BY name", -1, &statement,
                           NULL) != SQLITE_OK) {
        return ERR_CORRUPT;
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        *list = mem_realloc_array(*list, *count + 1, sizeof(**list));
        (*list)[(*count)++] =
            (struct found_message){.number = sqlite3_column_int64(statement, 0),
                                   .id = mem_strdup((const char *)sqlite3_column_text(statement, 1))};
    }
    sqlite3_finalize(statement);
    return ERR_OK;
}

/* "good", or what is wrong with it. */
static const char *look_at_body(struct store *store, const struct found_message *message)
{
    struct blob_reader reader;
    enum err err = queue_open(store, message->number, &reader);
    if (err) {
        return err_text(err);
    }
    struct slice body = body_of(slice_from(message->id));
    char *bytes = mem_alloc(reader.size + 1);
    ssize_t got = pread(reader.fd, bytes, reader.size, 0);
    bool good =
        reader.size == body.len && got == (ssize_t)body.len && memcmp(bytes, body.data, body.len) == 0;
    mem_free(bytes);
    blob_reader_close(&reader);
    return good ? "good" : "different";
}

static enum err read_tables(struct db *db, struct account_state *state, struct found_message **list,
                            size_t *count)
{
    enum err err = add_query(db, &state->text, "message", MESSAGES);
    if (!err) {
        err = add_query(db, &state->text, "suppression", SUPPRESSIONS);
    }
    buf_append(&state->recovered, buf_slice(&state->text));
    if (!err) {
        err = add_query(db, &state->text, "recipient", RECIPIENTS("state, owner, lease"));
    }
    if (!err) {
        err = add_query(db, &state->recovered, "recipient", RECIPIENTS("state*(state<>1) AS state"));
    }
    return err ? err : list_messages(db, list, count);
}

enum err queue_state_read(struct store *store, struct account_state *state_r)
{
    struct found_message *list = NULL;
    struct queue *queue;
    size_t count = 0;
    buf_init(&state_r->text, TEXT_MAX);
    buf_init(&state_r->recovered, TEXT_MAX);
    enum err err = queue_of(store, &queue);
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        return err;
    }
    err = read_tables(queue->db, state_r, &list, &count);
    db_end_read(queue->db);
    for (size_t i = 0; i < count; i++) {
        const char *what = err ? "" : look_at_body(store, &list[i]);
        buf_printf(&state_r->text, "body %s is %s\n", list[i].id, what);
        buf_printf(&state_r->recovered, "body %s is %s\n", list[i].id, what);
        mem_free(list[i].id);
    }
    mem_free(list);
    return err ? err : state_r->text.error;
}

/* ---- soundness ---- */

static const struct {
    const char *what, *sql; /* gives a row for each thing that is wrong */
} rules[] = {
    {"message without recipient", "SELECT name FROM message WHERE id NOT IN (SELECT message FROM recipient)"},
    {"recipient without message", "SELECT message, n FROM recipient WHERE message NOT IN (SELECT id FROM "
                                  "message)"},
    {"recipient without destination",
     "SELECT message, n FROM recipient WHERE destination NOT IN (SELECT id FROM destination)"},
    {"body without message", "SELECT message FROM body WHERE message NOT IN (SELECT id FROM message)"},
    {"due of destination",
     "SELECT name, due FROM destination WHERE due IS NOT (SELECT min(due) FROM recipient "
     "WHERE recipient.destination=destination.id AND state=0)"},
    {"over", "SELECT name, over FROM message WHERE (over IS NULL) = NOT EXISTS(SELECT 1 FROM recipient WHERE "
             "message=message.id AND state IN " QUEUE_OPEN_STATES ")"},
    {"lease", "SELECT message, n, state, owner FROM recipient WHERE (state=1) <> (owner<>'')"},
};

/* Body files, or whether there is one of this number. */
static bool has_row(struct db *db, const char *table, const char *number)
{
    char sql[200];
    sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof(sql), "SELECT 1 FROM %s WHERE %s=%s", table,
             strcmp(table, "body") == 0 ? "message" : "id", number);
    sqlite3_prepare_v2(db_handle(db), sql, -1, &statement, NULL);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

static void look_at_files(struct queue *queue, const char *folder, bool swept, struct buf *why)
{
    int fd = openat(queue->messages_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') {
            continue;
        }
        if (has_row(queue->db, "body", entry->d_name)) {
            buf_printf(why, "file %s/%s, and a row with the body\n", folder, entry->d_name);
        }
        if (swept && !has_row(queue->db, "message", entry->d_name)) {
            buf_printf(why, "file %s/%s of no message\n", folder, entry->d_name);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

/* `swept`: after queue_recover. */
static bool is_sound(struct store *store, bool swept, struct buf *why)
{
    struct account_state state = {0};
    size_t before = why->len;
    struct queue *queue = NULL;
    enum err err = queue_state_read(store, &state);
    if (!err) {
        err = queue_of(store, &queue);
    }
    if (!err) {
        err = db_begin_read(queue->db);
    }
    if (err) {
        buf_printf(why, "the queue cannot be read: %s\n", err_text(err));
    } else {
        for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
            if (add_query(queue->db, why, rules[i].what, rules[i].sql)) {
                buf_printf(why, "cannot ask for %s\n", rules[i].what);
            }
        }
        look_at_files(queue, "0", swept, why);
        look_at_files(queue, "1", swept, why);
        db_end_read(queue->db);
    }
    for (struct slice rest = buf_slice(&state.text); rest.len;) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts_with(line, S("body ")) && slice_find_text(line, S(" is good")) == line.len) {
            buf_printf(why, "%.*s\n", SLICE_ARG(line));
        }
    }
    buf_free(&state.text);
    buf_free(&state.recovered);
    return why->len == before;
}

bool queue_is_sound(struct store *store, struct buf *why)
{
    return is_sound(store, false, why);
}

/* ---- what a deliverer does ---- */

static bool went(enum err err, const char *what, struct buf *why)
{
    if (err) {
        buf_printf(why, "%s: %s\n", what, err_text(err));
    }
    return !err;
}

static bool claims_all(struct store *store, struct arena *arena, struct buf *why)
{
    struct queue_figures figures;
    struct slice *destinations = NULL;
    size_t count = 0, taken = 0;
    int64_t next;
    if (!went(queue_count(store, &figures), "counting", why) ||
        !went(queue_due(store, NEVER, 100, NULL, NULL, arena, &destinations, &count, &next), "looking",
              why)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct queue_claim *claims = NULL;
        size_t claim_count = 0;
        if (!went(queue_claim(store, destinations[i], OWNER, NEVER, NEVER, 100, 100, arena, &claims,
                              &claim_count),
                  "claiming", why)) {
            return false;
        }
        for (size_t k = 0; k < claim_count; k++) {
            taken += claims[k].count;
        }
    }
    if (taken != figures.recipients[QUEUE_WAITING]) {
        buf_printf(why, "%zu of %" PRIu64 " could be claimed\n", taken, figures.recipients[QUEUE_WAITING]);
    }
    return taken == figures.recipients[QUEUE_WAITING];
}

bool queue_works_on(struct store *store, struct buf *why)
{
    struct run_context context = {.store = store};
    size_t forgotten;
    bool good = went(queue_recover(store, INT64_MAX, 0), "recovering", why) && is_sound(store, true, why) &&
                claims_all(store, &context.arena, why) && is_sound(store, true, why) &&
                went(queue_recover(store, INT64_MAX, NEVER), "recovering again", why) &&
                went(queue_forget(store, NEVER, 100, &forgotten), "forgetting", why) &&
                went(add(&context, "row-9", 2, false), "one more row", why) &&
                went(add(&context, "file-9", 2, false), "one more file", why) && is_sound(store, true, why);
    arena_free(&context.arena);
    return good;
}
