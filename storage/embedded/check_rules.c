/* SPDX-License-Identifier: ISC */
/*
 * The index with itself: a table of rules. `find` gives a row for each thing that is wrong: the sentence for
 * a person, and how many things it speaks of. `mend` are statements that put all of it right; ?1 in them is a
 * MODSEQ for what clients have to hear of.
 *
 * The order matters: rows before the counters that count them.
 */
#include "check_private.h"
#include "mailbox_rows.h"

#include "base/mem.h"
#include "recovery.h"
#include "viewers.h"

#define TEXTS_MAX 1000 /* lines about one rule; the rest is counted only */

struct rule {
    const char *find;
    const char *mend[3];
    enum err (*mend_by)(struct change *change);
};

/* ---- rows that lack what they refer to ---- */

#define WITHOUT_BODY "NOT EXISTS(SELECT 1 FROM body WHERE body.id=message.body)"

struct lost_row {
    int64_t mailbox;
    const char *name;
};

static enum err read_rows_without_body(struct change *change, struct lost_row **list_r, size_t *count_r)
{
    struct lost_row *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement =
        db_statement(change->db, "SELECT mailbox, file||':2,'||suffix FROM message WHERE " WITHOUT_BODY);
    while ((more = db_step(change->db, statement)) == 1) {
        list = mem_realloc_array(list, count + 1, sizeof(*list));
        list[count++] = (struct lost_row){
            sqlite3_column_int64(statement, 0),
            arena_cstr(&change->arena, db_column_text(statement, 1, &change->arena)),
        };
    }
    *list_r = list;
    *count_r = count;
    return db_step_err(more);
}

/* The file tells all that the body's row did, and the UID. */
static enum err adopt_again(struct change *change)
{
    struct lost_row *list = NULL;
    size_t count = 0;
    enum err err = read_rows_without_body(change, &list, &count);
    if (!err) {
        err = db_run(change->db, db_statement(change->db, "DELETE FROM message WHERE " WITHOUT_BODY));
    }
    uint64_t modseq = change_next_modseq(change);
    for (size_t i = 0; i < count && !err; i++) {
        size_t mailbox;
        err = change_mailbox_by_id(change, list[i].mailbox, &mailbox);
        if (!err) {
            err = adopt_file(change, mailbox, false, list[i].name, modseq, true);
        }
        err = err == ERR_NOT_FOUND ? ERR_OK : err;
    }
    mem_free(list);
    return err;
}

/* ---- counters ---- */

#define TRUE_COUNTERS                                                          \
    "SELECT max((SELECT coalesce(max(modseq), 0) FROM message),"               \
    " (SELECT coalesce(max(highestmodseq), 0) FROM mailbox),"                  \
    " (SELECT coalesce(max(modseq), 0) FROM vanished)),"                       \
    " (SELECT coalesce(max(id), 0) FROM body), (SELECT max(id) FROM mailbox)," \
    " (SELECT max(uidvalidity) FROM mailbox WHERE " UIDVALIDITY_IS_OURS        \
    "), (SELECT coalesce(sum(size), 0) FROM message),"                         \
    " (SELECT count(*) FROM message)"

static enum err count_again(struct change *change)
{
    struct counters *counters = &change->counters;
    sqlite3_stmt *statement = db_statement(change->db, TRUE_COUNTERS);
    enum err err = row_found(db_step(change->db, statement));
    if (!err) {
        counters->modseq = MAX_OF(counters->modseq, (uint64_t)sqlite3_column_int64(statement, 0));
        counters->body = MAX_OF(counters->body, sqlite3_column_int64(statement, 1));
        counters->mailbox = MAX_OF(counters->mailbox, sqlite3_column_int64(statement, 2));
        counters->uidvalidity = MAX_OF(counters->uidvalidity, sqlite3_column_int64(statement, 3));
        counters->bytes = sqlite3_column_int64(statement, 4);
        counters->messages = sqlite3_column_int64(statement, 5);
        counters->threaded = MIN_OF(counters->threaded, counters->body);
        sqlite3_reset(statement);
    }
    return err;
}

#define COUNTED                                                                            \
    "(SELECT count(*), coalesce(sum((flags & 1)=0), 0), coalesce(sum((flags & 8)<>0), 0)," \
    " coalesce(sum(size), 0) FROM message WHERE message.mailbox=mailbox.id)"
#define MISCOUNTED "(messages, unseen, deleted, bytes) IS NOT " COUNTED

#define LAST_UID                                                                        \
    "max((SELECT coalesce(max(uid), 0) FROM message WHERE message.mailbox=mailbox.id)," \
    " (SELECT coalesce(max(uid_hi), 0) FROM vanished WHERE vanished.mailbox=mailbox.id))"
#define LAST_MODSEQ                                                                        \
    "max((SELECT coalesce(max(modseq), 0) FROM message WHERE message.mailbox=mailbox.id)," \
    " (SELECT coalesce(max(modseq), 0) FROM vanished WHERE vanished.mailbox=mailbox.id))"

/* ---- keywords ---- */

#define KNOWN_BITS   "(SELECT coalesce(sum(1<<id), 0) FROM keyword WHERE id BETWEEN 0 AND 62)"
#define UNKNOWN_BITS "kw<>0 AND (kw & ~(1<<63) & ~" KNOWN_BITS ")<>0"
#define HAS_OTHERS                                                                  \
    "EXISTS(SELECT 1 FROM message_kw WHERE message_kw.mailbox=message.mailbox AND " \
    "message_kw.uid=message.uid)"
#define LOST_KEYWORD                                                                                \
    "kw NOT IN (SELECT id FROM keyword) OR NOT EXISTS(SELECT 1 FROM message WHERE message.mailbox=" \
    "message_kw.mailbox AND message.uid=message_kw.uid)"
#define HEAR_OF_CHANGED \
    "UPDATE mailbox SET highestmodseq=?1 WHERE id IN (SELECT mailbox FROM message WHERE modseq=?1)"

/* ---- viewers ---- */

#define IN_NO_MAILBOX "mailbox NOT IN (SELECT id FROM mailbox)"
#define LOST_SEEN \
    "viewer NOT IN (SELECT id FROM viewer) OR " IN_NO_MAILBOX " OR first<1 OR last<first OR last>4294967295"

/* ---- vanished ---- */

#define NOT_VANISHED                                                                                      \
    "EXISTS(SELECT 1 FROM message WHERE message.mailbox=vanished.mailbox AND message.uid BETWEEN uid_lo " \
    "AND uid_hi)"

static const struct rule rules[] = {
    {.find =
         "SELECT printf('%d messages are in mailbox %d, which does not exist', count(*), mailbox), count(*)"
         " FROM message WHERE " IN_NO_MAILBOX " GROUP BY mailbox",
     .mend = {"DELETE FROM message WHERE " IN_NO_MAILBOX}},
    {.find = "SELECT printf('%s: message %d: the description of its body is missing', name, uid), 1"
             " FROM message JOIN mailbox ON mailbox.id=mailbox WHERE " WITHOUT_BODY,
     .mend_by = adopt_again},
    {.find =
         "SELECT printf('%d bodies belong to no message', n), n FROM (SELECT count(*) n FROM body WHERE NOT"
         " EXISTS(SELECT 1 FROM message WHERE body=body.id)) WHERE n>0",
     .mend = {"DELETE FROM body WHERE NOT EXISTS(SELECT 1 FROM message WHERE body=body.id)"}},
    {.find = "SELECT printf('%d bodies without row are in a thread', n), n FROM (SELECT count(*) n FROM"
             " thread_member WHERE body NOT IN (SELECT id FROM body)) WHERE n>0",
     .mend = {"DELETE FROM thread_member WHERE body NOT IN (SELECT id FROM body)"}},
    {.find = "SELECT printf('%s: %d messages have a keyword that has no name', name, count(*)), count(*)"
             " FROM message JOIN mailbox ON mailbox.id=mailbox WHERE " UNKNOWN_BITS " GROUP BY mailbox",
     .mend = {"UPDATE message SET kw=kw & ((1<<63) | " KNOWN_BITS "), modseq=?1 WHERE " UNKNOWN_BITS,
              HEAR_OF_CHANGED}},
    {.find = "SELECT printf('%d keywords belong to no message or have no name', n), n FROM (SELECT count(*) n"
             " FROM message_kw WHERE " LOST_KEYWORD ") WHERE n>0",
     .mend = {"DELETE FROM message_kw WHERE " LOST_KEYWORD}},
    {.find = "SELECT printf('%s: %d messages tell wrongly whether they have more keywords', name, count(*)),"
             " count(*) FROM message JOIN mailbox ON mailbox.id=mailbox WHERE (kw<0)<>" HAS_OTHERS
             " GROUP BY mailbox",
     .mend = {"UPDATE message SET kw=CASE WHEN kw<0 THEN kw & ~(1<<63) ELSE kw | (1<<63) END, modseq=?1"
              " WHERE (kw<0)<>" HAS_OTHERS,
              HEAR_OF_CHANGED}},
    {.find = "SELECT printf('%d ranges of seen messages belong to no viewer or mailbox', n), n FROM"
             " (SELECT count(*) n FROM viewer_seen WHERE " LOST_SEEN ") WHERE n>0",
     .mend = {"DELETE FROM viewer_seen WHERE " LOST_SEEN}},
    {.find = "SELECT printf('%s: %d ranges of messages seen by others name some that are not there, or each"
             " other''s', name, count(*)), count(*) FROM viewer_seen v JOIN mailbox ON mailbox.id=mailbox"
             " WHERE " VIEWER_SEEN_BAD " GROUP BY mailbox",
     .mend_by = viewers_mend},
    {.find =
         "SELECT printf('%s: UIDs %d to %d count as expunged, and some are there', name, uid_lo, uid_hi), 1"
         " FROM vanished JOIN mailbox ON mailbox.id=mailbox WHERE " NOT_VANISHED,
     .mend = {"UPDATE mailbox SET vanished_floor=max(vanished_floor, (SELECT max(modseq) FROM vanished WHERE"
              " vanished.mailbox=mailbox.id AND " NOT_VANISHED ")) WHERE id IN (SELECT mailbox FROM vanished"
              " WHERE " NOT_VANISHED ")",
              "DELETE FROM vanished WHERE " NOT_VANISHED}},
    {.find = "SELECT printf('%d ranges of expunged UIDs are of mailboxes that do not exist', n), n FROM"
             " (SELECT count(*) n FROM vanished WHERE " IN_NO_MAILBOX ") WHERE n>0",
     .mend = {"DELETE FROM vanished WHERE " IN_NO_MAILBOX}},
    {.find =
         "SELECT printf('%s: counts %d messages, %d unseen, %d deleted, %d bytes; there are others', name,"
         " messages, unseen, deleted, bytes), 1 FROM mailbox WHERE " MISCOUNTED,
     .mend = {"UPDATE mailbox SET (messages, unseen, deleted, bytes)=" COUNTED " WHERE " MISCOUNTED}},
    {.find = "SELECT printf('%s: UIDNEXT is %d, but UID %d was given', name, uidnext, " LAST_UID "), 1"
             " FROM mailbox WHERE uidnext<=" LAST_UID,
     .mend = {"UPDATE mailbox SET uidnext=1+" LAST_UID " WHERE uidnext<=" LAST_UID}},
    {.find = "SELECT printf('%s: HIGHESTMODSEQ is %d, but a change has %d', name, highestmodseq, " LAST_MODSEQ
             "), 1 FROM mailbox WHERE highestmodseq<" LAST_MODSEQ,
     .mend = {"UPDATE mailbox SET highestmodseq=" LAST_MODSEQ " WHERE highestmodseq<" LAST_MODSEQ}},
    {.find = "SELECT printf('%d annotations or rights are of mailboxes that do not exist', n), n FROM"
             " (SELECT (SELECT count(*) FROM annotation WHERE mailbox<>0 AND " IN_NO_MAILBOX
             ")+(SELECT count(*) FROM rights WHERE " IN_NO_MAILBOX ") n) WHERE n>0",
     .mend = {"DELETE FROM annotation WHERE mailbox<>0 AND " IN_NO_MAILBOX,
              "DELETE FROM rights WHERE " IN_NO_MAILBOX}},
    {.find = "SELECT printf('%s: is %s, as another mailbox is', name, special), 1 FROM mailbox m WHERE "
             "special<>''"
             " AND EXISTS(SELECT 1 FROM mailbox o WHERE o.special=m.special AND o.id<m.id)",
     .mend = {"UPDATE mailbox SET special='' WHERE special<>'' AND EXISTS(SELECT 1 FROM mailbox o WHERE"
              " o.special=mailbox.special AND o.id<mailbox.id)"}},
    {.find = "SELECT printf('%d Sieve scripts are active', n), 1 FROM (SELECT sum(active<>0) n FROM sieve)"
             " WHERE n>1",
     .mend = {"UPDATE sieve SET active=0 WHERE active<>0 AND name<>(SELECT min(name) FROM sieve WHERE "
              "active<>0)"}},
    {.find =
         "SELECT printf('the account counts %d messages of %d bytes; there are %d of %d', messages, bytes, n,"
         " b), 1 FROM counter, (SELECT count(*) n, coalesce(sum(size), 0) b FROM message) WHERE messages<>n"
         " OR bytes<>b",
     .mend_by = count_again},
    {.find = "SELECT printf('the counter of changes is %d, but a change has %d', modseq, m), 1 FROM counter,"
             " (SELECT max((SELECT coalesce(max(highestmodseq), 0) FROM mailbox), (SELECT"
             " coalesce(max(modseq), 0) FROM vanished)) m) WHERE modseq<m",
     .mend_by = count_again},
    {.find =
         "SELECT 'a body, mailbox or UIDVALIDITY has a higher number than its counter', 1 FROM counter WHERE"
         " body<(SELECT coalesce(max(id), 0) FROM body) OR mailbox<(SELECT max(id) FROM mailbox) OR"
         " uidvalidity<(SELECT max(uidvalidity) FROM mailbox WHERE " UIDVALIDITY_IS_OURS ") OR threaded>body",
     .mend_by = count_again},
    {.find =
         "SELECT 'there is no INBOX', 1 WHERE NOT EXISTS(SELECT 1 FROM mailbox WHERE id=1 AND name='INBOX')"},
};

struct finding {
    const char **texts;
    uint64_t *counts;
    size_t count;   /* texts */
    uint64_t total; /* what they speak of, and what has no text any more */
};

static void free_finding(struct finding *finding)
{
    mem_free(finding->texts);
    mem_free(finding->counts);
}

static void add_finding(struct finding *finding, const char *text, uint64_t count)
{
    finding->total += count;
    if (finding->count < TEXTS_MAX) {
        finding->texts = mem_realloc_array(finding->texts, finding->count + 1, sizeof(*finding->texts));
        finding->counts = mem_realloc_array(finding->counts, finding->count + 1, sizeof(*finding->counts));
        finding->texts[finding->count] = text;
        finding->counts[finding->count++] = count;
    }
}

static enum err find_all(struct change *change, const struct rule *rule, struct finding *finding)
{
    int more;
    sqlite3_stmt *statement = db_statement(change->db, rule->find);
    while ((more = db_step(change->db, statement)) == 1) {
        const char *text = finding->count < TEXTS_MAX
                               ? arena_cstr(&change->arena, db_column_text(statement, 0, &change->arena))
                               : NULL;
        add_finding(finding, text, (uint64_t)sqlite3_column_int64(statement, 1));
    }
    return db_step_err(more);
}

static enum err mend(struct change *change, const struct rule *rule)
{
    enum err err = rule->mend_by ? rule->mend_by(change) : ERR_OK;
    int64_t modseq = 0;
    for (size_t i = 0; i < ARRAY_LEN(rule->mend) && rule->mend[i] && !err; i++) {
        sqlite3_stmt *statement = db_statement(change->db, rule->mend[i]);
        if (sqlite3_bind_parameter_count(statement) > 0) {
            modseq = modseq ? modseq : (int64_t)change_next_modseq(change);
            db_bind_int(statement, 1, modseq);
        }
        err = db_run(change->db, statement);
    }
    return err;
}

static void report(struct checking *work, const struct finding *finding, bool repaired)
{
    uint64_t told = 0;
    for (size_t i = 0; i < finding->count; i++) {
        check_problem(work, repaired, finding->counts[i], "%s", finding->texts[i]);
        told += finding->counts[i];
    }
    if (told < finding->total) {
        check_problem(work, repaired, finding->total - told, "and %llu more of this kind",
                      (unsigned long long)(finding->total - told));
    }
}

/* Under the lock: is it still so? Then it is told, and mended. */
static enum err look_again(struct checking *work, const struct rule *rule)
{
    struct change change;
    struct finding finding = {0};
    bool can_mend = rule->mend_by || rule->mend[0];
    enum err err = change_begin(work->account, &change);
    if (err) {
        return err;
    }
    err = find_all(&change, rule, &finding);
    if (err || finding.total == 0 || !work->check->repair || !can_mend) {
        report(work, &finding, false);
        change_abort(&change);
        change_free(&change);
    } else {
        struct arena texts = change.arena; /* they must outlive the change */
        change.arena = (struct arena){0};
        err = mend(&change, rule);
        err = change_finish(&change, err);
        report(work, &finding, !err);
        arena_free(&texts);
    }
    free_finding(&finding);
    return err;
}

static enum err looks_wrong(struct account *account, const struct rule *rule, bool *wrong_r)
{
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    int step = db_step(account->db, db_statement(account->db, rule->find));
    *wrong_r = step == 1;
    db_end_read(account->db);
    return db_step_err(step);
}

enum err check_rules(struct checking *work)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(rules) && !err; i++) {
        bool wrong = false;
        err = looks_wrong(work->account, &rules[i], &wrong);
        if (!err && wrong) {
            err = look_again(work, &rules[i]);
        }
        err = err ? err : check_go_on(work);
    }
    return err;
}
