/* SPDX-License-Identifier: ISC */
/* Accounts: handles, and what can be asked without a snapshot of one's own. */
#include "storage/account.h"

#include <assert.h>

#include "base/mem.h"
#include "memory_store.h"

void account_add(struct store *store, struct slice login, uint32_t uidvalidity, uint64_t quota_bytes)
{
    struct account *account = mem_new(struct account);
    account->store = store;
    account->login = text_new(login);
    account->state = state_new(uidvalidity, quota_bytes);
    pthread_mutex_init(&account->commit_mutex, NULL);
    pthread_mutex_init(&account->state_mutex, NULL);
    pthread_mutex_init(&account->drop_mutex, NULL);
    pthread_mutex_lock(&store->accounts_mutex);
    account->next = store->accounts;
    store->accounts = account;
    pthread_mutex_unlock(&store->accounts_mutex);
}

static void account_free(struct account *account)
{
    state_release(account->state);
    threads_free(&account->threads);
    pthread_mutex_destroy(&account->commit_mutex);
    pthread_mutex_destroy(&account->state_mutex);
    pthread_mutex_destroy(&account->drop_mutex);
    text_release(account->login);
    mem_free(account);
}

/* The pointer that leads to the account, under the mutex. */
static struct account **find_account(struct store *store, struct slice login)
{
    struct account **link = &store->accounts;
    while (*link && !slice_eq(text_slice((*link)->login), login)) {
        link = &(*link)->next;
    }
    return link;
}

void account_remove(struct store *store, struct slice login)
{
    pthread_mutex_lock(&store->accounts_mutex);
    struct account **link = find_account(store, login);
    struct account *account = *link;
    bool unused = account && account->handles == 0;
    if (account) {
        *link = account->next;
        atomic_store(&account->removed, true);
    }
    pthread_mutex_unlock(&store->accounts_mutex);
    if (unused) {
        account_free(account);
    }
}

void accounts_free(struct store *store)
{
    while (store->accounts) {
        struct account *account = store->accounts;
        store->accounts = account->next;
        account_free(account);
    }
}

enum err account_open(struct store *store, struct slice login, struct account **account_r)
{
    enum err err = store_step(store, MEMORY_OPEN);
    if (err) {
        return err;
    }
    pthread_mutex_lock(&store->accounts_mutex);
    struct account *account = *find_account(store, login);
    if (account) {
        account->handles++;
        *account_r = account;
    }
    pthread_mutex_unlock(&store->accounts_mutex);
    return account ? ERR_OK : ERR_NOT_FOUND;
}

void account_close(struct account *account)
{
    if (!account) {
        return;
    }
    struct store *store = account->store;
    pthread_mutex_lock(&store->accounts_mutex);
    assert(account->handles > 0); /* somebody closed it twice */
    bool last = --account->handles == 0 && atomic_load(&account->removed);
    pthread_mutex_unlock(&store->accounts_mutex);
    if (last) {
        account_free(account);
    }
}

struct slice account_login(const struct account *account)
{
    return text_slice(account->login);
}

struct store *account_store(const struct account *account)
{
    return account->store;
}

struct state *account_state(struct account *account)
{
    pthread_mutex_lock(&account->state_mutex);
    struct state *state = state_share(account->state);
    pthread_mutex_unlock(&account->state_mutex);
    return state;
}

/* --- reading --- */

static enum err begin_read(struct account *account, struct state **state_r)
{
    enum err err = atomic_load(&account->removed) ? ERR_UNAVAILABLE : store_step(account->store, MEMORY_READ);
    if (!err) {
        *state_r = account_state(account);
    }
    return err;
}

/* Nobody else writes to what is in memory. */
enum err mailbox_refresh(struct account *account, int64_t mailbox_id)
{
    (void)mailbox_id;
    return atomic_load(&account->removed) ? ERR_UNAVAILABLE : ERR_OK;
}

/* --- one message --- */

/* The row, in a state that the caller releases. */
static enum err find_message(struct account *account, int64_t mailbox_id, uint32_t uid,
                             struct state **state_r, const struct row **row_r)
{
    size_t index;
    enum err err = begin_read(account, state_r);
    if (err) {
        return err;
    }
    err = state_find(*state_r, mailbox_numbered(mailbox_id), &index);
    if (!err) {
        *row_r = mailbox_find((*state_r)->mailboxes[index], uid);
    }
    if (err || !*row_r) {
        state_release(*state_r);
        return ERR_NOT_FOUND;
    }
    return ERR_OK;
}

enum err message_open(struct account *account, int64_t mailbox_id, uint32_t uid, struct blob_reader *reader_r)
{
    struct state *state;
    const struct row *row;
    enum err err = find_message(account, mailbox_id, uid, &state, &row);
    if (!err) {
        err = content_open(row->body->content, reader_r);
        state_release(state);
    }
    return err;
}

/* Asking is as cheap as remembering. */
enum err message_open_next(struct account *account, int64_t mailbox_id, uint32_t uid,
                           struct message_places *places, struct blob_reader *reader_r)
{
    (void)places;
    return message_open(account, mailbox_id, uid, reader_r);
}

void message_places_free(struct message_places *places)
{
    arena_free(&places->arena);
    *places = (struct message_places){0};
}
