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

/* What must be equal, in the words of the old schema and of the new. */
static const struct {
    const char *old, *new;
} same[] = {
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

static void store_of_the_first_schema_stays_the_same(void **state)
{
    struct fixture fixture = {.directory = check_temporary_directory()};
    struct buf before[ARRAY_LEN(same)], after, why;
    (void)state;
    buf_init(&after, 1 << 20);
    buf_init(&why, 1 << 20);
    assert_ok(run_make_old_store(fixture.directory));
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        buf_init(&before[i], 1 << 20);
        list(&fixture, same[i].old, &before[i]);
        assert_true(before[i].len > 0);
    }
    open_store(&fixture);
    struct account *account = open_account(&fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 3);
    assert_slice(read_message(&fixture, account, 1, 4),
                 S("Message-ID: <4@x>\r\nSubject: four\r\n\r\nfourth\r\n"));
    account_close(account);
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        buf_clear(&after);
        list(&fixture, same[i].new ? same[i].new : same[i].old, &after);
        assert_slice(buf_slice(&after), buf_slice(&before[i]));
        buf_free(&before[i]);
    }
    state_accounts = 1;
    if (!state_is_sound(fixture.store, &why)) {
        fail_msg("%s", buf_cstr(&why));
    }
    account = open_account(&fixture, ALICE);
    assert_int_equal(append_text(&fixture, account, "INBOX", HELLO), 5);
    account_close(account);
    store_close(fixture.store);
    buf_free(&after);
    buf_free(&why);
    arena_free(&fixture.arena);
    check_remove_directory(fixture.directory);
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
        cmocka_unit_test(directory_of_the_first_schema_stays_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
