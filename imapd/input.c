/* SPDX-License-Identifier: ISC */
#include "input.h"

#include <string.h>

#include "session.h"

static bool is_stranger(const struct imap_session *session)
{
    return session->state == IMAP_NOT_AUTHENTICATED;
}

static size_t text_max(const struct imap_session *session)
{
    return is_stranger(session) ? INPUT_TEXT_MAX_STRANGER : INPUT_TEXT_MAX;
}

enum err input_line(struct imap_session *session, size_t limit, struct slice *line_r)
{
    /* A pipelining client gets its answers together. */
    if (!conn_has_line(session->conn)) {
        enum err err = conn_flush(session->conn);
        if (err)
            return err;
    }
    return conn_read_line(session->conn, limit, line_r);
}

/* A line of the command, with what it announces at its end. */
static enum err read_line(struct imap_session *session, struct slice *line_r)
{
    struct input *input = &session->input;
    *line_r = SLICE_EMPTY;
    input->has_literal = input->in_literal = false;
    size_t limit = is_stranger(session) ? INPUT_LINE_MAX_STRANGER : INPUT_LINE_MAX;
    enum err err = input_line(session, limit, line_r);
    if (!err)
        input->text_size += line_r->len;
    /* Also of a line that was too long: what it announces must not be taken for commands. */
    if (!err || err == ERR_TOO_LONG)
        input->has_literal = line_ends_in_literal(*line_r, &input->literal);
    return err;
}

static enum err invite(struct imap_session *session)
{
    if (session->input.literal.non_sync)
        return ERR_OK;
    imap_invite(session, "ready for the literal");
    return conn_flush(session->conn);
}

static enum err read_bytes(struct imap_session *session, char *to, size_t size)
{
    while (size > 0) {
        struct slice bytes;
        enum err err = conn_peek(session->conn, &bytes);
        if (err)
            return err;
        bytes = slice_take(bytes, size);
        memcpy(to, bytes.data, bytes.len);
        to += bytes.len;
        size -= bytes.len;
        conn_consume(session->conn, bytes.len);
    }
    return ERR_OK;
}

/* The parser wants the bytes of the literal that its text ends in. */
static bool read_on(struct parser *parser, void *data)
{
    struct imap_session *session = data;
    struct input *input = &session->input;
    if (!input->has_literal || input->in_literal || input->error ||
        input->literal.size > text_max(session) - MIN_OF(input->text_size, text_max(session)))
        return false;
    size_t size = (size_t)input->literal.size;
    input->has_literal = false;
    input->text_size += size;
    char *bytes = arena_alloc(&session->arena, size + 1);
    struct slice line;
    if ((input->error = invite(session)) || (input->error = read_bytes(session, bytes, size)) ||
        (input->error = read_line(session, &line)))
        return false;
    size_t total = parser->rest.len + 2 + size + line.len;
    char *text = arena_alloc(&session->arena, total + 1);
    char *end = text;
    const struct slice parts[] = {parser->rest, S("\r\n"), slice_of(bytes, size), line};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        memcpy(end, parts[i].data, parts[i].len);
        end += parts[i].len;
    }
    parser->rest = slice_of(text, total);
    return true;
}

enum err input_begin(struct imap_session *session, struct parser *parser_r)
{
    session->input = (struct input){0};
    struct slice line;
    enum err err = read_line(session, &line);
    if (err)
        return err;
    *parser_r = parser_of(&session->arena, arena_copy(&session->arena, line));
    parser_r->utf8 = imap_utf8(session);
    parser_r->more = read_on;
    parser_r->more_data = session;
    return ERR_OK;
}

static enum err discard(struct imap_session *session, uint64_t size)
{
    while (size > 0) {
        struct slice bytes;
        enum err err = conn_peek(session->conn, &bytes);
        if (err)
            return err;
        size_t n = (size_t)MIN_OF((uint64_t)bytes.len, size);
        conn_consume(session->conn, n);
        size -= n;
    }
    return ERR_OK;
}

/* The piece before, which nobody looks at any more. */
static void give_back(struct imap_session *session)
{
    conn_consume(session->conn, session->input.piece);
    session->input.piece = 0;
}

enum err input_finish(struct imap_session *session)
{
    struct input *input = &session->input;
    struct slice line;
    enum err err = input->error == ERR_TOO_LONG ? ERR_OK : input->error;
    if (!err && input->in_literal) {
        give_back(session);
        err = discard(session, input->literal_left);
        if (!err)
            err = read_line(session, &line);
    }
    uint64_t discarded = 0;
    while ((!err || err == ERR_TOO_LONG) && input->has_literal && input->literal.non_sync) {
        discarded += input->literal.size;
        if (discarded > INPUT_DISCARD_MAX)
            return ERR_LIMIT;
        err = discard(session, input->literal.size);
        if (!err)
            err = read_line(session, &line);
    }
    return err == ERR_TOO_LONG ? ERR_OK : err;
}

enum err input_literal_begin(struct imap_session *session)
{
    struct input *input = &session->input;
    input->has_literal = false;
    input->in_literal = true;
    input->literal_left = input->literal.size;
    return input->error = invite(session);
}

enum err input_literal_next(struct imap_session *session, struct slice *piece_r)
{
    struct input *input = &session->input;
    *piece_r = SLICE_EMPTY;
    give_back(session);
    if (input->literal_left == 0)
        return ERR_OK;
    struct slice bytes;
    enum err err = conn_peek(session->conn, &bytes);
    if (err)
        return input->error = err;
    *piece_r = slice_take(bytes, (size_t)MIN_OF((uint64_t)bytes.len, input->literal_left));
    input->piece = piece_r->len;
    input->literal_left -= input->piece;
    return ERR_OK;
}

enum err input_literal_end(struct imap_session *session, struct parser *parser)
{
    struct input *input = &session->input;
    struct slice line;
    give_back(session);
    if ((input->error = discard(session, input->literal_left)) || (input->error = read_line(session, &line)))
        return input->error;
    parser->rest = arena_copy(&session->arena, line);
    return ERR_OK;
}
