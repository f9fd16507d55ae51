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

#include "base/scan.h"

/* nstring: the quoted text as it stands, quoting within. */
static bool scan_nstring(struct scan *scan, struct slice *raw_r)
{
    if (scan_word(scan, S("NIL"))) {
        *raw_r = (struct slice){NULL, 0};
        return true;
    }
    if (!scan_char(scan, '"'))
        return false;
    for (size_t i = 0; i < scan->rest.len; i++) {
        if (scan->rest.data[i] == '\\') {
            i++;
        } else if (scan->rest.data[i] == '"') {
            *raw_r = slice_take(scan->rest, i);
            scan->rest = slice_skip(scan->rest, i + 1);
            return true;
        }
    }
    return false;
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

/* To where the item stands. */
static bool find_item(struct scan *scan, enum envelope_item item)
{
    struct slice skipped;
    bool good = scan_char(scan, '(');
    for (enum envelope_item i = ENVELOPE_DATE; good && i < item; i++)
        good = (is_list(i) ? skip_addresses(scan) : scan_nstring(scan, &skipped)) && scan_char(scan, ' ');
    return good;
}

struct slice envelope_text(struct slice envelope, enum envelope_item item, struct arena *arena)
{
    struct scan scan = scan_of(envelope);
    struct slice raw;
    if (!find_item(&scan, item) || !scan_nstring(&scan, &raw) || !raw.data)
        return SLICE_EMPTY;
    return unquoted(raw, arena);
}

bool envelope_first_address(struct slice envelope, enum envelope_item item, struct arena *arena,
                            struct envelope_address *address_r)
{
    struct scan scan = scan_of(envelope);
    struct envelope_address raw;
    if (!find_item(&scan, item) || !scan_char(&scan, '(') || !scan_address(&scan, &raw))
        return false;
    address_r->name = unquoted(raw.name, arena);
    address_r->mailbox = unquoted(raw.mailbox, arena);
    address_r->host = unquoted(raw.host, arena);
    return true;
}
