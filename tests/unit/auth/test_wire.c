/* SPDX-License-Identifier: ISC */
/* The lines between authd and its clients: what is written can be read, and nothing else can. */
#include "check.h"

#include "base/conf.h"
#include "wire.h"

struct fixture {
    struct arena arena;
    struct buf line, blob;
    struct auth_request request;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    wire_buf_init(&fixture->line);
    wire_buf_init(&fixture->blob);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    wire_buf_wipe(&fixture->line);
    wire_buf_wipe(&fixture->blob);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static enum err get_begin(struct fixture *fixture, struct slice line)
{
    buf_clear(&fixture->blob);
    return wire_get_begin(line, &fixture->arena, &fixture->request, &fixture->blob);
}

/* The line that was written, without its end. */
static struct slice written(struct fixture *fixture)
{
    struct slice line = buf_slice(&fixture->line);
    assert_true(buf_ok(&fixture->line));
    assert_true(slice_ends_with_nocase(line, S("\r\n")));
    return slice_take(line, line.len - 2);
}

static void begin_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct auth_request request = {.service = "smtp",
                                   .mechanism = S("PLAIN"),
                                   .has_initial = true,
                                   .initial = S("\0alice\0secret"),
                                   .peer_address = "2001:db8::1",
                                   .tls = true};
    wire_put_begin(&fixture->line, &request);
    assert_text(written(fixture),
                "BEGIN service=smtp mechanism=PLAIN peer=2001:db8::1 tls=1 initial=AGFsaWNlAHNlY3JldA==");
    assert_ok(get_begin(fixture, written(fixture)));
    assert_string_equal(fixture->request.service, "smtp");
    assert_string_equal(fixture->request.peer_address, "2001:db8::1");
    assert_text(fixture->request.mechanism, "PLAIN");
    assert_true(fixture->request.tls);
    assert_true(fixture->request.has_initial);
    assert_slice(fixture->request.initial, S("\0alice\0secret"));
}

static void no_initial_response_is_not_an_empty_one(void **state)
{
    struct fixture *fixture = *state;
    struct auth_request request = {.service = "imap", .mechanism = S("login"), .peer_address = "local"};
    wire_put_begin(&fixture->line, &request);
    assert_text(written(fixture), "BEGIN service=imap mechanism=login peer=local tls=0");
    assert_ok(get_begin(fixture, written(fixture)));
    assert_false(fixture->request.has_initial);
    assert_false(fixture->request.tls);

    request.has_initial = true;
    request.initial = SLICE_EMPTY;
    buf_clear(&fixture->line);
    wire_put_begin(&fixture->line, &request);
    assert_ok(get_begin(fixture, written(fixture)));
    assert_true(fixture->request.has_initial);
    assert_int_equal(fixture->request.initial.len, 0);
}

static void begin_is_strict_but_extensible(void **state)
{
    struct fixture *fixture = *state;
    assert_err(get_begin(fixture, S("")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("begin service=a mechanism=b peer=c")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("STEP service=a mechanism=b peer=c")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a mechanism=b")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a peer=b")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN mechanism=a peer=b")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a mechanism=b peer=c word")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a  mechanism=b peer=c")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a mechanism=b peer=c initial=A")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a mechanism=b peer=c initial=QUI")), ERR_SYNTAX);
    assert_err(get_begin(fixture, S("BEGIN service=a mechanism=b peer=c initial=Q\0I=")), ERR_SYNTAX);
    assert_ok(get_begin(fixture, S("BEGIN later=1 service=a mechanism=b peer=c")));
}

static void step_and_continue_carry_any_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct slice bytes = S("\0\r\n\xff LF");
    wire_put_step(&fixture->line, bytes);
    assert_ok(wire_get_step(written(fixture), &fixture->blob));
    assert_slice(buf_slice(&fixture->blob), bytes);

    buf_clear(&fixture->line);
    buf_clear(&fixture->blob);
    wire_put_continue(&fixture->line, bytes);
    assert_int_equal(wire_get_answer(written(fixture), &fixture->blob), AUTH_CONTINUE);
    assert_slice(buf_slice(&fixture->blob), bytes);
}

static void empty_blobs(void **state)
{
    struct fixture *fixture = *state;
    wire_put_step(&fixture->line, SLICE_EMPTY);
    assert_text(written(fixture), "STEP");
    assert_ok(wire_get_step(written(fixture), &fixture->blob));
    assert_ok(wire_get_step(S("STEP "), &fixture->blob));
    assert_int_equal(wire_get_answer(S("CONTINUE"), &fixture->blob), AUTH_CONTINUE);
    assert_int_equal(fixture->blob.len, 0);
    assert_err(wire_get_step(S(""), &fixture->blob), ERR_SYNTAX);
    assert_err(wire_get_step(S("STEPQUI="), &fixture->blob), ERR_SYNTAX);
    assert_err(wire_get_step(S("STEP *"), &fixture->blob), ERR_SYNTAX);
}

static void outcomes_come_back(void **state)
{
    struct fixture *fixture = *state;
    const enum auth_outcome outcomes[] = {AUTH_FAILED, AUTH_DISABLED, AUTH_MALFORMED, AUTH_NO_MECHANISM,
                                          AUTH_UNAVAILABLE};
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        buf_clear(&fixture->line);
        wire_put_fail(&fixture->line, outcomes[i]);
        assert_int_equal(wire_get_answer(written(fixture), &fixture->blob), outcomes[i]);
    }
    buf_clear(&fixture->line);
    wire_put_ok(&fixture->line, S("\"a b\"@example.org"));
    assert_int_equal(wire_get_answer(written(fixture), &fixture->blob), AUTH_OK);
    assert_text(buf_slice(&fixture->blob), "\"a b\"@example.org");
}

static void nonsense_is_never_a_yes_or_a_wrong_password(void **state)
{
    struct fixture *fixture = *state;
    const char *const answers[] = {"",     "OK",        "OK ",        "ok alice", "OKAY alice",
                                   "FAIL", "FAIL oops", "CONTINUE *", "NO"};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        assert_int_equal(wire_get_answer(slice_from(answers[i]), &fixture->blob), AUTH_UNAVAILABLE);
    }
    assert_int_equal(fixture->blob.len, 0);
}

static void words_cannot_break_the_line(void **state)
{
    struct fixture *fixture = *state;
    struct auth_request request = {.service = "smtp", .mechanism = S("A\r\nB"), .peer_address = "local"};
    wire_put_begin(&fixture->line, &request);
    assert_false(buf_ok(&fixture->line));
    buf_clear(&fixture->line);
    request.mechanism = S("A tls=1");
    wire_put_begin(&fixture->line, &request);
    assert_false(buf_ok(&fixture->line));
}

static void what_is_too_long_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    char *bytes = calloc(1, WIRE_LINE_LIMIT);
    wire_put_step(&fixture->line, slice_of(bytes, (WIRE_LINE_LIMIT - 5) / 4 * 3));
    assert_true(buf_ok(&fixture->line));
    buf_clear(&fixture->line);
    wire_put_step(&fixture->line, slice_of(bytes, WIRE_LINE_LIMIT / 4 * 3 + 3));
    assert_false(buf_ok(&fixture->line));
    free(bytes);
}

static void mechanism_names(void **state)
{
    (void)state;
    assert_true(wire_is_mechanism(S("PLAIN")));
    assert_true(wire_is_mechanism(S("scram-sha-256-plus")));
    assert_true(wire_is_mechanism(S("12345678901234567890")));
    assert_false(wire_is_mechanism(S("123456789012345678901")));
    assert_false(wire_is_mechanism(S("")));
    assert_false(wire_is_mechanism(S("PLAIN tls=1")));
    assert_false(wire_is_mechanism(S("PL\0IN")));
    assert_false(wire_is_mechanism(S("PL\xc3\x84IN")));
}

static void passwords_in_clear_only_where_it_is_allowed(void **state)
{
    (void)state;
    const char *offered = "PLAIN LOGIN";
    assert_string_equal(auth_mechanisms(true, false, PLAINTEXT_AUTH_NEVER), offered);
    assert_string_equal(auth_mechanisms(false, true, PLAINTEXT_AUTH_NEVER), "");
    assert_string_equal(auth_mechanisms(false, true, PLAINTEXT_AUTH_LOOPBACK), offered);
    assert_string_equal(auth_mechanisms(false, false, PLAINTEXT_AUTH_LOOPBACK), "");
    assert_string_equal(auth_mechanisms(false, false, PLAINTEXT_AUTH_ALWAYS), offered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(begin_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_initial_response_is_not_an_empty_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(begin_is_strict_but_extensible, set_up, tear_down),
        cmocka_unit_test_setup_teardown(step_and_continue_carry_any_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_blobs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outcomes_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nonsense_is_never_a_yes_or_a_wrong_password, set_up, tear_down),
        cmocka_unit_test_setup_teardown(words_cannot_break_the_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_noticed, set_up, tear_down),
        cmocka_unit_test(mechanism_names),
        cmocka_unit_test(passwords_in_clear_only_where_it_is_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
