/* SPDX-License-Identifier: ISC */
/* A store with two users of example.org, and passwords that cost little, in a folder of their own. */
#ifndef TEST_AUTHD_PEOPLE_H
#define TEST_AUTHD_PEOPLE_H

#include "check.h"

#include "auth/secrets.h"
#include "storage/directory.h"

static const struct password_cost cheap = {.passes = 1, .memory = 8192};

struct people {
    char *directory;
    struct store *store;
    struct secrets *secrets;
};

static inline void people_set_password(struct people *people, const char *login, const char *password)
{
    assert_ok(secrets_set_password_at(people->secrets, slice_from(login), slice_from(password), &cheap));
}

/* alice (password "secret") and bob (password "builder"). */
static inline void people_open(struct people *people)
{
    struct buf why;
    char path[256];
    buf_init(&why, 1000);
    people->directory = check_temporary_directory();
    snprintf(path, sizeof(path), "%s/secrets.db", people->directory);
    assert_ok(store_open(people->directory, "mail.example.org", &people->store, &why));
    assert_ok(secrets_open(path, &people->secrets, &why));
    assert_ok(directory_domain_add(people->store, S("example.org"), &why));
    assert_ok(directory_user_add(people->store, S("alice@example.org"), S("Alice"), 0, &why));
    assert_ok(directory_user_add(people->store, S("bob@example.org"), S("Bob"), 0, &why));
    people_set_password(people, "alice@example.org", "secret");
    people_set_password(people, "bob@example.org", "builder");
    buf_free(&why);
}

static inline void people_close(struct people *people)
{
    secrets_close(people->secrets);
    store_close(people->store);
    check_remove_directory(people->directory);
}

#endif
