/* SPDX-License-Identifier: ISC */
/* Snapshots show one moment; scans show it page by page. */
#include "suite.h"

static void a_snapshot_stays_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE), *other = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct snapshot *before = open_snapshot(account);
    uint64_t modseq = snapshot_modseq(before);
    /* Everything changes, by another handle: its owner must not commit meanwhile. */
    struct batch_operation operations[] = {
        flags_on(fixture, "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN),
        expunge_of(fixture, "INBOX", "2"),
        copy_to(fixture, BATCH_MOVE, "INBOX", "3", "Sent"),
        operation_on(BATCH_MAILBOX_CREATE, "New"),
        rename_of("Drafts", "Old"),
        operation_on(BATCH_MAILBOX_DELETE, "Trash"),
        {.kind = BATCH_SIEVE_PUT, .sieve = {.name = S("s"), .script = S("keep;")}},
        {.kind = BATCH_QUOTA_SET, .quota = {.limit_bytes = 1000000}},
    };
    assert_ok(batch_commit(other, operations, ARRAY_LEN(operations), NULL));
    struct mailbox_entry entry;
    struct quota_state quota;
    struct sieve_entry *scripts;
    size_t count;
    assert_int_equal(snapshot_modseq(before), modseq);
    assert_ok(snapshot_mailbox(before, named("INBOX"), &fixture->arena, &entry));
    assert_int_equal(entry.status.messages, 3);
    assert_int_equal(entry.status.unseen, 3);
    assert_ok(snapshot_mailbox(before, named("Trash"), &fixture->arena, &entry));
    assert_ok(snapshot_mailbox(before, named("Drafts"), &fixture->arena, &entry));
    assert_err(snapshot_mailbox(before, named("New"), &fixture->arena, &entry), ERR_NOT_FOUND);
    assert_ok(snapshot_quota(before, &quota));
    assert_int_equal(quota.limit_bytes, 0);
    assert_ok(snapshot_sieve_list(before, &fixture->arena, &scripts, &count));
    assert_int_equal(count, 0);
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS);
    assert_ok(snapshot_scan(before, &scan, &page));
    assert_int_equal(page.count, 3);
    assert_int_equal(page.flags[0], 0);
    assert_int_equal(page.uids[1], 2);
    message_page_free(&page);
    struct snapshot *after = open_snapshot(account);
    assert_true(snapshot_modseq(after) > modseq); /* no older than the last commit */
    assert_ok(snapshot_mailbox(after, named("New"), &fixture->arena, &entry));
    snapshot_close(after);
    snapshot_close(before);
    snapshot_close(NULL);
    account_close(other);
    account_close(account);
}

static void columns_hold_what_was_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice text =
        S("From: a@example.org\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nSubject: x\r\n\r\nB\r\n");
    struct sealed dated = seal(fixture, text), undated = seal(fixture, S("Subject: y\n\nline\nline\n"));
    struct batch_operation append = append_to("INBOX", &dated);
    append.append.internal_date_us = 1000000;
    struct batch_result result = run(fixture, account, append);
    run(fixture, account, append_to("INBOX", &undated));
    unsigned fields = SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID | SCAN_SENT | SCAN_ENVELOPE |
                      SCAN_STRUCTURE | SCAN_HEADERS;
    struct snapshot *snapshot = open_snapshot(account);
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    message_page_init(&page, fields);
    assert_null(page.threads);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 2);
    assert_true(scan.done);
    assert_int_equal(page.modseqs[0], result.modseq);
    assert_memory_equal(page.guids[0], result.guid, 16);
    assert_int_equal(page.internal_dates_us[0], 1000000);
    assert_true(page.saved_us[0] > 1000000);
    assert_int_equal(page.sent[0], 1700000000);
    assert_true(page.sent[1] == INT64_MIN);
    assert_int_equal(page.sizes[0], text.len);
    assert_int_equal(page.sizes[1], undated.summary.size); /* as CRLF: more than the file has */
    assert_true(page.sizes[1] > undated.summary.file_size);
    assert_slice(page.envelopes[0], dated.summary.envelope);
    assert_slice(page.structures[0], dated.summary.bodystructure);
    assert_slice(page.parts[1], undated.summary.parts);
    assert_slice(page.headers[0], dated.summary.headers);
    assert_int_equal(page.header_sizes[0], dated.summary.header_size);
    assert_int_equal(page.line_counts[1], undated.summary.lines);
    message_page_free(&page);
    message_page_init(&page, 0);
    assert_null(page.flags);
    scan = (struct message_scan){.mailbox_id = 1, .uids = uid_set_all};
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.uids[1], 2);
    message_page_free(&page);
    snapshot_close(snapshot);
    blob_free(dated.blob);
    blob_free(undated.blob);
    account_close(account);
}

#define MANY 2500

static void pages_follow_each_other(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", MANY);
    struct batch_operation thin_out = expunge_of(fixture, "INBOX", "1000:1100,2000");
    run(fixture, account, thin_out);
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    size_t count = 0, pages = 0;
    uint32_t last = 0;
    message_page_init(&page, 0);
    while (!scan.done) { /* a snapshot for each page: the cursor holds */
        struct snapshot *snapshot = open_snapshot(account);
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        snapshot_close(snapshot);
        assert_true(page.count <= SCAN_PAGE_ROWS);
        assert_true(page.count > 0 || scan.done);
        for (size_t i = 0; i < page.count; i++) {
            assert_true(page.uids[i] > last);
            last = page.uids[i];
        }
        count += page.count;
        pages++;
    }
    assert_int_equal(count, MANY - 102);
    assert_int_equal(last, MANY);
    assert_true(pages >= 3);
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_scan(snapshot, &scan, &page)); /* stays at the end */
    assert_int_equal(page.count, 0);
    assert_true(scan.done);
    scan = (struct message_scan){.mailbox_id = 4711, .uids = uid_set_all}; /* no such mailbox: no messages */
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 0);
    assert_true(scan.done);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

static const char *scan_text(struct fixture *fixture, struct account *account, const char *set,
                             uint64_t changed_since)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct message_scan scan = {.mailbox_id = 1, .uids = uids(fixture, set), .changed_since = changed_since};
    struct message_page page;
    struct uid_set_writer found = {0};
    message_page_init(&page, 0);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        for (size_t i = 0; i < page.count; i++) {
            uid_set_add(&found, page.uids[i]);
        }
    }
    message_page_free(&page);
    snapshot_close(snapshot);
    return set_text(fixture, uid_set_take(&found, &fixture->arena));
}

static void scans_take_sets_and_changes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 20);
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    run(fixture, account, flags_on(fixture, "INBOX", "3,7,15", FLAGS_ADD, MESSAGE_SEEN));
    run(fixture, account, expunge_of(fixture, "INBOX", "8:9"));
    assert_string_equal(scan_text(fixture, account, "1:4294967295", 0), "1:7,10:20");
    assert_string_equal(scan_text(fixture, account, "2:3,7:12,19:99", 0), "2:3,7,10:12,19:20");
    assert_string_equal(scan_text(fixture, account, "8:9", 0), "");
    assert_string_equal(scan_text(fixture, account, "50:60", 0), "");
    assert_string_equal(scan_text(fixture, account, "1:4294967295", modseq), "3,7,15");
    assert_string_equal(scan_text(fixture, account, "1:6,15:16", modseq), "3,15");
    assert_string_equal(scan_text(fixture, account, "1:20", modseq + 1), "");
    assert_string_equal(scan_text(fixture, account, "", 0), "");
    account_close(account);
}

static void the_cursor_holds_while_messages_go(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", MANY);
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    message_page_init(&page, 0);
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    snapshot_close(snapshot);
    uint32_t last = page.uids[page.count - 1];
    struct uid_range gone = {1, last + 10}; /* what was read, and the row that the cursor may stand on */
    struct batch_operation expunge = operation_on(BATCH_EXPUNGE, "INBOX");
    expunge.expunge.uids = (struct uid_set){&gone, 1};
    run(fixture, account, expunge);
    snapshot = open_snapshot(account);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.uids[0], last + 11);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(a_snapshot_stays_as_it_was),
        conformance_test(columns_hold_what_was_asked_for),
        conformance_test(pages_follow_each_other),
        conformance_test(scans_take_sets_and_changes),
        conformance_test(the_cursor_holds_while_messages_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
