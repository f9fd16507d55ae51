/* SPDX-License-Identifier: ISC */
/* The lines between authd and its clients; the grammar stands in wire.h. Pure: text in, text out. */
#include "wire.h"

#include "base/encode.h"
#include "base/mem.h"

static const struct {
    enum auth_outcome outcome;
    const char *text;
} reasons[] = {
    {AUTH_FAILED, "failed"},          {AUTH_DISABLED, "disabled"},       {AUTH_MALFORMED, "malformed"},
    {AUTH_NO_MECHANISM, "mechanism"}, {AUTH_UNAVAILABLE, "unavailable"},
};

void wire_buf_init(struct buf *line)
{
    buf_init(line, WIRE_LINE_LIMIT + 2);
    buf_reserve(line, WIRE_LINE_LIMIT + 2);
}

void wire_buf_wipe(struct buf *line)
{
    if (line->data) {
        mem_wipe(line->data, line->size);
    }
    buf_free(line);
}

const char *wire_outcome_text(enum auth_outcome outcome)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].outcome == outcome) {
            return reasons[i].text;
        }
    }
    return outcome == AUTH_OK ? "ok" : "continue";
}

bool wire_is_mechanism(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!char_is_alnum(name.data[i]) && name.data[i] != '-' && name.data[i] != '_') {
            return false;
        }
    }
    return name.len >= 1 && name.len <= 20;
}

/* --- writing --- */

/* A word's value must not be able to end the word or the line. */
static void put_word(struct buf *line, const char *key, struct slice value)
{
    buf_printf(line, " %s=", key);
    for (size_t i = 0; i < value.len; i++) {
        if (char_is_ctl(value.data[i]) || value.data[i] == ' ') {
            line->error = ERR_SYNTAX;
        }
    }
    buf_append(line, value);
}

/* `verb` and, when there is one, the blob. */
static void put_blob(struct buf *line, const char *verb, struct slice blob)
{
    buf_append(line, slice_from(verb));
    if (blob.len) {
        buf_append_char(line, ' ');
        base64_encode(line, blob);
    }
    buf_append(line, S("\r\n"));
}

void wire_put_begin(struct buf *line, const struct auth_request *request)
{
    buf_append(line, S("BEGIN"));
    put_word(line, "service", slice_from(request->service));
    put_word(line, "mechanism", request->mechanism);
    put_word(line, "peer", slice_from(request->peer_address));
    put_word(line, "tls", request->tls ? S("1") : S("0"));
    if (request->has_initial) {
        buf_append(line, S(" initial="));
        base64_encode(line, request->initial);
    }
    buf_append(line, S("\r\n"));
}

void wire_put_step(struct buf *line, struct slice response)
{
    put_blob(line, "STEP", response);
}

void wire_put_continue(struct buf *line, struct slice challenge)
{
    put_blob(line, "CONTINUE", challenge);
}

void wire_put_ok(struct buf *line, struct slice login)
{
    buf_append(line, S("OK "));
    buf_append(line, login);
    buf_append(line, S("\r\n"));
}

void wire_put_fail(struct buf *line, enum auth_outcome outcome)
{
    buf_printf(line, "FAIL %s\r\n", wire_outcome_text(outcome));
}

/* --- reading --- */

/* One "key=value" of BEGIN. */
static enum err get_word(struct slice word, struct arena *arena, struct auth_request *request,
                         struct buf *initial)
{
    struct slice value = word;
    struct slice key = slice_split(&value, '=');
    if (!value.data) {
        return ERR_SYNTAX;
    }
    if (slice_eq(key, S("service"))) {
        request->service = arena_cstr(arena, value);
    } else if (slice_eq(key, S("mechanism"))) {
        request->mechanism = arena_copy(arena, value);
    } else if (slice_eq(key, S("peer"))) {
        request->peer_address = arena_cstr(arena, value);
    } else if (slice_eq(key, S("tls"))) {
        request->tls = slice_eq(value, S("1"));
    } else if (slice_eq(key, S("initial"))) {
        enum err err = base64_decode(initial, value);
        if (err) {
            return err;
        }
        request->has_initial = true;
        request->initial = buf_slice(initial);
    }
    return ERR_OK;
}

enum err wire_get_begin(struct slice line, struct arena *arena, struct auth_request *request_r,
                        struct buf *initial)
{
    struct auth_request request = {0};
    if (!slice_eq(slice_split(&line, ' '), S("BEGIN"))) {
        return ERR_SYNTAX;
    }
    while (line.data) {
        enum err err = get_word(slice_split(&line, ' '), arena, &request, initial);
        if (err) {
            return err;
        }
    }
    if (!request.service || !request.peer_address || !request.mechanism.data) {
        return ERR_SYNTAX;
    }
    *request_r = request;
    return ERR_OK;
}

enum err wire_get_step(struct slice line, struct buf *response)
{
    if (!slice_eq(slice_split(&line, ' '), S("STEP"))) {
        return ERR_SYNTAX;
    }
    return base64_decode(response, line);
}

static enum auth_outcome get_reason(struct slice text)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (slice_eq(text, slice_from(reasons[i].text))) {
            return reasons[i].outcome;
        }
    }
    return AUTH_UNAVAILABLE;
}

enum auth_outcome wire_get_answer(struct slice line, struct buf *text)
{
    struct slice verb = slice_split(&line, ' ');
    if (slice_eq(verb, S("CONTINUE"))) {
        return base64_decode(text, line) || !buf_ok(text) ? AUTH_UNAVAILABLE : AUTH_CONTINUE;
    }
    if (slice_eq(verb, S("OK")) && line.len) {
        buf_append(text, line);
        return buf_ok(text) ? AUTH_OK : AUTH_UNAVAILABLE;
    }
    return slice_eq(verb, S("FAIL")) ? get_reason(line) : AUTH_UNAVAILABLE;
}
