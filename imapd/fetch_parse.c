/* SPDX-License-Identifier: ISC */
/*
 * The arguments of FETCH. RFC 9051 section 9 with what RFC 3501 and the extensions add:
 *
 *     fetch           = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
 *                       "(" fetch-att *(SP fetch-att) ")") [SP "(" fetch-modifier *(SP fetch-modifier) ")"]
 *     fetch-att       = "ENVELOPE" / "FLAGS" / "INTERNALDATE" / "RFC822" [".HEADER" / ".SIZE" / ".TEXT"] /
 *                       "BODY" ["STRUCTURE"] / "UID" / "BODY" [".PEEK"] section [partial] /
 *                       "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary /
 *                       "MODSEQ" / "SAVEDATE" / "EMAILID" / "THREADID" / "PREVIEW" [SP "(LAZY)"]
 *     section         = "[" [section-spec] "]"
 *     section-spec    = section-msgtext / (section-part ["." section-text])
 *     section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"
 *     section-text    = section-msgtext / "MIME"
 *     section-part    = nz-number *("." nz-number)
 *     section-binary  = "[" [section-part] "]"
 *     header-list     = "(" header-fld-name *(SP header-fld-name) ")"
 *     partial         = "<" number64 "." nz-number64 ">"
 *
 * Beyond that, as others take it: BINARY with the words of BODY behind or instead of the numbers, which are
 * octets that nothing encodes; and a partial without its length, to the end.
 *
 *     fetch-modifier  = "CHANGEDSINCE" SP mod-sequence-value / "VANISHED" / "PARTIAL" SP partial-range
 */
#include "fetch.h"

#include <stdlib.h>
#include <string.h>

#include "mail/mime.h"

#include "respond.h"

/* The list, in a larger place when it is full. */
static void *room_for_one(struct arena *arena, void *list, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return list;
    *room = *room > 0 ? *room * 2 : 4;
    void *larger = arena_alloc_array(arena, *room, size);
    if (count > 0)
        memcpy(larger, list, count * size);
    return larger;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (char_is_ctl(text.data[i]))
            return true;
    return false;
}

static int compare_names(const void *a, const void *b)
{
    return slice_cmp_nocase(*(const struct slice *)a, *(const struct slice *)b);
}

bool fetch_section_names(const struct fetch_section *section, struct slice field)
{
    return field.len > 0 &&
           bsearch(&field, section->names, section->name_count, sizeof(field), compare_names) != NULL;
}

/* An astring as it may be sent back: an atom stays one. */
static void append_field_name(struct buf *label, struct slice name)
{
    struct arena none = {0};
    struct parser parser = parser_of(&none, name);
    struct slice atom;
    if (parse_atom(&parser, &atom) && atom.len == name.len)
        buf_append(label, name);
    else
        respond_string(label, name, false);
}

static bool parse_header_list(struct parser *parser, struct fetch_section *section, struct buf *label)
{
    size_t room = 0;
    if (!parse_space(parser) || !parse_char(parser, '('))
        return false;
    buf_append(label, S(" ("));
    section->is_cached = section->text == SECTION_FIELDS && section->depth == 0;
    do {
        struct slice name;
        if (section->name_count == FETCH_FIELDS_MAX)
            return parser_expected(parser, "fewer header fields");
        if (!parse_astring(parser, &name) || has_control(name))
            return parser_expected(parser, "the name of a header field");
        if (section->name_count > 0)
            buf_append_char(label, ' ');
        append_field_name(label, name);
        section->is_cached = section->is_cached && mime_keeps_field(name);
        section->names =
            room_for_one(parser->arena, section->names, section->name_count, &room, sizeof(name));
        section->names[section->name_count++] = name;
    } while (parse_space(parser));
    buf_append_char(label, ')');
    qsort(section->names, section->name_count, sizeof(*section->names), compare_names);
    return parse_char(parser, ')');
}

/* "3.1." or "3.1": *more_r when a dot was the last. */
static bool parse_part(struct parser *parser, struct fetch_section *section, struct buf *label, bool *more_r)
{
    uint32_t numbers[SECTION_DEPTH_MAX];
    *more_r = true;
    while (*more_r && char_is_digit(parser_peek(parser))) {
        if (section->depth == SECTION_DEPTH_MAX)
            return parser_expected(parser, "a part not so deep inside");
        if (!parse_nonzero(parser, &numbers[section->depth]))
            return false;
        buf_append_number(label, numbers[section->depth++], 1);
        *more_r = parser_peek(parser) == '.';
        if (*more_r) {
            parse_char(parser, '.');
            buf_append_char(label, '.');
        }
    }
    uint32_t *kept = arena_array(parser->arena, uint32_t, section->depth + 1);
    memcpy(kept, numbers, section->depth * sizeof(*numbers));
    section->numbers = kept;
    return true;
}

static bool parse_section_text(struct parser *parser, struct fetch_section *section, struct buf *label)
{
    static const struct {
        struct slice name;
        enum section_text text;
    } texts[] = {
        {{"HEADER", 6}, SECTION_HEADER},
        {{"HEADER.FIELDS", 13}, SECTION_FIELDS},
        {{"HEADER.FIELDS.NOT", 17}, SECTION_FIELDS_NOT},
        {{"TEXT", 4}, SECTION_TEXT},
        {{"MIME", 4}, SECTION_MIME},
    };
    struct slice name;
    struct parser start = *parser;
    if (!parse_name(parser, &name))
        return parser_expected(parser, "a section");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!slice_eq_nocase(name, texts[i].name) || (texts[i].text == SECTION_MIME && section->depth == 0))
            continue;
        section->text = texts[i].text;
        buf_append(label, texts[i].name);
        bool has_list = section->text == SECTION_FIELDS || section->text == SECTION_FIELDS_NOT;
        return !has_list || parse_header_list(parser, section, label);
    }
    parser->rest = start.rest;
    return parser_expected(parser, "a section");
}

/* Behind the "[". */
static bool parse_section(struct parser *parser, struct fetch_item *item, struct buf *label)
{
    bool more;
    if (!parse_part(parser, &item->section, label, &more))
        return false;
    bool is_empty = item->section.depth == 0 && parser_peek(parser) == ']';
    if (more && !is_empty && !parse_section_text(parser, &item->section, label))
        return false;
    buf_append_char(label, ']');
    return parse_char(parser, ']');
}

static bool parse_partial(struct parser *parser, struct fetch_item *item, struct buf *label)
{
    if (!(item->type->traits & FETCH_PARTIAL) || parser_peek(parser) != '<')
        return true;
    parse_char(parser, '<');
    if (!parse_number64(parser, &item->offset))
        return false;
    item->length = FETCH_PARTIAL_LAST;
    if (parser_peek(parser) == '.' &&
        (!parse_char(parser, '.') || !parse_number64(parser, &item->length) || item->length == 0))
        return parser_expected(parser, "a number other than 0");
    item->is_partial = true;
    buf_append_char(label, '<');
    buf_append_number(label, item->offset, 1);
    buf_append_char(label, '>');
    return parse_char(parser, '>');
}

/* PREVIEW alone may be followed by the modifiers, which are in parentheses too. */
static void parse_lazy(struct parser *parser, struct fetch_item *item)
{
    struct parser ahead = *parser;
    if (!(item->type->traits & FETCH_LAZY) || !parse_space(&ahead) || !parse_char(&ahead, '(') ||
        !parse_word(&ahead, S("LAZY")) || !parse_char(&ahead, ')'))
        return;
    parser->rest = ahead.rest;
    item->is_lazy = true;
}

/* NULL when it is none. */
static const struct fetch_item_type *parse_item_type(struct parser *parser)
{
    struct parser start = *parser;
    struct slice name;
    if (parse_name(parser, &name)) {
        /* The table has "BODY" and "BODY[". */
        if (parser_peek(parser) == '[') {
            parse_char(parser, '[');
            name.len++;
        }
        const struct fetch_item_type *type = fetch_item_find(name);
        if (type)
            return type;
    }
    parser->rest = start.rest;
    parser_expected(parser, "something that can be fetched");
    return NULL;
}

static bool parse_item(struct parser *parser, struct fetch_item *item)
{
    struct buf label;
    const struct fetch_item_type *type = parse_item_type(parser);
    if (!type)
        return false;
    *item = (struct fetch_item){.type = type, .section = {.text = type->text}};
    buf_init(&label, SIZE_MAX / 2);
    buf_append(&label, type->label.len > 0 ? type->label : type->name);
    bool good = !(type->traits & FETCH_SECTION) ||
                (parse_section(parser, item, &label) && parse_partial(parser, item, &label));
    if (good) {
        parse_lazy(parser, item);
        item->label = arena_copy(parser->arena, buf_slice(&label));
    }
    buf_free(&label);
    return good;
}

/* A macro stands for a list (RFC 9051 section 6.4.5). */
static bool parse_macro(struct parser *parser, struct slice *items_r)
{
    static const struct {
        struct slice name;
        const char *items;
    } macros[] = {
        {{"ALL", 3}, "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"},
        {{"FAST", 4}, "FLAGS INTERNALDATE RFC822.SIZE)"},
        {{"FULL", 4}, "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(macros); i++)
        if (parse_word(parser, macros[i].name)) {
            *items_r = slice_from(macros[i].items);
            return true;
        }
    return false;
}

/* Behind the "(" when it is a list: takes the ")" too. */
static bool parse_items(struct parser *parser, bool is_list, struct fetch_request *request)
{
    size_t room = 0;
    do {
        struct fetch_item item;
        if (request->item_count == FETCH_ITEMS_MAX)
            return parser_expected(parser, "fewer items");
        if (!parse_item(parser, &item))
            return false;
        request->items =
            room_for_one(parser->arena, request->items, request->item_count, &room, sizeof(item));
        request->items[request->item_count++] = item;
    } while (is_list && parse_space(parser));
    return !is_list || parse_char(parser, ')');
}

static bool parse_what(struct parser *parser, struct fetch_request *request)
{
    struct slice list;
    if (parse_macro(parser, &list)) {
        struct parser inside = parser_of(parser->arena, list);
        return parse_items(&inside, true, request);
    }
    bool is_list = parser_peek(parser) == '(' && parse_char(parser, '(');
    return parse_items(parser, is_list, request);
}

static bool parse_modifier(struct parser *parser, struct fetch_request *request)
{
    if (!request->has_changed_since && parse_word(parser, S("CHANGEDSINCE"))) {
        request->has_changed_since = true;
        return parse_space(parser) && parse_number64(parser, &request->changed_since);
    }
    if (!request->wants_vanished && parse_word(parser, S("VANISHED"))) {
        request->wants_vanished = true;
        return true;
    }
    if (!request->has_window && parse_word(parser, S("PARTIAL"))) {
        request->has_window = true;
        return parse_space(parser) && parse_partial_range(parser, &request->window);
    }
    return parser_expected(parser, "a modifier of FETCH");
}

static bool parse_modifiers(struct parser *parser, struct fetch_request *request)
{
    if (!parse_space(parser) || parser->rest.len == 0)
        return true;
    if (!parse_char(parser, '('))
        return false;
    do {
        if (!parse_modifier(parser, request))
            return false;
    } while (parse_space(parser));
    return parse_char(parser, ')');
}

bool parse_fetch(struct parser *parser, struct fetch_request *request_r)
{
    *request_r = (struct fetch_request){0};
    return parse_space(parser) && parse_sequence_set(parser, &request_r->set) && parse_space(parser) &&
           parse_what(parser, request_r) && parse_modifiers(parser, request_r) && parse_end(parser);
}
