/* SPDX-License-Identifier: ISC */
/* Writing the copy of the settings. */
#include "settings.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/fsio.h"
#include "base/log.h"

typedef void row_function(struct buf *out, sqlite3_stmt *statement);

/* Borrowed until the next step. */
static struct slice column(sqlite3_stmt *statement, int index)
{
    const void *bytes = sqlite3_column_blob(statement, index);
    int length = sqlite3_column_bytes(statement, index);
    return bytes ? slice_of(bytes, (size_t)length) : SLICE_EMPTY;
}

/* Each line behind a tab: whatever the value holds, it comes back. */
static void append_value(struct buf *out, struct slice value)
{
    struct slice rest = value;
    do {
        buf_append_char(out, '\t');
        buf_append(out, slice_split(&rest, '\n'));
        buf_append_char(out, '\n');
    } while (rest.data);
}

static void append_subscription(struct buf *out, sqlite3_stmt *statement)
{
    buf_append(out, S("subscribed "));
    buf_append(out, column(statement, 0));
    buf_append_char(out, '\n');
}

static void append_rights(struct buf *out, sqlite3_stmt *statement)
{
    struct slice rights = column(statement, 1);
    buf_printf(out, "rights %" PRId64 " ", (int64_t)sqlite3_column_int64(statement, 0));
    buf_append(out, rights.len ? rights : S("-"));
    buf_append_char(out, ' ');
    buf_append(out, column(statement, 2));
    buf_append_char(out, '\n');
}

static void append_annotation(struct buf *out, sqlite3_stmt *statement)
{
    buf_printf(out, "annotation %" PRId64 " ", (int64_t)sqlite3_column_int64(statement, 0));
    buf_append(out, column(statement, 1));
    buf_append_char(out, '\n');
    append_value(out, column(statement, 2));
}

static void append_script(struct buf *out, sqlite3_stmt *statement)
{
    buf_append(out, sqlite3_column_int(statement, 0) ? S("sieve active ") : S("sieve inactive "));
    buf_append(out, column(statement, 1));
    buf_append_char(out, '\n');
    append_value(out, column(statement, 2));
}

static const struct {
    const char *sql;
    row_function *append;
} parts[] = {
    {"SELECT name FROM subscription ORDER BY name", append_subscription},
    {"SELECT mailbox, rights, identifier FROM rights ORDER BY mailbox, identifier", append_rights},
    {"SELECT mailbox, entry, value FROM annotation ORDER BY mailbox, entry", append_annotation},
    {"SELECT active, name, script FROM sieve ORDER BY name", append_script},
};

static enum err append_part(struct change *change, size_t part, struct buf *out)
{
    int more;
    sqlite3_stmt *statement = db_statement(change->db, parts[part].sql);
    while ((more = db_step(change->db, statement)) == 1) {
        parts[part].append(out, statement);
    }
    return db_step_err(more);
}

enum err settings_write(struct change *change)
{
    struct buf out;
    const char *path = arena_printf(&change->arena, "%s/" SETTINGS_FILE, change->account->path);
    enum err err = ERR_OK;
    buf_init(&out, SETTINGS_FILE_MAX);
    buf_append(&out, S("postern-settings 1\n"));
    if (change->counters.limit_messages) {
        buf_printf(&out, "quota-messages %" PRId64 "\n", change->counters.limit_messages);
    }
    for (size_t i = 0; i < ARRAY_LEN(parts) && !err; i++) {
        err = append_part(change, i, &out);
    }
    if (!err) {
        err = buf_ok(&out) ? fs_write_durable(path, buf_slice(&out), 0600) : out.error;
    }
    buf_free(&out);
    return err;
}

bool settings_exist(struct account *account)
{
    return faccessat(account->dir_fd, SETTINGS_FILE, F_OK, 0) == 0;
}

void settings_write_missing(struct account *account)
{
    struct change change;
    if (settings_exist(account) || store_check_writable(account->store)) {
        return;
    }
    enum err err = change_begin(account, &change);
    if (!err) {
        err = settings_write(&change);
        change_abort(&change);
        change_free(&change);
    }
    if (err) {
        log_warning("settings.not_written", log_cstr("account", account->login), log_err(err));
    }
}
