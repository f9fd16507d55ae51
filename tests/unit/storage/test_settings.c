/* SPDX-License-Identifier: ISC */
/* Settings and the folders of other programs: what comes back when the index is lost, and what is found while
 * it is there. */
#include "fixture.h"

#include <sqlite3.h>

#include "storage/care.h"
#include "storage/snapshot.h"

static void run(struct account *account, struct batch_operation operation)
{
    assert_ok(batch_commit(account, &operation, 1, NULL));
}

static struct batch_operation create(const char *name)
{
    return (struct batch_operation){.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(slice_from(name))};
}

static struct batch_operation annotate(const char *name, struct slice entry, struct slice value)
{
    return (struct batch_operation){.kind = BATCH_ANNOTATE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .annotate = {.entry = entry, .value = value}};
}

static struct batch_operation rights(const char *name, struct slice who, struct slice letters)
{
    return (struct batch_operation){.kind = BATCH_SET_RIGHTS,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .rights = {.identifier = who, .rights = letters}};
}

static struct batch_operation script(enum batch_kind kind, struct slice name, struct slice text)
{
    return (struct batch_operation){.kind = kind, .sieve = {.name = name, .script = text}};
}

static void lose_index(struct fixture *fixture)
{
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm", "index.bak"};
    store_close(fixture->store);
    fixture->store = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unlink(path_of(fixture, arena_printf(&fixture->arena, ALICE_DIR "/%s", names[i])));
    }
    open_store(fixture);
}

static const char *shares_with_bob(struct fixture *fixture)
{
    struct slice *owners;
    size_t count;
    assert_ok(directory_shares(fixture->store, S("bob@example.org"), &fixture->arena, &owners, &count));
    return count ? arena_cstr(&fixture->arena, owners[0]) : "";
}

static void run_sql(struct fixture *fixture, const char *database, const char *sql)
{
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(path_of(fixture, database), &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static uint64_t problems_of(struct account *account, bool repair)
{
    struct check check = {.repair = repair};
    struct check_report report = {0};
    assert_ok(account_check(account, &check, &report));
    return report.problems;
}

/* The directory came from a backup, or the index was built anew from the files. */
static void directory_learns_again_who_shares(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    run(account, rights("INBOX", S("bob@example.org"), S("lr")));
    account_close(account);
    assert_string_equal(shares_with_bob(fixture), "alice@example.org");
    run_sql(fixture, "directory.db", "DELETE FROM share");
    assert_string_equal(shares_with_bob(fixture), "");
    reopen_store(fixture);
    account_close(open_account(fixture, ALICE)); /* mended by the first to open it */
    assert_string_equal(shares_with_bob(fixture), "alice@example.org");
    run_sql(fixture, "directory.db", "INSERT INTO share SELECT 'carol@example.org', id FROM user");
    account = open_account(fixture, ALICE);
    assert_int_equal(problems_of(account, false), 1);
    assert_int_equal(problems_of(account, true), 1);
    assert_int_equal(problems_of(account, false), 0);
    account_close(account);
    run_sql(fixture, "directory.db", "DELETE FROM share");
    lose_index(fixture);
    account_close(open_account(fixture, ALICE));
    assert_string_equal(shares_with_bob(fixture), "alice@example.org");
}

/* Everything that the settings hold, as one text. */
static struct slice describe(struct fixture *fixture, struct account *account)
{
    struct arena *arena = &fixture->arena;
    struct snapshot *snapshot;
    struct mailbox_entry *mailboxes;
    struct annotation *annotations;
    struct rights_entry *entries;
    struct sieve_entry *scripts;
    struct slice *names, text;
    struct quota_state quota;
    size_t count, inner;
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_ok(snapshot_open(account, &snapshot));
    assert_ok(snapshot_quota(snapshot, &quota));
    buf_printf(&out, "quota %u\n", (unsigned)quota.limit_messages);
    assert_ok(snapshot_subscriptions(snapshot, arena, &names, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&out, "subscribed %.*s\n", SLICE_ARG(names[i]));
    }
    assert_ok(snapshot_sieve_list(snapshot, arena, &scripts, &count));
    for (size_t i = 0; i < count; i++) {
        assert_ok(snapshot_sieve(snapshot, scripts[i].name, arena, &text));
        buf_printf(&out, "sieve %d %.*s [", scripts[i].active, SLICE_ARG(scripts[i].name));
        buf_append(&out, text);
        buf_append(&out, S("]\n"));
    }
    assert_ok(snapshot_mailboxes(snapshot, arena, &mailboxes, &count));
    for (size_t i = 0; i <= count; i++) {
        int64_t id = i ? mailboxes[i - 1].status.id : 0;
        assert_ok(snapshot_annotations(snapshot, id, arena, &annotations, &inner));
        for (size_t n = 0; n < inner; n++) {
            buf_printf(&out, "%d %.*s [", (int)id, SLICE_ARG(annotations[n].entry));
            buf_append(&out, annotations[n].value);
            buf_append(&out, S("]\n"));
        }
        assert_ok(snapshot_rights(snapshot, id, arena, &entries, &inner));
        for (size_t n = 0; n < inner; n++) {
            buf_printf(&out, "%d %.*s %.*s\n", (int)id, SLICE_ARG(entries[n].identifier),
                       SLICE_ARG(entries[n].rights));
        }
    }
    snapshot_close(snapshot);
    assert_true(buf_ok(&out));
    struct slice result = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return result;
}

static void settings_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    run(account, create("Work/\xc3\xa4"));
    run(account, create("gone"));
    run(account, (struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                          .mailbox = mailbox_named(S("no such/ box ")),
                                          .subscribe = {true}});
    run(account, (struct batch_operation){.kind = BATCH_SUBSCRIBE, .mailbox = mailbox_named(S("Junk"))});
    run(account, annotate("", S("/private/all"), S("")));
    run(account, annotate("", S("/private/lines"), S("one\n\ttwo\n\n")));
    run(account, annotate("Work/\xc3\xa4", S("/private/bytes"), S("\0\xff\r\n\t\x01\n")));
    run(account, annotate("gone", S("/private/x"), S("y")));
    run(account, rights("Work/\xc3\xa4", S("some one"), S("lrs")));
    run(account, rights("gone", S("anyone"), S("l")));
    run(account, script(BATCH_SIEVE_PUT, S("a script"), S("require \"fileinto\";\r\nkeep;\r\n")));
    run(account, script(BATCH_SIEVE_PUT, S("empty"), S("")));
    run(account, script(BATCH_SIEVE_ACTIVATE, S("a script"), SLICE_EMPTY));
    run(account, (struct batch_operation){.kind = BATCH_QUOTA_SET, .quota = {.limit_messages = 77}});
    run(account, (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(S("gone"))});
    struct slice before = describe(fixture, account);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_slice(describe(fixture, account), before);
    /* Taken away, they stay away. */
    run(account, script(BATCH_SIEVE_ACTIVATE, SLICE_EMPTY, SLICE_EMPTY));
    run(account, script(BATCH_SIEVE_DELETE, S("a script"), SLICE_EMPTY));
    run(account, rights("Work/\xc3\xa4", S("some one"), SLICE_EMPTY));
    struct batch_operation remove = annotate("", S("/PRIVATE/all"), SLICE_EMPTY);
    remove.annotate.remove = true;
    run(account, remove);
    before = describe(fixture, account);
    assert_int_equal(slice_find_text(before, S("a script")), before.len);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_slice(describe(fixture, account), before);
    account_close(account);
}

/* As after a backup came back. */
static void missing_file_is_written_at_the_next_opening(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    run(account, annotate("", S("/private/a"), S("b")));
    struct slice before = describe(fixture, account);
    account_close(account);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/settings")), 0);
    reopen_store(fixture);
    account_close(open_account(fixture, ALICE));
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_slice(describe(fixture, account), before);
    account_close(account);
}

static void lines_that_make_no_sense_are_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    account_close(account);
    store_close(fixture->store);
    open_store(fixture);
    assert_ok(fs_write_durable(
        path_of(fixture, ALICE_DIR "/settings"),
        S("\tvalue of nothing\nwhat is this\nsubscribed a//b\nsubscribed Sent\nrights 1 l*s x\n"
          "rights 999 l x\nrights 1 l\nannotation 1 private\n\tx\nannotation x /a\nsieve on x\n"
          "sieve active one\n\tkeep;\nsieve active two\n\tstop;\nquota-messages many\n"
          "annotation 1 /private/good\n\tfine"),
        0600));
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_text(describe(fixture, account),
                "quota 0\nsubscribed Sent\nsieve 1 one [keep;]\nsieve 0 two [stop;]\n"
                "1 /private/good [fine]\n");
    account_close(account);
}

/* ---- folders of other programs ---- */

static void make_maildir(struct fixture *fixture, const char *name)
{
    static const char *const parts[] = {"/cur", "/new", "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        assert_ok(fs_make_directories(
            path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s%s", name, parts[i])), 0700));
    }
    assert_ok(fs_write_durable(
        path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s/new/1.foreign", name)), HELLO, 0600));
}

static bool has(struct account *account, const char *name, uint64_t messages)
{
    struct mailbox_status status;
    assert_ok(mailbox_refresh(account, 0));
    return mailbox_status(account, slice_from(name), &status) == ERR_OK && status.messages == messages;
}

static void folders_that_appear_become_mailboxes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    make_maildir(fixture, ".Lists.&AOQ-.a&AC4-b");
    assert_true(has(account, "Lists/\xc3\xa4/a.b", 1));
    make_maildir(fixture, ".raw \xc3\xb6"); /* UTF-8 as it is */
    make_maildir(fixture, ".&AOQ");         /* nothing at all */
    make_maildir(fixture, ".inbox");
    make_maildir(fixture, ".star*");
    assert_true(has(account, "raw \xc3\xb6", 1));
    assert_true(has(account, "&AOQ", 1));
    assert_true(has(account, "star_", 1));
    assert_false(has(account, "inbox", 1));
    assert_true(slice_find_text(describe(fixture, account), S("subscribed star_\n")) <
                describe(fixture, account).len);
    struct slice before = describe(fixture, account);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_true(has(account, "Lists/\xc3\xa4/a.b", 1));
    assert_slice(describe(fixture, account), before);
    account_close(account);
}

static void folders_that_move_keep_their_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    run(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    append_text(fixture, account, "a", HELLO);
    struct mailbox_status before = status_of(account, "a");
    assert_int_equal(rename(path_of(fixture, ALICE_INBOX "/.a"), path_of(fixture, ALICE_INBOX "/.b.c")), 0);
    assert_true(has(account, "b/c", 2));
    assert_int_equal(status_of(account, "b/c").id, before.id);
    assert_int_equal(status_of(account, "b/c").uidvalidity, before.uidvalidity);
    assert_int_equal(append_text(fixture, account, "b/c", HELLO), 3);
    /* A copy, descriptor and all, is another mailbox; with the index lost, too. */
    const char *copy = arena_printf(&fixture->arena, "cp -a '%s' '%s'", path_of(fixture, ALICE_INBOX "/.b.c"),
                                    path_of(fixture, ALICE_INBOX "/.a copy"));
    assert_int_equal(system(copy), 0);
    assert_true(has(account, "a copy", 3));
    assert_int_not_equal(status_of(account, "a copy").id, before.id);
    copy = arena_printf(&fixture->arena, "cp -a '%s' '%s'", path_of(fixture, ALICE_INBOX "/.b.c"),
                        path_of(fixture, ALICE_INBOX "/.0"));
    account_close(account);
    assert_int_equal(system(copy), 0);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "b/c").id, before.id);
    assert_int_equal(status_of(account, "b/c").uidvalidity, before.uidvalidity);
    assert_int_equal(status_of(account, "0").messages, 3);
    assert_int_equal(status_of(account, "a copy").messages, 3);
    account_close(account);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(settings_come_back),
        TEST(missing_file_is_written_at_the_next_opening),
        TEST(lines_that_make_no_sense_are_passed_over),
        TEST(folders_that_appear_become_mailboxes),
        TEST(folders_that_move_keep_their_mailbox),
        TEST(directory_learns_again_who_shares),
    };
    return cmocka_run_group_tests_name("storage/settings", tests, NULL, NULL);
}
