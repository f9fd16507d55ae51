/* SPDX-License-Identifier: ISC */
/* The not-authenticated state of RFC 3501: greeting, tags, the commands of any state, and how sessions end.
 */
#include "check.h"

#include "session.h"
#include "talk.h"

static struct {
    struct loop *loop;
    struct conf conf;
    struct imap_context context;
} world;

static int world_setup(void **state)
{
    (void)state;
    world.loop = loop_new();
    world.conf = (struct conf){.error_limit = 20, .imap_timeout = 10000};
    world.context = (struct imap_context){.conf = &world.conf};
    return 0;
}

static int world_teardown(void **state)
{
    (void)state;
    loop_free(world.loop);
    return 0;
}

static void run_session(struct conn *conn)
{
    imap_session_run(conn, &world.context);
}

static void run_talk(struct talk *talk)
{
    talk->loop = world.loop;
    talk->run = run_session;
    talk_run(talk);
}

static void expect_bytes(struct slice input, const char *expected)
{
    static const size_t chunks[] = {0, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct talk talk = {.input = input, .chunk = chunks[i]};
        run_talk(&talk);
        talk_compare(buf_slice(&talk.output), expected);
        buf_free(&talk.output);
    }
}

static void expect(const char *input, const char *expected)
{
    expect_bytes(slice_from(input), expected);
}

#define GREETING "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] Postern IMAP server ready$\n"
#define LOGOUT   "z LOGOUT\r\n"
#define BYE      "* BYE goodbye$\nz OK done$\n"

static void commands_of_any_state(void **state)
{
    (void)state;
    expect(LOGOUT, GREETING BYE);
    expect("a CAPABILITY\r\nb NOOP\r\nC3.7 noop\r\n00000012 NoOp\r\n" LOGOUT "b NOOP\r\n",
           GREETING "* CAPABILITY IMAP4rev1 LOGINDISABLED$\na OK done$\nb OK done$\nC3.7 OK done$\n00000012 "
                    "OK done$\n" BYE);
    expect("a STARTTLS\r\n" LOGOUT, GREETING "a NO TLS is not available$\n" BYE);
    world.context.tls = (struct tls_context *)&world; /* it is only asked whether there is one */
    expect("a CAPABILITY\r\n" LOGOUT, "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] \n"
                                      "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED$\na OK done$\n" BYE);
}

static void what_is_no_command(void **state)
{
    (void)state;
    expect("a SELECT INBOX\r\na LOGIN alice secret\r\na NOOP x\r\na LOGOUT now\r\na\r\na \r\na  "
           "NOOP\r\n\r\n" LOGOUT,
           GREETING "a BAD unknown command$\na BAD unknown command$\na BAD this command takes no arguments$\n"
                    "a BAD this command takes no arguments$\na BAD a command is\na BAD a command is\n"
                    "a BAD a command is\n* BAD a command is: tag, space, name$\n" BYE);
    /* RFC 3501 section 9: a tag is of ASTRING-CHARs, but not of "+" */
    expect("+ NOOP\r\n* NOOP\r\n% NOOP\r\n( NOOP\r\n{ NOOP\r\n\" NOOP\r\n\\ NOOP\r\n\xc3\xa4 NOOP\r\na+ "
           "NOOP\r\n NOOP\r\n" LOGOUT,
           GREETING "* BAD\n* BAD\n* BAD\n* BAD\n* BAD\n* BAD\n* BAD\n* BAD\na BAD\n* BAD\n" BYE);
    expect("a]b NOOP\r\n~!@#$^&-_=[|;:',.<>/? NOOP\r\n" LOGOUT,
           GREETING "a]b OK done$\n~!@#$^&-_=[|;:',.<>/? OK done$\n" BYE);
    expect_bytes(S("a\0 NOOP\r\na NO\0OP\r\n" LOGOUT), GREETING "a BAD\na BAD unknown\n" BYE);
}

static void taken_apart(void **state)
{
    struct slice tag, name, arguments;
    (void)state;
    assert_true(imap_parse_command(S("a1 UID FETCH 1:* (FLAGS)"), &tag, &name, &arguments));
    assert_text(tag, "a1");
    assert_text(name, "UID");
    assert_text(arguments, "FETCH 1:* (FLAGS)");
    assert_true(imap_parse_command(S("1 NOOP"), &tag, &name, &arguments));
    assert_int_equal(arguments.len, 0);
    assert_false(imap_parse_command(S("nonsense"), &tag, &name, &arguments));
    assert_text(tag, "nonsense"); /* for the answer */
    assert_false(imap_parse_command(S(""), &tag, &name, &arguments));
    assert_int_equal(tag.len, 0);
    assert_ptr_equal(imap_command_find(S("logout")), imap_command_find(S("LOGOUT")));
    assert_null(imap_command_find(S("LOG")));
    assert_null(imap_command_find(S("")));
}

static void too_many_errors(void **state)
{
    (void)state;
    world.conf.error_limit = 2;
    expect("a\r\nb X\r\nc X\r\nd NOOP\r\n", GREETING "a BAD\nb BAD\nc BAD\n* BYE too many errors$\n");
}

static void long_lines(void **state)
{
    struct buf input;
    (void)state;
    buf_init(&input, 100000);
    buf_append(&input, S("a NOOP "));
    while (input.len < 50000)
        buf_append_char(&input, 'x');
    buf_append(&input, S("\r\n" LOGOUT));
    expect_bytes(buf_slice(&input), GREETING "* BAD line too long$\n" BYE);
    buf_free(&input);
}

static void interrupt(struct talk *talk)
{
    if (talk->look_state++ == 0)
        conn_interrupt(talk->server);
}

static void the_server_ends_it(void **state)
{
    (void)state;
    struct talk talk = {.input = S("a NOOP\r\n"), .look = interrupt, .look_after = 80};
    run_talk(&talk);
    talk_compare(buf_slice(&talk.output), GREETING "a OK done$\n* BYE the server is shutting down$\n");
    buf_free(&talk.output);
    world.conf.imap_timeout = 100;
    expect("a NOOP\r\nb NO", GREETING "a OK done$\n* BYE nothing heard for too long$\n");
    for (int after = 1; after < 40; after++) {
        talk =
            (struct talk){.input = S("a CAPABILITY\r\nb NOOP\r\n" LOGOUT), .chunk = 5, .cancel_after = after};
        run_talk(&talk);
        assert_true(talk.output.len == 0 || slice_starts_with(buf_slice(&talk.output), S("*")));
        buf_free(&talk.output);
    }
}

static void the_client_ends_it(void **state)
{
    (void)state;
    for (size_t after = 1; after < 120; after += 7) {
        struct talk talk = {.input = S("a CAPABILITY\r\nb NOOP\r\n"), .capacity = 30, .hang_up_after = after};
        run_talk(&talk);
        buf_free(&talk.output);
    }
}

#define dialogue_test(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(commands_of_any_state),
        dialogue_test(what_is_no_command),
        dialogue_test(taken_apart),
        dialogue_test(too_many_errors),
        dialogue_test(long_lines),
        dialogue_test(the_server_ends_it),
        dialogue_test(the_client_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
