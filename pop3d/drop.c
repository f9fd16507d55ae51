/* SPDX-License-Identifier: ISC */
/* Opening, marking and updating the maildrop. See drop.h. */
#include "drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "storage/batch.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

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
    struct arena arena = {0};
    struct batch_operation operation = {.kind = BATCH_EXPUNGE,
                                        .mailbox = mailbox_named(S("INBOX")),
                                        .expunge = {.uids = uid_set_from_uids(&arena, uids, count)}};
    enum err err = batch_commit(drop->account, &operation, 1, NULL);
    arena_free(&arena);
    mem_free(uids);
    return err;
}

static int compare_guids(const void *a, const void *b)
{
    const struct message_row *left = *(const struct message_row *const *)a;
    const struct message_row *right = *(const struct message_row *const *)b;
    int order = strcmp(left->guid, right->guid);
    return order ? order : (left->uid > right->uid) - (left->uid < right->uid);
}

/* GUIDs rise with the time, so this is the usual case. */
static bool guids_rise(const struct drop *drop)
{
    for (size_t i = 1; i < drop->count; i++)
        if (strcmp(drop->rows[i - 1].guid, drop->rows[i].guid) >= 0)
            return false;
    return true;
}

static void find_twins(struct drop *drop)
{
    if (guids_rise(drop))
        return;
    const struct message_row **sorted = mem_realloc_array(NULL, drop->count, sizeof(struct message_row *));
    for (size_t i = 0; i < drop->count; i++)
        sorted[i] = &drop->rows[i];
    qsort(sorted, drop->count, sizeof(struct message_row *), compare_guids);
    for (size_t i = 1; i < drop->count; i++) {
        if (strcmp(sorted[i - 1]->guid, sorted[i]->guid) != 0)
            continue;
        if (!drop->twin)
            drop->twin = mem_alloc(drop->count * sizeof *drop->twin);
        drop->twin[sorted[i] - drop->rows] = true;
    }
    mem_free(sorted);
}

static enum err scan(struct drop *drop)
{
    enum err err = mailbox_read(drop->account, S("INBOX"), &drop->inbox, &drop->rows, &drop->count);
    if (err)
        return err;
    drop->deleted = mem_alloc(drop->count * sizeof *drop->deleted);
    drop->retrieved = mem_alloc(drop->count * sizeof *drop->retrieved);
    drop->bytes = 0;
    for (size_t i = 0; i < drop->count; i++)
        drop->bytes += drop->rows[i].size;
    find_twins(drop);
    return ERR_OK;
}

static void forget_rows(struct drop *drop)
{
    mem_free(drop->rows);
    mem_free(drop->deleted);
    mem_free(drop->retrieved);
    mem_free(drop->twin);
    drop->rows = NULL;
    drop->deleted = drop->retrieved = drop->twin = NULL;
    drop->count = 0;
}

/* RFC 2449 section 6.7: a site may remove mail that stayed longer than the days it announces. A disk that is
 * too full to remove anything is no reason to keep the user from his mail. */
static enum err remove_expired(struct drop *drop, int64_t days)
{
    int64_t oldest = clock_wall_us() - days * DAY_US;
    bool *expired = mem_alloc(drop->count * sizeof *expired);
    size_t count = 0;
    for (size_t i = 0; i < drop->count; i++) {
        expired[i] = drop->rows[i].internal_date_us < oldest;
        count += expired[i];
    }
    enum err err = expunge(drop, expired, count);
    mem_free(expired);
    if (err) {
        log_error("pop3.expire", log_text("login", account_login(drop->account)), log_err(err));
        return ERR_OK;
    }
    if (count == 0)
        return ERR_OK;
    log_info("pop3.expired", log_text("login", account_login(drop->account)), log_number("messages", count));
    forget_rows(drop);
    return scan(drop);
}

/* RFC 2449 section 6.5: so many seconds "before another authentication will be accepted". */
static bool is_too_soon(const struct drop *drop, int64_t now, int64_t delay)
{
    int64_t since = now - maildrop_previous_login_us(drop->lock);
    return since >= 0 && since < delay * SECOND_US; /* a clock that was set back locks nobody out */
}

static enum err open_and_lock(struct drop *drop, struct store *store, struct slice login,
                              struct drop_policy policy)
{
    int64_t now = clock_wall_us();
    enum err err = account_open(store, login, &drop->account);
    if (!err)
        err = maildrop_lock(drop->account, &drop->lock);
    if (!err && policy.login_delay > 0 && is_too_soon(drop, now, policy.login_delay))
        err = ERR_LIMIT;
    if (!err)
        err = scan(drop);
    if (!err && policy.expire_days > 0)
        err = remove_expired(drop, policy.expire_days);
    if (!err && policy.login_delay > 0)
        maildrop_note_login(drop->lock, now);
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

enum err drop_find(const struct drop *drop, uint64_t number, size_t *index_r)
{
    if (number == 0 || number > drop->count)
        return ERR_NOT_FOUND;
    if (drop->deleted[number - 1])
        return ERR_CONFLICT;
    *index_r = number - 1;
    return ERR_OK;
}

void drop_mark(struct drop *drop, size_t index)
{
    drop->deleted[index] = true;
    drop->deleted_count++;
    drop->deleted_bytes += drop->rows[index].size;
}

void drop_unmark_all(struct drop *drop)
{
    if (drop->count > 0)
        memset(drop->deleted, 0, drop->count * sizeof *drop->deleted);
    drop->deleted_count = 0;
    drop->deleted_bytes = 0;
}
