/* SPDX-License-Identifier: ISC */
/*
 *     status-att      = "MESSAGES" / "UIDNEXT" / "UIDVALIDITY" / "UNSEEN" / "DELETED" / "SIZE"    RFC 9051
 *                       "RECENT"                                                                  RFC 3501
 *                       "HIGHESTMODSEQ" RFC 7162, "APPENDLIMIT" RFC 7889, "MAILBOXID" RFC 8474,
 *                       "DELETED-STORAGE" RFC 9208
 */
#include "status.h"

#include "respond.h"
#include "row_reader.h"

static const struct {
    struct slice name;
    enum status_item item;
} item_names[] = {
    {{"MESSAGES", 8}, STATUS_MESSAGES},
    {{"RECENT", 6}, STATUS_RECENT},
    {{"UIDNEXT", 7}, STATUS_UIDNEXT},
    {{"UIDVALIDITY", 11}, STATUS_UIDVALIDITY},
    {{"UNSEEN", 6}, STATUS_UNSEEN},
    {{"DELETED", 7}, STATUS_DELETED},
    {{"SIZE", 4}, STATUS_SIZE},
    {{"HIGHESTMODSEQ", 13}, STATUS_HIGHESTMODSEQ},
    {{"APPENDLIMIT", 11}, STATUS_APPENDLIMIT},
    {{"DELETED-STORAGE", 15}, STATUS_DELETED_STORAGE},
    {{"MAILBOXID", 9}, STATUS_MAILBOXID},
};

static bool parse_item(struct parser *parser, unsigned *items)
{
    struct parser start = *parser;
    struct slice name;
    if (parse_name(parser, &name))
        for (size_t i = 0; i < ARRAY_LEN(item_names); i++)
            if (slice_eq_nocase(name, item_names[i].name)) {
                *items |= item_names[i].item;
                return true;
            }
    parser->rest = start.rest;
    return parser_expected(parser, "an item of STATUS");
}

bool parse_status_items(struct parser *parser, unsigned *items_r)
{
    *items_r = 0;
    if (!parse_char(parser, '('))
        return false;
    do
        if (!parse_item(parser, items_r))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')');
}

/* Messages that no session claimed. When none ever did they are all, without looking. */
static enum err count_recent(struct snapshot *snapshot, struct status_values *values)
{
    const struct mailbox_status *status = &values->mailbox->status;
    struct uid_range unclaimed = {status->first_recent, UINT32_MAX};
    struct message_scan scan = {.mailbox_id = status->id, .uids = {&unclaimed, 1}};
    struct row_reader rows;
    if (status->first_recent >= status->uidnext)
        return ERR_OK;
    if (status->first_recent <= 1) {
        values->recent = status->messages;
        return ERR_OK;
    }
    row_reader_begin(&rows, snapshot, &scan, 0);
    while (row_reader_next(&rows))
        values->recent++;
    return row_reader_end(&rows);
}

static enum err sum_deleted(struct snapshot *snapshot, struct status_values *values)
{
    struct message_scan scan = {.mailbox_id = values->mailbox->status.id, .uids = uid_set_all};
    struct row_reader rows;
    if (values->mailbox->status.deleted == 0)
        return ERR_OK;
    row_reader_begin(&rows, snapshot, &scan, SCAN_FLAGS | SCAN_SIZE);
    while (row_reader_next(&rows))
        if (rows.page.flags[rows.row] & MESSAGE_DELETED)
            values->deleted_bytes += rows.page.sizes[rows.row];
    return row_reader_end(&rows);
}

enum err status_read(struct snapshot *snapshot, unsigned items, struct slice viewer,
                     struct status_values *values)
{
    enum err err = ERR_OK;
    values->unseen = values->deleted_bytes = 0;
    if (items & STATUS_RECENT)
        err = count_recent(snapshot, values);
    if (!err && items & STATUS_DELETED_STORAGE)
        err = sum_deleted(snapshot, values);
    if (!err && items & STATUS_UNSEEN)
        err = snapshot_unseen(snapshot, &values->mailbox->status, viewer, &values->unseen);
    return err;
}

static uint64_t number_of(enum status_item item, const struct status_values *values)
{
    const struct mailbox_status *status = &values->mailbox->status;
    switch (item) {
    case STATUS_MESSAGES:
        return status->messages;
    case STATUS_RECENT:
        return values->recent;
    case STATUS_UIDNEXT:
        return status->uidnext;
    case STATUS_UIDVALIDITY:
        return status->uidvalidity;
    case STATUS_UNSEEN:
        return values->unseen;
    case STATUS_DELETED:
        return status->deleted;
    case STATUS_SIZE:
        return status->bytes;
    case STATUS_HIGHESTMODSEQ: /* RFC 7162 section 7: no mailbox has 0 */
        return MAX_OF(status->highestmodseq, (uint64_t)1);
    case STATUS_APPENDLIMIT:
        return values->append_limit;
    case STATUS_DELETED_STORAGE:
        return values->deleted_bytes;
    case STATUS_MAILBOXID:
        break;
    }
    return 0;
}

void respond_status(struct buf *out, struct slice name, unsigned items, const struct status_values *values,
                    bool utf8)
{
    char before = '(';
    buf_append(out, S("* STATUS "));
    respond_mailbox(out, name, utf8);
    buf_append_char(out, ' ');
    for (size_t i = 0; i < ARRAY_LEN(item_names); i++) {
        if (!(items & item_names[i].item))
            continue;
        buf_append_char(out, before);
        buf_append(out, item_names[i].name);
        if (item_names[i].item == STATUS_MAILBOXID)
            buf_printf(out, " (F%s)", values->mailbox->guid);
        else
            buf_printf(out, " %llu", (unsigned long long)number_of(item_names[i].item, values));
        before = ' ';
    }
    buf_append(out, S(")\r\n"));
}
