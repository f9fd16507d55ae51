/* SPDX-License-Identifier: ISC */
/*
 * RFC 5092 section 11:
 *     imapurl         = "imap://" iserver "/" imessagepart
 *     iserver         = [enc-user "@"] host [ ":" port ]
 *     imessagepart    = enc-mailbox [";UIDVALIDITY=" nz-number] "/" ";UID=" nz-number
 *                       ["/" ";SECTION=" enc-section] ["/" ";PARTIAL=" number ["." nz-number]]
 *     iurlauth        = [";EXPIRE=" date-time] ";URLAUTH=" access [":" enc-urlauth-mech ":" enc-urlauth]
 * RFC 4469 writes the slash before ";UID=" behind one that ends the mailbox, too ("/Drafts/;UID=20/").
 */
#include "imapurl.h"

#include "base/encode.h"
#include "base/scan.h"
#include "base/utf8.h"
#include "mail/date.h"

static bool scan_percent_decoded(struct arena *arena, struct slice text, struct slice *decoded_r)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            struct buf byte;
            buf_init(&byte, 2);
            bool good = text.len - i > 2 && !hex_decode(&byte, slice_of(text.data + i + 1, 2));
            c = good ? byte.data[0] : '\0';
            buf_free(&byte);
            i += 2;
        }
        if (char_is_ctl(c))
            return false;
        out[len++] = c;
    }
    *decoded_r = slice_of(out, len);
    return utf8_is_valid(*decoded_r);
}

/* [enc-user [";AUTH=" …] "@"] host [":" port] "/" */
static bool scan_server(struct arena *arena, struct scan *scan, struct imapurl *url)
{
    struct slice server;
    if (!scan_word(scan, S("imap://"))) /* RFC 3986 section 4.2: another scheme, or a relative path */
        return !slice_has(slice_take(scan->rest, slice_find(scan->rest, '/')), ':');
    url->has_server = true;
    if (!scan_until(scan, '/', &server))
        return false;
    size_t at = slice_find_last(server, '@'); /* a login may have one of its own, not encoded */
    if (at < server.len) {
        struct slice user = slice_take(server, at);
        if (!scan_percent_decoded(arena, slice_take(user, slice_find(user, ';')), &url->user))
            return false;
        server = slice_skip(server, at + 1);
    }
    url->host = slice_take(server, slice_find_last(server, ':'));
    return url->host.len > 0;
}

static bool scan_small(struct scan *scan, uint32_t *number_r)
{
    uint64_t number;
    if (!scan_number(scan, UINT32_MAX, &number) || number == 0)
        return false;
    *number_r = (uint32_t)number;
    return true;
}

/* Up to ";UID=", which is searched for: mailbox names have slashes, too. */
static bool scan_mailbox(struct arena *arena, struct scan *scan, struct imapurl *url)
{
    size_t end = 0;
    scan_char(scan, '/');
    while (end < scan->rest.len && scan->rest.data[end] != ';')
        end++;
    struct slice name = slice_take(scan->rest, end);
    scan->rest = slice_skip(scan->rest, end);
    if (name.len > 0 && name.data[name.len - 1] == '/')
        name.len--;
    if (name.len > 0 && !scan_percent_decoded(arena, name, &url->mailbox))
        return false;
    if (scan_word(scan, S(";UIDVALIDITY=")) && !scan_small(scan, &url->uidvalidity))
        return false;
    scan_char(scan, '/');
    return scan_word(scan, S(";UID=")) && scan_small(scan, &url->uid);
}

static bool scan_section(struct arena *arena, struct scan *scan, struct imapurl *url)
{
    size_t end = 0;
    struct scan start = *scan;
    scan_char(scan, '/');
    if (!scan_word(scan, S(";SECTION="))) {
        *scan = start;
        return true;
    }
    while (end < scan->rest.len && scan->rest.data[end] != ';' && scan->rest.data[end] != '/')
        end++;
    struct slice section = slice_take(scan->rest, end);
    scan->rest = slice_skip(scan->rest, end);
    return section.len > 0 && scan_percent_decoded(arena, section, &url->section);
}

static bool scan_partial(struct scan *scan, struct imapurl *url)
{
    struct scan start = *scan;
    scan_char(scan, '/');
    if (!scan_word(scan, S(";PARTIAL="))) {
        *scan = start;
        return true;
    }
    url->is_partial = true;
    return scan_number(scan, INT64_MAX, &url->offset) &&
           (!scan_char(scan, '.') || (scan_number(scan, INT64_MAX, &url->length) && url->length > 0));
}

static bool scan_digits(struct scan *scan, size_t digits, uint64_t *number_r)
{
    struct slice before = scan->rest;
    return slice_to_u64(slice_take(before, digits), UINT32_MAX, number_r) &&
           (scan->rest = slice_skip(before, digits), before.len >= digits);
}

/* date-time of RFC 3339: 2004-12-31T23:59:59Z, with a fraction or an offset */
static bool scan_date_time(struct scan *scan, int64_t *time_us_r)
{
    uint64_t year, month, day, hour, minute, second, fraction, zone_hours = 0, zone_minutes = 0;
    if (!scan_digits(scan, 4, &year) || !scan_char(scan, '-') || !scan_digits(scan, 2, &month) ||
        !scan_char(scan, '-') || !scan_digits(scan, 2, &day) || !scan_word(scan, S("T")) ||
        !scan_digits(scan, 2, &hour) || !scan_char(scan, ':') || !scan_digits(scan, 2, &minute) ||
        !scan_char(scan, ':') || !scan_digits(scan, 2, &second) || month < 1 || month > 12 || day > 31)
        return false;
    if (scan_char(scan, '.') && !scan_number(scan, INT64_MAX, &fraction))
        return false;
    bool west = scan_char(scan, '-');
    if (!scan_word(scan, S("Z")) && ((!west && !scan_char(scan, '+')) || !scan_digits(scan, 2, &zone_hours) ||
                                     !scan_char(scan, ':') || !scan_digits(scan, 2, &zone_minutes)))
        return false;
    int64_t days = date_days_from_civil((int64_t)year, (unsigned)month, (unsigned)day);
    int64_t zone = (int64_t)(zone_hours * 3600 + zone_minutes * 60);
    int64_t seconds = days * 86400 + (int64_t)(hour * 3600 + minute * 60 + second) - (west ? -zone : zone);
    *time_us_r = seconds * 1000000;
    return true;
}

static bool is_access_char(char c)
{
    return c != ':' && c != ';' && !char_is_ctl(c);
}

static bool scan_authorisation(struct scan *scan, struct slice text, struct imapurl *url)
{
    if (scan_word(scan, S(";EXPIRE=")) && !scan_date_time(scan, &url->expires_us))
        return false;
    if (!scan_word(scan, S(";URLAUTH=")))
        return url->expires_us == 0;
    if (!scan_while(scan, is_access_char, &url->access))
        return false;
    url->rump = slice_take(text, text.len - scan->rest.len);
    return scan_at_end(scan) || (scan_char(scan, ':') && scan_until(scan, ':', &url->mechanism) &&
                                 scan_char(scan, ':') && scan_while(scan, is_access_char, &url->token));
}

bool imapurl_parse(struct arena *arena, struct slice text, struct imapurl *url_r)
{
    struct scan scan = scan_of(text);
    *url_r = (struct imapurl){0};
    return scan_server(arena, &scan, url_r) && scan_mailbox(arena, &scan, url_r) &&
           scan_section(arena, &scan, url_r) && scan_partial(&scan, url_r) &&
           scan_authorisation(&scan, text, url_r) && scan_at_end(&scan);
}
