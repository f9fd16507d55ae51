/* SPDX-License-Identifier: ISC */
/* Opening, marking and updating the maildrop. See drop.h. */
#include "drop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "storage/batch.h"

#define DAY_US (INT64_C(86400) * 1000000)

/* Expunges the messages for which `chosen` is set. Only INBOX is a maildrop. */
static enum err expunge(struct drop *drop, const bool *chosen, size_t chosen_count)
{
    if (chosen_count == 0)
        return ERR_OK;
    uint32_t *uids = mem_realloc_array(NULL, chosen_count, sizeof *uids);
    size_t count = 0;
    for (size_t i = 0; i < drop->count; i++)
        if (chosen[i])
            uids[count++] = drop->rows[i].uid;
    struct batch_operation operation = {
        .kind = BATCH_EXPUNGE, .mailbox = S("INBOX"), .uids = uids, .uid_count = count};
    enum err err = batch_commit(drop->account, &operation, 1);
    mem_free(uids);
    return err;
}

static enum err scan(struct drop *drop)
{
    enum err err = mailbox_status(drop->account, S("INBOX"), &drop->inbox);
    if (!err)
        err = mailbox_scan(drop->account, drop->inbox.id, &drop->rows, &drop->count);
    if (err)
        return err;
    drop->deleted = mem_realloc_array(NULL, drop->count + 1, sizeof *drop->deleted);
    drop->retrieved = mem_realloc_array(NULL, drop->count + 1, sizeof *drop->retrieved);
    drop->bytes = 0;
    for (size_t i = 0; i < drop->count; i++) {
        drop->deleted[i] = drop->retrieved[i] = false;
        drop->bytes += drop->rows[i].size;
    }
    return ERR_OK;
}

static void forget_rows(struct drop *drop)
{
    mem_free(drop->rows);
    mem_free(drop->deleted);
    mem_free(drop->retrieved);
    drop->rows = NULL;
    drop->deleted = drop->retrieved = NULL;
    drop->count = 0;
}

/* RFC 2449 section 6.7: a site may remove mail that stayed longer than the days it announces. */
static enum err remove_expired(struct drop *drop, int64_t days)
{
    int64_t oldest = clock_wall_us() - days * DAY_US;
    size_t expired = 0;
    for (size_t i = 0; i < drop->count; i++) {
        drop->deleted[i] = drop->rows[i].internal_date_us < oldest;
        expired += drop->deleted[i];
    }
    if (expired == 0)
        return ERR_OK;
    enum err err = expunge(drop, drop->deleted, expired);
    forget_rows(drop);
    return err ? err : scan(drop);
}

static enum err open_and_lock(struct drop *drop, struct store *store, struct slice login,
                              struct drop_policy policy)
{
    enum err err = account_open(store, login, &drop->account);
    if (!err)
        err = maildrop_lock(drop->account, &drop->lock);
    if (err)
        return err;
    int64_t since = clock_wall_us() - maildrop_previous_login_us(drop->lock);
    if (policy.login_delay > 0 && since >= 0 && since < policy.login_delay * 1000000)
        return ERR_LIMIT;
    err = scan(drop);
    if (!err && policy.expire_days > 0)
        err = remove_expired(drop, policy.expire_days);
    return err;
}

enum err drop_open(struct drop *drop, struct store *store, struct slice login, struct drop_policy policy)
{
    *drop = (struct drop){0};
    enum err err = open_and_lock(drop, store, login, policy);
    if (err)
        drop_close(drop);
    return err;
}

enum err drop_update(struct drop *drop, struct drop_policy policy)
{
    if (policy.expire_days == 0)
        for (size_t i = 0; i < drop->count; i++)
            if (drop->retrieved[i] && !drop->deleted[i])
                drop_mark(drop, i);
    return expunge(drop, drop->deleted, drop->deleted_count);
}

void drop_close(struct drop *drop)
{
    forget_rows(drop);
    if (drop->lock)
        maildrop_unlock(drop->lock);
    if (drop->account)
        account_close(drop->account);
    *drop = (struct drop){0};
}

const struct message_row *drop_message(const struct drop *drop, struct slice number, size_t *index_r,
                                       bool *deleted_r)
{
    uint64_t n;
    *deleted_r = false;
    if (!slice_to_u64(number, drop->count, &n) || n == 0)
        return NULL;
    if (drop->deleted[n - 1]) {
        *deleted_r = true;
        return NULL;
    }
    *index_r = n - 1;
    return &drop->rows[n - 1];
}

void drop_mark(struct drop *drop, size_t index)
{
    drop->deleted[index] = true;
    drop->deleted_count++;
    drop->deleted_bytes += drop->rows[index].size;
}

void drop_unmark_all(struct drop *drop)
{
    for (size_t i = 0; i < drop->count; i++)
        drop->deleted[i] = false;
    drop->deleted_count = 0;
    drop->deleted_bytes = 0;
}
