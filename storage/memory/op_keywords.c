/* SPDX-License-Identifier: ISC */
/* From the names of keywords to what a row holds. */
#include "op_keywords.h"

#include "base/mem.h"

static void set_number(struct keyword_set *set, size_t number)
{
    set->words[number / 64] |= (uint64_t)1 << (number % 64);
}

static bool has_number(const struct keyword_set *set, size_t number)
{
    return set->words[number / 64] >> (number % 64) & 1;
}

static void note_used(const struct mailbox *mailbox, struct keyword_set *used)
{
    struct place place = {0};
    for (const struct row *row; (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
        struct keyword_set set = keywords_of(row);
        for (size_t i = 0; i < ARRAY_LEN(used->words); i++) {
            used->words[i] |= set.words[i];
        }
    }
}

/* A number for one more keyword: when all are given, one that no message has. `spared` are about to be used.
 */
static enum err free_number(const struct state *state, const struct keyword_set *spared, uint16_t *number_r)
{
    struct keyword_set used = *spared;
    if (state->keywords->count < KEYWORDS_MAX) {
        *number_r = (uint16_t)state->keywords->count;
        return ERR_OK;
    }
    for (size_t i = 0; i < state->mailbox_count; i++) {
        note_used(state->mailboxes[i], &used);
    }
    for (uint16_t number = 0; number < KEYWORDS_MAX; number++) {
        if (!has_number(&used, number)) {
            *number_r = number;
            return ERR_OK;
        }
    }
    return ERR_LIMIT;
}

static enum err add_keyword(struct work *work, struct slice name, bool make, struct keyword_set *set)
{
    struct state *state = work->state;
    uint16_t number;
    enum err err = state_keyword(state, name, &number);
    if (err == ERR_NOT_FOUND && !make) {
        return ERR_OK;
    }
    if (err == ERR_NOT_FOUND) {
        err = free_number(state, set, &number);
        if (!err) {
            table_remove_number(&state->keywords, number);
            table_put(&state->keywords, number, name, SLICE_EMPTY, 0);
        }
    }
    if (!err) {
        set_number(set, number);
    }
    return err;
}

enum err keywords_named(struct work *work, const struct slice *names, size_t count, bool make,
                        struct keyword_set *set_r)
{
    struct keyword_set set = {0};
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = keyword_is_valid(names[i]) ? add_keyword(work, names[i], make, &set) : ERR_SYNTAX;
    }
    *set_r = set;
    return err;
}

struct keyword_set keywords_of(const struct row *row)
{
    struct keyword_set set = {.words = {row->keywords}};
    for (size_t i = 0; row->others && i < row->others->count; i++) {
        set_number(&set, row->others->numbers[i]);
    }
    return set;
}

void keywords_store(const struct keyword_set *set, struct row *row)
{
    struct others *old = row->others, *others = NULL;
    size_t count = 0;
    for (size_t number = KEYWORD_BITS; number < KEYWORDS_MAX; number++) {
        count += has_number(set, number);
    }
    if (count) {
        others = mem_alloc(sizeof(*others) + count * sizeof(others->numbers[0]));
        atomic_init(&others->users, 1);
        for (size_t number = KEYWORD_BITS; number < KEYWORDS_MAX; number++) {
            if (has_number(set, number)) {
                others->numbers[others->count++] = (uint16_t)number;
            }
        }
    }
    row->keywords = set->words[0] & ~KEYWORD_OTHERS;
    row->others = others;
    others_release(old);
}
