/* SPDX-License-Identifier: ISC */
/*
 * SORT (RFC 5256 section 3, RFC 5267 section 3):
 *
 *     sort            = ["UID" SP] "SORT" [search-return-opts] SP sort-criteria SP search-criteria
 *     search-criteria = charset 1*(SP search-key)
 *     charset         = atom / quoted
 *     sort-data       = "SORT" [1*(SP nz-number) SP search-sort-mod-seq]          RFC 7162
 */
#include "search_context.h"
#include "sort_load.h"

static void write_sort(struct search_command *command, const struct search_result *result)
{
    struct search_writer writer = search_command_writer(command);
    buf_append(&writer.out, S("* SORT"));
    search_write_list(&writer, result);
    if (result->modseq > 0)
        buf_printf(&writer.out, " (MODSEQ %llu)", (unsigned long long)result->modseq);
    buf_append(&writer.out, S("\r\n"));
    search_write_end(&writer);
}

/* Behind the return options. False when it is answered. */
static bool parse_sort(struct search_command *command, struct parser *parser, struct sort_criteria *criteria)
{
    struct slice charset;
    if (!parse_space(parser) || !parse_sort_criteria(parser, criteria) || !parse_space(parser) ||
        !parse_astring(parser, &charset)) {
        imap_bad_syntax(command->session, parser);
        return false;
    }
    command->wanted.sorted = true;
    if (sort_has(criteria, SORT_RELEVANCY))
        command->wants_scores = true;
    return search_command_parse(command, parser, search_charset(charset, &command->charset));
}

void imap_sort(struct imap_session *session, struct parser *parser)
{
    struct search_command command = {.session = session, .limit = SEARCH_REFUSED};
    struct sort_criteria criteria;
    struct search_result result;
    if (!parse_search_return(parser, &command.wanted)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (!parse_sort(&command, parser, &criteria) || !search_command_check(&command) ||
        !search_command_begin(&command) || !search_command_run(&command, &result))
        return;
    enum err err = sort_result(&command.job, &criteria, &result);
    if (err) {
        search_command_fail(&command, err);
        return;
    }
    if (!search_command_save(&command, &result))
        return;
    if (command.wanted.extended)
        search_command_write(&command, &result);
    else
        write_sort(&command, &result);
    search_context_begin(&command, &result, &criteria);
    imap_ok(session, NULL, "sorted");
}
