/* SPDX-License-Identifier: ISC */
/*
 * Trace lines, RFC 5321 section 4.4:
 *
 *     Time-stamp-line = "Received:" FWS Stamp CRLF
 *     Stamp           = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
 *     From-domain     = "FROM" FWS Extended-Domain
 *     Extended-Domain = Domain / ( Domain FWS "(" TCP-info ")" ) / ( address-literal FWS "(" TCP-info ")" )
 *     TCP-info        = address-literal / ( Domain FWS address-literal )
 *     Return-path-line = "Return-Path:" FWS Reverse-path CRLF
 *
 * What the client said in HELO is written only as far as it looks like a domain or an address literal.
 */
#include "mail/trace.h"

#include <sodium.h>

#include "mail/date.h"

#define LINE_MAX_COLUMNS 78 /* RFC 5322 section 2.1.1 */
#define FOREIGN_MAX      255
#define TRACE_CAP        8192

/* A line that is being filled: words go on it while they fit. */
struct folder {
    struct buf *out;
    size_t column;
};

static void fold(struct folder *folder)
{
    buf_append(folder->out, S("\r\n"));
    folder->column = 0;
}

/* `text` is not broken: it goes behind a space on this line or on the next one. */
static void put(struct folder *folder, struct slice text)
{
    if (folder->column > 1 && folder->column + 1 + text.len > LINE_MAX_COLUMNS) {
        fold(folder);
    }
    buf_append_char(folder->out, ' ');
    buf_append(folder->out, text);
    folder->column += 1 + text.len;
}

static bool is_host_char(char c)
{
    return char_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']' ||
           (unsigned char)c >= 0x80;
}

/* Foreign text with everything that has a meaning in the grammar (parentheses, ";", "@", quotes, controls,
 * blanks) as "?". */
static void append_host(struct buf *out, struct slice host)
{
    for (size_t i = 0; i < host.len && i < FOREIGN_MAX; i++) {
        buf_append_char(out, is_host_char(host.data[i]) ? host.data[i] : '?');
    }
}

/* For the text of comments: TLS version and cipher, protocol, id. */
static void append_words(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len && i < FOREIGN_MAX; i++) {
        char c = text.data[i];
        bool good = is_host_char(c) || c == ' ' || c == '/' || c == '+';
        buf_append_char(out, good ? c : '?');
    }
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
static void append_client_literal(struct buf *out, struct slice address)
{
    buf_append(out, slice_has(address, ':') ? S("[IPv6:") : S("["));
    append_host(out, address);
    buf_append(out, S("]"));
}

static void put_from(struct folder *folder, const struct trace_received *received)
{
    struct buf text;
    buf_init(&text, TRACE_CAP);
    append_host(&text, received->helo);
    if (text.len == 0 && received->client_address.len > 0) {
        append_client_literal(&text, received->client_address);
    }
    if (text.len > 0) {
        put(folder, S("from"));
        put(folder, buf_slice(&text));
    }
    if (text.len > 0 && received->client_address.len > 0) {
        buf_clear(&text);
        buf_append_char(&text, '(');
        append_host(&text, received->client_name);
        buf_append(&text, text.len > 1 ? S(" ") : SLICE_EMPTY);
        append_client_literal(&text, received->client_address);
        buf_append_char(&text, ')');
        put(folder, buf_slice(&text));
    }
    if (text.len > 0) {
        fold(folder);
    }
    buf_free(&text);
}

static void put_clean(struct folder *folder, struct slice before, struct slice words, struct slice after)
{
    struct buf text;
    buf_init(&text, TRACE_CAP);
    buf_append(&text, before);
    append_words(&text, words);
    buf_append(&text, after);
    put(folder, buf_slice(&text));
    buf_free(&text);
}

/* The recipient was parsed and formatted by us; line ends and angle brackets are kept out all the same. */
static void put_recipient(struct folder *folder, struct slice recipient)
{
    struct buf text;
    buf_init(&text, TRACE_CAP);
    buf_append_char(&text, '<');
    for (size_t i = 0; i < recipient.len && i < FOREIGN_MAX + ADDRESS_MAX; i++) {
        buf_append_char(&text, char_is_ctl(recipient.data[i]) ? '?' : recipient.data[i]);
    }
    buf_append(&text, S(">;"));
    fold(folder);
    put(folder, S("for"));
    put(folder, buf_slice(&text));
    buf_free(&text);
}

void trace_append_received(struct buf *out, const struct trace_received *received)
{
    struct folder folder = {.out = out, .column = sizeof("Received:") - 1};
    struct buf date;
    buf_init(&date, 64);
    date_format(&date, received->seconds, received->zone_minutes);

    buf_append(out, S("Received:"));
    if (!received->hide_client) {
        put_from(&folder, received);
    }
    put(&folder, S("by"));
    put_clean(&folder, SLICE_EMPTY, received->host, S(" (Postern)"));
    put_clean(&folder, S("with "), received->protocol, SLICE_EMPTY);
    put_clean(&folder, S("id "), received->id,
              received->tls.len || received->recipient.len ? SLICE_EMPTY : S(";"));
    if (received->tls.len > 0) {
        fold(&folder);
        put_clean(&folder, S("("), received->tls, received->recipient.len ? S(")") : S(");"));
    }
    if (received->recipient.len > 0) {
        put_recipient(&folder, received->recipient);
    }
    put(&folder, buf_slice(&date));
    fold(&folder);
    buf_free(&date);
}

void trace_append_return_path(struct buf *out, const struct address *path)
{
    buf_append(out, S("Return-Path: <"));
    address_format(out, path);
    buf_append(out, S(">\r\n"));
}

void trace_id_make(char id[TRACE_ID_LEN + 1])
{
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    unsigned char random[TRACE_ID_LEN];
    randombytes_buf(random, sizeof(random));
    for (size_t i = 0; i < TRACE_ID_LEN; i++) {
        id[i] = base32[random[i] % 32];
    }
    id[TRACE_ID_LEN] = '\0';
}

void trace_append_message_id(struct buf *out, struct slice host, int64_t seconds)
{
    char id[TRACE_ID_LEN + 1];
    int64_t year;
    unsigned month, day;
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    unsigned second = (unsigned)(seconds - days * 86400);
    date_civil_from_days(days, &year, &month, &day);
    trace_id_make(id);
    buf_printf(out, "<%04lld%02u%02u%02u%02u%02u.%s@", (long long)year, month, day, second / 3600,
               second / 60 % 60, second % 60, id);
    append_host(out, host);
    buf_append_char(out, '>');
}
