/* SPDX-License-Identifier: ISC */
/* Deliveries that were noted and not settled: who dies in between does not deliver again. */
#include <stdio.h>
#include <sys/stat.h>

#include "check.h"
#include "storage/queue.h"

#define NOW   ((int64_t)1800000000 * 1000000)
#define LEASE (NOW + (int64_t)3600 * 1000000)

static char *directory;
static struct store *store;
static struct arena arena;

static void open_store(void)
{
    struct buf why;
    buf_init(&why, 1000);
    assert_ok(store_open(directory, "mail.example.org", &store, &why));
    buf_free(&why);
}

static int set_up(void **state)
{
    (void)state;
    directory = check_temporary_directory();
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_close(store);
    check_remove_directory(directory);
    arena_free(&arena);
    return 0;
}

static void add(const char *id, size_t recipient_count)
{
    struct queue_recipient recipients[5];
    struct queue_envelope envelope = {.id = slice_from(id), .received_us = NOW, .expires_us = LEASE};
    struct blob *blob;
    for (size_t i = 0; i < recipient_count; i++) {
        char *address = arena_printf(&arena, "user%zu@example.net", i);
        recipients[i] = (struct queue_recipient){
            .address = slice_from(address), .destination = S("example.net"), .due_us = NOW};
    }
    assert_ok(blob_begin(store, &blob));
    assert_ok(blob_write(blob, S("Subject: x\r\n\r\n")));
    assert_ok(queue_add(store, blob, &envelope, recipients, recipient_count, false));
    blob_free(blob);
}

static size_t claim(struct queue_claim **claims)
{
    size_t count;
    assert_ok(queue_claim(store, S("example.net"), S("relay"), NOW, LEASE, 100, 100, &arena, claims, &count));
    return count;
}

static off_t notes_size(void)
{
    struct stat info;
    assert_int_equal(stat(arena_printf(&arena, "%s/queue/delivered", directory), &info), 0);
    return info.st_size;
}

static void what_was_noted_is_delivered(void **state)
{
    (void)state;
    struct queue_claim *claims;
    struct queue_figures figures;
    add("m1", 3);
    add("m2", 1);
    assert_int_equal(claim(&claims), 2);
    queue_note(store, claims[0].message, (const uint32_t[]){0, 2}, 2);
    /* Its process ends here, in whatever way: nothing is settled. */
    store_close(store);
    open_store();
    assert_ok(queue_recover(store, INT64_MAX, NOW));
    assert_ok(queue_count(store, &figures));
    assert_int_equal(figures.recipients[QUEUE_DELIVERED], 2);
    assert_int_equal(figures.recipients[QUEUE_WAITING], 2);
    assert_int_equal(notes_size(), 0);
    assert_int_equal(claim(&claims), 2);
    assert_int_equal(claims[0].count, 1);
    assert_int_equal(claims[0].recipients[0].number, 1);
    /* A message of which all was noted is over. */
    queue_note(store, claims[1].message, (const uint32_t[]){0}, 1);
    queue_note(store, claims[0].message, (const uint32_t[]){1}, 1);
    assert_ok(queue_recover(store, INT64_MAX, NOW));
    assert_ok(queue_count(store, &figures));
    assert_int_equal(figures.messages, 0);
}

static void what_is_settled_needs_no_note(void **state)
{
    (void)state;
    struct queue_claim *claims;
    struct queue_figures figures;
    size_t settled;
    add("m1", 2);
    assert_int_equal(claim(&claims), 1);
    queue_note(store, claims->message, (const uint32_t[]){0, 1}, 2);
    /* One of the two is put back by an administrator's hand meanwhile, so to speak: the note counts for who
     * is taken, and for nobody else. */
    struct queue_outcome outcomes[] = {
        {.message = claims->message, .number = 0, .state = QUEUE_DELIVERED},
        {.message = claims->message, .number = 1, .state = QUEUE_WAITING, .due_us = NOW}};
    assert_ok(queue_settle(store, S("relay"), outcomes, 2, NOW, &settled));
    assert_int_equal(settled, 2);
    assert_ok(queue_recover(store, INT64_MAX, NOW));
    assert_ok(queue_count(store, &figures));
    assert_int_equal(figures.recipients[QUEUE_DELIVERED], 1);
    assert_int_equal(figures.recipients[QUEUE_WAITING], 1);
}

static void the_file_does_not_grow_for_ever(void **state)
{
    (void)state;
    struct queue_claim *claims;
    size_t settled;
    off_t largest = 0;
    add("m1", 1);
    assert_int_equal(claim(&claims), 1);
    for (int i = 0; i < 40000; i++)
        queue_note(store, claims->message, (const uint32_t[]){0}, 1);
    largest = notes_size();
    assert_true(largest == 40000 * 16);
    struct queue_outcome outcomes[40000];
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        outcomes[i] = (struct queue_outcome){.message = claims->message, .state = QUEUE_DELIVERED};
    assert_ok(queue_settle(store, S("relay"), outcomes, 39999, NOW, &settled));
    assert_true(notes_size() == largest); /* one is not settled yet */
    assert_ok(queue_settle(store, S("relay"), outcomes, 1, NOW, &settled));
    assert_int_equal(notes_size(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_noted_is_delivered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_settled_needs_no_note, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_does_not_grow_for_ever, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
