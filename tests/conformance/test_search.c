/* SPDX-License-Identifier: ISC */
/* Searching in text: every engine finds what a plain scan finds. */
#include "suite.h"

#include "search_case.h"

static struct uid_set find(struct fixture *fixture, struct account *account, const struct search_term *terms,
                           size_t count)
{
    struct search_request request = {.mailbox_id = status_of(account, "INBOX").id,
                                     .within = uid_set_all,
                                     .terms = terms,
                                     .term_count = count};
    struct uid_set found = {0};
    assert_ok(search_text(account, &request, &fixture->arena, &found));
    return found;
}

/* "1,3" for the UIDs found. */
static void check(struct fixture *fixture, struct account *account, enum search_where where,
                  const char *header, const char *text, const char *expected)
{
    struct search_term term = {where, slice_from(header), slice_from(text)};
    struct uid_set found = find(fixture, account, &term, 1);
    struct buf list;
    buf_init(&list, 10000);
    for (uint32_t uid = 1; uid < 100; uid++) {
        if (uid_set_has(&found, uid)) {
            buf_printf(&list, "%s%u", list.len ? "," : "", uid);
        }
    }
    assert_slice(buf_slice(&list), slice_from(expected));
    buf_free(&list);
}

static void headers_bodies_and_both(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX",
                S("Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nFrom: a@example.org\r\nX-Tag: one\r\n\r\nHello "
                  "W\xf6rld\r\n"));
    append_text(fixture, account, "INBOX",
                S("Subject: hello\r\nTo: b@example.org, Bob <bob@example.org>\r\nTo: "
                  "second@example.org\r\n\r\nbye\r\n"));
    append_text(
        fixture, account, "INBOX",
        S("Subject: html\r\nContent-Type: text/html\r\n\r\n<p>a<b>b</b>c &lt;x&gt;<br>hel&#108;o</p>\r\n"));
    check(fixture, account, SEARCH_BODY, "", "HELLO", "1,3");
    check(fixture, account, SEARCH_TEXT, "", "HELLO", "1,2,3");
    check(fixture, account, SEARCH_BODY, "", "wörld", "1");
    check(fixture, account, SEARCH_BODY, "", "abc <x> hello", "3");
    check(fixture, account, SEARCH_HEADER, "subject", "GRÜSSE", "1");
    check(fixture, account, SEARCH_HEADER, "Subject", "hel", "2");
    check(fixture, account, SEARCH_HEADER, "To", "bob@", "2");
    check(fixture, account, SEARCH_HEADER, "to", "second", "2");
    check(fixture, account, SEARCH_HEADER, "to", "", "2");
    check(fixture, account, SEARCH_HEADER, "X-TAG", "", "1");
    check(fixture, account, SEARCH_HEADER, "X-Tag", "ONE", "1");
    check(fixture, account, SEARCH_HEADER, "X-Tag", "two", "");
    check(fixture, account, SEARCH_HEADER, "X-None", "", "");
    check(fixture, account, SEARCH_TEXT, "", "x-tag: o", "1");
    check(fixture, account, SEARCH_BODY, "", "", "1,2,3");
    check(fixture, account, SEARCH_BODY, "", "e", "1,2,3");
    check(fixture, account, SEARCH_BODY, "", "ö", "1");
    check(fixture, account, SEARCH_BODY, "", "not there", "");
    struct search_term both[] = {{.where = SEARCH_BODY, .text = S("hello")},
                                 {.where = SEARCH_HEADER, .header = S("subject"), .text = S("html")}};
    struct uid_set found = find(fixture, account, both, 2);
    assert_int_equal(uid_set_size(&found), 1);
    assert_true(uid_set_has(&found, 3));
    found = find(fixture, account, NULL, 0);
    assert_int_equal(uid_set_size(&found), 3);
    account_close(account);
}

/* A text that lies across what is read at a time, and fields too long to be kept. */
static void long_messages(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (size_t filler = 65500; filler < 65540; filler += 7) {
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_append(&text, S("Subject: x\r\nTo: "));
        for (size_t i = 0; i < 4000; i++) {
            buf_printf(&text, "user%zu@example.org,\r\n ", i);
        }
        buf_append(&text, S("last@example.org\r\n\r\n"));
        size_t start = text.len;
        while (text.len - start < filler) {
            buf_append_char(&text, text.len % 70 == 0 ? '\n' : '.');
        }
        buf_append(&text, S("the needle\r\n"));
        append_text(fixture, account, "INBOX", buf_slice(&text));
        buf_free(&text);
    }
    check(fixture, account, SEARCH_BODY, "", "...the Needle", "1,2,3,4,5,6");
    check(fixture, account, SEARCH_HEADER, "to", "user3999@", "1,2,3,4,5,6");
    check(fixture, account, SEARCH_HEADER, "to", "last@", "1,2,3,4,5,6");
    account_close(account);
}

static bool count_down(void *data)
{
    return (*(int *)data)-- > 0;
}

static void a_search_can_be_cancelled(void **state)
{
    struct fixture *fixture = *state;
    struct search_world world;
    int answers = 2;
    chance_begin();
    search_world_open(&world, fixture);
    search_deliver(&world, 60);
    struct search_term term = {.where = SEARCH_BODY, .text = S("x")};
    struct search_request request = {.mailbox_id = world.mailbox,
                                     .within = uid_set_all,
                                     .terms = &term,
                                     .term_count = 1,
                                     .go_on = count_down,
                                     .data = &answers};
    struct uid_set found;
    assert_err(search_text(world.account, &request, &fixture->arena, &found), ERR_CANCELED);
    answers = 1000;
    assert_ok(search_text(world.account, &request, &fixture->arena, &found));
    search_world_close(&world);
}

static void agrees_with_a_plain_scan(void **state)
{
    struct search_world world;
    size_t found = 0;
    chance_begin();
    search_world_open(&world, *state);
    for (int round = 0; round < 4; round++) {
        search_deliver(&world, 25);
        for (int i = 0; i < 60; i++) {
            found += search_random(&world);
        }
        search_expunge(&world, 5);
        for (int i = 0; i < 20; i++) {
            found += search_random(&world);
        }
    }
    assert_true(found > 100); /* or the needles are bad */
    search_world_close(&world);
}

static void no_such_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct search_term term = {.where = SEARCH_BODY, .text = S("hello")};
    struct search_request request = {
        .mailbox_id = 9999, .within = uid_set_all, .terms = &term, .term_count = 1};
    struct uid_set found;
    assert_ok(search_text(account, &request, &fixture->arena, &found));
    assert_int_equal(found.count, 0);
    account_close(account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(headers_bodies_and_both, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_search_can_be_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(agrees_with_a_plain_scan, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_such_mailbox, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
