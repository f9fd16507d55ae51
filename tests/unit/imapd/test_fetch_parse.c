/* SPDX-License-Identifier: ISC */
/* The arguments of FETCH, without a session. */
#include "check.h"

#include "fetch.h"
#include "storage/snapshot.h"

static struct arena arena;

static bool try_parse(const char *text, struct fetch_request *request_r)
{
    struct parser parser = parser_of(&arena, slice_from(text));
    return parse_fetch(&parser, request_r);
}

/* "BODY[1.2.MIME]<0>" and so on, each with a "|" behind it. */
static const char *labels_of(const char *text)
{
    struct fetch_request request;
    struct buf labels;
    buf_init(&labels, 100000);
    if (!try_parse(text, &request))
        return "BAD";
    for (size_t i = 0; i < request.item_count; i++) {
        buf_append(&labels, request.items[i].label);
        buf_append_char(&labels, '|');
    }
    const char *copy = arena_cstr(&arena, buf_slice(&labels));
    buf_free(&labels);
    return copy;
}

#define accepts(text, labels) assert_string_equal(labels_of(text), labels)
#define refuses(text)         assert_string_equal(labels_of(text), "BAD")

static void test_items(void **state)
{
    (void)state;
    accepts(" 1 FLAGS", "FLAGS|");
    accepts(" 1:* (FLAGS)", "FLAGS|");
    accepts(" 1,3:5 (uid Flags internaldate rfc822.size)", "UID|FLAGS|INTERNALDATE|RFC822.SIZE|");
    accepts(" $ (UID PREVIEW (LAZY))", "UID|PREVIEW|");
    accepts(" 1 PREVIEW (LAZY)", "PREVIEW|");
    accepts(" 1 PREVIEW", "PREVIEW|");
    accepts(" 1 (EMAILID THREADID SAVEDATE MODSEQ)", "EMAILID|THREADID|SAVEDATE|MODSEQ|");
    accepts(" 1 (RFC822 RFC822.HEADER RFC822.TEXT)", "RFC822|RFC822.HEADER|RFC822.TEXT|");
    accepts(" 1 (BODY BODYSTRUCTURE)", "BODY|BODYSTRUCTURE|");
    accepts(" 1 (FLAGS FLAGS) ", "FLAGS|FLAGS|");
    refuses("");
    refuses(" 1");
    refuses(" 1 ");
    refuses(" FLAGS");
    refuses(" 0 FLAGS");
    refuses(" 1 FLAG");
    refuses(" 1 FLAGS UID");
    refuses(" 1 (FLAGS");
    refuses(" 1 ()");
    refuses(" 1 (FLAGS UID))");
    refuses(" 1 X-GM-MSGID");
    refuses(" 1 (PREVIEW (LAZY LAZY))");
    refuses(" 1 BODY[]BODY[]");
    refuses(" 1 RFC822.PEEK");
}

/* RFC 9051 section 6.4.5: "A macro must be used by itself". */
static void test_macros(void **state)
{
    (void)state;
    accepts(" 1 ALL", "FLAGS|INTERNALDATE|RFC822.SIZE|ENVELOPE|");
    accepts(" 1 fast", "FLAGS|INTERNALDATE|RFC822.SIZE|");
    accepts(" 1 FULL", "FLAGS|INTERNALDATE|RFC822.SIZE|ENVELOPE|BODY|");
    accepts(" 1 FULL (CHANGEDSINCE 7)", "FLAGS|INTERNALDATE|RFC822.SIZE|ENVELOPE|BODY|");
    refuses(" 1 (ALL)");
    refuses(" 1 ALLES");
    refuses(" 1 ALL UID");
}

static void test_sections(void **state)
{
    (void)state;
    accepts(" 1 BODY[]", "BODY[]|");
    accepts(" 1 body.peek[]", "BODY[]|");
    accepts(" 1 (BODY[HEADER] BODY[TEXT] BODY[1] BODY[1.MIME] BODY[1.2.3.TEXT])",
            "BODY[HEADER]|BODY[TEXT]|BODY[1]|BODY[1.MIME]|BODY[1.2.3.TEXT]|");
    accepts(" 1 (BODY.PEEK[header.fields (From to)] UID)", "BODY[HEADER.FIELDS (From to)]|UID|");
    accepts(" 1 BODY[4294967295.HEADER.FIELDS.NOT (A)]", "BODY[4294967295.HEADER.FIELDS.NOT (A)]|");
    accepts(" 1 BODY[HEADER.FIELDS (\"From\" \"X Y\" \"q\\\"\" {2}\r\nTo a]b)]",
            "BODY[HEADER.FIELDS (From \"X Y\" \"q\\\"\" To \"a]b\")]|");
    accepts(" 1 (BINARY[] BINARY[1.2] BINARY.PEEK[1]<0.5> BINARY.SIZE[2])",
            "BINARY[]|BINARY[1.2]|BINARY[1]<0>|BINARY.SIZE[2]|");
    /* Not in the RFCs, but others take it. */
    accepts(" 1 (BINARY[TEXT] BINARY.PEEK[1.mime] BINARY.SIZE[2.HEADER.FIELDS (To)] BODY[]<7>)",
            "BINARY[TEXT]|BINARY[1.MIME]|BINARY.SIZE[2.HEADER.FIELDS (To)]|BODY[]<7>|");
    refuses(" 1 BODY[");
    refuses(" 1 BODY[MIME]");
    refuses(" 1 BODY[0]");
    refuses(" 1 BODY[01");
    refuses(" 1 BODY[1.]");
    refuses(" 1 BODY[.1]");
    refuses(" 1 BODY[1..2]");
    refuses(" 1 BODY[1.0]");
    refuses(" 1 BODY[4294967296]");
    refuses(" 1 BODY[HEADER.FIELDS]");
    refuses(" 1 BODY[HEADER.FIELDS ()]");
    refuses(" 1 BODY[HEADER.FIELDS (A]");
    refuses(" 1 BODY[HEADER (A)]");
    refuses(" 1 BODY[HEADER.FIELDS (\"a\tb\")]");
    refuses(" 1 BODY[TEXT.1]");
    refuses(" 1 BODY[X]");
    refuses(" 1 BODY.PEEK");
    refuses(" 1 BODYSTRUCTURE[]");
    refuses(" 1 BINARY");
    refuses(" 1 RFC822[]");
}

static void test_partial(void **state)
{
    (void)state;
    struct fetch_request request;
    assert_true(try_parse(" 1 BODY[1]<5.9223372036854775807>", &request));
    assert_true(request.items[0].is_partial);
    assert_true(request.items[0].offset == 5 && request.items[0].length == INT64_MAX);
    assert_true(try_parse(" 1 BODY[1]", &request));
    assert_false(request.items[0].is_partial);
    assert_true(try_parse(" 1 BODY[]<7>", &request)); /* to the end: others take it */
    assert_true(request.items[0].offset == 7 && request.items[0].length == FETCH_PARTIAL_LAST);
    refuses(" 1 BODY[]<1.>");
    refuses(" 1 BODY[]<1.0>");
    refuses(" 1 BODY[]<-1.5>");
    refuses(" 1 BODY[]<1.5");
    refuses(" 1 BODY[]<9223372036854775808.1>");
    refuses(" 1 BODY[] <1.5>");
    refuses(" 1 FLAGS<1.5>");
    refuses(" 1 RFC822<1.5>");
    refuses(" 1 BINARY.SIZE[1]<1.5>");
}

static void test_modifiers(void **state)
{
    (void)state;
    struct fetch_request request;
    assert_true(try_parse(" 1:* FLAGS (CHANGEDSINCE 12345 VANISHED)", &request));
    assert_true(request.has_changed_since && request.changed_since == 12345 && request.wants_vanished);
    assert_true(try_parse(" 1:* (FLAGS) (changedsince 0)", &request));
    assert_true(request.has_changed_since && request.changed_since == 0 && !request.has_window);
    /* RFC 9394 section 3.4: in any order */
    assert_true(try_parse(" 1:* (UID FLAGS) (PARTIAL -1:-30 CHANGEDSINCE 98305)", &request));
    assert_true(request.has_window && request.window.from_end && request.window.first == 1 &&
                request.window.last == 30 && request.changed_since == 98305);
    assert_true(try_parse(" 1:* (UID FLAGS) (CHANGEDSINCE 98305 PARTIAL 500:400)", &request));
    assert_true(!request.window.from_end && request.window.first == 500 && request.window.last == 400);
    refuses(" 1 FLAGS ()");
    refuses(" 1 FLAGS (CHANGEDSINCE)");
    refuses(" 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 2)");
    refuses(" 1 FLAGS (CHANGEDSINCE 9223372036854775808)");
    refuses(" 1 FLAGS (PARTIAL 1)");
    refuses(" 1 FLAGS (PARTIAL 0:1)");
    refuses(" 1 FLAGS (PARTIAL 1:*)");
    refuses(" 1 FLAGS (PARTIAL -1:2)");
    refuses(" 1 FLAGS (PARTIAL 1:-2)");
    refuses(" 1 FLAGS (UNCHANGEDSINCE 1)");
    refuses(" 1 FLAGS (CHANGEDSINCE 1");
}

/* Whatever a client asks for has an end. */
static void test_limits(void **state)
{
    (void)state;
    struct fetch_request request;
    struct buf text;
    buf_init(&text, 1000000);
    buf_append(&text, S(" 1 (UID"));
    for (unsigned i = 1; i < FETCH_ITEMS_MAX; i++)
        buf_append(&text, S(" UID"));
    buf_append(&text, S(")"));
    assert_true(try_parse(buf_cstr(&text), &request));
    assert_int_equal(request.item_count, FETCH_ITEMS_MAX);
    buf_truncate(&text, text.len - 1);
    buf_append(&text, S(" UID)"));
    refuses(buf_cstr(&text));
    buf_clear(&text);
    buf_append(&text, S(" 1 BODY[1"));
    for (unsigned i = 1; i < SECTION_DEPTH_MAX; i++)
        buf_append(&text, S(".1"));
    assert_true(try_parse(arena_printf(&arena, "%s]", buf_cstr(&text)), &request));
    assert_int_equal(request.items[0].section.depth, SECTION_DEPTH_MAX);
    refuses(arena_printf(&arena, "%s.1]", buf_cstr(&text)));
    buf_clear(&text);
    buf_append(&text, S(" 1 BODY[HEADER.FIELDS (A"));
    for (unsigned i = 1; i < FETCH_FIELDS_MAX; i++)
        buf_append(&text, S(" A"));
    assert_true(try_parse(arena_printf(&arena, "%s)]", buf_cstr(&text)), &request));
    refuses(arena_printf(&arena, "%s A)]", buf_cstr(&text)));
    buf_free(&text);
}

/* Which columns an answer needs: what a list of messages asks for must not open files or read structures. */
static void test_fields(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        unsigned fields;
    } items[] = {
        {"UID", 0},
        {"FLAGS", SCAN_FLAGS},
        {"ENVELOPE", SCAN_ENVELOPE},
        {"BODY", SCAN_STRUCTURE},
        {"THREADID", SCAN_THREAD},
        {"BODY[]", SCAN_SIZE},
        {"BODY.PEEK[]<0.5>", SCAN_SIZE},
        {"BODY[HEADER.FIELDS (FROM SUBJECT)]", SCAN_SIZE | SCAN_HEADERS},
        {"BODY[1]", SCAN_SIZE | SCAN_STRUCTURE},
        {"BINARY.SIZE[1]", SCAN_SIZE | SCAN_STRUCTURE},
        {"PREVIEW", SCAN_SIZE},
    };
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        struct fetch_request request;
        assert_true(try_parse(arena_printf(&arena, " 1 %s", items[i].item), &request));
        assert_int_equal(fetch_item_fields(&request.items[0]), items[i].fields);
    }
}

/* A text that ends early is refused, wherever it ends, and nothing behind the end is looked at. */
static void test_cut(void **state)
{
    (void)state;
    static const char whole[] =
        " 1:5,$ (UID BODY.PEEK[3.1.HEADER.FIELDS (\"A\" B)]<1.2> BINARY[1] PREVIEW (LAZY)) (CHANGEDSINCE 5)";
    const char *text = whole;
    struct fetch_request request;
    assert_false(try_parse(text, &request)); /* "$" stands alone */
    text = " 1:5 (UID BODY.PEEK[3.1.HEADER.FIELDS (\"A\" B)]<1.2> BINARY[1] PREVIEW (LAZY)) (CHANGEDSINCE 5)";
    assert_true(try_parse(text, &request));
    size_t whole_again =
        strlen(" 1:5 (UID BODY.PEEK[3.1.HEADER.FIELDS (\"A\" B)]<1.2> BINARY[1] PREVIEW (LAZY))");
    for (size_t len = 0; len < strlen(text); len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, text, len);
        struct parser parser = parser_of(&arena, slice_of(cut, len));
        bool good = parse_fetch(&parser, &request);
        assert_int_equal(good, len == whole_again || len == whole_again + 1);
        free(cut);
    }
}

static int end(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_items),   cmocka_unit_test(test_macros),    cmocka_unit_test(test_sections),
        cmocka_unit_test(test_partial), cmocka_unit_test(test_modifiers), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
