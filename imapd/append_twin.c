/* SPDX-License-Identifier: ISC */
#include "append_twin.h"

#include "base/clock.h"
#include "storage/snapshot.h"

#include "row_reader.h"

#define TWIN_US   60000000 /* between the two */
#define LOOK_BACK 50       /* messages */

static enum err look(struct snapshot *snapshot, const struct mailbox_entry *mailbox,
                     const struct message_summary *summary, uint32_t *uid_r)
{
    uint32_t next = mailbox->status.uidnext;
    struct uid_range last = {next > LOOK_BACK ? next - LOOK_BACK : 1, UINT32_MAX};
    struct message_scan scan = {.mailbox_id = mailbox->status.id, .uids = {&last, 1}};
    struct row_reader rows;
    int64_t oldest = clock_wall_us() - TWIN_US;
    row_reader_begin(&rows, snapshot, &scan, SCAN_SIZE | SCAN_DATES | SCAN_ENVELOPE);
    while (row_reader_next(&rows))
        if (rows.page.saved_us[rows.row] >= oldest && rows.page.sizes[rows.row] == summary->size &&
            slice_eq(rows.page.envelopes[rows.row], summary->envelope))
            *uid_r = rows.page.uids[rows.row];
    return row_reader_end(&rows);
}

enum err append_twin_find(struct account *account, struct mailbox_ref ref,
                          const struct message_summary *summary, uint32_t *uid_r, uint32_t *uidvalidity_r)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry mailbox;
    struct arena arena = {0};
    *uid_r = 0;
    if (summary->message_id.len == 0)
        return ERR_OK;
    enum err err = snapshot_open(account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, ref, &arena, &mailbox);
    if (!err && slice_eq_nocase(mailbox.special_use, S("\\Sent"))) {
        err = look(snapshot, &mailbox, summary, uid_r);
        *uidvalidity_r = mailbox.status.uidvalidity;
    }
    snapshot_close(snapshot);
    arena_free(&arena);
    return err;
}
