/* SPDX-License-Identifier: ISC */
/*
 * What other servers answer: lines into replies, each of them also read as the answer to EHLO. What is kept
 * of a reply must be fit to be stored, logged and sent to people: within its limits, without controls.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "relay_reply.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_text(struct slice text)
{
    require(text.len <= RELAY_TEXT_MAX && utf8_is_valid(text));
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        require(c == '\n' || (c >= ' ' && c != 0x7f));
    }
}

static void check_status(const struct relay_reply *reply)
{
    size_t length = strlen(reply->status), dots = 0;
    require(length < sizeof(reply->status));
    if (length == 0)
        return;
    require(length >= 5 && (unsigned)(reply->status[0] - '0') == reply->code / 100);
    for (size_t i = 0; i < length; i++) {
        dots += reply->status[i] == '.';
        require(reply->status[i] == '.' || char_is_digit(reply->status[i]));
    }
    require(dots == 2);
}

static void check_abilities(const struct relay_reply *reply)
{
    struct relay_abilities abilities;
    relay_abilities_read(reply, &abilities);
    require(memchr(abilities.mechanisms, '\0', sizeof(abilities.mechanisms)) != NULL);
    struct slice words = slice_from(abilities.mechanisms);
    require(words.len == 0 || (abilities.extensions & RELAY_AUTH));
    while (words.len > 0) {
        char name[RELAY_MECHANISMS_MAX];
        struct slice word = slice_split(&words, ' ');
        require(word.len > 0);
        memcpy(name, word.data, word.len);
        name[word.len] = '\0';
        require(relay_has_mechanism(&abilities, name));
    }
}

static void check(const struct relay_reply *reply)
{
    require(reply->code >= 200 && reply->code <= 599);
    require(reply->lines >= 1 && reply->lines <= RELAY_LINES_MAX);
    require(buf_ok(&reply->text));
    check_text(buf_slice(&reply->text));
    check_status(reply);
    check_abilities(reply);
    struct buf line;
    buf_init(&line, RELAY_TEXT_MAX + 100);
    relay_reply_format(reply, &line);
    require(buf_ok(&line) && !slice_has(buf_slice(&line), '\n'));
    buf_free(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_of(data, size);
    struct relay_reply reply;
    enum relay_line kind = RELAY_LINE_LAST;
    relay_reply_init(&reply);
    while (rest.len > 0 && kind != RELAY_LINE_BAD) {
        if (kind == RELAY_LINE_LAST)
            relay_reply_clear(&reply);
        kind = relay_reply_add(&reply, slice_split(&rest, '\n'));
        if (kind != RELAY_LINE_BAD)
            check(&reply);
    }
    relay_reply_free(&reply);
    return 0;
}
