/* SPDX-License-Identifier: ISC */
/*
 * Ranges of expunged UIDs, and forgetting them. A MODSEQ is a counter and tells no time, so each day that the
 * account is looked after leaves a row "modseq.<day since 1970>" in the table meta.
 */
#include "vanished.h"

#include "base/log.h"

#define DAY_US (INT64_C(86400) * 1000000)
/* Too many are cut to this, so that not every day cuts a few. */
#define RANGES_KEPT (VANISHED_RANGES_MAX / 10 * 9)

#define WRITE_RANGE                               \
    "INSERT INTO vanished VALUES(?1, ?2, ?3, ?4)" \
    " ON CONFLICT DO UPDATE SET uid_hi=max(uid_hi, ?4)"

enum err vanished_finish(struct vanished_writer *writer)
{
    if (writer->low == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *statement = db_statement(writer->change->db, WRITE_RANGE);
    db_bind_int(statement, 1, writer->mailbox);
    db_bind_int(statement, 2, (int64_t)writer->modseq);
    db_bind_int(statement, 3, writer->low);
    db_bind_int(statement, 4, writer->high);
    writer->low = 0;
    return db_run(writer->change->db, statement);
}

enum err vanished_add(struct vanished_writer *writer, uint32_t uid)
{
    if (writer->low && writer->high + 1 == uid) {
        writer->high = uid;
        return ERR_OK;
    }
    enum err err = vanished_finish(writer);
    writer->low = writer->high = uid;
    return err;
}

/* ---- forgetting ---- */

struct trimming {
    int64_t today;
    int64_t floor; /* ranges up to this MODSEQ go */
    bool noted;    /* the day has its row */
};

static enum err read_number(struct db *db, const char *sql, int64_t argument, int64_t *value_r)
{
    sqlite3_stmt *statement = db_statement(db, sql);
    if (sqlite3_bind_parameter_count(statement)) {
        db_bind_int(statement, 1, argument);
    }
    int step = db_step(db, statement);
    *value_r = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return db_step_err(step);
}

/* Where the counter stood on the last noted day that is long enough ago. */
#define FLOOR_BY_AGE \
    "SELECT coalesce(max(v), 0) FROM meta WHERE k GLOB 'modseq.*' AND CAST(substr(k, 8) AS INTEGER)<=?1"
#define FLOOR_BY_NUMBER "SELECT modseq FROM vanished ORDER BY modseq DESC LIMIT 1 OFFSET ?1"
#define IS_NOTED        "SELECT EXISTS(SELECT 1 FROM meta WHERE k='modseq.'||?1)"
#define WOULD_TRIM      "SELECT EXISTS(SELECT 1 FROM vanished WHERE modseq<=?1)"

static enum err plan(struct db *db, struct trimming *plan)
{
    int64_t count = 0, by_number = 0, noted = 0, any = 0;
    enum err err = read_number(db, FLOOR_BY_AGE, plan->today - VANISHED_DAYS, &plan->floor);
    if (!err) {
        err = read_number(db, "SELECT count(*) FROM vanished", 0, &count);
    }
    if (!err && count > VANISHED_RANGES_MAX) {
        err = read_number(db, FLOOR_BY_NUMBER, RANGES_KEPT, &by_number);
        plan->floor = MAX_OF(plan->floor, by_number);
    }
    if (!err) {
        err = read_number(db, WOULD_TRIM, plan->floor, &any);
    }
    if (!err) {
        err = read_number(db, IS_NOTED, plan->today, &noted);
    }
    plan->floor = any ? plan->floor : 0;
    plan->noted = noted != 0;
    return err;
}

static enum err run_with(struct db *db, const char *sql, int64_t argument)
{
    sqlite3_stmt *statement = db_statement(db, sql);
    db_bind_int(statement, 1, argument);
    return db_run(db, statement);
}

#define RAISE_FLOORS                                                                                         \
    "UPDATE mailbox SET vanished_floor=max(vanished_floor, lost) FROM (SELECT mailbox AS id, max(modseq) AS" \
    " lost FROM vanished WHERE modseq<=?1 GROUP BY mailbox) AS old WHERE mailbox.id=old.id"
#define NOTE_DAY \
    "INSERT INTO meta SELECT 'modseq.'||?1, modseq FROM counter WHERE true ON CONFLICT DO NOTHING"
#define FORGET_DAYS "DELETE FROM meta WHERE k GLOB 'modseq.*' AND CAST(substr(k, 8) AS INTEGER)<=?1"

static enum err trim(struct change *change, const struct trimming *plan)
{
    enum err err = ERR_OK;
    if (plan->floor) {
        err = run_with(change->db, RAISE_FLOORS, plan->floor);
        if (!err) {
            err = run_with(change->db, "DELETE FROM vanished WHERE modseq<=?1", plan->floor);
        }
    }
    if (!err) {
        err = run_with(change->db, NOTE_DAY, plan->today);
    }
    return err ? err : run_with(change->db, FORGET_DAYS, plan->today - VANISHED_DAYS);
}

enum err vanished_trim(struct account *account, int64_t now_us)
{
    struct trimming wanted = {.today = now_us / DAY_US};
    struct change change;
    enum err err = db_begin_read(account->db);
    if (err) {
        return err;
    }
    err = plan(account->db, &wanted);
    db_end_read(account->db);
    if (err || (wanted.noted && wanted.floor == 0)) {
        return err;
    }
    err = change_begin_relaxed(account, &change);
    if (err) {
        return err;
    }
    err = trim(&change, &wanted);
    return change_finish(&change, err);
}
