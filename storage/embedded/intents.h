/* SPDX-License-Identifier: ISC */
/*
 * Work on files and beyond the index that a commit promises and that is done after it. It stands in the table
 * `intent` until it is done, so that a restart does what a crash left.
 *
 *     unlink    one "<base>\t<suffix>" per line: files of expunged messages
 *     letters   see letters.h: the only one that may wait
 *     folder    make name and descriptor of the mailbox's folder say what its row says (intent_folder.c)
 *     remove    the folder of a deleted mailbox, in one line
 *     settings  write the copy of the settings (settings.h)
 *     shares    tell the directory to whom the account gives rights (shares.h)
 *
 * Each can be done twice, and looks at the rows as they are when it is done. The caller of a batch is told
 * when the intents of it are done, but for letters; files are unlinked afterwards (afterwards.h) where there
 * is somebody to do it.
 */
#ifndef STORAGE_INTENTS_H
#define STORAGE_INTENTS_H

#include "change.h"

#define INTENT_UNLINK   "unlink"
#define INTENT_LETTERS  "letters"
#define INTENT_FOLDER   "folder"
#define INTENT_REMOVE   "remove"
#define INTENT_SETTINGS "settings"
#define INTENT_SHARES   "shares"

struct intent_writer {
    struct change *change;
    const char *op;
    int64_t mailbox;
    struct buf lines;
};

struct intent_writer intent_writer(struct change *change, const char *op, int64_t mailbox);
/* Adds a line; writes a row when enough came together. */
enum err intent_add(struct intent_writer *writer, struct slice line) MUST_CHECK;
/* Writes the rest, and frees; in any case, with the error so far. */
enum err intent_finish(struct intent_writer *writer, enum err err) MUST_CHECK;

/* One line, unless the same stands there already. */
enum err intent_put(struct change *change, const char *op, int64_t mailbox, struct slice line) MUST_CHECK;

/* intent_folder.c: an error leaves it for later. */
enum err intent_folder(struct change *change, int64_t mailbox) MUST_CHECK;
enum err intent_remove(struct change *change, int64_t mailbox, struct slice dir) MUST_CHECK;

/* Whether something stands in the table that should have been done. */
#define INTENTS_UNDONE "EXISTS(SELECT 1 FROM intent WHERE op<>'" INTENT_LETTERS "')"
#define INTENTS_UNDONE_AT_ONCE \
    "EXISTS(SELECT 1 FROM intent WHERE op NOT IN ('" INTENT_LETTERS "', '" INTENT_UNLINK "'))"

/* Does all that stands in the table, but for letters, inside a change. */
enum err intents_run(struct change *change) MUST_CHECK;

enum intents_kind {
    INTENTS_ALL,
    INTENTS_BUT_UNLINKS,
    INTENTS_UNLINKS,
};

/* In changes of its own, a part of them each time, so that others get their turn in between. Zero but for the
 * kind at first. */
struct intents_progress {
    enum intents_kind kind;
    int64_t after; /* those up to this one were done, or left for later */
    bool done;
};
enum err intents_run_part(struct account *account, struct intents_progress *progress) MUST_CHECK;
/* Whether files are still to be unlinked. */
bool intents_left(struct account *account);
/* All of it, right after a commit. What goes wrong is left for later. */
void intents_run_now(struct account *account, enum intents_kind kind);

#endif
