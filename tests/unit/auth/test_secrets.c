/* SPDX-License-Identifier: ISC */
/* secrets.db: setting, replacing, removing; who may read the file; the form in which passwords are compared.
 */
#include "check.h"

#include <sys/stat.h>

#include "auth/secrets.h"
#include "base/error.h"

static const struct password_cost cheap = {.passes = 1, .memory = 8192};

struct fixture {
    char *directory;
    char path[256];
    struct secrets *secrets;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->directory = check_temporary_directory();
    snprintf(fixture->path, sizeof(fixture->path), "%s/secrets.db", fixture->directory);
    assert_ok(secrets_open(fixture->path, &fixture->secrets, NULL));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    secrets_close(fixture->secrets);
    check_remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

static void set_password(struct fixture *fixture, const char *login, const char *password)
{
    assert_ok(secrets_set_password_at(fixture->secrets, slice_from(login), slice_from(password), &cheap));
}

/* Whether this is the login's password; false for no such login. */
static bool is_password(struct secrets *secrets, const char *login, const char *password)
{
    struct buf hash, prepared;
    buf_init(&hash, PASSWORD_HASH_SIZE);
    buf_init(&prepared, 2 * PASSWORD_LIMIT);
    password_prepare(slice_from(password), &prepared);
    bool right = !secrets_get(secrets, slice_from(login), &hash) &&
                 password_matches(buf_slice(&prepared), buf_cstr(&hash));
    buf_free(&prepared);
    buf_free(&hash);
    return right;
}

static void what_was_set_matches(void **state)
{
    struct fixture *fixture = *state;
    set_password(fixture, "alice@example.org", "correct horse");
    set_password(fixture, "bob@example.org", "battery staple");
    assert_true(is_password(fixture->secrets, "alice@example.org", "correct horse"));
    assert_false(is_password(fixture->secrets, "alice@example.org", "battery staple"));
    assert_false(is_password(fixture->secrets, "alice@example.org", "correct hors"));
    assert_false(is_password(fixture->secrets, "alice@example.org", ""));
    assert_true(is_password(fixture->secrets, "bob@example.org", "battery staple"));
}

static void a_new_password_replaces_the_old_one(void **state)
{
    struct fixture *fixture = *state;
    set_password(fixture, "alice@example.org", "old");
    set_password(fixture, "alice@example.org", "new");
    assert_false(is_password(fixture->secrets, "alice@example.org", "old"));
    assert_true(is_password(fixture->secrets, "alice@example.org", "new"));
}

static void it_outlives_the_handle_and_is_seen_by_others(void **state)
{
    struct fixture *fixture = *state;
    struct secrets *other;
    assert_ok(secrets_open(fixture->path, &other, NULL));
    set_password(fixture, "alice@example.org", "one");
    assert_true(is_password(other, "alice@example.org", "one"));
    set_password(fixture, "alice@example.org", "two");
    assert_true(is_password(other, "alice@example.org", "two"));
    secrets_close(other);
    secrets_close(fixture->secrets);
    assert_ok(secrets_open(fixture->path, &fixture->secrets, NULL));
    assert_true(is_password(fixture->secrets, "alice@example.org", "two"));
}

static void removed_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct buf hash;
    buf_init(&hash, PASSWORD_HASH_SIZE);
    set_password(fixture, "alice@example.org", "x");
    assert_ok(secrets_remove(fixture->secrets, S("alice@example.org")));
    assert_err(secrets_get(fixture->secrets, S("alice@example.org"), &hash), ERR_NOT_FOUND);
    assert_err(secrets_remove(fixture->secrets, S("alice@example.org")), ERR_NOT_FOUND);
    assert_int_equal(hash.len, 0);
    buf_free(&hash);
}

static void some_passwords_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char *longest = malloc(PASSWORD_LIMIT + 1);
    memset(longest, 'x', PASSWORD_LIMIT + 1);
    const struct slice bad[] = {S(""), S("a\0b"), S("a\nb"), S("a\r"), slice_of(longest, PASSWORD_LIMIT + 1)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_err(secrets_set_password_at(fixture->secrets, S("a"), bad[i], &cheap), ERR_SYNTAX);
    }
    assert_ok(secrets_set_password_at(fixture->secrets, S("a"), slice_of(longest, PASSWORD_LIMIT), &cheap));
    free(longest);
}

static void only_the_owner_may_read_the_files(void **state)
{
    struct fixture *fixture = *state;
    const char *const suffixes[] = {"", "-wal", "-shm"};
    struct stat info;
    set_password(fixture, "a", "x");
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[300];
        snprintf(path, sizeof(path), "%s%s", fixture->path, suffixes[i]);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct secrets *other;
    struct buf why;
    char path[300];
    snprintf(path, sizeof(path), "%s/other.db", fixture->directory);
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database ", file);
    }
    fclose(file);
    buf_init(&why, 1000);
    assert_true(secrets_open(path, &other, &why) != ERR_OK);
    assert_true(why.len > 0);
    buf_free(&why);
    assert_true(secrets_open("/nonexistent/secrets.db", &other, NULL) != ERR_OK);
}

static void the_full_price_is_argon2id_of_32_mib(void **state)
{
    struct fixture *fixture = *state;
    struct buf hash;
    buf_init(&hash, PASSWORD_HASH_SIZE);
    assert_ok(secrets_set_password(fixture->secrets, S("alice"), S("x")));
    assert_ok(secrets_get(fixture->secrets, S("alice"), &hash));
    assert_true(slice_starts_with(buf_slice(&hash), S("$argon2id$v=19$m=32768,t=2,p=1$")));
    assert_true(is_password(fixture->secrets, "alice", "x"));
    buf_free(&hash);
}

/* One password, typed on two keyboards: RFC 4013. */
static void the_same_text_in_other_bytes_is_the_same_password(void **state)
{
    struct fixture *fixture = *state;
    set_password(fixture, "a", "caf\xc3\xa9");
    assert_true(is_password(fixture->secrets, "a", "cafe\xcc\x81"));
    assert_false(is_password(fixture->secrets, "a", "cafe"));
    set_password(fixture, "a", "one\xc2\xa0two"); /* no-break space */
    assert_true(is_password(fixture->secrets, "a", "one two"));
}

static void what_cannot_be_prepared_still_works(void **state)
{
    struct fixture *fixture = *state;
    const char *const passwords[] = {"unicorn \xf0\x9f\xa6\x84", "latin \xe9", "bell\x07",
                                     "\xc2\xad" /* soft hyphen */};
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        set_password(fixture, "a", passwords[i]);
        assert_true(is_password(fixture->secrets, "a", passwords[i]));
        assert_false(is_password(fixture->secrets, "a", "other"));
        assert_false(is_password(fixture->secrets, "a", ""));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_set_matches),
        TEST(a_new_password_replaces_the_old_one),
        TEST(it_outlives_the_handle_and_is_seen_by_others),
        TEST(removed_is_gone),
        TEST(some_passwords_are_refused),
        TEST(only_the_owner_may_read_the_files),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(the_full_price_is_argon2id_of_32_mib),
        TEST(the_same_text_in_other_bytes_is_the_same_password),
        TEST(what_cannot_be_prepared_still_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
