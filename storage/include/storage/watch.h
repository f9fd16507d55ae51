/* SPDX-License-Identifier: ISC */
/*
 * Hearing of changes: after every commit, by whatever process, each watch is told account, mailbox and
 * MODSEQ. It is a hint: hints are merged and may be spurious, and one that was lost is made good by the
 * sweep. Who gets one reads what changed since the MODSEQ that he knows. The sweep also looks for mail that
 * other programs dropped into INBOX's folder, and tells of it; mailbox_refresh takes it in.
 *
 * One watch for a process (or loop); owned by one thread.
 */
#ifndef STORAGE_WATCH_H
#define STORAGE_WATCH_H

#include "storage/store.h"

struct watch;
struct watched;

struct watch_event {
    int64_t mailbox_id; /* 0: look at all of the account */
    uint64_t modseq;    /* the account's counter at least */
};
typedef void watch_callback(void *data, const struct watch_event *event);

enum err watch_open(struct store *store, struct watch **watch_r) MUST_CHECK;
void watch_close(struct watch *watch); /* all entries must be removed */
/* Readable when there is something for watch_dispatch. */
int watch_fd(const struct watch *watch);

/* From now on `callback` runs, within watch_dispatch, after each change of the account. `modseq`: what the
 * caller knows; the sweep compares with it and with what was told since. */
struct watched *watch_add(struct watch *watch, struct slice login, uint64_t modseq, watch_callback *callback,
                          void *data);
void watch_remove(struct watched *watched); /* also from within a callback */

/* Tells the callbacks what came in. To be called when the descriptor is readable, and every WATCH_SWEEP_MS at
 * the latest: a part of the watched accounts is then compared with the store, so that nothing stays unnoticed
 * for longer than WATCH_SWEEP_US. Does not block, but for that comparing. */
#define WATCH_SWEEP_MS 1000
#define WATCH_SWEEP_US 60000000
void watch_dispatch(struct watch *watch);

#endif
