/* SPDX-License-Identifier: ISC */
/*
 * All rows that a scan names, of one snapshot, one after the other:
 *
 *     row_reader_begin(&rows, snapshot, &scan, SCAN_FLAGS);
 *     while (row_reader_next(&rows))
 *         … rows.page.flags[rows.row] …
 *     err = row_reader_end(&rows);
 *
 * For what is short, or has to be seen at one moment; who takes long reads a page at a visit to a thread.
 */
#ifndef IMAPD_ROW_READER_H
#define IMAPD_ROW_READER_H

#include "storage/snapshot.h"

struct row_reader {
    struct snapshot *snapshot;
    struct message_scan *scan;
    struct message_page page;
    size_t row, next; /* of the page */
    enum err err;
};

/* Snapshot and scan live as long as the reader. */
void row_reader_begin(struct row_reader *rows, struct snapshot *snapshot, struct message_scan *scan,
                      unsigned fields);
/* False behind the last row, and when it could not be read. */
bool row_reader_next(struct row_reader *rows);
enum err row_reader_end(struct row_reader *rows) MUST_CHECK;

#endif
