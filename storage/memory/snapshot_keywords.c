/* SPDX-License-Identifier: ISC */
/* The names of keywords. */
#include <string.h>

#include "snapshot_private.h"

#define BITS 63

/* The names of those whose number is set. */
static void tell_keywords(const struct state *state, const bool *numbers, struct arena *arena,
                          struct slice **names_r, size_t *count_r)
{
    *names_r = arena_array(arena, struct slice, state->keywords->count);
    *count_r = 0;
    for (size_t i = 0; i < state->keywords->count; i++) {
        if (numbers[i]) {
            (*names_r)[(*count_r)++] = arena_copy(arena, state_keyword_name(state, i));
        }
    }
}

static void note_keywords(const struct row *row, bool *numbers)
{
    for (size_t i = 0; i < BITS; i++) {
        if (row->keywords >> i & 1) {
            numbers[i] = true;
        }
    }
    for (size_t i = 0; row->others && i < row->others->count; i++) {
        numbers[row->others->numbers[i]] = true;
    }
}

enum err snapshot_keywords(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                           size_t *count_r)
{
    const struct state *state = snapshot->state;
    bool numbers[KEYWORDS_MAX] = {false};
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (!err) {
        memset(numbers, true, BITS);
        tell_keywords(state, numbers, arena, names_r, count_r);
    }
    return err;
}

enum err snapshot_message_keywords(struct snapshot *snapshot, int64_t mailbox_id, uint32_t uid,
                                   struct arena *arena, struct slice **names_r, size_t *count_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    const struct row *row = mailbox ? mailbox_find(mailbox, uid) : NULL;
    bool numbers[KEYWORDS_MAX] = {false};
    enum err err = row ? store_step(snapshot->store, MEMORY_READ) : ERR_NOT_FOUND;
    if (!err) {
        note_keywords(row, numbers);
        tell_keywords(snapshot->state, numbers, arena, names_r, count_r);
    }
    return err;
}

enum err snapshot_mailbox_keywords(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                                   struct slice **names_r, size_t *count_r)
{
    const struct mailbox *mailbox = snapshot_find_mailbox(snapshot, mailbox_id);
    bool numbers[KEYWORDS_MAX] = {false};
    struct place place = {0};
    const struct row *row;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    for (; mailbox && (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
        note_keywords(row, numbers);
    }
    tell_keywords(snapshot->state, numbers, arena, names_r, count_r);
    return ERR_OK;
}
