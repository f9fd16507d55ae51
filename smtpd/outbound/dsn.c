/* SPDX-License-Identifier: ISC */
#include "dsn.h"

#include <stdio.h>
#include <string.h>

#include "base/scan.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/path.h"

/* Recipients that are told of in words; the rest is for programs only. */
#define TOLD_MAX 50

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] > 127)
            return false;
    return true;
}

/* Whether the forms of RFC 6533 are needed. */
static bool is_global(const struct dsn_report *report)
{
    bool global = report->original_is_utf8 || !is_ascii(report->sender);
    for (size_t i = 0; i < report->count && !global; i++)
        global = !is_ascii(report->recipients[i].address);
    return global;
}

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

void dsn_status(const struct dsn_recipient *recipient, enum dsn_action action, char status[16])
{
    size_t length = status_length(recipient->text);
    unsigned class = action == DSN_FAILED ? 5 : action == DSN_DELAYED ? 4 : 2;
    const char *detail = recipient->code ? "0.0" : "4.1";
    if (length > 0) {
        memcpy(status, recipient->text.data, length);
        status[length] = '\0';
        /* What was tried in vain until its time was over is final. */
        if (action == DSN_FAILED && status[0] == '4')
            snprintf(status, 16, "5.4.7");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == recipient->code)
            detail = codes[i].detail;
    if (action == DSN_FAILED && recipient->code / 100 != 5)
        detail = "4.7";
    snprintf(status, 16, "%u.%s", class, class == 2 ? "0.0" : detail);
}

/* --- the header and the words --- */

static void write_boundary(const struct dsn_report *report, struct buf *out)
{
    buf_printf(out, "=_%.*s", SLICE_ARG(report->id));
}

static void write_part(const struct dsn_report *report, const char *type, struct buf *out)
{
    buf_append(out, S("\r\n--"));
    write_boundary(report, out);
    buf_printf(out, "\r\nContent-Type: %s\r\n", type);
}

static const char *title(const struct dsn_report *report)
{
    static const char *const titles[] = {[DSN_FAILED] = "Not delivered",
                                         [DSN_DELAYED] = "Not delivered yet",
                                         [DSN_DELIVERED] = "Delivered",
                                         [DSN_RELAYED] = "Passed on",
                                         [DSN_EXPANDED] = "Delivered to a group"};
    return titles[report->action];
}

static void write_subject(const struct dsn_report *report, struct buf *out)
{
    buf_printf(out, "Subject: %s: ", title(report));
    if (report->subject.len > 0)
        encoded_word_append(out, slice_take(report->subject, 200));
    else if (report->count == 1 && is_ascii(report->recipients[0].address))
        buf_printf(out, "to %.*s", SLICE_ARG(report->recipients[0].address));
    else
        buf_append(out, S("your message"));
    buf_append(out, S("\r\n"));
}

static void write_date(struct buf *out, int64_t us)
{
    date_format(out, us / 1000000, date_local_zone(us / 1000000));
}

static void write_header(const struct dsn_report *report, struct buf *out)
{
    buf_printf(out, "From: Mail delivery at %.*s <MAILER-DAEMON@%.*s>\r\n", SLICE_ARG(report->host),
               SLICE_ARG(report->host));
    buf_printf(out, "To: <%.*s>\r\n", SLICE_ARG(report->sender));
    write_subject(report, out);
    buf_append(out, S("Date: "));
    write_date(out, report->now_us);
    buf_printf(out, "\r\nMessage-ID: <%.*s@%.*s>\r\n", SLICE_ARG(report->id), SLICE_ARG(report->host));
    if (report->message_id.len > 0 && is_ascii(report->message_id))
        buf_printf(out, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", SLICE_ARG(report->message_id),
                   SLICE_ARG(report->message_id));
    /* RFC 3834 section 5: nobody answers this by a machine. */
    buf_append(out, S("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type="));
    buf_append(out, is_global(report) ? S("global-delivery-status") : S("delivery-status"));
    buf_append(out, S(";\r\n boundary=\""));
    write_boundary(report, out);
    buf_append(out, S("\"\r\n\r\nThis is a report on the delivery of a message, in MIME.\r\n"));
}

static void write_introduction(const struct dsn_report *report, struct buf *out)
{
    static const char *const one[] = {
        [DSN_FAILED] = "Your message could not be delivered. It will not be tried again.",
        [DSN_DELAYED] =
            "Your message could not be delivered yet. You need not do anything: it will be tried again.",
        [DSN_DELIVERED] = "Your message was delivered, as you wanted to know.",
        [DSN_RELAYED] = "Your message was passed on to the next mail server, which does not tell whether it "
                        "delivers it.",
        [DSN_EXPANDED] = "Your message was delivered to an address that stands for several people, and goes "
                         "on to each of them."};
    buf_printf(out, "%s\r\n\r\n", one[report->action]);
    if (report->subject.len > 0)
        buf_printf(out, "    Subject:  %.*s\r\n", SLICE_ARG(slice_take(report->subject, 200)));
    buf_append(out, S("    Sent:     "));
    write_date(out, report->arrived_us);
    buf_append(out, S("\r\n"));
    if (report->action == DSN_DELAYED) {
        buf_append(out, S("    Tried until: "));
        write_date(out, report->expires_us);
        buf_append(out, S("\r\n"));
    }
}

/* Line by line, so that nothing of it can be taken for ours. */
static void write_quote(struct slice text, struct buf *out)
{
    while (text.len > 0) {
        struct slice line = slice_split(&text, '\n');
        buf_printf(out, "    > %.*s\r\n", SLICE_ARG(line));
    }
}

static void write_words(const struct dsn_report *report, const struct dsn_recipient *recipient,
                        struct buf *out)
{
    char status[16];
    dsn_status(recipient, report->action, status);
    buf_printf(out, "\r\nTo %.*s\r\n", SLICE_ARG(recipient->address));
    if (report->action != DSN_FAILED && report->action != DSN_DELAYED)
        return;
    /* When time is over, what was in the way is of more use than that it is. */
    char reason[16];
    dsn_status(recipient, DSN_DELAYED, reason);
    bool is_late = report->action == DSN_FAILED && strcmp(status, "5.4.7") == 0;
    struct dsn_words words = dsn_words_for(is_late ? reason : status);
    if (is_late)
        buf_append(out, S("    It was tried again and again, until the time for it was over.\r\n"));
    buf_printf(out, "    %s\r\n", words.what);
    if (report->action == DSN_FAILED && words.todo[0])
        buf_printf(out, "    %s\r\n", words.todo);
    if (recipient->text.len == 0)
        return;
    if (recipient->is_theirs && recipient->host.len > 0)
        buf_printf(out, "    %.*s said:\r\n", SLICE_ARG(recipient->host));
    else
        buf_append(out, S("    In the words of this mail server:\r\n"));
    write_quote(recipient->text, out);
}

static void write_text(const struct dsn_report *report, struct buf *out)
{
    write_part(report, "text/plain; charset=utf-8", out);
    buf_append(out, S("Content-Transfer-Encoding: 8bit\r\n\r\n"));
    write_introduction(report, out);
    for (size_t i = 0; i < report->count && i < TOLD_MAX; i++)
        write_words(report, &report->recipients[i], out);
    if (report->count > TOLD_MAX)
        buf_printf(out, "\r\nand %zu more recipients, who are listed in the technical part.\r\n",
                   report->count - TOLD_MAX);
    buf_printf(out, "\r\n-- \r\nThe mail server %.*s\r\n", SLICE_ARG(report->host));
}

/* --- for programs (RFC 3464 section 2) --- */

/* A field's body on one line. */
static void write_line(struct slice text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        buf_append_char(out, c == '\n' ? ' ' : (unsigned char)c < ' ' || c == 0x7f ? '?' : c);
    }
}

/* "mx.example.net" of "mx.example.net [192.0.2.1]" */
static struct slice host_name(struct slice host)
{
    return slice_split(&host, ' ');
}

static void write_status(const struct dsn_report *report, const struct dsn_recipient *recipient,
                         struct buf *out)
{
    static const char *const actions[] = {[DSN_FAILED] = "failed",
                                          [DSN_DELAYED] = "delayed",
                                          [DSN_DELIVERED] = "delivered",
                                          [DSN_RELAYED] = "relayed",
                                          [DSN_EXPANDED] = "expanded"};
    char status[16];
    dsn_status(recipient, report->action, status);
    buf_append(out, S("\r\n"));
    if (recipient->orcpt.len > 0) {
        struct slice address = recipient->orcpt, type = slice_split(&address, ';');
        buf_printf(out, "Original-Recipient: %.*s;", SLICE_ARG(type));
        if (xtext_decode(out, address))
            write_line(address, out);
        buf_append(out, S("\r\n"));
    }
    buf_printf(out, "Final-Recipient: %s;%.*s\r\nAction: %s\r\nStatus: %s\r\n",
               is_ascii(recipient->address) ? "rfc822" : "utf-8", SLICE_ARG(recipient->address),
               actions[report->action], status);
    if (recipient->is_theirs && recipient->host.len > 0)
        buf_printf(out, "Remote-MTA: dns;%.*s\r\n", SLICE_ARG(host_name(recipient->host)));
    if (recipient->is_theirs && recipient->code > 0) {
        buf_printf(out, "Diagnostic-Code: smtp;%u ", recipient->code);
        write_line(recipient->text, out);
        buf_append(out, S("\r\n"));
    }
    if (recipient->last_attempt_us) {
        buf_append(out, S("Last-Attempt-Date: "));
        write_date(out, recipient->last_attempt_us);
        buf_append(out, S("\r\n"));
    }
    if (report->action == DSN_DELAYED) {
        buf_append(out, S("Will-Retry-Until: "));
        write_date(out, report->expires_us);
        buf_append(out, S("\r\n"));
    }
}

static void write_statuses(const struct dsn_report *report, struct buf *out)
{
    write_part(report, is_global(report) ? "message/global-delivery-status" : "message/delivery-status", out);
    if (is_global(report))
        buf_append(out, S("Content-Transfer-Encoding: 8bit\r\n"));
    buf_printf(out, "\r\nReporting-MTA: dns;%.*s\r\n", SLICE_ARG(report->host));
    if (report->envid.len > 0) {
        buf_append(out, S("Original-Envelope-Id: "));
        if (xtext_decode(out, report->envid))
            write_line(report->envid, out);
        buf_append(out, S("\r\n"));
    }
    buf_append(out, S("Arrival-Date: "));
    write_date(out, report->arrived_us);
    buf_append(out, S("\r\n"));
    for (size_t i = 0; i < report->count; i++)
        write_status(report, &report->recipients[i], out);
}

void dsn_write_begin(const struct dsn_report *report, struct buf *out)
{
    write_header(report, out);
    write_text(report, out);
    write_statuses(report, out);
    if (report->returns_message)
        write_part(report, report->original_is_utf8 ? "message/global" : "message/rfc822", out);
    else
        write_part(report, report->original_is_utf8 ? "message/global-headers" : "text/rfc822-headers", out);
    buf_append(out, S("\r\n"));
}

void dsn_write_end(const struct dsn_report *report, struct buf *out)
{
    buf_append(out, S("\r\n--"));
    write_boundary(report, out);
    buf_append(out, S("--\r\n"));
}
