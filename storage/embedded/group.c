/* SPDX-License-Identifier: ISC */
#include "group.h"

#include <stddef.h>

void group_init(struct group *group)
{
    pthread_mutex_init(&group->mutex, NULL);
    pthread_cond_init(&group->changed, NULL);
    group->head = group->tail = NULL;
    group->busy = false;
}

void group_free(struct group *group)
{
    pthread_cond_destroy(&group->changed);
    pthread_mutex_destroy(&group->mutex);
}

static void enqueue(struct group *group, struct group_member *member)
{
    if (group->tail) {
        group->tail->next = member;
    } else {
        group->head = member;
    }
    group->tail = member;
}

/* The members live on the stacks of their threads: once `done` is set they are gone. */
static void release(struct group_member *first)
{
    while (first) {
        struct group_member *next = first->next;
        first->done = true;
        first = next;
    }
}

void group_run(struct group *group, struct group_member *member,
               void (*serve)(void *data, struct group_member *first), void *data)
{
    pthread_mutex_lock(&group->mutex);
    enqueue(group, member);
    while (!member->done && group->busy) {
        pthread_cond_wait(&group->changed, &group->mutex);
    }
    if (!member->done) {
        struct group_member *first = group->head;
        group->head = group->tail = NULL;
        group->busy = true;
        pthread_mutex_unlock(&group->mutex);
        serve(data, first);
        pthread_mutex_lock(&group->mutex);
        release(first);
        group->busy = false;
        pthread_cond_broadcast(&group->changed);
    }
    pthread_mutex_unlock(&group->mutex);
}
