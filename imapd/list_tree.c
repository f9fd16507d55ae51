/* SPDX-License-Identifier: ISC */
#include "list_tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/mailbox.h"

static bool is_inbox(struct slice name)
{
    return slice_eq(name, S("INBOX")) || slice_starts_with(name, S("INBOX/"));
}

/* By levels: the separator sorts before all other bytes, so that what is below a name follows it at once. */
static int compare_names(struct slice a, struct slice b)
{
    bool a_inbox = is_inbox(a), b_inbox = is_inbox(b);
    if (a_inbox != b_inbox)
        return a_inbox ? -1 : 1;
    size_t n = MIN_OF(a.len, b.len), i = 0;
    while (i < n && a.data[i] == b.data[i])
        i++;
    if (i == n)
        return (a.len > b.len) - (a.len < b.len);
    if (a.data[i] == '/' || b.data[i] == '/')
        return a.data[i] == '/' ? -1 : 1;
    return (unsigned char)a.data[i] < (unsigned char)b.data[i] ? -1 : 1;
}

static int compare(const void *a, const void *b)
{
    const struct list_name *x = a, *y = b;
    return compare_names(x->name, y->name);
}

struct growing_tree {
    struct list_node *nodes;
    size_t count, room;
};

static struct list_node *add_node(struct growing_tree *tree, struct slice name, size_t parent)
{
    if (tree->count == tree->room) {
        tree->room = tree->room ? tree->room * 2 : 64;
        tree->nodes = mem_realloc_array(tree->nodes, tree->room, sizeof(*tree->nodes));
    }
    struct list_node *node = &tree->nodes[tree->count++];
    *node = (struct list_node){.name = name, .parent = parent};
    return node;
}

/* The node for this name, made with the levels above it that are not there. */
static struct list_node *reach(struct growing_tree *tree, struct slice name)
{
    size_t above = tree->count > 0 ? tree->count - 1 : LIST_TOP;
    while (above != LIST_TOP && !slice_eq(tree->nodes[above].name, name) &&
           !mailbox_name_is_below(name, tree->nodes[above].name))
        above = tree->nodes[above].parent;
    size_t done = above == LIST_TOP ? 0 : tree->nodes[above].name.len;
    if (above != LIST_TOP && done == name.len)
        return &tree->nodes[above];
    for (;;) {
        size_t start = done == 0 ? 0 : done + 1;
        done = start + slice_find(slice_skip(name, start), '/');
        struct list_node *node = add_node(tree, slice_take(name, done), above);
        if (done == name.len)
            return node;
        above = tree->count - 1;
    }
}

struct list_tree list_tree_of(struct arena *arena, struct list_name *names, size_t count)
{
    struct growing_tree growing = {0};
    if (count > 0)
        qsort(names, count, sizeof(*names), compare);
    for (size_t i = 0; i < count; i++) {
        struct list_node *node = reach(&growing, names[i].name);
        if (names[i].mailbox)
            node->mailbox = names[i].mailbox;
        node->subscribed |= names[i].subscribed;
    }
    size_t node_count = growing.count;
    return (struct list_tree){.nodes =
                                  arena_take_array(arena, growing.nodes, node_count, sizeof(*growing.nodes)),
                              .count = node_count};
}

void list_tree_match(struct list_tree *tree, const struct list_pattern *patterns, size_t pattern_count)
{
    /* What is below a node stands behind it, so it has been seen when the node is reached. */
    for (size_t i = tree->count; i-- > 0;) {
        struct list_node *node = &tree->nodes[i];
        for (size_t p = 0; p < pattern_count && !node->matches_as_level; p++) {
            if (node->matches && !patterns[p].ends_in_percent)
                continue;
            if (list_pattern_matches(&patterns[p], node->name)) {
                node->matches = true;
                node->matches_as_level = patterns[p].ends_in_percent;
            }
        }
        if (node->parent == LIST_TOP)
            continue;
        struct list_node *parent = &tree->nodes[node->parent];
        parent->has_children |= node->mailbox || node->has_children;
        parent->has_subscriptions |= node->subscribed || node->has_subscriptions;
        parent->has_chosen |= node->is_chosen || node->has_chosen;
        parent->has_unshown |= (node->is_chosen && !node->matches) || node->has_unshown;
    }
}
