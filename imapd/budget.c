/* SPDX-License-Identifier: ISC */
#include "budget.h"

void budget_release(struct budget *budget, struct budget_share *share)
{
    if (share->held == 0)
        return;
    budget->held -= share->held;
    if (share->prev)
        share->prev->next = share->next;
    else
        budget->first = share->next;
    if (share->next)
        share->next->prev = share->prev;
    *share = (struct budget_share){0};
}

static void add(struct budget *budget, struct budget_share *share, struct slice user, size_t bytes)
{
    *share = (struct budget_share){.user = user, .held = bytes, .next = budget->first};
    if (share->next)
        share->next->prev = share;
    budget->first = share;
    budget->held += bytes;
}

/* Few commands run that long at a time: the list is short. */
static size_t held_by(const struct budget *budget, struct slice user)
{
    size_t held = 0;
    for (const struct budget_share *share = budget->first; share; share = share->next)
        if (slice_eq(share->user, user))
            held += share->held;
    return held;
}

enum err budget_hold(struct budget *budget, struct budget_share *share, struct slice user, size_t bytes)
{
    budget_release(budget, share);
    if (bytes > 0)
        add(budget, share, user, bytes);
    bool is_over = budget->held > budget->process_max || held_by(budget, user) > budget->user_max;
    return is_over ? ERR_LIMIT : ERR_OK;
}
