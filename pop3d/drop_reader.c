/* SPDX-License-Identifier: ISC */
/* Opening, reading and closing files; all that blocks is here. See drop_reader.h. */
#include "drop_reader.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"

#define BUFFER_SIZE 65536

static void close_file(struct drop_reader *reader)
{
    if (reader->file_is_open)
        blob_reader_close(&reader->file);
    reader->file_is_open = false;
}

static void release_buffer(struct drop_reader *reader)
{
    mem_free(reader->buffer);
    reader->buffer = NULL;
    reader->whole_count = 0;
}

/* Fills up to `room` bytes from the offset on. Fewer come at the end of the file only. */
static enum err read_at(const struct blob_reader *file, uint64_t offset, char *to, size_t room,
                        size_t *filled_r)
{
    size_t filled = 0;
    room = (size_t)MIN_OF((uint64_t)room, file->size - offset);
    while (filled < room) {
        ssize_t n = pread(file->fd, to + filled, room - filled, (off_t)(offset + filled));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_from_errno(errno);
        if (n == 0)
            break;
        filled += (size_t)n;
    }
    *filled_r = filled;
    return ERR_OK;
}

/* The next piece of the open file, to the beginning of the buffer. */
static enum err read_piece(struct drop_reader *reader, struct message_piece *piece_r)
{
    size_t filled = 0;
    enum err err = read_at(&reader->file, reader->offset, reader->buffer, BUFFER_SIZE, &filled);
    if (err)
        return err;
    reader->offset += filled;
    if (filled == 0 && reader->offset < reader->file.size)
        return ERR_IO; /* somebody cut the file: what was sent is not the message */
    *piece_r = (struct message_piece){.bytes = slice_of(reader->buffer, filled),
                                      .is_last = reader->offset == reader->file.size};
    if (piece_r->is_last)
        close_file(reader);
    return ERR_OK;
}

/* Reads one more message behind those that the buffer holds; false when it has no room, or cannot be read:
 * the client will hear of that when it asks for it. */
static bool read_whole(struct drop_reader *reader, const struct drop *drop, size_t index, size_t start)
{
    struct blob_reader file;
    size_t room = BUFFER_SIZE - start, filled = 0;
    if (drop->rows[index].size > room ||
        message_open_next(drop->account, drop->inbox.id, drop->rows[index].uid, &reader->places, &file))
        return false;
    bool good =
        file.size <= room && !read_at(&file, 0, reader->buffer + start, room, &filled) && filled == file.size;
    blob_reader_close(&file);
    if (good) {
        reader->whole[reader->whole_count].index = index;
        reader->whole[reader->whole_count].start = start;
        reader->whole[reader->whole_count++].len = filled;
    }
    return good;
}

static void read_ahead(struct drop_reader *reader, const struct drop *drop, size_t index, size_t start,
                       size_t ahead)
{
    size_t last = MIN_OF(ahead, (size_t)DROP_READER_AHEAD_MAX);
    while (++index < drop->count && reader->whole_count < last) {
        if (drop->deleted[index])
            continue;
        if (!read_whole(reader, drop, index, start))
            return;
        start += reader->whole[reader->whole_count - 1].len;
    }
}

/* Takes out the message, and what comes before it: who reads in order will not come back. */
static bool take_whole(struct drop_reader *reader, size_t index, struct message_piece *piece_r)
{
    for (size_t i = 0; i < reader->whole_count; i++) {
        if (reader->whole[i].index != index)
            continue;
        *piece_r = (struct message_piece){
            .bytes = slice_of(reader->buffer + reader->whole[i].start, reader->whole[i].len),
            .is_last = true};
        reader->whole_count -= i + 1;
        for (size_t j = 0; j < reader->whole_count; j++)
            reader->whole[j] = reader->whole[i + 1 + j];
        return true;
    }
    return false;
}

bool drop_reader_has(const struct drop_reader *reader, size_t index)
{
    for (size_t i = 0; i < reader->whole_count; i++)
        if (reader->whole[i].index == index)
            return true;
    return false;
}

enum err drop_reader_open(struct drop_reader *reader, const struct drop *drop, size_t index, size_t ahead,
                          struct message_piece *piece_r)
{
    close_file(reader);
    if (take_whole(reader, index, piece_r))
        return ERR_OK;
    reader->whole_count = 0;
    enum err err = message_open_next(drop->account, drop->inbox.id, drop->rows[index].uid, &reader->places,
                                     &reader->file);
    if (err)
        return err;
    reader->file_is_open = true;
    reader->offset = 0;
    if (!reader->buffer)
        reader->buffer = mem_realloc(NULL, BUFFER_SIZE);
    err = read_piece(reader, piece_r);
    if (!err && piece_r->is_last)
        read_ahead(reader, drop, index, piece_r->bytes.len, ahead);
    return err;
}

enum err drop_reader_next(struct drop_reader *reader, struct message_piece *piece_r)
{
    return read_piece(reader, piece_r);
}

void drop_reader_done(struct drop_reader *reader)
{
    close_file(reader);
    if (reader->whole_count == 0)
        release_buffer(reader);
}

void drop_reader_free(struct drop_reader *reader)
{
    close_file(reader);
    release_buffer(reader);
    message_places_free(&reader->places);
}
