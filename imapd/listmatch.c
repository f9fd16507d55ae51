/* SPDX-License-Identifier: ISC */
/*
 * A pattern is a row of elements, bytes and wildcards; state i means that the first i of them are matched.
 * All states that a name can be in at once are a set of bits, and a byte of the name moves the whole set on:
 * nothing is tried twice, so no pattern takes long ("*a*a*a*b").
 */
#include "listmatch.h"

#include <string.h>

#include "storage/mailbox.h"

#define WORD_BITS    64
#define ELEMENTS_MAX (2 * MAILBOX_NAME_MAX + 100) /* a wildcard between any two bytes of the longest name */
#define WORDS_MAX    (ELEMENTS_MAX / WORD_BITS + 1)

static bool is_wildcard(char c)
{
    return c == '*' || c == '%';
}

/* Without wildcards that another one makes superfluous: of a run of them one is left, "*" if there is any. */
static struct slice simplify(struct arena *arena, struct slice text)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool follows = len > 0 && is_wildcard(c) && is_wildcard(out[len - 1]);
        if (follows && c == '*')
            out[len - 1] = '*';
        else if (!follows)
            out[len++] = c;
    }
    return slice_of(out, len);
}

static void set_bit(uint64_t *set, size_t bit)
{
    set[bit / WORD_BITS] |= (uint64_t)1 << (bit % WORD_BITS);
}

static bool has_bit(const uint64_t *set, size_t bit)
{
    return set[bit / WORD_BITS] >> (bit % WORD_BITS) & 1;
}

struct list_pattern list_pattern_of(struct arena *arena, struct slice text)
{
    struct list_pattern pattern = {.ends_in_percent = text.len > 0 && text.data[text.len - 1] == '%'};
    text = simplify(arena, text);
    if (text.len > ELEMENTS_MAX)
        return pattern;
    size_t class_count = 1; /* class 0: bytes that the pattern does not have */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (!is_wildcard(text.data[i]) && pattern.classes[c] == 0)
            pattern.classes[c] = (unsigned char)class_count++;
    }
    pattern.end = text.len;
    pattern.words = text.len / WORD_BITS + 1;
    pattern.bytes = arena_array(arena, uint64_t, class_count * pattern.words);
    pattern.stars = arena_array(arena, uint64_t, pattern.words);
    pattern.percents = arena_array(arena, uint64_t, pattern.words);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '*')
            set_bit(pattern.stars, i);
        else if (c == '%')
            set_bit(pattern.percents, i);
        else
            set_bit(pattern.bytes + pattern.classes[(unsigned char)c] * pattern.words, i);
    }
    return pattern;
}

/* A wildcard may match nothing. There are no two in a row, so one step is enough. */
static void pass_wildcards(const struct list_pattern *pattern, uint64_t *states)
{
    uint64_t carry = 0;
    for (size_t w = 0; w < pattern->words; w++) {
        uint64_t passed = states[w] & (pattern->stars[w] | pattern->percents[w]);
        states[w] |= passed << 1 | carry;
        carry = passed >> (WORD_BITS - 1);
    }
}

/* Where the states go at byte `c`, or `other`, the same letter in the other case. False: nowhere. */
static bool step(const struct list_pattern *pattern, uint64_t *states, char c, char other)
{
    const uint64_t *bytes = pattern->bytes + pattern->classes[(unsigned char)c] * pattern->words;
    const uint64_t *others = pattern->bytes + pattern->classes[(unsigned char)other] * pattern->words;
    uint64_t carry = 0, any = 0;
    for (size_t w = 0; w < pattern->words; w++) {
        uint64_t stays = states[w] & (pattern->stars[w] | (c == '/' ? 0 : pattern->percents[w]));
        uint64_t moves = states[w] & (bytes[w] | others[w]);
        states[w] = stays | moves << 1 | carry;
        carry = moves >> (WORD_BITS - 1);
        any |= states[w];
    }
    pass_wildcards(pattern, states);
    return any != 0;
}

/* Moves through the whole text; false when no state is left. */
static bool walk(const struct list_pattern *pattern, struct slice text, uint64_t states[WORDS_MAX])
{
    if (pattern->words == 0)
        return false;
    memset(states, 0, pattern->words * sizeof(*states));
    set_bit(states, 0);
    pass_wildcards(pattern, states);
    size_t inbox = slice_eq(text, S("INBOX")) || slice_starts_with(text, S("INBOX/")) ? 5 : 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!step(pattern, states, c, i < inbox ? char_lower(c) : c))
            return false;
    }
    return true;
}

bool list_pattern_matches(const struct list_pattern *pattern, struct slice name)
{
    uint64_t states[WORDS_MAX];
    return walk(pattern, name, states) && has_bit(states, pattern->end);
}

bool list_pattern_may_begin(const struct list_pattern *pattern, struct slice start)
{
    uint64_t states[WORDS_MAX];
    return walk(pattern, start, states);
}
