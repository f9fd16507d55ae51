/* SPDX-License-Identifier: ISC */
/*
 * How search keys are put together (RFC 9051 section 9):
 *
 *     search-program  = ["CHARSET" SP charset SP] search-key *(SP search-key)
 *     search-key      =/ "NOT" SP search-key / "OR" SP search-key SP search-key /
 *                        "(" search-key *(SP search-key) ")"
 *     search-key      =/ "FUZZY" SP search-key                                            RFC 6203
 *     search-key      =/ "FILTER" SP filter-name                                          RFC 5466
 *
 * What is open (a parenthesis, an OR that waits for its second key) lies on a stack of frames, as clients
 * chain a thousand ORs. When a frame closes, its node is joined with the one above where that means the same.
 */
#include "base/mem.h"

#include "search_program.h"

enum frame_kind { FRAME_ALL, FRAME_LIST, FRAME_OR, FRAME_NOT, FRAME_FUZZY, FRAME_FILTER };

struct frame {
    enum frame_kind kind;
    uint32_t above;     /* the node that was open before */
    uint32_t before;    /* its last child then */
    unsigned keys;      /* so far */
    bool fuzzy;         /* as it was before */
    struct parser text; /* FRAME_FILTER: where to go on behind the filter */
    struct slice charset;
};

struct stack {
    struct search_builder *builder;
    struct frame *frames;
    size_t count, room;
    size_t filters, all_filters; /* that are open; that were so far */
};

static void push(struct stack *stack, enum frame_kind kind)
{
    static const enum search_key keys[] = {[FRAME_ALL] = KEY_AND,
                                           [FRAME_LIST] = KEY_AND,
                                           [FRAME_OR] = KEY_OR,
                                           [FRAME_NOT] = KEY_NOT,
                                           [FRAME_FILTER] = KEY_AND};
    struct search_builder *builder = stack->builder;
    struct frame frame = {.kind = kind, .above = builder->open, .fuzzy = builder->fuzzy};
    if (builder->program.count > 0)
        frame.before = builder->program.nodes[builder->open].last_child;
    if (kind != FRAME_FUZZY)
        builder->open = search_add_node(builder, (struct search_node){.key = keys[kind]});
    if (stack->count == stack->room) {
        stack->room = stack->room > 0 ? stack->room * 2 : 8;
        stack->frames = mem_realloc_array(stack->frames, stack->room, sizeof(*stack->frames));
    }
    stack->frames[stack->count++] = frame;
}

/* A list of one key is that key; an OR that stands directly in an OR, and an AND in an AND, is part of it. */
static void join(struct search_program *program, uint32_t index, const struct frame *frame)
{
    struct search_node *node = &program->nodes[index], *above = &program->nodes[frame->above];
    if (node->key == KEY_AND && program->nodes[node->child].next == 0) {
        uint32_t next = node->next;
        *node = program->nodes[node->child];
        node->next = next;
    }
    if (node->key != above->key || (node->key != KEY_AND && node->key != KEY_OR))
        return;
    *(frame->before == 0 ? &above->child : &program->nodes[frame->before].next) = node->child;
    above->last_child = node->last_child;
}

static void pop(struct stack *stack)
{
    struct search_builder *builder = stack->builder;
    struct frame *frame = &stack->frames[--stack->count];
    uint32_t index = builder->open;
    builder->open = frame->above;
    builder->fuzzy = frame->fuzzy;
    if (frame->kind == FRAME_FILTER) {
        *builder->parser = frame->text;
        builder->source->charset = frame->charset;
        stack->filters--;
    }
    if (frame->kind != FRAME_FUZZY)
        join(&builder->program, index, frame);
}

static bool closes_list(struct parser *parser)
{
    struct parser inside = *parser;
    parse_space(&inside);
    if (!parse_char(&inside, ')'))
        return false;
    parser->rest = inside.rest;
    return true;
}

/* A key is complete: closes what it completes. *done_r: all is. */
static bool complete_key(struct stack *stack, bool *done_r)
{
    struct parser *parser = stack->builder->parser;
    while (true) {
        struct frame *frame = &stack->frames[stack->count - 1];
        frame->keys++;
        switch (frame->kind) {
        case FRAME_ALL:
            *done_r = parse_end(parser);
            if (*done_r)
                return true;
            return parse_space(parser);
        case FRAME_FILTER:
            if (!parse_end(parser))
                return parse_space(parser);
            break;
        case FRAME_LIST:
            if (!closes_list(parser))
                return parse_space(parser) || parser_expected(parser, "a space or )");
            break;
        case FRAME_OR:
            if (frame->keys < 2)
                return parse_space(parser);
            break;
        case FRAME_NOT:
        case FRAME_FUZZY:
            break;
        }
        pop(stack);
    }
}

/* filter-name = 1*<any ATOM-CHAR except "/">. The filter's keys stand in its place, in parentheses. A filter
 * that contains itself opens more and more of them. */
static enum err open_filter(struct stack *stack)
{
    struct search_builder *builder = stack->builder;
    struct search_source *source = builder->source;
    struct slice name, text;
    if (!parse_space(builder->parser) || !parse_atom(builder->parser, &name) || slice_has(name, '/')) {
        parser_expected(builder->parser, "the name of a filter");
        return ERR_SYNTAX;
    }
    if (source->charset.len > 0) /* "FILTER implies the CHARSET UTF-8" */
        return ERR_CONFLICT;
    if (stack->all_filters++ == SEARCH_FILTERS_ALL)
        return ERR_LIMIT;
    source->undefined_filter = name;
    if (stack->filters == SEARCH_FILTERS_MAX || !source->filter || !source->filter(source->data, name, &text))
        return ERR_NOT_FOUND;
    push(stack, FRAME_FILTER);
    stack->frames[stack->count - 1].text = *builder->parser;
    stack->frames[stack->count - 1].charset = source->charset;
    stack->filters++;
    builder->parser->rest = text;
    builder->parser->more = NULL;
    source->charset = SLICE_EMPTY;
    return ERR_OK;
}

/* The beginning of a key. *complete_r: it is a whole one. */
static enum err parse_key(struct stack *stack, bool *complete_r)
{
    struct search_builder *builder = stack->builder;
    struct parser *parser = builder->parser;
    *complete_r = false;
    if (parse_char(parser, '(')) {
        push(stack, FRAME_LIST);
        parse_space(parser); /* which some clients write */
        return ERR_OK;
    }
    if (parse_word(parser, S("OR"))) {
        push(stack, FRAME_OR);
        return parse_space(parser) ? ERR_OK : ERR_SYNTAX;
    }
    if (parse_word(parser, S("NOT"))) {
        push(stack, FRAME_NOT);
        return parse_space(parser) ? ERR_OK : ERR_SYNTAX;
    }
    if (parse_word(parser, S("FUZZY"))) {
        push(stack, FRAME_FUZZY);
        builder->fuzzy = true;
        return parse_space(parser) ? ERR_OK : ERR_SYNTAX;
    }
    if (parse_word(parser, S("FILTER")))
        return open_filter(stack);
    *complete_r = true;
    return parse_search_leaf(builder) ? ERR_OK : ERR_SYNTAX;
}

/* Children come behind their parents, so one pass finds how deep each is. */
static bool is_too_deep(const struct search_program *program, struct arena *arena)
{
    unsigned *depths = arena_array(arena, unsigned, program->count);
    depths[0] = 1;
    for (size_t i = 0; i < program->count; i++) {
        if (depths[i] > SEARCH_DEPTH_MAX)
            return true;
        for (uint32_t c = depths[i] > 0 ? program->nodes[i].child : 0; c != 0; c = program->nodes[c].next)
            depths[c] = depths[i] + 1;
    }
    return false;
}

enum err parse_search_keys(struct parser *parser, struct search_source *source,
                           struct search_program *program_r)
{
    struct search_builder builder = {.parser = parser, .source = source};
    struct stack stack = {.builder = &builder};
    enum err err = parse_space(parser) ? ERR_OK : ERR_SYNTAX;
    push(&stack, FRAME_ALL);
    bool complete, done = false;
    while (!err && !done) {
        err = parse_key(&stack, &complete);
        if (!err && complete && !complete_key(&stack, &done))
            err = ERR_SYNTAX;
        if (!err && (builder.program.count > SEARCH_KEYS_MAX || builder.texts > SEARCH_TEXTS_MAX))
            err = ERR_LIMIT;
    }
    mem_free(stack.frames);
    struct search_program *program = &builder.program;
    program->nodes = arena_take_array(parser->arena, program->nodes, program->count, sizeof(*program->nodes));
    if (!err && is_too_deep(program, parser->arena))
        err = ERR_LIMIT;
    if (!err)
        *program_r = *program;
    return err;
}
