/* SPDX-License-Identifier: ISC */
/*
 * Putting messages from elsewhere into an account: what an import and the restoring of a mailbox have in
 * common. Messages go in by the hundred, so that a commit's syncs are shared. What is there already is passed
 * over, so both can be run again.
 *
 *     intake_new … intake_mailbox … { intake_has? intake_begin intake_write… intake_end }… … intake_finish
 */
#ifndef STORAGE_INTAKE_H
#define STORAGE_INTAKE_H

#include "storage/batch.h"

#define INTAKE_GUID_SIZE 16

struct intake;

struct intake_counts {
    uint64_t added, bytes;
    uint64_t present;       /* were there */
    uint64_t renumbered;    /* of `added`: with a UID other than in the source */
    uint64_t keywords_lost; /* messages whose keywords cannot be had here */
};

/* With `anywhere`, a message that some other mailbox has is there. The account stays open meanwhile. */
enum err intake_new(struct account *account, bool anywhere, struct intake **intake_r) MUST_CHECK;
void intake_free(struct intake *intake); /* throws away what was not committed; NULL is fine */
const struct intake_counts *intake_counts(const struct intake *intake);

struct intake_mailbox {
    struct slice name;        /* as mailbox_name_check takes it */
    struct slice special_use; /* empty: none */
    bool subscribed;
    uint32_t uidvalidity, uidnext; /* 0: unknown */
    const unsigned char *guid;     /* 16 bytes; NULL: unknown */
};
/* The mailbox that the next messages go to; made when it is missing. What is left of the one before is
 * committed. UIDs are kept when it has the source's UIDVALIDITY, or never had a message and may take it. */
enum err intake_mailbox(struct intake *intake, const struct intake_mailbox *mailbox) MUST_CHECK;
int64_t intake_mailbox_id(const struct intake *intake);

struct intake_message {
    uint32_t uid;              /* 0: any */
    const unsigned char *guid; /* 16 bytes: by it the message is known when it comes again */
    uint32_t flags;
    const struct slice *keywords;
    size_t keyword_count;
    int64_t internal_date_us;
};
/* Whether it is there: then there is no need to read it. Counts it as present. */
bool intake_has(struct intake *intake, const unsigned char guid[INTAKE_GUID_SIZE]);
enum err intake_begin(struct intake *intake) MUST_CHECK;
enum err intake_write(struct intake *intake, struct slice bytes) MUST_CHECK;
/* Takes what was written, unless it is there already. */
enum err intake_end(struct intake *intake, const struct intake_message *message) MUST_CHECK;
/* Forgets what was written since intake_begin. */
void intake_cancel(struct intake *intake);
/* Commits what is left. */
enum err intake_finish(struct intake *intake) MUST_CHECK;

#endif
