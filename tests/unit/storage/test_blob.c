/* SPDX-License-Identifier: ISC */
/* Blobs: memory first, then the spool; what is left of them; where the store refuses to live. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

static void small_blob_touches_no_disk_before_it_is_sealed(void **state)
{
    struct fixture *fixture = *state;
    struct blob *blob;
    assert_ok(blob_begin(fixture->store, &blob));
    assert_false(blob_write_blocks(blob, 64 * 1024));
    assert_ok(blob_write(blob, S("Hello")));
    assert_true(blob_write_blocks(blob, 64 * 1024));
    assert_int_equal(blob_size(blob), 5);
    assert_int_equal(count_spool(fixture), 0);
    assert_ok(blob_seal(blob));
    assert_int_equal(count_spool(fixture), 1);
    assert_err(blob_write(blob, S("more")), ERR_CONFLICT);
    assert_ok(blob_seal(blob)); /* once is enough, twice does no harm */
    blob_free(blob);
    assert_int_equal(count_spool(fixture), 0);
    blob_free(NULL);
}

/* Writes n bytes of a pattern in pieces and compares what a mailbox holds. */
static void check_content(struct fixture *fixture, struct account *account, size_t size, size_t piece)
{
    char *text = malloc(size + 1);
    struct sealed sealed;
    struct mime_parser *parser = mime_parser_new(&fixture->arena, NULL);
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + i % 23);
    }
    assert_ok(blob_begin(fixture->store, &sealed.blob));
    for (size_t at = 0; at < size; at += piece) {
        struct slice part = slice_of(text + at, MIN_OF(piece, size - at));
        bool blocks = blob_write_blocks(sealed.blob, part.len);
        bool look = piece > 1 || size - at < 100; /* reads 32 folders */
        size_t before = look ? count_spool(fixture) : 0;
        assert_ok(blob_write(sealed.blob, part));
        assert_true(!look || blocks || count_spool(fixture) == before);
    }
    mime_parser_feed(parser, slice_of(text, size));
    mime_parser_finish(parser);
    summary_build(&fixture->arena, parser, &sealed.summary);
    assert_int_equal(blob_size(sealed.blob), size);
    assert_ok(blob_seal(sealed.blob));
    struct batch_operation append = append_to("INBOX", &sealed);
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    assert_slice(read_message(fixture, account, 1, append.result.uid), slice_of(text, size));
    free(text);
}

static void content_of_any_size_arrives(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    check_content(fixture, account, 0, 1);
    check_content(fixture, account, 1, 1);
    check_content(fixture, account, 65535, 1000);
    check_content(fixture, account, 65536, 65536);
    check_content(fixture, account, 65537, 65537);
    check_content(fixture, account, 65537, 1);
    check_content(fixture, account, 1000000, 9999);
    check_content(fixture, account, 1000000, 200000);
    account_close(account);
}

static void abandoned_blob_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct blob *blob;
    char *big = calloc(1, 200000);
    assert_ok(blob_begin(fixture->store, &blob));
    assert_ok(blob_write(blob, slice_of(big, 200000)));
    assert_int_equal(count_spool(fixture), 1);
    blob_free(blob);
    assert_int_equal(count_spool(fixture), 0);
    free(big);
}

static void unsealed_blob_is_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    blob_free(sealed.blob);
    assert_ok(blob_begin(fixture->store, &sealed.blob));
    assert_ok(blob_write(sealed.blob, HELLO));
    struct batch_operation append = append_to("INBOX", &sealed);
    assert_err(batch_commit(account, &append, 1, NULL), ERR_CONFLICT);
    blob_free(sealed.blob);
    account_close(account);
}

/* A file in the spool of that name, so many seconds old. */
static void leave(struct fixture *fixture, const char *name, time_t age)
{
    const char *path = path_of(fixture, arena_printf(&fixture->arena, "spool/%s", name));
    struct timespec times[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
    close(open(path, O_WRONLY | O_CREAT, 0600));
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool is_left(struct fixture *fixture, const char *name)
{
    return access(path_of(fixture, arena_printf(&fixture->arena, "spool/%s", name)), F_OK) == 0;
}

static void leftovers_of_the_dead_are_removed(void **state)
{
    struct fixture *fixture = *state;
    const char *living = arena_printf(&fixture->arena, "1700000000.%d.9", (int)getpid());
    const char *ancient = arena_printf(&fixture->arena, "1600000000.%d.9", (int)getpid());
    leave(fixture, "1700000000.2147483646.1", 7200); /* no system has this process */
    leave(fixture, "1700000000.2147483646.2", 60);
    leave(fixture, living, 7200);
    leave(fixture, ancient, 3 * 86400);
    leave(fixture, "unacknowledged.x", 7200);
    leave(fixture, "unacknowledged.y", 3 * 86400);
    reopen_store(fixture);
    assert_false(is_left(fixture, "1700000000.2147483646.1"));
    assert_true(is_left(fixture, "1700000000.2147483646.2"));
    assert_true(is_left(fixture, living));
    assert_false(is_left(fixture, ancient));
    assert_true(is_left(fixture, "unacknowledged.x"));
    assert_false(is_left(fixture, "unacknowledged.y"));
}

static void store_says_why_it_does_not_open(void **state)
{
    struct fixture *fixture = *state;
    struct store *store = NULL;
    struct buf why;
    buf_init(&why, 1000);
    const char *file = path_of(fixture, "file");
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_int_not_equal(store_open(file, "mx", &store, &why), ERR_OK);
    assert_null(store);
    assert_true(slice_find_text(buf_slice(&why), slice_from(file)) < why.len);
    buf_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_blob_touches_no_disk_before_it_is_sealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(content_of_any_size_arrives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(abandoned_blob_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unsealed_blob_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leftovers_of_the_dead_are_removed, set_up_empty, tear_down),
        cmocka_unit_test_setup_teardown(store_says_why_it_does_not_open, set_up_empty, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
