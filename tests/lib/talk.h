/* SPDX-License-Identifier: ISC */
/*
 * Dialogues in memory: a session on one end of a conn_pair, and on the other a client that sends everything
 * at once and collects what is answered; or hangs up, looks around, cancels the session on the way.
 */
#ifndef TEST_TALK_H
#define TEST_TALK_H

#include "base/buf.h"
#include "check.h"
#include "net/conn.h"
#include "net/task.h"

struct talk {
    struct loop *loop;
    void (*run)(struct conn *server); /* the session */
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

static inline void talk_session(void *arg)
{
    struct talk *talk = arg;
    talk->run(talk->server);
    conn_close(talk->server);
    talk->server = NULL;
}

static inline void talk_writer(void *arg)
{
    struct talk *talk = arg;
    conn_write(talk->client, talk->input);
    conn_flush(talk->client);
}

static inline void talk_canceler(void *arg)
{
    struct talk *talk = arg;
    for (int i = 1; i < talk->cancel_after; i++)
        if (task_sleep(0))
            return;
    task_cancel(talk->session);
}

static inline void talk_task(void *arg)
{
    struct talk *talk = arg;
    talk->session = task_spawn(talk->loop, "session", talk_session, talk);
    struct task *writer = task_spawn(talk->loop, "writer", talk_writer, talk);
    struct task *canceler =
        talk->cancel_after ? task_spawn(talk->loop, "canceler", talk_canceler, talk) : NULL;
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
    loop_stop(talk->loop);
}

/* Lets the dialogue run to its end; the output is the caller's to free. */
static inline void talk_run(struct talk *talk)
{
    struct conn *ends[2];
    buf_init(&talk->output, 64 * 1024 * 1024);
    conn_pair(talk->loop, talk->capacity ? talk->capacity : 65536, talk->chunk ? talk->chunk : 65536, ends);
    talk->server = ends[0];
    talk->client = ends[1];
    task_detach(task_spawn(talk->loop, "talk", talk_task, talk));
    loop_run(talk->loop);
}

/* --- expectations --- */

static inline bool talk_line_fits(struct slice line, struct slice want)
{
    if (line.len == 0 || line.data[line.len - 1] != '\r')
        return false;
    line.len--;
    if (want.len > 0 && want.data[want.len - 1] == '$')
        return slice_eq(line, slice_take(want, want.len - 1));
    return slice_starts_with(line, want);
}

static inline void talk_compare(struct slice actual, const char *expected)
{
    struct slice rest = actual, lines = slice_from(expected);
    while (lines.len > 0) {
        struct slice want = slice_split(&lines, '\n');
        struct slice line = slice_split(&rest, '\n');
        if (!talk_line_fits(line, want)) {
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

#endif
