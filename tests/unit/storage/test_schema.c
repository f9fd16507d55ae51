/* SPDX-License-Identifier: ISC */
/* Stores of earlier schemas (tests/data/schema) are opened: nothing that a client sees has changed. */
#include "fixture.h"

#include <sqlite3.h>

#include "account_private.h"
#include "fault_runs.h"
#include "fault_state.h"

/* The rows of a query as lines. */
static void list(struct fixture *fixture, const char *sql, struct buf *out)
{
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(path_of(fixture, ALICE_DIR "/index.db"), &handle), SQLITE_OK);
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(handle));
    }
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            buf_printf(out, "%s|", text ? text : "-");
        }
        buf_append_char(out, '\n');
    }
    sqlite3_finalize(statement);
    sqlite3_close(handle);
}

/* What must be equal, in the words of the old schema and, where they are others, of the new. */
struct same {
    const char *old, *new;
};

static const struct same since_first[] = {
    {"SELECT mailbox, uid, hex(guid), hex(hash), message.modseq, flags, kw, idate, message.size, file, refs, "
     "sent,"
     " msgid, envelope, bodystruct, hdrs, parts FROM message JOIN body ON body.id=message.body ORDER BY 1, 2",
     NULL},
    {"SELECT id, name, dir, hex(guid), uidvalidity, uidnext, highestmodseq, messages, unseen, deleted, "
     "bytes, special"
     " FROM mailbox ORDER BY id",
     NULL},
    {"SELECT mailbox, modseq, uid_lo, uid_hi FROM vanished ORDER BY 1, 2, 3", NULL},
    {"SELECT bytes, messages, lim_bytes, lim_messages FROM quota",
     "SELECT bytes, messages, limit_bytes, limit_messages FROM counter"},
    {"SELECT v FROM meta WHERE k='modseq'", "SELECT modseq FROM counter"},
    {"SELECT name FROM mailbox WHERE subscribed=1 ORDER BY name",
     "SELECT name FROM subscription ORDER BY name"},
};

static const struct same since_second[] = {
    {"SELECT * FROM message ORDER BY 1, 2", NULL},
    {"SELECT id, hex(guid), hex(hash), size, refs, envelope, bodystruct, hdrs FROM body ORDER BY 1", NULL},
    {"SELECT id, name, dir, hex(guid), uidvalidity, uidnext, highestmodseq, messages, unseen, deleted, "
     "bytes, special, attr_modseq FROM mailbox ORDER BY id",
     NULL},
    {"SELECT * FROM vanished ORDER BY 1, 2, 3", NULL},
    {"SELECT * FROM counter", NULL},
    {"SELECT * FROM subscription ORDER BY name", NULL},
    {"SELECT * FROM rights ORDER BY 1, 2", NULL},
    {"SELECT * FROM annotation ORDER BY 1, 2", NULL},
    {"SELECT * FROM sieve", NULL},
};

static struct buf *list_all(struct fixture *fixture, const struct same *same, size_t count, bool old)
{
    struct buf *texts = calloc(count, sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        buf_init(&texts[i], 1 << 20);
        list(fixture, old || !same[i].new ? same[i].old : same[i].new, &texts[i]);
        assert_true(texts[i].len > 0);
    }
    return texts;
}

static void expect_upgrade(enum err (*make)(const char *folder), const struct same *same, size_t count)
{
    struct fixture fixture = {.directory = check_temporary_directory()};
    struct buf why;
    buf_init(&why, 1 << 20);
    assert_ok(make(fixture.directory));
    struct buf *before = list_all(&fixture, same, count, true);
    open_store(&fixture);
    struct account *account = open_account(&fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 3);
    assert_slice(read_message(&fixture, account, 1, 4),
                 S("Message-ID: <4@x>\r\nSubject: four\r\n\r\nfourth\r\n"));
    account_close(account);
    struct buf *after = list_all(&fixture, same, count, false);
    for (size_t i = 0; i < count; i++) {
        assert_slice(buf_slice(&after[i]), buf_slice(&before[i]));
        buf_free(&before[i]);
        buf_free(&after[i]);
    }
    free(before);
    free(after);
    state_accounts = 1;
    if (!state_is_sound(fixture.store, &why)) {
        fail_msg("%s", buf_cstr(&why));
    }
    account = open_account(&fixture, ALICE);
    assert_int_equal(append_text(&fixture, account, "INBOX", HELLO), 5);
    account_close(account);
    store_close(fixture.store);
    buf_free(&why);
    arena_free(&fixture.arena);
    check_remove_directory(fixture.directory);
}

static void store_of_the_first_schema_stays_the_same(void **state)
{
    (void)state;
    expect_upgrade(run_make_old_store, since_first, ARRAY_LEN(since_first));
}

static void store_of_the_second_schema_stays_the_same(void **state)
{
    (void)state;
    expect_upgrade(run_make_store_of_schema_2, since_second, ARRAY_LEN(since_second));
}

static void directory_of_the_first_schema_stays_the_same(void **state)
{
    struct fixture fixture = {.directory = check_temporary_directory()};
    struct directory_user user;
    struct directory_alias *aliases;
    size_t count;
    (void)state;
    assert_ok(run_make_old_store(fixture.directory));
    open_store(&fixture);
    assert_ok(directory_user_get(fixture.store, &fixture.arena, ALICE, &user));
    assert_text(user.display_name, "Alice");
    assert_int_equal(user.quota_bytes, 1000000);
    assert_ok(directory_user_get(fixture.store, &fixture.arena, S("bob@example.org"), &user));
    assert_ok(directory_alias_list(fixture.store, &fixture.arena, &aliases, &count));
    assert_int_equal(count, 1);
    assert_text(aliases[0].address, "sales@example.org");
    assert_slice(aliases[0].targets[0], ALICE);
    store_close(fixture.store);
    arena_free(&fixture.arena);
    check_remove_directory(fixture.directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(store_of_the_first_schema_stays_the_same),
        cmocka_unit_test(store_of_the_second_schema_stays_the_same),
        cmocka_unit_test(directory_of_the_first_schema_stays_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
