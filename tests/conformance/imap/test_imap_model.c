/* SPDX-License-Identifier: ISC */
/*
 * IMAP against its model (game.h), on one of the store's engines. Without a seed it plays the same game each
 * time, so that a failure speaks of what was changed; other games are played by hand:
 *
 *     MODEL_SEED=1234 MODEL_COMMANDS=200000 meson test -C build -t 20 -v imap-memory
 *     MODEL_WITHOUT=IDLE,RENAME,guest          what to leave out
 */
#include "../../unit/imapd/world.h"
#include "base/log.h"
#include "storage/snapshot.h"

#include "game.h"

static struct game game;

#ifdef ENGINE_MEMORY
#include "storage_memory/faults.h"

static void inject_fault(size_t nth)
{
    static const enum err errors[] = {ERR_NO_SPACE, ERR_IO, ERR_UNAVAILABLE};
    static const enum memory_step steps[] = {MEMORY_COMMIT, MEMORY_COMMIT, MEMORY_SEAL, MEMORY_BLOB_WRITE,
                                             MEMORY_READ,   MEMORY_READ,   MEMORY_READ};
    memory_store_fail(world.fixture->store, steps[below(&game, ARRAY_LEN(steps))], nth,
                      errors[below(&game, ARRAY_LEN(errors))]);
}

static void heal(void)
{
    memory_store_heal(world.fixture->store);
}
#endif

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);
    return text && slice_to_u64(slice_from(text), UINT64_MAX, &value) ? value : otherwise;
}

/* With all rights, or to be read, which goes along when it is renamed. */
static void share(struct account *account, const char *name)
{
    bool for_reading = strcmp(name, "Trash") == 0 || strcmp(name, "Junk") == 0;
    struct batch_operation give = {
        .kind = BATCH_SET_RIGHTS,
        .mailbox = mailbox_named(slice_from(name)),
        .rights = {.identifier = S("bob@example.org"), .rights = for_reading ? S("lr") : S("lrswipkxtea")}};
    assert_ok(batch_commit(account, &give, 1, NULL));
    truth_mailbox(&game, name)->is_shared = true;
    truth_mailbox(&game, name)->is_for_reading = for_reading;
}

/* What an account has from the beginning. */
static void learn_first_mailboxes(void)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct snapshot *snapshot = NULL;
    struct mailbox_entry *list;
    size_t count;
    assert_ok(snapshot_open(account, &snapshot));
    assert_ok(snapshot_mailboxes(snapshot, &game.arena, &list, &count));
    snapshot_close(snapshot);
    for (size_t i = 0; i < count; i++) {
        const char *name = arena_cstr(&game.arena, list[i].name);
        truth_create(&game, name);
        truth_subscribe(&game, name, list[i].subscribed);
        share(account, name);
    }
    account_close(account);
}

static void clean_up(void)
{
    check_remove_directory(world.fixture->directory);
}

static void play(void *arg)
{
    (void)arg;
    game_play(&game);
    loop_stop(world.loop);
}

static void server_agrees_with_the_model(void **state)
{
    (void)state;
    const char *without = getenv("MODEL_WITHOUT");
    game.seed = from_environment("MODEL_SEED", 3501);
    game.commands = from_environment("MODEL_COMMANDS", 12000);
    game.random = (game.seed + 1) * 0x9e3779b97f4a7c15u | 1; /* small seeds must differ much */
    game.without = without ? arena_printf(&game.arena, "%s,", without) : NULL;
    game.loop = world.loop;
    game.serve = run_session;
    game.clean_up = clean_up;
    game.store = world.fixture->store;
#ifdef ENGINE_MEMORY
    game.inject_fault = inject_fault;
    game.heal = heal;
#endif
    game.client_count = 2 + below(&game, GAME_CLIENTS - 1);
    world.conf.error_limit = INT64_MAX;
    world.context.doze_after = one_in(&game, 2); /* ms: whoever waits lets go of his account (imapd/doze.c) */
    printf("# MODEL_SEED=%llu MODEL_COMMANDS=%llu, %zu sessions\n", (unsigned long long)game.seed,
           (unsigned long long)game.commands, game.client_count);
    fflush(stdout);
    assert_ok(log_open("imap-model", "stderr", LOG_WARNING));
    texts_make(&game);
    assert_ok(directory_user_add(world.fixture->store, S("bob@example.org"), S("Bob"), 0, NULL));
    learn_first_mailboxes();
    task_detach(task_spawn(world.loop, "game", play, NULL));
    loop_run(world.loop);
    game_free(&game);
}

int main(void)
{
    /* What a disk does to changes is for other tests: here many are wanted. */
    if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    const struct CMUnitTest tests[] = {dialogue_test(server_agrees_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
