/* SPDX-License-Identifier: ISC */
/*
 * What the programs of this folder share. Each is built once for every engine and uses nothing but
 * storage/…: what passes here is the contract.
 */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include "fixture.h"

#include "storage/snapshot.h"
#include "storage/watch.h"

/* --- operations --- */

static inline struct mailbox_ref named(const char *mailbox)
{
    return mailbox_named(slice_from(mailbox));
}

/* "1:3,7" */
UNUSED static inline struct uid_set uids(struct fixture *fixture, const char *text)
{
    struct uid_set_writer writer = {0};
    struct slice rest = slice_from(text);
    while (rest.len) {
        struct slice range = slice_split(&rest, ','), end = range;
        struct slice begin = slice_split(&end, ':');
        uint64_t first = 0, last = 0;
        assert_true(slice_to_u64(begin, UINT32_MAX, &first));
        last = first;
        assert_true(end.len == 0 || slice_to_u64(end, UINT32_MAX, &last));
        uid_set_add_range(&writer, (struct uid_range){(uint32_t)first, (uint32_t)last});
    }
    return uid_set_take(&writer, &fixture->arena);
}

static inline struct batch_operation operation_on(enum batch_kind kind, const char *mailbox)
{
    return (struct batch_operation){.kind = kind, .mailbox = named(mailbox)};
}

UNUSED static inline struct batch_operation flags_on(struct fixture *fixture, const char *mailbox,
                                                     const char *set, enum batch_flag_change change,
                                                     uint32_t flags)
{
    struct batch_operation operation = operation_on(BATCH_FLAGS, mailbox);
    operation.flags = (struct batch_flags){.uids = uids(fixture, set), .change = change, .flags = flags};
    return operation;
}

UNUSED static inline struct batch_operation copy_to(struct fixture *fixture, enum batch_kind kind,
                                                    const char *mailbox, const char *set, const char *target)
{
    struct batch_operation operation = operation_on(kind, mailbox);
    operation.copy = (struct batch_copy){.uids = uids(fixture, set), .target = named(target)};
    return operation;
}

UNUSED static inline struct batch_operation expunge_of(struct fixture *fixture, const char *mailbox,
                                                       const char *set)
{
    struct batch_operation operation = operation_on(BATCH_EXPUNGE, mailbox);
    operation.expunge.uids = uids(fixture, set);
    return operation;
}

UNUSED static inline struct batch_operation rename_of(const char *mailbox, const char *new_name)
{
    struct batch_operation operation = operation_on(BATCH_MAILBOX_RENAME, mailbox);
    operation.rename.new_name = slice_from(new_name);
    return operation;
}

/* Runs one operation. */
static inline enum err try_run(struct fixture *fixture, struct account *account,
                               struct batch_operation operation, struct batch_result *result_r)
{
    enum err err = batch_commit(account, &operation, 1, &fixture->arena);
    if (!err && result_r) {
        *result_r = operation.result;
    }
    return err;
}

UNUSED static inline struct batch_result run(struct fixture *fixture, struct account *account,
                                             struct batch_operation operation)
{
    struct batch_result result = {0};
    assert_ok(try_run(fixture, account, operation, &result));
    return result;
}

UNUSED static inline struct batch_result create(struct fixture *fixture, struct account *account,
                                                const char *mailbox)
{
    return run(fixture, account, operation_on(BATCH_MAILBOX_CREATE, mailbox));
}

/* n short messages; their UIDs follow each other. Returns the first. */
UNUSED static inline uint32_t append_many(struct fixture *fixture, struct account *account,
                                          const char *mailbox, size_t n)
{
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation *operations = arena_array(&fixture->arena, struct batch_operation, n);
    for (size_t i = 0; i < n; i++) {
        operations[i] = append_to(mailbox, &sealed);
    }
    assert_ok(batch_commit(account, operations, n, &fixture->arena));
    blob_free(sealed.blob);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(operations[i].result.uid, operations[0].result.uid + i);
    }
    return operations[0].result.uid;
}

/* --- what is there --- */

UNUSED static inline struct snapshot *open_snapshot(struct account *account)
{
    struct snapshot *snapshot = NULL;
    assert_ok(snapshot_open(account, &snapshot));
    return snapshot;
}

UNUSED static inline struct mailbox_entry entry_of(struct fixture *fixture, struct account *account,
                                                   const char *mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct mailbox_entry entry;
    assert_ok(snapshot_mailbox(snapshot, named(mailbox), &fixture->arena, &entry));
    snapshot_close(snapshot);
    return entry;
}

UNUSED static inline bool mailbox_is_there(struct fixture *fixture, struct account *account,
                                           const char *mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct mailbox_entry entry;
    enum err err = snapshot_mailbox(snapshot, named(mailbox), &fixture->arena, &entry);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    snapshot_close(snapshot);
    return !err;
}

UNUSED static inline const char *set_text(struct fixture *fixture, struct uid_set set)
{
    struct buf text;
    buf_init(&text, 65536);
    for (size_t i = 0; i < set.count; i++) {
        buf_printf(&text, "%s%u", i ? "," : "", set.ranges[i].first);
        if (set.ranges[i].last != set.ranges[i].first) {
            buf_printf(&text, ":%u", set.ranges[i].last);
        }
    }
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

#define assert_set(fixture, set, expected) assert_string_equal(set_text((fixture), (set)), (expected))

/* "1 2:S 5:FD": UIDs with the letters of their flags, as Maildir has them. */
UNUSED static inline const char *rows_text(struct fixture *fixture, struct account *account,
                                           const char *mailbox)
{
    static const struct {
        uint32_t flag;
        char letter;
    } letters[] = {
        {MESSAGE_DRAFT, 'D'}, {MESSAGE_FLAGGED, 'F'}, {MESSAGE_ANSWERED, 'R'},
        {MESSAGE_SEEN, 'S'},  {MESSAGE_DELETED, 'T'},
    };
    struct mailbox_status status;
    struct message_row *rows = NULL;
    size_t count = 0;
    struct buf text;
    buf_init(&text, 1000000);
    assert_ok(mailbox_read(account, slice_from(mailbox), &status, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%u%s", i ? " " : "", rows[i].uid, rows[i].flags ? ":" : "");
        for (size_t j = 0; j < ARRAY_LEN(letters); j++) {
            if (rows[i].flags & letters[j].flag) {
                buf_append_char(&text, letters[j].letter);
            }
        }
    }
    mem_free(rows);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

#define assert_rows(fixture, account, mailbox, expected) \
    assert_string_equal(rows_text((fixture), (account), (mailbox)), (expected))

UNUSED static inline struct message_row row_of(struct account *account, const char *mailbox, uint32_t uid)
{
    struct mailbox_status status;
    struct message_row *rows = NULL, found = {0};
    size_t count = 0;
    assert_ok(mailbox_read(account, slice_from(mailbox), &status, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].uid == uid) {
            found = rows[i];
        }
    }
    mem_free(rows);
    assert_int_equal(found.uid, uid);
    return found;
}

UNUSED static inline uint64_t modseq_of(struct account *account, const char *mailbox, uint32_t uid)
{
    return row_of(account, mailbox, uid).modseq;
}

UNUSED static inline const char *vanished_text(struct fixture *fixture, struct account *account,
                                               const char *mailbox, uint64_t since, bool *complete_r)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct uid_set set;
    int64_t id = status_of(account, mailbox).id;
    assert_ok(snapshot_vanished(snapshot, id, since, &fixture->arena, &set, complete_r));
    snapshot_close(snapshot);
    return set_text(fixture, set);
}

UNUSED static inline struct quota_state quota_of(struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct quota_state quota;
    assert_ok(snapshot_quota(snapshot, &quota));
    snapshot_close(snapshot);
    return quota;
}

/* "a,b": slices with commas between. */
UNUSED static inline const char *names_text(struct fixture *fixture, const struct slice *names, size_t count)
{
    struct buf text;
    buf_init(&text, 1000000);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s", i ? "," : "", SLICE_ARG(names[i]));
    }
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

/* --- the whole account adds up --- */

struct consistency {
    uint64_t messages, bytes, modseq;
};

/* What viewers have seen is there. `there`: the mailbox's UIDs. */
static inline void check_viewers(struct snapshot *snapshot, int64_t mailbox, const struct uid_set *there)
{
    struct arena arena = {0};
    struct slice *viewers;
    size_t count;
    assert_ok(snapshot_viewers(snapshot, mailbox, &arena, &viewers, &count));
    for (size_t i = 0; i < count; i++) {
        struct uid_set seen;
        assert_ok(snapshot_seen(snapshot, mailbox, viewers[i], &arena, &seen));
        assert_int_not_equal(seen.count, 0);
        struct uid_set lost = uid_set_minus(&arena, &seen, there);
        assert_int_equal(lost.count, 0);
    }
    arena_free(&arena);
}

/* The counters of one mailbox are those of its rows; sums go into *total. */
static inline void check_mailbox(struct snapshot *snapshot, const struct mailbox_entry *entry,
                                 struct consistency *total)
{
    struct message_scan scan = {.mailbox_id = entry->status.id, .uids = uid_set_all};
    struct message_page page;
    uint64_t messages = 0, unseen = 0, deleted = 0, bytes = 0;
    uint32_t last = 0;
    struct uid_set_writer uids = {0};
    struct arena arena = {0};
    message_page_init(&page, SCAN_FLAGS | SCAN_SIZE | SCAN_GUID);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        for (size_t i = 0; i < page.count; i++) {
            assert_true(page.uids[i] > last);
            last = page.uids[i];
            uid_set_add(&uids, last);
            assert_true(page.modseqs[i] > 0 && page.modseqs[i] <= entry->status.highestmodseq);
            messages++;
            unseen += !(page.flags[i] & MESSAGE_SEEN);
            deleted += (page.flags[i] & MESSAGE_DELETED) != 0;
            bytes += page.sizes[i];
        }
    }
    message_page_free(&page);
    struct uid_set there = uid_set_take(&uids, &arena);
    check_viewers(snapshot, entry->status.id, &there);
    arena_free(&arena);
    assert_true(last < entry->status.uidnext);
    assert_int_equal(messages, entry->status.messages);
    assert_int_equal(unseen, entry->status.unseen);
    assert_int_equal(deleted, entry->status.deleted);
    assert_int_equal(bytes, entry->status.bytes);
    total->messages += messages;
    total->bytes += bytes;
    total->modseq = MAX_OF(total->modseq, entry->status.highestmodseq);
}

UNUSED static inline void check_account(struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct arena arena = {0};
    struct mailbox_entry *list;
    size_t count;
    struct consistency total = {0};
    struct quota_state quota;
    assert_ok(snapshot_mailboxes(snapshot, &arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        check_mailbox(snapshot, &list[i], &total);
    }
    assert_ok(snapshot_quota(snapshot, &quota));
    assert_int_equal(quota.messages, total.messages);
    assert_int_equal(quota.bytes, total.bytes);
    assert_true(snapshot_modseq(snapshot) >= total.modseq);
    snapshot_close(snapshot);
    arena_free(&arena);
}

/* After every test. */
UNUSED static inline int tear_down_checked(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = NULL;
    if (!account_open(fixture->store, ALICE, &account)) {
        check_account(account);
        account_close(account);
    }
    return tear_down(state);
}

#define conformance_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down_checked)

#endif
