/* SPDX-License-Identifier: ISC */
/* How search programs are put together, and what the return options ask for. */
#include "check.h"

#include "search_return.h"

static void dump(const struct search_program *program, uint32_t index, struct buf *out)
{
    static const char *const names[] = {[KEY_AND] = "and", [KEY_OR] = "or", [KEY_NOT] = "not"};
    const struct search_node *node = &program->nodes[index];
    if (node->key > KEY_NOT) {
        if (node->key == KEY_NUMBERS)
            buf_printf(out, "%u", (unsigned)node->set.ranges[0].from);
        else if (node->key == KEY_TEXT)
            buf_append(out, node->text.text);
        else
            buf_printf(out, "k%d", node->key);
        return;
    }
    buf_printf(out, "%s(", names[node->key]);
    for (uint32_t c = node->child; c != 0; c = program->nodes[c].next) {
        dump(program, c, out);
        if (program->nodes[c].next != 0)
            buf_append_char(out, ' ');
    }
    buf_append_char(out, ')');
}

static bool filter_text(void *data, struct slice name, struct slice *text_r)
{
    (void)data;
    static const struct {
        struct slice name, text;
    } filters[] = {{{"on-the-road", 11}, {"OR 8 FROM \"boss@example.com\"", 28}},
                   {{"two", 3}, {"8 9", 3}},
                   {{"nested", 6}, {"FILTER two 7", 12}},
                   {{"loop", 4}, {"FILTER loop", 11}},
                   {{"half", 4}, {"OR 8", 4}}};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (slice_eq(filters[i].name, name)) {
            *text_r = filters[i].text;
            return true;
        }
    return false;
}

static enum err parse_to(const char *text, struct buf *out)
{
    struct arena arena = {0};
    struct search_source source = {.filter = filter_text};
    struct search_program program, copy;
    struct parser parser = parser_of(&arena, slice_from(text));
    enum err err = parse_search_keys(&parser, &source, &program);
    buf_clear(out);
    if (!err) {
        search_program_copy(&program, &arena, &copy);
        dump(&copy, 0, out);
    } else {
        buf_append(out, slice_from(parser_complaint(&parser, IMAP_I_DEFAULT)));
    }
    arena_free(&arena);
    return err;
}

static void programs(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {" 1", "and(1)"},
        {" 1 2 (3 4)", "and(1 2 3 4)"},
        {" ((((1))))", "and(1)"},
        {" OR 1 2", "and(or(1 2))"},
        {" OR 1 OR 2 3", "and(or(1 2 3))"},
        {" OR OR OR 1 2 3 4", "and(or(1 2 3 4))"},
        {" OR (OR 1 2) (OR 3 4)", "and(or(1 2 3 4))"},
        {" OR (1 2) (3 (4 5))", "and(or(and(1 2) and(3 4 5)))"},
        {" OR (1 OR 2 3) 4 5", "and(or(and(1 or(2 3)) 4) 5)"},
        {" NOT 1 2", "and(not(1) 2)"},
        {" NOT (1 2) 3", "and(not(and(1 2)) 3)"},
        {" NOT OR 1 2 3", "and(not(or(1 2)) 3)"},
        {" OR NOT 1 NOT (2) 3", "and(or(not(1) not(2)) 3)"},
        {" FUZZY (1 2) 3", "and(1 2 3)"},
        {" FUZZY TEXT \"a b\" 3", "and(and(a b) 3)"},
        {" OR FUZZY TEXT \"a b\" FUZZY 1", "and(or(and(a b) 1))"},
        {" FILTER on-the-road 3", "and(or(8 boss@example.com) 3)"},
        {" NOT FILTER two OR FILTER nested 1", "and(not(and(8 9)) or(and(8 9 7) 1))"},
    };
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(parse_to(cases[i][0], &out));
        assert_string_equal(buf_cstr(&out), cases[i][1]);
    }
    assert_int_equal(parse_to(" FILTER loop", &out), ERR_NOT_FOUND);
    assert_int_equal(parse_to(" FILTER none", &out), ERR_NOT_FOUND);
    assert_int_equal(parse_to(" FILTER half 2", &out), ERR_SYNTAX);
    buf_free(&out);
}

/* Chains of a thousand ORs are one node; what alternates is bounded, and so is the number of keys. */
static void long_and_deep(void **state)
{
    (void)state;
    struct buf text, out;
    buf_init(&text, 1024 * 1024);
    buf_init(&out, 65536);
    for (unsigned i = 0; i < 1000; i++)
        buf_append(&text, S(" OR 1"));
    buf_append(&text, S(" 2"));
    assert_ok(parse_to(buf_cstr(&text), &out));
    buf_clear(&text);
    buf_append_char(&text, ' ');
    for (unsigned i = 0; i < 1000; i++)
        buf_append(&text, S("OR "));
    for (unsigned i = 0; i < 1001; i++)
        buf_append(&text, S("3 "));
    assert_ok(parse_to(buf_cstr(&text), &out));
    buf_clear(&text);
    for (unsigned i = 0; i < 100; i++)
        buf_append(&text, S(" NOT"));
    buf_append(&text, S(" 1"));
    assert_int_equal(parse_to(buf_cstr(&text), &out), ERR_LIMIT);
    buf_clear(&text);
    for (unsigned i = 0; i <= SEARCH_KEYS_MAX; i++)
        buf_append(&text, S(" 1"));
    assert_int_equal(parse_to(buf_cstr(&text), &out), ERR_LIMIT);
    /* Each of these may have to read all messages. */
    buf_clear(&text);
    for (unsigned i = 1; i < SEARCH_TEXTS_MAX; i++)
        buf_append(&text, S(" OR BODY x"));
    buf_append(&text, S(" BODY y"));
    assert_ok(parse_to(buf_cstr(&text), &out));
    buf_append(&text, S(" BODY z"));
    assert_int_equal(parse_to(buf_cstr(&text), &out), ERR_LIMIT);
    buf_free(&text);
    buf_free(&out);
}

/* How much of the matches the return options need. */
static void demands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct search_demand demand;
    } cases[] = {
        {"", {0, 0}},
        {" RETURN ()", {0, 0}},
        {" RETURN (SAVE)", {0, 0}},
        {" RETURN (MIN)", {1, 0}},
        {" RETURN (MAX CONTEXT)", {0, 1}},
        {" RETURN (MIN MAX SAVE)", {1, 1}},
        {" RETURN (MIN COUNT)", {0, 0}},
        {" RETURN (MIN UPDATE)", {0, 0}},
        {" RETURN (PARTIAL 500:1)", {500, 0}},
        {" RETURN (PARTIAL -3:-100 MIN)", {1, 100}},
        {" RETURN (PARTIAL 2:3 MAX MIN)", {3, 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct parser parser = parser_of(&arena, slice_from(cases[i].text));
        struct search_return wanted;
        assert_true(parse_search_return(&parser, &wanted));
        struct search_demand demand = search_return_demand(&wanted);
        assert_int_equal(demand.first, cases[i].demand.first);
        assert_int_equal(demand.last, cases[i].demand.last);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs),
        cmocka_unit_test(long_and_deep),
        cmocka_unit_test(demands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
