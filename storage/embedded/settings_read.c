/* SPDX-License-Identifier: ISC */
/* Reading the copy of the settings back. A person may have been at work in it: a line that makes no sense is
 * told and passed over. */
#include "settings.h"

#include "base/fsio.h"
#include "base/log.h"
#include "base/scan.h"
#include "settings_check.h"

struct reading {
    struct change *change;
    struct slice line;
    struct buf value; /* the lines that follow */
};

static enum err subscribed(struct reading *reading, struct scan scan)
{
    struct slice name;
    if (mailbox_name_check(&reading->change->arena, scan.rest, &name)) {
        return ERR_SYNTAX;
    }
    sqlite3_stmt *statement =
        db_statement(reading->change->db, "INSERT OR IGNORE INTO subscription VALUES(?1)");
    db_bind_text(statement, 1, name);
    return db_run(reading->change->db, statement);
}

static bool not_space(char c)
{
    return c != ' ';
}

/* The number of a mailbox, and the space behind it. */
static bool scan_mailbox(struct scan *scan, int64_t *id_r)
{
    uint64_t number = 0;
    bool good = scan_number(scan, INT64_MAX, &number) && scan_char(scan, ' ');
    *id_r = (int64_t)number;
    return good;
}

/* ?1 is the mailbox; nothing is inserted when there is none of that number. */
#define IF_MAILBOX " WHERE ?1=0 OR EXISTS(SELECT 1 FROM mailbox WHERE id=?1)"

static enum err rights(struct reading *reading, struct scan scan)
{
    struct slice letters;
    int64_t mailbox = 0;
    if (!scan_mailbox(&scan, &mailbox) || !scan_while(&scan, not_space, &letters) || !scan_char(&scan, ' ') ||
        mailbox == 0 || !rights_identifier_is_valid(scan.rest)) {
        return ERR_SYNTAX;
    }
    letters = slice_eq(letters, S("-")) ? SLICE_EMPTY : letters;
    if (!rights_are_valid(letters)) {
        return ERR_SYNTAX;
    }
    sqlite3_stmt *statement = db_statement(
        reading->change->db,
        "INSERT OR REPLACE INTO rights(mailbox, identifier, rights) SELECT ?1, ?2, ?3" IF_MAILBOX);
    db_bind_int(statement, 1, mailbox);
    db_bind_text(statement, 2, scan.rest);
    db_bind_text(statement, 3, letters);
    return db_run(reading->change->db, statement);
}

static enum err annotation(struct reading *reading, struct scan scan)
{
    int64_t mailbox = 0;
    if (!scan_mailbox(&scan, &mailbox) || !annotation_entry_is_valid(scan.rest) ||
        reading->value.len > ANNOTATION_VALUE_MAX) {
        return ERR_SYNTAX;
    }
    sqlite3_stmt *statement =
        db_statement(reading->change->db,
                     "INSERT OR REPLACE INTO annotation(mailbox, entry, value) SELECT ?1, ?2, ?3" IF_MAILBOX);
    db_bind_int(statement, 1, mailbox);
    db_bind_text(statement, 2, scan.rest);
    db_bind_blob(statement, 3, buf_slice(&reading->value));
    return db_run(reading->change->db, statement);
}

static enum err sieve(struct reading *reading, struct scan scan)
{
    bool active = scan_word(&scan, S("active "));
    if ((!active && !scan_word(&scan, S("inactive "))) || !sieve_name_is_valid(scan.rest) ||
        !sieve_script_is_valid(buf_slice(&reading->value))) {
        return ERR_SYNTAX;
    }
    sqlite3_stmt *statement = db_statement(
        reading->change->db, "INSERT OR REPLACE INTO sieve(name, active, script)"
                             " VALUES(?1, ?2 AND NOT EXISTS(SELECT 1 FROM sieve WHERE active), ?3)");
    db_bind_text(statement, 1, scan.rest);
    db_bind_int(statement, 2, active);
    db_bind_text(statement, 3, buf_slice(&reading->value));
    return db_run(reading->change->db, statement);
}

static enum err quota_messages(struct reading *reading, struct scan scan)
{
    uint64_t number = 0;
    if (!scan_number(&scan, INT64_MAX, &number) || !scan_at_end(&scan)) {
        return ERR_SYNTAX;
    }
    reading->change->counters.limit_messages = (int64_t)number;
    return ERR_OK;
}

static enum err version(struct reading *reading, struct scan scan)
{
    (void)reading;
    return slice_eq(scan.rest, S("1")) ? ERR_OK : ERR_SYNTAX;
}

static const struct {
    struct slice word;
    enum err (*take)(struct reading *reading, struct scan scan);
} kinds[] = {
    {{"postern-settings ", 17}, version}, {{"quota-messages ", 15}, quota_messages},
    {{"subscribed ", 11}, subscribed},    {{"rights ", 7}, rights},
    {{"annotation ", 11}, annotation},    {{"sieve ", 6}, sieve},
};

static enum err take_line(struct reading *reading)
{
    enum err err = ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_starts_with(reading->line, kinds[i].word)) {
            err = kinds[i].take(reading, scan_of(slice_skip(reading->line, kinds[i].word.len)));
            break;
        }
    }
    if (err == ERR_SYNTAX) {
        log_warning("settings.line_ignored", log_cstr("account", reading->change->account->login),
                    log_text("line", reading->line));
        return ERR_OK;
    }
    return err;
}

/* The lines of a value, behind tabs, joined again. */
static void take_value(struct reading *reading, struct slice *rest)
{
    bool first = true;
    buf_clear(&reading->value);
    while (rest->len && rest->data[0] == '\t') {
        if (!first) {
            buf_append_char(&reading->value, '\n');
        }
        buf_append(&reading->value, slice_skip(slice_split(rest, '\n'), 1));
        first = false;
    }
}

enum err settings_read(struct change *change)
{
    struct reading reading = {.change = change};
    struct buf text;
    const char *path = arena_printf(&change->arena, "%s/" SETTINGS_FILE, change->account->path);
    buf_init(&text, SETTINGS_FILE_MAX);
    buf_init(&reading.value, SETTINGS_FILE_MAX);
    enum err err = fs_read_file(path, &text);
    struct slice rest = buf_slice(&text);
    while (!err && rest.len) {
        reading.line = slice_split(&rest, '\n');
        take_value(&reading, &rest);
        err = reading.line.len ? take_line(&reading) : ERR_OK;
    }
    buf_free(&reading.value);
    buf_free(&text);
    return err;
}
