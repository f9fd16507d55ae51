/* SPDX-License-Identifier: ISC */
/* Subscriptions, annotations, rights and Sieve scripts, as a snapshot shows them. */
#include "snapshot_private.h"

enum err snapshot_subscriptions(struct snapshot *snapshot, struct arena *arena, struct slice **names_r,
                                size_t *count_r)
{
    struct slice *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(snapshot->db, "SELECT name FROM subscription ORDER BY name");
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = db_column_text(statement, 0, arena);
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *names_r = list;
        *count_r = count;
    }
    return err;
}

enum err snapshot_annotations(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                              struct annotation **list_r, size_t *count_r)
{
    struct annotation *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = snapshot_statement(
        snapshot, "SELECT entry, value FROM annotation WHERE mailbox=?1 ORDER BY entry", mailbox_id);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = (struct annotation){.entry = db_column_text(statement, 0, arena),
                                            .value = db_column_text(statement, 1, arena)};
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}

enum err snapshot_rights(struct snapshot *snapshot, int64_t mailbox_id, struct arena *arena,
                         struct rights_entry **list_r, size_t *count_r)
{
    struct rights_entry *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = snapshot_statement(
        snapshot, "SELECT identifier, rights FROM rights WHERE mailbox=?1 ORDER BY identifier", mailbox_id);
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = (struct rights_entry){.identifier = db_column_text(statement, 0, arena),
                                              .rights = db_column_text(statement, 1, arena)};
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}

enum err snapshot_sieve_list(struct snapshot *snapshot, struct arena *arena, struct sieve_entry **list_r,
                             size_t *count_r)
{
    struct sieve_entry *list = NULL;
    size_t count = 0;
    int more;
    sqlite3_stmt *statement = db_statement(
        snapshot->db, "SELECT name, active, length(CAST(script AS BLOB)) FROM sieve ORDER BY name");
    while ((more = db_step(snapshot->db, statement)) == 1) {
        list = snapshot_grow(list, count, sizeof(*list));
        list[count++] = (struct sieve_entry){.name = db_column_text(statement, 0, arena),
                                             .active = sqlite3_column_int(statement, 1) != 0,
                                             .size = (uint64_t)sqlite3_column_int64(statement, 2)};
    }
    enum err err = snapshot_outcome(snapshot, more);
    list = snapshot_end_list(err, arena, list, count, sizeof(*list));
    if (!err) {
        *list_r = list;
        *count_r = count;
    }
    return err;
}

enum err snapshot_sieve(struct snapshot *snapshot, struct slice name, struct arena *arena,
                        struct slice *script_r)
{
    sqlite3_stmt *statement =
        db_statement(snapshot->db, name.len ? "SELECT script FROM sieve WHERE name=?1"
                                            : "SELECT script FROM sieve WHERE active=1 LIMIT 1");
    if (name.len) {
        db_bind_text(statement, 1, name);
    }
    enum err err = snapshot_found(snapshot, db_step(snapshot->db, statement));
    if (!err) {
        *script_r = db_column_text(statement, 0, arena);
        sqlite3_reset(statement);
    }
    return err;
}
