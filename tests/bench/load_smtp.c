/* SPDX-License-Identifier: ISC */
/* Deliveries by SMTP. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define MESSAGES_PER_CONNECTION 100

static bool smtp_reply(struct connection *connection, char expected)
{
    char *line;
    do
        line = read_line(connection);
    while (line && strlen(line) > 3 && line[3] == '-');
    return line && line[0] == expected;
}

static bool smtp_message(struct connection *connection, int number, const char *message, size_t length)
{
    char recipient[256];
    snprintf(recipient, sizeof recipient, options.recipient, number % options.users);
    return send_text(connection, "MAIL FROM:<sender@client.test>\r\nRCPT TO:<%s>\r\nDATA\r\n", recipient) &&
           smtp_reply(connection, '2') && smtp_reply(connection, '2') && smtp_reply(connection, '3') &&
           send_bytes(connection, message, length) && smtp_reply(connection, '2');
}

void *smtp_session(void *session)
{
    (void)session;
    struct connection *connection = connection_new();
    size_t length;
    char *message = make_message((size_t)options.size, &length);
    length += (size_t)sprintf(message + length, ".\r\n");
    int sent = 0, number;
    while ((number = take_number()) >= 0) {
        double begin = now();
        bool good = true;
        if (sent++ % MESSAGES_PER_CONNECTION == 0) {
            hang_up(connection);
            good = dial(connection) && smtp_reply(connection, '2') &&
                   send_text(connection, "EHLO client.test\r\n") && smtp_reply(connection, '2');
        }
        if (good && smtp_message(connection, number, message, length)) {
            tell_done(number, now() - begin);
        } else {
            tell_failed(number);
            sent = 0;
        }
    }
    if (connection->fd >= 0 && send_text(connection, "QUIT\r\n"))
        smtp_reply(connection, '2');
    free(message);
    connection_free(connection);
    return NULL;
}
