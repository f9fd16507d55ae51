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
#include "recovery.h"

struct location {
    struct slice dir, file, suffix;
};

#define FIND_FILE                                                                    \
    "SELECT mailbox.dir, message.file, message.suffix FROM message JOIN mailbox ON " \
    "mailbox.id=message.mailbox"                                                     \
    " WHERE message.mailbox=?1 AND message.uid=?2"

static enum err read_location(struct db *db, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                              struct location *location_r, int *step_r)
{
    sqlite3_stmt *statement = db_statement(db, FIND_FILE);
    db_bind_int(statement, 1, mailbox_id);
    db_bind_int(statement, 2, uid);
    *step_r = db_step(db, statement);
    if (*step_r == 1) {
        *location_r = (struct location){
            .dir = db_column_text(statement, 0, arena),
            .file = db_column_text(statement, 1, arena),
            .suffix = db_column_text(statement, 2, arena),
        };
    }
    return row_found(*step_r);
}

static enum err find_location(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                              struct location *location_r)
{
    struct snapshot *snapshot = NULL;
    int step = 0;
    enum err err = snapshot_open(account, &snapshot);
    if (err) {
        return err;
    }
    err = read_location(snapshot->db, mailbox_id, uid, arena, location_r, &step);
    err = step < 0 ? snapshot_outcome(snapshot, step) : err;
    snapshot_close(snapshot);
    return err;
}

/* Under other letters than we remember: another program changed them. */
static int open_renamed(struct account *account, const struct location *location, struct arena *arena)
{
    const char *folder = arena_printf(arena, "%.*s/cur", SLICE_ARG(location->dir));
    int cur_fd = openat(account->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *name = cur_fd < 0 ? NULL : file_find(cur_fd, location->file, arena);
    int fd = name ? openat(cur_fd, name, O_RDONLY | O_CLOEXEC) : -1;
    int reason = name ? errno : ENOENT;
    if (cur_fd >= 0) {
        close(cur_fd);
    }
    errno = reason;
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

static enum err open_result(struct account *account, const struct location *location, int fd,
                            struct blob_reader *reader_r)
{
    if (fd >= 0) {
        return reader_of(fd, reader_r);
    }
    enum err err = err_from_errno(errno);
    if (err != ERR_NOT_FOUND) {
        log_error("message.open_failed", log_cstr("account", account->login),
                  log_text("file", location->file), log_errno(errno));
    }
    return err;
}

/* The file is not where the index said: it was expunged, or somebody renames it, perhaps at this moment, with
 * thousands of others; a look through the folder could miss it then. Who renames holds the account's lock, so
 * behind him index and folder agree again. */
static enum err open_under_lock(struct account *account, int64_t mailbox_id, uint32_t uid,
                                struct arena *arena, struct blob_reader *reader_r, bool *known_r)
{
    struct location location = {0};
    int step = 0;
    enum err err = db_begin(account->db);
    if (err) {
        return err;
    }
    err = account_note_error(account, read_location(account->db, mailbox_id, uid, arena, &location, &step));
    *known_r = err == ERR_OK;
    if (!err) {
        int fd = open_at_place(account, &location, arena);
        if (fd < 0 && errno == ENOENT) {
            fd = open_renamed(account, &location, arena);
        }
        err = open_result(account, &location, fd, reader_r);
    }
    db_rollback(account->db);
    return err;
}

/* As the index has it now, without waiting for anybody. */
static enum err open_at_once(struct account *account, int64_t mailbox_id, uint32_t uid, struct arena *arena,
                             struct blob_reader *reader_r, bool *known_r)
{
    struct location location = {0};
    enum err err = find_location(account, mailbox_id, uid, arena, &location);
    *known_r = err == ERR_OK;
    return err ? err : open_result(account, &location, open_at_place(account, &location, arena), reader_r);
}

enum err message_open(struct account *account, int64_t mailbox_id, uint32_t uid, struct blob_reader *reader_r)
{
    struct arena arena = {0};
    bool known = false;
    enum err err = open_at_once(account, mailbox_id, uid, &arena, reader_r, &known);
    if (err == ERR_NOT_FOUND && known) {
        err = open_under_lock(account, mailbox_id, uid, &arena, reader_r, &known);
    }
    if (err == ERR_NOT_FOUND && known) {
        /* The folder of its mailbox is on its way to another name (intent_folder.c), or the file is gone:
         * this ends the one and takes note of the other. */
        err = account_recover(account);
        err = err ? err : open_at_once(account, mailbox_id, uid, &arena, reader_r, &known);
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
