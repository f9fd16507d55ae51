/* SPDX-License-Identifier: ISC */
/* Rights as letters and sets (RFC 4314). */
#include "check.h"

#include "rights.h"

static const char *parsed(const char *text)
{
    static char out[RIGHTS_TEXT_MAX];
    unsigned rights = 0;
    char wrong = 0;
    assert_true(rights_parse(slice_from(text), &rights, &wrong));
    rights_format(rights, out);
    return out;
}

static char refused(const char *text)
{
    unsigned rights = 0;
    char wrong = 0;
    assert_false(rights_parse(slice_from(text), &rights, &wrong));
    return wrong;
}

static const char *shown(const char *text)
{
    static char out[RIGHTS_TEXT_MAX];
    unsigned rights = 0;
    char wrong = 0;
    assert_true(rights_parse(slice_from(text), &rights, &wrong));
    rights_format_for_client(rights, out);
    return out;
}

static const char *changed(const char *before, const char *text)
{
    static char out[RIGHTS_TEXT_MAX];
    enum rights_change change;
    unsigned old = 0, rights = 0;
    char wrong = 0;
    assert_true(rights_parse(slice_from(before), &old, &wrong));
    assert_true(rights_parse_change(slice_from(text), &change, &rights, &wrong));
    rights_format_for_client(rights_changed(old, change, rights), out);
    return out;
}

static void letters_come_out_in_one_order(void **state)
{
    (void)state;
    assert_string_equal(parsed(""), "");
    assert_string_equal(parsed("aetxkpiwsrl"), "lrswipkxtea");
    assert_string_equal(parsed("llrl"), "lr");
    assert_int_equal(refused("lrq"), 'q');
    assert_int_equal(refused("lrQswicda"), 'Q');
    assert_int_equal(refused("l r"), ' ');
    assert_int_equal(refused("+l"), '+');
    assert_int_equal(refused("0"), '0');
}

/* Section 2.1.1 */
static void obsolete_letters_stand_for_their_members(void **state)
{
    (void)state;
    assert_string_equal(parsed("lrswida"), "lrswitea"); /* example A001 */
    assert_string_equal(shown("lrswida"), "lrswitead");
    assert_string_equal(shown("lrswikda"), "lrswikteacd"); /* example A003 */
    assert_string_equal(parsed("c"), "kx");
    assert_string_equal(shown("x"), "xc");
    assert_string_equal(shown("t"), "td");
    assert_string_equal(shown("e"), "ed");
    assert_string_equal(parsed("dte"), "te"); /* no error to name both */
    assert_string_equal(shown("lrswipa"), "lrswipa");
}

/* Section 3.1 */
static void changes_add_take_and_replace(void **state)
{
    (void)state;
    assert_string_equal(changed("lrswi", "+cda"), "lrswikxteacd"); /* example A002 */
    assert_string_equal(changed("lrswikxtea", "-d"), "lrswikxac");
    assert_string_equal(changed("lrs", "lw"), "lw");
    assert_string_equal(changed("lrs", ""), "");
    assert_string_equal(changed("lrs", "+"), "lrs");
    assert_string_equal(changed("lrs", "-"), "lrs");
    assert_string_equal(changed("lrs", "-rx"), "ls");
    enum rights_change change;
    unsigned rights;
    char wrong = 0;
    assert_false(rights_parse_change(S("lr+s"), &change, &rights, &wrong));
    assert_int_equal(wrong, '+');
    assert_false(rights_parse_change(S("+l-r"), &change, &rights, &wrong));
    assert_int_equal(wrong, '-');
}

static const char *given(const struct rights_entry *list, size_t count, const char *login)
{
    static char out[RIGHTS_TEXT_MAX];
    rights_format(rights_of_user(list, count, slice_from(login)), out);
    return out;
}

static void entries_add_up(void **state)
{
    (void)state;
    const struct rights_entry list[] = {
        {S("-chris"), S("t")},        {S("-fred"), S("w")},   {S("anyone"), S("lrw")},
        {S("authenticated"), S("s")}, {S("chris"), S("ite")}, {S("team"), S("a")},
    };
    assert_string_equal(given(list, 0, "fred"), "");
    assert_string_equal(given(list, ARRAY_LEN(list), "bob"), "lrsw");
    /* Section 2: fred's "w" is taken away, though he has it from another entry. */
    assert_string_equal(given(list, ARRAY_LEN(list), "fred"), "lrs");
    assert_string_equal(given(list, ARRAY_LEN(list), "chris"), "lrswie");
    assert_int_equal(rights_of_identifier(list, ARRAY_LEN(list), S("-fred")), RIGHT_WRITE);
    assert_int_equal(rights_of_identifier(list, ARRAY_LEN(list), S("fred")), 0);
}

static void everybody_can_lose_rights(void **state)
{
    (void)state;
    const struct rights_entry list[] = {{S("-anyone"), S("twi")}, {S("bob"), S("lrswit")}};
    assert_string_equal(given(list, 2, "bob"), "lrs");
    assert_string_equal(given(list, 2, "-bob"), ""); /* nobody is called so */
}

/* Written by hand or by another version. */
static void strange_entries_count_as_far_as_they_are_understood(void **state)
{
    (void)state;
    const struct rights_entry list[] = {{S(""), S("a")}, {S("-"), S("l")}, {S("bob"), S("l9rcZ")}};
    assert_string_equal(given(list, 3, "bob"), "lrkx");
    assert_string_equal(given(list, 3, "carol"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_out_in_one_order),
        cmocka_unit_test(obsolete_letters_stand_for_their_members),
        cmocka_unit_test(changes_add_take_and_replace),
        cmocka_unit_test(entries_add_up),
        cmocka_unit_test(everybody_can_lose_rights),
        cmocka_unit_test(strange_entries_count_as_far_as_they_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
