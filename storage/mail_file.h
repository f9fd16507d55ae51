/* SPDX-License-Identifier: ISC */
/*
 * The names of message files. They describe the message, so that a lost index comes back from them with the
 * same UIDs:
 *
 *     <secs>.M<usec>P<pid>Q<seq>.<host>,S=<size>[,W=<wire size>],U=<uid>,G=<guid>:2,<letters>
 *
 * `,S=` and `,W=` are those of Maildir++ (bytes in the file, bytes with CRLF line ends); `,U=` and `,G=`
 * stand in the unique part, which other programs carry along untouched. Capital letters are the flags of
 * Maildir; a to z are keywords, which the mailbox's descriptor explains (as Dovecot does it with
 * dovecot-keywords).
 */
#ifndef STORAGE_MAIL_FILE_H
#define STORAGE_MAIL_FILE_H

#include "base/buf.h"

#define GUID_SIZE 16

/* What the letters behind ":2," say. */
#define MAIL_FILE_KEYWORDS 26
struct mail_letters {
    uint32_t flags;    /* MESSAGE_SEEN … */
    uint32_t keywords; /* bit n: the letter 'a' + n */
    bool passed;       /* P, for which we have no flag: kept for those who have */
};

struct mail_file {
    struct slice base;   /* all before ":2,": the part that stays */
    struct slice suffix; /* the letters behind it */
    struct mail_letters letters;
    bool has_time, has_uid, has_guid, has_size;
    int64_t time_us; /* when it arrived */
    uint32_t uid;
    uint64_t file_size; /* as the name says */
    unsigned char guid[GUID_SIZE];
};

/* Takes any file name apart; what it does not say stays unset. The slices point into `name`. */
void mail_file_parse(struct slice name, struct mail_file *file_r);

struct mail_file_identity {
    int64_t time_us;
    unsigned pid, sequence;
    const char *host;   /* in the form of mail_file_host */
    uint64_t file_size; /* bytes on the disk */
    uint64_t wire_size; /* bytes with CRLF line ends */
    uint32_t uid;
    const unsigned char *guid;
};

/* Appends the base name. */
void mail_file_format(struct buf *out, const struct mail_file_identity *identity);
struct mail_letters mail_letters_parse(struct slice suffix);
/* In ASCII order, as Maildir wants: at most MAIL_FILE_SUFFIX_MAX letters and a NUL. */
#define MAIL_FILE_SUFFIX_MAX (6 + MAIL_FILE_KEYWORDS)
void mail_letters_format(struct mail_letters letters, char suffix_r[MAIL_FILE_SUFFIX_MAX + 1]);
/* The host name with what a file name cannot hold, or what we give a meaning, written as \ooo (as Maildir
 * says). */
void mail_file_host(struct buf *out, struct slice hostname);

#endif
