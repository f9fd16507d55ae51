/* SPDX-License-Identifier: ISC */
/* COPY and MOVE: what comes out, what it costs, where the bytes are. */
#include "inside.h"

#include <errno.h>
#include <pthread.h>

#define INBOX_CUR   ALICE_INBOX "/cur"
#define ARCHIVE     ALICE_INBOX "/.Archive"
#define ARCHIVE_CUR ARCHIVE "/cur"

#define BODIES_WITH(messages) \
    "SELECT count(*) FROM (SELECT body FROM message GROUP BY body HAVING count(*)=" messages ")"

static struct message_row *rows_of(struct account *account, const char *mailbox, size_t expected)
{
    struct message_row *rows = NULL;
    size_t count = 0;
    assert_ok(mailbox_scan(account, status_of(account, mailbox).id, &rows, &count));
    assert_int_equal(count, expected);
    return rows;
}

static struct stat stat_of(struct fixture *fixture, const char *cur, uint32_t uid)
{
    struct stat info;
    const char *path =
        arena_printf(&fixture->arena, "%s/%s", path_of(fixture, cur), file_of(fixture, cur, uid));
    assert_int_equal(stat(path, &info), 0);
    return info;
}

static void fill(struct fixture *fixture, struct account *account, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        struct slice text = slice_from(arena_printf(&fixture->arena, "Subject: %u\r\n\r\nbody\r\n", i));
        append_text(fixture, account, "INBOX", text);
    }
}

static void copies_share_file_and_guid(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "Archive", HELLO);
    fill(fixture, account, 4);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 3), FLAGS_ADD, MESSAGE_FLAGGED));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 3, 3), FLAGS_ADD, "Work"));
    struct uid_range ranges[] = {{2, 2}, {4, 9}};
    struct batch_result result =
        run_one(fixture, account, copy_to("inbox", "Archive", (struct uid_set){ranges, 2}));
    struct mailbox_status archive = status_of(account, "Archive");
    assert_int_equal(result.affected, 2);
    assert_int_equal(result.uid, 2);
    assert_int_equal(result.mailbox_id, archive.id);
    assert_int_equal(result.uidvalidity, archive.uidvalidity);
    assert_int_equal(result.modseq, archive.highestmodseq);
    assert_int_equal(result.source.count, 2);
    assert_int_equal(uid_set_size(&result.source), 2);
    assert_true(uid_set_has(&result.source, 2) && uid_set_has(&result.source, 4));
    assert_int_equal(archive.uidnext, 4);

    struct message_row *from = rows_of(account, "INBOX", 4);
    struct message_row *to = rows_of(account, "Archive", 3);
    assert_string_equal(from[1].guid, to[1].guid);
    assert_string_equal(from[3].guid, to[2].guid);
    assert_int_equal(to[1].uid, 2);
    assert_int_equal(to[2].uid, 3);
    assert_int_equal(to[1].flags, MESSAGE_FLAGGED);
    assert_int_equal(to[1].size, from[1].size);
    assert_int_equal(to[1].internal_date_us, from[1].internal_date_us);
    assert_int_equal(to[1].modseq, result.modseq);
    mem_free(from);
    mem_free(to);

    struct stat source = stat_of(fixture, INBOX_CUR, 2), copy = stat_of(fixture, ARCHIVE_CUR, 2);
    assert_int_equal(source.st_ino, copy.st_ino);
    assert_int_equal(copy.st_nlink, 2);
    assert_string_equal(letters_of(fixture, ARCHIVE_CUR, 2), "F"); /* at once, though the source's may wait */
    assert_int_equal(sql_number(account, "SELECT count(*) FROM body"), 5);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM message"), 7);
    assert_slice(read_message(fixture, account, archive.id, 3), S("Subject: 4\r\n\r\nbody\r\n"));
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    assert_int_equal(sql_number(account, "SELECT messages FROM counter"), 7);

    /* A body goes with the last message that has it. */
    run_one(fixture, account, expunge_from("INBOX", uid_set_all));
    assert_int_equal(sql_number(account, "SELECT count(*) FROM body"), 3);
    assert_slice(read_message(fixture, account, archive.id, 2), S("Subject: 2\r\n\r\nbody\r\n"));
    account_close(account);
}

static void copies_within_one_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 3);
    struct batch_result result = run_one(fixture, account, copy_to("INBOX", "INBOX", uid_set_all));
    assert_int_equal(result.affected, 3); /* not the copies again */
    assert_int_equal(result.uid, 4);
    struct message_row *rows = rows_of(account, "INBOX", 6);
    assert_string_equal(rows[0].guid, rows[3].guid); /* RFC 8474 section 5.1 */
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    rows = rows_of(account, "INBOX", 6);
    assert_int_equal(rows[5].uid, 6);
    assert_string_equal(rows[0].guid, rows[3].guid);
    assert_int_equal(sql_number(account, BODIES_WITH("2")), 3);
    mem_free(rows);
    account_close(account);
}

static void what_is_not_there_is_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 1);
    uint64_t modseq = (uint64_t)sql_number(account, "SELECT modseq FROM counter");
    struct batch_result result = run_one(fixture, account, copy_to("INBOX", "Archive", uids(fixture, 2, 9)));
    assert_int_equal(result.affected, 0);
    assert_int_equal(result.source.count, 0);
    result = run_one(fixture, account, move_to("INBOX", "Archive", (struct uid_set){0}));
    assert_int_equal(result.affected, 0);
    assert_int_equal(sql_number(account, "SELECT modseq FROM counter"), modseq);
    struct batch_operation nowhere = copy_to("INBOX", "Nowhere", uid_set_all);
    assert_err(batch_commit(account, &nowhere, 1, NULL), ERR_NOT_FOUND);
    /* A file that another program took away cannot be copied; the others can. */
    fill(fixture, account, 2);
    assert_int_equal(unlink(arena_printf(&fixture->arena, "%s/%s", path_of(fixture, INBOX_CUR),
                                         file_of(fixture, INBOX_CUR, 2))),
                     0);
    result = run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all));
    assert_int_equal(result.affected, 2);
    assert_false(uid_set_has(&result.source, 2));
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    account_close(account);
}

static void moved_messages_leave_their_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 5);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_ADD, MESSAGE_SEEN));
    struct message_row *before = rows_of(account, "INBOX", 5);
    struct batch_result result = run_one(fixture, account, move_to("INBOX", "Archive", uids(fixture, 2, 4)));
    assert_int_equal(result.affected, 3);
    assert_int_equal(result.uid, 1);
    assert_int_equal(uid_set_size(&result.source), 3);
    struct message_row *after = rows_of(account, "Archive", 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(after[i].guid, before[i + 1].guid);
    }
    assert_int_equal(after[0].flags, MESSAGE_SEEN);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, result.modseq);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM vanished"), 1);
    assert_int_equal(sql_number(account, "SELECT uid_lo*100+uid_hi FROM vanished"), 204);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM intent WHERE op<>'letters'"), 0);
    assert_int_equal(sql_number(account, BODIES_WITH("1")), 5);
    assert_int_equal(sql_number(account, "SELECT messages FROM counter"), 5);
    assert_int_equal(stat_of(fixture, ARCHIVE_CUR, 1).st_nlink, 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    mem_free(after);
    /* Within one mailbox: new UIDs, the same messages. */
    result = run_one(fixture, account, move_to("INBOX", "INBOX", uids(fixture, 1, 1)));
    assert_int_equal(result.uid, 6);
    after = rows_of(account, "INBOX", 2);
    assert_int_equal(after[0].uid, 5);
    assert_int_equal(after[1].uid, 6);
    assert_string_equal(after[1].guid, before[0].guid);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    mem_free(after);
    mem_free(before);
    account_close(account);
}

static void quota_counts_copies_and_not_moves(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (int i = 0; i < 3; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_ok(directory_user_set_quota(fixture->store, ALICE, 4 * HELLO.len));
    uint64_t modseq = (uint64_t)sql_number(account, "SELECT modseq FROM counter");
    struct batch_operation copy = copy_to("INBOX", "Archive", uids(fixture, 1, 2));
    assert_err(batch_commit(account, &copy, 1, NULL), ERR_OVER_QUOTA);
    assert_int_equal(count_files(fixture, ARCHIVE_CUR), 0);
    assert_int_equal(sql_number(account, "SELECT modseq FROM counter"), modseq);
    assert_int_equal(status_of(account, "Archive").uidnext, 1);
    copy.copy.uids = uids(fixture, 1, 1);
    assert_ok(batch_commit(account, &copy, 1, NULL));
    assert_err(batch_commit(account, &copy, 1, NULL), ERR_OVER_QUOTA);
    struct batch_operation move = move_to("INBOX", "Archive", uid_set_all);
    assert_ok(batch_commit(account, &move, 1, NULL));
    assert_int_equal(sql_number(account, "SELECT bytes FROM counter"), 4 * (int64_t)HELLO.len);
    /* Of messages. */
    sql_run(account, "UPDATE counter SET limit_bytes=0, limit_messages=5");
    copy = copy_to("Archive", "INBOX", uids(fixture, 1, 2));
    assert_err(batch_commit(account, &copy, 1, NULL), ERR_OVER_QUOTA);
    copy.copy.uids = uids(fixture, 1, 1);
    assert_ok(batch_commit(account, &copy, 1, NULL));
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

#define RACERS 8

struct racer {
    struct fixture *fixture;
    struct account *account;
    unsigned done;
};

static void *race(void *data)
{
    struct racer *racer = data;
    struct uid_range one = {1, 1};
    for (int i = 0; i < 10; i++) {
        struct batch_operation copy = copy_to("INBOX", "Archive", (struct uid_set){&one, 1});
        enum err err = batch_commit(racer->account, &copy, 1, NULL);
        racer->done += err == ERR_OK;
        if (err && err != ERR_OVER_QUOTA) {
            racer->done = 1000;
        }
    }
    return NULL;
}

static void quota_holds_when_many_copy_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    unsigned done = 0;
    append_text(fixture, account, "INBOX", HELLO);
    assert_ok(directory_user_set_quota(fixture->store, ALICE, 32 * HELLO.len + 1));
    for (int i = 0; i < RACERS; i++) {
        racers[i] = (struct racer){fixture, account, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        done += racers[i].done;
    }
    assert_int_equal(done, 31);
    assert_int_equal(status_of(account, "Archive").messages, 31);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    account_close(account);
}

static void another_disk_gets_copies(void **state)
{
    struct fixture *fixture = *state;
    char away[] = "/dev/shm/postern-test.XXXXXX";
    struct stat here, there;
    if (!mkdtemp(away)) {
        skip();
    }
    assert_int_equal(stat(fixture->directory, &here), 0);
    assert_int_equal(stat(away, &there), 0);
    if (here.st_dev == there.st_dev) {
        rmdir(away);
        skip();
    }
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
    store_close(fixture->store);
    assert_int_equal(rmdir(away), 0);
    assert_int_equal(system(arena_printf(&fixture->arena, "mv %s %s && ln -s %s %s",
                                         path_of(fixture, ARCHIVE), away, away, path_of(fixture, ARCHIVE))),
                     0);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all)).affected, 1);
    assert_int_equal(run_one(fixture, account, move_to("INBOX", "Archive", uid_set_all)).affected, 1);
    int64_t id = status_of(account, "Archive").id;
    assert_slice(read_message(fixture, account, id, 1), HELLO);
    assert_slice(read_message(fixture, account, id, 2), HELLO);
    assert_int_equal(stat_of(fixture, ARCHIVE_CUR, 1).st_nlink, 1);
    assert_int_equal(count_files(fixture, ARCHIVE "/tmp"), 0);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
    check_remove_directory(strdup(away));
}

static void too_many_links_get_a_copy(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    const char *file =
        arena_printf(&fixture->arena, "%s/%s", path_of(fixture, INBOX_CUR), file_of(fixture, INBOX_CUR, 1));
    assert_int_equal(mkdir(path_of(fixture, "links"), 0700), 0);
    int links = open(path_of(fixture, "links"), O_RDONLY | O_DIRECTORY);
    int result = 0;
    for (int i = 0; i < 66000 && result == 0; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        result = linkat(AT_FDCWD, file, links, name, 0);
    }
    close(links);
    if (result == 0) { /* a file system that allows more */
        account_close(account);
        skip();
    }
    assert_int_equal(errno, EMLINK);
    assert_int_equal(run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all)).affected, 1);
    assert_int_equal(stat_of(fixture, ARCHIVE_CUR, 1).st_nlink, 1);
    assert_slice(read_message(fixture, account, status_of(account, "Archive").id, 1), HELLO);
    account_close(account);
}

static void lost_index_knows_copies(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    fill(fixture, account, 6);
    run_one(fixture, account, copy_to("INBOX", "Archive", uids(fixture, 1, 4)));
    run_one(fixture, account, move_to("INBOX", "Drafts", uids(fixture, 3, 5)));
    struct message_row *inbox = rows_of(account, "INBOX", 3), *archive = rows_of(account, "Archive", 4),
                       *drafts = rows_of(account, "Drafts", 3);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    struct message_row *again[] = {rows_of(account, "INBOX", 3), rows_of(account, "Archive", 4),
                                   rows_of(account, "Drafts", 3)};
    struct message_row *before[] = {inbox, archive, drafts};
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < (i == 1 ? 4 : 3); n++) {
            assert_int_equal(again[i][n].uid, before[i][n].uid);
            assert_string_equal(again[i][n].guid, before[i][n].guid);
        }
        mem_free(again[i]);
        mem_free(before[i]);
    }
    assert_int_equal(sql_number(account, "SELECT count(*) FROM body"), 6);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM message"), 10);
    account_close(account);
}

#define MANY 1500

static void many_messages_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation *appends = arena_array(&fixture->arena, struct batch_operation, MANY);
    for (size_t i = 0; i < MANY; i++) {
        appends[i] = append_to("INBOX", &sealed);
    }
    assert_ok(batch_commit(account, appends, MANY, NULL));
    blob_free(sealed.blob);
    assert_int_equal(run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all)).affected, MANY);
    assert_int_equal(run_one(fixture, account, move_to("INBOX", "Archive", uid_set_all)).uid, MANY + 1);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(run_one(fixture, account, copy_to("Archive", "Archive", uid_set_all)).affected,
                     2 * MANY);
    assert_int_equal(run_one(fixture, account, expunge_from("Archive", uid_set_all)).affected, 4 * MANY);
    assert_int_equal(count_files(fixture, ARCHIVE_CUR), 0);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM body"), 0);
    assert_int_equal(sql_number(account, "SELECT bytes+messages FROM counter"), 0);
    account_close(account);
}

/* As a process leaves it that was killed before its commit: the index of before, the files, the journal. */
static void copy_that_was_cut_off_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation *appends = arena_array(&fixture->arena, struct batch_operation, MANY);
    for (size_t i = 0; i < MANY; i++) {
        appends[i] = append_to("INBOX", &sealed);
    }
    assert_ok(batch_commit(account, appends, MANY, NULL));
    blob_free(sealed.blob);
    account_close(account);
    store_close(fixture->store);
    const char *dir = path_of(fixture, ALICE_DIR);
    assert_int_equal(
        system(arena_printf(&fixture->arena, "mkdir %s/old && cp %s/index.db* %s/old", dir, dir, dir)), 0);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all)).affected, MANY);
    account_close(account);
    store_close(fixture->store);
    int lock = open(path_of(fixture, ALICE_DIR "/index.db.lock"), O_RDWR);
    assert_int_equal(pwrite(lock, "commit", 6, 0), 6);
    close(lock);
    assert_int_equal(
        system(arena_printf(&fixture->arena, "rm %s/index.db-* && rm %s/old/*.lock && mv %s/old/* %s", dir,
                            dir, dir, dir)),
        0);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "Archive").messages, 0);
    assert_int_equal(count_files(fixture, ARCHIVE_CUR), 0);
    assert_int_equal(status_of(account, "INBOX").messages, MANY);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void identifiers_and_uids_of_another_store(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    unsigned char guid[16] = "0123456789abcde";
    struct sealed hello = seal(fixture, HELLO), other = seal(fixture, S("Subject: other\r\n\r\n"));
    struct batch_operation append = append_to("INBOX", &hello);
    append.append.wanted_uid = 7;
    append.append.wanted_guid = guid;
    assert_int_equal(run_one(fixture, account, append).uid, 7);
    assert_int_equal(status_of(account, "INBOX").uidnext, 8);
    assert_err(batch_commit(account, &append, 1, NULL), ERR_EXISTS); /* the UID */
    append.append.wanted_uid = 3;
    struct batch_result result = run_one(fixture, account, append); /* one more place of that body */
    assert_int_equal(result.uid, 3);
    assert_memory_equal(result.guid, guid, 16);
    assert_int_equal(status_of(account, "INBOX").uidnext, 8);
    assert_int_equal(sql_number(account, BODIES_WITH("2")), 1);
    append = append_to("Archive", &other);
    append.append.wanted_guid = guid;
    assert_err(batch_commit(account, &append, 1, NULL), ERR_EXISTS); /* other bytes */
    append.append.wanted_guid = NULL;
    append.append.wanted_uid = UINT32_MAX;
    assert_err(batch_commit(account, &append, 1, NULL), ERR_LIMIT);
    append.append.wanted_uid = UINT32_MAX - 1;
    assert_int_equal(run_one(fixture, account, append).uid, UINT32_MAX - 1);
    append.append.wanted_uid = 0;
    assert_err(batch_commit(account, &append, 1, NULL), ERR_LIMIT); /* no UID is left */
    struct batch_operation copy = copy_to("INBOX", "Archive", uid_set_all);
    assert_err(batch_commit(account, &copy, 1, NULL), ERR_LIMIT);
    check_consistent(fixture, account, "Archive", ARCHIVE_CUR);
    blob_free(hello.blob);
    blob_free(other.blob);
    account_close(account);
}

static void guids_rise(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    usleep(2000);
    append_text(fixture, account, "INBOX", HELLO);
    struct message_row *rows = rows_of(account, "INBOX", 2);
    assert_true(memcmp(rows[0].guid, rows[1].guid, 12) < 0);
    assert_string_not_equal(rows[0].guid + 12, rows[1].guid + 12);
    mem_free(rows);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_share_file_and_guid, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_within_one_mailbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_passed_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moved_messages_leave_their_mailbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quota_counts_copies_and_not_moves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quota_holds_when_many_copy_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_disk_gets_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_links_get_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_index_knows_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_messages_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_that_was_cut_off_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(identifiers_and_uids_of_another_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(guids_rise, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
