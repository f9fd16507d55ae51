/* SPDX-License-Identifier: ISC */
/* Scans against a plain look at the same rows: borders of pages, sets of UIDs, what changed, what vanished.
 */
#include "fixture.h"

#include "account_private.h"
#include "storage/snapshot.h"

#define ROWS 10000 /* UIDs 3, 6, 9 … */

static struct snapshot *open_snapshot(struct account *account)
{
    struct snapshot *snapshot = NULL;
    assert_ok(snapshot_open(account, &snapshot));
    return snapshot;
}

static void execute(struct account *account, const char *sql)
{
    assert_ok(db_begin(account->db));
    char *message = NULL;
    if (sqlite3_exec(db_handle(account->db), sql, NULL, NULL, &message) != SQLITE_OK) {
        print_error("%s\n", message);
        fail();
    }
    assert_ok(db_commit(account->db));
}

/* What row n, from 1, of the made-up mailbox has. */
static uint32_t uid_of(uint32_t n)
{
    return 3 * n;
}
static uint64_t modseq_of(uint32_t n)
{
    return 1 + (uint64_t)n * 7919 % ROWS; /* each once, in another order than the UIDs */
}

/* ROWS rows and bodies in mailbox 77, which has no folder. */
static void make_rows(struct account *account)
{
    char sql[1000];
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO body(id, guid, hash, size, hdrsize, lines, refs, sent, envelope, bodystruct, hdrs, "
        "parts)"
        " WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n<%d)"
        " SELECT n, CAST(printf('guid%%012d', n) AS BLOB), x'', n+1000, n%%77, n%%55, 1,"
        "  CASE n%%3 WHEN 0 THEN NULL ELSE n END, CAST('env'||n AS BLOB), CAST('str'||n AS BLOB),"
        "  CASE n%%5 WHEN 0 THEN NULL ELSE CAST('hdr'||n AS BLOB) END, CAST('part'||n AS BLOB) FROM t;"
        "INSERT INTO message(mailbox, uid, body, modseq, created_modseq, flags, kw, idate, saved, size, file)"
        " SELECT 77, 3*id, id, 1 + id*7919%%%d, 1, id%%32, id%%8, id*10, id*11, id+1000, '' FROM body;"
        "UPDATE counter SET body=%d;",
        ROWS, ROWS, ROWS);
    execute(account, sql);
}

/* The rows that a scan is to give, by going through all. */
static size_t expected_rows(const struct uid_set *uids, uint64_t since, uint32_t *expected)
{
    size_t count = 0;
    for (uint32_t n = 1; n <= ROWS; n++) {
        if (uid_set_has(uids, uid_of(n)) && modseq_of(n) > since) {
            expected[count++] = n;
        }
    }
    return count;
}

static void check_row(const struct message_page *page, size_t i, uint32_t n)
{
    assert_int_equal(page->uids[i], uid_of(n));
    assert_int_equal(page->modseqs[i], modseq_of(n));
    if (page->flags) {
        assert_int_equal(page->flags[i], n % 32);
        assert_int_equal(page->keywords[i], n % 8);
    }
    if (page->sizes) {
        assert_int_equal(page->sizes[i], n + 1000);
    }
    if (page->internal_dates_us) {
        assert_int_equal(page->internal_dates_us[i], n * 10);
        assert_int_equal(page->saved_us[i], n * 11);
    }
}

static void check_wide_row(struct arena *arena, const struct message_page *page, size_t i, uint32_t n)
{
    if (page->guids) {
        assert_memory_equal(page->guids[i], arena_printf(arena, "guid%012u", n), 16);
    }
    if (page->sent) {
        assert_int_equal(page->sent[i], n % 3 ? (int64_t)n : INT64_MIN);
    }
    if (page->envelopes) {
        assert_text(page->envelopes[i], arena_printf(arena, "env%u", n));
    }
    if (page->structures) {
        assert_text(page->structures[i], arena_printf(arena, "str%u", n));
        assert_text(page->parts[i], arena_printf(arena, "part%u", n));
        assert_int_equal(page->header_sizes[i], n % 77);
        assert_int_equal(page->line_counts[i], n % 55);
    }
    if (page->headers && n % 5) {
        assert_text(page->headers[i], arena_printf(arena, "hdr%u", n));
    } else if (page->headers) {
        assert_null(page->headers[i].data);
    }
}

/* Scans, with another snapshot for each page when there is none, and compares with the expected rows. */
static void check_scan(struct account *account, struct snapshot *snapshot, struct message_scan scan,
                       unsigned fields)
{
    static uint32_t expected[ROWS];
    struct message_page page;
    struct arena arena = {0};
    size_t count = expected_rows(&scan.uids, scan.changed_since, expected), came = 0, pages = 0;
    message_page_init(&page, fields);
    while (!scan.done) {
        struct snapshot *own = snapshot ? NULL : open_snapshot(account);
        assert_ok(snapshot_scan(snapshot ? snapshot : own, &scan, &page));
        assert_true(page.count <= SCAN_PAGE_ROWS);
        assert_true(page.count > 0 || scan.done);
        assert_true(came + page.count <= count);
        for (size_t i = 0; i < page.count; i++) {
            check_row(&page, i, expected[came + i]);
            check_wide_row(&arena, &page, i, expected[came + i]);
        }
        came += page.count;
        pages++;
        snapshot_close(own);
    }
    assert_int_equal(came, count);
    assert_true(pages <= count / SCAN_PAGE_ROWS + 1);
    page.count = 1;
    struct snapshot *own = open_snapshot(account);
    assert_ok(snapshot_scan(own, &scan, &page)); /* once more at the end */
    assert_int_equal(page.count, 0);
    snapshot_close(own);
    message_page_free(&page);
    arena_free(&arena);
}

static void every_column(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    static const unsigned fields[] = {
        0,
        SCAN_FLAGS,
        SCAN_SIZE,
        SCAN_DATES,
        SCAN_GUID,
        SCAN_SENT,
        SCAN_ENVELOPE,
        SCAN_STRUCTURE,
        SCAN_HEADERS,
        SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID | SCAN_SENT | SCAN_ENVELOPE | SCAN_STRUCTURE |
            SCAN_HEADERS,
    };
    make_rows(account);
    struct snapshot *snapshot = open_snapshot(account);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct message_page page;
        message_page_init(&page, fields[i]);
        assert_int_equal(page.flags != NULL, (fields[i] & SCAN_FLAGS) != 0);
        assert_int_equal(page.sizes != NULL, (fields[i] & SCAN_SIZE) != 0);
        assert_int_equal(page.envelopes != NULL, (fields[i] & SCAN_ENVELOPE) != 0);
        message_page_free(&page);
        check_scan(account, snapshot, (struct message_scan){.mailbox_id = 77, .uids = uid_set_all},
                   fields[i]);
    }
    snapshot_close(snapshot);
    account_close(account);
}

/* Sets whose rows fill pages to the brim, and one more or less; UIDs are three apart. */
static void borders_of_pages(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    static const uint32_t counts[] = {0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 9999, 10000};
    make_rows(account);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct uid_range range = {1, uid_of(counts[i]) + 1};
        struct message_scan scan = {.mailbox_id = 77, .uids = {&range, 1}};
        check_scan(account, NULL, scan, SCAN_FLAGS);
        range.first = 3; /* begins and ends on a row */
        range.last = MAX_OF(uid_of(counts[i]), 3);
        check_scan(account, NULL, scan, SCAN_FLAGS | SCAN_SIZE);
    }
    check_scan(account, NULL, (struct message_scan){.mailbox_id = 77, .uids = {NULL, 0}}, SCAN_FLAGS);
    struct uid_range top = {UINT32_MAX, UINT32_MAX};
    check_scan(account, NULL, (struct message_scan){.mailbox_id = 77, .uids = {&top, 1}}, 0);
    struct message_page page;
    struct message_scan nowhere = {.mailbox_id = 78, .uids = uid_set_all};
    struct snapshot *snapshot = open_snapshot(account);
    message_page_init(&page, SCAN_FLAGS);
    assert_ok(snapshot_scan(snapshot, &nowhere, &page));
    assert_int_equal(page.count, 0);
    assert_true(nowhere.done);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

static void the_last_uid_there_can_be(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_page page;
    execute(account,
            "INSERT INTO message(mailbox, uid, body, modseq, created_modseq, flags, idate, saved, size,"
            " file) VALUES(77, 4294967295, 1, 5, 1, 0, 0, 0, 0, '')");
    struct snapshot *snapshot = open_snapshot(account);
    message_page_init(&page, SCAN_ENVELOPE); /* and its body is missing: the row is there none the less */
    struct message_scan scan = {.mailbox_id = 77, .uids = uid_set_all};
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 1);
    assert_int_equal(page.uids[0], UINT32_MAX);
    assert_int_equal(page.envelopes[0].len, 0);
    assert_true(scan.done);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

/* Ranges of all sizes and distances, also such as lie between the rows. */
static struct uid_set random_set(struct arena *arena, uint32_t largest_gap, uint32_t largest_range)
{
    struct uid_set_writer writer = {0};
    uint32_t uid = 1 + (uint32_t)rand() % largest_gap;
    while (uid < uid_of(ROWS) + 100) {
        struct uid_range range = {uid, uid + (uint32_t)rand() % largest_range};
        uid_set_add_range(&writer, range);
        uid = range.last + 1 + (uint32_t)rand() % largest_gap;
    }
    return uid_set_take(&writer, arena);
}

static void random_sets_and_changes(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    static const uint32_t gaps[] = {2, 10, 40, 1000, 20000}, sizes[] = {1, 3, 50, 5000};
    /* All changed, none, few, the most that count as few, one more, many. */
    static const uint64_t sinces[] = {0, ROWS, ROWS - 7, ROWS - 4096, ROWS - 4097, ROWS / 2, 1};
    make_rows(account);
    struct snapshot *snapshot = open_snapshot(account);
    srand(1);
    for (size_t gap = 0; gap < ARRAY_LEN(gaps); gap++) {
        for (size_t size = 0; size < ARRAY_LEN(sizes); size++) {
            struct arena arena = {0};
            struct message_scan scan = {.mailbox_id = 77,
                                        .uids = random_set(&arena, gaps[gap], sizes[size]),
                                        .changed_since = sinces[(size_t)rand() % ARRAY_LEN(sinces)]};
            check_scan(account, rand() % 2 ? snapshot : NULL, scan, SCAN_FLAGS);
            check_scan(account, snapshot, scan, SCAN_ENVELOPE);
            arena_free(&arena);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(sinces); i++) {
        struct message_scan scan = {.mailbox_id = 77, .uids = uid_set_all, .changed_since = sinces[i]};
        check_scan(account, snapshot, scan, SCAN_FLAGS);
        check_scan(account, NULL, scan, SCAN_DATES);
    }
    snapshot_close(snapshot);
    account_close(account);
}

/* A page ends when its texts are long, and nothing is lost by it. */
static void long_texts_make_short_pages(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct message_page page;
    size_t count = 0, pages = 0;
    make_rows(account);
    execute(account, "UPDATE body SET envelope=zeroblob(500000) WHERE id<=30");
    struct snapshot *snapshot = open_snapshot(account);
    struct message_scan scan = {.mailbox_id = 77, .uids = {&(struct uid_range){1, uid_of(60)}, 1}};
    message_page_init(&page, SCAN_ENVELOPE);
    while (!scan.done) {
        assert_ok(snapshot_scan(snapshot, &scan, &page));
        assert_true(page.texts.used < SCAN_PAGE_TEXTS + 600000);
        for (size_t i = 0; i < page.count; i++) {
            assert_int_equal(page.uids[i], uid_of((uint32_t)++count));
            assert_true(page.envelopes[i].len == 500000 || count > 30);
        }
        pages++;
    }
    assert_int_equal(count, 60);
    assert_in_range(pages, 4, 6);
    message_page_free(&page);
    snapshot_close(snapshot);
    account_close(account);
}

/* What delivery put into the index is what a scan and message_detail give. */
static void a_delivered_message(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, S("Date: Sun, 22 Nov 2026 00:00:00 +0000\r\nSubject: hello\r\n"
                                           "Message-ID: <1@example.org>\r\n\r\nHello\r\n"));
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.flags = MESSAGE_FLAGGED;
    append.append.internal_date_us = 1700000000000000;
    assert_ok(batch_commit(account, &append, 1, NULL));
    unsigned all = SCAN_FLAGS | SCAN_SIZE | SCAN_DATES | SCAN_GUID | SCAN_THREAD | SCAN_SENT | SCAN_ENVELOPE |
                   SCAN_STRUCTURE | SCAN_HEADERS;
    struct snapshot *snapshot = NULL;
    struct message_page page;
    struct message_scan scan = {.mailbox_id = 1, .uids = uid_set_all};
    assert_ok(snapshot_open_for(account, all, &snapshot));
    message_page_init(&page, all);
    assert_ok(snapshot_scan(snapshot, &scan, &page));
    assert_int_equal(page.count, 1);
    assert_true(scan.done);
    assert_int_equal(page.uids[0], append.result.uid);
    assert_int_equal(page.modseqs[0], append.result.modseq);
    assert_int_equal(page.flags[0], MESSAGE_FLAGGED);
    assert_int_equal(page.keywords[0], 0);
    assert_int_equal(page.sizes[0], sealed.summary.size);
    assert_int_equal(page.internal_dates_us[0], 1700000000000000);
    assert_true(page.saved_us[0] > 1700000000000000);
    assert_memory_equal(page.guids[0], append.result.guid, 16);
    assert_memory_equal(page.threads[0], append.result.guid, 16);
    assert_int_equal(page.sent[0], sealed.summary.sent);
    assert_slice(page.envelopes[0], sealed.summary.envelope);
    assert_slice(page.structures[0], sealed.summary.bodystructure);
    assert_slice(page.headers[0], sealed.summary.headers);
    assert_slice(page.parts[0], sealed.summary.parts);
    assert_int_equal(page.header_sizes[0], sealed.summary.header_size);
    assert_int_equal(page.line_counts[0], sealed.summary.lines);
    message_page_free(&page);
    snapshot_close(snapshot);
    blob_free(sealed.blob);
    account_close(account);
}

/* --- vanished --- */

static void expect_vanished(struct account *account, uint64_t since, const bool *gone, uint32_t uidnext,
                            bool expected_complete)
{
    struct snapshot *snapshot = open_snapshot(account);
    struct arena arena = {0};
    struct uid_set uids;
    bool complete = !expected_complete;
    assert_ok(snapshot_vanished(snapshot, 1, since, &arena, &uids, &complete));
    assert_int_equal(complete, expected_complete);
    for (uint32_t uid = 1; uid < uidnext + 10; uid++) {
        assert_int_equal(uid_set_has(&uids, uid), uid < uidnext && gone[uid]);
    }
    for (size_t i = 1; i < uids.count; i++) {
        assert_true(uids.ranges[i].first > uids.ranges[i - 1].last + 1); /* merged */
    }
    snapshot_close(snapshot);
    arena_free(&arena);
}

#define MESSAGES 60

static void vanished_with_and_without_a_floor(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct snapshot *snapshot = NULL;
    bool gone[MESSAGES + 20] = {0}, gone_late[MESSAGES + 20] = {0}, complete;
    uint64_t since[MESSAGES / 2 + 1];
    struct uid_set uids;
    for (int i = 0; i < MESSAGES; i++) {
        append_text(fixture, account, "INBOX", HELLO);
    }
    uint64_t start = status_of(account, "INBOX").highestmodseq;
    srand(2);
    for (int round = 0; round < MESSAGES / 2; round++) {
        uint32_t uid = 1 + (uint32_t)rand() % MESSAGES, last = uid + (uint32_t)rand() % 3;
        struct uid_range range = {uid, MIN_OF(last, MESSAGES)};
        struct batch_operation expunge = {
            .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = {&range, 1}}};
        assert_ok(batch_commit(account, &expunge, 1, NULL));
        for (uid = range.first; uid <= range.last; uid++) {
            gone_late[uid] = gone_late[uid] || (round >= MESSAGES / 4 && !gone[uid]);
            gone[uid] = true;
        }
        since[round] = status_of(account, "INBOX").highestmodseq;
    }
    expect_vanished(account, start, gone, MESSAGES + 1, true);
    expect_vanished(account, since[MESSAGES / 4 - 1], gone_late, MESSAGES + 1, true);
    expect_vanished(account, since[MESSAGES / 2 - 1], (bool[MESSAGES + 20]){0}, MESSAGES + 1, true);
    char sql[200];
    snprintf(sql, sizeof(sql), "UPDATE mailbox SET vanished_floor=%lld WHERE id=1; DELETE FROM vanished",
             (long long)since[5]);
    execute(account, sql);
    expect_vanished(account, since[4], gone, MESSAGES + 1, false); /* all that are not there */
    expect_vanished(account, since[5], (bool[MESSAGES + 20]){0}, MESSAGES + 1, true);
    execute(account, "UPDATE mailbox SET uidnext=uidnext+5 WHERE id=1");
    for (uint32_t uid = MESSAGES + 1; uid < MESSAGES + 6; uid++) {
        gone[uid] = true;
    }
    expect_vanished(account, 0, gone, MESSAGES + 6, false);
    snapshot = open_snapshot(account);
    assert_err(snapshot_vanished(snapshot, 999, 0, &fixture->arena, &uids, &complete), ERR_NOT_FOUND);
    snapshot_close(snapshot);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(borders_of_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_uid_there_can_be, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_sets_and_changes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_texts_make_short_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_delivered_message, set_up, tear_down),
        cmocka_unit_test_setup_teardown(vanished_with_and_without_a_floor, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
