/* SPDX-License-Identifier: ISC */
/*
 * Fewer reads of a database by those who scan it. SQLite reads page by page, with one call for each 2 KiB; a
 * scan of a large table goes through the file nearly in its order. So a reader's handle reads a whole chunk
 * when several pages of it were asked for, or when the one before it was read like that, and keeps the last
 * chunks until its view ends.
 *
 * That this is right follows from how the log works (https://www.sqlite.org/walformat.html, "Reader
 * algorithm"; sqlite3WalBeginReadTransaction, walCheckpoint). Who reads holds a lock with the mark up to
 * which he sees the log. A checkpoint copies no frame behind any such mark, and none at all while somebody
 * reads the file alone (mark 0). A page that it does copy during a view is in the part of the log that the
 * view looks into first. So a page that SQLite asks the file for stays as it is until the lock of the view is
 * released; others in the same chunk may change, but nobody asks for them. The chunks are dropped when any
 * lock of the log is taken or released, which happens at the beginning and at the end of a view only, and the
 * memory is given back with the view.
 */
#include <string.h>

#include "base/mem.h"
#include "db_private.h"

#define CHUNK_BYTES (64 * 1024)
#define CHUNKS      3 /* rows of two tables are read in turns, and an index */
/* So many pages of a chunk are read one by one before the whole of it is. */
#define MISSES 4

struct chunk {
    char *bytes;
    sqlite3_int64 number; /* offset / CHUNK_BYTES; -1: none */
};

struct main_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    bool ahead;
    struct chunk chunks[CHUNKS];
    unsigned oldest;      /* of the chunks: the next to be overwritten */
    sqlite3_int64 missed; /* the chunk that pages were read of one by one */
    unsigned misses;
    sqlite3_int64 at_end; /* a chunk that is not whole */
};

static const sqlite3_io_methods main_methods;

static struct main_file *main_file_of(sqlite3_file *file)
{
    return (struct main_file *)file;
}

static void forget(struct main_file *file)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        file->chunks[i].number = -1;
    }
    file->missed = file->at_end = -1;
    file->misses = 0;
}

static void release(struct main_file *file)
{
    forget(file);
    for (size_t i = 0; i < CHUNKS; i++) {
        mem_free(file->chunks[i].bytes);
        file->chunks[i].bytes = NULL;
    }
}

static struct chunk *find_chunk(struct main_file *file, sqlite3_int64 number)
{
    for (size_t i = 0; i < CHUNKS; i++) {
        if (file->chunks[i].number == number) {
            return &file->chunks[i];
        }
    }
    return NULL;
}

/* Whether the next page of this chunk is worth reading all of it. */
static bool is_worth_it(struct main_file *file, sqlite3_int64 number)
{
    if (number == file->at_end) {
        return false;
    }
    if (number > 0 && find_chunk(file, number - 1)) {
        return true;
    }
    if (number != file->missed) {
        file->missed = number;
        file->misses = 0;
    }
    return ++file->misses > MISSES;
}

static struct chunk *read_chunk(struct main_file *file, sqlite3_int64 number)
{
    struct chunk *chunk = &file->chunks[file->oldest];
    if (!chunk->bytes) {
        chunk->bytes = mem_realloc_array(NULL, CHUNK_BYTES, 1);
    }
    chunk->number = -1;
    if (file->real->pMethods->xRead(file->real, chunk->bytes, CHUNK_BYTES, number * CHUNK_BYTES) !=
        SQLITE_OK) {
        file->at_end = number; /* an error comes again when the page alone is read */
        return NULL;
    }
    chunk->number = number;
    file->oldest = (file->oldest + 1) % CHUNKS;
    return chunk;
}

static int main_read(sqlite3_file *self, void *bytes, int count, sqlite3_int64 offset)
{
    struct main_file *file = main_file_of(self);
    sqlite3_int64 number = offset / CHUNK_BYTES;
    struct chunk *chunk = NULL;
    if (file->ahead && offset % CHUNK_BYTES + count <= CHUNK_BYTES) {
        chunk = find_chunk(file, number);
        if (!chunk && is_worth_it(file, number)) {
            chunk = read_chunk(file, number);
        }
    }
    if (!chunk) {
        return file->real->pMethods->xRead(file->real, bytes, count, offset);
    }
    memcpy(bytes, chunk->bytes + offset % CHUNK_BYTES, (size_t)count);
    return SQLITE_OK;
}

static int main_shm_lock(sqlite3_file *self, int offset, int count, int flags)
{
    struct main_file *file = main_file_of(self);
    forget(file);
    return file->real->pMethods->xShmLock(file->real, offset, count, flags);
}

static int main_close(sqlite3_file *self)
{
    struct main_file *file = main_file_of(self);
    release(file);
    return file->real->pMethods->xClose(file->real);
}

/* ---- all others are the system's ---- */

static int main_write(sqlite3_file *self, const void *bytes, int count, sqlite3_int64 offset)
{
    struct main_file *file = main_file_of(self);
    forget(file);
    return file->real->pMethods->xWrite(file->real, bytes, count, offset);
}

static int main_truncate(sqlite3_file *self, sqlite3_int64 size)
{
    struct main_file *file = main_file_of(self);
    forget(file);
    return file->real->pMethods->xTruncate(file->real, size);
}

#define REAL(self) (main_file_of(self)->real)

static int main_sync(sqlite3_file *self, int flags)
{
    return REAL(self)->pMethods->xSync(REAL(self), flags);
}

static int main_file_size(sqlite3_file *self, sqlite3_int64 *size_r)
{
    return REAL(self)->pMethods->xFileSize(REAL(self), size_r);
}

static int main_lock(sqlite3_file *self, int level)
{
    return REAL(self)->pMethods->xLock(REAL(self), level);
}

static int main_unlock(sqlite3_file *self, int level)
{
    return REAL(self)->pMethods->xUnlock(REAL(self), level);
}

static int main_check_reserved_lock(sqlite3_file *self, int *result_r)
{
    return REAL(self)->pMethods->xCheckReservedLock(REAL(self), result_r);
}

static int main_file_control(sqlite3_file *self, int operation, void *argument)
{
    return REAL(self)->pMethods->xFileControl(REAL(self), operation, argument);
}

static int main_sector_size(sqlite3_file *self)
{
    return REAL(self)->pMethods->xSectorSize(REAL(self));
}

static int main_device_characteristics(sqlite3_file *self)
{
    return REAL(self)->pMethods->xDeviceCharacteristics(REAL(self));
}

static int main_shm_map(sqlite3_file *self, int page, int size, int extend, void volatile **memory_r)
{
    return REAL(self)->pMethods->xShmMap(REAL(self), page, size, extend, memory_r);
}

static void main_shm_barrier(sqlite3_file *self)
{
    REAL(self)->pMethods->xShmBarrier(REAL(self));
}

static int main_shm_unmap(sqlite3_file *self, int delete_it)
{
    return REAL(self)->pMethods->xShmUnmap(REAL(self), delete_it);
}

static const sqlite3_io_methods main_methods = {
    .iVersion = 2, /* without xFetch: the file is not mapped into memory */
    .xClose = main_close,
    .xRead = main_read,
    .xWrite = main_write,
    .xTruncate = main_truncate,
    .xSync = main_sync,
    .xFileSize = main_file_size,
    .xLock = main_lock,
    .xUnlock = main_unlock,
    .xCheckReservedLock = main_check_reserved_lock,
    .xFileControl = main_file_control,
    .xSectorSize = main_sector_size,
    .xDeviceCharacteristics = main_device_characteristics,
    .xShmMap = main_shm_map,
    .xShmLock = main_shm_lock,
    .xShmBarrier = main_shm_barrier,
    .xShmUnmap = main_shm_unmap,
};

size_t db_read_ahead_size(void)
{
    return sizeof(struct main_file);
}

int db_read_ahead_open(sqlite3_vfs *system, const char *name, sqlite3_file *self, sqlite3_file *real,
                       int flags, int *flags_r)
{
    struct main_file *file = main_file_of(self);
    *file = (struct main_file){.real = real};
    forget(file);
    int result = system->xOpen(system, name, real, flags, flags_r);
    file->base.pMethods = result == SQLITE_OK ? &main_methods : NULL;
    return result;
}

static struct main_file *find_main(struct db *db)
{
    sqlite3_file *file = NULL;
    int result = sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    return result == SQLITE_OK && file && file->pMethods == &main_methods ? main_file_of(file) : NULL;
}

void db_read_ahead_begin(struct db *db)
{
    struct main_file *file = find_main(db);
    if (file) {
        file->ahead = true;
    }
}

void db_read_ahead_end(struct db *db)
{
    struct main_file *file = find_main(db);
    if (file) {
        file->ahead = false;
        release(file);
    }
}
