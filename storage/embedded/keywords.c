/* SPDX-License-Identifier: ISC */
/* The account's keywords, read once in a change that needs them. */
#include "keywords.h"

#include <string.h>

struct keyword_names {
    struct slice names[KEYWORDS_MAX]; /* by number; empty: free */
};

bool keyword_set_is_empty(const struct keyword_set *set)
{
    static const struct keyword_set empty;
    return keyword_set_eq(set, &empty);
}

bool keyword_set_eq(const struct keyword_set *a, const struct keyword_set *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Of those with rows in message_kw. */
static uint64_t others(const struct keyword_set *set, size_t word)
{
    return word == 0 ? set->words[0] & KEYWORD_OTHERS : set->words[word];
}

static bool has_others(const struct keyword_set *set)
{
    for (size_t i = 0; i < KEYWORD_WORDS; i++) {
        if (others(set, i)) {
            return true;
        }
    }
    return false;
}

int64_t keyword_set_column(const struct keyword_set *set)
{
    return (int64_t)((set->words[0] & ~KEYWORD_OTHERS) | (has_others(set) ? KEYWORD_OTHERS : 0));
}

/* ---- names ---- */

static enum err load_names(struct change *change)
{
    int more;
    if (change->keywords) {
        return ERR_OK;
    }
    struct keyword_names *list = arena_new(&change->arena, struct keyword_names);
    sqlite3_stmt *statement = db_statement(change->db, "SELECT id, name FROM keyword");
    while ((more = db_step(change->db, statement)) == 1) {
        int64_t number = sqlite3_column_int64(statement, 0);
        if (number >= 0 && number < KEYWORDS_MAX) {
            list->names[number] = db_column_text(statement, 1, &change->arena);
        }
    }
    if (more == 0) {
        change->keywords = list;
    }
    return db_step_err(more);
}

void keywords_rolled_back(struct change *change)
{
    change->keywords = NULL;
}

enum err keyword_name(struct change *change, unsigned number, struct slice *name_r)
{
    enum err err = load_names(change);
    if (!err) {
        *name_r = change->keywords->names[number];
    }
    return err;
}

#define NONE KEYWORDS_MAX

/* The number of that name, else a free one, else NONE. */
static unsigned place_of(const struct keyword_names *list, struct slice name, bool *found_r)
{
    unsigned free_one = NONE;
    *found_r = true;
    for (unsigned i = 0; i < KEYWORDS_MAX; i++) {
        if (list->names[i].len == 0) {
            free_one = MIN_OF(free_one, i);
        } else if (slice_eq_nocase(list->names[i], name)) {
            return i;
        }
    }
    *found_r = false;
    return free_one;
}

/* Numbers that some message has. Only when no number is free: it may walk many messages. */
static enum err read_used(struct change *change, struct keyword_set *used_r)
{
    int more;
    uint64_t bits = 0;
    struct keyword_set used = {0};
    sqlite3_stmt *statement = db_statement(change->db, "SELECT DISTINCT kw FROM message WHERE kw<>0");
    while ((more = db_step(change->db, statement)) == 1) {
        bits |= (uint64_t)sqlite3_column_int64(statement, 0);
    }
    if (more == 0) {
        used.words[0] = bits & ~KEYWORD_OTHERS;
        statement = db_statement(change->db, "SELECT DISTINCT kw FROM message_kw");
        while ((more = db_step(change->db, statement)) == 1) {
            int64_t number = sqlite3_column_int64(statement, 0);
            if (number >= 0 && number < KEYWORDS_MAX) {
                keyword_set_add(&used, (unsigned)number);
            }
        }
    }
    *used_r = used;
    return db_step_err(more);
}

/* `spared` are about to be used. */
static enum err free_unused(struct change *change, const struct keyword_set *spared)
{
    struct keyword_set used;
    enum err err = read_used(change, &used);
    for (unsigned i = 0; i < KEYWORDS_MAX && !err; i++) {
        if (!keyword_set_has(&used, i) && !keyword_set_has(spared, i)) {
            sqlite3_stmt *statement = db_statement(change->db, "DELETE FROM keyword WHERE id=?1");
            db_bind_int(statement, 1, i);
            err = db_run(change->db, statement);
            change->keywords->names[i] = SLICE_EMPTY;
        }
    }
    return err;
}

static enum err create_keyword(struct change *change, unsigned number, struct slice name)
{
    sqlite3_stmt *statement = db_statement(change->db, "INSERT INTO keyword VALUES(?1, ?2)");
    db_bind_int(statement, 1, number);
    db_bind_text(statement, 2, name);
    enum err err = db_run(change->db, statement);
    if (!err) {
        change->keywords->names[number] = arena_copy(&change->arena, name);
    }
    return err;
}

static enum err find_one(struct change *change, struct slice name, bool create, struct keyword_set *set)
{
    bool found = false;
    unsigned number = place_of(change->keywords, name, &found);
    enum err err = ERR_OK;
    if (!found && !create) {
        return ERR_OK;
    }
    if (number == NONE) {
        err = free_unused(change, set);
        if (!err) {
            number = place_of(change->keywords, name, &found);
        }
    }
    if (!err && number == NONE) {
        return ERR_LIMIT;
    }
    if (!err && !found) {
        err = create_keyword(change, number, name);
    }
    if (!err) {
        keyword_set_add(set, number);
    }
    return err;
}

enum err keywords_find(struct change *change, const struct slice *names, size_t count, bool create,
                       struct keyword_set *set_r)
{
    struct keyword_set set = {0};
    enum err err = count ? load_names(change) : ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = keyword_is_valid(names[i]) ? find_one(change, names[i], create, &set) : ERR_SYNTAX;
    }
    if (!err) {
        *set_r = set;
    }
    return err;
}

/* ---- of a message ---- */

enum err keywords_read(struct change *change, int64_t mailbox, uint32_t uid, int64_t column,
                       struct keyword_set *set_r)
{
    int more = 0;
    *set_r = (struct keyword_set){.words[0] = (uint64_t)column & ~KEYWORD_OTHERS};
    if (((uint64_t)column & KEYWORD_OTHERS) == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT kw FROM message_kw WHERE mailbox=?1 AND uid=?2");
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, uid);
    while ((more = db_step(change->db, statement)) == 1) {
        int64_t number = sqlite3_column_int64(statement, 0);
        if (number >= KEYWORD_BITS && number < KEYWORDS_MAX) {
            keyword_set_add(set_r, (unsigned)number);
        }
    }
    return db_step_err(more);
}

static enum err write_other(struct change *change, const char *sql, int64_t mailbox, uint32_t uid,
                            unsigned number)
{
    sqlite3_stmt *statement = db_statement(change->db, sql);
    db_bind_int(statement, 1, mailbox);
    db_bind_int(statement, 2, uid);
    db_bind_int(statement, 3, number);
    return db_run(change->db, statement);
}

enum err keywords_write(struct change *change, int64_t mailbox, uint32_t uid,
                        const struct keyword_set *before, const struct keyword_set *after)
{
    enum err err = ERR_OK;
    for (size_t word = 0; word < KEYWORD_WORDS && !err; word++) {
        uint64_t different = others(before, word) ^ others(after, word);
        for (unsigned bit = 0; different && bit < 64 && !err; bit++) {
            unsigned number = (unsigned)word * 64 + bit;
            if ((different >> bit & 1) == 0) {
                continue;
            }
            err = keyword_set_has(after, number)
                      ? write_other(change, "INSERT INTO message_kw VALUES(?1, ?2, ?3)", mailbox, uid, number)
                      : write_other(change, "DELETE FROM message_kw WHERE mailbox=?1 AND uid=?2 AND kw=?3",
                                    mailbox, uid, number);
        }
    }
    return err;
}
