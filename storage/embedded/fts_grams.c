/* SPDX-License-Identifier: ISC */
/*
 * The tokenizer, and expressions to match what it makes. SQLite's own "trigram" is not used because it cannot
 * find Chinese, Japanese and Korean words, most of which have one or two characters.
 *
 * A document repeats most of its grams; FTS5 would look each up in its hash again, so those seen lately are
 * passed over here.
 */
#include "fts_grams.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

#define GRAM_MAX  3
#define SEEN_SIZE 4096 /* a power of two */
/* More grams make a better filter, but each is a list to be read. */
#define ASKED_MAX 16

struct character {
    size_t start, length;
    uint32_t code;
};

static struct character character_at(struct slice text, size_t start)
{
    static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = utf8_char_length(slice_skip(text, start));
    length = length ? length : 1;
    const unsigned char *bytes = (const unsigned char *)text.data + start;
    uint32_t code = bytes[0] & lead_bits[length];
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (bytes[i] & 0x3f);
    }
    return (struct character){.start = start, .length = length, .code = code};
}

/* Han, kana, bopomofo, yi; Hangul, which folding takes apart into jamo. */
static bool is_east_asian(uint32_t code)
{
    return (code >= 0x2e80 && code <= 0xa4cf && code != 0x3000) || (code >= 0x1100 && code <= 0x11ff) ||
           (code >= 0xac00 && code <= 0xd7ff) || (code >= 0xf900 && code <= 0xfaff) ||
           (code >= 0x1b000 && code <= 0x1b2ff) || (code >= 0x20000 && code <= 0x3ffff);
}

/* --- the tokenizer --- */

typedef int token_callback(void *context, int flags, const char *token, int length, int start, int end);

struct grams {
    uint64_t seen[SEEN_SIZE]; /* of the document at hand */
};

struct document {
    struct grams *grams;
    struct slice text;
    bool header;
    token_callback *callback;
    void *context;
};

/* Whether this gram is new; a few old ones count as new again. */
static bool note_gram(struct document *document, const struct character *characters, size_t count)
{
    uint64_t key = document->header ? 3 : 2;
    for (size_t i = 0; i < count; i++) {
        key = key << 21 | characters[i].code;
    }
    /* 21 bits each. The 2 or 3 in front stands where a gram of one character more would have its first, and
     * no such character is in a folded text; in front of three, one bit of it is left, which tells headers.
     */
    uint64_t *place = &document->grams->seen[(key * 0x9e3779b97f4a7c15u) >> 52];
    bool known = *place == key;
    *place = key;
    return !known;
}

static int give_gram(struct document *document, const struct character *characters, size_t count)
{
    char marked[1 + GRAM_MAX * 4];
    const struct character *last = &characters[count - 1];
    size_t start = characters[0].start, end = last->start + last->length;
    const char *token = document->text.data + start;
    size_t length = end - start;
    if (!note_gram(document, characters, count)) {
        return SQLITE_OK;
    }
    if (document->header) {
        marked[0] = FTS_HEADER_MARK;
        memcpy(marked + 1, token, length);
        token = marked;
        length++;
    }
    return document->callback(document->context, 0, token, (int)length, (int)start, (int)end);
}

/* The grams that end with the last of `count` characters in a row. */
static int give_grams(struct document *document, const struct character *characters, size_t count)
{
    int result = SQLITE_OK;
    const struct character *last = &characters[count - 1];
    bool wide = is_east_asian(last->code);
    if (wide) {
        result = give_gram(document, last, 1);
    }
    if (result == SQLITE_OK && wide && count >= 2 && is_east_asian(last[-1].code)) {
        result = give_gram(document, last - 1, 2);
    }
    if (result == SQLITE_OK && count == GRAM_MAX) {
        result = give_gram(document, characters, GRAM_MAX);
    }
    return result;
}

static int tokenize_document(struct document *document)
{
    struct character row[GRAM_MAX];
    size_t count = 0, i = 0;
    int result = SQLITE_OK;
    while (i < document->text.len && result == SQLITE_OK) {
        char c = document->text.data[i];
        if (c == FTS_HEADER_MARK || c == FTS_BODY_MARK) {
            document->header = c == FTS_HEADER_MARK;
            count = 0;
            i++;
            continue;
        }
        if (count == GRAM_MAX) {
            memmove(row, row + 1, sizeof(row[0]) * --count);
        }
        row[count++] = character_at(document->text, i);
        i += row[count - 1].length;
        result = give_grams(document, row, count);
    }
    return result;
}

static int tokenize(Fts5Tokenizer *tokenizer, void *context, int flags, const char *text, int length,
                    token_callback *callback)
{
    struct document document = {
        .grams = (struct grams *)tokenizer,
        .text = slice_of(text, (size_t)length),
        .callback = callback,
        .context = context,
    };
    if (flags & FTS5_TOKENIZE_QUERY) { /* a string of an expression is one gram */
        return callback(context, 0, text, length, 0, length);
    }
    memset(document.grams->seen, 0, sizeof(document.grams->seen));
    return tokenize_document(&document);
}

static int create(void *context, const char **arguments, int count, Fts5Tokenizer **tokenizer_r)
{
    (void)context;
    (void)arguments;
    (void)count;
    *tokenizer_r = (Fts5Tokenizer *)mem_new(struct grams);
    return SQLITE_OK;
}

static void destroy(Fts5Tokenizer *tokenizer)
{
    mem_free(tokenizer);
}

enum err fts_grams_register(sqlite3 *handle)
{
    static const fts5_tokenizer functions = {.xCreate = create, .xDelete = destroy, .xTokenize = tokenize};
    sqlite3_stmt *statement = NULL;
    fts5_api *api = NULL;
    if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (!api || api->xCreateTokenizer(api, "grams", NULL, (fts5_tokenizer *)&functions, NULL) != SQLITE_OK) {
        log_error("search.no_fts5", log_cstr("sqlite", sqlite3_libversion()));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* --- expressions --- */

static size_t count_characters(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i += character_at(text, i).length) {
        count++;
    }
    return count;
}

/* Whether `size` characters from here on are a gram that the tokenizer makes. */
static bool is_gram(struct slice text, size_t start, size_t size, struct slice *gram_r)
{
    size_t end = start;
    for (size_t i = 0; i < size; i++) {
        struct character character = character_at(text, end);
        if (size < GRAM_MAX && !is_east_asian(character.code)) {
            return false;
        }
        end += character.length;
    }
    *gram_r = slice_take(slice_skip(text, start), end - start);
    return true;
}

static void append_gram(struct buf *out, struct slice gram, bool header)
{
    buf_append_char(out, '"');
    if (header) {
        buf_append_char(out, FTS_HEADER_MARK);
    }
    for (size_t i = 0; i < gram.len; i++) {
        buf_append(out, gram.data[i] == '"' ? S("\"\"") : slice_of(&gram.data[i], 1));
    }
    buf_append_char(out, '"');
}

/* Grams of `size` characters, spread over the needle. */
static bool append_grams(struct buf *out, struct slice needle, size_t count, size_t size, bool header)
{
    size_t places = count - size + 1, asked = MIN_OF(places, (size_t)ASKED_MAX), next = 0, k = 0;
    size_t start = 0, length_before = out->len;
    for (size_t place = 0; place < places; place++) {
        struct slice gram;
        if (place == next) {
            if (is_gram(needle, start, size, &gram)) {
                buf_append(out, out->len > length_before ? S(" AND ") : SLICE_EMPTY);
                append_gram(out, gram, header);
            }
            k++;
            next = k < asked ? k * (places - 1) / MAX_OF(asked - 1, (size_t)1) : SIZE_MAX;
        }
        start += character_at(needle, start).length;
    }
    return out->len > length_before;
}

bool fts_grams_expression(struct buf *out, struct slice needle, bool header)
{
    size_t count = count_characters(needle);
    for (size_t size = MIN_OF(count, (size_t)GRAM_MAX); size > 0; size--) {
        if (append_grams(out, needle, count, size, header)) {
            return true;
        }
    }
    return false;
}
