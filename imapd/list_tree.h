/* SPDX-License-Identifier: ISC */
/*
 * The names that LIST and LSUB choose from: mailboxes, subscriptions, and the levels above them, as a tree in
 * the order in which it is shown (each name before what is below it, INBOX first). Pure.
 */
#ifndef IMAPD_LIST_TREE_H
#define IMAPD_LIST_TREE_H

#include "base/arena.h"

#include "listmatch.h"

#define LIST_TOP SIZE_MAX

struct list_node {
    struct slice name;
    const void *mailbox; /* the caller's; NULL: no mailbox has this name */
    size_t parent;       /* index, or LIST_TOP */
    bool subscribed;
    bool is_chosen;         /* meets the selection options: set by the caller */
    bool has_children;      /* there is a mailbox below */
    bool has_subscriptions; /* there is a subscribed name below */
    bool has_chosen;        /* something below is chosen */
    bool has_unshown;       /* something below is chosen and not matched by any pattern */
    bool matches;           /* one of the patterns */
    bool matches_as_level;  /* one that ends in "%" */
};

struct list_tree {
    struct list_node *nodes;
    size_t count;
};

/* One name; several with the same name become one node. */
struct list_name {
    struct slice name;
    const void *mailbox;
    bool subscribed;
};
/* Sorts `names`. */
struct list_tree list_tree_of(struct arena *arena, struct list_name *names, size_t count);
/* Compares with the patterns, and tells each node what is below it; `is_chosen` is set by then. */
void list_tree_match(struct list_tree *tree, const struct list_pattern *patterns, size_t pattern_count);

#endif
