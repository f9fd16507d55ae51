/* SPDX-License-Identifier: ISC */
#include "commands.h"

#include "base/log.h"
#include "session.h"

enum {
    SMTP = 1 << SERVICE_SMTP | 1 << SERVICE_SUBMISSION | 1 << SERVICE_SUBMISSIONS,
    SUBMISSION = 1 << SERVICE_SUBMISSION | 1 << SERVICE_SUBMISSIONS,
    LMTP = 1 << SERVICE_LMTP,
    ALL = SMTP | LMTP,
    IN_MAIL = COMMAND_NEEDS_HELLO | COMMAND_NEEDS_MAIL
};

/* BDAT has no rules here: whatever is wrong, its chunk must be read first (RFC 3030 section 2). */
const struct command commands[] = {
    {S("EHLO"), SMTP, 0, cmd_ehlo, "EHLO hostname"},
    {S("HELO"), SMTP, 0, cmd_helo, "HELO hostname"},
    {S("LHLO"), LMTP, 0, cmd_lhlo, "LHLO hostname"},
    {S("STARTTLS"), SMTP, COMMAND_NEEDS_HELLO | COMMAND_PLAIN, cmd_starttls, "STARTTLS"},
    {S("AUTH"), SUBMISSION, COMMAND_NEEDS_HELLO | COMMAND_FORBIDS_MAIL, cmd_auth,
     "AUTH mechanism [response]"},
    {S("MAIL"), ALL, COMMAND_NEEDS_HELLO | COMMAND_FORBIDS_MAIL, cmd_mail,
     "MAIL FROM:<address> [SIZE=n] [BODY=7BIT|8BITMIME] [SMTPUTF8] [RET=FULL|HDRS] [ENVID=id] [REQUIRETLS]"},
    {S("RCPT"), ALL, IN_MAIL, cmd_rcpt,
     "RCPT TO:<address> [NOTIFY=NEVER|SUCCESS,FAILURE,DELAY] [ORCPT=type;address]"},
    {S("DATA"), ALL, IN_MAIL | COMMAND_PLAIN, cmd_data, "DATA"},
    {S("BDAT"), ALL, 0, cmd_bdat, "BDAT size [LAST]"},
    {S("RSET"), ALL, COMMAND_PLAIN, cmd_rset, "RSET"},
    {S("NOOP"), ALL, 0, cmd_noop, "NOOP"},
    {S("VRFY"), ALL, 0, cmd_vrfy, "VRFY address"},
    {S("EXPN"), ALL, 0, cmd_expn, "EXPN list"},
    {S("HELP"), ALL, 0, cmd_help, "HELP"},
    {S("QUIT"), ALL, COMMAND_PLAIN, cmd_quit, "QUIT"},
};
const size_t command_count = ARRAY_LEN(commands);

/*
 * RFC 5321 section 4.1.1: verbs in either case, arguments after a space. Trailing blanks are passed over, as
 * it asks for, and so is more than one space between verb and arguments.
 */
const struct command *command_find(struct slice line, struct slice *arguments_r)
{
    size_t end = 0;
    while (end < line.len && !char_is_wsp(line.data[end]))
        end++;
    struct slice verb = slice_take(line, end);
    *arguments_r = slice_trim(slice_skip(line, end));
    for (size_t i = 0; i < command_count; i++)
        if (slice_eq_nocase(commands[i].verb, verb))
            return &commands[i];
    return NULL;
}

/*
 * A browser can be made to send a form to port 25, its body being SMTP commands. Nothing after such a first
 * line is worth reading.
 */
static bool is_http(struct slice line)
{
    static const struct slice methods[] = {S("GET /"),    S("POST /"),    S("PUT /"),    S("HEAD /"),
                                           S("DELETE /"), S("OPTIONS "),  S("CONNECT "), S("TRACE /"),
                                           S("PATCH /"),  S("PRI * HTTP")};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (slice_starts_with_nocase(line, methods[i]))
            return true;
    return slice_starts_with_nocase(line, S("Host:"));
}

static void refuse_unknown(struct session *session, struct slice line)
{
    if (!is_http(line)) {
        session_reply(session, REPLY_UNKNOWN_COMMAND);
        return;
    }
    log_info("session.http", log_cstr("peer", conn_peer_address(session->conn)));
    session_reply(session, REPLY_NOT_HTTP);
    session->closing = true;
}

static enum reply check_rules(const struct session *session, const struct command *command,
                              struct slice arguments)
{
    bool in_mail = session->transaction.open;
    if (!(command->services & 1U << session->service))
        return REPLY_NOT_HERE;
    if (command->rules & COMMAND_NEEDS_HELLO && session->hello == HELLO_NONE)
        return REPLY_NO_HELLO;
    if (command->rules & COMMAND_PLAIN && arguments.len > 0)
        return REPLY_NO_ARGUMENT;
    if (command->rules & COMMAND_NEEDS_MAIL && !in_mail)
        return REPLY_NO_MAIL;
    if (command->rules & COMMAND_FORBIDS_MAIL && in_mail)
        return REPLY_NESTED_MAIL;
    return REPLY_NONE;
}

void command_run(struct session *session, struct slice line)
{
    struct slice arguments;
    const struct command *command = command_find(line, &arguments);
    if (line.len > COMMAND_LINE_LIMIT - 2 && !(command && command->run == cmd_auth)) {
        session_reply(session, REPLY_LINE_TOO_LONG);
    } else if (!command) {
        refuse_unknown(session, line);
    } else {
        enum reply refusal = check_rules(session, command, arguments);
        if (refusal)
            session_reply(session, refusal);
        else
            command->run(session, arguments);
    }
}
