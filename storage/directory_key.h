/* SPDX-License-Identifier: ISC */
/* Addresses in the form that a directory keeps and looks up. */
#ifndef STORAGE_DIRECTORY_KEY_H
#define STORAGE_DIRECTORY_KEY_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail/address.h"

struct directory_key {
    struct slice local, domain; /* lookup forms; the local part without quotes */
    struct slice text;          /* both, quoted where needed: the login of a user */
};

/* From an address as typed; writes to `why` (may be NULL) what is wrong with it. */
enum err directory_key_parse(struct arena *arena, struct slice text, struct directory_key *key_r,
                             struct buf *why) MUST_CHECK;
enum err directory_key_of(struct arena *arena, const struct address *address,
                          struct directory_key *key_r) MUST_CHECK;
/* The lookup form of a domain's name. */
enum err directory_domain_key(struct arena *arena, struct slice name, struct slice *key_r,
                              struct buf *why) MUST_CHECK;

/* Writes a sentence when the caller wants one. */
void directory_explain(struct buf *why, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
