/* SPDX-License-Identifier: ISC */
/* The rows of mailboxes, inside a change; folders are the caller's matter. Names are canonical. Texts live in
 * the change's arena. */
#ifndef STORAGE_MAILBOX_ROWS_H
#define STORAGE_MAILBOX_ROWS_H

#include "change.h"
#include "mailbox_folder.h"

struct mailbox_row {
    int64_t id;
    struct slice name, dir, special_use;
    uint32_t uidvalidity, uidnext, uidreserved;
    unsigned char guid[GUID_SIZE];
};

/* ERR_NOT_FOUND. */
enum err mailbox_row_by_name(struct change *change, struct slice name, struct mailbox_row *row_r) MUST_CHECK;
enum err mailbox_row_by_id(struct change *change, int64_t id, struct mailbox_row *row_r) MUST_CHECK;
/* By id or name, as an operation says it. */
enum err mailbox_row_find(struct change *change, struct mailbox_ref ref,
                          struct mailbox_row *row_r) MUST_CHECK;
/* All below the name, short names first. */
enum err mailbox_rows_below(struct change *change, struct slice name, struct mailbox_row **list_r,
                            size_t *count_r) MUST_CHECK;
enum err mailbox_rows_count(struct change *change, uint64_t *count_r) MUST_CHECK;

/* ERR_EXISTS when identifier or name are taken. */
enum err mailbox_row_insert(struct change *change, const struct mailbox_row *row, uint64_t modseq) MUST_CHECK;
enum err mailbox_row_rename(struct change *change, const struct mailbox_row *row, struct slice new_name,
                            uint64_t modseq) MUST_CHECK;
enum err mailbox_row_set_dir(struct change *change, int64_t id, struct slice dir) MUST_CHECK;
enum err mailbox_row_set_special_use(struct change *change, int64_t id, struct slice special_use) MUST_CHECK;
enum err mailbox_row_set_uidvalidity(struct change *change, int64_t id, uint32_t uidvalidity) MUST_CHECK;
/* Notes that name, subscription, use, rights or annotations of a mailbox changed. */
enum err mailbox_touch(struct change *change, int64_t id, uint64_t modseq) MUST_CHECK;
/* Removes the row, which has no messages any more, with all that belongs to it. */
enum err mailbox_row_delete(struct change *change, const struct mailbox_row *row, uint64_t modseq) MUST_CHECK;

/* ERR_EXISTS when another mailbox than `id` has the special use. */
enum err special_use_is_free(struct change *change, struct slice special_use, int64_t id) MUST_CHECK;
/* Whether a mailbox has this guid. */
enum err mailbox_guid_is_taken(struct change *change, const unsigned char *guid, bool *taken_r) MUST_CHECK;

/* The mailbox gives its name up: who asks for that name later finds another UIDVALIDITY under it. */
enum err mailbox_name_given_up(struct change *change, const struct mailbox_row *row,
                               uint64_t modseq) MUST_CHECK;
/* The store's own UIDVALIDITYs are about the time at which they were given. One that came from elsewhere and
 * lies further in the future does not raise the counter, which would soon have no higher ones to give. */
#define UIDVALIDITY_AHEAD   86400
#define UIDVALIDITY_IS_OURS "uidvalidity<=unixepoch()+86400"

/* UIDVALIDITY and UIDNEXT for a mailbox that is to have this name: the wanted ones, unless clients could mix
 * them up with those of an earlier mailbox of the name; 0: the store's. ERR_LIMIT. */
enum err mailbox_choose_validity(struct change *change, struct slice name, uint32_t *uidvalidity,
                                 uint32_t *uidnext) MUST_CHECK;

/* intent_folder.c: where the folder of a mailbox is that is not where its row says; its row is set right.
 * ERR_NOT_FOUND. */
enum err mailbox_folder_find(struct change *change, int64_t id, struct slice name,
                             struct slice *dir_r) MUST_CHECK;

#endif
