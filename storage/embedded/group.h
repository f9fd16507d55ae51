/* SPDX-License-Identifier: ISC */
/*
 * Group commit. A thread that comes with a request puts it into the line. If nobody is committing, it serves
 * all that wait, its own included: one transaction and one sync for all. Who comes meanwhile waits, and the
 * first of them to wake does the same with what came together.
 */
#ifndef STORAGE_GROUP_H
#define STORAGE_GROUP_H

#include <pthread.h>
#include <stdbool.h>

/* Stands in the caller's request; zeroed. */
struct group_member {
    struct group_member *next;
    bool done;
};

struct group {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct group_member *head, *tail;
    bool busy;
};

void group_init(struct group *group);
void group_free(struct group *group);
/* Returns when `serve` was called with a list that has this member in it, by this thread or another. */
void group_run(struct group *group, struct group_member *member,
               void (*serve)(void *data, struct group_member *first), void *data);

#endif
