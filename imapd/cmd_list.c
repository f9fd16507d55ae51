/* SPDX-License-Identifier: ISC */
/*
 * LIST (RFC 9051 section 6.3.9, RFC 5258), LSUB (RFC 3501 section 6.3.9), and XLIST, Gmail's LIST with
 * special uses, which old versions of Outlook send:
 *
 *     list                = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
 *     list-select-opts    = "(" [list-select-opt *(SP list-select-opt)] ")"
 *     list-select-opt     = "SUBSCRIBED" / "REMOTE" / "RECURSIVEMATCH" / "SPECIAL-USE"
 *     mbox-or-pat         = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")"
 *     list-return-opts    = "RETURN" SP "(" [return-option *(SP return-option)] ")"
 *     return-option       = "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / "MYRIGHTS" / status-option
 *                           / "METADATA" SP entries                                 RFC 9590
 *     status-option       = "STATUS" SP "(" status-att *(SP status-att) ")"
 *     lsub                = "LSUB" SP mailbox SP list-mailbox
 */
#include "list.h"
#include "status.h"

#define PATTERNS_MAX      100
#define PATTERNS_TEXT_MAX 8192 /* all together: each name of the account is compared with all of it */

struct list_parsing {
    struct parser *parser;
    struct list_request *request;
    struct slice reference;
    struct slice patterns[PATTERNS_MAX];
};

struct option {
    struct slice name;
    unsigned bit;
};

/* The option's bit, or 0. */
static unsigned parse_option(struct parser *parser, const struct option *options, size_t count)
{
    struct parser start = *parser;
    struct slice name;
    if (parse_name(parser, &name))
        for (size_t i = 0; i < count; i++)
            if (slice_eq_nocase(name, options[i].name))
                return options[i].bit;
    parser->rest = start.rest;
    parser_expected(parser, "an option of LIST");
    return 0;
}

static bool parse_select_options(struct list_parsing *parsing)
{
    static const struct option options[] = {
        {{"SUBSCRIBED", 10}, SELECT_SUBSCRIBED},
        {{"REMOTE", 6}, SELECT_REMOTE},
        {{"RECURSIVEMATCH", 14}, SELECT_RECURSIVEMATCH},
        {{"SPECIAL-USE", 11}, SELECT_SPECIAL_USE},
    };
    struct parser *parser = parsing->parser;
    struct list_request *request = parsing->request;
    if (!parse_char(parser, '('))
        return true;
    request->is_extended = true;
    if (!parse_char(parser, ')')) {
        do {
            unsigned option = parse_option(parser, options, ARRAY_LEN(options));
            if (option == 0)
                return false;
            request->select |= option;
        } while (parse_space(parser));
        if (!parse_char(parser, ')'))
            return false;
    }
    /* RFC 9051 section 6.3.9.1: nothing to be recursive about. */
    if (request->select & SELECT_RECURSIVEMATCH &&
        !(request->select & (SELECT_SUBSCRIBED | SELECT_SPECIAL_USE)))
        return parser_expected(parser, "RECURSIVEMATCH together with SUBSCRIBED");
    return parse_space(parser);
}

static bool add_pattern(struct list_parsing *parsing)
{
    struct list_request *request = parsing->request;
    if (request->pattern_count == PATTERNS_MAX)
        return parser_expected(parsing->parser, "at most 100 patterns");
    return parse_list_pattern(parsing->parser, &parsing->patterns[request->pattern_count++]);
}

static bool parse_patterns(struct list_parsing *parsing)
{
    struct parser *parser = parsing->parser;
    if (parsing->request->verb != VERB_LIST || !parse_char(parser, '('))
        return add_pattern(parsing);
    parsing->request->is_extended = true;
    do
        if (!add_pattern(parsing))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')');
}

static bool parse_return_option(struct list_parsing *parsing)
{
    static const struct option options[] = {
        {{"SUBSCRIBED", 10}, RETURN_SUBSCRIBED},   {{"CHILDREN", 8}, RETURN_CHILDREN},
        {{"SPECIAL-USE", 11}, RETURN_SPECIAL_USE}, {{"STATUS", 6}, RETURN_STATUS},
        {{"MYRIGHTS", 8}, RETURN_MYRIGHTS},        {{"METADATA", 8}, RETURN_METADATA},
    };
    struct parser *parser = parsing->parser;
    unsigned option = parse_option(parser, options, ARRAY_LEN(options));
    parsing->request->returns |= option;
    if (option == RETURN_STATUS)
        return parse_space(parser) && parse_status_items(parser, &parsing->request->status_items);
    if (option == RETURN_METADATA)
        return parse_space(parser) && parse_metadata_entries(parser, &parsing->request->metadata);
    return option != 0;
}

static bool parse_return_options(struct list_parsing *parsing)
{
    struct parser *parser = parsing->parser;
    if (parsing->request->verb == VERB_LSUB || !parse_space_word(parser, S("RETURN")))
        return true;
    parsing->request->is_extended = true;
    if (!parse_space(parser) || !parse_char(parser, '('))
        return false;
    if (parse_char(parser, ')'))
        return true;
    do
        if (!parse_return_option(parsing))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')');
}

static bool parse_list(struct list_parsing *parsing)
{
    struct parser *parser = parsing->parser;
    if (!parse_space(parser) || (parsing->request->verb == VERB_LIST && !parse_select_options(parsing)))
        return false;
    return parse_mailbox(parser, &parsing->reference) && parse_space(parser) && parse_patterns(parsing) &&
           parse_return_options(parsing) && parse_end(parser);
}

/* RFC 9051 section 6.3.9: the reference is what the patterns begin with. Empty patterns match nothing. Some
 * clients put a separator at the end. False: too long. */
static bool prepare_patterns(struct list_parsing *parsing, struct arena *arena)
{
    struct list_request *request = parsing->request;
    size_t count = 0, text_size = 0;
    request->patterns = arena_array(arena, struct list_pattern, request->pattern_count);
    for (size_t i = 0; i < request->pattern_count; i++) {
        struct slice pattern = parsing->patterns[i];
        if (pattern.len == 0)
            continue;
        text_size += parsing->reference.len + pattern.len;
        if (text_size > PATTERNS_TEXT_MAX)
            return false;
        if (parsing->reference.len > 0)
            pattern = slice_from(arena_printf(arena, "%s%s", arena_cstr(arena, parsing->reference),
                                              arena_cstr(arena, pattern)));
        if (pattern.len > 1 && pattern.data[pattern.len - 1] == '/')
            pattern.len--;
        request->patterns[count++] = list_pattern_of(arena, mailbox_name_canonical(arena, pattern));
    }
    request->pattern_count = count;
    return true;
}

static void list(struct imap_session *session, struct parser *parser, enum list_verb verb)
{
    static const char *const words[] = {"LIST", "LSUB", "XLIST"};
    struct list_request request = {.verb = verb};
    struct list_parsing *parsing = arena_new(&session->arena, struct list_parsing);
    *parsing = (struct list_parsing){.parser = parser, .request = &request};
    if (!parse_list(parsing)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (request.pattern_count == 1 && parsing->patterns[0].len == 0 && !request.is_extended) {
        imap_untagged(session, "%s (\\Noselect) \"/\" \"\"", words[verb]); /* the separator is asked for */
        imap_ok(session, NULL, "listed");
        return;
    }
    enum err err = ERR_LIMIT;
    if (prepare_patterns(parsing, &session->arena))
        err = imap_list(session, &request);
    if (err)
        imap_no_err(session, err);
    else
        imap_ok(session, NULL, "listed");
}

void imap_list_command(struct imap_session *session, struct parser *parser)
{
    list(session, parser, VERB_LIST);
}

void imap_lsub(struct imap_session *session, struct parser *parser)
{
    list(session, parser, VERB_LSUB);
}

void imap_xlist(struct imap_session *session, struct parser *parser)
{
    list(session, parser, VERB_XLIST);
}
