/* SPDX-License-Identifier: ISC */
/* Trees out of parents: children in order, roots in order (RFC 5256 section 3, steps 4 and 6), and as text.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/mem.h"

#include "thread.h"

/* --- texts as numbers --- */

/* With a key that nobody knows: Message-IDs come from strangers, who could choose such as collide. */
static uint32_t hash_of(const struct thread_texts *texts, struct slice text)
{
    uint64_t hash;
    _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "one number");
    _Static_assert(sizeof(texts->key) == crypto_shorthash_KEYBYTES, "the key");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)text.data, text.len, texts->key);
    return (uint32_t)hash;
}

/* The texts themselves are far from each other in memory: the hash tells of nearly all others that they are
 * not it. */
static struct thread_slot *find_slot(struct thread_texts *texts, uint32_t hash, struct slice text)
{
    size_t i = hash & (texts->table_size - 1);
    while (texts->table[i].number != THREAD_NONE &&
           (texts->table[i].hash != hash || !slice_eq(texts->list[texts->table[i].number], text)))
        i = (i + 1) & (texts->table_size - 1);
    return &texts->table[i];
}

static void grow(struct thread_texts *texts)
{
    size_t old_size = texts->table_size;
    struct thread_slot *old = texts->table;
    if (old_size == 0)
        randombytes_buf(texts->key, sizeof(texts->key));
    texts->table_size = old_size > 0 ? old_size * 2 : 64;
    texts->table = mem_realloc_array(NULL, texts->table_size, sizeof(*texts->table));
    memset(texts->table, 0xff, texts->table_size * sizeof(*texts->table));
    for (size_t k = 0; k < old_size; k++) {
        if (old[k].number == THREAD_NONE)
            continue;
        size_t i = old[k].hash & (texts->table_size - 1);
        while (texts->table[i].number != THREAD_NONE)
            i = (i + 1) & (texts->table_size - 1);
        texts->table[i] = old[k];
    }
    mem_free(old);
}

uint32_t thread_text(struct thread_texts *texts, struct slice text)
{
    if (texts->count * 2 >= texts->table_size)
        grow(texts);
    uint32_t hash = hash_of(texts, text);
    struct thread_slot *slot = find_slot(texts, hash, text);
    if (slot->number != THREAD_NONE)
        return slot->number;
    if (texts->count == texts->room) {
        texts->room = texts->room > 0 ? texts->room * 2 : 64;
        texts->list = mem_realloc_array(texts->list, texts->room, sizeof(*texts->list));
    }
    texts->list[texts->count] = arena_copy(&texts->arena, text);
    *slot = (struct thread_slot){hash, (uint32_t)texts->count};
    return (uint32_t)texts->count++;
}

void thread_texts_free(struct thread_texts *texts)
{
    mem_free(texts->list);
    mem_free(texts->table);
    arena_free(&texts->arena);
    *texts = (struct thread_texts){0};
}

/* --- trees --- */

struct order {
    const struct thread_forest *forest;
    int64_t *dates; /* by node: what it is sorted by */
};

/* "When comparing two sent dates that match exactly, the order in which the two messages appear in the
 * mailbox is used" (section 2.2). A dummy counts as its first child, of which the place is the same. */
static int compare_nodes(const void *a, const void *b, void *data)
{
    const struct order *order = data;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    if (order->dates[x] != order->dates[y])
        return order->dates[x] < order->dates[y] ? -1 : 1;
    const struct thread_forest *forest = order->forest;
    x = x < forest->input->count ? x : forest->children[forest->starts[x]];
    y = y < forest->input->count ? y : forest->children[forest->starts[y]];
    return x < y ? -1 : x > y;
}

static void fill_children(struct thread_forest *forest, const uint32_t *parents, const bool *dropped)
{
    uint32_t *starts = forest->starts;
    for (size_t i = 0; i < forest->node_count; i++)
        if (!dropped[i] && parents[i] != THREAD_NONE)
            starts[parents[i] + 1]++;
    for (size_t i = 0; i < forest->node_count; i++)
        starts[i + 1] += starts[i];
    uint32_t *ends = mem_realloc_array(NULL, forest->node_count + 1, sizeof(*ends));
    memcpy(ends, starts, (forest->node_count + 1) * sizeof(*ends));
    for (size_t i = 0; i < forest->node_count; i++) {
        if (dropped[i])
            continue;
        if (parents[i] == THREAD_NONE)
            forest->roots[forest->root_count++] = (uint32_t)i;
        else
            forest->children[ends[parents[i]]++] = (uint32_t)i;
    }
    mem_free(ends);
}

static size_t child_count(const struct thread_forest *forest, uint32_t node)
{
    return forest->starts[node + 1] - forest->starts[node];
}

static void sort_children(struct thread_forest *forest, struct order *order)
{
    size_t messages = forest->input->count;
    for (size_t i = 0; i < messages; i++)
        order->dates[i] = forest->input->messages[i].date;
    for (uint32_t i = 0; i < forest->node_count; i++)
        if (child_count(forest, i) > 1)
            qsort_r(&forest->children[forest->starts[i]], child_count(forest, i), sizeof(uint32_t),
                    compare_nodes, order);
    for (size_t i = messages; i < forest->node_count; i++)
        if (child_count(forest, (uint32_t)i) > 0)
            order->dates[i] = order->dates[forest->children[forest->starts[i]]];
}

/* The date of a root becomes that of the newest message below it. Parents are met before their children, so
 * the other way round every child is done when its parent comes. */
static void take_newest(struct thread_forest *forest, struct order *order, struct arena *arena)
{
    uint32_t *nodes = arena_array(arena, uint32_t, forest->node_count + 1);
    size_t count = forest->root_count;
    if (count > 0)
        memcpy(nodes, forest->roots, count * sizeof(*nodes));
    for (size_t i = 0; i < count; i++)
        for (uint32_t c = forest->starts[nodes[i]]; c < forest->starts[nodes[i] + 1]; c++)
            nodes[count++] = forest->children[c];
    for (size_t i = count; i-- > 0;)
        for (uint32_t c = forest->starts[nodes[i]]; c < forest->starts[nodes[i] + 1]; c++)
            order->dates[nodes[i]] = MAX_OF(order->dates[nodes[i]], order->dates[forest->children[c]]);
}

void thread_plant(struct thread_forest *forest, const uint32_t *parents, const bool *dropped, bool newest,
                  struct arena *arena)
{
    struct order order = {.forest = forest, .dates = arena_array(arena, int64_t, forest->node_count + 1)};
    forest->starts = arena_array(arena, uint32_t, forest->node_count + 2);
    forest->children = arena_array(arena, uint32_t, forest->node_count + 1);
    forest->roots = arena_array(arena, uint32_t, forest->node_count + 1);
    fill_children(forest, parents, dropped);
    sort_children(forest, &order);
    if (newest)
        take_newest(forest, &order, arena);
    qsort_r(forest->roots, forest->root_count, sizeof(*forest->roots), compare_nodes, &order);
}

/* --- as text (section 5) --- */

/* Where siblings go on when what is below one of them is written. */
struct level {
    uint32_t next, end;
};

struct walk {
    const struct thread_forest *forest;
    struct level *levels;
    size_t depth, room;
    void (*more)(void *data);
    void *data;
};

static void push(struct walk *walk, uint32_t next, uint32_t end)
{
    if (walk->depth == walk->room) {
        walk->room = walk->room > 0 ? walk->room * 2 : 16;
        walk->levels = mem_realloc_array(walk->levels, walk->room, sizeof(*walk->levels));
    }
    walk->levels[walk->depth++] = (struct level){next, end};
}

/* thread-members = nz-number *(SP nz-number) [SP thread-nested]: down from a node to where the thread splits
 * or ends. The "(" before it is written. */
static void write_members(struct walk *walk, uint32_t node, struct buf *out)
{
    const struct thread_forest *forest = walk->forest;
    while (true) {
        bool is_message = node < forest->input->count;
        if (is_message)
            buf_append_number(out, forest->input->messages[node].number, 1);
        uint32_t next = forest->starts[node], end = forest->starts[node + 1];
        if (is_message && next < end)
            buf_append_char(out, ' ');
        if (!is_message || end - next != 1) {
            push(walk, next, end);
            return;
        }
        node = forest->children[next];
        walk->more(walk->data);
    }
}

void thread_write(const struct thread_forest *forest, struct buf *out, void (*more)(void *data), void *data)
{
    struct walk walk = {.forest = forest, .more = more, .data = data};
    for (size_t i = 0; i < forest->root_count; i++) {
        buf_append_char(out, '(');
        write_members(&walk, forest->roots[i], out);
        while (walk.depth > 0) {
            struct level *level = &walk.levels[walk.depth - 1];
            if (level->next == level->end) {
                walk.depth--;
                buf_append_char(out, ')');
            } else {
                uint32_t child = forest->children[level->next++];
                buf_append_char(out, '(');
                write_members(&walk, child, out);
            }
            more(data);
        }
    }
    mem_free(walk.levels);
}
