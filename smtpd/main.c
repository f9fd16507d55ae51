/* SPDX-License-Identifier: ISC */
/* smtpd: the process. It takes mail in by SMTP, submission and LMTP; what it serves is in session.c and
 * below. */
#include "service/process.h"
#include "session.h"

static void run(struct conn *conn, const struct process_session *arg)
{
    const struct process *process = arg->process;
    const struct smtp_context context = {
        .service = arg->service,
        .conf = process->conf,
        .store = process->store,
        .work = process->work,
        .auth = process->auth,
        .tls = process->tls,
    };
    session_run(conn, &context);
}

#define REFUSAL S("421 4.7.0 too many connections, try again later\r\n")

int main(int argc, char **argv)
{
    const struct process_listener listeners[] = {
        {.service = SERVICE_SMTP, .refusal = REFUSAL, .run = run},
        {.service = SERVICE_SUBMISSION, .refusal = REFUSAL, .run = run},
        {.service = SERVICE_SUBMISSIONS, .implicit_tls = true, .refusal = REFUSAL, .run = run},
        {.service = SERVICE_LMTP, .refusal = REFUSAL, .run = run},
    };
    return process_main("smtpd", listeners, ARRAY_LEN(listeners), argc, argv);
}
