/* SPDX-License-Identifier: ISC */
/* Logging in at the next host: with the mechanism that keeps the password best, and what goes wrong. */
#include <gsasl.h>

#include "auth/sasl_client.h"
#include "base/encode.h"
#include "relay_auth.h"
#include "script.h"

static char *directory;

static const char *password_file(const char *content)
{
    static char path[1000];
    snprintf(path, sizeof(path), "%s/password", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    return path;
}

struct result {
    enum err err;
    enum relay_auth outcome;
    struct buf why;
};

/* Greets and logs in with this content of the password file. */
static struct result log_in(struct script *script, const char *content)
{
    struct relay_client client;
    struct result result = {.outcome = (enum relay_auth)99};
    struct work_pool *work = work_pool_new(task_loop(), 1, 10);
    buf_init(&result.why, 10000);
    script_begin(script, &client);
    assert_ok(relay_greet(&client));
    result.err = relay_auth(&client, work, "tim", password_file(content), &result.outcome, &result.why);
    script_end(script, &client);
    work_pool_free(work);
    return result;
}

static void check_result(struct result *result, enum relay_auth outcome, const char *why)
{
    assert_ok(result->err);
    assert_int_equal(result->outcome, outcome);
    if (slice_find_text(buf_slice(&result->why), slice_from(why)) == result->why.len && why[0])
        fail_msg("'%s' is not in '%s'", why, buf_cstr(&result->why));
    assert_true((outcome == RELAY_AUTH_DONE) == (result->why.len == 0));
    buf_free(&result->why);
}

#define GREETING(mechanisms)                                                               \
    "< 220 mx.example ESMTP", "> EHLO us.example", "< 250-mx.example", "< 250-PIPELINING", \
        "< 250 AUTH " mechanisms

/* RFC 4954 section 4.1, the first example: AHRpbQB0YW5zdGFhZnRhbnN0YWFm is tim's. */
static void plain_with_initial_response(void *arg)
{
    (void)arg;
    for (size_t chunk = 0; chunk < 2; chunk++) {
        struct script script = SCRIPT(GREETING("PLAIN LOGIN"), "> AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
                                      "< 235 2.7.0 Authentication successful");
        script.chunk = chunk;
        struct result result = log_in(&script, "tanstaaftanstaaf\nsecond line\n");
        check_result(&result, RELAY_AUTH_DONE, "");
    }
}

static void file_ends(void *arg)
{
    (void)arg;
    const char *const contents[] = {"tanstaaftanstaaf", "tanstaaftanstaaf\n", "tanstaaftanstaaf\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct script script =
            SCRIPT(GREETING("PLAIN"), "> AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "< 235 fine");
        struct result result = log_in(&script, contents[i]);
        check_result(&result, RELAY_AUTH_DONE, "");
    }
}

static void login(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("LOGIN"), "> AUTH LOGIN", "< 334 VXNlcm5hbWU6", "> dGlt",
                                  "< 334 UGFzc3dvcmQ6", "> dGFuc3RhYWZ0YW5zdGFhZg==", "< 235 2.7.0 fine");
    struct result result = log_in(&script, "tanstaaftanstaaf");
    check_result(&result, RELAY_AUTH_DONE, "");
}

/* RFC 2195 section 2. */
static void cram_md5(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("PLAIN CRAM-MD5"), "> AUTH CRAM-MD5",
                                  "< 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
                                  "> dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "< 235 2.7.0 fine");
    struct result result = log_in(&script, "tanstaaftanstaaf");
    check_result(&result, RELAY_AUTH_DONE, "");
}

/* A long initial response waits until it is asked for: the command line has its limit. */
static void long_response(void *arg)
{
    (void)arg;
    char content[501], expected[1000] = "> ";
    struct buf message, base64;
    memset(content, 'p', 500);
    content[500] = '\0';
    buf_init(&message, 1000);
    buf_init(&base64, 1000);
    buf_append(&message, slice_of("\0tim\0", 5));
    buf_append(&message, slice_from(content));
    base64_encode(&base64, buf_slice(&message));
    strcat(expected, buf_cstr(&base64));
    struct script script = SCRIPT(GREETING("PLAIN"), "> AUTH PLAIN", "< 334 ", expected, "< 235 fine");
    struct result result = log_in(&script, content);
    check_result(&result, RELAY_AUTH_DONE, "");
    buf_free(&message);
    buf_free(&base64);
}

static void refusals(void *arg)
{
    (void)arg;
    static const struct {
        const char *reply, *why;
        enum relay_auth outcome;
    } rows[] = {
        {"< 535 5.7.8 bad", "4.7.0 the next host does not accept our login: 535 5.7.8 bad",
         RELAY_AUTH_REFUSED},
        {"< 534 5.7.9 weak", "534 5.7.9 weak", RELAY_AUTH_REFUSED},
        {"< 538 5.7.11 encrypt", "538 5.7.11", RELAY_AUTH_REFUSED},
        {"< 454 4.7.0 later", "cannot check our login now: 454 4.7.0 later", RELAY_AUTH_LATER},
        {"< 432 4.7.12 transition", "432 4.7.12", RELAY_AUTH_LATER},
        {"< 421 4.3.2 going", "421 4.3.2", RELAY_AUTH_LATER},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script script =
            SCRIPT(GREETING("PLAIN"), "> AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", rows[i].reply);
        struct result result = log_in(&script, "tanstaaftanstaaf");
        check_result(&result, rows[i].outcome, rows[i].why);
    }
}

/* What is neither yes nor no nor a challenge. */
static void nonsense_as_reply(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("PLAIN"), "> AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "< 250 ok");
    struct result result = log_in(&script, "tanstaaftanstaaf");
    assert_err(result.err, ERR_PROTOCOL);
    buf_free(&result.why);
}

static void next_mechanism(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("CRAM-MD5 PLAIN"), "> AUTH CRAM-MD5", "< 504 5.5.4 not here",
                                  "> AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "< 235 fine");
    struct result result = log_in(&script, "tanstaaftanstaaf");
    check_result(&result, RELAY_AUTH_DONE, "");
}

/* CRAM-MD5 wants SASLprep, which has no control characters; PLAIN takes what comes. */
static void next_mechanism_for_odd_password(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("CRAM-MD5 PLAIN"), "> AUTH CRAM-MD5", "< 334 PDFAMj4=", "> *",
                                  "< 501 5.0.0 cancelled", "> AUTH PLAIN AHRpbQBhAWI=", "< 235 fine");
    struct result result = log_in(&script, "a\001b");
    check_result(&result, RELAY_AUTH_DONE, "");
}

static void no_mechanism(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("GSSAPI NTLM XOAUTH2"));
    struct result result = log_in(&script, "x");
    check_result(&result, RELAY_AUTH_NO_MECHANISM, "offers no way to log in");
    struct script without = SCRIPT("< 220 mx.example", "> EHLO us.example", "< 250 mx.example");
    result = log_in(&without, "x");
    check_result(&result, RELAY_AUTH_NO_MECHANISM, "offers no way to log in");
}

static void no_password(void *arg)
{
    (void)arg;
    const char *const contents[] = {"", "\nsecond\n"};
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct script script = SCRIPT(GREETING("PLAIN"));
        struct result result = log_in(&script, contents[i]);
        check_result(&result, RELAY_AUTH_NO_PASSWORD, "its first line is empty");
    }
    struct relay_client client;
    struct script script = SCRIPT(GREETING("PLAIN"));
    struct result result = {0};
    struct work_pool *work = work_pool_new(task_loop(), 1, 10);
    buf_init(&result.why, 1000);
    script_begin(&script, &client);
    assert_ok(relay_greet(&client));
    result.err = relay_auth(&client, work, "tim", "/does/not/exist", &result.outcome, &result.why);
    script_end(&script, &client);
    work_pool_free(work);
    check_result(&result, RELAY_AUTH_NO_PASSWORD, "not found");
}

/* Servers that ask without end, or what is no question. */
static void hostile_challenges(void *arg)
{
    (void)arg;
    static const struct {
        const char *line;
        enum relay_auth outcome;
    } challenges[] = {
        {"< 334 !!!", RELAY_AUTH_LATER},
        {"< 334 cj14LHM9QUEsaT00MDk2", RELAY_AUTH_IMPOSTOR},              /* r=x,s=AA,i=4096: not our nonce */
        {"< 334 cj14LHM9QUEsaT05OTk5OTk5OTk5OTk5OTk5", RELAY_AUTH_LATER}, /* i=999999999999999 */
        {"< 334 AAAA", RELAY_AUTH_LATER},
        {"< 334", RELAY_AUTH_LATER},
    };
    for (size_t i = 0; i < ARRAY_LEN(challenges); i++) {
        struct relay_client client;
        struct result result = {0};
        struct script script =
            SCRIPT(GREETING("SCRAM-SHA-256"), "?", challenges[i].line, "> *", "< 501 5.7.0 cancelled");
        struct work_pool *work = work_pool_new(task_loop(), 1, 10);
        buf_init(&result.why, 1000);
        script_begin(&script, &client);
        assert_ok(relay_greet(&client));
        result.err = relay_auth(&client, work, "tim", password_file("x"), &result.outcome, &result.why);
        script_end(&script, &client);
        work_pool_free(work);
        check_result(&result, challenges[i].outcome, "");
    }
}

static void endless_challenges(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("LOGIN"), "> AUTH LOGIN", "< 334 VXNlcm5hbWU6", "> dGlt",
                                  "< 334 UGFzc3dvcmQ6", "> eA==", "< 334 UGFzc3dvcmQ6", "> *", "< 501 no");
    struct result result = log_in(&script, "x");
    check_result(&result, RELAY_AUTH_LATER, "makes no sense");
}

/* Who says yes to SCRAM without the proof does not know the password. */
static void yes_without_proof(void *arg)
{
    (void)arg;
    struct script script = SCRIPT(GREETING("SCRAM-SHA-256 PLAIN"), "?", "< 235 2.7.0 welcome");
    struct result result = log_in(&script, "x");
    check_result(&result, RELAY_AUTH_IMPOSTOR, "did not prove");
}

/* --- SCRAM with GNU SASL's server --- */

struct scram_server {
    struct conn *conn;
    const char *mechanism, *password;
    bool lies; /* about the proof */
};

static int answer_callback(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
    const struct scram_server *server = gsasl_session_hook_get(session);
    (void)gsasl;
    if (property != GSASL_PASSWORD)
        return GSASL_NO_CALLBACK;
    return gsasl_property_set(session, GSASL_PASSWORD, server->password);
}

static void say(struct conn *conn, const char *text)
{
    conn_printf(conn, "%s\r\n", text);
    assert_ok(conn_flush(conn));
}

/* Of the "v=..." in `output`, another well-formed one. */
static void false_proof(const char *output, char *to)
{
    struct buf proof, base64;
    buf_init(&proof, 1000);
    buf_init(&base64, 1000);
    assert_ok(base64_decode(&proof, slice_from(output)));
    proof.data[2] = proof.data[2] == 'x' ? 'y' : 'x';
    base64_encode(&base64, buf_slice(&proof));
    strcpy(to, buf_cstr(&base64));
    buf_free(&proof);
    buf_free(&base64);
}

static void play_scram(void *arg)
{
    struct scram_server *server = arg;
    Gsasl *gsasl;
    Gsasl_session *session;
    struct slice line;
    char *output, text[4000], prefix[100];
    int result = GSASL_NEEDS_MORE;
    assert_int_equal(gsasl_init(&gsasl), GSASL_OK);
    gsasl_callback_set(gsasl, answer_callback);
    assert_int_equal(gsasl_server_start(gsasl, server->mechanism, &session), GSASL_OK);
    gsasl_session_hook_set(session, server);
    say(server->conn, "220 mx.example ESMTP");
    assert_ok(conn_read_line(server->conn, 1000, &line));
    snprintf(text, sizeof(text), "250-mx.example\r\n250 AUTH PLAIN CRAM-MD5 %s", server->mechanism);
    say(server->conn, text);
    assert_ok(conn_read_line(server->conn, 1000, &line));
    snprintf(prefix, sizeof(prefix), "AUTH %s ", server->mechanism);
    assert_true(slice_starts_with(line, slice_from(prefix)));
    line = slice_skip(line, strlen(prefix));
    do {
        snprintf(text, sizeof(text), "%.*s", SLICE_ARG(line));
        result = gsasl_step64(session, text, &output);
        if (result != GSASL_NEEDS_MORE && !(result == GSASL_OK && output && output[0]))
            break;
        snprintf(text, sizeof(text), "334 %s", output);
        if (server->lies && result == GSASL_OK)
            false_proof(output, text + strlen("334 "));
        gsasl_free(output);
        say(server->conn, text);
        assert_ok(conn_read_line(server->conn, 1000, &line));
    } while (result == GSASL_NEEDS_MORE);
    say(server->conn, result == GSASL_OK && !server->lies ? "235 2.7.0 welcome" : "535 5.7.8 no");
    gsasl_finish(session);
    gsasl_done(gsasl);
    conn_close(server->conn);
}

static struct result log_in_at(struct scram_server *server)
{
    struct relay_client client;
    struct result result = {0};
    struct conn *ends[2];
    struct work_pool *work = work_pool_new(task_loop(), 1, 10);
    conn_pair(task_loop(), 65536, 65536, ends);
    server->conn = ends[0];
    struct task *task = task_spawn(task_loop(), "server", play_scram, server);
    relay_client_init(&client, ends[1], "us.example");
    buf_init(&result.why, 1000);
    assert_ok(relay_greet(&client));
    result.err =
        relay_auth(&client, work, "tim", password_file("tanstaaftanstaaf\n"), &result.outcome, &result.why);
    relay_client_free(&client);
    assert_ok(task_join(task));
    conn_close(ends[1]);
    work_pool_free(work);
    return result;
}

static void scram(void *arg)
{
    (void)arg;
    const char *const mechanisms[] = {"SCRAM-SHA-256", "SCRAM-SHA-1"};
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        struct scram_server server = {.mechanism = mechanisms[i], .password = "tanstaaftanstaaf"};
        struct result result = log_in_at(&server);
        check_result(&result, RELAY_AUTH_DONE, "");
        server.password = "something else";
        result = log_in_at(&server);
        check_result(&result, RELAY_AUTH_REFUSED, "535 5.7.8 no");
        server.password = "tanstaaftanstaaf";
        server.lies = true;
        result = log_in_at(&server);
        check_result(&result, RELAY_AUTH_IMPOSTOR, "did not prove");
    }
}

/* --- which --- */

static bool offered(void *data, const char *mechanism)
{
    struct slice list = slice_from(data);
    while (list.len > 0)
        if (slice_eq(slice_split(&list, ' '), slice_from(mechanism)))
            return true;
    return false;
}

static void test_choice(void **state)
{
    (void)state;
    static const struct {
        const char *list, *after, *shown, *hidden;
    } rows[] = {
        {"LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS", NULL, "SCRAM-SHA-256",
         "SCRAM-SHA-256"},
        {"LOGIN PLAIN CRAM-MD5 SCRAM-SHA-1", NULL, "SCRAM-SHA-1", "SCRAM-SHA-1"},
        {"LOGIN PLAIN CRAM-MD5", NULL, "CRAM-MD5", "CRAM-MD5"},
        {"LOGIN PLAIN CRAM-MD5", "CRAM-MD5", "PLAIN", NULL},
        {"LOGIN PLAIN", NULL, "PLAIN", NULL},
        {"LOGIN", NULL, "LOGIN", NULL},
        {"LOGIN", "LOGIN", NULL, NULL},
        {"SCRAM-SHA-256-PLUS GSSAPI", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (int may_show = 0; may_show < 2; may_show++) {
            const char *expected = may_show ? rows[i].shown : rows[i].hidden;
            const char *name =
                sasl_client_choose(rows[i].after, offered, (void *)(uintptr_t)rows[i].list, may_show);
            assert_true(!name == !expected);
            assert_string_equal(name ? name : "", expected ? expected : "");
        }
}

/* With AUTH_AT="127.0.0.1:587 USER PASSWORD" in the environment: logs in there instead, and says what came of
 * it (tests/system/test_relay_auth.py). */
static void at_a_real_server(void *arg)
{
    static const char *const names[] = {"done",         "refused",     "later",
                                        "no mechanism", "no password", "impostor"};
    char address[100], user[100], password[200];
    unsigned port;
    (void)arg;
    if (sscanf(getenv("AUTH_AT"), "%99[^:]:%u %99s %199s", address, &port, user, password) != 4)
        fail_msg("AUTH_AT is not understood");
    struct conn *conn;
    const char *reason;
    struct relay_client client;
    struct result result = {0};
    struct work_pool *work = work_pool_new(task_loop(), 1, 10);
    buf_init(&result.why, 1000);
    assert_ok(conn_connect_tcp(task_loop(), address, (uint16_t)port, NULL, 10000, &conn, &reason));
    relay_client_init(&client, conn, "us.example");
    assert_ok(relay_greet(&client));
    result.err = relay_auth(&client, work, user, password_file(password), &result.outcome, &result.why);
    printf("# %s, %s, %s\n", err_text(result.err), names[result.outcome], buf_cstr(&result.why));
    relay_quit(&client);
    relay_client_free(&client);
    conn_close(conn);
    work_pool_free(work);
    buf_free(&result.why);
}

int main(void)
{
    const struct CMUnitTest real[] = {task_test(at_a_real_server)};
    const struct CMUnitTest tests[] = {
        task_test(plain_with_initial_response),
        task_test(file_ends),
        task_test(login),
        task_test(cram_md5),
        task_test(long_response),
        task_test(refusals),
        task_test(nonsense_as_reply),
        task_test(next_mechanism),
        task_test(next_mechanism_for_odd_password),
        task_test(no_mechanism),
        task_test(no_password),
        task_test(hostile_challenges),
        task_test(endless_challenges),
        task_test(yes_without_proof),
        task_test(scram),
        cmocka_unit_test(test_choice),
    };
    directory = check_temporary_directory();
    int failed = getenv("AUTH_AT") ? cmocka_run_group_tests(real, NULL, NULL)
                                   : cmocka_run_group_tests(tests, NULL, NULL);
    check_remove_directory(directory);
    return failed;
}
