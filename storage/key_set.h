/* SPDX-License-Identifier: ISC */
/* A set of 16-byte keys (guids, UIDs in 16 bytes): about 40 bytes each. */
#ifndef STORAGE_KEY_SET_H
#define STORAGE_KEY_SET_H

#include "base/base.h"

#define KEY_SIZE 16

/* Zeroed it is empty. */
struct key_set {
    struct key_slot *slots;
    size_t size, count;
};
bool key_set_has(const struct key_set *set, const unsigned char key[KEY_SIZE]);
/* false: it was there. */
bool key_set_add(struct key_set *set, const unsigned char key[KEY_SIZE]);
void key_set_free(struct key_set *set);

#endif
