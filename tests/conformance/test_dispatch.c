/* SPDX-License-Identifier: ISC */
/*
 * One message for accounts here and addresses elsewhere: all get it or nobody does, whatever fails in between
 * and whoever is killed.
 */
#include "suite.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "dispatch.h"
#include "srs.h"
#include "storage/queue.h"
#ifdef ENGINE_MEMORY
#include "storage_memory/faults.h"
#endif

#define NOW  ((int64_t)1800000000 * 1000000)
#define TEXT S("Return-Path: <x>\r\nFrom: a@example.net\r\nSubject: lunch\r\n\r\nat noon\r\n")

static struct conf_route route = {.name = "slow",
                                  .via = "smtp://slow.example",
                                  .domains = {(const char *[]){"slow.example"}, 1},
                                  .expire_after = 9000000};

static struct conf conf_for(struct fixture *fixture)
{
    return (struct conf){.data_directory = fixture->directory,
                         .hostname = "mx.example.org",
                         .recipient_delimiter = "+",
                         .expire_after = 4000000,
                         .routes = &route,
                         .route_count = 1};
}

/* A dispatch with its message. */
struct attempt {
    struct conf conf;
    struct sealed sealed;
    struct dispatch dispatch;
};

static void begin(struct fixture *fixture, struct attempt *test, const char *id, const char *sender)
{
    struct queue_envelope envelope = {.id = slice_from(id),
                                      .sender = slice_from(sender),
                                      .envid = S("E1"),
                                      .flags = QUEUE_8BIT,
                                      .received_us = NOW,
                                      .skip = 18};
    test->conf = conf_for(fixture);
    test->sealed = seal(fixture, TEXT);
    dispatch_init(&test->dispatch, fixture->store, &test->conf, &fixture->arena, &envelope);
}

static void add_remote(struct attempt *test, const char *address, unsigned notify)
{
    struct dispatch_recipient recipient = {.address = slice_from(address), .notify = notify};
    dispatch_remote(&test->dispatch, &recipient);
}

static void add_forward(struct attempt *test, const char *alias, const char *target, const char *second,
                        unsigned notify)
{
    struct slice *targets = arena_array(test->dispatch.arena, struct slice, 2);
    struct dispatch_alias through = {.targets = targets, .count = second ? 2 : 1};
    struct dispatch_recipient recipient = {.address = slice_from(alias), .notify = notify};
    targets[0] = slice_from(target);
    targets[1] = second ? slice_from(second) : SLICE_EMPTY;
    assert_ok(address_parse(test->dispatch.arena, slice_from(alias), true, &through.address));
    assert_ok(dispatch_forward(&test->dispatch, &through, &recipient));
}

static enum err end(struct attempt *test)
{
    enum err err = dispatch_run(&test->dispatch, test->sealed.blob, &test->sealed.summary);
    blob_free(test->sealed.blob);
    return err;
}

static struct queue_item *items(struct fixture *fixture, unsigned states, size_t *count)
{
    struct queue_item *list;
    struct queue_filter filter = {.states = states};
    assert_ok(queue_list(fixture->store, &filter, 0, 1000, &fixture->arena, &list, count));
    return list;
}

/* "ID:address,address ID.1:address" of what waits. */
static const char *waiting(struct fixture *fixture)
{
    size_t count;
    struct queue_item *list = items(fixture, 1u << QUEUE_WAITING, &count);
    struct buf text;
    buf_init(&text, 100000);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s", i ? " " : "", SLICE_ARG(list[i].envelope.id));
        for (size_t k = 0; k < list[i].count; k++) {
            buf_printf(&text, "%c%.*s", k ? ',' : ':',
                       SLICE_ARG(list[i].recipients[k].taken.recipient.address));
        }
    }
    const char *copy = arena_cstr(&fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static size_t prepared_count(struct fixture *fixture)
{
    size_t count;
    items(fixture, 1u << QUEUE_PREPARED, &count);
    return count;
}

static uint64_t delivered(struct fixture *fixture)
{
    struct account *account = open_account(fixture, ALICE);
    uint64_t messages = status_of(account, "INBOX").messages;
    account_close(account);
    return messages;
}

static void accounts_and_others_in_one_go(void **state)
{
    struct fixture *fixture = *state;
    struct attempt test;
    struct slice login = ALICE;
    begin(fixture, &test, "ID", "bob@example.net");
    test.dispatch.accounts = &login;
    test.dispatch.account_count = 1;
    add_remote(&test, "eve@example.com", QUEUE_NOTIFY_SUCCESS);
    add_remote(&test, "Joe@slow.example", 0);
    add_remote(&test, "eve@example.com", 0); /* once more */
    add_forward(&test, "List@example.org", "far@example.com",
                "off@b\xc3\xbc"
                "cher.example",
                QUEUE_NOTIFY_SUCCESS);
    add_forward(&test, "other@example.org", "far@example.com", NULL,
                QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY);
    assert_ok(end(&test));
    assert_int_equal(delivered(fixture), 1);
    assert_string_equal(waiting(fixture),
                        "ID:eve@example.com,Joe@slow.example ID.1:far@example.com,off@xn--bcher-kva.example "
                        "ID.2:far@example.com");
    size_t count;
    struct queue_item *list = items(fixture, 0, &count);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_text(list[i].envelope.envid, "E1");
        assert_int_equal(list[i].envelope.flags, QUEUE_8BIT);
        assert_int_equal(list[i].envelope.skip, 18);
        assert_int_equal(list[i].envelope.size, TEXT.len);
        assert_true(list[i].envelope.received_us == NOW);
        assert_true(list[i].envelope.expires_us == NOW + (i == 0 ? 9000000 : 4000000) * (int64_t)1000);
        assert_true(list[i].recipients[0].taken.recipient.due_us == NOW);
    }
    assert_text(list[0].envelope.sender, "bob@example.net");
    assert_text(list[0].envelope.top, "");
    assert_text(list[0].recipients[0].taken.recipient.destination, "example.com");
    assert_int_equal(list[0].recipients[0].taken.recipient.notify, QUEUE_NOTIFY_SUCCESS);
    assert_text(list[0].recipients[0].taken.recipient.orcpt, "");
    assert_text(list[0].recipients[1].taken.recipient.destination, "route:slow");
    /* Of several behind one alias nobody tells of success. */
    assert_text(list[1].envelope.top, "Delivered-To: list@example.org\r\n");
    assert_int_equal(list[1].recipients[0].taken.recipient.notify, QUEUE_NOTIFY_NEVER);
    assert_text(list[1].recipients[1].taken.recipient.destination, "xn--bcher-kva.example");
    assert_text(list[1].recipients[1].taken.recipient.orcpt, "rfc822;List@example.org");
    assert_text(list[2].envelope.top, "Delivered-To: other@example.org\r\n");
    assert_int_equal(list[2].recipients[0].taken.recipient.notify, QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY);
    /* The answer to a forward finds its way. */
    for (size_t i = 1; i < 3; i++) {
        struct address sender, original;
        struct srs_key key;
        assert_ok(address_parse(&fixture->arena, list[i].envelope.sender, false, &sender));
        assert_text(sender.domain, "example.org");
        assert_ok(srs_key_load(fixture->directory, &key));
        assert_ok(srs_reverse(&key, sender.local, NOW, &fixture->arena, &original));
        assert_text(original.local, "bob");
        assert_text(original.domain, "example.net");
    }
}

static void some_senders_stay_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    static const char *const senders[] = {
        "", "alice@example.org", "nobody@EXAMPLE.ORG",
        "0100018f2c5a7b3e-12345678-abcd-1234-abcd-1234567890ab-000000@eu-west-1.amazonses.com"};
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        struct attempt test;
        size_t count;
        begin(fixture, &test, arena_printf(&fixture->arena, "ID%zu", i), senders[i]);
        add_forward(&test, "list@example.org", "far@example.com", NULL, 0);
        assert_ok(end(&test));
        assert_text(items(fixture, 0, &count)[i].envelope.sender, senders[i]);
    }
}

/* Names of domains go out as A-labels, and an ORCPT that we add as xtext. */
static void what_others_could_not_read_is_encoded(void **state)
{
    struct fixture *fixture = *state;
    struct attempt test;
    size_t count;
    begin(fixture, &test, "ID",
          "bob@b\xc3\xbc"
          "cher.test");
    add_remote(&test, "eve@example.com", 0);
    add_forward(&test, "\"a b=c+d\"@example.org", "far@example.com", NULL, 0);
    assert_ok(end(&test));
    struct queue_item *list = items(fixture, 0, &count);
    assert_text(list[0].envelope.sender, "bob@xn--bcher-kva.test");
    assert_text(list[1].recipients[0].taken.recipient.orcpt, "rfc822;\"a+20b+3Dc+2Bd\"@example.org");
}

static void a_forward_does_not_run_in_a_circle(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *header;
        enum err err;
    } cases[] = {{"Delivered-To: list@example.org\r\n", ERR_LIMIT},
                 {"From: a@b\r\ndelivered-to:\tLIST@example.org \r\n", ERR_LIMIT},
                 {"Delivered-To: alice@example.org\r\nDelivered-To: list@example.org\r\n", ERR_LIMIT},
                 {"Delivered-To: list@example.org.uk\r\n", ERR_OK},
                 {"Delivered-To: alice@example.org\r\n", ERR_OK},
                 {"Subject: Delivered-To: list@example.org\r\n", ERR_OK},
                 {"Subject: x\r\n\r\nDelivered-To: list@example.org\r\n", ERR_OK}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct attempt test;
        struct slice login = ALICE;
        begin(fixture, &test, arena_printf(&fixture->arena, "ID%zu", i), "bob@example.net");
        blob_free(test.sealed.blob);
        test.sealed =
            seal(fixture, slice_from(arena_printf(&fixture->arena, "%s\r\nx\r\n", cases[i].header)));
        test.dispatch.accounts = &login;
        test.dispatch.account_count = 1;
        add_forward(&test, "list@example.org", "far@example.com", NULL, 0);
        uint64_t before = delivered(fixture);
        assert_err(end(&test), cases[i].err);
        assert_int_equal(delivered(fixture) - before, cases[i].err ? 0 : 1);
    }
    assert_string_equal(waiting(fixture), "ID3:far@example.com ID4:far@example.com ID5:far@example.com "
                                          "ID6:far@example.com");
}

/* A mailbox that is full, or gone, keeps the others from getting it. */
static void one_that_cannot_keeps_it_from_all(void **state)
{
    struct fixture *fixture = *state;
    struct attempt test;
    struct slice logins[] = {ALICE, S("nobody@example.org")};
    begin(fixture, &test, "ID", "bob@example.net");
    test.dispatch.accounts = logins;
    test.dispatch.account_count = 2;
    add_remote(&test, "eve@example.com", 0);
    add_forward(&test, "list@example.org", "far@example.com", NULL, 0);
    assert_int_not_equal(end(&test), ERR_OK);
    assert_int_equal(delivered(fixture), 0);
    assert_string_equal(waiting(fixture), "");
    assert_int_equal(prepared_count(fixture), 0);
    /* The id is free again. */
    begin(fixture, &test, "ID", "bob@example.net");
    add_remote(&test, "eve@example.com", 0);
    assert_ok(end(&test));
    /* And taken: the second entry is not queued when the first cannot be. */
    begin(fixture, &test, "ID", "bob@example.net");
    test.dispatch.accounts = logins;
    test.dispatch.account_count = 1;
    add_remote(&test, "eve@example.com", 0);
    add_forward(&test, "list@example.org", "far@example.com", NULL, 0);
    assert_err(end(&test), ERR_EXISTS);
    assert_int_equal(delivered(fixture), 0);
    assert_string_equal(waiting(fixture), "ID:eve@example.com");
}

#ifdef ENGINE_MEMORY
/* Whichever step fails: what was not promised is not sent, and before the word is given nobody has it. */
static void every_step_may_fail(void **state)
{
    struct fixture *fixture = *state;
    struct slice login = ALICE;
    for (uint64_t step = 1; step <= 6; step++) {
        struct attempt test;
        begin(fixture, &test, arena_printf(&fixture->arena, "ID%u", (unsigned)step), "bob@example.net");
        test.dispatch.accounts = &login;
        test.dispatch.account_count = 1;
        add_remote(&test, "eve@example.com", 0);
        add_forward(&test, "list@example.org", "far@example.com", NULL, 0);
        uint64_t before = delivered(fixture);
        memory_store_fail(fixture->store, MEMORY_COMMIT, step, ERR_NO_SPACE);
        enum err err = end(&test);
        memory_store_heal(fixture->store);
        assert_err(err, step <= 5 ? ERR_NO_SPACE : ERR_OK); /* two entries, the mailbox, two words */
        assert_int_equal(delivered(fixture) - before, step > 3);
        assert_string_equal(waiting(fixture), step <= 4   ? ""
                                              : step == 5 ? "ID5:eve@example.com"
                                                          : "ID5:eve@example.com ID6:eve@example.com "
                                                            "ID6.1:far@example.com");
        assert_int_equal(prepared_count(fixture), 0);
    }
}
#endif

#ifdef ENGINE_EMBEDDED
#define KILLS 12

static void dispatch_until_killed(struct fixture *fixture, unsigned first, int acknowledge)
{
    struct slice login = ALICE;
    fixture->store = NULL; /* the parent's is not for us */
    open_store(fixture);
    for (unsigned n = first;; n++) {
        struct attempt test;
        begin(fixture, &test, arena_printf(&fixture->arena, "ID%u", n), "bob@example.net");
        test.dispatch.accounts = &login;
        test.dispatch.account_count = 1;
        add_remote(&test, "eve@example.com", 0);
        if (end(&test) || write(acknowledge, &n, sizeof(n)) != sizeof(n)) {
            _exit(1);
        }
    }
}

/* The last number that was promised; from `first` on all were until it. */
static unsigned kill_once(struct fixture *fixture, unsigned first)
{
    int ends[2], status = 0;
    unsigned last = 0, n;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dispatch_until_killed(fixture, first, ends[1]);
    }
    close(ends[1]);
    assert_true(read(ends[0], &last, sizeof(last)) == sizeof(last));
    struct timespec pause = {.tv_nsec = rand() % 30000000};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    while (read(ends[0], &n, sizeof(n)) == sizeof(n)) {
        last = n;
    }
    close(ends[0]);
    return last;
}

static void who_is_killed_has_promised_nothing(void **state)
{
    struct fixture *fixture = *state;
    unsigned promised = 0, first = 1, unpromised = 0;
    for (unsigned i = 0; i < KILLS; i++) {
        unsigned last = kill_once(fixture, first);
        promised += last - first + 1;
        first = last + 2; /* the one that was under way may be there */
        reopen_store(fixture);
        assert_ok(queue_recover(fixture->store, INT64_MAX, INT64_MAX));
        assert_int_equal(prepared_count(fixture), 0);
        size_t count;
        items(fixture, 1u << QUEUE_WAITING, &count);
        unpromised = (unsigned)count - promised; /* confirmed, and killed before it was said */
        assert_true(count >= promised && unpromised <= i + 1);
        /* Who is in the queue is in the mailbox: the word is given last. */
        assert_true(delivered(fixture) >= count);
        assert_true(delivered(fixture) <= promised + i + 1);
    }
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        conformance_test(accounts_and_others_in_one_go),
        conformance_test(some_senders_stay_as_they_are),
        conformance_test(what_others_could_not_read_is_encoded),
        conformance_test(a_forward_does_not_run_in_a_circle),
        conformance_test(one_that_cannot_keeps_it_from_all),
#ifdef ENGINE_MEMORY
        conformance_test(every_step_may_fail),
#endif
#ifdef ENGINE_EMBEDDED
        conformance_test(who_is_killed_has_promised_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
