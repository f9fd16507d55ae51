/* SPDX-License-Identifier: ISC */
/* Copies, moves, expunges; what vanished; where a message is. */
#include "suite.h"

static void copies_come_in_order_with_all_they_had(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 6);
    append_many(fixture, account, "Sent", 2);
    run(fixture, account, flags_on(fixture, "INBOX", "5", FLAGS_ADD, MESSAGE_FLAGGED));
    struct batch_result result =
        run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "2:3,5,8:9", "Sent"));
    assert_set(fixture, result.source, "2:3,5");
    assert_int_equal(result.affected, 3);
    assert_int_equal(result.uid, 3);
    assert_int_equal(result.mailbox_id, status_of(account, "Sent").id);
    assert_int_equal(result.uidvalidity, status_of(account, "Sent").uidvalidity);
    assert_rows(fixture, account, "Sent", "1 2 3 4 5:F");
    assert_rows(fixture, account, "INBOX", "1 2 3 4 5:F 6");
    struct message_row from = row_of(account, "INBOX", 5), to = row_of(account, "Sent", 5);
    assert_string_equal(from.guid, to.guid); /* RFC 8474 section 5.1 */
    assert_int_equal(from.internal_date_us, to.internal_date_us);
    assert_int_equal(to.modseq, result.modseq);
    assert_true(from.modseq < to.modseq);
    assert_slice(read_message(fixture, account, result.mailbox_id, 5), HELLO);
    assert_int_equal(quota_of(account).messages, 11);
    account_close(account);
}

static void copy_within_one_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct batch_operation copy = copy_to(fixture, BATCH_COPY, "INBOX", "1", "INBOX");
    copy.copy.uids = uid_set_all; /* also of what the copy makes? no */
    struct batch_result result = run(fixture, account, copy);
    assert_int_equal(result.uid, 4);
    assert_int_equal(result.affected, 3);
    assert_rows(fixture, account, "INBOX", "1 2 3 4 5 6");
    account_close(account);
}

static void move_takes_away_and_leaves_a_trace(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    bool complete = false;
    append_many(fixture, account, "INBOX", 4);
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    struct message_row from = row_of(account, "INBOX", 3);
    struct batch_result result = run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "2:3", "Trash"));
    assert_set(fixture, result.source, "2:3");
    assert_int_equal(result.uid, 1);
    assert_rows(fixture, account, "INBOX", "1 4");
    assert_rows(fixture, account, "Trash", "1 2");
    assert_string_equal(row_of(account, "Trash", 2).guid, from.guid);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, result.modseq);
    assert_string_equal(vanished_text(fixture, account, "INBOX", before, &complete), "2:3");
    assert_true(complete);
    assert_int_equal(quota_of(account).messages, 4);
    struct blob_reader reader;
    assert_err(message_open(account, 1, 2, &reader), ERR_NOT_FOUND);
    assert_slice(read_message(fixture, account, result.mailbox_id, 1), HELLO);
    account_close(account);
}

static void move_within_one_mailbox_gives_new_uids(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct batch_result result = run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "1:2", "INBOX"));
    assert_set(fixture, result.source, "1:2");
    assert_int_equal(result.uid, 4);
    assert_rows(fixture, account, "INBOX", "3 4 5");
    assert_int_equal(quota_of(account).messages, 3);
    account_close(account);
}

static void nothing_to_copy_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t before = status_of(account, "Sent").highestmodseq;
    struct batch_result result = run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1:9", "Sent"));
    assert_int_equal(result.affected, 0);
    assert_set(fixture, result.source, "");
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "1:9", "Sent"));
    run(fixture, account, expunge_of(fixture, "INBOX", "1:9"));
    assert_int_equal(status_of(account, "Sent").highestmodseq, before);
    assert_err(try_run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "None"), NULL),
               ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, copy_to(fixture, BATCH_COPY, "None", "1", "INBOX"), NULL),
               ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, expunge_of(fixture, "None", "1"), NULL), ERR_NOT_FOUND);
    account_close(account);
}

static void expunge_takes_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 6);
    run(fixture, account, flags_on(fixture, "INBOX", "2,4,6", FLAGS_ADD, MESSAGE_DELETED));
    struct batch_operation expunge = expunge_of(fixture, "INBOX", "1:4,9");
    expunge.expunge.deleted_only = true;
    struct batch_result result = run(fixture, account, expunge);
    assert_set(fixture, result.changed, "2,4");
    assert_int_equal(result.affected, 2);
    assert_rows(fixture, account, "INBOX", "1 3 5 6:T");
    result = run(fixture, account, expunge_of(fixture, "INBOX", "1:5"));
    assert_set(fixture, result.changed, "1,3,5");
    assert_rows(fixture, account, "INBOX", "6:T");
    assert_int_equal(status_of(account, "INBOX").deleted, 1);
    assert_int_equal(status_of(account, "INBOX").uidnext, 7);
    assert_int_equal(quota_of(account).bytes, HELLO.len);
    account_close(account);
}

static void vanished_names_what_went_since(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    bool complete = false;
    append_many(fixture, account, "INBOX", 10);
    uint64_t first = status_of(account, "INBOX").highestmodseq;
    uint64_t second = run(fixture, account, expunge_of(fixture, "INBOX", "9")).modseq;
    uint64_t third = run(fixture, account, expunge_of(fixture, "INBOX", "1:2,4")).modseq;
    run(fixture, account, expunge_of(fixture, "INBOX", "3,8"));
    assert_string_equal(vanished_text(fixture, account, "INBOX", first, &complete), "1:4,8:9");
    assert_true(complete);
    assert_string_equal(vanished_text(fixture, account, "INBOX", second, &complete), "1:4,8");
    assert_string_equal(vanished_text(fixture, account, "INBOX", third, &complete), "3,8");
    uint64_t now = status_of(account, "INBOX").highestmodseq;
    assert_string_equal(vanished_text(fixture, account, "INBOX", now, &complete), "");
    assert_true(complete);
    append_many(fixture, account, "INBOX", 1); /* came and went after `now`: named too */
    run(fixture, account, expunge_of(fixture, "INBOX", "11"));
    assert_string_equal(vanished_text(fixture, account, "INBOX", now, &complete), "11");
    struct snapshot *snapshot = open_snapshot(account);
    struct uid_set set;
    assert_err(snapshot_vanished(snapshot, 4711, 0, &fixture->arena, &set, &complete), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    account_close(account);
}

static const char *places_text(struct fixture *fixture, struct account *account, enum find_key key,
                               const unsigned char *id)
{
    struct snapshot *snapshot = NULL;
    struct message_place_found *list;
    size_t count;
    struct buf text;
    buf_init(&text, 10000);
    assert_ok(snapshot_open_for(account, key == FIND_THREAD ? SCAN_THREAD : 0, &snapshot));
    assert_ok(snapshot_find(snapshot, key, id, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%lld/%u", i ? " " : "", (long long)list[i].mailbox_id, list[i].uid);
    }
    snapshot_close(snapshot);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static void a_message_is_found_wherever_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_result result = run(fixture, account, append_to("INBOX", &sealed));
    append_many(fixture, account, "INBOX", 1);
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "Sent"));
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "INBOX"));
    assert_string_equal(places_text(fixture, account, FIND_GUID, result.guid), "1/1 1/3 3/1");
    run(fixture, account, expunge_of(fixture, "INBOX", "1"));
    assert_string_equal(places_text(fixture, account, FIND_GUID, result.guid), "1/3 3/1");
    unsigned char nobody[16] = {0};
    assert_string_equal(places_text(fixture, account, FIND_GUID, nobody), "");
    blob_free(sealed.blob);
    account_close(account);
}

static struct batch_result append_header(struct fixture *fixture, struct account *account, const char *header)
{
    const char *text = arena_printf(&fixture->arena, "From: a@example.org\r\n%s\r\nText\r\n", header);
    struct sealed sealed = seal(fixture, slice_from(text));
    struct batch_result result = run(fixture, account, append_to("INBOX", &sealed));
    blob_free(sealed.blob);
    return result;
}

static void replies_are_in_one_thread(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_result first =
        append_header(fixture, account, "Message-ID: <1@x>\r\nSubject: tea\r\n"); /* 1 */
    append_header(fixture, account, "Message-ID: <2@x>\r\nSubject: coffee\r\n");  /* 2 */
    append_header(fixture, account,
                  "Message-ID: <3@x>\r\nReferences: <0@x> <1@x>\r\nSubject: Re: tea\r\n");        /* 3 */
    append_header(fixture, account, "Message-ID: <4@x>\r\nIn-Reply-To: <3@x>\r\nSubject: q\r\n"); /* 4 */
    assert_string_equal(places_text(fixture, account, FIND_THREAD, first.guid), "1/1 1/3 1/4");
    struct snapshot *snapshot = NULL;
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    assert_ok(snapshot_open_for(account, SCAN_THREAD, &snapshot));
    message_page_init(&page, SCAN_THREAD | SCAN_GUID);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 4);
    assert_memory_equal(page.threads[0], page.guids[0], 16);
    assert_memory_equal(page.threads[1], page.guids[1], 16);
    assert_memory_equal(page.threads[2], first.guid, 16);
    assert_memory_equal(page.threads[3], first.guid, 16);
    snapshot_close(snapshot);
    snapshot = open_snapshot(account); /* not opened for them */
    scan = (struct message_scan){.mailbox_id = 1, .uids = uid_set_all};
    assert_err(snapshot_scan(snapshot, &scan, &page), ERR_DENIED);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

static void recent_messages_are_claimed_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    assert_int_equal(status_of(account, "INBOX").first_recent, 1);
    assert_int_equal(run(fixture, account, operation_on(BATCH_CLAIM_RECENT, "INBOX")).uid, 1);
    assert_int_equal(run(fixture, account, operation_on(BATCH_CLAIM_RECENT, "INBOX")).uid, 4);
    assert_int_equal(status_of(account, "INBOX").first_recent, 4);
    append_many(fixture, account, "INBOX", 2);
    assert_int_equal(run(fixture, account, operation_on(BATCH_CLAIM_RECENT, "INBOX")).uid, 4);
    assert_true(modseq_of(account, "INBOX", 3) <= before);
    assert_err(try_run(fixture, account, operation_on(BATCH_CLAIM_RECENT, "None"), NULL), ERR_NOT_FOUND);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(copies_come_in_order_with_all_they_had),
        conformance_test(copy_within_one_mailbox),
        conformance_test(move_takes_away_and_leaves_a_trace),
        conformance_test(move_within_one_mailbox_gives_new_uids),
        conformance_test(nothing_to_copy_changes_nothing),
        conformance_test(expunge_takes_what_is_there),
        conformance_test(vanished_names_what_went_since),
        conformance_test(a_message_is_found_wherever_it_is),
        conformance_test(replies_are_in_one_thread),
        conformance_test(recent_messages_are_claimed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
