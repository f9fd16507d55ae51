/* SPDX-License-Identifier: ISC */
/* What the files that back up one account share: backup_account.c, backup_body.c, backup_state.c. */
#ifndef STORAGE_BACKUP_ACCOUNT_H
#define STORAGE_BACKUP_ACCOUNT_H

#include "backup_private.h"

/* Messages by name without the letters of their flags, which may have changed. */
struct name_table {
    struct manifest_entry **list;
    size_t count;
};

struct account_copy {
    struct backup_run *run;
    struct slice login;
    const char *source, *target; /* the account's folder in the store, in the backup */
    const char *former_folder;   /* in an earlier backup; NULL: none */
    struct manifest former;
    struct manifest done; /* of the round before */
    struct manifest now;
    struct name_table former_names, done_names;
    struct arena arena, scratch; /* scratch: for one message */
    uint64_t missing;            /* in this round */
    bool last_round;
};

struct body_row {
    struct slice dir, file, path; /* path: dir/cur/file:2,letters */
    const unsigned char *hash;    /* of what was delivered */
};

/* To be freed with name_table_free; points into the manifest. */
struct name_table name_table_of(struct manifest *manifest);
void name_table_free(struct name_table *table);

/* A place in the backup; lives with copy->scratch. */
const char *account_copy_target(struct account_copy *copy, struct slice path);
/* A link to a file of an earlier backup, when it still is what its manifest says. */
bool account_copy_link_former(struct account_copy *copy, const struct manifest_entry *entry,
                              const char *target);
/* The body of a message: from the round before, an earlier backup or the store. That it is nowhere is no
 * error but counted. */
enum err account_copy_body(struct account_copy *copy, const struct body_row *row) MUST_CHECK;

/* What an account's files look like from outside: text that is the same as long as nothing was written. Empty
 * when that is not sure. In the arena. */
struct slice backup_state_of(struct arena *arena, const char *folder);

#endif
