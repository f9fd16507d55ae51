/* SPDX-License-Identifier: ISC */
/* PLAIN and LOGIN, as clients really send them, without a network. */
#include "check.h"

#include "sasl.h"

struct fixture {
    struct sasl_library *library;
    struct sasl *sasl;
    struct buf challenge;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->library = sasl_library_new();
    assert_non_null(fixture->library);
    buf_init(&fixture->challenge, 1000);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->sasl) {
        sasl_end(fixture->sasl);
    }
    sasl_library_free(fixture->library);
    buf_free(&fixture->challenge);
    free(fixture);
    return 0;
}

static enum sasl_result begin(struct fixture *fixture, struct slice mechanism, const struct slice *initial)
{
    if (fixture->sasl) {
        sasl_end(fixture->sasl);
    }
    buf_clear(&fixture->challenge);
    return sasl_begin(fixture->library, mechanism, initial, &fixture->sasl, &fixture->challenge);
}

static enum sasl_result step(struct fixture *fixture, struct slice response)
{
    buf_clear(&fixture->challenge);
    return sasl_step(fixture->sasl, response, &fixture->challenge);
}

static void assert_credentials(const struct fixture *fixture, const char *name, const char *password)
{
    assert_text(buf_slice(&fixture->sasl->name), name);
    assert_text(buf_slice(&fixture->sasl->password), password);
}

static void plain_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct slice initial = S("\0alice@example.org\0secret word");
    assert_int_equal(begin(fixture, S("plain"), &initial), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice@example.org", "secret word");
    assert_string_equal(sasl_mechanism_name(fixture->sasl), "PLAIN");
}

static void plain_after_an_empty_challenge(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(begin(fixture, S("PLAIN"), NULL), SASL_CONTINUE);
    assert_int_equal(fixture->challenge.len, 0);
    assert_int_equal(step(fixture, S("\0alice\0secret")), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice", "secret");
}

static void plain_with_an_identity(void **state)
{
    struct fixture *fixture = *state;
    struct slice initial = S("bob\0alice\0secret");
    assert_int_equal(begin(fixture, S("PLAIN"), &initial), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice", "secret");
    assert_text(buf_slice(&fixture->sasl->identity), "bob");
}

static void plain_that_is_none(void **state)
{
    struct fixture *fixture = *state;
    const struct slice messages[] = {S(""),         S("alice"),           S("\0"),
                                     S("\0alice"),  S("alice\0secret"),   S("\0a\0p\0more"),
                                     S("\0a\0p\0"), S("\0a\xe9\0p\0more")};
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        assert_int_equal(begin(fixture, S("PLAIN"), &messages[i]), SASL_MALFORMED);
    }
    assert_int_equal(begin(fixture, S("PLAIN"), NULL), SASL_CONTINUE);
    assert_int_equal(step(fixture, S("")), SASL_MALFORMED);
}

/* Each cut lies in memory of just its length, so that the sanitizer sees a read behind it. */
static void plain_cut_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct slice whole = S("id\0alice\0secret");
    for (size_t len = 1; len < whole.len; len++) {
        char *copy = malloc(len);
        memcpy(copy, whole.data, len);
        struct slice cut = slice_of(copy, len);
        bool has_both_nuls = len >= 9;
        assert_int_equal(begin(fixture, S("PLAIN"), &cut), has_both_nuls ? SASL_CREDENTIALS : SASL_MALFORMED);
        free(copy);
    }
}

static void login_in_two_steps_with_the_prompts_outlook_wants(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(begin(fixture, S("LOGIN"), NULL), SASL_CONTINUE);
    assert_text(buf_slice(&fixture->challenge), "Username:");
    assert_int_equal(step(fixture, S("alice")), SASL_CONTINUE);
    assert_text(buf_slice(&fixture->challenge), "Password:");
    assert_int_equal(step(fixture, S("secret")), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice", "secret");
    assert_int_equal(fixture->sasl->identity.len, 0);
}

static void login_with_the_name_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct slice name = S("alice");
    assert_int_equal(begin(fixture, S("Login"), &name), SASL_CONTINUE);
    assert_text(buf_slice(&fixture->challenge), "Password:");
    assert_int_equal(step(fixture, S("secret")), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice", "secret");
}

static void login_that_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct slice nothing = SLICE_EMPTY, nul = S("a\0b");
    assert_int_equal(begin(fixture, S("LOGIN"), &nothing), SASL_MALFORMED);
    assert_int_equal(begin(fixture, S("LOGIN"), &nul), SASL_MALFORMED);
    assert_int_equal(begin(fixture, S("LOGIN"), NULL), SASL_CONTINUE);
    assert_int_equal(step(fixture, S("")), SASL_MALFORMED);
    assert_int_equal(begin(fixture, S("LOGIN"), NULL), SASL_CONTINUE);
    assert_int_equal(step(fixture, S("alice")), SASL_CONTINUE);
    assert_int_equal(step(fixture, S("se\0cret")), SASL_MALFORMED);
}

static void text_that_cannot_be_prepared_is_taken_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct slice emoji = S("\0alice\0unicorn \xf0\x9f\xa6\x84"), latin = S("bob\0j\xf6rg\0p\xe4ss");
    assert_int_equal(begin(fixture, S("PLAIN"), &emoji), SASL_CREDENTIALS);
    assert_credentials(fixture, "alice", "unicorn \xf0\x9f\xa6\x84");
    assert_int_equal(fixture->sasl->identity.len, 0);
    assert_int_equal(begin(fixture, S("PLAIN"), &latin), SASL_CREDENTIALS);
    assert_credentials(fixture, "j\xf6rg", "p\xe4ss");
    assert_text(buf_slice(&fixture->sasl->identity), "bob");
}

static void other_mechanisms_are_not_offered(void **state)
{
    struct fixture *fixture = *state;
    const char *const names[] = {"",       "CRAM-MD5", "ANONYMOUS", "EXTERNAL", "SCRAM-SHA-256",
                                 "PLAIN2", "NTLM",     "GSSAPI"};
    struct slice initial = S("x");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(begin(fixture, slice_from(names[i]), &initial), SASL_NO_MECHANISM);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_at_once),
        TEST(plain_after_an_empty_challenge),
        TEST(plain_with_an_identity),
        TEST(plain_that_is_none),
        TEST(plain_cut_anywhere),
        TEST(login_in_two_steps_with_the_prompts_outlook_wants),
        TEST(login_with_the_name_at_once),
        TEST(login_that_is_none),
        TEST(text_that_cannot_be_prepared_is_taken_as_it_is),
        TEST(other_mechanisms_are_not_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
