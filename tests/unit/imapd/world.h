/* SPDX-License-Identifier: ISC */
/*
 * An IMAP server in memory for the dialogue tests: sessions over conn_pair, a store, an authd that knows
 * alice
 * ("secret"). Two ways to talk to it.
 *
 * One client that says everything at once; fed whole, byte by byte and in sevens:
 *
 *     expect(LOGIN "b SELECT INBOX\r\n" LOGOUT, LOGGED_IN "* FLAGS (\n…" BYE);
 *
 * Each line of the expectation is the beginning of one line of the server; one that ends in "$" is the whole
 * line.
 *
 * Several clients that take turns; a test that is a task (peer_test):
 *
 *     struct peer *a = peer_login(), *b = peer_login();
 *     peer_do(a, "SELECT INBOX", "* FLAGS (\n…\nOK [READ-WRITE]");      tag and its check are added
 *     peer_send(b, "x IDLE\r\n"); peer_expect(b, "+ idling$");
 */
#ifndef TEST_IMAPD_WORLD_H
#define TEST_IMAPD_WORLD_H

#include "../storage/fixture.h"

#include "fake_authd.h"
#include "session.h"
#include "talk.h"

#define PEERS_MAX 8

struct peer {
    struct conn *client, *server;
    struct task *task;
    unsigned commands;
};

struct world {
    struct fixture *fixture;
    struct loop *loop;
    struct conf conf;
    struct imap_context context;
    struct budget budget;
    struct fake_authd authd;
    size_t chunk; /* of the connections of peers; 0: large */
    struct peer peers[PEERS_MAX];
    size_t peer_count;
    void (*test)(void);
};

static struct world world;

/* --- what is in the store --- */

static UNUSED uint32_t append(const char *mailbox, const char *text)
{
    struct account *account = open_account(world.fixture, ALICE);
    uint32_t uid = append_text(world.fixture, account, mailbox, slice_from(text));
    account_close(account);
    return uid;
}

/* n messages in INBOX with subjects "1", "2", … */
static UNUSED void fill(unsigned n)
{
    for (unsigned i = 1; i <= n; i++)
        append("INBOX", arena_printf(&world.fixture->arena,
                                     "From: a@example.org\r\nSubject: %u\r\n\r\nbody %u\r\n", i, i));
}

/* One operation on alice's account, by nobody's session. */
static UNUSED struct batch_result change(struct batch_operation operation)
{
    struct account *account = open_account(world.fixture, ALICE);
    assert_ok(batch_commit(account, &operation, 1, &world.fixture->arena));
    account_close(account);
    return operation.result;
}

static UNUSED void create(const char *mailbox)
{
    change((struct batch_operation){.kind = BATCH_MAILBOX_CREATE,
                                    .mailbox = mailbox_named(slice_from(mailbox))});
}

static UNUSED void expunge_elsewhere(const char *mailbox, uint32_t uid)
{
    struct uid_range range = {uid, uid};
    change((struct batch_operation){.kind = BATCH_EXPUNGE,
                                    .mailbox = mailbox_named(slice_from(mailbox)),
                                    .expunge = {.uids = {&range, 1}}});
}

static UNUSED void flag_elsewhere(const char *mailbox, uint32_t uid, enum batch_flag_change how,
                                  uint32_t flags)
{
    struct uid_range range = {uid, uid};
    change((struct batch_operation){.kind = BATCH_FLAGS,
                                    .mailbox = mailbox_named(slice_from(mailbox)),
                                    .flags = {.uids = {&range, 1}, .change = how, .flags = flags}});
}

/* --- one client --- */

static void run_session(struct conn *conn)
{
    imap_session_run(conn, &world.context);
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

static UNUSED void expect_bytes(struct slice input, const char *expected)
{
    static const size_t chunks[] = {0, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        expect_once(input, chunks[i], expected);
}

static UNUSED void expect(const char *input, const char *expected)
{
    expect_bytes(slice_from(input), expected);
}

#define GREETING  "* OK [CAPABILITY IMAP4rev1 \n"
#define LOGIN     "a LOGIN alice@example.org secret\r\n"
#define LOGGED_IN GREETING "a OK [CAPABILITY IMAP4rev1 \n"
#define LOGOUT    "z LOGOUT\r\n"
#define BYE       "* BYE goodbye$\nz OK logged out$\n"

/* --- several clients --- */

static void run_peer(void *arg)
{
    struct peer *peer = arg;
    imap_session_run(peer->server, &world.context);
    conn_close(peer->server);
    peer->server = NULL;
}

static UNUSED void peer_send(struct peer *peer, const char *text)
{
    assert_ok(conn_write(peer->client, slice_from(text)));
    assert_ok(conn_flush(peer->client));
}

/* The next line, without its end; in the fixture's arena. */
static UNUSED struct slice peer_line(struct peer *peer)
{
    struct slice line;
    assert_ok(conn_read_line(peer->client, 1024 * 1024, &line));
    return arena_copy(&world.fixture->arena, line);
}

/* The next lines begin like these, or are these ("$" at the end). */
static UNUSED void peer_expect(struct peer *peer, const char *lines)
{
    struct slice rest = slice_from(lines);
    while (rest.len > 0) {
        struct slice want = slice_split(&rest, '\n'), line = peer_line(peer);
        bool whole = want.len > 0 && want.data[want.len - 1] == '$';
        if (whole ? !slice_eq(line, slice_take(want, want.len - 1)) : !slice_starts_with(line, want)) {
            print_error("expected '%.*s', got '%.*s'\n", SLICE_ARG(want), SLICE_ARG(line));
            fail();
        }
    }
}

/* Sends a command with a tag of its own. `lines`: the untagged lines (may be empty) and, last, the tagged one
 * without its tag: "* 1 EXISTS$\nOK ". */
static UNUSED void peer_do(struct peer *peer, const char *command, const char *lines)
{
    struct arena *arena = &world.fixture->arena;
    unsigned tag = ++peer->commands;
    struct slice all = slice_from(lines);
    size_t last = slice_find_last(all, '\n');
    size_t start = last == all.len ? 0 : last + 1;
    peer_send(peer, arena_printf(arena, "t%u %s\r\n", tag, command));
    peer_expect(peer, arena_printf(arena, "%.*st%u %s", (int)start, all.data, tag, lines + start));
}

static UNUSED struct peer *peer_connect(void)
{
    assert_true(world.peer_count < PEERS_MAX);
    struct peer *peer = &world.peers[world.peer_count++];
    struct conn *ends[2];
    *peer = (struct peer){0};
    conn_pair(world.loop, 65536, world.chunk ? world.chunk : 65536, ends);
    peer->server = ends[0];
    peer->client = ends[1];
    conn_set_timeout(peer->client, 20000);
    peer->task = task_spawn(world.loop, "peer", run_peer, peer);
    peer_expect(peer, "* OK [CAPABILITY ");
    return peer;
}

static UNUSED struct peer *peer_login(void)
{
    struct peer *peer = peer_connect();
    peer_do(peer, "LOGIN alice@example.org secret", "OK [CAPABILITY ");
    return peer;
}

static UNUSED void peer_close(struct peer *peer)
{
    conn_close(peer->client);
    peer->client = NULL;
    assert_ok(task_join(peer->task));
}

static void run_peer_task(void *arg)
{
    (void)arg;
    world.test();
    for (size_t i = 0; i < world.peer_count; i++)
        if (world.peers[i].client)
            peer_close(&world.peers[i]);
    loop_stop(world.loop);
}

static UNUSED void run_peer_test(void (*test)(void))
{
    world.test = test;
    task_detach(task_spawn(world.loop, "test", run_peer_task, NULL));
    loop_run(world.loop);
}

/* --- set-up --- */

static UNUSED int world_setup(void **state)
{
    set_up(state);
    memset(&world, 0, sizeof(world));
    world.fixture = *state;
    world.loop = loop_new();
    world.conf = (struct conf){.error_limit = 20,
                               .imap_timeout = 20000,
                               .message_size_limit = 1000000,
                               .plaintext_auth = PLAINTEXT_AUTH_LOOPBACK};
    fake_authd_start(&world.authd, world.loop, world.fixture->directory);
    world.budget = (struct budget){.user_max = BUDGET_USER_MAX, .process_max = BUDGET_PROCESS_MAX};
    world.context = (struct imap_context){
        .budget = &world.budget,
        .conf = &world.conf,
        .work = work_pool_new(world.loop, 2, 100),
        .store = world.fixture->store,
        .auth = auth_client_new(world.loop, world.authd.path),
        .hub = hub_start(world.loop, world.fixture->store),
    };
    return 0;
}

static UNUSED int world_teardown(void **state)
{
    fake_authd_stop(&world.authd, world.loop);
    auth_client_free(world.context.auth);
    hub_stop(world.context.hub);
    work_pool_free(world.context.work);
    loop_free(world.loop);
    return tear_down(state);
}

#define dialogue_test(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)
/* For a test that is a task: `static void name(void)`, with PEER_TEST(name) in the list. */
#define PEER_CASE(name)                   \
    static void case_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_peer_test(name);              \
    }
#define peer_test(name) dialogue_test(case_##name)

#endif
