/* SPDX-License-Identifier: ISC */
/* Snapshots: one moment, whatever is committed meanwhile; mailboxes, keywords, settings, places. What every
 * engine must do is in tests/conformance; here is what this one could do wrong. */
#include "fixture.h"

#include <pthread.h>
#include <sys/wait.h>

#include "account_private.h"
#include "change.h"
#include "storage/snapshot.h"

static struct snapshot *open_snapshot(struct account *account)
{
    struct snapshot *snapshot = NULL;
    assert_ok(snapshot_open(account, &snapshot));
    return snapshot;
}

static struct mailbox_entry entry_of(struct fixture *fixture, struct snapshot *snapshot, const char *name)
{
    struct mailbox_entry entry;
    assert_ok(snapshot_mailbox(snapshot, mailbox_named(slice_from(name)), &fixture->arena, &entry));
    return entry;
}

static size_t count_rows(struct snapshot *snapshot, int64_t mailbox)
{
    struct message_scan scan = {.mailbox_id = mailbox, .uids = uid_set_all};
    struct message_page page;
    size_t count = 0;
    message_page_init(&page, SCAN_FLAGS);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        count += page.count;
    }
    message_page_free(&page);
    return count;
}

/* SQL of the test's own, in a change. */
static void execute(struct account *account, const char *sql)
{
    assert_ok(db_begin(account->db));
    char *message = NULL;
    if (sqlite3_exec(db_handle(account->db), sql, NULL, NULL, &message) != SQLITE_OK) {
        print_error("%s\n", message);
        fail();
    }
    assert_ok(db_commit(account->db));
}

static void one_moment(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    struct snapshot *before = open_snapshot(account);
    append_text(fixture, account, "INBOX", HELLO);
    struct snapshot *after = open_snapshot(account);
    assert_true(snapshot_modseq(after) > snapshot_modseq(before));
    assert_int_equal(entry_of(fixture, before, "INBOX").status.messages, 1);
    assert_int_equal(count_rows(before, 1), 1);
    assert_int_equal(entry_of(fixture, after, "INBOX").status.messages, 2);
    assert_int_equal(count_rows(after, 1), 2);
    struct quota_state quota;
    assert_ok(snapshot_quota(before, &quota));
    assert_int_equal(quota.messages, 1);
    assert_int_equal(quota.bytes, entry_of(fixture, before, "INBOX").status.bytes);
    assert_ok(snapshot_quota(after, &quota));
    assert_int_equal(quota.messages, 2);
    assert_int_equal(entry_of(fixture, after, "INBOX").status.highestmodseq, snapshot_modseq(after));
    snapshot_close(before);
    snapshot_close(after);
    snapshot_close(NULL);
    account_close(account);
}

static void plant_file(struct fixture *fixture)
{
    int fd = open(path_of(fixture, ALICE_INBOX "/cur/1700000000.M1P1Q1.mx,S=46,U=2,"
                                               "G=00112233445566778899aabbccddeeff:2,"),
                  O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_ok(fs_write_all(fd, HELLO));
    close(fd);
}

/* Everything that reads, while this very thread holds the lock and the handle that commits: it would hang. */
static void reading_waits_for_no_commit(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_status status;
    struct mailbox_entry *list;
    struct message_row *rows;
    struct message_detail detail;
    struct message_places places = {0};
    struct blob_reader reader;
    struct change change;
    size_t count;
    append_text(fixture, account, "INBOX", HELLO);
    alarm(60);
    assert_ok(change_begin(account, &change));
    assert_ok(db_run(account->db, db_statement(account->db, "UPDATE mailbox SET messages=99")));
    plant_file(fixture); /* as a commit in flight has it: a file without a row */
    assert_ok(mailbox_status(account, S("INBOX"), &status));
    assert_int_equal(status.messages, 1);
    assert_ok(mailbox_list(account, &fixture->arena, &list, &count));
    assert_ok(mailbox_read(account, S("INBOX"), &status, &rows, &count));
    assert_int_equal(count, 1);
    mem_free(rows);
    assert_ok(message_open(account, 1, 1, &reader));
    blob_reader_close(&reader);
    assert_ok(message_open_next(account, 1, 1, &places, &reader));
    blob_reader_close(&reader);
    message_places_free(&places);
    assert_ok(message_detail(account, 1, 1, &fixture->arena, &detail));
    change_abort(&change);
    change_free(&change);
    alarm(0);
    assert_ok(mailbox_status(account, S("INBOX"), &status)); /* nobody commits: somebody else put it there */
    assert_int_equal(status.messages, 2);
    account_close(account);
}

static void a_replaced_index_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct account *old = open_account(fixture, ALICE);
    struct snapshot *snapshot = NULL, *warm = open_snapshot(old);
    snapshot_close(warm); /* its handle is kept, and is one on the old file */
    append_text(fixture, old, "INBOX", HELLO);
    assert_int_equal(rename(path_of(fixture, ALICE_DIR "/index.db"), path_of(fixture, "old-index")), 0);
    assert_err(snapshot_open(old, &snapshot), ERR_UNAVAILABLE);
    struct account *new = open_account(fixture, ALICE);
    snapshot = open_snapshot(new);
    assert_int_equal(count_rows(snapshot, 1), 1);
    snapshot_close(snapshot);
    assert_err(snapshot_open(old, &snapshot), ERR_UNAVAILABLE); /* also without a handle that is kept */
    account_close(old);
    account_close(new);
}

static void a_user_who_was_made_anew_is_another(void **state)
{
    struct fixture *fixture = *state;
    struct account *old = open_account(fixture, ALICE);
    struct snapshot *snapshot = NULL;
    append_text(fixture, old, "INBOX", HELLO);
    assert_ok(directory_user_remove(fixture->store, ALICE, false, NULL));
    assert_err(snapshot_open(old, &snapshot), ERR_UNAVAILABLE);
    assert_ok(directory_user_add(fixture->store, ALICE, S("Another"), 0, NULL));
    assert_err(snapshot_open(old, &snapshot), ERR_UNAVAILABLE);
    struct account *new = open_account(fixture, ALICE);
    assert_err(snapshot_open(old, &snapshot), ERR_UNAVAILABLE);
    snapshot = open_snapshot(new);
    assert_int_equal(count_rows(snapshot, 1), 0);
    snapshot_close(snapshot);
    account_close(old);
    account_close(new);
}

static size_t open_files(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

#define MANY 20

static void many_at_once_and_few_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct snapshot *snapshots[MANY];
    append_text(fixture, account, "INBOX", HELLO);
    size_t before = open_files();
    for (size_t i = 0; i < MANY; i++) {
        snapshots[i] = open_snapshot(account);
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(count_rows(snapshots[i], 1), 1);
        snapshot_close(snapshots[i]);
    }
    /* A database and a WAL each. SQLite closes no descriptor while another connection of the process has
     * locks on the file, but uses it for the next one. */
    assert_int_equal(account->readers.count, READERS_KEPT);
    account_close(account);
    assert_int_equal(account->readers.count, READERS_KEPT_IDLE); /* the store still has it */
    account = open_account(fixture, ALICE);
    size_t idle = open_files();
    for (size_t i = 0; i < MANY; i++) {
        snapshots[i] = open_snapshot(account);
    }
    for (size_t i = 0; i < MANY; i++) {
        snapshot_close(snapshots[i]);
    }
    account_close(account);
    assert_true(open_files() <= idle + 2 * MANY);
    store_close(fixture->store);
    open_store(fixture);
    assert_true(open_files() <= before);
}

static void *close_it(void *argument)
{
    struct snapshot *snapshot = argument;
    assert_int_equal(count_rows(snapshot, 1), 1);
    snapshot_close(snapshot);
    return NULL;
}

/* A task's pieces of work run on one thread and then another. */
static void opened_here_and_closed_there(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    pthread_t thread;
    append_text(fixture, account, "INBOX", HELLO);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&thread, NULL, close_it, open_snapshot(account)), 0);
        pthread_join(thread, NULL);
    }
    struct snapshot *snapshot = open_snapshot(account);
    assert_int_equal(count_rows(snapshot, 1), 1);
    snapshot_close(snapshot);
    account_close(account);
}

/* --- while others commit --- */

#define ROUNDS  40
#define READERS 3

struct worker {
    struct fixture *fixture;
    pthread_t thread;
    atomic_bool *stop;
    unsigned looks;
    bool wrong;
};

static enum err append_pair(struct fixture *fixture, struct account *account)
{
    struct arena arena = {0};
    struct sealed sealed;
    enum err err = try_seal(fixture->store, &arena, HELLO, &sealed);
    if (!err) {
        struct batch_operation both[] = {append_to("INBOX", &sealed), append_to("Sent", &sealed)};
        err = batch_commit(account, both, 2, NULL);
        blob_free(sealed.blob);
    }
    arena_free(&arena);
    return err;
}

/* Counters, rows and quota of both mailboxes are those of one commit. */
static bool look(struct account *account, struct arena *arena, uint64_t *last)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry inbox, sent;
    struct quota_state quota;
    if (snapshot_open(account, &snapshot) ||
        snapshot_mailbox(snapshot, mailbox_named(S("INBOX")), arena, &inbox) ||
        snapshot_mailbox(snapshot, mailbox_named(S("Sent")), arena, &sent) ||
        snapshot_quota(snapshot, &quota)) {
        return false;
    }
    uint64_t count = inbox.status.messages, modseq = snapshot_modseq(snapshot);
    bool good = sent.status.messages == count && quota.messages == 2 * count &&
                count_rows(snapshot, inbox.status.id) == count &&
                count_rows(snapshot, sent.status.id) == count && modseq >= *last &&
                inbox.status.highestmodseq <= modseq;
    *last = modseq;
    snapshot_close(snapshot);
    return good;
}

static void *keep_looking(void *argument)
{
    struct worker *worker = argument;
    struct account *account = NULL;
    uint64_t last = 0;
    worker->wrong = account_open(worker->fixture->store, ALICE, &account) != ERR_OK;
    while (!worker->wrong && !(atomic_load(worker->stop) && worker->looks)) {
        struct arena arena = {0};
        worker->wrong = !look(account, &arena, &last);
        worker->looks++;
        arena_free(&arena);
    }
    account_close(account);
    return NULL;
}

static void readers_see_whole_commits(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    atomic_bool stop = false;
    struct worker workers[READERS];
    for (int i = 0; i < READERS; i++) {
        workers[i] = (struct worker){.fixture = fixture, .stop = &stop};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, keep_looking, &workers[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        assert_ok(append_pair(fixture, account));
    }
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_false(workers[i].wrong);
        assert_true(workers[i].looks > 0);
    }
    account_close(account);
}

/* --- what is in it --- */

static void mailboxes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct mailbox_entry *list, entry;
    size_t count;
    append_text(fixture, account, "Drafts", HELLO);
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_mailboxes(snapshot, &fixture->arena, &list, &count));
    static const char *const names[] = {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"};
    assert_int_equal(count, ARRAY_LEN(names));
    for (size_t i = 0; i < count; i++) {
        assert_text(list[i].name, names[i]);
        assert_true(list[i].subscribed);
        assert_int_equal(strlen(list[i].guid), 32);
        assert_int_equal(strspn(list[i].guid, "0123456789abcdef"), 32);
        assert_int_equal(list[i].status.messages, i == 2);
        assert_int_equal(list[i].status.uidnext, i == 2 ? 2 : 1);
        assert_int_equal(list[i].status.unseen, i == 2);
        assert_true(list[i].attr_modseq > 0);
    }
    assert_text(list[2].special_use, "\\Drafts");
    assert_int_equal(entry_of(fixture, snapshot, "iNBoX").status.id, 1);
    assert_ok(snapshot_mailbox(snapshot, mailbox_numbered(list[3].status.id), &fixture->arena, &entry));
    assert_text(entry.name, "Junk");
    assert_err(snapshot_mailbox(snapshot, mailbox_named(S("Nope")), &fixture->arena, &entry), ERR_NOT_FOUND);
    assert_err(snapshot_mailbox(snapshot, mailbox_named(S("drafts")), &fixture->arena, &entry),
               ERR_NOT_FOUND);
    assert_err(snapshot_mailbox(snapshot, mailbox_numbered(999), &fixture->arena, &entry), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    account_close(account);
}

static void expect_names(struct slice *names, size_t count, const char *const *expected,
                         size_t expected_count)
{
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        assert_text(names[i], expected[i]);
    }
}

/* Numbers 0, 2, 62 have bits, 1 has no name, 63 and 70 have none. */
static void keywords(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice *names;
    size_t count;
    for (int i = 0; i < 4; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    append_text(fixture, account, "Sent", HELLO);
    append_text(fixture, account, "Junk", HELLO);
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_keywords(snapshot, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    assert_ok(snapshot_mailbox_keywords(snapshot, 1, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    int64_t sent = entry_of(fixture, snapshot, "Sent").status.id;
    int64_t junk = entry_of(fixture, snapshot, "Junk").status.id;
    snapshot_close(snapshot);
    execute(
        account,
        "INSERT INTO keyword VALUES(0,'zero'),(2,'two'),(62,'last'),(63,'more'),(70,'most'),(71,'unused');"
        "UPDATE message SET kw=1 WHERE mailbox=1 AND uid=1;"
        "UPDATE message SET kw=(1<<63) WHERE mailbox=1 AND uid=2;"
        "INSERT INTO message_kw VALUES(1,2,70),(1,2,63);"
        "UPDATE message SET kw=(1<<62)|(1<<63) WHERE mailbox=1 AND uid=3;"
        "INSERT INTO message_kw VALUES(1,3,63);"
        "UPDATE message SET kw=(1<<63) WHERE mailbox=(SELECT id FROM mailbox WHERE name='Junk');"
        "INSERT INTO message_kw SELECT id,1,70 FROM mailbox WHERE name='Junk';");
    snapshot = open_snapshot(account);
    assert_ok(snapshot_keywords(snapshot, &fixture->arena, &names, &count));
    assert_int_equal(count, 63);
    assert_text(names[0], "zero");
    assert_text(names[1], "");
    assert_text(names[2], "two");
    assert_text(names[62], "last");
    assert_ok(snapshot_message_keywords(snapshot, 1, 1, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"zero"}, 1);
    assert_ok(snapshot_message_keywords(snapshot, 1, 2, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"more", "most"}, 2);
    assert_ok(snapshot_message_keywords(snapshot, 1, 3, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"last", "more"}, 2);
    assert_ok(snapshot_message_keywords(snapshot, 1, 4, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    assert_err(snapshot_message_keywords(snapshot, 1, 5, &fixture->arena, &names, &count), ERR_NOT_FOUND);
    assert_ok(snapshot_mailbox_keywords(snapshot, 1, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"zero", "last", "more", "most"}, 4);
    assert_ok(snapshot_mailbox_keywords(snapshot, junk, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"most"}, 1);
    assert_ok(snapshot_mailbox_keywords(snapshot, sent, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    snapshot_close(snapshot);
    account_close(account);
}

static void settings(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice *names, script;
    struct annotation *annotations;
    struct rights_entry *rights;
    struct sieve_entry *scripts;
    size_t count;
    execute(account, "DELETE FROM subscription; INSERT INTO subscription VALUES('Work'),('INBOX'),('Ab');"
                     "INSERT INTO annotation VALUES(0,'/shared/b',x'00ff'),(0,'/shared/A',x'31'),"
                     " (1,'/private/comment',x'');"
                     "INSERT INTO rights VALUES(1,'zoe','lr'),(1,'anyone','l');"
                     "INSERT INTO sieve VALUES('b',1,'keep; # \xc3\xa9'),('a',0,'stop;');");
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_subscriptions(snapshot, &fixture->arena, &names, &count));
    expect_names(names, count, (const char *const[]){"Ab", "INBOX", "Work"}, 3);
    assert_ok(snapshot_annotations(snapshot, 0, &fixture->arena, &annotations, &count));
    assert_int_equal(count, 2);
    assert_text(annotations[0].entry, "/shared/A");
    assert_text(annotations[0].value, "1");
    assert_slice(annotations[1].value, S("\0\377"));
    assert_ok(snapshot_annotations(snapshot, 1, &fixture->arena, &annotations, &count));
    assert_int_equal(count, 1);
    assert_text(annotations[0].value, "");
    assert_ok(snapshot_annotations(snapshot, 999, &fixture->arena, &annotations, &count));
    assert_int_equal(count, 0);
    assert_ok(snapshot_rights(snapshot, 1, &fixture->arena, &rights, &count));
    assert_int_equal(count, 2);
    assert_text(rights[0].identifier, "anyone");
    assert_text(rights[1].rights, "lr");
    assert_ok(snapshot_sieve_list(snapshot, &fixture->arena, &scripts, &count));
    assert_int_equal(count, 2);
    assert_text(scripts[0].name, "a");
    assert_false(scripts[0].active);
    assert_true(scripts[1].active);
    assert_int_equal(scripts[1].size, 10); /* bytes, not characters */
    assert_ok(snapshot_sieve(snapshot, S("a"), &fixture->arena, &script));
    assert_text(script, "stop;");
    assert_ok(snapshot_sieve(snapshot, SLICE_EMPTY, &fixture->arena, &script));
    assert_text(script, "keep; # \xc3\xa9");
    assert_err(snapshot_sieve(snapshot, S("c"), &fixture->arena, &script), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    execute(account, "UPDATE sieve SET active=0");
    snapshot = open_snapshot(account);
    assert_err(snapshot_sieve(snapshot, SLICE_EMPTY, &fixture->arena, &script), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    account_close(account);
}

static void places_of_a_message(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_place_found *list;
    size_t count;
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("Sent", &sealed);
    assert_ok(batch_commit(account, &append, 1, NULL));
    append_text(fixture, account, "INBOX", HELLO);
    struct uid_range first = {1, 1};
    struct batch_operation copies[] = {
        {.kind = BATCH_COPY, .mailbox = mailbox_named(S("Sent"))},
        {.kind = BATCH_COPY, .mailbox = mailbox_named(S("Sent"))},
    };
    copies[0].copy = (struct batch_copy){{&first, 1}, mailbox_named(S("INBOX"))};
    copies[1].copy = (struct batch_copy){{&first, 1}, mailbox_named(S("Sent"))};
    assert_ok(batch_commit(account, copies, 2, NULL));
    struct snapshot *snapshot = open_snapshot(account);
    int64_t sent = entry_of(fixture, snapshot, "Sent").status.id;
    assert_ok(snapshot_find(snapshot, FIND_GUID, append.result.guid, &fixture->arena, &list, &count));
    assert_int_equal(count, 3);
    assert_int_equal(list[0].mailbox_id, 1);
    assert_int_equal(list[0].uid, 2);
    assert_int_equal(list[1].mailbox_id, sent);
    assert_int_equal(list[1].uid, 1);
    assert_int_equal(list[2].uid, 2);
    assert_err(snapshot_find(snapshot, FIND_THREAD, append.result.guid, &fixture->arena, &list, &count),
               ERR_DENIED);
    unsigned char nobody[16] = {1};
    assert_ok(snapshot_find(snapshot, FIND_GUID, nobody, &fixture->arena, &list, &count));
    assert_int_equal(count, 0);
    snapshot_close(snapshot);
    blob_free(sealed.blob);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reading_waits_for_no_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_index_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_user_who_was_made_anew_is_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once_and_few_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opened_here_and_closed_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(readers_see_whole_commits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mailboxes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keywords, set_up, tear_down),
        cmocka_unit_test_setup_teardown(settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_of_a_message, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
