/* SPDX-License-Identifier: ISC */
/*
 * Batches of one account that come together share a commit (group.h): one transaction with a savepoint for
 * each batch, one sync per folder. Processes meet at the lock file.
 *
 * The order on the disk (what may be found after a crash):
 *   1. the blob is sealed: data synced, in the spool                 nothing visible
 *   2. lock, BEGIN; the journal names the files                      nothing visible
 *   3. files linked into cur, folders synced                         files without rows: the journal takes
 *                                                                    them back
 *   4. COMMIT, synced                                                the messages are there
 *   5. the caller is told
 *   6. files of expunged messages unlinked                           intents, done again by a restart
 *
 * The folder of a new mailbox is made like a file in step 3. Folders that are renamed or go, and the copy of
 * the settings, are intents which are done before the caller is told, so that he may rely on them even when
 * the index is lost. What comes last is another thread's in a daemon (afterwards.h).
 */
#include "storage/batch.h"

#include <limits.h>
#include <unistd.h>

#include "afterwards.h"
#include "base/log.h"
#include "base/mem.h"
#include "intents.h"
#include "keywords.h"
#include "mailbox_folder.h"
#include "operations.h"

struct batch_request {
    struct group_member member; /* first: the list is one of requests */
    struct batch_operation *operations;
    size_t count;
    enum err err;
    bool has_intents; /* work on files that this batch put down */
    bool has_unlinks; /* files that it leaves to be unlinked */
    struct batch_work work;
};

static struct batch_request *next_of(const struct batch_request *request)
{
    return (struct batch_request *)request->member.next;
}

static operation_handler *const handlers[BATCH_KIND_COUNT] = {
    [BATCH_APPEND] = run_append,
    [BATCH_COPY] = run_copy,
    [BATCH_MOVE] = run_move,
    [BATCH_FLAGS] = run_flags,
    [BATCH_EXPUNGE] = run_expunge,
    [BATCH_CLAIM_RECENT] = run_claim_recent,
    [BATCH_MAILBOX_CREATE] = run_mailbox_create,
    [BATCH_MAILBOX_RENAME] = run_mailbox_rename,
    [BATCH_MAILBOX_DELETE] = run_mailbox_delete,
    [BATCH_MAILBOX_SET] = run_mailbox_set,
    [BATCH_SUBSCRIBE] = run_subscribe,
    [BATCH_ANNOTATE] = run_annotate,
    [BATCH_SET_RIGHTS] = run_set_rights,
    [BATCH_SIEVE_PUT] = run_sieve_put,
    [BATCH_SIEVE_ACTIVATE] = run_sieve_activate,
    [BATCH_SIEVE_DELETE] = run_sieve_delete,
    [BATCH_SIEVE_RENAME] = run_sieve_rename,
    [BATCH_SEEN] = run_seen,
    [BATCH_QUOTA_SET] = run_quota_set,
    [BATCH_ASSERT] = run_assert,
};

uint64_t work_modseq(struct batch_work *work)
{
    if (work->modseq == 0) {
        work->modseq = change_next_modseq(work->change);
    }
    return work->modseq;
}

enum err work_mailbox(struct batch_work *work, struct mailbox_ref mailbox, struct batch_result *result,
                      size_t *index_r)
{
    enum err err = mailbox.id ? change_mailbox_by_id(work->change, mailbox.id, index_r)
                              : change_mailbox(work->change, mailbox.name, index_r);
    if (!err) {
        result->mailbox_id = work->change->mailboxes[*index_r].id;
        result->uidvalidity = work->change->mailboxes[*index_r].uidvalidity;
    }
    return err;
}

enum err work_plan_file(struct batch_work *work, size_t mailbox, const char *base, const char *suffix,
                        const char **name_r)
{
    struct change *change = work->change;
    struct buf path;
    buf_init(&path, PATH_MAX);
    buf_append(&path, change->mailboxes[mailbox].dir);
    buf_append(&path, S("/cur/"));
    size_t folder_length = path.len;
    buf_append(&path, slice_from(base));
    buf_append(&path, S(":2,"));
    buf_append(&path, slice_from(suffix));
    *name_r = arena_cstr(&change->arena, slice_skip(buf_slice(&path), folder_length));
    enum err err =
        buf_ok(&path) ? journal_add(&change->journal, change->stored.modseq, buf_cstr(&path)) : ERR_TOO_LONG;
    buf_free(&path);
    return err;
}

void work_made_file(struct batch_work *work, size_t mailbox, const char *name)
{
    work->change->mailboxes[mailbox].sync = true;
    if (work->file_count == work->file_room) {
        work->file_room = work->file_room ? 2 * work->file_room : 4;
        work->files = mem_realloc_array(work->files, work->file_room, sizeof(*work->files));
    }
    work->files[work->file_count++] = (struct made_file){.mailbox = mailbox, .name = name};
}

enum err work_plan_folder(struct batch_work *work, const char *dir)
{
    struct change *change = work->change;
    work->folders = mem_realloc_array(work->folders, work->folder_count + 1, sizeof(*work->folders));
    work->folders[work->folder_count++] = dir;
    return journal_add_folder(&change->journal, change->stored.modseq, dir, change->account);
}

static void take_folders_away(struct change *change, struct batch_request *request)
{
    for (size_t i = 0; i < request->work.folder_count; i++) {
        const char *path =
            arena_printf(&change->arena, "%s/%s", change->account->path, request->work.folders[i]);
        enum err err = mailbox_folder_remove_empty(path);
        if (err) {
            log_error("mailbox.folder_left", log_cstr("account", change->account->login),
                      log_cstr("folder", request->work.folders[i]), log_err(err));
        }
    }
    request->work.folder_count = 0;
}

static void take_files_away(struct change *change, struct batch_request *request)
{
    for (size_t i = 0; i < request->work.file_count; i++) {
        const struct made_file *file = &request->work.files[i];
        unlinkat(change->mailboxes[file->mailbox].cur_fd, file->name, 0);
    }
    request->work.file_count = 0;
    take_folders_away(change, request);
}

static enum err run_operation(struct batch_work *work, struct batch_operation *operation)
{
    operation_handler *handler =
        (unsigned)operation->kind < ARRAY_LEN(handlers) ? handlers[operation->kind] : NULL;
    operation->result = (struct batch_result){0};
    return handler ? handler(work, operation) : ERR_UNAVAILABLE;
}

static bool makes_files(const struct batch_operation *operation)
{
    return operation->kind == BATCH_APPEND || operation->kind == BATCH_COPY ||
           operation->kind == BATCH_MOVE || operation->kind == BATCH_MAILBOX_RENAME; /* of INBOX */
}

/* Whether a file that is found alone after a power cut could be less than the batch (journal.h). */
static bool needs_all_files(const struct batch_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        const struct batch_operation *operation = &request->operations[i];
        bool whole = operation->kind == BATCH_APPEND && operation->append.keyword_count == 0;
        if (makes_files(operation) && (request->count > 1 || !whole)) {
            return true;
        }
    }
    return false;
}

static void run_operations(struct change *change, struct batch_request *request)
{
    change->has_intents = change->has_unlinks = false;
    request->work.change = change;
    if (needs_all_files(request)) {
        request->err = journal_promise_all(&change->journal, change->account->store, change->stored.modseq);
    }
    for (size_t i = 0; i < request->count && !request->err; i++) {
        request->err = run_operation(&request->work, &request->operations[i]);
    }
    request->has_intents = change->has_intents && !request->err;
    request->has_unlinks = change->has_unlinks && !request->err;
}

/* Runs one batch in its savepoint; request->err tells what came of it. An error is the transaction's only if
 * even going back fails. */
static enum err run_in_savepoint(struct change *change, struct batch_request *request)
{
    struct counters_copy *before = change_copy_counters(change);
    enum err err = db_run(change->db, db_statement(change->db, "SAVEPOINT batch"));
    if (err) {
        return err;
    }
    run_operations(change, request);
    if (request->err) {
        take_files_away(change, request);
        change_restore_counters(change, before, request->work.mailboxes_changed);
        keywords_rolled_back(change);
        if (sqlite3_get_autocommit(db_handle(change->db))) {
            return request->err; /* a full disk or an I/O error ended the whole transaction */
        }
        err = db_run(change->db, db_statement(change->db, "ROLLBACK TO batch"));
    }
    return err ? err : db_run(change->db, db_statement(change->db, "RELEASE batch"));
}

static void fail_all(struct batch_request *requests, enum err err)
{
    for (struct batch_request *request = requests; request; request = next_of(request)) {
        request->err = request->err ? request->err : err;
    }
}

static bool any_good(const struct batch_request *requests)
{
    for (; requests; requests = next_of(requests)) {
        if (!requests->err) {
            return true;
        }
    }
    return false;
}

static enum err run_all(struct change *change, struct batch_request *requests)
{
    enum err err = ERR_OK;
    if (!next_of(requests)) { /* alone, it goes back with the whole transaction: a savepoint makes SQLite keep
                              a copy of every page that is changed */
        run_operations(change, requests);
        return requests->err ? requests->err : change_prepare(change);
    }
    for (struct batch_request *request = requests; request && !err; request = next_of(request)) {
        err = run_in_savepoint(change, request);
    }
    if (!err && any_good(requests)) {
        err = change_prepare(change);
    }
    return err;
}

static void commit_all(struct change *change, struct batch_request *requests)
{
    sqlite3 *handle = db_handle(change->db);
    int64_t rows = sqlite3_total_changes64(handle);
    enum err err = run_all(change, requests);
    bool nothing_changed = sqlite3_total_changes64(handle) == rows;
    if (err || !any_good(requests) || nothing_changed) {
        for (struct batch_request *request = requests; request; request = next_of(request)) {
            take_files_away(change, request);
        }
        change_abort(change);
        fail_all(requests, err);
        return;
    }
    err = change_commit(change);
    if (err == ERR_NO_SPACE) {
        for (struct batch_request *request = requests; request; request = next_of(request)) {
            take_files_away(change, request);
        }
    }
    /* After another error, as of the sync, the transaction may be in the log as a whole and come back with a
     * restart: a MOVE's files must then be there. The journal knows them; who finds that it did not come back
     * takes them out. */
    fail_all(requests, err);
}

static void serve(void *data, struct group_member *first)
{
    struct account *account = data;
    struct batch_request *requests = (struct batch_request *)first;
    struct change change = {0};
    enum err err = change_begin(account, &change);
    if (err) {
        fail_all(requests, account_note_error(account, err));
        return;
    }
    commit_all(&change, requests);
    for (struct batch_request *request = requests; request; request = next_of(request)) {
        account_note_error(account, request->err);
        mem_free(request->work.files);
        mem_free(request->work.folders);
    }
    change_free(&change);
}

/* By the thread whose batch it was: nobody else waits for it. */
static void tidy_up(struct account *account, const struct batch_request *request)
{
    if (request->has_intents) {
        intents_run_now(account, INTENTS_BUT_UNLINKS);
    }
    if (request->has_unlinks) {
        atomic_store(&account->has_unlinks, true);
    }
    if (request->has_intents || request->has_unlinks) {
        afterwards_note(account);
    }
}

enum err batch_commit(struct account *account, struct batch_operation *operations, size_t count,
                      struct arena *arena)
{
    struct batch_request request = {.operations = operations, .count = count, .work = {.results = arena}};
    enum err err = store_check_writable(account->store);
    if (err || count == 0) {
        return err;
    }
    group_run(&account->group, &request.member, serve, account);
    if (!request.err) {
        tidy_up(account, &request);
    }
    return request.err;
}
