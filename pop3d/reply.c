/* SPDX-License-Identifier: ISC */
/*
 * Answers: "+OK" and "-ERR" with an optional code in brackets (RFC 2449 section 8). Output errors are not
 * looked at here: they stick to the connection, and the session's loop ends on them.
 */
#include "session.h"

void pop3_ok(struct pop3_session *session, enum pop3_text text)
{
    conn_printf(session->conn, "+OK %s\r\n", session->language->texts[text]);
}

void pop3_refuse(struct pop3_session *session, const char *code, enum pop3_text text)
{
    if (code)
        conn_printf(session->conn, "-ERR [%s] %s\r\n", code, session->language->texts[text]);
    else
        conn_printf(session->conn, "-ERR %s\r\n", session->language->texts[text]);
}

void pop3_error(struct pop3_session *session, const char *code, enum pop3_text text)
{
    session->errors++;
    pop3_refuse(session, code, text);
}

void pop3_end_lines(struct pop3_session *session)
{
    conn_write(session->conn, S(".\r\n"));
}
