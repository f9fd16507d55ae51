/* SPDX-License-Identifier: ISC */
/* Tables become lines of text. Columns that only grow are kept aside as numbers; those that tell where and
 * when something is stored are left out. */
#include "fault_state.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "account_private.h"
#include "base/mem.h"
#include "fault_queue.h"
#include "mail_file.h"
#include "mailbox_folder.h"
#include "storage/care.h"

#define TEXT_MAX (1 << 24)

const char *const state_logins[STATE_ACCOUNTS] = {"alice@example.org", "bob@example.org",
                                                  "carol@example.org"};

size_t state_accounts = STATE_ACCOUNTS;
bool state_of_queue;

/* ---- lines ---- */

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++) {
        if (strcmp(name, *list) == 0) {
            return true;
        }
    }
    return false;
}

/* Not compared: what only grows, and what is of no matter to anyone. */
static const char *const other_columns[] = {
    "modseq",      "created_modseq", "attr_modseq", "highestmodseq", "vanished_floor", "uidnext",
    "uidreserved", "cur_mtime",      "new_mtime",   "saved",         "suffix",         NULL,
};
static const char *const other_tables[] = {
    "meta", "intent", "counter", "thread", "thread_ref", "message", "body", NULL,
};

static void add_line(struct buf *text, const char *table, sqlite3_stmt *statement)
{
    buf_append(text, slice_from(table));
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (is_one_of(sqlite3_column_name(statement, i), other_columns)) {
            continue;
        }
        buf_printf(text, " %s=", sqlite3_column_name(statement, i));
        if (sqlite3_column_type(statement, i) == SQLITE_BLOB) {
            const unsigned char *bytes = sqlite3_column_blob(statement, i);
            for (int k = 0; k < sqlite3_column_bytes(statement, i); k++) {
                buf_printf(text, "%02x", bytes[k]);
            }
        } else {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            buf_printf(text, "%s", value ? value : "-");
        }
    }
    buf_append_char(text, '\n');
}

static enum err add_query(struct account *account, struct buf *text, const char *label, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db_handle(account->db), sql, -1, &statement, NULL) != SQLITE_OK) {
        printf("# %s: %s\n", sql, sqlite3_errmsg(db_handle(account->db)));
        return ERR_CORRUPT;
    }
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        add_line(text, label, statement);
    }
    sqlite3_finalize(statement);
    return result == SQLITE_DONE ? ERR_OK : ERR_CORRUPT;
}

static enum err add_tables(struct account *account, struct buf *text)
{
    sqlite3_stmt *statement = NULL;
    enum err err = ERR_OK;
    const char *sql =
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%' ORDER BY name";
    if (sqlite3_prepare_v2(db_handle(account->db), sql, -1, &statement, NULL) != SQLITE_OK) {
        return ERR_CORRUPT;
    }
    while (!err && sqlite3_step(statement) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(statement, 0);
        char query[256];
        if (!is_one_of(table, other_tables)) {
            snprintf(query, sizeof(query), "SELECT * FROM %s ORDER BY %s", table,
                     strcmp(table, "vanished") == 0 ? "mailbox, uid_lo" : "1, 2");
            if (strcmp(table, "subscription") == 0) {
                snprintf(query, sizeof(query), "SELECT * FROM subscription ORDER BY 1");
            }
            err = add_query(account, text, table, query);
        }
    }
    sqlite3_finalize(statement);
    return err;
}

#define MESSAGES                                                                                             \
    "SELECT mailbox, uid, body.guid, body.hash, message.flags, kw, idate, message.size, file, "              \
    "hdrsize, lines, sent, msgid, envelope, bodystruct, hdrs FROM message JOIN body ON body.id=message.body" \
    " ORDER BY mailbox, uid"
#define NUMBERS                                                            \
    "SELECT 'modseq' AS k, modseq FROM counter"                            \
    " UNION ALL SELECT 'uidnext ' || id, uidnext FROM mailbox"             \
    " UNION ALL SELECT 'highestmodseq ' || id, highestmodseq FROM mailbox" \
    " UNION ALL SELECT 'message ' || mailbox || ' ' || uid, modseq FROM message ORDER BY 1"

static enum err add_numbers(struct account *account, struct account_state *state)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db_handle(account->db), NUMBERS, -1, &statement, NULL) != SQLITE_OK) {
        return ERR_CORRUPT;
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        state->numbers = mem_realloc_array(state->numbers, state->number_count + 1, sizeof(*state->numbers));
        state->numbers[state->number_count++] =
            (struct state_number){.name = mem_strdup((const char *)sqlite3_column_text(statement, 0)),
                                  .value = sqlite3_column_int64(statement, 1)};
    }
    sqlite3_finalize(statement);
    return ERR_OK;
}

static enum err read_account(struct store *store, const char *login, struct account_state *state)
{
    struct account *account = NULL;
    buf_init(&state->text, TEXT_MAX);
    enum err err = account_open(store, slice_from(login), &account);
    if (err) {
        return err;
    }
    err = mailbox_refresh(account, 1);
    if (!err) {
        err = db_begin_read(account->db);
    }
    if (!err) {
        err = add_tables(account, &state->text);
        if (!err) {
            err = add_query(account, &state->text, "quota",
                            "SELECT bytes, messages, limit_bytes, limit_messages FROM counter");
        }
        if (!err) {
            err = add_query(account, &state->text, "message", MESSAGES);
        }
        if (!err) {
            err = add_numbers(account, state);
        }
        db_end_read(account->db);
    }
    account_close(account);
    return err ? err : state->text.error;
}

enum err state_read(struct store *store, struct state *state_r)
{
    struct state state = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < state_accounts && !err; i++) {
        err = state_of_queue ? queue_state_read(store, &state.accounts[i])
                             : read_account(store, state_logins[i], &state.accounts[i]);
    }
    if (err) {
        state_free(&state);
    } else {
        *state_r = state;
    }
    return err;
}

void state_free(struct state *state)
{
    for (size_t i = 0; i < STATE_ACCOUNTS; i++) {
        buf_free(&state->accounts[i].text);
        buf_free(&state->accounts[i].recovered);
        for (size_t k = 0; k < state->accounts[i].number_count; k++) {
            mem_free(state->accounts[i].numbers[k].name);
        }
        mem_free(state->accounts[i].numbers);
    }
    *state = (struct state){0};
}

/* ---- comparing ---- */

static bool has_line(struct slice text, struct slice line)
{
    while (text.len) {
        if (slice_eq(slice_split(&text, '\n'), line)) {
            return true;
        }
    }
    return false;
}

static void explain(struct buf *why, const char *sign, struct slice text, struct slice other)
{
    while (text.len) {
        struct slice line = slice_split(&text, '\n');
        if (!has_line(other, line)) {
            buf_printf(why, "    %s %.*s\n", sign, SLICE_ARG(line));
        }
    }
}

static bool numbers_match(const struct account_state *found, const struct account_state *least,
                          struct buf *why)
{
    size_t k = 0;
    bool good = true;
    for (size_t i = 0; i < least->number_count; i++) {
        while (k < found->number_count && strcmp(found->numbers[k].name, least->numbers[i].name) < 0) {
            k++;
        }
        if (k < found->number_count && strcmp(found->numbers[k].name, least->numbers[i].name) == 0 &&
            found->numbers[k].value < least->numbers[i].value) {
            buf_printf(why, "    %s is %" PRId64 ", was %" PRId64 "\n", least->numbers[i].name,
                       found->numbers[k].value, least->numbers[i].value);
            good = false;
        }
    }
    return good;
}

bool state_matches(const struct account_state *found, const struct account_state *expected,
                   const struct account_state *least, struct buf *why)
{
    struct slice is = buf_slice(&found->text), should = buf_slice(&expected->text);
    if (!slice_eq(is, should)) {
        explain(why, "missing ", should, is);
        explain(why, "too much", is, should);
        return false;
    }
    return !least || numbers_match(found, least, why);
}

static int compare_lines(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Mailbox, content and flags of each message, sorted. */
static size_t mail_of(const struct account_state *state, struct slice *list, size_t room)
{
    struct slice rest = buf_slice(&state->text);
    size_t count = 0;
    while (rest.len && count < room) {
        struct slice line = slice_split(&rest, '\n');
        if (slice_starts_with(line, S("message "))) {
            size_t from = slice_find_text(line, S(" hash="));
            size_t to = slice_find_text(line, S(" idate="));
            list[count++] = slice_take(slice_skip(line, from), to - from);
        }
    }
    qsort(list, count, sizeof(*list), compare_lines);
    return count;
}

bool state_has_same_mail(const struct account_state *a, const struct account_state *b)
{
    struct slice list_a[512], list_b[512];
    if (state_of_queue) {
        return slice_eq(buf_slice(&a->text), buf_slice(&b->text));
    }
    size_t count = mail_of(a, list_a, ARRAY_LEN(list_a));
    if (mail_of(b, list_b, ARRAY_LEN(list_b)) != count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq(list_a[i], list_b[i])) {
            return false;
        }
    }
    return true;
}

/* ---- soundness ---- */

static const struct {
    const char *what, *sql; /* gives a row for each thing that is wrong */
} rules[] = {
    {"counters of mailbox",
     "SELECT name, messages, unseen, deleted, bytes FROM mailbox m WHERE messages<>(SELECT count(*) FROM "
     "message "
     "WHERE mailbox=m.id) OR unseen<>(SELECT count(*) FROM message WHERE mailbox=m.id AND flags&1=0) OR "
     "deleted<>(SELECT count(*) FROM message WHERE mailbox=m.id AND flags&8) OR bytes<>(SELECT "
     "coalesce(sum(size),0) FROM message WHERE mailbox=m.id)"},
    {"quota",
     "SELECT bytes, messages FROM counter WHERE messages<>(SELECT count(*) FROM message) OR bytes<>(SELECT "
     "coalesce(sum(size),0) FROM message)"},
    {"body without message", "SELECT id FROM body b WHERE NOT EXISTS(SELECT 1 FROM message WHERE body=b.id)"},
    {"message without body", "SELECT mailbox, uid FROM message WHERE body NOT IN (SELECT id FROM body)"},
    {"message without mailbox",
     "SELECT mailbox, uid FROM message WHERE mailbox NOT IN (SELECT id FROM mailbox)"},
    {"UID not below UIDNEXT",
     "SELECT mailbox, uid FROM message JOIN mailbox ON mailbox.id=message.mailbox WHERE uid>=uidnext"},
    {"MODSEQ too high", "SELECT mailbox, uid FROM message JOIN mailbox ON mailbox.id=message.mailbox WHERE "
                        "modseq>highestmodseq OR highestmodseq>(SELECT modseq FROM counter)"},
    {"vanished UID is there", "SELECT message.mailbox, uid FROM message JOIN vanished ON "
                              "vanished.mailbox=message.mailbox AND uid BETWEEN uid_lo AND uid_hi"},
    {"body number too high", "SELECT id FROM body WHERE id>(SELECT body FROM counter)"},
    {"mailbox number too high", "SELECT id FROM mailbox WHERE id>(SELECT mailbox FROM counter)"},
    {"work left over", "SELECT op, args FROM intent WHERE op<>'letters'"},
    {"rebuild not ended", "SELECT k FROM meta WHERE k='rebuild'"},
};

static bool obeys_rules(struct account *account, struct buf *why)
{
    size_t before = why->len;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (add_query(account, why, rules[i].what, rules[i].sql)) {
            buf_printf(why, "cannot ask for %s\n", rules[i].what);
        }
    }
    return why->len == before;
}

struct body_row {
    int64_t mailbox;
    uint32_t uid;
    unsigned char hash[crypto_generichash_BYTES];
};

static bool content_is_right(struct account *account, const struct body_row *row, struct buf *why)
{
    struct blob_reader reader;
    unsigned char hash[crypto_generichash_BYTES];
    enum err err = message_open(account, row->mailbox, row->uid, &reader);
    if (err) {
        buf_printf(why, "message %d/%u cannot be opened: %s\n", (int)row->mailbox, row->uid, err_text(err));
        return false;
    }
    unsigned char *bytes = mem_alloc(reader.size + 1);
    ssize_t got = pread(reader.fd, bytes, reader.size, 0);
    crypto_generichash(hash, sizeof(hash), bytes, got > 0 ? (size_t)got : 0, NULL, 0);
    mem_free(bytes);
    blob_reader_close(&reader);
    if (memcmp(hash, row->hash, sizeof(hash)) != 0) {
        buf_printf(why, "message %d/%u has other content\n", (int)row->mailbox, row->uid);
        return false;
    }
    return true;
}

static bool contents_are_right(struct account *account, struct buf *why)
{
    sqlite3_stmt *statement = NULL;
    struct body_row *rows = NULL;
    size_t count = 0;
    bool good = true;
    const char *sql = "SELECT mailbox, uid, hash FROM message JOIN body ON body.id=message.body";
    if (sqlite3_prepare_v2(db_handle(account->db), sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        rows = mem_realloc_array(rows, count + 1, sizeof(*rows));
        rows[count].mailbox = sqlite3_column_int64(statement, 0);
        rows[count].uid = (uint32_t)sqlite3_column_int64(statement, 1);
        memcpy(rows[count++].hash, sqlite3_column_blob(statement, 2), crypto_generichash_BYTES);
    }
    sqlite3_finalize(statement);
    for (size_t i = 0; i < count; i++) {
        good = content_is_right(account, &rows[i], why) && good;
    }
    mem_free(rows);
    return good;
}

struct cur_file {
    char *base;
    bool has_row;
};

static size_t list_cur(struct account *account, const char *dir, struct cur_file **list_r, struct buf *why)
{
    char path[4096];
    struct cur_file *list = NULL;
    size_t count = 0;
    struct dirent *entry;
    snprintf(path, sizeof(path), "%s/%s/cur", account->path, dir);
    DIR *directory = opendir(path);
    if (!directory) {
        buf_printf(why, "no folder %s\n", path);
        return 0;
    }
    while ((entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            char *letters = strstr(entry->d_name, ":2,");
            list = mem_realloc_array(list, count + 1, sizeof(*list));
            if (letters) {
                *letters = '\0';
            }
            list[count++] = (struct cur_file){.base = mem_strdup(entry->d_name)};
        }
    }
    closedir(directory);
    *list_r = list;
    return count;
}

static void match_file(struct cur_file *list, size_t count, const char *base, const char *dir,
                       struct buf *why)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].base, base) == 0) {
            if (list[i].has_row) {
                buf_printf(why, "%s: two rows for %s\n", dir, base);
            }
            list[i].has_row = true;
            return;
        }
    }
    buf_printf(why, "%s: no file %s\n", dir, base);
}

static void check_descriptor(struct account *account, sqlite3_stmt *mailbox, struct buf *why)
{
    struct arena arena = {0};
    struct mailbox_descriptor descriptor;
    const char *dir = (const char *)sqlite3_column_text(mailbox, 1);
    enum err err =
        mailbox_descriptor_read(arena_printf(&arena, "%s/%s", account->path, dir), &arena, &descriptor);
    if (err) {
        buf_printf(why, "%s: descriptor: %s\n", dir, err_text(err));
    } else if (descriptor.id != sqlite3_column_int64(mailbox, 0) ||
               descriptor.uidvalidity != sqlite3_column_int64(mailbox, 2) ||
               descriptor.uidnext < sqlite3_column_int64(mailbox, 3) ||
               !slice_eq(descriptor.name, slice_from((const char *)sqlite3_column_text(mailbox, 4)))) {
        buf_printf(why, "%s: descriptor differs: id %d uidvalidity %u uidnext %u name %.*s\n", dir,
                   (int)descriptor.id, descriptor.uidvalidity, descriptor.uidnext,
                   SLICE_ARG(descriptor.name));
    }
    arena_free(&arena);
}

static void check_folder(struct account *account, sqlite3_stmt *mailbox, struct buf *why)
{
    struct cur_file *list = NULL;
    sqlite3_stmt *statement = NULL;
    const char *dir = (const char *)sqlite3_column_text(mailbox, 1);
    size_t count = list_cur(account, dir, &list, why);
    sqlite3_prepare_v2(db_handle(account->db), "SELECT file FROM message WHERE mailbox=?1", -1, &statement,
                       NULL);
    sqlite3_bind_int64(statement, 1, sqlite3_column_int64(mailbox, 0));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        match_file(list, count, (const char *)sqlite3_column_text(statement, 0), dir, why);
    }
    sqlite3_finalize(statement);
    for (size_t i = 0; i < count; i++) {
        if (!list[i].has_row) {
            buf_printf(why, "%s: no row for %s\n", dir, list[i].base);
        }
        mem_free(list[i].base);
    }
    mem_free(list);
    check_descriptor(account, mailbox, why);
}

static bool has_mailbox(struct account *account, const char *folder)
{
    char sql[600];
    sqlite3_stmt *statement = NULL;
    snprintf(sql, sizeof(sql), "SELECT 1 FROM mailbox WHERE dir='Maildir/%s'", folder);
    sqlite3_prepare_v2(db_handle(account->db), sql, -1, &statement, NULL);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

/* Each folder of Maildir++ is a mailbox. */
static void check_other_folders(struct account *account, struct buf *why)
{
    char path[4096];
    struct dirent *entry;
    snprintf(path, sizeof(path), "%s/Maildir", account->path);
    DIR *directory = opendir(path);
    while (directory && (entry = readdir(directory))) {
        if (entry->d_name[0] == '.' && entry->d_name[1] && strcmp(entry->d_name, "..") != 0 &&
            strncmp(entry->d_name, ".mbox", 5) != 0 && !has_mailbox(account, entry->d_name)) {
            buf_printf(why, "folder %s belongs to no mailbox\n", entry->d_name);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

static bool folders_agree(struct account *account, struct buf *why)
{
    size_t before = why->len;
    sqlite3_stmt *statement = NULL;
    const char *sql = "SELECT id, dir, uidvalidity, uidnext, name FROM mailbox";
    if (sqlite3_prepare_v2(db_handle(account->db), sql, -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        check_folder(account, statement, why);
    }
    sqlite3_finalize(statement);
    check_other_folders(account, why);
    return why->len == before;
}

static void note_problem(void *data, const char *text)
{
    buf_printf(data, "store check: %s\n", text);
}

/* What `postern store check` would say. */
static bool passes_check(struct account *account, struct buf *why)
{
    struct check check = {.read_bodies = true, .problem = note_problem, .data = why};
    struct check_report report = {0};
    enum err err = account_check(account, &check, &report);
    if (err) {
        buf_printf(why, "store check: %s\n", err_text(err));
    }
    return !err && report.problems == 0;
}

bool state_is_sound(struct store *store, struct buf *why)
{
    bool good = true;
    if (state_of_queue) {
        return queue_is_sound(store, why);
    }
    for (size_t i = 0; i < state_accounts; i++) {
        struct account *account = NULL;
        enum err err = account_open(store, slice_from(state_logins[i]), &account);
        if (err) {
            buf_printf(why, "%s: %s\n", state_logins[i], err_text(err));
            return false;
        }
        good = obeys_rules(account, why) && good;
        good = folders_agree(account, why) && good;
        good = contents_are_right(account, why) && good;
        good = passes_check(account, why) && good;
        account_close(account);
    }
    return good;
}
