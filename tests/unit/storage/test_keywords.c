/* SPDX-License-Identifier: ISC */
/* Keywords: names, numbers, limits, and the letters that carry them through the loss of the index. */
#include "inside.h"

#include <pthread.h>
#include <sys/file.h>

#define INBOX_CUR   ALICE_INBOX "/cur"
#define ARCHIVE_CUR ALICE_INBOX "/.Archive/cur"

static struct account *open_with(struct fixture *fixture, unsigned count)
{
    struct account *account = open_account(fixture, ALICE);
    for (unsigned i = 0; i < count; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    return account;
}

static enum err try_keyword(struct fixture *fixture, struct account *account, struct slice keyword)
{
    struct batch_operation operation = store_flags("INBOX", uid_set_all, FLAGS_ADD, 0);
    (void)fixture;
    operation.flags.keywords = &keyword;
    operation.flags.keyword_count = 1;
    return batch_commit(account, &operation, 1, NULL);
}

static void syntax_is_that_of_an_atom(void **state)
{
    (void)state;
    static const char *const good[] = {"$Forwarded", "NonJunk", "a", "+x-~!#&'/:;<=>?@[^_`|}", "1"};
    static const char *const bad[] = {"",   "\\Seen", "a b", "a(", "a)",    "a{",       "a%",
                                      "a*", "a\"",    "a]",  "\t", "a\x7f", "\xc3\xa4", "a\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(keyword_is_valid(slice_from(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(keyword_is_valid(slice_from(bad[i])));
    }
    char long_one[KEYWORD_LENGTH_MAX + 1];
    memset(long_one, 'k', sizeof(long_one));
    assert_true(keyword_is_valid(slice_of(long_one, KEYWORD_LENGTH_MAX)));
    assert_false(keyword_is_valid(slice_of(long_one, KEYWORD_LENGTH_MAX + 1)));
}

static void bad_ones_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 1);
    assert_err(try_keyword(fixture, account, S("two words")), ERR_SYNTAX);
    assert_err(try_keyword(fixture, account, S("")), ERR_SYNTAX);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    struct slice names[] = {S("Good"), S("not]good")};
    append.append.keywords = names;
    append.append.keyword_count = 2;
    assert_err(batch_commit(account, &append, 1, NULL), ERR_SYNTAX);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM keyword"), 0);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    blob_free(sealed.blob);
    account_close(account);
}

static void added_removed_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 3);
    struct batch_result result =
        run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 2), FLAGS_ADD, "$Work"));
    assert_int_equal(result.affected, 2);
    /* Compared without case; the first spelling stays. */
    result = run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_ADD, "$WORK"));
    assert_int_equal(result.affected, 1);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 3), "$Work");
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_ADD, "Fun"));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "$Work,Fun");
    /* Flags and keywords in one; replacing takes both. */
    struct batch_operation replace =
        store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_REPLACE, "New");
    replace.flags.flags = MESSAGE_SEEN;
    run_one(fixture, account, replace);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "New");
    assert_int_equal(status_of(account, "INBOX").unseen, 2);
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_REPLACE, 0));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "");
    run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_REMOVE, "$work"));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "");
    /* To take away what nobody has, or to give something to nobody, makes no keyword. */
    int64_t count = sql_number(account, "SELECT count(*) FROM keyword");
    result = run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_REMOVE, "Unknown"));
    assert_int_equal(result.affected, 0);
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 9, 9), FLAGS_ADD, "Unheard"));
    assert_int_equal(sql_number(account, "SELECT count(*) FROM keyword"), count);
    account_close(account);
}

static void batch_that_fails_leaves_no_keyword(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 1);
    struct batch_operation operations[] = {
        store_keyword(fixture, "INBOX", uid_set_all, FLAGS_ADD, "Ghost"),
        copy_to("INBOX", "Nowhere", uid_set_all),
    };
    assert_err(batch_commit(account, operations, 2, NULL), ERR_NOT_FOUND);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM keyword"), 0);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "");
    account_close(account);
}

struct committer {
    struct account *account;
    struct batch_operation *operations;
    size_t count;
    enum err err;
    pthread_t thread;
};

static void *commit(void *data)
{
    struct committer *committer = data;
    committer->err = batch_commit(committer->account, committer->operations, committer->count, NULL);
    return NULL;
}

/* 0: somebody commits; else so many (1, 2) wait for him. */
static bool is_reached(struct account *account, size_t waiting)
{
    struct group *group = &account->group;
    pthread_mutex_lock(&group->mutex);
    bool any = group->head != NULL, more = group->head != group->tail;
    bool reached = waiting == 0 ? group->busy && !any : waiting == 1 ? any : more;
    pthread_mutex_unlock(&group->mutex);
    return reached;
}

/* Of two batches in one commit the first fails: what it had made known of keywords must not reach the second.
 */
static void failing_batch_beside_another_leaves_no_keyword(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 1);
    struct batch_operation first = store_flags("INBOX", uid_set_all, FLAGS_ADD, MESSAGE_SEEN);
    struct batch_operation failing[] = {
        store_keyword(fixture, "INBOX", uid_set_all, FLAGS_ADD, "Ghost"),
        copy_to("INBOX", "Nowhere", uid_set_all),
    };
    struct batch_operation good = store_keyword(fixture, "INBOX", uid_set_all, FLAGS_ADD, "ghost");
    struct committer committers[] = {
        {.account = account, .operations = &first, .count = 1},
        {.account = account, .operations = failing, .count = 2},
        {.account = account, .operations = &good, .count = 1},
    };
    int lock = open(path_of(fixture, ALICE_DIR "/index.db.lock"), O_RDWR);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&committers[i].thread, NULL, commit, &committers[i]), 0);
        while (!is_reached(account, i)) {
            usleep(1000);
        }
    }
    close(lock);
    for (size_t i = 0; i < 3; i++) {
        pthread_join(committers[i].thread, NULL);
    }
    assert_ok(committers[0].err);
    assert_err(committers[1].err, ERR_NOT_FOUND);
    assert_ok(committers[2].err);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "ghost");
    assert_int_equal(sql_number(account, "SELECT count(*) FROM keyword"), 1);
    account_close(account);
}

static const char *numbered(struct fixture *fixture, unsigned number)
{
    return arena_printf(&fixture->arena, "k%04u", number);
}

/* Gives one message the keywords from … to - 1, in one operation. */
static enum err give_many(struct fixture *fixture, struct account *account, uint32_t uid, unsigned from,
                          unsigned to)
{
    struct slice *names = arena_array(&fixture->arena, struct slice, to - from);
    for (unsigned i = from; i < to; i++) {
        names[i - from] = slice_from(numbered(fixture, i));
    }
    struct batch_operation operation = store_flags("INBOX", uids(fixture, uid, uid), FLAGS_ADD, 0);
    operation.flags.keywords = names;
    operation.flags.keyword_count = to - from;
    return batch_commit(account, &operation, 1, NULL);
}

static void more_than_fit_into_the_row(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 2);
    assert_ok(give_many(fixture, account, 1, 0, 70));
    assert_int_equal(sql_number(account, "SELECT kw FROM message WHERE uid=1"), -1);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM message_kw WHERE uid=1"), 7);
    assert_int_equal(sql_number(account, "SELECT min(id)*1000+max(id) FROM keyword"), 69);
    const char *all = keywords_of(fixture, account, "INBOX", 1);
    assert_int_equal(strlen(all), 70 * 6 - 1);
    /* Number 63 beside the bit that says that there are others. */
    run_one(fixture, account,
            store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_ADD, numbered(fixture, 63)));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "k0063");
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_ADD, "k0069"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_REMOVE, "K0063"));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "k0069");
    assert_true(sql_number(account, "SELECT kw FROM message WHERE uid=2") == INT64_MIN);
    /* They go along with a copy and a move, and go with the message. */
    run_one(fixture, account, copy_to("INBOX", "Archive", uid_set_all));
    assert_string_equal(keywords_of(fixture, account, "Archive", 1), all);
    run_one(fixture, account, move_to("INBOX", "Archive", uids(fixture, 1, 1)));
    assert_string_equal(keywords_of(fixture, account, "Archive", 3), all);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM message_kw"), 1 + 7 + 1 + 7);
    run_one(fixture, account, store_flags("INBOX", uid_set_all, FLAGS_REPLACE, MESSAGE_SEEN));
    assert_int_equal(sql_number(account, "SELECT kw FROM message WHERE mailbox=1"), 0);
    run_one(fixture, account, expunge_from("Archive", uid_set_all));
    assert_int_equal(sql_number(account, "SELECT count(*) FROM message_kw"), 0);
    account_close(account);
}

static void limit_and_the_return_of_unused_ones(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 3);
    assert_ok(give_many(fixture, account, 1, 0, 500));
    assert_ok(give_many(fixture, account, 2, 500, KEYWORDS_MAX));
    assert_err(give_many(fixture, account, 3, 5000, 5001), ERR_LIMIT);
    assert_ok(give_many(fixture, account, 3, 999, 1000)); /* one that is there */
    /* Numbers that nobody has any more are given again: bits and others. */
    run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_REMOVE, "k0005"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_REMOVE, "k0700"));
    assert_ok(give_many(fixture, account, 3, 5000, 5002));
    assert_int_equal(sql_number(account, "SELECT id FROM keyword WHERE name='k5000'"), 5);
    assert_int_equal(sql_number(account, "SELECT id FROM keyword WHERE name='k5001'"), 700);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 3), "k0999,k5000,k5001");
    assert_err(give_many(fixture, account, 3, 5002, 5003), ERR_LIMIT);
    assert_int_equal(sql_number(account, "SELECT count(*) FROM keyword"), KEYWORDS_MAX);
    account_close(account);
}

static void letters_are_those_of_the_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 2);
    struct buf text;
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 1), FLAGS_ADD, "$Forwarded"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 2), FLAGS_ADD, "Work"));
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 2, 2), FLAGS_ADD, MESSAGE_SEEN));
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "a");
    assert_string_equal(letters_of(fixture, INBOX_CUR, 2), "Sb");
    run_one(fixture, account, copy_to("INBOX", "Archive", uids(fixture, 2, 2)));
    assert_string_equal(letters_of(fixture, ARCHIVE_CUR, 1), "Sa");
    buf_init(&text, 65536);
    assert_ok(fs_read_file(path_of(fixture, ALICE_INBOX "/.mbox"), &text));
    assert_true(slice_find_text(buf_slice(&text), S("\nkeyword a $Forwarded\nkeyword b Work\n")) < text.len);
    buf_free(&text);
    /* An append has its letters from the beginning. */
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    struct slice names[] = {S("work"), S("Third")};
    append.append.keywords = names;
    append.append.keyword_count = 2;
    append.append.flags = MESSAGE_DRAFT;
    assert_int_equal(run_one(fixture, account, append).uid, 3);
    assert_string_equal(letters_of(fixture, INBOX_CUR, 3), "Dbc");
    blob_free(sealed.blob);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void lost_index_knows_keywords(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 4);
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 2, 3), FLAGS_ADD, "$Label1"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 3, 4), FLAGS_ADD, "Work"));
    run_one(fixture, account, store_flags("INBOX", uids(fixture, 4, 4), FLAGS_ADD, MESSAGE_ANSWERED));
    run_one(fixture, account, move_to("INBOX", "Archive", uids(fixture, 3, 3)));
    run_one(fixture, account, store_keyword(fixture, "Archive", uid_set_all, FLAGS_ADD, "More"));
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "");
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "$Label1");
    assert_string_equal(keywords_of(fixture, account, "INBOX", 4), "Work");
    assert_string_equal(keywords_of(fixture, account, "Archive", 1), "$Label1,More,Work");
    /* And they go on with the same letters. */
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 1), FLAGS_ADD, "work"));
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "b");
    assert_string_equal(letters_of(fixture, INBOX_CUR, 4), "Rb");
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void another_program_changes_letters(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 2);
    run_one(fixture, account, store_keyword(fixture, "INBOX", uid_set_all, FLAGS_ADD, "One"));
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 1), FLAGS_ADD, "Two"));
    assert_ok(letters_run(account, 0, NULL));
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    change_letters(fixture, INBOX_CUR, 1, "Sb");
    change_letters(fixture, INBOX_CUR, 2, "abz"); /* z means nothing */
    assert_true(status_of(account, "INBOX").highestmodseq > modseq);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "Two");
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "One,Two");
    assert_int_equal(status_of(account, "INBOX").unseen, 1);
    check_consistent(fixture, account, "INBOX", INBOX_CUR);
    account_close(account);
}

static void only_letters_are_carried_over_a_loss(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 1);
    assert_ok(give_many(fixture, account, 1, 0, 30));
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "abcdefghijklmnopqrstuvwxyz");
    const char *all = keywords_of(fixture, account, "INBOX", 1);
    assert_int_equal(strlen(all), 30 * 6 - 1);
    /* The others are not lost when another program touches the name. */
    change_letters(fixture, INBOX_CUR, 1, "Sbcdefghijklmnopqrstuvwxyz");
    assert_ok(mailbox_refresh(account, 1));
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), all + 6);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(strlen(keywords_of(fixture, account, "INBOX", 1)), 25 * 6 - 1);
    account_close(account);
}

static void letters_without_meaning_are_not_taken_for_keywords(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_with(fixture, 1);
    assert_ok(fs_write_durable(path_of(fixture, INBOX_CUR "/1.foreign:2,PSab"), HELLO, 0600));
    assert_ok(mailbox_refresh(account, 1));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 2), "PS");
    run_one(fixture, account, store_keyword(fixture, "INBOX", uids(fixture, 1, 1), FLAGS_ADD, "First"));
    assert_ok(letters_run(account, 0, NULL));
    assert_string_equal(letters_of(fixture, INBOX_CUR, 1), "a");
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_string_equal(keywords_of(fixture, account, "INBOX", 1), "First");
    assert_string_equal(keywords_of(fixture, account, "INBOX", 2), "");
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_is_that_of_an_atom),
        cmocka_unit_test_setup_teardown(bad_ones_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(added_removed_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batch_that_fails_leaves_no_keyword, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failing_batch_beside_another_leaves_no_keyword, set_up, tear_down),
        cmocka_unit_test_setup_teardown(more_than_fit_into_the_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limit_and_the_return_of_unused_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(letters_are_those_of_the_mailbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_index_knows_keywords, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_program_changes_letters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_letters_are_carried_over_a_loss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(letters_without_meaning_are_not_taken_for_keywords, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
