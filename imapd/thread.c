/* SPDX-License-Identifier: ISC */
/*
 * The algorithms of RFC 5256 section 3. The steps of REFERENCES work on one array, the parent of each node:
 * to prune a dummy is to let its children find the next one above.
 */
#include "thread.h"

#include <stdlib.h>

#include "base/mem.h"

/* Steps that looking for loops may take, for each message. Who makes a mailbox in which that is not enough
 * gets fewer links. */
#define LOOP_STEPS 1000

struct threading {
    const struct thread_input *input;
    struct arena *arena;
    uint32_t *parents;
    bool *has_children, *dropped;
    size_t count, room; /* nodes */
    uint32_t *owners;   /* by identifier: its message, or dummy */
    uint64_t steps_left;
};

static bool is_dummy(const struct threading *threading, uint32_t node)
{
    return node >= threading->input->count;
}

static uint32_t add_dummy(struct threading *threading)
{
    threading->parents[threading->count] = THREAD_NONE;
    return (uint32_t)threading->count++;
}

/* "If two or more messages have the same Message ID, then only use that Message ID in the first". */
static void assign_owners(struct threading *threading)
{
    const struct thread_input *input = threading->input;
    for (size_t i = 0; i < input->text_count; i++)
        threading->owners[i] = THREAD_NONE;
    for (size_t i = 0; i < input->count; i++) {
        uint32_t id = input->messages[i].id;
        threading->parents[i] = THREAD_NONE;
        if (id != THREAD_NONE && threading->owners[id] == THREAD_NONE)
            threading->owners[id] = (uint32_t)i;
    }
}

/* Whether `node` is `other` or above it. */
static bool is_above(struct threading *threading, uint32_t node, uint32_t other)
{
    if (node == other)
        return true;
    if (!threading->has_children[node])
        return false;
    for (uint32_t up = other; up != THREAD_NONE; up = threading->parents[up]) {
        if (up == node || threading->steps_left == 0)
            return true;
        threading->steps_left--;
    }
    return false;
}

static void link_nodes(struct threading *threading, uint32_t parent, uint32_t child)
{
    if (is_above(threading, child, parent))
        return;
    threading->parents[child] = parent;
    threading->has_children[parent] = true;
}

/* Step 1. */
static void link_references(struct threading *threading, uint32_t message)
{
    const struct thread_message *m = &threading->input->messages[message];
    uint32_t last = THREAD_NONE;
    for (size_t i = 0; i < m->reference_count; i++) {
        uint32_t id = threading->input->references[m->references + i];
        if (threading->owners[id] == THREAD_NONE)
            threading->owners[id] = add_dummy(threading);
        uint32_t node = threading->owners[id];
        if (last != THREAD_NONE && threading->parents[node] == THREAD_NONE)
            link_nodes(threading, last, node);
        last = node;
    }
    threading->parents[message] = THREAD_NONE;
    if (last != THREAD_NONE)
        link_nodes(threading, last, message);
}

/* The next message above, or the dummy at the top; the way there gets shorter for those who come next. */
static uint32_t pruned_parent(struct threading *threading, uint32_t node)
{
    uint32_t *parents = threading->parents;
    uint32_t top = parents[node];
    while (top != THREAD_NONE && is_dummy(threading, top) && parents[top] != THREAD_NONE)
        top = parents[top];
    for (uint32_t up = node; up != top && parents[up] != top;) {
        uint32_t next = parents[up];
        parents[up] = top;
        up = next;
    }
    return top;
}

/* Steps 2 and 3. A dummy stays only at the top, and only with several children. */
static void prune(struct threading *threading)
{
    size_t messages = threading->input->count;
    uint32_t *children = arena_array(threading->arena, uint32_t, threading->count + 1);
    for (uint32_t i = 0; i < messages; i++) {
        uint32_t parent = pruned_parent(threading, i);
        threading->parents[i] = parent;
        if (parent != THREAD_NONE)
            children[parent]++;
    }
    for (uint32_t i = 0; i < messages; i++) {
        uint32_t parent = threading->parents[i];
        if (parent != THREAD_NONE && is_dummy(threading, parent) && children[parent] == 1)
            threading->parents[i] = THREAD_NONE;
    }
    for (size_t i = messages; i < threading->count; i++) {
        threading->dropped[i] = children[i] < 2;
        threading->parents[i] = THREAD_NONE;
    }
}

/* --- steps 4 and 5: threads with the same subject --- */

struct subjects {
    struct threading *threading;
    uint32_t *first;  /* by node: the message whose subject the thread has */
    uint32_t *table;  /* by subject: its node */
    uint32_t *merged; /* by dummy: the one that its children went to */
    uint32_t *roots;
    size_t root_count;
};

/* "In the case of a dummy message … use the first child": the one that was sent first. */
static void find_first(struct subjects *subjects)
{
    struct threading *threading = subjects->threading;
    const struct thread_message *messages = threading->input->messages;
    for (size_t i = 0; i < threading->room; i++)
        subjects->first[i] = subjects->merged[i] = THREAD_NONE;
    for (uint32_t i = 0; i < threading->input->count; i++) {
        uint32_t parent = threading->parents[i];
        uint32_t node = parent != THREAD_NONE && is_dummy(threading, parent) ? parent : i;
        uint32_t *first = &subjects->first[node];
        if (*first == THREAD_NONE || messages[i].date < messages[*first].date)
            *first = i;
    }
}

static int compare_roots(const void *a, const void *b, void *data)
{
    const struct subjects *subjects = data;
    uint32_t x = subjects->first[*(const uint32_t *)a], y = subjects->first[*(const uint32_t *)b];
    const struct thread_message *messages = subjects->threading->input->messages;
    if (messages[x].date != messages[y].date)
        return messages[x].date < messages[y].date ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void gather_roots(struct subjects *subjects)
{
    struct threading *threading = subjects->threading;
    for (uint32_t i = 0; i < threading->count; i++)
        if (threading->parents[i] == THREAD_NONE && !threading->dropped[i])
            subjects->roots[subjects->root_count++] = i;
    qsort_r(subjects->roots, subjects->root_count, sizeof(*subjects->roots), compare_roots, subjects);
}

static uint32_t subject_of(const struct subjects *subjects, uint32_t root)
{
    return subjects->threading->input->messages[subjects->first[root]].subject;
}

static bool is_reply(const struct subjects *subjects, uint32_t node)
{
    return !is_dummy(subjects->threading, node) && subjects->threading->input->messages[node].is_reply;
}

/* Step 5 B. */
static void fill_table(struct subjects *subjects)
{
    for (size_t i = 0; i < subjects->threading->input->text_count; i++)
        subjects->table[i] = THREAD_NONE;
    for (size_t i = 0; i < subjects->root_count; i++) {
        uint32_t root = subjects->roots[i], subject = subject_of(subjects, root);
        if (subject == THREAD_NONE)
            continue;
        uint32_t *entry = &subjects->table[subject];
        if (*entry == THREAD_NONE || (!is_dummy(subjects->threading, *entry) &&
                                      (is_dummy(subjects->threading, root) ||
                                       (is_reply(subjects, *entry) && !is_reply(subjects, root)))))
            *entry = root;
    }
}

/* Step 5 C, for one root. */
static void merge_root(struct subjects *subjects, uint32_t root)
{
    struct threading *threading = subjects->threading;
    uint32_t subject = subject_of(subjects, root);
    uint32_t *entry = subject == THREAD_NONE ? NULL : &subjects->table[subject];
    if (!entry || *entry == root)
        return;
    if (is_dummy(threading, *entry) && is_dummy(threading, root)) {
        subjects->merged[root] = *entry;
        threading->dropped[root] = true;
    } else if (is_dummy(threading, *entry) || (is_reply(subjects, root) && !is_reply(subjects, *entry))) {
        threading->parents[root] = *entry;
    } else {
        uint32_t dummy = add_dummy(threading);
        threading->parents[root] = threading->parents[*entry] = dummy;
        *entry = dummy;
    }
}

static void merge_subjects(struct threading *threading)
{
    struct arena *arena = threading->arena;
    struct subjects subjects = {.threading = threading,
                                .first = arena_array(arena, uint32_t, threading->room),
                                .merged = arena_array(arena, uint32_t, threading->room),
                                .roots = arena_array(arena, uint32_t, threading->room),
                                .table = arena_array(arena, uint32_t, threading->input->text_count + 1)};
    find_first(&subjects);
    gather_roots(&subjects);
    fill_table(&subjects);
    for (size_t i = 0; i < subjects.root_count; i++)
        merge_root(&subjects, subjects.roots[i]);
    for (size_t i = 0; i < threading->input->count; i++) {
        uint32_t parent = threading->parents[i];
        if (parent != THREAD_NONE && subjects.merged[parent] != THREAD_NONE)
            threading->parents[i] = subjects.merged[parent];
    }
}

/* --- the whole --- */

static void by_references(struct threading *threading)
{
    assign_owners(threading);
    for (uint32_t i = 0; i < threading->input->count; i++)
        link_references(threading, i);
    prune(threading);
}

static int compare_subjects(const void *a, const void *b, void *data)
{
    const struct thread_input *input = data;
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const struct thread_message *x = &input->messages[i], *y = &input->messages[j];
    if (x->subject != y->subject) {
        struct slice empty = SLICE_EMPTY;
        return slice_cmp(x->subject == THREAD_NONE ? empty : input->texts[x->subject],
                         y->subject == THREAD_NONE ? empty : input->texts[y->subject]);
    }
    if (x->date != y->date)
        return x->date < y->date ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* "The second message of a thread is the child of the first message, and subsequent messages … are siblings
 * of the second". */
static void by_subject(struct threading *threading)
{
    const struct thread_input *input = threading->input;
    uint32_t *sorted = arena_array(threading->arena, uint32_t, input->count + 1);
    for (uint32_t i = 0; i < input->count; i++)
        sorted[i] = i;
    qsort_r(sorted, input->count, sizeof(*sorted), compare_subjects, (void *)input);
    uint32_t first = THREAD_NONE;
    for (size_t i = 0; i < input->count; i++) {
        bool same = i > 0 && input->messages[sorted[i]].subject == input->messages[sorted[i - 1]].subject;
        if (!same)
            first = sorted[i];
        threading->parents[sorted[i]] = same ? first : THREAD_NONE;
    }
}

void thread_messages(enum thread_algorithm algorithm, const struct thread_input *input, struct arena *arena,
                     struct thread_forest *forest_r)
{
    /* A dummy for each identifier, and for each message that subjects bring together with another. */
    struct threading threading = {.input = input,
                                  .arena = arena,
                                  .count = input->count,
                                  .room = 2 * input->count + input->text_count + 1,
                                  .steps_left = (uint64_t)input->count * LOOP_STEPS};
    threading.parents = arena_array(arena, uint32_t, threading.room);
    threading.has_children = arena_array(arena, bool, threading.room);
    threading.dropped = arena_array(arena, bool, threading.room);
    threading.owners = arena_array(arena, uint32_t, input->text_count + 1);
    if (algorithm == THREAD_ORDEREDSUBJECT)
        by_subject(&threading);
    else
        by_references(&threading);
    if (algorithm == THREAD_REFERENCES)
        merge_subjects(&threading);
    *forest_r = (struct thread_forest){.input = input, .node_count = threading.count};
    thread_plant(forest_r, threading.parents, threading.dropped, algorithm == THREAD_REFS, arena);
}
