/* SPDX-License-Identifier: ISC */
/*
 * Dot-stuffing: the cases of the RFCs by hand, and every text of up to seven bytes out of CR, LF, "." and "a"
 * against a second, simple statement of the rules. All input is fed whole, byte by byte, and cut in two at
 * every place.
 */
#include "check.h"
#include "net/dot.h"

enum { TEXT_MAX = 256, EXHAUSTIVE_LENGTH = 7 };

struct outcome {
    bool ended;
    bool bare_newline;
    size_t consumed;
    size_t len;
    char text[TEXT_MAX];
};

static void append(struct outcome *outcome, struct slice bytes)
{
    assert_true(outcome->len + bytes.len <= TEXT_MAX);
    if (bytes.len)
        memcpy(outcome->text + outcome->len, bytes.data, bytes.len);
    outcome->len += bytes.len;
}

/* Feeds `input` in pieces: the first of `first` bytes, then of `step` bytes. */
static struct outcome decode(struct slice input, bool repair, size_t first, size_t step)
{
    struct outcome outcome = {0};
    struct dot_decoder decoder = {.repair = repair};
    size_t size = first;
    while (outcome.consumed < input.len && !outcome.ended) {
        /* A copy of exactly the piece, so that the sanitizer sees every look beyond it. */
        struct slice piece = slice_take(slice_skip(input, outcome.consumed), size);
        char *copy = malloc(piece.len);
        memcpy(copy, piece.data, piece.len);
        struct slice rest = slice_of(copy, piece.len);
        struct slice chunk;
        enum dot_result result;
        while ((result = dot_decode(&decoder, &rest, &chunk)) == DOT_CHUNK) {
            assert_true(chunk.len > 0);
            append(&outcome, chunk);
        }
        outcome.ended = result == DOT_END;
        if (!outcome.ended)
            assert_int_equal(rest.len, 0);
        outcome.consumed += piece.len - rest.len;
        free(copy);
        size = step;
    }
    outcome.bare_newline = decoder.bare_newline;
    return outcome;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->ended, b->ended);
    assert_int_equal(a->consumed, b->consumed);
    assert_int_equal(a->bare_newline, b->bare_newline);
    assert_slice(slice_of(a->text, a->len), slice_of(b->text, b->len));
}

/* The outcome of the whole input, after all ways to cut it have agreed. */
static struct outcome decode_all_ways(struct slice input, bool repair)
{
    struct outcome whole = decode(input, repair, input.len, input.len);
    struct outcome bytes = decode(input, repair, 1, 1);
    assert_same(&whole, &bytes);
    for (size_t cut = 1; cut < input.len; cut++) {
        struct outcome halves = decode(input, repair, cut, input.len);
        assert_same(&whole, &halves);
    }
    return whole;
}

static void assert_decodes(struct slice input, bool repair, const char *text, const char *rest, bool bare)
{
    struct outcome outcome = decode_all_ways(input, repair);
    assert_true(outcome.ended);
    assert_text(slice_of(outcome.text, outcome.len), text);
    assert_text(slice_skip(input, outcome.consumed), rest);
    assert_int_equal(outcome.bare_newline, bare);
}

static void assert_never_ends(struct slice input)
{
    for (int repair = 0; repair < 2; repair++) {
        struct outcome outcome = decode_all_ways(input, repair);
        assert_false(outcome.ended);
        assert_true(outcome.bare_newline);
        assert_int_equal(outcome.consumed, input.len);
    }
}

static void text_ends_at_the_lone_dot(void **state)
{
    (void)state;
    assert_decodes(S("Hello\r\nworld\r\n.\r\nQUIT\r\n"), false, "Hello\r\nworld\r\n", "QUIT\r\n", false);
    assert_decodes(S(".\r\n"), false, "", "", false);
    assert_decodes(S("\r\n.\r\n.\r\n"), false, "\r\n", ".\r\n", false);
}

static void stuffed_dots_are_removed(void **state)
{
    (void)state;
    assert_decodes(S("..\r\n...\r\n.x\r\n..x\r\na.\r\n.\r\n"), false, ".\r\n..\r\nx\r\n.x\r\na.\r\n", "",
                   false);
}

/* What other servers took for an end of the message, and what must never be one here. */
static void smuggled_ends_are_text(void **state)
{
    (void)state;
    assert_never_ends(S("a\n.\n"));
    assert_never_ends(S("a\n.\r\n"));
    assert_never_ends(S("a\r.\r"));
    assert_never_ends(S("a\r.\r\n"));
    assert_never_ends(S("a\r\n.\n"));
    assert_never_ends(S("a\r\n.\r"
                        "b"));
    assert_never_ends(S("a\n\n.\r\n"));
    assert_never_ends(S("a\r\r.\r\n"));
    assert_never_ends(S(".\n"));
    assert_never_ends(S("\n.\r\n"));
    assert_never_ends(S("a\r\n.\r\r\n"));
    assert_never_ends(S("a\r\n\0.\r\n\n"));
}

static void strict_mode_passes_bare_newlines_on(void **state)
{
    (void)state;
    assert_decodes(S("a\nb\rc\r\n.\r\n"), false, "a\nb\rc\r\n", "", true);
    assert_decodes(S("a\n.b\r\n.\r\n"), false, "a\n.b\r\n", "", true);
    assert_decodes(S(".\rx\r\n.\r\n"), false, "\rx\r\n", "", true);
    assert_decodes(S("\r\r\n.\r\n"), false, "\r\r\n", "", true);
}

static void repair_makes_crlf(void **state)
{
    (void)state;
    assert_decodes(S("a\nb\rc\r\n.\r\n"), true, "a\r\nb\r\nc\r\n", "", true);
    assert_decodes(S("\n\r\r\n.\r\n"), true, "\r\n\r\n\r\n", "", true);
    assert_decodes(S(".\rx\r\n.\r\n"), true, "\r\nx\r\n", "", true);
    assert_decodes(S(".\nx\r\n.\r\n"), true, "\r\nx\r\n", "", true);
    assert_decodes(S("a\r\n.\r\n"), true, "a\r\n", "", false);
}

static void repair_keeps_a_single_dot_and_halves_two(void **state)
{
    (void)state;
    assert_decodes(S("a\n.b\n..c\n...d\r\n.\r\n"), true, "a\r\n.b\r\n.c\r\n..d\r\n", "", true);
    assert_decodes(S("a\r.b\r..c\r\n.\r\n"), true, "a\r\n.b\r\n.c\r\n", "", true);
    assert_decodes(S("a\n.\n.\r\n.\r\n"), true, "a\r\n.\r\n.\r\n", "", true);
}

/* Long lines cross the search window; each byte position of the newline around it is tried. */
static void lines_of_any_length(void **state)
{
    (void)state;
    static char input[4096];
    for (size_t len = 500; len < 530; len++) {
        memset(input, 'x', len);
        memcpy(input + len, "\r\n..y\r\n.\r\n", 11);
        struct dot_decoder decoder = {0};
        struct slice rest = slice_from(input);
        struct slice chunk;
        assert_int_equal(dot_decode(&decoder, &rest, &chunk), DOT_CHUNK);
        assert_int_equal(chunk.len, len + 2);
        assert_int_equal(dot_decode(&decoder, &rest, &chunk), DOT_CHUNK);
        assert_text(chunk, ".y\r\n");
        assert_int_equal(dot_decode(&decoder, &rest, &chunk), DOT_END);
        assert_int_equal(rest.len, 0);
    }
}

/* --- encoder --- */

static struct outcome encode(struct slice input, size_t step)
{
    struct outcome outcome = {0};
    struct dot_encoder encoder = {0};
    for (size_t at = 0; at < input.len; at += step) {
        struct slice rest = slice_take(slice_skip(input, at), step);
        struct slice chunk;
        while (dot_encode(&encoder, &rest, &chunk))
            append(&outcome, chunk);
        assert_int_equal(rest.len, 0);
    }
    append(&outcome, dot_encode_end(&encoder));
    return outcome;
}

static struct outcome encode_all_ways(struct slice input)
{
    struct outcome whole = encode(input, MAX_OF(input.len, (size_t)1));
    struct outcome bytes = encode(input, 1);
    assert_same(&whole, &bytes);
    return whole;
}

static void assert_encodes(struct slice input, const char *expected)
{
    struct outcome outcome = encode_all_ways(input);
    assert_text(slice_of(outcome.text, outcome.len), expected);
}

static void encoding_stuffs_and_ends(void **state)
{
    (void)state;
    assert_encodes(S(""), ".\r\n");
    assert_encodes(S("a\r\n"), "a\r\n.\r\n");
    assert_encodes(S("a"), "a\r\n.\r\n");
    assert_encodes(S("."), "..\r\n.\r\n");
    assert_encodes(S(".\r\n..\r\n.a\r\nb.\r\n"), "..\r\n...\r\n..a\r\nb.\r\n.\r\n");
}

static void encoding_mends_bare_lf(void **state)
{
    (void)state;
    assert_encodes(S("a\n.b\n\n"), "a\r\n..b\r\n\r\n.\r\n");
    assert_encodes(S("\n.\n"), "\r\n..\r\n.\r\n");
    assert_encodes(S("a\r.b\r"), "a\r.b\r\r\n.\r\n"); /* a bare CR is no line end */
}

/* --- all short texts --- */

/* The rules once more, by search and replace: behind a CRLF in front, the first CRLF.CRLF ends the text, and
 * CRLF. becomes CRLF. */
static struct outcome decode_by_definition(struct slice input)
{
    char framed[TEXT_MAX] = "\r\n";
    memcpy(framed + 2, input.data, input.len);
    struct slice all = slice_of(framed, input.len + 2);
    size_t end = slice_find_text(all, S("\r\n.\r\n"));
    struct outcome outcome = {.ended = end < all.len};
    outcome.consumed = outcome.ended ? end + 3 : input.len;
    struct slice text = outcome.ended ? slice_take(all, end + 2) : all;
    for (size_t i = 2; i < text.len; i++) {
        bool stuffing = text.data[i] == '.' && text.data[i - 1] == '\n' && text.data[i - 2] == '\r';
        if (!stuffing)
            append(&outcome, slice_of(text.data + i, 1));
    }
    return outcome;
}

/* Text that breaks off inside what may yet become the end mark is held back. */
static bool is_held_back(struct slice input)
{
    char framed[TEXT_MAX] = "\r\n";
    memcpy(framed + 2, input.data, input.len);
    struct slice all = slice_of(framed, input.len + 2);
    return slice_eq(slice_skip(all, all.len - MIN_OF(all.len, (size_t)4)), S("\r\n.\r"));
}

static struct slice nth_text(size_t n, size_t len, char *text)
{
    for (size_t i = 0; i < len; i++, n /= 4)
        text[i] = "\r\n.a"[n % 4];
    return slice_of(text, len);
}

static void every_short_text_decodes_by_definition(void **state)
{
    (void)state;
    char text[EXHAUSTIVE_LENGTH];
    for (size_t len = 1; len <= EXHAUSTIVE_LENGTH; len++) {
        for (size_t n = 0; n < (size_t)1 << (2 * len); n++) {
            struct slice input = nth_text(n, len, text);
            struct outcome expected = decode_by_definition(input);
            struct outcome actual = decode(input, false, len, len);
            struct outcome bytes = decode(input, false, 1, 1);
            assert_same(&actual, &bytes);
            assert_int_equal(actual.ended, expected.ended);
            assert_int_equal(actual.consumed, expected.consumed);
            if (!actual.ended && is_held_back(input))
                expected.len--;
            assert_slice(slice_of(actual.text, actual.len), slice_of(expected.text, expected.len));
            struct outcome repaired = decode(input, true, len, len);
            struct outcome repaired_bytes = decode(input, true, 1, 1);
            assert_same(&repaired, &repaired_bytes);
            assert_int_equal(repaired.ended, expected.ended);
            assert_int_equal(repaired.bare_newline, actual.bare_newline);
        }
    }
}

static bool has_bare_newline(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        bool follows_cr = i > 0 && text.data[i - 1] == '\r';
        bool precedes_lf = i + 1 < text.len && text.data[i + 1] == '\n';
        if ((text.data[i] == '\n' && !follows_cr) || (text.data[i] == '\r' && !precedes_lf))
            return true;
    }
    return false;
}

static void every_short_text_comes_back(void **state)
{
    (void)state;
    char text[EXHAUSTIVE_LENGTH];
    for (size_t len = 0; len <= EXHAUSTIVE_LENGTH; len++) {
        for (size_t n = 0; n < (size_t)1 << (2 * len); n++) {
            struct slice input = nth_text(n, len, text);
            struct outcome wire = encode_all_ways(input);
            struct outcome back = decode(slice_of(wire.text, wire.len), false, wire.len, wire.len);
            assert_true(back.ended);
            assert_int_equal(back.consumed, wire.len);
            /* What came back is the text itself but for mended line ends and a final CRLF. */
            if (!has_bare_newline(input)) {
                struct slice got = slice_of(back.text, back.len);
                assert_slice(slice_take(got, len), input);
                assert_true(got.len == len || slice_eq(slice_skip(got, len), S("\r\n")));
                assert_false(back.bare_newline);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_ends_at_the_lone_dot),
        cmocka_unit_test(stuffed_dots_are_removed),
        cmocka_unit_test(smuggled_ends_are_text),
        cmocka_unit_test(strict_mode_passes_bare_newlines_on),
        cmocka_unit_test(repair_makes_crlf),
        cmocka_unit_test(repair_keeps_a_single_dot_and_halves_two),
        cmocka_unit_test(lines_of_any_length),
        cmocka_unit_test(encoding_stuffs_and_ends),
        cmocka_unit_test(encoding_mends_bare_lf),
        cmocka_unit_test(every_short_text_decodes_by_definition),
        cmocka_unit_test(every_short_text_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
