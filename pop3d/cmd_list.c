/* SPDX-License-Identifier: ISC */
/*
 * The drop's numbers: STAT, LIST (RFC 1939 section 5), UIDL (section 7). Sizes are exactly the bytes that
 * RETR sends before dot-stuffing.
 *
 *     STAT              +OK nn mm
 *     LIST [msg]        "msg size" each
 *     UIDL [msg]        "msg unique-id" each
 *
 * A unique-id has "one to 70 characters in the range 0x21 to 0x7E" and is never used again for another
 * message; ours is the message's GUID, which also its file name carries.
 */
#include "session.h"

void pop3_stat(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    const struct drop *drop = &session->drop;
    conn_printf(session->conn, "+OK %zu %llu\r\n", drop->count - drop->deleted_count,
                (unsigned long long)(drop->bytes - drop->deleted_bytes));
}

bool pop3_find_message(struct pop3_session *session, uint64_t number, size_t *index_r)
{
    enum err err = drop_find(&session->drop, number, index_r);
    if (err)
        pop3_refuse(session, NULL, err == ERR_CONFLICT ? TEXT_MESSAGE_DELETED : TEXT_NO_MESSAGE);
    return !err;
}

bool pop3_find_message_argument(struct pop3_session *session, struct slice arguments, size_t *index_r)
{
    uint64_t number;
    if (!message_argument_parse(arguments, &number))
        return pop3_find_message(session, number, index_r);
    pop3_error(session, NULL, TEXT_ARGUMENTS);
    return false;
}

typedef enum err write_row(struct conn *conn, const char *before, size_t index,
                           const struct message_row *row);

static enum err write_size(struct conn *conn, const char *before, size_t index, const struct message_row *row)
{
    return conn_printf(conn, "%s%zu %llu\r\n", before, index + 1, (unsigned long long)row->size);
}

static enum err write_unique_id(struct conn *conn, const char *before, size_t index,
                                const struct message_row *row)
{
    return conn_printf(conn, "%s%zu %s\r\n", before, index + 1, row->guid);
}

static void list(struct pop3_session *session, struct slice arguments, enum pop3_text title, write_row *write)
{
    const struct drop *drop = &session->drop;
    size_t index;
    if (slice_trim(arguments).len > 0) {
        if (pop3_find_message_argument(session, arguments, &index))
            write(session->conn, "+OK ", index, &drop->rows[index]);
        return;
    }
    pop3_ok(session, title);
    for (size_t i = 0; i < drop->count; i++) {
        enum err err = drop->deleted[i] ? ERR_OK : write(session->conn, "", i, &drop->rows[i]);
        if (err) { /* half a list must not get an end that makes it look whole */
            session->ended = err_text(err);
            return;
        }
    }
    pop3_end_lines(session);
}

void pop3_list(struct pop3_session *session, struct slice arguments)
{
    list(session, arguments, TEXT_SCAN_LISTING, write_size);
}

void pop3_uidl(struct pop3_session *session, struct slice arguments)
{
    list(session, arguments, TEXT_UNIQUE_IDS, write_unique_id);
}
