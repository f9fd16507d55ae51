/* SPDX-License-Identifier: ISC */
/* Mailboxes come, change their names and go: what clients see, what lies on the disk, and what is left when
 * the process dies or the index is lost in between. */
#include "fixture.h"

#include <sys/wait.h>

#include "account_private.h"
#include "change.h"
#include "intents.h"
#include "mailbox_dir.h"
#include "mailbox_folder.h"
#include "operations.h"

static struct batch_operation create(const char *name)
{
    return (struct batch_operation){.kind = BATCH_MAILBOX_CREATE, .mailbox = mailbox_named(slice_from(name))};
}

static struct batch_operation rename_to(const char *name, const char *new_name)
{
    return (struct batch_operation){.kind = BATCH_MAILBOX_RENAME,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .rename = {.new_name = slice_from(new_name)}};
}

static struct batch_operation delete (const char *name)
{
    return (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_named(slice_from(name))};
}

static struct batch_operation subscribe(const char *name, bool subscribed)
{
    return (struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                    .mailbox = mailbox_named(slice_from(name)),
                                    .subscribe = {.subscribed = subscribed}};
}

static enum err run(struct account *account, struct batch_operation operation)
{
    return batch_commit(account, &operation, 1, NULL);
}

static struct batch_result done(struct account *account, struct batch_operation operation)
{
    assert_ok(batch_commit(account, &operation, 1, NULL));
    return operation.result;
}

static bool exists(struct account *account, const char *name)
{
    struct mailbox_status status;
    enum err err = mailbox_status(account, slice_from(name), &status);
    assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
    return err == ERR_OK;
}

static bool on_disk(struct fixture *fixture, const char *folder)
{
    return access(path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s/cur", folder)), F_OK) == 0;
}

/* What the descriptor in a folder says. */
static struct mailbox_descriptor descriptor_in(struct fixture *fixture, const char *folder)
{
    struct mailbox_descriptor descriptor;
    assert_ok(
        mailbox_descriptor_read(path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s", folder)),
                                &fixture->arena, &descriptor));
    return descriptor;
}

static struct mailbox_entry entry_of(struct fixture *fixture, struct account *account, const char *name)
{
    struct mailbox_entry *list;
    size_t count;
    assert_ok(mailbox_list(account, &fixture->arena, &list, &count));
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(list[i].name, slice_from(name))) {
            return list[i];
        }
    }
    fail_msg("no mailbox %s", name);
    return (struct mailbox_entry){0};
}

static void lose_index(struct fixture *fixture)
{
    static const char *const names[] = {"index.db", "index.db-wal", "index.db-shm", "index.bak"};
    store_close(fixture->store);
    fixture->store = NULL;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        unlink(path_of(fixture, arena_printf(&fixture->arena, ALICE_DIR "/%s", names[i])));
    }
    open_store(fixture);
}

static void created_mailbox_works(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint64_t before = status_of(account, "INBOX").highestmodseq;
    struct batch_result result = done(account, create("Work"));
    struct mailbox_status status = status_of(account, "Work");
    assert_int_equal(result.mailbox_id, status.id);
    assert_true(status.id > 100);
    assert_int_equal(result.uidvalidity, status.uidvalidity);
    assert_int_equal(status.uidnext, 1);
    assert_true(result.modseq > before);
    assert_int_equal(status.highestmodseq, result.modseq);
    assert_true(on_disk(fixture, ".Work"));
    assert_int_equal(access(path_of(fixture, ALICE_INBOX "/.Work/maildirfolder"), F_OK), 0);
    assert_text(descriptor_in(fixture, ".Work").name, "Work");
    assert_memory_equal(descriptor_in(fixture, ".Work").guid, result.guid, GUID_SIZE);
    assert_int_equal(append_text(fixture, account, "Work", HELLO), 1);
    check_consistent(fixture, account, "Work", ALICE_INBOX "/.Work/cur");
    assert_err(run(account, create("Work")), ERR_EXISTS);
    assert_err(run(account, create("inbox")), ERR_EXISTS);
    assert_err(run(account, create("a//b")), ERR_SYNTAX);
    assert_err(run(account, create("")), ERR_SYNTAX);
    assert_true(done(account, create("Work2")).uidvalidity > result.uidvalidity);
    account_close(account);
}

static void missing_levels_are_made(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a/b/c/d"));
    done(account, create("a/b/x"));
    assert_true(exists(account, "a") && exists(account, "a/b") && exists(account, "a/b/c"));
    assert_true(on_disk(fixture, ".a.b.c.d"));
    done(account, create("inbox/y"));
    assert_true(exists(account, "INBOX/y") && exists(account, "InBox/y"));
    account_close(account);
}

static void what_a_batch_creates_it_can_use(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation operations[] = {create("Work/New"), append_to("Work/New", &sealed),
                                           append_to("Work/New", &sealed)};
    assert_ok(batch_commit(account, operations, 3, NULL));
    assert_int_equal(operations[2].result.uid, 2);
    assert_int_equal(operations[2].result.uidvalidity, operations[0].result.uidvalidity);
    check_consistent(fixture, account, "Work/New", ALICE_INBOX "/.Work.New/cur");
    /* One that fails leaves nothing. */
    struct batch_operation failing[] = {create("Other/New"), append_to("Other/New", &sealed),
                                        append_to("missing", &sealed)};
    assert_err(batch_commit(account, failing, 3, NULL), ERR_NOT_FOUND);
    assert_false(exists(account, "Other") || exists(account, "Other/New"));
    assert_false(on_disk(fixture, ".Other") || on_disk(fixture, ".Other.New"));
    assert_err(batch_commit(account, failing, 2, NULL), ERR_OK);
    assert_int_equal(failing[1].result.uid, 1);
    check_consistent(fixture, account, "Other/New", ALICE_INBOX "/.Other.New/cur");
    blob_free(sealed.blob);
    account_close(account);
}

static void odd_names_have_folders_and_come_back(void **state)
{
    static const struct {
        const char *name, *folder;
    } cases[] = {
        {"a.b", ".a&AC4-b"},
        {"a.b/c", ".a&AC4-b.c"},
        {"\xc3\xa4/\xc3\xb6", ".&AOQ-.&APY-"},
        {"\xe6\x97\xa5\xe6\x9c\xac", ".&ZeVnLA-"},
        {"R&D", ".R&-D"},
        {".", ".&AC4-"},
        {"x/..", ".x.&AC4ALg-"},
        {" sp ace ", ". sp ace "},
        {"tmp", ".tmp"},
        {"cur/new", ".cur.new"},
        {"mbox", NULL}, /* the folder would be INBOX's descriptor */
        {"quote\"back\\slash", ".quote\"back\\slash"},
    };
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        done(account, create(cases[i].name));
        assert_true(!cases[i].folder || on_disk(fixture, cases[i].folder));
        append_text(fixture, account, cases[i].name, HELLO);
        /* Other programs' folders of that name would be called so. */
        if (cases[i].folder) {
            const char *dir = arena_printf(&fixture->arena, "Maildir/%s", cases[i].folder);
            assert_text(mailbox_name_of_dir(&fixture->arena, slice_from(dir)), cases[i].name);
        }
    }
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(status_of(account, cases[i].name).messages, 1);
    }
    account_close(account);
}

static void names_too_long_for_a_folder(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    char fits[256], over[257], longest[MAILBOX_NAME_MAX + 1];
    memset(fits, 'x', sizeof(fits));
    fits[254] = '\0';
    memset(over, 'y', sizeof(over));
    over[255] = '\0';
    for (size_t i = 0; i < sizeof(longest); i += 4) {
        memcpy(longest + i, "\xf0\x9f\x93\xa7", MIN_OF(sizeof(longest) - i, 4U));
    }
    longest[MAILBOX_NAME_MAX] = '\0';
    done(account, create(fits));
    assert_true(on_disk(fixture, arena_printf(&fixture->arena, ".%s", fits)));
    int64_t id = done(account, create(over)).mailbox_id;
    const char *folder = arena_printf(&fixture->arena, ".mailbox-%d", (int)id);
    assert_true(on_disk(fixture, folder));
    assert_text(descriptor_in(fixture, folder).name, over);
    done(account, create(longest));
    append_text(fixture, account, longest, HELLO);
    append_text(fixture, account, over, HELLO);
    /* Somebody's mailbox may have that very name. */
    const char *same = arena_printf(&fixture->arena, "mailbox-%d", (int)id);
    done(account, create(same));
    append_text(fixture, account, same, HELLO);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, over).messages, 1);
    assert_int_equal(status_of(account, over).id, id);
    assert_int_equal(status_of(account, longest).messages, 1);
    assert_int_equal(status_of(account, same).messages, 1);
    /* With a shorter name it has a folder of that name. */
    done(account, rename_to(over, "short"));
    assert_true(on_disk(fixture, ".short"));
    done(account, rename_to("short", over));
    assert_int_equal(status_of(account, over).messages, 1);
    account_close(account);
}

static void tree_is_renamed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a/b/c"));
    done(account, create("ab"));
    done(account, create("a0"));
    append_text(fixture, account, "a/b", HELLO);
    append_text(fixture, account, "a/b/c", HELLO);
    struct mailbox_status before = status_of(account, "a/b/c");
    struct batch_result result = done(account, rename_to("a", "x/y"));
    assert_int_equal(result.mailbox_id, status_of(account, "x/y").id);
    assert_false(exists(account, "a") || exists(account, "a/b") || exists(account, "a/b/c"));
    assert_true(exists(account, "ab") && exists(account, "a0") && exists(account, "x"));
    struct mailbox_status after = status_of(account, "x/y/b/c");
    assert_int_equal(after.id, before.id);
    assert_int_equal(after.uidvalidity, before.uidvalidity);
    assert_int_equal(after.highestmodseq, before.highestmodseq);
    assert_true(on_disk(fixture, ".x.y.b.c") && on_disk(fixture, ".x.y") && !on_disk(fixture, ".a.b"));
    assert_text(descriptor_in(fixture, ".x.y.b.c").name, "x/y/b/c");
    check_consistent(fixture, account, "x/y/b", ALICE_INBOX "/.x.y.b/cur");
    assert_int_equal(append_text(fixture, account, "x/y/b", HELLO), 2);
    /* Not over others, not into itself, not onto what is below the new name. */
    assert_err(run(account, rename_to("x/y", "ab")), ERR_EXISTS);
    assert_err(run(account, rename_to("x/y", "x/y")), ERR_EXISTS);
    assert_err(run(account, rename_to("x/y", "inbox")), ERR_EXISTS);
    assert_err(run(account, rename_to("x/y", "x/y/z")), ERR_SYNTAX);
    assert_err(run(account, rename_to("x/y", "a//b")), ERR_SYNTAX);
    assert_err(run(account, rename_to("none", "some")), ERR_NOT_FOUND);
    done(account, create("q/b"));
    done(account, delete ("q"));
    assert_err(run(account, rename_to("x/y", "q")), ERR_EXISTS);
    assert_false(exists(account, "q"));
    check_consistent(fixture, account, "x/y/b", ALICE_INBOX "/.x.y.b/cur");
    /* Up in its own tree, where the level above is gone. */
    done(account, delete ("x/y"));
    done(account, rename_to("x/y/b", "x/y"));
    assert_int_equal(status_of(account, "x/y/c").id, before.id);
    /* A name without a mailbox cannot be renamed, whatever is below it. */
    done(account, delete ("x/y"));
    assert_err(run(account, rename_to("x/y", "z")), ERR_NOT_FOUND);
    assert_true(exists(account, "x/y/c"));
    account_close(account);
}

static void rename_respects_limits_further_down(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    char deep[2 * MAILBOX_DEPTH_MAX], name[MAILBOX_NAME_MAX];
    for (size_t i = 0; i < sizeof(deep); i++) {
        deep[i] = i % 2 ? '/' : 'd';
    }
    deep[sizeof(deep) - 1] = '\0';
    done(account, create(deep));
    assert_err(run(account, rename_to("d", "x/y")), ERR_SYNTAX);
    memset(name, 'n', sizeof(name));
    name[MAILBOX_NAME_MAX - 10] = '\0';
    assert_err(run(account, rename_to("d", name)), ERR_SYNTAX);
    assert_true(exists(account, deep));
    assert_false(exists(account, "x"));
    assert_false(on_disk(fixture, ".x"));
    done(account, rename_to("d", "e"));
    deep[0] = 'e';
    assert_true(exists(account, deep));
    account_close(account);
}

static void names_are_swapped_in_one_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    int64_t a = done(account, create("a")).mailbox_id;
    int64_t b = done(account, create("b")).mailbox_id;
    append_text(fixture, account, "a", HELLO);
    struct sealed sealed = seal(fixture, HELLO);
    struct batch_operation swap[] = {rename_to("a", "t"), rename_to("b", "a"), rename_to("t", "b"),
                                     append_to("b", &sealed)};
    assert_ok(batch_commit(account, swap, 4, NULL));
    blob_free(sealed.blob);
    assert_int_equal(status_of(account, "a").id, b);
    assert_int_equal(status_of(account, "b").id, a);
    assert_int_equal(status_of(account, "b").messages, 2);
    assert_int_equal(append_text(fixture, account, "b", HELLO), 3);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "a").id, b);
    assert_int_equal(status_of(account, "b").messages, 3);
    account_close(account);
}

static void deleted_and_made_again_in_one_batch(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint32_t uidvalidity = done(account, create("a")).uidvalidity;
    append_text(fixture, account, "a", HELLO);
    struct batch_operation again[] = {delete ("a"), create("a")};
    assert_ok(batch_commit(account, again, 2, NULL));
    assert_true(again[1].result.uidvalidity > uidvalidity);
    assert_int_equal(status_of(account, "a").messages, 0);
    assert_true(on_disk(fixture, ".a"));
    assert_int_equal(append_text(fixture, account, "a", HELLO), 1);
    check_consistent(fixture, account, "a", ALICE_INBOX "/.a/cur");
    account_close(account);
}

static void deleted_mailbox_is_gone_with_its_files(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    uint32_t uidvalidity = done(account, create("a/b")).uidvalidity;
    append_text(fixture, account, "a", HELLO);
    append_text(fixture, account, "a", HELLO);
    int64_t id = status_of(account, "a").id;
    assert_int_equal(done(account, delete ("a")).affected, 2);
    assert_false(exists(account, "a"));
    assert_true(exists(account, "a/b"));
    assert_false(on_disk(fixture, ".a"));
    assert_true(on_disk(fixture, ".a.b"));
    assert_int_equal(count_files(fixture, ALICE_DIR "/deleted"), 0);
    assert_err(run(account, delete ("a")), ERR_NOT_FOUND);
    assert_err(run(account, delete ("INBOX")), ERR_DENIED);
    assert_err(
        run(account, (struct batch_operation){.kind = BATCH_MAILBOX_DELETE, .mailbox = mailbox_numbered(1)}),
        ERR_DENIED);
    struct batch_result again = done(account, create("a"));
    assert_true(again.uidvalidity > uidvalidity);
    assert_true(again.mailbox_id > id);
    assert_int_equal(status_of(account, "a").messages, 0);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "a").messages, 0);
    /* Identifiers of deleted mailboxes are not given again, index or not. */
    int64_t last = done(account, create("last")).mailbox_id;
    done(account, delete ("last"));
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_true(done(account, create("next")).mailbox_id > last);
    account_close(account);
}

static void mailbox_whose_folder_is_lost_can_be_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    check_remove_directory(strdup(path_of(fixture, ALICE_INBOX "/.a")));
    done(account, delete ("a"));
    done(account, create("a"));
    assert_int_equal(append_text(fixture, account, "a", HELLO), 1);
    account_close(account);
}

static void special_uses_are_unique(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation make = create("Old");
    make.create.special_use = S("\\archive");
    assert_err(run(account, make), ERR_EXISTS);
    assert_false(exists(account, "Old"));
    make.create.special_use = S("\\Important");
    done(account, make);
    assert_text(descriptor_in(fixture, ".Old").special_use, "\\Important");
    struct batch_operation set = {.kind = BATCH_MAILBOX_SET, .mailbox = mailbox_named(S("Old"))};
    set.set.special_use = S("\\Sent");
    assert_err(run(account, set), ERR_EXISTS);
    set.set.special_use = S("Sent");
    assert_err(run(account, set), ERR_SYNTAX);
    set.mailbox = mailbox_named(S("Sent"));
    set.set.special_use = SLICE_EMPTY;
    uint64_t modseq = done(account, set).modseq;
    assert_int_equal(entry_of(fixture, account, "Sent").special_use.len, 0);
    assert_text(descriptor_in(fixture, ".Sent").special_use, "");
    set.mailbox = mailbox_named(S("Old"));
    set.set.special_use = S("\\Sent");
    assert_true(done(account, set).modseq > modseq);
    assert_int_equal(done(account, set).modseq, 0); /* nothing to change */
    assert_text(descriptor_in(fixture, ".Old").special_use, "\\Sent");
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_text(entry_of(fixture, account, "Old").special_use, "\\Sent");
    assert_text(entry_of(fixture, account, "Sent").special_use, "");
    account_close(account);
}

static void uidvalidity_never_repeats_for_a_name(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation make = create("far");
    make.create.wanted_uidvalidity = 4000000000;
    make.create.wanted_uidnext = 77;
    struct batch_result result = done(account, make);
    assert_int_equal(result.uidvalidity, 4000000000);
    assert_int_equal(append_text(fixture, account, "far", HELLO), 77);
    /* Under another name it keeps its number, and the old name gets a higher one. */
    done(account, rename_to("far", "away"));
    assert_int_equal(status_of(account, "away").uidvalidity, 4000000000);
    assert_int_equal(done(account, create("far")).uidvalidity, 4000000001);
    assert_true(done(account, create("near")).uidvalidity < 4000000000);
    done(account, delete ("far"));
    make.create.wanted_uidvalidity = 1;
    assert_int_equal(done(account, make).uidvalidity, 4000000002);
    /* The same mailbox once more, as from a backup: the UIDs that it gave out meanwhile are not given again.
     */
    done(account, delete ("away"));
    make = create("away");
    make.create.wanted_uidvalidity = 4000000000;
    make.create.wanted_uidnext = 77;
    assert_int_equal(done(account, make).uidvalidity, 4000000000);
    assert_int_equal(append_text(fixture, account, "away", HELLO), 78);
    unsigned char guid[16] = "0123456789abcde";
    make = create("known");
    make.create.wanted_guid = guid;
    assert_memory_equal(done(account, make).guid, guid, 16);
    make.mailbox.name = S("twice");
    assert_memory_not_equal(done(account, make).guid, guid, 16);
    account_close(account);
}

static void empty_mailbox_takes_foreign_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct batch_operation set = {.kind = BATCH_MAILBOX_SET, .mailbox = mailbox_named(S("inbox"))};
    set.set.wanted_uidvalidity = 12345;
    set.set.wanted_uidnext = 500;
    assert_int_equal(done(account, set).uidvalidity, 12345);
    assert_int_equal(append_text(fixture, account, "INBOX", HELLO), 500);
    assert_err(run(account, set), ERR_CONFLICT);
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "INBOX").uidvalidity, 12345);
    assert_true(status_of(account, "INBOX").uidnext > 500);
    account_close(account);
}

static void subscriptions_follow_names(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a/b"));
    assert_true(done(account, subscribe("a/b", true)).modseq > 0);
    assert_int_equal(done(account, subscribe("a/b", true)).modseq, 0);
    assert_true(done(account, subscribe("no/such", true)).modseq > 0);
    assert_true(done(account, subscribe("no/such", false)).modseq > 0);
    assert_err(run(account, subscribe("no//such", true)), ERR_SYNTAX);
    assert_ok(run(account, subscribe("no//such", false)));
    assert_true(entry_of(fixture, account, "a/b").subscribed);
    done(account, rename_to("a", "x"));
    assert_true(entry_of(fixture, account, "x/b").subscribed);
    assert_false(entry_of(fixture, account, "x").subscribed);
    /* The name stays subscribed when its mailbox goes (RFC 3501 section 6.3.6). */
    done(account, delete ("x/b"));
    done(account, create("x/b"));
    assert_true(entry_of(fixture, account, "x/b").subscribed);
    done(account, subscribe("INBOX", false));
    account_close(account);
    lose_index(fixture);
    account = open_account(fixture, ALICE);
    assert_true(entry_of(fixture, account, "x/b").subscribed);
    assert_true(entry_of(fixture, account, "Drafts").subscribed);
    assert_false(entry_of(fixture, account, "INBOX").subscribed);
    assert_false(entry_of(fixture, account, "x").subscribed);
    account_close(account);
}

static void inbox_gives_its_messages_to_a_new_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", HELLO);
    append_text(fixture, account, "INBOX", HELLO);
    done(account, create("INBOX/child"));
    struct mailbox_status before = status_of(account, "INBOX");
    struct batch_result result = done(account, rename_to("inbox", "INBOX/2024/old"));
    assert_int_equal(result.mailbox_id, status_of(account, "INBOX/2024/old").id);
    assert_int_equal(status_of(account, "INBOX/2024/old").messages, 2);
    assert_int_equal(status_of(account, "INBOX/2024").messages, 0);
    assert_true(exists(account, "INBOX/child"));
    struct mailbox_status inbox = status_of(account, "INBOX");
    assert_int_equal(inbox.messages, 0);
    assert_int_equal(inbox.id, before.id);
    assert_int_equal(inbox.uidvalidity, before.uidvalidity);
    assert_int_equal(inbox.uidnext, before.uidnext);
    check_consistent(fixture, account, "INBOX/2024/old", ALICE_INBOX "/.INBOX.2024.old/cur");
    check_consistent(fixture, account, "INBOX", ALICE_INBOX "/cur");
    assert_err(run(account, rename_to("INBOX", "Drafts")), ERR_EXISTS);
    assert_err(run(account, rename_to("INBOX", "inbox")), ERR_EXISTS);
    account_close(account);
}

static void failed_batch_takes_renames_and_deletions_back(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    struct sealed sealed = seal(fixture, HELLO);
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    struct batch_operation operations[] = {
        append_to("a", &sealed),
        rename_to("a", "b"),
        append_to("b", &sealed),
        create("c/d"),
        append_to("c/d", &sealed),
        delete ("b"),
        create("a"),
        append_to("a", &sealed),
        append_to("none", &sealed),
    };
    assert_err(batch_commit(account, operations, ARRAY_LEN(operations), NULL), ERR_NOT_FOUND);
    assert_true(exists(account, "a"));
    assert_false(exists(account, "b") || exists(account, "c"));
    check_consistent(fixture, account, "a", ALICE_INBOX "/.a/cur");
    assert_int_equal(append_text(fixture, account, "a", HELLO), 2);
    assert_ok(batch_commit(account, operations, ARRAY_LEN(operations) - 1, NULL));
    assert_int_equal(status_of(account, "a").messages, 1);
    assert_int_equal(status_of(account, "c/d").messages, 1);
    assert_true(on_disk(fixture, ".a") && on_disk(fixture, ".c.d") && !on_disk(fixture, ".b"));
    blob_free(sealed.blob);
    account_close(account);
}

static int rename_folder(struct fixture *fixture, const char *from, const char *to)
{
    return rename(path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s", from)),
                  path_of(fixture, arena_printf(&fixture->arena, ALICE_INBOX "/%s", to)));
}

/* ---- the process dies ---- */

/* Runs operations as batch_commit does, up to the commit or (commit false) right before it, and dies: no
 * intents, no clean end. */
static void die(struct fixture *fixture, bool commit, struct batch_operation *operations, size_t count)
{
    static operation_handler *const handlers[BATCH_KIND_COUNT] = {
        [BATCH_APPEND] = run_append,
        [BATCH_MAILBOX_CREATE] = run_mailbox_create,
        [BATCH_MAILBOX_RENAME] = run_mailbox_rename,
        [BATCH_MAILBOX_DELETE] = run_mailbox_delete,
        [BATCH_MAILBOX_SET] = run_mailbox_set,
    };
    struct change change;
    struct batch_work work = {.change = &change};
    int status = 0;
    store_close(fixture->store);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        open_store(fixture);
        struct account *account = open_account(fixture, ALICE);
        enum err err = change_begin(account, &change);
        for (size_t i = 0; i < count && !err; i++) {
            err = handlers[operations[i].kind](&work, &operations[i]);
        }
        if (!err) {
            err = change_prepare(&change);
        }
        if (!err && commit) {
            err = change_commit(&change);
        }
        _exit(err ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    open_store(fixture);
}

static void death_before_the_commit_leaves_no_mailbox(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    account_close(account);
    struct batch_operation make = create("a/b");
    die(fixture, false, &make, 1);
    assert_true(on_disk(fixture, ".a.b"));
    account = open_account(fixture, ALICE);
    assert_false(exists(account, "a") || exists(account, "a/b"));
    assert_false(on_disk(fixture, ".a") || on_disk(fixture, ".a.b"));
    done(account, create("a/b"));
    account_close(account);
    /* Mail that somebody put into it meanwhile is not thrown away with it. */
    make = create("x");
    die(fixture, false, &make, 1);
    assert_ok(fs_write_durable(path_of(fixture, ALICE_INBOX "/.x/new/1.foreign"), HELLO, 0600));
    account = open_account(fixture, ALICE);
    assert_int_equal(access(path_of(fixture, ALICE_INBOX "/.x"), F_OK), 0);
    account_close(account);
}

static void death_before_the_folder_was_renamed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a/b"));
    append_text(fixture, account, "a/b", HELLO);
    account_close(account);
    struct batch_operation rename = rename_to("a", "x");
    die(fixture, true, &rename, 1);
    assert_true(on_disk(fixture, ".a.b"));
    account = open_account(fixture, ALICE);
    check_consistent(fixture, account, "x/b", ALICE_INBOX "/.x.b/cur");
    assert_false(on_disk(fixture, ".a.b") || on_disk(fixture, ".a"));
    assert_text(descriptor_in(fixture, ".x.b").name, "x/b");
    account_close(account);
}

/* The folder has its new name, the row knows the old one: who looks next finds it, be it recovery or a
 * delivery by a process that had the account open all the time. */
static void death_after_the_folder_was_renamed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    for (unsigned deliver_first = 0; deliver_first < 2; deliver_first++) {
        struct change change;
        struct batch_operation rename = deliver_first ? rename_to("x", "a") : rename_to("a", "x");
        struct batch_work work = {.change = &change};
        assert_ok(change_begin(account, &change));
        assert_ok(run_mailbox_rename(&work, &rename));
        assert_ok(change_prepare(&change));
        assert_ok(change_commit(&change));
        change_free(&change);
        const char *name = deliver_first ? "a" : "x";
        const char *folder = arena_printf(&fixture->arena, ALICE_INBOX "/.%s", name);
        assert_int_equal(rename_folder(fixture, deliver_first ? ".x" : ".a", deliver_first ? ".a" : ".x"), 0);
        /* What the intent did before it died. */
        struct mailbox_descriptor descriptor = descriptor_in(fixture, deliver_first ? ".a" : ".x");
        descriptor.name = slice_from(name);
        assert_ok(mailbox_descriptor_write(path_of(fixture, folder), &descriptor));
        if (deliver_first) {
            append_text(fixture, account, name, HELLO);
        }
        check_consistent(fixture, account, name, arena_printf(&fixture->arena, "%s/cur", folder));
    }
    assert_int_equal(status_of(account, "a").messages, 2);
    account_close(account);
}

static void death_before_the_folder_was_removed(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    account_close(account);
    struct batch_operation operations[] = {delete ("a"), create("a")};
    die(fixture, true, operations, 1);
    assert_true(on_disk(fixture, ".a"));
    account = open_account(fixture, ALICE);
    assert_false(exists(account, "a"));
    assert_false(on_disk(fixture, ".a"));
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    account_close(account);
    die(fixture, true, operations, 2);
    account = open_account(fixture, ALICE);
    assert_int_equal(status_of(account, "a").messages, 0);
    assert_true(on_disk(fixture, ".a"));
    assert_int_equal(count_files(fixture, ALICE_DIR "/deleted"), 0);
    account_close(account);
}

/* The messages are read by who had looked up their place before the folder was renamed. */
static void reader_follows_a_renamed_folder(void **state)
{
    struct fixture *fixture = *state;
    struct account *account = open_account(fixture, ALICE);
    done(account, create("a"));
    append_text(fixture, account, "a", HELLO);
    append_text(fixture, account, "a", HELLO);
    int64_t id = status_of(account, "a").id;
    struct message_places places = {0};
    struct blob_reader reader;
    assert_ok(message_open_next(account, id, 1, &places, &reader));
    blob_reader_close(&reader);
    done(account, rename_to("a", "b"));
    assert_ok(message_open_next(account, id, 2, &places, &reader));
    blob_reader_close(&reader);
    message_places_free(&places);
    account_close(account);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(created_mailbox_works),
        TEST(missing_levels_are_made),
        TEST(what_a_batch_creates_it_can_use),
        TEST(odd_names_have_folders_and_come_back),
        TEST(names_too_long_for_a_folder),
        TEST(tree_is_renamed),
        TEST(rename_respects_limits_further_down),
        TEST(names_are_swapped_in_one_batch),
        TEST(deleted_and_made_again_in_one_batch),
        TEST(deleted_mailbox_is_gone_with_its_files),
        TEST(mailbox_whose_folder_is_lost_can_be_deleted),
        TEST(special_uses_are_unique),
        TEST(uidvalidity_never_repeats_for_a_name),
        TEST(empty_mailbox_takes_foreign_numbers),
        TEST(subscriptions_follow_names),
        TEST(inbox_gives_its_messages_to_a_new_mailbox),
        TEST(failed_batch_takes_renames_and_deletions_back),
        TEST(death_before_the_commit_leaves_no_mailbox),
        TEST(death_before_the_folder_was_renamed),
        TEST(death_after_the_folder_was_renamed),
        TEST(death_before_the_folder_was_removed),
        TEST(reader_follows_a_renamed_folder),
    };
    return cmocka_run_group_tests_name("storage/mailboxes", tests, NULL, NULL);
}
