/* SPDX-License-Identifier: ISC */
/* The columns of a page: one block of memory for all that were asked for. */
#include "base/mem.h"
#include "page_seen.h"
#include "storage/snapshot.h"

struct column {
    unsigned field; /* 0: always there */
    size_t width;
    size_t offset; /* of the pointer in struct message_page */
};

#define COLUMN(field, member)                                                                     \
    {                                                                                             \
        field, sizeof(*((struct message_page *)0)->member), offsetof(struct message_page, member) \
    }

/* The widest elements come first, so that each column is aligned for its type. */
static const struct column columns[] = {
    COLUMN(0, modseqs),
    COLUMN(SCAN_FLAGS, keywords),
    COLUMN(SCAN_SIZE, sizes),
    COLUMN(SCAN_DATES, internal_dates_us),
    COLUMN(SCAN_DATES, saved_us),
    COLUMN(SCAN_SENT, sent),
    COLUMN(SCAN_ENVELOPE, envelopes),
    COLUMN(SCAN_STRUCTURE, structures),
    COLUMN(SCAN_STRUCTURE, parts),
    COLUMN(SCAN_HEADERS, headers),
    COLUMN(SCAN_STRUCTURE | SCAN_HEADERS, header_sizes),
    COLUMN(SCAN_STRUCTURE, line_counts),
    COLUMN(SCAN_GUID, guids),
    COLUMN(SCAN_THREAD, threads),
    COLUMN(0, uids),
    COLUMN(SCAN_FLAGS, flags),
};

void message_page_init(struct message_page *page, unsigned fields)
{
    size_t width = 0;
    *page = (struct message_page){.fields = fields, .rows_max = SCAN_PAGE_ROWS, .texts_max = SCAN_PAGE_TEXTS};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        width += columns[i].field == 0 || (fields & columns[i].field) ? columns[i].width : 0;
    }
    char *memory = mem_realloc_array(NULL, SCAN_PAGE_ROWS, width);
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        if (columns[i].field == 0 || (fields & columns[i].field)) {
            *(void **)((char *)page + columns[i].offset) = memory;
            memory += SCAN_PAGE_ROWS * columns[i].width;
        }
    }
}

void message_page_free(struct message_page *page)
{
    mem_free(page->modseqs); /* the first column: the block */
    arena_free(&page->texts);
    *page = (struct message_page){0};
}

void message_page_set_seen(struct message_page *page, const struct uid_set *seen)
{
    size_t range = 0; /* both ascend */
    for (size_t i = 0; i < page->count; i++) {
        while (range < seen->count && seen->ranges[range].last < page->uids[i]) {
            range++;
        }
        bool is_seen = range < seen->count && seen->ranges[range].first <= page->uids[i];
        page->flags[i] = (page->flags[i] & ~(uint32_t)MESSAGE_SEEN) | (is_seen ? MESSAGE_SEEN : 0);
    }
}
