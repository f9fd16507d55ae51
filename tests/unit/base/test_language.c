/* SPDX-License-Identifier: ISC */
/* Language ranges (RFC 4647). */
#include "check.h"

#include "base/language.h"

static void ranges(void **state)
{
    static const char *const good[] = {
        "*",       "de",       "DE-at", "de-Latn-AT-1996",      "i-default", "default",
        "x-twain", "abcdefgh", "a",     "zh-Hant-CN-x-private1"};
    static const char *const bad[] = {"",      "-",    "de-",       "-de",  "de--AT",
                                      "de AT", "d3",   "abcdefghi", "de-ü", "de-abcdefghi",
                                      "**",    "de-*", "*-de",      "de\n", "de_AT"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(language_is_range(slice_from(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(language_is_range(slice_from(bad[i])));
    assert_false(language_is_range(slice_of("de\0", 3)));
}

/* RFC 4647 section 3.4: "de-Latn-AT" → "de-Latn" → "de" */
static void fitting(void **state)
{
    (void)state;
    assert_true(language_fits(S("de"), S("de")));
    assert_true(language_fits(S("DE"), S("de")));
    assert_true(language_fits(S("de-Latn-AT"), S("de")));
    assert_true(language_fits(S("I-Default"), S("i-default")));
    assert_false(language_fits(S("d"), S("de")));
    assert_false(language_fits(S("den"), S("de")));
    assert_false(language_fits(S("i"), S("i-default")));
    assert_false(language_fits(S("fr-de"), S("de")));
    assert_false(language_fits(S(""), S("de")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranges), cmocka_unit_test(fitting)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
