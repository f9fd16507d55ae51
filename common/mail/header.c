/* SPDX-License-Identifier: ISC */
/*
 * Fields of a header section (RFC 5322 section 2.2):
 *
 *     field = field-name ":" unstructured CRLF        long ones folded: CRLF before white space
 *
 * An obsolete field has white space before the colon (section 4.5), which counts as none.
 */
#include "mail/header.h"

#include <string.h>

#include "mail_priv.h"

struct header_walk header_walk_of(struct slice text)
{
    return (struct header_walk){.text = text};
}

bool header_name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (c < 33 || c > 126 || c == ':') {
            return false;
        }
    }
    return name.len > 0;
}

static struct slice without_line_end(struct slice line)
{
    if (line.len > 0 && line.data[line.len - 1] == '\n') {
        line.len--;
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
    }
    return line;
}

void header_split(struct slice raw, struct slice *name, struct slice *value)
{
    struct slice text = without_line_end(raw);
    size_t colon = slice_find(text, ':');
    *name = slice_trim_right(slice_take(text, colon));
    *value = slice_skip(text, colon + 1);
    if (colon == text.len || !header_name_is_valid(*name)) {
        *name = SLICE_EMPTY;
        *value = text;
    }
}

/* Length of the line at the start of `text` with its line end. */
static size_t line_length(struct slice text)
{
    size_t newline = slice_find(text, '\n');
    return newline == text.len ? newline : newline + 1;
}

bool header_next(struct header_walk *walk, struct header_field *out)
{
    struct slice rest = slice_skip(walk->text, walk->offset);
    size_t length = line_length(rest);
    if (walk->has_body || length == 0) {
        return false;
    }
    if (without_line_end(slice_take(rest, length)).len == 0) {
        walk->offset += length;
        walk->has_body = true;
        return false;
    }
    while (length < rest.len && char_is_wsp(rest.data[length])) {
        length += line_length(slice_skip(rest, length));
    }
    out->raw = slice_take(rest, length);
    out->offset = walk->offset;
    header_split(out->raw, &out->name, &out->value);
    walk->offset += length;
    return true;
}

bool header_find(struct slice text, struct slice name, struct header_field *out)
{
    struct header_walk walk = header_walk_of(text);
    struct header_field field;
    while (header_next(&walk, &field)) {
        if (slice_eq_nocase(field.name, name)) {
            *out = field;
            return true;
        }
    }
    return false;
}

size_t header_count(struct slice text, struct slice name)
{
    struct header_walk walk = header_walk_of(text);
    struct header_field field;
    size_t count = 0;
    while (header_next(&walk, &field)) {
        count += slice_eq_nocase(field.name, name);
    }
    return count;
}

/*
 * "Unfolding is accomplished by simply removing any CRLF that is immediately followed by WSP" (RFC 5322
 * section 2.2.3). Any other CR or LF, and NUL, has no business in a field: a space keeps the words apart.
 */
struct slice header_unfold_into(char *target, struct slice value)
{
    size_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        size_t line_end = c == '\r' && i + 1 < value.len && value.data[i + 1] == '\n' ? 2 : c == '\n';
        if (line_end > 0 && i + line_end < value.len && char_is_wsp(value.data[i + line_end])) {
            i += line_end;
            c = ' '; /* a tab after the fold is but another way to write it */
        }
        target[length++] = c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    }
    return slice_trim(slice_of(target, length));
}

struct slice header_unfold(struct arena *arena, struct slice value)
{
    return header_unfold_into(arena_alloc(arena, value.len + 1), value);
}
