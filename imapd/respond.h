/* SPDX-License-Identifier: ISC */
/*
 * What responses are made of (RFC 9051 section 9), into a buffer. Pure. Everything comes out in 7 bits unless
 * the text itself is UTF-8 for a client that wants it (`utf8`).
 */
#ifndef IMAPD_RESPOND_H
#define IMAPD_RESPOND_H

#include "base/buf.h"
#include "storage/mailbox.h"
#include "storage/uid.h"

#include "texts.h"

/* string: quoted when it can be, a literal otherwise (8-bit text unless `utf8`, CR, LF, long texts; with NUL
 * a literal8). */
void respond_string(struct buf *out, struct slice text, bool utf8);
/* NIL when data is NULL. */
void respond_nstring(struct buf *out, struct slice text, bool utf8);
/* A mailbox name: quoted, in modified UTF-7 unless `utf8`. */
void respond_mailbox(struct buf *out, struct slice name, bool utf8);
/* "1:5,7,9:12" */
void respond_uid_set(struct buf *out, const struct uid_set *uids);

/* The flags of a message: what respond_flags needs beside it. */
struct flag_names {
    const struct slice *keywords; /* by bit: snapshot_keywords */
    size_t keyword_count;
};
/* "(\Seen $Forwarded \Recent)". `others`: keywords without a bit (KEYWORD_OTHERS), or NULL. */
struct message_flags {
    uint32_t flags;
    uint64_t keywords;
    bool recent;
    const struct slice *others;
    size_t other_count;
};
void respond_flags(struct buf *out, const struct message_flags *message, const struct flag_names *names);
/* The line "* OK [PERMANENTFLAGS …" with these flags, and `\*` when any keyword can be made. */
void respond_permanent_flags(struct buf *out, const struct message_flags *flags, bool any_keyword,
                             enum imap_language language);

/* "\Answered" … for one MESSAGE_… bit, in the order of the bits. */
#define SYSTEM_FLAG_COUNT 5
extern const struct slice system_flag_names[SYSTEM_FLAG_COUNT];

#endif
