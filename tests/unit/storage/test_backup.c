/* SPDX-License-Identifier: ISC */
/* Backups: whole, linked to the one before, never half, and equal when they come back. */
#include "fixture.h"

#include "storage/backup.h"

#define BOB S("bob@example.org")

struct backup_fixture {
    struct fixture fixture; /* first: the short ways of fixture.h take it */
    char *backups, *elsewhere;
    struct backup options;
    struct buf why;
};

static int set_up_backups(void **state)
{
    struct backup_fixture *test = calloc(1, sizeof(*test));
    test->fixture.directory = check_temporary_directory();
    test->backups = check_temporary_directory();
    test->elsewhere = check_temporary_directory();
    test->options = (struct backup){.directory = test->backups};
    buf_init(&test->why, 4096);
    open_store(&test->fixture);
    assert_ok(directory_domain_add(test->fixture.store, S("example.org"), NULL));
    assert_ok(directory_user_add(test->fixture.store, ALICE, S("Alice"), 0, NULL));
    assert_ok(directory_user_add(test->fixture.store, BOB, S("Bob"), 1000000, NULL));
    *state = test;
    return 0;
}

static int tear_down_backups(void **state)
{
    struct backup_fixture *test = *state;
    store_close(test->fixture.store);
    arena_free(&test->fixture.arena);
    check_remove_directory(test->fixture.directory);
    check_remove_directory(test->backups);
    check_remove_directory(test->elsewhere);
    buf_free(&test->why);
    free(test);
    return 0;
}

static const char *make_backup(struct backup_fixture *test)
{
    const char *name = NULL;
    buf_clear(&test->why);
    assert_ok(store_backup(test->fixture.store, &test->options, &test->fixture.arena, &name, &test->why));
    assert_ok(backup_verify(test->backups, name, &test->why));
    return name;
}

static void restore_elsewhere(struct backup_fixture *test, const char *name)
{
    struct restore restore = {.directory = test->backups, .name = name};
    check_remove_directory(test->elsewhere);
    test->elsewhere = check_temporary_directory();
    assert_ok(restore_store(&restore, test->elsewhere, &test->why));
}

static void add_messages(struct backup_fixture *test, struct slice login, const char *mailbox, size_t count)
{
    struct account *account = open_account(&test->fixture, login);
    for (size_t i = 0; i < count; i++) {
        append_text(&test->fixture, account, mailbox,
                    slice_from(arena_printf(&test->fixture.arena, "Subject: %zu\r\n\r\nText %zu of %s\r\n", i,
                                            i, mailbox)));
    }
    account_close(account);
}

static void share_message(struct backup_fixture *test)
{
    struct slice logins[] = {ALICE, BOB};
    struct sealed sealed = seal(&test->fixture, HELLO);
    assert_ok(deliver_all(test->fixture.store, logins, 2, sealed.blob, &sealed.summary));
    blob_free(sealed.blob);
}

static void set_flags(struct account *account, const char *mailbox, uint32_t uid, uint32_t flags)
{
    struct uid_range range = {uid, uid};
    struct batch_operation operation = {
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(slice_from(mailbox)),
        .flags = {.uids = {&range, 1}, .change = FLAGS_REPLACE, .flags = flags},
    };
    assert_ok(batch_commit(account, &operation, 1, NULL));
}

static void expunge(struct account *account, const char *mailbox, uint32_t uid)
{
    struct uid_range range = {uid, uid};
    struct batch_operation operation = {
        .kind = BATCH_EXPUNGE,
        .mailbox = mailbox_named(slice_from(mailbox)),
        .expunge = {.uids = {&range, 1}},
    };
    assert_ok(batch_commit(account, &operation, 1, NULL));
}

static void assert_same_mailbox(struct backup_fixture *test, struct account *one, struct account *other,
                                const struct mailbox_entry *mailbox)
{
    struct message_row *rows, *rows_there;
    struct mailbox_status status;
    size_t count, count_there;
    assert_ok(mailbox_read(other, mailbox->name, &status, &rows_there, &count_there));
    assert_ok(mailbox_scan(one, mailbox->status.id, &rows, &count));
    assert_int_equal(status.uidvalidity, mailbox->status.uidvalidity);
    assert_int_equal(status.uidnext, mailbox->status.uidnext);
    assert_int_equal(count, count_there);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].uid, rows_there[i].uid);
        assert_int_equal(rows[i].flags, rows_there[i].flags);
        assert_int_equal(rows[i].modseq, rows_there[i].modseq);
        assert_int_equal(rows[i].internal_date_us, rows_there[i].internal_date_us);
        assert_string_equal(rows[i].guid, rows_there[i].guid);
        assert_slice(read_message(&test->fixture, one, mailbox->status.id, rows[i].uid),
                     read_message(&test->fixture, other, status.id, rows_there[i].uid));
    }
    mem_free(rows);
    mem_free(rows_there);
}

/* What was restored is what the store holds now. */
static void assert_same_account(struct backup_fixture *test, struct store *there, struct slice login)
{
    struct account *one = open_account(&test->fixture, login);
    struct account *other;
    struct mailbox_entry *list, *list_there;
    size_t count, count_there;
    assert_ok(account_open(there, login, &other));
    assert_ok(mailbox_list(one, &test->fixture.arena, &list, &count));
    assert_ok(mailbox_list(other, &test->fixture.arena, &list_there, &count_there));
    assert_int_equal(count, count_there);
    for (size_t i = 0; i < count; i++) {
        assert_same_mailbox(test, one, other, &list[i]);
    }
    account_close(one);
    account_close(other);
}

static void assert_same_store(struct backup_fixture *test)
{
    struct store *there;
    struct directory_user user;
    assert_ok(store_open(test->elsewhere, "other.example.org", &there, NULL));
    assert_ok(directory_user_get(there, &test->fixture.arena, BOB, &user));
    assert_text(user.display_name, "Bob");
    assert_int_equal(user.quota_bytes, 1000000);
    assert_same_account(test, there, ALICE);
    assert_same_account(test, there, BOB);
    store_close(there);
}

/* The only file in a folder of mail, below a folder of any kind. */
static ino_t inode_of(struct backup_fixture *test, const char *folder, const char *relative, nlink_t *links_r)
{
    struct stat info;
    assert_int_equal(stat(arena_printf(&test->fixture.arena, "%s/%s", folder, relative), &info), 0);
    if (links_r) {
        *links_r = info.st_nlink;
    }
    return info.st_ino;
}

static const char *backup_path(struct backup_fixture *test, const char *name, const char *relative)
{
    return arena_printf(&test->fixture.arena, "%s/%s/%s", test->backups, name, relative);
}

/* ---- */

static void restored_store_is_equal(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 5);
    add_messages(test, ALICE, "Sent", 3);
    share_message(test);
    struct account *account = open_account(&test->fixture, ALICE);
    set_flags(account, "INBOX", 2, MESSAGE_SEEN | MESSAGE_FLAGGED);
    expunge(account, "INBOX", 3);
    account_close(account);
    const char *name = make_backup(test);
    restore_elsewhere(test, name);
    assert_same_store(test);
    struct backup_entry *list;
    size_t count;
    assert_ok(backup_list(test->backups, &test->fixture.arena, &list, &count));
    assert_int_equal(count, 1);
    assert_true(list[0].complete);
    assert_int_equal(list[0].accounts, 2);
    assert_int_equal(list[0].messages, 9);
    const char *latest = arena_printf(&test->fixture.arena, "%s/latest", test->backups);
    char target[64] = "";
    assert_true(readlink(latest, target, sizeof(target) - 1) > 0);
    assert_string_equal(target, name);
}

static void message_of_two_is_one_file_in_the_backup_and_after_it(void **state)
{
    struct backup_fixture *test = *state;
    share_message(test);
    struct account *account = open_account(&test->fixture, ALICE);
    const char *file = only_file(&test->fixture, ALICE_INBOX "/cur");
    account_close(account);
    const char *relative = arena_printf(&test->fixture.arena, ALICE_INBOX "/cur/%s", file);
    nlink_t links;
    const char *name = make_backup(test);
    inode_of(test, arena_printf(&test->fixture.arena, "%s/%s", test->backups, name), relative, &links);
    assert_int_equal(links, 2);
    restore_elsewhere(test, name);
    inode_of(test, test->elsewhere, relative, &links);
    assert_int_equal(links, 2);
}

static void second_backup_links_to_the_first(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 1);
    const char *old = only_file(&test->fixture, ALICE_INBOX "/cur");
    const char *first = make_backup(test);
    add_messages(test, ALICE, "INBOX", 1);
    const char *second = make_backup(test);
    assert_string_not_equal(first, second);
    const char *relative = arena_printf(&test->fixture.arena, ALICE_INBOX "/cur/%s", old);
    nlink_t links;
    assert_int_equal(inode_of(test, backup_path(test, first, ""), relative, &links),
                     inode_of(test, backup_path(test, second, ""), relative, NULL));
    assert_int_equal(links, 2); /* none of them in the store */
    check_remove_directory(strdup(backup_path(test, first, "")));
    assert_ok(backup_verify(test->backups, second, &test->why));
    restore_elsewhere(test, second);
    assert_same_store(test);
}

static void account_without_changes_is_linked_whole(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 2);
    usleep(200000); /* files that were written just now may be written again without looking different */
    const char *first = make_backup(test);
    reopen_store(&test->fixture);
    add_messages(test, BOB, "INBOX", 1);
    const char *second = make_backup(test);
    assert_int_equal(inode_of(test, backup_path(test, first, ""), ALICE_DIR "/index.db", NULL),
                     inode_of(test, backup_path(test, second, ""), ALICE_DIR "/index.db", NULL));
    assert_int_not_equal(
        inode_of(test, backup_path(test, first, ""), "mail/example.org/bob/index.db", NULL),
        inode_of(test, backup_path(test, second, ""), "mail/example.org/bob/index.db", NULL));
    restore_elsewhere(test, second);
    assert_same_store(test);
}

static void links_into_the_store_when_asked(void **state)
{
    struct backup_fixture *test = *state;
    nlink_t links;
    add_messages(test, ALICE, "INBOX", 1);
    test->options.link = true;
    const char *name = make_backup(test);
    const char *relative = arena_printf(&test->fixture.arena, ALICE_INBOX "/cur/%s",
                                        only_file(&test->fixture, ALICE_INBOX "/cur"));
    assert_int_equal(inode_of(test, test->fixture.directory, relative, &links),
                     inode_of(test, backup_path(test, name, ""), relative, NULL));
    restore_elsewhere(test, name);
    assert_same_store(test);
}

static void flip_byte(const char *path)
{
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    int c = fgetc(file);
    rewind(file);
    fputc(c ^ 1, file);
    fclose(file);
}

static void verify_finds_every_damaged_and_every_missing_file(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 1);
    const char *name = make_backup(test);
    const char *files[] = {
        "directory.db",
        ALICE_DIR "/index.db",
        ALICE_INBOX "/.mbox",
        ALICE_DIR "/manifest",
        arena_printf(&test->fixture.arena, ALICE_INBOX "/cur/%s",
                     only_file(&test->fixture, ALICE_INBOX "/cur")),
    };
    struct restore restore = {.directory = test->backups};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = backup_path(test, name, files[i]);
        const char *aside = arena_printf(&test->fixture.arena, "%s/aside", test->backups);
        flip_byte(path);
        assert_err(backup_verify(test->backups, name, &test->why), ERR_CORRUPT);
        check_remove_directory(test->elsewhere);
        test->elsewhere = check_temporary_directory();
        assert_err(restore_store(&restore, test->elsewhere, &test->why), ERR_CORRUPT);
        flip_byte(path);
        assert_ok(backup_verify(test->backups, name, &test->why));
        assert_int_equal(rename(path, aside), 0);
        assert_err(backup_verify(test->backups, name, &test->why), ERR_CORRUPT);
        assert_int_equal(rename(aside, path), 0);
    }
    flip_byte(backup_path(test, name, "manifest"));
    assert_err(backup_verify(test->backups, name, &test->why), ERR_NOT_FOUND);
    assert_err(restore_store(&restore, test->elsewhere, &test->why), ERR_NOT_FOUND);
}

static bool stop_after(void *data, const struct backup_progress *progress)
{
    unsigned *calls_left = data;
    (void)progress;
    return (*calls_left)-- != 0;
}

static void backup_that_was_cut_off_does_not_count(void **state)
{
    struct backup_fixture *test = *state;
    const char *name = NULL;
    struct backup_entry *list;
    size_t count;
    enum err err = ERR_CANCELED;
    add_messages(test, ALICE, "INBOX", 300);
    unsigned calls = 0;
    for (unsigned limit = 0; err == ERR_CANCELED; limit++) {
        calls = limit;
        test->options.progress = stop_after;
        test->options.data = &calls;
        err = store_backup(test->fixture.store, &test->options, &test->fixture.arena, &name, &test->why);
        if (err == ERR_CANCELED && limit < 2) {
            assert_ok(backup_list(test->backups, &test->fixture.arena, &list, &count));
            assert_int_equal(count, limit + 1);
            assert_false(list[limit].complete);
            assert_err(backup_verify(test->backups, NULL, &test->why), ERR_NOT_FOUND);
        }
        calls = limit;
    }
    assert_ok(err);
    assert_true(calls > 3);
    /* What was cut off is gone, and what it had copied was of use. */
    assert_ok(backup_list(test->backups, &test->fixture.arena, &list, &count));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].name, name);
    assert_ok(backup_verify(test->backups, name, &test->why));
    restore_elsewhere(test, name);
    assert_same_store(test);
}

static void only_so_many_are_kept(void **state)
{
    struct backup_fixture *test = *state;
    struct backup_entry *list;
    size_t count;
    test->options.keep = 2;
    make_backup(test);
    const char *second = make_backup(test);
    const char *third = make_backup(test);
    assert_ok(backup_list(test->backups, &test->fixture.arena, &list, &count));
    assert_int_equal(count, 2);
    assert_string_equal(list[0].name, second);
    assert_string_equal(list[1].name, third);
}

struct meddler {
    struct backup_fixture *test;
    unsigned rounds;
};

/* Somebody reads and deletes while the bodies are copied. */
static bool meddle(void *data, const struct backup_progress *progress)
{
    struct meddler *meddler = data;
    if (progress->messages_done == 128 && slice_eq(progress->account, ALICE) && meddler->rounds > 0) {
        meddler->rounds--;
        struct account *account = open_account(&meddler->test->fixture, ALICE);
        struct mailbox_status status = status_of(account, "INBOX");
        expunge(account, "INBOX", status.uidnext - 1);
        append_text(&meddler->test->fixture, account, "INBOX", HELLO);
        account_close(account);
    }
    return true;
}

static void what_is_expunged_meanwhile_is_in_neither(void **state)
{
    struct backup_fixture *test = *state;
    struct meddler meddler = {test, 2};
    add_messages(test, ALICE, "INBOX", 200);
    test->options.progress = meddle;
    test->options.data = &meddler;
    const char *name = make_backup(test);
    restore_elsewhere(test, name);
    assert_same_store(test);
    const char *cur = arena_printf(&test->fixture.arena, "%s/" ALICE_INBOX "/cur", name);
    char *store_directory = test->fixture.directory;
    test->fixture.directory = test->backups;
    assert_int_equal(count_files(&test->fixture, cur), 200);
    test->fixture.directory = store_directory;
}

static void message_without_file_is_told_and_no_obstacle(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 1);
    const char *file = path_of(&test->fixture, arena_printf(&test->fixture.arena, ALICE_INBOX "/cur/%s",
                                                            only_file(&test->fixture, ALICE_INBOX "/cur")));
    flip_byte(file);
    const char *name = make_backup(test); /* with the damage */
    assert_int_equal(unlink(file), 0);
    name = make_backup(test);
    restore_elsewhere(test, name);
    assert_same_store(test);
}

static void everything_goes_into_an_empty_directory_only(void **state)
{
    struct backup_fixture *test = *state;
    struct store *there;
    struct restore restore = {.directory = test->backups};
    make_backup(test);
    assert_err(restore_store(&restore, test->fixture.directory, &test->why), ERR_EXISTS);
    /* A new instance with a domain but no users will do. */
    assert_ok(store_open(test->elsewhere, "other.example.org", &there, NULL));
    assert_ok(directory_domain_add(there, S("example.net"), NULL));
    store_close(there);
    assert_ok(restore_store(&restore, test->elsewhere, &test->why));
    assert_same_store(test);
    assert_err(restore_store(&restore, test->elsewhere, &test->why), ERR_EXISTS);
}

static void restore_that_was_cut_off_goes_on(void **state)
{
    struct backup_fixture *test = *state;
    struct store *there;
    enum err err = ERR_CANCELED;
    add_messages(test, ALICE, "INBOX", 150);
    share_message(test);
    const char *first = make_backup(test);
    make_backup(test);
    unsigned tries = 0;
    for (; err == ERR_CANCELED; tries++) {
        unsigned calls = tries;
        struct restore restore = {
            .directory = test->backups, .name = first, .progress = stop_after, .data = &calls};
        err = restore_store(&restore, test->elsewhere, &test->why);
        if (err == ERR_CANCELED && tries == 0) {
            restore.name = NULL; /* the other one */
            assert_err(restore_store(&restore, test->elsewhere, &test->why), ERR_EXISTS);
            assert_err(store_open(test->elsewhere, "other.example.org", &there, NULL), ERR_CONFIG);
        }
    }
    assert_ok(err);
    assert_true(tries > 3);
    assert_same_store(test);
}

static void two_at_once_are_refused(void **state)
{
    struct backup_fixture *test = *state;
    const char *name;
    int lock;
    assert_ok(fs_lock_file(arena_printf(&test->fixture.arena, "%s/.lock", test->backups), false, &lock));
    assert_err(store_backup(test->fixture.store, &test->options, &test->fixture.arena, &name, &test->why),
               ERR_BUSY);
    close(lock);
    make_backup(test);
}

static void files_of_the_caller_go_along(void **state)
{
    struct backup_fixture *test = *state;
    const struct backup_file file = {"postern.conf", S("hostname = \"mx.example.org\"\n")};
    const char *path;
    struct buf text;
    test->options.files = &file;
    test->options.file_count = 1;
    const char *name = make_backup(test);
    assert_ok(backup_file_path(test->backups, NULL, "config/postern.conf", &test->fixture.arena, &path));
    buf_init(&text, 4096);
    assert_ok(fs_read_file(path, &text));
    assert_slice(buf_slice(&text), file.content);
    buf_free(&text);
    flip_byte(path);
    assert_err(backup_verify(test->backups, name, &test->why), ERR_CORRUPT);
}

/* ---- one account, mailbox, message ---- */

static struct restore_result restore_some(struct backup_fixture *test, struct slice login,
                                          const char *mailbox, uint32_t uid)
{
    struct restore restore = {
        .directory = test->backups, .login = login, .mailbox = slice_from(mailbox), .uid = uid};
    struct restore_result result = {0};
    enum err err = restore_account(test->fixture.store, &restore, &result, &test->why);
    if (err) {
        print_error("%s\n", buf_cstr(&test->why));
    }
    assert_ok(err);
    return result;
}

static void what_was_expunged_comes_back_as_it_was(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, ALICE, "INBOX", 5);
    add_messages(test, ALICE, "Sent", 2);
    struct account *account = open_account(&test->fixture, ALICE);
    set_flags(account, "INBOX", 2, MESSAGE_SEEN | MESSAGE_FLAGGED);
    const char *name = make_backup(test);
    expunge(account, "INBOX", 2);
    expunge(account, "INBOX", 5);
    expunge(account, "Sent", 1);
    struct restore_result result = restore_some(test, S("Alice@Example.org"), "INBOX", 2);
    assert_int_equal(result.messages, 1);
    assert_int_equal(result.moved, 0);
    assert_int_equal(status_of(account, "INBOX").messages, 4);
    result = restore_some(test, ALICE, "Inbox", 0);
    assert_int_equal(result.messages, 1);
    assert_int_equal(result.present, 4);
    result = restore_some(test, ALICE, "", 0);
    assert_int_equal(result.messages, 1);
    assert_int_equal(result.present, 6);
    restore_elsewhere(test, name);
    struct store *there;
    struct account *other;
    struct message_row *rows, *rows_there;
    size_t count, count_there;
    assert_ok(store_open(test->elsewhere, "other.example.org", &there, NULL));
    assert_ok(account_open(there, ALICE, &other));
    assert_ok(mailbox_scan(account, status_of(account, "INBOX").id, &rows, &count));
    assert_ok(mailbox_scan(other, status_of(other, "INBOX").id, &rows_there, &count_there));
    assert_int_equal(count, count_there);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].uid, rows_there[i].uid);
        assert_int_equal(rows[i].flags, rows_there[i].flags);
        assert_int_equal(rows[i].internal_date_us, rows_there[i].internal_date_us);
        assert_string_equal(rows[i].guid, rows_there[i].guid);
        assert_slice(read_message(&test->fixture, account, status_of(account, "INBOX").id, rows[i].uid),
                     read_message(&test->fixture, other, status_of(other, "INBOX").id, rows[i].uid));
    }
    mem_free(rows);
    mem_free(rows_there);
    account_close(other);
    store_close(there);
    account_close(account);
}

static void what_is_not_in_the_backup_is_told(void **state)
{
    struct backup_fixture *test = *state;
    struct restore_result result;
    make_backup(test);
    struct restore restore = {.directory = test->backups, .login = S("nobody@example.org")};
    assert_err(restore_account(test->fixture.store, &restore, &result, &test->why), ERR_NOT_FOUND);
    assert_true(test->why.len > 0);
    restore.login = ALICE;
    restore.mailbox = S("No such mailbox");
    assert_err(restore_account(test->fixture.store, &restore, &result, &test->why), ERR_NOT_FOUND);
    restore.mailbox = S("INBOX");
    restore.uid = 7;
    assert_err(restore_account(test->fixture.store, &restore, &result, &test->why), ERR_NOT_FOUND);
}

static void user_who_is_gone_comes_back(void **state)
{
    struct backup_fixture *test = *state;
    add_messages(test, BOB, "INBOX", 3);
    add_messages(test, BOB, "Junk", 3);
    struct account *account = open_account(&test->fixture, BOB);
    expunge(account, "Junk", 3);
    account_close(account);
    const char *name = make_backup(test);
    assert_ok(directory_user_remove(test->fixture.store, BOB, true, &test->why));
    struct restore_result result = restore_some(test, BOB, "", 0);
    assert_true(result.recreated);
    assert_int_equal(result.messages, 5);
    assert_int_equal(result.moved, 0);
    restore_elsewhere(test, name);
    struct store *there;
    assert_ok(store_open(test->elsewhere, "other.example.org", &there, NULL));
    struct account *other;
    assert_ok(account_open(there, BOB, &other));
    account = open_account(&test->fixture, BOB);
    assert_int_equal(status_of(account, "INBOX").uidvalidity, status_of(other, "INBOX").uidvalidity);
    assert_int_equal(status_of(account, "Junk").uidnext, 4);
    account_close(account);
    account_close(other);
    store_close(there);
}

#define WITH_BACKUPS(test) cmocka_unit_test_setup_teardown(test, set_up_backups, tear_down_backups)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BACKUPS(restored_store_is_equal),
        WITH_BACKUPS(message_of_two_is_one_file_in_the_backup_and_after_it),
        WITH_BACKUPS(second_backup_links_to_the_first),
        WITH_BACKUPS(account_without_changes_is_linked_whole),
        WITH_BACKUPS(links_into_the_store_when_asked),
        WITH_BACKUPS(verify_finds_every_damaged_and_every_missing_file),
        WITH_BACKUPS(backup_that_was_cut_off_does_not_count),
        WITH_BACKUPS(only_so_many_are_kept),
        WITH_BACKUPS(what_is_expunged_meanwhile_is_in_neither),
        WITH_BACKUPS(message_without_file_is_told_and_no_obstacle),
        WITH_BACKUPS(everything_goes_into_an_empty_directory_only),
        WITH_BACKUPS(restore_that_was_cut_off_goes_on),
        WITH_BACKUPS(two_at_once_are_refused),
        WITH_BACKUPS(files_of_the_caller_go_along),
        WITH_BACKUPS(what_was_expunged_comes_back_as_it_was),
        WITH_BACKUPS(what_is_not_in_the_backup_is_told),
        WITH_BACKUPS(user_who_is_gone_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
