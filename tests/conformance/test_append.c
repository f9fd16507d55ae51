/* SPDX-License-Identifier: ISC */
/* Messages come in: order, all or nothing, UIDs, identifiers, limits. */
#include "suite.h"

/* A new version in place of an old one that is gone is not put in. */
static void all_or_none_are_expunged(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    append_text(fixture, account, "INBOX", HELLO);
    struct uid_range range = {1, 2};
    struct batch_operation operations[] = {operation_on(BATCH_EXPUNGE, "INBOX"), append_to("Sent", &sealed)};
    operations[0].expunge = (struct batch_expunge){.uids = {&range, 1}, .all_or_none = true};
    assert_err(batch_commit(account, operations, 2, NULL), ERR_CONFLICT);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    assert_int_equal(status_of(account, "Sent").messages, 0);
    range.last = 1;
    assert_ok(batch_commit(account, operations, 2, NULL));
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_int_equal(status_of(account, "Sent").messages, 1);
    blob_free(sealed.blob);
    account_close(account);
}

static void uids_rise_in_order_of_commits(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t last = status_of(account, "INBOX").highestmodseq;
    for (uint32_t i = 1; i <= 20; i++) {
        assert_int_equal(append_text(fixture, account, "INBOX", HELLO), i);
        assert_int_equal(append_text(fixture, account, "Sent", HELLO), i);
        uint64_t inbox = modseq_of(account, "INBOX", i), sent = modseq_of(account, "Sent", i);
        assert_true(inbox > last && sent > inbox); /* one counter for all mailboxes */
        assert_int_equal(status_of(account, "INBOX").highestmodseq, inbox);
        last = sent;
    }
    account_close(account);
}

static void a_batch_has_one_modseq(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {append_to("INBOX", &sealed), append_to("Sent", &sealed),
                                           append_to("inbox", &sealed)};
    assert_ok(batch_commit(account, operations, 3, NULL));
    assert_int_equal(operations[0].result.modseq, operations[2].result.modseq);
    assert_int_equal(modseq_of(account, "INBOX", 1), modseq_of(account, "Sent", 1));
    assert_int_equal(operations[2].result.uid, 2);
    assert_int_equal(operations[2].result.mailbox_id, operations[0].result.mailbox_id);
    assert_int_equal(operations[1].result.uidvalidity, status_of(account, "Sent").uidvalidity);
    blob_free(sealed.blob);
    account_close(account);
}

static void message_has_what_was_given(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    struct message_detail detail;
    append.append.flags = MESSAGE_SEEN | MESSAGE_FLAGGED;
    append.append.internal_date_us = 1234567890123456;
    struct batch_result result = run(fixture, account, append);
    struct message_row row = row_of(account, "INBOX", result.uid);
    assert_int_equal(row.flags, MESSAGE_SEEN | MESSAGE_FLAGGED);
    assert_int_equal(row.internal_date_us, 1234567890123456);
    assert_int_equal(row.size, HELLO.len);
    assert_int_equal(strlen(row.guid), 32);
    assert_slice(read_message(fixture, account, result.mailbox_id, result.uid), HELLO);
    assert_ok(message_detail(account, result.mailbox_id, result.uid, &fixture->arena, &detail));
    assert_slice(detail.envelope, sealed.summary.envelope);
    assert_slice(detail.bodystructure, sealed.summary.bodystructure);
    assert_slice(detail.headers, sealed.summary.headers);
    assert_slice(detail.parts, sealed.summary.parts);
    assert_int_equal(detail.header_size, sealed.summary.header_size);
    assert_int_equal(detail.lines, sealed.summary.lines);
    struct blob_reader reader;
    assert_err(message_open(account, result.mailbox_id, 99, &reader), ERR_NOT_FOUND);
    assert_err(message_detail(account, result.mailbox_id, 99, &fixture->arena, &detail), ERR_NOT_FOUND);
    blob_free(sealed.blob);
    account_close(account);
}

static void failing_batch_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct sealed sealed = seal(fixture, HELLO);
    struct slice word = S("$Half");
    struct batch_operation operations[] = {
        append_to("INBOX", &sealed),
        operation_on(BATCH_MAILBOX_CREATE, "Half/way"),
        append_to("Half/way", &sealed),
        flags_on(fixture, "INBOX", "1:3", FLAGS_ADD, MESSAGE_SEEN),
        copy_to(fixture, BATCH_COPY, "INBOX", "1", "Sent"),
        copy_to(fixture, BATCH_MOVE, "INBOX", "2", "Half/way"),
        expunge_of(fixture, "INBOX", "3"),
        rename_of("Drafts", "Other"),
        operation_on(BATCH_MAILBOX_DELETE, "Trash"),
        operation_on(BATCH_SUBSCRIBE, "Somewhere"),
        {.kind = BATCH_ANNOTATE, .annotate = {.entry = S("/private/x"), .value = S("y")}},
        {.kind = BATCH_SIEVE_PUT, .sieve = {.name = S("s"), .script = S("keep;")}},
        {.kind = BATCH_SEEN, .seen = {.kind = 1, .key = S("k"), .expires_us = INT64_MAX}},
        {.kind = BATCH_QUOTA_SET, .quota = {.limit_bytes = 1, .limit_messages = 1}},
        append_to("No such mailbox", &sealed),
    };
    operations[3].flags.keywords = &word;
    operations[3].flags.keyword_count = 1;
    operations[9].subscribe.subscribed = true;
    struct mailbox_status before = status_of(account, "INBOX");
    struct snapshot *snapshot = open_snapshot(account);
    uint64_t modseq = snapshot_modseq(snapshot);
    snapshot_close(snapshot);
    for (size_t i = 1; i < ARRAY_LEN(operations); i++) { /* every beginning of it, with the failure behind */
        struct batch_operation part[ARRAY_LEN(operations)];
        memcpy(part, operations, sizeof(part));
        part[i] = operations[ARRAY_LEN(operations) - 1];
        if (i > 13) {
            part[13].quota = (struct batch_quota){0};
        }
        assert_err(batch_commit(account, part, i + 1, &fixture->arena), ERR_NOT_FOUND);
        struct mailbox_status after = status_of(account, "INBOX");
        assert_memory_equal(&after, &before, sizeof(after));
        assert_rows(fixture, account, "INBOX", "1 2 3");
        assert_rows(fixture, account, "Sent", "");
        assert_false(mailbox_is_there(fixture, account, "Half"));
        assert_false(mailbox_is_there(fixture, account, "Half/way"));
        assert_true(mailbox_is_there(fixture, account, "Drafts"));
        assert_true(mailbox_is_there(fixture, account, "Trash"));
    }
    snapshot = open_snapshot(account);
    struct slice *names, script;
    struct annotation *annotations;
    size_t count;
    assert_int_equal(snapshot_modseq(snapshot), modseq);
    assert_ok(snapshot_keywords(snapshot, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "");
    assert_ok(snapshot_subscriptions(snapshot, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "Archive,Drafts,INBOX,Junk,Sent,Trash");
    assert_ok(snapshot_annotations(snapshot, 0, &fixture->arena, &annotations, &count));
    assert_int_equal(count, 0);
    assert_err(snapshot_sieve(snapshot, S("s"), &fixture->arena, &script), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    assert_int_equal(quota_of(account).limit_bytes, 0);
    assert_true(run(fixture, account, operations[12]).was_new);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 4); /* no UID was used up */
    assert_ok(batch_commit(account, operations, 3, NULL));              /* the blob is still good */
    blob_free(sealed.blob);
    account_close(account);
}

static void operations_see_those_before_them(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {
        operation_on(BATCH_MAILBOX_CREATE, "New"),
        append_to("New", &sealed),
        append_to("New", &sealed),
        flags_on(fixture, "New", "1:2", FLAGS_ADD, MESSAGE_DELETED),
        expunge_of(fixture, "New", "1"),
        rename_of("New", "Old"),
        append_to("Old", &sealed),
    };
    assert_ok(batch_commit(account, operations, ARRAY_LEN(operations), &fixture->arena));
    assert_int_equal(operations[3].result.affected, 2);
    assert_set(fixture, operations[4].result.changed, "1");
    assert_rows(fixture, account, "Old", "2:T 3");
    assert_false(mailbox_is_there(fixture, account, "New"));
    blob_free(sealed.blob);
    account_close(account);
}

static void uids_are_never_used_again(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 5);
    run(fixture, account, expunge_of(fixture, "INBOX", "5"));
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 6);
    run(fixture, account, expunge_of(fixture, "INBOX", "1:6"));
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 7);
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "7", "Sent"));
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 8);
    assert_int_equal(status_of(account, "INBOX").uidnext, 9);
    account_close(account);
}

static void wanted_uids_and_guids_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO), other = seal(fixture, S("Subject: other\r\n\r\n"));
    unsigned char guid[16] = "0123456789abcde";
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.wanted_uid = 100;
    append.append.wanted_guid = guid;
    struct batch_result result = run(fixture, account, append);
    assert_int_equal(result.uid, 100);
    assert_memory_equal(result.guid, guid, 16);
    assert_int_equal(status_of(account, "INBOX").uidnext, 101);
    assert_err(try_run(fixture, account, append, NULL), ERR_EXISTS);
    append.append.wanted_uid =
        50; /* between: free, so it can have it; the body is one more place of the first */
    result = run(fixture, account, append);
    assert_memory_equal(result.guid, guid, 16);
    assert_int_equal(status_of(account, "INBOX").uidnext, 101);
    append.append.wanted_uid = 0;
    append.append.blob = other.blob; /* the same identifier for other bytes */
    append.append.summary = &other.summary;
    assert_err(try_run(fixture, account, append, NULL), ERR_EXISTS);
    append.append.wanted_guid = NULL;
    assert_int_equal(run(fixture, account, append).uid, 101);
    assert_rows(fixture, account, "INBOX", "50 100 101");
    assert_slice(read_message(fixture, account, 1, 50), HELLO);
    blob_free(sealed.blob);
    blob_free(other.blob);
    account_close(account);
}

static void same_blob_twice_gets_two_identifiers(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    assert_string_not_equal(row_of(account, "INBOX", 1).guid, row_of(account, "INBOX", 2).guid);
    account_close(account);
}

static void blob_and_summary_must_agree(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO), other = seal(fixture, S("Subject: x\r\n\r\n"));
    struct batch_operation append = append_to("INBOX", &sealed);
    struct blob *open = NULL;
    append.append.summary = &other.summary;
    assert_err(try_run(fixture, account, append, NULL), ERR_CONFLICT);
    assert_ok(blob_begin(fixture->store, &open));
    assert_ok(blob_write(open, HELLO));
    append = append_to("INBOX", &sealed);
    append.append.blob = open; /* not sealed */
    assert_err(try_run(fixture, account, append, NULL), ERR_CONFLICT);
    blob_free(open);
    blob_free(sealed.blob);
    blob_free(other.blob);
    account_close(account);
}

static void quota_is_exact(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation quota = {.kind = BATCH_QUOTA_SET};
    quota.quota = (struct batch_quota){.limit_bytes = 3 * HELLO.len, .limit_messages = 0};
    run(fixture, account, quota);
    append_many(fixture, account, "INBOX", 3); /* full to the last byte */
    assert_err(try_run(fixture, account, append_to("INBOX", &sealed), NULL), ERR_OVER_QUOTA);
    assert_err(try_run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "Sent"), NULL),
               ERR_OVER_QUOTA);
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "1", "Sent")); /* needs no room */
    run(fixture, account, expunge_of(fixture, "Sent", "1"));
    run(fixture, account, append_to("INBOX", &sealed));
    quota.quota = (struct batch_quota){.limit_messages = 4};
    run(fixture, account, quota);
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "2", "Sent"));
    assert_err(try_run(fixture, account, append_to("INBOX", &sealed), NULL), ERR_OVER_QUOTA);
    quota.quota = (struct batch_quota){.limit_messages = 1}; /* below what is there: nothing more comes in */
    run(fixture, account, quota);
    assert_err(try_run(fixture, account, append_to("INBOX", &sealed), NULL), ERR_OVER_QUOTA);
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "Sent", "2", "Drafts"));
    quota.quota = (struct batch_quota){0};
    run(fixture, account, quota);
    run(fixture, account, append_to("INBOX", &sealed));
    struct quota_state now = quota_of(account);
    assert_int_equal(now.messages, 5);
    assert_int_equal(now.bytes, 5 * HELLO.len);
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Drafts"));
    assert_int_equal(quota_of(account).messages, 4);
    blob_free(sealed.blob);
    account_close(account);
}

static void quota_of_the_user_is_that_of_the_account(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation quota = {.kind = BATCH_QUOTA_SET, .quota = {.limit_messages = 77}};
    run(fixture, account, quota);
    assert_ok(directory_user_set_quota(fixture->store, ALICE, HELLO.len - 1));
    assert_int_equal(quota_of(account).limit_bytes, HELLO.len - 1);
    assert_int_equal(quota_of(account).limit_messages, 77);
    assert_err(try_run(fixture, account, append_to("INBOX", &sealed), NULL), ERR_OVER_QUOTA);
    blob_free(sealed.blob);
    account_close(account);
}

static void deliveries_reach_all_or_none(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct slice logins[] = {ALICE, S("bob@example.org"), S("carol@example.org")};
    enum err results[3];
    assert_ok(directory_user_add(fixture->store, logins[1], S(""), HELLO.len - 1, NULL));
    assert_ok(directory_user_add(fixture->store, logins[2], S(""), 0, NULL));
    assert_err(deliver_all(fixture->store, logins, 3, sealed.blob, &sealed.summary), ERR_OVER_QUOTA);
    assert_rows(fixture, account, "INBOX", "");
    deliver(fixture->store, logins, 3, sealed.blob, &sealed.summary, results);
    assert_ok(results[0]);
    assert_err(results[1], ERR_OVER_QUOTA);
    assert_ok(results[2]);
    assert_int_equal(status_of(account, "INBOX").messages, 1);
    blob_free(sealed.blob);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(uids_rise_in_order_of_commits),
        conformance_test(all_or_none_are_expunged),
        conformance_test(a_batch_has_one_modseq),
        conformance_test(message_has_what_was_given),
        conformance_test(failing_batch_leaves_nothing),
        conformance_test(operations_see_those_before_them),
        conformance_test(uids_are_never_used_again),
        conformance_test(wanted_uids_and_guids_are_kept),
        conformance_test(same_blob_twice_gets_two_identifiers),
        conformance_test(blob_and_summary_must_agree),
        conformance_test(quota_is_exact),
        conformance_test(quota_of_the_user_is_that_of_the_account),
        conformance_test(deliveries_reach_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
