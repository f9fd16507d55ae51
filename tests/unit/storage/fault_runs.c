/* SPDX-License-Identifier: ISC */
/* The runs. They are small: what counts is that each write, sync, rename, link and unlink of an operation is
 * there. */
#include "fault_runs.h"

#include "base/log.h"
#include "fixture.h"

#include "account_private.h"
#include "db_private.h"
#include "fault/disk.h"
#include "fault_queue.h"
#include "fault_state.h"

#define INBOX "INBOX"

static void must(enum err err, const char *what)
{
    if (err) {
        print_error("%s: %s\n", what, err_text(err));
        abort();
    }
}

/* ---- short ways ---- */

static enum err with_account(struct run_context *context, size_t who, struct batch_operation *operations,
                             size_t count)
{
    struct account *account = NULL;
    enum err err = account_open(context->store, slice_from(state_logins[who]), &account);
    if (!err) {
        err = batch_commit(account, operations, count, &context->arena);
        account_close(account);
    }
    return err;
}

static enum err do_one(struct run_context *context, struct batch_operation operation)
{
    return with_account(context, 0, &operation, 1);
}

static struct slice text_of_size(struct run_context *context, const char *subject, size_t size)
{
    const char *head =
        arena_printf(&context->arena, "From: a@example.org\r\nMessage-ID: <%s@x>\r\nSubject: %s\r\n\r\n",
                     subject, subject);
    char *text = arena_alloc(&context->arena, strlen(head) + size);
    memcpy(text, head, strlen(head));
    for (size_t i = 0; i < size; i++) {
        text[strlen(head) + i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : (char)('a' + i * 7 % 26);
    }
    return slice_of(text, strlen(head) + size);
}

static enum err append_some(struct run_context *context, const char *mailbox, size_t count, size_t size,
                            uint32_t flags, const struct slice *keywords, size_t keyword_count)
{
    struct sealed sealed[8] = {0};
    struct batch_operation operations[8];
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && !err; i++) {
        const char *subject = arena_printf(&context->arena, "m%zu-%zu", i, size);
        err = try_seal(context->store, &context->arena, text_of_size(context, subject, size), &sealed[i]);
        operations[i] = append_to(mailbox, &sealed[i]);
        operations[i].append.flags = flags;
        operations[i].append.keywords = keywords;
        operations[i].append.keyword_count = keyword_count;
    }
    if (!err) {
        err = with_account(context, 0, operations, count);
    }
    for (size_t i = 0; i < count; i++) {
        blob_free(sealed[i].blob);
    }
    return err;
}

static struct uid_set uids_of(struct run_context *context, uint32_t first, uint32_t last)
{
    struct uid_range *range = arena_new(&context->arena, struct uid_range);
    *range = (struct uid_range){first, last};
    return (struct uid_set){range, 1};
}

static enum err set_flags(struct run_context *context, uint32_t first, uint32_t last,
                          enum batch_flag_change change, uint32_t flags, const struct slice *keywords,
                          size_t keyword_count)
{
    return do_one(context, (struct batch_operation){
                               .kind = BATCH_FLAGS,
                               .mailbox = mailbox_named(S(INBOX)),
                               .flags = {.uids = uids_of(context, first, last),
                                         .change = change,
                                         .flags = flags,
                                         .keywords = keywords,
                                         .keyword_count = keyword_count},
                           });
}

static enum err transfer(struct run_context *context, enum batch_kind kind, const char *from, uint32_t first,
                         uint32_t last, const char *to)
{
    return do_one(
        context, (struct batch_operation){
                     .kind = kind,
                     .mailbox = mailbox_named(slice_from(from)),
                     .copy = {.uids = uids_of(context, first, last), .target = mailbox_named(slice_from(to))},
                 });
}

static enum err named(struct run_context *context, struct batch_operation operation, const char *name)
{
    operation.mailbox = mailbox_named(slice_from(name));
    return do_one(context, operation);
}

static enum err create(struct run_context *context, const char *name)
{
    return named(context,
                 (struct batch_operation){.kind = BATCH_MAILBOX_CREATE, .create = {.subscribed = true}},
                 name);
}

static enum err rename_to(struct run_context *context, const char *name, const char *new_name)
{
    return named(context,
                 (struct batch_operation){.kind = BATCH_MAILBOX_RENAME, .rename = {slice_from(new_name)}},
                 name);
}

static enum err delete_mailbox(struct run_context *context, const char *name)
{
    return named(context, (struct batch_operation){.kind = BATCH_MAILBOX_DELETE}, name);
}

/* ---- steps ---- */

static enum err append_small(struct run_context *context)
{
    return append_some(context, INBOX, 1, 100, 0, NULL, 0);
}

static enum err append_big(struct run_context *context)
{
    return append_some(context, "Archive", 1, 150000, MESSAGE_SEEN | MESSAGE_FLAGGED, NULL, 0);
}

static enum err append_three(struct run_context *context)
{
    return append_some(context, INBOX, 3, 300, MESSAGE_DRAFT, NULL, 0);
}

static enum err append_with_keywords(struct run_context *context)
{
    const struct slice keywords[] = {S("$Forwarded"), S("Work")};
    return append_some(context, INBOX, 1, 300, 0, keywords, 2);
}

static enum err append_here_and_there(struct run_context *context)
{
    struct sealed sealed;
    enum err err = try_seal(context->store, &context->arena, text_of_size(context, "twice", 200), &sealed);
    if (!err) {
        struct batch_operation operations[] = {append_to(INBOX, &sealed), append_to("Sent", &sealed)};
        err = with_account(context, 0, operations, 2);
    }
    blob_free(sealed.blob);
    return err;
}

enum err run_append_one(struct run_context *context)
{
    return append_small(context);
}

static enum err deliver_to_three(struct run_context *context)
{
    struct slice logins[STATE_ACCOUNTS];
    struct sealed sealed;
    enum err err = try_seal(context->store, &context->arena, text_of_size(context, "all", 400), &sealed);
    for (size_t i = 0; i < state_accounts; i++) {
        logins[i] = slice_from(state_logins[i]);
    }
    if (!err) {
        err = deliver_all(context->store, logins, state_accounts, sealed.blob, &sealed.summary);
    }
    blob_free(sealed.blob);
    return err;
}

static enum err flag_two(struct run_context *context)
{
    return set_flags(context, 1, 2, FLAGS_ADD, MESSAGE_SEEN | MESSAGE_ANSWERED, NULL, 0);
}

/* bob reads in alice's INBOX: what is done to `seen` of the messages first to last. */
static enum err see_as_bob(struct run_context *context, uint32_t first, uint32_t last,
                           enum batch_flag_change change)
{
    return do_one(context, (struct batch_operation){.kind = BATCH_FLAGS,
                                                    .mailbox = mailbox_named(S(INBOX)),
                                                    .flags = {.uids = uids_of(context, first, last),
                                                              .change = change,
                                                              .flags = MESSAGE_SEEN,
                                                              .viewer = S("bob@example.org")}});
}

static enum err see_three(struct run_context *context)
{
    return see_as_bob(context, 1, 3, FLAGS_ADD);
}

static enum err unsee_one(struct run_context *context)
{
    return see_as_bob(context, 2, 2, FLAGS_REMOVE);
}

static enum err unflag_all(struct run_context *context)
{
    return set_flags(context, 1, 100, FLAGS_REPLACE, 0, NULL, 0);
}

static enum err add_keywords(struct run_context *context)
{
    const struct slice keywords[] = {S("$MDNSent"), S("Later")};
    return set_flags(context, 2, 4, FLAGS_ADD, MESSAGE_FLAGGED, keywords, 2);
}

static enum err take_keywords(struct run_context *context)
{
    const struct slice keywords[] = {S("later")};
    return set_flags(context, 3, 3, FLAGS_REMOVE, 0, keywords, 1);
}

static enum err mark_deleted(struct run_context *context)
{
    return set_flags(context, 2, 3, FLAGS_ADD, MESSAGE_DELETED, NULL, 0);
}

static enum err expunge(struct run_context *context, uint32_t first, uint32_t last, bool deleted_only)
{
    return do_one(context,
                  (struct batch_operation){
                      .kind = BATCH_EXPUNGE,
                      .mailbox = mailbox_named(S(INBOX)),
                      .expunge = {.uids = uids_of(context, first, last), .deleted_only = deleted_only},
                  });
}

static enum err expunge_one(struct run_context *context)
{
    return expunge(context, 1, 1, false);
}

static enum err expunge_deleted(struct run_context *context)
{
    return expunge(context, 1, 100, true);
}

static enum err expunge_rest(struct run_context *context)
{
    return expunge(context, 1, 100, false);
}

static enum err copy_three(struct run_context *context)
{
    return transfer(context, BATCH_COPY, INBOX, 1, 3, "Archive");
}

static enum err copy_within(struct run_context *context)
{
    return transfer(context, BATCH_COPY, INBOX, 2, 3, INBOX);
}

static enum err move_two(struct run_context *context)
{
    return transfer(context, BATCH_MOVE, INBOX, 2, 3, "Trash");
}

static enum err move_back(struct run_context *context)
{
    return transfer(context, BATCH_MOVE, "Trash", 1, 100, INBOX);
}

static enum err expunge_copies(struct run_context *context)
{
    return named(context,
                 (struct batch_operation){.kind = BATCH_EXPUNGE, .expunge = {.uids = uids_of(context, 1, 2)}},
                 "Archive");
}

static enum err create_tree(struct run_context *context)
{
    return create(context, "Work/2024/May");
}

static enum err fill_tree(struct run_context *context)
{
    return transfer(context, BATCH_COPY, INBOX, 1, 2, "Work/2024/May");
}

static enum err rename_tree(struct run_context *context)
{
    return rename_to(context, "Work", "Old/Work");
}

static enum err rename_inbox(struct run_context *context)
{
    return rename_to(context, INBOX, "Before");
}

static enum err delete_inner(struct run_context *context)
{
    return delete_mailbox(context, "Work/2024");
}

static enum err delete_leaf(struct run_context *context)
{
    return delete_mailbox(context, "Work/2024/May");
}

static enum err create_again(struct run_context *context)
{
    return create(context, "Work/2024/May");
}

static enum err change_settings(struct run_context *context)
{
    struct batch_operation operations[] = {
        {.kind = BATCH_SUBSCRIBE, .mailbox = mailbox_named(S("Elsewhere")), .subscribe = {true}},
        {.kind = BATCH_ANNOTATE,
         .mailbox = mailbox_named(S(INBOX)),
         .annotate = {.entry = S("/private/comment"), .value = S("mine")}},
        {.kind = BATCH_SET_RIGHTS,
         .mailbox = mailbox_named(S(INBOX)),
         .rights = {.identifier = S("bob"), .rights = S("lrs")}},
        {.kind = BATCH_QUOTA_SET, .quota = {.limit_bytes = 100000000, .limit_messages = 5000}},
    };
    return with_account(context, 0, operations, ARRAY_LEN(operations));
}

static enum err change_special_use(struct run_context *context)
{
    struct batch_operation operations[] = {
        {.kind = BATCH_MAILBOX_SET, .mailbox = mailbox_named(S("Junk")), .set = {SLICE_EMPTY}},
        {.kind = BATCH_SUBSCRIBE, .mailbox = mailbox_named(S("Sent")), .subscribe = {false}},
    };
    return with_account(context, 0, operations, ARRAY_LEN(operations));
}

static enum err put_scripts(struct run_context *context)
{
    struct batch_operation operations[] = {
        {.kind = BATCH_SIEVE_PUT, .sieve = {.name = S("a"), .script = S("keep;\r\n")}},
        {.kind = BATCH_SIEVE_PUT, .sieve = {.name = S("b"), .script = S("discard;\r\n")}},
        {.kind = BATCH_SIEVE_ACTIVATE, .sieve = {.name = S("a")}},
        {.kind = BATCH_SEEN, .seen = {.kind = 1, .key = S("who"), .expires_us = INT64_MAX / 2}},
    };
    return with_account(context, 0, operations, ARRAY_LEN(operations));
}

static enum err change_scripts(struct run_context *context)
{
    struct batch_operation operations[] = {
        {.kind = BATCH_SIEVE_DELETE, .sieve = {.name = S("b")}},
        {.kind = BATCH_SIEVE_RENAME, .sieve = {.name = S("a"), .new_name = S("main")}},
    };
    return with_account(context, 0, operations, ARRAY_LEN(operations));
}

static enum err claim_recent(struct run_context *context)
{
    return named(context, (struct batch_operation){.kind = BATCH_CLAIM_RECENT}, INBOX);
}

/* The log is moved into the database at the next commit. */
static enum err make_checkpoint_due(struct run_context *context, bool cut_log)
{
    struct account *account = NULL;
    enum err err = account_open(context->store, slice_from(state_logins[0]), &account);
    if (!err) {
        account->db->checkpoint_from = 1;
        account->db->truncate_from = cut_log ? 1 : 1000000;
        account_close(account);
    }
    return err;
}

static enum err append_with_checkpoint(struct run_context *context)
{
    enum err err = make_checkpoint_due(context, false);
    return err ? err : append_small(context);
}

static enum err append_with_cut_log(struct run_context *context)
{
    enum err err = make_checkpoint_due(context, true);
    return err ? err : append_small(context);
}

static enum err open_accounts(struct run_context *context)
{
    struct state state;
    enum err err = state_read(context->store, &state);
    if (!err) {
        state_free(&state);
    }
    return err;
}

static enum err add_user(struct run_context *context)
{
    enum err err = directory_user_add(context->store, S("dora@example.org"), S("Dora"), 0, NULL);
    return err == ERR_EXISTS ? ERR_OK : err;
}

static enum err remove_user(struct run_context *context)
{
    enum err err = directory_user_remove(context->store, S("dora@example.org"), false, NULL);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- what runs begin with ---- */

static enum err change_store(const char *folder, run_step *const *steps)
{
    struct run_context context;
    enum err err = run_open(folder, &context);
    for (; *steps && !err; steps++) {
        err = (*steps)(&context);
    }
    run_close(&context);
    return err;
}

static enum err with_tree(const char *folder)
{
    run_step *const steps[] = {create_tree, fill_tree, NULL};
    return change_store(folder, steps);
}

static enum err with_keywords(const char *folder)
{
    run_step *const steps[] = {add_keywords, NULL};
    return change_store(folder, steps);
}

static enum err with_copies(const char *folder)
{
    run_step *const steps[] = {copy_three, NULL};
    return change_store(folder, steps);
}

static void remove_file(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/" ALICE_DIR "/%s", folder, name);
    unlink(path);
}

static enum err lose_index(const char *folder)
{
    remove_file(folder, "index.db");
    remove_file(folder, "index.db-wal");
    remove_file(folder, "index.db-shm");
    return ERR_OK;
}

static enum err break_index(const char *folder)
{
    char path[4096];
    enum err err = lose_index(folder);
    snprintf(path, sizeof(path), "%s/" ALICE_DIR "/index.db", folder);
    must(fs_write_durable(path,
                          S("this is no database, but it is long enough to look like one to a program "
                            "that reads the first hundred bytes of it, which are its head"),
                          0600),
         path);
    return err;
}

static enum err drop_foreign_mail(const char *folder)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/" ALICE_INBOX "/new/1700000000.M1P1.elsewhere", folder);
    must(fs_write_durable(path, S("Subject: foreign\n\nbody\n"), 0600), path);
    snprintf(path, sizeof(path), "%s/" ALICE_INBOX "/.Archive/cur/1700000001.M1P1.elsewhere:2,FS", folder);
    must(fs_write_durable(path, S("Subject: moved\n\nbody\n"), 0600), path);
    return ERR_OK;
}

static void load_dump(const char *data, const char *name, const char *folder, const char *database)
{
    char path[4096], dump[4096];
    sqlite3 *handle = NULL;
    struct buf text;
    buf_init(&text, 1 << 24);
    snprintf(dump, sizeof(dump), "%s/%s", data, name);
    must(fs_read_file(dump, &text), dump);
    snprintf(path, sizeof(path), "%s/%s", folder, database);
    if (sqlite3_open(path, &handle) != SQLITE_OK ||
        sqlite3_exec(handle, buf_cstr(&text), NULL, NULL, NULL) != SQLITE_OK) {
        must(ERR_CORRUPT, sqlite3_errmsg(handle));
    }
    sqlite3_close(handle);
    buf_free(&text);
}

static enum err make_store_of(const char *data, const char *folder)
{
    static const char *const folders[] = {"", "/.Drafts", "/.Sent", "/.Junk", "/.Trash", "/.Archive"};
    static const char *const parts[] = {"tmp", "new", "cur"};
    char path[4096];
    disk_remove(folder);
    must(fs_make_directories(folder, 0700), folder);
    snprintf(path, sizeof(path), "%s/mail", data);
    struct disk *disk = disk_load(path);
    disk_cut(disk, CUT_KILL, 0);
    snprintf(path, sizeof(path), "%s/mail", folder);
    disk_build(disk, path);
    disk_free(disk);
    for (size_t i = 0; i < ARRAY_LEN(folders) * ARRAY_LEN(parts); i++) { /* git keeps no empty folders */
        snprintf(path, sizeof(path), "%s/" ALICE_INBOX "%s/%s", folder, folders[i / 3], parts[i % 3]);
        must(fs_make_directories(path, 0700), path);
    }
    load_dump(data, "directory.sql", folder, "directory.db");
    load_dump(data, "index.sql", folder, ALICE_DIR "/index.db");
    return ERR_OK;
}

enum err run_make_old_store(const char *folder)
{
    return make_store_of(TEST_DATA_DIR "/schema/1", folder);
}

enum err run_make_store_of_schema_2(const char *folder)
{
    return make_store_of(TEST_DATA_DIR "/schema/2", folder);
}

unsigned run_settings(void)
{
    const char *text = getenv("FAULT_THIN");
    unsigned thin = 1;
#ifdef __SANITIZE_ADDRESS__
    thin = 6;
#endif
    if (!getenv("FAULT_LOG")) {
        must(log_open("test", "/dev/null", LOG_ERROR), "log");
    }
    return text && atoi(text) > 0 ? (unsigned)atoi(text) : thin;
}

const struct run runs[] = {
    {"append", NULL, {append_small, append_big, append_small}},
    {"append several", NULL, {append_three, append_here_and_there}},
    {"append with keywords", NULL, {append_with_keywords, append_with_keywords}},
    {"deliver to several", NULL, {deliver_to_three, deliver_to_three}, .several_accounts = true},
    {"flags", NULL, {flag_two, mark_deleted, unflag_all}},
    {"keywords", NULL, {add_keywords, take_keywords}},
    {"viewers", NULL, {see_three, unsee_one, move_two, expunge_rest}},
    {"expunge", NULL, {expunge_one, mark_deleted, expunge_deleted, expunge_rest}},
    {"copy", with_keywords, {copy_three, copy_within, expunge_copies}},
    {"move", with_keywords, {move_two, move_back}},
    {"expunge of copies", with_copies, {expunge_copies, expunge_rest}},
    {"create", NULL, {create_tree, fill_tree, append_small}},
    {"rename", with_tree, {rename_tree, append_small}},
    {"rename INBOX", with_keywords, {rename_inbox, append_small}},
    {"delete", with_tree, {delete_leaf, create_again, delete_inner}},
    {"settings", NULL, {change_settings, change_special_use, claim_recent}},
    {"sieve", NULL, {put_scripts, change_scripts}},
    {"checkpoint", NULL, {append_with_checkpoint, append_with_cut_log, append_small, append_with_checkpoint}},
    {"users", NULL, {add_user, remove_user, add_user}, .makes_database = true},
    {"lost index", lose_index, {open_accounts, append_small}, .invisible = true, .makes_database = true},
    {"damaged index", break_index, {open_accounts, append_small}, .invisible = true, .makes_database = true},
    {"upgrade", run_make_old_store, {open_accounts, append_small}, .invisible = true, .makes_database = true},
    {"upgrade from 2",
     run_make_store_of_schema_2,
     {open_accounts, append_small},
     .invisible = true,
     .makes_database = true},
    {"foreign mail",
     drop_foreign_mail,
     {open_accounts, append_small},
     .invisible = true,
     .makes_database = true,
     .new_identifiers = true},
    {"queue made",
     NULL,
     {queue_open_it, queue_add_file},
     .queue = true,
     .invisible = true,
     .makes_database = true},
    {"queue rows", NULL, {queue_add_row, queue_add_other_row}, .queue = true},
    {"queue files", NULL, {queue_add_file, queue_add_other_file}, .queue = true},
    {"queue folders", queue_fill_folder, {queue_add_file, queue_add_other_file}, .queue = true},
    {"queue confirmed",
     NULL,
     {queue_prepare_row, queue_prepare_file, queue_confirm_row, queue_confirm_file},
     .queue = true},
    {"queue cancelled",
     NULL,
     {queue_prepare_row, queue_prepare_file, queue_cancel_file, queue_cancel_row},
     .queue = true},
    {"queue attempts",
     queue_fill,
     {queue_claim_a, queue_settle_waiting, queue_claim_b, queue_settle_failed, queue_hold},
     .queue = true,
     .relaxed = 0xf},
    {"queue forgotten",
     queue_fill,
     {queue_claim_a, queue_settle_delivered, queue_claim_b, queue_settle_failed, queue_forget_all,
      queue_add_file},
     .queue = true,
     .relaxed = 0xf},
    {"queue changes",
     queue_fill,
     {queue_hold, queue_release, queue_retry, queue_route, queue_reroute_all, queue_remove, queue_forget_all},
     .queue = true},
    {"queue checkpoint",
     queue_fill_and_deliver,
     {queue_claim_with_checkpoint, queue_add_with_checkpoint, queue_forget_with_cut_log},
     .queue = true,
     .relaxed = 0x1},
    {"queue swept",
     queue_fill,
     {queue_delete_unsynced, queue_release_leases},
     .queue = true,
     .in_parts = true,
     .relaxed = 0x1},
    {"queue recovered",
     queue_leave_things,
     {queue_release_leases, queue_drop_prepared},
     .queue = true,
     .in_parts = true},
    {"suppression", NULL, {queue_suppress, queue_unsuppress}, .queue = true},
};
const size_t run_count = ARRAY_LEN(runs);

/* ---- the common store ---- */

enum err run_open(const char *folder, struct run_context *context)
{
    *context = (struct run_context){0};
    return store_open(folder, "mx.example.org", &context->store, NULL);
}

void run_close(struct run_context *context)
{
    store_close(context->store);
    arena_free(&context->arena);
}

void run_make_store(const char *folder)
{
    struct run_context context;
    must(run_open(folder, &context), "opening the store");
    if (state_of_queue) {
        run_close(&context);
        return;
    }
    must(directory_domain_add(context.store, S("example.org"), NULL), "adding the domain");
    for (size_t i = 0; i < state_accounts; i++) {
        must(directory_user_add(context.store, slice_from(state_logins[i]), S(""), 0, NULL), "adding a user");
    }
    must(append_some(&context, INBOX, 4, 500, 0, NULL, 0), "first mail");
    must(append_some(&context, "Archive", 1, 70, MESSAGE_SEEN, NULL, 0), "first mail");
    must(flag_two(&context), "first flags");
    must(deliver_to_three(&context), "first delivery");
    run_close(&context);
}
