/* SPDX-License-Identifier: ISC */
/* TLS reports: who wants them, and what stands in them (RFC 8460). */
#include <jansson.h>
#include <zlib.h>

#include "base/encode.h"
#include "check.h"
#include "net/gzip.h"
#include "tls_report.h"

static struct arena arena;

static int stop(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* --- the record --- */

/* "mail reports@example.com,web https://…", "none", "bad". */
static const char *targets_of(const char *first, const char *second)
{
    struct slice texts[] = {slice_from(first), slice_from(second)};
    struct tls_report_target *targets;
    size_t count;
    enum err err = tls_report_find_targets(texts, second ? 2 : 1, &arena, &targets, &count);
    const char *list = "";
    for (size_t i = 0; i < count && !err; i++)
        list = arena_printf(&arena, "%s%s%s %.*s", list, i ? "," : "", targets[i].is_mail ? "mail" : "web",
                            SLICE_ARG(targets[i].address));
    return err == ERR_NOT_FOUND ? "none" : err ? "bad" : list;
}

static void records_say_where_reports_go(void **state)
{
    (void)state;
    /* The examples of section 3.1. */
    assert_string_equal(targets_of("v=TLSRPTv1;rua=mailto:reports@example.com", NULL),
                        "mail reports@example.com");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt", NULL),
                        "web https://reporting.example.com/v1/tlsrpt");
    assert_string_equal(
        targets_of("v=TLSRPTv1; rua=mailto:a@example.com , https://b.example/x?y=%2C; c=d;", NULL),
        "mail a@example.com,web https://b.example/x?y=%2C");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=mailto:a%21b@example.com?subject=x", NULL),
                        "mail a!b@example.com");
    assert_string_equal(targets_of("v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@example.com"),
                        "mail a@example.com");
    /* What cannot be used is left out. */
    assert_string_equal(targets_of("v=TLSRPTv1; rua=http://a.example/,ftp://a.example,mailto:nobody", NULL),
                        "");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=mailto:a%0D%0ABcc:b@example.com", NULL), "");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=mailto:a@[192.0.2.1]", NULL), "");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=mailto:a%4", NULL), "");
    assert_string_equal(
        targets_of("v=TLSRPTv1; rua=https://1,https://2,https://3,https://4,https://5,https://6", NULL),
        "web https://1,web https://2,web https://3,web https://4,web https://5");
}

static void what_is_no_record_is_told_from_what_is_a_bad_one(void **state)
{
    (void)state;
    assert_string_equal(targets_of("", NULL), "none");
    assert_string_equal(targets_of("v=TLSRPTv1", NULL), "none");
    assert_string_equal(targets_of("v=TLSRPTv2; rua=mailto:a@example.com", NULL), "none");
    assert_string_equal(targets_of("v=TLSRPTv1;", NULL), "bad");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=", NULL), "bad");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=a b:c", NULL), "bad");
    assert_string_equal(targets_of("v=TLSRPTv1; rua=mailto:a@example.com; x", NULL), "bad");
    assert_string_equal(targets_of("v=TLSRPTv1; x=y", NULL), "bad");
    assert_string_equal(
        targets_of("v=TLSRPTv1; rua=mailto:a@example.com", "v=TLSRPTv1; rua=mailto:a@example.com"), "bad");
}

/* --- the report --- */

#define POLICY "version: STSv1\r\nmode: testing\r\nmx: *.mail.company-y.example\r\nmax_age: 86400\r\n"

static struct tls_count counted(const char *result, const char *sender, const char *host, const char *address,
                                const char *reason, uint64_t sessions)
{
    return (struct tls_count){.policy_type = S("sts"),
                              .policy_text = S(POLICY),
                              .result = slice_from(result),
                              .sending_address = slice_from(sender),
                              .host = slice_from(host),
                              .host_address = slice_from(address),
                              .reason = slice_from(reason),
                              .sessions = sessions};
}

static struct tls_report example(const struct tls_count *counts, size_t count)
{
    return (struct tls_report){.organization = S("Company-X"),
                               .contact = S("sts-reporting@company-x.example"),
                               .id = S("5065427c-23d3-47ca-b6e0-946ea0e8c4be"),
                               .domain = S("company-y.example"),
                               .day = 16892, /* 2016-04-01 */
                               .counts = counts,
                               .count = count};
}

/* Appendix B, without the link that we do not give; mx-host is an array, as section 4.4 has it. */
static const char *const appendix =
    "{\"organization-name\": \"Company-X\","
    " \"date-range\": {\"start-datetime\": \"2016-04-01T00:00:00Z\", \"end-datetime\": "
    "\"2016-04-01T23:59:59Z\"},"
    " \"contact-info\": \"sts-reporting@company-x.example\","
    " \"report-id\": \"5065427c-23d3-47ca-b6e0-946ea0e8c4be\","
    " \"policies\": [{"
    "  \"policy\": {\"policy-type\": \"sts\","
    "   \"policy-string\": [\"version: STSv1\", \"mode: testing\", \"mx: *.mail.company-y.example\","
    "    \"max_age: 86400\"],"
    "   \"policy-domain\": \"company-y.example\", \"mx-host\": [\"*.mail.company-y.example\"]},"
    "  \"summary\": {\"total-successful-session-count\": 5326, \"total-failure-session-count\": 303},"
    "  \"failure-details\": ["
    "   {\"result-type\": \"certificate-expired\", \"sending-mta-ip\": \"2001:db8:abcd:0012::1\","
    "    \"receiving-mx-hostname\": \"mx1.mail.company-y.example\", \"failed-session-count\": 100},"
    "   {\"result-type\": \"starttls-not-supported\", \"sending-mta-ip\": \"2001:db8:abcd:0013::1\","
    "    \"receiving-mx-hostname\": \"mx2.mail.company-y.example\", \"receiving-ip\": \"203.0.113.56\","
    "    \"failed-session-count\": 200},"
    "   {\"result-type\": \"validation-failure\", \"sending-mta-ip\": \"198.51.100.62\","
    "    \"receiving-ip\": \"203.0.113.58\","
    "    \"receiving-mx-hostname\": \"mx-backup.mail.company-y.example\", \"failed-session-count\": 3,"
    "    \"failure-reason-code\": \"X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED\"}]}]}";

static struct buf written(const struct tls_report *report)
{
    struct buf out;
    buf_init(&out, 100000);
    assert_ok(tls_report_json(report, &out));
    return out;
}

static void the_example_is_written(void **state)
{
    struct tls_count counts[] = {
        counted("", "", "", "", "", 5326),
        counted("certificate-expired", "2001:db8:abcd:0012::1", "mx1.mail.company-y.example", "", "", 100),
        counted("starttls-not-supported", "2001:db8:abcd:0013::1", "mx2.mail.company-y.example",
                "203.0.113.56", "", 200),
        counted("validation-failure", "198.51.100.62", "mx-backup.mail.company-y.example", "203.0.113.58",
                "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED", 3)};
    struct tls_report report = example(counts, ARRAY_LEN(counts));
    struct buf out = written(&report);
    (void)state;
    json_t *ours = json_loadb(out.data, out.len, 0, NULL), *theirs = json_loads(appendix, 0, NULL);
    assert_non_null(ours);
    assert_non_null(theirs);
    if (!json_equal(ours, theirs))
        fail_msg("%s", buf_cstr(&out));
    json_decref(ours);
    json_decref(theirs);
    buf_free(&out);
}

static void each_policy_has_its_own_counts(void **state)
{
    struct tls_count counts[] = {counted("", "", "", "", "", 1), counted("", "", "", "", "", 2),
                                 counted("dnssec-invalid", "", "mx.example.net", "", "bad \xff text", 4),
                                 counted("", "", "", "", "", 8)};
    (void)state;
    counts[0].policy_type = S("no-policy-found");
    counts[0].policy_text = SLICE_EMPTY;
    counts[2].policy_type = counts[3].policy_type = S("tlsa");
    counts[2].policy_text = counts[3].policy_text = S("3 1 1 0f\n2 0 1 1e\n");
    struct tls_report report = example(counts, ARRAY_LEN(counts));
    struct buf out = written(&report);
    json_t *root = json_loadb(out.data, out.len, 0, NULL), *policies = json_object_get(root, "policies");
    const char *type, *first;
    int good, bad;
    assert_int_equal(json_array_size(policies), 3);
    assert_int_equal(json_unpack(json_array_get(policies, 0), "{s:{s:s}, s:{s:i, s:i}}", "policy",
                                 "policy-type", &type, "summary", "total-successful-session-count", &good,
                                 "total-failure-session-count", &bad),
                     0);
    assert_string_equal(type, "no-policy-found");
    assert_int_equal(good, 1);
    assert_int_equal(bad, 0);
    assert_null(json_object_get(json_array_get(policies, 0), "failure-details"));
    assert_int_equal(json_unpack(json_array_get(policies, 2), "{s:{s:s, s:[s*]}, s:{s:i, s:i}}", "policy",
                                 "policy-type", &type, "policy-string", &first, "summary",
                                 "total-successful-session-count", &good, "total-failure-session-count",
                                 &bad),
                     0);
    assert_string_equal(type, "tlsa");
    assert_string_equal(first, "3 1 1 0f");
    assert_int_equal(good, 8);
    assert_int_equal(bad, 4);
    json_decref(root);
    buf_free(&out);
}

static void a_report_too_long_is_told(void **state)
{
    struct tls_count count = counted("", "", "", "", "", 1);
    struct tls_report report = example(&count, 1);
    struct buf out;
    (void)state;
    buf_init(&out, 100);
    assert_err(tls_report_json(&report, &out), ERR_TOO_LONG);
    buf_free(&out);
}

/* --- the message --- */

static void a_message_brings_it(void **state)
{
    struct tls_report report = example(NULL, 0);
    struct buf out;
    (void)state;
    report.organization = S("mail.sender.example.com");
    report.domain = S("example.net");
    buf_init(&out, 100000);
    tls_report_message(&report, S("reports@example.net"),
                       S("packed bytes that take more than one line of "
                         "base64, because there are so many of them"),
                       INT64_C(1459555200) * 1000000, &out);
    assert_true(buf_ok(&out));
    const char *expected =
        "From: TLS reports of mail.sender.example.com <sts-reporting@company-x.example>\r\n"
        "To: reports@example.net\r\n"
        "Date: Sat, 02 Apr 2016 00:00:00 +0000\r\n"
        "Subject: Report Domain: example.net\r\n Submitter: mail.sender.example.com\r\n"
        " Report-ID: <5065427c-23d3-47ca-b6e0-946ea0e8c4be@mail.sender.example.com>\r\n"
        "Message-ID: <5065427c-23d3-47ca-b6e0-946ea0e8c4be@mail.sender.example.com>\r\n"
        "TLS-Report-Domain: example.net\r\n"
        "TLS-Report-Submitter: mail.sender.example.com\r\n"
        "TLS-Required: No\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=\"=_tlsrpt\"\r\n"
        "\r\n"
        "--=_tlsrpt\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        "This is a report on the TLS of connections to the mail servers of\r\n"
        "example.net, made by\r\n"
        "mail.sender.example.com because the DNS asks for it (_smtp._tls.example.net, RFC 8460).\r\n"
        "\r\n"
        "--=_tlsrpt\r\n"
        "Content-Type: application/tlsrpt+gzip\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment;\r\n"
        " filename=\"mail.sender.example.com!example.net!1459468800!1459555199.json.gz\"\r\n"
        "\r\n"
        "cGFja2VkIGJ5dGVzIHRoYXQgdGFrZSBtb3JlIHRoYW4gb25lIGxpbmUgb2YgYmFzZTY0LCBiZWNh\r\n"
        "dXNlIHRoZXJlIGFyZSBzbyBtYW55IG9mIHRoZW0=\r\n"
        "--=_tlsrpt--\r\n";
    assert_text(buf_slice(&out), expected);
    buf_free(&out);
}

static void what_is_packed_can_be_unpacked(void **state)
{
    static const char text[] = "a text, a text, a text, a text, a text, a text";
    char back[sizeof(text)] = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    assert_ok(gzip_pack(slice_from(text), &out));
    assert_memory_equal(out.data, "\x1f\x8b", 2);
    z_stream stream = {.next_in = (unsigned char *)out.data,
                       .avail_in = (unsigned)out.len,
                       .next_out = (unsigned char *)back,
                       .avail_out = sizeof(back)};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    inflateEnd(&stream);
    assert_string_equal(back, text);
    buf_free(&out);
    buf_init(&out, 5);
    assert_err(gzip_pack(slice_from(text), &out), ERR_TOO_LONG);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_say_where_reports_go),
        cmocka_unit_test(what_is_no_record_is_told_from_what_is_a_bad_one),
        cmocka_unit_test(the_example_is_written),
        cmocka_unit_test(each_policy_has_its_own_counts),
        cmocka_unit_test(a_report_too_long_is_told),
        cmocka_unit_test(a_message_brings_it),
        cmocka_unit_test(what_is_packed_can_be_unpacked),
    };
    return cmocka_run_group_tests_name("relay/tls_report", tests, NULL, stop);
}
