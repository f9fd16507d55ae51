/* SPDX-License-Identifier: ISC */
#include "row_reader.h"

void row_reader_begin(struct row_reader *rows, struct snapshot *snapshot, struct message_scan *scan,
                      unsigned fields)
{
    *rows = (struct row_reader){.snapshot = snapshot, .scan = scan};
    message_page_init(&rows->page, fields);
}

bool row_reader_next(struct row_reader *rows)
{
    while (!rows->err && rows->next == rows->page.count && !rows->scan->done) {
        rows->err = snapshot_scan(rows->snapshot, rows->scan, &rows->page);
        rows->next = 0;
    }
    if (rows->err || rows->next == rows->page.count)
        return false;
    rows->row = rows->next++;
    return true;
}

enum err row_reader_end(struct row_reader *rows)
{
    message_page_free(&rows->page);
    return rows->err;
}
