/* SPDX-License-Identifier: ISC */
/* Memory that the sessions of a user, and of all, may hold together. */
#include "searching.h"

#include "search_context.h"

/* --- the sums --- */

static void sums(void **state)
{
    struct budget budget = {.user_max = 100, .process_max = 150};
    struct budget_share a1 = {0}, a2 = {0}, b = {0};
    (void)state;
    assert_ok(budget_hold(&budget, &a1, S("alice"), 60));
    assert_ok(budget_hold(&budget, &a2, S("alice"), 40));
    assert_ok(budget_hold(&budget, &b, S("bob"), 50));
    /* One more octet is too much for alice, and, for bob, for all together. */
    assert_int_equal(budget_hold(&budget, &a2, S("alice"), 41), ERR_LIMIT);
    assert_ok(budget_hold(&budget, &a2, S("alice"), 40));
    assert_int_equal(budget_hold(&budget, &b, S("bob"), 51), ERR_LIMIT);
    budget_release(&budget, &a1);
    assert_ok(budget_hold(&budget, &b, S("bob"), 100));
    budget_release(&budget, &a2);
    budget_release(&budget, &b);
    budget_release(&budget, &b); /* nothing: no harm */
    assert_int_equal(budget.held, 0);
    assert_null(budget.first);
}

/* What is measured twice counts once; in whatever order it is given back. */
static void shares(void **state)
{
    struct budget budget = {.user_max = SIZE_MAX, .process_max = SIZE_MAX};
    struct budget_share all[3] = {0};
    (void)state;
    for (size_t round = 0; round < 6; round++) {
        for (size_t i = 0; i < 6; i++)
            assert_ok(budget_hold(&budget, &all[i % 3], S("alice"), i + 1));
        assert_int_equal(budget.held, 4 + 5 + 6);
        for (size_t i = 0; i < 3; i++)
            budget_release(&budget, &all[(round + i * (1 + round % 2)) % 3]);
        assert_int_equal(budget.held, 0);
    }
}

/* --- who is refused --- */

static void search_is_refused(void)
{
    fill(3);
    struct peer *a = peer_login(), *b = peer_login();
    select_inbox(a);
    select_inbox(b);
    world.budget.user_max = 1;
    peer_do(a, "SEARCH RETURN (SAVE) FLAGGED", "NO [LIMIT] this takes more memory than one user's ");
    peer_do(a, "SORT (DATE) UTF-8 ALL", "NO [LIMIT] ");
    peer_do(a, "THREAD REFERENCES UTF-8 ALL", "NO [LIMIT] ");
    assert_int_equal(world.budget.held, 0); /* it counts no longer than the command runs */
    world.budget.user_max = BUDGET_USER_MAX;
    peer_do(b, "SEARCH UNFLAGGED", "* SEARCH 1 2 3$\nOK ");
    peer_do(a, "SEARCH UNFLAGGED", "* SEARCH 1 2 3$\nOK ");
}
PEER_CASE(search_is_refused)

/* Another user's sessions have what is left of all. */
static void others_count(void)
{
    struct budget_share other = {0};
    fill(1);
    struct peer *a = peer_login();
    select_inbox(a);
    assert_ok(budget_hold(&world.budget, &other, S("bob@example.org"), BUDGET_USER_MAX));
    peer_do(a, "SEARCH UNFLAGGED", "* SEARCH 1$\nOK ");
    world.budget.process_max = BUDGET_USER_MAX;
    peer_do(a, "SEARCH UNFLAGGED", "NO [LIMIT] ");
    budget_release(&world.budget, &other);
    peer_do(a, "SEARCH UNFLAGGED", "* SEARCH 1$\nOK ");
}
PEER_CASE(others_count)

/* A search that goes on and cannot be followed any more ends; the session does not. */
static void context_ends(void)
{
    fill(2);
    struct peer *a = peer_login();
    select_inbox(a);
    peer_send(a, "A SEARCH RETURN (UPDATE COUNT) FLAGGED\r\nB SEARCH RETURN (UPDATE COUNT) NOT SEEN\r\n");
    peer_expect(a, "* ESEARCH (TAG \"A\") COUNT 0$\nA OK \n* ESEARCH (TAG \"B\") COUNT 2$\nB OK ");
    world.budget.user_max = 1;
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_do(a, "NOOP",
            "* 1 FETCH (\n* NO [NOUPDATE \"A\"] this takes too much memory$\n* NO [NOUPDATE \"B\"] \nOK ");
    world.budget.user_max = BUDGET_USER_MAX;
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_do(a, "NOOP", "* 2 FETCH (\nOK ");
}
PEER_CASE(context_ends)

/* Programs of searches are long when the texts in them are: so many octets, not just so many searches. */
static void long_programs(void)
{
    struct arena *arena = &world.fixture->arena;
    size_t size = CONTEXT_MEMORY_MAX / 2;
    char *text = arena_alloc(arena, size + 1);
    struct peer *a = peer_login();
    select_inbox(a);
    memset(text, 'x', size);
    for (unsigned i = 1; i <= 3; i++) {
        peer_send(a, arena_printf(arena, "A%u SEARCH RETURN (UPDATE COUNT) SUBJECT {%zu+}\r\n", i, size));
        peer_send(a, text);
        peer_send(a, "\r\n");
        peer_expect(a, arena_printf(arena, "* ESEARCH (TAG \"A%u\") COUNT 0$\n%sA%u OK ", i,
                                    i == 3 ? "* NO [NOUPDATE \"A3\"] \n" : "", i));
    }
}
PEER_CASE(long_programs)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums),  cmocka_unit_test(shares), peer_test(search_is_refused),
        peer_test(others_count), peer_test(context_ends),  peer_test(long_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
