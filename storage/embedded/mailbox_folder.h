/* SPDX-License-Identifier: ISC */
/*
 * A mailbox on the disk: a Maildir (tmp, new, cur) with a descriptor `.mbox` that holds what file names
 * cannot tell, so that a lost index comes back with the same UIDVALIDITY. INBOX is <account>/Maildir, the
 * others are Maildir++ folders inside it (Maildir/.Drafts), which other programs can read too.
 */
#ifndef STORAGE_MAILBOX_FOLDER_H
#define STORAGE_MAILBOX_FOLDER_H

#include "base/arena.h"
#include "base/buf.h"
#include "mail_file.h"

#define INBOX_FOLDER "Maildir"

struct mailbox_descriptor {
    int64_t id;
    uint32_t uidvalidity;
    uint32_t uidnext; /* no UID from here on was ever given to a message */
    unsigned char guid[GUID_SIZE];
    bool subscribed;
    struct slice special_use; /* "\\Drafts" or empty */
    struct slice name;        /* UTF-8 */
    /* What the letters a to z in the names of its files mean; empty: not given yet. A letter is never taken
     * back. */
    struct slice keywords[MAIL_FILE_KEYWORDS];
    int64_t last_mailbox; /* of INBOX: no identifier above was ever given to a mailbox */
};

/* Makes the folder (its parent exists) with its descriptor, durable but for the parent's entry. */
enum err mailbox_folder_create(const char *path, const struct mailbox_descriptor *descriptor) MUST_CHECK;
/* Removes a folder that holds no mail; ERR_EXISTS when there is some. That it is gone already is fine. Not
 * durable. */
enum err mailbox_folder_remove_empty(const char *path) MUST_CHECK;
/* Replaces the descriptor; durable. `path`: the folder. */
enum err mailbox_descriptor_write(const char *path, const struct mailbox_descriptor *descriptor) MUST_CHECK;
/* ERR_NOT_FOUND without a descriptor, ERR_CORRUPT when it makes no sense. Texts live in the arena. */
enum err mailbox_descriptor_read(const char *path, struct arena *arena,
                                 struct mailbox_descriptor *descriptor_r) MUST_CHECK;

#endif
