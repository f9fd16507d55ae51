/* SPDX-License-Identifier: ISC */
/* The files of messages. */
#include "snapshot_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "file_find.h"
#include "mailbox_folder.h"

struct location {
    struct slice dir, file, suffix;
};

#define FIND_FILE                                                                    \
    "SELECT mailbox.dir, message.file, message.suffix FROM message JOIN mailbox ON " \
    "mailbox.id=message.mailbox"                                                     \
    " WHERE message.mailbox=?1 AND message.uid=?2"

static enum err find_location(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                              struct location *location_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = snapshot_statement(snapshot, FIND_FILE, mailbox_id);
    db_bind_int(statement, 2, uid);
    err = snapshot_found(snapshot, db_step(snapshot->db, statement));
    if (!err) {
        location_r->dir = db_column_text(statement, 0, arena);
        location_r->file = db_column_text(statement, 1, arena);
        location_r->suffix = db_column_text(statement, 2, arena);
    }
    snapshot_close(snapshot);
    return err;
}

/* Under other letters than we remember: another program changed them, or we do so right now. */
static int open_renamed(struct account *account, const struct location *location, struct arena *arena)
{
    const char *folder = arena_printf(arena, "%.*s/cur", SLICE_ARG(location->dir));
    int cur_fd = openat(account->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = cur_fd < 0 ? NULL : file_find(cur_fd, location->file, arena);
    int fd = name ? openat(cur_fd, name, O_RDONLY | O_CLOEXEC) : -1;
    if (cur_fd >= 0) {
        close(cur_fd);
    }
    return fd;
}

/* INBOX, which all mail comes into, is open already; the others are reached from the account's folder. */
static int open_at_place(struct account *account, const struct location *location, struct arena *arena)
{
    const char *name =
        arena_printf(arena, "%.*s:2,%.*s", SLICE_ARG(location->file), SLICE_ARG(location->suffix));
    if (slice_eq(location->dir, S(INBOX_FOLDER))) {
        return openat(account->inbox_fd, name, O_RDONLY | O_CLOEXEC);
    }
    const char *path = arena_printf(arena, "%.*s/cur/%s", SLICE_ARG(location->dir), name);
    return openat(account->dir_fd, path, O_RDONLY | O_CLOEXEC);
}

static enum err reader_of(int fd, struct blob_reader *reader_r)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        close(fd);
        return ERR_IO;
    }
    *reader_r = (struct blob_reader){.fd = fd, .size = (uint64_t)info.st_size};
    return ERR_OK;
}

static enum err open_file(struct account *account, const struct location *location, struct arena *arena,
                          struct blob_reader *reader_r)
{
    int fd = open_at_place(account, location, arena);
    if (fd < 0 && errno != ENOENT) {
        enum err err = err_from_errno(errno);
        log_error("message.open_failed", log_cstr("account", account->login),
                  log_text("file", location->file), log_errno(errno));
        return err;
    }
    if (fd < 0) {
        fd = open_renamed(account, location, arena);
    }
    return fd < 0 ? ERR_NOT_FOUND : reader_of(fd, reader_r);
}

/* The index says that the message is there, but its file is not found: the folder of its mailbox may be on
 * its way to another name (intent_folder.c). Who has the lock sees the end of that. */
static enum err open_moved(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                           struct blob_reader *reader_r)
{
    struct location location;
    enum err err = db_begin(account->db);
    if (err) {
        return err;
    }
    db_rollback(account->db);
    err = find_location(account, mailbox_id, uid, arena, &location);
    return err ? err : open_file(account, &location, arena, reader_r);
}

enum err message_open(struct account *account, int64_t mailbox_id, uint32_t uid, struct blob_reader *reader_r)
{
    struct arena arena = {0};
    struct location location;
    enum err err = find_location(account, mailbox_id, uid, &arena, &location);
    if (!err) {
        err = open_file(account, &location, &arena, reader_r);
        if (err == ERR_NOT_FOUND) {
            err = open_moved(account, mailbox_id, uid, &arena, reader_r);
        }
    }
    arena_free(&arena);
    return err;
}

/* --- reading in order --- */

#define PLACES_AT_ONCE 64

struct message_place {
    int64_t mailbox;
    uint32_t uid;
    struct location location;
};

#define FIND_FILES                                                                                  \
    "SELECT uid, mailbox.dir, file, suffix FROM message JOIN mailbox ON mailbox.id=message.mailbox" \
    " WHERE message.mailbox=?1 AND uid>=?2 ORDER BY uid LIMIT ?3"

static enum err find_places(struct account *account, int64_t mailbox_id, uint32_t uid,
                            struct message_places *places)
{
    int more;
    arena_reset(&places->arena);
    places->list = arena_array(&places->arena, struct message_place, PLACES_AT_ONCE);
    places->count = 0;
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    sqlite3_stmt *statement = snapshot_statement(snapshot, FIND_FILES, mailbox_id);
    db_bind_int(statement, 2, uid);
    db_bind_int(statement, 3, PLACES_AT_ONCE);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        places->list[places->count++] = (struct message_place){
            .mailbox = mailbox_id,
            .uid = (uint32_t)sqlite3_column_int64(statement, 0),
            .location = {.dir = db_column_text(statement, 1, &places->arena),
                         .file = db_column_text(statement, 2, &places->arena),
                         .suffix = db_column_text(statement, 3, &places->arena)},
        };
    }
    err = snapshot_outcome(snapshot, more);
    snapshot_close(snapshot);
    return err;
}

static const struct message_place *known_place(const struct message_places *places, int64_t mailbox_id,
                                               uint32_t uid)
{
    for (size_t i = 0; i < places->count; i++) {
        if (places->list[i].uid == uid && places->list[i].mailbox == mailbox_id) {
            return &places->list[i];
        }
    }
    return NULL;
}

enum err message_open_next(struct account *account, int64_t mailbox_id, uint32_t uid,
                           struct message_places *places, struct blob_reader *reader_r)
{
    struct arena arena = {0};
    const struct message_place *place = known_place(places, mailbox_id, uid);
    if (!place) {
        enum err err = find_places(account, mailbox_id, uid, places);
        if (err) {
            return err;
        }
        place = known_place(places, mailbox_id, uid);
    }
    int fd = place ? open_at_place(account, &place->location, &arena) : -1;
    arena_free(&arena);
    /* Expunged meanwhile, or with other letters now, or not to be opened: the index knows, or the attempt
     * tells. */
    return fd < 0 ? message_open(account, mailbox_id, uid, reader_r) : reader_of(fd, reader_r);
}

void message_places_free(struct message_places *places)
{
    arena_free(&places->arena);
    *places = (struct message_places){0};
}
