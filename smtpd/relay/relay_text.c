/* SPDX-License-Identifier: ISC */
#include "relay_text.h"

#include <unistd.h>

#include "base/mem.h"
#include "net/dot.h"

#define BLOCK (64 * 1024)

/* The fields that come first, then the file from `skip` on. */
struct source {
    const struct relay_message *message;
    char *block;
    size_t size;
    uint64_t at, given;
    bool top_is_done;
};

static void source_open(struct source *source, const struct relay_message *message)
{
    size_t size = MIN_OF((size_t)BLOCK, (size_t)message->size + 1);
    *source = (struct source){
        .message = message, .block = mem_realloc(NULL, size), .size = size, .at = message->skip};
}

static enum err read_piece(struct source *source, struct slice *piece_r)
{
    if (!source->top_is_done) {
        source->top_is_done = true;
        *piece_r = source->message->top;
        if (piece_r->len > 0)
            return ERR_OK;
    }
    ssize_t got = pread(source->message->body_fd, source->block, source->size, (off_t)source->at);
    if (got < 0)
        return ERR_IO;
    source->at += (uint64_t)got;
    *piece_r = slice_of(source->block, (size_t)got);
    return ERR_OK;
}

/* The next piece; empty: there is none. A file of another length than was promised is not the message. */
static enum err source_next(struct source *source, struct slice *piece_r)
{
    enum err err = read_piece(source, piece_r);
    if (err)
        return err;
    source->given += piece_r->len;
    bool is_good =
        piece_r->len > 0 ? source->given <= source->message->size : source->given == source->message->size;
    return is_good ? ERR_OK : ERR_IO;
}

enum err relay_write_dotted(struct relay_client *client, const struct relay_message *message)
{
    struct dot_encoder encoder = {0};
    struct source source;
    struct slice piece, chunk;
    conn_set_timeout(client->conn, client->times->block);
    enum err err = relay_check_silence(client);
    source_open(&source, message);
    while (!err && !(err = source_next(&source, &piece)) && piece.len > 0)
        while (!err && dot_encode(&encoder, &piece, &chunk))
            err = conn_write(client->conn, chunk);
    mem_free(source.block);
    if (!err)
        err = conn_write(client->conn, dot_encode_end(&encoder));
    return err ? err : conn_flush(client->conn);
}

/* bdat-cmd = "BDAT" SP chunk-size [ SP "LAST" ] CRLF (RFC 3030 section 2) */
enum err relay_write_chunk(struct relay_client *client, const struct relay_message *message)
{
    struct source source;
    struct slice piece;
    conn_set_timeout(client->conn, client->times->block);
    enum err err = relay_check_silence(client);
    if (!err)
        err = conn_printf(client->conn, "BDAT %llu LAST\r\n", (unsigned long long)message->size);
    source_open(&source, message);
    while (!err && !(err = source_next(&source, &piece)) && piece.len > 0)
        err = conn_write(client->conn, piece);
    mem_free(source.block);
    return err ? err : conn_flush(client->conn);
}
