/* SPDX-License-Identifier: ISC */
/*
 * How many connections each address holds, over all workers of one protocol: a small file mapped by all of
 * them
 * (<run>/<program>.peers). Every worker writes only its own rows and sums over all, so no lock is needed, and
 * the rows of a worker that died are simply cleared when its successor opens the file with the same number.
 */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include "base/error.h"
#include "base/slice.h"

struct peers;

/* `worker` 0–63. Clears this worker's rows. */
enum err peers_open(const char *path, unsigned worker, struct peers **peers_r) MUST_CHECK;
void peers_close(struct peers *peers);
/* Counts a new connection unless that would exceed a limit: ERR_LIMIT. IPv6 addresses count by /64. */
enum err peers_enter(struct peers *peers, struct slice address, size_t total_limit,
                     size_t address_limit) MUST_CHECK;
void peers_leave(struct peers *peers, struct slice address);
/* Connections in all workers. */
size_t peers_total(const struct peers *peers);
/* The same read from the file, by a process that is no worker (`postern status`). ERR_NOT_FOUND, ERR_CORRUPT.
 */
enum err peers_read_total(const char *path, size_t *total_r) MUST_CHECK;

#endif
