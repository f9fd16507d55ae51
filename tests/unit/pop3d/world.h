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
#include "session.h"
#include "talk.h"

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
    struct batch_operation expunge = {
        .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = uid_set_all}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
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

static void run_session(struct conn *conn)
{
    pop3_session_run(conn, &world.context);
}

static UNUSED void run_talk(struct talk *talk)
{
    talk->loop = world.loop;
    talk->run = run_session;
    talk_run(talk);
}

static UNUSED void expect_once(struct slice input, size_t chunk, const char *expected)
{
    struct talk talk = {.input = input, .chunk = chunk};
    run_talk(&talk);
    talk_compare(buf_slice(&talk.output), expected);
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
