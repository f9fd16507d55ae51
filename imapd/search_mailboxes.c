/* SPDX-License-Identifier: ISC */
/*
 * RFC 7377 section 4, RFC 5465 section 8:
 *
 *     esearch-source-opts = "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"
 *     source-mbox         = filter-mailboxes *(SP filter-mailboxes)
 *     filter-mailboxes    = "selected" / "inboxes" / "personal" / "subscribed" /
 *                           ("subtree" / "subtree-one" / "mailboxes") SP one-or-more-mailbox
 *     one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
 */
#include "search_mailboxes.h"

#include "base/mem.h"

#include "access.h"

bool parse_search_places(struct parser *parser, struct search_places *places_r)
{
    struct search_places *places = places_r;
    *places = (struct search_places){0};
    if (!parse_space_word(parser, S("IN"))) {
        places->selected = true;
        return true;
    }
    if (!parse_space(parser) || !parse_char(parser, '('))
        return false;
    do {
        struct notify_group group;
        if (!parse_mailbox_filter(parser, true, &group))
            return false;
        if (group.filter == NOTIFY_SELECTED)
            places->selected = true;
        else if (places->group_count == SEARCH_GROUPS_MAX)
            return parser_expected(parser, "fewer sources");
        else
            places->groups[places->group_count++] = group;
    } while (parse_space(parser));
    return parse_char(parser, ')');
}

struct name_list {
    struct slice *names;
    size_t count, room;
};

static void add(struct name_list *list, struct slice name)
{
    if (list->count == list->room) {
        list->room = list->room > 0 ? list->room * 2 : 16;
        list->names = mem_realloc_array(list->names, list->room, sizeof(*list->names));
    }
    list->names[list->count++] = name;
}

static bool has(const struct name_list *list, struct slice name)
{
    for (size_t i = 0; i < list->count; i++)
        if (slice_eq(list->names[i], name))
            return true;
    return false;
}

static bool is_covered(const struct search_places *places, struct slice name, bool subscribed, bool shared)
{
    for (size_t i = 0; i < places->group_count; i++) {
        enum notify_filter filter = places->groups[i].filter;
        if (shared && (filter == NOTIFY_PERSONAL || filter == NOTIFY_INBOXES))
            continue;
        if (notify_group_covers(&places->groups[i], name, subscribed))
            return true;
    }
    return false;
}

/* Mailboxes of others matter only to those who name them, or subscribed to them. */
static bool may_be_shared(const struct search_places *places)
{
    for (size_t i = 0; i < places->group_count; i++) {
        const struct notify_group *group = &places->groups[i];
        if (group->filter == NOTIFY_SUBSCRIBED)
            return true;
        for (size_t n = 0; n < group->name_count; n++)
            if (imap_name_is_reserved(group->names[n]))
                return true;
    }
    return false;
}

static enum err add_shared(struct imap_session *session, const struct search_places *places,
                           const struct slice *subscribed, size_t subscribed_count, struct name_list *list)
{
    struct shared_list shared;
    enum err err = shared_list_begin(session, &session->arena, &shared);
    while (!err && shared.next_owner < shared.owner_count)
        shared_list_next(session, &session->arena, &shared);
    for (size_t i = 0; i < shared.count; i++) {
        const struct shared_mailbox *mailbox = &shared.mailboxes[i];
        bool is_subscribed = false;
        for (size_t s = 0; s < subscribed_count; s++)
            is_subscribed |= slice_eq(subscribed[s], mailbox->name);
        if (mailbox->rights & RIGHT_READ && is_covered(places, mailbox->name, is_subscribed, true))
            add(list, mailbox->name);
    }
    shared_list_free(&shared);
    return err;
}

/* "Any mailboxes that are not explicitly named … are required to have the l right": those that are named may
 * lack it, so they are in no list. */
static void add_named(const struct search_places *places, struct name_list *list)
{
    for (size_t i = 0; i < places->group_count; i++)
        for (size_t n = 0; places->groups[i].filter == NOTIFY_MAILBOXES && n < places->groups[i].name_count;
             n++)
            if (!has(list, places->groups[i].names[n]))
                add(list, places->groups[i].names[n]);
}

enum err search_places_list(struct imap_session *session, const struct search_places *places,
                            struct slice **names_r, size_t *count_r)
{
    struct name_list list = {0};
    struct snapshot *snapshot = NULL;
    struct mailbox_entry *own = NULL;
    struct slice *subscribed = NULL;
    size_t count = 0, subscribed_count = 0;
    enum err err = snapshot_open(session->account, &snapshot);
    if (!err)
        err = snapshot_mailboxes(snapshot, &session->arena, &own, &count);
    if (!err)
        err = snapshot_subscriptions(snapshot, &session->arena, &subscribed, &subscribed_count);
    snapshot_close(snapshot);
    for (size_t i = 0; i < count && !err; i++)
        if (is_covered(places, own[i].name, own[i].subscribed, false))
            add(&list, own[i].name);
    if (!err && may_be_shared(places))
        err = add_shared(session, places, subscribed, subscribed_count, &list);
    if (!err)
        add_named(places, &list);
    *names_r = arena_take_array(&session->arena, list.names, list.count, sizeof(*list.names));
    *count_r = list.count;
    return err;
}
