/* SPDX-License-Identifier: ISC */
#include "tls_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/utf8.h"
#include "mail/date.h"
#include "mta_sts.h"

#define DAY_SECONDS INT64_C(86400)

/* What is no UTF-8 is left out: it came from elsewhere, and JSON has no room for it. */
static json_t *text_of(struct slice text)
{
    json_t *value = utf8_is_valid(text) ? json_stringn(text.data ? text.data : "", text.len) : NULL;
    return value ? value : json_string("");
}

static void set_text(json_t *object, const char *key, struct slice text)
{
    if (text.len > 0)
        json_object_set_new(object, key, text_of(text));
}

static json_t *make_range(int64_t day)
{
    char start[64], end[64];
    int64_t year;
    unsigned month, of_month;
    date_civil_from_days(day, &year, &month, &of_month);
    snprintf(start, sizeof(start), "%04" PRId64 "-%02u-%02uT00:00:00Z", year, month, of_month);
    snprintf(end, sizeof(end), "%04" PRId64 "-%02u-%02uT23:59:59Z", year, month, of_month);
    return json_pack("{s:s, s:s}", "start-datetime", start, "end-datetime", end);
}

static void set_lines(json_t *policy, struct slice text)
{
    json_t *lines = json_array();
    while (text.len > 0) {
        struct slice line = slice_split(&text, '\n');
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0)
            json_array_append_new(lines, text_of(line));
    }
    if (json_array_size(lines) > 0)
        json_object_set(policy, "policy-string", lines);
    json_decref(lines);
}

/* Section 4.4: of MTA-STS the patterns; the text says an array. */
static void set_hosts(json_t *policy, struct slice text)
{
    struct arena arena = {0};
    struct mta_sts_policy read;
    const char *why;
    if (mta_sts_parse_policy(&arena, text, &read, &why) == ERR_OK && read.mx_count > 0) {
        json_t *hosts = json_array();
        for (size_t i = 0; i < read.mx_count; i++)
            json_array_append_new(hosts, text_of(read.mx[i]));
        json_object_set_new(policy, "mx-host", hosts);
    }
    arena_free(&arena);
}

static json_t *make_policy(const struct tls_report *report, const struct tls_count *count)
{
    json_t *policy = json_object();
    set_text(policy, "policy-type", count->policy_type);
    set_lines(policy, count->policy_text);
    set_text(policy, "policy-domain", report->domain);
    if (slice_eq(count->policy_type, S("sts")))
        set_hosts(policy, count->policy_text);
    return policy;
}

static json_t *make_failure(const struct tls_count *count)
{
    json_t *failure = json_object();
    set_text(failure, "result-type", count->result);
    set_text(failure, "sending-mta-ip", count->sending_address);
    set_text(failure, "receiving-mx-hostname", count->host);
    set_text(failure, "receiving-ip", count->host_address);
    json_object_set_new(failure, "failed-session-count", json_integer((json_int_t)count->sessions));
    set_text(failure, "failure-reason-code", count->reason);
    return failure;
}

static bool is_same_policy(const struct tls_count *a, const struct tls_count *b)
{
    return slice_eq(a->policy_type, b->policy_type) && slice_eq(a->policy_text, b->policy_text);
}

/* The counts of one policy, from `first` on; the number of them. */
static size_t add_policy(json_t *policies, const struct tls_report *report, size_t first)
{
    const struct tls_count *counts = report->counts + first;
    json_t *failures = json_array(), *entry = json_object(), *summary;
    json_int_t good = 0, bad = 0;
    size_t count = 0;
    for (; first + count < report->count && is_same_policy(&counts[0], &counts[count]); count++) {
        bool failed = counts[count].result.len > 0;
        *(failed ? &bad : &good) += (json_int_t)counts[count].sessions;
        if (failed)
            json_array_append_new(failures, make_failure(&counts[count]));
    }
    summary =
        json_pack("{s:I, s:I}", "total-successful-session-count", good, "total-failure-session-count", bad);
    json_object_set_new(entry, "policy", make_policy(report, &counts[0]));
    json_object_set_new(entry, "summary", summary);
    if (json_array_size(failures) > 0)
        json_object_set(entry, "failure-details", failures);
    json_decref(failures);
    json_array_append_new(policies, entry);
    return count;
}

static int take_piece(const char *data, size_t size, void *out)
{
    buf_append(out, slice_of(data, size));
    return buf_ok(out) ? 0 : -1;
}

enum err tls_report_json(const struct tls_report *report, struct buf *out)
{
    json_t *root = json_object(), *policies = json_array();
    set_text(root, "organization-name", report->organization);
    json_object_set_new(root, "date-range", make_range(report->day));
    set_text(root, "contact-info", report->contact);
    set_text(root, "report-id", report->id);
    for (size_t i = 0; i < report->count;)
        i += add_policy(policies, report, i);
    json_object_set_new(root, "policies", policies);
    int failed = json_dump_callback(root, take_piece, out, JSON_COMPACT);
    json_decref(root);
    return failed ? ERR_TOO_LONG : ERR_OK;
}

const char *tls_report_file_name(const struct tls_report *report, struct arena *arena)
{
    return arena_printf(arena, "%.*s!%.*s!%" PRId64 "!%" PRId64 ".json.gz", SLICE_ARG(report->organization),
                        SLICE_ARG(report->domain), report->day * DAY_SECONDS,
                        (report->day + 1) * DAY_SECONDS - 1);
}

/* --- by mail --- */

#define BOUNDARY "=_tlsrpt" /* stands in none of the parts */
#define LINE     57         /* octets; 76 characters (RFC 2045 section 6.8) */

static void append_packed(struct buf *out, struct slice packed)
{
    while (packed.len > 0) {
        base64_encode(out, slice_take(packed, LINE));
        buf_append(out, S("\r\n"));
        packed = slice_skip(packed, LINE);
    }
}

static void append_header(const struct tls_report *report, struct slice to, int64_t now_us, struct buf *out)
{
    buf_printf(out, "From: TLS reports of %.*s <%.*s>\r\nTo: %.*s\r\nDate: ", SLICE_ARG(report->organization),
               SLICE_ARG(report->contact), SLICE_ARG(to));
    date_format(out, now_us / 1000000, 0);
    buf_printf(out,
               "\r\nSubject: Report Domain: %.*s\r\n Submitter: %.*s\r\n Report-ID: <%.*s@%.*s>\r\n"
               "Message-ID: <%.*s@%.*s>\r\n"
               "TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n",
               SLICE_ARG(report->domain), SLICE_ARG(report->organization), SLICE_ARG(report->id),
               SLICE_ARG(report->organization), SLICE_ARG(report->id), SLICE_ARG(report->organization),
               SLICE_ARG(report->domain), SLICE_ARG(report->organization));
    /* Section 3: it is to arrive however broken their TLS is. */
    buf_append(out, S("TLS-Required: No\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"));
}

void tls_report_message(const struct tls_report *report, struct slice to, struct slice packed, int64_t now_us,
                        struct buf *out)
{
    struct arena arena = {0};
    append_header(report, to, now_us, out);
    buf_append(out,
               S("Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"" BOUNDARY "\"\r\n\r\n"
                 "--" BOUNDARY "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"));
    buf_printf(out,
               "This is a report on the TLS of connections to the mail servers of\r\n%.*s, made by\r\n%.*s "
               "because the DNS asks for it (_smtp._tls.%.*s, RFC 8460).\r\n\r\n",
               SLICE_ARG(report->domain), SLICE_ARG(report->organization), SLICE_ARG(report->domain));
    buf_append(out, S("--" BOUNDARY "\r\nContent-Type: application/tlsrpt+gzip\r\n"
                      "Content-Transfer-Encoding: base64\r\n"));
    buf_printf(out, "Content-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n",
               tls_report_file_name(report, &arena));
    append_packed(out, packed);
    buf_append(out, S("--" BOUNDARY "--\r\n"));
    arena_free(&arena);
}
