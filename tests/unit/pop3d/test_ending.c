/* SPDX-License-Identifier: ISC */
/*
 * All the ways in which a session ends. Only QUIT removes messages (RFC 1939 section 6); however it ends, the
 * maildrop is free afterwards and nothing is left open.
 */
#include "world.h"

#include <dirent.h>

static const char *const three[] = {
    "Subject: 1\r\n\r\none\r\n",
    "Subject: 2\r\n\r\n.two\r\n",
    "Subject: 3\r\n\r\nthree\r\n",
};

static size_t open_files(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* A message of 300 KB: more than fits into any buffer on its way. */
static const char *long_message(void)
{
    struct buf text;
    buf_init(&text, 1000000);
    buf_append(&text, S("Subject: long\r\n\r\n"));
    while (text.len < 300000)
        buf_append(&text, S("a line of a long message\r\n"));
    const char *copy = arena_cstr(&world.fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

/* --- the client goes --- */

#define EVERYTHING                                                                              \
    "CAPA\r\nAUTH PLAIN\r\n*\r\nLANG\r\n" LOGIN "STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 2 1\r\n" \
    "DELE 1\r\nDELE 3\r\nRETR 2\r\nNOOP\r\n"

static void a_client_that_vanishes_anywhere(void **state)
{
    (void)state;
    fill(three, 3);
    struct talk whole = {.input = S(EVERYTHING "RSET\r\n" QUIT)};
    run_talk(&whole);
    size_t length =
        whole.output.len - strlen("+OK no message is marked as deleted any more\r\n+OK goodbye\r\n");
    buf_free(&whole.output);
    size_t before = open_files();
    for (size_t after = 1; after < length; after += 13) {
        struct talk talk = {.input = S(EVERYTHING), .capacity = 100, .chunk = 10, .hang_up_after = after};
        run_talk(&talk);
        buf_free(&talk.output);
        assert_true(is_unlocked());
    }
    assert_int_equal(open_files(), before);
    assert_int_equal(messages_left(), 3);
}

static void a_client_that_vanishes_in_mid_retr(void **state)
{
    (void)state;
    const char *const texts[] = {long_message(), three[0]};
    fill(texts, 2);
    assert_int_equal(messages_left(), 2); /* the store keeps a handle for reading from now on */
    size_t before = open_files();
    for (size_t after = 200; after < 300000; after += 29001) {
        world.conf.pop3_expire = after % 2 ? 0 : -1;
        struct talk talk = {
            .input = S(LOGIN "DELE 2\r\nRETR 1\r\n" QUIT), .capacity = 5000, .hang_up_after = after};
        run_talk(&talk);
        buf_free(&talk.output);
        assert_true(is_unlocked());
    }
    assert_int_equal(open_files(), before);
    assert_int_equal(messages_left(), 2);
}

/* The last words may lack their line end: then they were no command. */
static void half_a_quit_is_no_quit(void **state)
{
    (void)state;
    fill(three, 3);
    struct talk talk = {.input = S(LOGIN "DELE 1\r\nQUIT"),
                        .hang_up_after = strlen("+OK Postern POP3 server ready\r\n")};
    run_talk(&talk);
    buf_free(&talk.output);
    assert_int_equal(messages_left(), 3);
}

/* --- the session is cancelled: its time to shut down is over --- */

/* What a cancelled session has sent is the beginning of what it would have sent, and perhaps one refusal. */
static void check_beginning(struct slice output, struct slice whole)
{
    size_t same = 0;
    while (same < output.len && same < whole.len && output.data[same] == whole.data[same])
        same++;
    struct slice rest = slice_skip(output, same);
    if (rest.len == 0)
        return;
    while (same > 0 && output.data[same - 1] != '\n')
        same--;
    rest = slice_skip(output, same);
    struct slice line = slice_split(&rest, '\n');
    if (!slice_starts_with(line, S("-ERR ")) || rest.len > 0) {
        print_error("not a beginning: %.*s\n", SLICE_ARG(output));
        fail();
    }
}

static void cancelled_anywhere(void **state)
{
    (void)state;
    fill(three, 3);
    struct talk complete = {.input = S(EVERYTHING "RSET\r\n" QUIT), .capacity = 200, .chunk = 20};
    run_talk(&complete);
    size_t before = open_files();
    int completed = 0, tries = 0;
    for (int after = 1; after < 400; after += after < 100 ? 1 : 7, tries++) {
        struct talk talk = {
            .input = S(EVERYTHING "RSET\r\n" QUIT), .capacity = 200, .chunk = 20, .cancel_after = after};
        run_talk(&talk);
        check_beginning(buf_slice(&talk.output), buf_slice(&complete.output));
        completed += talk.output.len == complete.output.len;
        buf_free(&talk.output);
        assert_true(is_unlocked());
    }
    assert_in_range(completed, 0, tries - 1);
    assert_int_equal(open_files(), before);
    assert_int_equal(messages_left(), 3);
    buf_free(&complete.output);
}

static void cancel_session(struct talk *talk)
{
    task_cancel(talk->session);
}

/* Behind half a message nothing may follow that makes it look whole: not the answers to what was pipelined.
 */
static void cancelled_in_mid_retr(void **state)
{
    (void)state;
    const char *const texts[] = {long_message(), three[0]};
    fill(texts, 2);
    for (size_t after = 200; after < 250000; after += 24000) {
        struct talk talk = {.input = S(LOGIN "RETR 1\r\nCAPA\r\nUIDL\r\nDELE 1\r\nDELE 2\r\n" QUIT),
                            .capacity = 3000,
                            .look = cancel_session,
                            .look_after = after};
        run_talk(&talk);
        struct slice output = buf_slice(&talk.output);
        assert_true(slice_find_text(output, S("\r\n.\r\n")) == output.len);
        assert_true(slice_find_text(output, S("SASL")) == output.len);
        buf_free(&talk.output);
        assert_true(is_unlocked());
    }
    assert_int_equal(messages_left(), 2);
}

/* --- the disk fails --- */

static void cut_file(struct talk *talk)
{
    struct fixture *fixture = world.fixture;
    if (talk->look_state++ == 0) {
        const char *path = arena_printf(&fixture->arena, "%s/%s", path_of(fixture, ALICE_INBOX "/cur"),
                                        only_file(fixture, ALICE_INBOX "/cur"));
        assert_int_equal(truncate(path, 150000), 0);
    }
}

static void a_file_that_ends_too_early_breaks_the_connection(void **state)
{
    (void)state;
    const char *const text = long_message();
    fill(&text, 1);
    world.conf.pop3_expire = 0;
    struct talk talk = {
        .input = S(LOGIN "RETR 1\r\nNOOP\r\n" QUIT), .capacity = 3000, .look = cut_file, .look_after = 1000};
    run_talk(&talk);
    struct slice output = buf_slice(&talk.output);
    assert_true(output.len > 100000 && output.len < 200000);
    assert_true(slice_find_text(output, S("\r\n.\r\n")) == output.len);
    assert_true(slice_find_text(output, S("+OK goodbye")) == output.len);
    buf_free(&talk.output);
    assert_int_equal(messages_left(), 1);
}

/* --- the server shuts down --- */

static void interrupt(struct talk *talk)
{
    if (talk->look_state++ == 0)
        conn_interrupt(talk->server);
}

static void expect_interrupted(const char *input, size_t look_after, const char *expected)
{
    struct talk talk = {.input = slice_from(input), .look = interrupt, .look_after = look_after};
    run_talk(&talk);
    talk_compare(buf_slice(&talk.output), expected);
    buf_free(&talk.output);
    assert_true(is_unlocked());
}

#define COME_BACK "-ERR [SYS/TEMP] the server is shutting down, please come back$\n"

static void shutdown_is_told_between_two_commands(void **state)
{
    (void)state;
    fill(three, 3);
    expect_interrupted("", 1, GREETING COME_BACK);
    expect_interrupted(LOGIN "DELE 1\r\n", 100, LOGGED_IN "+OK marked\n" COME_BACK);
    expect_interrupted("LANG de\r\n", 40, GREETING "+OK de\n-ERR [SYS/TEMP] der Server wird beendet\n");
    expect_interrupted("AUTH LOGIN\r\n", 40, GREETING "+ VXNlcm5hbWU6$\n" COME_BACK);
    assert_int_equal(messages_left(), 3);
}

static void shutdown_does_not_cut_a_message(void **state)
{
    (void)state;
    const char *const text = long_message();
    fill(&text, 1);
    struct talk talk = {
        .input = S(LOGIN "RETR 1\r\n"), .capacity = 3000, .look = interrupt, .look_after = 1000};
    run_talk(&talk);
    struct slice output = buf_slice(&talk.output);
    assert_true(output.len > 300000);
    assert_true(slice_ends_with_nocase(
        output, S("\r\n.\r\n-ERR [SYS/TEMP] the server is shutting down, please come back\r\n")));
    buf_free(&talk.output);
    /* What has been read already is obeyed to the end. */
    talk = (struct talk){.input = S(LOGIN "RETR 1\r\nDELE 1\r\n" QUIT),
                         .capacity = 3000,
                         .look = interrupt,
                         .look_after = 1000};
    run_talk(&talk);
    assert_true(slice_ends_with_nocase(buf_slice(&talk.output), S("+OK goodbye\r\n")));
    buf_free(&talk.output);
    assert_int_equal(messages_left(), 0);
}

/* --- silence --- */

/* RFC 1939 section 3: "the server should close the TCP connection without removing any messages or sending
 * any response to the client". */
static void silence_ends_it_without_a_word(void **state)
{
    (void)state;
    fill(three, 3);
    world.conf.pop3_timeout = 100;
    expect_once(S(""), 0, GREETING);
    expect_once(S(LOGIN "DELE 1\r\nDELE 2\r\nQUI"), 0, LOGGED_IN "+OK marked\n+OK marked\n");
    expect_once(S("AUTH PLAIN\r\n"), 0, GREETING "+ $\n");
    assert_true(is_unlocked());
    assert_int_equal(messages_left(), 3);
}

/* --- QUIT --- */

static void note_lock(struct talk *talk)
{
    if (slice_ends_with_nocase(buf_slice(&talk->output), S("+OK goodbye\r\n")))
        talk->look_state = is_unlocked() ? 1 : 2;
}

/* A client that comes back at once must not be told [IN-USE]. */
static void the_maildrop_is_free_before_quit_is_answered(void **state)
{
    (void)state;
    fill(three, 3);
    struct talk talk = {.input = S(LOGIN "RETR 1\r\nDELE 1\r\n" QUIT), .look = note_lock};
    run_talk(&talk);
    assert_int_equal(talk.look_state, 1);
    buf_free(&talk.output);
    assert_int_equal(messages_left(), 2);
}

static void quit_ends_what_was_pipelined_behind_it(void **state)
{
    (void)state;
    fill(three, 3);
    expect(LOGIN QUIT "DELE 1\r\n" QUIT, LOGGED_IN BYE);
    assert_int_equal(messages_left(), 3);
}

static void expire_at_once(void **state)
{
    (void)state;
    fill(three, 3);
    world.conf.pop3_expire = 0;
    expect_once(S(LOGIN "RETR 2\r\nTOP 3 99\r\n" QUIT), 0,
                LOGGED_IN "+OK\nSubject: 2$\n$\n..two$\n.$\n+OK\nSubject: 3$\n$\nthree$\n.$\n" BYE);
    expect_once(S(LOGIN "STAT\r\nTOP 2 0\r\n" QUIT), 0, LOGGED_IN "+OK 2 \n+OK\nSubject: 3$\n$\n.$\n" BYE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(a_client_that_vanishes_anywhere),
        dialogue_test(a_client_that_vanishes_in_mid_retr),
        dialogue_test(half_a_quit_is_no_quit),
        dialogue_test(cancelled_anywhere),
        dialogue_test(cancelled_in_mid_retr),
        dialogue_test(a_file_that_ends_too_early_breaks_the_connection),
        dialogue_test(shutdown_is_told_between_two_commands),
        dialogue_test(shutdown_does_not_cut_a_message),
        dialogue_test(silence_ends_it_without_a_word),
        dialogue_test(the_maildrop_is_free_before_quit_is_answered),
        dialogue_test(quit_ends_what_was_pipelined_behind_it),
        dialogue_test(expire_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
