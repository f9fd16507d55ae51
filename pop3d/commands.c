/* SPDX-License-Identifier: ISC */
/* The table of commands: what may be said when. A new command is a row here and a handler. */
#include "session.h"

#define BOTH (POP3_AUTHORIZATION | POP3_TRANSACTION)

static const struct pop3_command commands[] = {
    /* verb                states              arguments  handler */
    {{"USER", 4}, POP3_AUTHORIZATION, true, pop3_user},
    {{"PASS", 4}, POP3_AUTHORIZATION, true, pop3_pass},
    {{"APOP", 4}, POP3_AUTHORIZATION, true, pop3_apop},
    {{"AUTH", 4}, POP3_AUTHORIZATION, true, pop3_auth},
    {{"CAPA", 4}, BOTH, false, pop3_capa},
    {{"STLS", 4}, POP3_AUTHORIZATION, false, pop3_stls},
    {{"UTF8", 4}, POP3_AUTHORIZATION, false, pop3_utf8},
    {{"LANG", 4}, BOTH, true, pop3_lang},
    {{"STAT", 4}, POP3_TRANSACTION, false, pop3_stat},
    {{"LIST", 4}, POP3_TRANSACTION, true, pop3_list},
    {{"UIDL", 4}, POP3_TRANSACTION, true, pop3_uidl},
    {{"RETR", 4}, POP3_TRANSACTION, true, pop3_retr},
    {{"TOP", 3}, POP3_TRANSACTION, true, pop3_top},
    {{"DELE", 4}, POP3_TRANSACTION, true, pop3_dele},
    {{"RSET", 4}, POP3_TRANSACTION, false, pop3_rset},
    /* RFC 1939 has NOOP in TRANSACTION only; clients that keep a connection warm send it before login too. */
    {{"NOOP", 4}, BOTH, false, pop3_noop},
    {{"QUIT", 4}, BOTH, false, pop3_quit},
};

const struct pop3_command *pop3_command_find(struct slice verb)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq_nocase(verb, commands[i].verb))
            return &commands[i];
    return NULL;
}

/* RFC 2449 section 4: command = keyword *(SP param). Spaces behind the last argument are forgiven. */
void pop3_command_split(struct slice line, struct slice *verb_r, struct slice *arguments_r)
{
    size_t space = slice_find(line, ' ');
    *verb_r = slice_take(line, space);
    *arguments_r = slice_skip(line, space + 1);
}
