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
 * message; ours is the message's GUID, which also its file name carries. Copies that IMAP makes within INBOX
 * share the GUID (RFC 8474 section 5.1), and RFC 1939 lets identical messages share the unique-id; but some
 * clients cannot tell them apart then, so all but the first have their UID behind it.
 */
#include <string.h>

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

/* A line is put together from its end, without printf: a maildrop may have 100,000 of them. */
struct line {
    char *start;
    char text[128];
};

static struct slice line_slice(const struct line *line)
{
    return slice_of(line->start, (size_t)(line->text + sizeof line->text - line->start));
}

static void prepend(struct line *line, struct slice text)
{
    line->start -= text.len;
    memcpy(line->start, text.data, text.len);
}

static void prepend_number(struct line *line, uint64_t number)
{
    do
        *--line->start = (char)('0' + number % 10);
    while (number /= 10);
}

typedef void prepend_value(struct line *line, const struct drop *drop, size_t index);

static void prepend_size(struct line *line, const struct drop *drop, size_t index)
{
    prepend_number(line, drop->rows[index].size);
}

static void prepend_unique_id(struct line *line, const struct drop *drop, size_t index)
{
    if (drop->twin && drop->twin[index]) {
        prepend_number(line, drop->rows[index].uid);
        prepend(line, S("-"));
    }
    prepend(line, slice_from(drop->rows[index].guid));
}

/* "+OK 2 200" or "2 200" */
static enum err write_row(struct pop3_session *session, struct slice status, size_t index,
                          prepend_value *value)
{
    struct line line;
    line.start = line.text + sizeof line.text;
    prepend(&line, S("\r\n"));
    value(&line, &session->drop, index);
    prepend(&line, S(" "));
    prepend_number(&line, index + 1);
    prepend(&line, status);
    return conn_write(session->conn, line_slice(&line));
}

static void list(struct pop3_session *session, struct slice arguments, enum pop3_text title,
                 prepend_value *value)
{
    const struct drop *drop = &session->drop;
    size_t index;
    if (slice_trim(arguments).len > 0) {
        if (pop3_find_message_argument(session, arguments, &index))
            write_row(session, S("+OK "), index, value);
        return;
    }
    pop3_ok(session, title);
    for (size_t i = 0; i < drop->count; i++) {
        enum err err = drop->deleted[i] ? ERR_OK : write_row(session, SLICE_EMPTY, i, value);
        if (err) { /* half a list must not get an end that makes it look whole */
            session->ended = err_text(err);
            return;
        }
    }
    pop3_end_lines(session);
}

void pop3_list(struct pop3_session *session, struct slice arguments)
{
    list(session, arguments, TEXT_SCAN_LISTING, prepend_size);
}

void pop3_uidl(struct pop3_session *session, struct slice arguments)
{
    list(session, arguments, TEXT_UNIQUE_IDS, prepend_unique_id);
}
