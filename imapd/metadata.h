/* SPDX-License-Identifier: ISC */
/*
 * Annotations (RFC 5464) of a mailbox or of the server: what GETMETADATA and LIST RETURN (METADATA …) (RFC
 * 9590) have in common. "/private/…" entries belong to the user, "/shared/…" ones to all who may read the
 * mailbox. Of the server there are private ones, and what it says itself (read only).
 */
#ifndef IMAPD_METADATA_H
#define IMAPD_METADATA_H

#include "access.h"

#define METADATA_DEPTH_INFINITY UINT32_MAX

struct metadata_request {
    struct slice *entries; /* as the client wrote them */
    size_t entry_count;
    uint32_t depth; /* levels below an entry that are wanted too */
    bool has_max_size;
    uint64_t max_size;
};

/* entry = astring: a path that begins with "/private/" or "/shared/", without empty levels and wildcards */
bool parse_metadata_entry(struct parser *parser, struct slice *entry_r);
/* entries = entry / "(" entry *(SP entry) ")"; also several without parentheses (section 4.4.1) */
bool parse_metadata_entries(struct parser *parser, struct metadata_request *request);

/* What the client may see of a mailbox, or (NULL) of the server. On a worker thread. */
enum err metadata_read(struct imap_session *session, struct snapshot *snapshot,
                       const struct mailbox_entry *mailbox, bool is_own, struct arena *arena,
                       struct annotation **list_r, size_t *count_r) MUST_CHECK;
/* RFC 5464 section 3.3: whether these rights on a mailbox are enough to see its annotations. */
bool metadata_may_read(unsigned rights);

/* The name of an entry, which its owner and whoever may write to the mailbox choose. */
void respond_metadata_entry(struct buf *out, struct slice entry);
/* `* METADATA "INBOX" (/shared/comment "x")` with its line end, or nothing. Entries that were asked for and
 * do not exist are NIL. *longest_r: the size of the longest value that was left out; 0: none was. */
void respond_metadata(struct buf *out, struct slice name, const struct metadata_request *request,
                      const struct annotation *list, size_t count, bool utf8, uint64_t *longest_r);

/* The special use that the entry of that name (RFC 6154 section 4) shows and sets. */
#define METADATA_SPECIAL_USE S("/private/specialuse")

#endif
