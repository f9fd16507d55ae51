/* SPDX-License-Identifier: ISC */
/* Threads: which one each key leads to. The rules are those of thread_keys.h. */
#include "threads.h"

#include <string.h>

#include "base/mem.h"
#include "thread_keys.h"

struct thread_entry {
    struct thread_entry *next;
    struct thread_key key;
    unsigned char thread[GUID_BYTES];
};

static size_t bucket_of(const struct thread_index *threads, const struct thread_key *key)
{
    uint64_t number;
    memcpy(&number, key->bytes, sizeof(number));
    return (size_t)number & (threads->bucket_count - 1); /* a power of two */
}

static struct thread_entry *find(const struct thread_index *threads, const struct thread_key *key)
{
    struct thread_entry *entry = threads->count ? threads->buckets[bucket_of(threads, key)] : NULL;
    while (entry && memcmp(&entry->key, key, sizeof(*key)) != 0) {
        entry = entry->next;
    }
    return entry;
}

static void grow(struct thread_index *threads)
{
    struct thread_index larger = {.bucket_count = threads->bucket_count ? 2 * threads->bucket_count : 64};
    larger.count = threads->count;
    larger.buckets = mem_alloc(larger.bucket_count * sizeof(struct thread_entry *));
    for (size_t i = 0; i < threads->bucket_count; i++) {
        struct thread_entry *entry = threads->buckets[i];
        while (entry) {
            struct thread_entry *next = entry->next;
            size_t bucket = bucket_of(&larger, &entry->key);
            entry->next = larger.buckets[bucket];
            larger.buckets[bucket] = entry;
            entry = next;
        }
    }
    mem_free(threads->buckets);
    *threads = larger;
}

/* Nothing is changed when the key leads somewhere already. */
static struct thread_entry *add(struct thread_index *threads, const struct thread_key *key,
                                const unsigned char *thread)
{
    struct thread_entry *entry = find(threads, key);
    if (entry) {
        return entry;
    }
    if (threads->count == threads->bucket_count) {
        grow(threads);
    }
    size_t bucket = bucket_of(threads, key);
    entry = mem_new(struct thread_entry);
    entry->key = *key;
    memcpy(entry->thread, thread, GUID_BYTES);
    entry->next = threads->buckets[bucket];
    threads->buckets[bucket] = entry;
    threads->count++;
    return entry;
}

static const struct thread_entry *find_thread(const struct thread_index *threads,
                                              const struct thread_keys *keys)
{
    const struct thread_entry *entry = NULL;
    for (size_t i = 0; i < keys->reference_count && !entry; i++) {
        entry = find(threads, &keys->references[i]);
    }
    if (!entry && keys->has_own) {
        entry = find(threads, &keys->own);
    }
    if (!entry && keys->reference_count == 0 && keys->is_reply && keys->has_subject) {
        entry = find(threads, &keys->subject);
    }
    return entry;
}

void threads_place(struct thread_index *threads, struct body *body)
{
    struct thread_keys keys;
    thread_keys_of(body->summary.message_id, body->summary.headers, &keys);
    const struct thread_entry *known = find_thread(threads, &keys);
    memcpy(body->thread, known ? known->thread : body->guid, GUID_BYTES);
    if (keys.has_own) {
        memcpy(add(threads, &keys.own, body->thread)->thread, body->thread, GUID_BYTES);
    }
    if (keys.has_subject) { /* the thread that had it last */
        memcpy(add(threads, &keys.subject, body->thread)->thread, body->thread, GUID_BYTES);
    }
    for (size_t i = 0; i < keys.reference_count; i++) {
        add(threads, &keys.references[i], body->thread);
    }
}

void threads_free(struct thread_index *threads)
{
    for (size_t i = 0; i < threads->bucket_count; i++) {
        while (threads->buckets[i]) {
            struct thread_entry *entry = threads->buckets[i];
            threads->buckets[i] = entry->next;
            mem_free(entry);
        }
    }
    mem_free(threads->buckets);
    *threads = (struct thread_index){0};
}
