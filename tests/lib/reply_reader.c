/* SPDX-License-Identifier: ISC */
/* Elements of the grammar, and where a response ends. */
#include "reply_reader.h"

bool reply_fail(struct reply_reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    return false;
}

bool reply_next_is(const struct reply_reader *reader, char c)
{
    return reader->rest.len > 0 && reader->rest.data[0] == c;
}

bool reply_may(struct reply_reader *reader, char c)
{
    if (!reply_next_is(reader, c))
        return false;
    reader->rest = slice_skip(reader->rest, 1);
    return true;
}

bool reply_char(struct reply_reader *reader, char c)
{
    static const char *const expected[128] = {
        ['('] = "expected (", [')'] = "expected )", [' '] = "expected a space", ['"'] = "expected \"",
        ['['] = "expected [", [']'] = "expected ]", ['<'] = "expected <",       ['>'] = "expected >",
    };
    return reply_may(reader, c) ||
           reply_fail(reader, expected[(int)c] ? expected[(int)c] : "unexpected character");
}

bool reply_space(struct reply_reader *reader)
{
    return reply_char(reader, ' ') &&
           (!reply_next_is(reader, ' ') || reply_fail(reader, "two spaces in a row"));
}

bool reply_may_word(struct reply_reader *reader, const char *word)
{
    struct slice expected = slice_from(word);
    if (!slice_starts_with_nocase(reader->rest, expected))
        return false;
    struct slice rest = slice_skip(reader->rest, expected.len);
    if (rest.len > 0 && (char_is_alnum(rest.data[0]) || rest.data[0] == '-' || rest.data[0] == '.'))
        return false;
    reader->rest = rest;
    return true;
}

/* atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials */
static bool is_atom_char(char c)
{
    return (unsigned char)c < 0x80 && !char_is_ctl(c) && !slice_has(S("(){ %*\"\\]"), c);
}

bool reply_atom(struct reply_reader *reader, struct slice *atom_r)
{
    size_t n = 0;
    while (n < reader->rest.len && is_atom_char(reader->rest.data[n]))
        n++;
    *atom_r = slice_take(reader->rest, n);
    reader->rest = slice_skip(reader->rest, n);
    return n > 0 || reply_fail(reader, "expected an atom");
}

bool reply_number(struct reply_reader *reader, uint64_t min, uint64_t max, uint64_t *number_r)
{
    size_t n = 0;
    while (n < reader->rest.len && char_is_digit(reader->rest.data[n]))
        n++;
    struct slice digits = slice_take(reader->rest, n);
    if (!slice_to_u64(digits, max, number_r) || *number_r < min)
        return reply_fail(reader, "expected a number in its range");
    if (n > 1 && digits.data[0] == '0')
        return reply_fail(reader, "a number with leading zeros");
    reader->rest = slice_skip(reader->rest, n);
    return true;
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; only the two quoted-specials may be behind a backslash. */
static bool take_quoted(struct reply_reader *reader, struct slice *text_r)
{
    char *text = arena_alloc(reader->arena, reader->rest.len + 1);
    size_t length = 0;
    while (reader->rest.len > 0 && reader->rest.data[0] != '"') {
        char c = reader->rest.data[0];
        if (c == '\\') {
            reader->rest = slice_skip(reader->rest, 1);
            c = reader->rest.len ? reader->rest.data[0] : 0;
            if (c != '"' && c != '\\')
                return reply_fail(reader, "a backslash before an ordinary character");
        }
        if (c == '\r' || c == '\n' || c == 0)
            return reply_fail(reader, "CR, LF or NUL in a quoted string");
        if ((unsigned char)c >= 0x80 && !reader->utf8)
            return reply_fail(reader, "8-bit text in a quoted string");
        text[length++] = c;
        reader->rest = slice_skip(reader->rest, 1);
    }
    *text_r = slice_of(text, length);
    return reply_char(reader, '"');
}

/* literal = "{" number "}" CRLF *CHAR8; literal8 = "~{" number "}" CRLF *OCTET */
static bool take_literal(struct reply_reader *reader, bool is_binary, struct slice *text_r)
{
    uint64_t length;
    if (!reply_number(reader, 0, UINT32_MAX, &length) || !reply_char(reader, '}') ||
        !reply_char(reader, '\r') || !reply_char(reader, '\n'))
        return false;
    if (length > reader->rest.len)
        return reply_fail(reader, "a literal that is cut off");
    *text_r = slice_take(reader->rest, length);
    reader->rest = slice_skip(reader->rest, length);
    return is_binary || !slice_has(*text_r, '\0') || reply_fail(reader, "NUL in a literal");
}

bool reply_string(struct reply_reader *reader, struct slice *text_r)
{
    if (reply_may(reader, '"'))
        return take_quoted(reader, text_r);
    bool is_binary = reply_may(reader, '~');
    return reply_may(reader, '{') ? take_literal(reader, is_binary, text_r)
                                  : reply_fail(reader, "expected a string");
}

bool reply_nstring(struct reply_reader *reader, struct slice *text_r, bool *is_nil_r)
{
    *is_nil_r = reply_may_word(reader, "NIL");
    if (!*is_nil_r)
        return reply_string(reader, text_r);
    *text_r = SLICE_EMPTY;
    return true;
}

/* ASTRING-CHAR = ATOM-CHAR / resp-specials */
bool reply_astring(struct reply_reader *reader, struct slice *text_r)
{
    if (reply_next_is(reader, '"') || reply_next_is(reader, '{'))
        return reply_string(reader, text_r);
    size_t n = 0;
    while (n < reader->rest.len && (is_atom_char(reader->rest.data[n]) || reader->rest.data[n] == ']'))
        n++;
    *text_r = slice_take(reader->rest, n);
    reader->rest = slice_skip(reader->rest, n);
    return n > 0 || reply_fail(reader, "expected an astring");
}

bool reply_flags(struct reply_reader *reader, struct reply_words *words_r)
{
    if (!reply_char(reader, '('))
        return false;
    words_r->list = arena_array(reader->arena, struct slice, reader->rest.len / 2 + 1);
    words_r->count = 0;
    while (!reply_may(reader, ')')) {
        if (words_r->count > 0 && !reply_space(reader))
            return false;
        struct slice begin = reader->rest, atom;
        bool is_system = reply_may(reader, '\\');
        if (!(is_system && reply_may(reader, '*')) && !reply_atom(reader, &atom))
            return false;
        words_r->list[words_r->count++] = slice_take(begin, begin.len - reader->rest.len);
    }
    return true;
}

bool reply_sequence_set(struct reply_reader *reader, struct reply_set *set_r)
{
    set_r->ranges = arena_array(reader->arena, struct reply_range, reader->rest.len / 2 + 1);
    set_r->count = 0;
    do {
        uint64_t first, last;
        if (!reply_number(reader, 1, UINT32_MAX, &first))
            return false;
        last = first;
        if (reply_may(reader, ':') && !reply_number(reader, 1, UINT32_MAX, &last))
            return false;
        set_r->ranges[set_r->count++] =
            (struct reply_range){(uint32_t)MIN_OF(first, last), (uint32_t)MAX_OF(first, last)};
    } while (reply_may(reader, ','));
    return true;
}

struct slice reply_upper(struct arena *arena, struct slice text)
{
    char *upper = arena_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++)
        upper[i] = char_upper(text.data[i]);
    return slice_of(upper, text.len);
}

/* The literal that a line (with its CRLF) ends in; SIZE_MAX: none. */
static size_t announced(struct slice line)
{
    struct slice text = slice_take(line, line.len - 2);
    uint64_t length;
    if (text.len < 3 || text.data[text.len - 1] != '}')
        return SIZE_MAX;
    size_t open = slice_find_last(text, '{');
    if (open == text.len)
        return SIZE_MAX;
    struct slice digits = slice_skip(slice_take(text, text.len - 1), open + 1);
    return slice_to_u64(digits, 1u << 30, &length) ? (size_t)length : SIZE_MAX;
}

size_t reply_frame(struct slice bytes, const char **why)
{
    size_t at = 0;
    *why = NULL;
    for (;;) {
        struct slice rest = slice_skip(bytes, at);
        size_t lf = slice_find(rest, '\n');
        if (lf == rest.len)
            return 0;
        struct slice line = slice_take(rest, lf + 1);
        if (lf == 0 || line.data[lf - 1] != '\r')
            *why = "a line that ends in a bare LF";
        else if (slice_find(line, '\r') != lf - 1)
            *why = "a bare CR in a line";
        else if (slice_has(line, '\0'))
            *why = "NUL in a line";
        if (*why)
            return 0;
        size_t literal = announced(line);
        at += line.len;
        if (literal == SIZE_MAX)
            return at;
        if (bytes.len - at < literal)
            return 0;
        at += literal;
    }
}

bool reply_set_has(const struct reply_set *set, uint32_t number)
{
    for (size_t i = 0; i < set->count; i++)
        if (number >= set->ranges[i].first && number <= set->ranges[i].last)
            return true;
    return false;
}

uint64_t reply_set_size(const struct reply_set *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    return size;
}
