/* SPDX-License-Identifier: ISC */
/* A snapshot is a reference to a state. */
#include "storage/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"
#include "snapshot_private.h"

enum err snapshot_open_for(struct account *account, unsigned fields, struct snapshot **snapshot_r)
{
    enum err err = atomic_load(&account->removed) ? ERR_UNAVAILABLE : store_step(account->store, MEMORY_READ);
    if (err) {
        return err;
    }
    struct snapshot *snapshot = mem_new(struct snapshot);
    snapshot->store = account->store;
    snapshot->state = account_state(account);
    snapshot->fields = fields;
    *snapshot_r = snapshot;
    return ERR_OK;
}

enum err snapshot_open(struct account *account, struct snapshot **snapshot_r)
{
    return snapshot_open_for(account, 0, snapshot_r);
}

void snapshot_close(struct snapshot *snapshot)
{
    if (snapshot) {
        state_release(snapshot->state);
        mem_free(snapshot);
    }
}

uint64_t snapshot_modseq(const struct snapshot *snapshot)
{
    return snapshot->state->modseq;
}

/* --- mailboxes --- */

static void tell_mailbox(const struct state *state, const struct mailbox *mailbox, struct arena *arena,
                         struct mailbox_entry *entry)
{
    *entry = (struct mailbox_entry){
        .name = arena_copy(arena, text_slice(mailbox->name)),
        .special_use = arena_copy(arena, text_slice(mailbox->special_use)),
        .subscribed = table_find(state->subscriptions, 0, text_slice(mailbox->name)) != NULL,
        .attr_modseq = mailbox->attr_modseq,
        .status = mailbox->status,
    };
    sodium_bin2hex(entry->guid, sizeof(entry->guid), mailbox->guid, GUID_BYTES);
}

const struct mailbox *snapshot_find_mailbox(const struct snapshot *snapshot, int64_t mailbox_id)
{
    size_t index;
    return state_find(snapshot->state, mailbox_numbered(mailbox_id), &index)
               ? NULL
               : snapshot->state->mailboxes[index];
}

enum err snapshot_mailbox(struct snapshot *snapshot, struct mailbox_ref mailbox, struct arena *arena,
                          struct mailbox_entry *entry_r)
{
    size_t index;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (!err) {
        err = state_find(snapshot->state, mailbox, &index);
    }
    if (!err) {
        tell_mailbox(snapshot->state, snapshot->state->mailboxes[index], arena, entry_r);
    }
    return err;
}

enum err snapshot_mailboxes(struct snapshot *snapshot, struct arena *arena, struct mailbox_entry **list_r,
                            size_t *count_r)
{
    const struct state *state = snapshot->state;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *list_r = arena_array(arena, struct mailbox_entry, state->mailbox_count);
    *count_r = state->mailbox_count;
    for (size_t i = 0; i < state->mailbox_count; i++) {
        tell_mailbox(state, state->mailboxes[i], arena, &(*list_r)[i]);
    }
    return ERR_OK;
}

/* --- messages by guid and thread --- */

static const unsigned char *key_of(const struct row *row, enum find_key key)
{
    return key == FIND_GUID ? row->body->guid : row->body->thread;
}

static int compare_places(const void *a, const void *b)
{
    const struct message_place_found *left = a, *right = b;
    if (left->mailbox_id != right->mailbox_id) {
        return left->mailbox_id < right->mailbox_id ? -1 : 1;
    }
    return left->uid < right->uid ? -1 : left->uid > right->uid;
}

enum err snapshot_find(struct snapshot *snapshot, enum find_key key, const unsigned char id[16],
                       struct arena *arena, struct message_place_found **list_r, size_t *count_r)
{
    struct message_place_found *list = NULL;
    size_t count = 0;
    if (key == FIND_THREAD && !(snapshot->fields & SCAN_THREAD)) {
        return ERR_DENIED;
    }
    enum err err = store_step(snapshot->store, MEMORY_READ);
    for (size_t i = 0; i < snapshot->state->mailbox_count && !err; i++) {
        const struct mailbox *mailbox = snapshot->state->mailboxes[i];
        struct place place = {0};
        const struct row *row;
        for (; (row = mailbox_row(mailbox, place)); place = mailbox_next(mailbox, place)) {
            if (memcmp(key_of(row, key), id, GUID_BYTES) == 0) {
                list = mem_realloc_array(list, count + 1, sizeof(*list));
                list[count++] = (struct message_place_found){mailbox->status.id, row->uid};
            }
        }
    }
    if (!err) {
        if (count) {
            qsort(list, count, sizeof(*list), compare_places);
        }
        *list_r = arena_take_array(arena, list, count, sizeof(*list));
        *count_r = count;
    }
    return err;
}
