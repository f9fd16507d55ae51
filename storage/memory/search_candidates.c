/* SPDX-License-Identifier: ISC */
/* No index: every message is looked at. */
#include "search_engine.h"

#include "storage/snapshot.h"

static enum err scan_uids(struct snapshot *snapshot, const struct search_request *request,
                          struct uid_set_writer *uids)
{
    struct message_scan scan = {.mailbox_id = request->mailbox_id, .uids = request->within};
    struct message_page page;
    enum err err = ERR_OK;
    message_page_init(&page, 0);
    while (!err && !scan.done) {
        err = snapshot_scan(snapshot, &scan, &page);
        for (size_t i = 0; i < page.count && !err; i++) {
            uid_set_add(uids, page.uids[i]);
        }
    }
    message_page_free(&page);
    return err;
}

enum err search_candidates(struct account *account, const struct search_request *request, struct arena *arena,
                           struct uid_set *uids_r)
{
    struct snapshot *snapshot = NULL;
    struct uid_set_writer uids = {0};
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        err = scan_uids(snapshot, request, &uids);
    }
    snapshot_close(snapshot);
    if (err) {
        uid_set_drop(&uids);
    } else {
        *uids_r = uid_set_take(&uids, arena);
    }
    return err;
}
