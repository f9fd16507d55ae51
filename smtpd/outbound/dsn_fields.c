/* SPDX-License-Identifier: ISC */
/*
 * The part for programs (RFC 3464 section 2, RFC 3461 section 6.3, RFC 6533 section 4.1):
 *
 *     delivery-status-content  = per-message-fields 1*( CRLF per-recipient-fields )
 *     per-message-fields       = [ original-envelope-id-field CRLF ] reporting-mta-field CRLF …
 *                                [ arrival-date-field CRLF ] *( extension-field CRLF )
 *     per-recipient-fields     = [ original-recipient-field CRLF ] final-recipient-field CRLF
 *                                action-field CRLF status-field CRLF [ remote-mta-field CRLF ]
 *                                [ diagnostic-code-field CRLF ] [ last-attempt-date-field CRLF ]
 *                                [ final-log-id-field CRLF ] [ will-retry-until-field CRLF ] …
 */
#include <string.h>

#include "base/scan.h"
#include "base/utf8.h"
#include "dsn_private.h"
#include "mail/path.h"

#define TEXT_MAX 8192

/* A field whose body may be long and foreign. `text` is foreign; the rest of the line is ours. */
static void write_field(struct buf *out, const char *begin, struct slice text, bool global)
{
    struct buf clean;
    buf_init(&clean, TEXT_MAX);
    dsn_append_clean(&clean, slice_take(text, TEXT_MAX), !global);
    buf_append(out, slice_from(begin));
    dsn_append_wrapped(out, buf_slice(&clean), strlen(begin), " ");
    buf_append(out, S("\r\n"));
    buf_free(&clean);
}

/* xtext decoded; what is none stays as it is. */
static void write_xtext_field(struct buf *out, const char *begin, struct slice xtext, bool global)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    bool decoded = xtext_decode(&text, xtext) == ERR_OK;
    write_field(out, begin, decoded ? buf_slice(&text) : xtext, global);
    buf_free(&text);
}

/* --- the address type of RFC 6533 section 3 --- */

static void append_utf8(struct buf *out, uint32_t point)
{
    if (point < 0x80) {
        buf_append_char(out, (char)point);
    } else if (point < 0x800) {
        buf_append_char(out, (char)(0xc0 | point >> 6));
        buf_append_char(out, (char)(0x80 | (point & 0x3f)));
    } else if (point < 0x10000) {
        buf_append_char(out, (char)(0xe0 | point >> 12));
        buf_append_char(out, (char)(0x80 | (point >> 6 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (point & 0x3f)));
    } else {
        buf_append_char(out, (char)(0xf0 | point >> 18));
        buf_append_char(out, (char)(0x80 | (point >> 12 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (point >> 6 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (point & 0x3f)));
    }
}

/* EmbeddedUnicodeChar = %x5C.78 "{" HEXPOINT "}", HEXPOINT of 2 to 6 digits. Its length; 0: it is none. */
static size_t embedded_length(struct slice text, uint32_t *point_r)
{
    size_t at = 3;
    uint32_t point = 0;
    if (!slice_starts_with(text, S("\\x{")))
        return 0;
    for (; at < text.len && at < 9 && text.data[at] != '}'; at++) {
        char c = char_upper(text.data[at]);
        if (!char_is_digit(c) && !(c >= 'A' && c <= 'F'))
            return 0;
        point = point << 4 | (uint32_t)(char_is_digit(c) ? c - '0' : c - 'A' + 10);
    }
    *point_r = point;
    return at >= 5 && at < text.len && text.data[at] == '}' && point <= 0x10ffff ? at + 1 : 0;
}

/* The utf-8-address form of an encoded one. False: it does not conform. */
static bool decode_unitext(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        uint32_t point = 0;
        size_t length = embedded_length(text, &point);
        if (length > 0) {
            append_utf8(out, point);
        } else if (text.data[0] == '\\') {
            return false;
        } else {
            length = 1;
            buf_append_char(out, text.data[0]);
        }
        text = slice_skip(text, length);
    }
    return utf8_is_valid(buf_slice(out));
}

/* "an address that does not conform MUST be copied without alteration" */
static void write_original_recipient(struct buf *out, struct slice orcpt, bool global)
{
    struct slice address = orcpt, type = slice_split(&address, ';');
    struct buf begin, text;
    if (!address.data || type.len == 0 || type.len > 40)
        return;
    buf_init(&begin, 100);
    buf_init(&text, TEXT_MAX);
    buf_append(&begin, S("Original-Recipient: "));
    dsn_append_clean(&begin, type, true);
    buf_append_char(&begin, ';');
    if (!slice_eq_nocase(type, S("utf-8")))
        write_xtext_field(out, buf_cstr(&begin), address, global);
    else if (decode_unitext(address, &text) && buf_ok(&text))
        write_field(out, buf_cstr(&begin), buf_slice(&text), global);
    else
        write_field(out, buf_cstr(&begin), address, global);
    buf_free(&begin);
    buf_free(&text);
}

/* --- */

/* "smtp" codes are the server's (RFC 3461 section 9.2); what we found out ourselves has a type of our own. */
static void write_diagnostic(struct buf *out, const struct dsn_recipient *recipient, bool global)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (recipient->is_theirs && recipient->code > 0)
        buf_printf(&text, "%u ", recipient->code);
    buf_append(&text, slice_take(recipient->text, TEXT_MAX - 10));
    if (text.len > 0)
        write_field(out,
                    recipient->is_theirs && recipient->code > 0 ? "Diagnostic-Code: smtp; "
                                                                : "Diagnostic-Code: x-postern; ",
                    buf_slice(&text), global);
    buf_free(&text);
}

static void write_date_field(struct buf *out, const char *name, int64_t us)
{
    buf_printf(out, "%s: ", name);
    dsn_append_date(out, us);
    buf_append(out, S("\r\n"));
}

static void write_recipient(const struct dsn_report *report, const struct dsn_recipient *recipient,
                            bool global, struct buf *out)
{
    static const char *const actions[] = {[DSN_FAILED] = "failed",
                                          [DSN_DELAYED] = "delayed",
                                          [DSN_DELIVERED] = "delivered",
                                          [DSN_RELAYED] = "relayed",
                                          [DSN_EXPANDED] = "expanded"};
    char status[16];
    /* "mx.example.net" of "mx.example.net [192.0.2.1]" */
    struct slice host = recipient->host, host_name = slice_split(&host, ' ');
    dsn_status(recipient, report->action, status);
    buf_append(out, S("\r\n"));
    write_original_recipient(out, recipient->orcpt, global);
    write_field(out,
                utf8_is_ascii(recipient->address) ? "Final-Recipient: rfc822;" : "Final-Recipient: utf-8;",
                recipient->address, global);
    buf_printf(out, "Action: %s\r\nStatus: %s\r\n", actions[report->action], status);
    if (host_name.len > 0)
        write_field(out, "Remote-MTA: dns;", host_name, global);
    if (report->action == DSN_FAILED || report->action == DSN_DELAYED || recipient->is_theirs)
        write_diagnostic(out, recipient, global);
    if (recipient->last_attempt_us)
        write_date_field(out, "Last-Attempt-Date", recipient->last_attempt_us);
    if (report->trace.len > 0)
        write_field(out, "Final-Log-ID: ", report->trace, global);
    if (report->action == DSN_DELAYED)
        write_date_field(out, "Will-Retry-Until", report->expires_us);
}

void dsn_write_fields(const struct dsn_report *report, bool global, struct buf *out)
{
    if (report->envid.len > 0)
        write_xtext_field(out, "Original-Envelope-Id: ", report->envid, global);
    write_field(out, "Reporting-MTA: dns;", report->host, global);
    write_date_field(out, "Arrival-Date", report->arrived_us);
    for (size_t i = 0; i < report->count; i++)
        write_recipient(report, &report->recipients[i], global, out);
}
