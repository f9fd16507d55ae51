/* SPDX-License-Identifier: ISC */
/* The table of commands, and the beginning of every command line. */
#include "base/scan.h"

#include "session.h"

static const struct imap_command commands[] = {
    {{"CAPABILITY", 10}, imap_capability},
    {{"NOOP", 4}, imap_noop},
    {{"LOGOUT", 6}, imap_logout},
    {{"STARTTLS", 8}, imap_starttls},
};

const struct imap_command *imap_command_find(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_eq_nocase(name, commands[i].name))
            return &commands[i];
    return NULL;
}

/* RFC 3501 section 9:
 *     tag             = 1*<any ASTRING-CHAR except "+">
 *     ASTRING-CHAR    = ATOM-CHAR / resp-specials
 *     atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials */
static bool is_tag_char(char c)
{
    return (unsigned char)c < 0x80 && !char_is_ctl(c) && !slice_has(S("(){ %*\"\\+"), c);
}

bool imap_parse_command(struct slice line, struct slice *tag_r, struct slice *name_r,
                        struct slice *arguments_r)
{
    struct scan scan = scan_of(line);
    *tag_r = SLICE_EMPTY;
    if (!scan_while(&scan, is_tag_char, tag_r) || !scan_char(&scan, ' '))
        return false;
    *arguments_r = scan.rest;
    *name_r = slice_split(arguments_r, ' ');
    return name_r->len > 0;
}
