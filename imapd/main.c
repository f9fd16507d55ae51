/* SPDX-License-Identifier: ISC */
/* imapd: the process. What it serves is in session.c and below. */
#include "service/process.h"

#include "session.h"

/* Made for the first session, because only a loop that runs can have it; ends with the loop. */
static struct hub *hub;

static struct budget budget = {.user_max = BUDGET_USER_MAX, .process_max = BUDGET_PROCESS_MAX};

#define NO_HUB S("* BYE [UNAVAILABLE] the mail store does not answer, try again later\r\n")

static void run(struct conn *conn, const struct process_session *session)
{
    const struct process *process = session->process;
    if (!hub && !(hub = hub_start(process->loop, process->store))) {
        conn_write(conn, NO_HUB);
        conn_flush(conn);
        return;
    }
    struct imap_context context = {
        .conf = process->conf,
        .work = process->work,
        .store = process->store,
        .auth = process->auth,
        .hub = hub,
        .tls = process->tls,
        .budget = &budget,
        .doze_after = IMAP_DOZE_AFTER_MS,
    };
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
