/* SPDX-License-Identifier: ISC */
/* What a client hears of a command that takes long (RFC 9585). */
#include "world.h"

#include "progress.h"

#define PASSED 1 /* a time that is over */

struct told {
    struct imap_session session;
    struct conn *client;
};

static struct told begin(void)
{
    struct conn *ends[2];
    struct told told = {.session = {.context = &world.context, .conf = &world.conf, .tag = S("A001")}};
    conn_pair(world.loop, 65536, 65536, ends);
    told.session.conn = ends[0];
    told.client = ends[1];
    conn_set_timeout(told.client, 20000);
    return told;
}

static void expect_line(struct told *told, const char *expected)
{
    struct slice line;
    assert_ok(conn_read_line(told->client, 1000, &line));
    if (!slice_eq(line, slice_from(expected))) {
        print_error("expected '%s', got '%.*s'\n", expected, SLICE_ARG(line));
        fail();
    }
}

static void end(struct told *told)
{
    if (told->client)
        conn_close(told->client);
    conn_close(told->session.conn);
}

/* Nothing at the beginning, nor soon after. */
static void silent_at_first(void)
{
    struct told told = begin();
    struct progress progress = {0};
    assert_ok(imap_tell_progress(&told.session, &progress, 0, 1000));
    assert_ok(imap_tell_progress(&told.session, &progress, 10, 1000));
    assert_int_equal(conn_bytes_out(told.session.conn), 0);
    end(&told);
}
PEER_CASE(silent_at_first)

static void tells(void)
{
    struct told told = begin();
    struct progress progress = {.told_ms = PASSED};
    assert_ok(imap_tell_progress(&told.session, &progress, 454, 1000));
    expect_line(&told, "* OK [INPROGRESS (\"A001\" 454 1000)] still working on this");
    assert_ok(imap_tell_progress(&told.session, &progress, 455, 1000)); /* not again so soon */
    assert_true(progress.told_ms > PASSED);
    end(&told);
}
PEER_CASE(tells)

static void unknown_goal(void)
{
    struct told told = begin();
    struct progress progress = {.told_ms = PASSED};
    assert_ok(imap_tell_progress(&told.session, &progress, 454, 0));
    expect_line(&told, "* OK [INPROGRESS (\"A001\" NIL NIL)] still working on this");
    end(&told);
}
PEER_CASE(unknown_goal)

static void passed_goal(void)
{
    struct told told = begin();
    struct progress progress = {.told_ms = PASSED};
    assert_ok(imap_tell_progress(&told.session, &progress, 1000, 1000));
    expect_line(&told, "* OK [INPROGRESS (\"A001\" NIL NIL)] still working on this");
    end(&told);
}
PEER_CASE(passed_goal)

/* Nobody listens any more: the work can end. */
static void gone(void)
{
    struct told told = begin();
    struct progress progress = {.told_ms = PASSED};
    conn_close(told.client);
    told.client = NULL;
    assert_int_not_equal(imap_tell_progress(&told.session, &progress, 1, 2), ERR_OK);
    progress.told_ms = INT64_MAX;
    assert_int_not_equal(imap_tell_progress(&told.session, &progress, 1, 2), ERR_OK);
    end(&told);
}
PEER_CASE(gone)

/* It is looked for sooner when it seems to be gone. */
static void seems_gone(void)
{
    struct told told = begin();
    struct progress progress = {.told_ms = loop_now(world.loop) - 2000};
    assert_ok(imap_tell_progress(&told.session, &progress, 1, 2));
    assert_int_equal(conn_bytes_out(told.session.conn), 0);
    conn_close(told.client);
    told.client = NULL;
    assert_int_not_equal(imap_tell_progress(&told.session, &progress, 1, 2), ERR_OK);
    end(&told);
}
PEER_CASE(seems_gone)

/* "COPYUID …" of a mailbox with gaps. */
static void long_line(void)
{
    struct told told = {.session = {.context = &world.context, .conf = &world.conf}};
    struct conn *ends[2];
    size_t size = (size_t)2 * INPUT_TEXT_MAX;
    char *text = arena_alloc(&world.fixture->arena, size + 1);
    struct slice line;
    memset(text, '1', size);
    text[size] = '\0';
    conn_pair(world.loop, 2 * size, 2 * size, ends);
    told.session.conn = ends[0];
    imap_untagged(&told.session, "OK [%s]", text);
    assert_ok(conn_flush(ends[0]));
    assert_ok(conn_read_line(ends[1], 2 * size, &line));
    assert_int_equal(line.len, size + strlen("* OK []"));
    conn_close(ends[0]);
    conn_close(ends[1]);
}
PEER_CASE(long_line)

int main(void)
{
    const struct CMUnitTest tests[] = {peer_test(silent_at_first), peer_test(tells), peer_test(unknown_goal),
                                       peer_test(passed_goal),     peer_test(gone),  peer_test(seems_gone),
                                       peer_test(long_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
