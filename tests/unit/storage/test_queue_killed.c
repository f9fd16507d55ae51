/* SPDX-License-Identifier: ISC */
/*
 * Processes that are killed while some of their threads queue messages and one delivers them. What a call
 * acknowledged is told to the parent by a pipe, and only then does the thread go on: afterwards it must be
 * there. What was not acknowledged is there as a whole or not at all.
 */
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storage/queue.h"

#define KILLS       12
#define WRITERS     4
#define NUMBERS_MAX 4096 /* of one writer, in one life */
#define NOW         ((int64_t)1800000000 * 1000000)
#define LEASE       (NOW + 60 * 1000000)
#define LATER       (NOW + 300 * 1000000)
#define DESTINATION S("a.example")

struct acknowledgement {
    unsigned writer, number;
    bool settled; /* else added */
    enum queue_state state;
};

/* Every third is too long for a row. */
static void body_of(unsigned writer, unsigned number, struct buf *body)
{
    size_t size = number % 3 == 0 ? 70000 : 300;
    while (body->len < size) {
        buf_printf(body, "%u-%u: line at %zu\r\n", writer, number, body->len);
    }
}

/* ---- the child ---- */

struct child {
    struct store *store;
    int acknowledge;
    unsigned writer;
};

static void tell(const struct child *child, struct acknowledgement acknowledgement)
{
    if (write(child->acknowledge, &acknowledgement, sizeof(acknowledgement)) != sizeof(acknowledgement)) {
        _exit(1);
    }
}

static enum err add(struct store *store, unsigned writer, unsigned number)
{
    char id[32];
    struct queue_recipient recipient = {
        .address = S("anna@a.example"), .destination = DESTINATION, .due_us = NOW};
    struct blob *blob = NULL;
    struct buf body;
    snprintf(id, sizeof(id), "%u-%u", writer, number);
    struct queue_envelope envelope = {
        .id = slice_from(id), .sender = S("alice@example.org"), .received_us = NOW, .expires_us = LATER};
    buf_init(&body, 100000);
    body_of(writer, number, &body);
    enum err err = blob_begin(store, &blob);
    if (!err) {
        err = blob_write(blob, buf_slice(&body));
    }
    if (!err) {
        err = queue_add(store, blob, &envelope, &recipient, 1, false);
    }
    blob_free(blob);
    buf_free(&body);
    return err;
}

static void *add_until_killed(void *argument)
{
    struct child *child = argument;
    for (unsigned number = 0; number < NUMBERS_MAX; number++) {
        if (add(child->store, child->writer, number)) {
            _exit(2);
        }
        tell(child, (struct acknowledgement){.writer = child->writer, .number = number});
    }
    return NULL;
}

static void numbers_of(const struct queue_envelope *envelope, unsigned *writer, unsigned *number)
{
    char id[32];
    snprintf(id, sizeof(id), "%.*s", SLICE_ARG(envelope->id));
    if (sscanf(id, "%u-%u", writer, number) != 2 || *writer >= WRITERS || *number >= NUMBERS_MAX) {
        abort(); /* in the child, too */
    }
}

static void deliver_until_killed(struct child *child)
{
    struct arena arena = {0};
    for (;;) {
        struct queue_claim *claims;
        size_t count, settled;
        if (queue_claim(child->store, DESTINATION, S("child"), NOW, LEASE, 1, 1, &arena, &claims, &count)) {
            _exit(3);
        }
        if (count == 1) {
            struct acknowledgement acknowledgement = {.settled = true};
            numbers_of(&claims[0].envelope, &acknowledgement.writer, &acknowledgement.number);
            acknowledgement.state = acknowledgement.number % 2 ? QUEUE_DELIVERED : QUEUE_WAITING;
            const struct queue_outcome outcome = {.message = claims[0].message,
                                                  .state = acknowledgement.state,
                                                  .due_us = LATER,
                                                  .attempted = true};
            if (queue_settle(child->store, S("child"), &outcome, 1, NOW, &settled) || settled != 1) {
                _exit(4);
            }
            tell(child, acknowledgement);
        }
        arena_reset(&arena);
    }
}

static void work_until_killed(const char *directory, int acknowledge)
{
    struct child children[WRITERS + 1];
    struct store *store = NULL;
    pthread_t thread;
    if (store_open(directory, "mx", &store, NULL)) {
        _exit(5);
    }
    for (unsigned i = 0; i <= WRITERS; i++) {
        children[i] = (struct child){.store = store, .acknowledge = acknowledge, .writer = i};
        if (i < WRITERS && pthread_create(&thread, NULL, add_until_killed, &children[i]) != 0) {
            _exit(6);
        }
    }
    deliver_until_killed(&children[WRITERS]);
}

/* ---- what is there afterwards ---- */

struct known {
    bool added, found;
    bool settled;
    enum queue_state state;
};
static struct known known[WRITERS][NUMBERS_MAX];

/* The list of what was acknowledged; returns how many messages were. */
static size_t read_acknowledgements(int from)
{
    struct acknowledgement one;
    size_t count = 0;
    memset(known, 0, sizeof(known));
    while (read(from, &one, sizeof(one)) == sizeof(one)) {
        struct known *message = &known[one.writer][one.number];
        message->added |= !one.settled;
        message->settled |= one.settled;
        message->state = one.settled ? one.state : message->state;
        count += !one.settled;
    }
    return count;
}

static size_t kill_once(struct fixture *fixture)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        work_until_killed(fixture->directory, ends[1]);
    }
    close(ends[1]);
    struct timespec pause = {.tv_nsec = 30000000 + rand() % 100000000};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    size_t count = read_acknowledgements(ends[0]);
    close(ends[0]);
    return count;
}

static void check_body(struct store *store, int64_t message, unsigned writer, unsigned number)
{
    struct blob_reader reader;
    struct buf body;
    buf_init(&body, 100000);
    body_of(writer, number, &body);
    assert_ok(queue_open(store, message, &reader));
    assert_int_equal(reader.size, body.len);
    char *bytes = mem_alloc(body.len);
    assert_int_equal(pread(reader.fd, bytes, body.len, 0), body.len);
    assert_memory_equal(bytes, body.data, body.len);
    mem_free(bytes);
    buf_free(&body);
    blob_reader_close(&reader);
}

static void check_item(struct store *store, const struct queue_item *item)
{
    unsigned writer, number;
    numbers_of(&item->envelope, &writer, &number);
    struct known *message = &known[writer][number];
    assert_false(message->found);
    message->found = true;
    assert_int_equal(item->count, 1);
    if (message->settled) {
        assert_int_equal(item->recipients[0].state, message->state);
        assert_int_equal(item->recipients[0].taken.attempts, 1);
    }
    check_body(store, item->message, writer, number);
}

/* How many messages there are; all that was acknowledged is. */
static size_t check_all(struct fixture *fixture)
{
    const struct queue_filter filter = {.states = (1U << QUEUE_STATE_COUNT) - 1};
    struct queue_item *items;
    size_t count = 0, found = 0;
    int64_t after = 0;
    do {
        assert_ok(queue_list(fixture->store, &filter, after, 100, &fixture->arena, &items, &count));
        for (size_t i = 0; i < count; i++) {
            check_item(fixture->store, &items[i]);
            after = items[i].message;
        }
        found += count;
    } while (count > 0);
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        for (unsigned number = 0; number < NUMBERS_MAX; number++) {
            assert_true(known[writer][number].found || !known[writer][number].added);
        }
    }
    return found;
}

/* Everything that is not over can be taken, once; and then nothing is left on the disk. */
static void deliver_the_rest(struct fixture *fixture, size_t messages)
{
    struct queue_figures figures;
    size_t count, settled, taken = 0;
    assert_ok(queue_recover(fixture->store, INT64_MAX, NOW));
    assert_ok(queue_count(fixture->store, &figures));
    assert_int_equal(figures.recipients[QUEUE_TAKEN], 0);
    assert_int_equal(figures.recipients[QUEUE_WAITING] + figures.recipients[QUEUE_DELIVERED], messages);
    do {
        struct queue_claim *claims;
        assert_ok(queue_claim(fixture->store, DESTINATION, S("parent"), LATER, LATER + 1, 100, 100,
                              &fixture->arena, &claims, &count));
        for (size_t i = 0; i < count; i++) {
            const struct queue_outcome outcome = {.message = claims[i].message, .state = QUEUE_DELIVERED};
            assert_ok(queue_settle(fixture->store, S("parent"), &outcome, 1, NOW, &settled));
            assert_int_equal(settled, 1);
        }
        taken += count;
    } while (count > 0);
    assert_int_equal(taken, figures.recipients[QUEUE_WAITING]);
    do {
        assert_ok(queue_forget(fixture->store, LATER, 1000, &count));
    } while (count > 0);
    for (unsigned i = 0; i < 4; i++) {
        const char *folder = arena_printf(&fixture->arena, "queue/messages/%u", i);
        assert_true(access(path_of(fixture, folder), F_OK) != 0 || count_files(fixture, folder) == 0);
    }
}

static void what_was_acknowledged_is_there(void **state)
{
    struct fixture *fixture = *state;
    size_t acknowledged = 0;
    srand((unsigned)getpid());
    for (int i = 0; i < KILLS; i++) {
        store_close(fixture->store);
        acknowledged += kill_once(fixture);
        open_store(fixture);
        size_t messages = check_all(fixture);
        deliver_the_rest(fixture, messages);
        arena_reset(&fixture->arena);
    }
    print_message("# %zu messages, of processes that were killed %d times\n", acknowledged, KILLS);
    assert_true(acknowledged > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_there, set_up_empty, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
