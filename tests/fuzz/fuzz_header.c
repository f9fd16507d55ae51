/* SPDX-License-Identifier: ISC */
/*
 * Header fields and what stands in them: the walk covers every byte once; each value is read as an address
 * list and as a date, and encoded as words.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "mail/addrlist.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/header.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static bool has_line_end(struct slice text)
{
    return slice_has(text, '\r') || slice_has(text, '\n') || slice_has(text, '\0');
}

static void check_addresses(struct arena *arena, struct slice value)
{
    struct addrlist list, cut;
    addrlist_parse(arena, value, 1000, &list);
    size_t open = 0, texts = 0;
    for (size_t i = 0; i < list.count; i++) {
        const struct addrlist_item *item = &list.items[i];
        open += item->kind == ADDRLIST_GROUP_START;
        open -= item->kind == ADDRLIST_GROUP_END;
        must(open <= 1);
        must(!has_line_end(item->mailbox) && !has_line_end(item->host));
        texts += item->mailbox.len + item->host.len + item->adl.len;
    }
    must(open == 0 && texts <= value.len);
    must(list.truncated || list.count <= 2 * value.len);
    addrlist_parse(arena, value, 3, &cut);
    must(cut.count <= 4 && cut.truncated == (list.truncated || cut.count < list.count));
}

static void check_date(struct slice value)
{
    struct mail_date date, again;
    struct buf text;
    if (date_parse(value, &date) != ERR_OK) {
        return;
    }
    buf_init(&text, 100);
    date_format(&text, date.seconds, date.zone_minutes);
    must(buf_ok(&text));
    /* The year 9999 and some hours west of it is past what the format shows. */
    if (text.len == 31) {
        must(date_parse(buf_slice(&text), &again) == ERR_OK);
        must(again.seconds == date.seconds && again.zone_minutes == date.zone_minutes);
    }
    buf_free(&text);
}

static void check_words(struct slice value)
{
    struct buf words;
    buf_init(&words, 1 << 24);
    encoded_word_append(&words, value);
    must(buf_ok(&words));
    must(utf8_is_ascii(buf_slice(&words)));
    must(!has_line_end(buf_slice(&words)));
    buf_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    struct arena arena = {0};
    struct header_walk walk = header_walk_of(text);
    struct header_field field;
    size_t offset = 0;
    if (size > 200000) {
        return 0;
    }
    while (header_next(&walk, &field)) {
        must(field.offset == offset && field.raw.data == text.data + offset && field.raw.len > 0);
        must(field.name.len == 0 || header_name_is_valid(field.name));
        offset += field.raw.len;
        struct slice unfolded = header_unfold(&arena, field.value);
        must(unfolded.len <= field.value.len && !has_line_end(unfolded));
        check_addresses(&arena, field.value);
        check_date(field.value);
        check_words(unfolded);
        arena_reset(&arena);
    }
    must(walk.offset - offset <= 2 && (walk.has_body || walk.offset == size));
    arena_free(&arena);
    return 0;
}
