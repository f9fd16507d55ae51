/* SPDX-License-Identifier: ISC */
#include "search_eval.h"

#include "base/mem.h"

/* Sets of so many ranges are gone through in less than a tenth of a millisecond. */
#define RANGES_AT_ONCE 8192

/* What a node needs to be decided. */
enum cost { COST_SETS, COST_ROWS, COST_LOOK_UP };

int64_t search_day_of(int64_t time_us)
{
    const int64_t day = (int64_t)86400 * 1000000;
    return time_us >= 0 ? time_us / day : -((-time_us + day - 1) / day);
}

/* --- binding --- */

static struct uid_set numbers_as_uids(const struct search_job *job, const struct sequence_set *set)
{
    /* A view in which numbers are UIDs: what is not there is passed over. */
    struct view_range all = {1, job->view->count, 0};
    struct view numbers = {&all, job->view->count > 0 ? 1 : 0, 1, job->view->count};
    struct uid_set there = sequence_uids(set, &numbers, job->arena);
    struct uid_set_writer writer = {0};
    for (size_t i = 0; i < there.count; i++) {
        struct uid_set part = view_slice(job->view, there.ranges[i].first, there.ranges[i].last, job->arena);
        for (size_t j = 0; j < part.count; j++)
            uid_set_add_range(&writer, part.ranges[j]);
    }
    return uid_set_take(&writer, job->arena);
}

/* What the program's sets of this search are: those of an earlier time stay (RFC 5267). */
static bool is_to_be_bound(const struct search_job *job, const struct search_node *node)
{
    bool is_set = node->key == KEY_NUMBERS || node->key == KEY_UIDS;
    return is_set && !(job->is_bound && (node->key == KEY_NUMBERS || node->set.saved));
}

static enum err bind_sets(void *arg)
{
    struct search_job *job = arg;
    /* Beyond the limit search_evaluate will not go. */
    for (size_t i = 0; i < job->program->count && job->arena->used <= SEARCH_MEMORY_MAX; i++) {
        struct search_node *node = &job->program->nodes[i];
        if (node->key == KEY_ALL)
            node->uids = uid_set_all;
        else if (node->key == KEY_RECENT)
            node->uids = job->recent;
        else if (!is_to_be_bound(job, node))
            continue;
        else if (node->set.saved)
            node->uids = job->saved;
        else if (node->key == KEY_NUMBERS)
            node->uids = numbers_as_uids(job, &node->set);
        else
            node->uids = sequence_uids(&node->set, job->view, job->arena);
    }
    return ERR_OK;
}

enum err search_bind(struct search_job *job)
{
    uint64_t ranges = 0;
    for (size_t i = 0; i < job->program->count; i++)
        if (is_to_be_bound(job, &job->program->nodes[i]))
            ranges += job->program->nodes[i].set.count + job->view->range_count;
    return ranges > RANGES_AT_ONCE ? job->visit(job->data, bind_sets, job) : bind_sets(job);
}

/* --- sets --- */

struct combining {
    search_set_fn *fn;
    struct arena *arena;
    const struct uid_set *a, *b;
    struct uid_set set;
};

static enum err combine(void *arg)
{
    struct combining *combining = arg;
    combining->set = combining->fn(combining->arena, combining->a, combining->b);
    return ERR_OK;
}

enum err search_combine(struct search_job *job, search_set_fn *fn, const struct uid_set *a,
                        const struct uid_set *b, struct uid_set *set_r)
{
    struct combining combining = {fn, job->arena, a, b, {0}};
    enum err err = a->count + b->count > RANGES_AT_ONCE ? job->visit(job->data, combine, &combining)
                                                        : combine(&combining);
    if (!err)
        *set_r = combining.set;
    return err;
}

/* --- evaluating --- */

static enum cost cost_of(const struct search_program *program, uint32_t index)
{
    const struct search_node *node = &program->nodes[index];
    if (node->key >= KEY_SENT)
        return COST_LOOK_UP;
    if (node->key >= KEY_FLAGS)
        return COST_ROWS;
    if (node->key >= KEY_ALL)
        return COST_SETS;
    enum cost cost = COST_SETS;
    for (uint32_t c = node->child; c != 0; c = program->nodes[c].next)
        cost = MAX_OF(cost, cost_of(program, c));
    return cost;
}

static enum err evaluate(struct search_job *job, uint32_t index, const struct uid_set *within,
                         struct uid_set *found_r);

/* The children of an AND or OR, sorted by what they need. */
struct children {
    uint32_t *rows, *texts, *others;
    size_t row_count, text_count, other_count;
};

/* Those that are decided by sets are not among them: they are evaluated here, as that costs next to nothing,
 * and narrow an AND, or make a beginning of an OR. */
static enum err sort_children(struct search_job *job, const struct search_node *node, struct uid_set *within,
                              struct uid_set *found, struct children *children_r)
{
    const struct search_program *program = job->program;
    struct uid_set part;
    enum err err = ERR_OK;
    size_t count = 0;
    for (uint32_t c = node->child; c != 0; c = program->nodes[c].next)
        count++;
    struct children children = {.rows = arena_array(job->arena, uint32_t, count),
                                .texts = arena_array(job->arena, uint32_t, count),
                                .others = arena_array(job->arena, uint32_t, count)};
    for (uint32_t c = node->child; c != 0 && !err; c = program->nodes[c].next) {
        enum cost cost = cost_of(program, c);
        if (cost == COST_SETS) {
            err = evaluate(job, c, within, &part);
            if (!err && node->key == KEY_AND)
                *within = part;
            else if (!err)
                err = search_combine(job, uid_set_union, found, &part, found);
        } else if (cost == COST_ROWS) {
            children.rows[children.row_count++] = c;
        } else if (program->nodes[c].key == KEY_TEXT) {
            children.texts[children.text_count++] = c;
        } else {
            children.others[children.other_count++] = c;
        }
    }
    *children_r = children;
    return err;
}

static enum err all_texts(struct search_job *job, const struct children *children,
                          const struct uid_set *within, struct uid_set *found_r)
{
    struct search_term *terms = arena_array(job->arena, struct search_term, children->text_count);
    for (size_t i = 0; i < children->text_count; i++)
        terms[i] = job->program->nodes[children->texts[i]].text;
    return search_texts(job, terms, children->text_count, within, found_r);
}

static enum err evaluate_and(struct search_job *job, const struct search_node *node, struct uid_set within,
                             struct uid_set *found_r)
{
    struct children children;
    struct uid_set unused = {0}; /* only an OR has a beginning */
    enum err err = sort_children(job, node, &within, &unused, &children);
    if (!err && children.row_count > 0) {
        struct search_columns columns = {children.rows, children.row_count, false};
        err = search_rows(job, columns, &within, &within);
    }
    /* Of what has to be looked up first what costs least. */
    for (size_t i = 0; i < children.other_count && !err; i++)
        if (job->program->nodes[children.others[i]].key == KEY_SENT)
            err = evaluate(job, children.others[i], &within, &within);
    if (!err && children.text_count > 0)
        err = all_texts(job, &children, &within, &within);
    for (size_t i = 0; i < children.other_count && !err; i++)
        if (job->program->nodes[children.others[i]].key != KEY_SENT)
            err = evaluate(job, children.others[i], &within, &within);
    *found_r = within;
    return err;
}

/* What one key found the next need not look for. */
static enum err evaluate_or(struct search_job *job, const struct search_node *node, struct uid_set within,
                            struct uid_set *found_r)
{
    struct children children;
    struct uid_set found = {0}, rest, part;
    enum err err = sort_children(job, node, &within, &found, &children);
    if (!err && children.row_count > 0) {
        struct search_columns columns = {children.rows, children.row_count, true};
        err = search_combine(job, uid_set_minus, &within, &found, &rest);
        if (!err)
            err = search_rows(job, columns, &rest, &part);
        if (!err)
            err = search_combine(job, uid_set_union, &found, &part, &found);
    }
    for (size_t i = 0; i < children.text_count + children.other_count && !err; i++) {
        uint32_t child =
            i < children.text_count ? children.texts[i] : children.others[i - children.text_count];
        err = search_combine(job, uid_set_minus, &within, &found, &rest);
        if (!err)
            err = evaluate(job, child, &rest, &part);
        if (!err)
            err = search_combine(job, uid_set_union, &found, &part, &found);
    }
    *found_r = found;
    return err;
}

static enum err evaluate(struct search_job *job, uint32_t index, const struct uid_set *within,
                         struct uid_set *found_r)
{
    const struct search_node *node = &job->program->nodes[index];
    struct uid_set found = {0};
    if (job->arena->used > SEARCH_MEMORY_MAX)
        return ERR_LIMIT;
    if (within->count == 0) {
        *found_r = found;
        return ERR_OK;
    }
    enum err err = ERR_OK;
    if (node->key >= KEY_FLAGS && node->key < KEY_SENT) {
        err = search_rows(job, (struct search_columns){&index, 1, false}, within, &found);
    } else {
        switch (node->key) {
        case KEY_AND:
            err = evaluate_and(job, node, *within, &found);
            break;
        case KEY_OR:
            err = evaluate_or(job, node, *within, &found);
            break;
        case KEY_NOT:
            err = evaluate(job, node->child, within, &found);
            if (!err)
                err = search_combine(job, uid_set_minus, within, &found, &found);
            break;
        case KEY_TEXT:
            err = search_texts(job, &node->text, 1, within, &found);
            break;
        case KEY_SENT:
            err = search_sent(job, node->days, within, &found);
            break;
        default:
            err = search_combine(job, uid_set_common, within, &node->uids, &found);
        }
    }
    if (!err)
        *found_r = found;
    return err;
}

enum err search_evaluate(struct search_job *job, const struct uid_set *within, struct uid_set *found_r)
{
    return evaluate(job, 0, within, found_r);
}
