/* SPDX-License-Identifier: ISC */
/* Open addressing. Foreign guids may be chosen by anybody, so the place of a key is not: it comes from a hash
 * with a secret of this process. */
#include "key_set.h"

#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"

struct key_slot {
    unsigned char key[KEY_SIZE];
    bool used;
};

static unsigned char secret[crypto_shorthash_KEYBYTES];

static void make_secret(void)
{
    randombytes_buf(secret, sizeof(secret));
}

static struct key_slot *slot_of(const struct key_set *set, const unsigned char key[KEY_SIZE])
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, key, KEY_SIZE, secret);
    size_t place = (size_t)hash & (set->size - 1);
    while (set->slots[place].used && memcmp(set->slots[place].key, key, KEY_SIZE) != 0) {
        place = (place + 1) & (set->size - 1);
    }
    return &set->slots[place];
}

bool key_set_has(const struct key_set *set, const unsigned char key[KEY_SIZE])
{
    return set->size && slot_of(set, key)->used;
}

static void grow(struct key_set *set)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct key_set larger = {.size = set->size ? 2 * set->size : 256, .count = set->count};
    pthread_once(&once, make_secret);
    larger.slots = mem_alloc(larger.size * sizeof(*larger.slots));
    for (size_t i = 0; i < set->size; i++) {
        if (set->slots[i].used) {
            *slot_of(&larger, set->slots[i].key) = set->slots[i];
        }
    }
    mem_free(set->slots);
    *set = larger;
}

bool key_set_add(struct key_set *set, const unsigned char key[KEY_SIZE])
{
    if (2 * set->count >= set->size) {
        grow(set);
    }
    struct key_slot *slot = slot_of(set, key);
    if (slot->used) {
        return false;
    }
    memcpy(slot->key, key, KEY_SIZE);
    slot->used = true;
    set->count++;
    return true;
}

void key_set_free(struct key_set *set)
{
    mem_free(set->slots);
    *set = (struct key_set){0};
}
