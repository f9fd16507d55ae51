/* SPDX-License-Identifier: ISC */
/*
 * BODY out of a stored BODYSTRUCTURE: the same text without the extension data (grammar: see
 * bodystructure.c). The stored text is ours, yet it comes from a disk: whatever it holds, nothing worse than
 * ERR_CORRUPT comes of it.
 */
#include "base/scan.h"
#include "mail/summary.h"

/* Deeper than any structure that is built (limits.depth, and a level for each message's body). */
#define DEPTH_MAX 1024

/* A body that was begun; what comes after the bodies inside it differs. */
enum open_body { OPEN_MULTIPART, OPEN_MESSAGE };

/* The length of one value at the start of `text`: a string, a parenthesised list, or an atom; 0 when it does
 * not end. */
static size_t value_length(struct slice text)
{
    size_t depth = 0, i = 0;
    while (i < text.len) {
        char c = text.data[i];
        if (c == '"') {
            for (i++; i < text.len && text.data[i] != '"'; i++) {
                i += text.data[i] == '\\';
            }
            if (i >= text.len) {
                return 0;
            }
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (depth == 0 && (c == ' ' || c == ')')) {
            return i;
        }
        i++;
    }
    return depth == 0 ? i : 0;
}

/* Copies `count` values with the space before each (not before the first of a body). */
static bool copy_values(struct slice *rest, size_t count, bool first, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0 || !first) {
            if (rest->len == 0 || rest->data[0] != ' ') {
                return false;
            }
            *rest = slice_skip(*rest, 1);
            buf_append_char(out, ' ');
        }
        size_t length = value_length(*rest);
        if (length == 0) {
            return false;
        }
        buf_append(out, slice_take(*rest, length));
        *rest = slice_skip(*rest, length);
    }
    return true;
}

/* Skips the extension data up to the parenthesis that ends this body. */
static bool end_body(struct slice *rest, struct buf *out)
{
    while (rest->len > 0 && rest->data[0] == ' ') {
        *rest = slice_skip(*rest, 1);
        size_t length = value_length(*rest);
        if (length == 0) {
            return false;
        }
        *rest = slice_skip(*rest, length);
    }
    if (rest->len == 0 || rest->data[0] != ')') {
        return false;
    }
    *rest = slice_skip(*rest, 1);
    buf_append_char(out, ')');
    return true;
}

/* A body of one part behind its "(": type, subtype and the five fields, lines of a text. *is_message: a body
 * follows, behind the envelope. */
static bool copy_one_part(struct slice *rest, struct buf *out, bool *is_message)
{
    struct slice type = *rest;
    *is_message = false;
    if (!copy_values(rest, 7, true, out)) {
        return false;
    }
    if (slice_starts_with_nocase(type, S("\"text\""))) {
        return copy_values(rest, 1, false, out);
    }
    *is_message = slice_starts_with_nocase(type, S("\"message\" ")) && slice_starts_with(*rest, S(" ("));
    if (*is_message) {
        bool good = copy_values(rest, 1, false, out) && slice_starts_with(*rest, S(" ("));
        *rest = slice_skip(*rest, 1);
        buf_append_char(out, ' ');
        return good;
    }
    return true;
}

static bool copy_body(struct slice rest, struct buf *out)
{
    enum open_body open[DEPTH_MAX];
    size_t depth = 0;
    do {
        bool is_message = false;
        if (rest.len < 2 || rest.data[0] != '(') {
            return false;
        }
        buf_append_char(out, '(');
        rest = slice_skip(rest, 1);
        bool is_multipart = rest.data[0] == '(';
        if (!is_multipart && !copy_one_part(&rest, out, &is_message)) {
            return false;
        }
        if (is_multipart || is_message) { /* a body follows that is inside this one */
            if (depth == DEPTH_MAX) {
                return false;
            }
            open[depth++] = is_multipart ? OPEN_MULTIPART : OPEN_MESSAGE;
            continue;
        }
        if (!end_body(&rest, out)) {
            return false;
        }
        /* Up, as long as the body that contains the last one ends too. */
        while (depth > 0 && !(open[depth - 1] == OPEN_MULTIPART && rest.len > 0 && rest.data[0] == '(')) {
            if (!copy_values(&rest, 1, false, out) || !end_body(&rest, out)) {
                return false;
            }
            depth--;
        }
    } while (depth > 0);
    return rest.len == 0;
}

enum err summary_body(struct slice bodystructure, struct buf *out)
{
    size_t before = out->len;
    if (!copy_body(bodystructure, out)) {
        buf_truncate(out, before);
        return ERR_CORRUPT;
    }
    return out->error;
}
