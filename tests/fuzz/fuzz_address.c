/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes: what is accepted holds to the limits, comes back the same when it is formatted and parsed again,
 * and has a key that does not change when it is made of itself. The first byte of the input says whether
 * UTF-8 is allowed.
 */
#include <stdlib.h>

#include "base/utf8.h"
#include "mail/address.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_key(struct arena *arena, const struct address *address)
{
    struct slice key, again;
    struct address parsed;
    if (address_key(arena, address, &key) != ERR_OK) {
        must(!utf8_is_ascii(address->domain));
        return;
    }
    /* A label that grows as an A-label may make the whole too long; anything else must be an address again.
     */
    enum err err = address_parse(arena, key, true, &parsed);
    must(err == ERR_OK || (err == ERR_TOO_LONG && key.len > ADDRESS_MAX));
    if (err == ERR_OK) {
        must(utf8_is_ascii(parsed.domain));
        must(address_key(arena, &parsed, &again) == ERR_OK);
        must(slice_eq(key, again));
    }
}

static void check_address(struct arena *arena, const struct address *address, struct slice text)
{
    struct address again;
    struct buf formatted;
    must(text.len <= ADDRESS_MAX && address->local.len <= ADDRESS_LOCAL_MAX);
    must(address->domain.len > 0 && address->domain.len <= ADDRESS_DOMAIN_MAX);
    for (size_t i = 0; i < address->local.len; i++) {
        must(!char_is_ctl(address->local.data[i]));
    }
    buf_init(&formatted, 4096);
    address_format(&formatted, address);
    /* Quotes may make it longer than it was. */
    enum err err = address_parse(arena, buf_slice(&formatted), true, &again);
    must(err == ERR_OK || (err == ERR_TOO_LONG && formatted.len > ADDRESS_MAX));
    must(err || address_eq(address, &again));
    buf_free(&formatted);
    check_key(arena, address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct arena arena = {0};
    struct address address;
    bool utf8 = data[0] & 1;
    struct slice text = slice_of(data + 1, size - 1);
    if (address_parse(&arena, text, utf8, &address) == ERR_OK) {
        must(utf8 ? utf8_is_valid(text) : utf8_is_ascii(text));
        check_address(&arena, &address, text);
    }
    if (address_check_domain(text, utf8) == ERR_OK) {
        must(text.len <= ADDRESS_DOMAIN_MAX);
    }
    struct slice user, detail;
    bool split = address_split_detail(text, S("+-"), &user, &detail);
    must(user.len + detail.len + split == text.len);
    arena_free(&arena);
    return 0;
}
