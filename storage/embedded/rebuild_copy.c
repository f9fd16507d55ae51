/* SPDX-License-Identifier: ISC */
/* A message of the copy is the one in the index when their files have the same base name, which tells UID and
 * identifier; a mailbox, when identifier and MAILBOXID are the same. */
#include "rebuild_copy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "index_backup.h"
#include "message_rows.h"
#include "settings.h"
#include "viewers.h"

/* SQL that is used once in a lifetime is not worth a place among the statements of the connection. */
static enum err run(struct change *change, const char *sql)
{
    int result = sqlite3_exec(db_handle(change->db), sql, NULL, NULL, NULL);
    if (result == SQLITE_OK) {
        return ERR_OK;
    }
    log_error("index.copy_failed", log_cstr("account", change->account->login), log_number("sqlite", result),
              log_cstr("text", sqlite3_errmsg(db_handle(change->db))));
    return (result & 0xff) == SQLITE_FULL ? ERR_NO_SPACE : ERR_IO;
}

struct copy_state {
    bool whole;
    int64_t version, modseq;
};

static int read_whole(void *data, int count, char **values, char **names)
{
    (void)names;
    *(bool *)data = count == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

static int read_number(void *data, int count, char **values, char **names)
{
    (void)names;
    *(int64_t *)data = count == 1 && values[0] ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

static struct copy_state look_at_copy(struct account *account)
{
    struct copy_state state = {0};
    struct arena arena = {0};
    sqlite3 *handle = NULL;
    if (faccessat(account->dir_fd, INDEX_BACKUP, F_OK, 0) == 0 &&
        sqlite3_open_v2(arena_printf(&arena, "%s/" INDEX_BACKUP, account->path), &handle,
                        SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_exec(handle, "PRAGMA quick_check(1)", read_whole, &state.whole, NULL);
        sqlite3_exec(handle, "PRAGMA user_version", read_number, &state.version, NULL);
        sqlite3_exec(handle, "SELECT modseq FROM counter", read_number, &state.modseq, NULL);
    }
    sqlite3_close(handle);
    arena_free(&arena);
    return state;
}

int64_t rebuild_copy_modseq(struct account *account)
{
    struct copy_state state = look_at_copy(account);
    return state.whole ? state.modseq : 0;
}

bool rebuild_copy_attach(struct account *account)
{
    struct copy_state state = look_at_copy(account);
    struct arena arena = {0};
    if (!state.whole || state.version != (int64_t)account_schema.step_count) {
        return false;
    }
    char *sql = sqlite3_mprintf("ATTACH %Q AS copy", arena_printf(&arena, "%s/" INDEX_BACKUP, account->path));
    bool attached = sql && sqlite3_exec(db_handle(account->db), sql, NULL, NULL, NULL) == SQLITE_OK;
    sqlite3_free(sql);
    arena_free(&arena);
    return attached;
}

void rebuild_copy_detach(struct account *account)
{
    if (sqlite3_exec(db_handle(account->db), "DETACH copy", NULL, NULL, NULL) != SQLITE_OK) {
        log_error("index.copy_failed", log_cstr("account", account->login),
                  log_cstr("text", sqlite3_errmsg(db_handle(account->db))));
    }
}

/* ---- keywords ---- */

struct copied_keyword {
    int64_t mailbox;
    uint32_t uid;
    struct slice name;
};

/* Those of messages that are there, by bits and by rows. */
#define COPIED_KEYWORDS                                                                                     \
    "SELECT m.mailbox, m.uid, k.name FROM copy.message m JOIN main.message n ON n.mailbox=m.mailbox AND "   \
    "n.uid=m.uid AND n.file=m.file JOIN copy.keyword k ON (k.id BETWEEN 0 AND 62 AND m.kw & (1<<k.id)<>0)"  \
    " OR (m.kw<0 AND EXISTS(SELECT 1 FROM copy.message_kw x WHERE x.mailbox=m.mailbox AND x.uid=m.uid AND " \
    "x.kw=k.id)) WHERE m.kw<>0 ORDER BY m.mailbox, m.uid"

static enum err read_keywords(struct change *change, struct copied_keyword **list_r, size_t *count_r)
{
    sqlite3_stmt *statement = NULL;
    struct copied_keyword *list = NULL;
    size_t count = 0, room = 0;
    int result = sqlite3_prepare_v2(db_handle(change->db), COPIED_KEYWORDS, -1, &statement, NULL);
    while (result == SQLITE_OK && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        if (count == room) {
            room = room ? 2 * room : 64;
            list = mem_realloc_array(list, room, sizeof(*list));
        }
        list[count++] = (struct copied_keyword){
            .mailbox = sqlite3_column_int64(statement, 0),
            .uid = (uint32_t)sqlite3_column_int64(statement, 1),
            .name = db_column_text(statement, 2, &change->arena),
        };
        result = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    *list_r = list;
    *count_r = count;
    return result == SQLITE_DONE ? ERR_OK : ERR_IO;
}

/* A keyword with a letter is as the file's name says. */
static enum err add_keyword(struct change *change, const struct copied_keyword *keyword, uint64_t *modseq)
{
    struct uid_range uid = {keyword->uid, keyword->uid};
    struct marking marking = {.uids = {&uid, 1}};
    struct keyword_set lettered = {0};
    size_t mailbox, changed;
    enum err err = change_mailbox_by_id(change, keyword->mailbox, &mailbox);
    if (!err) {
        err = keywords_of_letters(change, mailbox, (UINT32_C(1) << MAIL_FILE_KEYWORDS) - 1, &lettered);
    }
    if (!err) {
        err = keywords_find(change, &keyword->name, 1, true, &marking.add_keywords);
    }
    for (size_t i = 0; i < KEYWORD_WORDS; i++) {
        marking.add_keywords.words[i] &= ~lettered.words[i];
    }
    if (!err && !keyword_set_is_empty(&marking.add_keywords)) {
        err = messages_mark(change, mailbox, modseq, &marking, NULL, NULL, &changed);
    }
    return err == ERR_LIMIT || err == ERR_SYNTAX ? ERR_OK : err;
}

static enum err take_keywords(struct change *change)
{
    struct copied_keyword *list = NULL;
    size_t count = 0;
    uint64_t modseq = 0;
    enum err err = read_keywords(change, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        err = add_keyword(change, &list[i], &modseq);
    }
    mem_free(list);
    return err;
}

/* ---- who has seen what ---- */

#define COPIED_SEEN                                                                                      \
    "SELECT n.mailbox, x.login, n.uid FROM copy.viewer_seen v JOIN copy.viewer x ON x.id=v.viewer JOIN " \
    "main.message n ON n.mailbox=v.mailbox AND n.uid BETWEEN v.first AND v.last JOIN copy.message m ON"  \
    " m.mailbox=n.mailbox AND m.uid=n.uid AND m.file=n.file ORDER BY 1, 2, 3"

struct copied_seen {
    int64_t mailbox;
    struct slice viewer;
    struct uid_set_writer uids;
};

static enum err end_set(struct change *change, struct copied_seen *seen)
{
    struct uid_set uids = uid_set_take(&seen->uids, &change->arena);
    return viewer_mark(change, seen->mailbox, seen->viewer, &uids, true);
}

static enum err take_seen(struct change *change)
{
    sqlite3_stmt *statement = NULL;
    struct copied_seen seen = {.viewer = SLICE_EMPTY};
    enum err err = ERR_OK;
    int result = sqlite3_prepare_v2(db_handle(change->db), COPIED_SEEN, -1, &statement, NULL);
    while (result == SQLITE_OK && !err && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t mailbox = sqlite3_column_int64(statement, 0);
        struct slice viewer =
            slice_of(sqlite3_column_text(statement, 1), (size_t)sqlite3_column_bytes(statement, 1));
        if (mailbox != seen.mailbox || !slice_eq(viewer, seen.viewer)) {
            err = end_set(change, &seen);
            seen.mailbox = mailbox;
            seen.viewer = arena_copy(&change->arena, viewer);
        }
        uid_set_add(&seen.uids, (uint32_t)sqlite3_column_int64(statement, 2));
        result = SQLITE_OK;
    }
    sqlite3_finalize(statement);
    enum err last = end_set(change, &seen);
    err = err ? err : last;
    return err ? err : result == SQLITE_DONE ? ERR_OK : ERR_IO;
}

/* ---- the rest ---- */

#define SAME_MAILBOX \
    " IN (SELECT m.id FROM copy.mailbox m JOIN main.mailbox n ON n.id=m.id AND n.guid=m.guid)"

static const char *const always[] = {
    "UPDATE main.message SET saved=(SELECT saved FROM copy.message m WHERE m.mailbox=message.mailbox AND"
    " m.uid=message.uid AND m.file=message.file) WHERE EXISTS(SELECT 1 FROM copy.message m WHERE"
    " m.mailbox=message.mailbox AND m.uid=message.uid AND m.file=message.file)",
    "INSERT OR IGNORE INTO main.thread_member SELECT n.id, t.thread FROM copy.thread_member t JOIN copy.body "
    "m"
    " ON m.id=t.body JOIN main.body n ON n.guid=m.guid",
    "INSERT OR IGNORE INTO main.thread_ref SELECT key, thread FROM copy.thread_ref",
    "INSERT OR IGNORE INTO main.seen SELECT kind, key, expires FROM copy.seen",
};

/* Without the file that mirrors them, an old state is better than none. */
static const char *const settings[] = {
    "INSERT OR IGNORE INTO main.annotation SELECT mailbox, entry, value FROM copy.annotation WHERE mailbox=0 "
    "OR"
    " mailbox" SAME_MAILBOX,
    "INSERT OR IGNORE INTO main.rights SELECT mailbox, identifier, rights FROM copy.rights WHERE"
    " mailbox" SAME_MAILBOX,
    "INSERT OR IGNORE INTO main.sieve SELECT name, active, script FROM copy.sieve",
    "INSERT OR IGNORE INTO main.subscription SELECT name FROM copy.subscription WHERE name NOT IN"
    " (SELECT name FROM main.mailbox)",
};

static enum err run_each(struct change *change, const char *const *statements, size_t count)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = run(change, statements[i]);
    }
    return err;
}

static enum err take_limits(struct change *change)
{
    int64_t limit = 0;
    if (sqlite3_exec(db_handle(change->db), "SELECT limit_messages FROM copy.counter", read_number, &limit,
                     NULL) == SQLITE_OK) {
        change->counters.limit_messages = MAX_OF(limit, 0);
    }
    return ERR_OK;
}

enum err rebuild_copy_take(struct change *change)
{
    enum err err = run_each(change, always, ARRAY_LEN(always));
    if (!err && !settings_exist(change->account)) {
        err = run_each(change, settings, ARRAY_LEN(settings));
        err = err ? err : take_limits(change);
    }
    if (!err) {
        err = take_keywords(change);
    }
    return err ? err : take_seen(change);
}
