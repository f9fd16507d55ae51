/* SPDX-License-Identifier: ISC */
/* imapd: the process. What it serves is in session.c and below. */
#include "service/process.h"

#include "session.h"

static void run(struct conn *conn, const struct process_session *session)
{
    struct imap_context context = {.conf = session->process->conf, .tls = session->process->tls};
    imap_session_run(conn, &context);
}

#define REFUSAL S("* BYE [LIMIT] too many connections, try again later\r\n")

int main(int argc, char **argv)
{
    const struct process_listener listeners[] = {
        {.service = SERVICE_IMAP, .refusal = REFUSAL, .run = run},
        {.service = SERVICE_IMAPS, .implicit_tls = true, .refusal = REFUSAL, .run = run},
    };
    return process_main("imapd", listeners, ARRAY_LEN(listeners), argc, argv);
}
