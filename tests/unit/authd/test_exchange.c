/* SPDX-License-Identifier: ISC */
/* Whole exchanges: the real session at one end, lines typed by hand or the front-ends' client at the other.
 */
#include "people.h"

#include <semaphore.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "auth/client.h"
#include "authd.h"
#include "authd_priv.h"
#include "base/encode.h"
#include "net/server.h"
#include "net/task.h"

#define BEGIN "BEGIN service=smtp peer=192.0.2.1 tls=1 mechanism="

struct fixture {
    struct people people;
    struct loop *loop;
    struct authd *authd;
    char socket_path[300];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    people_open(&fixture->people);
    fixture->loop = loop_new();
    struct authd_settings settings = {.store = fixture->people.store,
                                      .secrets = fixture->people.secrets,
                                      .cost = cheap,
                                      .memory_limit = 1, /* less than one hash takes: one at a time */
                                      .cache_time_ms = 60000,
                                      .queue_limit = 1};
    assert_ok(authd_new(fixture->loop, &settings, &fixture->authd));
    snprintf(fixture->socket_path, sizeof(fixture->socket_path), "%s/authd.sock", fixture->people.directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    authd_free(fixture->authd);
    loop_free(fixture->loop);
    people_close(&fixture->people);
    free(fixture);
    return 0;
}

/* --- a client that types lines --- */

struct dialogue {
    struct fixture *fixture;
    struct conn *ends[2];
    struct slice requests; /* one a line */
    struct buf answers;    /* one a line; "closed" when the session hangs up instead */
    bool hang_up;          /* does not wait for the answer to the last request */
};

static void type_lines(void *arg)
{
    struct dialogue *dialogue = arg;
    struct conn *conn = dialogue->ends[1];
    struct slice rest = dialogue->requests;
    while (rest.data) {
        struct slice answer, request = slice_split(&rest, '\n');
        conn_write(conn, request);
        conn_write(conn, S("\r\n"));
        conn_flush(conn);
        if (!rest.data && dialogue->hang_up) {
            break;
        }
        if (conn_read_line(conn, 20000, &answer)) {
            buf_append(&dialogue->answers, S("closed\n"));
            break;
        }
        buf_append(&dialogue->answers, answer);
        buf_append_char(&dialogue->answers, '\n');
    }
    conn_close(conn);
}

static void serve(void *arg)
{
    struct dialogue *dialogue = arg;
    authd_session(dialogue->ends[0], dialogue->fixture->authd);
    conn_close(dialogue->ends[0]);
}

static void run_dialogue(struct dialogue *dialogue, size_t chunk)
{
    struct loop *loop = dialogue->fixture->loop;
    buf_init(&dialogue->answers, 100000);
    conn_pair(loop, 4096, chunk, dialogue->ends);
    task_detach(task_spawn(loop, "serve", serve, dialogue));
    task_detach(task_spawn(loop, "type", type_lines, dialogue));
    loop_run(loop);
}

static void check_dialogue(struct fixture *fixture, const char *requests, const char *answers)
{
    const size_t chunks[] = {65536, 1};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct dialogue dialogue = {.fixture = fixture, .requests = slice_from(requests)};
        run_dialogue(&dialogue, chunks[i]);
        assert_text(buf_slice(&dialogue.answers), answers);
        buf_free(&dialogue.answers);
    }
}

/* alice@example.org, secret */
#define PLAIN_ALICE "AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA=="
#define NAME_ALICE  "YWxpY2VAZXhhbXBsZS5vcmc="
#define SECRET      "c2VjcmV0"
#define WRONG       "d3Jvbmc="
#define USERNAME    "CONTINUE VXNlcm5hbWU6\n"
#define PASSWORD    "CONTINUE UGFzc3dvcmQ6\n"

static void plain(void **state)
{
    struct fixture *fixture = *state;
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "OK alice@example.org\n");
    check_dialogue(fixture, BEGIN "plain\nSTEP " PLAIN_ALICE, "CONTINUE\nOK alice@example.org\n");
    /* \0alice@example.org\0wrong */
    check_dialogue(fixture, BEGIN "PLAIN initial=AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n", "FAIL failed\n");
    /* \0carol\0wrong */
    check_dialogue(fixture, BEGIN "PLAIN initial=AGNhcm9sAHdyb25n", "FAIL failed\n");
}

static void login(void **state)
{
    struct fixture *fixture = *state;
    check_dialogue(fixture, BEGIN "LOGIN\nSTEP " NAME_ALICE "\nSTEP " SECRET,
                   USERNAME PASSWORD "OK alice@example.org\n");
    check_dialogue(fixture, BEGIN "LOGIN initial=" NAME_ALICE "\nSTEP " SECRET,
                   PASSWORD "OK alice@example.org\n");
    check_dialogue(fixture, BEGIN "LOGIN\nSTEP " NAME_ALICE "\nSTEP " WRONG,
                   USERNAME PASSWORD "FAIL failed\n");
}

static void an_identity_of_somebody_else_is_refused(void **state)
{
    struct fixture *fixture = *state;
    /* alice@example.org\0alice@example.org\0secret, then bob@example.org\0alice@example.org\0secret */
    check_dialogue(fixture, BEGIN "PLAIN initial=YWxpY2VAZXhhbXBsZS5vcmcAYWxpY2VAZXhhbXBsZS5vcmcAc2VjcmV0",
                   "OK alice@example.org\n");
    check_dialogue(fixture, BEGIN "PLAIN initial=Ym9iQGV4YW1wbGUub3JnAGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==",
                   "FAIL failed\n");
}

static void a_disabled_account_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(directory_user_set_disabled(fixture->people.store, S("alice@example.org"), true));
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "FAIL disabled\n");
}

static void what_is_no_request_is_malformed(void **state)
{
    struct fixture *fixture = *state;
    const char *const requests[] = {
        "",
        "HELLO",
        "BEGIN mechanism=PLAIN",
        "STEP " PLAIN_ALICE,
        BEGIN "PLAIN initial=" /* empty */,
        BEGIN "PLAIN initial=****",
        BEGIN "PLAIN initial=" PLAIN_ALICE "=",
        BEGIN "PLAIN initial=YWxpY2U=", /* no NUL in it */
        BEGIN "LOGIN initial=",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        check_dialogue(fixture, requests[i], "FAIL malformed\n");
    }
    check_dialogue(fixture, BEGIN "PLAIN\nSTEP", "CONTINUE\nFAIL malformed\n");
    check_dialogue(fixture, BEGIN "PLAIN\nSTEP ****", "CONTINUE\nFAIL malformed\n");
    check_dialogue(fixture, BEGIN "PLAIN\n" PLAIN_ALICE, "CONTINUE\nFAIL malformed\n");
    check_dialogue(fixture, BEGIN "LOGIN\n" BEGIN "PLAIN", USERNAME "FAIL malformed\n");
    check_dialogue(fixture, BEGIN "CRAM-MD5", "FAIL mechanism\n");
}

static void one_connection_carries_one_exchange(void **state)
{
    struct fixture *fixture = *state;
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE "\n" BEGIN "PLAIN initial=" PLAIN_ALICE,
                   "OK alice@example.org\nclosed\n");
    check_dialogue(fixture, "HELLO\n" BEGIN "PLAIN initial=" PLAIN_ALICE, "FAIL malformed\nclosed\n");
}

static void check_endless(struct fixture *fixture, const char *beginning, const char *answers)
{
    struct dialogue dialogue = {.fixture = fixture};
    char *text = calloc(1, 1000001);
    memset(text, 'A', 1000000);
    memcpy(text, beginning, strlen(beginning));
    dialogue.requests = slice_from(text);
    run_dialogue(&dialogue, 65536);
    assert_text(buf_slice(&dialogue.answers), answers);
    buf_free(&dialogue.answers);
    free(text);
}

static void a_line_that_never_ends_is_malformed(void **state)
{
    struct fixture *fixture = *state;
    check_endless(fixture, BEGIN "PLAIN initial=", "FAIL malformed\n");
    check_endless(fixture, BEGIN "PLAIN\nSTEP ", "CONTINUE\nFAIL malformed\n");
}

static void whoever_hangs_up_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const char *const requests[] = {"BEGIN", BEGIN "PLAIN", BEGIN "LOGIN\nSTEP " NAME_ALICE};
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct dialogue dialogue = {.fixture = fixture, .requests = slice_from(requests[i]), .hang_up = true};
        run_dialogue(&dialogue, 65536);
        buf_free(&dialogue.answers);
    }
    assert_int_equal(task_count(fixture->loop), 0);
}

/* Guesses `count` distinct wrong passwords. */
static void guess(struct fixture *fixture, int count)
{
    struct throttle_attempt attempt = {.address = "192.0.2.1", .name = S("alice@example.org")};
    for (int i = 0; i < count; i++) {
        char password[16];
        snprintf(password, sizeof(password), "%d", i);
        throttle_failed(fixture->authd->throttle, &attempt, slice_from(password), loop_now(fixture->loop));
    }
}

static void hanging_up_during_the_delay_tells_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct dialogue dialogue = {
        .fixture = fixture, .requests = S(BEGIN "PLAIN initial=" PLAIN_ALICE), .hang_up = true};
    guess(fixture, 10);
    run_dialogue(&dialogue, 65536);
    assert_int_equal(verifier_hashes(fixture->authd->verifier), 0);
    buf_free(&dialogue.answers);
}

static void failures_are_counted_and_a_success_clears_them(void **state)
{
    struct fixture *fixture = *state;
    struct throttle_attempt attempt = {.address = "192.0.2.1", .name = S("alice@example.org")};
    guess(fixture, 3);
    assert_int_equal(throttle_delay(fixture->authd->throttle, &attempt, loop_now(fixture->loop)), 0);
    struct dialogue dialogue = {.fixture = fixture,
                                .requests = S(BEGIN "LOGIN initial=" NAME_ALICE "\nSTEP " WRONG)};
    run_dialogue(&dialogue, 65536);
    assert_text(buf_slice(&dialogue.answers), PASSWORD "FAIL failed\n");
    buf_free(&dialogue.answers);
    assert_true(throttle_delay(fixture->authd->throttle, &attempt, loop_now(fixture->loop)) > 0);
    throttle_succeeded(fixture->authd->throttle, &attempt);
    guess(fixture, 3);
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "OK alice@example.org\n");
    assert_int_equal(throttle_size(fixture->authd->throttle), 0);
}

/* Who was right a moment ago is let in at once, whatever else comes from that address. */
static void a_remembered_success_waits_for_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct throttle_attempt attempt = {.address = "192.0.2.1", .name = S("alice@example.org")};
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "OK alice@example.org\n");
    assert_int_equal(verifier_hashes(fixture->authd->verifier), 1);
    guess(fixture, 10);
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "OK alice@example.org\n");
    assert_int_equal(verifier_hashes(fixture->authd->verifier), 1);
    assert_int_equal(throttle_delay(fixture->authd->throttle, &attempt, loop_now(fixture->loop)), 0);
}

/* --- more than the threads can take --- */

struct blocker {
    struct fixture *fixture;
    sem_t go_on;
    struct buf answers;
    size_t done;
};

static void block(void *arg)
{
    sem_wait(&((struct blocker *)arg)->go_on);
}

static void block_a_thread(void *arg)
{
    struct blocker *blocker = arg;
    assert_ok(work_run(blocker->fixture->authd->hashes, 0, block, blocker));
    blocker->done++;
}

static void ask_while_all_is_taken(void *arg)
{
    struct blocker *blocker = arg;
    struct dialogue dialogue = {.fixture = blocker->fixture,
                                .requests = S(BEGIN "PLAIN initial=" PLAIN_ALICE)};
    buf_init(&dialogue.answers, 1000);
    conn_pair(blocker->fixture->loop, 4096, 4096, dialogue.ends);
    struct task *server = task_spawn(blocker->fixture->loop, "serve", serve, &dialogue);
    type_lines(&dialogue);
    assert_ok(task_join(server));
    buf_append(&blocker->answers, buf_slice(&dialogue.answers));
    buf_free(&dialogue.answers);
    sem_post(&blocker->go_on);
    sem_post(&blocker->go_on);
}

static void overload_is_no_wrong_password(void **state)
{
    struct fixture *fixture = *state;
    struct blocker blocker = {.fixture = fixture};
    sem_init(&blocker.go_on, 0, 0);
    buf_init(&blocker.answers, 1000);
    task_detach(task_spawn(fixture->loop, "block", block_a_thread, &blocker)); /* takes the thread */
    task_detach(task_spawn(fixture->loop, "block", block_a_thread, &blocker)); /* takes the queue */
    task_detach(task_spawn(fixture->loop, "ask", ask_while_all_is_taken, &blocker));
    loop_run(fixture->loop);
    assert_text(buf_slice(&blocker.answers), "FAIL unavailable\n");
    assert_int_equal(blocker.done, 2);
    check_dialogue(fixture, BEGIN "PLAIN initial=" PLAIN_ALICE, "OK alice@example.org\n");
    buf_free(&blocker.answers);
    sem_destroy(&blocker.go_on);
}

static void threads_are_bounded_by_memory_and_processors(void **state)
{
    (void)state;
    const struct password_cost cost = {.passes = 2, .memory = 32 << 20};
    assert_int_equal(authd_hash_threads(256 << 20, &cost, 64), 8);
    assert_int_equal(authd_hash_threads((256 << 20) - 1, &cost, 64), 7);
    assert_int_equal(authd_hash_threads(256 << 20, &cost, 2), 2);
    assert_int_equal(authd_hash_threads(1, &cost, 2), 1);
    assert_int_equal(authd_hash_threads(1LL << 40, &cost, 100000), 256);
}

/* --- the front-ends' client, over a real socket --- */

struct front_end {
    struct fixture *fixture;
    struct auth_client *client;
    struct server *server;
    struct buf said; /* outcomes, challenges and logins, in order */
};

static void note(struct front_end *front_end, enum auth_outcome outcome, const struct buf *text)
{
    buf_printf(&front_end->said, "%d %s\n", (int)outcome, text ? buf_cstr(text) : "");
}

static void step_through(struct front_end *front_end, struct slice mechanism, const struct slice *steps,
                         size_t count)
{
    struct auth_request request = {
        .service = "imap", .mechanism = mechanism, .peer_address = "192.0.2.9", .tls = true};
    struct auth_exchange *exchange = NULL;
    struct buf challenge;
    buf_init(&challenge, 1000);
    enum auth_outcome outcome = auth_begin(front_end->client, &request, &exchange, &challenge);
    note(front_end, outcome, &challenge);
    for (size_t i = 0; i < count; i++) {
        outcome = auth_step(exchange, steps[i], &challenge);
        note(front_end, outcome, &challenge);
    }
    buf_clear(&challenge);
    buf_append(&challenge, auth_login(exchange));
    note(front_end, outcome, &challenge);
    auth_end(exchange);
    buf_free(&challenge);
}

static void log_in(struct front_end *front_end, struct slice name, struct slice password)
{
    struct buf login;
    buf_init(&login, 1000);
    enum auth_outcome outcome =
        auth_password(front_end->client, "pop3", "192.0.2.9", true, name, password, &login);
    note(front_end, outcome, &login);
    buf_free(&login);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(strlen(path) < sizeof(address.sun_path));
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void run_front_end(struct fixture *fixture, task_fn *fn, bool with_server, const char *expected)
{
    struct front_end front_end = {.fixture = fixture};
    buf_init(&front_end.said, 10000);
    front_end.client = auth_client_new(fixture->loop, fixture->socket_path);
    if (with_server) {
        struct server_limits limits = {.connections = 10, .connections_per_address = 10};
        struct server_service service = {.name = "auth"};
        front_end.server = server_new(fixture->loop, limits, NULL);
        server_listen(front_end.server, listen_at(fixture->socket_path), &service, authd_session,
                      fixture->authd);
    }
    task_detach(task_spawn(fixture->loop, "front-end", fn, &front_end));
    loop_run(fixture->loop);
    assert_text(buf_slice(&front_end.said), expected);
    if (with_server) {
        server_free(front_end.server);
    }
    auth_client_free(front_end.client);
    buf_free(&front_end.said);
}

static void use_the_client(void *arg)
{
    struct front_end *front_end = arg;
    const struct slice right[] = {S("alice"), S("secret")}, cancelled[] = {S("alice")}, late[] = {S("x")};
    char *huge = calloc(1, 100000);
    log_in(front_end, S("alice@example.org"), S("secret"));
    log_in(front_end, S("alice@example.org"), S("wrong"));
    log_in(front_end, S("alice@example.org"), S("secret\0"));
    log_in(front_end, S("alice@example.org"), slice_of(huge, 0));
    memset(huge, 'x', 100000);
    log_in(front_end, S("alice@example.org"), slice_of(huge, 100000));
    step_through(front_end, S("login"), right, 2);
    step_through(front_end, S("LOGIN"), cancelled, 1);
    step_through(front_end, S("EXTERNAL"), late, 1);
    step_through(front_end, S("PLAIN tls=1"), NULL, 0);
    free(huge);
    server_shutdown(front_end->server, 1000);
}

static void the_client_over_a_socket(void **state)
{
    run_front_end(*state, use_the_client, true,
                  "0 alice@example.org\n" /* AUTH_OK */
                  "2 \n"                  /* AUTH_FAILED */
                  "4 \n"                  /* AUTH_MALFORMED: a NUL */
                  "2 \n"
                  "4 \n"          /* too long */
                  "1 Username:\n" /* AUTH_CONTINUE */
                  "1 Password:\n"
                  "0 \n"
                  "0 alice@example.org\n"
                  "1 Username:\n"
                  "1 Password:\n"
                  "1 \n" /* given up */
                  "5 \n" /* AUTH_NO_MECHANISM */
                  "6 \n" /* AUTH_UNAVAILABLE: the exchange has ended */
                  "6 \n"
                  "5 \n"
                  "5 \n");
}

static void use_the_client_alone(void *arg)
{
    struct front_end *front_end = arg;
    const struct slice step[] = {S("x")};
    log_in(front_end, S("alice"), S("secret"));
    step_through(front_end, S("LOGIN"), step, 1);
}

static void without_authd_everything_is_unavailable(void **state)
{
    run_front_end(*state, use_the_client_alone, false, "6 \n6 \n6 \n6 \n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain),
        TEST(login),
        TEST(an_identity_of_somebody_else_is_refused),
        TEST(a_disabled_account_is_told_so),
        TEST(what_is_no_request_is_malformed),
        TEST(one_connection_carries_one_exchange),
        TEST(a_line_that_never_ends_is_malformed),
        TEST(whoever_hangs_up_is_forgotten),
        TEST(hanging_up_during_the_delay_tells_nothing),
        TEST(failures_are_counted_and_a_success_clears_them),
        TEST(a_remembered_success_waits_for_nothing),
        TEST(overload_is_no_wrong_password),
        cmocka_unit_test(threads_are_bounded_by_memory_and_processors),
        TEST(the_client_over_a_socket),
        TEST(without_authd_everything_is_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
