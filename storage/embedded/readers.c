/* SPDX-License-Identifier: ISC */
#include "readers.h"

#include "account_private.h"
#include "base/log.h"

void readers_init(struct readers *readers)
{
    pthread_mutex_init(&readers->mutex, NULL);
}

void readers_free(struct readers *readers)
{
    for (unsigned i = 0; i < readers->count; i++) {
        db_close(readers->idle[i]);
    }
    pthread_mutex_destroy(&readers->mutex);
}

static struct db *take_idle(struct readers *readers)
{
    pthread_mutex_lock(&readers->mutex);
    struct db *reader = readers->count ? readers->idle[--readers->count] : NULL;
    pthread_mutex_unlock(&readers->mutex);
    return reader;
}

static enum err open_reader(struct account *account, struct db **reader_r)
{
    struct arena arena = {0};
    enum err err = db_open_reader(arena_printf(&arena, "%s/index.db", account->path), reader_r);
    arena_free(&arena);
    return err == ERR_NOT_FOUND ? ERR_UNAVAILABLE : err;
}

/* One that was found damaged is to be left: the next opening of the account checks it, and builds it anew.
 * The index is looked at after the opening, which goes by the name: while account->db is open, no other file
 * can have the inode that it had. */
enum err readers_take(struct account *account, struct db **reader_r)
{
    struct db *reader = take_idle(&account->readers);
    enum err err = reader ? ERR_OK : open_reader(account, &reader);
    if (atomic_load(&account->damaged) || !account_has_its_index(account)) {
        db_close(reader);
        log_info("account.replaced", log_cstr("account", account->login));
        return ERR_UNAVAILABLE;
    }
    if (!err) {
        *reader_r = reader;
    }
    return account_note_error(account, err);
}

void readers_give_back(struct account *account, struct db *reader)
{
    struct readers *readers = &account->readers;
    pthread_mutex_lock(&readers->mutex);
    if (readers->count < READERS_KEPT) {
        readers->idle[readers->count++] = reader;
        reader = NULL;
    }
    pthread_mutex_unlock(&readers->mutex);
    db_close(reader);
}

unsigned readers_take_surplus(struct readers *readers, struct db *surplus[READERS_KEPT])
{
    unsigned count = 0;
    pthread_mutex_lock(&readers->mutex);
    while (readers->count > READERS_KEPT_IDLE) {
        surplus[count++] = readers->idle[--readers->count];
    }
    for (unsigned i = 0; i < readers->count; i++) {
        sqlite3_db_release_memory(db_handle(readers->idle[i]));
    }
    pthread_mutex_unlock(&readers->mutex);
    return count;
}
