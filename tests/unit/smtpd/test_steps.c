/* SPDX-License-Identifier: ISC */
/* Client and server step by step, and how sessions end when it is not by QUIT: shutdown between two commands
 * and inside of a message, silence, pipelined STARTTLS. */
#include "net/tls.h"
#include "world.h"

#define START "HELO c\r\nMAIL FROM:<x@remote.example>\r\nRCPT TO:<alice@example.org>\r\n"

struct visit {
    struct conn *server, *client;
    bool ended;
};

static void visit_task(void *arg)
{
    struct visit *visit = arg;
    session_run(visit->server, &world.context);
    visit->ended = true;
}

/* Sends `text`, and reads until a line begins with `until`. */
static void say(struct visit *visit, const char *text, const char *until)
{
    struct slice line;
    assert_ok(conn_write(visit->client, slice_from(text)));
    assert_ok(conn_flush(visit->client));
    do
        assert_ok(conn_read_line(visit->client, 1000, &line));
    while (!slice_starts_with(line, slice_from(until)));
}

static struct task *begin_visit(struct visit *visit)
{
    struct conn *ends[2];
    world.context.service = SERVICE_SMTP;
    conn_pair(world.loop, 65536, 65536, ends);
    *visit = (struct visit){.server = ends[0], .client = ends[1]};
    return task_spawn(world.loop, "visit", visit_task, visit);
}

static void end_visit(struct visit *visit, struct task *task)
{
    assert_ok(task_join(task));
    assert_true(visit->ended);
    conn_close(visit->server);
    conn_close(visit->client);
}

static void run(task_fn *fn)
{
    struct task *task = task_spawn(world.loop, "test", fn, NULL);
    task_detach(task);
    loop_run(world.loop);
}

/* RFC 2920 section 3.2: replies are sent before the server waits, also when it has the beginning of a command
 * already. */
static void half_a_command_waits(void *arg)
{
    (void)arg;
    struct visit visit;
    struct task *task = begin_visit(&visit);
    say(&visit, "HELO c\r\nNO", "250 mail.example.org");
    say(&visit, "OP\r\nQUIT\r\n", "221");
    end_visit(&visit, task);
    loop_stop(world.loop);
}

static void shutdown_between_commands(void *arg)
{
    (void)arg;
    struct visit visit;
    struct task *task = begin_visit(&visit);
    say(&visit, START, "250 2.1.5");
    conn_interrupt(visit.server);
    say(&visit, "", "421 4.3.2");
    end_visit(&visit, task);
    loop_stop(world.loop);
}

static void shutdown_inside_a_message(void *arg)
{
    (void)arg;
    struct visit visit;
    struct task *task = begin_visit(&visit);
    say(&visit, START "DATA\r\n", "354");
    conn_interrupt(visit.server);
    say(&visit, "A: b\r\n\r\n.\r\n", "250 2.0.0"); /* it is taken, and only then the server says goodbye */
    say(&visit, "", "421 4.3.2");
    end_visit(&visit, task);
    assert_int_equal(fake_store_count("alice@example.org"), 1);
    loop_stop(world.loop);
}

static void cancelled_inside_a_message(void *arg)
{
    (void)arg;
    struct visit visit;
    struct task *task = begin_visit(&visit);
    say(&visit, START "DATA\r\n", "354");
    task_cancel(task);
    say(&visit, "", "421 4.3.2");
    end_visit(&visit, task);
    assert_int_equal(fake_store.message_count, 1); /* that of the test before */
    loop_stop(world.loop);
}

static void commands_sent_with_starttls(void *arg)
{
    (void)arg;
    struct visit visit;
    struct slice line;
    struct task *task = begin_visit(&visit);
    say(&visit, "EHLO c\r\n", "250 HELP");
    say(&visit, "STARTTLS\r\nNOOP\r\n", "220 2.0.0");
    assert_ok(task_join(task)); /* the session has ended, without an answer to NOOP */
    conn_close(visit.server);
    assert_err(conn_read_line(visit.client, 1000, &line), ERR_CLOSED);
    conn_close(visit.client);
    loop_stop(world.loop);
}

static void replies_are_not_held_back(void **state)
{
    (void)state;
    world.conf.smtp_timeout = 60000;
    run(half_a_command_waits);
}

static void shutting_down(void **state)
{
    (void)state;
    run(shutdown_between_commands);
    run(shutdown_inside_a_message);
    run(cancelled_inside_a_message);
}

static void nothing_is_believed_that_came_before_tls(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost"};
    struct buf why;
    struct arena arena = {0};
    buf_init(&why, 1000);
    assert_ok(tls_make_certificate(world.directory, names, 1, &why));
    assert_ok(tls_context_new(arena_printf(&arena, "%s/cert.pem", world.directory),
                              arena_printf(&arena, "%s/key.pem", world.directory), &world.context.tls, &why));
    run(commands_sent_with_starttls);
    tls_context_free(world.context.tls);
    arena_free(&arena);
    buf_free(&why);
}

static void silence(void **state)
{
    (void)state;
    struct buf output;
    buf_init(&output, 1000);
    world.conf.smtp_timeout = 1;
    talk(SERVICE_SMTP, S(""), 65536, &output);
    compare(buf_slice(&output), "220\n421 4.4.2\n", 65536);
    buf_clear(&output);
    talk(SERVICE_SMTP, S("HELO c\r\nNOO"), 65536, &output); /* half a command */
    compare(buf_slice(&output), "220\n250\n421 4.4.2\n", 65536);
    buf_free(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(replies_are_not_held_back),
        dialogue_test(shutting_down),
        dialogue_test(nothing_is_believed_that_came_before_tls),
        dialogue_test(silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
