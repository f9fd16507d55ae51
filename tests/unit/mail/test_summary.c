/* SPDX-License-Identifier: ISC */
/* The texts that IMAP sends: ENVELOPE, BODYSTRUCTURE and BODY of given messages, and the rest of the summary.
 */
#include "check.h"

#include "mail_check.h"

static struct parsed parse(struct slice text)
{
    struct parsed parsed;
    parsed_make(&parsed, text, 0, NULL);
    const char *wrong = check_parsed(&parsed, text);
    if (wrong) {
        fail_msg("%s in '%.*s'", wrong, SLICE_ARG(text));
    }
    return parsed;
}

static void test_envelope(void **state)
{
    (void)state;
    static const struct {
        struct slice header;
        const char *envelope;
    } cases[] = {
        {S(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"},
        /* RFC 3501 section 8 */
        {S("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nSubject: IMAP4rev1 WG mtg summary and minutes\r\n"
           "From: Terry Gray <gray@cac.washington.edu>\r\nTo: imap@cac.washington.edu\r\n"
           "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
           "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"),
         "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
         "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" "
         "\"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" "
         "\"cac.washington.edu\")) ((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL "
         "\"KLENSIN\" "
         "\"MIT.EDU\")) NIL NIL \"<B27397-0100000@cac.washington.edu>\")"},
        /* a group, a route, an empty Sender, two To fields, In-Reply-To */
        {S("From: a@x\r\nSender: \r\nReply-To: r@x\r\nTo: G: b@x, <@r:c@x>;\r\nTo: d@x\r\nBcc: ,\r\n"
           "In-Reply-To: <1@x>\r\n <2@x>\r\n"),
         "(NIL NIL ((NIL NIL \"a\" \"x\")) ((NIL NIL \"a\" \"x\")) ((NIL NIL \"r\" \"x\")) ((NIL NIL \"G\" "
         "NIL)(NIL NIL "
         "\"b\" \"x\")(NIL \"@r\" \"c\" \"x\")(NIL NIL NIL NIL)(NIL NIL \"d\" \"x\")) NIL NIL \"<1@x> "
         "<2@x>\" NIL)"},
        /* quotes and backslashes; a bare word has an empty host, not NIL, which would begin a group */
        {S("Subject: say \"hi\" \\o/\r\nFrom: \"A \\\"B\\\"\" <\"a\\\\b\"@x>, daemon\r\n"),
         "(NIL \"say \\\"hi\\\" \\\\o/\" ((\"A \\\"B\\\"\" NIL \"a\\\\b\" \"x\")(NIL NIL \"daemon\" \"\")) "
         "((\"A "
         "\\\"B\\\"\" NIL \"a\\\\b\" \"x\")(NIL NIL \"daemon\" \"\")) ((\"A \\\"B\\\"\" NIL \"a\\\\b\" "
         "\"x\")(NIL NIL "
         "\"daemon\" \"\")) NIL NIL NIL NIL NIL)"},
        /* the first of two subjects; empty is not missing; folds and NUL */
        {S("Subject:\r\nSubject: two\r\nDate: a\r\n\tb\0c\r\n"),
         "(\"a b c\" \"\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
        /* raw UTF-8, and what is none */
        {S("Subject: Gr\xc3\xbc\xc3\x9f"
           "e an alle\r\nTo: J\xc3\xb6rg <j\xc3\xb6@b\xc3\xbc"
           "cher.x>\r\n"),
         "(NIL \"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= an alle\" NIL NIL NIL ((\"=?utf-8?Q?J=C3=B6rg?=\" NIL "
         "\"=?utf-8?Q?j=C3=B6?=\" \"=?utf-8?Q?b=C3=BCcher=2Ex?=\")) NIL NIL NIL NIL)"},
        {S("Subject: Gr\xfc\xdf"
           "e\r\n"),
         "(NIL \"=?unknown-8bit?Q?Gr=FC=DFe?=\" NIL NIL NIL NIL NIL NIL NIL NIL)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed = parse(cases[i].header);
        assert_text(parsed.summary.envelope, cases[i].envelope);
        parsed_free(&parsed);
    }
}

#define PLAIN_END " NIL NIL NIL NIL)"

static void test_structure(void **state)
{
    (void)state;
    static const struct {
        const char *text, *structure, *body;
    } cases[] = {
        {"\r\nline\r\nline\r\n", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 12 2" PLAIN_END,
         "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 12 2)"},
        {"\nline\nline\n", "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 12 2" PLAIN_END, NULL},
        {"Content-Type: IMAGE/PNG; name=\"a b.png\"; x=y\r\nContent-ID: <1@x>\r\nContent-Description: a "
         "\"pic\"\r\n"
         "Content-Transfer-Encoding: BASE64\r\nContent-MD5: abc==\r\nContent-Language: en, de\r\n"
         "Content-Location: http://x/\r\nContent-Disposition: attachment; filename=\"a "
         "b.png\"\r\n\r\nQUJD\r\n",
         "(\"image\" \"png\" (\"name\" \"a b.png\" \"x\" \"y\") \"<1@x>\" \"a \\\"pic\\\"\" \"base64\" 6 "
         "\"abc==\" "
         "(\"attachment\" (\"filename\" \"a b.png\")) (\"en\" \"de\") \"http://x/\")",
         "(\"image\" \"png\" (\"name\" \"a b.png\" \"x\" \"y\") \"<1@x>\" \"a \\\"pic\\\"\" \"base64\" 6)"},
        {"Content-Type: multipart/mixed; boundary=b\r\nContent-Disposition: inline\r\nContent-Language: "
         "en\r\n\r\n"
         "--b\r\n\r\none\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\r\n--b--\r\n",
         "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)(\"text\" \"html\" (\"charset\" "
         "\"utf-8\") NIL NIL "
         "\"7bit\" 0 0 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") (\"inline\" NIL) \"en\" NIL)",
         "((\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 0)(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL "
         "\"7bit\" 0 0) "
         "\"mixed\")"},
        {"Content-Type: message/rfc822\r\n\r\nSubject: (in) \"side\"\r\n\r\nx\r\n",
         "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 27 (NIL \"(in) \\\"side\\\"\" NIL NIL NIL NIL NIL NIL "
         "NIL NIL) "
         "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)",
         "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 27 (NIL \"(in) \\\"side\\\"\" NIL NIL NIL NIL NIL NIL "
         "NIL NIL) "
         "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 3 1) 3)"},
        /* multipart in a message in a multipart */
        {"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n"
         "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b--\r\n--a\r\n\r\n2\r\n--a--",
         "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 56 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
         "((\"text\" \"plain\" NIL "
         "NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) \"x\" (\"boundary\" \"b\") NIL NIL NIL) 5 NIL NIL NIL "
         "NIL)(\"text\" \"plain\" "
         "NIL NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"a\") NIL NIL NIL)",
         "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 56 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) "
         "((\"text\" \"plain\" NIL "
         "NIL NIL \"7bit\" 1 0) \"x\") 5)(\"text\" \"plain\" NIL NIL NIL \"7bit\" 1 0) \"mixed\")"},
        {"Content-Type: message/delivery-status\r\n\r\nA: b\r\n",
         "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 6 NIL NIL NIL NIL)",
         "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 6)"},
        /* a multipart without parts is shown as text */
        {"Content-Type: multipart/mixed\r\n\r\n--x\r\n",
         "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 5 1" PLAIN_END, NULL},
        /* parameters: continuations, charset, raw 8-bit */
        {"Content-Type: a/b; name*0=\"one \"; name*1=two; t*=iso-8859-1'de'%E4%20x; u=\"\xc3\xa4\"; "
         "v=\"\xe4\"; w=\"a\\\"\\\\\"\r\n\r\n",
         "(\"a\" \"b\" (\"name\" \"one two\" \"t*\" \"iso-8859-1'de'%E4%20x\" \"u*\" \"utf-8''%C3%A4\" "
         "\"v*\" "
         "\"unknown-8bit''%E4\" \"w\" \"a\\\"\\\\\") NIL NIL \"7bit\" 0 NIL NIL NIL NIL)",
         NULL},
        {"Content-Type: a/b; t*=\"x(\xff'y)'z%0D\"\r\n\r\n",
         "(\"a\" \"b\" (\"t*\" \"x__'y_'z%0D\") NIL NIL \"7bit\" 0 NIL NIL NIL NIL)", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed = parse(slice_from(cases[i].text));
        assert_text(parsed.summary.bodystructure, cases[i].structure);
        if (cases[i].body) {
            struct buf body;
            buf_init(&body, 10000);
            assert_ok(summary_body(parsed.summary.bodystructure, &body));
            assert_text(buf_slice(&body), cases[i].body);
            buf_free(&body);
        }
        parsed_free(&parsed);
    }
}

/* What is too deep is opaque, at the same size. */
static void test_too_deep(void **state)
{
    (void)state;
    struct mime_limits limits = mime_default_limits;
    limits.depth = 1;
    struct parsed parsed;
    struct slice text = S("Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: "
                          "message/rfc822\r\n\r\nA: b\r\n--a--");
    parsed_make(&parsed, text, 0, &limits);
    assert_null(check_parsed(&parsed, text));
    assert_text(parsed.summary.bodystructure,
                "((\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 4 NIL NIL NIL NIL) "
                "\"mixed\" (\"boundary\" \"a\") NIL NIL NIL)");
    parsed_free(&parsed);
}

static void test_corrupt(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "(",
        "()",
        "x",
        "(\"text\" \"plain\")",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\" 0",
        "((\"a\" \"b\" NIL NIL NIL \"7bit\" 0)",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\" 0))",
        "((\"a\" \"b\" NIL NIL NIL \"7bit\" 0))",
        "(\"a\" \"b NIL NIL NIL \"7bit\" 0)",
        "(\"a\" \"b\" (NIL NIL NIL \"7bit\" 0)",
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 (NIL) x 1)",
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 (NIL)",
    };
    struct buf out;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_clear(&out);
        buf_append(&out, S("kept"));
        if (summary_body(slice_from(bad[i]), &out) != ERR_CORRUPT) {
            fail_msg("%s is taken for a structure", bad[i]);
        }
        assert_text(buf_slice(&out), "kept");
    }
    buf_clear(&out);
    for (size_t i = 0; i < 5000; i++) {
        buf_append_char(&out, '(');
    }
    struct buf deep = out;
    buf_init(&out, 10000);
    assert_err(summary_body(buf_slice(&deep), &out), ERR_CORRUPT);
    buf_free(&deep);
    buf_free(&out);
}

static void test_rest(void **state)
{
    (void)state;
    struct slice text =
        S("Received: by x\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: a\r\n\tb\nX-Other: no\r\n"
          "Message-ID: (x)\r\n <1@x> <2@x>\r\nList-Id: <l.x>\r\n\nbody\n");
    struct parsed parsed = parse(text);
    const struct message_summary *summary = &parsed.summary;
    assert_int_equal(summary->file_size, text.len);
    assert_int_equal(summary->size, text.len + 4);
    assert_int_equal(summary->header_size, summary->size - 6);
    assert_int_equal(summary->lines, 10);
    assert_true(summary->has_sent);
    assert_int_equal(summary->sent, 880127706);
    assert_text(summary->message_id, "<1@x>");
    assert_text(summary->headers,
                "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\nSubject: a\r\n\tb\r\nMessage-ID: (x)\r\n <1@x> "
                "<2@x>\r\nList-Id: <l.x>\r\n");
    assert_true(summary->headers_complete);
    parsed_free(&parsed);

    parsed = parse(S("Date: yesterday\r\nMessage-ID: none\r\n\r\n"));
    assert_false(parsed.summary.has_sent);
    assert_int_equal(parsed.summary.message_id.len, 0);
    parsed_free(&parsed);
}

/* More headers than the block takes: whole fields are left out, and it is said. */
static void test_header_block(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 70; i++) {
        buf_printf(&text, "Cc: %01000d@x\r\n", 1);
    }
    buf_append(&text, S("Subject: short\r\n\r\n"));
    struct parsed parsed = parse(buf_slice(&text));
    assert_false(parsed.summary.headers_complete);
    assert_true(parsed.summary.headers.len <= 65536);
    assert_true(slice_ends_with_nocase(parsed.summary.headers, S("@x\r\nSubject: short\r\n")));
    parsed_free(&parsed);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope), cmocka_unit_test(test_structure),
        cmocka_unit_test(test_too_deep), cmocka_unit_test(test_corrupt),
        cmocka_unit_test(test_rest),     cmocka_unit_test(test_header_block),
    };
    return cmocka_run_group_tests_name("mail/summary", tests, NULL, NULL);
}
