/* SPDX-License-Identifier: ISC */
/* BDAT: the message in counted chunks (RFC 3030). */
#include "arguments.h"
#include "base/scan.h"
#include "commands.h"
#include "receive.h"
#include "session.h"

/*
 *   bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF              RFC 3030 section 2
 *   chunk-size ::= 1*DIGIT          end-marker ::= "LAST"
 */
enum reply bdat_arguments_parse(struct slice arguments, struct bdat_arguments *out)
{
    struct scan scan = scan_of(arguments);
    *out = (struct bdat_arguments){0};
    if (!scan_number(&scan, UINT64_MAX, &out->size))
        return REPLY_BAD_ARGUMENT;
    if (scan_wsp(&scan))
        out->last = scan_word(&scan, S("LAST"));
    return scan_at_end(&scan) ? REPLY_NONE : REPLY_BAD_ARGUMENT;
}

/* Takes the chunk off the connection in any case; `receive` NULL: it is thrown away. */
static enum err read_chunk(struct session *session, uint64_t size, struct receive *receive)
{
    while (size > 0) {
        struct slice input;
        enum err err = conn_has_input(session->conn) ? ERR_OK : conn_flush(session->conn);
        if (!err)
            err = conn_peek(session->conn, &input);
        if (err)
            return err;
        struct slice part = slice_take(input, (size_t)MIN_OF(size, (uint64_t)input.len));
        if (receive)
            receive_write(receive, part);
        conn_consume(session->conn, part.len);
        size -= part.len;
    }
    return ERR_OK;
}

static enum reply check_transaction(const struct session *session)
{
    const struct transaction *transaction = &session->transaction;
    if (session->hello == HELLO_NONE)
        return REPLY_NO_HELLO;
    if (!transaction->open)
        return REPLY_NO_MAIL;
    if (transaction->transfer == TRANSFER_FAILED)
        return REPLY_BDAT_FAILED;
    if (transaction->recipient_count > 0)
        return REPLY_NONE;
    return session->service == SERVICE_LMTP ? REPLY_NO_RCPT : REPLY_NO_RECIPIENTS;
}

/* The chunk is not for us; the transaction, if there is one, can only be reset now. */
static void refuse(struct session *session, enum reply refusal, bool last)
{
    struct transaction *transaction = &session->transaction;
    receive_free(transaction->receive);
    transaction->receive = NULL;
    transaction->transfer = TRANSFER_FAILED;
    if (session->service != SERVICE_LMTP || !last || !transaction->open) {
        session_reply(session, refusal);
        return;
    }
    /* RFC 2033 section 4.3: the last chunk gets one reply for each recipient, and none when there is none. */
    for (size_t i = 0; i < transaction->recipient_count; i++)
        reply_about(session->conn, refusal, transaction->recipients[i].address);
}

/* More than would be read away from a client that only wants to know. */
static bool is_absurd(const struct session *session, uint64_t size)
{
    return size / 2 > (uint64_t)session->conf->message_size_limit;
}

static void take_chunk(struct session *session, const struct bdat_arguments *bdat)
{
    struct transaction *transaction = &session->transaction;
    if (!transaction->receive)
        transaction->receive = receive_new(session, true);
    transaction->transfer = TRANSFER_CHUNKS;
    struct receive *receive = transaction->receive;
    enum err err = read_chunk(session, bdat->size, receive);
    if (err) {
        session_end(session, err);
    } else if (bdat->last) {
        receive_finish(receive);
        transaction_reset(transaction);
    } else if (receive_refusal(receive)) {
        refuse(session, receive_refusal(receive), false);
    } else {
        session_reply(session, REPLY_CHUNK_OK);
    }
}

/*
 * A refused chunk is read away before the answer (RFC 3030 section 2), a pipelining client has sent it
 * already. When its size cannot be read, what follows may be text of the message, which must never be taken
 * for commands: the session ends.
 */
void cmd_bdat(struct session *session, struct slice arguments)
{
    struct bdat_arguments bdat;
    enum reply refusal = bdat_arguments_parse(arguments, &bdat);
    if (refusal) {
        session_reply(session, refusal);
        session->closing = true;
        return;
    }
    refusal = check_transaction(session);
    if (is_absurd(session, bdat.size)) {
        session_reply(session, refusal ? refusal : REPLY_TOO_BIG);
        session->closing = true;
        return;
    }
    if (!refusal) {
        take_chunk(session, &bdat);
        return;
    }
    enum err err = read_chunk(session, bdat.size, NULL);
    if (err)
        session_end(session, err);
    else
        refuse(session, refusal, bdat.last);
}
