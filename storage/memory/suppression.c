/* SPDX-License-Identifier: ISC */
/* The suppression list in memory: entries in the order of their addresses. */
#include "suppression.h"

#include <string.h>

#include "base/mem.h"
#include "directory_key.h"
#include "queue.h"
#include "queue_state.h"
#include "storage/suppression.h"

struct suppressed {
    struct arena arena; /* owns the texts of the entry */
    struct suppression entry;
};

struct suppressions {
    struct suppressed **entries;
    size_t count, room;
};

struct suppressions *suppressions_new(void)
{
    return mem_new(struct suppressions);
}

static void suppressed_free(struct suppressed *suppressed)
{
    arena_free(&suppressed->arena);
    mem_free(suppressed);
}

void suppressions_free(struct suppressions *list)
{
    for (size_t i = 0; i < list->count; i++) {
        suppressed_free(list->entries[i]);
    }
    mem_free(list->entries);
    mem_free(list);
}

static struct suppression copy_entry(const struct suppression *from, struct slice address,
                                     struct arena *arena)
{
    struct suppression entry = *from;
    entry.address = arena_copy(arena, address);
    entry.reply.text = arena_copy(arena, slice_take(from->reply.text, QUEUE_TEXT_MAX));
    entry.reply.host = arena_copy(arena, slice_take(from->reply.host, QUEUE_HOST_MAX));
    return entry;
}

/* Where the key is or would be. */
static size_t place_of(const struct suppressions *list, struct slice key, bool *is_there_r)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_cmp(list->entries[middle]->entry.address, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *is_there_r = low < list->count && slice_eq(list->entries[low]->entry.address, key);
    return low;
}

static void remove_at(struct suppressions *list, size_t place)
{
    suppressed_free(list->entries[place]);
    list->count--;
    memmove(&list->entries[place], &list->entries[place + 1],
            (list->count - place) * sizeof(struct suppressed *));
}

static void add_one(struct suppressions *list, struct slice key, const struct suppression *entry)
{
    bool is_there;
    size_t place = place_of(list, key, &is_there);
    struct suppressed *suppressed = mem_new(struct suppressed);
    suppressed->entry = copy_entry(entry, key, &suppressed->arena);
    if (is_there) {
        remove_at(list, place);
    }
    if (list->count == list->room) {
        list->room = MAX_OF(2 * list->room, (size_t)16);
        list->entries = mem_realloc_array(list->entries, list->room, sizeof(struct suppressed *));
    }
    memmove(&list->entries[place + 1], &list->entries[place],
            (list->count - place) * sizeof(struct suppressed *));
    list->entries[place] = suppressed;
    list->count++;
}

enum err suppression_add(struct store *store, const struct suppression *entries, size_t count)
{
    struct arena arena = {0};
    struct directory_key *keys = arena_array(&arena, struct directory_key, count);
    struct queue *queue;
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        err = directory_key_parse(&arena, entries[i].address, &keys[i], NULL);
    }
    if (!err) {
        err = queue_lock(store, MEMORY_COMMIT, &queue);
    }
    if (!err) {
        for (size_t i = 0; i < count; i++) {
            add_one(queue->suppressions, keys[i].text, &entries[i]);
        }
        queue_unlock(queue);
    }
    arena_free(&arena);
    return err;
}

enum err suppression_find(struct store *store, const struct slice *addresses, size_t count, int64_t now_us,
                          struct arena *arena, struct suppression *found)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        struct directory_key key;
        bool is_there = false;
        found[i] = (struct suppression){0};
        if (directory_key_parse(arena, addresses[i], &key, NULL)) {
            continue;
        }
        size_t place = place_of(queue->suppressions, key.text, &is_there);
        if (is_there && queue->suppressions->entries[place]->entry.until_us > now_us) {
            found[i] = copy_entry(&queue->suppressions->entries[place]->entry, key.text, arena);
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}

enum err suppression_remove(struct store *store, struct slice address)
{
    struct arena arena = {0};
    struct directory_key key;
    struct queue *queue;
    enum err err = directory_key_parse(&arena, address, &key, NULL);
    if (!err) {
        err = queue_lock(store, MEMORY_COMMIT, &queue);
    }
    if (!err) {
        bool is_there;
        size_t place = place_of(queue->suppressions, key.text, &is_there);
        if (is_there) {
            remove_at(queue->suppressions, place);
        } else {
            err = ERR_NOT_FOUND;
        }
        queue_unlock(queue);
    }
    arena_free(&arena);
    return err;
}

enum err suppression_list(struct store *store, struct slice after, int64_t now_us, size_t limit,
                          struct arena *arena, struct suppression **list_r, size_t *count_r)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_READ, &queue);
    if (err) {
        return err;
    }
    struct suppression *list = arena_array(arena, struct suppression, limit);
    size_t count = 0;
    for (size_t i = 0; i < queue->suppressions->count && count < limit; i++) {
        const struct suppression *entry = &queue->suppressions->entries[i]->entry;
        if (slice_cmp(entry->address, after) > 0 && entry->until_us > now_us) {
            list[count++] = copy_entry(entry, entry->address, arena);
        }
    }
    queue_unlock(queue);
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}

enum err suppression_forget(struct store *store, int64_t before_us)
{
    struct queue *queue;
    enum err err = queue_lock(store, MEMORY_COMMIT, &queue);
    if (err) {
        return err;
    }
    for (size_t i = queue->suppressions->count; i > 0; i--) {
        if (queue->suppressions->entries[i - 1]->entry.until_us < before_us) {
            remove_at(queue->suppressions, i - 1);
        }
    }
    queue_unlock(queue);
    return ERR_OK;
}
