/* SPDX-License-Identifier: ISC */
/*
 * The drop's numbers: STAT, LIST (RFC 1939 section 5), UIDL (section 7). Sizes are exactly the bytes that
 * RETR sends before dot-stuffing.
 *
 *     STAT              +OK nn mm
 *     LIST [msg]        "msg size" each
 *     UIDL [msg]        "msg unique-id" each; 1 to 70 characters 0x21–0x7E, never used again for another
 * message
 */
#include "session.h"

void pop3_stat(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    const struct drop *drop = &session->drop;
    conn_printf(session->conn, "+OK %zu %llu\r\n", drop->count - drop->deleted_count,
                (unsigned long long)(drop->bytes - drop->deleted_bytes));
}

static void write_size(struct conn *conn, const char *before, size_t index, const struct message_row *row)
{
    conn_printf(conn, "%s%zu %llu\r\n", before, index + 1, (unsigned long long)row->size);
}

static void write_unique_id(struct conn *conn, const char *before, size_t index,
                            const struct message_row *row)
{
    conn_printf(conn, "%s%zu %s\r\n", before, index + 1, row->guid);
}

typedef void write_row(struct conn *conn, const char *before, size_t index, const struct message_row *row);

static void list(struct pop3_session *session, struct slice arguments, enum pop3_text title, write_row *write)
{
    const struct drop *drop = &session->drop;
    struct slice number = slice_trim(arguments);
    if (number.len > 0) {
        size_t index;
        bool deleted;
        const struct message_row *row = drop_message(drop, number, &index, &deleted);
        if (row)
            write(session->conn, "+OK ", index, row);
        else
            pop3_error(session, NULL, deleted ? TEXT_MESSAGE_DELETED : TEXT_NO_MESSAGE);
        return;
    }
    pop3_ok(session, title);
    for (size_t i = 0; i < drop->count && !conn_error(session->conn); i++)
        if (!drop->deleted[i])
            write(session->conn, "", i, &drop->rows[i]);
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
