/* SPDX-License-Identifier: ISC */
/*
 * What other programs wrote beside the messages of a Maildir:
 *
 *     dovecot-uidlist     "3 V1275660208 N25022 G3085f…", then "25006 Gguid Puidl
 * :1276528487.M364837P9451.host" (version 1: "1 1275660208 25022", then "25006 name:2,S") dovecot-keywords "0
 * $Forwarded": the letters a, b, … courierimapuiddb    "1 1275660208 25022", then "25006 name" .mbox ours,
 * "uidvalidity 1275660208", "uidnext 25022", "guid …", "keyword a $Forwarded", …
 *
 * Lines that make no sense are passed over: the message comes without a UID then.
 */
#ifndef STORAGE_MAILDIR_LISTS_H
#define STORAGE_MAILDIR_LISTS_H

#include "mail_file.h"
#include "transfer_private.h"

#define MAILDIR_LIST_MAX ((size_t)512 << 20)

struct listed_message {
    struct slice base; /* the file's name before ":2," */
    uint32_t uid;
    struct slice guid, uidl; /* empty: not said */
};

struct maildir_lists {
    uint32_t uidvalidity, uidnext; /* 0: not said */
    unsigned char guid[INTAKE_GUID_SIZE];
    bool has_guid;
    struct slice name, special_use;  /* of the descriptor */
    struct listed_message *messages; /* by base, sorted */
    size_t count, room;
    struct slice keywords[MAIL_FILE_KEYWORDS];
    struct arena arena; /* owns the texts */
};

/* Reads what there is in the folder. */
enum err maildir_lists_read(const char *folder, struct maildir_lists *lists) MUST_CHECK;
void maildir_lists_free(struct maildir_lists *lists);
const struct listed_message *maildir_lists_find(const struct maildir_lists *lists, struct slice base);

/* For tests: one file's text, taken apart. */
void maildir_parse_uidlist(struct maildir_lists *lists, struct slice text);
void maildir_parse_keywords(struct maildir_lists *lists, struct slice text);
void maildir_parse_descriptor(struct maildir_lists *lists, struct slice text);
void maildir_lists_sort(struct maildir_lists *lists);

#endif
