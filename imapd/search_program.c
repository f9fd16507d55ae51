/* SPDX-License-Identifier: ISC */
#include "search_program.h"

#include "mail/charset.h"

/* UTF-8 needs no conversion, and what is written in ASCII is UTF-8. */
enum err search_charset(struct slice name, struct slice *charset_r)
{
    bool plain = slice_eq_nocase(name, S("UTF-8")) || slice_eq_nocase(name, S("UTF8")) ||
                 slice_eq_nocase(name, S("US-ASCII")) || slice_eq_nocase(name, S("ASCII"));
    if (!plain && !charset_is_known(name))
        return ERR_NOT_FOUND;
    *charset_r = plain ? SLICE_EMPTY : name;
    return ERR_OK;
}

enum err parse_search_charset(struct parser *parser, struct slice *charset_r)
{
    struct slice name;
    *charset_r = SLICE_EMPTY;
    if (!parse_space_word(parser, S("CHARSET")))
        return ERR_OK;
    if (!parse_space(parser) || !parse_astring(parser, &name)) {
        parser_expected(parser, "the name of a charset");
        return ERR_SYNTAX;
    }
    return search_charset(name, charset_r);
}

static void copy_set(struct sequence_set *set, struct arena *arena)
{
    struct sequence_range *ranges = arena_array(arena, struct sequence_range, set->count);
    for (size_t i = 0; i < set->count; i++)
        ranges[i] = set->ranges[i];
    set->ranges = ranges;
}

static void copy_uids(struct uid_set *uids, struct arena *arena)
{
    struct uid_range *ranges = arena_array(arena, struct uid_range, uids->count);
    for (size_t i = 0; i < uids->count; i++)
        ranges[i] = uids->ranges[i];
    uids->ranges = ranges;
}

void search_program_copy(const struct search_program *program, struct arena *arena,
                         struct search_program *copy_r)
{
    *copy_r = *program;
    copy_r->nodes = arena_array(arena, struct search_node, program->count);
    for (size_t i = 0; i < program->count; i++) {
        struct search_node *node = &copy_r->nodes[i];
        *node = program->nodes[i];
        copy_uids(&node->uids, arena);
        if (node->key == KEY_NUMBERS || node->key == KEY_UIDS) {
            copy_set(&node->set, arena);
        } else if (node->key == KEY_KEYWORD) {
            node->keyword = arena_copy(arena, node->keyword);
        } else if (node->key == KEY_TEXT) {
            node->text.header = arena_copy(arena, node->text.header);
            node->text.text = arena_copy(arena, node->text.text);
        }
    }
}
