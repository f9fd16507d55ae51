/* SPDX-License-Identifier: ISC */
/*
 * The arguments of FETCH. Whatever comes, the parser stays within the text and its limits, and what it makes
 * of it can be said again: the label of an item is one that a response may carry, and read as a request it
 * gives the same item.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "fetch.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_section(const struct fetch_section *section)
{
    must(section->depth <= SECTION_DEPTH_MAX && section->name_count <= FETCH_FIELDS_MAX);
    for (size_t i = 0; i < section->depth; i++)
        must(section->numbers[i] > 0);
    for (size_t i = 1; i < section->name_count; i++)
        must(slice_cmp_nocase(section->names[i - 1], section->names[i]) <= 0);
    bool has_names = section->text == SECTION_FIELDS || section->text == SECTION_FIELDS_NOT;
    must(has_names == (section->name_count > 0));
    must(section->text != SECTION_MIME || section->depth > 0);
}

/* "BODY[1]<5>" asks for nothing; "BODY[1]<5.1>" does. */
static void check_label(struct arena *arena, const struct fetch_item *item)
{
    struct fetch_request again;
    struct slice label = item->label;
    if (item->is_partial)
        label = slice_take(label, slice_find_last(label, '<'));
    struct parser parser =
        parser_of(arena, slice_from(arena_printf(arena, " 1 %s", arena_cstr(arena, label))));
    must(parse_fetch(&parser, &again) && again.item_count == 1);
    must(slice_eq(again.items[0].label, label) && again.items[0].type->write == item->type->write);
    must(again.items[0].section.depth == item->section.depth &&
         again.items[0].section.text == item->section.text &&
         again.items[0].section.name_count == item->section.name_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct slice text = slice_of(data, size);
    struct parser parser = parser_of(&arena, text);
    struct fetch_request request;
    if (parse_fetch(&parser, &request)) {
        must(parser.rest.len == 0 && request.item_count > 0 && request.item_count <= FETCH_ITEMS_MAX);
        must(!request.has_window || (request.window.first > 0 && request.window.last > 0));
        for (size_t i = 0; i < request.item_count; i++) {
            const struct fetch_item *item = &request.items[i];
            check_section(&item->section);
            must(!item->is_partial || item->length > 0);
            (void)fetch_item_fields(item);
            if (i < 8) /* a long list of long labels takes its time */
                check_label(&arena, item);
        }
    } else {
        must(parser_complaint(&parser, IMAP_I_DEFAULT)[0] != '\0');
        must(parser.rest.data + parser.rest.len == text.data + text.len);
    }
    arena_free(&arena);
    return 0;
}
