/* SPDX-License-Identifier: ISC */
/*
 * Keys of threads that no message is in any more. Expunging leaves them: whether a thread has become empty is
 * not looked for while somebody waits, and a reply to a message that is gone loses nothing by coming into a
 * thread of its own. Each call looks at one of many pieces of the keys, any one, so that none is held up
 * long and nothing has to be remembered.
 */
#include "threads.h"

#include <string.h>

#include <sodium.h>

#include "change.h"
#include "snapshot_private.h"
#include "thread_keys.h"

#define PIECES 256

#define EMPTY                                                                              \
    " FROM thread_ref WHERE key>=?1 AND key<?2 AND NOT EXISTS(SELECT 1 FROM thread_member" \
    " WHERE thread_member.thread=thread_ref.thread)"

struct piece {
    unsigned char first[1];
    unsigned char end[THREAD_KEY_SIZE + 1]; /* behind all keys of the piece */
    size_t end_size;
};

static struct piece piece_of(unsigned number)
{
    struct piece piece = {.first = {(unsigned char)number}, .end_size = 1};
    piece.end[0] = (unsigned char)(number + 1);
    if (number == PIECES - 1) {
        piece.end_size = sizeof(piece.end);
        memset(piece.end, 0xff, sizeof(piece.end));
    }
    return piece;
}

static sqlite3_stmt *statement_on(struct db *db, const char *sql, const struct piece *piece)
{
    sqlite3_stmt *statement = db_statement(db, sql);
    db_bind_blob(statement, 1, slice_of(piece->first, sizeof(piece->first)));
    db_bind_blob(statement, 2, slice_of(piece->end, piece->end_size));
    return statement;
}

static enum err has_empty(struct account *account, const struct piece *piece, bool *found_r)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        int step = db_step(snapshot->db, statement_on(snapshot->db, "SELECT 1" EMPTY " LIMIT 1", piece));
        *found_r = step == 1;
        err = snapshot_outcome(snapshot, step);
    }
    snapshot_close(snapshot);
    return err;
}

static enum err delete_empty(struct account *account, const struct piece *piece)
{
    struct change change;
    enum err err = change_begin_relaxed(account, &change);
    if (err) {
        return err;
    }
    err = db_run(change.db, statement_on(change.db, "DELETE" EMPTY, piece));
    return account_note_error(account, change_finish(&change, err));
}

enum err threads_trim_piece(struct account *account, unsigned number)
{
    struct piece piece = piece_of(number % PIECES);
    bool found = false;
    enum err err = has_empty(account, &piece, &found);
    return err || !found ? err : delete_empty(account, &piece);
}

enum err threads_trim(struct account *account)
{
    return threads_trim_piece(account, randombytes_uniform(PIECES));
}
