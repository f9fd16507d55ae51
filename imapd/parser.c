/* SPDX-License-Identifier: ISC */
/* Atoms, strings, numbers, lists: RFC 9051 section 9. Dates are in parser_date.c. */
#include "parser.h"

#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "mail/mutf7.h"

#define COMPLAINT_EXCERPT 24

struct parser parser_of(struct arena *arena, struct slice text)
{
    return (struct parser){.rest = text, .arena = arena};
}

bool parser_expected(struct parser *parser, const char *what)
{
    parser->expected = what;
    return false;
}

const char *parser_complaint(const struct parser *parser, enum imap_language language)
{
    struct buf excerpt;
    buf_init(&excerpt, COMPLAINT_EXCERPT + 1);
    for (size_t i = 0; i < parser->rest.len && i < COMPLAINT_EXCERPT; i++) {
        char c = parser->rest.data[i];
        if (c == '\r' || c == '\n')
            break;
        buf_append_char(&excerpt, char_is_ctl(c) || (unsigned char)c >= 0x80 || c == '"' ? '?' : c);
    }
    const char *expected = imap_text(language, parser->expected ? parser->expected : "something else");
    const char *complaint =
        excerpt.len > 0
            ? arena_printf(parser->arena, imap_text(language, "expected %s where \"%s\" stands"), expected,
                           buf_cstr(&excerpt))
            : arena_printf(parser->arena, imap_text(language, "expected %s at the end"), expected);
    buf_free(&excerpt);
    return complaint;
}

static void advance(struct parser *parser, size_t n)
{
    parser->rest = slice_skip(parser->rest, n);
}

char parser_peek(const struct parser *parser)
{
    return parser->rest.len > 0 ? parser->rest.data[0] : 0;
}

bool parse_char(struct parser *parser, char c)
{
    /* In words: some clients read the text of a BAD as they read all else, and a list would begin there. */
    static const char *const names[] = {['('] = "an opening parenthesis",
                                        [')'] = "a closing parenthesis",
                                        ['"'] = "a quote",
                                        ['['] = "an opening bracket",
                                        [']'] = "a closing bracket"};
    if (parser->rest.len == 0 || parser->rest.data[0] != c) {
        const char *name = (unsigned char)c < ARRAY_LEN(names) ? names[(unsigned char)c] : NULL;
        return parser_expected(parser, name ? name : "another character");
    }
    advance(parser, 1);
    return true;
}

bool parse_space(struct parser *parser)
{
    if (parser_peek(parser) != ' ')
        return parser_expected(parser, "a space");
    while (parser_peek(parser) == ' ')
        advance(parser, 1);
    return true;
}

bool parse_end(struct parser *parser)
{
    if (slice_trim_right(parser->rest).len > 0)
        return parser_expected(parser, "the end of the command");
    parser->rest = slice_skip(parser->rest, parser->rest.len);
    return true;
}

/* RFC 9051 section 9:
 *     ATOM-CHAR       = <any CHAR except atom-specials>
 *     atom-specials   = "(" / ")" / "{" / SP / CTL / list-wildcards / quoted-specials / resp-specials
 *     ASTRING-CHAR    = ATOM-CHAR / resp-specials
 *     list-char       = ATOM-CHAR / list-wildcards / resp-specials */
enum { ATOM_CHAR = 1, RESP_SPECIAL = 2, WILDCARD = 4, HIGH = 8 };

static unsigned class_of(char c)
{
    if ((unsigned char)c >= 0x80)
        return HIGH;
    if (char_is_ctl(c))
        return 0;
    switch (c) {
    case '(':
    case ')':
    case '{':
    case ' ':
    case '"':
    case '\\':
        return 0;
    case ']':
        return RESP_SPECIAL;
    case '%':
    case '*':
        return WILDCARD;
    default:
        return ATOM_CHAR;
    }
}

static size_t span(const struct parser *parser, unsigned classes)
{
    size_t n = 0;
    while (n < parser->rest.len && class_of(parser->rest.data[n]) & classes)
        n++;
    return n;
}

static bool take(struct parser *parser, size_t n, struct slice *text_r, const char *what)
{
    if (n == 0)
        return parser_expected(parser, what);
    *text_r = slice_take(parser->rest, n);
    advance(parser, n);
    return true;
}

bool parse_word(struct parser *parser, struct slice word)
{
    struct slice rest = slice_skip(parser->rest, word.len);
    if (!slice_starts_with_nocase(parser->rest, word) ||
        (rest.len > 0 && class_of(rest.data[0]) & ATOM_CHAR && rest.data[0] != '['))
        return parser_expected(parser, word.data);
    parser->rest = rest;
    return true;
}

bool parse_space_word(struct parser *parser, struct slice word)
{
    struct parser start = *parser;
    if (parse_space(parser) && parse_word(parser, word))
        return true;
    parser->rest = start.rest;
    return false;
}

bool parse_tag(struct parser *parser, struct slice *tag_r)
{
    size_t n = 0;
    while (n < parser->rest.len && class_of(parser->rest.data[n]) & (ATOM_CHAR | RESP_SPECIAL) &&
           parser->rest.data[n] != '+')
        n++;
    if (n > TAG_MAX)
        return parser_expected(parser, "a shorter tag");
    return take(parser, n, tag_r, "a tag");
}

bool parse_atom(struct parser *parser, struct slice *atom_r)
{
    return take(parser, span(parser, ATOM_CHAR), atom_r, "an atom");
}

bool parse_name(struct parser *parser, struct slice *name_r)
{
    size_t n = 0;
    while (n < parser->rest.len &&
           (char_is_alnum(parser->rest.data[n]) || slice_has(S("-._=+"), parser->rest.data[n])))
        n++;
    return take(parser, n, name_r, "a word");
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE, where a backslash stands before a quote or a backslash. A backslash
 * before something else is kept as it is: some clients do not know the rule. */
static bool parse_quoted(struct parser *parser, struct slice *string_r)
{
    struct slice in = slice_skip(parser->rest, 1);
    char *out = NULL; /* from the first backslash on, the text has to be copied */
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        if (c == '"') {
            *string_r = out ? slice_of(out, len) : slice_take(in, i);
            advance(parser, i + 2);
            return utf8_is_valid(*string_r) || parser_expected(parser, "UTF-8 between quotes");
        }
        if (c == '\0' || c == '\r' || c == '\n')
            break;
        if (c == '\\' && i + 1 < in.len && (in.data[i + 1] == '"' || in.data[i + 1] == '\\')) {
            if (!out) {
                out = arena_alloc(parser->arena, in.len);
                memcpy(out, in.data, i);
            }
            c = in.data[++i];
        }
        if (out)
            out[len] = c;
        len++;
    }
    return parser_expected(parser, "a closing quote");
}

/* literal = ["~"] "{" number64 ["+"] "}" CRLF *CHAR8; `*len_r` is the length of all before the CRLF. */
static bool literal_head(struct slice text, struct literal *literal_r, size_t *len_r)
{
    struct slice rest = text;
    *literal_r = (struct literal){0};
    if (rest.len > 0 && rest.data[0] == '~') {
        literal_r->binary = true;
        rest = slice_skip(rest, 1);
    }
    size_t close = slice_find(rest, '}');
    if (rest.len == 0 || rest.data[0] != '{' || close == rest.len)
        return false;
    struct slice number = slice_skip(slice_take(rest, close), 1);
    if (number.len > 0 && number.data[number.len - 1] == '+') {
        literal_r->non_sync = true;
        number = slice_take(number, number.len - 1);
    }
    *len_r = (size_t)(rest.data - text.data) + close + 1;
    return slice_to_u64(number, INT64_MAX, &literal_r->size);
}

static bool parse_literal(struct parser *parser, struct slice *string_r)
{
    struct literal literal;
    size_t head;
    if (!literal_head(parser->rest, &literal, &head))
        return parser_expected(parser, "a literal");
    if (head == parser->rest.len && !(parser->more && parser->more(parser, parser->more_data)))
        return parser_expected(parser, "the bytes of the literal");
    struct slice rest = slice_skip(parser->rest, head);
    if (!slice_starts_with(rest, S("\r\n")) || rest.len - 2 < literal.size)
        return parser_expected(parser, "the bytes of the literal");
    struct slice string = slice_take(slice_skip(rest, 2), (size_t)literal.size);
    if (!literal.binary && slice_has(string, '\0'))
        return parser_expected(parser, "a literal without NUL");
    *string_r = string;
    parser->rest = slice_skip(rest, 2 + string.len);
    return true;
}

bool parse_string(struct parser *parser, struct slice *string_r)
{
    char c = parser_peek(parser);
    if (c == '"')
        return parse_quoted(parser, string_r);
    if (c == '{' || c == '~')
        return parse_literal(parser, string_r);
    return parser_expected(parser, "a string");
}

bool parse_astring(struct parser *parser, struct slice *string_r)
{
    size_t n = span(parser, ATOM_CHAR | RESP_SPECIAL | HIGH);
    if (n > 0 && !(parser_peek(parser) == '~' && parse_literal(parser, string_r))) {
        struct slice atom = slice_take(parser->rest, n);
        if (!utf8_is_valid(atom))
            return parser_expected(parser, "UTF-8");
        return take(parser, n, string_r, "a string");
    }
    return n > 0 || parse_string(parser, string_r);
}

bool parse_nstring(struct parser *parser, struct slice *string_r)
{
    if (parse_word(parser, S("NIL"))) {
        *string_r = (struct slice){NULL, 0};
        return true;
    }
    return parse_string(parser, string_r);
}

bool parse_number64(struct parser *parser, uint64_t *number_r)
{
    size_t n = 0;
    while (n < parser->rest.len && char_is_digit(parser->rest.data[n]))
        n++;
    if (!slice_to_u64(slice_take(parser->rest, n), INT64_MAX, number_r))
        return parser_expected(parser, "a number");
    advance(parser, n);
    return true;
}

bool parse_number(struct parser *parser, uint32_t *number_r)
{
    struct slice start = parser->rest;
    uint64_t number;
    if (!parse_number64(parser, &number))
        return false;
    if (number > UINT32_MAX) {
        parser->rest = start;
        return parser_expected(parser, "a number of at most 32 bits");
    }
    *number_r = (uint32_t)number;
    return true;
}

bool parse_nonzero(struct parser *parser, uint32_t *number_r)
{
    struct slice start = parser->rest;
    uint32_t number;
    if (!parse_number(parser, &number))
        return false;
    if (number == 0) {
        parser->rest = start;
        return parser_expected(parser, "a number other than 0");
    }
    *number_r = number;
    return true;
}

/* flag = "\" atom / flag-keyword; "\*" is none that a client may send. */
bool parse_flag(struct parser *parser, struct slice *flag_r)
{
    struct parser inside = *parser;
    struct slice atom;
    bool system = parser_peek(parser) == '\\';
    if (system)
        advance(&inside, 1);
    if (!parse_atom(&inside, &atom))
        return parser_expected(parser, "a flag");
    *flag_r = system ? slice_of(atom.data - 1, atom.len + 1) : atom;
    parser->rest = inside.rest;
    return true;
}

/* Names as the store keeps them. */
static struct slice decode_name(struct parser *parser, struct slice name)
{
    if (parser->utf8 || !slice_has(name, '&'))
        return name;
    struct buf decoded;
    buf_init(&decoded, name.len * 3 + 1);
    struct slice result =
        mutf7_decode(&decoded, name, SLICE_EMPTY) ? name : arena_copy(parser->arena, buf_slice(&decoded));
    buf_free(&decoded);
    return result;
}

bool parse_mailbox(struct parser *parser, struct slice *name_r)
{
    struct slice start = parser->rest, name;
    if (!parse_astring(parser, &name))
        return parser_expected(parser, "a mailbox name");
    if (!utf8_is_valid(name)) {
        parser->rest = start;
        return parser_expected(parser, "a mailbox name in UTF-8");
    }
    *name_r = decode_name(parser, name);
    return true;
}

bool parse_list_pattern(struct parser *parser, struct slice *pattern_r)
{
    struct slice start = parser->rest, pattern;
    size_t n = span(parser, ATOM_CHAR | RESP_SPECIAL | WILDCARD | HIGH);
    if (!(n > 0 ? take(parser, n, &pattern, "a pattern") : parse_string(parser, &pattern)))
        return parser_expected(parser, "a mailbox pattern");
    if (!utf8_is_valid(pattern)) {
        parser->rest = start;
        return parser_expected(parser, "a pattern in UTF-8");
    }
    *pattern_r = decode_name(parser, pattern);
    return true;
}

bool parse_pending_literal(struct parser *parser, struct literal *literal_r)
{
    size_t head;
    if (!literal_head(parser->rest, literal_r, &head) || head != parser->rest.len)
        return parser_expected(parser, "a literal");
    advance(parser, head);
    return true;
}

bool line_ends_in_literal(struct slice line, struct literal *literal_r)
{
    size_t start = slice_find_last(line, '{');
    if (start == line.len)
        return false;
    if (start > 0 && line.data[start - 1] == '~' &&
        (start == 1 || line.data[start - 2] == ' ' || line.data[start - 2] == '('))
        start--;
    size_t head;
    return literal_head(slice_skip(line, start), literal_r, &head) && start + head == line.len;
}
