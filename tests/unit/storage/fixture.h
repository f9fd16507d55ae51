/* SPDX-License-Identifier: ISC */
/* A store in a folder of its own with the domain example.org, and short ways to do what most tests do. */
#ifndef TEST_STORAGE_FIXTURE_H
#define TEST_STORAGE_FIXTURE_H

#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "mail/summary.h"
#include "storage/batch.h"
#include "storage/directory.h"

struct fixture {
    char *directory;
    struct store *store;
    struct arena arena;
};

#define ALICE       S("alice@example.org")
#define ALICE_DIR   "mail/example.org/alice"
#define ALICE_INBOX ALICE_DIR "/Maildir"

static inline void open_store(struct fixture *fixture)
{
    assert_ok(store_open(fixture->directory, "mx.example.org", &fixture->store, NULL));
}

static inline int set_up_empty(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fixture->directory = check_temporary_directory();
    open_store(fixture);
    *state = fixture;
    return 0;
}

static inline int set_up(void **state)
{
    set_up_empty(state);
    struct fixture *fixture = *state;
    assert_ok(directory_domain_add(fixture->store, S("example.org"), NULL));
    assert_ok(directory_user_add(fixture->store, ALICE, S("Alice"), 0, NULL));
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    arena_free(&fixture->arena);
    check_remove_directory(fixture->directory);
    free(fixture);
    return 0;
}

/* Closes the store and opens it again, as another process would find it. */
UNUSED static inline void reopen_store(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture->store = NULL;
    open_store(fixture);
}

UNUSED static inline const char *path_of(struct fixture *fixture, const char *relative)
{
    return arena_printf(&fixture->arena, "%s/%s", fixture->directory, relative);
}

static inline struct account *open_account(struct fixture *fixture, struct slice login)
{
    struct account *account = NULL;
    assert_ok(account_open(fixture->store, login, &account));
    return account;
}

/* A sealed blob with its summary. */
struct sealed {
    struct blob *blob;
    struct message_summary summary;
};

static inline enum err try_seal(struct store *store, struct arena *arena, struct slice text,
                                struct sealed *sealed_r)
{
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    enum err err = blob_begin(store, &sealed_r->blob);
    if (err) {
        return err;
    }
    mime_parser_feed(parser, text);
    mime_parser_finish(parser);
    summary_build(arena, parser, &sealed_r->summary);
    err = blob_write(sealed_r->blob, text);
    return err ? err : blob_seal(sealed_r->blob);
}

static inline struct sealed seal(struct fixture *fixture, struct slice text)
{
    struct sealed sealed;
    assert_ok(try_seal(fixture->store, &fixture->arena, text, &sealed));
    return sealed;
}

static inline struct batch_operation append_to(const char *mailbox, const struct sealed *sealed)
{
    return (struct batch_operation){
        .kind = BATCH_APPEND,
        .mailbox = mailbox_named(slice_from(mailbox)),
        .append = {.blob = sealed->blob, .summary = &sealed->summary},
    };
}

/* Appends to a mailbox and returns the UID. */
UNUSED static inline uint32_t append_text(struct fixture *fixture, struct account *account,
                                          const char *mailbox, struct slice text)
{
    struct sealed sealed = seal(fixture, text);
    struct batch_operation append = append_to(mailbox, &sealed);
    assert_ok(batch_commit(account, &append, 1, NULL));
    blob_free(sealed.blob);
    return append.result.uid;
}

#define HELLO S("From: a@example.org\r\nSubject: hello\r\n\r\nHello\r\n")

/* The whole file of a message; in the arena. */
UNUSED static inline struct slice read_message(struct fixture *fixture, struct account *account,
                                               int64_t mailbox, uint32_t uid)
{
    struct blob_reader reader;
    assert_ok(message_open(account, mailbox, uid, &reader));
    char *text = arena_alloc(&fixture->arena, reader.size + 1);
    assert_int_equal(pread(reader.fd, text, reader.size, 0), (ssize_t)reader.size);
    blob_reader_close(&reader);
    return slice_of(text, reader.size);
}

UNUSED static inline struct mailbox_status status_of(struct account *account, const char *mailbox)
{
    struct mailbox_status status;
    assert_ok(mailbox_status(account, slice_from(mailbox), &status));
    return status;
}

/* Number of files in a folder below the data directory, without those that begin with a dot. */
UNUSED static inline size_t count_files(struct fixture *fixture, const char *relative);

#include <dirent.h>

static inline size_t count_files(struct fixture *fixture, const char *relative)
{
    DIR *directory = opendir(path_of(fixture, relative));
    size_t count = 0;
    struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return count;
}

/* Messages on their way in, in all folders of the spool, and what was set aside. */
UNUSED static inline size_t count_spool(struct fixture *fixture)
{
    size_t count = count_files(fixture, "spool");
    for (unsigned i = 0; access(path_of(fixture, arena_printf(&fixture->arena, "spool/%02u", i)), F_OK) == 0;
         i++) {
        count += count_files(fixture, arena_printf(&fixture->arena, "spool/%02u", i)) - 1;
    }
    return count;
}

/* The name of the only file in a folder. */
UNUSED static inline const char *only_file(struct fixture *fixture, const char *relative)
{
    DIR *directory = opendir(path_of(fixture, relative));
    const char *name = NULL;
    struct dirent *entry;
    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.') {
            assert_null(name);
            name = arena_cstr(&fixture->arena, slice_from(entry->d_name));
        }
    }
    closedir(directory);
    assert_non_null(name);
    return name;
}

/* Index and folder agree: as many rows as files, each row opens, UIDs rise, the counters are right. */
UNUSED static inline void check_consistent(struct fixture *fixture, struct account *account,
                                           const char *mailbox, const char *cur)
{
    struct mailbox_status status = status_of(account, mailbox);
    struct message_row *rows = NULL;
    size_t count = 0, unseen = 0;
    uint64_t bytes = 0;
    assert_ok(mailbox_scan(account, status.id, &rows, &count));
    assert_int_equal(count, status.messages);
    assert_int_equal(count_files(fixture, cur), count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || rows[i].uid > rows[i - 1].uid);
        assert_true(rows[i].uid < status.uidnext);
        assert_true(rows[i].modseq <= status.highestmodseq);
        assert_int_equal(strlen(rows[i].guid), 32);
        bytes += rows[i].size;
        unseen += (rows[i].flags & MESSAGE_SEEN) == 0;
        struct blob_reader reader;
        assert_ok(message_open(account, status.id, rows[i].uid, &reader));
        blob_reader_close(&reader);
    }
    assert_int_equal(bytes, status.bytes);
    assert_int_equal(unseen, status.unseen);
    mem_free(rows);
}

#endif
