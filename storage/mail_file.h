/* SPDX-License-Identifier: ISC */
/*
 * The names of message files. They describe the message, so that a lost index comes back from them with the
 * same UIDs:
 *
 *     <secs>.M<usec>P<pid>Q<seq>.<host>,S=<size>[,W=<wire size>],U=<uid>,G=<guid>:2,<flags>
 *
 * `,S=` and `,W=` are those of Maildir++ (bytes in the file, bytes with CRLF line ends); `,U=` and `,G=`
 * stand in the unique part, which other programs carry along untouched.
 */
#ifndef STORAGE_MAIL_FILE_H
#define STORAGE_MAIL_FILE_H

#include "base/buf.h"

#define GUID_SIZE 16

struct mail_file {
    struct slice base;   /* all before ":2,": the part that stays */
    struct slice suffix; /* the letters behind it */
    uint32_t flags;      /* MESSAGE_SEEN … from the letters */
    bool has_time, has_uid, has_guid;
    int64_t time_us; /* when it arrived */
    uint32_t uid;
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
/* The letters for the flags, in ASCII order as Maildir wants: at most MAIL_FILE_SUFFIX_MAX and a NUL. */
#define MAIL_FILE_SUFFIX_MAX 5
void mail_file_suffix(uint32_t flags, char suffix_r[MAIL_FILE_SUFFIX_MAX + 1]);
/* The host name with what a file name cannot hold, or what we give a meaning, written as \ooo (as Maildir
 * says). */
void mail_file_host(struct buf *out, struct slice hostname);

#endif
