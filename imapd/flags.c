/* SPDX-License-Identifier: ISC */
#include "flags.h"

#include "base/mem.h"
#include "respond.h"

/* \Recent is the server's to give (RFC 3501 section 2.3.2); who sends it back with the others means well. */
static bool system_flag(struct slice name, uint32_t *flag_r)
{
    *flag_r = 0;
    for (size_t i = 0; i < SYSTEM_FLAG_COUNT; i++)
        if (slice_eq_nocase(name, system_flag_names[i]))
            *flag_r = 1u << i;
    return *flag_r != 0 || slice_eq_nocase(name, S("\\Recent"));
}

struct keyword_list {
    struct slice *names;
    size_t count, room;
};

static void add_keyword(struct keyword_list *list, struct slice name)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_eq_nocase(list->names[i], name))
            return;
    if (list->count == list->room) {
        list->room = list->room > 0 ? list->room * 2 : 8;
        list->names = mem_realloc_array(list->names, list->room, sizeof(*list->names));
    }
    list->names[list->count++] = name;
}

static bool parse_flags(struct parser *parser, struct flag_list *flags, struct keyword_list *keywords)
{
    struct slice name;
    uint32_t flag;
    do {
        struct slice start = parser->rest;
        if (!parse_flag(parser, &name))
            return false;
        if (name.data[0] != '\\') {
            if (keywords->count == KEYWORDS_MAX || !keyword_is_valid(name))
                return parser_expected(parser, "a shorter list of keywords");
            add_keyword(keywords, name);
        } else if (system_flag(name, &flag)) {
            flags->flags |= flag;
        } else {
            parser->rest = start;
            return parser_expected(parser, "a flag that there is");
        }
    } while (parser_peek(parser) == ' ' && parse_space(parser));
    return true;
}

static bool parse_into(struct parser *parser, bool bare_is_fine, struct flag_list *list_r)
{
    struct keyword_list keywords = {0};
    struct flag_list list = {0};
    bool good;
    if (parse_char(parser, '('))
        good = parse_char(parser, ')') || (parse_flags(parser, &list, &keywords) && parse_char(parser, ')'));
    else
        good =
            bare_is_fine ? parse_flags(parser, &list, &keywords) : parser_expected(parser, "a list of flags");
    list.keyword_count = keywords.count;
    list.keywords = arena_take_array(parser->arena, keywords.names, keywords.count, sizeof(*keywords.names));
    if (good)
        *list_r = list;
    return good;
}

bool parse_flag_list(struct parser *parser, struct flag_list *list_r)
{
    return parse_into(parser, false, list_r);
}

bool parse_flags_or_list(struct parser *parser, struct flag_list *list_r)
{
    return parse_into(parser, true, list_r);
}
