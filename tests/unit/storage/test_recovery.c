/* SPDX-License-Identifier: ISC */
/* After crashes, losses and other programs: killed writers, lost and damaged indexes, files that came, went
 * or changed. */
#include "fixture.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "db/db.h"

#define INBOX_CUR ALICE_INBOX "/cur"
#define INBOX_NEW ALICE_INBOX "/new"

static void write_file(struct fixture *fixture, const char *relative, struct slice text)
{
    assert_ok(fs_write_durable(path_of(fixture, relative), text, 0600));
}

static struct message_row *scan(struct fixture *fixture, struct account *account, size_t *count_r)
{
    struct message_row *rows = NULL;
    (void)fixture;
    assert_ok(mailbox_scan(account, 1, &rows, count_r));
    return rows;
}

static void mail_in_new_is_adopted(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    size_t count;
    append_text(fixture, account, "INBOX", HELLO);
    write_file(fixture, INBOX_NEW "/1.foreign", S("Subject: from procmail\n\nbare\nline ends\n"));
    struct message_row *rows = scan(fixture, account, &count);
    assert_int_equal(count, 2);
    assert_int_equal(rows[1].uid, 2);
    assert_int_equal(rows[1].flags, 0);
    assert_int_equal(rows[1].size, 39 + 4); /* as it is served, with CRLF */
    assert_slice(read_message(fixture, account, 1, 2), S("Subject: from procmail\n\nbare\nline ends\n"));
    mem_free(rows);
    assert_int_equal(count_files(fixture, INBOX_NEW), 0);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    /* The next one is seen too, though it comes at once. */
    write_file(fixture, INBOX_NEW "/2.foreign", HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 3);
    write_file(fixture, INBOX_NEW "/3.foreign", HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 4);
    account_close(account);
}

static void adopted_mail_keeps_flags_and_its_name_tells_both_sizes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    write_file(fixture, INBOX_CUR "/1.foreign:2,RS", S("Subject: x\n\n"));
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    const char *name = only_file(fixture, INBOX_CUR);
    assert_non_null(strstr(name, ",S=12,W=14,U=1,G="));
    assert_non_null(strstr(name, ":2,RS"));
    size_t count;
    struct message_row *rows = scan(fixture, account, &count);
    assert_int_equal(rows[0].flags, MESSAGE_ANSWERED | MESSAGE_SEEN);
    mem_free(rows);
    account_close(account);
}

static void what_is_no_mail_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(mkdir(path_of(fixture, INBOX_NEW "/folder"), 0700), 0);
    assert_int_equal(symlink("/etc/passwd", path_of(fixture, INBOX_NEW "/link")), 0);
    assert_int_equal(mkfifo(path_of(fixture, INBOX_NEW "/pipe"), 0600), 0);
    assert_int_equal(mkdir(path_of(fixture, INBOX_CUR "/folder"), 0700), 0);
    write_file(fixture, INBOX_NEW "/real", HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    assert_int_equal(count_files(fixture, INBOX_NEW), 3);
    account_close(account);
}

static void mail_that_came_while_nobody_looked_is_found_at_the_next_opening(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    write_file(fixture, INBOX_CUR "/1.foreign:2,S", HELLO);
    append_text(fixture, account, "INBOX", HELLO); /* our own commits do not hide it */
    account_close(account);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 3);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void file_that_was_deleted_is_expunged(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    assert_int_equal(unlink(path_of(fixture, arena_printf(&fixture->arena, INBOX_CUR "/%s",
                                                          only_file(fixture, INBOX_CUR)))),
                     0);
    append_text(fixture, account, "INBOX", HELLO);
    size_t count;
    struct message_row *rows = scan(fixture, account, &count);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].uid, 2);
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void mailbox_that_vanished_as_a_whole_is_not_expunged(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "Drafts", HELLO);
    account_close(account);
    /* As when the disk with the mail is not mounted. */
    assert_int_equal(rename(path_of(fixture, ALICE_INBOX "/.Drafts"), path_of(fixture, "unmounted")), 0);
    assert_ok(fs_make_directories(path_of(fixture, ALICE_INBOX "/.Drafts/cur"), 0700));
    assert_ok(fs_make_directories(path_of(fixture, ALICE_INBOX "/.Drafts/new"), 0700));
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "Drafts").messages, 1);
    account_close(account);
    check_remove_directory(strdup(path_of(fixture, ALICE_INBOX "/.Drafts")));
    assert_int_equal(rename(path_of(fixture, "unmounted"), path_of(fixture, ALICE_INBOX "/.Drafts")), 0);
    reopen_store(fixture);
    account = open_account(fixture, ALICE);
    check_consistent(fixture, account, "Drafts", ALICE_INBOX "/.Drafts/cur");
    account_close(account);
}

static void letters_that_another_program_changed_count(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    const char *name = only_file(fixture, INBOX_CUR);
    const char *from = path_of(fixture, arena_printf(&fixture->arena, INBOX_CUR "/%s", name));
    assert_int_equal(rename(from, arena_printf(&fixture->arena, "%sS", from)), 0);
    assert_slice(read_message(fixture, account, 1, 1), HELLO); /* found before it was noticed */
    size_t count;
    struct message_row *rows = scan(fixture, account, &count);
    assert_int_equal(rows[0].flags, MESSAGE_SEEN);
    assert_true(rows[0].modseq > modseq);
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

/* What a client remembers of a mailbox. */
struct memory {
    uint32_t uidvalidity, uidnext;
    struct message_row *rows;
    size_t count;
};

static struct memory remember(struct fixture *fixture, struct account *account)
{
    struct memory memory = {0};
    struct mailbox_status status = status_of(account, "INBOX");
    memory.uidvalidity = status.uidvalidity;
    memory.uidnext = status.uidnext;
    memory.rows = scan(fixture, account, &memory.count);
    return memory;
}

static void check_remembered(struct fixture *fixture, struct memory *before, uint64_t old_modseq)
{
    struct account *account = open_account(fixture, ALICE);
    struct memory after = remember(fixture, account);
    assert_int_equal(after.uidvalidity, before->uidvalidity);
    assert_true(after.uidnext >= before->uidnext);
    assert_int_equal(after.count, before->count);
    for (size_t i = 0; i < before->count; i++) {
        assert_int_equal(after.rows[i].uid, before->rows[i].uid);
        assert_string_equal(after.rows[i].guid, before->rows[i].guid);
        assert_int_equal(after.rows[i].flags, before->rows[i].flags);
        assert_int_equal(after.rows[i].size, before->rows[i].size);
        assert_int_equal(after.rows[i].internal_date_us, before->rows[i].internal_date_us);
    }
    assert_true(status_of(account, "INBOX").highestmodseq > old_modseq);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_true(append_text(fixture, account, "INBOX", HELLO) >= before->uidnext);
    account_close(account);
    mem_free(before->rows);
    mem_free(after.rows);
}

static struct memory fill_mailbox(struct fixture *fixture, uint64_t *modseq_r)
{
    struct account *account = open_account(fixture, ALICE);
    uint32_t flagged = 3;
    uint32_t gone[] = {1, 5};
    struct batch_operation flags = {.kind = BATCH_FLAGS,
                                    .mailbox = mailbox_named(S("INBOX")),
                                    .flags = {.uids = uid_set_from_uids(&fixture->arena, &flagged, 1),
                                              .flags = MESSAGE_FLAGGED | MESSAGE_SEEN,
                                              .change = FLAGS_ADD}};
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("INBOX")),
                                      .expunge = {.uids = uid_set_from_uids(&fixture->arena, gone, 2)}};
    for (int i = 0; i < 5; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    assert_ok(batch_commit(account, &flags, 1, NULL));
    assert_ok(batch_commit(account, &expunge, 1, NULL)); /* also the one with the highest UID */
    struct memory memory = remember(fixture, account);
    *modseq_r = status_of(account, "INBOX").highestmodseq;
    account_close(account);
    store_close(fixture->store);
    fixture->store = NULL;
    return memory;
}

static void lost_index_comes_back_from_the_maildir(void **state)
{
    struct fixture *fixture = *state;
    uint64_t modseq;
    struct memory memory = fill_mailbox(fixture, &modseq);
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db")), 0);
    open_store(fixture); /* the old log still lies there */
    check_remembered(fixture, &memory, modseq);
}

static void damaged_index_is_moved_aside_and_comes_back(void **state)
{
    struct fixture *fixture = *state;
    uint64_t modseq;
    struct memory memory = fill_mailbox(fixture, &modseq);
    char *garbage = malloc(100000);
    memset(garbage, 'x', 100000);
    write_file(fixture, ALICE_DIR "/index.db", slice_of(garbage, 100000));
    /* The log alone would bring a small index back. */
    assert_int_equal(unlink(path_of(fixture, ALICE_DIR "/index.db-wal")), 0);
    free(garbage);
    open_store(fixture);
    check_remembered(fixture, &memory, modseq);
    const char *found = NULL;
    DIR *directory = opendir(path_of(fixture, ALICE_DIR));
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        found = strstr(entry->d_name, "index.db.damaged-") ? "yes" : found;
    }
    closedir(directory);
    assert_non_null(found);
}

static void damage_that_shows_later_is_cured_at_the_next_opening(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_row *rows = NULL;
    size_t count = 0;
    for (int i = 0; i < 300; i++) { /* so many that their rows fill pages */
        append_text(fixture, account, "INBOX", HELLO);
    }
    account_close(account);
    store_close(fixture->store);
    /* All but the first page, where the schema stands, and with nothing in the log. */
    sqlite3 *raw = NULL;
    const char *path = path_of(fixture, ALICE_DIR "/index.db");
    assert_int_equal(sqlite3_open(path, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(raw,
                                        "SELECT rootpage, page_size FROM sqlite_master, pragma_page_size"
                                        " WHERE name='message'",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t page = sqlite3_column_int64(statement, 0);
    int64_t size = sqlite3_column_int64(statement, 1);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    int fd = open(path, O_WRONLY);
    char garbage[1024];
    memset(garbage, 'x', sizeof(garbage));
    assert_int_equal(pwrite(fd, garbage, sizeof(garbage), (page - 1) * size), sizeof(garbage));
    close(fd);
    open_store(fixture);
    enum err err = account_open(fixture->store, ALICE, &account);
    if (!err) { /* found when it is read */
        assert_err(mailbox_scan(account, 1, &rows, &count), ERR_CORRUPT);
        account_close(account);
        account = open_account(fixture, ALICE);
    }
    assert_int_equal(status_of(account, "INBOX").messages, 300);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void index_that_was_replaced_is_noticed_by_a_running_process(void **state)
{
    struct fixture *fixture = *state;
    struct account *old = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    append_text(fixture, old, "INBOX", HELLO);
    assert_int_equal(rename(path_of(fixture, ALICE_DIR "/index.db"), path_of(fixture, "old-index")), 0);
    assert_err(batch_commit(old, &append, 1, NULL), ERR_UNAVAILABLE);
    struct account *new = open_account(fixture, ALICE);
    assert_ok(batch_commit(new, &append, 1, NULL));
    check_consistent(fixture, new, "INBOX", INBOX_CUR);
    assert_int_equal(status_of(new, "INBOX").messages, 2);
    blob_free(sealed.blob);
    account_close(old);
    account_close(new);
}

/* A file as it lies there between link and commit: the next UID, no row. */
static const char *plant_file(struct fixture *fixture, uint32_t uid)
{
    const char *name = arena_printf(
        &fixture->arena, "1700000000.M000001P1Q1.mx,S=46,U=%u,G=00112233445566778899aabbccddeeff:2,", uid);
    write_file(fixture, arena_printf(&fixture->arena, INBOX_CUR "/%s", name), HELLO);
    return name;
}

/* `head`: what stands before the number. */
static void write_journal(struct fixture *fixture, const char *head, uint64_t modseq, const char *which,
                          const char *name)
{
    const char *list = name ? arena_printf(&fixture->arena, "Maildir/cur/%s\n", name) : "";
    const char *text =
        arena_printf(&fixture->arena, "%s %019" PRIu64 " %s\n%s.\n", head, modseq, which, list);
    int fd = open(path_of(fixture, ALICE_DIR "/index.db.lock"), O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void delivery_that_died_before_its_commit_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    write_journal(fixture, "commit after", modseq, "some", plant_file(fixture, 2));
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 2); /* by a process that goes on */
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    account_close(account);
    store_close(fixture->store);
    write_journal(fixture, "commit after", modseq + 1, "some", plant_file(fixture, 3));
    open_store(fixture); /* by one that starts */
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(count_spool(fixture), 2); /* nothing is thrown away at once */
    account_close(account);
}

static void batch_that_a_power_cut_left_by_halves_is_taken_back(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    plant_file(fixture, 3);
    write_journal(fixture, "commit after", modseq, "all ", NULL);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    assert_int_equal(count_spool(fixture), 1);
    account_close(account);
}

static void old_lines_behind_a_new_head_cost_no_message(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    write_journal(fixture, "commit after", status_of(account, "INBOX").highestmodseq, "some",
                  only_file(fixture, INBOX_CUR));
    append_text(fixture, account, "INBOX", HELLO);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void journal_of_a_later_commit_than_the_index_has_takes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    /* As when an older index is copied back after a power cut that cost the journal its end mark. */
    write_journal(fixture, "commit after", status_of(account, "INBOX").highestmodseq + 5, "all ", NULL);
    plant_file(fixture, 7);
    assert_int_equal(status_of(account, "INBOX").messages, 2);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void file_without_row_that_no_journal_knows_is_adopted_under_its_uid(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    write_journal(fixture, "done   after", modseq, "some",
                  plant_file(fixture, 7)); /* as after restoring an old index */
    size_t count;
    struct message_row *rows = scan(fixture, account, &count);
    assert_int_equal(count, 2);
    assert_int_equal(rows[1].uid, 7);
    assert_string_equal(rows[1].guid, "00112233445566778899aabbccddeeff");
    assert_int_equal(rows[1].internal_date_us, 1700000000000001);
    mem_free(rows);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 8);
    plant_file(fixture, 3); /* once given to another message: a new UID */
    rows = scan(fixture, account, &count);
    assert_int_equal(rows[3].uid, 9);
    mem_free(rows);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void promised_unlinks_are_done_after_a_crash(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    append_text(fixture, account, "INBOX", HELLO);
    account_close(account);
    store_close(fixture->store);
    /* What the commit of an EXPUNGE leaves: no row, an intent, the file. */
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(path_of(fixture, ALICE_DIR "/index.db"), &raw), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            raw,
            "BEGIN; INSERT INTO intent(op, mailbox, args)"
            " SELECT 'unlink', 1, CAST(file||char(9)||suffix||char(10) AS BLOB) FROM message WHERE uid=1;"
            "UPDATE mailbox SET messages=1, unseen=1, bytes=bytes/2 WHERE id=1;"
            "DELETE FROM message WHERE uid=1; COMMIT",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(raw);
    assert_int_equal(count_files(fixture, INBOX_CUR), 2);
    open_store(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(count_files(fixture, INBOX_CUR), 1);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void account_without_folder_gets_one(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    check_remove_directory(strdup(path_of(fixture, ALICE_DIR)));
    open_store(fixture);
    struct account *account = open_account(fixture, ALICE);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 1);
    account_close(account);
}

/* The killed writer: appends numbered messages and tells each number when it is promised. Now and then it
 * expunges one of its own, to die in there as well. */
static void write_until_killed(const char *directory, uint32_t first, int acknowledge)
{
    struct store *store = NULL;
    struct account *account = NULL;
    struct arena arena = {0};
    if (store_open(directory, "mx", &store, NULL) || account_open(store, ALICE, &account)) {
        _exit(1);
    }
    for (uint32_t number = first;; number++) {
        struct sealed sealed;
        const char *text = arena_printf(&arena, "Subject: %u\r\n\r\nbody\r\n", number);
        if (try_seal(store, &arena, slice_from(text), &sealed)) {
            _exit(2);
        }
        struct batch_operation operations[2] = {append_to("INBOX", &sealed), append_to("Drafts", &sealed)};
        if (batch_commit(account, operations, 2, NULL) ||
            write(acknowledge, &number, sizeof(number)) != sizeof(number)) {
            _exit(3);
        }
        struct batch_operation expunge = {
            .kind = BATCH_EXPUNGE,
            .mailbox = mailbox_named(S("Drafts")),
            .expunge = {
                .uids = {&(struct uid_range){operations[1].result.uid, operations[1].result.uid}, 1}}};
        if (batch_commit(account, &expunge, 1, NULL)) {
            _exit(4);
        }
        blob_free(sealed.blob);
        arena_reset(&arena);
    }
}

#define KILLS        40
#define WRITERS      2
#define NUMBERS_EACH 100000 /* far more than one manages */

static void count_numbers(struct fixture *fixture, struct account *account, unsigned char *seen)
{
    size_t count;
    struct message_row *rows = scan(fixture, account, &count);
    for (size_t i = 0; i < count; i++) {
        unsigned number = 0;
        struct slice text = read_message(fixture, account, 1, rows[i].uid);
        assert_int_equal(sscanf(arena_cstr(&fixture->arena, text), "Subject: %u", &number), 1);
        assert_true(number < KILLS * WRITERS * NUMBERS_EACH);
        seen[number]++;
    }
    mem_free(rows);
}

static void collect(int fd, unsigned char *promised)
{
    uint32_t number;
    while (read(fd, &number, sizeof(number)) == sizeof(number)) {
        promised[number] = 1;
    }
}

static void kill_writers_once(struct fixture *fixture, int round, unsigned char *promised)
{
    pid_t children[WRITERS];
    int ends[WRITERS][2];
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pipe(ends[i]), 0);
        children[i] = fork();
        if (children[i] == 0) {
            write_until_killed(fixture->directory, (uint32_t)((round * WRITERS + i) * NUMBERS_EACH),
                               ends[i][1]);
        }
        close(ends[i][1]);
    }
    if (round % 2) { /* every other time only when they are in full swing: opening takes longest */
        struct pollfd first = {.fd = ends[0][0], .events = POLLIN};
        assert_int_equal(poll(&first, 1, 60000), 1);
    }
    struct timespec pause = {.tv_nsec = 10000000 + rand() % 50000000};
    nanosleep(&pause, NULL);
    for (int i = 0; i < WRITERS; i++) {
        int status = 0;
        kill(children[i], SIGKILL);
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFSIGNALED(status)); /* it was killed, it did not fail */
        collect(ends[i][0], promised);
        close(ends[i][0]);
    }
}

static void killed_writers_lose_and_double_nothing(void **state)
{
    struct fixture *fixture = *state;
    size_t numbers = (size_t)KILLS * WRITERS * NUMBERS_EACH;
    unsigned char *promised = calloc(numbers, 1);
    unsigned char *seen = calloc(numbers, 1);
    size_t total = 0, unpromised = 0;
    store_close(fixture->store);
    srand((unsigned)getpid());
    for (int round = 0; round < KILLS; round++) {
        kill_writers_once(fixture, round, promised);
    }
    open_store(fixture);
    struct account *account = open_account(fixture, ALICE);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    check_consistent(fixture, account, "Drafts", ALICE_INBOX "/.Drafts/cur");
    count_numbers(fixture, account, seen);
    for (size_t i = 0; i < numbers; i++) {
        assert_true(seen[i] <= 1);
        assert_true(seen[i] >= promised[i]);
        total += promised[i];
        unpromised += seen[i] > promised[i];
    }
    assert_true(total > 0);
    /* Between the commit and the message to us there is a moment, one per kill. */
    assert_true(unpromised <= KILLS * WRITERS);
    print_message("# %zu messages promised in %d kills, %zu more were committed\n", total, KILLS * WRITERS,
                  unpromised);
    account_close(account);
    free(promised);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mail_in_new_is_adopted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adopted_mail_keeps_flags_and_its_name_tells_both_sizes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_mail_is_left_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mail_that_came_while_nobody_looked_is_found_at_the_next_opening,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_that_was_deleted_is_expunged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mailbox_that_vanished_as_a_whole_is_not_expunged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(letters_that_another_program_changed_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_index_comes_back_from_the_maildir, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_index_is_moved_aside_and_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_that_shows_later_is_cured_at_the_next_opening, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(index_that_was_replaced_is_noticed_by_a_running_process, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(delivery_that_died_before_its_commit_is_taken_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(batch_that_a_power_cut_left_by_halves_is_taken_back, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(old_lines_behind_a_new_head_cost_no_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(journal_of_a_later_commit_than_the_index_has_takes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(file_without_row_that_no_journal_knows_is_adopted_under_its_uid,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(promised_unlinks_are_done_after_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(account_without_folder_gets_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_writers_lose_and_double_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
