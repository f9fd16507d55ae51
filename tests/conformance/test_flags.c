/* SPDX-License-Identifier: ISC */
/* Flags and keywords, with and without condition. */
#include "suite.h"

static void flags_are_added_removed_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 4);
    struct batch_result result =
        run(fixture, account, flags_on(fixture, "INBOX", "1:3,9", FLAGS_ADD, MESSAGE_SEEN | MESSAGE_DELETED));
    assert_int_equal(result.affected, 3); /* what is not there is passed over */
    assert_set(fixture, result.changed, "1:3");
    assert_set(fixture, result.failed, "");
    run(fixture, account, flags_on(fixture, "INBOX", "2", FLAGS_REMOVE, MESSAGE_SEEN | MESSAGE_DRAFT));
    run(fixture, account, flags_on(fixture, "INBOX", "3:4", FLAGS_REPLACE, MESSAGE_ANSWERED));
    assert_rows(fixture, account, "INBOX", "1:ST 2:T 3:R 4:R");
    assert_int_equal(status_of(account, "INBOX").unseen, 3);
    assert_int_equal(status_of(account, "INBOX").deleted, 2);
    assert_err(try_run(fixture, account, flags_on(fixture, "None", "1", FLAGS_ADD, 1), NULL), ERR_NOT_FOUND);
    account_close(account);
}

static void only_what_changes_gets_a_modseq(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    run(fixture, account, flags_on(fixture, "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN));
    uint64_t first = modseq_of(account, "INBOX", 1), second = modseq_of(account, "INBOX", 2);
    struct batch_result result =
        run(fixture, account, flags_on(fixture, "INBOX", "1:2", FLAGS_ADD, MESSAGE_SEEN));
    assert_set(fixture, result.changed, "2");
    assert_int_equal(modseq_of(account, "INBOX", 1), first);
    assert_int_equal(modseq_of(account, "INBOX", 2), result.modseq);
    assert_true(result.modseq > first && first > second);
    uint64_t highest = status_of(account, "INBOX").highestmodseq;
    result = run(fixture, account, flags_on(fixture, "INBOX", "1:3", FLAGS_REMOVE, MESSAGE_DRAFT));
    assert_int_equal(result.affected, 0);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, highest);
    account_close(account);
}

/* RFC 7162 section 3.1.3, example 6: one of three was changed by somebody else. */
static void unchangedsince_leaves_newer_messages_alone(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 9);
    uint64_t known = status_of(account, "INBOX").highestmodseq;
    run(fixture, account, flags_on(fixture, "INBOX", "7", FLAGS_ADD, MESSAGE_ANSWERED));
    struct batch_operation store = flags_on(fixture, "INBOX", "5,7,9", FLAGS_ADD, MESSAGE_DELETED);
    store.flags.unchanged_since = known;
    struct batch_result result = run(fixture, account, store);
    assert_set(fixture, result.changed, "5,9");
    assert_set(fixture, result.failed, "7");
    assert_int_equal(modseq_of(account, "INBOX", 5), result.modseq);
    assert_true(modseq_of(account, "INBOX", 7) < result.modseq);
    assert_rows(fixture, account, "INBOX", "1 2 3 4 5:T 6 7:R 8 9:T");
    /* Example 10: the flag is there already; the condition is looked at all the same. */
    store = flags_on(fixture, "INBOX", "5", FLAGS_ADD, MESSAGE_DELETED);
    store.flags.unchanged_since = known;
    result = run(fixture, account, store);
    assert_set(fixture, result.failed, "5");
    store.flags.unchanged_since = modseq_of(account, "INBOX", 5);
    result = run(fixture, account, store);
    assert_set(fixture, result.failed, "");
    assert_set(fixture, result.changed, "");
    account_close(account);
}

/* RFC 7162 section 3.1.3, example 8: UNCHANGEDSINCE 0 is for keywords that nobody may have touched yet. */
static void unchangedsince_zero_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    struct batch_operation store = flags_on(fixture, "INBOX", "1:5", FLAGS_ADD, MESSAGE_SEEN);
    store.flags.never = true;
    struct batch_result result = run(fixture, account, store);
    assert_set(fixture, result.failed, "1:2");
    assert_int_equal(result.affected, 0);
    assert_rows(fixture, account, "INBOX", "1 2");
    account_close(account);
}

static void condition_sees_what_the_batch_did_before(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    struct batch_operation both[] = {flags_on(fixture, "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN),
                                     flags_on(fixture, "INBOX", "1:2", FLAGS_ADD, MESSAGE_FLAGGED)};
    both[1].flags.unchanged_since = status_of(account, "INBOX").highestmodseq;
    assert_ok(batch_commit(account, both, 2, &fixture->arena));
    assert_set(fixture, both[1].result.failed, "1");
    assert_rows(fixture, account, "INBOX", "1:S 2:F");
    account_close(account);
}

static struct batch_operation keywords_on(struct fixture *fixture, const char *mailbox, const char *set,
                                          enum batch_flag_change change, const struct slice *names,
                                          size_t count)
{
    struct batch_operation operation = flags_on(fixture, mailbox, set, change, 0);
    operation.flags.keywords = names;
    operation.flags.keyword_count = count;
    return operation;
}

static const char *keywords_text(struct fixture *fixture, struct account *account, const char *mailbox,
                                 uint32_t uid)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_message_keywords(snapshot, status_of(account, mailbox).id, uid, &fixture->arena,
                                        &names, &count));
    snapshot_close(snapshot);
    return names_text(fixture, names, count);
}

static void keywords_come_and_go_without_case(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct slice two[] = {S("$Forwarded"), S("Work")}, again[] = {S("WORK")}, none[] = {S("Unknown")};
    run(fixture, account, keywords_on(fixture, "INBOX", "1:2", FLAGS_ADD, two, 2));
    assert_int_equal(run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_ADD, again, 1)).affected,
                     0);
    assert_string_equal(keywords_text(fixture, account, "INBOX", 1), "$Forwarded,Work");
    run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_REMOVE, again, 1));
    assert_string_equal(keywords_text(fixture, account, "INBOX", 1), "$Forwarded");
    run(fixture, account, keywords_on(fixture, "INBOX", "2", FLAGS_REPLACE, again, 1));
    assert_string_equal(keywords_text(fixture, account, "INBOX", 2), "Work");
    run(fixture, account, keywords_on(fixture, "INBOX", "1:3", FLAGS_REMOVE, none, 1)); /* makes none */
    run(fixture, account, keywords_on(fixture, "INBOX", "77", FLAGS_ADD, none, 1));
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_keywords(snapshot, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "$Forwarded,Work");
    assert_ok(snapshot_mailbox_keywords(snapshot, 2, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    assert_err(snapshot_message_keywords(snapshot, 1, 9, &fixture->arena, &names, &count), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    account_close(account);
}

static void keywords_go_along(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct slice words[] = {S("one"), S("two")};
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.keywords = words;
    append.append.keyword_count = 2;
    run(fixture, account, append);
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "Sent"));
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "1", "Drafts"));
    assert_string_equal(keywords_text(fixture, account, "Sent", 1), "one,two");
    assert_string_equal(keywords_text(fixture, account, "Drafts", 1), "one,two");
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_mailbox_keywords(snapshot, 1, &fixture->arena, &names, &count));
    assert_int_equal(count, 0); /* nobody in INBOX has one any more */
    assert_ok(
        snapshot_mailbox_keywords(snapshot, status_of(account, "Sent").id, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "one,two");
    snapshot_close(snapshot);
    blob_free(sealed.blob);
    account_close(account);
}

static void what_is_no_keyword_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 1);
    char longest[KEYWORD_LENGTH_MAX + 2];
    memset(longest, 'k', sizeof(longest));
    struct slice bad[] = {S(""),
                          S("a b"),
                          S("\\Seen"),
                          S("a(b"),
                          S("a]"),
                          S("a%"),
                          S("a*"),
                          S("\"a\""),
                          S("{1}"),
                          S("a\x7f"),
                          S("\xc3"),
                          S("a\nb"),
                          slice_of(longest, KEYWORD_LENGTH_MAX + 1)};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_err(try_run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_ADD, &bad[i], 1), NULL),
                   ERR_SYNTAX);
    }
    struct slice good[] = {S("$MDNSent"), S("a.b-c_d!"), slice_of(longest, KEYWORD_LENGTH_MAX)};
    run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_ADD, good, 3));
    account_close(account);
}

#define MANY 100

static void more_than_63_keywords_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice names[MANY], *found;
    size_t count;
    append_many(fixture, account, "INBOX", 2);
    for (size_t i = 0; i < MANY; i++) {
        names[i] = slice_from(arena_printf(&fixture->arena, "key%03zu", i));
        run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_ADD, &names[i], 1));
    }
    struct snapshot *snapshot = open_snapshot(account);
    assert_ok(snapshot_message_keywords(snapshot, 1, 1, &fixture->arena, &found, &count));
    assert_int_equal(count, MANY);
    assert_ok(snapshot_mailbox_keywords(snapshot, 1, &fixture->arena, &found, &count));
    assert_int_equal(count, MANY);
    assert_ok(snapshot_keywords(snapshot, &fixture->arena, &found, &count));
    assert_int_equal(count, 63);
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    struct message_page page;
    message_page_init(&page, SCAN_FLAGS);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 2);
    assert_true(page.keywords[0] == UINT64_MAX);
    assert_true(page.keywords[1] == 0);
    message_page_free(&page);
    snapshot_close(snapshot);
    assert_int_equal(
        run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_REMOVE, &names[90], 1)).affected, 1);
    assert_int_equal(
        run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_REMOVE, &names[90], 1)).affected, 0);
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1", "Sent"));
    snapshot = open_snapshot(account);
    assert_ok(snapshot_message_keywords(snapshot, status_of(account, "Sent").id, 1, &fixture->arena, &found,
                                        &count));
    assert_int_equal(count, MANY - 1);
    snapshot_close(snapshot);
    run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_REPLACE, &names[95], 1));
    assert_string_equal(keywords_text(fixture, account, "INBOX", 1), "key095");
    account_close(account);
}

static void keywords_have_a_limit(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice *names = arena_array(&fixture->arena, struct slice, KEYWORDS_MAX);
    struct slice surplus = S("surplus");
    append_many(fixture, account, "INBOX", 2);
    for (size_t i = 0; i < KEYWORDS_MAX; i++) {
        names[i] = slice_from(arena_printf(&fixture->arena, "key%04zu", i));
    }
    run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_ADD, names, KEYWORDS_MAX));
    assert_err(try_run(fixture, account, keywords_on(fixture, "INBOX", "2", FLAGS_ADD, &surplus, 1), NULL),
               ERR_LIMIT);
    assert_rows(fixture, account, "INBOX", "1 2");
    run(fixture, account, keywords_on(fixture, "INBOX", "1", FLAGS_REMOVE, &names[500], 1));
    run(fixture, account, keywords_on(fixture, "INBOX", "2", FLAGS_ADD, &surplus, 1)); /* in its place */
    assert_string_equal(keywords_text(fixture, account, "INBOX", 2), "surplus");
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(flags_are_added_removed_replaced),
        conformance_test(only_what_changes_gets_a_modseq),
        conformance_test(unchangedsince_leaves_newer_messages_alone),
        conformance_test(unchangedsince_zero_changes_nothing),
        conformance_test(condition_sees_what_the_batch_did_before),
        conformance_test(keywords_come_and_go_without_case),
        conformance_test(keywords_go_along),
        conformance_test(what_is_no_keyword_is_refused),
        conformance_test(more_than_63_keywords_are_kept),
        conformance_test(keywords_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
