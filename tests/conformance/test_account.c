/* SPDX-License-Identifier: ISC */
/* What an account has beside messages: annotations, rights, scripts, what was seen; assertions; the POP3
 * lock. */
#include "suite.h"

#include "base/clock.h"

static struct batch_operation annotate(const char *mailbox, const char *entry, const char *value)
{
    struct batch_operation operation = operation_on(BATCH_ANNOTATE, mailbox);
    operation.annotate.entry = slice_from(entry);
    operation.annotate.value = slice_from(value);
    operation.annotate.remove = value == NULL;
    return operation;
}

/* "entry=value entry=value" */
static const char *annotations_text(struct fixture *fixture, struct account *account, int64_t mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct annotation *list;
    size_t count;
    struct buf text;
    buf_init(&text, 1000000);
    assert_ok(snapshot_annotations(snapshot, mailbox, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s=%.*s", i ? " " : "", SLICE_ARG(list[i].entry), SLICE_ARG(list[i].value));
    }
    snapshot_close(snapshot);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static void annotations_of_account_and_mailboxes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t before = entry_of(fixture, account, "Sent").attr_modseq;
    run(fixture, account, annotate("", "/private/comment", "mine"));
    run(fixture, account, annotate("Sent", "/private/b", "2"));
    run(fixture, account, annotate("Sent", "/private/a", "1"));
    run(fixture, account, annotate("Sent", "/PRIVATE/B", "3")); /* compared without case */
    int64_t sent = status_of(account, "Sent").id;
    assert_string_equal(annotations_text(fixture, account, 0), "/private/comment=mine");
    const char *text = annotations_text(fixture, account, sent);
    assert_true(strcasecmp(text, "/private/a=1 /private/b=3") == 0);
    assert_string_equal(annotations_text(fixture, account, 1), "");
    assert_true(entry_of(fixture, account, "Sent").attr_modseq > before);
    /* RFC 7162 section 3.2: HIGHESTMODSEQ is raised by what changes an annotation, and by nothing else. */
    uint64_t highest = status_of(account, "Sent").highestmodseq;
    assert_int_equal(highest, entry_of(fixture, account, "Sent").attr_modseq);
    run(fixture, account, annotate("Sent", "/private/a", "1"));
    assert_int_equal(status_of(account, "Sent").highestmodseq, highest);
    run(fixture, account, annotate("Sent", "/Private/A", NULL));
    assert_true(status_of(account, "Sent").highestmodseq > highest);
    run(fixture, account, annotate("Sent", "/private/unknown", NULL));
    assert_true(strcasecmp(annotations_text(fixture, account, sent), "/private/b=3") == 0);
    run(fixture, account, annotate("Sent", "/private/b", "")); /* an empty value is one */
    assert_true(strcasecmp(annotations_text(fixture, account, sent), "/private/b=") == 0);
    run(fixture, account, rename_of("Sent", "Gone")); /* they go along */
    assert_true(strcasecmp(annotations_text(fixture, account, sent), "/private/b=") == 0);
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Gone"));
    assert_string_equal(annotations_text(fixture, account, sent), "");
    assert_err(try_run(fixture, account, annotate("None", "/private/a", "1"), NULL), ERR_NOT_FOUND);
    account_close(account);
}

static void annotations_have_limits(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation operation = annotate("INBOX", "/private/big", "");
    char *big = arena_alloc(&fixture->arena, ANNOTATION_VALUE_MAX + 1);
    operation.annotate.value = slice_of(big, ANNOTATION_VALUE_MAX); /* any bytes: NULs */
    run(fixture, account, operation);
    operation.annotate.value = slice_of(big, ANNOTATION_VALUE_MAX + 1);
    assert_err(try_run(fixture, account, operation, NULL), ERR_LIMIT);
    struct batch_operation *many = arena_array(&fixture->arena, struct batch_operation, ANNOTATIONS_MAX);
    for (int i = 0; i < ANNOTATIONS_MAX; i++) {
        many[i] = annotate(i % 2 ? "" : "Sent", arena_printf(&fixture->arena, "/private/%d", i), "x");
    }
    assert_ok(batch_commit(account, many, ANNOTATIONS_MAX - 1, NULL));
    assert_err(try_run(fixture, account, many[ANNOTATIONS_MAX - 1], NULL), ERR_LIMIT);
    run(fixture, account, annotate("", "/private/1", "replaced"));
    run(fixture, account, annotate("INBOX", "/private/big", NULL));
    run(fixture, account, many[ANNOTATIONS_MAX - 1]);
    account_close(account);
}

static const char *rights_text(struct fixture *fixture, struct account *account, int64_t mailbox)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct rights_entry *list;
    size_t count;
    struct buf text;
    buf_init(&text, 10000);
    assert_ok(snapshot_rights(snapshot, mailbox, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s=%.*s", i ? " " : "", SLICE_ARG(list[i].identifier),
                   SLICE_ARG(list[i].rights));
    }
    snapshot_close(snapshot);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static struct batch_operation rights_of(const char *mailbox, struct slice identifier, struct slice rights)
{
    struct batch_operation operation = operation_on(BATCH_SET_RIGHTS, mailbox);
    operation.rights = (struct batch_rights){identifier, rights};
    return operation;
}

static void rights_by_identifier(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t before = entry_of(fixture, account, "Sent").attr_modseq;
    int64_t sent = status_of(account, "Sent").id;
    run(fixture, account, rights_of("Sent", S("bob@example.org"), S("lrs")));
    run(fixture, account, rights_of("Sent", S("anyone"), S("l")));
    run(fixture, account, rights_of("Sent", S("bob@example.org"), S("lr")));
    assert_string_equal(rights_text(fixture, account, sent), "anyone=l bob@example.org=lr");
    assert_true(entry_of(fixture, account, "Sent").attr_modseq > before);
    run(fixture, account, rights_of("Sent", S("anyone"), S("")));
    assert_string_equal(rights_text(fixture, account, sent), "bob@example.org=lr");
    assert_string_equal(rights_text(fixture, account, 1), "");
    run(fixture, account, operation_on(BATCH_MAILBOX_DELETE, "Sent"));
    assert_string_equal(rights_text(fixture, account, sent), "");
    assert_err(try_run(fixture, account, rights_of("Sent", S("x"), S("l")), NULL), ERR_NOT_FOUND);
    account_close(account);
}

static struct batch_operation sieve(enum batch_kind kind, struct slice name, struct slice other)
{
    struct batch_operation operation = {.kind = kind, .sieve = {.name = name}};
    if (kind == BATCH_SIEVE_PUT) {
        operation.sieve.script = other;
    } else {
        operation.sieve.new_name = other;
    }
    return operation;
}

/* "name/size" with a "*" behind the active one */
static const char *scripts_text(struct fixture *fixture, struct account *account)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct sieve_entry *list;
    size_t count;
    struct buf text;
    buf_init(&text, 100000);
    assert_ok(snapshot_sieve_list(snapshot, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s/%d%s", i ? " " : "", SLICE_ARG(list[i].name), (int)list[i].size,
                   list[i].active ? "*" : "");
    }
    snapshot_close(snapshot);
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static enum err read_script(struct fixture *fixture, struct account *account, struct slice name,
                            struct slice *script_r)
{
    struct snapshot *snapshot = open_snapshot(account);
    enum err err = snapshot_sieve(snapshot, name, &fixture->arena, script_r);
    snapshot_close(snapshot);
    return err;
}

static void scripts_by_name_one_active(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct slice none = SLICE_EMPTY, script;
    run(fixture, account, sieve(BATCH_SIEVE_PUT, S("work"), S("keep;")));
    run(fixture, account, sieve(BATCH_SIEVE_PUT, S("holiday"), S("discard;")));
    assert_string_equal(scripts_text(fixture, account), "holiday/8 work/5");
    assert_err(read_script(fixture, account, none, &script), ERR_NOT_FOUND); /* none is active */
    run(fixture, account, sieve(BATCH_SIEVE_ACTIVATE, S("work"), none));
    run(fixture, account, sieve(BATCH_SIEVE_ACTIVATE, S("holiday"), none)); /* in its place */
    assert_string_equal(scripts_text(fixture, account), "holiday/8* work/5");
    assert_ok(read_script(fixture, account, none, &script));
    assert_text(script, "discard;");
    run(fixture, account, sieve(BATCH_SIEVE_PUT, S("holiday"), S("stop;"))); /* replaced, still active */
    assert_string_equal(scripts_text(fixture, account), "holiday/5* work/5");
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_DELETE, S("holiday"), none), NULL), ERR_DENIED);
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_RENAME, S("holiday"), S("work")), NULL),
               ERR_EXISTS);
    run(fixture, account, sieve(BATCH_SIEVE_RENAME, S("holiday"), S("sun")));
    assert_string_equal(scripts_text(fixture, account), "sun/5* work/5");
    run(fixture, account, sieve(BATCH_SIEVE_ACTIVATE, none, none));
    run(fixture, account, sieve(BATCH_SIEVE_DELETE, S("sun"), none));
    assert_string_equal(scripts_text(fixture, account), "work/5");
    assert_ok(read_script(fixture, account, S("work"), &script));
    assert_text(script, "keep;");
    assert_err(read_script(fixture, account, S("sun"), &script), ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_DELETE, S("sun"), none), NULL), ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_ACTIVATE, S("sun"), none), NULL), ERR_NOT_FOUND);
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_RENAME, S("sun"), S("a")), NULL), ERR_NOT_FOUND);
    account_close(account);
}

static void scripts_have_limits(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    char *big = arena_alloc(&fixture->arena, SIEVE_SCRIPT_MAX + 1);
    memset(big, '#', SIEVE_SCRIPT_MAX + 1);
    assert_err(try_run(fixture, account,
                       sieve(BATCH_SIEVE_PUT, S("big"), slice_of(big, SIEVE_SCRIPT_MAX + 1)), NULL),
               ERR_LIMIT);
    run(fixture, account, sieve(BATCH_SIEVE_PUT, S("big"), slice_of(big, SIEVE_SCRIPT_MAX)));
    for (int i = 1; i < SIEVE_SCRIPTS_MAX; i++) {
        struct slice name = slice_from(arena_printf(&fixture->arena, "s%d", i));
        run(fixture, account, sieve(BATCH_SIEVE_PUT, name, S("keep;")));
    }
    assert_err(try_run(fixture, account, sieve(BATCH_SIEVE_PUT, S("surplus"), S("keep;")), NULL), ERR_LIMIT);
    run(fixture, account, sieve(BATCH_SIEVE_PUT, S("s7"), S("stop;"))); /* to replace is fine */
    account_close(account);
}

static bool is_new(struct fixture *fixture, struct account *account, unsigned kind, struct slice key,
                   int64_t expires_us)
{
    struct batch_operation operation = {.kind = BATCH_SEEN, .seen = {kind, key, expires_us}};
    return run(fixture, account, operation).was_new;
}

static void what_was_seen_is_known_until_it_expires(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    int64_t later = clock_wall_us() + 3600000000, before = clock_wall_us() - 1000000;
    uint64_t modseq = status_of(account, "INBOX").highestmodseq;
    assert_true(is_new(fixture, account, 1, S("bob"), later));
    assert_false(is_new(fixture, account, 1, S("bob"), later));
    assert_true(is_new(fixture, account, 2, S("bob"), later)); /* kinds are apart */
    assert_true(is_new(fixture, account, 1, S("Bob"), later)); /* bytes */
    assert_true(is_new(fixture, account, 1, S("a\0b"), later));
    assert_false(is_new(fixture, account, 1, S("a\0b"), later));
    assert_true(is_new(fixture, account, 1, S("carol"), before));
    assert_true(is_new(fixture, account, 1, S("carol"), before)); /* had expired */
    assert_true(is_new(fixture, account, 1, S("carol"), later));
    assert_false(is_new(fixture, account, 1, S("carol"), later));
    assert_int_equal(status_of(account, "INBOX").highestmodseq, modseq);
    account_close(account);
}

static enum err expect(struct fixture *fixture, struct account *account, const char *mailbox,
                       struct batch_assert what)
{
    struct batch_operation operation = operation_on(BATCH_ASSERT, mailbox);
    operation.expect = what;
    return try_run(fixture, account, operation, NULL);
}

static void assertions_hold_or_stop_the_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_many(fixture, account, "INBOX", 2);
    struct mailbox_status status = status_of(account, "INBOX");
    uint64_t modseq = status.highestmodseq;
    assert_ok(expect(fixture, account, "INBOX", (struct batch_assert){.uidvalidity = status.uidvalidity}));
    assert_err(expect(fixture, account, "INBOX", (struct batch_assert){.uidvalidity = 1}), ERR_CONFLICT);
    assert_ok(expect(fixture, account, "INBOX", (struct batch_assert){.highestmodseq_max = modseq}));
    assert_err(expect(fixture, account, "INBOX", (struct batch_assert){.highestmodseq_max = modseq - 1}),
               ERR_CONFLICT);
    assert_ok(expect(fixture, account, "None", (struct batch_assert){.absent = true}));
    assert_err(expect(fixture, account, "inbox", (struct batch_assert){.absent = true}), ERR_CONFLICT);
    struct batch_operation quota = {.kind = BATCH_QUOTA_SET};
    quota.quota = (struct batch_quota){.limit_bytes = 3 * HELLO.len, .limit_messages = 4};
    run(fixture, account, quota);
    assert_ok(expect(fixture, account, "", (struct batch_assert){.room_bytes = HELLO.len}));
    assert_err(expect(fixture, account, "", (struct batch_assert){.room_bytes = HELLO.len + 1}),
               ERR_OVER_QUOTA);
    assert_ok(expect(fixture, account, "", (struct batch_assert){.room_messages = 2}));
    assert_err(expect(fixture, account, "", (struct batch_assert){.room_messages = 3}), ERR_OVER_QUOTA);
    struct batch_operation guarded[] = {flags_on(fixture, "INBOX", "1", FLAGS_ADD, MESSAGE_SEEN),
                                        operation_on(BATCH_ASSERT, "INBOX")};
    guarded[1].expect.highestmodseq_max = modseq; /* what the batch did before counts */
    assert_err(batch_commit(account, guarded, 2, NULL), ERR_CONFLICT);
    assert_rows(fixture, account, "INBOX", "1 2");
    account_close(account);
}

static void maildrop_is_for_one(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct maildrop_lock *first = NULL, *second = NULL;
    assert_ok(maildrop_lock(account, &first));
    assert_err(maildrop_lock(account, &second), ERR_BUSY);
    append_many(fixture, account, "INBOX", 1); /* mail comes in all the same */
    assert_int_equal(maildrop_previous_login_us(first), 0);
    maildrop_note_login(first, 1700000000123456);
    maildrop_unlock(first);
    assert_ok(maildrop_lock(account, &second));
    assert_int_equal(maildrop_previous_login_us(second), 1700000000123456);
    maildrop_unlock(second);
    account_close(account);
}

static void accounts_come_and_go_with_users(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = NULL, *again = NULL;
    assert_err(account_open(fixture->store, S("bob@example.org"), &account), ERR_NOT_FOUND);
    assert_ok(directory_user_add(fixture->store, S("Bob@example.org"), S(""), 0, NULL));
    account = open_account(fixture, S("bob@example.org"));
    assert_text(account_login(account), "bob@example.org");
    assert_ptr_equal(account_store(account), fixture->store);
    again = open_account(fixture, S("bob@example.org"));
    append_many(fixture, account, "INBOX", 1);
    assert_int_equal(status_of(again, "INBOX").messages, 1);
    uint32_t uidvalidity = status_of(account, "INBOX").uidvalidity;
    account_close(again);
    account_close(account);
    assert_ok(directory_user_remove(fixture->store, S("bob@example.org"), true, NULL));
    assert_err(account_open(fixture->store, S("bob@example.org"), &account), ERR_NOT_FOUND);
    assert_ok(directory_user_add(fixture->store, S("bob@example.org"), S(""), 0, NULL));
    account = open_account(fixture, S("bob@example.org"));
    assert_int_equal(status_of(account, "INBOX").messages, 0);
    assert_true(status_of(account, "INBOX").uidvalidity > uidvalidity);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(annotations_of_account_and_mailboxes),
        conformance_test(annotations_have_limits),
        conformance_test(rights_by_identifier),
        conformance_test(scripts_by_name_one_active),
        conformance_test(scripts_have_limits),
        conformance_test(what_was_seen_is_known_until_it_expires),
        conformance_test(assertions_hold_or_stop_the_batch),
        conformance_test(maildrop_is_for_one),
        conformance_test(accounts_come_and_go_with_users),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
