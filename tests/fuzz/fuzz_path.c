/* SPDX-License-Identifier: ISC */
/*
 * What follows "MAIL FROM:" and "RCPT TO:": a path and its parameters, taken to the end. The parser must move
 * on with each parameter and leave its input alone when it fails; xtext that decodes must encode and decode
 * to itself.
 */
#include <stdlib.h>

#include "mail/path.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_xtext(struct slice text)
{
    struct buf bytes, again, decoded;
    buf_init(&bytes, 1 << 20);
    buf_init(&again, 1 << 20);
    buf_init(&decoded, 1 << 20);
    if (xtext_decode(&bytes, text) == ERR_OK) {
        xtext_encode(&again, buf_slice(&bytes));
        must(xtext_decode(&decoded, buf_slice(&again)) == ERR_OK);
        must(slice_eq(buf_slice(&bytes), buf_slice(&decoded)));
    } else {
        must(bytes.len == 0);
    }
    buf_free(&bytes);
    buf_free(&again);
    buf_free(&decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 100000) {
        return 0;
    }
    struct arena arena = {0};
    struct mail_path path;
    struct slice text = slice_of(data + 1, size - 1), rest = text, keyword, value;
    if (path_parse(&arena, &rest, data[0] & 1, &path) != ERR_OK) {
        must(rest.data == text.data && rest.len == text.len);
        arena_free(&arena);
        return 0;
    }
    must(path.is_null == (path.address.local.len == 0 && path.address.domain.len == 0));
    must(path.is_postmaster == (path.address.domain.len == 0 && !path.is_null));
    must(path.address.local.len <= ADDRESS_LOCAL_MAX && path.address.domain.len <= ADDRESS_DOMAIN_MAX);
    enum err err;
    size_t before = rest.len;
    while ((err = esmtp_parameter_next(&rest, &keyword, &value)) == ERR_OK) {
        must(keyword.len > 0 && rest.len < before);
        must(value.data == NULL || value.len > 0);
        before = rest.len;
        check_xtext(value);
    }
    must(err == ERR_SYNTAX || rest.len == 0);
    arena_free(&arena);
    return 0;
}
