/* SPDX-License-Identifier: ISC */
/*
 * Parameters of Content-Type and Content-Disposition, RFC 2045 section 5.1 with the extensions of RFC 2231:
 *
 *     parameter := attribute "=" value
 *     attribute := name                        plain
 *                / name "*"                    charset'language'percent-encoded
 *                / name "*" number ["*"]       one piece of a long value, encoded or not
 *
 * As mailers write what they like, a value without quotes may hold blanks and specials, a missing ";" before
 * the next quoted value is forgiven, and pieces may come in any order.
 */
#include <string.h>

#include "mime_priv.h"

/* More pieces than this are not looked at: their number is not the peer's to choose. */
#define PIECES_MAX 64

struct piece {
    struct slice name;
    struct slice value;
    bool encoded;
    bool numbered;
    uint64_t number;
};

static void skip_comment(struct slice *text)
{
    size_t depth = 0, i = 0;
    do {
        depth += text->data[i] == '(';
        depth -= text->data[i] == ')';
        i += text->data[i] == '\\' ? 2 : 1;
    } while (depth > 0 && i < text->len);
    *text = slice_skip(*text, i);
}

static void skip_cfws(struct slice *text)
{
    while (text->len > 0 && (char_is_wsp(text->data[0]) || text->data[0] == '(')) {
        if (text->data[0] == '(') {
            skip_comment(text);
        } else {
            *text = slice_skip(*text, 1);
        }
    }
}

static void lower_in_place(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        ((char *)text.data)[i] = char_lower(text.data[i]);
    }
}

/* quoted-string at the start of *text; backslashes are undone in place. A missing quote at the end is
 * forgiven. */
static struct slice take_quoted(struct slice *text)
{
    char *start = (char *)text->data + 1;
    size_t length = 0, i = 0;
    size_t available = text->len - 1;
    while (i < available && start[i] != '"') {
        i += start[i] == '\\' && i + 1 < available;
        start[length++] = start[i++];
    }
    *text = slice_skip(*text, i + 2);
    return slice_of(start, length);
}

/* token := 1*<any (US-ASCII) CHAR except SPACE, CTLs, or tspecials>; 8-bit text is let through. */
static bool is_token_char(char c)
{
    return !char_is_ctl(c) && c != ' ' && !strchr("()<>@,;:\\\"/[]?=", c);
}

static struct slice take_plain_token(struct slice *text)
{
    size_t length = 0;
    while (length < text->len && is_token_char(text->data[length])) {
        length++;
    }
    struct slice token = slice_take(*text, length);
    *text = slice_skip(*text, length);
    return token;
}

bool mime_take_token(struct slice *text, struct slice *token)
{
    skip_cfws(text);
    *token = text->len > 0 && text->data[0] == '"' ? take_quoted(text) : take_plain_token(text);
    lower_in_place(*token);
    skip_cfws(text);
    return token->len > 0;
}

/* attribute "=" DQUOTE, or attribute "*" … "=": a new parameter whose ";" was forgotten (as in the examples
 * of RFC 2231 section 4.1). A plain attribute is no sign of one: name=sum a=b.pdf */
static bool starts_parameter(struct slice text)
{
    struct slice name = take_plain_token(&text);
    skip_cfws(&text);
    if (name.len == 0 || text.len == 0 || text.data[0] != '=') {
        return false;
    }
    text = slice_skip(text, 1);
    skip_cfws(&text);
    return slice_has(name, '*') || (text.len > 0 && text.data[0] == '"');
}

/* A value without quotes ends at a blank when only comments follow, else at the ";": name=my file (2).pdf */
static struct slice take_unquoted(struct slice *text)
{
    struct slice start = *text;
    size_t length = 0;
    while (length < text->len && text->data[length] != ';' && !char_is_wsp(text->data[length])) {
        length++;
    }
    *text = slice_skip(start, length);
    skip_cfws(text);
    if (text->len > 0 && text->data[0] != ';' && !starts_parameter(*text)) {
        length = slice_find(start, ';');
        *text = slice_skip(start, length);
    }
    return slice_trim(slice_take(start, length));
}

/* "filename*1*" → name, number, encoded. A malformed ending stays in the name. */
static void read_attribute(struct piece *piece, struct slice attribute)
{
    size_t star = slice_find(attribute, '*');
    struct slice rest = slice_skip(attribute, star + 1);
    lower_in_place(attribute);
    piece->name = slice_take(attribute, star);
    if (star == attribute.len) {
        return;
    }
    piece->encoded = rest.len == 0 || rest.data[rest.len - 1] == '*';
    if (rest.len > 0) {
        struct slice digits = slice_take(rest, rest.len - piece->encoded);
        piece->numbered = slice_to_u64(digits, PIECES_MAX, &piece->number);
        if (!piece->numbered) {
            piece->name = attribute;
            piece->encoded = false;
        }
    }
}

static size_t read_pieces(struct slice text, struct piece *pieces)
{
    size_t count = 0;
    while (text.len > 0 && count < PIECES_MAX) {
        skip_cfws(&text);
        if (text.len > 0 && text.data[0] == ';') {
            text = slice_skip(text, 1);
            continue;
        }
        struct slice attribute = take_plain_token(&text);
        skip_cfws(&text);
        if (attribute.len == 0 || text.len == 0 || text.data[0] != '=') {
            /* No parameter: on to the next ";", or to what looks like one without it. */
            if (attribute.len == 0 || !starts_parameter(text)) {
                text = slice_skip(text, slice_find(text, ';'));
            }
            continue;
        }
        text = slice_skip(text, 1);
        skip_cfws(&text);
        struct piece *piece = &pieces[count++];
        *piece = (struct piece){0};
        read_attribute(piece, attribute);
        piece->value = text.len > 0 && text.data[0] == '"' ? take_quoted(&text) : take_unquoted(&text);
    }
    return count;
}

/* The first piece of that name and kind. */
static const struct piece *find_piece(const struct piece *pieces, size_t count, struct slice name,
                                      bool encoded)
{
    for (size_t i = 0; i < count; i++) {
        if (!pieces[i].numbered && pieces[i].encoded == encoded && slice_eq(pieces[i].name, name)) {
            return &pieces[i];
        }
    }
    return NULL;
}

static const struct piece *find_numbered(const struct piece *pieces, size_t count, struct slice name,
                                         uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].numbered && pieces[i].number == number && slice_eq(pieces[i].name, name)) {
            return &pieces[i];
        }
    }
    return NULL;
}

/* The pieces that make up the value of `name`, in order: the encoded form is preferred to numbered pieces,
 * these to the plain form (which is there for old programs). Numbers begin with 0; some mailers begin with 1.
 */
static size_t choose_pieces(const struct piece *pieces, size_t count, struct slice name,
                            const struct piece **chosen)
{
    size_t n = 0;
    if ((chosen[0] = find_piece(pieces, count, name, true))) {
        return 1;
    }
    uint64_t number = find_numbered(pieces, count, name, 0) ? 0 : 1;
    while (n < count && (chosen[n] = find_numbered(pieces, count, name, number))) {
        n++;
        number++;
    }
    if (n == 0 && (chosen[0] = find_piece(pieces, count, name, false))) {
        return 1;
    }
    return n;
}

static int hex_value(char c)
{
    if (char_is_digit(c)) {
        return c - '0';
    }
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static size_t decode_percent(char *target, struct slice text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool hex = text.data[i] == '%' && i + 2 < text.len && hex_value(text.data[i + 1]) >= 0 &&
                   hex_value(text.data[i + 2]) >= 0;
        target[length++] =
            hex ? (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2])) : text.data[i];
        i += hex ? 2 : 0;
    }
    return length;
}

/* [charset] "'" [language] "'" in front of the first encoded piece; without both quotes there is none. */
static void take_charset(struct mime_parameter *parameter, struct slice *value)
{
    size_t first = slice_find(*value, '\'');
    struct slice behind = slice_skip(*value, first + 1);
    size_t second = slice_find(behind, '\'');
    if (second == behind.len) {
        return;
    }
    parameter->charset = slice_take(*value, first);
    parameter->language = slice_take(behind, second);
    *value = slice_skip(behind, second + 1);
}

static struct slice copy_to(char **room, struct slice text)
{
    char *start = *room;
    memcpy(start, text.len ? text.data : "", text.len);
    *room += text.len;
    return slice_of(start, text.len);
}

/* One parameter with all its texts in one allocation; NULL when there is no room for it. */
static struct mime_parameter *make_parameter(struct mime_parser *parser, struct slice name,
                                             const struct piece **chosen, size_t count)
{
    size_t size = sizeof(struct mime_parameter) + name.len;
    for (size_t i = 0; i < count; i++) {
        size += chosen[i]->value.len;
    }
    struct mime_parameter *parameter = mime_keep_alloc(parser, size);
    if (!parameter) {
        return NULL;
    }
    char *room = (char *)(parameter + 1);
    struct slice first = chosen[0]->value;
    parameter->name = copy_to(&room, name);
    parameter->extended = chosen[0]->encoded;
    if (parameter->extended) {
        take_charset(parameter, &first);
        parameter->charset = copy_to(&room, parameter->charset);
        parameter->language = copy_to(&room, parameter->language);
    }
    char *start = room;
    for (size_t i = 0; i < count; i++) {
        struct slice value = i == 0 ? first : chosen[i]->value;
        if (chosen[i]->encoded) {
            room += decode_percent(room, value);
        } else {
            (void)copy_to(&room, value);
        }
    }
    parameter->value = slice_of(start, (size_t)(room - start));
    return parameter;
}

struct mime_parameter *mime_parse_parameters(struct mime_parser *parser, struct slice text)
{
    struct piece pieces[PIECES_MAX];
    const struct piece *chosen[PIECES_MAX];
    struct mime_parameter *list = NULL, **tail = &list;
    size_t count = read_pieces(text, pieces);
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].name.len == 0 || mime_parameter_find(list, pieces[i].name)) {
            continue;
        }
        size_t n = choose_pieces(pieces, count, pieces[i].name, chosen);
        struct mime_parameter *parameter = n > 0 ? make_parameter(parser, pieces[i].name, chosen, n) : NULL;
        if (parameter) {
            *tail = parameter;
            tail = &parameter->next;
        }
    }
    return list;
}

const struct mime_parameter *mime_parameter_find(const struct mime_parameter *parameters, struct slice name)
{
    while (parameters && !slice_eq(parameters->name, name)) {
        parameters = parameters->next;
    }
    return parameters;
}
