/* SPDX-License-Identifier: ISC */
/* SEARCH (RFC 3501 section 6.4.4), ESEARCH (RFC 4731), SEARCHRES (RFC 5182), SORT (RFC 5256). */
#include "game.h"

static void begin_search(struct client *client, struct move *move)
{
    move->set.by_uid = one_in(client->game, 2);
    move->traits |= move->set.by_uid ? 0 : MOVE_NUMBERS;
    buf_append(&move->text, move->set.by_uid ? S("UID SEARCH ") : S("SEARCH "));
}

static void write_criteria(struct client *client, struct move *move)
{
    /* RFC 6855 section 3 forbids it there; without it 8-bit text is taken for UTF-8. */
    if (!client->utf8 && one_in(client->game, 2))
        buf_append(&move->text, S("CHARSET UTF-8 "));
    move->criterion = criterion_compose(client, move);
}

static bool compose_search(struct client *client, struct move *move)
{
    begin_search(client, move);
    write_criteria(client, move);
    return true;
}

enum { RETURN_MIN = 1, RETURN_MAX = 2, RETURN_COUNT = 4, RETURN_ALL = 8, RETURN_SAVE = 16 };

static bool compose_esearch(struct client *client, struct move *move)
{
    static const char *const options[] = {"MIN", "MAX", "COUNT", "ALL", "SAVE"};
    const char *space = "";
    begin_search(client, move);
    move->items = (unsigned)below(client->game, 32);
    buf_append(&move->text, S("RETURN ("));
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (!(move->items >> i & 1))
            continue;
        buf_printf(&move->text, "%s%s", space, options[i]);
        space = " ";
    }
    buf_append(&move->text, S(") "));
    write_criteria(client, move);
    return true;
}

static void effect_search(struct client *client, struct move *move)
{
    client->condstore = client->condstore || move->limit_tick;
}

/* What it must find, in the view as it is when the answer comes: new mail may have been told before. Of what
 * went meanwhile it may find what it likes; and while it is not known whose \Recent something is, nothing
 * about that is compared. */
static void evaluate(struct client *client, struct move *move)
{
    struct criterion *criterion = move->criterion;
    criterion_resolve(client, criterion);
    move->view_uids = arena_array(&client->arena, uint32_t, client->count + 1);
    move->view_count = client->count;
    move->failed = arena_array(&client->arena, uint32_t, client->count + 1);
    for (size_t i = 0; i < client->count; i++) {
        struct message *message = truth_message(client->selected, client->view[i].uid);
        move->view_uids[i] = client->view[i].uid;
        if (!message || (client->view[i].recent == RECENT_MAYBE && criterion_asks_recent(criterion)))
            move->failed[move->failed_count++] = client->view[i].uid;
        if (message && criterion_holds(client, criterion, &client->view[i], message)) {
            move_add_uid(client, move, message->uid);
            move->tick = MAX_OF(move->tick, message->tick);
        }
    }
    move->has_limit = move->failed_count > 0;
}

static void answer_search(struct client *client, struct move *move, const struct reply *reply)
{
    if (!move->view_uids &&
        (reply_is(reply, "SEARCH") || reply_is(reply, "ESEARCH") || reply_is(reply, "SORT")))
        evaluate(client, move);
}

/* A number of the answer as a UID; 0: it is none of the view. */
static uint32_t result_uid(const struct move *move, uint64_t number)
{
    if (move->set.by_uid)
        return uids_have(move->view_uids, move->view_count, (uint32_t)number) ? (uint32_t)number : 0;
    return number >= 1 && number <= move->view_count ? move->view_uids[number - 1] : 0;
}

static void check_result(struct client *client, struct move *move, const uint32_t *found, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!found[i])
            game_fail(client, "numbers of messages that are there");
        if (uids_have(found, i, found[i]))
            game_fail(client, "each message once; not UID %u again", found[i]);
        if (!uids_have(move->uids, move->uid_count, found[i]) &&
            !uids_have(move->failed, move->failed_count, found[i]))
            game_fail(client, "UID %u not to be found", found[i]);
    }
    for (size_t i = 0; i < move->uid_count; i++)
        if (!uids_have(found, count, move->uids[i]) &&
            !uids_have(move->failed, move->failed_count, move->uids[i]))
            game_fail(client, "UID %u to be found", move->uids[i]);
}

static void check_modseq(struct client *client, const struct move *move, uint64_t modseq)
{
    if (move->has_limit)
        return;
    if (move->limit_tick && move->uid_count > 0 && !modseq)
        game_fail(client, "MODSEQ of what was found (RFC 7162 section 3.1.5)");
    if (modseq && move->uid_count == 0)
        game_fail(client, "no MODSEQ when nothing is found (RFC 7162 section 3.1.5)");
    if (modseq && move->tick)
        truth_learn_modseq(client, move->tick, modseq);
}

static void check_number(struct client *client, const struct move *move, const struct reply *reply,
                         const char *name, bool wanted, uint64_t expected)
{
    const struct reply_counter *counter = reply_counter(reply, name);
    if (wanted != (counter != NULL))
        game_fail(client, "%s%s (RFC 4731 section 3.1)", wanted ? "" : "no ", name);
    if (!counter || move->has_limit)
        return;
    uint64_t value = strcmp(name, "COUNT") == 0 ? counter->value : result_uid(move, counter->value);
    if (value != expected)
        game_fail(client, "%s of %llu", name, (unsigned long long)expected);
}

/* RFC 5182 section 2.1: what is saved is what was asked for; MIN and MAX alone save but these. */
static void save(struct client *client, const struct move *move)
{
    client->has_saved = !move->has_limit;
    client->saved = mem_realloc_array(client->saved, move->uid_count + 1, sizeof(uint32_t));
    client->saved_count = 0;
    bool only_ends =
        (move->items & (RETURN_MIN | RETURN_MAX)) && !(move->items & (RETURN_ALL | RETURN_COUNT));
    for (size_t i = 0; i < move->uid_count; i++) {
        bool is_end = (i == 0 && (move->items & RETURN_MIN)) ||
                      (i == move->uid_count - 1 && (move->items & RETURN_MAX));
        if (!only_ends || is_end)
            client->saved[client->saved_count++] = move->uids[i];
    }
}

static void check_esearch(struct client *client, struct move *move)
{
    const struct reply *reply = client_reply(client, "ESEARCH", 0);
    if (!move->view_uids)
        evaluate(client, move);
    bool nothing_to_say = (move->items & ~(unsigned)RETURN_SAVE) == 0 && move->items != 0;
    if (move->items & RETURN_SAVE)
        save(client, move);
    if (nothing_to_say && !reply)
        return;
    if (!reply || client_reply(client, "ESEARCH", 1))
        game_fail(client, "one ESEARCH (RFC 4731 section 3.1)");
    if (!slice_eq(reply->correlator, slice_from(move->tag)))
        game_fail(client, "(TAG \"%s\") (RFC 4466 section 2.6.2)", move->tag);
    if (reply->is_uid != move->set.by_uid)
        game_fail(client, "%sUID in ESEARCH (RFC 4731 section 3.1)", move->set.by_uid ? "" : "no ");
    bool any = move->has_limit ? reply->has_all || reply_counter(reply, "MIN") || reply_counter(reply, "MAX")
                               : move->uid_count > 0;
    bool all = any && (move->items == 0 || (move->items & RETURN_ALL));
    check_number(client, move, reply, "MIN", any && (move->items & RETURN_MIN),
                 move->uid_count ? move->uids[0] : 0);
    check_number(client, move, reply, "MAX", any && (move->items & RETURN_MAX),
                 move->uid_count ? move->uids[move->uid_count - 1] : 0);
    check_number(client, move, reply, "COUNT", move->items & RETURN_COUNT, move->uid_count);
    if (reply->has_all != all)
        game_fail(client, "%sALL (RFC 4731 section 3.1)", all ? "" : "no ");
    uint32_t *found = arena_array(&client->arena, uint32_t, reply_set_size(&reply->set) + 1);
    size_t count = 0;
    for (size_t i = 0; i < reply->set.count; i++)
        for (uint32_t n = reply->set.ranges[i].first; n <= reply->set.ranges[i].last; n++)
            found[count++] = result_uid(move, n);
    if (all)
        check_result(client, move, found, count);
}

static void check_search(struct client *client, struct move *move)
{
    if (client->rev2) { /* RFC 9051 section 6.4.4: as with RETURN (ALL) */
        check_esearch(client, move);
        return;
    }
    const struct reply *reply = client_reply(client, "SEARCH", 0);
    if (!reply || client_reply(client, "SEARCH", 1))
        game_fail(client, "one SEARCH (RFC 3501 section 7.2.5)");
    uint32_t *found = arena_array(&client->arena, uint32_t, reply->number_count + 1);
    for (size_t i = 0; i < reply->number_count; i++)
        found[i] = result_uid(move, reply->numbers[i]);
    check_result(client, move, found, reply->number_count);
    check_modseq(client, move, reply->modseq);
}

/* --- SORT (RFC 5256 section 3) --- */

enum { SORT_SIZE = 1, SORT_DATE = 2, SORT_REVERSE_SIZE = 4, SORT_REVERSE_DATE = 8 };

static bool compose_sort(struct client *client, struct move *move)
{
    static const char *const keys[] = {"SIZE", "DATE", "REVERSE SIZE", "REVERSE DATE"};
    size_t key = below(client->game, 4), second = below(client->game, 4);
    move->set.by_uid = one_in(client->game, 2);
    move->traits |= move->set.by_uid ? 0 : MOVE_NUMBERS;
    move->flags = 1u << key;
    move->words = one_in(client->game, 2) ? 1u << second : 0;
    buf_printf(&move->text, "%s (%s%s%s) UTF-8 ", move->set.by_uid ? "UID SORT" : "SORT", keys[key],
               move->words ? " " : "", move->words ? keys[second] : "");
    move->criterion = criterion_compose(client, move);
    return true;
}

static int compare_by(const struct text *a, const struct text *b, unsigned key)
{
    bool by_size = key & (SORT_SIZE | SORT_REVERSE_SIZE);
    int64_t left = by_size ? (int64_t)a->bytes.len : a->sent,
            right = by_size ? (int64_t)b->bytes.len : b->sent;
    int order = left < right ? -1 : left > right;
    return key & (SORT_REVERSE_SIZE | SORT_REVERSE_DATE) ? -order : order;
}

/* Equal ones stay in the order of their numbers. */
static bool is_before(struct client *client, const struct move *move, uint32_t a, uint32_t b)
{
    const struct text *left = truth_message(client->selected, a)->text;
    const struct text *right = truth_message(client->selected, b)->text;
    int order = compare_by(left, right, move->flags);
    order = order ? order : move->words ? compare_by(left, right, move->words) : 0;
    return order ? order < 0 : a < b;
}

static void check_sort(struct client *client, struct move *move)
{
    const struct reply *reply = client_reply(client, "SORT", 0);
    if (!reply || client_reply(client, "SORT", 1))
        game_fail(client, "one SORT (RFC 5256 section 4)");
    uint32_t *found = arena_array(&client->arena, uint32_t, reply->number_count + 1);
    for (size_t i = 0; i < reply->number_count; i++)
        found[i] = result_uid(move, reply->numbers[i]);
    check_result(client, move, found, reply->number_count);
    for (size_t i = 1; i < reply->number_count && !move->has_limit; i++)
        if (!is_before(client, move, found[i - 1], found[i]))
            game_fail(client, "UID %u before UID %u", found[i], found[i - 1]);
}

const struct kind kind_search = {"SEARCH",      50,           MOVE_SELECTED, compose_search,
                                 effect_search, check_search, answer_search};
const struct kind kind_esearch = {"ESEARCH",     30,           MOVE_SELECTED, compose_esearch, effect_search,
                                  check_esearch, answer_search};
const struct kind kind_sort = {"SORT",        20,         MOVE_SELECTED, compose_sort,
                               effect_search, check_sort, answer_search};
