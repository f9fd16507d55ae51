/* SPDX-License-Identifier: ISC */
/* The short ones: RSET, NOOP, VRFY, EXPN, HELP, QUIT (RFC 5321 sections 4.1.1.5 to 4.1.1.10). */
#include "commands.h"
#include "session.h"

/* rset = "RSET" CRLF */
void cmd_rset(struct session *session, struct slice arguments)
{
    (void)arguments;
    transaction_reset(&session->transaction);
    session_reply(session, REPLY_OK);
}

/* noop = "NOOP" [ SP String ] CRLF. The string is passed over. */
void cmd_noop(struct session *session, struct slice arguments)
{
    (void)arguments;
    session_reply(session, REPLY_OK);
}

/*
 *   vrfy = "VRFY" SP String CRLF
 *
 * Who has a mailbox here is told to nobody who only asks (section 7.3); 252 is the answer for that
 * (section 3.5.3).
 */
void cmd_vrfy(struct session *session, struct slice arguments)
{
    session_reply(session, arguments.len > 0 ? REPLY_CANNOT_VERIFY : REPLY_BAD_ARGUMENT);
}

/* expn = "EXPN" SP String CRLF. The members of a list are theirs to tell; section 3.5.2 lets it be
 * unimplemented. */
void cmd_expn(struct session *session, struct slice arguments)
{
    session_reply(session, arguments.len > 0 ? REPLY_NOT_IMPLEMENTED : REPLY_BAD_ARGUMENT);
}

/* help = "HELP" [ SP String ] CRLF. The commands of this service. */
void cmd_help(struct session *session, struct slice arguments)
{
    (void)arguments;
    for (size_t i = 0; i < command_count; i++)
        if (commands[i].services & 1U << session->service)
            reply_line(session->conn, 214, false, "2.0.0 %s", commands[i].syntax);
    reply_line(session->conn, 214, true, "2.0.0 RFC 5321 tells the rest");
}

/* quit = "QUIT" CRLF */
void cmd_quit(struct session *session, struct slice arguments)
{
    (void)arguments;
    session_reply(session, REPLY_GOODBYE);
    session->closing = true;
}
