/* SPDX-License-Identifier: ISC */
/* The push parser: trees, offsets, counts and limits. Every message is fed whole and byte by byte. */
#include "check.h"

#include "base/mem.h"
#include "mail_check.h"

/* "type/subtype(…)" of the tree, with the body of each leaf in brackets. */
static void show(struct buf *out, const struct mime_part *part, struct slice text)
{
    buf_append(out, part->type);
    buf_append_char(out, '/');
    buf_append(out, part->subtype);
    if (!part->first_child) {
        buf_append_char(out, '[');
        buf_append(out, slice_take(slice_skip(text, part->body_start), part->body_end - part->body_start));
        buf_append_char(out, ']');
        return;
    }
    buf_append_char(out, '(');
    for (const struct mime_part *child = part->first_child; child; child = child->next) {
        buf_append(out, child->number > 1 ? S(",") : SLICE_EMPTY);
        show(out, child, text);
    }
    buf_append_char(out, ')');
}

static struct parsed parse(struct slice text, const struct mime_limits *limits)
{
    struct parsed whole, bytes;
    parsed_make(&whole, text, 0, limits);
    parsed_make(&bytes, text, 1, limits);
    const char *wrong = check_same(&whole, &bytes);
    wrong = wrong ? wrong : check_parsed(&whole, text);
    parsed_free(&bytes);
    if (wrong) {
        fail_msg("%s in '%.*s'", wrong, SLICE_ARG(text));
    }
    return whole;
}

static void check_tree(const char *text, const char *tree)
{
    struct buf out;
    struct parsed parsed = parse(slice_from(text), NULL);
    buf_init(&out, 1 << 20);
    show(&out, parsed.root, slice_from(text));
    assert_text(buf_slice(&out), tree);
    parsed_free(&parsed);
    buf_free(&out);
}

#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=\"" boundary "\"\r\n\r\n"

static void test_trees(void **state)
{
    (void)state;
    static const struct {
        const char *text, *tree;
    } cases[] = {
        {"", "text/plain[]"},
        {"\r\n", "text/plain[]"},
        {"\r\nbody", "text/plain[body]"},
        {"Subject: x", "text/plain[]"},
        {"Subject: x\r\n\r\nbody\r\n", "text/plain[body\r\n]"},
        {"Subject: x\n\nbody\n", "text/plain[body\n]"},
        {"Content-Type: TEXT/Html; charset=x\r\n\r\n<p>", "text/html[<p>]"},
        {"Content-Type: text\r\n\r\nx", "text/plain[x]"},
        {"Content-Type: /html\r\n\r\nx", "text/plain[x]"},
        {"Content-Type:\r\n\r\nx", "text/plain[x]"},
        {"Content-Type: image/png\r\nContent-Type: text/html\r\n\r\nx", "image/png[x]"},
        {"content-type : image/png\r\n\r\nx", "image/png[x]"},
        {"Content-Type: (a (b) \\) c) image / (x) png (y)\r\n\r\nx", "image/png[x]"},

        /* the line end before a boundary is the boundary's */
        {MIXED("b") "preamble\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\nepilogue",
         "multipart/mixed(text/plain[one],text/plain[two\r\n])"},
        {MIXED("b") "--b\n\none\n--b\n\ntwo\n--b--\n", "multipart/mixed(text/plain[one],text/plain[two])"},
        {MIXED("b") "--b  \t\r\n\r\none\r\n--b-- \r\n", "multipart/mixed(text/plain[one])"},
        {MIXED("b") "--b\r\n\r\n--b--", "multipart/mixed(text/plain[])"},
        {MIXED("b") "--b\r\n--b--", "multipart/mixed(text/plain[])"},
        {MIXED("b") "--b\r\nContent-Type: image/png\r\n--b--", "multipart/mixed(image/png[])"},
        {MIXED("b") "--b\r\n\r\nunfinished", "multipart/mixed(text/plain[unfinished])"},
        {MIXED("b") "--b", "multipart/mixed(text/plain[])"},
        {MIXED("b") "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\nafter the end\r\n",
         "multipart/mixed(text/plain[one])"},
        {MIXED("b") "--b\r\n\r\n--bx\r\n-b\r\n --b\r\n--b- -\r\n--b-\r\n--\r\n---\r\n--b---\r\n--b--",
         "multipart/mixed(text/plain[--bx\r\n-b\r\n --b\r\n--b- -\r\n--b-\r\n--\r\n---\r\n--b---])"},

        /* no parts: a leaf */
        {MIXED("b") "no boundary line", "multipart/mixed[no boundary line]"},
        {MIXED("b") "--b--\r\n", "multipart/mixed[--b--\r\n]"},
        {MIXED("") "--\r\n\r\nx\r\n--\r\n", "multipart/mixed[--\r\n\r\nx\r\n--\r\n]"},
        {"Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx", "multipart/mixed[--b\r\n\r\nx]"},

        /* nested */
        {MIXED("a") "--a\r\n" MIXED("b") "--b\r\n\r\none\r\n--b--\r\n--a\r\n\r\ntwo\r\n--a--",
         "multipart/mixed(multipart/mixed(text/plain[one]),text/plain[two])"},
        {MIXED("a") "--a\r\n" MIXED("b") "--b\r\n\r\nb is never closed\r\n--a\r\n\r\ntwo\r\n--a--",
         "multipart/mixed(multipart/mixed(text/plain[b is never closed]),text/plain[two])"},
        {MIXED("a") "--a\r\n" MIXED("aa") "--aa\r\n\r\none\r\n--aa--\r\n--a\r\n\r\ntwo\r\n--a--",
         "multipart/mixed(multipart/mixed(text/plain[one]),text/plain[two])"},
        {MIXED("aa") "--aa\r\n" MIXED("a") "--a\r\n\r\none\r\n--a--\r\n--aa\r\n\r\ntwo\r\n--aa--",
         "multipart/mixed(multipart/mixed(text/plain[one]),text/plain[two])"},
        {MIXED("a--") "--a--\r\n" MIXED("a") "--a\r\n\r\none\r\n--a--\r\n--a--\r\n\r\ntwo\r\n--a----",
         "multipart/mixed(multipart/mixed(text/plain[one]),text/plain[two])"},
        {MIXED("a") "--a\r\n" MIXED("a") "--a\r\n\r\none\r\n--a--\r\n--a\r\n\r\ntwo\r\n--a--",
         "multipart/mixed(multipart/mixed(text/plain[one]),text/plain[two])"},

        /* messages inside */
        {"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody", "message/rfc822(text/plain[body])"},
        {"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\nbody", "message/global(text/plain[body])"},
        {"Content-Type: message/rfc822\r\n\r\n", "message/rfc822(text/plain[])"},
        {"Content-Type: message/rfc822", "message/rfc822(text/plain[])"},
        {"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\nc",
         "message/rfc822(message/rfc822(text/plain[c]))"},
        {"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: Base64\r\n\r\nQTogYg==\r\n\r\nx",
         "message/rfc822(text/plain[QTogYg==\r\n\r\nx])"},
        {"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nC: d",
         "message/delivery-status[A: b\r\n\r\nC: d]"},
        {MIXED("b") "--b\r\nContent-Type: message/rfc822\r\n\r\n" MIXED(
             "c") "--c\r\n\r\nx\r\n--b\r\n\r\ny\r\n--b--",
         "multipart/mixed(message/rfc822(multipart/mixed(text/plain[x])),text/plain[y])"},
        {MIXED("b") "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n--b--",
         "multipart/mixed(message/rfc822(text/plain[]))"},
        {MIXED("b") "--b\r\nContent-Type: message/rfc822\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n--b--",
         "multipart/mixed(message/rfc822(text/plain[]),message/rfc822(text/plain[]))"},
        {"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: x\r\n\r\none\r\n"
         "--b\r\nContent-Type: text/plain\r\n\r\ntwo\r\n--b--",
         "multipart/digest(message/rfc822(text/plain[one]),text/plain[two])"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_tree(cases[i].text, cases[i].tree);
    }
}

static void test_fields(void **state)
{
    (void)state;
    struct parsed parsed =
        parse(S("Received: a\r\nFrom: a@x\r\n (folded)\r\nX-Other: 1\r\nno colon\r\nfrom: b@x\n"
                "Received: b\r\nContent-Type: message/rfc822\r\nContent-ID: <1>\r\n"
                "Content-Description: a\r\n b\r\nContent-Language: en, de\r\nContent-MD5: xyz\r\n"
                "Content-Location: http://x\r\nContent-Disposition: ATTACHMENT; filename=x\r\n"
                "Content-Transfer-Encoding: 8BIT (really)\r\n\r\n"
                "Subject: inner\r\nReferences: <x>\r\nReceived: c\r\nFrom: c@x\r\n\r\nbody"),
              NULL);
    const struct mime_part *root = parsed.root, *inner = root->first_child;
    assert_int_equal(parsed.counts.received_fields, 2);
    assert_int_equal(parsed.counts.from_fields, 2);
    const struct mime_field *from = mime_parser_field(parsed.parser, S("FROM"));
    assert_text(from->value, " a@x\r\n (folded)");
    assert_text(from->raw, "From: a@x\r\n (folded)\r\n");
    from = mime_field_find(from->next, S("From"));
    assert_text(from->raw, "from: b@x\r\n");
    assert_null(mime_field_find(from->next, S("From")));
    assert_null(mime_parser_field(parsed.parser, S("X-Other")));
    assert_text(root->id, "<1>");
    assert_text(root->description, "a b");
    assert_text(root->language, "en, de");
    assert_text(root->md5, "xyz");
    assert_text(root->location, "http://x");
    assert_text(root->disposition, "attachment");
    assert_text(root->encoding, "8bit");
    assert_text(mime_field_find(inner->fields, S("Subject"))->value, " inner");
    assert_null(mime_field_find(inner->fields, S("References")));
    assert_null(inner->id.data);
    parsed_free(&parsed);
    assert_true(mime_keeps_field(S("list-id")));
    assert_false(mime_keeps_field(S("Received")));
}

/* Fields of the header are there as soon as its end was fed. */
static void test_fields_early(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    mime_parser_feed(parser, S("From: a@x\r\nTo: b@x\r\n"));
    assert_non_null(mime_parser_field(parser, S("From")));
    assert_false(mime_parser_counts(parser)->has_header_end);
    mime_parser_feed(parser, S("\r\n"));
    assert_true(mime_parser_counts(parser)->has_header_end);
    assert_non_null(mime_parser_field(parser, S("To")));
    assert_int_equal(mime_parser_counts(parser)->header_size, 22);
    assert_null(mime_parser_root(parser));
    const struct mime_part *root = mime_parser_finish(parser);
    assert_non_null(root);
    assert_ptr_equal(root, mime_parser_root(parser));
    assert_ptr_equal(root, mime_parser_finish(parser));
    arena_free(&arena);
}

static void test_counts(void **state)
{
    (void)state;
    enum { HIGH = 1, NUL = 2, CR = 4, LF = 8, HEADER_HIGH = 16, END = 32 };
    static const struct {
        struct slice text;
        uint64_t octets, header, lines, longest;
        int flags;
    } cases[] = {
        {S(""), 0, 0, 0, 0, 0},
        {S("A: b\r\n\r\nbody\r\n"), 14, 8, 3, 4, END},
        {S("A: b\n\nbody\n"), 14, 8, 3, 4, END | LF},
        {S("A: b\r\n"), 6, 6, 1, 4, 0},
        {S("A: b\r\n\r\nx\ry\r\n"), 13, 8, 3, 4, END | CR},
        {S("A: b\r\n\r\nx\r\r\n"), 12, 8, 3, 4, END | CR},
        {S("A: b\r\n\r\nx\r"), 10, 8, 2, 4, END | CR},
        {S("A: b\r\n\r\nx\0y\r\n"), 13, 8, 3, 4, END | NUL},
        {S("A: \xc3\xb6\r\n\r\nx\r\n"), 12, 9, 3, 5, END | HIGH | HEADER_HIGH},
        {S("A: b\r\n\r\n12345678\xff"
           "123456789\r\n"),
         28, 8, 3, 18, END | HIGH},
        {S("\r\n\r\n\r\n"), 6, 2, 3, 0, END},
        {S("A: b\r\n\r\n0123456\r0123456\0 0123456789\r\n"), 37, 8, 3, 27, END | CR | NUL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed = parse(cases[i].text, NULL);
        const struct mime_counts *counts = &parsed.counts;
        assert_int_equal(counts->size, cases[i].text.len);
        assert_int_equal(counts->octets, cases[i].octets);
        assert_int_equal(counts->header_octets, cases[i].header);
        assert_int_equal(counts->lines, cases[i].lines);
        assert_int_equal(counts->longest_line, cases[i].longest);
        int flags = counts->has_8bit * HIGH | counts->has_nul * NUL | counts->has_bare_cr * CR |
                    counts->has_bare_lf * LF | counts->header_has_8bit * HEADER_HIGH |
                    counts->has_header_end * END;
        assert_int_equal(flags, cases[i].flags);
        parsed_free(&parsed);
    }
    /* A CR at the end of a piece is not yet bare. */
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    mime_parser_feed(parser, S("A: b\r"));
    assert_false(mime_parser_counts(parser)->has_bare_cr);
    mime_parser_feed(parser, S("\n"));
    assert_false(mime_parser_counts(parser)->has_bare_cr);
    arena_free(&arena);
}

static struct slice repeat(struct buf *out, struct slice text, size_t count)
{
    buf_init(out, 100 * 1024 * 1024);
    for (size_t i = 0; i < count; i++) {
        buf_append(out, text);
    }
    return buf_slice(out);
}

static void test_header_limit(void **state)
{
    (void)state;
    struct mime_limits limits = mime_default_limits;
    struct buf text;
    limits.header_size = 30;
    /* At the limit, and one byte past it: the line that passes it is body. */
    struct parsed parsed = parse(S("From: a@x\r\nX: 123456789012\r\n\r\nbody"), &limits);
    assert_false(parsed.counts.header_too_large);
    assert_int_equal(parsed.counts.header_size, 29 + 1);
    parsed_free(&parsed);
    parsed = parse(S("From: a@x\r\nX: 1234567890123\r\n\r\nbody"), &limits);
    assert_true(parsed.counts.header_too_large);
    assert_int_equal(parsed.counts.header_size, 29);
    parsed_free(&parsed);
    parsed =
        parse(S("From: a@x\r\nTo: a line that is too long for the limit of thirty\r\n\r\nbody"), &limits);
    assert_true(parsed.counts.header_too_large);
    assert_int_equal(parsed.counts.header_size, 11);
    assert_null(mime_parser_field(parsed.parser, S("To")));
    parsed_free(&parsed);
    /* The header of a message inside is cut too, without a word. */
    limits.header_size = 40;
    parsed = parse(S("Content-Type: message/rfc822\r\n\r\nSubject: x\r\nSubject: "
                     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n\r\nbody"),
                   &limits);
    assert_false(parsed.counts.header_too_large);
    assert_int_equal(parsed.root->first_child->header_octets, 12);
    parsed_free(&parsed);
    /* Cut where a message begins: its header has no room either, but nothing breaks. */
    limits.header_size = 30;
    parsed = parse(S("Content-Type: message/rfc822\r\nSubject: xxxxx\r\n\r\nbody"), &limits);
    assert_true(parsed.counts.header_too_large);
    parsed_free(&parsed);
    /* A line without end takes no memory. */
    struct slice endless = repeat(
        &text, S("X-Endless: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), 50000);
    struct arena arena = {0};
    struct mime_parser *parser = mime_parser_new(&arena, NULL);
    mime_parser_feed(parser, endless);
    mime_parser_finish(parser);
    assert_true(mime_parser_counts(parser)->header_too_large);
    assert_int_equal(mime_parser_counts(parser)->longest_line, endless.len);
    assert_true(arena.used < 512 * 1024);
    arena_free(&arena);
    buf_free(&text);
}

static void test_field_limits(void **state)
{
    (void)state;
    struct mime_limits limits = mime_default_limits;
    limits.field_size = 20;
    struct parsed parsed = parse(S("Subject: 0123456789\r\nTo: 0123456789abc\r\n\r\n"), &limits);
    const struct mime_field *subject = mime_parser_field(parsed.parser, S("Subject"));
    assert_true(subject->cut);
    assert_text(subject->raw, "Subject: 012345678\r\n");
    assert_false(parsed.summary.headers_complete);
    assert_false(mime_parser_field(parsed.parser, S("To"))->cut);
    assert_text(mime_parser_field(parsed.parser, S("To"))->raw, "To: 0123456789abc\r\n");
    parsed_free(&parsed);
    parsed = parse(S("Subject: 01234567\r\n folded\r\nTo: x\r\n\r\n"), &limits);
    assert_true(mime_parser_field(parsed.parser, S("Subject"))->cut);
    assert_text(mime_parser_field(parsed.parser, S("Subject"))->raw, "Subject: 01234567\r\n");
    assert_non_null(mime_parser_field(parsed.parser, S("To")));
    parsed_free(&parsed);

    /* All fields together. */
    struct buf text;
    repeat(&text,
           S("To: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@x\r\n"),
           20000);
    limits = mime_default_limits;
    limits.header_size = 10 * 1024 * 1024;
    parsed_make(&parsed, buf_slice(&text), 0, &limits);
    assert_true(parsed.counts.texts_dropped);
    assert_false(parsed.summary.headers_complete);
    assert_true(parsed.summary.headers.len <= 64 * 1024);
    parsed_free(&parsed);
    buf_free(&text);
}

static void append_nested(struct buf *text, size_t depth)
{
    buf_init(text, 10 * 1024 * 1024);
    for (size_t i = 0; i < depth; i++) {
        buf_printf(text, "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", i, i);
    }
    buf_append(text, S("\r\nbody\r\n"));
    for (size_t i = depth; i-- > 0;) {
        buf_printf(text, "--b%zu--\r\n", i);
    }
}

static void test_depth(void **state)
{
    (void)state;
    struct buf text;
    append_nested(&text, 100);
    struct parsed parsed = parse(buf_slice(&text), NULL);
    assert_int_equal(parsed.counts.parts, 101);
    parsed_free(&parsed);
    buf_free(&text);
    append_nested(&text, 5000);
    parsed = parse(buf_slice(&text), NULL);
    assert_int_equal(parsed.counts.parts, 101);
    const struct mime_part *part = parsed.root;
    while (part->first_child) {
        part = part->first_child;
    }
    assert_int_equal(part->depth, 100);
    assert_true(part->too_deep);
    parsed_free(&parsed);
    buf_free(&text);
    /* Messages count as well. */
    repeat(&text, S("Content-Type: message/rfc822\r\n\r\n"), 1000);
    parsed = parse(buf_slice(&text), NULL);
    assert_int_equal(parsed.counts.parts, 101);
    parsed_free(&parsed);
    buf_free(&text);
}

static void test_parts(void **state)
{
    (void)state;
    struct mime_limits limits = mime_default_limits;
    limits.parts = 4;
    struct parsed parsed = parse(
        S(MIXED("b") "--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b\r\n\r\n4\r\n--b--\r\n"), &limits);
    assert_int_equal(parsed.counts.parts, 4);
    assert_true(parsed.counts.parts_dropped);
    assert_int_equal(parsed.root->last_child->body_octets, 20); /* the rest is its body */
    parsed_free(&parsed);

    struct buf text;
    buf_init(&text, 10 * 1024 * 1024);
    buf_append(&text, S(MIXED("b")));
    for (size_t i = 0; i < 50000; i++) {
        buf_append(&text, S("--b\n\n"));
    }
    parsed_make(&parsed, buf_slice(&text), 0, NULL);
    assert_int_equal(parsed.counts.parts, 10000);
    assert_true(parsed.summary.bodystructure.len <= 1024 * 1024);
    parsed_free(&parsed);
    buf_free(&text);
}

/* Boundaries up to 1000 characters, and no look at lines that are longer than any. */
static void test_long_boundaries(void **state)
{
    (void)state;
    static const struct {
        size_t length, padding, parts;
    } cases[] = {{70, 0, 2}, {1000, 0, 2}, {1000, 50, 2}, {1000, 500, 1}, {1001, 0, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char boundary[2000] = "", padding[2000] = "";
        memset(boundary, 'x', cases[i].length);
        memset(padding, ' ', cases[i].padding);
        struct buf text;
        buf_init(&text, 10000);
        buf_printf(&text,
                   "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s%s\r\n\r\nbody\r\n--%s--%s\r\n",
                   boundary, boundary, padding, boundary, padding);
        struct parsed parsed = parse(buf_slice(&text), NULL);
        assert_int_equal(parsed.counts.parts, cases[i].parts);
        parsed_free(&parsed);
        buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),           cmocka_unit_test(test_fields),
        cmocka_unit_test(test_fields_early),    cmocka_unit_test(test_counts),
        cmocka_unit_test(test_header_limit),    cmocka_unit_test(test_field_limits),
        cmocka_unit_test(test_depth),           cmocka_unit_test(test_parts),
        cmocka_unit_test(test_long_boundaries),
    };
    return cmocka_run_group_tests_name("mail/mime", tests, NULL, NULL);
}
