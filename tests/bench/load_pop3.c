/* SPDX-License-Identifier: ISC */
/* Logins and downloads by POP3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static bool pop3_reply(struct connection *connection)
{
    char *line = read_line(connection);
    return line && line[0] == '+';
}

static bool pop3_skip_lines(struct connection *connection)
{
    char *line;
    while ((line = read_line(connection)) && strcmp(line, ".") != 0)
        ;
    return line;
}

static bool pop3_log_in(struct connection *connection, const char *user)
{
    return dial(connection) && pop3_reply(connection) && send_text(connection, "USER %s\r\n", user) &&
           pop3_reply(connection) && send_text(connection, "PASS %s\r\n", options.password) &&
           pop3_reply(connection);
}

void *pop3_login_session(void *session)
{
    struct connection *connection = connection_new();
    int number;
    for (int turn = 0; (number = take_number()) >= 0; turn++) {
        char user[256];
        choose_user(user, session, turn);
        double begin = now();
        if (pop3_log_in(connection, user) && send_text(connection, "STAT\r\n") && pop3_reply(connection) &&
            send_text(connection, "QUIT\r\n") && pop3_reply(connection))
            tell_done(number, now() - begin);
        else
            tell_failed(number);
        hang_up(connection);
    }
    connection_free(connection);
    return NULL;
}

void pop3_retr(struct connection *connection)
{
    int messages = 0, asked = 0;
    if (!pop3_log_in(connection, options.user) || !send_text(connection, "STAT\r\n"))
        die("login");
    char *line = read_line(connection);
    if (!line || sscanf(line, "+OK %d", &messages) != 1)
        die("STAT");
    for (int got = 0; got < messages; got++) {
        while (asked < messages && asked - got < options.window)
            if (!send_text(connection, "RETR %d\r\n", ++asked))
                die("RETR");
        if (!pop3_reply(connection) || !pop3_skip_lines(connection))
            die("RETR");
    }
    tell_total(messages);
}

void pop3_list(struct connection *connection)
{
    if (!pop3_log_in(connection, options.user) ||
        !send_text(connection, "STAT\r\nUIDL\r\nLIST\r\nQUIT\r\n") || !pop3_reply(connection) ||
        !pop3_reply(connection) || !pop3_skip_lines(connection) || !pop3_reply(connection) ||
        !pop3_skip_lines(connection) || !pop3_reply(connection))
        die("list");
    tell_total(1);
}
