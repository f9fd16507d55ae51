/* SPDX-License-Identifier: ISC */
/* What a snapshot shows beside messages: quota, subscriptions, annotations, rights, scripts. */
#include "snapshot_private.h"

enum err snapshot_quota(struct snapshot *snapshot, struct quota_state *quota_r)
{
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (!err) {
        *quota_r = snapshot->state->quota;
    }
    return err;
}

enum err snapshot_subscriptions(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                                size_t *count_r)
{
    const struct table *table = snapshot->state->subscriptions;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *names_r = arena_array(arena, struct slice, table->count);
    *count_r = table->count;
    for (size_t i = 0; i < table->count; i++) {
        (*names_r)[i] = arena_copy(arena, text_slice(table->records[i].name));
    }
    return ERR_OK;
}

enum err snapshot_annotations(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                              struct annotation **list_r, size_t *count_r)
{
    const struct table *table = snapshot->state->annotations;
    size_t first = table_first(table, mailbox_id), end = table_first(table, mailbox_id + 1);
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *list_r = arena_array(arena, struct annotation, end - first);
    *count_r = end - first;
    for (size_t i = first; i < end; i++) {
        (*list_r)[i - first].entry = arena_copy(arena, text_slice(table->records[i].name));
        (*list_r)[i - first].value = arena_copy(arena, text_slice(table->records[i].value));
    }
    return ERR_OK;
}

enum err snapshot_rights(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                         struct rights_entry **list_r, size_t *count_r)
{
    const struct table *table = snapshot->state->rights;
    size_t first = table_first(table, mailbox_id), end = table_first(table, mailbox_id + 1);
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *list_r = arena_array(arena, struct rights_entry, end - first);
    *count_r = end - first;
    for (size_t i = first; i < end; i++) {
        (*list_r)[i - first].identifier = arena_copy(arena, text_slice(table->records[i].name));
        (*list_r)[i - first].rights = arena_copy(arena, text_slice(table->records[i].value));
    }
    return ERR_OK;
}

enum err snapshot_sieve_list(struct snapshot *snapshot, struct arena *arena, struct sieve_entry **list_r,
                             size_t *count_r)
{
    const struct table *table = snapshot->state->sieve;
    enum err err = store_step(snapshot->store, MEMORY_READ);
    if (err) {
        return err;
    }
    *list_r = arena_array(arena, struct sieve_entry, table->count);
    *count_r = table->count;
    for (size_t i = 0; i < table->count; i++) {
        (*list_r)[i] = (struct sieve_entry){
            .name = arena_copy(arena, text_slice(table->records[i].name)),
            .active = table->records[i].extra != 0,
            .size = table->records[i].value->len,
        };
    }
    return ERR_OK;
}

/* By name, or the active one when the name is empty. */
static const struct record *find_script(const struct table *table, struct slice name)
{
    if (name.len) {
        return table_find(table, 0, name);
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->records[i].extra) {
            return &table->records[i];
        }
    }
    return NULL;
}

enum err snapshot_sieve(struct snapshot *snapshot, struct slice name, struct arena *arena,
                        struct slice *script_r)
{
    const struct record *record = find_script(snapshot->state->sieve, name);
    enum err err = record ? store_step(snapshot->store, MEMORY_READ) : ERR_NOT_FOUND;
    if (!err) {
        *script_r = arena_copy(arena, text_slice(record->value));
    }
    return err;
}
