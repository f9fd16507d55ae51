/* SPDX-License-Identifier: ISC */
/* pop3d: the process. What it serves is in session.c and below. */
#include "service/process.h"

#include "session.h"

static void run(struct conn *conn, const struct process_session *session)
{
    const struct process *process = session->process;
    struct pop3_context context = {
        .conf = process->conf,
        .work = process->work,
        .store = process->store,
        .auth = process->auth,
        .tls = process->tls,
    };
    pop3_session_run(conn, &context);
}

#define REFUSAL S("-ERR [SYS/TEMP] too many connections, try again later\r\n")

int main(int argc, char **argv)
{
    const struct process_listener listeners[] = {
        {.service = SERVICE_POP3, .refusal = REFUSAL, .run = run},
        {.service = SERVICE_POP3S, .implicit_tls = true, .refusal = REFUSAL, .run = run},
    };
    return process_main("pop3d", listeners, ARRAY_LEN(listeners), argc, argv);
}
