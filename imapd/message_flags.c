/* SPDX-License-Identifier: ISC */
#include "message_flags.h"

enum err flag_source_read(struct flag_source *source, struct snapshot *snapshot, struct arena *arena)
{
    struct slice *keywords = NULL;
    enum err err = snapshot_keywords(snapshot, arena, &keywords, &source->names.keyword_count);
    source->names.keywords = keywords;
    return err;
}

enum err message_flags_of(const struct selected *selected, struct snapshot *snapshot,
                          const struct message_page *page, size_t row, struct arena *arena,
                          struct message_flags *flags_r)
{
    struct message_flags flags = {.flags = page->flags[row],
                                  .keywords = page->keywords[row],
                                  .recent = selected_is_recent(selected, page->uids[row])};
    struct slice *all = NULL;
    enum err err = ERR_OK;
    if (flags.keywords & KEYWORD_OTHERS) {
        flags.keywords = 0;
        err = snapshot_message_keywords(snapshot, selected->mailbox_id, page->uids[row], arena, &all,
                                        &flags.other_count);
        flags.others = all;
    }
    *flags_r = flags;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

void message_scan_back(struct message_scan *scan, struct message_page *page, size_t row)
{
    if (row >= page->count)
        return;
    scan->next_uid = page->uids[row];
    scan->done = false;
    page->count = row;
}

void message_flags_announce(struct selected *selected, const struct flag_names *names, uint64_t used,
                            struct buf *out)
{
    used &= ~KEYWORD_OTHERS;
    if ((used & ~selected->keywords_told) == 0)
        return;
    selected->keywords_told |= used;
    struct message_flags all = {.flags = MESSAGE_FLAGS_ALL, .keywords = selected->keywords_told};
    buf_append(out, S("* FLAGS "));
    respond_flags(out, &all, names);
    buf_append(out, S("\r\n"));
}
