/* SPDX-License-Identifier: ISC */
#include "dsn.h"

#include <stdio.h>
#include <string.h>

#include "base/scan.h"
#include "base/utf8.h"
#include "dsn_private.h"
#include "mail/date.h"
#include "mail/encoded_word.h"

#define SUBJECT_MAX 200
#define LINE_MAX    72  /* columns, where words allow it */
#define WORD_MAX    400 /* octets; RFC 5322 section 2.1.1 allows 998 in a line */

/* --- the status --- */

static size_t status_length(struct slice text)
{
    struct scan scan = scan_of(text);
    uint64_t class, number;
    if (!scan_number(&scan, 9, &class) || (class != 2 && class != 4 && class != 5) ||
        !scan_char(&scan, '.') || !scan_number(&scan, 999, &number) || !scan_char(&scan, '.') ||
        !scan_number(&scan, 999, &number))
        return 0;
    size_t length = text.len - scan.rest.len;
    return length < 16 && (scan.rest.len == 0 || scan.rest.data[0] == ' ') ? length : 0;
}

/* What servers without enhanced codes mean (RFC 5321 section 4.2.2 beside RFC 3463). */
static const struct {
    unsigned code;
    const char *detail; /* behind the class */
} codes[] = {{450, "2.0"}, {452, "3.1"}, {550, "1.0"}, {551, "1.6"},
             {552, "2.2"}, {553, "1.3"}, {556, "1.10"}};

/*
 * The class follows from what happened, whatever the server wrote (RFC 3464 section 2.3.4: a failure has 4 or
 * 5, and what is over is 5). What was tried in vain until its time was over is "delivery time expired" (RFC
 * 3463 section 3.5); what was refused for good keeps its detail.
 */
void dsn_status(const struct dsn_recipient *recipient, enum dsn_action action, char status[16])
{
    size_t length = status_length(recipient->text);
    unsigned class = action == DSN_FAILED ? 5 : action == DSN_DELAYED ? 4 : 2;
    char said = length > 0 ? recipient->text.data[0] : '\0';
    bool is_final = recipient->code / 100 == 5 || (recipient->code == 0 && said == '5');
    if (action == DSN_FAILED && !is_final) {
        snprintf(status, 16, "5.4.7");
        return;
    }
    if (length > 0 && (class == 2) == (said == '2')) {
        memcpy(status, recipient->text.data, length);
        status[length] = '\0';
        status[0] = (char)('0' + class);
        return;
    }
    const char *detail = class == 2 || recipient->code ? "0.0" : "4.1";
    for (size_t i = 0; i < ARRAY_LEN(codes) && class != 2; i++)
        if (codes[i].code == recipient->code)
            detail = codes[i].detail;
    snprintf(status, 16, "%u.%s", class, detail);
}

/* --- texts --- */

void dsn_append_clean(struct buf *out, struct slice text, bool ascii)
{
    while (text.len > 0) {
        size_t length = utf8_char_length(text);
        char c = text.data[0];
        if (c == '\n' || c == '\t')
            buf_append_char(out, ' ');
        else if (length == 0 || char_is_ctl(c) || (ascii && length > 1))
            buf_append_char(out, '?');
        else
            buf_append(out, slice_take(text, length));
        text = slice_skip(text, MAX_OF(length, (size_t)1));
    }
}

/* The next line of `text`: up to the last blank before the limit, or the first one behind it. */
static struct slice next_line(struct slice text, size_t limit)
{
    size_t end = 0;
    if (text.len <= limit)
        return text;
    for (size_t i = 1; i < text.len && i <= WORD_MAX; i++) {
        if (text.data[i] == ' ') {
            if (i > limit && end > 0)
                break;
            end = i;
            if (i >= limit)
                break;
        }
    }
    if (end > 0)
        return slice_take(text, end);
    return text.len <= WORD_MAX ? text : utf8_cut(text, WORD_MAX);
}

void dsn_append_wrapped(struct buf *out, struct slice text, size_t column, const char *indent)
{
    size_t limit = column < LINE_MAX - 20 ? LINE_MAX - column : 20;
    while (text.len > 0) {
        struct slice line = next_line(text, limit);
        buf_append(out, line);
        text = slice_skip(text, line.len);
        while (text.len > 0 && text.data[0] == ' ')
            text = slice_skip(text, 1);
        if (text.len > 0)
            buf_printf(out, "\r\n%s", indent);
        limit = LINE_MAX - strlen(indent);
    }
}

void dsn_append_date(struct buf *out, int64_t us)
{
    date_format(out, us / 1000000, date_local_zone(us / 1000000));
}

/* Of the message, as its reader saw it. */
static void read_subject(const struct dsn_report *report, struct buf *out)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf decoded;
    buf_init(&decoded, 16384);
    encoded_word_decode(&decoded, slice_take(report->subject, 4096), cache);
    dsn_append_clean(out, utf8_cut(buf_slice(&decoded), SUBJECT_MAX), false);
    buf_free(&decoded);
    charset_cache_free(cache);
}

/* --- the header, and the parts --- */

/* Whether the forms of RFC 6533 are needed for the addresses. */
static bool is_global(const struct dsn_report *report)
{
    bool global = !utf8_is_ascii(report->sender);
    for (size_t i = 0; i < report->count && !global; i++)
        global = !utf8_is_ascii(report->recipients[i].address) ||
                 slice_starts_with_nocase(report->recipients[i].orcpt, S("utf-8;"));
    return global;
}

static bool has_8bit(struct slice text)
{
    return !utf8_is_ascii(text);
}

static void write_boundary(const struct dsn_report *report, struct buf *out)
{
    buf_printf(out, "=_%.*s", SLICE_ARG(slice_take(report->id, 60)));
}

/* The header of a part, by its content's need. */
static void write_part(const struct dsn_report *report, const char *type, bool is_8bit, struct buf *out)
{
    const char *encoding = !is_8bit          ? ""
                           : report->is_7bit ? "Content-Transfer-Encoding: quoted-printable\r\n"
                                             : "Content-Transfer-Encoding: 8bit\r\n";
    buf_append(out, S("\r\n--"));
    write_boundary(report, out);
    buf_printf(out, "\r\nContent-Type: %s\r\n%s\r\n", type, encoding);
}

static void write_content(const struct dsn_report *report, struct slice content, struct buf *out)
{
    if (report->is_7bit && has_8bit(content))
        dsn_append_quoted(out, content);
    else
        buf_append(out, content);
}

static void write_subject(const struct dsn_report *report, struct slice subject, struct buf *out)
{
    static const char *const titles[][5] = {[LANGUAGE_ENGLISH] = {[DSN_FAILED] = "Not delivered",
                                                                  [DSN_DELAYED] = "Not delivered yet",
                                                                  [DSN_DELIVERED] = "Delivered",
                                                                  [DSN_RELAYED] = "Passed on",
                                                                  [DSN_EXPANDED] = "Delivered to a group"},
                                            [LANGUAGE_GERMAN] = {[DSN_FAILED] = "Nicht zugestellt",
                                                                 [DSN_DELAYED] = "Noch nicht zugestellt",
                                                                 [DSN_DELIVERED] = "Zugestellt",
                                                                 [DSN_RELAYED] = "Weitergegeben",
                                                                 [DSN_EXPANDED] = "Einer Gruppe zugestellt"}};
    static const char *const nameless[] = {
        [LANGUAGE_ENGLISH] = "your message", [LANGUAGE_GERMAN] = "Ihre Nachricht"};
    struct buf words;
    buf_init(&words, 8192);
    buf_printf(&words, "Subject: %s: ", titles[report->language][report->action]);
    if (subject.len > 0)
        encoded_word_append(&words, subject);
    else if (report->count == 1 && utf8_is_ascii(report->recipients[0].address))
        dsn_append_clean(&words, report->recipients[0].address, true);
    else
        buf_append(&words, slice_from(nameless[report->language]));
    dsn_append_wrapped(out, buf_slice(&words), 0, " ");
    buf_append(out, S("\r\n"));
    buf_free(&words);
}

/* What may stand in a field as a msg-id: our queue keeps what the message had, cut. */
static bool is_message_id(struct slice id)
{
    if (id.len < 3 || id.len > 500 || id.data[0] != '<' || id.data[id.len - 1] != '>')
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (id.data[i] <= ' ' || id.data[i] > '~')
            return false;
    return true;
}

static void write_header(const struct dsn_report *report, struct slice subject, bool is_8bit, struct buf *out)
{
    buf_printf(out, "From: Mail Delivery System <MAILER-DAEMON@%.*s>\r\nTo: <", SLICE_ARG(report->host));
    dsn_append_clean(out, report->sender, false);
    buf_append(out, S(">\r\n"));
    write_subject(report, subject, out);
    buf_append(out, S("Date: "));
    dsn_append_date(out, report->now_us);
    buf_printf(out, "\r\nMessage-ID: <%.*s@%.*s>\r\n", SLICE_ARG(report->id), SLICE_ARG(report->host));
    if (is_message_id(report->message_id))
        buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", SLICE_ARG(report->message_id),
                   SLICE_ARG(report->message_id));
    /* RFC 3834 section 5: nobody answers this by a machine. */
    buf_append(out, S("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type="));
    buf_append(out, is_global(report) ? S("global-delivery-status") : S("delivery-status"));
    buf_append(out, S(";\r\n boundary=\""));
    write_boundary(report, out);
    buf_printf(out, "\"\r\n%s\r\nThis is a report on the delivery of a message, in MIME.\r\n",
               is_8bit ? "Content-Transfer-Encoding: 8bit\r\n" : "");
}

static const char *original_type(const struct dsn_report *report)
{
    if (report->returns_message)
        return report->original_is_utf8 ? "message/global" : "message/rfc822";
    return report->original_is_utf8 ? "message/global-headers" : "text/rfc822-headers";
}

bool dsn_write_begin(const struct dsn_report *report, struct buf *out)
{
    bool global = is_global(report);
    struct buf subject, text, fields;
    buf_init(&subject, (size_t)2 * SUBJECT_MAX);
    buf_init(&text, out->cap);
    buf_init(&fields, out->cap);
    read_subject(report, &subject);
    dsn_write_text(report, buf_slice(&subject), &text);
    dsn_write_fields(report, global, &fields);
    bool is_8bit = has_8bit(buf_slice(&text)) || has_8bit(buf_slice(&fields)) || report->original_is_8bit;
    is_8bit &= !report->is_7bit;
    write_header(report, buf_slice(&subject), is_8bit, out);
    write_part(report,
               report->language == LANGUAGE_GERMAN ? "text/plain; charset=utf-8\r\nContent-Language: de"
                                                   : "text/plain; charset=utf-8\r\nContent-Language: en",
               has_8bit(buf_slice(&text)), out);
    write_content(report, buf_slice(&text), out);
    write_part(report, global ? "message/global-delivery-status" : "message/delivery-status",
               has_8bit(buf_slice(&fields)), out);
    write_content(report, buf_slice(&fields), out);
    write_part(report, original_type(report), report->original_is_8bit, out);
    buf_free(&subject);
    buf_free(&text);
    buf_free(&fields);
    return is_8bit || !utf8_is_ascii(report->sender);
}

void dsn_write_original(const struct dsn_report *report, struct slice original, struct buf *out)
{
    write_content(report, original, out);
}

void dsn_write_end(const struct dsn_report *report, struct buf *out)
{
    buf_append(out, S("\r\n--"));
    write_boundary(report, out);
    buf_append(out, S("--\r\n"));
}
