/* SPDX-License-Identifier: ISC */
/* For the tests of FETCH: a client with its INBOX open, and answers compared to the octet. */
#ifndef TEST_IMAPD_FETCHING_H
#define TEST_IMAPD_FETCHING_H

#include "world.h"

/* All lines up to the tagged one, each with its CRLF. */
static inline struct slice peer_answer(struct peer *peer, const char *command)
{
    struct arena *arena = &world.fixture->arena;
    struct buf lines;
    buf_init(&lines, 64 * 1024 * 1024);
    unsigned tag = ++peer->commands;
    const char *end = arena_printf(arena, "t%u ", tag);
    peer_send(peer, arena_printf(arena, "t%u %s\r\n", tag, command));
    while (true) {
        struct slice line = peer_line(peer);
        if (slice_starts_with(line, slice_from(end))) {
            buf_printf(&lines, "%.*s", SLICE_ARG(slice_skip(line, strlen(end))));
            break;
        }
        buf_append(&lines, line);
        buf_append(&lines, S("\r\n"));
    }
    struct slice answer = arena_copy(arena, buf_slice(&lines));
    buf_free(&lines);
    return answer;
}

static inline struct peer *peer_at(const char *command)
{
    struct peer *peer = peer_login();
    struct slice answer = peer_answer(peer, command);
    assert_true(slice_find_text(answer, S("OK [READ-")) < answer.len);
    return peer;
}

/* A client whose INBOX is open; what SELECT says is another test's subject. */
static inline struct peer *peer_at_inbox(void)
{
    return peer_at("SELECT INBOX");
}

/* `FETCH 1 item` is answered by exactly this. */
static inline void expect_answer(struct peer *peer, const char *item, const char *answer)
{
    struct arena *arena = &world.fixture->arena;
    const char *want = arena_printf(arena, "* 1 FETCH (%s)\r\nOK fetched", answer);
    assert_slice(peer_answer(peer, arena_printf(arena, "FETCH 1 %s", item)), slice_from(want));
}

/* Lines ending in LF as they go over the wire; in the arena. */
static inline const char *crlf(const char *text)
{
    char *out = arena_alloc(&world.fixture->arena, strlen(text) * 2 + 1), *end = out;
    for (; *text; text++) {
        if (*text == '\n')
            *end++ = '\r';
        *end++ = *text;
    }
    return out;
}

/* The same of a literal; `value` has LF line ends. */
static inline void expect_literal(struct peer *peer, const char *item, const char *label, const char *value)
{
    const char *text = crlf(value);
    expect_answer(peer, item,
                  arena_printf(&world.fixture->arena, "%s {%zu}\r\n%s", label, strlen(text), text));
}

static inline uint32_t append_bytes(struct slice text)
{
    struct account *account = open_account(world.fixture, ALICE);
    uint32_t uid = append_text(world.fixture, account, "INBOX", text);
    account_close(account);
    return uid;
}

#endif
