/* SPDX-License-Identifier: ISC */
/* Messages and settings from one account into another one, of the same store or of another. */
#ifndef STORAGE_ACCOUNT_COPY_H
#define STORAGE_ACCOUNT_COPY_H

#include "intake.h"

struct account_copy_plan {
    struct account *from, *to;
    struct slice mailbox; /* empty: all, with the settings of the account */
    uint32_t uid;         /* 0: all of the mailbox */
    /* Now and then; false stops with ERR_CANCELED. May be NULL. */
    bool (*progress)(void *data, const struct intake_counts *counts);
    void *data;
};
/* What `to` has already stays as it is. Of an account, a message is there when any mailbox has it; of a
 * mailbox, when that mailbox has it. ERR_NOT_FOUND: no such mailbox, or no message of that UID. */
enum err account_copy(const struct account_copy_plan *plan, struct intake_counts *counts_r) MUST_CHECK;

#endif
