/* SPDX-License-Identifier: ISC */
/* What the files of this engine share: the store, its directory, its accounts. */
#ifndef STORAGE_MEMORY_STORE_H
#define STORAGE_MEMORY_STORE_H

#include <pthread.h>

#include "state.h"
#include "storage/batch.h"
#include "storage/watch.h"
#include "storage_memory/faults.h"
#include "threads.h"

struct fault {
    uint64_t begun;   /* such steps so far */
    uint64_t fail_at; /* the step with this number fails; 0: none */
    bool fail_after;  /* and all that follow */
    enum err err;
    int64_t delay_us;
};

struct directory_domain_entry {
    int64_t id;
    struct text *name, *catchall;
    int64_t created_us;
};
struct directory_user_entry {
    int64_t id, domain;
    struct text *local, *login, *display_name;
    bool disabled;
    uint64_t quota_bytes;
    int64_t created_us;
};
struct directory_alias_entry {
    int64_t domain;
    struct text *local;
    struct text **targets;
    size_t target_count;
};

/* All that tests put into one is found in lists: there is no need for more. */
struct directory {
    pthread_mutex_t mutex;
    struct directory_domain_entry *domains;
    struct directory_user_entry *users;
    struct directory_alias_entry *aliases;
    size_t domain_count, user_count, alias_count;
    int64_t last_id;
    uint32_t last_uidvalidity;
};

struct store {
    struct store *next; /* in the process; same `path`, same store */
    unsigned users;
    char *path;
    struct directory directory;

    pthread_mutex_t accounts_mutex;
    struct account *accounts;

    pthread_mutex_t watches_mutex;
    struct watch *watches;

    struct queue *queue;
    struct tls_policies *policies;

    pthread_mutex_t faults_mutex;
    struct fault faults[MEMORY_STEP_COUNT];
    atomic_size_t vanished_max;
};

/* An account is there from directory_user_add on, whether somebody has it open or not. */
struct account {
    struct account *next;
    struct store *store;
    unsigned handles;    /* under accounts_mutex */
    atomic_bool removed; /* the user is gone; freed with the last handle */
    struct text *login;

    pthread_mutex_t commit_mutex; /* one batch at a time */
    pthread_mutex_t state_mutex;  /* for taking and replacing `state` */
    struct state *state;
    struct thread_index threads; /* under commit_mutex */

    pthread_mutex_t drop_mutex;
    bool drop_locked;
    int64_t last_login_us;
};

/* Counts the step, waits, and says whether it is to fail. */
enum err store_step(struct store *store, enum memory_step step) MUST_CHECK;

/* For the directory: the account comes and goes with its user. */
void account_add(struct store *store, struct slice login, uint32_t uidvalidity, uint64_t quota_bytes);
void account_remove(struct store *store, struct slice login);
void accounts_free(struct store *store);
void directory_free(struct directory *directory);

/* The newest state, to be released. */
struct state *account_state(struct account *account) NEVER_NULL;
/* After a commit. */
void watches_tell(struct store *store, struct slice login, const struct watch_event *event);

/* A blob's text; NULL before it is sealed. */
struct text *blob_content(const struct blob *blob);
/* A descriptor to read it from. */
enum err content_open(const struct text *content, struct blob_reader *reader_r) MUST_CHECK;

#endif
