/* SPDX-License-Identifier: ISC */
/* What the files of the directory share. */
#ifndef STORAGE_DIRECTORY_PRIVATE_H
#define STORAGE_DIRECTORY_PRIVATE_H

#include "directory_key.h"
#include "directory_look_up.h"
#include "store_private.h"

extern const struct db_schema directory_schema;

/* All of these run inside a transaction of directory.db. */
enum err directory_find_domain(struct db *db, struct arena *arena, struct slice name,
                               struct directory_domain_row *row_r) MUST_CHECK;
enum err directory_find_user(struct db *db, struct arena *arena, int64_t domain, struct slice local,
                             struct directory_user *user_r) MUST_CHECK;
/* Whether an alias has this address. */
enum err directory_alias_exists(struct db *db, int64_t domain, struct slice local, bool *exists_r) MUST_CHECK;

/* Columns of directory_user in this order. */
#define DIRECTORY_USER_COLUMNS "user.login, user.display_name, user.disabled, user.quota_bytes, user.created"
void directory_read_user(sqlite3_stmt *statement, struct arena *arena, struct directory_user *user_r);

/* Ends a transaction by the outcome so far: commits on ERR_OK, else rolls back; returns what came of it. */
enum err directory_end(struct db *db, enum err err) MUST_CHECK;

#endif
