/* SPDX-License-Identifier: ISC */
#include "reply.h"

struct reply_row {
    int code;
    const char *status;
    bool counts;
    const char *text;
};

static const struct reply_row rows[] = {
#define X(name, code, status, counts, text) {code, status, counts, text},
    REPLY_LIST(X)
#undef X
};

int reply_code(enum reply reply)
{
    return rows[reply].code;
}

const char *reply_status(enum reply reply)
{
    return rows[reply].status;
}

const char *reply_text(enum reply reply)
{
    return rows[reply].text;
}

bool reply_counts(enum reply reply)
{
    return rows[reply].counts;
}

/*
 * RFC 5321 section 4.2:
 *   Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
 * RFC 2034 section 4 puts the enhanced status code at the beginning of the text.
 */
static void send_codes(struct conn *conn, enum reply reply)
{
    const struct reply_row *row = &rows[reply];
    conn_printf(conn, "%d %s%s", row->code, row->status, *row->status ? " " : "");
}

void reply_send(struct conn *conn, enum reply reply)
{
    send_codes(conn, reply);
    conn_printf(conn, "%s\r\n", rows[reply].text);
}

void reply_printf(struct conn *conn, enum reply reply, const char *format, ...)
{
    struct buf text;
    buf_init(&text, 400); /* RFC 5321 section 4.5.3.1.5: a reply line is at most 512 octets */
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    send_codes(conn, reply);
    conn_write(conn, buf_ok(&text) ? buf_slice(&text) : slice_from(rows[reply].text));
    conn_write(conn, S("\r\n"));
    buf_free(&text);
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

void reply_about(struct conn *conn, enum reply reply, struct slice address)
{
    if (address.len == 0 || address.len > 254 || !is_printable(address))
        reply_send(conn, reply);
    else
        reply_printf(conn, reply, "<%.*s>: %s", SLICE_ARG(address), rows[reply].text);
}

void reply_line(struct conn *conn, int code, bool last, const char *format, ...)
{
    struct buf text;
    buf_init(&text, 500);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    conn_printf(conn, "%d%c", code, last ? ' ' : '-');
    conn_write(conn, buf_slice(&text));
    conn_write(conn, S("\r\n"));
    buf_free(&text);
}
