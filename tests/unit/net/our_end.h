/* SPDX-License-Identifier: ISC */
/* Lines at our end of a connection whose other end a test plays. */
#ifndef TEST_OUR_END_H
#define TEST_OUR_END_H

#include "check.h"
#include "net/conn.h"

enum { LIMIT = 1000 };

static inline void assert_line(struct conn *conn, const char *expected)
{
    struct slice line;
    assert_ok(conn_read_line(conn, LIMIT, &line));
    assert_text(line, expected);
}

static inline void send_text(struct conn *conn, const char *text)
{
    assert_ok(conn_write(conn, slice_from(text)));
    assert_ok(conn_flush(conn));
}

#endif
