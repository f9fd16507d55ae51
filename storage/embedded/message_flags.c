/* SPDX-License-Identifier: ISC */
/* Messages change their flags and keywords. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "intents.h"
#include "message_rows.h"
#include "viewers.h"

#define PAGE_ROWS 512

struct marked_row {
    uint32_t uid, flags;
    int64_t keywords; /* the column */
    uint64_t modseq;
};

struct marking_work {
    struct change *change;
    int64_t mailbox;
    const struct marking *marking;
    uint64_t *modseq;
    bool keywords_too; /* keywords may change */
    struct marked_row *rows;
    size_t count, changed;
    struct mailbox_delta delta;
    struct intent_writer letters;
    uint32_t low, high; /* UIDs that go together into the next line of `letters` */
    /* With a viewer: what he has seen before, and what changes. */
    struct arena arena;
    struct uid_set seen;
    struct uid_set_writer now_seen, now_unseen;
};

static void take_row(void *data, sqlite3_stmt *statement)
{
    struct marking_work *work = data;
    work->rows[work->count++] = (struct marked_row){
        .uid = (uint32_t)sqlite3_column_int64(statement, 0),
        .flags = (uint32_t)sqlite3_column_int64(statement, 1),
        .keywords = sqlite3_column_int64(statement, 2),
        .modseq = (uint64_t)sqlite3_column_int64(statement, 3),
    };
}

static enum err write_letters_line(struct marking_work *work)
{
    char line[32];
    if (work->low == 0) {
        return ERR_OK;
    }
    snprintf(line, sizeof(line), work->low == work->high ? "%" PRIu32 : "%" PRIu32 "-%" PRIu32, work->low,
             work->high);
    work->low = 0;
    return intent_add(&work->letters, slice_from(line));
}

static enum err promise_letters(struct marking_work *work, uint32_t uid)
{
    enum err err = ERR_OK;
    if (work->marking->renamed) {
        return ERR_OK;
    }
    if (work->low == 0 || work->high + 1 != uid) {
        err = write_letters_line(work);
        work->low = uid;
    }
    work->high = uid;
    return err;
}

static struct keyword_set marked_keywords(const struct marking *marking, const struct keyword_set *before)
{
    struct keyword_set after;
    for (size_t i = 0; i < KEYWORD_WORDS; i++) {
        uint64_t kept = marking->replace_keywords ? 0 : before->words[i] & ~marking->remove_keywords.words[i];
        after.words[i] = kept | marking->add_keywords.words[i];
    }
    return after;
}

/* message.kw as it will be; rows in message_kw are written. *changed_r: the keywords change. */
static enum err mark_keywords(struct marking_work *work, const struct marked_row *row, int64_t *column_r,
                              bool *changed_r)
{
    struct keyword_set before, after;
    *column_r = row->keywords;
    if (!work->keywords_too || (row->keywords == 0 && keyword_set_is_empty(&work->marking->add_keywords))) {
        return ERR_OK;
    }
    enum err err = keywords_read(work->change, work->mailbox, row->uid, row->keywords, &before);
    if (err) {
        return err;
    }
    after = marked_keywords(work->marking, &before);
    *column_r = keyword_set_column(&after);
    *changed_r = !keyword_set_eq(&before, &after);
    return *changed_r ? keywords_write(work->change, work->mailbox, row->uid, &before, &after) : ERR_OK;
}

#define UPDATE_ROW "UPDATE message SET flags=?3, kw=?4, modseq=?5 WHERE mailbox=?1 AND uid=?2"

static enum err update_row(struct marking_work *work, uint32_t uid, uint32_t flags, int64_t keywords)
{
    sqlite3_stmt *statement = db_statement(work->change->db, UPDATE_ROW);
    if (*work->modseq == 0) {
        *work->modseq = change_next_modseq(work->change);
    }
    db_bind_int(statement, 1, work->mailbox);
    db_bind_int(statement, 2, uid);
    db_bind_int(statement, 3, flags);
    db_bind_int(statement, 4, keywords);
    db_bind_int(statement, 5, (int64_t)*work->modseq);
    return db_run(work->change->db, statement);
}

static uint32_t marked_flags(const struct marking *marking, uint32_t flags)
{
    uint32_t marked = (marking->replace ? 0 : flags & ~marking->remove) | marking->add;
    return (marked & ~marking->kept) | (flags & marking->kept);
}

/* With a viewer, the flags of the message but for \Seen, which stays; his own is put down to be changed when
 * all messages are known. */
static uint32_t mark_seen(struct marking_work *work, const struct marked_row *row, bool *changed_r)
{
    uint32_t flags = marked_flags(work->marking, row->flags);
    if (work->marking->viewer.len == 0) {
        return flags;
    }
    uint32_t before = uid_set_has(&work->seen, row->uid) ? MESSAGE_SEEN : 0;
    uint32_t after = marked_flags(work->marking, before) & MESSAGE_SEEN;
    if (before != after) {
        uid_set_add(after ? &work->now_seen : &work->now_unseen, row->uid);
        *changed_r = true;
    }
    return (flags & ~(uint32_t)MESSAGE_SEEN) | (row->flags & MESSAGE_SEEN);
}

static enum err mark_row(struct marking_work *work, const struct marked_row *row, bool *changed_r)
{
    int64_t keywords = 0;
    bool changed = false, seen_changed = false;
    uint32_t flags = mark_seen(work, row, &seen_changed);
    enum err err = mark_keywords(work, row, &keywords, &changed);
    changed = changed || flags != row->flags;
    if (err || (!changed && !seen_changed)) {
        return err;
    }
    err = update_row(work, row->uid, flags, keywords);
    if (!err && changed) {
        err = promise_letters(work, row->uid);
    }
    mailbox_delta_remove(&work->delta, row->flags, 0);
    mailbox_delta_add(&work->delta, flags, 0);
    work->changed++;
    *changed_r = true;
    return err;
}

static enum err mark_page(struct marking_work *work, struct uid_set_writer *changed,
                          struct uid_set_writer *failed)
{
    const struct marking *marking = work->marking;
    enum err err = ERR_OK;
    for (size_t i = 0; i < work->count && !err; i++) {
        const struct marked_row *row = &work->rows[i];
        bool is_changed = false;
        if (marking->conditional && row->modseq > marking->unchanged_since) {
            if (failed) {
                uid_set_add(failed, row->uid);
            }
            continue;
        }
        err = mark_row(work, row, &is_changed);
        if (is_changed && changed) {
            uid_set_add(changed, row->uid);
        }
    }
    return err;
}

#define READ_ROWS                                                                            \
    "SELECT uid, flags, kw, modseq FROM message WHERE mailbox=?1 AND uid BETWEEN ?2 AND ?3 " \
    "ORDER BY uid LIMIT ?4"

static enum err read_seen(struct marking_work *work)
{
    const struct uid_set *uids = &work->marking->uids;
    if (work->marking->viewer.len == 0 || uids->count == 0) {
        return ERR_OK;
    }
    struct uid_range extent = {uids->ranges[0].first, uids->ranges[uids->count - 1].last};
    return viewer_seen(work->change->db, work->mailbox, work->marking->viewer, extent, &work->arena,
                       &work->seen);
}

static enum err write_seen(struct marking_work *work, enum err err)
{
    struct uid_set seen = uid_set_take(&work->now_seen, &work->arena);
    struct uid_set unseen = uid_set_take(&work->now_unseen, &work->arena);
    if (!err) {
        err = viewer_mark(work->change, work->mailbox, work->marking->viewer, &seen, true);
    }
    if (!err) {
        err = viewer_mark(work->change, work->mailbox, work->marking->viewer, &unseen, false);
    }
    arena_free(&work->arena);
    return err;
}

static enum err mark_pages(struct marking_work *work, struct uid_set_writer *changed,
                           struct uid_set_writer *failed)
{
    struct message_walk walk = {.uids = work->marking->uids};
    enum err err;
    do {
        work->count = 0;
        err = message_walk_page(work->change, &walk, work->mailbox, READ_ROWS, PAGE_ROWS, take_row, work,
                                &work->count);
        if (!err) {
            err = mark_page(work, changed, failed);
        }
    } while (!err && work->count);
    return err ? err : write_letters_line(work);
}

enum err messages_mark(struct change *change, size_t mailbox, uint64_t *modseq, const struct marking *marking,
                       struct uid_set_writer *changed, struct uid_set_writer *failed, size_t *count_r)
{
    int64_t id = change->mailboxes[mailbox].id;
    struct marking_work work = {
        .change = change,
        .mailbox = id,
        .marking = marking,
        .modseq = modseq,
        .keywords_too = marking->replace_keywords || !keyword_set_is_empty(&marking->add_keywords) ||
                        !keyword_set_is_empty(&marking->remove_keywords),
        .rows = mem_realloc_array(NULL, PAGE_ROWS, sizeof(struct marked_row)),
        .letters = intent_writer(change, INTENT_LETTERS, id),
    };
    enum err err = read_seen(&work);
    if (!err) {
        err = mark_pages(&work, changed, failed);
    }
    err = write_seen(&work, err);
    err = intent_finish(&work.letters, err);
    if (!err && work.changed) {
        mailbox_count(change, mailbox, *modseq, &work.delta);
    }
    mem_free(work.rows);
    *count_r = work.changed;
    return err;
}
