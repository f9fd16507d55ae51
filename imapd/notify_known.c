/* SPDX-License-Identifier: ISC */
#include "notify_known.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/mem.h"

static int compare_ids(const void *a, const void *b)
{
    int64_t left = ((const struct notify_known_mailbox *)a)->entry.status.id;
    int64_t right = ((const struct notify_known_mailbox *)b)->entry.status.id;
    return left < right ? -1 : left > right;
}

/* Values may be long, and all that matters is whether they change. */
static struct slice hash_of(struct arena *arena, struct slice value)
{
    unsigned char *hash = arena_alloc(arena, crypto_generichash_BYTES_MIN);
    crypto_generichash(hash, crypto_generichash_BYTES_MIN, (const unsigned char *)value.data, value.len, NULL,
                       0);
    return slice_of(hash, crypto_generichash_BYTES_MIN);
}

static enum err read_annotations(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                                 struct annotation **list_r, size_t *count_r)
{
    struct arena whole = {0};
    struct annotation *list;
    enum err err = snapshot_annotations(snapshot, mailbox_id, &whole, &list, count_r);
    if (!err) {
        *list_r = arena_array(arena, struct annotation, *count_r);
        for (size_t i = 0; i < *count_r; i++)
            (*list_r)[i] = (struct annotation){.entry = arena_copy(arena, list[i].entry),
                                               .value = hash_of(arena, list[i].value)};
    }
    arena_free(&whole);
    return err;
}

static enum err read_mailboxes(struct snapshot *snapshot, unsigned events, struct notify_known *known)
{
    struct mailbox_entry *entries;
    enum err err = snapshot_mailboxes(snapshot, &known->arena, &entries, &known->count);
    if (err)
        return err;
    known->mailboxes = arena_array(&known->arena, struct notify_known_mailbox, known->count);
    for (size_t i = 0; !err && i < known->count; i++) {
        struct notify_known_mailbox *mailbox = &known->mailboxes[i];
        mailbox->entry = entries[i];
        if (events & NOTIFY_MAILBOX_METADATA)
            err = read_annotations(snapshot, entries[i].status.id, &known->arena, &mailbox->annotations,
                                   &mailbox->annotation_count);
    }
    qsort(known->mailboxes, known->count, sizeof(*known->mailboxes), compare_ids);
    return err;
}

enum err notify_known_read(struct snapshot *snapshot, unsigned events, struct notify_known **known_r)
{
    struct notify_known *known = mem_new(struct notify_known);
    enum err err = read_mailboxes(snapshot, events, known);
    if (!err)
        err = snapshot_subscriptions(snapshot, &known->arena, &known->subscriptions,
                                     &known->subscription_count);
    if (!err && events & NOTIFY_SERVER_METADATA)
        err = read_annotations(snapshot, 0, &known->arena, &known->annotations, &known->annotation_count);
    if (err)
        notify_known_free(known);
    else
        *known_r = known;
    return err;
}

void notify_known_free(struct notify_known *known)
{
    if (known)
        arena_free(&known->arena);
    mem_free(known);
}

const struct notify_known_mailbox *notify_known_find(const struct notify_known *known, int64_t id)
{
    struct notify_known_mailbox wanted = {.entry.status.id = id};
    return known->count == 0 ? NULL
                             : bsearch(&wanted, known->mailboxes, known->count, sizeof(wanted), compare_ids);
}

static int compare_names(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

bool notify_known_is_subscribed(const struct notify_known *known, struct slice name)
{
    return known->subscription_count > 0 &&
           bsearch(&name, known->subscriptions, known->subscription_count, sizeof(name), compare_names);
}

void notify_changed_entries(const struct annotation *before, size_t before_count,
                            const struct annotation *after, size_t after_count, struct arena *arena,
                            struct slice **names_r, size_t *count_r)
{
    struct slice *names = arena_array(arena, struct slice, before_count + after_count);
    size_t i = 0, k = 0, count = 0;
    while (i < before_count || k < after_count) {
        int order = i == before_count  ? 1
                    : k == after_count ? -1
                                       : slice_cmp_nocase(before[i].entry, after[k].entry);
        if (order < 0)
            names[count++] = before[i++].entry;
        else if (order > 0)
            names[count++] = after[k++].entry;
        else if (slice_eq(before[i++].value, after[k++].value))
            continue;
        else
            names[count++] = after[k - 1].entry;
    }
    *names_r = names;
    *count_r = count;
}

static bool is_child(struct slice name, struct slice parent)
{
    return mailbox_name_is_below(name, parent) && !slice_has(slice_skip(name, parent.len + 1), '/');
}

bool notify_group_covers(const struct notify_group *group, struct slice name, bool subscribed)
{
    if (group->filter == NOTIFY_PERSONAL || group->filter == NOTIFY_INBOXES)
        return true;
    if (group->filter == NOTIFY_SUBSCRIBED)
        return subscribed;
    for (size_t i = 0; i < group->name_count; i++)
        if (slice_eq(group->names[i], name) ||
            (group->filter == NOTIFY_SUBTREE && mailbox_name_is_below(name, group->names[i])) ||
            (group->filter == NOTIFY_SUBTREE_ONE && is_child(name, group->names[i])))
            return true;
    return false;
}

unsigned notify_events_of(const struct notify_request *request, struct slice name, bool subscribed)
{
    unsigned events = 0;
    for (size_t i = 0; i < request->group_count; i++)
        if (notify_group_covers(&request->groups[i], name, subscribed))
            events |= request->groups[i].events;
    return events;
}

unsigned notify_all_events(const struct notify_request *request)
{
    unsigned events = 0;
    for (size_t i = 0; i < request->group_count; i++)
        events |= request->groups[i].events;
    return events;
}
