/* SPDX-License-Identifier: ISC */
/*
 * The flags of a message as this session's client sees them: what FETCH answers and what updates tell. All
 * that goes into them is put together here.
 *
 *     err = flag_source_read(&source, snapshot, &arena);
 *     err = message_flags_of(selected, snapshot, &page, row, &arena, &flags);
 *     message_flags_announce(selected, &source.names, page.keywords[row], out);
 *     respond_flags(out, &flags, &source.names);
 */
#ifndef IMAPD_MESSAGE_FLAGS_H
#define IMAPD_MESSAGE_FLAGS_H

#include "respond.h"
#include "selected.h"

/* What is read once for many messages of one snapshot; lives in the arena. */
struct flag_source {
    struct flag_names names;
};
enum err flag_source_read(struct flag_source *source, struct snapshot *snapshot,
                          struct arena *arena) MUST_CHECK;

/* Of a row of a page that was scanned with SCAN_FLAGS. */
enum err message_flags_of(const struct selected *selected, struct snapshot *snapshot,
                          const struct message_page *page, size_t row, struct arena *arena,
                          struct message_flags *flags_r) MUST_CHECK;

/* Keywords are up to a thousand, of 255 characters, on each message: what was made of the rows of a page is
 * sent when it is so long, and the page ends there. */
#define MESSAGE_FLAGS_MUCH ((size_t)128 * 1024)
/* Cuts the page off in front of this row, which is the next one that the scan reads. */
void message_scan_back(struct message_scan *scan, struct message_page *page, size_t row);

/* RFC 9051 section 7.3.5: a flag is listed before a message is said to have it. `used`: keywords of a row. */
void message_flags_announce(struct selected *selected, const struct flag_names *names, uint64_t used,
                            struct buf *out);

#endif
