/* SPDX-License-Identifier: ISC */
/* The sentences in every language, and the choice of a language. */
#include "check.h"

#include "base/utf8.h"
#include "texts.h"

static void every_language_has_every_text(void **state)
{
    (void)state;
    assert_true(pop3_language_count >= 2);
    for (size_t l = 0; l < pop3_language_count; l++) {
        const struct pop3_language *language = &pop3_languages[l];
        for (size_t t = 0; t < POP3_TEXT_COUNT; t++) {
            assert_non_null(language->texts[t]);
            struct slice text = slice_from(language->texts[t]);
            assert_true(text.len > 0);
            assert_true(utf8_is_valid(text));
            for (size_t i = 0; i < text.len; i++)
                assert_false(char_is_ctl(text.data[i]));
            /* RFC 2449 section 8: what begins with "[" is a response code; section 4: 512 octets with status,
             * code and CRLF */
            assert_true(text.data[0] != '[' && text.len <= 400);
            /* no sentence was forgotten to be translated */
            for (size_t other = 0; other < l; other++)
                assert_string_not_equal(language->texts[t], pop3_languages[other].texts[t]);
        }
    }
}

static void before_lang_all_is_ascii(void **state)
{
    (void)state;
    for (size_t t = 0; t < POP3_TEXT_COUNT; t++)
        assert_true(utf8_is_ascii(slice_from(pop3_languages[0].texts[t])));
    /* RFC 1939 section 7: a greeting with "<" would offer APOP */
    for (size_t l = 0; l < pop3_language_count; l++)
        assert_null(strchr(pop3_languages[l].texts[TEXT_GREETING], '<'));
}

static void languages_can_be_listed(void **state)
{
    (void)state;
    for (size_t l = 0; l < pop3_language_count; l++) {
        const struct pop3_language *language = &pop3_languages[l];
        assert_true(language->tag.len > 0 && language->name.len > 0);
        assert_true(utf8_is_valid(language->name));
        for (size_t i = 0; i < language->tag.len; i++)
            assert_true(char_is_alnum(language->tag.data[i]) || language->tag.data[i] == '-');
        assert_ptr_equal(pop3_language_find(language->tag), language);
    }
}

static void expect_language(const char *range, const char *tag)
{
    const struct pop3_language *language = pop3_language_find(slice_from(range));
    if (!tag) {
        assert_null(language);
        return;
    }
    assert_non_null(language);
    assert_text(language->tag, tag);
}

/* RFC 4647 section 3.4: "de-AT-1996" → "de-AT" → "de" */
static void ranges_lose_their_subtags(void **state)
{
    (void)state;
    expect_language("en", "en");
    expect_language("EN-us", "en");
    expect_language("de", "de");
    expect_language("De-at", "de");
    expect_language("de-Latn-AT-1996", "de");
    expect_language("*", "en");
    expect_language("i-default", "en");
    expect_language("I-DEFAULT", "en");
    expect_language("", NULL);
    expect_language("-", NULL);
    expect_language("-de", NULL);
    expect_language("d", NULL);
    expect_language("deu", NULL);
    expect_language("dex-AT", NULL);
    expect_language("fr-de", NULL);
    expect_language("de AT", NULL);
    expect_language("**", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_language_has_every_text),
        cmocka_unit_test(before_lang_all_is_ascii),
        cmocka_unit_test(languages_can_be_listed),
        cmocka_unit_test(ranges_lose_their_subtags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
