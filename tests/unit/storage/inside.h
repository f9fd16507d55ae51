/* SPDX-License-Identifier: ISC */
/* Operations in one line, and looks into the index behind the interface. */
#ifndef TEST_STORAGE_INSIDE_H
#define TEST_STORAGE_INSIDE_H

#include "fixture.h"

#include "account_private.h"
#include "letters.h"

/* "1", "2-5" … as a set of one range. */
UNUSED static inline struct uid_set uids(struct fixture *fixture, uint32_t first, uint32_t last)
{
    struct uid_range *range = arena_new(&fixture->arena, struct uid_range);
    *range = (struct uid_range){first, last};
    return (struct uid_set){range, 1};
}

UNUSED static inline struct batch_operation copy_to(const char *from, const char *to, struct uid_set set)
{
    return (struct batch_operation){
        .kind = BATCH_COPY,
        .mailbox = mailbox_named(slice_from(from)),
        .copy = {.uids = set, .target = mailbox_named(slice_from(to))},
    };
}

UNUSED static inline struct batch_operation move_to(const char *from, const char *to, struct uid_set set)
{
    struct batch_operation operation = copy_to(from, to, set);
    operation.kind = BATCH_MOVE;
    return operation;
}

UNUSED static inline struct batch_operation store_flags(const char *mailbox, struct uid_set set,
                                                        enum batch_flag_change change, uint32_t flags)
{
    return (struct batch_operation){
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(slice_from(mailbox)),
        .flags = {.uids = set, .change = change, .flags = flags},
    };
}

/* One keyword, with or without flags. */
UNUSED static inline struct batch_operation store_keyword(struct fixture *fixture, const char *mailbox,
                                                          struct uid_set set, enum batch_flag_change change,
                                                          const char *keyword)
{
    struct batch_operation operation = store_flags(mailbox, set, change, 0);
    struct slice *names = arena_new(&fixture->arena, struct slice);
    *names = slice_from(arena_cstr(&fixture->arena, slice_from(keyword)));
    operation.flags.keywords = names;
    operation.flags.keyword_count = 1;
    return operation;
}

UNUSED static inline struct batch_operation expunge_from(const char *mailbox, struct uid_set set)
{
    return (struct batch_operation){
        .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(slice_from(mailbox)), .expunge = {.uids = set}};
}

UNUSED static inline struct batch_result run_one(struct fixture *fixture, struct account *account,
                                                 struct batch_operation operation)
{
    assert_ok(batch_commit(account, &operation, 1, &fixture->arena));
    return operation.result;
}

/* The first column of the first row. */
UNUSED static inline int64_t sql_number(struct account *account, const char *sql)
{
    assert_ok(db_begin_read(account->db));
    sqlite3_stmt *statement = db_statement(account->db, sql);
    assert_int_equal(db_step(account->db, statement), 1);
    int64_t number = sqlite3_column_int64(statement, 0);
    db_end_read(account->db);
    return number;
}

UNUSED static inline const char *sql_text(struct fixture *fixture, struct account *account, const char *sql)
{
    assert_ok(db_begin_read(account->db));
    sqlite3_stmt *statement = db_statement(account->db, sql);
    assert_int_equal(db_step(account->db, statement), 1);
    const char *text = arena_cstr(&fixture->arena, db_column_text(statement, 0, &fixture->arena));
    db_end_read(account->db);
    return text;
}

UNUSED static inline void sql_run(struct account *account, const char *sql)
{
    assert_ok(db_begin(account->db));
    assert_int_equal(sqlite3_exec(db_handle(account->db), sql, NULL, NULL, NULL), SQLITE_OK);
    assert_ok(db_commit(account->db));
}

/* "Work,$Forwarded" or "": the keywords of a message, sorted. */
UNUSED static inline const char *keywords_of(struct fixture *fixture, struct account *account,
                                             const char *mailbox, uint32_t uid)
{
    return sql_text(
        fixture, account,
        arena_printf(&fixture->arena,
                     "SELECT coalesce(group_concat(name), '') FROM (SELECT keyword.name FROM message JOIN"
                     " mailbox ON mailbox.id=message.mailbox JOIN keyword ON (keyword.id<63 AND"
                     " (message.kw>>keyword.id)&1) OR EXISTS(SELECT 1 FROM message_kw WHERE"
                     " message_kw.mailbox=message.mailbox AND message_kw.uid=message.uid AND"
                     " message_kw.kw=keyword.id) WHERE mailbox.name='%s' AND uid=%u ORDER BY keyword.name)",
                     mailbox, uid));
}

/* The name of the file of a message as it stands in the folder. */
UNUSED static inline const char *file_of(struct fixture *fixture, const char *cur, uint32_t uid)
{
    DIR *directory = opendir(path_of(fixture, cur));
    const char *found = NULL;
    const char *field = arena_printf(&fixture->arena, ",U=%u,", uid);
    struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        if (strstr(entry->d_name, field)) {
            assert_null(found);
            found = arena_cstr(&fixture->arena, slice_from(entry->d_name));
        }
    }
    closedir(directory);
    assert_non_null(found);
    return found;
}

/* Behind ":2,". */
UNUSED static inline const char *letters_of(struct fixture *fixture, const char *cur, uint32_t uid)
{
    const char *colon = strstr(file_of(fixture, cur, uid), ":2,");
    assert_non_null(colon);
    return colon + 3;
}

/* As another program does it. */
UNUSED static inline void change_letters(struct fixture *fixture, const char *cur, uint32_t uid,
                                         const char *letters)
{
    const char *name = file_of(fixture, cur, uid);
    int length = (int)(strstr(name, ":2,") + 3 - name);
    const char *from = arena_printf(&fixture->arena, "%s/%s", path_of(fixture, cur), name);
    const char *to = arena_printf(&fixture->arena, "%s/%.*s%s", path_of(fixture, cur), length, name, letters);
    assert_int_equal(rename(from, to), 0);
}

/* Loses the index of alice, closing and opening the store. */
UNUSED static inline void lose_index(struct fixture *fixture)
{
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm", "index.bak", "fts.db"};
    store_close(fixture->store);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unlink(path_of(fixture, arena_printf(&fixture->arena, ALICE_DIR "/%s", names[i])));
    }
    open_store(fixture);
}

#endif
