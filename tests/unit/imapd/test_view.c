/* SPDX-License-Identifier: ISC */
/* The view of a mailbox, and what else is worked out by ranges, against doing it message by message. */
#include "check.h"

#include "context_order.h"
#include "resync.h"

#define UIDS   60
#define ROUNDS 2000

static uint64_t seed = 7;

static unsigned pick(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % below);
}

/* Some of the UIDs, one in `rare` left out. */
static struct uid_set some_uids(struct arena *arena, unsigned rare)
{
    struct uid_set_writer writer = {0};
    for (uint32_t uid = 1; uid <= UIDS; uid++)
        if (pick(rare) > 0)
            uid_set_add(&writer, uid);
    return uid_set_take(&writer, arena);
}

static struct view view_of(const struct uid_set *uids)
{
    struct view view = {0};
    for (size_t i = 0; i < uids->count; i++)
        view_append_range(&view, uids->ranges[i].first, uids->ranges[i].last);
    return view;
}

/* The UIDs of a set, one by one. */
static size_t list_uids(const struct uid_set *uids, uint32_t list[UIDS])
{
    size_t count = 0;
    for (size_t i = 0; i < uids->count; i++)
        for (uint32_t uid = uids->ranges[i].first; uid <= uids->ranges[i].last; uid++)
            list[count++] = uid;
    return count;
}

static void runs(void **state)
{
    struct arena arena = {0};
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t list[UIDS], uid;
        struct uid_set uids = some_uids(&arena, 2 + pick(8));
        struct view view = view_of(&uids);
        size_t count = list_uids(&uids, list);
        assert_int_equal(view.count, count);
        for (size_t i = 0; i < count; i++) {
            size_t end = i;
            while (end + 1 < count && list[end + 1] == list[end] + 1)
                end++;
            assert_int_equal(view_run(&view, (uint32_t)i + 1, &uid), end - i + 1);
            assert_int_equal(uid, list[i]);
            assert_int_equal(view_number(&view, uid), i + 1);
        }
        view_free(&view);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static uint32_t naive_matching(const struct resync *resync, const struct view *view)
{
    uint32_t numbers[UIDS], uids[UIDS], matching = 0;
    size_t count = list_uids(&resync->match_numbers, numbers);
    list_uids(&resync->match_uids, uids);
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] > view->count || view_uid(view, numbers[i]) != uids[i])
            break;
        matching = uids[i];
    }
    return matching;
}

/* RFC 7162 section 3.2.5.2: samples of what the client has, some of which went since. */
static void samples_that_match(void **state)
{
    struct arena arena = {0};
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct uid_set before = some_uids(&arena, 2 + pick(8)), gone = some_uids(&arena, 2);
        struct view view = view_of(&before);
        struct uid_set_writer numbers = {0}, uids = {0};
        for (uint32_t number = 1 + pick(3); number <= view.count; number += 1 + (pick(3) ? 0 : pick(4))) {
            uid_set_add(&numbers, number);
            uid_set_add(&uids, view_uid(&view, number));
        }
        struct resync resync = {.match_numbers = uid_set_take(&numbers, &arena),
                                .match_uids = uid_set_take(&uids, &arena)};
        struct uid_range late = {1 + pick(UIDS), UIDS};
        gone = uid_set_common(&arena, &gone, &(struct uid_set){&late, 1});
        view_remove(&view, &gone);
        assert_int_equal(resync_matching_uid(&resync, &view), naive_matching(&resync, &view));
        view_free(&view);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

/* --- orders: a client that does as it is told has the same list --- */

struct client {
    uint32_t list[UIDS];
    size_t count;
};

static void remove_told(void *data, size_t position, uint32_t uid)
{
    struct client *client = data;
    assert_in_range(position, 1, client->count);
    assert_int_equal(client->list[position - 1], uid);
    memmove(&client->list[position - 1], &client->list[position],
            (client->count-- - position) * sizeof(uint32_t));
}

static void insert_told(void *data, size_t position, uint32_t uid)
{
    struct client *client = data;
    assert_in_range(position, 1, client->count + 1);
    memmove(&client->list[position], &client->list[position - 1],
            (++client->count - position) * sizeof(uint32_t));
    client->list[position - 1] = uid;
}

/* By the last digit, then from the highest on. */
static int compare_uids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x % 10 != y % 10 ? (int)(x % 10) - (int)(y % 10) : (int)y - (int)x;
}

static size_t sort_uids(const struct uid_set *uids, uint32_t list[UIDS])
{
    size_t count = list_uids(uids, list);
    qsort(list, count, sizeof(list[0]), compare_uids);
    return count;
}

static void check_order(const struct context_order *order, const struct client *client,
                        const struct uid_set *uids)
{
    uint32_t sorted[UIDS];
    size_t count = sort_uids(uids, sorted);
    assert_int_equal(order->count, count);
    assert_int_equal(client->count, count);
    assert_memory_equal(order->uids, sorted, count * sizeof(sorted[0]));
    assert_memory_equal(client->list, sorted, count * sizeof(sorted[0]));
}

static void orders(void **state)
{
    struct arena arena = {0};
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint32_t sorted[UIDS];
        struct context_order order = {0};
        struct client client;
        struct uid_set uids = some_uids(&arena, 1 + pick(8)), gone = some_uids(&arena, 1 + pick(4));
        struct uid_set added = some_uids(&arena, 1 + pick(4));
        client.count = sort_uids(&uids, client.list);
        context_order_set(&order, client.list, client.count);
        context_order_remove(&order, &gone, remove_told, &client);
        uids = uid_set_minus(&arena, &uids, &gone);
        check_order(&order, &client, &uids);

        added = uid_set_minus(&arena, &added, &uids);
        uids = uid_set_union(&arena, &uids, &added);
        size_t count = sort_uids(&uids, sorted);
        context_order_insert(&order, &added, sorted, count, insert_told, &client);
        check_order(&order, &client, &uids);
        context_order_free(&order);
        arena_reset(&arena);
    }
    arena_free(&arena);
}

/* What was expunged, which the client was not told of yet, is not in the new order, and stays. */
static void unknown_ones_stay(void **state)
{
    static const uint32_t old[] = {9, 4, 7, 2}, now[] = {5, 4, 6, 2, 8};
    static const uint32_t want[] = {5, 9, 4, 6, 7, 2, 8};
    static const struct uid_range ranges[] = {{5, 6}, {8, 8}};
    struct client client = {.count = ARRAY_LEN(old)};
    struct context_order order = {0};
    (void)state;
    memcpy(client.list, old, sizeof(old));
    context_order_set(&order, old, ARRAY_LEN(old));
    context_order_insert(&order, &(struct uid_set){ranges, 2}, now, ARRAY_LEN(now), insert_told, &client);
    assert_int_equal(order.count, ARRAY_LEN(want));
    assert_memory_equal(order.uids, want, sizeof(want));
    assert_memory_equal(client.list, want, sizeof(want));
    context_order_free(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs),
        cmocka_unit_test(samples_that_match),
        cmocka_unit_test(orders),
        cmocka_unit_test(unknown_ones_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
