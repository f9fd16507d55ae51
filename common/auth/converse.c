/* SPDX-License-Identifier: ISC */
/*
 * A SASL exchange over the lines of POP3 (RFC 5034 section 4), IMAP (RFC 9051 section 6.2.2) and SMTP (RFC
 * 4954 section 4):
 *
 *     server-challenge = "+" SP [base64] CRLF / "334" SP [base64] CRLF
 *     client-response  = [base64] CRLF
 *     cancel-response  = "*" CRLF
 */
#include "auth/client.h"
#include "base/encode.h"
#include "base/mem.h"

/* Sends a challenge and reads the answer to it. */
static enum err ask(struct conn *conn, struct slice prompt, struct slice challenge, struct buf *answer)
{
    struct buf line;
    struct slice text;
    buf_init(&line, 2 * AUTH_LINE_LIMIT);
    buf_append(&line, prompt);
    buf_append_char(&line, ' ');
    base64_encode(&line, challenge);
    buf_append(&line, S("\r\n"));
    conn_write(conn, buf_slice(&line));
    buf_free(&line);
    enum err err = conn_flush(conn);
    if (!err)
        err = conn_read_line(conn, AUTH_LINE_LIMIT, &text);
    if (err)
        return err;
    buf_clear(answer);
    return slice_eq(text, S("*")) ? ERR_DENIED : base64_decode(answer, text);
}

static enum err converse(struct auth_client *client, struct conn *conn, const struct auth_request *request,
                         struct buf *answer, struct buf *login_r, enum auth_outcome *outcome_r)
{
    struct auth_exchange *exchange = NULL;
    struct buf challenge;
    struct slice prompt = request->prompt ? slice_from(request->prompt) : S("+");
    enum err err = ERR_OK;
    buf_init(&challenge, AUTH_LINE_LIMIT);
    *outcome_r = auth_begin(client, request, &exchange, &challenge);
    while (*outcome_r == AUTH_CONTINUE && !(err = ask(conn, prompt, buf_slice(&challenge), answer)))
        *outcome_r = auth_step(exchange, buf_slice(answer), &challenge);
    if (!err && *outcome_r == AUTH_OK)
        buf_append(login_r, auth_login(exchange));
    auth_end(exchange);
    buf_free(&challenge);
    return err;
}

enum err auth_converse(struct auth_client *client, struct conn *conn, struct auth_request request,
                       struct slice initial, struct buf *login_r, enum auth_outcome *outcome_r)
{
    struct buf answer;
    buf_init(&answer, AUTH_LINE_LIMIT);
    buf_reserve(&answer, AUTH_LINE_LIMIT); /* so that no copy of a password is left behind by growing */
    enum err err = base64_decode(&answer, initial);
    request.initial = buf_slice(&answer);
    if (!err)
        err = converse(client, conn, &request, &answer, login_r, outcome_r);
    mem_wipe(answer.data, answer.size);
    buf_free(&answer);
    return err;
}
