/* SPDX-License-Identifier: ISC */
/* The exclusive maildrop of POP3. */
#include "base/mem.h"
#include "memory_store.h"

struct maildrop_lock {
    struct account *account;
};

enum err maildrop_lock(struct account *account, struct maildrop_lock **lock_r)
{
    pthread_mutex_lock(&account->drop_mutex);
    bool taken = account->drop_locked;
    account->drop_locked = true;
    pthread_mutex_unlock(&account->drop_mutex);
    if (taken) {
        return ERR_BUSY;
    }
    struct maildrop_lock *lock = mem_new(struct maildrop_lock);
    lock->account = account;
    *lock_r = lock;
    return ERR_OK;
}

void maildrop_unlock(struct maildrop_lock *lock)
{
    if (lock) {
        pthread_mutex_lock(&lock->account->drop_mutex);
        lock->account->drop_locked = false;
        pthread_mutex_unlock(&lock->account->drop_mutex);
        mem_free(lock);
    }
}

int64_t maildrop_previous_login_us(const struct maildrop_lock *lock)
{
    pthread_mutex_lock(&lock->account->drop_mutex);
    int64_t time_us = lock->account->last_login_us;
    pthread_mutex_unlock(&lock->account->drop_mutex);
    return time_us;
}

void maildrop_note_login(const struct maildrop_lock *lock, int64_t time_us)
{
    pthread_mutex_lock(&lock->account->drop_mutex);
    lock->account->last_login_us = time_us;
    pthread_mutex_unlock(&lock->account->drop_mutex);
}
