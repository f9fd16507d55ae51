/* SPDX-License-Identifier: ISC */
#include "tls_policy.h"

#include <stdlib.h>

#include "base/mem.h"

struct policy_entry {
    struct policy_entry *next;
    struct arena arena; /* owns the texts */
    struct tls_policy policy;
};
struct count_entry {
    struct count_entry *next;
    struct arena arena;
    struct tls_count count;
};
struct tls_policies {
    pthread_mutex_t mutex;
    struct policy_entry *policies;
    struct count_entry *counts;
};

struct tls_policies *tls_policies_new(void)
{
    struct tls_policies *policies = mem_new(struct tls_policies);
    pthread_mutex_init(&policies->mutex, NULL);
    return policies;
}

static void policy_remove(struct policy_entry **link)
{
    struct policy_entry *entry = *link;
    *link = entry->next;
    arena_free(&entry->arena);
    mem_free(entry);
}

static void count_remove(struct count_entry **link)
{
    struct count_entry *entry = *link;
    *link = entry->next;
    arena_free(&entry->arena);
    mem_free(entry);
}

void tls_policies_free(struct tls_policies *policies)
{
    while (policies->policies) {
        policy_remove(&policies->policies);
    }
    while (policies->counts) {
        count_remove(&policies->counts);
    }
    pthread_mutex_destroy(&policies->mutex);
    mem_free(policies);
}

static struct tls_policies *lock(struct store *store)
{
    pthread_mutex_lock(&store->policies->mutex);
    return store->policies;
}

static void unlock(struct tls_policies *policies)
{
    pthread_mutex_unlock(&policies->mutex);
}

static struct tls_policy copy_policy(struct arena *arena, const struct tls_policy *policy)
{
    struct tls_policy copy = *policy;
    copy.domain = arena_copy(arena, policy->domain);
    copy.id = arena_copy(arena, policy->id);
    copy.text = arena_copy(arena, policy->text);
    return copy;
}

enum err tls_policy_find(struct store *store, struct slice domain, struct arena *arena,
                         struct tls_policy *policy_r)
{
    struct tls_policies *policies = lock(store);
    const struct policy_entry *entry = policies->policies;
    while (entry && !slice_eq(entry->policy.domain, domain)) {
        entry = entry->next;
    }
    if (entry) {
        *policy_r = copy_policy(arena, &entry->policy);
    }
    unlock(policies);
    return entry ? ERR_OK : ERR_NOT_FOUND;
}

enum err tls_policy_put(struct store *store, const struct tls_policy *list, size_t count)
{
    struct tls_policies *policies = lock(store);
    for (size_t i = 0; i < count; i++) {
        struct policy_entry **link = &policies->policies, *entry = mem_new(struct policy_entry);
        while (*link && !slice_eq((*link)->policy.domain, list[i].domain)) {
            link = &(*link)->next;
        }
        if (*link) {
            policy_remove(link);
        }
        entry->policy = copy_policy(&entry->arena, &list[i]);
        entry->next = policies->policies;
        policies->policies = entry;
    }
    unlock(policies);
    return ERR_OK;
}

static int compare_refresh(const void *a, const void *b)
{
    const struct tls_policy *left = *(struct tls_policy *const *)a, *right = *(struct tls_policy *const *)b;
    if (left->refresh_us != right->refresh_us) {
        return left->refresh_us < right->refresh_us ? -1 : 1;
    }
    return slice_cmp(left->domain, right->domain);
}

enum err tls_policy_due(struct store *store, int64_t before_us, size_t limit, struct arena *arena,
                        struct slice **domains_r, size_t *count_r)
{
    struct tls_policies *policies = lock(store);
    struct tls_policy **found = NULL;
    size_t count = 0;
    for (struct policy_entry *entry = policies->policies; entry; entry = entry->next) {
        struct tls_policy *policy = &entry->policy;
        if (policy->text.len && policy->refresh_us < before_us) {
            found = mem_realloc_array(found, count + 1, sizeof(struct tls_policy *));
            found[count++] = policy;
        }
    }
    if (count) {
        qsort(found, count, sizeof(struct tls_policy *), compare_refresh);
    }
    *count_r = MIN_OF(count, limit);
    *domains_r = arena_array(arena, struct slice, limit);
    for (size_t i = 0; i < *count_r; i++) {
        (*domains_r)[i] = arena_copy(arena, found[i]->domain);
    }
    mem_free(found);
    unlock(policies);
    return ERR_OK;
}

enum err tls_policy_forget(struct store *store, int64_t before_us)
{
    struct tls_policies *policies = lock(store);
    struct policy_entry **link = &policies->policies;
    while (*link) {
        if ((*link)->policy.ends_us < before_us && (*link)->policy.protected_us < before_us) {
            policy_remove(link);
        } else {
            link = &(*link)->next;
        }
    }
    unlock(policies);
    return ERR_OK;
}

/* --- counts --- */

static struct tls_count copy_count(struct arena *arena, const struct tls_count *count)
{
    struct tls_count copy = *count;
    copy.domain = arena_copy(arena, count->domain);
    copy.policy_type = arena_copy(arena, count->policy_type);
    copy.policy_text = arena_copy(arena, count->policy_text);
    copy.result = arena_copy(arena, count->result);
    copy.sending_address = arena_copy(arena, count->sending_address);
    copy.host = arena_copy(arena, count->host);
    copy.host_address = arena_copy(arena, count->host_address);
    copy.reason = arena_copy(arena, count->reason);
    return copy;
}

static int compare_counts(const struct tls_count *left, const struct tls_count *right)
{
    if (left->day != right->day) {
        return left->day < right->day ? -1 : 1;
    }
    const struct slice pairs[][2] = {{left->domain, right->domain},
                                     {left->policy_type, right->policy_type},
                                     {left->policy_text, right->policy_text},
                                     {left->result, right->result},
                                     {left->sending_address, right->sending_address},
                                     {left->host, right->host},
                                     {left->host_address, right->host_address},
                                     {left->reason, right->reason}};
    int order = 0;
    for (size_t i = 0; i < ARRAY_LEN(pairs) && order == 0; i++) {
        order = slice_cmp(pairs[i][0], pairs[i][1]);
    }
    return order;
}

/* The list is kept in order. */
static void add(struct tls_policies *policies, const struct tls_count *count)
{
    struct count_entry **link = &policies->counts;
    while (*link && compare_counts(&(*link)->count, count) < 0) {
        link = &(*link)->next;
    }
    if (*link && compare_counts(&(*link)->count, count) == 0) {
        (*link)->count.sessions += count->sessions;
        return;
    }
    struct count_entry *entry = mem_new(struct count_entry);
    entry->count = copy_count(&entry->arena, count);
    entry->next = *link;
    *link = entry;
}

enum err tls_count_add(struct store *store, const struct tls_count *counts, size_t count)
{
    struct tls_policies *policies = lock(store);
    for (size_t i = 0; i < count; i++) {
        add(policies, &counts[i]);
    }
    unlock(policies);
    return ERR_OK;
}

enum err tls_count_due(struct store *store, int64_t day, size_t limit, struct arena *arena,
                       struct tls_count **days_r, size_t *count_r)
{
    struct tls_policies *policies = lock(store);
    struct tls_count *days = arena_array(arena, struct tls_count, limit);
    size_t count = 0;
    for (struct count_entry *entry = policies->counts; entry && entry->count.day < day && count < limit;
         entry = entry->next) {
        const struct tls_count *found = &entry->count;
        if (count == 0 || days[count - 1].day != found->day ||
            !slice_eq(days[count - 1].domain, found->domain)) {
            days[count++] = (struct tls_count){.day = found->day, .domain = arena_copy(arena, found->domain)};
        }
    }
    unlock(policies);
    *days_r = days;
    *count_r = count;
    return ERR_OK;
}

enum err tls_count_list(struct store *store, int64_t day, struct slice domain, size_t limit,
                        struct arena *arena, struct tls_count **counts_r, size_t *count_r)
{
    struct tls_policies *policies = lock(store);
    struct tls_count *counts = arena_array(arena, struct tls_count, limit);
    size_t count = 0;
    for (struct count_entry *entry = policies->counts; entry && count < limit; entry = entry->next) {
        if (entry->count.day == day && slice_eq(entry->count.domain, domain)) {
            counts[count++] = copy_count(arena, &entry->count);
        }
    }
    unlock(policies);
    *counts_r = counts;
    *count_r = count;
    return ERR_OK;
}

enum err tls_count_remove(struct store *store, int64_t day, struct slice domain)
{
    struct tls_policies *policies = lock(store);
    struct count_entry **link = &policies->counts;
    while (*link) {
        if ((*link)->count.day == day && slice_eq((*link)->count.domain, domain)) {
            count_remove(link);
        } else {
            link = &(*link)->next;
        }
    }
    unlock(policies);
    return ERR_OK;
}
