/* SPDX-License-Identifier: ISC */
/* Arenas: zeroed and aligned memory that stays where it is until the reset. */
#include "check.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
    (void)state;
    struct arena arena = {0};
    for (int round = 0; round < 2; round++) {
        for (size_t size = 1; size < 300; size++) {
            unsigned char *memory = arena_alloc(&arena, size);
            assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(memory[i], 0);
            }
            memset(memory, 0xff, size); /* the second round gets this memory again */
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
}

static void allocations_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    struct arena arena = {0};
    static unsigned char *memory[COUNT];
    static size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = i % 97 == 0 ? 20000 + i : i % 113; /* big ones between, and empty ones */
        memory[i] = arena_alloc(&arena, sizes[i]);
        assert_non_null(memory[i]);
        memset(memory[i], (int)(i % 256), sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < sizes[i]; k++) {
            assert_int_equal(memory[i][k], i % 256);
        }
    }
    arena_free(&arena);
}

static void used_counts_what_was_asked_for(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena);
    arena_alloc(&arena, 100);
    arena_alloc(&arena, 100000);
    assert_int_equal(arena.used, 100100);
    arena_reset(&arena);
    assert_int_equal(arena.used, 0);
    arena_alloc(&arena, 5);
    assert_int_equal(arena.used, 5);
    arena_free(&arena);
    assert_int_equal(arena.used, 0);
}

static void reset_keeps_one_block(void **state)
{
    (void)state;
    struct arena arena = {0};
    void *memory = arena_alloc(&arena, 10);
    void *first = arena.blocks;
    arena_reset(&arena);
    assert_ptr_equal(arena.blocks, first);
    assert_ptr_equal(arena_alloc(&arena, 10), memory);
    assert_ptr_equal(arena.blocks, first);
    arena_free(&arena);
    assert_null(arena.blocks);
    arena_reset(&arena); /* nothing to keep */
    assert_null(arena.blocks);
    arena_alloc(&arena, 1 << 20);
    arena_reset(&arena); /* a lone big block is not kept */
    assert_null(arena.blocks);
    arena_free(&arena);
}

static void texts_are_copied(void **state)
{
    (void)state;
    struct arena arena = {0};
    char source[] = "Ab\0C";
    struct slice copy = arena_copy(&arena, slice_of(source, 4));
    struct slice lower = arena_lower(&arena, S("\xc3\x84"
                                               "Ab@Z[")); /* UTF-8 stays as it is */
    source[0] = 'x';
    assert_slice(copy, S("Ab\0C"));
    assert_int_equal(copy.data[4], '\0');
    assert_text(lower, "\xc3\x84"
                       "ab@z[");
    assert_string_equal(arena_cstr(&arena, (struct slice){NULL, 0}), "");
    assert_string_equal(arena_printf(&arena, "%s-%d", "abc", 42), "abc-42");
    assert_string_equal(arena_printf(&arena, "%.*s", 0, "abc"), "");
    arena_free(&arena);
}

static void overruns_are_found_by_the_sanitizer(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__
    struct arena arena = {0};
    char *first = arena_alloc(&arena, 16);
    char *second = arena_alloc(&arena, 16);
    assert_false(__asan_address_is_poisoned(first + 15));
    assert_true(__asan_address_is_poisoned(first + 16));
    assert_true(__asan_address_is_poisoned(second + 16));
    arena_reset(&arena);
    assert_true(__asan_address_is_poisoned(first));
    arena_free(&arena);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(allocations_do_not_overlap),
        cmocka_unit_test(used_counts_what_was_asked_for),
        cmocka_unit_test(reset_keeps_one_block),
        cmocka_unit_test(texts_are_copied),
        cmocka_unit_test(overruns_are_found_by_the_sanitizer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
