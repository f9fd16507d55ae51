/* SPDX-License-Identifier: ISC */
/* Patterns of LIST, and the tree that they are compared with. */
#include "check.h"

#include <time.h>

#include "list_oracle.h"
#include "list_tree.h"
#include "storage/mailbox.h"

static struct arena arena;

static bool matches(const char *pattern, const char *name)
{
    struct list_pattern ready = list_pattern_of(&arena, slice_from(pattern));
    return list_pattern_matches(&ready, slice_from(name));
}

static void wildcards(void **state)
{
    (void)state;
    assert_true(matches("*", "a/b/c"));
    assert_true(matches("%", "abc"));
    assert_false(matches("%", "a/b"));
    assert_true(matches("%/%", "a/b"));
    assert_false(matches("%/%", "a/b/c"));
    assert_true(matches("a%b", "ab"));
    assert_true(matches("a%b", "axxb"));
    assert_false(matches("a%b", "a/b"));
    assert_true(matches("a*b", "a/b"));
    assert_false(matches("a", "ab"));
    assert_false(matches("ab", "a"));
    assert_true(matches("", ""));
    assert_false(matches("", "a"));
    assert_true(matches("*%", "a/b"));
    assert_true(matches("%*", "a/b"));
    assert_true(matches("%%", "ab"));
    assert_false(matches("%%", "a/b"));
}

static void inbox_in_any_case(void **state)
{
    (void)state;
    assert_true(matches("inbox", "INBOX"));
    assert_true(matches("iNB%", "INBOX"));
    assert_true(matches("inbox/X", "INBOX/X"));
    assert_false(matches("inbox/x", "INBOX/X"));
    assert_false(matches("work", "Work"));
    assert_false(matches("inboxes", "INBOXES"));
}

/* Longer than one word of states, and longer than any name. */
static void long_patterns(void **state)
{
    (void)state;
    char name[MAILBOX_NAME_MAX + 1], pattern[4 * MAILBOX_NAME_MAX];
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    assert_true(matches(name, name));
    for (size_t i = 0; i + 1 < sizeof(name); i++)
        memcpy(pattern + 2 * i, "%a", 2);
    pattern[2 * (sizeof(name) - 1)] = 0;
    assert_true(matches(pattern, name));
    assert_false(matches(pattern, name + 1));
    memset(pattern, 'a', sizeof(pattern) - 1);
    pattern[sizeof(pattern) - 1] = 0;
    assert_false(matches(pattern, name));
}

static void random_text(unsigned *seed, const char *letters, char *out)
{
    size_t length = (size_t)rand_r(seed) % 12;
    for (size_t i = 0; i < length; i++)
        out[i] = letters[(size_t)rand_r(seed) % strlen(letters)];
    out[length] = 0;
}

static void as_the_definition_says(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (unsigned i = 0; i < 50000; i++) {
        char pattern[16], name[16];
        random_text(&seed, "ab/*%", pattern);
        random_text(&seed, "ab/", name);
        bool expected = oracle_matches(slice_from(pattern), slice_from(name));
        if (matches(pattern, name) != expected)
            fail_msg("'%s' and '%s'", pattern, name);
        arena_reset(&arena);
    }
}

static void what_may_begin(void **state)
{
    (void)state;
    struct list_pattern some = list_pattern_of(&arena, S("Sh%/x"));
    assert_true(list_pattern_may_begin(&some, S("Shared")));
    assert_true(list_pattern_may_begin(&some, S("Shared/")));
    assert_false(list_pattern_may_begin(&some, S("Shared/y")));
    assert_false(list_pattern_may_begin(&some, S("INBOX")));
}

static const struct list_node *node(const struct list_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->count; i++)
        if (slice_eq(tree->nodes[i].name, slice_from(name)))
            return &tree->nodes[i];
    fail_msg("no %s", name);
    return NULL;
}

/* A name before what is below it, INBOX before all, missing levels filled in, twins joined. */
static void order_of_the_tree(void **state)
{
    (void)state;
    int box;
    struct list_name names[] = {
        {S("a b"), &box, false},   {S("a/x/y"), &box, false},   {S("a"), &box, false},
        {S("A"), &box, false},     {S("INBOX/z"), &box, false}, {S("b/c"), NULL, true},
        {S("INBOX"), &box, false}, {S("a"), NULL, true},
    };
    static const char *const expected[] = {"INBOX", "INBOX/z", "A", "a", "a/x", "a/x/y", "a b", "b", "b/c"};
    struct list_tree tree = list_tree_of(&arena, names, ARRAY_LEN(names));
    assert_int_equal(tree.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < tree.count; i++)
        assert_true(slice_eq(tree.nodes[i].name, slice_from(expected[i])));
    tree.nodes[5].is_chosen = true;
    struct list_pattern patterns[] = {list_pattern_of(&arena, S("%")), list_pattern_of(&arena, S("a"))};
    list_tree_match(&tree, patterns, 2);
    assert_true(node(&tree, "a")->subscribed && node(&tree, "a")->mailbox && node(&tree, "a")->has_children);
    assert_true(node(&tree, "a")->matches_as_level && node(&tree, "a")->has_chosen);
    assert_true(node(&tree, "a")->has_unshown && node(&tree, "a/x")->has_unshown);
    assert_true(node(&tree, "b")->has_subscriptions && !node(&tree, "b")->has_children);
    assert_true(node(&tree, "INBOX")->has_children && !node(&tree, "INBOX")->has_chosen);
    assert_false(node(&tree, "a b")->has_children || node(&tree, "a/x")->matches);
    assert_int_equal(node(&tree, "a/x/y")->parent, 4);
    assert_int_equal(list_tree_of(&arena, NULL, 0).count, 0);
}

static int clean_up(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wildcards),      cmocka_unit_test(inbox_in_any_case),
        cmocka_unit_test(long_patterns),  cmocka_unit_test(as_the_definition_says),
        cmocka_unit_test(what_may_begin), cmocka_unit_test(order_of_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, clean_up);
}
