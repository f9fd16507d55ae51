/* SPDX-License-Identifier: ISC */
/*
 * Messages of a drop off the disk, in pieces of at most 64 KiB. A client that retrieves one message after the
 * other gets small ones read ahead, several at a visit to the disk; what was read ahead is then in memory.
 *
 *     if (!drop_reader_has(&reader, index)) …  drop_reader_open blocks: on a worker thread
 *     err = drop_reader_open(&reader, index, …, &piece);
 *     while (!err && !piece.is_last) err = drop_reader_next(&reader, &piece);
 */
#ifndef POP3D_DROP_READER_H
#define POP3D_DROP_READER_H

#include "drop.h"

#define DROP_READER_AHEAD_MAX 32

/* Zeroed it has read nothing yet. */
struct drop_reader {
    struct message_places places;
    char *buffer; /* there is one while something is in it */
    struct {
        size_t index, start, len;
    } whole[DROP_READER_AHEAD_MAX + 1]; /* messages that the buffer holds from end to end, by rising index */
    size_t whole_count;
    struct blob_reader file; /* of a message that is longer than the buffer */
    bool file_is_open;
    uint64_t offset; /* of its next piece */
};

struct message_piece {
    struct slice bytes; /* valid until the next call */
    bool is_last;
};

/* Whether the message was read ahead: then drop_reader_open does not block. */
bool drop_reader_has(const struct drop_reader *reader, size_t index);
/* The first piece of a message; up to `ahead` messages that follow it are read too, as far as the buffer
 * takes them. ERR_NOT_FOUND when it was expunged by another session. */
enum err drop_reader_open(struct drop_reader *reader, const struct drop *drop, size_t index, size_t ahead,
                          struct message_piece *piece_r) MUST_CHECK;
/* The next piece of the message that was opened last; blocks. */
enum err drop_reader_next(struct drop_reader *reader, struct message_piece *piece_r) MUST_CHECK;
/* No more of the message that was opened last is wanted; what was read ahead stays. */
void drop_reader_done(struct drop_reader *reader);
void drop_reader_free(struct drop_reader *reader);

#endif
