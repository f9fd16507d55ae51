/* SPDX-License-Identifier: ISC */
/* Sets of UIDs, put together: compared with arrays of bits. */
#include "check.h"

#include "storage/uid.h"

#define UIDS 40

static struct uid_set set_of(struct arena *arena, uint64_t bits)
{
    struct uid_set_writer writer = {0};
    for (uint32_t uid = 1; uid <= UIDS; uid++) {
        if (bits >> uid & 1) {
            uid_set_add(&writer, uid);
        }
    }
    return uid_set_take(&writer, arena);
}

/* As bits again; ranges must ascend and not touch. */
static uint64_t bits_of(const struct uid_set *set)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < set->count; i++) {
        assert_true(set->ranges[i].first <= set->ranges[i].last);
        assert_true(i == 0 || set->ranges[i].first > set->ranges[i - 1].last + 1);
        for (uint32_t uid = set->ranges[i].first; uid <= set->ranges[i].last; uid++) {
            bits |= UINT64_C(1) << uid;
        }
    }
    return bits;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void sets_are_joined_and_taken_apart(void **state)
{
    uint64_t seed = 20261122, mask = ((UINT64_C(1) << UIDS) - 1) << 1;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        struct arena arena = {0};
        uint64_t a = next_random(&seed) & mask, b = next_random(&seed) & mask;
        if (round % 3 == 0) { /* long ranges, too */
            a |= a << 1 | a << 2;
            b &= b >> 1;
            a &= mask;
        }
        struct uid_set first = set_of(&arena, a), second = set_of(&arena, b);
        struct uid_set all = uid_set_union(&arena, &first, &second);
        struct uid_set both = uid_set_common(&arena, &first, &second);
        struct uid_set rest = uid_set_minus(&arena, &first, &second);
        assert_int_equal(bits_of(&all), a | b);
        assert_int_equal(bits_of(&both), a & b);
        assert_int_equal(bits_of(&rest), a & ~b);
        arena_free(&arena);
    }
}

static void the_last_uid_there_can_be(void **state)
{
    struct arena arena = {0};
    const struct uid_range some[] = {{5, 6}, {UINT32_MAX, UINT32_MAX}};
    const struct uid_set set = {some, 2};
    (void)state;
    struct uid_set all = uid_set_union(&arena, &uid_set_all, &set);
    assert_int_equal(all.count, 1);
    assert_int_equal(uid_set_size(&all), UINT32_MAX);
    struct uid_set rest = uid_set_minus(&arena, &uid_set_all, &set);
    assert_int_equal(rest.count, 2);
    assert_int_equal(rest.ranges[1].last, UINT32_MAX - 1);
    struct uid_set both = uid_set_common(&arena, &uid_set_all, &set);
    assert_int_equal(both.count, 2);
    rest = uid_set_minus(&arena, &set, &uid_set_all);
    assert_int_equal(rest.count, 0);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_joined_and_taken_apart),
        cmocka_unit_test(the_last_uid_there_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
