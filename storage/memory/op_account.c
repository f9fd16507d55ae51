/* SPDX-License-Identifier: ISC */
/* Annotations, rights, scripts, what was seen, quota, assertions. */
#include "settings_check.h"
#include "work.h"

/* The mailbox's id, or 0 for the account when none is named. */
static enum err annotated(struct work *work, struct batch_operation *operation, int64_t *id_r)
{
    size_t index;
    if (operation->mailbox.id == 0 && operation->mailbox.name.len == 0) {
        *id_r = 0;
        return ERR_OK;
    }
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (!err) {
        *id_r = operation->result.mailbox_id;
    }
    return err;
}

static void attributes_changed(struct work *work, int64_t mailbox_id, struct batch_result *result)
{
    size_t index;
    result->modseq = work_modseq(work, mailbox_id);
    result->affected = 1;
    if (!state_find(work->state, mailbox_numbered(mailbox_id), &index)) {
        state_own(work->state, index)->attr_modseq = work->modseq;
    }
}

/* RFC 7162 section 3.2: by annotations, not by rights. */
static void raise_highestmodseq(struct work *work, int64_t mailbox_id)
{
    size_t index;
    if (!state_find(work->state, mailbox_numbered(mailbox_id), &index)) {
        state_own(work->state, index)->status.highestmodseq = work->modseq;
    }
}

/* Annotations and scripts together, with what is about to come. */
static bool settings_have_room(const struct state *state, uint64_t more, uint64_t less)
{
    uint64_t bytes = more - less;
    for (size_t i = 0; i < state->annotations->count; i++) {
        bytes += state->annotations->records[i].value->len;
    }
    for (size_t i = 0; i < state->sieve->count; i++) {
        bytes += state->sieve->records[i].value->len;
    }
    return bytes <= SETTINGS_BYTES_MAX;
}

static enum err put_annotation(struct work *work, int64_t id, const struct batch_annotate *annotate,
                               bool *changed_r)
{
    struct table **table = &work->state->annotations;
    const struct record *known = table_find(*table, id, annotate->entry);
    *changed_r = !known || !slice_eq(text_slice(known->value), annotate->value);
    if (!*changed_r) {
        return ERR_OK;
    }
    if ((!known && (*table)->count == ANNOTATIONS_MAX) ||
        !settings_have_room(work->state, annotate->value.len, known ? known->value->len : 0)) {
        return ERR_LIMIT;
    }
    table_put(table, id, annotate->entry, annotate->value, 0);
    return ERR_OK;
}

enum err run_annotate(struct work *work, struct batch_operation *operation)
{
    const struct batch_annotate *annotate = &operation->annotate;
    bool changed = false;
    int64_t id;
    if (!annotation_entry_is_valid(annotate->entry)) {
        return ERR_SYNTAX;
    }
    if (annotate->value.len > ANNOTATION_VALUE_MAX) {
        return ERR_LIMIT;
    }
    enum err err = annotated(work, operation, &id);
    if (!err && annotate->remove) {
        changed = table_remove(&work->state->annotations, id, annotate->entry);
    } else if (!err) {
        err = put_annotation(work, id, annotate, &changed);
    }
    if (!err && changed) {
        attributes_changed(work, id, &operation->result);
        raise_highestmodseq(work, id);
    }
    return err;
}

enum err run_set_rights(struct work *work, struct batch_operation *operation)
{
    const struct batch_rights *rights = &operation->rights;
    struct table **table = &work->state->rights;
    size_t index;
    if (!rights_identifier_is_valid(rights->identifier) || !rights_are_valid(rights->rights)) {
        return ERR_SYNTAX;
    }
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (err) {
        return err;
    }
    int64_t id = operation->result.mailbox_id;
    const struct record *known = table_find(*table, id, rights->identifier);
    if (slice_eq(known ? text_slice(known->value) : SLICE_EMPTY, rights->rights)) {
        return ERR_OK; /* is so already */
    }
    if (rights->rights.len == 0) {
        table_remove(table, id, rights->identifier);
    } else if (known || (*table)->count < RIGHTS_MAX) {
        table_put(table, id, rights->identifier, rights->rights, 0);
    } else {
        return ERR_LIMIT;
    }
    attributes_changed(work, id, &operation->result);
    return ERR_OK;
}

/* --- scripts --- */

static void scripts_changed(struct work *work, struct batch_operation *operation)
{
    operation->result.modseq = work_modseq(work, 0);
    operation->result.affected = 1;
}

enum err run_sieve_put(struct work *work, struct batch_operation *operation)
{
    const struct batch_sieve *sieve = &operation->sieve;
    struct table **table = &work->state->sieve;
    const struct record *known = table_find(*table, 0, sieve->name);
    if (sieve->script.len > SIEVE_SCRIPT_MAX) {
        return ERR_LIMIT;
    }
    if (!sieve_name_is_valid(sieve->name) || !sieve_script_is_valid(sieve->script)) {
        return ERR_SYNTAX;
    }
    if ((!known && (*table)->count == SIEVE_SCRIPTS_MAX) ||
        !settings_have_room(work->state, sieve->script.len, known ? known->value->len : 0)) {
        return ERR_LIMIT;
    }
    table_put(table, 0, sieve->name, sieve->script, known ? known->extra : 0);
    scripts_changed(work, operation);
    return ERR_OK;
}

/* Writes the record anew with this mark, when it has another. */
static bool mark(struct table **table, const struct record *record, bool active)
{
    if ((record->extra != 0) == active) {
        return false;
    }
    struct text *name = text_share(record->name), *value = text_share(record->value);
    table_put(table, 0, text_slice(name), text_slice(value), active);
    text_release(name);
    text_release(value);
    return true;
}

enum err run_sieve_activate(struct work *work, struct batch_operation *operation)
{
    struct table **table = &work->state->sieve;
    struct slice name = operation->sieve.name;
    bool changed = false;
    if (name.len && !table_find(*table, 0, name)) {
        return ERR_NOT_FOUND;
    }
    for (size_t i = 0; i < (*table)->count; i++) {
        const struct record *record = &(*table)->records[i];
        bool active = name.len && slice_eq(text_slice(record->name), name);
        changed = mark(table, record, active) || changed;
    }
    if (changed) {
        scripts_changed(work, operation);
    }
    return ERR_OK;
}

enum err run_sieve_delete(struct work *work, struct batch_operation *operation)
{
    const struct record *known = table_find(work->state->sieve, 0, operation->sieve.name);
    if (!known) {
        return ERR_NOT_FOUND;
    }
    if (known->extra) {
        return ERR_DENIED;
    }
    table_remove(&work->state->sieve, 0, operation->sieve.name);
    scripts_changed(work, operation);
    return ERR_OK;
}

enum err run_sieve_rename(struct work *work, struct batch_operation *operation)
{
    const struct batch_sieve *sieve = &operation->sieve;
    struct table **table = &work->state->sieve;
    if (!sieve_name_is_valid(sieve->new_name)) {
        return ERR_SYNTAX;
    }
    const struct record *known = table_find(*table, 0, sieve->name);
    if (!known || slice_eq(sieve->name, sieve->new_name)) {
        return known ? ERR_OK : ERR_NOT_FOUND;
    }
    if (table_find(*table, 0, sieve->new_name)) {
        return ERR_EXISTS;
    }
    struct text *script = text_share(known->value);
    bool active = known->extra != 0;
    table_remove(table, 0, sieve->name);
    table_put(table, 0, sieve->new_name, text_slice(script), active);
    text_release(script);
    scripts_changed(work, operation);
    return ERR_OK;
}

/* --- what was seen --- */

#define SWEEP_EVERY 1024

static void sweep_seen(struct work *work)
{
    struct table **table = &work->state->seen;
    for (size_t i = (*table)->count; i-- > 0;) {
        const struct record *record = &(*table)->records[i];
        if (record->extra <= work->now_us) {
            struct text *name = text_share(record->name);
            table_remove(table, record->number, text_slice(name));
            text_release(name);
        }
    }
}

enum err run_seen(struct work *work, struct batch_operation *operation)
{
    const struct batch_seen *seen = &operation->seen;
    if (seen->key.len == 0 || seen->key.len > SEEN_KEY_MAX) {
        return ERR_LIMIT;
    }
    const struct record *known = table_find(work->state->seen, seen->kind, seen->key);
    operation->result.was_new = !known || known->extra <= work->now_us;
    if (operation->result.was_new) {
        table_put(&work->state->seen, seen->kind, seen->key, SLICE_EMPTY, seen->expires_us);
        if (work->state->seen->count % SWEEP_EVERY == 0) {
            sweep_seen(work);
        }
    }
    return ERR_OK;
}

/* --- quota and assertions --- */

enum err run_quota_set(struct work *work, struct batch_operation *operation)
{
    work->state->quota.limit_bytes = operation->quota.limit_bytes;
    work->state->quota.limit_messages = operation->quota.limit_messages;
    return ERR_OK;
}

static bool has_room(const struct quota_state *quota, const struct batch_assert *expect)
{
    return (quota->limit_bytes == 0 || quota->bytes + expect->room_bytes <= quota->limit_bytes) &&
           (quota->limit_messages == 0 || quota->messages + expect->room_messages <= quota->limit_messages);
}

enum err run_assert(struct work *work, struct batch_operation *operation)
{
    const struct batch_assert *expect = &operation->expect;
    bool about_mailbox = expect->absent || expect->uidvalidity || expect->highestmodseq_max;
    size_t index;
    if ((expect->room_bytes || expect->room_messages) && !has_room(&work->state->quota, expect)) {
        return ERR_OVER_QUOTA;
    }
    if (!about_mailbox) {
        return ERR_OK;
    }
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (expect->absent || err) {
        return expect->absent == (err == ERR_NOT_FOUND) ? ERR_OK : ERR_CONFLICT;
    }
    const struct mailbox_status *status = &work->state->mailboxes[index]->status;
    bool holds = (!expect->uidvalidity || status->uidvalidity == expect->uidvalidity) &&
                 (!expect->highestmodseq_max || status->highestmodseq <= expect->highestmodseq_max);
    return holds ? ERR_OK : ERR_CONFLICT;
}
