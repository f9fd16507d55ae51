/* SPDX-License-Identifier: ISC */
/* The table of commands: what may be said when. A new command is a row here and a handler. */
#include "commands.h"

#include "session.h"

#define BOTH (POP3_AUTHORIZATION | POP3_TRANSACTION)

static const struct pop3_command commands[] = {
    /* verb       states              arguments           handler */
    {{"USER", 4}, POP3_AUTHORIZATION, ARGUMENTS_REQUIRED, pop3_user},
    {{"PASS", 4}, POP3_AUTHORIZATION, ARGUMENTS_REQUIRED, pop3_pass},
    {{"APOP", 4}, POP3_AUTHORIZATION, ARGUMENTS_OPTIONAL, pop3_apop},
    {{"AUTH", 4}, POP3_AUTHORIZATION, ARGUMENTS_OPTIONAL, pop3_auth},
    {{"CAPA", 4}, BOTH, NO_ARGUMENTS, pop3_capa},
    {{"STLS", 4}, POP3_AUTHORIZATION, NO_ARGUMENTS, pop3_stls},
    {{"UTF8", 4}, POP3_AUTHORIZATION, NO_ARGUMENTS, pop3_utf8},
    {{"LANG", 4}, BOTH, ARGUMENTS_OPTIONAL, pop3_lang},
    {{"STAT", 4}, POP3_TRANSACTION, NO_ARGUMENTS, pop3_stat},
    {{"LIST", 4}, POP3_TRANSACTION, ARGUMENTS_OPTIONAL, pop3_list},
    {{"UIDL", 4}, POP3_TRANSACTION, ARGUMENTS_OPTIONAL, pop3_uidl},
    {{"RETR", 4}, POP3_TRANSACTION, ARGUMENTS_REQUIRED, pop3_retr},
    {{"TOP", 3}, POP3_TRANSACTION, ARGUMENTS_REQUIRED, pop3_top},
    {{"DELE", 4}, POP3_TRANSACTION, ARGUMENTS_REQUIRED, pop3_dele},
    {{"RSET", 4}, POP3_TRANSACTION, NO_ARGUMENTS, pop3_rset},
    /* RFC 1939 has NOOP in TRANSACTION only; clients that keep a connection warm send it before login too. */
    {{"NOOP", 4}, BOTH, NO_ARGUMENTS, pop3_noop},
    {{"QUIT", 4}, BOTH, NO_ARGUMENTS, pop3_quit},
};

static const struct pop3_command *find(struct slice verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq_nocase(verb, commands[i].verb))
            return &commands[i];
    return NULL;
}

/* RFC 2449 section 3:
 *
 *     command = keyword *(SP param) CRLF
 *     keyword = 3*4VCHAR
 *
 * Spaces at the end of the line are forgiven, but in PASS they belong to the password. */
const struct pop3_command *pop3_command_parse(struct slice line, enum pop3_state state,
                                              struct slice *arguments_r, enum pop3_text *refusal_r)
{
    size_t space = slice_find(line, ' ');
    const struct pop3_command *command = find(slice_take(line, space));
    struct slice arguments = slice_skip(line, space + 1);
    if (!command)
        *refusal_r = TEXT_UNKNOWN;
    else if (!(command->states & state))
        *refusal_r = TEXT_NOT_NOW;
    else if ((command->arguments == NO_ARGUMENTS && slice_trim(arguments).len > 0) ||
             (command->arguments == ARGUMENTS_REQUIRED && arguments.len == 0))
        *refusal_r = TEXT_ARGUMENTS;
    else {
        *arguments_r = arguments;
        return command;
    }
    return NULL;
}
