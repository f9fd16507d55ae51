/* SPDX-License-Identifier: ISC */
/* Connections per address: limits, workers that share the file, workers that die, and files that are not
 * ours. */
#include "check.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/fsio.h"
#include "net/peers.h"

enum { NO_LIMIT = 1000000 };

struct place {
    char *folder;
    char *file;
};

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    place->folder = check_temporary_directory();
    assert_true(asprintf(&place->file, "%s/test.peers", place->folder) > 0);
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    check_remove_directory(place->folder);
    free(place->file);
    free(place);
    return 0;
}

static struct peers *open_as(struct place *place, unsigned worker)
{
    struct peers *peers = NULL;
    assert_ok(peers_open(place->file, worker, &peers));
    return peers;
}

/* Enters with no other limit than that of the address. */
static enum err enter(struct peers *peers, const char *address, size_t address_limit)
{
    return peers_enter(peers, slice_from(address), NO_LIMIT, address_limit);
}

static void leave(struct peers *peers, const char *address)
{
    peers_leave(peers, slice_from(address));
}

static void an_address_is_limited(void **state)
{
    struct peers *peers = open_as(*state, 0);
    assert_ok(enter(peers, "192.0.2.1", 2));
    assert_ok(enter(peers, "192.0.2.1", 2));
    assert_err(enter(peers, "192.0.2.1", 2), ERR_LIMIT);
    assert_int_equal(peers_total(peers), 2); /* a refused one is not counted */
    assert_ok(enter(peers, "192.0.2.2", 2));
    leave(peers, "192.0.2.1");
    assert_ok(enter(peers, "192.0.2.1", 2));
    assert_err(enter(peers, "192.0.2.1", 2), ERR_LIMIT);
    assert_int_equal(peers_total(peers), 3);
    peers_close(peers);
}

static void the_total_is_limited(void **state)
{
    struct peers *peers = open_as(*state, 0);
    assert_ok(peers_enter(peers, S("192.0.2.1"), 2, 10));
    assert_ok(peers_enter(peers, S("192.0.2.2"), 2, 10));
    assert_err(peers_enter(peers, S("192.0.2.3"), 2, 10), ERR_LIMIT);
    peers_leave(peers, S("192.0.2.2"));
    assert_ok(peers_enter(peers, S("192.0.2.3"), 2, 10));
    peers_close(peers);
}

static void one_peer_has_many_spellings(void **state)
{
    struct peers *peers = open_as(*state, 0);
    /* a /64 is one peer */
    assert_ok(enter(peers, "2001:db8:1:2::1", 1));
    assert_err(enter(peers, "2001:db8:1:2:ffff::9", 1), ERR_LIMIT);
    assert_err(enter(peers, "2001:0DB8:1:2::1%eth0", 1), ERR_LIMIT);
    assert_ok(enter(peers, "2001:db8:1:3::1", 1));
    leave(peers, "2001:db8:1:2::2");
    assert_ok(enter(peers, "2001:db8:1:2::3", 1));
    /* IPv4 in IPv6 is IPv4 */
    assert_ok(enter(peers, "192.0.2.1", 1));
    assert_err(enter(peers, "::ffff:192.0.2.1", 1), ERR_LIMIT);
    assert_ok(enter(peers, "::ffff:192.0.2.2", 1));
    /* and anything else is what it is */
    assert_ok(enter(peers, "local", 1));
    assert_err(enter(peers, "local", 1), ERR_LIMIT);
    assert_ok(enter(peers, "", 1));
    assert_ok(peers_enter(peers, (struct slice){NULL, 0}, NO_LIMIT, 2));
    peers_close(peers);
}

static void workers_count_together(void **state)
{
    struct peers *a = open_as(*state, 0);
    struct peers *b = open_as(*state, 63);
    assert_ok(enter(a, "192.0.2.1", 2));
    assert_ok(enter(b, "192.0.2.1", 2));
    assert_err(enter(a, "192.0.2.1", 2), ERR_LIMIT);
    assert_err(enter(b, "192.0.2.1", 2), ERR_LIMIT);
    assert_int_equal(peers_total(a), 2);
    assert_int_equal(peers_total(b), 2);
    leave(a, "192.0.2.1");
    assert_ok(enter(b, "192.0.2.1", 2));
    leave(a, "192.0.2.1"); /* it has none left: another worker's are not touched */
    assert_err(enter(a, "192.0.2.1", 2), ERR_LIMIT);
    assert_ok(enter(a, "192.0.2.2", 1));
    peers_close(a); /* takes its connections along */
    assert_int_equal(peers_total(b), 2);
    assert_ok(enter(b, "192.0.2.2", 1));
    peers_close(b);
}

static void a_successor_starts_from_nothing(void **state)
{
    struct place *place = *state;
    struct peers *survivor = open_as(place, 0);
    assert_ok(enter(survivor, "192.0.2.1", 9));
    pid_t child = fork();
    if (child == 0) { /* a worker that dies with its connections */
        struct peers *peers = NULL;
        if (peers_open(place->file, 1, &peers) || enter(peers, "192.0.2.1", 9) ||
            enter(peers, "192.0.2.2", 9))
            _exit(1);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(peers_total(survivor), 3);
    struct peers *successor = open_as(place, 1);
    assert_int_equal(peers_total(survivor), 1);
    assert_err(enter(successor, "192.0.2.1", 1), ERR_LIMIT);
    assert_ok(enter(successor, "192.0.2.2", 1));
    peers_close(successor);
    peers_close(survivor);
}

static const char *numbered(char text[static 32], unsigned number)
{
    snprintf(text, 32, "10.%u.%u.%u", number >> 16, (number >> 8) & 255, number & 255);
    return text;
}

static void addresses_come_and_go_without_end(void **state)
{
    struct peers *peers = open_as(*state, 0);
    char text[32];
    assert_ok(enter(peers, "192.0.2.1", 1));
    for (unsigned i = 0; i < 100000; i++) {
        assert_ok(enter(peers, numbered(text, i), 1));
        if (i >= 100)
            leave(peers, numbered(text, i - 100));
    }
    assert_int_equal(peers_total(peers), 101);
    assert_err(enter(peers, "192.0.2.1", 1), ERR_LIMIT);
    assert_err(enter(peers, numbered(text, 99999), 1), ERR_LIMIT);
    peers_close(peers);
}

static void five_thousand_addresses_at_once(void **state)
{
    struct peers *peers = open_as(*state, 0);
    char text[32];
    for (unsigned i = 0; i < 5000; i++)
        assert_ok(enter(peers, numbered(text, i), 1));
    for (unsigned i = 0; i < 5000; i++)
        assert_err(enter(peers, numbered(text, i), 1), ERR_LIMIT);
    for (unsigned i = 0; i < 5000; i++)
        leave(peers, numbered(text, i));
    assert_int_equal(peers_total(peers), 0);
    peers_close(peers);
}

/* More than there is room for: refused, never a crash or a wrong count. */
static void a_full_table_refuses(void **state)
{
    struct peers *peers = open_as(*state, 0);
    char text[32];
    size_t entered = 0;
    for (unsigned i = 0; i < 40000; i++)
        entered += enter(peers, numbered(text, i), 1) == ERR_OK;
    assert_in_range(entered, 8000, 16384);
    assert_int_equal(peers_total(peers), entered);
    peers_close(peers);
}

static void another_kind_of_file_is_replaced(void **state)
{
    struct place *place = *state;
    assert_ok(fs_write_durable(place->file, S("something else\n"), 0600));
    struct peers *peers = open_as(place, 0);
    assert_ok(enter(peers, "192.0.2.1", 1));
    peers_close(peers);

    /* the right size, the wrong content */
    struct stat info;
    assert_ok(stat(place->file, &info));
    char *content = malloc((size_t)info.st_size);
    memset(content, 'x', (size_t)info.st_size);
    assert_ok(fs_write_durable(place->file, slice_of(content, (size_t)info.st_size), 0600));
    free(content);
    peers = open_as(place, 0);
    assert_int_equal(peers_total(peers), 0);
    assert_ok(enter(peers, "192.0.2.1", 1));
    peers_close(peers);
}

static void what_cannot_be_opened_is_told(void **state)
{
    struct place *place = *state;
    struct peers *peers = NULL;
    assert_err(peers_open("/nonexistent/test.peers", 0, &peers), ERR_NOT_FOUND);
    assert_err(peers_open(place->file, 64, &peers), ERR_LIMIT);
    assert_null(peers);
    peers_close(NULL);
}

#define peers_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peers_test(an_address_is_limited),
        peers_test(the_total_is_limited),
        peers_test(one_peer_has_many_spellings),
        peers_test(workers_count_together),
        peers_test(a_successor_starts_from_nothing),
        peers_test(addresses_come_and_go_without_end),
        peers_test(five_thousand_addresses_at_once),
        peers_test(a_full_table_refuses),
        peers_test(another_kind_of_file_is_replaced),
        peers_test(what_cannot_be_opened_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
