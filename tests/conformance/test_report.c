/* SPDX-License-Identifier: ISC */
/* Who hears what became of a message (RFC 3461 sections 4 to 6), and where the report goes. */
#include "suite.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "mail/header.h"
#include "report.h"
#include "srs.h"
#include "storage/queue.h"

#define SECOND ((int64_t)1000000)
#define HOUR   (3600 * SECOND)
#define NOW    ((int64_t)1800000000 * SECOND)
#define BODY   "Return-Path: <x>\r\nSubject: lunch\r\nTo: bob\r\n\r\nat noon\r\n"
#define SKIP   18

static struct conf conf = {.hostname = "mail.example.org",
                           .recipient_delimiter = "+",
                           .expire_after = 4 * 86400 * (int64_t)1000,
                           .delay_notice_after = 4 * 3600 * (int64_t)1000,
                           .relay_concurrency = 5,
                           .retry_first = 300000,
                           .retry_longest = 14400000};

/* A message in the queue, claimed. */
struct sent {
    const char *sender;
    unsigned flags;
    const char *body;
    struct queue_recipient recipients[3];
    size_t count;
};

static struct queue_claim *send_message(struct fixture *fixture, const struct sent *sent)
{
    struct sealed sealed = seal(fixture, slice_from(sent->body ? sent->body : BODY));
    struct queue_envelope envelope = {.id = S("7XKQ2M4T6NPABCDE"),
                                      .sender = slice_from(sent->sender),
                                      .envid = S("QQ314159"),
                                      .message_id = S("<1@example.org>"),
                                      .subject = S("lunch"),
                                      .flags = sent->flags,
                                      .received_us = NOW,
                                      .expires_us = NOW + 96 * HOUR,
                                      .skip = SKIP};
    struct queue_recipient recipients[3];
    for (size_t i = 0; i < sent->count; i++) {
        recipients[i] = sent->recipients[i];
        recipients[i].destination = S("example.net");
        recipients[i].due_us = NOW;
    }
    assert_ok(queue_add(fixture->store, sealed.blob, &envelope, recipients, sent->count, false));
    blob_free(sealed.blob);
    struct queue_claim *claims;
    size_t count;
    assert_ok(queue_claim(fixture->store, S("example.net"), S("test"), NOW, NOW + HOUR, 1, 100,
                          &fixture->arena, &claims, &count));
    assert_int_equal(count, 1);
    return claims;
}

static struct queue_outcome outcome_of(const struct queue_claim *claim, uint32_t number,
                                       enum queue_state state)
{
    struct queue_outcome outcome = {.message = claim->message,
                                    .number = number,
                                    .state = state,
                                    .attempted = true,
                                    .reply = {.code = 550,
                                              .text = S("5.1.1 no such user"),
                                              .host = S("mx.example.net [192.0.2.1]"),
                                              .is_theirs = true}};
    if (state == QUEUE_WAITING)
        outcome.reply.code = 451, outcome.reply.text = S("4.7.1 later");
    if (state == QUEUE_DELIVERED)
        outcome.reply.code = 250, outcome.reply.text = S("2.0.0 taken");
    return outcome;
}

/* The newest message of an inbox; how many there are. */
static uint32_t inbox(struct fixture *fixture, struct slice login, struct slice *newest)
{
    struct account *account = open_account(fixture, login);
    struct mailbox_status status = status_of(account, "INBOX");
    if (newest && status.messages > 0)
        *newest = read_message(fixture, account, status.id, status.uidnext - 1);
    account_close(account);
    return (uint32_t)status.messages;
}

/* What waits for this recipient in the queue. */
static struct queue_item *queued_for(struct fixture *fixture, const char *address, size_t *count)
{
    struct queue_item *items;
    struct queue_filter filter = {.recipient = slice_from(address)};
    assert_ok(queue_list(fixture->store, &filter, 0, 100, &fixture->arena, &items, count));
    return items;
}

static bool has(struct slice text, const char *what)
{
    return slice_find_text(text, slice_from(what)) < text.len;
}

/* One recipient with this NOTIFY comes to this; how many reports alice gets, and whether delay_told is set.
 */
static void expect(struct fixture *fixture, unsigned notify, enum queue_state state, enum report_hop hop,
                   int64_t later, uint32_t reports, bool delay_told)
{
    struct sent sent = {.sender = "alice@example.org",
                        .recipients = {{.address = S("bob@example.net"), .notify = notify}},
                        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, state);
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, &hop, 1, NOW + later));
    if (inbox(fixture, ALICE, NULL) != reports)
        fail_msg("notify %u, state %d, hop %d: %u reports", notify, state, hop, inbox(fixture, ALICE, NULL));
    assert_int_equal(outcome.delay_told, delay_told);
}

#define EXPECT(name, ...)                 \
    static void test_##name(void **state) \
    {                                     \
        expect(*state, __VA_ARGS__);      \
    }

EXPECT(failure_by_default, 0, QUEUE_FAILED, REPORT_HOP_SILENT, 0, 1, false)
EXPECT(failure_wanted, QUEUE_NOTIFY_FAILURE, QUEUE_FAILED, REPORT_HOP_SILENT, 0, 1, false)
EXPECT(failure_not_wanted, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY, QUEUE_FAILED, REPORT_HOP_SILENT, 0, 0,
       false)
EXPECT(failure_never, QUEUE_NOTIFY_NEVER, QUEUE_FAILED, REPORT_HOP_SILENT, 0, 0, false)
EXPECT(never_counts_most, QUEUE_NOTIFY_NEVER | QUEUE_NOTIFY_FAILURE, QUEUE_FAILED, REPORT_HOP_SILENT, 0, 0,
       false)
EXPECT(success_by_default, 0, QUEUE_DELIVERED, REPORT_HOP_SILENT, 0, 0, false)
EXPECT(success_wanted, QUEUE_NOTIFY_SUCCESS, QUEUE_DELIVERED, REPORT_HOP_SILENT, 0, 1, false)
EXPECT(success_told_by_next, QUEUE_NOTIFY_SUCCESS, QUEUE_DELIVERED, REPORT_HOP_TELLS, 0, 0, false)
EXPECT(success_at_the_end, QUEUE_NOTIFY_SUCCESS, QUEUE_DELIVERED, REPORT_HOP_DELIVERS, 0, 1, false)
EXPECT(success_not_wanted, QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY, QUEUE_DELIVERED, REPORT_HOP_SILENT, 0,
       0, false)
EXPECT(waiting_is_nothing_yet, 0, QUEUE_WAITING, REPORT_HOP_SILENT, 4 * HOUR - 1, 0, false)
EXPECT(delay_by_default, 0, QUEUE_WAITING, REPORT_HOP_SILENT, 4 * HOUR, 1, true)
EXPECT(delay_wanted, QUEUE_NOTIFY_DELAY, QUEUE_WAITING, REPORT_HOP_SILENT, 4 * HOUR, 1, true)
EXPECT(delay_not_wanted, QUEUE_NOTIFY_FAILURE, QUEUE_WAITING, REPORT_HOP_SILENT, 4 * HOUR, 0, true)
EXPECT(delay_never, QUEUE_NOTIFY_NEVER, QUEUE_WAITING, REPORT_HOP_SILENT, 4 * HOUR, 0, true)

/* Once; and with a delay notice of its own for the route. */
static void test_delay_once(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {
        .sender = "alice@example.org", .recipients = {{.address = S("bob@example.net")}}, .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_WAITING);
    struct slice text;
    const char *domains[] = {"example.net"};
    struct conf_route route = {
        .name = "slow", .domains = {domains, 1}, .via = "mx", .delay_notice_after = 10 * 3600 * 1000};
    struct conf routed = conf;
    routed.routes = &route;
    routed.route_count = 1;
    assert_ok(report_outcomes(fixture->store, &routed, claim, &outcome, NULL, 1, NOW + 9 * HOUR));
    assert_int_equal(inbox(fixture, ALICE, NULL), 0);
    assert_ok(report_outcomes(fixture->store, &routed, claim, &outcome, NULL, 1, NOW + 10 * HOUR));
    assert_int_equal(inbox(fixture, ALICE, &text), 1);
    assert_true(outcome.delay_told);
    assert_true(has(text, "Action: delayed\r\nStatus: 4.7.1\r\n"));
    claim->recipients[0].delay_told = true;
    outcome.delay_told = false;
    assert_ok(report_outcomes(fixture->store, &routed, claim, &outcome, NULL, 1, NOW + 20 * HOUR));
    assert_int_equal(inbox(fixture, ALICE, NULL), 1);
    assert_true(outcome.delay_told);
    routed.routes = NULL;
    routed.route_count = 0;
    routed.delay_notice_after = 0;
    claim->recipients[0].delay_told = false;
    assert_ok(report_outcomes(fixture->store, &routed, claim, &outcome, NULL, 1, NOW + 20 * HOUR));
    assert_int_equal(inbox(fixture, ALICE, NULL), 1);
}

/* RFC 5321 section 4.5.5: never a report on a report. */
static void test_null_sender(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {.sender = "",
                        .recipients = {{.address = S("alice@example.org"), .notify = QUEUE_NOTIFY_FAILURE}},
                        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_figures before, after;
    assert_ok(queue_count(fixture->store, &before));
    enum queue_state states[] = {QUEUE_FAILED, QUEUE_WAITING, QUEUE_DELIVERED};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        struct queue_outcome outcome = outcome_of(claim, 0, states[i]);
        assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW + 5 * HOUR));
    }
    assert_ok(queue_count(fixture->store, &after));
    assert_int_equal(inbox(fixture, ALICE, NULL), 0);
    assert_int_equal(before.messages, after.messages);
}

/* All that failed in one go are in one report; who fared otherwise is not in it. */
static void test_one_report_for_all(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {
        .sender = "alice@example.org",
        .recipients = {{.address = S("bob@example.net"), .orcpt = S("rfc822;bob@example.net")},
                       {.address = S("carol@example.net"), .notify = QUEUE_NOTIFY_SUCCESS},
                       {.address = S("dave@example.net")}},
        .count = 3};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcomes[] = {outcome_of(claim, 2, QUEUE_FAILED), outcome_of(claim, 0, QUEUE_FAILED),
                                       outcome_of(claim, 1, QUEUE_DELIVERED)};
    struct slice text;
    assert_ok(report_outcomes(fixture->store, &conf, claim, outcomes, NULL, 2, NOW));
    assert_int_equal(inbox(fixture, ALICE, &text), 1);
    assert_true(has(text, "Return-Path: <>\r\nFrom: "));
    assert_true(has(
        text, "Original-Recipient: rfc822;bob@example.net\r\nFinal-Recipient: rfc822;bob@example.net\r\n"));
    assert_true(has(text, "Final-Recipient: rfc822;dave@example.net\r\n"));
    assert_false(has(text, "carol"));
    assert_true(has(text, "Original-Envelope-Id: QQ314159\r\n"));
    assert_true(has(text, "In-Reply-To: <1@example.org>\r\n"));
    assert_ok(report_outcomes(fixture->store, &conf, claim, outcomes, NULL, 3, NOW));
    assert_int_equal(inbox(fixture, ALICE, &text), 3);
    assert_true(has(text, "Action: relayed\r\n"));
    assert_true(has(text, "Final-Recipient: rfc822;carol@example.net\r\n"));
}

/* Who dies between report and settlement tells twice: that is to be seen by the Message-ID. */
static void test_same_id(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {
        .sender = "alice@example.org",
        .recipients = {{.address = S("bob@example.net")}, {.address = S("carol@example.net")}},
        .count = 2};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcomes[] = {outcome_of(claim, 0, QUEUE_FAILED),
                                       outcome_of(claim, 1, QUEUE_FAILED)};
    struct slice ids[3];
    for (size_t i = 0; i < 3; i++) {
        struct slice text;
        struct header_field found;
        assert_ok(report_outcomes(fixture->store, &conf, claim, outcomes + i / 2, NULL, 2 - i / 2, NOW));
        assert_int_equal(inbox(fixture, ALICE, &text), i + 1);
        assert_true(header_find(text, S("Message-ID"), &found));
        ids[i] = found.value;
    }
    assert_true(slice_eq(ids[0], ids[1]));
    assert_false(slice_eq(ids[0], ids[2]));
}

/* --- what of the message goes back --- */

static struct slice report_with(struct fixture *fixture, unsigned flags, const char *body,
                                enum queue_state outcome_state)
{
    struct sent sent = {
        .sender = "alice@example.org",
        .flags = flags,
        .body = body,
        .recipients = {{.address = S("bob@example.net"),
                        .notify = outcome_state == QUEUE_DELIVERED ? QUEUE_NOTIFY_SUCCESS : 0}},
        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, outcome_state);
    struct slice text = SLICE_EMPTY;
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW + 5 * HOUR));
    inbox(fixture, ALICE, &text);
    return text;
}

static void test_returns_small_message(void **state)
{
    struct slice text = report_with(*state, 0, NULL, QUEUE_FAILED);
    assert_true(
        has(text, "Content-Type: message/rfc822\r\n\r\nSubject: lunch\r\nTo: bob\r\n\r\nat noon\r\n\r\n--"));
}

static void test_returns_header(void **state)
{
    struct slice text = report_with(*state, QUEUE_RETURN_HEADER, NULL, QUEUE_FAILED);
    assert_true(has(text, "Content-Type: text/rfc822-headers\r\n\r\nSubject: lunch\r\nTo: bob\r\n\r\n--"));
}

/* RFC 3461 section 6.2: without a failure the header does. */
static void test_returns_header_of_delayed(void **state)
{
    struct slice text = report_with(*state, QUEUE_RETURN_FULL, NULL, QUEUE_WAITING);
    assert_true(has(text, "Action: delayed"));
    assert_true(has(text, "text/rfc822-headers\r\n\r\nSubject: lunch\r\nTo: bob\r\n\r\n--"));
}

static char *large_body(size_t size)
{
    char *body = malloc(size + 1);
    assert_non_null(body);
    for (size_t i = 0; i < size; i++)
        body[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
    memcpy(body, BODY, strlen(BODY));
    body[size] = '\0';
    return body;
}

static void test_returns_header_of_large(void **state)
{
    char *body = large_body(100000);
    struct slice text = report_with(*state, 0, body, QUEUE_FAILED);
    assert_true(has(text, "text/rfc822-headers\r\n\r\nSubject: lunch\r\nTo: bob\r\n\r\n--"));
    free(body);
}

static void test_returns_large_when_asked(void **state)
{
    char *body = large_body(100000);
    struct slice text = report_with(*state, QUEUE_RETURN_FULL, body, QUEUE_FAILED);
    assert_true(has(text, body + SKIP));
    free(body);
}

static void test_returns_header_of_huge(void **state)
{
    char *body = large_body(1100000);
    struct slice text = report_with(*state, QUEUE_RETURN_FULL, body, QUEUE_FAILED);
    assert_true(has(text, "text/rfc822-headers\r\n\r\nSubject: lunch\r\nTo: bob\r\n\r\n--"));
    free(body);
}

static void test_8bit(void **state)
{
    struct slice text = report_with(*state, QUEUE_8BIT, BODY "\303\274\r\n", QUEUE_FAILED);
    assert_true(has(text, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject"));
    assert_true(has(text, "\r\nContent-Transfer-Encoding: 8bit\r\n\r\nThis is a report"));
}

static void test_utf8_header(void **state)
{
    struct slice text = report_with(*state, QUEUE_SMTPUTF8,
                                    "Return-Path: <x>\r\nSubject: \303\274\r\n\r\nx\r\n", QUEUE_FAILED);
    assert_true(has(
        text, "Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSubject: \303\274"));
}

/* The header of a header-only message, and one that never ends. */
static void test_odd_messages(void **state)
{
    struct fixture *fixture = *state;
    struct slice text = report_with(fixture, QUEUE_RETURN_HEADER,
                                    "Return-Path: <x>\r\nSubject: lunch\r\nTo: b", QUEUE_FAILED);
    assert_true(has(text, "text/rfc822-headers\r\n\r\nSubject: lunch\r\n\r\n--"));
}

/* --- where it goes --- */

static void fail_for(struct fixture *fixture, const char *sender)
{
    struct sent sent = {.sender = sender, .recipients = {{.address = S("bob@example.net")}}, .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_FAILED);
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW));
}

/* Elsewhere: by the queue, once, with the null sender and without our Return-Path. */
static void test_sender_elsewhere(void **state)
{
    struct fixture *fixture = *state;
    size_t count;
    fail_for(fixture, "zoe@example.com");
    struct queue_item *items = queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].envelope.sender.len, 0);
    assert_int_equal(items[0].envelope.skip, strlen("Return-Path: <>\r\n"));
    assert_int_equal(items[0].envelope.received_us, NOW);
    assert_true(items[0].envelope.expires_us > NOW);
    assert_text(items[0].recipients[0].taken.recipient.destination, "example.com");
    assert_int_equal(items[0].recipients[0].taken.recipient.notify, QUEUE_NOTIFY_NEVER);
    assert_int_equal(items[0].count, 1);
    assert_text(items[0].envelope.subject, "Not delivered: lunch");
}

static struct slice queued_report(struct fixture *fixture, const char *body)
{
    struct sent sent = {.sender = "zoe@example.com",
                        .flags = QUEUE_8BIT | QUEUE_RETURN_FULL,
                        .body = body,
                        .recipients = {{.address = S("bob@example.net")}},
                        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_FAILED);
    struct blob_reader reader;
    size_t count;
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW));
    struct queue_item *items = queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].envelope.flags & (QUEUE_8BIT | QUEUE_SMTPUTF8), 0);
    assert_ok(queue_open(fixture->store, items[0].message, &reader));
    char *text = arena_alloc(&fixture->arena, reader.size + 1);
    assert_int_equal(pread(reader.fd, text, reader.size, 0), (ssize_t)reader.size);
    struct slice report = slice_of(text, reader.size);
    blob_reader_close(&reader);
    assert_true(utf8_is_ascii(report));
    return report;
}

/* No host may have to refuse it for want of 8BITMIME. */
static void test_elsewhere_8bit_body(void **state)
{
    struct slice text = queued_report(*state, BODY "\303\274\r\n");
    assert_true(has(text, "Content-Type: text/rfc822-headers\r\n\r\nSubject: lunch\r\n"));
    assert_false(has(text, "at noon"));
}

static void test_elsewhere_8bit_header(void **state)
{
    struct slice text = queued_report(*state, "Return-Path: <x>\r\nSubject: caf\351\r\n\r\nat noon\r\n");
    assert_true(has(text,
                    "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n"
                    "\r\nSubject: caf=E9\r\n"));
    assert_false(has(text, "at noon"));
}

static void test_elsewhere_utf8_header(void **state)
{
    struct slice text = queued_report(*state, "Return-Path: <x>\r\nSubject: \303\274\r\n\r\n\303\266\r\n");
    assert_true(has(text, "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n"
                          "\r\nSubject: =C3=BC\r\n\r\n=C3=B6\r\n"));
}

/* RFC 8689 section 5: the report is protected as the message was, and has no more of it than the header. */
static void test_requiretls(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {.sender = "zoe@example.com",
                        .flags = QUEUE_REQUIRETLS | QUEUE_RETURN_FULL,
                        .recipients = {{.address = S("bob@example.net")}},
                        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_FAILED);
    struct blob_reader reader;
    size_t count;
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW));
    struct queue_item *items = queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
    assert_true(items[0].envelope.flags & QUEUE_REQUIRETLS);
    assert_ok(queue_open(fixture->store, items[0].message, &reader));
    char *text = arena_alloc(&fixture->arena, reader.size);
    assert_int_equal(pread(reader.fd, text, reader.size, 0), (ssize_t)reader.size);
    assert_true(has(slice_of(text, reader.size), "Subject: lunch"));
    assert_false(has(slice_of(text, reader.size), "at noon"));
    blob_reader_close(&reader);
}

static void test_posted_once(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {
        .sender = "zoe@example.com", .recipients = {{.address = S("bob@example.net")}}, .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_FAILED);
    size_t count;
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW));
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, NULL, 1, NOW));
    queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
}

static void test_sender_is_alias(void **state)
{
    struct fixture *fixture = *state;
    struct slice targets[] = {ALICE, S("zoe@example.com")};
    size_t count;
    assert_ok(directory_alias_add(fixture->store, S("sales@example.org"), targets, 2, NULL));
    fail_for(fixture, "sales@example.org");
    assert_int_equal(inbox(fixture, ALICE, NULL), 1);
    queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
}

/* A message that we forwarded: its sender is an address of our making, and stands for the real one. */
static void test_sender_is_rewritten(void **state)
{
    struct fixture *fixture = *state;
    struct address sender = {S("zoe"), S("example.com")}, rewritten;
    struct srs_key key;
    size_t count;
    conf.data_directory = fixture->directory;
    assert_ok(srs_key_load(fixture->directory, &key));
    assert_ok(srs_rewrite(&key, &sender, S("example.org"), clock_wall_us(), &fixture->arena, &rewritten));
    fail_for(fixture, arena_cstr(&fixture->arena, address_text(&fixture->arena, &rewritten)));
    struct queue_item *items = queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 1);
    assert_text(items[0].recipients[0].taken.recipient.destination, "example.com");
}

/* What cannot be told is dropped, and nothing is told of that. */
static void test_sender_unknown(void **state)
{
    struct fixture *fixture = *state;
    static const char *const senders[] = {"nobody@example.org", "nonsense", "a@b@c"};
    struct queue_figures figures;
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        struct queue_claim claim = {
            .message = 12345, .envelope = {.id = S("7XKQ2M4T6NPABCDE"), .sender = slice_from(senders[i])}};
        struct queue_taken_recipient recipient = {
            .recipient = {.address = S("bob@example.net"), .destination = S("example.net")}};
        claim.recipients = &recipient;
        claim.count = 1;
        struct queue_outcome outcome = outcome_of(&claim, 0, QUEUE_FAILED);
        assert_ok(report_outcomes(fixture->store, &conf, &claim, &outcome, NULL, 1, NOW));
    }
    assert_ok(queue_count(fixture->store, &figures));
    assert_int_equal(figures.messages, 0);
    assert_int_equal(inbox(fixture, ALICE, NULL), 0);
}

static void test_sender_is_full(void **state)
{
    struct fixture *fixture = *state;
    assert_ok(directory_user_set_quota(fixture->store, ALICE, 10));
    fail_for(fixture, "alice@example.org");
    assert_int_equal(inbox(fixture, ALICE, NULL), 0);
}

/* --- deliveries here --- */

/* Of one message, here and by LMTP elsewhere: neither is taken for the other. */
static void test_delivered_here_and_there(void **state)
{
    struct fixture *fixture = *state;
    struct sent sent = {.sender = "zoe@example.com",
                        .recipients = {{.address = S("bob@example.net"), .notify = QUEUE_NOTIFY_SUCCESS}},
                        .count = 1};
    struct queue_claim *claim = send_message(fixture, &sent);
    struct queue_outcome outcome = outcome_of(claim, 0, QUEUE_DELIVERED);
    struct queue_recipient here = {.address = S("bob@example.org"), .notify = QUEUE_NOTIFY_SUCCESS};
    enum report_hop hop = REPORT_HOP_DELIVERS;
    size_t count;
    assert_ok(report_delivered(fixture->store, &conf, &claim->envelope, &here, 1, DSN_DELIVERED,
                               S("A: b\r\n"), NOW));
    assert_ok(report_outcomes(fixture->store, &conf, claim, &outcome, &hop, 1, NOW));
    queued_for(fixture, "zoe@example.com", &count);
    assert_int_equal(count, 2);
}

static void test_delivered(void **state)
{
    struct fixture *fixture = *state;
    struct queue_envelope envelope = {.id = S("7XKQ2M4T6NPABCDE"),
                                      .sender = S("alice@example.org"),
                                      .subject = S("lunch"),
                                      .received_us = NOW};
    struct queue_recipient recipients[] = {
        {.address = S("bob@example.org"), .notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE},
        {.address = S("carol@example.org"), .notify = QUEUE_NOTIFY_FAILURE},
        {.address = S("dave@example.org")},
        {.address = S("erin@example.org"), .notify = QUEUE_NOTIFY_NEVER}};
    struct slice text;
    assert_ok(report_delivered(fixture->store, &conf, &envelope, recipients + 1, 3, DSN_DELIVERED,
                               S("A: b\r\n"), NOW));
    assert_int_equal(inbox(fixture, ALICE, NULL), 0);
    assert_ok(
        report_delivered(fixture->store, &conf, &envelope, recipients, 4, DSN_DELIVERED, S("A: b\r\n"), NOW));
    assert_int_equal(inbox(fixture, ALICE, &text), 1);
    assert_true(
        has(text, "Final-Recipient: rfc822;bob@example.org\r\nAction: delivered\r\nStatus: 2.0.0\r\n"));
    assert_true(has(text, "text/rfc822-headers\r\n\r\nA: b\r\n"));
    assert_false(has(text, "carol") || has(text, "dave") || has(text, "erin"));
    assert_ok(
        report_delivered(fixture->store, &conf, &envelope, recipients, 1, DSN_EXPANDED, S("A: b\r\n"), NOW));
    assert_int_equal(inbox(fixture, ALICE, &text), 2);
    assert_true(has(text, "Action: expanded\r\n"));
    envelope.sender = SLICE_EMPTY;
    assert_ok(
        report_delivered(fixture->store, &conf, &envelope, recipients, 1, DSN_DELIVERED, S("A: b\r\n"), NOW));
    assert_int_equal(inbox(fixture, ALICE, NULL), 2);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(failure_by_default),
        CASE(failure_wanted),
        CASE(failure_not_wanted),
        CASE(failure_never),
        CASE(never_counts_most),
        CASE(success_by_default),
        CASE(success_wanted),
        CASE(success_told_by_next),
        CASE(success_at_the_end),
        CASE(success_not_wanted),
        CASE(waiting_is_nothing_yet),
        CASE(delay_by_default),
        CASE(delay_wanted),
        CASE(delay_not_wanted),
        CASE(delay_never),
        CASE(delay_once),
        CASE(null_sender),
        CASE(one_report_for_all),
        CASE(same_id),
        CASE(returns_small_message),
        CASE(returns_header),
        CASE(returns_header_of_delayed),
        CASE(returns_header_of_large),
        CASE(returns_large_when_asked),
        CASE(returns_header_of_huge),
        CASE(8bit),
        CASE(utf8_header),
        CASE(odd_messages),
        CASE(sender_elsewhere),
        CASE(elsewhere_8bit_body),
        CASE(elsewhere_8bit_header),
        CASE(elsewhere_utf8_header),
        CASE(requiretls),
        CASE(posted_once),
        CASE(sender_is_alias),
        CASE(sender_is_rewritten),
        CASE(sender_unknown),
        CASE(sender_is_full),
        CASE(delivered),
        CASE(delivered_here_and_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
