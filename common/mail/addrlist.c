/* SPDX-License-Identifier: ISC */
/*
 * Address lists, RFC 5322 section 3.4 with the obsolete forms of 4.4:
 *
 *     address      = mailbox / group
 *     mailbox      = name-addr / addr-spec
 *     name-addr    = [display-name] [CFWS] "<" [obs-route] addr-spec ">" [CFWS]
 *     group        = display-name ":" [group-list] ";" [CFWS]
 *     addr-spec    = local-part "@" domain
 *
 * One pass from left to right. A run of words is read before it is known what it is; what follows tells: "<"
 * makes it a display name, "@" a local part, ":" a group's name. So each run is written down in two
 * spellings: as a phrase, one space where blanks or comments stood, and as an address, without them.
 */
#include "mail/addrlist.h"

#include <string.h>

#include "mail_priv.h"

struct reader {
    struct scan scan;
    /* Where the two spellings are written. Each byte of the source gives at most one byte in each, so two
     * areas as long as the source suffice. */
    char *phrase_room, *address_room;
    struct slice comment; /* the last one skipped in this element; data NULL without one */
    struct arena *arena;
    struct addrlist *list;
    size_t allocated, max;
    bool in_group;
};

static bool at_end(const struct reader *reader)
{
    return scan_at_end(&reader->scan);
}

static char peek(const struct reader *reader)
{
    return scan_peek(&reader->scan);
}

static char next_char(struct reader *reader)
{
    char c = peek(reader);
    reader->scan.rest = slice_skip(reader->scan.rest, 1);
    return c == '\0' ? ' ' : c;
}

static bool is_blank(char c)
{
    return char_is_wsp(c) || c == '\r' || c == '\n';
}

/* One character of quoted text to the phrase: backslashes are undone, line ends left out. */
static void put_quoted_char(struct reader *reader)
{
    char c = next_char(reader);
    if (c == '\\' && !at_end(reader)) {
        c = next_char(reader);
    }
    if (c != '\r' && c != '\n') {
        *reader->phrase_room++ = c;
    }
}

/* comment = "(" *([FWS] ccontent) [FWS] ")"; nested ones keep their parentheses. */
static void skip_comment(struct reader *reader)
{
    char *start = reader->phrase_room;
    size_t depth = 1;
    next_char(reader);
    while (!at_end(reader)) {
        depth += peek(reader) == '(';
        depth -= peek(reader) == ')';
        if (depth == 0) {
            break;
        }
        put_quoted_char(reader);
    }
    reader->list->malformed = reader->list->malformed || at_end(reader);
    next_char(reader);
    reader->comment = slice_trim(slice_of(start, (size_t)(reader->phrase_room - start)));
}

/* True when anything was skipped. */
static bool skip_cfws(struct reader *reader)
{
    size_t before = reader->scan.rest.len;
    while (!at_end(reader) && (peek(reader) == '(' || is_blank(peek(reader)))) {
        if (peek(reader) == '(') {
            skip_comment(reader);
        } else {
            next_char(reader);
        }
    }
    return reader->scan.rest.len < before;
}

/* Anything but the specials of section 3.2.3 and blanks: atext and dots, and what should not be there but is.
 */
static bool is_atom_char(char c)
{
    return !is_blank(c) && (c == '\0' || !strchr("()<>[]:;@\\,\"", c));
}

static bool starts_word(const struct reader *reader)
{
    return !at_end(reader) && (peek(reader) == '"' || is_atom_char(peek(reader)));
}

/* word = atom / quoted-string, written to the phrase. */
static void put_word(struct reader *reader)
{
    if (scan_char(&reader->scan, '"')) {
        while (!at_end(reader) && peek(reader) != '"') {
            put_quoted_char(reader);
        }
        reader->list->malformed = reader->list->malformed || at_end(reader);
        next_char(reader);
        return;
    }
    while (!at_end(reader) && is_atom_char(peek(reader))) {
        *reader->phrase_room++ = next_char(reader);
    }
}

struct words {
    struct slice phrase;
    struct slice address;
    bool undotted; /* two words of the address had a blank and no dot between them: no local part */
};

static struct words read_words(struct reader *reader)
{
    struct words words = {0};
    char *phrase = reader->phrase_room, *address = reader->address_room;
    bool blank = false;
    while (starts_word(reader)) {
        if (blank) {
            *reader->phrase_room++ = ' ';
        }
        char *word = reader->phrase_room;
        char first = peek(reader);
        put_word(reader);
        bool begun = reader->address_room > address;
        if (blank && first != '.' && !(begun && reader->address_room[-1] == '.')) {
            *reader->address_room = ' ';
            reader->address_room += begun;
            words.undotted = true;
        }
        size_t length = (size_t)(reader->phrase_room - word);
        memcpy(reader->address_room, word, length);
        reader->address_room += length;
        words.phrase = slice_of(phrase, (size_t)(reader->phrase_room - phrase));
        blank = skip_cfws(reader);
        /* A comment went into the phrase's area: what follows it must stand next to the words again. */
        if (words.phrase.data + words.phrase.len != reader->phrase_room && starts_word(reader)) {
            reader->phrase_room = phrase + words.phrase.len;
            reader->comment = (struct slice){0};
        }
    }
    words.address = slice_of(address, (size_t)(reader->address_room - address));
    return words;
}

/* domain = dot-atom / domain-literal / obs-domain, blanks and comments left out. */
static struct slice read_domain(struct reader *reader)
{
    char *start = reader->address_room;
    skip_cfws(reader);
    for (;;) {
        if (peek(reader) == '[') {
            while (!at_end(reader) && peek(reader) != ']') {
                char c = next_char(reader);
                *reader->address_room = c;
                reader->address_room += !is_blank(c);
            }
            reader->list->malformed = reader->list->malformed || at_end(reader);
            if (!at_end(reader)) {
                *reader->address_room++ = next_char(reader);
            }
        } else if (starts_word(reader) && peek(reader) != '"') {
            while (!at_end(reader) && is_atom_char(peek(reader))) {
                *reader->address_room++ = next_char(reader);
            }
        } else {
            break;
        }
        bool dot_before = reader->address_room[-1] == '.';
        skip_cfws(reader);
        if (!dot_before && peek(reader) != '.') {
            break;
        }
    }
    struct slice domain = slice_of(start, (size_t)(reader->address_room - start));
    reader->list->malformed = reader->list->malformed || domain.len == 0;
    return domain;
}

/* A GROUP_END has always room: a group that was opened in the list must be closed in it. */
static void add_item(struct reader *reader, struct addrlist_item item)
{
    struct addrlist *list = reader->list;
    if (list->count >= reader->max && item.kind != ADDRLIST_GROUP_END) {
        list->truncated = true;
        return;
    }
    if (list->count == reader->allocated) {
        struct addrlist_item *former = list->items;
        reader->allocated = reader->allocated ? 2 * reader->allocated : 4;
        list->items = arena_array(reader->arena, struct addrlist_item, reader->allocated);
        if (list->count > 0) {
            memcpy(list->items, former, list->count * sizeof(*former));
        }
    }
    list->items[list->count++] = item;
}

/* obs-route = 1*( "," / "@" domain ) ":", only taken when the colon is there before the ">". */
static struct slice read_route(struct reader *reader)
{
    struct slice rest = reader->scan.rest;
    size_t length = 0;
    while (length < rest.len && rest.data[length] != ':' && rest.data[length] != '>') {
        length++;
    }
    if (peek(reader) != '@' || length == rest.len || rest.data[length] == '>') {
        return (struct slice){0};
    }
    char *start = reader->address_room;
    while (peek(reader) != ':') {
        char c = next_char(reader);
        *reader->address_room = c;
        reader->address_room += !is_blank(c);
    }
    next_char(reader);
    skip_cfws(reader);
    return slice_of(start, (size_t)(reader->address_room - start));
}

/* angle-addr = [CFWS] "<" [obs-route] addr-spec ">" [CFWS]; what stands before a missing ">" is read as the
 * next element, so that no address stays unseen: who may use a From is decided by this list. */
static void read_angle_address(struct reader *reader, struct slice name)
{
    struct addrlist_item item = {.name = name};
    next_char(reader);
    skip_cfws(reader);
    item.adl = read_route(reader);
    struct words local = read_words(reader);
    item.mailbox = local.address;
    bool bare = !scan_char(&reader->scan, '@');
    item.host = bare ? SLICE_EMPTY : read_domain(reader);
    bool closed = scan_char(&reader->scan, '>');
    if (bare || local.undotted || local.address.len == 0 || !closed) {
        reader->list->malformed = true;
    }
    skip_cfws(reader);
    add_item(reader, item);
}

/* addr-spec without angle brackets, behind its local part; a comment serves as name: joe@example.org (Joe).
 */
static void read_plain_address(struct reader *reader, struct slice source, struct words *local)
{
    next_char(reader);
    struct addrlist_item item = {.mailbox = local->address, .host = read_domain(reader)};
    if (peek(reader) ==
        '<') { /* joe@example.org <joe@example.org>: the first is a name that lacks its quotes */
        struct slice text = slice_take(source, source.len - reader->scan.rest.len);
        reader->list->malformed = true;
        read_angle_address(reader, header_unfold(reader->arena, text));
        return;
    }
    if (local->undotted || local->address.len == 0) {
        reader->list->malformed = true;
    }
    item.name = reader->comment;
    add_item(reader, item);
}

static void end_group(struct reader *reader)
{
    if (reader->in_group) {
        add_item(reader, (struct addrlist_item){.kind = ADDRLIST_GROUP_END});
    }
    reader->in_group = false;
}

/* A word alone: "postmaster", "undisclosed recipients". */
static void read_bare_words(struct reader *reader, struct words *words)
{
    reader->list->malformed = true;
    add_item(reader,
             (struct addrlist_item){.mailbox = words->phrase, .host = SLICE_EMPTY, .name = reader->comment});
}

/* Everything that begins with words; they may be missing. */
static void read_element(struct reader *reader)
{
    struct slice source = reader->scan.rest;
    struct words words = read_words(reader);
    switch (peek(reader)) {
    case '<':
        read_angle_address(reader, words.phrase.len > 0 ? words.phrase : (struct slice){0});
        break;
    case '@':
        read_plain_address(reader, source, &words);
        break;
    case ':':
        next_char(reader);
        if (reader->in_group || words.phrase.len == 0) {
            reader->list->malformed = true;
            break;
        }
        reader->in_group = reader->list->count < reader->max; /* else it is not begun: nothing to end */
        add_item(reader, (struct addrlist_item){.kind = ADDRLIST_GROUP_START, .mailbox = words.phrase});
        break;
    default:
        if (words.phrase.len > 0) {
            read_bare_words(reader, &words);
        } else if (reader->scan.rest.len == source.len) {
            reader->list->malformed = true; /* ")", ">", "]", "\": nothing begins with it */
            next_char(reader);
        }
    }
}

void addrlist_parse(struct arena *arena, struct slice value, size_t max, struct addrlist *out)
{
    *out = (struct addrlist){0};
    struct reader reader = {.scan = scan_of(value), .arena = arena, .list = out, .max = max};
    reader.phrase_room = arena_alloc(arena, value.len + 1);
    reader.address_room = arena_alloc(arena, value.len + 1);
    for (;;) {
        skip_cfws(&reader);
        if (at_end(&reader)) {
            break;
        }
        if (scan_char(&reader.scan, ',')) { /* obs-addr-list: empty elements */
            continue;
        }
        if (scan_char(&reader.scan, ';')) {
            out->malformed = out->malformed || !reader.in_group;
            end_group(&reader);
            continue;
        }
        reader.comment = (struct slice){0};
        read_element(&reader);
        /* Between two elements stands a comma. */
        if (!at_end(&reader) && peek(&reader) != ',' && peek(&reader) != ';' &&
            reader.scan.rest.data[-1] != ':') {
            out->malformed = true;
        }
    }
    out->malformed = out->malformed || reader.in_group;
    end_group(&reader);
}
