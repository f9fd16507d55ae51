/* SPDX-License-Identifier: ISC */
/* Extracting and folding, piece by piece. */
#include "search_read.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"
#include "mail/fold.h"
#include "mail/header.h"

/* A header section has at most 1 MiB, which decoding may lengthen; pieces of body text are smaller. */
#define FOLDED_MAX ((size_t)16 * 1024 * 1024 * FOLD_GROWTH)

struct search_reader {
    struct text_extractor *extractor;
    struct buf value, folded;
    struct fold fold; /* of the body text at hand */
    search_taker *taker;
    void *data;
    bool enough;
};

struct search_reader *search_reader_new(void)
{
    struct search_reader *reader = mem_new(struct search_reader);
    reader->extractor = text_extractor_new();
    buf_init(&reader->value, FOLDED_MAX);
    buf_init(&reader->folded, FOLDED_MAX);
    return reader;
}

void search_reader_free(struct search_reader *reader)
{
    if (reader) {
        text_extractor_free(reader->extractor);
        buf_free(&reader->value);
        buf_free(&reader->folded);
        mem_free(reader);
    }
}

static void give(struct search_reader *reader, struct search_piece piece)
{
    piece.text = buf_slice(&reader->folded);
    if (!reader->enough && (piece.text.len > 0 || piece.begins)) {
        reader->enough = !reader->taker(reader->data, &piece);
    }
    buf_clear(&reader->folded);
}

/* What folding held back of the text before. */
static void end_text(struct search_reader *reader)
{
    fold_finish(&reader->fold, &reader->folded);
    give(reader, (struct search_piece){.from = TEXT_BODY});
}

static void give_field(struct search_reader *reader, const struct text_piece *piece)
{
    struct fold fold = {0};
    fold_append(&fold, &reader->folded, piece->name);
    fold_append(&fold, &reader->folded, piece->name.len > 0 ? S(": ") : SLICE_EMPTY);
    size_t value = reader->folded.len;
    fold_append(&fold, &reader->folded, piece->text);
    fold_finish(&fold, &reader->folded);
    give(reader,
         (struct search_piece){.from = piece->from, .begins = true, .name = piece->name, .value = value});
}

static bool take(void *data, const struct text_piece *piece)
{
    struct search_reader *reader = data;
    if (piece->begins) {
        end_text(reader);
    }
    if (piece->name.len > 0 || piece->from == TEXT_HEADER) {
        give_field(reader, piece);
    } else {
        fold_append(&reader->fold, &reader->folded, piece->text);
        give(reader, (struct search_piece){.from = TEXT_BODY, .begins = piece->begins});
    }
    return !reader->enough;
}

static enum err read_file(void *data, uint64_t offset, char *buffer, size_t size, size_t *count_r)
{
    const struct blob_reader *message = data;
    ssize_t count;
    do {
        count = pread(message->fd, buffer, size, (off_t)offset);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return err_from_errno(errno);
    }
    *count_r = (size_t)count;
    return ERR_OK;
}

enum err search_read(struct search_reader *reader, const struct blob_reader *message, unsigned wanted,
                     search_taker *taker, void *data)
{
    struct text_source source = {.read = read_file, .data = (void *)message};
    reader->taker = taker;
    reader->data = data;
    reader->enough = false;
    reader->fold = (struct fold){0};
    enum err err = text_extract(reader->extractor, &source, wanted, take, reader);
    if (!err) {
        end_text(reader);
    }
    buf_clear(&reader->folded);
    return err;
}

static bool is_among(struct slice name, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

void search_read_fields(struct search_reader *reader, struct slice fields, const struct slice *names,
                        size_t name_count, search_taker *taker, void *data)
{
    struct header_walk walk = header_walk_of(fields);
    struct header_field field;
    reader->taker = taker;
    reader->data = data;
    reader->enough = false;
    while (!reader->enough && header_next(&walk, &field)) {
        if (is_among(field.name, names, name_count)) {
            buf_clear(&reader->value);
            text_of_field(reader->extractor, &reader->value, field.value);
            give_field(reader, &(struct text_piece){.from = TEXT_HEADER,
                                                    .name = field.name,
                                                    .text = buf_slice(&reader->value)});
        }
    }
}
