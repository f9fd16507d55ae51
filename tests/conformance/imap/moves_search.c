/* SPDX-License-Identifier: ISC */
/* SEARCH (RFC 3501 section 6.4.4), ESEARCH (RFC 4731), SEARCHRES (RFC 5182), MODSEQ (RFC 7162 section 3.1.5):
 * trees of criteria that are written down and evaluated here. */
#include "mail/date.h"

#include "game.h"

enum criterion_kind {
    C_ALL,
    C_FLAG,    /* ANSWERED … */
    C_UNFLAG,  /* UNANSWERED … */
    C_KEYWORD, /* KEYWORD, UNKEYWORD */
    C_UNKEYWORD,
    C_RECENT, /* RECENT, OLD, NEW */
    C_OLD,
    C_NEW,
    C_LARGER,
    C_SMALLER,
    C_SUBJECT,
    C_FROM,
    C_TO,
    C_BODY,
    C_TEXT,
    C_HEADER,
    C_BEFORE,
    C_ON,
    C_SINCE,
    C_SENTBEFORE,
    C_SENTON,
    C_SENTSINCE,
    C_SET,
    C_MODSEQ,
    C_LEAVES,
    C_NOT = C_LEAVES,
    C_OR,
    C_AND
};

struct criterion {
    enum criterion_kind kind;
    unsigned bit;
    uint64_t number;
    uint32_t tick;
    int64_t day;
    struct move set; /* its set only */
    struct criterion *left, *right;
};

static const char *const kind_words[] = {[C_RECENT] = "RECENT",
                                         [C_OLD] = "OLD",
                                         [C_NEW] = "NEW",
                                         [C_LARGER] = "LARGER",
                                         [C_SMALLER] = "SMALLER",
                                         [C_SUBJECT] = "SUBJECT",
                                         [C_FROM] = "FROM",
                                         [C_TO] = "TO",
                                         [C_BODY] = "BODY",
                                         [C_TEXT] = "TEXT",
                                         [C_HEADER] = "HEADER Subject",
                                         [C_BEFORE] = "BEFORE",
                                         [C_ON] = "ON",
                                         [C_SINCE] = "SINCE",
                                         [C_SENTBEFORE] = "SENTBEFORE",
                                         [C_SENTON] = "SENTON",
                                         [C_SENTSINCE] = "SENTSINCE",
                                         [C_KEYWORD] = "KEYWORD",
                                         [C_UNKEYWORD] = "UNKEYWORD"};

/* --- composing --- */

static void write_date(struct buf *text, int64_t day)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t year;
    unsigned month, of_month;
    date_civil_from_days(day, &year, &month, &of_month);
    buf_printf(text, " %u-%s-%lld", of_month, months[month - 1], (long long)year);
}

/* A word or the middle of one, in some letter case; what is not ASCII as a literal. */
static void write_word(struct client *client, struct move *move, unsigned bit)
{
    char word[40];
    snprintf(word, sizeof(word), "%s", search_words[bit]);
    bool ascii = bit != 4;
    for (size_t i = 0; word[i]; i++)
        if (ascii && one_in(client->game, 3))
            word[i] = char_upper(word[i]);
    char *begin = ascii && one_in(client->game, 3) ? word + 1 : word;
    buf_append_char(&move->text, ' ');
    if (!ascii || one_in(client->game, 5))
        write_literal(client, move, slice_from(begin));
    else
        buf_printf(&move->text, one_in(client->game, 2) ? "\"%s\"" : "%s", begin);
}

static void write_leaf(struct client *client, struct move *move, struct criterion *criterion)
{
    struct game *game = client->game;
    struct buf *text = &move->text;
    if (criterion->kind < C_SET && kind_words[criterion->kind])
        buf_printf(text, "%s", kind_words[criterion->kind]);
    switch (criterion->kind) {
    case C_ALL:
        buf_append(text, S("ALL"));
        break;
    case C_FLAG:
    case C_UNFLAG:
        criterion->bit = (unsigned)below(game, 5);
        buf_printf(text, "%s%s", criterion->kind == C_UNFLAG ? "UN" : "", flag_names[criterion->bit] + 1);
        break;
    case C_KEYWORD:
    case C_UNKEYWORD:
        criterion->bit = (unsigned)below(game, GAME_WORDS);
        buf_printf(text, " %s", word_names[criterion->bit]);
        break;
    case C_LARGER:
    case C_SMALLER:
        criterion->number = game->texts[below(game, GAME_TEXTS)].bytes.len + below(game, 3) - 1;
        buf_printf(text, " %llu", (unsigned long long)criterion->number);
        break;
    case C_SUBJECT:
    case C_FROM:
    case C_TO:
    case C_BODY:
    case C_TEXT:
    case C_HEADER:
        criterion->bit = (unsigned)below(game, SEARCH_WORDS);
        write_word(client, move, criterion->bit);
        break;
    case C_BEFORE:
    case C_ON:
    case C_SINCE:
    case C_SENTBEFORE:
    case C_SENTON:
    case C_SENTSINCE:
        criterion->day = 10957 + (int64_t)below(game, 7);
        write_date(text, criterion->day);
        break;
    default:
        break;
    }
}

static void write_set(struct client *client, struct move *move, struct criterion *criterion)
{
    do {
        choose_set(client, &criterion->set);
        for (size_t i = 0; i < criterion->set.set.count; i++) /* all of them there, and nothing told first */
            if (MAX_OF(criterion->set.set.ranges[i].first, criterion->set.set.ranges[i].last) > client->top ||
                (!criterion->set.set.by_uid && MAX_OF(criterion->set.set.ranges[i].first,
                                                      criterion->set.set.ranges[i].last) > client->count))
                criterion->set.set.count = 0;
    } while (criterion->set.set.count == 0 && !criterion->set.set.saved);
    if (criterion->set.set.by_uid && !criterion->set.set.saved)
        buf_append(&move->text, S("UID "));
    else if (!criterion->set.set.saved)
        move->traits |= MOVE_BY_NUMBER;
    choose_write(&move->text, &criterion->set.set);
}

static struct criterion *compose(struct client *client, struct move *move, int depth)
{
    struct game *game = client->game;
    struct criterion *criterion = arena_new(&client->arena, struct criterion);
    criterion->kind = depth > 0 && one_in(game, 3) ? C_LEAVES + (enum criterion_kind)below(game, 3)
                                                   : (enum criterion_kind)below(game, C_LEAVES);
    if (criterion->kind == C_SET && client->count == 0)
        criterion->kind = C_ALL;
    if (criterion->kind >= C_RECENT && criterion->kind <= C_NEW && client->rev2)
        criterion->kind = C_ALL;
    if (criterion->kind == C_MODSEQ && !choose_modseq(client, &criterion->tick, &criterion->number))
        criterion->kind = C_ALL;
    switch (criterion->kind) {
    case C_NOT:
        buf_append(&move->text, S("NOT "));
        criterion->left = compose(client, move, depth - 1);
        break;
    case C_OR:
        buf_append(&move->text, S("OR "));
        criterion->left = compose(client, move, depth - 1);
        buf_append_char(&move->text, ' ');
        criterion->right = compose(client, move, depth - 1);
        break;
    case C_AND:
        buf_append_char(&move->text, '(');
        criterion->left = compose(client, move, depth - 1);
        buf_append_char(&move->text, ' ');
        criterion->right = compose(client, move, depth - 1);
        buf_append_char(&move->text, ')');
        break;
    case C_SET:
        write_set(client, move, criterion);
        break;
    case C_MODSEQ:
        move->limit_tick = 1; /* MODSEQ is in it */
        buf_printf(&move->text, "MODSEQ %llu", (unsigned long long)criterion->number);
        break;
    default:
        write_leaf(client, move, criterion);
    }
    return criterion;
}

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
    move->criterion = compose(client, move, 3);
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

/* --- evaluating --- */

static unsigned text_words(const struct criterion *criterion, const struct text *text)
{
    return criterion->kind == C_FROM   ? text->from
           : criterion->kind == C_TO   ? text->to
           : criterion->kind == C_BODY ? text->body
           : criterion->kind == C_TEXT ? text->from | text->to | text->subject | text->body
                                       : text->subject;
}

static bool date_holds(const struct criterion *criterion, int64_t day)
{
    switch (criterion->kind) {
    case C_BEFORE:
    case C_SENTBEFORE:
        return day < criterion->day;
    case C_ON:
    case C_SENTON:
        return day == criterion->day;
    default:
        return day >= criterion->day;
    }
}

/* Dates that the server chose are those of today. */
static int64_t day_of(const struct message *message)
{
    return message->date ? message->date / 86400 : 20000;
}

static bool holds(struct client *client, struct criterion *criterion, const struct entry *entry,
                  const struct message *message)
{
    switch (criterion->kind) {
    case C_ALL:
        return true;
    case C_FLAG:
        return flags_seen_by(client, message->flags) >> criterion->bit & 1;
    case C_UNFLAG:
        return !(flags_seen_by(client, message->flags) >> criterion->bit & 1);
    case C_KEYWORD:
        return message->words >> criterion->bit & 1;
    case C_UNKEYWORD:
        return !(message->words >> criterion->bit & 1);
    case C_RECENT:
        return entry->recent == RECENT_YES;
    case C_OLD:
        return entry->recent == RECENT_NO;
    case C_NEW:
        return entry->recent == RECENT_YES && !(flags_seen_by(client, message->flags) & FLAG_SEEN);
    case C_LARGER:
        return message->text->bytes.len > criterion->number;
    case C_SMALLER:
        return message->text->bytes.len < criterion->number;
    case C_SUBJECT:
    case C_FROM:
    case C_TO:
    case C_BODY:
    case C_TEXT:
    case C_HEADER:
        return text_words(criterion, message->text) >> criterion->bit & 1;
    case C_BEFORE:
    case C_ON:
    case C_SINCE:
        return date_holds(criterion, day_of(message));
    case C_SENTBEFORE:
    case C_SENTON:
    case C_SENTSINCE:
        return date_holds(criterion, message->text->sent_day);
    case C_SET:
        return uids_have(criterion->set.set.uids, criterion->set.set.uid_count, message->uid);
    case C_MODSEQ: /* that or a higher one */
        return message->tick >= criterion->tick;
    case C_NOT:
        return !holds(client, criterion->left, entry, message);
    case C_OR:
        return holds(client, criterion->left, entry, message) ||
               holds(client, criterion->right, entry, message);
    case C_AND:
        return holds(client, criterion->left, entry, message) &&
               holds(client, criterion->right, entry, message);
    }
    return false;
}

static void resolve_sets(struct client *client, struct criterion *criterion)
{
    if (criterion->kind == C_SET)
        choose_resolve(client, &criterion->set.set);
    if (criterion->left)
        resolve_sets(client, criterion->left);
    if (criterion->right)
        resolve_sets(client, criterion->right);
}

static bool asks_recent(const struct criterion *criterion)
{
    return (criterion->kind >= C_RECENT && criterion->kind <= C_NEW) ||
           (criterion->left && asks_recent(criterion->left)) ||
           (criterion->right && asks_recent(criterion->right));
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
    struct criterion *criterion = (struct criterion *)move->criterion;
    resolve_sets(client, criterion);
    move->view_uids = arena_array(&client->arena, uint32_t, client->count + 1);
    move->view_count = client->count;
    move->failed = arena_array(&client->arena, uint32_t, client->count + 1);
    for (size_t i = 0; i < client->count; i++) {
        struct message *message = truth_message(client->selected, client->view[i].uid);
        move->view_uids[i] = client->view[i].uid;
        if (!message || (client->view[i].recent == RECENT_MAYBE && asks_recent(criterion)))
            move->failed[move->failed_count++] = client->view[i].uid;
        if (message && holds(client, criterion, &client->view[i], message)) {
            move_add_uid(client, move, message->uid);
            move->tick = MAX_OF(move->tick, message->tick);
        }
    }
    move->has_limit = move->failed_count > 0;
}

static void answer_search(struct client *client, struct move *move, const struct reply *reply)
{
    if (!move->view_uids && (reply_is(reply, "SEARCH") || reply_is(reply, "ESEARCH")))
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

const struct kind kind_search = {"SEARCH",      50,           MOVE_SELECTED, compose_search,
                                 effect_search, check_search, answer_search};
const struct kind kind_esearch = {"ESEARCH",     30,           MOVE_SELECTED, compose_esearch, effect_search,
                                  check_esearch, answer_search};
