/* SPDX-License-Identifier: ISC */
/*
 * Dot-stuffing: the input fed whole and byte by byte must give the same text, the same end and the same
 * verdict; and any text that is encoded must come back whole, with no end mark inside it.
 */
#include <stdlib.h>
#include <string.h>

#include "net/dot.h"

/* Each byte in becomes at most two out, and the end mark is five. */
struct output {
    char *data;
    size_t len;
    size_t size;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct output output_new(size_t input_len)
{
    struct output output = {.size = input_len * 2 + 5};
    output.data = malloc(output.size);
    must(output.data != NULL);
    return output;
}

static void append(struct output *output, struct slice bytes)
{
    must(bytes.len <= output->size - output->len);
    if (bytes.len)
        memcpy(output->data + output->len, bytes.data, bytes.len);
    output->len += bytes.len;
}

/* How many bytes of the input were taken. */
static size_t decode(struct dot_decoder *decoder, struct slice input, size_t step, struct output *output,
                     bool *ended)
{
    size_t taken = 0;
    *ended = false;
    while (taken < input.len && !*ended) {
        struct slice piece = slice_take(slice_skip(input, taken), step);
        struct slice rest = piece;
        struct slice chunk;
        enum dot_result result;
        while ((result = dot_decode(decoder, &rest, &chunk)) == DOT_CHUNK) {
            must(chunk.len > 0);
            append(output, chunk);
        }
        *ended = result == DOT_END;
        must(*ended || rest.len == 0);
        taken += piece.len - rest.len;
    }
    return taken;
}

static void check_decoding(struct slice input, bool repair)
{
    struct dot_decoder whole = {.repair = repair}, bytes = {.repair = repair};
    struct output whole_text = output_new(input.len), byte_text = output_new(input.len);
    bool whole_ended, bytes_ended;
    size_t whole_taken = decode(&whole, input, input.len, &whole_text, &whole_ended);
    size_t bytes_taken = decode(&bytes, input, 1, &byte_text, &bytes_ended);
    must(whole_ended == bytes_ended && whole_taken == bytes_taken);
    must(whole.bare_newline == bytes.bare_newline);
    must(slice_eq(slice_of(whole_text.data, whole_text.len), slice_of(byte_text.data, byte_text.len)));
    free(whole_text.data);
    free(byte_text.data);
}

static void encode(struct slice input, size_t step, struct output *output)
{
    struct dot_encoder encoder = {0};
    for (size_t at = 0; at < input.len; at += step) {
        struct slice rest = slice_take(slice_skip(input, at), step);
        struct slice chunk;
        while (dot_encode(&encoder, &rest, &chunk))
            append(output, chunk);
    }
    append(output, dot_encode_end(&encoder));
}

/* What a text is on the wire before stuffing: every LF behind a CR, and a line end at its end. */
static void mend(struct slice input, struct output *output)
{
    for (size_t i = 0; i < input.len; i++) {
        if (input.data[i] == '\n' && (i == 0 || input.data[i - 1] != '\r'))
            append(output, S("\r"));
        append(output, slice_of(input.data + i, 1));
    }
    bool complete =
        output->len == 0 || (output->len >= 2 && memcmp(output->data + output->len - 2, "\r\n", 2) == 0);
    append(output, complete ? SLICE_EMPTY : S("\r\n"));
}

static void check_round_trip(struct slice input)
{
    struct output wire = output_new(input.len), again = output_new(input.len);
    encode(input, input.len ? input.len : 1, &wire);
    encode(input, 1, &again);
    must(slice_eq(slice_of(wire.data, wire.len), slice_of(again.data, again.len)));

    struct dot_decoder decoder = {0};
    struct output back = output_new(wire.len);
    bool ended;
    size_t taken = decode(&decoder, slice_of(wire.data, wire.len), wire.len, &back, &ended);
    must(ended && taken == wire.len);
    struct output expected = output_new(input.len);
    mend(input, &expected);
    must(slice_eq(slice_of(back.data, back.len), slice_of(expected.data, expected.len)));
    free(expected.data);
    free(back.data);
    free(again.data);
    free(wire.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    check_decoding(input, false);
    check_decoding(input, true);
    check_round_trip(input);
    return 0;
}
