/* SPDX-License-Identifier: ISC */
/* Asking the index: one FTS5 expression for all terms, and the bodies that it does not know. */
#include "fts_private.h"

#include <stdlib.h>

#include "base/mem.h"
#include "fts_grams.h"
#include "mail/fold.h"

#define EXPRESSION_MAX ((size_t)1024 * 1024)
#define TERMS_MAX      16

/* Of a field that only has to be there the index knows the name, which stands before the value. */
static void append_field_name(struct buf *needle, struct slice name)
{
    fold_text(needle, name);
    buf_append_char(needle, ':');
}

static void append_either(struct buf *out, const struct buf *header, const struct buf *body)
{
    bool both = header->len > 0 && body->len > 0;
    buf_append(out, out->len > 0 ? S(" AND (") : S("("));
    buf_append(out, both ? S("(") : SLICE_EMPTY);
    buf_append(out, buf_slice(header));
    buf_append(out, both ? S(") OR (") : SLICE_EMPTY);
    buf_append(out, buf_slice(body));
    buf_append(out, both ? S("))") : S(")"));
}

/* In header fields, in body text, or in either; false when the index cannot help. */
static bool append_term(struct buf *out, const struct search_term *term)
{
    struct buf header, body, name;
    bool asked = true;
    buf_init(&header, EXPRESSION_MAX);
    buf_init(&body, EXPRESSION_MAX);
    buf_init(&name, EXPRESSION_MAX);
    append_field_name(&name, term->header);
    struct slice needle = term->text.len > 0 ? term->text : buf_slice(&name);
    if (term->where != SEARCH_BODY) {
        asked = fts_grams_expression(&header, needle, true);
    }
    if (term->where != SEARCH_HEADER) {
        asked = fts_grams_expression(&body, needle, false);
    }
    if (asked) {
        append_either(out, &header, &body);
    }
    buf_free(&header);
    buf_free(&body);
    buf_free(&name);
    return asked;
}

/* Terms that cannot be looked up are left out, and those beyond a bound: the others bound the candidates,
 * too.
 */
static bool append_terms(struct buf *out, const struct search_term *terms, size_t term_count)
{
    size_t asked = 0;
    for (size_t i = 0; i < term_count && asked < TERMS_MAX; i++) {
        asked += append_term(out, &terms[i]);
    }
    return asked > 0 && buf_ok(out);
}

struct body_list {
    int64_t *bodies;
    size_t count, size;
};

static void add_body(struct body_list *list, int64_t body)
{
    if (list->count == list->size) {
        list->size = list->size ? list->size * 2 : 256;
        list->bodies = mem_realloc_array(list->bodies, list->size, sizeof(*list->bodies));
    }
    list->bodies[list->count++] = body;
}

static enum err collect(struct db *db, sqlite3_stmt *statement, struct body_list *list)
{
    int more;
    while ((more = db_step(db, statement)) == 1) {
        add_body(list, sqlite3_column_int64(statement, 0));
    }
    return db_step_err(more);
}

static int compare_bodies(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* In a read transaction of the caller's. */
static enum err find_bodies(struct db *db, struct slice expression, struct body_list *list)
{
    sqlite3_stmt *statement = db_statement(db, "SELECT rowid FROM grams WHERE grams MATCH ?1");
    db_bind_text(statement, 1, expression);
    enum err err = collect(db, statement, list); /* in the order of the rowid */
    size_t known = list->count;
    if (!err) {
        err = collect(db, db_statement(db, "SELECT body FROM missed ORDER BY body"), list);
    }
    if (list->count > known && known > 0) {
        qsort(list->bodies, list->count, sizeof(*list->bodies), compare_bodies);
    }
    return err;
}

static enum err find(struct db *db, struct slice expression, struct fts_candidates *candidates_r)
{
    struct body_list list = {0};
    struct fts_state state = {0};
    enum err err = db_begin_read(db);
    if (err) {
        return err;
    }
    err = fts_read_state(db, &state);
    if (!err) {
        err = find_bodies(db, expression, &list);
    }
    db_end_read(db);
    if (err) {
        mem_free(list.bodies);
        return err;
    }
    *candidates_r =
        (struct fts_candidates){.indexed_up_to = state.body, .bodies = list.bodies, .count = list.count};
    return ERR_OK;
}

enum err fts_find(struct account *account, const struct search_term *terms, size_t term_count,
                  struct fts_candidates *candidates_r)
{
    struct buf expression;
    struct db *db;
    enum err err = ERR_OK;
    buf_init(&expression, EXPRESSION_MAX);
    if (!append_terms(&expression, terms, term_count)) {
        *candidates_r = (struct fts_candidates){.all = true};
    } else {
        err = fts_use(account->fts, &db);
        if (!err) {
            err = fts_done(account->fts, find(db, buf_slice(&expression), candidates_r));
        }
    }
    buf_free(&expression);
    return err;
}
