/* SPDX-License-Identifier: ISC */
#include "append_twin.h"

#include "base/clock.h"
#include "storage/snapshot.h"

#define TWIN_US   60000000 /* between the two */
#define LOOK_BACK 50       /* messages */

static enum err look(struct snapshot *snapshot, const struct mailbox_entry *mailbox,
                     const struct message_summary *summary, uint32_t *uid_r)
{
    uint32_t next = mailbox->status.uidnext;
    struct uid_range last = {next > LOOK_BACK ? next - LOOK_BACK : 1, UINT32_MAX};
    struct message_scan scan = {.mailbox_id = mailbox->status.id, .uids = {&last, 1}};
    struct message_page page;
    int64_t oldest = clock_wall_us() - TWIN_US;
    enum err err = ERR_OK;
    message_page_init(&page, SCAN_SIZE | SCAN_DATES | SCAN_ENVELOPE);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t i = 0; !err && i < page.count; i++)
            if (page.saved_us[i] >= oldest && page.sizes[i] == summary->size &&
                slice_eq(page.envelopes[i], summary->envelope))
                *uid_r = page.uids[i];
    }
    message_page_free(&page);
    return err;
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
