/* SPDX-License-Identifier: ISC */
/*
 * A small machine that reads character by character and remembers no more than the name of the tag, or the
 * character reference, that it is in. The states follow the tokenizer of the HTML standard (section 13.2.5)
 * as far as it matters for the text.
 *
 *     TEXT -- "<" --> OPEN -- letter --> NAME --> TAG -- ">" --> TEXT, or SKIP for script and style
 *                      |  -- "!" -----> MARKUP -- "--" --> COMMENT -- "-->" --> TEXT
 *                      |                  `----- else ---> BOGUS ----- ">" --> TEXT
 *     TEXT -- "&" --> REFERENCE -- ";" or anything that cannot belong to it --> TEXT
 */
#include "mail/html_text.h"

#include <stdlib.h>
#include <string.h>

#include "html_entities.h"

enum {
    TEXT,
    REFERENCE,
    OPEN,      /* behind "<" */
    OPEN_END,  /* behind "</" */
    MARKUP,    /* behind "<!" or "<!-" */
    COMMENT,   /* up to "-->" */
    BOGUS,     /* up to ">" */
    NAME,      /* of a tag */
    TAG,       /* behind the name */
    EQUALS,    /* in a tag, behind "=": a quote may begin */
    QUOTED,    /* a value up to its quote */
    SKIP,      /* in a script or style */
    SKIP_OPEN, /* there, behind "<" */
    SKIP_NAME  /* there, behind "</" */
};

/* Tags that stand inside words. */
static const char *const inline_tags[] = {
    "a",     "abbr", "acronym", "b",      "bdi", "bdo", "big",  "cite", "code", "data", "del",
    "dfn",   "em",   "font",    "i",      "ins", "kbd", "mark", "nobr", "q",    "s",    "samp",
    "small", "span", "strike",  "strong", "sub", "sup", "tt",   "u",    "var",  "wbr",
};
static const char *const skipped_tags[] = {"script", "style"};

static bool is_blank(char c)
{
    return char_is_wsp(c) || c == '\r' || c == '\n' || c == '\f';
}

static const char *find_word(const char *const *list, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0) {
            return list[i];
        }
    }
    return NULL;
}

/* A name that is too long is cut: it is none that we know. */
static void add_to_word(struct html_text *html, char c)
{
    if (html->length < HTML_WORD_MAX - 1) {
        html->word[html->length++] = c;
    }
    html->word[html->length] = '\0';
}

static void begin_word(struct html_text *html, unsigned state, char c)
{
    html->state = state;
    html->length = 0;
    add_to_word(html, c);
}

static void end_tag(struct html_text *html, struct buf *out)
{
    html->state = TEXT;
    if (!html->closing && (html->until = find_word(skipped_tags, ARRAY_LEN(skipped_tags), html->word))) {
        html->state = SKIP;
    }
    if (!find_word(inline_tags, ARRAY_LEN(inline_tags), html->word)) {
        buf_append_char(out, ' ');
    }
}

/* --- character references --- */

static void append_character(struct buf *out, unsigned character)
{
    char utf8[4];
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = length - 1; i > 0; i--) {
        utf8[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    utf8[0] = (char)(leads[length] | character);
    buf_append(out, slice_of(utf8, length));
}

/* Numbers of windows-1252, which the standard takes as such. */
static unsigned mend_number(unsigned long number)
{
    static const unsigned short windows_1252[32] = {
        0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
    };
    if (number >= 0x80 && number < 0xa0) {
        return windows_1252[number - 0x80];
    }
    bool none = number == 0 || number > 0x10ffff || (number >= 0xd800 && number < 0xe000);
    return none ? 0xfffd : (unsigned)number;
}

/* The character that `word`, from its "&" on, stands for; 0 for none. */
static unsigned reference_character(const struct html_text *html)
{
    const char *name = html->word + 1;
    char *end;
    if (name[0] != '#') {
        return html_entity(name);
    }
    bool hex = char_lower(name[1]) == 'x';
    const char *digits = name + (hex ? 2 : 1);
    unsigned long number = strtoul(digits, &end, hex ? 16 : 10);
    return end == digits || *end ? 0 : mend_number(number);
}

/* The reference ended before `next`, or with it when that is the ";". */
static void end_reference(struct html_text *html, struct buf *out, bool semicolon)
{
    unsigned character = reference_character(html);
    html->state = TEXT;
    if (character) {
        append_character(out, character);
    } else {
        buf_append(out, slice_of(html->word, html->length));
        buf_append(out, semicolon ? S(";") : SLICE_EMPTY);
    }
}

static bool belongs_to_reference(const struct html_text *html, char c)
{
    return html->length < HTML_WORD_MAX - 1 && (char_is_alnum(c) || (c == '#' && html->length == 1));
}

/* --- the machine --- */

/* Takes one character outside of TEXT; false: it was not taken, and is to be seen again in the state now. */
static bool step_in_tag(struct html_text *html, struct buf *out, char c)
{
    switch (html->state) {
    case NAME:
        if (c != '>' && c != '/' && !is_blank(c)) {
            add_to_word(html, char_lower(c));
            return true;
        }
        html->state = TAG;
        return false;
    case TAG:
        if (c == '>') {
            end_tag(html, out);
        } else if (c == '=') {
            html->state = EQUALS;
        }
        return true;
    case EQUALS:
        if (c == '"' || c == '\'') {
            html->quote = c;
            html->state = QUOTED;
        } else if (!is_blank(c)) {
            html->state = TAG;
            return false;
        }
        return true;
    default: /* QUOTED */
        html->state = c == html->quote ? TAG : QUOTED;
        return true;
    }
}

static bool step_in_skipped(struct html_text *html, char c)
{
    switch (html->state) {
    case SKIP:
        html->state = c == '<' ? SKIP_OPEN : SKIP;
        return true;
    case SKIP_OPEN:
        if (c == '/') {
            html->state = SKIP_NAME;
            html->length = 0;
            html->word[0] = '\0';
            return true;
        }
        html->state = SKIP;
        return false;
    default: /* SKIP_NAME */
        if (char_is_alpha(c)) {
            add_to_word(html, char_lower(c));
            return true;
        }
        html->closing = true;
        html->state = strcmp(html->word, html->until) == 0 ? TAG : SKIP;
        return false;
    }
}

static bool step_in_markup(struct html_text *html, char c)
{
    switch (html->state) {
    case MARKUP:
        if (c == '-' && ++html->dashes == 2) {
            html->state = COMMENT;
        } else if (c != '-') {
            html->state = BOGUS;
            return false;
        }
        return true;
    case COMMENT:
        if (c == '>' && html->dashes >= 2) {
            html->state = TEXT;
        }
        html->dashes = c == '-' ? MIN_OF(html->dashes + 1, 2u) : c == '!' ? html->dashes : 0;
        return true;
    default: /* BOGUS */
        html->state = c == '>' ? TEXT : BOGUS;
        return true;
    }
}

static bool step_open(struct html_text *html, struct buf *out, char c)
{
    if (char_is_alpha(c)) {
        html->closing = html->state == OPEN_END;
        begin_word(html, NAME, char_lower(c));
    } else if (html->state == OPEN_END) {
        html->state = c == '>' ? TEXT : BOGUS;
    } else if (c == '/') {
        html->state = OPEN_END;
    } else if (c == '!') {
        html->state = MARKUP;
        html->dashes = 0;
    } else if (c == '?') {
        html->state = BOGUS;
    } else {
        html->state = TEXT;
        buf_append_char(out, '<');
        return false;
    }
    return true;
}

static bool step(struct html_text *html, struct buf *out, char c)
{
    switch (html->state) {
    case TEXT:
        if (c == '&') {
            begin_word(html, REFERENCE, c);
        } else {
            html->state = OPEN;
        }
        return true;
    case REFERENCE:
        if (belongs_to_reference(html, c)) {
            add_to_word(html, c);
            return true;
        }
        end_reference(html, out, c == ';');
        return c == ';';
    case OPEN:
    case OPEN_END:
        return step_open(html, out, c);
    case MARKUP:
    case COMMENT:
    case BOGUS:
        return step_in_markup(html, c);
    case SKIP:
    case SKIP_OPEN:
    case SKIP_NAME:
        return step_in_skipped(html, c);
    default:
        return step_in_tag(html, out, c);
    }
}

/* Up to the next "<" or "&". */
static size_t plain_length(struct slice text)
{
    size_t length = 0;
    while (length < text.len && text.data[length] != '<' && text.data[length] != '&') {
        length++;
    }
    return length;
}

void html_text_append(struct html_text *html, struct buf *out, struct slice text)
{
    size_t i = 0;
    while (i < text.len) {
        if (html->state == TEXT) {
            struct slice rest = slice_skip(text, i);
            size_t length = plain_length(rest);
            buf_append(out, slice_take(rest, length));
            i += length;
        }
        if (i < text.len) {
            i += step(html, out, text.data[i]);
        }
    }
}

void html_text_finish(struct html_text *html, struct buf *out)
{
    if (html->state == REFERENCE) {
        end_reference(html, out, false);
    } else if (html->state == OPEN) {
        buf_append_char(out, '<');
    } else if (html->state == OPEN_END) {
        buf_append(out, S("</"));
    }
    *html = (struct html_text){0};
}
