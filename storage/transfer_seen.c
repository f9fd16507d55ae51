/* SPDX-License-Identifier: ISC */
/*
 * What others have seen in the mailboxes of an account (viewers: storage/batch.h), out of it and into
 * another. UIDs mean the same messages where the UIDVALIDITY is the same: otherwise nothing is taken over.
 */
#include "transfer_private.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"

static void add(struct settings *settings, struct viewer_seen seen)
{
    settings->seen = mem_realloc_array(settings->seen, settings->seen_count + 1, sizeof(*settings->seen));
    settings->seen[settings->seen_count++] = seen;
}

enum err settings_read_seen(struct snapshot *snapshot, int64_t mailbox_id, struct slice mailbox,
                            struct settings *settings)
{
    struct slice *viewers;
    size_t count = 0;
    enum err err = snapshot_viewers(snapshot, mailbox_id, &settings->arena, &viewers, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct viewer_seen seen = {.mailbox = mailbox, .viewer = viewers[i]};
        err = snapshot_seen(snapshot, mailbox_id, viewers[i], &settings->arena, &seen.uids);
        if (!err) {
            add(settings, seen);
        }
    }
    return err;
}

void settings_append_seen(struct buf *out, const struct settings *settings)
{
    for (size_t i = 0; i < settings->seen_count; i++) {
        const struct viewer_seen *seen = &settings->seen[i];
        field_append(out, S("seen"));
        field_append(out, seen->mailbox);
        field_append(out, seen->viewer);
        for (size_t n = 0; n < seen->uids.count; n++) {
            buf_printf(out, "%c%" PRIu32 "-%" PRIu32, n ? ',' : ' ', seen->uids.ranges[n].first,
                       seen->uids.ranges[n].last);
        }
        buf_append_char(out, '\n');
    }
}

/* "1-5,7-7": ascending. */
static bool parse_uids(struct arena *arena, struct slice text, struct uid_set *uids_r)
{
    struct uid_set_writer writer = {0};
    uint64_t before = 0;
    bool good = text.len > 0;
    while (text.len && good) {
        struct slice last = slice_split(&text, ',');
        struct slice first = slice_split(&last, '-');
        uint64_t from = 0, to = 0;
        good = slice_to_u64(first, UINT32_MAX, &from) && slice_to_u64(last, UINT32_MAX, &to) &&
               from > before && from <= to;
        if (good) {
            uid_set_add_range(&writer, (struct uid_range){(uint32_t)from, (uint32_t)to});
            before = to;
        }
    }
    *uids_r = uid_set_take(&writer, arena);
    return good;
}

bool settings_parse_seen(struct settings *settings, struct slice line)
{
    struct viewer_seen seen;
    struct slice uids;
    if (!field_take(&line, &settings->arena, &seen.mailbox) ||
        !field_take(&line, &settings->arena, &seen.viewer) || !field_take(&line, &settings->arena, &uids) ||
        !parse_uids(&settings->arena, uids, &seen.uids)) {
        return false;
    }
    add(settings, seen);
    return true;
}

static uint32_t uidvalidity_of(const struct settings *settings, struct slice mailbox)
{
    for (size_t i = 0; i < settings->mailbox_count; i++) {
        if (slice_eq(settings->mailboxes[i].name, mailbox)) {
            return settings->mailboxes[i].uidvalidity;
        }
    }
    return 0;
}

enum err settings_apply_seen(struct account *account, const struct settings *settings,
                             const struct settings *now)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < settings->seen_count && !err; i++) {
        const struct viewer_seen *seen = &settings->seen[i];
        uint32_t uidvalidity = uidvalidity_of(settings, seen->mailbox);
        if (uidvalidity == 0 || uidvalidity != uidvalidity_of(now, seen->mailbox) ||
            slice_eq(seen->viewer, account_login(account))) {
            continue;
        }
        struct batch_operation operation = {
            .kind = BATCH_FLAGS,
            .mailbox = mailbox_named(seen->mailbox),
            .flags = {
                .uids = seen->uids, .change = FLAGS_ADD, .flags = MESSAGE_SEEN, .viewer = seen->viewer}};
        err = batch_commit(account, &operation, 1, NULL);
        if (err == ERR_SYNTAX) { /* no name for a user */
            log_warning("import.setting_refused", log_text("account", account_login(account)),
                        log_cstr("what", "seen"), log_text("name", seen->viewer), log_err(err));
            err = ERR_OK;
        }
    }
    return err;
}
