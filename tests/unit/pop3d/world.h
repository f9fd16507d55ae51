/* SPDX-License-Identifier: ISC */
/*
 * A POP3 server in memory for the dialogue tests: sessions over conn_pair, a real store, an authd that knows
 * alice ("secret"), and a client that sends everything at once and collects the answers.
 *
 *     fill(…);                                              alice's maildrop holds exactly these messages
 *     expect(LOGIN "STAT\r\nQUIT\r\n", LOGGED_IN "+OK 2 320\n+OK goodbye\n");
 *
 * Each line of the expectation is the beginning of one line of the server; one that ends in "$" is the whole
 * line. Dialogues are fed whole, byte by byte and in sevens.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "../storage/fixture.h"

#include "fake_authd.h"
#include "net/task.h"
#include "session.h"

struct world {
    struct fixture *fixture;
    struct loop *loop;
    struct conf conf;
    struct pop3_context context;
    struct fake_authd authd;
};

static struct world world;

/* --- the maildrop --- */

static void empty_drop(struct account *account)
{
    struct mailbox_status status = status_of(account, "INBOX");
    uint32_t *uids = mem_alloc(status.uidnext * sizeof(*uids));
    for (uint32_t uid = 1; uid < status.uidnext; uid++)
        uids[uid - 1] = uid;
    struct batch_operation expunge = {
        .kind = BATCH_EXPUNGE, .mailbox = S("INBOX"), .uids = uids, .uid_count = status.uidnext - 1};
    assert_ok(batch_commit(account, &expunge, 1));
    mem_free(uids);
}

static UNUSED void fill(const char *const *texts, size_t count)
{
    struct account *account = open_account(world.fixture, ALICE);
    empty_drop(account);
    for (size_t i = 0; i < count; i++)
        append_text(world.fixture, account, "INBOX", slice_from(texts[i]));
    account_close(account);
}

static UNUSED size_t messages_left(void)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct mailbox_status status = status_of(account, "INBOX");
    account_close(account);
    return status.messages;
}

/* Whether a new session would get the maildrop. */
static UNUSED bool is_unlocked(void)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct maildrop_lock *lock = NULL;
    enum err err = maildrop_lock(account, &lock);
    maildrop_unlock(lock);
    account_close(account);
    return err == ERR_OK;
}

/* --- one dialogue --- */

struct talk {
    struct slice input;
    size_t capacity, chunk;          /* of the connection; 0: large */
    size_t hang_up_after;            /* close when so many bytes were read; 0: never */
    int cancel_after;                /* cancel the session after so many turns of the loop; 0: never */
    void (*look)(struct talk *talk); /* called whenever something was read … */
    size_t look_after;               /* … once so many bytes were */
    int look_state;                  /* for its use */
    struct buf output;
    struct conn *server, *client;
    struct task *session;
};

static void session_task(void *arg)
{
    struct talk *talk = arg;
    pop3_session_run(talk->server, &world.context);
    conn_close(talk->server);
    talk->server = NULL;
}

static void writer_task(void *arg)
{
    struct talk *talk = arg;
    conn_write(talk->client, talk->input);
    conn_flush(talk->client);
}

static void canceler_task(void *arg)
{
    struct talk *talk = arg;
    for (int i = 1; i < talk->cancel_after; i++)
        if (task_sleep(0))
            return;
    task_cancel(talk->session);
}

static void talk_task(void *arg)
{
    struct talk *talk = arg;
    talk->session = task_spawn(world.loop, "session", session_task, talk);
    struct task *writer = task_spawn(world.loop, "writer", writer_task, talk);
    struct task *canceler =
        talk->cancel_after ? task_spawn(world.loop, "canceler", canceler_task, talk) : NULL;
    struct slice bytes;
    while (conn_peek(talk->client, &bytes) == ERR_OK) {
        buf_append(&talk->output, bytes);
        conn_consume(talk->client, bytes.len);
        if (talk->look && talk->output.len >= talk->look_after)
            talk->look(talk);
        if (talk->hang_up_after && talk->output.len >= talk->hang_up_after)
            break;
    }
    task_cancel(writer);
    assert_ok(task_join(writer));
    if (canceler) {
        task_cancel(canceler);
        assert_ok(task_join(canceler));
    }
    conn_close(talk->client);
    assert_ok(task_join(talk->session));
    loop_stop(world.loop);
}

/* Lets the dialogue run to its end; the output is the caller's to free. */
static void talk_run(struct talk *talk)
{
    struct conn *ends[2];
    buf_init(&talk->output, 64 * 1024 * 1024);
    conn_pair(world.loop, talk->capacity ? talk->capacity : 65536, talk->chunk ? talk->chunk : 65536, ends);
    talk->server = ends[0];
    talk->client = ends[1];
    task_detach(task_spawn(world.loop, "talk", talk_task, talk));
    loop_run(world.loop);
}

/* --- expectations --- */

static bool line_fits(struct slice line, struct slice want)
{
    if (line.len == 0 || line.data[line.len - 1] != '\r')
        return false;
    line.len--;
    if (want.len > 0 && want.data[want.len - 1] == '$')
        return slice_eq(line, slice_take(want, want.len - 1));
    return slice_starts_with(line, want);
}

static UNUSED void compare(struct slice actual, const char *expected)
{
    struct slice rest = actual, lines = slice_from(expected);
    while (lines.len > 0) {
        struct slice want = slice_split(&lines, '\n');
        struct slice line = slice_split(&rest, '\n');
        if (!line_fits(line, want)) {
            print_error("expected '%.*s', got '%.*s', in:\n%.*s\n", SLICE_ARG(want), SLICE_ARG(line),
                        SLICE_ARG(actual));
            fail();
        }
    }
    if (rest.len > 0) {
        print_error("more than expected: %.*s\n", SLICE_ARG(rest));
        fail();
    }
}

static UNUSED void expect_once(struct slice input, size_t chunk, const char *expected)
{
    struct talk talk = {.input = input, .chunk = chunk};
    talk_run(&talk);
    compare(buf_slice(&talk.output), expected);
    buf_free(&talk.output);
}

static UNUSED void expect(const char *input, const char *expected)
{
    static const size_t chunks[] = {65536, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        expect_once(slice_from(input), chunks[i], expected);
}

#define GREETING  "+OK Postern POP3 server ready$\n"
#define LOGIN     "USER alice@example.org\r\nPASS secret\r\n"
#define LOGGED_IN GREETING "+OK now the password$\n+OK maildrop locked and ready$\n"
#define QUIT      "QUIT\r\n"
#define BYE       "+OK goodbye$\n"

/* --- set-up --- */

static UNUSED int world_setup(void **state)
{
    set_up(state);
    memset(&world, 0, sizeof(world));
    world.fixture = *state;
    world.loop = loop_new();
    world.conf = (struct conf){.error_limit = 20,
                               .pop3_timeout = 10000,
                               .pop3_expire = -1,
                               .plaintext_auth = PLAINTEXT_AUTH_LOOPBACK};
    fake_authd_start(&world.authd, world.loop, world.fixture->directory);
    world.context = (struct pop3_context){
        .conf = &world.conf,
        .work = work_pool_new(world.loop, 2, 100),
        .store = world.fixture->store,
        .auth = auth_client_new(world.loop, world.authd.path),
    };
    return 0;
}

static UNUSED int world_teardown(void **state)
{
    fake_authd_stop(&world.authd, world.loop);
    auth_client_free(world.context.auth);
    work_pool_free(world.context.work);
    loop_free(world.loop);
    return tear_down(state);
}

#define dialogue_test(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

#endif
