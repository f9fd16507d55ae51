/* SPDX-License-Identifier: ISC */
/* Reports: what people read, what programs read, and that no foreign text becomes more than a text. */
#include "check.h"

#include "dsn_private.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer_encoding.h"

#define ORIGINAL "From: alice@example.org\r\nSubject: lunch\r\n"

static const struct dsn_recipient refused = {.address = {"louisl@larry.slip.umd.edu", 25},
                                             .code = 550,
                                             .text = {"5.1.1 no such user", 18},
                                             .host = {"mx.example.net [192.0.2.1]", 26},
                                             .is_theirs = true,
                                             .last_attempt_us = (int64_t)773615749 * 1000000};

static struct dsn_report report_on(const struct dsn_recipient *recipients, size_t count)
{
    return (struct dsn_report){.host = S("mail.example.org"),
                               .sender = S("alice@example.org"),
                               .trace = S("7XKQ2M4T6NPABCDE"),
                               .message_id = S("<1@example.org>"),
                               .subject = S("lunch"),
                               .arrived_us = (int64_t)773183428 * 1000000,
                               .now_us = (int64_t)773615765 * 1000000,
                               .expires_us = (int64_t)773700000 * 1000000,
                               .recipients = recipients,
                               .count = count,
                               .id = S("7XKQ2M4T6NPABCDE.failed-1")};
}

struct written {
    struct arena arena;
    struct buf text;
    bool has_8bit;
    const struct mime_part *root, *words, *fields, *original;
};

/* With DSN_DIRECTORY in the environment the reports are written there too, for other parsers
 * (tests/system/test_reports.py). */
static void keep(struct slice text)
{
    static unsigned number;
    const char *directory = getenv("DSN_DIRECTORY");
    char path[1000];
    if (!directory)
        return;
    snprintf(path, sizeof(path), "%s/%03u.eml", directory, number++);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

/* The report, read by the parser that reads all mail. */
static int write_report(struct written *written, const struct dsn_report *report, const char *original)
{
    *written = (struct written){0};
    buf_init(&written->text, 1 << 24);
    written->has_8bit = dsn_write_begin(report, &written->text);
    dsn_write_original(report, slice_from(original), &written->text);
    dsn_write_end(report, &written->text);
    assert_true(buf_ok(&written->text));
    keep(buf_slice(&written->text));
    struct mime_parser *parser = mime_parser_new(&written->arena, NULL);
    mime_parser_feed(parser, buf_slice(&written->text));
    written->root = mime_parser_finish(parser);
    assert_int_equal(written->root->kind, MIME_MULTIPART);
    assert_text(written->root->subtype, "report");
    const struct mime_counts *counts = mime_parser_counts(parser);
    assert_false(counts->has_bare_cr || counts->has_bare_lf || counts->has_nul);
    assert_true(counts->longest_line <= 998);
    assert_int_equal(counts->from_fields, 1);
    assert_true(counts->has_8bit == written->has_8bit);
    written->words = written->root->first_child;
    written->fields = written->words->next;
    written->original = written->fields->next;
    assert_non_null(written->original);
    assert_null(written->original->next);
    return 0;
}

static void forget(struct written *written)
{
    buf_free(&written->text);
    arena_free(&written->arena);
}

static struct slice body(const struct written *written, const struct mime_part *part)
{
    return slice_take(slice_skip(buf_slice(&written->text), part->body_start),
                      part->body_end - part->body_start);
}

static bool has(struct slice text, const char *what)
{
    return slice_find_text(text, slice_from(what)) < text.len;
}

#define assert_has(text, what)                                          \
    do {                                                                \
        if (!has((text), (what)))                                       \
            fail_msg("'%s' is not in:\n%.*s", (what), SLICE_ARG(text)); \
    } while (0)
#define assert_has_not(text, what)                                  \
    do {                                                            \
        if (has((text), (what)))                                    \
            fail_msg("'%s' is in:\n%.*s", (what), SLICE_ARG(text)); \
    } while (0)

/* The value of a field, in the block of one recipient (0: of the message), on one line; NULL when there is
 * none. */
static const char *field(struct written *written, size_t block, const char *name)
{
    struct slice text = body(written, written->fields);
    struct header_field found;
    for (size_t i = 0; i < block; i++)
        text = slice_skip(text, slice_find_text(text, S("\r\n\r\n")) + 4);
    if (!header_find(text, slice_from(name), &found))
        return NULL;
    return arena_cstr(&written->arena, header_unfold(&written->arena, found.value));
}

#define assert_field(written, block, name, expected)            \
    do {                                                        \
        const char *value_ = field((written), (block), (name)); \
        if (!value_)                                            \
            fail_msg("no field %s", (name));                    \
        assert_string_equal(value_, (expected));                \
    } while (0)

/* RFC 3464 appendix E, "Simple DSN": tried for five days, then given up. */
static void test_simple_example(void **state)
{
    (void)state;
    struct dsn_recipient late = {.address = S("louisl@larry.slip.umd.edu"),
                                 .orcpt = S("rfc822;louisl@larry.slip.umd.edu"),
                                 .text = S("connection timed out"),
                                 .host = S("larry.slip.umd.edu [192.0.2.1]"),
                                 .last_attempt_us = (int64_t)773615749 * 1000000};
    struct dsn_report report = report_on(&late, 1);
    struct written written;
    report.returns_message = true;
    write_report(&written, &report, ORIGINAL "\r\nat noon\r\n");
    assert_field(&written, 0, "Reporting-MTA", "dns;mail.example.org");
    assert_null(field(&written, 0, "Original-Envelope-Id"));
    assert_field(&written, 1, "Original-Recipient", "rfc822;louisl@larry.slip.umd.edu");
    assert_field(&written, 1, "Final-Recipient", "rfc822;louisl@larry.slip.umd.edu");
    assert_field(&written, 1, "Action", "failed");
    assert_field(&written, 1, "Status", "5.4.7");
    assert_field(&written, 1, "Remote-MTA", "dns;larry.slip.umd.edu");
    assert_field(&written, 1, "Diagnostic-Code", "x-postern; connection timed out");
    assert_field(&written, 1, "Final-Log-ID", "7XKQ2M4T6NPABCDE");
    assert_non_null(field(&written, 1, "Last-Attempt-Date"));
    assert_null(field(&written, 1, "Will-Retry-Until"));
    assert_text(written.fields->type, "message");
    assert_text(written.fields->subtype, "delivery-status");
    assert_int_equal(written.original->kind, MIME_MESSAGE);
    assert_text(body(&written, written.original), ORIGINAL "\r\nat noon\r\n");
    struct slice words = body(&written, written.words);
    assert_has(words, "could not be delivered to the recipient named below");
    assert_has(words, "Subject:    lunch\r\n");
    assert_has(words, "until the time for it was over");
    assert_has(words, "The other server did not answer.");
    assert_has(words, "In the words of this mail server:\r\n    > connection timed out\r\n");
    assert_has(words, "Your message is attached.");
    forget(&written);
}

/* RFC 3464 appendix E, "Multi-Recipient DSN"; RFC 3461 section 10.8 has ENVID and ORCPT. */
static void test_several_recipients(void **state)
{
    (void)state;
    struct dsn_recipient recipients[] = {
        {.address = S("arathib@vnet.ibm.com"),
         .orcpt = S("rfc822;arathib@vnet.ibm.com"),
         .code = 550,
         .text = S("'arathib@vnet.IBM.COM' is not a registered gateway user"),
         .host = S("vnet.ibm.com [192.0.2.1]"),
         .is_theirs = true},
        {.address = S("wsnell@sdcc13.ucsd.edu"),
         .orcpt = S("RFC822;wsnell+2Btag@sdcc13.ucsd.edu"),
         .code = 550,
         .text = S("user unknown"),
         .host = S("sdcc13.ucsd.edu"),
         .is_theirs = true},
    };
    struct dsn_report report = report_on(recipients, 2);
    struct written written;
    report.envid = S("QQ+2B314159");
    write_report(&written, &report, ORIGINAL);
    assert_field(&written, 0, "Original-Envelope-Id", "QQ+314159");
    assert_field(&written, 1, "Diagnostic-Code",
                 "smtp; 550 'arathib@vnet.IBM.COM' is not a registered gateway user");
    assert_field(&written, 1, "Remote-MTA", "dns;vnet.ibm.com");
    assert_field(&written, 1, "Status", "5.1.0");
    assert_field(&written, 2, "Original-Recipient", "RFC822;wsnell+tag@sdcc13.ucsd.edu");
    assert_field(&written, 2, "Final-Recipient", "rfc822;wsnell@sdcc13.ucsd.edu");
    assert_text(written.original->type, "text");
    assert_text(written.original->subtype, "rfc822-headers");
    assert_text(body(&written, written.original), ORIGINAL);
    assert_has(body(&written, written.words), "recipients named below");
    assert_has(body(&written, written.words), "vnet.ibm.com [192.0.2.1] said:\r\n    > 550 'arathib");
    assert_has(body(&written, written.words), "The header of your message is attached.");
    forget(&written);
}

/* RFC 3464 appendix E, "Delayed DSN". */
static void test_delayed(void **state)
{
    (void)state;
    struct dsn_recipient late = {.address = S("thomas@de-montfort.ac.uk"),
                                 .code = 451,
                                 .text = S("4.7.1 come back later"),
                                 .is_theirs = true};
    struct dsn_report report = report_on(&late, 1);
    struct written written;
    report.action = DSN_DELAYED;
    write_report(&written, &report, ORIGINAL);
    assert_field(&written, 1, "Action", "delayed");
    assert_field(&written, 1, "Status", "4.7.1");
    assert_non_null(field(&written, 1, "Will-Retry-Until"));
    assert_has(body(&written, written.words), "You need not do anything");
    assert_has(body(&written, written.words), "Tried till:");
    assert_has_not(body(&written, written.words), "ask the recipient");
    forget(&written);
}

static void test_success(void **state)
{
    (void)state;
    static const struct {
        enum dsn_action action;
        const char *word;
    } rows[] = {{DSN_DELIVERED, "delivered"}, {DSN_RELAYED, "relayed"}, {DSN_EXPANDED, "expanded"}};
    struct dsn_recipient recipient = {.address = S("bob@example.com"),
                                      .code = 250,
                                      .text = S("2.1.5 fine"),
                                      .host = S("mx.example.com [192.0.2.7]"),
                                      .is_theirs = true};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dsn_report report = report_on(&recipient, 1);
        struct written written;
        report.action = rows[i].action;
        write_report(&written, &report, ORIGINAL);
        assert_field(&written, 1, "Action", rows[i].word);
        assert_field(&written, 1, "Status", "2.1.5");
        assert_has_not(body(&written, written.words), "said:");
        forget(&written);
    }
}

static void test_header(void **state)
{
    (void)state;
    struct dsn_report report = report_on(&refused, 1);
    struct written written;
    struct header_field found;
    report.subject = S("=?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?Q?K=C3=B6ln?=");
    write_report(&written, &report, ORIGINAL);
    struct slice text = buf_slice(&written.text);
    assert_true(header_find(text, S("To"), &found));
    assert_text(slice_trim(found.value), "<alice@example.org>");
    assert_true(header_find(text, S("From"), &found));
    assert_text(slice_trim(found.value), "Mail Delivery System <MAILER-DAEMON@mail.example.org>");
    assert_true(header_find(text, S("Auto-Submitted"), &found));
    assert_text(slice_trim(found.value), "auto-replied");
    assert_true(header_find(text, S("In-Reply-To"), &found));
    assert_text(slice_trim(found.value), "<1@example.org>");
    assert_true(header_find(text, S("Message-ID"), &found));
    assert_text(slice_trim(found.value), "<7XKQ2M4T6NPABCDE.failed-1@mail.example.org>");
    assert_true(header_find(text, S("Subject"), &found));
    assert_text(header_unfold(&written.arena, found.value),
                "Not delivered: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?utf-8?Q?K=C3=B6ln?=");
    assert_has(body(&written, written.words), "Subject:    Gr\303\274\303\237e aus K\303\266ln\r\n");
    assert_text(written.words->encoding, "8bit");
    assert_text(written.fields->encoding, "7bit");
    assert_text(written.root->encoding, "8bit");
    assert_true(written.has_8bit);
    forget(&written);
}

/* What is no msg-id is not put into fields that want one. */
static void test_message_id_of_others(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "<1@example.org", "1@example.org", "<1@exa\r\nBcc: x>",
                                      "<a b>", "<\303\274>"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct dsn_report report = report_on(&refused, 1);
        struct written written;
        struct header_field found;
        report.message_id = slice_from(bad[i]);
        write_report(&written, &report, ORIGINAL);
        assert_false(header_find(buf_slice(&written.text), S("In-Reply-To"), &found));
        assert_false(header_find(buf_slice(&written.text), S("Bcc"), &found));
        forget(&written);
    }
}

/* RFC 6533 */
static void test_utf8_addresses(void **state)
{
    (void)state;
    struct dsn_recipient recipients[] = {
        {.address = S("\303\274ser@example.net"),
         .orcpt = S("utf-8;\\x{FC}ser@ex\\x{1F600}.net"),
         .code = 550,
         .text = S("5.1.1 k\303\266nnen wir nicht")},
        {.address = S("bob@example.net"),
         .orcpt = S("utf-8;bad\\x{FC@example.net"),
         .code = 550,
         .text = S("5.1.1 no")},
        {.address = S("bob@example.net"),
         .orcpt = S("rfc822;bob@example.net"),
         .code = 550,
         .text = S("5.1.1 no")},
    };
    struct dsn_report report = report_on(recipients, 3);
    struct written written;
    report.original_is_utf8 = report.original_is_8bit = true;
    report.returns_message = true;
    write_report(&written, &report, "Subject: \303\274\r\n\r\n\303\266\r\n");
    assert_text(written.fields->subtype, "global-delivery-status");
    assert_text(written.fields->encoding, "8bit");
    assert_field(&written, 1, "Original-Recipient", "utf-8;\303\274ser@ex\360\237\230\200.net");
    assert_field(&written, 1, "Final-Recipient", "utf-8;\303\274ser@example.net");
    assert_field(&written, 1, "Diagnostic-Code", "x-postern; 5.1.1 k\303\266nnen wir nicht");
    assert_field(&written, 2, "Original-Recipient", "utf-8;bad\\x{FC@example.net");
    assert_field(&written, 3, "Original-Recipient", "rfc822;bob@example.net");
    assert_field(&written, 3, "Final-Recipient", "rfc822;bob@example.net");
    assert_text(written.original->subtype, "global");
    assert_int_equal(written.original->kind, MIME_MESSAGE);
    forget(&written);
}

static void assert_decoded(const struct written *written, const struct mime_part *part, const char *expected)
{
    struct buf decoded;
    struct transfer_decoder decoder = {.encoding = ENCODING_QUOTED_PRINTABLE};
    buf_init(&decoded, 100000);
    transfer_decode(&decoder, &decoded, body(written, part));
    transfer_decode_finish(&decoder, &decoded);
    assert_text(buf_slice(&decoded), expected);
    buf_free(&decoded);
}

/* For hosts without 8BITMIME: no octet above 127, and nothing of it lost. */
static void test_7bit(void **state)
{
    (void)state;
    struct dsn_recipient recipient = refused;
    struct dsn_report report = report_on(&recipient, 1);
    struct written written;
    report.language = LANGUAGE_GERMAN;
    report.is_7bit = true;
    report.subject = S("caf\303\251");
    report.original_is_8bit = true;
    write_report(&written, &report, "Subject: caf\351 = caf\303\251 \r\nX: \t\r\n");
    assert_false(written.has_8bit);
    assert_text(written.root->encoding, "7bit");
    assert_text(written.words->encoding, "quoted-printable");
    assert_has(body(&written, written.words), "Empf=C3=A4nger");
    assert_text(written.fields->encoding, "7bit");
    assert_text(written.original->subtype, "rfc822-headers");
    assert_text(written.original->encoding, "quoted-printable");
    assert_decoded(&written, written.original, "Subject: caf\351 = caf\303\251 \r\nX: \t\r\n");
    forget(&written);
    /* A message of UTF-8 goes whole (RFC 6533 section 4.5). */
    recipient.address = S("\303\274ser@example.net");
    report.original_is_utf8 = report.returns_message = true;
    write_report(&written, &report, "Subject: \303\274\r\n\r\n\303\266\r\n");
    assert_false(written.has_8bit);
    assert_text(written.fields->encoding, "quoted-printable");
    assert_text(written.original->encoding, "quoted-printable");
    assert_decoded(&written, written.original, "Subject: \303\274\r\n\r\n\303\266\r\n");
    forget(&written);
}

/* RFC 2045 section 6.7 */
static void test_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quoted;
    } rows[] = {
        {"", ""},
        {"a=b", "a=3Db"},
        {"a \r\nb\t\r\n", "a=20\r\nb=09\r\n"},
        {"end ", "end=20"},
        {"a\rb\nc\n", "a=0Db=0Ac=0A"},
        {"\303\244\177\001", "=C3=A4=7F=01"},
        {"1234567890123456789012345678901234567890123456789012345678901234567890123456",
         "123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n6"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234\303\r\n",
         "12345678901234567890123456789012345678901234567890123456789012345678901234=\r\n=C3\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 1000);
        dsn_append_quoted(&out, slice_from(rows[i].text));
        assert_text(buf_slice(&out), rows[i].quoted);
        buf_free(&out);
    }
}

/* With addresses in ASCII the old form does, and has no octet above 127 (RFC 3464 section 2.1.1). */
static void test_fields_are_ascii(void **state)
{
    (void)state;
    struct dsn_recipient recipient = refused;
    recipient.text = S("5.1.1 unbekannt: \303\274ser");
    struct dsn_report report = report_on(&recipient, 1);
    struct written written;
    write_report(&written, &report, ORIGINAL);
    assert_field(&written, 1, "Diagnostic-Code", "smtp; 550 5.1.1 unbekannt: ?ser");
    assert_has(body(&written, written.words), "unbekannt: \303\274ser");
    forget(&written);
}

/* Other servers' words, and parameters of MAIL and RCPT, can hold anything. */
static void test_foreign_texts(void **state)
{
    (void)state;
    struct dsn_recipient hostile = {
        .address = S("bob@example.net"),
        .orcpt = S("rfc822;bob+0D+0AAction:+20delivered+0D+0A+0D+0A--=_7XKQ2M4T6NPABCDE.failed-1--"),
        .code = 550,
        .text = S("5.7.1 no\r\nAction: delivered\r\n\r\n--=_7XKQ2M4T6NPABCDE.failed-1\r\n\r\nforged\r\n"
                  "--=_7XKQ2M4T6NPABCDE.failed-1--\n\0 nul \033[31m red \377 \177\n.\n"),
        .host = S("mx\r\nSubject: forged [192.0.2.1]"),
        .is_theirs = true};
    struct dsn_report report = report_on(&hostile, 1);
    struct written written;
    report.envid = S("Q+0D+0AAction: delivered");
    report.subject = S("a\r\nBcc: everybody@example.org\r\n\r\n--=_7XKQ2M4T6NPABCDE.failed-1");
    write_report(&written, &report, ORIGINAL);
    struct header_field found;
    assert_false(header_find(buf_slice(&written.text), S("Bcc"), &found));
    assert_field(&written, 1, "Action", "failed");
    assert_null(field(&written, 0, "Action"));
    struct slice words = body(&written, written.words);
    assert_has(words, "    > --=_7XKQ2M4T6NPABCDE.failed-1--");
    assert_has(words, "    > ? nul ?[31m red ? ?");
    assert_has_not(words, "\r\n.\r\n");
    assert_text(body(&written, written.original), ORIGINAL);
    forget(&written);
}

static void test_long_texts(void **state)
{
    (void)state;
    static char text[8000], address[2000], subject[5000];
    memset(text, 'x', sizeof(text));
    memset(address, 'a', sizeof(address));
    memset(subject, 's', sizeof(subject));
    memcpy(text, "5.7.1 ", 6);
    struct dsn_recipient recipient = {.address = slice_of(address, sizeof(address)),
                                      .code = 550,
                                      .text = slice_of(text, sizeof(text)),
                                      .host = slice_of(address, sizeof(address)),
                                      .is_theirs = true};
    struct dsn_report report = report_on(&recipient, 1);
    struct written written;
    report.subject = slice_of(subject, sizeof(subject));
    write_report(&written, &report, ORIGINAL);
    forget(&written);
    for (size_t i = 6; i + 3 < sizeof(text); i += 2)
        memcpy(text + i, "\303\274", 2);
    for (size_t i = 0; i + 1 < sizeof(subject); i += 2)
        memcpy(subject + i, "\303\274", 2);
    write_report(&written, &report, ORIGINAL);
    forget(&written);
}

/* People are told of the first fifty, programs of all. */
static void test_many_recipients(void **state)
{
    (void)state;
    static struct dsn_recipient recipients[1000];
    for (size_t i = 0; i < ARRAY_LEN(recipients); i++)
        recipients[i] = refused;
    struct dsn_report report = report_on(recipients, ARRAY_LEN(recipients));
    struct written written;
    write_report(&written, &report, ORIGINAL);
    assert_has(body(&written, written.words), "950 further recipients are listed");
    assert_field(&written, 1000, "Action", "failed");
    forget(&written);
}

static void test_status(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        const char *text;
        enum dsn_action action;
        const char *status;
    } rows[] = {
        {550, "5.1.1 no such user", DSN_FAILED, "5.1.1"},
        {550, "no such user", DSN_FAILED, "5.1.0"},
        {552, "full", DSN_FAILED, "5.2.2"},
        {554, "no", DSN_FAILED, "5.0.0"},
        {550, "5.1.1", DSN_FAILED, "5.1.1"},
        {550, "5.1.1; no", DSN_FAILED, "5.1.0"},
        {550, "5.1234.1 no", DSN_FAILED, "5.1.0"},
        {550, "6.1.1 no", DSN_FAILED, "5.1.0"},
        {550, "2.1.5 no", DSN_FAILED, "5.1.0"},
        {550, "4.7.1 no", DSN_FAILED, "5.7.1"}, /* the code counts */
        {0, "5.1.10 the domain takes no mail", DSN_FAILED, "5.1.10"},
        {451, "4.7.1 later", DSN_FAILED, "5.4.7"}, /* until time was over */
        {451, "5.7.1 later", DSN_DELAYED, "4.7.1"},
        {451, "later", DSN_DELAYED, "4.0.0"},
        {452, "later", DSN_DELAYED, "4.3.1"},
        {0, "time is up", DSN_FAILED, "5.4.7"},
        {0, "time is up", DSN_DELAYED, "4.4.1"},
        {0, "", DSN_DELAYED, "4.4.1"},
        {250, "2.6.0 queued", DSN_RELAYED, "2.6.0"},
        {250, "ok", DSN_RELAYED, "2.0.0"},
        {0, "", DSN_DELIVERED, "2.0.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dsn_recipient recipient = {.code = rows[i].code, .text = slice_from(rows[i].text)};
        char status[16];
        dsn_status(&recipient, rows[i].action, status);
        assert_string_equal(status, rows[i].status);
    }
}

/* Every sentence that there is, in both languages, for people who read one of them. */
static void test_german(void **state)
{
    (void)state;
    struct dsn_recipient recipients[] = {refused, refused};
    for (int action = DSN_FAILED; action <= DSN_EXPANDED; action++)
        for (size_t count = 1; count <= 2; count++) {
            struct dsn_report report = report_on(recipients, count);
            struct written written;
            struct header_field found;
            report.action = (enum dsn_action)action;
            report.language = LANGUAGE_GERMAN;
            report.returns_message = count == 1;
            write_report(&written, &report, ORIGINAL);
            struct slice words = body(&written, written.words);
            assert_has(words, "Ihre Nachricht");
            assert_has(words,
                       count == 1 ? "Ihre Nachricht ist angeh\303\244ngt." : "Der Kopf Ihrer Nachricht");
            assert_has_not(words, "our message");
            assert_has_not(words, "said");
            assert_text(written.words->language, "de");
            assert_true(header_find(buf_slice(&written.text), S("Subject"), &found));
            assert_has_not(found.value, "elivered");
            forget(&written);
        }
}

static void test_words(void **state)
{
    (void)state;
    assert_string_equal(dsn_words_for("5.1.1", LANGUAGE_ENGLISH).what, "This address does not exist there.");
    assert_string_equal(dsn_words_for("4.2.2", LANGUAGE_ENGLISH).what, "The recipient's mailbox is full.");
    assert_string_equal(dsn_words_for("5.1.10", LANGUAGE_ENGLISH).what,
                        "This domain takes no mail at all, and says so.");
    assert_string_equal(dsn_words_for("4.9.9", LANGUAGE_ENGLISH).what,
                        "The other server could not take the message at the moment.");
    assert_string_equal(dsn_words_for("5.9.9", LANGUAGE_ENGLISH).what, "The message was not accepted.");
    assert_string_equal(dsn_words_for("5.1.1", LANGUAGE_GERMAN).what, "Diese Adresse gibt es dort nicht.");
    assert_string_equal(dsn_words_for("5.7.99", LANGUAGE_ENGLISH).what,
                        dsn_words_for("5.7.98", LANGUAGE_ENGLISH).what);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simple_example),
        cmocka_unit_test(test_several_recipients),
        cmocka_unit_test(test_delayed),
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_message_id_of_others),
        cmocka_unit_test(test_utf8_addresses),
        cmocka_unit_test(test_fields_are_ascii),
        cmocka_unit_test(test_foreign_texts),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_7bit),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_german),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
