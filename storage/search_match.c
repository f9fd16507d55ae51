/* SPDX-License-Identifier: ISC */
/*
 * Text comes in pieces, and what is looked for may lie across two of them: so of each part the last bytes,
 * one less than the longest text has, stay for the next piece.
 */
#include "search_match.h"

/* A piece is at most a header section of 1 MiB, decoded and folded. */
#define TEXT_MAX ((size_t)256 * 1024 * 1024)

void search_match_init(struct search_match *match, struct arena *arena, const struct search_term *terms,
                       size_t term_count)
{
    *match = (struct search_match){.terms = terms, .term_count = term_count};
    match->found = arena_array(arena, bool, term_count + 1);
    buf_init(&match->text, TEXT_MAX);
    for (size_t i = 0; i < term_count; i++) {
        match->longest = MAX_OF(match->longest, terms[i].text.len);
    }
}

void search_match_free(struct search_match *match)
{
    buf_free(&match->text);
}

unsigned search_match_wants(const struct search_match *match)
{
    unsigned wants = 0;
    for (size_t i = 0; i < match->term_count; i++) {
        wants |= match->terms[i].where != SEARCH_BODY ? TEXT_HEADER : 0;
        wants |= match->terms[i].where != SEARCH_HEADER ? TEXT_BODY : 0;
    }
    return wants;
}

void search_match_begin(struct search_match *match)
{
    match->missing = match->term_count;
    for (size_t i = 0; i < match->term_count; i++) {
        match->found[i] = false;
    }
    buf_clear(&match->text);
}

static bool contains(struct slice text, struct slice what)
{
    return what.len == 0 || slice_find_text(text, what) < text.len;
}

static bool is_found(const struct search_term *term, const struct search_piece *piece, struct slice text)
{
    switch (term->where) {
    case SEARCH_HEADER:
        return piece->from == TEXT_HEADER && slice_eq_nocase(piece->name, term->header) &&
               contains(slice_skip(text, piece->value), term->text);
    case SEARCH_BODY:
        return piece->from == TEXT_BODY && contains(text, term->text);
    default:
        return contains(text, term->text);
    }
}

bool search_match_take(void *data, const struct search_piece *piece)
{
    struct search_match *match = data;
    struct slice text = piece->text;
    bool joined = !piece->begins && match->text.len > 0;
    if (piece->begins) {
        buf_clear(&match->text);
    }
    if (joined) {
        buf_append(&match->text, piece->text);
        text = buf_slice(&match->text);
    }
    for (size_t i = 0; i < match->term_count; i++) {
        if (!match->found[i] && is_found(&match->terms[i], piece, text)) {
            match->found[i] = true;
            match->missing--;
        }
    }
    size_t kept = MIN_OF(text.len, match->longest > 0 ? match->longest - 1 : 0);
    if (joined) {
        buf_drop(&match->text, text.len - kept);
    } else {
        buf_append(&match->text, slice_skip(text, text.len - kept));
    }
    return match->missing > 0;
}

bool search_match_holds(const struct search_match *match)
{
    return match->missing == 0;
}
