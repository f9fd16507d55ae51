/* SPDX-License-Identifier: ISC */
/* The table of translations. That every sentence of the code has a row: tests/system/test_imap_texts.py. */
#include "check.h"

#include "base/utf8.h"
#include "texts.h"

/* The search needs it. */
static void rows_are_sorted(void **state)
{
    (void)state;
    for (size_t i = 1; i < imap_translation_count; i++)
        assert_true(strcmp(imap_translations[i - 1].english, imap_translations[i].english) < 0);
}

/* RFC 5255 section 3.5, of both languages, since formats only add what is ASCII:
 *
 *     resp-text       = ["[" resp-text-code "]" SP ] UTF8-TEXT-CHAR *(UTF8-TEXT-CHAR / "[") */
static void check_text(const char *text)
{
    struct slice all = slice_from(text);
    assert_true(all.len > 0 && all.len <= 400);
    assert_true(utf8_is_valid(all));
    for (size_t i = 0; i < all.len; i++)
        assert_false(char_is_ctl(text[i]));
    assert_true(text[0] != '[' && text[0] != ' ' && text[all.len - 1] != ' ');
}

static void rows_are_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < imap_translation_count; i++) {
        check_text(imap_translations[i].english);
        check_text(imap_translations[i].german);
        assert_true(utf8_is_ascii(slice_from(imap_translations[i].english)));
        assert_string_not_equal(imap_translations[i].english, imap_translations[i].german);
    }
}

/* "%s%c" of "expected %s or %c" */
static void conversions(const char *format, char *out, size_t size)
{
    size_t n = 0;
    for (const char *p = strchr(format, '%'); p; p = strchr(p + 2, '%')) {
        assert_true(n + 3 < size);
        out[n++] = p[0];
        out[n++] = p[1];
    }
    out[n] = '\0';
}

static void formats_agree(void **state)
{
    char english[20], german[20];
    size_t formats = 0;
    (void)state;
    for (size_t i = 0; i < imap_translation_count; i++) {
        conversions(imap_translations[i].english, english, sizeof(english));
        conversions(imap_translations[i].german, german, sizeof(german));
        assert_string_equal(english, german);
        formats += english[0] != '\0';
    }
    assert_true(formats >= 3);
}

static void looking_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < imap_translation_count; i++) {
        const struct imap_translation *row = &imap_translations[i];
        assert_string_equal(imap_text(IMAP_I_DEFAULT, row->english), row->english);
        assert_string_equal(imap_text(IMAP_ENGLISH, row->english), row->english);
        assert_string_equal(imap_text(IMAP_GERMAN, row->english), row->german);
    }
    assert_string_equal(imap_text(IMAP_GERMAN, "RETURN"), "RETURN");
    assert_string_equal(imap_text(IMAP_GERMAN, ""), "");
}

static void languages(void **state)
{
    enum imap_language language;
    (void)state;
    for (enum imap_language i = 0; i < IMAP_LANGUAGE_COUNT; i++) {
        assert_true(imap_language_find(imap_language_tags[i], &language));
        assert_int_equal(language, i);
    }
    assert_true(imap_language_find(S("DE-IT"), &language) && language == IMAP_GERMAN);
    assert_true(imap_language_find(S("en-CA"), &language) && language == IMAP_ENGLISH);
    assert_false(imap_language_find(S("fr"), &language));
    assert_false(imap_language_find(S("i"), &language));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_sorted), cmocka_unit_test(rows_are_texts), cmocka_unit_test(formats_agree),
        cmocka_unit_test(looking_up),      cmocka_unit_test(languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
