/* SPDX-License-Identifier: ISC */
/* Criteria of SEARCH (RFC 3501 section 6.4.4, RFC 7162 section 3.1.5): trees that are written down at random
 * and evaluated here. */
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

static bool holds(struct client *client, const struct criterion *criterion, const struct entry *entry,
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

void criterion_resolve(struct client *client, struct criterion *criterion)
{
    if (criterion->kind == C_SET)
        choose_resolve(client, &criterion->set.set);
    if (criterion->left)
        criterion_resolve(client, criterion->left);
    if (criterion->right)
        criterion_resolve(client, criterion->right);
}

bool criterion_asks_recent(const struct criterion *criterion)
{
    return (criterion->kind >= C_RECENT && criterion->kind <= C_NEW) ||
           (criterion->left && criterion_asks_recent(criterion->left)) ||
           (criterion->right && criterion_asks_recent(criterion->right));
}

struct criterion *criterion_compose(struct client *client, struct move *move)
{
    return compose(client, move, 3);
}

bool criterion_holds(struct client *client, const struct criterion *criterion, const struct entry *entry,
                     const struct message *message)
{
    return holds(client, criterion, entry, message);
}
