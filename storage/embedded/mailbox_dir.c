/* SPDX-License-Identifier: ISC */
/* Folder names from mailbox names and back. */
#include "mailbox_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include "base/utf8.h"
#include "mail/mutf7.h"
#include "mailbox_folder.h"

#define PREFIX INBOX_FOLDER "/."
#define DOT    S(".")

const char *mailbox_dir_of_name(struct arena *arena, struct slice name)
{
    struct buf out;
    struct slice rest = name;
    enum err err = ERR_OK;
    if (slice_eq(name, S("INBOX"))) {
        return INBOX_FOLDER;
    }
    buf_init(&out, sizeof(INBOX_FOLDER) + NAME_MAX);
    buf_append(&out, S(INBOX_FOLDER "/"));
    while (rest.data && !err) {
        buf_append_char(&out, '.');
        err = mutf7_encode(&out, slice_split(&rest, '/'), DOT);
    }
    bool fits = !err && buf_ok(&out) && out.len <= sizeof(INBOX_FOLDER) + NAME_MAX;
    const char *dir = fits ? arena_cstr(arena, buf_slice(&out)) : NULL;
    buf_free(&out);
    return dir;
}

const char *mailbox_dir_fallback(struct arena *arena, int64_t id)
{
    return arena_printf(arena, PREFIX "mailbox-%lld", (long long)id);
}

/* A level as another program wrote it: modified UTF-7 as it should be, or UTF-8 as some write it. */
static void append_level(struct buf *out, struct slice level)
{
    struct buf decoded;
    buf_init(&decoded, 4 * NAME_MAX);
    struct slice text = mutf7_decode(&decoded, level, DOT) ? level : buf_slice(&decoded);
    while (text.len) {
        size_t length = utf8_char_length(text);
        bool plain = length > 0 && !char_is_ctl(text.data[0]) && text.data[0] != '/' && text.data[0] != '%' &&
                     text.data[0] != '*';
        buf_append(out, plain ? slice_take(text, length) : S("_"));
        text = slice_skip(text, length ? length : 1);
    }
    buf_free(&decoded);
}

struct slice mailbox_name_of_dir(struct arena *arena, struct slice dir)
{
    struct slice rest = slice_skip(dir, sizeof(PREFIX) - 1);
    struct slice name = SLICE_EMPTY;
    struct buf out;
    if (slice_eq(dir, S(INBOX_FOLDER))) {
        return S("INBOX");
    }
    buf_init(&out, 8 * NAME_MAX);
    while (rest.data) {
        struct slice level = slice_split(&rest, '.');
        if (level.len) {
            buf_append(&out, out.len ? S("/") : SLICE_EMPTY);
            append_level(&out, level);
        }
    }
    enum err err = mailbox_name_check(arena, buf_slice(&out), &name);
    if (err || slice_eq(name, S("INBOX"))) { /* too deep, or full of what no name may hold */
        name = S("Folder");
    } else {
        name = arena_copy(arena, name);
    }
    buf_free(&out);
    return name;
}

bool mailbox_dir_exists(struct account *account, const char *dir)
{
    struct stat info;
    struct arena arena = {0};
    bool exists =
        fstatat(account->dir_fd, arena_printf(&arena, "%s/cur", dir), &info, 0) == 0 && S_ISDIR(info.st_mode);
    arena_free(&arena);
    return exists;
}

static enum err is_free(struct account *account, const char *dir, bool *free_r)
{
    struct stat info;
    *free_r = false;
    if (fstatat(account->dir_fd, dir, &info, AT_SYMLINK_NOFOLLOW) == 0) {
        return ERR_OK;
    }
    if (errno != ENOENT) {
        return err_from_errno(errno);
    }
    sqlite3_stmt *statement = db_statement(account->db, "SELECT 1 FROM mailbox WHERE dir=?1");
    db_bind_text(statement, 1, slice_from(dir));
    int step = db_step(account->db, statement);
    *free_r = step == 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

enum err mailbox_dir_choose(struct account *account, struct arena *arena, int64_t id, struct slice name,
                            const char **dir_r)
{
    const char *dir = mailbox_dir_of_name(arena, name);
    bool free = false;
    enum err err = dir ? is_free(account, dir, &free) : ERR_OK;
    for (unsigned i = 0; !err && !free; i++) {
        dir = mailbox_dir_fallback(arena, id);
        dir = i == 0 ? dir : arena_printf(arena, "%s-%u", dir, i);
        err = is_free(account, dir, &free);
    }
    if (!err) {
        *dir_r = dir;
    }
    return err;
}
