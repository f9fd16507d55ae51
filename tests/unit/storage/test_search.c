/* SPDX-License-Identifier: ISC */
/* The full-text index behind the search: filled, behind, damaged, of another index.db; the answers stay the
 * same. */
#include "search_case.h"

#include "fts.h"
#include "fts_grams.h"
#include "fts_private.h"
#include "inside.h"
#include "storage/care.h"

#define FTS ALICE_DIR "/fts.db"

static uint64_t pending(struct search_world *world)
{
    uint64_t count = 0;
    assert_ok(fts_pending(world->account, &count));
    return count;
}

static void compare_some(struct search_world *world, int times)
{
    for (int i = 0; i < times; i++) {
        search_random(world);
    }
}

static void reopen(struct search_world *world)
{
    account_close(world->account);
    reopen_store(world->fixture);
    world->account = open_account(world->fixture, ALICE);
}

/* --- grams --- */

static void check_expression(const char *needle, const char *expected)
{
    struct buf out;
    buf_init(&out, 10000);
    assert_int_equal(fts_grams_expression(&out, slice_from(needle), false), expected[0] != '\0');
    assert_slice(buf_slice(&out), slice_from(expected));
    buf_free(&out);
}

static void expressions_of_grams(void **state)
{
    (void)state;
    check_expression("word", "\"wor\" AND \"ord\"");
    check_expression("abc", "\"abc\"");
    check_expression("ab", "");
    check_expression("a", "");
    check_expression("", "");
    check_expression("中", "\"中\"");
    check_expression("中文", "\"中文\"");
    check_expression("中文字", "\"中文字\"");
    check_expression("a中", "\"中\"");
    check_expression("中a", "\"中\"");
    check_expression("a\"b", "\"a\"\"b\"");
    check_expression("éa", "");
    struct buf needle, out;
    buf_init(&needle, 10000);
    buf_init(&out, 10000);
    for (int i = 0; i < 200; i++) {
        buf_printf(&needle, "%d", i);
    }
    assert_true(fts_grams_expression(&out, buf_slice(&needle), true));
    size_t asked = 0;
    for (size_t i = 0; i < out.len; i++) {
        asked += out.data[i] == FTS_HEADER_MARK;
    }
    assert_int_equal(asked, 16); /* not all 488 */
    assert_true(slice_starts_with(buf_slice(&out), S("\"\x01"
                                                     "012\""))); /* from the first … */
    assert_true(slice_ends_with_nocase(buf_slice(&out), S("\"\x01"
                                                          "199\""))); /* … to the last */
    buf_free(&needle);
    buf_free(&out);
}

/* --- candidates --- */

static size_t candidates_of(struct search_world *world, enum search_where where, const char *text)
{
    struct search_term term = {.where = where, .header = S("Subject"), .text = slice_from(text)};
    struct fts_candidates candidates;
    assert_ok(fts_catch_up(world->account, SIZE_MAX, NULL, NULL));
    assert_ok(fts_find(world->account, &term, 1, &candidates));
    size_t count = candidates.all ? SIZE_MAX : candidates.count;
    mem_free(candidates.bodies);
    return count;
}

static void the_index_is_asked(void **state)
{
    struct search_world world;
    search_world_open(&world, *state);
    append_text(world.fixture, world.account, "INBOX", S("Subject: needle\r\n\r\nhay 東京\r\n"));
    append_text(world.fixture, world.account, "INBOX", S("Subject: hay\r\n\r\nneedle\r\n"));
    for (int i = 0; i < 20; i++) {
        append_text(world.fixture, world.account, "INBOX", S("Subject: hay\r\n\r\nmore hay\r\n"));
    }
    assert_int_equal(candidates_of(&world, SEARCH_HEADER, "needle"), 1);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 1);
    assert_int_equal(candidates_of(&world, SEARCH_TEXT, "needle"), 2);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "京"), 1);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "東京"), 1);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "nothing"), 0);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "ha"), SIZE_MAX);
    assert_int_equal(candidates_of(&world, SEARCH_HEADER, ""), 22); /* the name of the field */
    search_world_close(&world);
}

static void a_copy_is_found_too(void **state)
{
    struct search_world world;
    search_world_open(&world, *state);
    append_text(world.fixture, world.account, "INBOX", S("Subject: x\r\n\r\nneedle\r\n"));
    run_one(world.fixture, world.account, copy_to("INBOX", "INBOX", uids(world.fixture, 1, 1)));
    run_one(world.fixture, world.account, copy_to("INBOX", "Archive", uids(world.fixture, 1, 1)));
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 1);
    struct search_term term = {.where = SEARCH_BODY, .text = S("needle")};
    struct search_request request = {
        .mailbox_id = world.mailbox, .within = uid_set_all, .terms = &term, .term_count = 1};
    struct uid_set found;
    assert_ok(search_text(world.account, &request, &world.fixture->arena, &found));
    assert_int_equal(uid_set_size(&found), 2);
    request.mailbox_id = status_of(world.account, "Archive").id;
    assert_ok(search_text(world.account, &request, &world.fixture->arena, &found));
    assert_int_equal(uid_set_size(&found), 1);
    search_world_close(&world);
}

/* --- all through the life of an index --- */

static void filled_in_pieces(void **state)
{
    struct search_world world;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 30);
    assert_int_equal(pending(&world), 30);
    assert_ok(fts_catch_up(world.account, 7, NULL, NULL));
    assert_int_equal(pending(&world), 23);
    struct search_request request = {.mailbox_id = world.mailbox, .within = uid_set_all};
    struct search_term term = {.where = SEARCH_BODY, .text = S("brown")};
    request.terms = &term;
    request.term_count = 1;
    search_compare(&world, &request);
    assert_int_equal(pending(&world), 0); /* a search fills it up */
    assert_ok(fts_check(world.account));
    assert_true(fts_bytes(world.account) > 0);
    search_world_close(&world);
}

/* What another process holds is left to it, and what is not indexed is looked at. */
static void somebody_else_fills(void **state)
{
    struct search_world world;
    int lock_fd;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 10);
    assert_ok(fts_catch_up(world.account, SIZE_MAX, NULL, NULL));
    search_deliver(&world, 10);
    assert_ok(fs_lock_file(path_of(world.fixture, FTS ".filling"), true, &lock_fd));
    assert_err(fts_catch_up(world.account, SIZE_MAX, NULL, NULL), ERR_BUSY);
    compare_some(&world, 40);
    assert_int_equal(pending(&world), 10);
    close(lock_fd);
    search_world_close(&world);
}

/* All of it in the file itself. */
static void empty_log(struct search_world *world)
{
    struct db *db;
    assert_ok(fts_use(world->account->fts, &db));
    assert_int_equal(sqlite3_wal_checkpoint_v2(db_handle(db), "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
                     SQLITE_OK);
    assert_ok(fts_done(world->account->fts, ERR_OK));
}

/* Written over in the middle, cut short, or no database at all. */
static void damage(struct search_world *world, size_t how)
{
    assert_ok(fts_catch_up(world->account, SIZE_MAX, NULL, NULL));
    empty_log(world);
    const char *path = path_of(world->fixture, FTS);
    struct stat info;
    char noise[4096];
    memset(noise, 0x5a, sizeof(noise));
    account_close(world->account);
    store_close(world->fixture->store);
    unlink(path_of(world->fixture, FTS "-wal"));
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    if (how == 0) {
        assert_int_equal(pwrite(fd, noise, 100, 0), 100);
    } else if (how == 1) {
        assert_int_equal(ftruncate(fd, info.st_size / 2), 0);
    } else {
        for (off_t at = 4096; at < info.st_size; at += 8192) {
            assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
        }
    }
    close(fd);
    open_store(world->fixture);
    world->account = open_account(world->fixture, ALICE);
}

static void damaged_and_deleted(void **state)
{
    struct search_world world;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 40);
    compare_some(&world, 10);
    for (size_t how = 0; how < 3; how++) {
        reopen(&world);
        damage(&world, how);
        compare_some(&world, 15);
        search_deliver(&world, 3);
        compare_some(&world, 5);
        assert_ok(fts_catch_up(world.account, SIZE_MAX, NULL, NULL));
        assert_ok(fts_check(world.account));
        assert_int_equal(pending(&world), 0);
    }
    assert_int_equal(unlink(path_of(world.fixture, FTS)), 0); /* while it is open */
    compare_some(&world, 10);
    assert_int_equal(access(path_of(world.fixture, FTS), F_OK), 0);
    search_world_close(&world);
}

static void the_dead_are_swept_out(void **state)
{
    struct search_world world;
    bool cleared = true;
    search_world_open(&world, *state);
    for (int i = 0; i < 300; i++) {
        append_text(world.fixture, world.account, "INBOX", S("Subject: x\r\n\r\nneedle\r\n"));
    }
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 300);
    run_one(world.fixture, world.account, expunge_from("INBOX", uids(world.fixture, 1, 89)));
    assert_ok(fts_sweep(world.account, &cleared));
    assert_false(cleared);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 300);
    run_one(world.fixture, world.account, expunge_from("INBOX", uids(world.fixture, 90, 150)));
    assert_ok(fts_sweep(world.account, &cleared));
    assert_true(cleared);
    assert_int_equal(pending(&world), 150);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 150);
    search_world_close(&world);
}

/* An index.db from before some messages came, put back: the numbers of their bodies go to others. */
static void an_older_index_is_put_back(void **state)
{
    struct search_world world;
    struct fixture *fixture = *state;
    struct buf old;
    search_world_open(&world, fixture);
    buf_init(&old, 16 << 20);
    append_text(fixture, world.account, "INBOX", S("Subject: x\r\n\r\nfirst needle\r\n"));
    sql_run(world.account, "UPDATE meta SET v=v WHERE 0");
    reopen(&world);
    assert_int_equal(sql_number(world.account, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    account_close(world.account);
    store_close(fixture->store);
    assert_ok(fs_read_file(path_of(fixture, ALICE_DIR "/index.db"), &old));
    open_store(fixture);
    world.account = open_account(fixture, ALICE);
    append_text(fixture, world.account, "INBOX", S("Subject: x\r\n\r\nlost thing\r\n"));
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "lost thing"), 1);
    account_close(world.account);
    store_close(fixture->store);
    unlink(path_of(fixture, ALICE_DIR "/index.db-wal"));
    unlink(path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/cur/%s",
                                         file_of(fixture, ALICE_INBOX "/cur", 2))));
    assert_ok(fs_write_durable(path_of(fixture, ALICE_DIR "/index.db"), buf_slice(&old), 0600));
    open_store(fixture);
    world.account = open_account(fixture, ALICE);
    for (int i = 0; i < 5; i++) { /* body numbers and MODSEQ pass those of before */
        append_text(fixture, world.account, "INBOX", S("Subject: x\r\n\r\nanother needle\r\n"));
    }
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle"), 6);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "lost thing"), 0);
    buf_free(&old);
    search_world_close(&world);
}

static void a_lost_index_is_no_trouble(void **state)
{
    struct search_world world;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 30);
    search_expunge(&world, 5);
    compare_some(&world, 10);
    account_close(world.account);
    store_close(world.fixture->store);
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm", "index.bak"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) { /* but not fts.db */
        unlink(path_of(world.fixture, arena_printf(&world.fixture->arena, ALICE_DIR "/%s", names[i])));
    }
    open_store(world.fixture);
    world.account = open_account(world.fixture, ALICE);
    compare_some(&world, 40);
    search_world_close(&world);
}

/* A file that cannot be read is no reason to stop; when it can be read again it is found. */
static void an_unreadable_message(void **state)
{
    struct search_world world;
    struct fixture *fixture = *state;
    search_world_open(&world, fixture);
    append_text(fixture, world.account, "INBOX", S("Subject: x\r\n\r\nneedle one\r\n"));
    append_text(fixture, world.account, "INBOX", S("Subject: x\r\n\r\nneedle two\r\n"));
    const char *name =
        arena_printf(&fixture->arena, ALICE_INBOX "/cur/%s", file_of(fixture, ALICE_INBOX "/cur", 1));
    const char *away = path_of(fixture, "away");
    assert_int_equal(rename(path_of(fixture, name), away), 0);
    assert_int_equal(mkdir(path_of(fixture, name), 0700), 0); /* opens, and gives an error when read */
    assert_ok(fts_catch_up(world.account, SIZE_MAX, NULL, NULL));
    assert_int_equal(pending(&world), 0);
    assert_int_equal(rmdir(path_of(fixture, name)), 0);
    assert_int_equal(rename(away, path_of(fixture, name)), 0);
    assert_int_equal(candidates_of(&world, SEARCH_BODY, "needle one"), 1);
    struct search_term term = {.where = SEARCH_BODY, .text = S("needle one")};
    struct search_request request = {
        .mailbox_id = world.mailbox, .within = uid_set_all, .terms = &term, .term_count = 1};
    struct uid_set found;
    assert_ok(search_text(world.account, &request, &fixture->arena, &found));
    assert_int_equal(uid_set_size(&found), 1);
    search_world_close(&world);
}

/* --- all at once --- */

#define COMING 60

struct searcher {
    pthread_t thread;
    struct search_world *world;
    uint64_t seen;
    enum err err;
};

static void *search_until_all_came(void *data)
{
    struct searcher *searcher = data;
    struct search_term term = {.where = SEARCH_BODY, .text = S("needle")};
    struct search_request request = {
        .mailbox_id = searcher->world->mailbox, .within = uid_set_all, .terms = &term, .term_count = 1};
    while (!searcher->err && searcher->seen < COMING) {
        struct arena arena = {0};
        struct uid_set found = {0};
        searcher->err = search_text(searcher->world->account, &request, &arena, &found);
        if (!searcher->err && uid_set_size(&found) < searcher->seen) {
            searcher->err = ERR_CONFLICT; /* what was found once is there */
        }
        searcher->seen = uid_set_size(&found);
        arena_free(&arena);
    }
    return NULL;
}

static void searches_while_mail_comes_in(void **state)
{
    struct search_world world;
    struct searcher searchers[3] = {0};
    search_world_open(&world, *state);
    for (size_t i = 0; i < ARRAY_LEN(searchers); i++) {
        searchers[i].world = &world;
        assert_int_equal(pthread_create(&searchers[i].thread, NULL, search_until_all_came, &searchers[i]), 0);
    }
    for (int i = 0; i < COMING; i++) {
        append_text(world.fixture, world.account, "INBOX", S("Subject: x\r\n\r\na needle in hay\r\n"));
        if (i % 20 == 10) {
            unlink(path_of(world.fixture, FTS)); /* if it is there by now */
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(searchers); i++) {
        assert_int_equal(pthread_join(searchers[i].thread, NULL), 0);
        assert_ok(searchers[i].err);
    }
    search_world_close(&world);
}

static void care_for_the_index(void **state)
{
    struct search_world world;
    struct account_stats stats;
    struct check check = {0};
    struct check_report report;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 20);
    assert_ok(account_stats(world.account, &stats));
    assert_int_equal(stats.search_pending, 20);
    assert_ok(account_maintain(world.account));
    assert_ok(account_stats(world.account, &stats));
    assert_int_equal(stats.search_pending, 0);
    assert_true(stats.search_bytes > 0);
    assert_ok(account_check(world.account, &check, &report));
    assert_int_equal(report.problems, 0);
    damage(&world, 2);
    assert_ok(account_rebuild_search(world.account, NULL));
    assert_int_equal(pending(&world), 0);
    assert_ok(account_check(world.account, &check, &report));
    assert_int_equal(report.problems, 0);
    compare_some(&world, 10);
    search_world_close(&world);
}

/* Everything together, in any order. */
static void a_long_life(void **state)
{
    struct search_world world;
    chance_begin();
    search_world_open(&world, *state);
    search_deliver(&world, 100);
    for (int round = 0; round < 25; round++) {
        switch (chance(8)) {
        case 0:
            assert_ok(fts_clear(world.account));
            break;
        case 1:
            assert_ok(fts_catch_up(world.account, chance(50), NULL, NULL));
            break;
        case 2:
            reopen(&world);
            break;
        case 3:
            unlink(path_of(world.fixture, FTS));
            break;
        case 4:
            search_expunge(&world, 8);
            break;
        default:
            search_deliver(&world, 12);
        }
        compare_some(&world, 12);
    }
    search_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_of_grams),
        cmocka_unit_test_setup_teardown(the_index_is_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_found_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(filled_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(somebody_else_fills, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_and_deleted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_dead_are_swept_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_index_is_put_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_index_is_no_trouble, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unreadable_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(searches_while_mail_comes_in, set_up, tear_down),
        cmocka_unit_test_setup_teardown(care_for_the_index, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_life, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
