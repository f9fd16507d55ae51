/* SPDX-License-Identifier: ISC */
/*
 * Most text is ASCII, or Han characters, which are their own form: both take a short way. Everything
 * else goes through utf8proc, character by character; only the marks that follow a letter are held back until
 * the next letter, to be put in their canonical order (Unicode, section 3.11).
 */
#include "mail/fold.h"

#include <string.h>

#include <utf8proc.h>

#include "base/utf8.h"

#define REPLACEMENT 0xfffd
/* U+FDFA has the longest decomposition: 18 characters. */
#define DECOMPOSED_MAX 32

static void append_character(struct buf *out, int32_t character)
{
    char *room = buf_reserve(out, 4);
    if (room) {
        buf_commit(out, (size_t)utf8proc_encode_char(character, (utf8proc_uint8_t *)room));
    }
}

static unsigned class_of(int32_t character)
{
    return (unsigned)utf8proc_get_property(character)->combining_class;
}

/* Stable, by insertion: two or three are many. */
static void sort_marks(struct fold *fold)
{
    for (size_t i = 1; i < fold->mark_count; i++) {
        int32_t mark = fold->marks[i];
        size_t k = i;
        for (; k > 0 && class_of(fold->marks[k - 1]) > class_of(mark); k--) {
            fold->marks[k] = fold->marks[k - 1];
        }
        fold->marks[k] = mark;
    }
}

static void flush_marks(struct fold *fold, struct buf *out)
{
    sort_marks(fold);
    for (size_t i = 0; i < fold->mark_count; i++) {
        append_character(out, fold->marks[i]);
    }
    fold->mark_count = 0;
}

static void append_space(struct fold *fold, struct buf *out)
{
    if (!fold->after_space) {
        flush_marks(fold, out);
        buf_append_char(out, ' ');
    }
    fold->after_space = true;
}

static void put_decomposed(struct fold *fold, struct buf *out, int32_t character)
{
    unsigned class = class_of(character);
    /* Many spaces of Unicode decompose into the plain one. */
    if (character <= ' ' || character == 0x7f || character == 0x2028 || character == 0x2029) {
        append_space(fold, out);
        return;
    }
    fold->after_space = false;
    if (class == 0 || fold->mark_count == FOLD_MARKS_MAX) {
        flush_marks(fold, out);
    }
    if (class == 0) {
        append_character(out, character);
    } else {
        fold->marks[fold->mark_count++] = character;
    }
}

static void put_character(struct fold *fold, struct buf *out, int32_t character)
{
    utf8proc_int32_t parts[DECOMPOSED_MAX];
    int last_class = UTF8PROC_BOUNDCLASS_START;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        utf8proc_totitle(character), parts, DECOMPOSED_MAX,
        UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE, &last_class);
    if (count < 0 || count > DECOMPOSED_MAX) {
        put_decomposed(fold, out, REPLACEMENT);
        return;
    }
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        put_decomposed(fold, out, parts[i]);
    }
}

/* ASCII: as many as there are. */
static size_t take_ascii(struct fold *fold, struct buf *out, struct slice text)
{
    size_t length = 0;
    while (length < text.len && (unsigned char)text.data[length] < 0x80) {
        length++;
    }
    char *room = length > 0 ? buf_reserve(out, length + (size_t)FOLD_MARKS_MAX * 4) : NULL;
    if (!room) {
        return length;
    }
    flush_marks(fold, out); /* into the room that is there already */
    room = out->data + out->len;
    size_t n = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text.data[i];
        if (char_is_ctl(c) || c == ' ') {
            room[n] = ' ';
            n += !fold->after_space;
            fold->after_space = true;
        } else {
            room[n++] = char_lower(c);
            fold->after_space = false;
        }
    }
    buf_commit(out, n);
    return length;
}

/* Han characters U+4E00–U+9FBF: three bytes that stay as they are. */
static bool is_han(const unsigned char *c, size_t length)
{
    return length == 3 && ((c[0] >= 0xe5 && c[0] <= 0xe8) || (c[0] == 0xe4 && c[1] >= 0xb8) ||
                           (c[0] == 0xe9 && c[1] <= 0xbe));
}

static size_t take_other(struct fold *fold, struct buf *out, struct slice text)
{
    size_t length = utf8_char_length(text);
    if (length == 0) {
        put_character(fold, out, REPLACEMENT);
        return 1;
    }
    if (is_han((const unsigned char *)text.data, length)) {
        flush_marks(fold, out);
        fold->after_space = false;
        buf_append(out, slice_take(text, length));
        return length;
    }
    utf8proc_int32_t character = REPLACEMENT;
    utf8proc_iterate((const utf8proc_uint8_t *)text.data, (utf8proc_ssize_t)length, &character);
    put_character(fold, out, character);
    return length;
}

void fold_append(struct fold *fold, struct buf *out, struct slice text)
{
    while (text.len > 0) {
        bool ascii = (unsigned char)text.data[0] < 0x80;
        text = slice_skip(text, ascii ? take_ascii(fold, out, text) : take_other(fold, out, text));
    }
}

void fold_finish(struct fold *fold, struct buf *out)
{
    flush_marks(fold, out);
    *fold = (struct fold){0};
}

void fold_text(struct buf *out, struct slice text)
{
    struct fold fold = {0};
    fold_append(&fold, out, text);
    fold_finish(&fold, out);
}

const char *fold_version(void)
{
    return utf8proc_version(); /* and with it, Unicode's */
}
