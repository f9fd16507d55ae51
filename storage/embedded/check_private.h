/* SPDX-License-Identifier: ISC */
/* What the parts of account_check share (check.c). */
#ifndef STORAGE_CHECK_PRIVATE_H
#define STORAGE_CHECK_PRIVATE_H

#include "change.h"
#include "storage/care.h"

struct checking {
    struct account *account;
    const struct check *check;
    struct check_report report;
};

/* Tells of one problem, or of `count` that one line speaks of. */
void check_problem(struct checking *work, bool repaired, uint64_t count, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Now and then: ERR_CANCELED when the caller wants no more. */
enum err check_go_on(struct checking *work) MUST_CHECK;

/* check_rules.c: the index with itself. */
enum err check_rules(struct checking *work) MUST_CHECK;

struct checked_mailbox {
    int64_t id;
    struct slice name, dir, special_use, guid;
    uint32_t uidvalidity, uidnext;
    bool subscribed;
};
/* check_files.c: rows and files of one mailbox, and its bodies. */
enum err check_files(struct checking *work, const struct checked_mailbox *mailbox) MUST_CHECK;
/* check_folders.c: folders and descriptors. *usable_r: there is a folder to compare rows with. */
enum err check_folder(struct checking *work, const struct checked_mailbox *mailbox,
                      bool *usable_r) MUST_CHECK;
enum err check_unknown_folders(struct checking *work, const struct checked_mailbox *list,
                               size_t count) MUST_CHECK;

#endif
