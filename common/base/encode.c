/* SPDX-License-Identifier: ISC */
/* Base64 and hexadecimal by libsodium, whose decoders are strict and take the same time for any content. */
#include "base/encode.h"

#include <sodium.h>

#include "base/utf8.h"

#define VARIANT sodium_base64_VARIANT_ORIGINAL

void base64_encode(struct buf *out, struct slice bytes)
{
    size_t length = sodium_base64_ENCODED_LEN(bytes.len, VARIANT); /* counts the NUL */
    char *room = buf_reserve(out, length - 1);
    if (room && bytes.len) {
        sodium_bin2base64(room, length, (const unsigned char *)bytes.data, bytes.len, VARIANT);
        buf_commit(out, length - 1);
    }
}

enum err base64_decode(struct buf *out, struct slice text)
{
    /* libsodium 1.0.18 takes some bytes above 127 for letters of the alphabet. */
    if (text.len % 4 != 0 || !utf8_is_ascii(text)) {
        return ERR_SYNTAX;
    }
    if (text.len == 0) {
        return ERR_OK;
    }
    size_t padding = text.data[text.len - 1] != '=' ? 0 : text.data[text.len - 2] != '=' ? 1 : 2;
    size_t length = text.len / 4 * 3 - padding;
    size_t written = 0;
    char *room = buf_reserve(out, length);
    if (!room) {
        return ERR_TOO_LONG;
    }
    if (sodium_base642bin((unsigned char *)room, length, text.data, text.len, NULL, &written, NULL,
                          VARIANT) != 0 ||
        written != length) {
        room[0] = '\0';
        return ERR_SYNTAX;
    }
    buf_commit(out, length);
    return ERR_OK;
}

void hex_encode(struct buf *out, struct slice bytes)
{
    char *room = buf_reserve(out, bytes.len * 2);
    if (room && bytes.len) {
        sodium_bin2hex(room, bytes.len * 2 + 1, (const unsigned char *)bytes.data, bytes.len);
        buf_commit(out, bytes.len * 2);
    }
}

enum err hex_decode(struct buf *out, struct slice text)
{
    size_t length = text.len / 2;
    size_t written = 0;
    if (text.len % 2 != 0) {
        return ERR_SYNTAX;
    }
    if (text.len == 0) {
        return ERR_OK;
    }
    char *room = buf_reserve(out, length);
    if (!room) {
        return ERR_TOO_LONG;
    }
    if (sodium_hex2bin((unsigned char *)room, length, text.data, text.len, NULL, &written, NULL) != 0 ||
        written != length) {
        room[0] = '\0';
        return ERR_SYNTAX;
    }
    buf_commit(out, length);
    return ERR_OK;
}
