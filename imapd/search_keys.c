/* SPDX-License-Identifier: ISC */
/*
 * The search keys one by one (RFC 9051 section 9, RFC 3501 section 9):
 *
 *     search-key      = "ALL" / "ANSWERED" / "BCC" SP astring / "BEFORE" SP date / "BODY" SP astring /
 *                       "CC" SP astring / "DELETED" / "DRAFT" / "FLAGGED" / "FROM" SP astring /
 *                       "HEADER" SP header-fld-name SP astring / "KEYWORD" SP flag-keyword /
 *                       "LARGER" SP number64 / "ON" SP date / "SEEN" / "SENTBEFORE" SP date /
 *                       "SENTON" SP date / "SENTSINCE" SP date / "SINCE" SP date / "SMALLER" SP number64 /
 *                       "SUBJECT" SP astring / "TEXT" SP astring / "TO" SP astring /
 *                       "UID" SP sequence-set / "UNANSWERED" / "UNDELETED" / "UNDRAFT" / "UNFLAGGED" /
 *                       "UNKEYWORD" SP flag-keyword / "UNSEEN" / sequence-set
 *     search-key      =/ "NEW" / "OLD" / "RECENT"                                         RFC 3501
 *     search-key      =/ ("OLDER" / "YOUNGER") SP nz-number                               RFC 5032
 *     search-key      =/ "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer  RFC 7162
 *     search-key      =/ "EMAILID" SP objectid / "THREADID" SP objectid                   RFC 8474
 *     search-key      =/ "SAVEDBEFORE" SP date / "SAVEDON" SP date / "SAVEDSINCE" SP date /
 *                        "SAVEDATESUPPORTED"                                              RFC 8514
 */
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mail/charset.h"

#include "search_program.h"

enum argument {
    ARGUMENT_NONE,
    ARGUMENT_TEXT,   /* searched for in `header`, or where `where` says */
    ARGUMENT_HEADER, /* a field name and a text */
    ARGUMENT_BEFORE, /* a date */
    ARGUMENT_ON,
    ARGUMENT_SINCE,
    ARGUMENT_NUMBER,
    ARGUMENT_NONZERO,
    ARGUMENT_KEYWORD,
    ARGUMENT_SET,
    ARGUMENT_BELOW_UID, /* a set of those below it, or above it */
    ARGUMENT_ABOVE_UID,
    ARGUMENT_MODSEQ,
    ARGUMENT_OBJECT
};

struct key_row {
    struct slice name;
    enum search_key key;
    enum argument argument;
    unsigned mask; /* KEY_FLAGS; KEY_TEXT: where (enum search_where) */
    bool negated;  /* the key means that it does not hold */
    const char *header;
};

#define FLAG(name, flag)                                                        \
    {                                                                           \
        {#name, sizeof(#name) - 1}, KEY_FLAGS, ARGUMENT_NONE, flag, false, NULL \
    }
#define NOFLAG(name, flag)                                                     \
    {                                                                          \
        {#name, sizeof(#name) - 1}, KEY_FLAGS, ARGUMENT_NONE, flag, true, NULL \
    }
#define FIELD(name)                                                                      \
    {                                                                                    \
        {#name, sizeof(#name) - 1}, KEY_TEXT, ARGUMENT_TEXT, SEARCH_HEADER, false, #name \
    }
#define OTHER(name, key, argument)                                \
    {                                                             \
        {#name, sizeof(#name) - 1}, key, argument, 0, false, NULL \
    }

static const struct key_row rows[] = {
    OTHER(ALL, KEY_ALL, ARGUMENT_NONE),
    FLAG(ANSWERED, MESSAGE_ANSWERED),
    FLAG(DELETED, MESSAGE_DELETED),
    FLAG(DRAFT, MESSAGE_DRAFT),
    FLAG(FLAGGED, MESSAGE_FLAGGED),
    FLAG(SEEN, MESSAGE_SEEN),
    NOFLAG(UNANSWERED, MESSAGE_ANSWERED),
    NOFLAG(UNDELETED, MESSAGE_DELETED),
    NOFLAG(UNDRAFT, MESSAGE_DRAFT),
    NOFLAG(UNFLAGGED, MESSAGE_FLAGGED),
    NOFLAG(UNSEEN, MESSAGE_SEEN),
    OTHER(RECENT, KEY_RECENT, ARGUMENT_NONE),
    {{"OLD", 3}, KEY_RECENT, ARGUMENT_NONE, 0, true, NULL},
    OTHER(KEYWORD, KEY_KEYWORD, ARGUMENT_KEYWORD),
    {{"UNKEYWORD", 9}, KEY_KEYWORD, ARGUMENT_KEYWORD, 0, true, NULL},
    FIELD(BCC),
    FIELD(CC),
    FIELD(FROM),
    FIELD(SUBJECT),
    FIELD(TO),
    {{"HEADER", 6}, KEY_TEXT, ARGUMENT_HEADER, SEARCH_HEADER, false, NULL},
    {{"BODY", 4}, KEY_TEXT, ARGUMENT_TEXT, SEARCH_BODY, false, NULL},
    {{"TEXT", 4}, KEY_TEXT, ARGUMENT_TEXT, SEARCH_TEXT, false, NULL},
    OTHER(BEFORE, KEY_ARRIVED, ARGUMENT_BEFORE),
    OTHER(ON, KEY_ARRIVED, ARGUMENT_ON),
    OTHER(SINCE, KEY_ARRIVED, ARGUMENT_SINCE),
    OTHER(SENTBEFORE, KEY_SENT, ARGUMENT_BEFORE),
    OTHER(SENTON, KEY_SENT, ARGUMENT_ON),
    OTHER(SENTSINCE, KEY_SENT, ARGUMENT_SINCE),
    OTHER(SAVEDBEFORE, KEY_SAVED, ARGUMENT_BEFORE),
    OTHER(SAVEDON, KEY_SAVED, ARGUMENT_ON),
    OTHER(SAVEDSINCE, KEY_SAVED, ARGUMENT_SINCE),
    OTHER(SAVEDATESUPPORTED, KEY_ALL, ARGUMENT_NONE), /* every message has one here */
    OTHER(LARGER, KEY_LARGER, ARGUMENT_NUMBER),
    OTHER(SMALLER, KEY_SMALLER, ARGUMENT_NUMBER),
    OTHER(OLDER, KEY_OLDER_SECONDS, ARGUMENT_NONZERO),
    OTHER(YOUNGER, KEY_YOUNGER_SECONDS, ARGUMENT_NONZERO),
    OTHER(UID, KEY_UIDS, ARGUMENT_SET),
    OTHER(UIDAFTER, KEY_UIDS, ARGUMENT_ABOVE_UID),
    OTHER(UIDBEFORE, KEY_UIDS, ARGUMENT_BELOW_UID),
    OTHER(MODSEQ, KEY_MODSEQ, ARGUMENT_MODSEQ),
    OTHER(EMAILID, KEY_EMAILID, ARGUMENT_OBJECT),
    OTHER(THREADID, KEY_THREADID, ARGUMENT_OBJECT),
};

uint32_t search_add_node(struct search_builder *builder, struct search_node node)
{
    struct search_program *program = &builder->program;
    if (program->count == builder->room) {
        builder->room = builder->room > 0 ? builder->room * 2 : 16;
        program->nodes = mem_realloc_array(program->nodes, builder->room, sizeof(*program->nodes));
    }
    uint32_t index = (uint32_t)program->count++;
    node.fuzzy = builder->fuzzy;
    program->has_fuzzy |= builder->fuzzy;
    builder->texts += node.key == KEY_TEXT;
    program->nodes[index] = node;
    if (index > 0) {
        struct search_node *parent = &program->nodes[builder->open];
        *(parent->child == 0 ? &parent->child : &program->nodes[parent->last_child].next) = index;
        parent->last_child = index;
    }
    return index;
}

/* The child of a new NOT. */
static void add_negated(struct search_builder *builder, struct search_node node)
{
    uint32_t above = builder->open;
    builder->open = search_add_node(builder, (struct search_node){.key = KEY_NOT});
    search_add_node(builder, node);
    builder->open = above;
}

/* Strings come in the command's charset; without one as UTF-8, and what is none as charset.h guesses it. */
static struct slice to_utf8(struct search_builder *builder, struct slice text)
{
    struct slice charset = builder->source->charset;
    if (charset.len == 0 && utf8_is_valid(text))
        return text;
    struct charset_cache *cache = charset_cache_new();
    struct buf converted;
    buf_init(&converted, text.len * CHARSET_GROWTH + 64);
    charset_text(cache, &converted, charset, text);
    text = arena_copy(builder->parser->arena, buf_slice(&converted));
    buf_free(&converted);
    charset_cache_free(cache);
    return text;
}

/* RFC 6203 section 3 leaves to us what is near enough: here all words must be there, in any order. */
static void add_words(struct search_builder *builder, struct search_node node)
{
    struct slice rest = node.text.text;
    uint32_t above = builder->open;
    builder->open = search_add_node(builder, (struct search_node){.key = KEY_AND});
    while (rest.data && builder->program.count <= SEARCH_KEYS_MAX) {
        node.text.text = slice_split(&rest, ' ');
        if (node.text.text.len > 0)
            search_add_node(builder, node);
    }
    if (builder->program.nodes[builder->open].child == 0)
        search_add_node(builder, node);
    builder->open = above;
}

static bool parse_text(struct search_builder *builder, struct search_node *node)
{
    struct slice text;
    if (!parse_space(builder->parser) || !parse_astring(builder->parser, &text))
        return false;
    node->text.text = to_utf8(builder, text);
    return true;
}

/* A date and how it is meant. */
static bool parse_days(struct parser *parser, enum argument argument, struct day_range *days_r)
{
    int64_t day;
    if (!parse_space(parser) || !parse_date(parser, &day))
        return false;
    *days_r = (struct day_range){argument == ARGUMENT_BEFORE ? INT64_MIN : day,
                                 argument == ARGUMENT_BEFORE ? day
                                 : argument == ARGUMENT_ON   ? day + 1
                                                             : INT64_MAX};
    return true;
}

/* MODSEQ: entries have no counters of their own here, so their names make no difference (RFC 7162 section
 * 3.1.5). */
static bool parse_modseq(struct parser *parser, uint64_t *modseq_r)
{
    struct slice entry;
    if (!parse_space(parser))
        return false;
    if (parser_peek(parser) == '"' && (!parse_string(parser, &entry) || !parse_space(parser) ||
                                       (!parse_word(parser, S("all")) && !parse_word(parser, S("priv")) &&
                                        !parse_word(parser, S("shared"))) ||
                                       !parse_space(parser)))
        return parser_expected(parser, "the name of an entry, and priv, shared or all");
    return parse_number64(parser, modseq_r);
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-"). Ours are a letter and 32 hexadecimal digits; others, well
 * formed, name nothing. */
static bool parse_object(struct search_builder *builder, struct search_node *node)
{
    struct slice object;
    struct buf id;
    if (!parse_space(builder->parser) || !parse_astring(builder->parser, &object))
        return parser_expected(builder->parser, "an object identifier");
    char letter = node->key == KEY_EMAILID ? 'M' : 'T';
    buf_init(&id, sizeof(node->id));
    bool ours = object.len == 33 && object.data[0] == letter && !hex_decode(&id, slice_skip(object, 1)) &&
                id.len == sizeof(node->id);
    if (ours)
        memcpy(node->id, id.data, id.len);
    else
        *node = (struct search_node){.key = KEY_UIDS}; /* of an empty set */
    buf_free(&id);
    return true;
}

/* RFC 9738 section 3.2: UIDAFTER <uniqueid>, UIDBEFORE <uniqueid>. */
static bool parse_uid_border(struct parser *parser, enum argument argument, struct sequence_set *set_r)
{
    uint32_t uid;
    if (!parse_space(parser) || !parse_nonzero(parser, &uid))
        return false;
    struct sequence_range *range = arena_new(parser->arena, struct sequence_range);
    *range = argument == ARGUMENT_ABOVE_UID ? (struct sequence_range){uid + 1, UINT32_MAX}
                                            : (struct sequence_range){1, uid - 1};
    bool is_empty = uid == (argument == ARGUMENT_ABOVE_UID ? UINT32_MAX : 1);
    *set_r = (struct sequence_set){.ranges = range, .count = is_empty ? 0 : 1};
    return true;
}

static bool parse_argument(struct search_builder *builder, const struct key_row *row,
                           struct search_node *node)
{
    struct parser *parser = builder->parser;
    switch (row->argument) {
    case ARGUMENT_NONE:
        return true;
    case ARGUMENT_HEADER:
        return parse_space(parser) && parse_astring(parser, &node->text.header) && parse_text(builder, node);
    case ARGUMENT_TEXT:
        return parse_text(builder, node);
    case ARGUMENT_BEFORE:
    case ARGUMENT_ON:
    case ARGUMENT_SINCE:
        return parse_days(parser, row->argument, &node->days);
    case ARGUMENT_NUMBER:
    case ARGUMENT_NONZERO:
        return parse_space(parser) && parse_number64(parser, &node->number) &&
               (node->number > 0 || row->argument == ARGUMENT_NUMBER ||
                parser_expected(parser, "a number other than 0"));
    case ARGUMENT_KEYWORD:
        return parse_space(parser) && parse_astring(parser, &node->keyword);
    case ARGUMENT_SET:
        return parse_space(parser) && parse_sequence_set(parser, &node->set);
    case ARGUMENT_ABOVE_UID:
    case ARGUMENT_BELOW_UID:
        return parse_uid_border(parser, row->argument, &node->set);
    case ARGUMENT_MODSEQ:
        builder->program.has_modseq = true;
        return parse_modseq(parser, &node->number);
    case ARGUMENT_OBJECT:
        return parse_object(builder, node);
    }
    return false;
}

static struct search_node node_of(const struct key_row *row)
{
    struct search_node node = {.key = row->key};
    if (row->key == KEY_FLAGS) {
        node.flags.mask = row->mask;
        node.flags.value = row->negated ? 0 : row->mask;
    } else if (row->key == KEY_TEXT) {
        node.text.where = (enum search_where)row->mask;
        node.text.header = slice_from(row->header);
    }
    return node;
}

/* NEW: "functionally equivalent to (RECENT UNSEEN)" (RFC 3501 section 6.4.4). */
static void add_new(struct search_builder *builder)
{
    uint32_t above = builder->open;
    builder->open = search_add_node(builder, (struct search_node){.key = KEY_AND});
    search_add_node(builder, (struct search_node){.key = KEY_RECENT});
    search_add_node(builder, (struct search_node){.key = KEY_FLAGS, .flags.mask = MESSAGE_SEEN});
    builder->open = above;
}

static bool parse_numbers(struct search_builder *builder)
{
    struct search_node node = {.key = KEY_NUMBERS};
    if (!parse_sequence_set(builder->parser, &node.set))
        return false;
    builder->program.has_numbers |= !node.set.saved;
    search_add_node(builder, node);
    return true;
}

bool parse_search_leaf(struct search_builder *builder)
{
    struct parser *parser = builder->parser;
    struct slice start = parser->rest, name;
    char c = parser_peek(parser);
    if (char_is_digit(c) || c == '*' || c == '$')
        return parse_numbers(builder);
    if (!parse_name(parser, &name))
        return parser_expected(parser, "a search key");
    if (slice_eq_nocase(name, S("NEW"))) {
        add_new(builder);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!slice_eq_nocase(name, rows[i].name))
            continue;
        struct search_node node = node_of(&rows[i]);
        if (!parse_argument(builder, &rows[i], &node))
            return false;
        if (rows[i].negated && node.key != KEY_FLAGS)
            add_negated(builder, node);
        else if (node.key == KEY_TEXT && builder->fuzzy)
            add_words(builder, node);
        else
            search_add_node(builder, node);
        return true;
    }
    parser->rest = start;
    return parser_expected(parser, "a search key");
}
