/* SPDX-License-Identifier: ISC */
/* The base subject (RFC 5256 section 2.1). */
#include "check.h"

#include "mail/subject.h"

static const struct {
    const char *subject, *base;
    bool is_reply;
} rows[] = {
    {"", "", false},
    {"Hello", "Hello", false},
    {"  Hello \t  there  ", "Hello there", false},
    {"Re: Hello", "Hello", true},
    {"re:Hello", "Hello", true},
    {"RE: Re: re: Hello", "Hello", true},
    {"Fwd: Hello", "Hello", true},
    {"FW: Hello", "Hello", true},
    {"Fw : Hello", "Hello", true},
    {"Hello (fwd)", "Hello", true},
    {"Hello (fwd) (FWD) ", "Hello", true},
    {"Re: Hello (fwd)", "Hello", true},
    {"[list] Hello", "Hello", false},
    {"[list] [more] Hello", "Hello", false},
    {"[list] Re: Hello", "Hello", true},
    {"Re: [list] Hello", "Hello", true},
    {"Re[2]: Hello", "Hello", true},
    {"Re [list] : Hello", "Hello", true},
    {"[fwd: Hello]", "Hello", true},
    {"[Fwd: Re: Hello]", "Hello", true},
    {"Re: [fwd: [list] Hello (fwd)]", "Hello", true},
    {"[list]", "[list]", false}, /* nothing would be left */
    {"Re: [list]", "[list]", true},
    {"Re:", "", true},
    {"(fwd)", "", true},
    {"[fwd:]", "", true},
    {"[fwd: Hello", "[fwd: Hello", false},
    {"Regarding: Hello", "Regarding: Hello", false},
    {"Rent", "Rent", false},
    {"[open Re: Hello", "[open Re: Hello", false},
    {"[a[b] Hello", "[a[b] Hello", false},
    {"Hello Re: there", "Hello Re: there", false},
    {"\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd", false},
};

static void bases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = {0};
        bool is_reply = !rows[i].is_reply;
        struct slice base = subject_base(&arena, slice_from(rows[i].subject), &is_reply);
        assert_text(base, rows[i].base);
        if (is_reply != rows[i].is_reply) {
            print_error("'%s' is%s a reply\n", rows[i].subject, is_reply ? "" : " not");
            fail();
        }
        assert_text(subject_base(&arena, base, NULL), rows[i].base); /* has no base but itself */
        arena_free(&arena);
    }
}

/* A subject that somebody made to keep us busy: time is linear. */
static void long_ones(void **state)
{
    (void)state;
    static const char *const pieces[] = {"Re: ", "[x] ", "[fwd: ", "(fwd) ", "[", "]", "Re[", " "};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct arena arena = {0};
        size_t length = strlen(pieces[i]), count = 60000 / length;
        char *text = arena_alloc(&arena, count * length + 1);
        for (size_t n = 0; n < count; n++) {
            memcpy(text + n * length, pieces[i], length);
        }
        struct slice base = subject_base(&arena, slice_of(text, count * length), NULL);
        assert_true(base.len <= count * length);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bases),
        cmocka_unit_test(long_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
