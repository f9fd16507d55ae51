/* SPDX-License-Identifier: ISC */
/*
 * RFC 9051 section 9:
 *
 *     envelope        = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
 *                       env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
 *     env-from        = "(" 1*address ")" / nil
 *     address         = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
 *
 * As the store keeps it: strings are quoted, never literals. What is not of that form reads as NIL.
 */
#include "envelope_text.h"

/* Whether the quote at `end` belongs to the text: so many backslashes stand before it. */
static bool is_quoted(struct slice text, size_t end)
{
    size_t before = end;
    while (before > 0 && text.data[before - 1] == '\\')
        before--;
    return (end - before) % 2 != 0;
}

/* nstring: the quoted text as it stands, quoting within. */
static bool scan_nstring(struct scan *scan, struct slice *raw_r)
{
    if (scan_peek(scan) != '"') {
        *raw_r = (struct slice){NULL, 0};
        return scan_word(scan, S("NIL"));
    }
    struct slice text = slice_skip(scan->rest, 1);
    size_t end = slice_find(text, '"');
    while (end < text.len && is_quoted(text, end))
        end += 1 + slice_find(slice_skip(text, end + 1), '"');
    if (end >= text.len)
        return false;
    *raw_r = slice_take(text, end);
    scan->rest = slice_skip(text, end + 1);
    return true;
}

static struct slice unquoted(struct slice raw, struct arena *arena)
{
    if (!raw.data || !slice_has(raw, '\\'))
        return raw;
    char *text = arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.data[i] == '\\' && i + 1 < raw.len)
            i++;
        text[len++] = raw.data[i];
    }
    return slice_of(text, len);
}

static bool scan_address(struct scan *scan, struct envelope_address *raw_r)
{
    struct slice route;
    return scan_char(scan, '(') && scan_nstring(scan, &raw_r->name) && scan_char(scan, ' ') &&
           scan_nstring(scan, &route) && scan_char(scan, ' ') && scan_nstring(scan, &raw_r->mailbox) &&
           scan_char(scan, ' ') && scan_nstring(scan, &raw_r->host) && scan_char(scan, ')');
}

static bool skip_addresses(struct scan *scan)
{
    struct envelope_address address;
    if (!scan_char(scan, '('))
        return scan_word(scan, S("NIL"));
    while (scan_address(scan, &address))
        scan_char(scan, ' ');
    return scan_char(scan, ')');
}

static bool is_list(enum envelope_item item)
{
    return item >= ENVELOPE_FROM && item <= ENVELOPE_BCC;
}

struct envelope_cursor envelope_cursor(struct slice envelope)
{
    struct envelope_cursor cursor = {.rest = scan_of(envelope)};
    if (!scan_char(&cursor.rest, '('))
        cursor.rest = scan_of(SLICE_EMPTY);
    return cursor;
}

/* To where the item stands. */
static bool find_item(struct envelope_cursor *cursor, enum envelope_item item)
{
    struct scan *scan = &cursor->rest;
    struct slice skipped;
    bool good = true;
    for (; good && cursor->at < item; cursor->at++)
        good = (is_list(cursor->at) ? skip_addresses(scan) : scan_nstring(scan, &skipped)) &&
               scan_char(scan, ' ');
    return good;
}

struct slice envelope_next_text(struct envelope_cursor *cursor, enum envelope_item item, struct arena *arena)
{
    struct slice raw;
    if (!find_item(cursor, item)) {
        cursor->rest = scan_of(SLICE_EMPTY); /* nothing behind it can be found either */
        return SLICE_EMPTY;
    }
    struct scan here = cursor->rest;
    return scan_nstring(&here, &raw) && raw.data ? unquoted(raw, arena) : SLICE_EMPTY;
}

struct slice envelope_text(struct slice envelope, enum envelope_item item, struct arena *arena)
{
    struct envelope_cursor cursor = envelope_cursor(envelope);
    return envelope_next_text(&cursor, item, arena);
}

bool envelope_first_address(struct slice envelope, enum envelope_item item, struct arena *arena,
                            struct envelope_address *address_r)
{
    struct envelope_cursor cursor = envelope_cursor(envelope);
    struct envelope_address raw;
    if (!find_item(&cursor, item) || !scan_char(&cursor.rest, '(') || !scan_address(&cursor.rest, &raw))
        return false;
    address_r->name = unquoted(raw.name, arena);
    address_r->mailbox = unquoted(raw.mailbox, arena);
    address_r->host = unquoted(raw.host, arena);
    return true;
}
