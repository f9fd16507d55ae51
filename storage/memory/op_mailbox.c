/* SPDX-License-Identifier: ISC */
/* Mailboxes are made, deleted, set, subscribed. Renaming: op_rename.c. */
#include "op_mailbox.h"

#include <string.h>

#include <sodium.h>

#include "base/mem.h"

enum err mailbox_name_of(struct work *work, struct slice name, struct slice *canonical_r)
{
    return mailbox_name_check(&work->scratch, name, canonical_r);
}

bool mailbox_exists(const struct state *state, struct slice name)
{
    size_t index;
    return !state_find(state, mailbox_named(name), &index);
}

/* --- UIDVALIDITY: what a name had before is remembered --- */

#define NO_KEY 0

void note_name_gone(struct state *state, const struct mailbox *mailbox)
{
    struct slice name = text_slice(mailbox->name);
    const struct record *known = table_find(state->gone, NO_KEY, name);
    int64_t now = (int64_t)((uint64_t)mailbox->status.uidvalidity << 32 | mailbox->status.uidnext);
    if (!known || (uint64_t)known->extra < (uint64_t)now) {
        table_put(&state->gone, NO_KEY, name, SLICE_EMPTY, now);
    }
}

static uint32_t next_uidvalidity(struct work *work)
{
    uint32_t seconds = (uint32_t)(work->now_us / 1000000);
    work->state->last_uidvalidity = MAX_OF(work->state->last_uidvalidity + 1, seconds);
    return work->state->last_uidvalidity;
}

/* The wanted UIDVALIDITY counts when the name had no higher one; with an equal one the UIDs go on. */
static void choose_uids(struct work *work, struct mailbox *mailbox, const struct batch_create *create)
{
    const struct record *known = table_find(work->state->gone, NO_KEY, text_slice(mailbox->name));
    uint32_t last = known ? (uint32_t)((uint64_t)known->extra >> 32) : 0;
    mailbox->status.uidnext = MAX_OF(create->wanted_uidnext, 1u);
    if (create->wanted_uidvalidity && create->wanted_uidvalidity >= last) {
        mailbox->status.uidvalidity = create->wanted_uidvalidity;
        if (last == create->wanted_uidvalidity) {
            mailbox->status.uidnext = MAX_OF(mailbox->status.uidnext, (uint32_t)known->extra);
        }
        work->state->last_uidvalidity = MAX_OF(work->state->last_uidvalidity, create->wanted_uidvalidity);
    } else {
        mailbox->status.uidvalidity = next_uidvalidity(work);
    }
    mailbox->status.first_recent = mailbox->status.uidnext;
}

/* --- special use --- */

/* Empty, or one that is valid and that no other mailbox has. */
static enum err check_special_use(const struct state *state, int64_t mailbox_id, struct slice special_use)
{
    if (special_use.len == 0) {
        return ERR_OK;
    }
    for (size_t i = 0; i < state->mailbox_count; i++) {
        const struct mailbox *other = state->mailboxes[i];
        if (other->status.id != mailbox_id && slice_eq_nocase(text_slice(other->special_use), special_use)) {
            return ERR_EXISTS;
        }
    }
    return special_use_is_valid(special_use) ? ERR_OK : ERR_SYNTAX;
}

/* --- making --- */

static bool guid_is_taken(const struct state *state, const unsigned char *guid)
{
    for (size_t i = 0; i < state->mailbox_count; i++) {
        if (memcmp(state->mailboxes[i]->guid, guid, GUID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

struct mailbox *make_mailbox(struct work *work, struct slice name, const struct batch_create *create)
{
    struct mailbox *mailbox = mailbox_new(name, create->special_use);
    mailbox->status.id = ++work->state->last_mailbox;
    choose_uids(work, mailbox, create);
    mailbox->status.highestmodseq = mailbox->attr_modseq = work_modseq(work, 0);
    if (create->wanted_guid && !guid_is_taken(work->state, create->wanted_guid)) {
        memcpy(mailbox->guid, create->wanted_guid, GUID_BYTES);
    } else {
        randombytes_buf(mailbox->guid, GUID_BYTES);
    }
    if (create->subscribed) {
        table_put(&work->state->subscriptions, NO_KEY, name, SLICE_EMPTY, 0);
    }
    state_add(work->state, mailbox);
    return mailbox;
}

enum err make_levels_above(struct work *work, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        struct slice above = slice_take(name, i);
        if (name.data[i] == '/' && !mailbox_exists(work->state, above)) {
            make_mailbox(work, above, &(struct batch_create){.special_use = SLICE_EMPTY});
        }
    }
    return work->state->mailbox_count > MAILBOXES_MAX ? ERR_LIMIT : ERR_OK;
}

enum err run_mailbox_create(struct work *work, struct batch_operation *operation)
{
    const struct batch_create *create = &operation->create;
    struct slice name;
    enum err err = mailbox_name_of(work, operation->mailbox.name, &name);
    if (!err && mailbox_exists(work->state, name)) {
        err = ERR_EXISTS;
    }
    if (!err) {
        err = check_special_use(work->state, 0, create->special_use);
    }
    if (!err) {
        err = make_levels_above(work, name);
    }
    if (!err && work->state->mailbox_count >= MAILBOXES_MAX) {
        err = ERR_LIMIT;
    }
    if (!err) {
        const struct mailbox *made = make_mailbox(work, name, create);
        operation->result.mailbox_id = made->status.id;
        operation->result.uidvalidity = made->status.uidvalidity;
        operation->result.modseq = work->modseq;
        memcpy(operation->result.guid, made->guid, GUID_BYTES);
    }
    return err;
}

/* --- deleting --- */

enum err run_mailbox_delete(struct work *work, struct batch_operation *operation)
{
    struct state *state = work->state;
    size_t index;
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (err) {
        return err;
    }
    const struct mailbox *mailbox = state->mailboxes[index];
    if (slice_eq(text_slice(mailbox->name), S("INBOX"))) {
        return ERR_DENIED;
    }
    operation->result.affected = mailbox->status.messages;
    operation->result.modseq = work_modseq(work, 0);
    state->quota.bytes -= mailbox->status.bytes;
    state->quota.messages -= mailbox->status.messages;
    table_remove_number(&state->annotations, mailbox->status.id);
    table_remove_number(&state->rights, mailbox->status.id);
    note_name_gone(state, mailbox);
    state_remove(state, index);
    return ERR_OK;
}

/* --- setting --- */

static void replace_text(struct text **text, struct slice value)
{
    text_release(*text);
    *text = text_new(value);
}

enum err run_mailbox_set(struct work *work, struct batch_operation *operation)
{
    const struct batch_set *set = &operation->set;
    size_t index;
    enum err err = work_find(work, operation->mailbox, &operation->result, &index);
    if (!err) {
        err = check_special_use(work->state, operation->result.mailbox_id, set->special_use);
    }
    bool renumber = set->wanted_uidvalidity || set->wanted_uidnext;
    if (!err && renumber && work->state->mailboxes[index]->status.uidnext != 1) {
        err = ERR_CONFLICT;
    }
    if (err) {
        return err;
    }
    struct mailbox *mailbox = state_own(work->state, index);
    struct mailbox_status *status = &mailbox->status;
    replace_text(&mailbox->special_use, set->special_use);
    status->uidvalidity = set->wanted_uidvalidity ? set->wanted_uidvalidity : status->uidvalidity;
    status->uidnext = set->wanted_uidnext ? set->wanted_uidnext : status->uidnext;
    status->first_recent = MAX_OF(status->first_recent, status->uidnext);
    work->state->last_uidvalidity = MAX_OF(work->state->last_uidvalidity, status->uidvalidity);
    mailbox->attr_modseq = work_modseq(work, status->id);
    operation->result.uidvalidity = status->uidvalidity;
    operation->result.modseq = work->modseq;
    return ERR_OK;
}

enum err run_subscribe(struct work *work, struct batch_operation *operation)
{
    struct state *state = work->state;
    struct slice name;
    size_t index;
    enum err err = mailbox_name_of(work, operation->mailbox.name, &name);
    if (err) {
        return err;
    }
    bool is = table_find(state->subscriptions, NO_KEY, name) != NULL;
    if (is == operation->subscribe.subscribed) {
        return ERR_OK;
    }
    if (is) {
        table_remove(&state->subscriptions, NO_KEY, name);
    } else {
        table_put(&state->subscriptions, NO_KEY, name, SLICE_EMPTY, 0);
    }
    operation->result.modseq = work_modseq(work, 0);
    if (!state_find(state, mailbox_named(name), &index)) {
        state_own(state, index)->attr_modseq = work->modseq;
    }
    return ERR_OK;
}
