/* SPDX-License-Identifier: ISC */
/*
 * What an engine's directory is asked by the rules of resolution and login (directory_resolve.c,
 * directory_login.c), which are the same for every engine. Names come in lookup form; texts go into the
 * arena. All but begin and end are called between those two, which frame one consistent view.
 */
#ifndef STORAGE_DIRECTORY_LOOK_UP_H
#define STORAGE_DIRECTORY_LOOK_UP_H

#include "storage/directory.h"

struct directory_domain_row {
    int64_t id; /* 1 or more */
    struct slice catchall;
};

enum err directory_look_up_begin(struct store *store) MUST_CHECK;
void directory_look_up_end(struct store *store);

/* These give ERR_NOT_FOUND when there is none. */
enum err directory_look_up_domain(struct store *store, struct arena *arena, struct slice name,
                                  struct directory_domain_row *row_r) MUST_CHECK;
enum err directory_look_up_user(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                struct directory_user *user_r) MUST_CHECK;
enum err directory_look_up_alias(struct store *store, struct arena *arena, int64_t domain, struct slice local,
                                 struct slice **targets_r, size_t *count_r) MUST_CHECK;
/* The user who was there first: one of this domain if it has any, one who is not disabled if there is one. */
enum err directory_look_up_first_user(struct store *store, struct arena *arena, int64_t domain,
                                      struct directory_user *user_r) MUST_CHECK;
/* The first domain that has a user or alias postmaster. */
enum err directory_look_up_postmaster_domain(struct store *store, int64_t *domain_r) MUST_CHECK;
/* The name of the only domain; ERR_NOT_FOUND also when there are more. */
enum err directory_look_up_only_domain(struct store *store, struct arena *arena,
                                       struct slice *name_r) MUST_CHECK;

#endif
