/* SPDX-License-Identifier: ISC */
/*
 * A server that follows a script: lines that it says ("< 220 hello"), that it must hear ("> EHLO us", the
 * whole line), any line ("?"), texts that it reads to their dot ("."), an end of the connection ("x").
 */
#ifndef TEST_RELAY_SCRIPT_H
#define TEST_RELAY_SCRIPT_H

#include <stdlib.h>

#include "net/conn.h"
#include "relay_client.h"
#include "task_case.h"

struct script {
    const char *const *lines;
    size_t count;
    size_t chunk; /* of the connection; 0: large */
    struct conn *server, *client;
    struct task *task;
    struct buf text; /* of the texts that were read */
};

static inline void script_read_text(struct script *script)
{
    struct slice line;
    while (conn_read_line(script->server, 100000, &line) == ERR_OK && !slice_eq(line, S("."))) {
        buf_append(&script->text, line);
        buf_append(&script->text, S("\n"));
    }
}

static inline void script_read_chunk(struct script *script, size_t left)
{
    struct slice bytes;
    while (left > 0 && conn_peek(script->server, &bytes) == ERR_OK) {
        bytes = slice_take(bytes, left);
        buf_append(&script->text, bytes);
        left -= bytes.len;
        conn_consume(script->server, bytes.len);
    }
}

static inline void script_play(void *arg)
{
    struct script *script = arg;
    conn_set_timeout(script->server, 20000);
    for (size_t i = 0; i < script->count; i++) {
        const char *line = script->lines[i];
        struct slice heard;
        if (line[0] == '<') {
            conn_printf(script->server, "%s\r\n", line + 2);
            conn_flush(script->server);
        } else if (line[0] == '>') {
            if (conn_read_line(script->server, 100000, &heard) != ERR_OK)
                fail_msg("'%s' was not said", line + 2);
            assert_text(heard, line + 2);
        } else if (line[0] == '?') {
            assert_int_equal(conn_read_line(script->server, 100000, &heard), ERR_OK);
        } else if (line[0] == '#') {
            script_read_chunk(script, (size_t)atoi(line + 2));
        } else if (line[0] == '.') {
            script_read_text(script);
        } else {
            break;
        }
    }
    conn_close(script->server);
    script->server = NULL;
}

/* The client's end is the test's; script_end closes it. */
static inline void script_begin(struct script *script, struct relay_client *client)
{
    struct conn *ends[2];
    conn_pair(task_loop(), 1024 * 1024, script->chunk ? script->chunk : 65536, ends);
    script->server = ends[0];
    script->client = ends[1];
    buf_init(&script->text, 1 << 24);
    script->task = task_spawn(task_loop(), "script", script_play, script);
    relay_client_init(client, script->client, "us.example");
}

/* The script must have been played to its end. */
static inline void script_end(struct script *script, struct relay_client *client)
{
    relay_client_free(client);
    assert_int_equal(task_join(script->task), ERR_OK);
    conn_close(script->client);
    buf_free(&script->text);
}

#define SCRIPT(...)                                                                \
    {                                                                              \
        .lines = (const char *const[]){__VA_ARGS__},                               \
        .count = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *) \
    }

#endif
