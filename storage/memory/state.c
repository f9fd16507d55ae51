/* SPDX-License-Identifier: ISC */
/* All of an account at one moment: copying, and its list of mailboxes. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "first_mailboxes.h"

/* Identifiers of the first mailboxes, and of more of them in later versions, stay below this. */
#define FIRST_OWN_MAILBOX 100

static void make_first_mailboxes(struct state *state, uint32_t uidvalidity)
{
    for (size_t i = 0; i < ARRAY_LEN(first_mailboxes); i++) {
        struct slice name = slice_from(first_mailboxes[i].name);
        struct mailbox *mailbox = mailbox_new(name, slice_from(first_mailboxes[i].special_use));
        mailbox->status.id = (int64_t)i + 1;
        mailbox->status.uidvalidity = uidvalidity;
        mailbox->status.highestmodseq = mailbox->attr_modseq = state->modseq;
        randombytes_buf(mailbox->guid, sizeof(mailbox->guid));
        state_add(state, mailbox);
        table_put(&state->subscriptions, 0, name, SLICE_EMPTY, 0);
    }
}

struct state *state_new(uint32_t uidvalidity, uint64_t quota_bytes)
{
    struct state *state = mem_new(struct state);
    atomic_init(&state->users, 1);
    state->modseq = 1;
    state->last_mailbox = FIRST_OWN_MAILBOX;
    state->last_uidvalidity = uidvalidity;
    state->quota.limit_bytes = quota_bytes;
    state->subscriptions = table_new(false);
    state->annotations = table_new(true);
    state->rights = table_new(false);
    state->sieve = table_new(false);
    state->seen = table_new(false);
    state->keywords = table_new(true);
    state->gone = table_new(false);
    make_first_mailboxes(state, uidvalidity);
    return state;
}

struct state *state_share(struct state *state)
{
    atomic_fetch_add(&state->users, 1);
    return state;
}

void state_release(struct state *state)
{
    if (!state || atomic_fetch_sub(&state->users, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < state->mailbox_count; i++) {
        mailbox_release(state->mailboxes[i]);
    }
    mem_free(state->mailboxes);
    table_release(state->subscriptions);
    table_release(state->annotations);
    table_release(state->rights);
    table_release(state->sieve);
    table_release(state->seen);
    table_release(state->keywords);
    table_release(state->gone);
    mem_free(state);
}

struct state *state_copy(const struct state *state)
{
    struct state *copy = mem_new(struct state);
    *copy = *state;
    atomic_init(&copy->users, 1);
    copy->mailboxes = mem_realloc_array(NULL, state->mailbox_count + 1, sizeof(struct mailbox *));
    for (size_t i = 0; i < state->mailbox_count; i++) {
        copy->mailboxes[i] = mailbox_share(state->mailboxes[i]);
    }
    table_share(copy->subscriptions);
    table_share(copy->annotations);
    table_share(copy->rights);
    table_share(copy->sieve);
    table_share(copy->seen);
    table_share(copy->keywords);
    table_share(copy->gone);
    return copy;
}

enum err state_find(const struct state *state, struct mailbox_ref mailbox, size_t *index_r)
{
    struct arena arena = {0};
    struct slice name = mailbox.id ? SLICE_EMPTY : mailbox_name_canonical(&arena, mailbox.name);
    enum err err = ERR_NOT_FOUND;
    for (size_t i = 0; i < state->mailbox_count && err; i++) {
        const struct mailbox *candidate = state->mailboxes[i];
        if (mailbox.id ? candidate->status.id == mailbox.id : slice_eq(text_slice(candidate->name), name)) {
            *index_r = i;
            err = ERR_OK;
        }
    }
    arena_free(&arena);
    return err;
}

struct mailbox *state_own(struct state *state, size_t index)
{
    return mailbox_own(&state->mailboxes[index]);
}

static int compare_names(const void *a, const void *b)
{
    struct slice left = text_slice((*(struct mailbox *const *)a)->name);
    struct slice right = text_slice((*(struct mailbox *const *)b)->name);
    int inbox = (int)slice_eq(right, S("INBOX")) - (int)slice_eq(left, S("INBOX"));
    return inbox ? inbox : slice_cmp(left, right);
}

void state_sort(struct state *state)
{
    qsort(state->mailboxes, state->mailbox_count, sizeof(struct mailbox *), compare_names);
}

void state_add(struct state *state, struct mailbox *mailbox)
{
    state->mailboxes =
        mem_realloc_array(state->mailboxes, state->mailbox_count + 1, sizeof(struct mailbox *));
    state->mailboxes[state->mailbox_count++] = mailbox;
    state_sort(state);
}

void state_remove(struct state *state, size_t index)
{
    mailbox_release(state->mailboxes[index]);
    state->mailbox_count--;
    memmove(&state->mailboxes[index], &state->mailboxes[index + 1],
            (state->mailbox_count - index) * sizeof(struct mailbox *));
}

enum err state_keyword(const struct state *state, struct slice name, uint16_t *number_r)
{
    for (size_t i = 0; i < state->keywords->count; i++) {
        if (slice_eq_nocase(text_slice(state->keywords->records[i].name), name)) {
            *number_r = (uint16_t)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

struct slice state_keyword_name(const struct state *state, size_t number)
{
    return text_slice(state->keywords->records[number].name);
}
