/* SPDX-License-Identifier: ISC */
/*
 * What the files of export and import share.
 *
 * `postern-account` is text, a line for each fact, fields between spaces; in a field, what is no printing
 * ASCII is %XX, and "-" is the empty one:
 *
 *     postern-account 1 maildir
 *     mailbox <path> <uidvalidity> <uidnext> <guid> <special use> <name>
 *     subscription <name>
 *     annotation <mailbox> <entry> <value>
 *     rights <mailbox> <identifier> <rights>
 *     sieve <name> <active: 0 or 1>        the script is in sieve/<name>.sieve
 *     keywords <mailbox> <uid> <keyword>…  those of Maildir messages that have no letter
 *     seen <mailbox> <login> <uids>        what another user has seen there: "1-5,7-7"
 */
#ifndef STORAGE_TRANSFER_PRIVATE_H
#define STORAGE_TRANSFER_PRIVATE_H

#include "intake.h"
#include "storage/snapshot.h"
#include "storage/transfer.h"

#define ACCOUNT_FILE     "postern-account"
#define ACCOUNT_FILE_MAX ((size_t)256 << 20)
#define SIEVE_FOLDER     "sieve"

/* ---- text (transfer_text.c) ---- */

void field_append(struct buf *out, struct slice text); /* with a space before it, but at the beginning */
void field_append_number(struct buf *out, uint64_t number);
/* Takes one field off the line; false at its end, or when it is malformed. */
bool field_take(struct slice *line, struct arena *arena, struct slice *text_r);
bool field_take_number(struct slice *line, uint64_t max, uint64_t *number_r);
bool guid_parse(struct slice hex, unsigned char guid_r[INTAKE_GUID_SIZE]);
/* A name for a file: what is not harmless is %XX; never empty, never with a dot in front. */
const char *file_name_of(struct arena *arena, struct slice name) NEVER_NULL;
/* A mailbox's name out of whatever another program had. */
struct slice mailbox_name_from(struct arena *arena, struct slice name);
void explain(struct buf *why, const char *what, enum err err);

/* ---- the messages of a mailbox, in pieces (account_walk.c) ---- */

struct walked_message {
    uint32_t uid;
    uint32_t flags;
    uint64_t size;
    int64_t internal_date_us;
    unsigned char guid[INTAKE_GUID_SIZE];
    const struct slice *keywords;
    size_t keyword_count;
};
typedef enum err walk_callback(void *data, const struct walked_message *message);
/* Calls for every message, outside of any snapshot: it may read, and change other accounts. */
enum err account_walk(struct account *account, int64_t mailbox_id, walk_callback *callback,
                      void *data) MUST_CHECK;

/* ---- everything but messages (transfer_settings.c) ---- */

struct mailbox_facts {
    struct slice path; /* of its file or folder, below the transfer's */
    struct slice name, special_use;
    uint32_t uidvalidity, uidnext;
    unsigned char guid[INTAKE_GUID_SIZE];
    bool has_guid;
};
struct setting {
    struct slice mailbox; /* empty: of the account */
    struct slice name, value;
};
struct sieve_script {
    struct slice name, text;
    bool active;
};
struct message_keywords {
    struct slice mailbox;
    uint32_t uid;
    struct slice *list;
    size_t count;
};
struct viewer_seen {
    struct slice mailbox, viewer;
    struct uid_set uids;
};
struct settings {
    enum transfer_format format;
    bool present; /* there is such a file */
    struct mailbox_facts *mailboxes;
    size_t mailbox_count;
    struct slice *subscriptions;
    size_t subscription_count;
    struct setting *annotations, *rights;
    size_t annotation_count, rights_count;
    struct sieve_script *scripts;
    size_t script_count;
    struct message_keywords *keywords;
    size_t keyword_count;
    struct viewer_seen *seen;
    size_t seen_count;
    struct arena arena; /* owns all texts */
};
void settings_free(struct settings *settings);
/* From the account, without paths. */
enum err settings_read_account(struct account *account, struct settings *settings) MUST_CHECK;
enum err settings_write_file(const char *folder, const struct settings *settings) MUST_CHECK;
/* ERR_NOT_FOUND, ERR_CORRUPT. */
enum err settings_read_file(const char *folder, struct settings *settings) MUST_CHECK;
/* Puts in what is missing in the account: what it has already stays. */
enum err settings_apply(struct account *account, const struct settings *settings) MUST_CHECK;
const struct mailbox_facts *settings_by_path(const struct settings *settings, struct slice path);
void settings_add_keywords(struct settings *settings, struct slice mailbox, uint32_t uid,
                           const struct slice *list, size_t count);

/* transfer_seen.c: of a mailbox; as lines; one line; into an account, of which `now` is what it has. */
enum err settings_read_seen(struct snapshot *snapshot, int64_t mailbox_id, struct slice mailbox,
                            struct settings *settings) MUST_CHECK;
void settings_append_seen(struct buf *out, const struct settings *settings);
bool settings_parse_seen(struct settings *settings, struct slice line);
enum err settings_apply_seen(struct account *account, const struct settings *settings,
                             const struct settings *now) MUST_CHECK;

/* ---- a run ---- */

struct export_run {
    struct account *account;
    const struct transfer *options;
    struct settings settings;
    struct mailbox_facts *mailbox; /* the one that is written */
    const char *path;              /* its file or folder */
    struct transfer_progress progress;
    struct arena arena;   /* of the mailbox */
    struct arena scratch; /* of the message */
    struct buf *why;
};
enum err export_report(struct export_run *run, bool at_once) MUST_CHECK;
enum err export_maildir(struct export_run *run, int64_t mailbox_id) MUST_CHECK;
enum err export_mbox(struct export_run *run, int64_t mailbox_id, uint64_t modseq) MUST_CHECK;
/* Where a mailbox of this name lies. */
const char *maildir_path_of(struct arena *arena, struct slice name) NEVER_NULL;
const char *mbox_path_of(struct arena *arena, struct slice name) NEVER_NULL;

struct import_run {
    struct account *account;
    const struct transfer *options;
    struct intake *intake;
    struct settings settings;
    struct transfer_progress progress;
    struct buf *why;
};
enum err import_report(struct import_run *run, bool at_once) MUST_CHECK;
enum err import_maildir(struct import_run *run) MUST_CHECK;
enum err import_mbox(struct import_run *run) MUST_CHECK;
/* One file of it (import_mbox_file.c); `ours`: written by export_mbox.c. */
enum err import_mbox_file(struct import_run *run, const char *path, const struct mailbox_facts *facts,
                          bool ours) MUST_CHECK;
/* The mailbox for what follows. */
enum err import_mailbox(struct import_run *run, const struct mailbox_facts *facts) MUST_CHECK;

#endif
