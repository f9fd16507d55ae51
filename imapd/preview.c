/* SPDX-License-Identifier: ISC */
#include "preview.h"

#include "base/utf8.h"

/* A line is looked at as a whole, as far as it can matter. */
#define LINE_MAX (PREVIEW_MAX * 4 + 64)

struct preview {
    struct buf *out;
    size_t characters; /* in `out` */
    bool keeps_quotes; /* a message of nothing else shows them after all */
    bool has_quotes;   /* something was left out */
    bool is_full;      /* no more is wanted */
    bool is_secret;    /* encrypted: there is nothing to show */
    struct buf line;   /* the one that is being read */
    struct buf held;   /* a line that may introduce a quotation: "Alice wrote:" */
    /* The line is longer than LINE_MAX: what follows of it is shown, or passed over, as its begin was. */
    enum { LINE_BEGINS, LINE_SHOWN, LINE_PASSED_OVER } rest;
};

/* Zero-width characters and joiners that newsletters fill their previews with, the soft hyphen, the BOM. */
static bool is_unseen(uint32_t c)
{
    return c == 0xad || c == 0x34f || c == 0x61c || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

static bool is_blank(uint32_t c)
{
    return c <= ' ' || (c >= 0x7f && c <= 0xa0) || (c >= 0x2000 && c <= 0x200a) || c == 0x3000;
}

/* The character at the start of the text; bytes that make none are passed over. */
static struct slice next_character(struct slice *text, uint32_t *code_r)
{
    size_t length = utf8_char_length(*text);
    struct slice character = slice_take(*text, length);
    *text = slice_skip(*text, MAX_OF(length, (size_t)1));
    *code_r = length > 0 ? (unsigned char)character.data[0] : 0;
    if (length > 1)
        *code_r &= 0x7fu >> length;
    for (size_t i = 1; i < length; i++)
        *code_r = *code_r << 6 | ((unsigned char)character.data[i] & 0x3f);
    return character;
}

/* Appends text as the list shows it. */
static void show(struct preview *preview, struct slice text, bool after_blank)
{
    while (text.len > 0 && preview->characters < PREVIEW_MAX) {
        uint32_t code;
        struct slice character = next_character(&text, &code);
        if (is_blank(code)) {
            after_blank = true;
        } else if (!is_unseen(code)) {
            bool spaced = after_blank && preview->characters > 0;
            preview->characters += 1 + spaced;
            if (preview->characters > PREVIEW_MAX)
                break;
            if (spaced)
                buf_append_char(preview->out, ' ');
            buf_append(preview->out, character);
            after_blank = false;
        }
    }
    preview->is_full |= preview->characters >= PREVIEW_MAX;
}

/* A line of signs alone: "-----", "* * *". */
static bool is_ruler(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (char_is_alnum(line.data[i]) || (unsigned char)line.data[i] >= 0x80)
            return false;
    return true;
}

static void show_held(struct preview *preview)
{
    show(preview, buf_slice(&preview->held), true);
    buf_clear(&preview->held);
}

/* Shows the line, or not; whether it did. */
static bool judge_line(struct preview *preview, struct slice line)
{
    if (preview->keeps_quotes) {
        show(preview, line, true);
        return true;
    }
    if (line.data[0] == '>') {
        preview->has_quotes = true;
        buf_clear(&preview->held);
        return false;
    }
    if (slice_eq(line, S("--")) || slice_starts_with(line, S("-----Original Message-----"))) {
        preview->is_full = true; /* a signature; what is answered to */
        return false;
    }
    if (slice_starts_with(line, S("-----BEGIN PGP MESSAGE-----"))) {
        preview->is_full = preview->is_secret = true;
        return false;
    }
    if (is_ruler(line))
        return false;
    show_held(preview);
    if (line.data[line.len - 1] != ':') {
        show(preview, line, true);
        return true;
    }
    buf_append(&preview->held, line);
    return false;
}

/* A line is complete, or as long as it is looked at. */
static void take_line(struct preview *preview)
{
    struct slice line = buf_slice(&preview->line);
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    line = slice_trim(line);
    bool shown = line.len > 0 && judge_line(preview, line);
    preview->rest = shown ? LINE_SHOWN : LINE_PASSED_OVER;
    buf_clear(&preview->line);
}

static void take_text(struct preview *preview, struct slice text)
{
    while (text.len > 0 && !preview->is_full) {
        size_t end = slice_find(text, '\n');
        struct slice part = slice_take(text, end);
        if (preview->rest == LINE_BEGINS) {
            size_t room = LINE_MAX - preview->line.len;
            buf_append(&preview->line, slice_take(part, room));
            part = slice_skip(part, room);
            if (end < text.len || preview->line.len == LINE_MAX)
                take_line(preview);
        }
        if (preview->rest == LINE_SHOWN)
            show(preview, part, false);
        if (end < text.len)
            preview->rest = LINE_BEGINS;
        text = slice_skip(text, end + 1);
    }
}

/* Of all parts the first that has something to show. */
static bool take_piece(void *data, const struct text_piece *piece)
{
    struct preview *preview = data;
    if (piece->is_file_name || piece->name.len > 0)
        return true;
    if (piece->begins) {
        take_line(preview);
        show_held(preview);
        preview->rest = LINE_BEGINS;
        if (preview->out->len > 0)
            return false;
    }
    take_text(preview, piece->text);
    return !preview->is_full;
}

static enum err make(struct text_extractor *extractor, const struct text_source *source,
                     struct preview *preview)
{
    buf_init(&preview->line, LINE_MAX + 1);
    buf_init(&preview->held, LINE_MAX + 1);
    enum err err = text_extract(extractor, source, TEXT_BODY, take_piece, preview);
    if (!err && !preview->is_full) {
        take_line(preview);
        show_held(preview);
    }
    buf_free(&preview->line);
    buf_free(&preview->held);
    return err;
}

enum err preview_make(struct text_extractor *extractor, const struct text_source *source, struct buf *out)
{
    struct preview preview = {.out = out};
    enum err err = make(extractor, source, &preview);
    if (!err && preview.is_secret)
        buf_clear(out);
    if (!err && out->len == 0 && preview.has_quotes && !preview.is_secret) {
        preview = (struct preview){.out = out, .keeps_quotes = true};
        err = make(extractor, source, &preview);
    }
    return err;
}
