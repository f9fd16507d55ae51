/* SPDX-License-Identifier: ISC */
/* The suppression list: what is kept of whom for how long; what counts as a mailbox that does not exist, and
 * what a message to one comes to. */
#include "suite.h"

#include "storage/suppression.h"
#include "suppress.h"

#define NOW  ((int64_t)1800000000 * 1000000)
#define DAY  ((int64_t)86400 * 1000000)
#define WEEK (7 * DAY)

static struct suppression entry_for(const char *address)
{
    return (struct suppression){.address = slice_from(address),
                                .reply = {.code = 550,
                                          .text = S("5.1.1 no such user"),
                                          .host = S("mx.example.net [192.0.2.1]"),
                                          .is_theirs = true},
                                .since_us = NOW,
                                .until_us = NOW + WEEK};
}

static enum err add(struct fixture *fixture, const char *address)
{
    struct suppression entry = entry_for(address);
    return suppression_add(fixture->store, &entry, 1);
}

static bool is_there(struct fixture *fixture, const char *address, int64_t now_us)
{
    struct slice text = slice_from(address);
    struct suppression found;
    assert_ok(suppression_find(fixture->store, &text, 1, now_us, &fixture->arena, &found));
    return found.address.len > 0;
}

/* The addresses of a page, comma-separated. */
static const char *page(struct fixture *fixture, const char *after, int64_t now_us, size_t limit)
{
    struct suppression *list;
    size_t count;
    const char *text = "";
    assert_ok(
        suppression_list(fixture->store, slice_from(after), now_us, limit, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++)
        text = arena_printf(&fixture->arena, "%s%s%.*s", text, i ? "," : "", SLICE_ARG(list[i].address));
    return text;
}

static void test_found(void **state)
{
    struct fixture *fixture = *state;
    struct slice addresses[] = {S("carol@example.net"), S("bob@EXAMPLE.net"), S("nonsense")};
    struct suppression found[3];
    assert_ok(add(fixture, "Bob@example.NET"));
    assert_ok(suppression_find(fixture->store, addresses, 3, NOW, &fixture->arena, found));
    assert_int_equal(found[0].address.len, 0);
    assert_text(found[1].address, "bob@example.net");
    assert_int_equal(found[1].reply.code, 550);
    assert_text(found[1].reply.text, "5.1.1 no such user");
    assert_text(found[1].reply.host, "mx.example.net [192.0.2.1]");
    assert_true(found[1].reply.is_theirs);
    assert_int_equal(found[1].since_us, NOW);
    assert_int_equal(found[1].until_us, NOW + WEEK);
    assert_int_equal(found[2].address.len, 0);
}

static void test_ends(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(add(fixture, "bob@example.net"));
    assert_true(is_there(fixture, "bob@example.net", NOW + WEEK - 1));
    assert_false(is_there(fixture, "bob@example.net", NOW + WEEK));
    assert_string_equal(page(fixture, "", NOW + WEEK, 10), "");
    assert_ok(suppression_forget(fixture->store, NOW + WEEK));
    assert_true(is_there(fixture, "bob@example.net", NOW));
    assert_ok(suppression_forget(fixture->store, NOW + WEEK + 1));
    assert_false(is_there(fixture, "bob@example.net", NOW));
}

static void test_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct suppression entry = entry_for("bob@example.net"), found;
    assert_ok(suppression_add(fixture->store, &entry, 1));
    entry.until_us += DAY;
    entry.reply.code = 551;
    assert_ok(suppression_add(fixture->store, &entry, 1));
    assert_ok(suppression_find(fixture->store, &entry.address, 1, NOW, &fixture->arena, &found));
    assert_int_equal(found.until_us, NOW + WEEK + DAY);
    assert_int_equal(found.reply.code, 551);
    assert_string_equal(page(fixture, "", NOW, 10), "bob@example.net");
}

static void test_removed(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(add(fixture, "bob@example.net"));
    assert_err(suppression_remove(fixture->store, S("carol@example.net")), ERR_NOT_FOUND);
    assert_err(suppression_remove(fixture->store, S("nonsense")), ERR_SYNTAX);
    assert_ok(suppression_remove(fixture->store, S("BOB@example.net")));
    assert_false(is_there(fixture, "bob@example.net", NOW));
    assert_err(suppression_remove(fixture->store, S("bob@example.net")), ERR_NOT_FOUND);
}

static void test_listed(void **state)
{
    struct fixture *fixture = *state;
    const char *addresses[] = {"dave@example.net", "bob@example.net", "erin@example.net",
                               "carol@example.net"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        assert_ok(add(fixture, addresses[i]));
    assert_string_equal(page(fixture, "", NOW, 2), "bob@example.net,carol@example.net");
    assert_string_equal(page(fixture, "carol@example.net", NOW, 2), "dave@example.net,erin@example.net");
    assert_string_equal(page(fixture, "erin@example.net", NOW, 2), "");
}

/* All or nothing. */
static void test_malformed(void **state)
{
    struct fixture *fixture = *state;
    struct suppression entries[] = {entry_for("bob@example.net"), entry_for("nonsense")};
    assert_err(suppression_add(fixture->store, entries, 2), ERR_SYNTAX);
    assert_false(is_there(fixture, "bob@example.net", NOW));
}

/* --- what counts --- */

static void test_hard(void **state)
{
    (void)state;
    static const struct {
        unsigned code;
        const char *text;
        bool is_theirs, is_hard;
    } rows[] = {
        {550, "5.1.1 no such user", true, true},
        {550, "5.1.6 moved", true, true},
        {550, "5.1.10 no mail here", true, true},
        {556, "5.1.10 no mail here", false, false}, /* a null MX that we saw ourselves */
        {550, "5.2.1 disabled", true, false},
        {550, "5.1.2 no such domain", true, false},
        {550, "5.2.2 full", true, false},
        {550, "5.7.1 spam", true, false},
        {550, "5.7.1 User unknown", true, false},
        {550, "no such user", true, false}, /* without an enhanced code it may mean anything */
        {450, "4.1.1 later", true, false},
        {450, "5.1.1 later", true, false},
        {550, "5.1.1 ours", false, false},
        {0, "5.1.1 ours", false, false},
        {250, "2.1.5 fine", true, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct queue_reply reply = {
            .code = rows[i].code, .text = slice_from(rows[i].text), .is_theirs = rows[i].is_theirs};
        if (suppress_is_hard(&reply) != rows[i].is_hard)
            fail_msg("%u %s", rows[i].code, rows[i].text);
    }
}

/* --- a message --- */

static struct queue_taken_recipient recipients[] = {
    {.number = 0, .recipient = {.address = {"bob@example.net", 15}}},
    {.number = 1, .recipient = {.address = {"carol@example.net", 17}}},
    {.number = 2, .recipient = {.address = {"dave@example.net", 16}}},
};
static const struct queue_claim claim = {.message = 7, .recipients = recipients, .count = 3};

static void test_message(void **state)
{
    struct fixture *fixture = *state;
    struct conf conf = {.suppress_for = 7 * 86400 * (int64_t)1000};
    struct queue_reply hard = entry_for("x").reply, soft = hard;
    soft.text = S("5.7.1 spam");
    struct queue_outcome outcomes[] = {{.message = 7, .number = 2, .state = QUEUE_FAILED, .reply = hard},
                                       {.message = 7, .number = 0, .state = QUEUE_FAILED, .reply = soft},
                                       {.message = 7, .number = 1, .state = QUEUE_DELIVERED}};
    struct queue_outcome *suppressed;
    size_t count;
    assert_ok(suppress_claim(fixture->store, &conf, &claim, NOW, &fixture->arena, &suppressed, &count));
    assert_int_equal(count, 0);
    assert_ok(suppress_remember(fixture->store, &conf, &claim, outcomes, 3, NOW));
    assert_string_equal(page(fixture, "", NOW, 10), "dave@example.net");
    assert_ok(suppress_claim(fixture->store, &conf, &claim, NOW + DAY, &fixture->arena, &suppressed, &count));
    assert_int_equal(count, 1);
    assert_int_equal(suppressed[0].message, 7);
    assert_int_equal(suppressed[0].number, 2);
    assert_int_equal(suppressed[0].state, QUEUE_FAILED);
    assert_false(suppressed[0].attempted);
    assert_int_equal(suppressed[0].reply.code, 550);
    assert_false(suppressed[0].reply.is_theirs);
    struct slice text = suppressed[0].reply.text;
    assert_true(slice_starts_with(text, S("5.1.1 ")));
    assert_true(slice_find_text(text, S("mx.example.net [192.0.2.1]")) < text.len);
    assert_true(slice_find_text(text, S("550 5.1.1 no such user")) < text.len);
    assert_true(slice_find_text(text, S("postern queue suppress remove dave@example.net")) < text.len);
    struct conf german = conf;
    german.report_language = LANGUAGE_GERMAN;
    assert_ok(
        suppress_claim(fixture->store, &german, &claim, NOW + DAY, &fixture->arena, &suppressed, &count));
    text = suppressed[0].reply.text;
    assert_true(slice_starts_with(text, S("5.1.1 es wurde nicht versucht: am ")));
    assert_true(slice_find_text(text, S("antwortete mx.example.net [192.0.2.1] \"550 5.1.1 no such user\"")) <
                text.len);
    assert_true(slice_find_text(text, S("aufheben mit: postern queue suppress remove dave@example.net")) <
                text.len);
    /* What was not tried does not make the time longer. */
    assert_ok(suppress_remember(fixture->store, &conf, &claim, suppressed, 1, NOW + DAY));
    assert_false(is_there(fixture, "dave@example.net", NOW + WEEK));
}

static void test_turned_off(void **state)
{
    struct fixture *fixture = *state;
    struct conf conf = {.suppress_for = 0};
    struct queue_outcome outcome = {
        .message = 7, .number = 2, .state = QUEUE_FAILED, .reply = entry_for("x").reply};
    struct queue_outcome *suppressed;
    size_t count;
    assert_ok(suppress_remember(fixture->store, &conf, &claim, &outcome, 1, NOW));
    assert_string_equal(page(fixture, "", NOW, 10), "");
    /* Those that an administrator added count in any case. */
    assert_ok(add(fixture, "bob@example.net"));
    assert_ok(suppress_claim(fixture->store, &conf, &claim, NOW, &fixture->arena, &suppressed, &count));
    assert_int_equal(count, 1);
    assert_int_equal(suppressed[0].number, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up_empty, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(found),     CASE(ends), CASE(replaced), CASE(removed),    CASE(listed),
        CASE(malformed), CASE(hard), CASE(message),  CASE(turned_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
