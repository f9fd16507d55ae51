/* SPDX-License-Identifier: ISC */
/* What a mailbox may be called, and which names are one. */
#include "check.h"

#include "base/buf.h"
#include "storage/mailbox.h"

#define NFD_UMLAUT "u\xcc\x88" /* u, combining diaeresis */
#define NFC_UMLAUT "\xc3\xbc"

static struct arena arena;

static struct slice repeat(const char *text, size_t times)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < times; i++) {
        buf_append(&out, slice_from(text));
    }
    struct slice result = arena_copy(&arena, buf_slice(&out));
    buf_free(&out);
    return result;
}

static void names_that_are_fine(void **state)
{
    (void)state;
    static const struct {
        struct slice name;
        const char *canonical;
    } cases[] = {
        {S("Work"), "Work"},
        {S("work"), "work"},
        {S("Work/2024/Q1"), "Work/2024/Q1"},
        {S("a.b"), "a.b"},
        {S(". /..\\\"&#~"), ". /..\\\"&#~"},
        {S("inbox"), "INBOX"},
        {S("InBox/x"), "INBOX/x"},
        {S("INBOX/inbox"), "INBOX/inbox"},
        {S("x/inbox"), "x/inbox"},
        {S("inboxes"), "inboxes"},
        {S("\xe6\x97\xa5\xe6\x9c\xac"), "\xe6\x97\xa5\xe6\x9c\xac"},
        {S("\xc3\xa4/\xc3\xb6"), "\xc3\xa4/\xc3\xb6"},
        {S("B" NFD_UMLAUT "cher/" NFC_UMLAUT), "B" NFC_UMLAUT "cher/" NFC_UMLAUT},
        {S("inbox/" NFD_UMLAUT), "INBOX/" NFC_UMLAUT},
        {S("\xf0\x9f\x93\xa7"), "\xf0\x9f\x93\xa7"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice canonical, again;
        assert_ok(mailbox_name_check(&arena, cases[i].name, &canonical));
        assert_text(canonical, cases[i].canonical);
        assert_ok(mailbox_name_check(&arena, canonical, &again));
        assert_slice(again, canonical);
        assert_slice(mailbox_name_canonical(&arena, cases[i].name), canonical);
    }
    arena_free(&arena);
}

static void names_that_nothing_can_have(void **state)
{
    (void)state;
    static const struct slice wrong[] = {
        S(""),
        S("/"),
        S("/a"),
        S("a/"),
        S("a//b"),
        S("a%"),
        S("*"),
        S("a\nb"),
        S("a\0b"),
        S("\x7f"),
        S("a\xc2\x80"),
        S("a\xc2\x9f"),
        S("\xe2\x80\xa8"),
        S("x\xe2\x80\xa9y"),
        S("\xff"),
        S("a\xc3"),
        S("\xed\xa0\x80"),
        S("\xc0\xaf"),
    };
    struct slice canonical;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_err(mailbox_name_check(&arena, wrong[i], &canonical), ERR_SYNTAX);
        assert_slice(mailbox_name_canonical(&arena, wrong[i]), wrong[i]);
    }
    arena_free(&arena);
}

static void limits(void **state)
{
    (void)state;
    struct slice canonical;
    struct slice longest = repeat("a", MAILBOX_NAME_MAX);
    assert_ok(mailbox_name_check(&arena, longest, &canonical));
    assert_err(mailbox_name_check(&arena, repeat("a", MAILBOX_NAME_MAX + 1), &canonical), ERR_SYNTAX);
    struct slice deepest = slice_skip(repeat("/b", MAILBOX_DEPTH_MAX), 1);
    assert_ok(mailbox_name_check(&arena, deepest, &canonical));
    assert_err(mailbox_name_check(&arena, slice_skip(repeat("/b", MAILBOX_DEPTH_MAX + 1), 1), &canonical),
               ERR_SYNTAX);
    /* What counts is the composed form; what is far too long is not even looked at. */
    assert_ok(mailbox_name_check(&arena, repeat(NFD_UMLAUT, MAILBOX_NAME_MAX / 2), &canonical));
    assert_int_equal(canonical.len, MAILBOX_NAME_MAX);
    assert_err(mailbox_name_check(&arena, repeat(NFD_UMLAUT, MAILBOX_NAME_MAX / 2 + 1), &canonical),
               ERR_SYNTAX);
    assert_err(mailbox_name_check(&arena, repeat(NFD_UMLAUT, 100000), &canonical), ERR_SYNTAX);
    arena_free(&arena);
}

static void below(void **state)
{
    (void)state;
    assert_true(mailbox_name_is_below(S("a/b"), S("a")));
    assert_true(mailbox_name_is_below(S("a/b/c"), S("a")));
    assert_false(mailbox_name_is_below(S("a"), S("a")));
    assert_false(mailbox_name_is_below(S("ab/c"), S("a")));
    assert_false(mailbox_name_is_below(S("a"), S("a/b")));
}

static void special_uses(void **state)
{
    (void)state;
    assert_true(special_use_is_valid(S("\\Drafts")));
    assert_false(special_use_is_valid(S("Drafts")));
    assert_false(special_use_is_valid(S("\\")));
    assert_false(special_use_is_valid(S("\\a b")));
    assert_false(special_use_is_valid(S("\\a\n")));
    assert_true(special_use_is_valid(S("\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
    assert_false(special_use_is_valid(S("\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_fine),
        cmocka_unit_test(names_that_nothing_can_have),
        cmocka_unit_test(limits),
        cmocka_unit_test(below),
        cmocka_unit_test(special_uses),
    };
    return cmocka_run_group_tests_name("storage/mailbox_names", tests, NULL, NULL);
}
