/* SPDX-License-Identifier: ISC */
/* Shared mailboxes: each who reads in one has a \Seen of his own. */
#include "suite.h"

#define BOB   "bob@example.org"
#define CAROL "carol@example.org"

static struct batch_operation flags_by(struct fixture *fixture, const char *viewer, const char *mailbox,
                                       const char *set, enum batch_flag_change change, uint32_t flags)
{
    struct batch_operation operation = flags_on(fixture, mailbox, set, change, flags);
    operation.flags.viewer = slice_from(viewer);
    return operation;
}

static struct batch_result see(struct fixture *fixture, struct account *account, const char *viewer,
                               const char *mailbox, const char *set)
{
    return run(fixture, account, flags_by(fixture, viewer, mailbox, set, FLAGS_ADD, MESSAGE_SEEN));
}

static const char *seen_text(struct fixture *fixture, struct account *account, const char *viewer,
                             const char *mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct uid_set set;
    assert_ok(
        snapshot_seen(snapshot, status_of(account, mailbox).id, slice_from(viewer), &fixture->arena, &set));
    snapshot_close(snapshot);
    return set_text(fixture, set);
}

#define assert_seen(fixture, account, viewer, mailbox, expected) \
    assert_string_equal(seen_text((fixture), (account), (viewer), (mailbox)), (expected))

static const char *viewers_text(struct fixture *fixture, struct account *account, const char *mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_viewers(snapshot, status_of(account, mailbox).id, &fixture->arena, &names, &count));
    snapshot_close(snapshot);
    return names_text(fixture, names, count);
}

static void each_viewer_has_his_own(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 6);
    assert_seen(fixture, account, BOB, "INBOX", "");
    run(fixture, account, flags_on(fixture, "INBOX", "5:6", FLAGS_ADD, MESSAGE_SEEN));
    struct batch_result result = see(fixture, account, BOB, "INBOX", "2:5,9");
    assert_set(fixture, result.changed, "2:5");
    assert_int_equal(result.affected, 4);
    see(fixture, account, CAROL, "INBOX", "1");
    assert_seen(fixture, account, BOB, "INBOX", "2:5");
    assert_seen(fixture, account, CAROL, "INBOX", "1");
    assert_rows(fixture, account, "INBOX", "1 2 3 4 5:S 6:S"); /* the owner's as they were */
    assert_int_equal(status_of(account, "INBOX").unseen, 4);
    run(fixture, account, flags_by(fixture, BOB, "INBOX", "3", FLAGS_REMOVE, MESSAGE_SEEN));
    assert_seen(fixture, account, BOB, "INBOX", "2,4:5");
    assert_string_equal(viewers_text(fixture, account, "INBOX"), BOB "," CAROL);
    assert_string_equal(viewers_text(fixture, account, "Sent"), "");
    run(fixture, account, flags_on(fixture, "INBOX", "1:6", FLAGS_REMOVE, MESSAGE_SEEN));
    assert_seen(fixture, account, BOB, "INBOX", "2,4:5");
    account_close(account);
}

static void the_other_flags_are_everybodys(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    struct slice work[] = {S("Work")};
    struct batch_operation store =
        flags_by(fixture, BOB, "INBOX", "1:2", FLAGS_ADD, MESSAGE_SEEN | MESSAGE_FLAGGED);
    store.flags.keywords = work;
    store.flags.keyword_count = 1;
    run(fixture, account, store);
    assert_rows(fixture, account, "INBOX", "1:F 2:F 3");
    run(fixture, account, flags_on(fixture, "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN));
    /* FLAGS (\Answered), as a STORE of the viewer's: his \Seen goes, the owner's stays. */
    run(fixture, account, flags_by(fixture, BOB, "INBOX", "1", FLAGS_REPLACE, MESSAGE_ANSWERED));
    assert_rows(fixture, account, "INBOX", "1:RS 2:F 3");
    assert_seen(fixture, account, BOB, "INBOX", "2");
    run(fixture, account, flags_by(fixture, BOB, "INBOX", "3", FLAGS_REPLACE, MESSAGE_SEEN));
    assert_seen(fixture, account, BOB, "INBOX", "2:3");
    assert_rows(fixture, account, "INBOX", "1:RS 2:F 3");
    account_close(account);
}

/* Who is named with his own account is its owner. */
static void the_owner_is_no_viewer(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    see(fixture, account, "alice@example.org", "INBOX", "2");
    assert_rows(fixture, account, "INBOX", "1 2:S");
    assert_string_equal(viewers_text(fixture, account, "INBOX"), "");
    assert_err(
        try_run(fixture, account, flags_by(fixture, "a\nb", "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN), NULL),
        ERR_SYNTAX);
    account_close(account);
}

/* RFC 7162 section 3.1: sessions of the viewer find the change by its MODSEQ. */
static void to_have_seen_is_a_change(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    struct batch_result result = see(fixture, account, BOB, "INBOX", "2");
    assert_true(result.modseq > before);
    assert_int_equal(modseq_of(account, "INBOX", 2), result.modseq);
    assert_int_equal(status_of(account, "INBOX").highestmodseq, result.modseq);
    result = see(fixture, account, BOB, "INBOX", "2"); /* is so already */
    assert_int_equal(result.affected, 0);
    assert_true(modseq_of(account, "INBOX", 1) <= before);
    struct batch_operation store = flags_by(fixture, BOB, "INBOX", "1:3", FLAGS_ADD, MESSAGE_SEEN);
    store.flags.unchanged_since = before;
    result = run(fixture, account, store);
    assert_set(fixture, result.changed, "1,3");
    assert_set(fixture, result.failed, "2");
    assert_seen(fixture, account, BOB, "INBOX", "1:3");
    store.flags.change = FLAGS_REMOVE;
    store.flags.never = true;
    assert_set(fixture, run(fixture, account, store).failed, "1:3");
    assert_seen(fixture, account, BOB, "INBOX", "1:3");
    account_close(account);
}

static void a_message_put_in_as_seen_is_seen_by_who_put_it_in(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.viewer = S(BOB);
    append.append.flags = MESSAGE_SEEN | MESSAGE_DRAFT;
    run(fixture, account, append);
    append.append.flags = MESSAGE_FLAGGED;
    run(fixture, account, append);
    append.append.flags = MESSAGE_SEEN;
    append.append.viewer = S("alice@example.org");
    run(fixture, account, append);
    append.append.viewer = S("\n");
    assert_err(try_run(fixture, account, append, NULL), ERR_SYNTAX);
    blob_free(sealed.blob);
    assert_rows(fixture, account, "INBOX", "1:D 2:F 3:S");
    assert_seen(fixture, account, BOB, "INBOX", "1");
    assert_int_equal(status_of(account, "INBOX").unseen, 2);
    account_close(account);
}

static void what_is_expunged_is_seen_by_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 9);
    see(fixture, account, BOB, "INBOX", "1:8");
    see(fixture, account, CAROL, "INBOX", "4");
    run(fixture, account, expunge_of(fixture, "INBOX", "4:5"));
    assert_seen(fixture, account, BOB, "INBOX", "1:3,6:8");
    assert_seen(fixture, account, CAROL, "INBOX", "");
    assert_string_equal(viewers_text(fixture, account, "INBOX"), BOB);
    run(fixture, account, expunge_of(fixture, "INBOX", "1,3,8:9"));
    assert_seen(fixture, account, BOB, "INBOX", "2,6:7");
    /* A message that comes back under its UID is not seen. */
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.wanted_uid = 3;
    run(fixture, account, append);
    blob_free(sealed.blob);
    assert_seen(fixture, account, BOB, "INBOX", "2,6:7");
    see(fixture, account, BOB, "INBOX", "3");
    assert_seen(fixture, account, BOB, "INBOX", "2:3,6:7");
    account_close(account);
}

static void moved_and_copied_it_stays_seen(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "Archive", 2);
    append_many(fixture, account, "INBOX", 6);
    see(fixture, account, BOB, "Archive", "1");
    see(fixture, account, BOB, "INBOX", "2:3,5");
    see(fixture, account, CAROL, "INBOX", "6");
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "1:3,6", "Archive")); /* 3 to 6 */
    assert_seen(fixture, account, BOB, "Archive", "1,4:5");
    assert_seen(fixture, account, CAROL, "Archive", "6");
    assert_seen(fixture, account, BOB, "INBOX", "2:3,5");
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "3:5", "Archive")); /* 7 to 9 */
    assert_seen(fixture, account, BOB, "Archive", "1,4:5,7,9");
    assert_seen(fixture, account, BOB, "INBOX", "2");
    run(fixture, account, copy_to(fixture, BATCH_COPY, "INBOX", "2,6", "INBOX")); /* 7, 8 */
    assert_seen(fixture, account, BOB, "INBOX", "2,7");
    assert_seen(fixture, account, CAROL, "INBOX", "6,8");
    run(fixture, account, copy_to(fixture, BATCH_MOVE, "INBOX", "2,8", "INBOX")); /* 9, 10 */
    assert_rows(fixture, account, "INBOX", "1 6 7 9 10");
    assert_seen(fixture, account, BOB, "INBOX", "7,9");
    assert_seen(fixture, account, CAROL, "INBOX", "6,10");
    account_close(account);
}

static void mailboxes_take_it_along(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    append_many(fixture, account, "Sent", 2);
    see(fixture, account, BOB, "INBOX", "3");
    see(fixture, account, BOB, "Sent", "1:2");
    run(fixture, account, rename_of("INBOX", "Old"));
    assert_seen(fixture, account, BOB, "INBOX", "");
    assert_seen(fixture, account, BOB, "Old", "3");
    run(fixture, account, rename_of("Sent", "Work/Sent"));
    assert_seen(fixture, account, BOB, "Work/Sent", "1:2");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Work/Sent"));
    create(fixture, account, "Work/Sent");
    append_many(fixture, account, "Work/Sent", 2);
    assert_seen(fixture, account, BOB, "Work/Sent", "");
    account_close(account);
}

/* "1 2:S": as rows_text, with \Seen as the viewer has it. */
static const char *flags_of(struct fixture *fixture, struct account *account, const char *viewer,
                            struct message_scan scan)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct message_page page;
    struct buf text;
    buf_init(&text, 1000000);
    message_page_init(&page, SCAN_FLAGS);
    scan.viewer = slice_from(viewer);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        for (size_t i = 0; i < page.count; i++) {
            buf_printf(&text, "%s%u%s%s", text.len ? " " : "", page.uids[i],
                       page.flags[i] & MESSAGE_SEEN ? ":S" : "", page.flags[i] & MESSAGE_FLAGGED ? ":F" : "");
        }
    }
    message_page_free(&page);
    snapshot_close(snapshot);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static uint64_t unseen_by(struct account *account, const char *viewer)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct mailbox_status status = status_of(account, "INBOX");
    uint64_t unseen = 0;
    assert_ok(snapshot_unseen(snapshot, &status, slice_from(viewer), &unseen));
    snapshot_close(snapshot);
    return unseen;
}

static void scans_show_flags_as_the_viewer_has_them(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 6);
    run(fixture, account, flags_on(fixture, "INBOX", "1:2", FLAGS_ADD, MESSAGE_SEEN | MESSAGE_FLAGGED));
    see(fixture, account, BOB, "INBOX", "2,4:5");
    struct message_scan all = {.mailbox_id = 1, .uids = uid_set_all};
    assert_string_equal(flags_of(fixture, account, "", all), "1:S:F 2:S:F 3 4 5 6");
    assert_string_equal(flags_of(fixture, account, BOB, all), "1:F 2:S:F 3 4:S 5:S 6");
    assert_string_equal(flags_of(fixture, account, CAROL, all), "1:F 2:F 3 4 5 6");
    struct message_scan some = {.mailbox_id = 1, .uids = uids(fixture, "1,3,5")};
    assert_string_equal(flags_of(fixture, account, BOB, some), "1:F 3 5:S");
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    see(fixture, account, BOB, "INBOX", "6");
    struct message_scan changed = {.mailbox_id = 1, .uids = uid_set_all, .changed_since = before};
    assert_string_equal(flags_of(fixture, account, BOB, changed), "6:S");
    assert_string_equal(flags_of(fixture, account, "", changed), "6");
    assert_int_equal(unseen_by(account, ""), 4);
    assert_int_equal(unseen_by(account, BOB), 2);
    assert_int_equal(unseen_by(account, CAROL), 6);
    account_close(account);
}

/* RFC 4314 section 4: a STORE of one who may not change all flags changes those that he may. */
static void flags_without_right_stay(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice work[] = {S("Work")}, other[] = {S("Other")};
    append_many(fixture, account, "INBOX", 3);
    struct batch_operation store =
        flags_on(fixture, "INBOX", "1:2", FLAGS_REPLACE, MESSAGE_FLAGGED | MESSAGE_DRAFT);
    store.flags.keywords = work;
    store.flags.keyword_count = 1;
    run(fixture, account, store);
    store = flags_by(fixture, BOB, "INBOX", "1", FLAGS_REPLACE,
                     MESSAGE_SEEN | MESSAGE_DELETED | MESSAGE_ANSWERED);
    store.flags.keywords = other;
    store.flags.keyword_count = 1;
    store.flags.kept = MESSAGE_FLAGGED | MESSAGE_ANSWERED | MESSAGE_DRAFT;
    store.flags.keeps_keywords = true;
    run(fixture, account, store);
    assert_rows(fixture, account, "INBOX", "1:DFT 2:DF 3");
    assert_seen(fixture, account, BOB, "INBOX", "1");
    store.flags.kept = MESSAGE_SEEN | MESSAGE_DELETED;
    store.flags.flags = MESSAGE_ANSWERED;
    store.flags.keeps_keywords = false;
    run(fixture, account, store); /* \Seen and \Deleted stay though all are replaced */
    assert_rows(fixture, account, "INBOX", "1:RT 2:DF 3");
    assert_seen(fixture, account, BOB, "INBOX", "1");
    store.flags.change = FLAGS_REMOVE;
    store.flags.kept = MESSAGE_ANSWERED;
    store.flags.flags = MESSAGE_ANSWERED | MESSAGE_DELETED | MESSAGE_SEEN;
    store.flags.keeps_keywords = true;
    run(fixture, account, store);
    assert_rows(fixture, account, "INBOX", "1:R 2:DF 3");
    assert_seen(fixture, account, BOB, "INBOX", "");
    store.flags.uids = uids(fixture, "2");
    store.flags.change = FLAGS_ADD;
    store.flags.kept = MESSAGE_FLAGS_ALL & ~(uint32_t)MESSAGE_SEEN;
    run(fixture, account, store);
    assert_rows(fixture, account, "INBOX", "1:R 2:DF 3");
    assert_seen(fixture, account, BOB, "INBOX", "2");
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_message_keywords(snapshot, 1, 1, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "Other");
    assert_ok(snapshot_message_keywords(snapshot, 1, 2, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "Work");
    snapshot_close(snapshot);
    account_close(account);
}

/* The same for COPY: the copies come without them. */
static void copies_come_without_flags_that_may_not_be_set(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice work[] = {S("Work")};
    append_many(fixture, account, "INBOX", 3);
    struct batch_operation store =
        flags_on(fixture, "INBOX", "1:2", FLAGS_ADD, MESSAGE_SEEN | MESSAGE_DELETED | MESSAGE_FLAGGED);
    store.flags.keywords = work;
    store.flags.keyword_count = 1;
    run(fixture, account, store);
    see(fixture, account, BOB, "INBOX", "1:3");
    see(fixture, account, CAROL, "INBOX", "2");
    struct batch_operation copy = copy_to(fixture, BATCH_COPY, "INBOX", "1:3", "Archive");
    copy.copy.viewer = S(BOB);
    copy.copy.dropped = MESSAGE_DELETED;
    run(fixture, account, copy); /* 1 to 3 */
    assert_rows(fixture, account, "Archive", "1:FS 2:FS 3");
    assert_seen(fixture, account, BOB, "Archive", "1:3");
    copy.copy.dropped = MESSAGE_SEEN | MESSAGE_FLAGGED;
    copy.copy.drops_keywords = true;
    run(fixture, account, copy); /* 4 to 6: the owner has seen them as before, bob has not */
    assert_rows(fixture, account, "Archive", "1:FS 2:FS 3 4:ST 5:ST 6");
    assert_seen(fixture, account, BOB, "Archive", "1:3");
    assert_seen(fixture, account, CAROL, "Archive", "2,5");
    struct snapshot *snapshot = open_snapshot(account);
    int64_t archive = status_of(account, "Archive").id;
    struct slice *names;
    size_t count;
    assert_ok(snapshot_message_keywords(snapshot, archive, 1, &fixture->arena, &names, &count));
    assert_string_equal(names_text(fixture, names, count), "Work");
    assert_ok(snapshot_message_keywords(snapshot, archive, 4, &fixture->arena, &names, &count));
    assert_int_equal(count, 0);
    snapshot_close(snapshot);
    copy.kind = BATCH_MOVE;
    copy.copy.uids = uids(fixture, "1");
    run(fixture, account, copy);
    assert_rows(fixture, account, "INBOX", "2:FST 3");
    assert_rows(fixture, account, "Archive", "1:FS 2:FS 3 4:ST 5:ST 6 7:ST");
    assert_int_equal(status_of(account, "Archive").unseen, 2);
    account_close(account);
}

/* Ranges that grow together, are cut, and are covered. */
static void sets_of_any_shape(void **state)
{
    static const struct {
        const char *set;
        bool seen;
        const char *expected;
    } steps[] = {
        {"10:20", true, "10:20"},
        {"22:30", true, "10:20,22:30"},
        {"21", true, "10:30"},
        {"1:9", true, "1:30"},
        {"5,7,9:11", false, "1:4,6,8,12:30"},
        {"5:8", true, "1:8,12:30"},
        {"30:40", true, "1:8,12:40"},
        {"1,40", false, "2:8,12:39"},
        {"13:38", false, "2:8,12,39"},
        {"3:14,30:50", true, "2:14,30:50"},
        {"2:14", false, "30:50"},
        {"1:60", true, "1:60"},
        {"20:30,32:34", false, "1:19,31,35:60"},
        {"25:26,28", true, "1:19,25:26,28,31,35:60"},
        {"1:60", false, ""},
        {"2,4,6,8,60", true, "2,4,6,8,60"},
        {"3,5,7", true, "2:8,60"},
        {"5:60", false, "2:4"},
    };
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 60);
    see(fixture, account, CAROL, "INBOX", "11:21,50");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        run(fixture, account,
            flags_by(fixture, BOB, "INBOX", steps[i].set, steps[i].seen ? FLAGS_ADD : FLAGS_REMOVE,
                     MESSAGE_SEEN));
        assert_seen(fixture, account, BOB, "INBOX", steps[i].expected);
        assert_seen(fixture, account, CAROL, "INBOX", "11:21,50");
    }
    account_close(account);
}

static void a_batch_that_fails_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    see(fixture, account, BOB, "INBOX", "1");
    struct batch_operation both[] = {
        flags_by(fixture, BOB, "INBOX", "1:3", FLAGS_REPLACE, MESSAGE_FLAGGED),
        flags_by(fixture, BOB, "None", "1", FLAGS_ADD, MESSAGE_SEEN),
    };
    assert_err(batch_commit(account, both, 2, NULL), ERR_NOT_FOUND);
    assert_seen(fixture, account, BOB, "INBOX", "1");
    /* And what went before in the same batch counts. */
    both[1] = flags_by(fixture, BOB, "INBOX", "3", FLAGS_ADD, MESSAGE_SEEN);
    assert_ok(batch_commit(account, both, 2, NULL));
    assert_seen(fixture, account, BOB, "INBOX", "3");
    account_close(account);
}

/* A snapshot shows what was, whatever is changed meanwhile. */
static void snapshots_hold_still(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 3);
    see(fixture, account, BOB, "INBOX", "2");
    struct snapshot *snapshot = open_snapshot(account);
    struct account *other = open_account(fixture, ALICE);
    see(fixture, other, BOB, "INBOX", "1,3");
    struct uid_set set;
    assert_ok(snapshot_seen(snapshot, 1, S(BOB), &fixture->arena, &set));
    assert_set(fixture, set, "2");
    assert_ok(snapshot_seen(snapshot, 4711, S(BOB), &fixture->arena, &set)); /* no such mailbox */
    assert_set(fixture, set, "");
    snapshot_close(snapshot);
    assert_seen(fixture, account, BOB, "INBOX", "1:3");
    account_close(other);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(each_viewer_has_his_own),
        conformance_test(the_other_flags_are_everybodys),
        conformance_test(the_owner_is_no_viewer),
        conformance_test(to_have_seen_is_a_change),
        conformance_test(a_message_put_in_as_seen_is_seen_by_who_put_it_in),
        conformance_test(what_is_expunged_is_seen_by_nobody),
        conformance_test(moved_and_copied_it_stays_seen),
        conformance_test(mailboxes_take_it_along),
        conformance_test(scans_show_flags_as_the_viewer_has_them),
        conformance_test(flags_without_right_stay),
        conformance_test(copies_come_without_flags_that_may_not_be_set),
        conformance_test(sets_of_any_shape),
        conformance_test(a_batch_that_fails_changes_nothing),
        conformance_test(snapshots_hold_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
