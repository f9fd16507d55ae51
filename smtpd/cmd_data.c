/* SPDX-License-Identifier: ISC */
/* DATA: the message, with dots stuffed. */
#include "commands.h"
#include "net/dot.h"
#include "receive.h"
#include "session.h"

/* Reads on until CR LF "." CR LF, whatever was found wrong meanwhile: the client listens only then.
 * ERR_LIMIT: it sends far more than it may. */
static enum err read_message(struct session *session, struct receive *receive)
{
    bool repair = session->conf->listeners[session->service].bare_newline == BARE_NEWLINE_REPAIR;
    struct dot_decoder decoder = {.repair = repair};
    struct slice input, chunk;
    enum dot_result result = DOT_MORE;
    while (result != DOT_END) {
        enum err err = conn_peek(session->conn, &input);
        if (err)
            return err;
        size_t available = input.len;
        while ((result = dot_decode(&decoder, &input, &chunk)) == DOT_CHUNK)
            receive_write(receive, chunk);
        conn_consume(session->conn, available - input.len);
        if (receive_is_flooded(receive))
            return ERR_LIMIT;
    }
    if (decoder.bare_newline && !repair)
        receive_refuse(receive, REPLY_BARE_NEWLINE);
    return ERR_OK;
}

static enum reply check_transaction(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    if (transaction->transfer != TRANSFER_NONE)
        return REPLY_MIXED_BDAT;
    if (transaction->recipient_count > 0)
        return REPLY_NONE;
    /* RFC 5321 section 3.3; RFC 2033 section 4.2 */
    return session->service == SERVICE_LMTP ? REPLY_NO_RCPT : REPLY_NO_RECIPIENTS;
}

/*
 *   data = "DATA" CRLF                                                     RFC 5321 section 4.1.1.4
 *
 * The client waits for 354, so what was gathered is sent with it (RFC 2920 section 3.1: DATA ends a group of
 * commands).
 */
void cmd_data(struct session *session, struct slice arguments)
{
    (void)arguments;
    enum reply refusal = check_transaction(session);
    if (refusal) {
        session_reply(session, refusal);
        return;
    }
    session_reply(session, REPLY_SEND_DATA);
    enum err err = conn_flush(session->conn);
    struct receive *receive = receive_new(session, false);
    if (!err)
        err = read_message(session, receive);
    if (!err)
        receive_finish(receive);
    else if (err == ERR_LIMIT)
        reply_send(session->conn, REPLY_STREAM_TOO_LONG);
    receive_free(receive);
    transaction_reset(&session->transaction);
    if (err)
        session_end(session, err);
}
