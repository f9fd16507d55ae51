/* SPDX-License-Identifier: ISC */
/* What the files of the directory share. Pointers to entries hold until something is added or removed. */
#ifndef STORAGE_MEMORY_DIRECTORY_H
#define STORAGE_MEMORY_DIRECTORY_H

#include "directory_key.h"
#include "memory_store.h"
#include "storage/directory.h"

enum err directory_lock(struct store *store) MUST_CHECK;
void directory_unlock(struct store *store);

/* All of these under the lock; NULL when there is none. Names in lookup form. */
struct directory_domain_entry *directory_domain_by_name(struct directory *directory, struct slice name);
struct directory_user_entry *directory_user_by_name(struct directory *directory, int64_t domain,
                                                    struct slice local);
struct directory_alias_entry *directory_alias_by_name(struct directory *directory, int64_t domain,
                                                      struct slice local);
struct slice directory_domain_name(struct directory *directory, int64_t id);

void directory_tell_user(const struct directory_user_entry *entry, struct arena *arena,
                         struct directory_user *user_r);
void directory_replace_text(struct text **text, struct slice value);
void directory_user_release(struct directory_user_entry *user);
void directory_alias_release(struct directory_alias_entry *alias);

#endif
