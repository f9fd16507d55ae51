/* SPDX-License-Identifier: ISC */
/* Mailboxes: made, renamed in trees, deleted; special uses, subscriptions, UIDVALIDITY. */
#include "suite.h"

static const char *mailbox_names(struct fixture *fixture, struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct mailbox_entry *list;
    size_t count;
    assert_ok(snapshot_mailboxes(snapshot, &fixture->arena, &list, &count));
    struct slice *names = arena_array(&fixture->arena, struct slice, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = list[i].name;
    }
    snapshot_close(snapshot);
    return names_text(fixture, names, count);
}

static const char *subscriptions(struct fixture *fixture, struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct slice *names;
    size_t count;
    assert_ok(snapshot_subscriptions(snapshot, &fixture->arena, &names, &count));
    snapshot_close(snapshot);
    return names_text(fixture, names, count);
}

static enum err try_create(struct fixture *fixture, struct account *account, struct slice name)
{
    struct batch_operation operation = {.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(name)};
    return try_run(fixture, account, operation, NULL);
}

#define FIRST "INBOX,Archive,Drafts,Junk,Sent,Trash"

static void a_new_account_has_its_mailboxes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    assert_string_equal(mailbox_names(fixture, account), FIRST);
    assert_string_equal(subscriptions(fixture, account), "Archive,Drafts,INBOX,Junk,Sent,Trash");
    struct mailbox_entry entry = entry_of(fixture, account, "Sent");
    assert_text(entry.special_use, "\\Sent");
    assert_true(entry.subscribed);
    assert_int_equal(strlen(entry.guid), 32);
    assert_true(entry.status.uidvalidity > 0);
    assert_int_equal(entry.status.uidnext, 1);
    assert_true(entry.status.highestmodseq > 0); /* RFC 7162 section 3.1.2.1 */
    assert_int_equal(entry_of(fixture, account, "inbox").status.id, 1);
    assert_string_not_equal(entry.guid, entry_of(fixture, account, "INBOX").guid);
    account_close(account);
}

static void create_makes_levels_above(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation operation = operation_on(BATCH_MAILBOX_CREATE, "Work/2024/May");
    operation.create.subscribed = true;
    struct batch_result result = run(fixture, account, operation);
    struct mailbox_entry entry = entry_of(fixture, account, "Work/2024/May");
    assert_int_equal(result.mailbox_id, entry.status.id);
    assert_int_equal(result.uidvalidity, entry.status.uidvalidity);
    assert_true(entry.subscribed);
    assert_int_equal(entry.special_use.len, 0);
    assert_string_equal(mailbox_names(fixture, account), FIRST ",Work,Work/2024,Work/2024/May");
    assert_false(entry_of(fixture, account, "Work").subscribed);
    assert_err(try_create(fixture, account, S("Work")), ERR_EXISTS);
    assert_err(try_create(fixture, account, S("iNbOx")), ERR_EXISTS);
    assert_true(entry.status.id != entry_of(fixture, account, "Work").status.id);
    create(fixture, account, "work"); /* case matters */
    create(fixture, account, "inbox/Lists");
    assert_true(mailbox_is_there(fixture, account, "INBOX/Lists"));
    account_close(account);
}

static void what_is_no_name_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct buf deep;
    buf_init(&deep, 10000);
    for (int i = 0; i <= MAILBOX_DEPTH_MAX; i++) {
        buf_printf(&deep, "%sa", i ? "/" : "");
    }
    char longest[MAILBOX_NAME_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    struct slice bad[] = {S(""),          S("/"),
                          S("a//b"),      S("/a"),
                          S("a/"),        S("a\nb"),
                          S("a\0b"),      S("a*"),
                          S("a%"),        S("\xff\xfe"),
                          S("\x7f"),      buf_slice(&deep),
                          S("a\xc2\x85"), slice_of(longest, sizeof(longest))};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct batch_operation rename = rename_of("Drafts", "x"),
                               subscribe = operation_on(BATCH_SUBSCRIBE, "");
        assert_err(try_create(fixture, account, bad[i]), ERR_SYNTAX);
        rename.rename.new_name = bad[i];
        assert_err(try_run(fixture, account, rename, NULL), ERR_SYNTAX);
        subscribe.mailbox.name = bad[i];
        subscribe.subscribe.subscribed = true;
        assert_err(try_run(fixture, account, subscribe, NULL), ERR_SYNTAX);
    }
    assert_string_equal(mailbox_names(fixture, account), FIRST);
    assert_ok(try_create(fixture, account, S(".dots.and ~& \"quotes\"")));
    assert_ok(try_create(fixture, account, S("\xe5\x8f\xb0\xe5\x8c\x97")));
    assert_ok(try_create(fixture, account, S("e\xcc\x81"))); /* is composed */
    assert_true(mailbox_is_there(fixture, account, "\xc3\xa9"));
    assert_err(try_create(fixture, account, S("\xc3\xa9")), ERR_EXISTS);
    buf_free(&deep);
    account_close(account);
}

static void rename_takes_the_tree_along(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    create(fixture, account, "a/b/c");
    create(fixture, account, "ab");
    append_many(fixture, account, "a/b", 2);
    struct batch_operation subscribe = operation_on(BATCH_SUBSCRIBE, "a/b/c");
    subscribe.subscribe.subscribed = true;
    run(fixture, account, subscribe);
    struct mailbox_entry before = entry_of(fixture, account, "a/b");
    run(fixture, account, rename_of("a", "x/y"));
    assert_string_equal(mailbox_names(fixture, account), FIRST ",ab,x,x/y,x/y/b,x/y/b/c");
    struct mailbox_entry after = entry_of(fixture, account, "x/y/b");
    assert_int_equal(after.status.id, before.status.id);
    assert_int_equal(after.status.uidvalidity, before.status.uidvalidity);
    assert_int_equal(after.status.uidnext, 3);
    assert_string_equal(after.guid, before.guid);
    assert_true(after.attr_modseq > before.attr_modseq);
    assert_int_equal(after.status.highestmodseq, before.status.highestmodseq);
    assert_rows(fixture, account, "x/y/b", "1 2");
    assert_slice(read_message(fixture, account, after.status.id, 2), HELLO);
    assert_string_equal(subscriptions(fixture, account), "Archive,Drafts,INBOX,Junk,Sent,Trash,x/y/b/c");
    run(fixture, account, rename_of("x/y/b", "x/y/z")); /* a part of a tree */
    assert_string_equal(mailbox_names(fixture, account), FIRST ",ab,x,x/y,x/y/z,x/y/z/c");
    assert_int_equal(append_text(fixture, account, "x/y/z", HELLO), 3);
    run(fixture, account, rename_of("x/y/z/c", "z")); /* up */
    run(fixture, account, rename_of("z", "x/y/z/c"));
    account_close(account);
}

/* New names that are old names of the same tree: in whatever order, none is in the way of another. */
static void rename_moves_a_tree_up_in_itself(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    create(fixture, account, "a/x/x/z");
    create(fixture, account, "a/x/z");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "a"));
    int64_t id = status_of(account, "a/x/x/z").id;
    run(fixture, account, rename_of("a/x", "a"));
    assert_string_equal(mailbox_names(fixture, account), FIRST ",a,a/x,a/x/z,a/z");
    assert_int_equal(status_of(account, "a/x/z").id, id);
    account_close(account);
}

static void rename_refuses_what_cannot_be(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    create(fixture, account, "a/b");
    create(fixture, account, "c");
    assert_err(try_run(fixture, account, rename_of("a", "c"), NULL), ERR_EXISTS);
    assert_err(try_run(fixture, account, rename_of("a", "a"), NULL), ERR_EXISTS);
    assert_err(try_run(fixture, account, rename_of("a", "inbox"), NULL), ERR_EXISTS);
    assert_err(try_run(fixture, account, rename_of("a", "a/d"), NULL), ERR_SYNTAX);
    assert_err(try_run(fixture, account, rename_of("a", "a/b/d"), NULL), ERR_SYNTAX);
    assert_err(try_run(fixture, account, rename_of("d", "e"), NULL), ERR_NOT_FOUND);
    create(fixture, account, "p/b");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "p"));               /* p/b stays, without p */
    assert_err(try_run(fixture, account, rename_of("a", "p"), NULL), ERR_EXISTS); /* a/b would become it */
    assert_string_equal(mailbox_names(fixture, account), FIRST ",a,a/b,c,p/b");
    account_close(account);
}

/* RFC 3501 section 6.3.5 */
static void rename_of_inbox_moves_its_messages(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    bool complete = false;
    append_many(fixture, account, "INBOX", 3);
    create(fixture, account, "INBOX/below");
    run(fixture, account, flags_on(fixture, "INBOX", "2", FLAGS_ADD, MESSAGE_SEEN));
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    run(fixture, account, rename_of("inbox", "Old/Mail"));
    assert_string_equal(mailbox_names(fixture, account),
                        "INBOX,Archive,Drafts,INBOX/below,Junk,Old,Old/Mail,Sent,Trash");
    assert_rows(fixture, account, "INBOX", "");
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_int_equal(status_of(account, "INBOX").id, 1);
    assert_int_equal(status_of(account, "Old/Mail").messages, 3);
    assert_int_equal(status_of(account, "Old/Mail").unseen, 2);
    assert_string_equal(vanished_text(fixture, account, "INBOX", before, &complete), "1:3");
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 4);
    assert_err(try_run(fixture, account, rename_of("INBOX", "Old"), NULL), ERR_EXISTS);
    account_close(account);
}

static void delete_takes_messages_and_leaves_what_is_below(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    create(fixture, account, "a/b");
    append_many(fixture, account, "a", 3);
    append_many(fixture, account, "a/b", 1);
    struct batch_operation subscribe = operation_on(BATCH_SUBSCRIBE, "a");
    subscribe.subscribe.subscribed = true;
    run(fixture, account, subscribe);
    struct mailbox_status old = status_of(account, "a");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "a"));
    assert_string_equal(mailbox_names(fixture, account), FIRST ",a/b");
    assert_rows(fixture, account, "a/b", "1");
    assert_int_equal(quota_of(account).messages, 1);
    /* RFC 3501 section 6.3.9: the name stays subscribed. */
    assert_string_equal(subscriptions(fixture, account), "Archive,Drafts,INBOX,Junk,Sent,Trash,a");
    struct blob_reader reader;
    assert_err(message_open(account, old.id, 1, &reader), ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "a"), NULL), ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Inbox"), NULL), ERR_DENIED);
    account_close(account);
}

static void a_name_never_has_the_same_uidvalidity_again(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint32_t last = 0;
    int64_t last_id = 0;
    for (int i = 0; i < 5; i++) {
        struct batch_result made = create(fixture, account, "a");
        assert_true(made.uidvalidity > last);
        assert_true(made.mailbox_id > last_id); /* nor the identifier */
        last = made.uidvalidity;
        last_id = made.mailbox_id;
        append_many(fixture, account, "a", 1);
        run(fixture, account,
            i % 2 ? operation_on(BATCH_MAILBOX_DELETE, "a")
                  : rename_of("a", arena_printf(&fixture->arena, "b%d", i)));
    }
    struct batch_operation operation = operation_on(BATCH_MAILBOX_CREATE, "a");
    operation.create.wanted_uidvalidity = last - 1; /* lower than the name had: not granted */
    assert_true(run(fixture, account, operation).uidvalidity > last);
    operation = operation_on(BATCH_MAILBOX_CREATE, "never");
    operation.create.wanted_uidvalidity = 17;
    operation.create.wanted_uidnext = 1000;
    struct batch_result made = run(fixture, account, operation);
    assert_int_equal(made.uidvalidity, 17);
    assert_int_equal(append_text(fixture, account, "never", HELLO), 1000);
    account_close(account);
}

static void an_empty_mailbox_takes_the_uids_of_another_store(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation set = operation_on(BATCH_MAILBOX_SET, "INBOX");
    set.set.wanted_uidvalidity = 99;
    set.set.wanted_uidnext = 500;
    run(fixture, account, set);
    assert_int_equal(status_of(account, "INBOX").uidvalidity, 99);
    assert_int_equal(status_of(account, "INBOX").uidnext, 500);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 500);
    set.set.wanted_uidvalidity = 98;
    assert_err(try_run(fixture, account, set, NULL), ERR_CONFLICT);
    account_close(account);
}

static void special_uses_are_given_once(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation operation = operation_on(BATCH_MAILBOX_CREATE, "Sent2");
    operation.create.special_use = S("\\sent");
    assert_err(try_run(fixture, account, operation, NULL), ERR_EXISTS);
    operation.create.special_use = S("sent");
    assert_err(try_run(fixture, account, operation, NULL), ERR_SYNTAX);
    operation.create.special_use = S("\\Flagged");
    run(fixture, account, operation);
    assert_text(entry_of(fixture, account, "Sent2").special_use, "\\Flagged");
    struct batch_operation set = operation_on(BATCH_MAILBOX_SET, "Sent2");
    set.set.special_use = S("\\Sent");
    assert_err(try_run(fixture, account, set, NULL), ERR_EXISTS);
    uint64_t before = entry_of(fixture, account, "Sent").attr_modseq;
    struct batch_operation hand_over[] = {operation_on(BATCH_MAILBOX_SET, "Sent"), set};
    assert_ok(batch_commit(account, hand_over, 2, NULL));
    assert_int_equal(entry_of(fixture, account, "Sent").special_use.len, 0);
    assert_text(entry_of(fixture, account, "Sent2").special_use, "\\Sent");
    assert_true(entry_of(fixture, account, "Sent").attr_modseq > before);
    run(fixture, account, rename_of("Sent2", "Elsewhere/Sent3")); /* goes along */
    assert_text(entry_of(fixture, account, "Elsewhere/Sent3").special_use, "\\Sent");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Elsewhere/Sent3")); /* free again */
    set = operation_on(BATCH_MAILBOX_SET, "Sent");
    set.set.special_use = S("\\Sent");
    run(fixture, account, set);
    set.mailbox = named("None");
    assert_err(try_run(fixture, account, set, NULL), ERR_NOT_FOUND);
    account_close(account);
}

static void names_are_subscribed_with_or_without_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation subscribe = operation_on(BATCH_SUBSCRIBE, "Not/There");
    subscribe.subscribe.subscribed = true;
    run(fixture, account, subscribe);
    run(fixture, account, subscribe); /* twice is fine */
    subscribe = operation_on(BATCH_SUBSCRIBE, "Junk");
    uint64_t before = entry_of(fixture, account, "Junk").attr_modseq;
    run(fixture, account, subscribe);
    assert_string_equal(subscriptions(fixture, account), "Archive,Drafts,INBOX,Not/There,Sent,Trash");
    assert_false(entry_of(fixture, account, "Junk").subscribed);
    assert_true(entry_of(fixture, account, "Junk").attr_modseq > before);
    create(fixture, account, "Not/There"); /* is subscribed already */
    assert_true(entry_of(fixture, account, "Not/There").subscribed);
    subscribe.mailbox = named("iNBOX");
    run(fixture, account, subscribe);
    assert_string_equal(subscriptions(fixture, account), "Archive,Drafts,Not/There,Sent,Trash");
    account_close(account);
}

static void mailboxes_are_reached_by_id(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_result made = create(fixture, account, "a");
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation append = append_to("ignored", &sealed);
    append.mailbox = mailbox_numbered(made.mailbox_id);
    run(fixture, account, append);
    run(fixture, account, rename_of("a", "b"));
    assert_int_equal(run(fixture, account, append).uid, 2); /* the identifier stays */
    assert_rows(fixture, account, "b", "1 2");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "b"));
    assert_err(try_run(fixture, account, append, NULL), ERR_NOT_FOUND);
    blob_free(sealed.blob);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(a_new_account_has_its_mailboxes),
        conformance_test(create_makes_levels_above),
        conformance_test(what_is_no_name_is_refused),
        conformance_test(rename_takes_the_tree_along),
        conformance_test(rename_moves_a_tree_up_in_itself),
        conformance_test(rename_refuses_what_cannot_be),
        conformance_test(rename_of_inbox_moves_its_messages),
        conformance_test(delete_takes_messages_and_leaves_what_is_below),
        conformance_test(a_name_never_has_the_same_uidvalidity_again),
        conformance_test(an_empty_mailbox_takes_the_uids_of_another_store),
        conformance_test(special_uses_are_given_once),
        conformance_test(names_are_subscribed_with_or_without_mailbox),
        conformance_test(mailboxes_are_reached_by_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
