/* SPDX-License-Identifier: ISC */
/*
 * What SEARCH, SORT and ESEARCH take: return options, criteria, charsets, keys. Whatever comes, the parsers
 * stay within the text, and what they make of it is well formed: a tree whose nodes come behind those above
 * them, each reached once, of bounded depth. A copy of it is the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "search_return.h"
#include "sort.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

/* Filters that name each other; and one that names itself. */
static bool filter(void *data, struct slice name, struct slice *text_r)
{
    (void)data;
    *text_r = name.len == 1   ? S("FILTER two SEEN")
              : name.len == 3 ? S("OR 1 (TEXT {3}\r\nabc)")
              : name.len == 4 ? S("FILTER loop")
                              : SLICE_EMPTY;
    return name.len < 5;
}

static void check_leaf(const struct search_node *node)
{
    must(node->key <= KEY_TEXT);
    if (node->key == KEY_TEXT)
        must(utf8_is_valid(node->text.text));
    if (node->key == KEY_ARRIVED || node->key == KEY_SAVED || node->key == KEY_SENT)
        must(node->days.first < node->days.end);
}

static void check_program(const struct search_program *program)
{
    bool *seen = calloc(program->count, sizeof(bool));
    unsigned *depths = calloc(program->count, sizeof(unsigned));
    must(program->count > 0 && program->nodes[0].key == KEY_AND && program->nodes[0].child != 0);
    seen[0] = true;
    for (uint32_t i = 0; i < program->count; i++) {
        const struct search_node *node = &program->nodes[i];
        if (!seen[i])
            continue;
        must(depths[i] <= SEARCH_DEPTH_MAX);
        if (node->key > KEY_NOT) {
            must(node->child == 0);
            check_leaf(node);
            continue;
        }
        must(node->child != 0 && (node->key != KEY_NOT || program->nodes[node->child].next == 0));
        for (uint32_t c = node->child; c != 0; c = program->nodes[c].next) {
            must(c > i && c < program->count && !seen[c]);
            must(program->nodes[c].key != node->key || node->key == KEY_NOT || node->fuzzy ||
                 program->nodes[c].key == KEY_AND);
            seen[c] = true;
            depths[c] = depths[i] + 1;
        }
    }
    free(seen);
    free(depths);
}

static void check_keys(struct parser *parser, struct slice charset)
{
    struct search_source source = {.charset = charset, .filter = filter};
    struct search_program program, copy;
    enum err err = parse_search_keys(parser, &source, &program);
    must(parser_complaint(parser, IMAP_I_DEFAULT)[0] != '\0');
    if (err)
        return;
    check_program(&program);
    search_program_copy(&program, parser->arena, &copy);
    check_program(&copy);
    must(copy.count == program.count);
}

static void check_window(const struct search_return *wanted)
{
    uint64_t first, last;
    for (uint64_t count = 0; count < 5; count++)
        if (wanted->options & RETURN_PARTIAL && partial_positions(&wanted->partial, count, &first, &last))
            must(1 <= first && first <= last && last <= count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct parser parser = parser_of(&arena, slice_of(data, size));
    struct search_return wanted;
    struct sort_criteria criteria;
    struct slice charset = SLICE_EMPTY;
    if (parse_search_return(&parser, &wanted)) {
        check_window(&wanted);
        if (parse_space(&parser) && parse_sort_criteria(&parser, &criteria))
            must(criteria.count > 0 && criteria.count <= SORT_CRITERIA_MAX);
        if (!parse_search_charset(&parser, &charset))
            check_keys(&parser, charset);
    }
    arena_free(&arena);
    return 0;
}
