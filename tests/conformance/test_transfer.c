/* SPDX-License-Identifier: ISC */
/* An account out of one store and into another one: nothing is lost on the way, whatever the form; and what
 * other programs wrote comes in with what they knew. Runs on both engines. */
#include "fixture.h"

#include "storage/snapshot.h"
#include "storage/transfer.h"

#define BOB S("bob@example.org")

struct transfer_fixture {
    struct fixture fixture; /* first: the short ways of fixture.h take it */
    char *folder;
    struct transfer options;
    struct transfer_progress last;
    struct buf why;
};

static bool remember(void *data, const struct transfer_progress *progress)
{
    struct transfer_fixture *test = data;
    test->last = *progress;
    return true;
}

static int set_up_transfer(void **state)
{
    struct transfer_fixture *test = calloc(1, sizeof(*test));
    test->fixture.directory = check_temporary_directory();
    test->folder = check_temporary_directory();
    test->options = (struct transfer){.path = test->folder, .progress = remember, .data = test};
    buf_init(&test->why, 4096);
    open_store(&test->fixture);
    assert_ok(directory_domain_add(test->fixture.store, S("example.org"), NULL));
    assert_ok(directory_user_add(test->fixture.store, ALICE, S("Alice"), 0, NULL));
    assert_ok(directory_user_add(test->fixture.store, BOB, S("Bob"), 0, NULL));
    *state = test;
    return 0;
}

static int tear_down_transfer(void **state)
{
    struct transfer_fixture *test = *state;
    store_close(test->fixture.store);
    arena_free(&test->fixture.arena);
    check_remove_directory(test->fixture.directory);
    check_remove_directory(test->folder);
    buf_free(&test->why);
    free(test);
    return 0;
}

/* ---- an account with everything ---- */

static void commit(struct account *account, struct batch_operation operation)
{
    assert_ok(batch_commit(account, &operation, 1, NULL));
}

static void create_mailbox(struct account *account, const char *name, uint32_t uidvalidity)
{
    commit(account,
           (struct batch_operation){.kind = BATCH_MAILBOX_CREATE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .create = {.wanted_uidvalidity = uidvalidity, .subscribed = true}});
}

static void append_with(struct transfer_fixture *test, struct account *account, const char *mailbox,
                        struct slice text, uint32_t flags, const char *keywords, int64_t date)
{
    struct sealed sealed = seal(&test->fixture, text);
    struct batch_operation operation = append_to(mailbox, &sealed);
    struct slice list[64], rest = slice_from(keywords);
    size_t count = 0;
    while (rest.len) {
        list[count++] = slice_split(&rest, ' ');
    }
    operation.append.flags = flags;
    operation.append.keywords = list;
    operation.append.keyword_count = count;
    operation.append.internal_date_us = date;
    commit(account, operation);
    blob_free(sealed.blob);
}

static void expunge(struct account *account, const char *mailbox, uint32_t uid)
{
    struct uid_range range = {uid, uid};
    commit(account, (struct batch_operation){.kind = BATCH_EXPUNGE,
                                             .mailbox = mailbox_named(slice_from(mailbox)),
                                             .expunge = {.uids = {&range, 1}}});
}

static void copy_message(struct account *account, const char *from, uint32_t uid, const char *to)
{
    struct uid_range range = {uid, uid};
    struct arena arena = {0};
    struct batch_operation operation = {
        .kind = BATCH_COPY,
        .mailbox = mailbox_named(slice_from(from)),
        .copy = {.uids = {&range, 1}, .target = mailbox_named(slice_from(to))}};
    assert_ok(batch_commit(account, &operation, 1, &arena));
    arena_free(&arena);
}

static const char *const difficult[] = {
    "Subject: one\r\n\r\nText\r\n",
    "Subject: From\r\n\r\nFrom here on\r\n>From there\r\n>>From\r\n\r\nFrom 12:34\r\n",
    "Subject: no line end\r\n\r\nText",
    "Subject: bare LF\n\nText\nFrom x 12:34\n",
    "Subject: mixed\r\n\r\nText\nmore\r\n",
    "Subject: stray CR\r\n\r\na\rb\r\n\r\r\n",
    "Subject: many empty lines\r\n\r\n\r\n\r\n\r\n",
    "\r\nNo header\r\n",
    "From nobody 12:34\r\nSubject: From first\r\n\r\nText\r\n",
    "X-UID: 77\r\nX-UIDL: 00112233445566778899aabbccddeeff\r\nStatus: RO\r\nSubject: fields of "
    "others\r\n\r\nText\r\n",
    "no header end",
    "",
};

static void fill(struct transfer_fixture *test, struct account *account)
{
    create_mailbox(account, "Work/Jahr 2024/\xc3\x84rger", 0);
    create_mailbox(account, "a.b~c", 0);
    for (size_t i = 0; i < ARRAY_LEN(difficult); i++) {
        append_with(test, account, "INBOX", slice_from(difficult[i]), (uint32_t)i & MESSAGE_FLAGS_ALL, "",
                    1700000000000000 + (int64_t)i * 1000001);
    }
    append_with(test, account, "Work/Jahr 2024/\xc3\x84rger", HELLO, MESSAGE_SEEN, "$Forwarded Work", 1);
    append_with(test, account, "Work/Jahr 2024/\xc3\x84rger", HELLO, 0, "work $Junk", 1600000000000001);
    copy_message(account, "INBOX", 1, "Archive");
    expunge(account, "INBOX", 2);
    expunge(account, "INBOX", (uint32_t)ARRAY_LEN(difficult));
    struct buf keywords;
    buf_init(&keywords, 4096);
    for (unsigned i = 0; i < 40; i++) { /* more than there are letters */
        buf_printf(&keywords, "%sk%02u", i ? " " : "", i);
    }
    append_with(test, account, "a.b~c", HELLO, 0, buf_cstr(&keywords), 1500000000000000);
    buf_free(&keywords);
    commit(account, (struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                             .mailbox = mailbox_named(S("Gone/with the wind")),
                                             .subscribe = {.subscribed = true}});
    commit(account, (struct batch_operation){
                        .kind = BATCH_ANNOTATE,
                        .mailbox = mailbox_named(S("a.b~c")),
                        .annotate = {.entry = S("/private/comment"), .value = S("two\nlines and \x01\xff")}});
    commit(account,
           (struct batch_operation){.kind = BATCH_SET_RIGHTS,
                                    .mailbox = mailbox_named(S("Archive")),
                                    .rights = {.identifier = S("bob@example.org"), .rights = S("lr")}});
    struct uid_range some[] = {{1, 1}, {3, 4}};
    commit(account,
           (struct batch_operation){
               .kind = BATCH_FLAGS,
               .mailbox = mailbox_named(S("INBOX")),
               .flags = {.uids = {some, 2}, .flags = MESSAGE_SEEN, .viewer = S("carol@example.org")}});
    commit(account, (struct batch_operation){.kind = BATCH_SIEVE_PUT,
                                             .sieve = {.name = S("my/script"), .script = S("keep;\r\n")}});
    commit(account,
           (struct batch_operation){.kind = BATCH_SIEVE_ACTIVATE, .sieve = {.name = S("my/script")}});
}

/* ---- comparing ---- */

struct opened {
    struct account *account;
    struct snapshot *snapshot;
    struct mailbox_entry *mailboxes;
    size_t count;
};

static struct opened open_snapshot(struct transfer_fixture *test, struct slice login)
{
    struct opened opened = {.account = open_account(&test->fixture, login)};
    assert_ok(snapshot_open(opened.account, &opened.snapshot));
    assert_ok(snapshot_mailboxes(opened.snapshot, &test->fixture.arena, &opened.mailboxes, &opened.count));
    return opened;
}

static void close_snapshot(struct opened *opened)
{
    snapshot_close(opened->snapshot);
    account_close(opened->account);
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp_nocase(*(const struct slice *)a, *(const struct slice *)b);
}

static void assert_same_keywords(struct transfer_fixture *test, const struct opened *one,
                                 const struct opened *other, int64_t mailbox, int64_t other_mailbox,
                                 uint32_t uid)
{
    struct slice *list, *there;
    size_t count, count_there;
    assert_ok(snapshot_message_keywords(one->snapshot, mailbox, uid, &test->fixture.arena, &list, &count));
    assert_ok(snapshot_message_keywords(other->snapshot, other_mailbox, uid, &test->fixture.arena, &there,
                                        &count_there));
    assert_int_equal(count, count_there);
    if (count) {
        qsort(list, count, sizeof(*list), compare_slices);
        qsort(there, count, sizeof(*there), compare_slices);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(slice_eq_nocase(list[i], there[i]));
    }
}

static void assert_same_mailbox(struct transfer_fixture *test, const struct opened *one,
                                const struct opened *other, const struct mailbox_entry *mailbox,
                                const struct mailbox_entry *there)
{
    struct message_row *rows, *rows_there;
    size_t count, count_there;
    assert_slice(there->name, mailbox->name);
    assert_slice(there->special_use, mailbox->special_use);
    assert_int_equal(there->subscribed, mailbox->subscribed);
    assert_int_equal(there->status.uidvalidity, mailbox->status.uidvalidity);
    assert_true(there->status.uidnext >= mailbox->status.uidnext);
    assert_ok(mailbox_scan(one->account, mailbox->status.id, &rows, &count));
    assert_ok(mailbox_scan(other->account, there->status.id, &rows_there, &count_there));
    assert_int_equal(count, count_there);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].uid, rows_there[i].uid);
        assert_int_equal(rows[i].flags, rows_there[i].flags);
        assert_int_equal(rows[i].internal_date_us, rows_there[i].internal_date_us);
        assert_string_equal(rows[i].guid, rows_there[i].guid);
        assert_slice(read_message(&test->fixture, other->account, there->status.id, rows[i].uid),
                     read_message(&test->fixture, one->account, mailbox->status.id, rows[i].uid));
        assert_same_keywords(test, one, other, mailbox->status.id, there->status.id, rows[i].uid);
    }
    mem_free(rows);
    mem_free(rows_there);
}

static void assert_same_settings(struct transfer_fixture *test, const struct opened *one,
                                 const struct opened *other)
{
    struct arena *arena = &test->fixture.arena;
    struct slice *names, *names_there;
    struct slice script;
    size_t count, count_there;
    assert_ok(snapshot_subscriptions(one->snapshot, arena, &names, &count));
    assert_ok(snapshot_subscriptions(other->snapshot, arena, &names_there, &count_there));
    assert_int_equal(count, count_there);
    for (size_t i = 0; i < count; i++) {
        assert_slice(names[i], names_there[i]);
    }
    assert_ok(snapshot_sieve(other->snapshot, SLICE_EMPTY, arena, &script));
    assert_text(script, "keep;\r\n");
    for (size_t i = 0; i < other->count; i++) {
        struct annotation *annotations;
        struct rights_entry *rights;
        assert_ok(snapshot_annotations(other->snapshot, other->mailboxes[i].status.id, arena, &annotations,
                                       &count));
        assert_int_equal(count, slice_eq(other->mailboxes[i].name, S("a.b~c")));
        if (count) {
            assert_text(annotations[0].entry, "/private/comment");
            assert_text(annotations[0].value, "two\nlines and \x01\xff");
        }
        assert_ok(snapshot_rights(other->snapshot, other->mailboxes[i].status.id, arena, &rights, &count));
        assert_int_equal(count, slice_eq(other->mailboxes[i].name, S("Archive")));
        assert_ok(snapshot_viewers(other->snapshot, other->mailboxes[i].status.id, arena, &names, &count));
        assert_int_equal(count, slice_eq(other->mailboxes[i].name, S("INBOX")));
    }
    struct uid_set seen;
    assert_ok(snapshot_seen(other->snapshot, 1, S("carol@example.org"), arena, &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.ranges[0].last, 1);
    assert_int_equal(seen.ranges[1].first, 3);
    assert_int_equal(seen.ranges[1].last, 4);
}

static void assert_same_account(struct transfer_fixture *test)
{
    struct opened one = open_snapshot(test, ALICE), other = open_snapshot(test, BOB);
    assert_int_equal(one.count, other.count);
    for (size_t i = 0; i < one.count; i++) {
        assert_same_mailbox(test, &one, &other, &one.mailboxes[i], &other.mailboxes[i]);
    }
    assert_same_settings(test, &one, &other);
    close_snapshot(&one);
    close_snapshot(&other);
}

/* ---- round trips ---- */

static void export_alice(struct transfer_fixture *test)
{
    struct account *account = open_account(&test->fixture, ALICE);
    enum err err = account_export(account, &test->options, &test->why);
    if (err) {
        print_error("%s\n", buf_cstr(&test->why));
    }
    assert_ok(err);
    account_close(account);
}

static void import_to_bob(struct transfer_fixture *test)
{
    struct account *account = open_account(&test->fixture, BOB);
    enum err err = account_import(account, &test->options, &test->why);
    if (err) {
        print_error("%s\n", buf_cstr(&test->why));
    }
    assert_ok(err);
    account_close(account);
}

static void check_round_trip(struct transfer_fixture *test, enum transfer_format format)
{
    struct account *account = open_account(&test->fixture, ALICE);
    fill(test, account);
    account_close(account);
    test->options.format = format;
    export_alice(test);
    assert_int_equal(test->last.skipped, 0);
    assert_int_equal(test->last.messages_done, test->last.messages_total);
    test->options.format = TRANSFER_DETECT;
    import_to_bob(test);
    assert_int_equal(test->last.skipped, 0);
    assert_int_equal(test->last.renumbered, 0);
    assert_same_account(test);
    /* Both once more: nothing is left to do. */
    import_to_bob(test);
    assert_int_equal(test->last.skipped, test->last.messages_done);
    assert_same_account(test);
    test->options.format = format;
    export_alice(test);
    assert_int_equal(test->last.skipped, test->last.messages_total);
}

static void maildir_loses_nothing(void **state)
{
    check_round_trip(*state, TRANSFER_MAILDIR);
}

static void mbox_loses_nothing(void **state)
{
    check_round_trip(*state, TRANSFER_MBOX);
}

static bool stop_after(void *data, const struct transfer_progress *progress)
{
    int *calls_left = data;
    (void)progress;
    return (*calls_left)-- > 0;
}

static void check_resumes(struct transfer_fixture *test, enum transfer_format format)
{
    struct account *account = open_account(&test->fixture, ALICE);
    fill(test, account);
    for (unsigned i = 0; i < 200; i++) {
        append_with(test, account, i % 2 ? "INBOX" : "Sent",
                    slice_from(arena_printf(&test->fixture.arena, "Subject: %u\r\n\r\n", i)), 0, "", 1 + i);
    }
    test->options.format = format;
    enum err err = ERR_CANCELED;
    int calls, limit = 0;
    test->options.progress = stop_after;
    test->options.data = &calls;
    for (; err == ERR_CANCELED; limit++) {
        calls = limit;
        err = account_export(account, &test->options, &test->why);
    }
    assert_ok(err);
    assert_true(limit > 2);
    account_close(account);
    account = open_account(&test->fixture, BOB);
    err = ERR_CANCELED;
    for (limit = 0; err == ERR_CANCELED; limit++) {
        calls = limit;
        err = account_import(account, &test->options, &test->why);
    }
    assert_ok(err);
    assert_true(limit > 2);
    account_close(account);
    assert_same_account(test);
}

static void maildir_goes_on_where_it_was_cut_off(void **state)
{
    check_resumes(*state, TRANSFER_MAILDIR);
}

static void mbox_goes_on_where_it_was_cut_off(void **state)
{
    check_resumes(*state, TRANSFER_MBOX);
}

/* ---- what others wrote ---- */

static void write_text(struct transfer_fixture *test, const char *name, const char *text)
{
    const char *path = arena_printf(&test->fixture.arena, "%s/%s", test->folder, name);
    const char *parent = arena_cstr(&test->fixture.arena,
                                    slice_take(slice_from(path), slice_find_last(slice_from(path), '/')));
    assert_ok(fs_make_directories(parent, 0700));
    assert_ok(fs_write_durable(path, slice_from(text), 0600));
}

static struct slice body_of(struct transfer_fixture *test, const struct opened *opened, const char *mailbox,
                            uint32_t uid)
{
    return read_message(&test->fixture, opened->account, status_of(opened->account, mailbox).id, uid);
}

static struct message_row row_of(struct account *account, const char *mailbox, uint32_t uid)
{
    struct message_row *rows, row = {0};
    size_t count;
    assert_ok(mailbox_scan(account, status_of(account, mailbox).id, &rows, &count));
    for (size_t i = 0; i < count; i++) {
        row = rows[i].uid == uid ? rows[i] : row;
    }
    mem_free(rows);
    assert_int_equal(row.uid, uid);
    return row;
}

static bool has_keyword(struct transfer_fixture *test, const struct opened *opened, const char *mailbox,
                        uint32_t uid, const char *keyword)
{
    struct slice *list;
    size_t count;
    assert_ok(snapshot_message_keywords(opened->snapshot, status_of(opened->account, mailbox).id, uid,
                                        &test->fixture.arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        if (slice_eq_nocase(list[i], slice_from(keyword))) {
            return true;
        }
    }
    return false;
}

static void dovecot_maildir_keeps_its_numbers(void **state)
{
    struct transfer_fixture *test = *state;
    write_text(test, "dovecot-uidlist",
               "3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1\n"
               "25006 :1276528487.M364837P9451.kurkku,S=23,W=24\n"
               "25017 W2481 Pabcdefabcdefabcdefabcdefabcdef12 :1276533073.M242911P3632.kurkku:2,F\n"
               "25021 P00004a4a61bf32c1 :1276600000.M1P1.kurkku\n"
               "nonsense\n");
    write_text(test, "dovecot-keywords", "0 $Forwarded\n1 Work\n");
    write_text(test, "subscriptions", "Work.Old &AMQ-rger\nINBOX\n");
    write_text(test, "cur/1276528487.M364837P9451.kurkku,S=23,W=24:2,RSab", "Subject: one\n\nText\r\n");
    write_text(test, "cur/1276533073.M242911P3632.kurkku:2,FP", "Subject: two\r\n\r\nText\r\n");
    write_text(test, "new/1276600000.M1P1.kurkku", "Subject: three\r\n\r\nText\r\n");
    write_text(test, "cur/1276700000.M1P1.kurkku:2,", "Subject: not listed\r\n\r\nText\r\n");
    write_text(test, ".Work.Old &AMQ-rger/cur/1276500000.M1P1.kurkku:2,S", "Subject: old\r\n\r\nText\r\n");
    write_text(test, ".Work.Old &AMQ-rger/dovecot-uidlist", "3 V5 N8\n7 :1276500000.M1P1.kurkku\n");
    test->options.format = TRANSFER_DETECT;
    import_to_bob(test);
    assert_int_equal(test->last.uidls_lost, 1);
    struct opened opened = open_snapshot(test, BOB);
    struct mailbox_status status = status_of(opened.account, "INBOX");
    assert_int_equal(status.uidvalidity, 1275660208);
    assert_int_equal(status.messages, 4);
    assert_true(status.uidnext >= 25023);
    assert_text(body_of(test, &opened, "INBOX", 25006), "Subject: one\r\n\r\nText\r\n");
    assert_int_equal(row_of(opened.account, "INBOX", 25006).flags, MESSAGE_SEEN | MESSAGE_ANSWERED);
    assert_true(has_keyword(test, &opened, "INBOX", 25006, "$forwarded"));
    assert_true(has_keyword(test, &opened, "INBOX", 25006, "work"));
    assert_string_equal(row_of(opened.account, "INBOX", 25017).guid, "abcdefabcdefabcdefabcdefabcdef12");
    assert_true(has_keyword(test, &opened, "INBOX", 25017, "$Forwarded"));
    assert_text(body_of(test, &opened, "INBOX", 25022), "Subject: not listed\r\n\r\nText\r\n");
    status = status_of(opened.account, "Work/Old \xc3\x84rger");
    assert_int_equal(status.uidvalidity, 5);
    assert_int_equal(row_of(opened.account, "Work/Old \xc3\x84rger", 7).flags, MESSAGE_SEEN);
    struct mailbox_entry entry;
    assert_ok(snapshot_mailbox(opened.snapshot, mailbox_numbered(status.id), &test->fixture.arena, &entry));
    assert_true(entry.subscribed);
    close_snapshot(&opened);
    import_to_bob(test);
    assert_int_equal(test->last.skipped, 5);
}

static void courier_maildir_keeps_its_numbers(void **state)
{
    struct transfer_fixture *test = *state;
    write_text(test, "courierimapuiddb", "1 1100000000 12\n3 1276528487.M1.host\n11 1276528488.M1.host\n");
    write_text(test, "courierimapsubscribed", "INBOX\nINBOX.Trash\n");
    write_text(test, "cur/1276528487.M1.host:2,S", "Subject: one\n\nText\n");
    write_text(test, "cur/1276528488.M1.host:2,", "Subject: two\n\nText\n");
    test->options.format = TRANSFER_MAILDIR;
    import_to_bob(test);
    struct account *account = open_account(&test->fixture, BOB);
    assert_int_equal(status_of(account, "INBOX").uidvalidity, 1100000000);
    assert_int_equal(row_of(account, "INBOX", 3).flags, MESSAGE_SEEN);
    row_of(account, "INBOX", 11);
    account_close(account);
}

static void thunderbird_folders_come_with_flags_and_tags(void **state)
{
    struct transfer_fixture *test = *state;
    write_text(test, "Inbox",
               "From - Mon Jan 01 10:00:00 2024\n"
               "X-Mozilla-Status: 1005\n"
               "X-Mozilla-Status2: 00000000\n"
               "X-Mozilla-Keys: $label1 todo                                                    \n"
               "Subject: one\n"
               "\n"
               ">From me\n"
               "\n"
               "From - Mon Jan 01 11:00:00 2024\n"
               "X-Mozilla-Status: 0009\n"
               "Subject: deleted\n"
               "\n"
               "Gone\n"
               "\n"
               "From - Mon Jan 01 12:00:00 2024\n"
               "X-Mozilla-Status: 0000\n"
               "Subject: same\n"
               "\n"
               "Same\n"
               "\n"
               "From - Mon Jan 01 12:00:00 2024\n"
               "X-Mozilla-Status: 0000\n"
               "Subject: same\n"
               "\n"
               "Same\n");
    write_text(test, "Inbox.msf", "// <!-- <mdb:mork:z v=\"1.4\"/> -->\n");
    write_text(test, "Work", "");
    write_text(test, "Work.sbd/2024", "From - Mon Jan 01 10:00:00 2024\r\nSubject: old\r\n\r\nText\r\n\r\n");
    test->options.format = TRANSFER_DETECT;
    import_to_bob(test);
    struct opened opened = open_snapshot(test, BOB);
    assert_int_equal(status_of(opened.account, "INBOX").messages, 3);
    assert_text(body_of(test, &opened, "INBOX", 1), "Subject: one\r\n\r\nFrom me\r\n");
    struct message_row row = row_of(opened.account, "INBOX", 1);
    assert_int_equal(row.flags, MESSAGE_SEEN | MESSAGE_FLAGGED);
    assert_int_equal(row.internal_date_us, 1704103200000000);
    assert_true(has_keyword(test, &opened, "INBOX", 1, "$Forwarded"));
    assert_true(has_keyword(test, &opened, "INBOX", 1, "todo"));
    assert_int_equal(status_of(opened.account, "Work").messages, 0);
    assert_text(body_of(test, &opened, "Work/2024", 1), "Subject: old\r\n\r\nText\r\n");
    close_snapshot(&opened);
    import_to_bob(test);
    assert_int_equal(test->last.skipped, 4);
}

static void mbox_of_uw_and_dovecot_keeps_its_numbers(void **state)
{
    struct transfer_fixture *test = *state;
    write_text(test, "INBOX",
               "From MAILER-DAEMON Fri Nov 21 09:55:06 1997\n"
               "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n"
               "X-IMAP: 880106106 0000000017 Work\n"
               "\n"
               "This text is part of the internal format of your mail folder.\n"
               "\n"
               "From joe@example.net Fri Nov 21 09:55:06 1997\n"
               "Subject: one\n"
               "X-UID: 5\n"
               "Status: RO\n"
               "X-Status: AF\n"
               "X-Keywords: Work                  \n"
               "X-UIDL: abcdefabcdefabcdefabcdefabcdef12\n"
               "\n"
               "Text\n"
               "\n"
               "From joe@example.net Fri Nov 21 09:55:07 1997\n"
               "X-UID: 17\n"
               "Status: O\n"
               "X-UIDL: old-form\n"
               "Subject: two\n"
               "\n"
               "From in the middle of\n"
               "\n"
               "From here no time of day\n");
    test->options.format = TRANSFER_MBOX;
    test->options.path = arena_printf(&test->fixture.arena, "%s/INBOX", test->folder);
    import_to_bob(test);
    assert_int_equal(test->last.uidls_lost, 1);
    struct opened opened = open_snapshot(test, BOB);
    struct mailbox_status status = status_of(opened.account, "INBOX");
    assert_int_equal(status.uidvalidity, 880106106);
    assert_int_equal(status.messages, 2);
    assert_int_equal(status.uidnext, 18);
    struct message_row row = row_of(opened.account, "INBOX", 5);
    assert_string_equal(row.guid, "abcdefabcdefabcdefabcdefabcdef12");
    assert_int_equal(row.flags, MESSAGE_SEEN | MESSAGE_ANSWERED | MESSAGE_FLAGGED);
    assert_int_equal(row.internal_date_us, 880106106000000);
    assert_true(has_keyword(test, &opened, "INBOX", 5, "Work"));
    assert_text(body_of(test, &opened, "INBOX", 17),
                "Subject: two\r\n\r\nFrom in the middle of\r\n\r\nFrom here no time of day\r\n");
    close_snapshot(&opened);
}

static void account_in_use_takes_messages_with_new_numbers(void **state)
{
    struct transfer_fixture *test = *state;
    struct account *bob = open_account(&test->fixture, BOB);
    append_with(test, bob, "INBOX", S("Subject: bob's\r\n\r\n"), 0, "", 1);
    uint32_t uidvalidity = status_of(bob, "INBOX").uidvalidity;
    account_close(bob);
    write_text(test, "cur/1276528487.M1.host:2,S", "Subject: one\r\n\r\nText\r\n");
    write_text(test, "dovecot-uidlist", "3 V77 N8\n7 :1276528487.M1.host\n");
    test->options.format = TRANSFER_MAILDIR;
    import_to_bob(test);
    assert_int_equal(test->last.renumbered, 1);
    bob = open_account(&test->fixture, BOB);
    assert_int_equal(status_of(bob, "INBOX").uidvalidity, uidvalidity);
    assert_int_equal(row_of(bob, "INBOX", 2).flags, MESSAGE_SEEN);
    account_close(bob);
}

#define WITH_TRANSFER(test) cmocka_unit_test_setup_teardown(test, set_up_transfer, tear_down_transfer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TRANSFER(maildir_loses_nothing),
        WITH_TRANSFER(mbox_loses_nothing),
        WITH_TRANSFER(maildir_goes_on_where_it_was_cut_off),
        WITH_TRANSFER(mbox_goes_on_where_it_was_cut_off),
        WITH_TRANSFER(dovecot_maildir_keeps_its_numbers),
        WITH_TRANSFER(courier_maildir_keeps_its_numbers),
        WITH_TRANSFER(thunderbird_folders_come_with_flags_and_tags),
        WITH_TRANSFER(mbox_of_uw_and_dovecot_keeps_its_numbers),
        WITH_TRANSFER(account_in_use_takes_messages_with_new_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
