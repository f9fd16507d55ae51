/* SPDX-License-Identifier: ISC */
/* Rewritten senders: there and back, through several forwarders, and what others make up. */
#include "check.h"

#include <pthread.h>
#include <sys/stat.h>

#include "srs.h"

#define NOW ((int64_t)1800000000 * 1000000)
#define DAY ((int64_t)86400 * 1000000)

static const struct srs_key key = {.bytes = "not so secret"}, other_key = {.bytes = "another one"};

static int reset_arena(void **state)
{
    static struct arena arena;
    arena_reset(&arena);
    *state = &arena;
    return 0;
}

static struct address address_of(const char *local, const char *domain)
{
    return (struct address){slice_from(local), slice_from(domain)};
}

static struct address rewrite(const struct address *sender, const char *domain, int64_t now_us,
                              struct arena *arena)
{
    struct address rewritten;
    assert_ok(srs_rewrite(&key, sender, slice_from(domain), now_us, arena, &rewritten));
    assert_text(rewritten.domain, domain);
    assert_true(srs_is_rewritten(rewritten.local));
    return rewritten;
}

static void assert_reverses(struct slice local, int64_t now_us, const char *expected_local,
                            const char *expected_domain, struct arena *arena)
{
    struct address original;
    assert_ok(srs_reverse(&key, local, now_us, arena, &original));
    assert_text(original.local, expected_local);
    assert_text(original.domain, expected_domain);
}

static void a_sender_goes_and_comes_back(void **state)
{
    struct arena *arena = *state;
    static const struct {
        const char *local, *domain, *key;
    } senders[] = {
        {"alice", "example.net", "example.net"},
        {"Alice.B+tag=x", "Example.NET", "example.net"},
        {"john doe", "example.net", "example.net"},
        {"a@b%c!d", "example.net", "example.net"},
        {"=", "a.example", "a.example"},
        {"alice",
         "b\xc3\xbc"
         "cher.example",
         "xn--bcher-kva.example"},
        {"j\xc3\xb6rg", "example.net", "example.net"},
        {"alice", "[192.0.2.1]", "[192.0.2.1]"},
        {"SRS0", "example.net", "example.net"},
        {"SRS2=x", "example.net", "example.net"},
    };
    for (size_t i = 0; i < ARRAY_LEN(senders); i++) {
        struct address sender = address_of(senders[i].local, senders[i].domain);
        struct address rewritten = rewrite(&sender, "ours.example", NOW, arena);
        assert_true(slice_starts_with(rewritten.local, S("SRS0=")));
        assert_int_equal(rewritten.local.len,
                         strlen("SRS0=HHHH=TT==") + strlen(senders[i].key) + strlen(senders[i].local));
        assert_reverses(rewritten.local, NOW, senders[i].local, senders[i].key, arena);
    }
}

static void letters_may_change_their_case_on_the_way(void **state)
{
    struct arena *arena = *state;
    struct address sender = address_of("Alice", "example.net");
    struct address rewritten = rewrite(&sender, "ours.example", NOW, arena);
    assert_reverses(arena_lower(arena, rewritten.local), NOW, "alice", "example.net", arena);
    char *upper = arena_cstr(arena, rewritten.local);
    for (char *c = upper; *c; c++) {
        *c = char_upper(*c);
    }
    assert_reverses(slice_from(upper), NOW, "ALICE", "EXAMPLE.NET", arena);
}

static void a_chain_of_forwarders_is_cut_short(void **state)
{
    struct arena *arena = *state;
    static const struct {
        const char *sender, *begin, *end;
    } cases[] = {
        {"SRS0=HHHH=TT=example.net=alice", "SRS1=", "=first.example==HHHH=TT=example.net=alice"},
        {"srs0+hhhh=TT=example.net=alice", "SRS1=", "=first.example=+hhhh=TT=example.net=alice"},
        {"SRS0-opaque", "SRS1=", "=first.example=-opaque"},
        {"SRS1=OLDH=zero.example==HHHH=TT=e.net=a", "SRS1=", "=zero.example==HHHH=TT=e.net=a"},
        {"SRS1+OLDH=zero.example=-opaque", "SRS1=", "=zero.example=-opaque"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct address sender = address_of(cases[i].sender, "First.example");
        struct address rewritten = rewrite(&sender, "ours.example", NOW, arena), original;
        assert_true(slice_starts_with(rewritten.local, slice_from(cases[i].begin)));
        assert_text(slice_skip(rewritten.local, strlen("SRS1=HHHH")), cases[i].end);
        /* It goes to whom it came from first, in the words that he knows. */
        assert_ok(srs_reverse(&key, rewritten.local, NOW + 1000 * DAY, arena, &original));
        assert_true(slice_starts_with(original.local, S("SRS0")));
        const char *rest = strpbrk(strstr(cases[i].end, ".example=") + 9, "=+-");
        assert_text(slice_skip(original.local, 4), rest);
        assert_text(original.domain, i < 3 ? "first.example" : "zero.example");
    }
}

/* Such a name is nothing that a forwarder made. */
static void what_only_looks_like_it_is_a_name_as_any(void **state)
{
    struct arena *arena = *state;
    static const char *const names[] = {"SRS1=OLDH", "SRS1=OLDH=first", "SRS1=OLDH==x",
                                        "SRS1=OLDH=first.example=x"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct address sender = address_of(names[i], "example.net");
        struct address rewritten = rewrite(&sender, "ours.example", NOW, arena);
        assert_reverses(rewritten.local, NOW, names[i], "example.net", arena);
    }
}

static void addresses_end(void **state)
{
    struct arena *arena = *state;
    struct address sender = address_of("alice", "example.net"), original;
    for (int64_t day = 0; day < 1024; day += 93) { /* the days' numbers go in a circle */
        int64_t then = NOW + day * DAY;
        struct address rewritten = rewrite(&sender, "ours.example", then, arena);
        assert_reverses(rewritten.local, then + SRS_DAYS * DAY, "alice", "example.net", arena);
        assert_err(srs_reverse(&key, rewritten.local, then + (SRS_DAYS + 1) * DAY, arena, &original),
                   ERR_TIMEOUT);
        assert_err(srs_reverse(&key, rewritten.local, then - DAY, arena, &original), ERR_TIMEOUT);
    }
}

static void nobody_else_makes_them(void **state)
{
    struct arena *arena = *state;
    struct address sender = address_of("alice", "example.net"),
                   forwarded = address_of("SRS0=a=b=c=d", "e.example");
    struct slice locals[] = {rewrite(&sender, "ours.example", NOW, arena).local,
                             rewrite(&forwarded, "ours.example", NOW, arena).local};
    struct address original;
    for (size_t n = 0; n < ARRAY_LEN(locals); n++) {
        assert_err(srs_reverse(&other_key, locals[n], NOW, arena, &original), ERR_DENIED);
        /* Nothing of it can be changed, and it does not do without its end. */
        for (size_t i = 0; i < locals[n].len; i++) {
            char *changed = arena_cstr(arena, locals[n]);
            changed[i] = changed[i] == 'x' ? 'y' : 'x';
            assert_int_not_equal(srs_reverse(&key, slice_from(changed), NOW, arena, &original), ERR_OK);
            assert_int_not_equal(srs_reverse(&key, slice_take(locals[n], i), NOW, arena, &original), ERR_OK);
        }
        /* One kind does not pass for the other. */
        char *other = arena_cstr(arena, locals[n]);
        other[3] ^= 1;
        assert_int_not_equal(srs_reverse(&key, slice_from(other), NOW, arena, &original), ERR_OK);
    }
}

static void hostile_addresses_are_refused(void **state)
{
    struct arena *arena = *state;
    static const char *const locals[] = {"",
                                         "SRS",
                                         "SRS0",
                                         "SRS1",
                                         "SRS0=",
                                         "SRS1=",
                                         "SRS0==",
                                         "SRS0===",
                                         "SRS0====",
                                         "SRS0=====",
                                         "SRS0=AAAA=AA=example.net=",
                                         "SRS0=AAAA=AA==alice",
                                         "SRS0=AAAA=AA=-x-=alice",
                                         "SRS0=AAAA=AA=a b=alice",
                                         "SRS0+AAAA=AA=example.net=alice",
                                         "SRS1-AAAA=example.net==x",
                                         "SRS1=AAAA=example.net=x=y",
                                         "SRS1=AAAA==example.net=x",
                                         "SRS1=AAAA=example.net==",
                                         "alice"};
    for (size_t i = 0; i < ARRAY_LEN(locals); i++) {
        struct address original = address_of("untouched", "");
        assert_err(srs_reverse(&key, slice_from(locals[i]), NOW, arena, &original), ERR_SYNTAX);
        assert_text(original.local, "untouched");
    }
    struct address original;
    assert_err(srs_reverse(&key, S("SRS0=AAAA=AA=example.net=alice"), NOW, arena, &original), ERR_DENIED);
    assert_err(srs_reverse(&key, S("SRS0==AA=example.net=alice"), NOW, arena, &original), ERR_DENIED);
}

static void what_would_be_too_long_is_not_rewritten(void **state)
{
    struct arena *arena = *state;
    char local[64];
    memset(local, 'a', sizeof(local));
    for (size_t i = 1; i < sizeof(local); i++) {
        struct address sender = {slice_of(local, i), S("example.net")}, rewritten;
        enum err err = srs_rewrite(&key, &sender, S("ours.example"), NOW, arena, &rewritten);
        assert_err(err, 13 + strlen("example.net=") + i > ADDRESS_LOCAL_MAX ? ERR_TOO_LONG : ERR_OK);
    }
    struct address null = {SLICE_EMPTY, SLICE_EMPTY}, rewritten;
    assert_err(srs_rewrite(&key, &null, S("ours.example"), NOW, arena, &rewritten), ERR_SYNTAX);
}

/* --- the key --- */

struct loader {
    const char *directory;
    struct srs_key key;
    pthread_t thread;
};

static void *load(void *data)
{
    struct loader *loader = data;
    return srs_key_load(loader->directory, &loader->key) ? (void *)"failed" : NULL;
}

static void all_have_the_same_key(void **state)
{
    (void)state;
    char *directory = check_temporary_directory();
    struct loader loaders[8];
    struct stat info;
    char path[300];
    for (size_t i = 0; i < ARRAY_LEN(loaders); i++) {
        loaders[i].directory = directory;
        assert_int_equal(pthread_create(&loaders[i].thread, NULL, load, &loaders[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(loaders); i++) {
        void *why;
        pthread_join(loaders[i].thread, &why);
        assert_null(why);
        assert_memory_equal(loaders[i].key.bytes, loaders[0].key.bytes, SRS_KEY_SIZE);
    }
    struct srs_key zero = {0};
    assert_memory_not_equal(loaders[0].key.bytes, zero.bytes, SRS_KEY_SIZE);
    snprintf(path, sizeof(path), "%s/srs.key", directory);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* A damaged one is not replaced: what was made with it would be lost. */
    assert_int_equal(truncate(path, 31), 0);
    assert_err(srs_key_load(directory, &zero), ERR_CORRUPT);
    assert_int_equal(truncate(path, 33), 0);
    assert_err(srs_key_load(directory, &zero), ERR_CORRUPT);
    check_remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sender_goes_and_comes_back, reset_arena),
        cmocka_unit_test_setup(letters_may_change_their_case_on_the_way, reset_arena),
        cmocka_unit_test_setup(a_chain_of_forwarders_is_cut_short, reset_arena),
        cmocka_unit_test_setup(what_only_looks_like_it_is_a_name_as_any, reset_arena),
        cmocka_unit_test_setup(addresses_end, reset_arena),
        cmocka_unit_test_setup(nobody_else_makes_them, reset_arena),
        cmocka_unit_test_setup(hostile_addresses_are_refused, reset_arena),
        cmocka_unit_test_setup(what_would_be_too_long_is_not_rewritten, reset_arena),
        cmocka_unit_test(all_have_the_same_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
