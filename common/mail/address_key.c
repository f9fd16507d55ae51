/* SPDX-License-Identifier: ISC */
/*
 * The forms by which addresses are looked up. Two spellings of one mailbox must give one key: letter case
 * (RFC 5321 section 2.4 leaves the local part's case to us: it does not matter here), quoting (undone by the
 * parser), and U-labels against A-labels (RFC 5890).
 */
#include <idn2.h>

#include "base/utf8.h"
#include "mail/address.h"

enum err address_domain_key(struct arena *arena, struct slice domain, struct slice *out)
{
    if (slice_has(domain, '\0')) {
        return ERR_SYNTAX;
    }
    /* Most domains end here; libidn2 would also refuse the underscores that are let through on purpose. */
    if (utf8_is_ascii(domain)) {
        *out = arena_lower(arena, domain);
        return ERR_OK;
    }
    uint8_t *ascii = NULL;
    const uint8_t *text = (const uint8_t *)arena_cstr(arena, domain);
    if (idn2_lookup_u8(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
        return ERR_SYNTAX;
    }
    struct slice key = arena_lower(arena, slice_from((const char *)ascii));
    idn2_free(ascii);
    /* Mapping may bring forth what the grammar refuses: an empty label, an ASCII sign that stood there in
     * full width. */
    if (address_check_domain(key, false)) {
        return ERR_SYNTAX;
    }
    *out = key;
    return ERR_OK;
}

struct slice address_local_key(struct arena *arena, struct slice local)
{
    return arena_lower(arena, local);
}

enum err address_key(struct arena *arena, const struct address *address, struct slice *out)
{
    struct address key = {.local = address_local_key(arena, address->local)};
    enum err err = address_domain_key(arena, address->domain, &key.domain);
    if (err) {
        return err;
    }
    struct buf text;
    buf_init(&text, 4 * ADDRESS_MAX);
    address_format(&text, &key);
    if (buf_ok(&text)) {
        *out = arena_copy(arena, buf_slice(&text));
    }
    err = text.error;
    buf_free(&text);
    return err;
}
