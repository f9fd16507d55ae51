/* SPDX-License-Identifier: ISC */
/*
 * The tables of an account's index.db. A later need is a further step; a step that was released is never
 * changed.
 *
 * `message` is narrow, so that 100,000 rows are read in some 30 ms; what is asked for rarely stands in
 * `body`, one row per distinct message of the account, which copies will share. MODSEQ comes from one counter
 * for the whole account: strictly rising in the order of commits.
 */
#include "account_private.h"

static const char *const steps[] = {
    "CREATE TABLE meta(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE mailbox("
    "  id INTEGER PRIMARY KEY,"
    "  parent INTEGER NOT NULL DEFAULT 0,"
    "  name TEXT NOT NULL,"
    "  dir TEXT NOT NULL," /* below the account's folder: Maildir, Maildir/.Drafts */
    "  guid BLOB NOT NULL,"
    "  uidvalidity INTEGER NOT NULL,"
    "  uidnext INTEGER NOT NULL DEFAULT 1,"
    "  uidreserved INTEGER NOT NULL DEFAULT 1," /* uidnext as the descriptor has it: ahead of this one */
    "  highestmodseq INTEGER NOT NULL DEFAULT 1,"
    "  created_modseq INTEGER NOT NULL,"
    "  attr_modseq INTEGER NOT NULL,"
    "  vanished_floor INTEGER NOT NULL DEFAULT 0," /* expunges up to this modseq are forgotten */
    "  messages INTEGER NOT NULL DEFAULT 0,"
    "  unseen INTEGER NOT NULL DEFAULT 0,"
    "  deleted INTEGER NOT NULL DEFAULT 0,"
    "  bytes INTEGER NOT NULL DEFAULT 0,"
    "  first_recent INTEGER NOT NULL DEFAULT 1,"
    "  special TEXT NOT NULL DEFAULT '',"
    "  subscribed INTEGER NOT NULL DEFAULT 0,"
    "  flags INTEGER NOT NULL DEFAULT 0,"
    "  cur_mtime INTEGER NOT NULL DEFAULT 0," /* of the folders when rows and files were known to agree, ns;
                                                 0: unknown */
    "  new_mtime INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE(parent, name)) STRICT;"
    "CREATE TABLE keyword(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE) STRICT;"
    "CREATE TABLE body("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT," /* never used again: other indexes refer to it */
    "  guid BLOB NOT NULL UNIQUE,"            /* EMAILID, POP3 UIDL */
    "  hash BLOB NOT NULL,"                   /* BLAKE2b-256 of the file */
    "  size INTEGER NOT NULL,"                /* with CRLF line ends */
    "  hdrsize INTEGER NOT NULL,"
    "  lines INTEGER NOT NULL,"
    "  refs INTEGER NOT NULL,"
    "  sent INTEGER,"
    "  msgid TEXT,"
    "  envelope BLOB, bodystruct BLOB, hdrs BLOB, parts BLOB) STRICT;"
    "CREATE TABLE message("
    "  mailbox INTEGER NOT NULL,"
    "  uid INTEGER NOT NULL CHECK(uid BETWEEN 1 AND 4294967295),"
    "  body INTEGER NOT NULL,"
    "  modseq INTEGER NOT NULL,"
    "  created_modseq INTEGER NOT NULL,"
    "  flags INTEGER NOT NULL,"
    "  kw INTEGER NOT NULL DEFAULT 0,"
    "  idate INTEGER NOT NULL," /* µs */
    "  saved INTEGER NOT NULL," /* µs */
    "  size INTEGER NOT NULL,"
    "  file TEXT NOT NULL," /* base name, and the letters last written behind it */
    "  suffix TEXT NOT NULL DEFAULT '',"
    "  PRIMARY KEY(mailbox, uid)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX message_modseq ON message(mailbox, modseq);"
    "CREATE INDEX message_body ON message(body);"
    "CREATE INDEX message_unseen ON message(mailbox, uid) WHERE (flags & 1)=0;"
    /* Keywords beyond the 63 that fit into message.kw. */
    "CREATE TABLE message_kw(mailbox INTEGER, uid INTEGER, kw INTEGER, PRIMARY KEY(mailbox, uid, kw))"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE vanished(mailbox INTEGER, modseq INTEGER, uid_lo INTEGER, uid_hi INTEGER,"
    "  PRIMARY KEY(mailbox, modseq, uid_lo)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE mailbox_gone(id INTEGER PRIMARY KEY, name TEXT, uidvalidity INTEGER, modseq INTEGER) "
    "STRICT;"
    "CREATE TABLE quota(root INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, messages INTEGER NOT NULL,"
    "  lim_bytes INTEGER NOT NULL, lim_messages INTEGER NOT NULL) STRICT;"
    /* Work on folders that is promised by a commit and done after it; a restart does what is left. */
    "CREATE TABLE intent(id INTEGER PRIMARY KEY, op TEXT NOT NULL, mailbox INTEGER NOT NULL, args BLOB NOT "
    "NULL) STRICT;",

    /* All counters of the account in one row, so that a commit writes one page for them. Bodies are numbered
     * by it, in the order in which they came: what works through them later (full text, threads) needs to
     * remember one number only. */
    "CREATE TABLE counter("
    "  id INTEGER PRIMARY KEY CHECK(id=0),"
    "  modseq INTEGER NOT NULL,"
    "  body INTEGER NOT NULL,"        /* the last body.id given */
    "  mailbox INTEGER NOT NULL,"     /* the last mailbox.id given */
    "  uidvalidity INTEGER NOT NULL," /* the highest given */
    "  threaded INTEGER NOT NULL,"    /* bodies up to this id have their thread */
    "  bytes INTEGER NOT NULL, messages INTEGER NOT NULL,"
    "  limit_bytes INTEGER NOT NULL, limit_messages INTEGER NOT NULL) STRICT;"
    "INSERT INTO counter SELECT 0, v,"
    "  max(coalesce((SELECT seq FROM sqlite_sequence WHERE name='body'), 0),"
    "      coalesce((SELECT max(id) FROM body), 0)),"
    "  max(100, (SELECT max(id) FROM mailbox)), (SELECT max(uidvalidity) FROM mailbox), 0,"
    "  (SELECT bytes FROM quota), (SELECT messages FROM quota), (SELECT lim_bytes FROM quota),"
    "  (SELECT lim_messages FROM quota) FROM meta WHERE k='modseq';"
    "DROP TABLE quota;"
    "DELETE FROM meta WHERE k='modseq';"
    "CREATE TABLE body2("
    "  id INTEGER PRIMARY KEY,"
    "  guid BLOB NOT NULL,"
    "  hash BLOB NOT NULL,"
    "  size INTEGER NOT NULL,"
    "  hdrsize INTEGER NOT NULL,"
    "  lines INTEGER NOT NULL,"
    "  refs INTEGER NOT NULL," /* means nothing: who has a body, the index message_body tells; a count in
                                  these wide rows made each COPY and EXPUNGE write all of them */
    "  sent INTEGER,"
    "  msgid TEXT,"
    "  envelope BLOB, bodystruct BLOB, hdrs BLOB, parts BLOB) STRICT;"
    "INSERT INTO body2 SELECT id, guid, hash, size, hdrsize, lines, refs, sent, msgid, envelope, "
    /* NULL says that not all fields are there; a longer header may have been cut when it was kept. */
    "bodystruct, CASE WHEN hdrsize<=65536 THEN hdrs END, parts FROM body;"
    "DROP TABLE body;"
    "ALTER TABLE body2 RENAME TO body;"
    "CREATE UNIQUE INDEX body_guid ON body(guid);"
    "DROP INDEX message_unseen;"
    /* Which combinations of keywords a mailbox has, and which of those beyond the 63: a few steps. */
    "CREATE INDEX message_keywords ON message(mailbox, kw) WHERE kw<>0;"
    "CREATE INDEX message_kw_kw ON message_kw(mailbox, kw);"
    /* Threads (threads.h). Beside `body`, whose rows are wide: who asks for the threads of a mailbox reads
     * some bytes per message. `thread` is the guid of the thread's first body. */
    "CREATE TABLE thread_member(body INTEGER PRIMARY KEY, thread BLOB NOT NULL) STRICT;"
    "CREATE INDEX thread_member_thread ON thread_member(thread);"
    "CREATE TRIGGER body_leaves_thread AFTER DELETE ON body BEGIN"
    "  DELETE FROM thread_member WHERE body=old.id; END;"
    /* Hashes of the Message-IDs that a thread's messages have or refer to, and of subjects. */
    "CREATE TABLE thread_ref(key BLOB PRIMARY KEY, thread BLOB NOT NULL) STRICT, WITHOUT ROWID;"
    /* Names, of mailboxes or not (RFC 3501 section 6.3.6). */
    "CREATE TABLE subscription(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
    "INSERT INTO subscription SELECT name FROM mailbox WHERE subscribed=1;"
    "ALTER TABLE mailbox DROP COLUMN subscribed;"
    "CREATE TABLE annotation(mailbox INTEGER NOT NULL, entry TEXT NOT NULL COLLATE NOCASE, value BLOB NOT "
    "NULL,"
    "  PRIMARY KEY(mailbox, entry)) STRICT, WITHOUT ROWID;" /* mailbox 0: of the account */
    "CREATE TABLE rights(mailbox INTEGER NOT NULL, identifier TEXT NOT NULL, rights TEXT NOT NULL,"
    "  PRIMARY KEY(mailbox, identifier)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sieve(name TEXT PRIMARY KEY, active INTEGER NOT NULL, script TEXT NOT NULL) STRICT;"
    "CREATE TABLE seen(kind INTEGER NOT NULL, key BLOB NOT NULL, expires INTEGER NOT NULL,"
    "  PRIMARY KEY(kind, key)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX seen_expires ON seen(expires);"
    /* The last mailbox of each name that was given up: clients may remember its UIDs. */
    "CREATE TABLE name_used(name TEXT PRIMARY KEY, uidvalidity INTEGER NOT NULL, uidnext INTEGER NOT NULL,"
    "  modseq INTEGER NOT NULL) STRICT, WITHOUT ROWID;",

    /* What users who read a mailbox of somebody else have seen there (viewers.h): ranges of UIDs, found by
     * their end. The numbers of viewers are of this account only. The columns of the key come first: with
     * another order quick_check of SQLite 3.40 finds NULLs where there are none. */
    "CREATE TABLE viewer(id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE) STRICT;"
    "CREATE TABLE viewer_seen(mailbox INTEGER NOT NULL, viewer INTEGER NOT NULL, last INTEGER NOT NULL,"
    "  first INTEGER NOT NULL, PRIMARY KEY(mailbox, viewer, last)) STRICT, WITHOUT ROWID;",
};

/* A commit writes every page that it touched, and a delivery touches eight of them with a row or an entry
 * each. */
const struct db_schema account_schema = {.steps = steps, .step_count = ARRAY_LEN(steps), .page_size = 2048};
