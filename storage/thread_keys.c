/* SPDX-License-Identifier: ISC */
#include "thread_keys.h"

#include <string.h>

#include <sodium.h>

#include "base/arena.h"
#include "mail/encoded_word.h"
#include "mail/fold.h"
#include "mail/header.h"
#include "mail/subject.h"

static struct thread_key hash_of(char kind, struct slice text)
{
    struct thread_key key;
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof(key.bytes));
    crypto_generichash_update(&state, (const unsigned char *)&kind, 1);
    crypto_generichash_update(&state, (const unsigned char *)text.data, text.len);
    crypto_generichash_final(&state, key.bytes, sizeof(key.bytes));
    return key;
}

/* Some programs quote the left side and some do not, some fold inside (RFC 5256 section 3, "normalizing"). */
static struct thread_key hash_id(struct arena *arena, struct slice id)
{
    char *text = arena_alloc(arena, id.len + 1);
    size_t length = 0;
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.data[i] > ' ' && id.data[i] != '"') {
            text[length++] = id.data[i];
        }
    }
    return hash_of('i', slice_of(text, length));
}

/* The last "<…>" that ends before *end, without the brackets; moves *end before it. */
static bool last_id(struct slice text, size_t *end, struct slice *id_r)
{
    size_t close = slice_find_last(slice_take(text, *end), '>');
    if (close >= *end) {
        return false;
    }
    size_t open = slice_find_last(slice_take(text, close), '<');
    if (open >= close) {
        return false;
    }
    *id_r = slice_of(text.data + open + 1, close - open - 1);
    *end = open;
    return true;
}

/* RFC 5256 section 3: without a valid Message-ID in References, the first in In-Reply-To is the only
 * reference. */
static void add_references(struct arena *arena, struct slice headers, struct thread_keys *keys)
{
    struct header_field field;
    struct slice id;
    size_t end = 0;
    if (header_find(headers, S("References"), &field)) {
        end = field.value.len;
        while (keys->reference_count < THREAD_REFERENCES_MAX && last_id(field.value, &end, &id)) {
            keys->references[keys->reference_count++] = hash_id(arena, id);
        }
    }
    if (keys->reference_count == 0 && header_find(headers, S("In-Reply-To"), &field)) {
        size_t close = slice_find(field.value, '>');
        end = MIN_OF(close + 1, field.value.len);
        if (last_id(field.value, &end, &id)) {
            keys->references[keys->reference_count++] = hash_id(arena, id);
        }
    }
}

#define SUBJECT_MAX 65536 /* decoded; what is longer finds no thread by it */

/* A reply may be encoded otherwise than what it answers, so the words themselves are compared. */
static struct slice decode(struct arena *arena, struct slice text)
{
    struct charset_cache *cache = charset_cache_new();
    struct buf decoded;
    buf_init(&decoded, SUBJECT_MAX);
    encoded_word_decode(&decoded, text, cache);
    struct slice result = buf_ok(&decoded) ? arena_copy(arena, buf_slice(&decoded)) : SLICE_EMPTY;
    buf_free(&decoded);
    charset_cache_free(cache);
    return result;
}

/* i;unicode-casemap, as RFC 5256 section 2.1 wants it. */
static struct slice fold(struct arena *arena, struct slice text)
{
    struct buf folded;
    buf_init(&folded, SUBJECT_MAX);
    fold_text(&folded, text);
    struct slice result = buf_ok(&folded) ? arena_copy(arena, buf_slice(&folded)) : SLICE_EMPTY;
    buf_free(&folded);
    return result;
}

static void add_subject(struct arena *arena, struct slice headers, struct thread_keys *keys)
{
    struct header_field field;
    if (!header_find(headers, S("Subject"), &field)) {
        return;
    }
    struct slice text = decode(arena, header_unfold(arena, field.value));
    struct slice base = fold(arena, subject_base(arena, text, &keys->is_reply));
    keys->has_subject = base.len > 0;
    if (keys->has_subject) {
        keys->subject = hash_of('s', base);
    }
}

void thread_keys_of(struct slice message_id, struct slice headers, struct thread_keys *keys)
{
    struct arena arena = {0};
    struct slice id;
    size_t end = message_id.len;
    memset(keys, 0, sizeof(*keys));
    keys->has_own = last_id(message_id, &end, &id);
    if (keys->has_own) {
        keys->own = hash_id(&arena, id);
    }
    add_references(&arena, headers, keys);
    add_subject(&arena, headers, keys);
    arena_free(&arena);
}
