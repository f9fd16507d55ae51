/* SPDX-License-Identifier: ISC */
/*
 * SEARCH (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4):
 *
 *     search          = "SEARCH" [search-return-opts] SP search-program
 *     search-program  = ["CHARSET" SP charset SP] search-key *(SP search-key)
 *
 * Without RETURN the answer is `* SEARCH 2 84 882`, also an empty one; a client that enabled IMAP4rev2 gets
 * ESEARCH instead.
 */
#include "message_limit.h"
#include "search_context.h"

/*     mailbox-data    =/ "SEARCH" *(SP nz-number) [SP "(" "MODSEQ" SP mod-sequence-value ")"]    RFC 7162 */
static void write_search(struct search_command *command, const struct search_result *result)
{
    struct search_writer writer = search_command_writer(command);
    buf_append(&writer.out, S("* SEARCH"));
    search_write_list(&writer, result);
    if (result->modseq > 0)
        buf_printf(&writer.out, " (MODSEQ %llu)", (unsigned long long)result->modseq);
    buf_append(&writer.out, S("\r\n"));
    search_write_end(&writer);
}

void imap_search(struct imap_session *session, struct parser *parser)
{
    struct search_command command = {.session = session};
    struct search_result result;
    if (!parse_search_return(parser, &command.wanted)) {
        imap_bad_syntax(session, parser);
        return;
    }
    bool extended = command.wanted.extended || session->enabled & ENABLED_REV2;
    enum err charset = parse_search_charset(parser, &command.charset);
    if (!search_command_parse(&command, parser, charset) || !search_command_check(&command) ||
        !search_command_begin(&command) || !search_command_run(&command, &result) ||
        !search_command_save(&command, &result))
        return;
    if (extended)
        search_command_write(&command, &result);
    else
        write_search(&command, &result);
    search_context_begin(&command, &result, NULL);
    imap_ok(session, NULL, command.wanted.options & RETURN_SAVE ? "searched, and saved" : "searched");
    message_limit_tell(session, command.lowest);
}
