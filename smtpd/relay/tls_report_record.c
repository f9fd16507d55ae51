/* SPDX-License-Identifier: ISC */
/* Who wants reports. */
#include "base/encode.h"
#include "mail/address.h"
#include "tls_report.h"
#include "txt_record.h"

#define VERSION S("v=TLSRPTv1")

/*
 * tlsrpt-record    = tlsrpt-version 1*(field-delim tlsrpt-field) [field-delim]      RFC 8460 section 3
 * field-delim      = *WSP ";" *WSP
 * tlsrpt-field     = tlsrpt-rua / tlsrpt-extension
 * tlsrpt-version   = %s"v=TLSRPTv1"
 * tlsrpt-rua       = %s"rua=" tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri)
 * tlsrpt-uri       = URI         ; "!", "," and ";" stand there percent-encoded
 * tlsrpt-extension = tlsrpt-ext-name "=" tlsrpt-ext-value
 */
static bool is_uri(struct slice uri)
{
    for (size_t i = 0; i < uri.len; i++)
        if (uri.data[i] <= ' ' || uri.data[i] > '~')
            return false;
    return slice_has(uri, ':');
}

/* RFC 3986 section 2.1. False: it is malformed. */
static bool decode(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            buf_append_char(out, text.data[i]);
            continue;
        }
        if (text.len - i < 3 || hex_decode(out, slice_take(slice_skip(text, i + 1), 2)))
            return false;
        i += 2;
    }
    return buf_ok(out);
}

/* RFC 6068: the address alone; header fields that the link asks for are none of ours. */
static bool take_mail(struct slice link, struct arena *arena, struct slice *address_r)
{
    struct slice path = slice_take(link, slice_find(link, '?'));
    struct address parsed;
    struct buf decoded;
    buf_init(&decoded, 1000);
    bool good = decode(path, &decoded) &&
                address_parse(arena, buf_slice(&decoded), false, &parsed) == ERR_OK &&
                !address_is_literal(parsed.domain);
    if (good)
        *address_r = arena_copy(arena, buf_slice(&decoded));
    buf_free(&decoded);
    return good;
}

struct reading {
    struct arena *arena;
    struct tls_report_target *targets;
    size_t count;
    bool has_rua;
};

static bool take_uris(struct reading *reading, struct slice value)
{
    if (value.len == 0)
        return false;
    while (value.data) {
        struct slice uri = slice_trim(slice_split(&value, ','));
        struct tls_report_target target = {.is_mail = slice_starts_with_nocase(uri, S("mailto:"))};
        if (!is_uri(uri))
            return false;
        bool good = target.is_mail ? take_mail(slice_skip(uri, 7), reading->arena, &target.address)
                                   : slice_starts_with_nocase(uri, S("https://"));
        if (good && !target.is_mail)
            target.address = arena_copy(reading->arena, uri);
        if (good && reading->count < TLS_REPORT_TARGETS_MAX)
            reading->targets[reading->count++] = target;
    }
    return true;
}

static enum err parse_record(struct reading *reading, struct slice text)
{
    slice_split(&text, ';'); /* the version */
    while (text.data) {
        struct slice field = slice_trim(slice_split(&text, ';'));
        if (field.len == 0 && !text.data)
            break; /* the delimiter at the end */
        size_t equals = slice_find(field, '=');
        if (equals == 0 || equals == field.len)
            return ERR_SYNTAX;
        if (slice_eq(slice_take(field, equals), S("rua"))) {
            if (!take_uris(reading, slice_skip(field, equals + 1)))
                return ERR_SYNTAX;
            reading->has_rua = true;
        }
    }
    return reading->has_rua ? ERR_OK : ERR_SYNTAX;
}

enum err tls_report_find_targets(const struct slice *texts, size_t count, struct arena *arena,
                                 struct tls_report_target **targets_r, size_t *count_r)
{
    struct reading reading = {
        .arena = arena, .targets = arena_array(arena, struct tls_report_target, TLS_REPORT_TARGETS_MAX)};
    struct slice record;
    enum err err = txt_record_find(texts, count, VERSION, &record);
    if (!err)
        err = parse_record(&reading, record);
    if (err)
        return err;
    *targets_r = reading.targets;
    *count_r = reading.count;
    return ERR_OK;
}
