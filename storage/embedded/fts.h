/* SPDX-License-Identifier: ISC */
/*
 * The full-text index of an account: fts.db beside index.db, which names the bodies that may contain a text.
 * It is disposable: damaged, it is deleted; missing, it is built anew; behind, the bodies that it does not
 * know yet are looked at one by one. So what it lacks makes an answer slower, not wrong.
 *
 * Bodies are indexed in the order of body.id, and the index remembers how far it came. Expunged bodies stay
 * in it until a sweep finds too many of them.
 */
#ifndef STORAGE_FTS_H
#define STORAGE_FTS_H

#include "account_private.h"
#include "storage/search.h"

struct fts;

/* Opens no file yet: that happens at the first use. */
struct fts *fts_new(struct account *account);
void fts_free(struct fts *fts); /* NULL is fine */

/* Asked between batches, with `data`; false ends the work with ERR_CANCELED. NULL: never asked. */
typedef bool fts_go_on(void *data);

/* Indexes at most `limit` of the bodies that wait, batch by batch; each batch is a transaction, so work that
 * was broken off goes on where it stopped. ERR_BUSY: another thread or process is at it. */
enum err fts_catch_up(struct account *account, size_t limit, fts_go_on *go_on, void *data) MUST_CHECK;
/* How many bodies wait. */
enum err fts_pending(struct account *account, uint64_t *count_r) MUST_CHECK;
/* Empties the index; fts_catch_up fills it again. */
enum err fts_clear(struct account *account) MUST_CHECK;
/* Empties the index when more than 30 % of what is in it was expunged; fts_catch_up fills it again. Cheap
 * when there is nothing to do. *cleared_r (may be NULL): it did. */
enum err fts_sweep(struct account *account, bool *cleared_r) MUST_CHECK;
/* Reads all of the index; ERR_CORRUPT when it is damaged (the next use deletes it). */
enum err fts_check(struct account *account) MUST_CHECK;
/* Bytes of its files; 0 when there is none. */
uint64_t fts_bytes(const struct account *account);
/* Deletes the files. For who builds index.db anew: body numbers then mean other messages. */
void fts_remove_files(int account_dir_fd);

/*
 * Which bodies may match all terms (their texts folded, see search_engine.h): those in `bodies`, ascending,
 * and those above `indexed_up_to`. `all`: no term can be looked up, every body may match.
 */
struct fts_candidates {
    bool all;
    int64_t indexed_up_to;
    int64_t *bodies; /* from mem_alloc; freed with mem_free */
    size_t count;
};
enum err fts_find(struct account *account, const struct search_term *terms, size_t term_count,
                  struct fts_candidates *candidates_r) MUST_CHECK;

#endif
