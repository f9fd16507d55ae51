/* SPDX-License-Identifier: ISC */
/*
 * Rewritten senders, as anybody may send mail to them: whatever the address, it is taken apart in bounds, and
 * what is made of any sender that the parser of addresses lets through comes back as that sender.
 */
#include <stdlib.h>

#include "srs.h"

#define NOW ((int64_t)1800000000 * 1000000)

static const struct srs_key key = {.bytes = "key"};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* A name that looks rewritten comes back to the first forwarder, in his words; any other as it was. */
static void check_way_back(struct arena *arena, const struct address *sender)
{
    struct address rewritten, original;
    struct slice domain;
    if (srs_rewrite(&key, sender, S("ours.example"), NOW, arena, &rewritten) != ERR_OK) {
        return;
    }
    must(rewritten.local.len <= ADDRESS_LOCAL_MAX && srs_is_rewritten(rewritten.local));
    must(address_domain_key(arena, sender->domain, &domain) == ERR_OK);
    if (slice_starts_with(rewritten.local, S("SRS0="))) {
        must(srs_reverse(&key, rewritten.local, NOW, arena, &original) == ERR_OK);
        must(slice_eq(original.local, sender->local) && slice_eq(original.domain, domain));
    } else if (srs_reverse(&key, rewritten.local, NOW, arena, &original) == ERR_OK) {
        must(slice_starts_with(original.local, S("SRS0")));
        must(slice_eq(slice_skip(original.local, 4),
                      slice_skip(sender->local, sender->local.len - (original.local.len - 4))));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    struct slice text = slice_of(data, size);
    struct address address, original;
    if (srs_reverse(&key, text, NOW, &arena, &original) == ERR_OK) { /* one in a million is guessed */
        must(original.local.len > 0 && original.domain.len > 0 && original.local.len < size);
    }
    if (address_parse(&arena, text, true, &address) == ERR_OK) {
        check_way_back(&arena, &address);
    }
    arena_free(&arena);
    return 0;
}
