/* SPDX-License-Identifier: ISC */
/*
 * What authd reads: the lines of the wire, and the SASL messages of mail clients that travel in them. The
 * first byte says how the rest is taken: 'W' lines as they come over the socket; 'P' and 'L' messages of
 * PLAIN and LOGIN, one a line, in clear, so that base64 does not stand in the fuzzer's way; 'p' and 'l' the
 * same with an initial response. Names and passwords that come out must have no NUL in them, and a password
 * must be left after preparation.
 */
#include <stdlib.h>

#include "auth/secrets.h"
#include "sasl.h"
#include "wire.h"

static struct sasl_library *library;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_credentials(const struct sasl *sasl)
{
    must(!slice_has(buf_slice(&sasl->name), '\0'));
    must(!slice_has(buf_slice(&sasl->identity), '\0'));
    must(!slice_has(buf_slice(&sasl->password), '\0'));
    struct buf prepared;
    buf_init(&prepared, 65536);
    password_prepare(buf_slice(&sasl->password), &prepared);
    must(buf_ok(&prepared) && (prepared.len > 0 || sasl->password.len == 0));
    buf_free(&prepared);
}

/* The mechanism's dialogue; `rest` holds the client's messages, decoded already unless `wire`. */
static void run(struct slice mechanism, bool has_initial, struct slice initial, struct slice rest, bool wire)
{
    struct sasl *sasl;
    struct buf challenge, response;
    buf_init(&challenge, 65536);
    wire_buf_init(&response);
    enum sasl_result result =
        sasl_begin(library, mechanism, has_initial ? &initial : NULL, &sasl, &challenge);
    while (result == SASL_CONTINUE && rest.data) {
        struct slice message = slice_split(&rest, '\n');
        buf_clear(&response);
        if (wire) {
            if (wire_get_step(message, &response)) {
                break;
            }
            message = buf_slice(&response);
        }
        result = sasl_step(sasl, message, &challenge);
    }
    if (result == SASL_CREDENTIALS) {
        check_credentials(sasl);
    }
    sasl_end(sasl);
    wire_buf_wipe(&response);
    buf_free(&challenge);
}

static void run_wire(struct slice rest)
{
    struct arena arena = {0};
    struct auth_request request;
    struct buf initial, text;
    struct slice first = slice_split(&rest, '\n');
    wire_buf_init(&initial);
    buf_init(&text, 65536);
    if (wire_get_answer(first, &text) == AUTH_OK) {
        must(text.len > 0);
    }
    if (!wire_get_begin(first, &arena, &request, &initial)) {
        run(request.mechanism, request.has_initial, request.initial, rest, true);
    }
    buf_free(&text);
    wire_buf_wipe(&initial);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!library) {
        library = sasl_library_new();
        must(library != NULL);
    }
    if (size == 0 || size > 8192) {
        return 0;
    }
    struct slice rest = slice_of(data + 1, size - 1);
    switch (data[0]) {
    case 'P':
        run(S("PLAIN"), false, SLICE_EMPTY, rest, false);
        break;
    case 'L':
        run(S("LOGIN"), false, SLICE_EMPTY, rest, false);
        break;
    case 'p':
        run(S("PLAIN"), true, rest, SLICE_EMPTY, false);
        break;
    case 'l': {
        struct slice initial = slice_split(&rest, '\n');
        run(S("LOGIN"), true, initial, rest, false);
        break;
    }
    default:
        run_wire(rest);
    }
    return 0;
}
