/* SPDX-License-Identifier: ISC */
/* The queue: what is added is claimed once, tried again when it is due, and seen by who looks. */
#include "suite.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/queue.h"

#define NOW   ((int64_t)1800000000 * 1000000)
#define LEASE (NOW + 60 * 1000000)
#define LATER (NOW + 300 * 1000000)

/* As another process would find it; a store in memory is there as long as somebody has it open. */
static void open_anew(struct fixture *fixture)
{
    struct store *before = fixture->store;
    open_store(fixture);
    store_close(before);
}

static struct queue_recipient to(const char *address, const char *destination)
{
    return (struct queue_recipient){
        .address = slice_from(address), .destination = slice_from(destination), .due_us = NOW};
}

static struct queue_envelope envelope_named(const char *id)
{
    return (struct queue_envelope){.id = slice_from(id),
                                   .sender = S("alice@example.org"),
                                   .login = S("alice@example.org"),
                                   .envid = S("QQ314159"),
                                   .message_id = S("<1@example.org>"),
                                   .subject = S("lunch"),
                                   .skip = 3,
                                   .top = S("Delivered-To: lunch@example.org\r\n"),
                                   .flags = QUEUE_8BIT | QUEUE_RETURN_HEADER,
                                   .received_us = NOW,
                                   .expires_us = NOW + (int64_t)4 * 86400 * 1000000};
}

static enum err try_add(struct fixture *fixture, const char *id, const char *text,
                        const struct queue_recipient *recipients, size_t count, bool prepared)
{
    struct sealed sealed = seal(fixture, slice_from(text));
    struct queue_envelope envelope = envelope_named(id);
    enum err err = queue_add(fixture->store, sealed.blob, &envelope, recipients, count, prepared);
    blob_free(sealed.blob);
    return err;
}

static void add(struct fixture *fixture, const char *id, const char *address, const char *destination)
{
    struct queue_recipient recipient = to(address, destination);
    assert_ok(try_add(fixture, id, "Subject: lunch\r\n\r\nat noon\r\n", &recipient, 1, false));
}

/* The destinations that are due, comma-separated; and what comes next. */
static const char *due(struct fixture *fixture, int64_t now_us, size_t limit, int64_t *next_us)
{
    struct slice *names;
    size_t count;
    struct buf text;
    assert_ok(queue_due(fixture->store, now_us, limit, NULL, NULL, &fixture->arena, &names, &count, next_us));
    buf_init(&text, 10000);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s", i ? "," : "", SLICE_ARG(names[i]));
    }
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static size_t claim(struct fixture *fixture, const char *destination, const char *owner, int64_t now_us,
                    size_t limit, struct queue_claim **claims)
{
    size_t count = 0;
    assert_ok(queue_claim(fixture->store, slice_from(destination), slice_from(owner), now_us,
                          now_us + (LEASE - NOW), limit, limit, &fixture->arena, claims, &count));
    return count;
}

static size_t settle(struct fixture *fixture, const char *owner, int64_t message, uint32_t number,
                     enum queue_state state, int64_t due_us)
{
    struct queue_outcome outcome = {.message = message,
                                    .number = number,
                                    .state = state,
                                    .due_us = due_us,
                                    .attempted = true,
                                    .reply = {.code = 451,
                                              .text = S("4.7.1 come back 100% later"),
                                              .host = S("mx.example.net [192.0.2.1]"),
                                              .is_theirs = true}};
    size_t settled = 99;
    assert_ok(queue_settle(fixture->store, slice_from(owner), &outcome, 1, NOW, &settled));
    return settled;
}

static struct queue_item *list(struct fixture *fixture, const struct queue_filter *filter, size_t *count)
{
    struct queue_item *items;
    assert_ok(queue_list(fixture->store, filter, 0, 100, &fixture->arena, &items, count));
    return items;
}

/* The ids of what meets the filter, comma-separated. */
static const char *ids(struct fixture *fixture, struct queue_filter filter)
{
    size_t count;
    struct queue_item *items = list(fixture, &filter, &count);
    struct buf text;
    buf_init(&text, 10000);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s", i ? "," : "", SLICE_ARG(items[i].envelope.id));
    }
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static void check_body(struct fixture *fixture, int64_t message, const char *text)
{
    struct blob_reader reader;
    char bytes[1000];
    assert_ok(queue_open(fixture->store, message, &reader));
    ssize_t got = pread(reader.fd, bytes, sizeof(bytes), 0);
    assert_int_equal(got, (ssize_t)strlen(text));
    assert_int_equal(reader.size, strlen(text));
    assert_memory_equal(bytes, text, (size_t)got);
    blob_reader_close(&reader);
}

static void what_is_added_is_claimed_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipients[] = {to("bob@example.net", "example.net"),
                                           to("eve@example.com", "example.com"),
                                           to("carol@example.net", "example.net")};
    struct queue_claim *claims;
    int64_t next;
    recipients[2].orcpt = S("rfc822;carol+x@example.net");
    recipients[2].notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY;
    assert_ok(try_add(fixture, "ID1", "text\r\n", recipients, 3, false));
    open_anew(fixture);
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net,example.com");
    assert_true(next == INT64_MAX);
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    assert_int_equal(claims->count, 2);
    assert_text(claims->envelope.id, "ID1");
    assert_text(claims->envelope.sender, "alice@example.org");
    assert_text(claims->envelope.login, "alice@example.org");
    assert_text(claims->envelope.envid, "QQ314159");
    assert_text(claims->envelope.message_id, "<1@example.org>");
    assert_text(claims->envelope.subject, "lunch");
    assert_int_equal(claims->envelope.flags, QUEUE_8BIT | QUEUE_RETURN_HEADER);
    assert_true(claims->envelope.received_us == NOW);
    assert_true(claims->envelope.expires_us > NOW);
    assert_int_equal(claims->envelope.size, 6);
    assert_int_equal(claims->envelope.skip, 3);
    assert_text(claims->envelope.top, "Delivered-To: lunch@example.org\r\n");
    assert_text(claims->recipients[0].recipient.address, "bob@example.net");
    assert_text(claims->recipients[0].recipient.orcpt, "");
    assert_text(claims->recipients[1].recipient.address, "carol@example.net");
    assert_text(claims->recipients[1].recipient.orcpt, "rfc822;carol+x@example.net");
    assert_int_equal(claims->recipients[1].recipient.notify, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY);
    assert_int_equal(claims->recipients[1].number, 2);
    assert_int_equal(claims->recipients[1].attempts, 0);
    check_body(fixture, claims->message, "text\r\n");
    /* It is his alone. */
    struct queue_claim *others;
    assert_int_equal(claim(fixture, "example.net", "two", NOW, 10, &others), 0);
    assert_string_equal(due(fixture, NOW, 10, &next), "example.com");
}

static void an_id_is_taken_once(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipient = to("bob@example.net", "example.net"), nowhere = to("x@y", "");
    add(fixture, "ID1", "bob@example.net", "example.net");
    assert_err(try_add(fixture, "ID1", "other", &recipient, 1, false), ERR_EXISTS);
    assert_err(try_add(fixture, "ID2", "other", &recipient, 0, false), ERR_SYNTAX);
    assert_err(try_add(fixture, "ID2", "other", &nowhere, 1, false), ERR_SYNTAX);
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1");
}

static void what_failed_is_due_again_and_then_over(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    int64_t next;
    size_t count;
    add(fixture, "ID1", "bob@example.net", "example.net");
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    int64_t message = claims->message;
    assert_int_equal(settle(fixture, "two", message, 0, QUEUE_DELIVERED, 0), 0); /* not his */
    assert_int_equal(settle(fixture, "one", message, 0, QUEUE_WAITING, LATER), 1);
    assert_int_equal(settle(fixture, "one", message, 0, QUEUE_DELIVERED, 0), 0); /* not any more */
    assert_string_equal(due(fixture, LATER - 1, 10, &next), "");
    assert_true(next == LATER);
    assert_int_equal(claim(fixture, "example.net", "one", LATER - 1, 10, &claims), 0);
    assert_string_equal(due(fixture, LATER, 10, &next), "example.net");
    assert_int_equal(claim(fixture, "example.net", "one", LATER, 10, &claims), 1);
    assert_int_equal(claims->recipients[0].attempts, 1);
    assert_int_equal(claims->recipients[0].last.code, 451);
    assert_text(claims->recipients[0].last.text, "4.7.1 come back 100% later");
    assert_text(claims->recipients[0].last.host, "mx.example.net [192.0.2.1]");
    assert_true(claims->recipients[0].last.is_theirs);
    assert_int_equal(settle(fixture, "one", message, 0, QUEUE_DELIVERED, 0), 1);
    assert_string_equal(due(fixture, LATER, 10, &next), "");
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = 1u << QUEUE_DELIVERED}), "ID1");
    /* One can look for a while. */
    check_body(fixture, message, "Subject: lunch\r\n\r\nat noon\r\n");
    assert_ok(queue_forget(fixture->store, NOW, 10, &count));
    assert_int_equal(count, 0);
    assert_ok(queue_forget(fixture->store, NOW + 1, 10, &count));
    assert_int_equal(count, 1);
    struct blob_reader reader;
    assert_err(queue_open(fixture->store, message, &reader), ERR_NOT_FOUND);
    assert_string_equal(ids(fixture, (struct queue_filter){.states = 1u << QUEUE_DELIVERED}), "");
}

/* Small and large, sealed before or by the queue: as they were, until they are forgotten or cancelled. */
static void bodies_of_all_kinds_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipient = to("bob@example.net", "example.net");
    const size_t sizes[] = {0, 1, 4000, 65536, 65537, 300000};
    struct queue_claim *claims;
    struct buf text;
    size_t count;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        char id[] = {'m', (char)('a' + i), '\0'};
        struct queue_envelope envelope = envelope_named(id);
        struct blob *blob;
        buf_clear(&text);
        while (text.len < sizes[i / 2])
            buf_append_char(&text, (char)(text.len * 7 + i));
        assert_ok(blob_begin(fixture->store, &blob));
        assert_ok(blob_write(blob, buf_slice(&text)));
        if (i % 2)
            assert_ok(blob_seal(blob));
        assert_ok(queue_add(fixture->store, blob, &envelope, &recipient, 1, i % 3 == 0));
        if (i % 3 == 0)
            assert_ok(queue_confirm(fixture->store, envelope.id));
        blob_free(blob);
    }
    open_anew(fixture);
    assert_ok(queue_recover(fixture->store, INT64_MAX, NOW));
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 100, &claims), 2 * ARRAY_LEN(sizes));
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        struct blob_reader reader;
        char *bytes = mem_alloc(sizes[i / 2] + 1);
        assert_ok(queue_open(fixture->store, claims[i].message, &reader));
        assert_int_equal(reader.size, sizes[i / 2]);
        assert_int_equal(claims[i].envelope.size, sizes[i / 2]);
        assert_int_equal(pread(reader.fd, bytes, sizes[i / 2] + 1, 0), (ssize_t)sizes[i / 2]);
        for (size_t j = 0; j < sizes[i / 2]; j++)
            if (bytes[j] != (char)(j * 7 + i))
                fail_msg("message %zu differs at %zu", i, j);
        blob_reader_close(&reader);
        mem_free(bytes);
        settle(fixture, "one", claims[i].message, 0, QUEUE_FAILED, 0);
    }
    assert_ok(queue_forget(fixture->store, NOW + 1, 100, &count));
    assert_int_equal(count, 2 * ARRAY_LEN(sizes));
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        struct blob_reader reader;
        assert_err(queue_open(fixture->store, claims[i].message, &reader), ERR_NOT_FOUND);
    }
    buf_free(&text);
}

static void who_dies_loses_his_claims(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    int64_t next;
    add(fixture, "ID1", "bob@example.net", "example.net");
    add(fixture, "ID2", "bob@example.com", "example.com");
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    assert_int_equal(claim(fixture, "example.com", "two", NOW, 10, &claims), 1);
    assert_ok(queue_extend(fixture->store, S("two"), LATER));
    assert_ok(queue_recover(fixture->store, LEASE, 0));
    assert_string_equal(due(fixture, NOW, 10, &next), "");
    assert_ok(queue_recover(fixture->store, LEASE + 1, 0));
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net");
    assert_int_equal(settle(fixture, "one", 1, 0, QUEUE_DELIVERED, 0), 0);
    open_anew(fixture);
    assert_ok(queue_recover(fixture->store, INT64_MAX, 0));
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net,example.com");
    assert_int_equal(claim(fixture, "example.com", "three", NOW, 10, &claims), 1);
    check_body(fixture, claims->message, "Subject: lunch\r\n\r\nat noon\r\n");
}

static void what_is_prepared_waits_for_its_word(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipient = to("bob@example.net", "example.net");
    struct queue_claim *claims;
    int64_t next;
    assert_ok(try_add(fixture, "ID1", "one", &recipient, 1, true));
    assert_ok(try_add(fixture, "ID2", "two", &recipient, 1, true));
    assert_ok(try_add(fixture, "ID3", "three", &recipient, 1, true));
    assert_string_equal(due(fixture, NOW, 10, &next), "");
    assert_ok(queue_confirm(fixture->store, S("ID2")));
    assert_ok(queue_cancel(fixture->store, S("ID3")));
    assert_err(queue_confirm(fixture->store, S("ID3")), ERR_NOT_FOUND);
    assert_err(queue_confirm(fixture->store, S("ID2")), ERR_NOT_FOUND);
    assert_err(queue_cancel(fixture->store, S("ID2")), ERR_NOT_FOUND);
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net");
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    assert_text(claims->envelope.id, "ID2");
    check_body(fixture, claims->message, "two");
    /* Nobody ever spoke for the first. */
    assert_ok(queue_recover(fixture->store, 0, NOW));
    assert_ok(queue_confirm(fixture->store, S("ID1")));
    assert_ok(try_add(fixture, "ID4", "four", &recipient, 1, true));
    assert_ok(queue_recover(fixture->store, 0, NOW + 1));
    assert_err(queue_confirm(fixture->store, S("ID4")), ERR_NOT_FOUND);
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1,ID2");
}

/* Whom an administrator removed before that word stays removed, and goes with his message. */
static void what_is_prepared_may_lose_recipients(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipients[] = {to("bob@example.net", "example.net"),
                                           to("carol@example.net", "example.net")};
    struct queue_filter bob = {.recipient = S("bob@example.net")};
    struct queue_figures figures;
    struct queue_claim *claims;
    uint64_t count;
    assert_ok(try_add(fixture, "ID1", "one", recipients, 2, true));
    assert_ok(try_add(fixture, "ID2", "two", recipients, 2, true));
    assert_ok(queue_change(fixture->store, &bob, QUEUE_REMOVE, SLICE_EMPTY, NOW, &count));
    assert_int_equal(count, 2);
    assert_ok(queue_confirm(fixture->store, S("ID1")));
    assert_ok(queue_cancel(fixture->store, S("ID2")));
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    assert_int_equal(claims->count, 1);
    assert_text(claims->recipients[0].recipient.address, "carol@example.net");
    assert_ok(queue_count(fixture->store, &figures));
    assert_int_equal(figures.recipients[QUEUE_REMOVED], 1);
}

static bool skips(void *data, struct slice destination)
{
    return slice_eq(destination, slice_from(data));
}

static void destinations_come_by_their_time(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipient = to("x@late.example", "late.example");
    struct slice *names;
    struct queue_claim *claims;
    size_t count;
    int64_t next;
    char third[] = "third.example";
    recipient.due_us = LATER;
    assert_ok(try_add(fixture, "L", "late", &recipient, 1, false));
    recipient = to("x@second.example", "second.example");
    recipient.due_us = NOW - 1;
    assert_ok(try_add(fixture, "S", "second", &recipient, 1, false));
    recipient = to("x@first.example", "first.example");
    recipient.due_us = NOW - 2;
    assert_ok(try_add(fixture, "F", "first", &recipient, 1, false));
    add(fixture, "T", "x@third.example", "third.example");
    assert_string_equal(due(fixture, NOW, 10, &next), "first.example,second.example,third.example");
    assert_true(next == LATER);
    assert_string_equal(due(fixture, NOW, 2, &next), "first.example,second.example");
    assert_true(next <= NOW);
    assert_ok(queue_due(fixture->store, NOW, 10, skips, third, &fixture->arena, &names, &count, &next));
    assert_int_equal(count, 2);
    /* Earlier mail makes a destination due earlier. */
    add(fixture, "L2", "y@late.example", "late.example");
    assert_string_equal(due(fixture, NOW, 10, &next),
                        "first.example,second.example,late.example,third.example");
    /* A claim takes the longest due first, and no more than it wants. */
    recipient = to("y@first.example", "first.example");
    recipient.due_us = NOW - 3;
    assert_ok(try_add(fixture, "F2", "first", &recipient, 1, false));
    assert_int_equal(claim(fixture, "first.example", "one", NOW, 1, &claims), 1);
    assert_text(claims->envelope.id, "F2");
    assert_string_equal(due(fixture, NOW, 1, &next), "first.example");
    assert_int_equal(claim(fixture, "nobody.example", "one", NOW, 10, &claims), 0);
}

static void people_find_what_they_look_for(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    struct queue_item *items;
    size_t count;
    add(fixture, "ID1", "Bob@Example.net", "example.net");
    add(fixture, "ID2", "bob_y@example.com", "example.com");
    add(fixture, "ID3", "bobby@example.com", "example.com");
    claim(fixture, "example.net", "one", NOW, 10, &claims);
    settle(fixture, "one", claims->message, 0, QUEUE_WAITING, LATER);
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1,ID2,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.id = S("ID2")}), "ID2");
    assert_string_equal(ids(fixture, (struct queue_filter){.recipient = S("bob@example.NET")}), "ID1");
    assert_string_equal(ids(fixture, (struct queue_filter){.recipient = S("bob_y@example.com")}), "ID2");
    assert_string_equal(ids(fixture, (struct queue_filter){.recipient = S("@example.com")}), "ID2,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.sender = S("@example.org")}), "ID1,ID2,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.sender = S("@example.net")}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.sender = S("<>")}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.destination = S("example.com")}), "ID2,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.destination = S("example.com"),
                                                           .recipient = S("bobby@example.com")}),
                        "ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.id = S("ID2"), .destination = S("example.net")}),
                        "");
    assert_string_equal(ids(fixture, (struct queue_filter){.text = S("BACK 100%")}), "ID1");
    assert_string_equal(ids(fixture, (struct queue_filter){.text = S("10_%")}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.received_before_us = NOW}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = 1u << QUEUE_HELD}), "");
    /* Pages. */
    assert_ok(queue_list(fixture->store, &(struct queue_filter){0}, 0, 2, &fixture->arena, &items, &count));
    assert_int_equal(count, 2);
    assert_ok(queue_list(fixture->store, &(struct queue_filter){0}, items[1].message, 2, &fixture->arena,
                         &items, &count));
    assert_int_equal(count, 1);
    assert_text(items[0].envelope.id, "ID3");
    items = list(fixture, &(struct queue_filter){.id = S("ID1")}, &count);
    assert_int_equal(items->count, 1);
    assert_int_equal(items->recipients[0].state, QUEUE_WAITING);
    assert_int_equal(items->recipients[0].taken.attempts, 1);
    assert_text(items->recipients[0].taken.last.host, "mx.example.net [192.0.2.1]");
    assert_text(items->recipients[0].taken.recipient.address, "Bob@Example.net");
    assert_true(items->recipients[0].changed_us == NOW);
}

static uint64_t act(struct fixture *fixture, enum queue_action action, const char *id,
                    const char *destination)
{
    struct queue_filter filter = {.id = slice_from(id)};
    uint64_t count = 0;
    assert_ok(queue_change(fixture->store, &filter, action, slice_from(destination), NOW, &count));
    return count;
}

static void people_change_what_they_find(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    int64_t next;
    uint64_t none;
    add(fixture, "ID1", "bob@example.net", "example.net");
    add(fixture, "ID2", "bob@example.net", "example.net");
    assert_int_equal(act(fixture, QUEUE_HOLD, "ID1", ""), 1);
    assert_int_equal(act(fixture, QUEUE_HOLD, "ID1", ""), 0);
    assert_int_equal(act(fixture, QUEUE_RETRY, "ID1", ""), 0);
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 10, &claims), 1);
    assert_text(claims->envelope.id, "ID2");
    settle(fixture, "one", claims->message, 0, QUEUE_WAITING, LATER);
    assert_string_equal(due(fixture, NOW, 10, &next), "");
    assert_int_equal(act(fixture, QUEUE_RETRY, "ID2", ""), 1);
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net");
    assert_int_equal(act(fixture, QUEUE_ROUTE, "ID2", "smarthost"), 1);
    assert_string_equal(due(fixture, NOW, 10, &next), "smarthost");
    assert_int_equal(act(fixture, QUEUE_RELEASE, "ID1", ""), 1);
    assert_string_equal(due(fixture, NOW, 10, &next), "example.net,smarthost");
    /* Removed under who delivers it: what he says is not heard. */
    assert_int_equal(claim(fixture, "smarthost", "one", NOW, 10, &claims), 1);
    assert_int_equal(act(fixture, QUEUE_REMOVE, "ID2", ""), 1);
    assert_int_equal(settle(fixture, "one", claims->message, 0, QUEUE_WAITING, LATER), 0);
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = 1u << QUEUE_REMOVED}), "ID2");
    assert_err(queue_change(fixture->store, &(struct queue_filter){0}, QUEUE_ROUTE, S(""), NOW, &none),
               ERR_SYNTAX);
    size_t count;
    assert_ok(queue_forget(fixture->store, NOW + 1, 10, &count));
    assert_int_equal(count, 1);
}

static void what_is_over_is_found_when_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    unsigned all = (1u << QUEUE_STATE_COUNT) - 1;
    add(fixture, "ID1", "bob@example.net", "example.net");
    add(fixture, "ID2", "bob@example.com", "example.com");
    add(fixture, "ID3", "bob@example.net", "example.net");
    claim(fixture, "example.com", "one", NOW, 10, &claims);
    settle(fixture, "one", claims->message, 0, QUEUE_DELIVERED, 0);
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = all}), "ID1,ID2,ID3");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = all, .destination = S("example.com")}),
                        "ID2");
    assert_string_equal(ids(fixture, (struct queue_filter){.destination = S("example.com")}), "");
    assert_string_equal(ids(fixture, (struct queue_filter){.states = all, .id = S("ID2")}), "ID2");
}

static void causes_are_told_by_destination_and_code(void **state)
{
    struct fixture *fixture = *state;
    struct queue_claim *claims;
    struct queue_cause *causes;
    size_t count;
    for (int i = 0; i < 3; i++)
        add(fixture, arena_printf(&fixture->arena, "NET%d", i), "bob@example.net", "example.net");
    add(fixture, "COM1", "bob@example.com", "example.com");
    add(fixture, "COM2", "bob@example.com", "example.com");
    claim(fixture, "example.net", "one", NOW, 1, &claims);
    settle(fixture, "one", claims->message, 0, QUEUE_WAITING, LATER);
    act(fixture, QUEUE_HOLD, "COM1", "");
    act(fixture, QUEUE_HOLD, "COM2", "");
    assert_ok(queue_causes(fixture->store, &(struct queue_filter){0}, 10, &fixture->arena, &causes, &count));
    assert_int_equal(count, 3);
    assert_text(causes[0].destination, "example.com");
    assert_int_equal(causes[0].recipients, 2);
    assert_int_equal(causes[0].reply.code, 0);
    assert_true(causes[0].due_us == INT64_MAX);
    assert_true(causes[0].oldest_us == NOW);
    assert_text(causes[1].destination, "example.net");
    assert_int_equal(causes[1].recipients, 2);
    assert_true(causes[1].due_us == NOW);
    assert_text(causes[2].destination, "example.net");
    assert_int_equal(causes[2].recipients, 1);
    assert_int_equal(causes[2].reply.code, 451);
    assert_text(causes[2].reply.host, "mx.example.net [192.0.2.1]");
    assert_true(causes[2].reply.text.len > 0);
    assert_true(causes[2].due_us == LATER);
    assert_ok(queue_causes(fixture->store, &(struct queue_filter){0}, 1, &fixture->arena, &causes, &count));
    assert_int_equal(count, 1);
    struct queue_filter net = {.recipient = S("@example.net"), .states = 1u << QUEUE_HELD};
    assert_ok(queue_causes(fixture->store, &net, 10, &fixture->arena, &causes, &count));
    assert_int_equal(count, 0);
}

static void the_null_path_can_be_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct sealed sealed = seal(fixture, S("Subject: failed\r\n\r\n"));
    struct queue_envelope envelope = envelope_named("BOUNCE");
    struct queue_recipient recipient = to("bob@example.net", "example.net");
    envelope.sender = SLICE_EMPTY;
    add(fixture, "ID1", "bob@example.net", "example.net");
    assert_ok(queue_add(fixture->store, sealed.blob, &envelope, &recipient, 1, false));
    blob_free(sealed.blob);
    assert_string_equal(ids(fixture, (struct queue_filter){.sender = S("<>")}), "BOUNCE");
    assert_string_equal(ids(fixture, (struct queue_filter){0}), "ID1,BOUNCE");
}

/* Mail for .net goes to "smarthost", for .com stays, all else to a destination of its own. */
static struct slice router(void *data, struct slice now, struct slice address, struct arena *arena)
{
    ++*(size_t *)data;
    if (slice_ends_with_nocase(address, S(".net")))
        return S("smarthost");
    if (slice_ends_with_nocase(address, S(".com")))
        return SLICE_EMPTY;
    return slice_from(arena_printf(arena, "new.%.*s", SLICE_ARG(now)));
}

static uint64_t reroute(struct fixture *fixture, struct queue_filter filter, int64_t now_us, size_t *asked)
{
    struct queue_router asks = {router, asked};
    uint64_t count = 0;
    *asked = 0;
    assert_ok(queue_reroute(fixture->store, &filter, &asks, now_us, &count));
    return count;
}

static void each_gets_a_destination_of_his_own(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient two[] = {to("a@example.net", "example.net"), to("b@example.com", "example.com")};
    struct queue_claim *claims;
    size_t asked, count;
    int64_t next;
    assert_ok(try_add(fixture, "ID1", "Subject: x\r\n\r\n", two, 2, false));
    add(fixture, "ID2", "c@example.info", "example.info");
    add(fixture, "ID3", "d@example.net", "example.net");
    add(fixture, "ID4", "taken@other.net", "other.net");
    claim(fixture, "other.net", "one", NOW, 10, &claims);
    act(fixture, QUEUE_HOLD, "ID3", "");
    assert_int_equal(reroute(fixture, (struct queue_filter){.id = S("ID2")}, NOW - 2, &asked), 1);
    assert_int_equal(asked, 1);
    assert_int_equal(reroute(fixture, (struct queue_filter){.recipient = S("@example.net")}, NOW - 1, &asked),
                     2);
    assert_int_equal(asked, 2);
    assert_int_equal(reroute(fixture, (struct queue_filter){.recipient = S("@example.net")}, NOW - 1, &asked),
                     0);
    assert_string_equal(due(fixture, NOW, 10, &next), "new.example.info,smarthost,example.com");
    struct queue_item *items = list(fixture, &(struct queue_filter){.id = S("ID3")}, &count);
    assert_text(items->recipients[0].taken.recipient.destination, "smarthost");
    assert_int_equal(items->recipients[0].state, QUEUE_HELD);
    /* What is tried at this moment stays where it is. */
    assert_int_equal(reroute(fixture, (struct queue_filter){.recipient = S("@other.net")}, NOW, &asked), 0);
    assert_int_equal(asked, 0);
    items = list(fixture, &(struct queue_filter){.id = S("ID4")}, &count);
    assert_text(items->recipients[0].taken.recipient.destination, "other.net");
}

static void figures_count_what_is_there(void **state)
{
    struct fixture *fixture = *state;
    struct queue_figures figures;
    struct queue_claim *claims;
    assert_ok(queue_count(fixture->store, &figures));
    assert_int_equal(figures.messages, 0);
    assert_true(figures.oldest_us == 0);
    add(fixture, "ID1", "bob@example.net", "example.net");
    add(fixture, "ID2", "bob@example.com", "example.com");
    add(fixture, "ID3", "bob@example.com", "example.com");
    claim(fixture, "example.net", "one", NOW, 10, &claims);
    settle(fixture, "one", claims->message, 0, QUEUE_FAILED, 0);
    act(fixture, QUEUE_HOLD, "ID3", "");
    assert_ok(queue_count(fixture->store, &figures));
    assert_int_equal(figures.messages, 2);
    assert_int_equal(figures.recipients[QUEUE_WAITING], 1);
    assert_int_equal(figures.recipients[QUEUE_HELD], 1);
    assert_int_equal(figures.recipients[QUEUE_FAILED], 1);
    assert_int_equal(figures.bytes, 2 * strlen("Subject: lunch\r\n\r\nat noon\r\n"));
    assert_true(figures.oldest_us == NOW);
}

/* --- several at once --- */

#define THREADS  8
#define MESSAGES 40

struct adder {
    struct fixture *fixture;
    unsigned number;
    pthread_t thread;
};

static void *add_many(void *data)
{
    const struct adder *adder = data;
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct blob *blob;
        char id[32], text[40];
        struct queue_recipient recipient = to("bob@example.net", "example.net");
        snprintf(id, sizeof(id), "ID-%u-%u", adder->number, i % 10 == 9 ? i - 1 : i); /* some twice */
        snprintf(text, sizeof(text), "%s\r\n", id);
        struct queue_envelope envelope = envelope_named(id);
        if (blob_begin(adder->fixture->store, &blob) || blob_write(blob, slice_from(text)) ||
            blob_seal(blob)) {
            return (void *)"no blob";
        }
        enum err err = queue_add(adder->fixture->store, blob, &envelope, &recipient, 1, false);
        blob_free(blob);
        if (err != (i % 10 == 9 ? ERR_EXISTS : ERR_OK)) {
            return (void *)"not added";
        }
    }
    return NULL;
}

static void many_add_at_once_and_one_error_is_nobody_elses(void **state)
{
    struct fixture *fixture = *state;
    struct adder adders[THREADS];
    struct queue_claim *claims;
    for (unsigned i = 0; i < THREADS; i++) {
        adders[i] = (struct adder){.fixture = fixture, .number = i};
        assert_int_equal(pthread_create(&adders[i].thread, NULL, add_many, &adders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *why;
        pthread_join(adders[i].thread, &why);
        assert_null(why);
    }
    open_anew(fixture);
    size_t expected = (size_t)THREADS * MESSAGES * 9 / 10;
    assert_int_equal(claim(fixture, "example.net", "one", NOW, 1000, &claims), expected);
    for (size_t i = 0; i < expected; i++) {
        char text[40];
        snprintf(text, sizeof(text), "%.*s\r\n", SLICE_ARG(claims[i].envelope.id));
        check_body(fixture, claims[i].message, text);
    }
}

/* NULL, "work", "person" */
static const char *ring(struct queue_bell *bell)
{
    struct pollfd poll_fd = {.fd = queue_bell_fd(bell), .events = POLLIN};
    bool rang = poll(&poll_fd, 1, 0) == 1;
    bool by_person = queue_bell_clear(bell);
    return by_person ? "person" : rang ? "work" : NULL;
}

static void few_messages_are_taken_with_all_their_recipients(void **state)
{
    struct fixture *fixture = *state;
    struct queue_recipient recipients[] = {to("a@example.net", "example.net"),
                                           to("b@example.net", "example.net"),
                                           to("c@example.net", "example.net")};
    struct queue_claim *claims;
    size_t count;
    for (int i = 0; i < 3; i++) {
        char id[] = {'m', (char)('0' + i), '\0'};
        assert_ok(try_add(fixture, id, "Subject: lunch\r\n\r\n", recipients, 3, false));
    }
    assert_ok(queue_claim(fixture->store, S("example.net"), S("relay"), NOW, LEASE, 2, 100, &fixture->arena,
                          &claims, &count));
    assert_int_equal(count, 2);
    assert_int_equal(claims[0].count, 3);
    assert_int_equal(claims[1].count, 3);
    assert_ok(queue_claim(fixture->store, S("example.net"), S("relay"), NOW, LEASE, 2, 2, &fixture->arena,
                          &claims, &count));
    assert_int_equal(count, 1);
    assert_int_equal(claims[0].count, 2);
}

static void who_delivers_hears_of_work(void **state)
{
    struct fixture *fixture = *state;
    struct queue_bell *bell = NULL, *second = NULL;
    struct queue_recipient recipient = to("bob@example.net", "example.net");
    struct queue_filter filter = {.id = S("m2")};
    uint64_t count;
    add(fixture, "m0", "bob@example.net", "example.net"); /* nobody there: nothing happens */
    assert_ok(queue_bell_open(fixture->store, &bell));
    assert_int_equal(queue_bell_open(fixture->store, &second), ERR_BUSY);
    assert_null(ring(bell));
    add(fixture, "m1", "bob@example.net", "example.net");
    assert_string_equal(ring(bell), "work");
    assert_null(ring(bell));
    assert_ok(try_add(fixture, "m2", "Subject: lunch\r\n\r\n", &recipient, 1, true));
    assert_ok(queue_confirm(fixture->store, S("m2")));
    assert_string_equal(ring(bell), "work");
    assert_ok(queue_change(fixture->store, &filter, QUEUE_RETRY, SLICE_EMPTY, NOW, &count));
    assert_string_equal(ring(bell), "person");
    for (int i = 0; i < 30; i++) /* nobody listens: nobody waits for him */
        assert_ok(queue_change(fixture->store, &filter, QUEUE_RETRY, SLICE_EMPTY, NOW, &count));
    assert_string_equal(ring(bell), "person");
    queue_bell_close(bell);
    assert_ok(queue_bell_open(fixture->store, &bell));
    queue_bell_close(bell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(what_is_added_is_claimed_as_it_was),
        conformance_test(an_id_is_taken_once),
        conformance_test(what_failed_is_due_again_and_then_over),
        conformance_test(bodies_of_all_kinds_are_kept),
        conformance_test(who_dies_loses_his_claims),
        conformance_test(what_is_prepared_waits_for_its_word),
        conformance_test(what_is_prepared_may_lose_recipients),
        conformance_test(destinations_come_by_their_time),
        conformance_test(people_find_what_they_look_for),
        conformance_test(people_change_what_they_find),
        conformance_test(what_is_over_is_found_when_asked_for),
        conformance_test(the_null_path_can_be_asked_for),
        conformance_test(causes_are_told_by_destination_and_code),
        conformance_test(each_gets_a_destination_of_his_own),
        conformance_test(figures_count_what_is_there),
        conformance_test(many_add_at_once_and_one_error_is_nobody_elses),
        conformance_test(few_messages_are_taken_with_all_their_recipients),
        conformance_test(who_delivers_hears_of_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
