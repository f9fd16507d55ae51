/* SPDX-License-Identifier: ISC */
/*
 * Telling other processes that an account was changed (STORAGE section 5.7): a datagram to the socket of each
 * watch (watch.c) after each commit. It is a hint: who gets it looks for himself.
 *
 *     <data>/notify/<pid>.<random>         the socket of a watch
 *     <data>/notify/<pid>.<random>.full    shared memory: not 0 when a datagram did not fit into its queue
 *
 * A name is never used twice, so the socket of a process that died can be removed by anyone at any time.
 */
#ifndef STORAGE_NOTIFY_H
#define STORAGE_NOTIFY_H

#include <sys/un.h>

#include "account_private.h"

#define NOTIFY_DIRECTORY "notify"
#define NOTIFY_NAME_MAX  64
#define NOTIFY_FULL      ".full"

enum notice_kind {
    NOTICE_WAKE = 0, /* nothing happened: a watch wakes itself */
    NOTICE_COMMIT = 1
};

/* What is sent, in the byte order of this machine. */
struct notice {
    uint64_t account; /* notice_key */
    uint64_t modseq;  /* the counter after the commit */
    uint32_t mailbox; /* 0: several */
    uint32_t kind;
};

struct notifier *notifier_new(struct store *store);
void notifier_free(struct notifier *notifier); /* NULL is fine */

/* After a commit, outside of the lock. Costs a look at the folder's time when nobody watches. Never blocks.
 */
void notify_commit(struct account *account, uint64_t modseq, int64_t mailbox);

/* The first bytes of BLAKE2b of the login. */
uint64_t notice_key(struct slice login);
/* The address of a socket in the folder, whose path may be longer than an address can hold. */
enum err notify_address(struct store *store, const char *name, struct sockaddr_un *address_r) MUST_CHECK;
/* The folder, for the watches; -1 when it could not be opened. */
int notify_folder(const struct notifier *notifier);
/* The shared word of the file <name>.full, NULL when there is none. With `create` the file is made. */
atomic_uint *notify_map_full(int folder_fd, const char *name, bool create);
void notify_unmap_full(atomic_uint *full); /* NULL is fine */
/* Removes the socket and its file. */
void notify_remove(int folder_fd, const char *name);

#endif
