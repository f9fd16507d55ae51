/* SPDX-License-Identifier: ISC */
/* A page of rows from one snapshot, which is closed before anybody works on them: copying a page's bodies may
 * take minutes, and an open snapshot keeps the store from cleaning up. */
#include "transfer_private.h"

#include <string.h>

#include "base/mem.h"

#define FIELDS (SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID)

struct walk {
    struct account *account;
    struct message_scan scan;
    struct message_page page;
    struct walked_message *messages; /* of the page */
    struct arena arena;              /* of the page */
};

/* Keywords by their bits, or by name when there are more. */
static enum err read_keywords(struct walk *walk, struct snapshot *snapshot, const struct slice *names,
                              size_t name_count, size_t row, struct walked_message *message)
{
    uint64_t bits = walk->page.keywords[row];
    struct slice *list = NULL;
    if (bits & KEYWORD_OTHERS) {
        enum err err = snapshot_message_keywords(snapshot, walk->scan.mailbox_id, message->uid, &walk->arena,
                                                 &list, &message->keyword_count);
        message->keywords = list;
        return err;
    }
    if (bits) {
        list = arena_array(&walk->arena, struct slice, 64);
    }
    for (size_t bit = 0; bit < name_count && bits; bit++) {
        if (((bits >> bit) & 1) && names[bit].len) {
            list[message->keyword_count++] = names[bit];
        }
    }
    message->keywords = list;
    return ERR_OK;
}

static enum err read_rows(struct walk *walk, struct snapshot *snapshot)
{
    struct slice *names = NULL;
    size_t name_count = 0;
    enum err err = snapshot_keywords(snapshot, &walk->arena, &names, &name_count);
    if (!err) {
        err = snapshot_scan(snapshot, &walk->scan, &walk->page);
    }
    for (size_t i = 0; !err && i < walk->page.count; i++) {
        struct walked_message *message = &walk->messages[i];
        *message = (struct walked_message){
            .uid = walk->page.uids[i],
            .flags = walk->page.flags[i],
            .size = walk->page.sizes[i],
            .internal_date_us = walk->page.internal_dates_us[i],
        };
        memcpy(message->guid, walk->page.guids[i], INTAKE_GUID_SIZE);
        err = read_keywords(walk, snapshot, names, name_count, i, message);
    }
    return err;
}

static enum err read_page(struct walk *walk)
{
    struct snapshot *snapshot = NULL;
    arena_reset(&walk->arena);
    enum err err = snapshot_open(walk->account, &snapshot);
    if (!err) {
        err = read_rows(walk, snapshot);
    }
    snapshot_close(snapshot);
    return err;
}

enum err account_walk(struct account *account, int64_t mailbox_id, walk_callback *callback, void *data)
{
    struct walk walk = {.account = account, .scan = {.mailbox_id = mailbox_id, .uids = uid_set_all}};
    enum err err = ERR_OK;
    message_page_init(&walk.page, FIELDS);
    walk.messages = mem_alloc(SCAN_PAGE_ROWS * sizeof(*walk.messages));
    while (!err && !walk.scan.done) {
        err = read_page(&walk);
        for (size_t i = 0; !err && i < walk.page.count; i++) {
            err = callback(data, &walk.messages[i]);
        }
    }
    mem_free(walk.messages);
    message_page_free(&walk.page);
    arena_free(&walk.arena);
    return err;
}
