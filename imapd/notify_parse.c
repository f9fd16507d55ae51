/* SPDX-License-Identifier: ISC */
/*
 * RFC 5465 section 8:
 *     notify          = "NOTIFY" SP (notify-set / notify-none)
 *     notify-set      = "SET" [SP "STATUS"] SP event-group *(SP event-group)
 *     event-group     = "(" filter-mailboxes SP events ")"
 *     filter-mailboxes = "selected" / "selected-delayed" / "inboxes" / "personal" / "subscribed" /
 *                       ( "subtree" SP one-or-more-mailbox ) / ( "mailboxes" SP one-or-more-mailbox )
 *     one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")"
 *     events          = ( "(" event *(SP event) ")" ) / "NONE"
 *     event           = "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")" ] / "MessageExpunge" / …
 */
#include "notify.h"

#include "storage/mailbox.h"

static const struct {
    struct slice name;
    enum notify_filter filter;
} filters[] = {
    {{"SELECTED-DELAYED", 16}, NOTIFY_SELECTED_DELAYED},
    {{"SELECTED", 8}, NOTIFY_SELECTED},
    {{"INBOXES", 7}, NOTIFY_INBOXES},
    {{"PERSONAL", 8}, NOTIFY_PERSONAL},
    {{"SUBSCRIBED", 10}, NOTIFY_SUBSCRIBED},
    {{"SUBTREE", 7}, NOTIFY_SUBTREE},
    {{"SUBTREE-ONE", 11}, NOTIFY_SUBTREE_ONE},
    {{"MAILBOXES", 9}, NOTIFY_MAILBOXES},
};

static const struct {
    struct slice name;
    enum notify_event event;
} events[] = {
    {{"MessageNew", 10}, NOTIFY_MESSAGE_NEW},
    {{"MessageExpunge", 14}, NOTIFY_MESSAGE_EXPUNGE},
    {{"FlagChange", 10}, NOTIFY_FLAG_CHANGE},
    {{"MailboxName", 11}, NOTIFY_MAILBOX_NAME},
    {{"SubscriptionChange", 18}, NOTIFY_SUBSCRIPTION_CHANGE},
    {{"MailboxMetadataChange", 21}, NOTIFY_MAILBOX_METADATA},
    {{"ServerMetadataChange", 20}, NOTIFY_SERVER_METADATA},
};

static bool parse_filter(struct parser *parser, enum notify_filter *filter_r)
{
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (parse_word(parser, filters[i].name)) {
            *filter_r = filters[i].filter;
            return true;
        }
    return parser_expected(parser, "which mailboxes (SELECTED, PERSONAL ...)");
}

static bool add_name(struct parser *parser, struct notify_group *group)
{
    struct slice name;
    if (!parse_mailbox(parser, &name))
        return false;
    if (group->name_count == NOTIFY_NAMES_MAX)
        return parser_expected(parser, "fewer mailboxes");
    /* The text of the command does not live as long as the request. */
    group->names[group->name_count++] =
        arena_copy(parser->arena, mailbox_name_canonical(parser->arena, name));
    return true;
}

static bool parse_names(struct parser *parser, struct notify_group *group)
{
    group->names = arena_array(parser->arena, struct slice, NOTIFY_NAMES_MAX);
    if (!parse_space(parser))
        return false;
    if (!parse_char(parser, '('))
        return add_name(parser, group);
    do
        if (!add_name(parser, group))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')');
}

bool parse_mailbox_filter(struct parser *parser, bool for_search, struct notify_group *group_r)
{
    struct notify_group group = {0};
    if (!parse_filter(parser, &group.filter))
        return false;
    if (for_search ? group.filter == NOTIFY_SELECTED_DELAYED : group.filter == NOTIFY_SUBTREE_ONE)
        return parser_expected(parser, "which mailboxes");
    if (group.filter >= NOTIFY_SUBTREE && !parse_names(parser, &group))
        return false;
    *group_r = group;
    return true;
}

/* The list of FETCH items as it stands, brackets within brackets; the FETCH parser looks at it later. */
static bool parse_fetch_list(struct parser *parser, struct slice *list_r)
{
    struct slice rest = parser->rest;
    size_t depth = 0;
    for (size_t i = 0; i < rest.len; i++) {
        depth += rest.data[i] == '(';
        if (rest.data[i] == ')' && --depth == 0) {
            *list_r = arena_copy(parser->arena, slice_take(rest, i + 1));
            parser->rest = slice_skip(rest, i + 1);
            return true;
        }
    }
    return parser_expected(parser, ")");
}

static bool parse_event(struct parser *parser, struct notify_request *request, unsigned *events_r)
{
    struct slice name;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (!parse_word(parser, events[i].name))
            continue;
        *events_r |= events[i].event;
        struct parser inside = *parser;
        if (events[i].event == NOTIFY_MESSAGE_NEW && parse_space(&inside) && parser_peek(&inside) == '(') {
            parser->rest = inside.rest;
            return parse_fetch_list(parser, &request->fetch);
        }
        return true;
    }
    /* AnnotationChange, and what others will define: well-formed, but not to be had here. */
    request->bad_event = true;
    return parse_name(parser, &name);
}

/* Section 5: messages that come and go belong together, and flags need both. */
static bool check_events(struct parser *parser, unsigned wanted)
{
    unsigned both = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE;
    if (wanted & NOTIFY_MESSAGES && (wanted & both) != both)
        return parser_expected(parser, "MessageNew and MessageExpunge together");
    return true;
}

static bool parse_events(struct parser *parser, struct notify_request *request, unsigned *events_r)
{
    *events_r = 0;
    if (parse_word(parser, S("NONE")))
        return true;
    if (!parse_char(parser, '('))
        return false;
    do
        if (!parse_event(parser, request, events_r))
            return false;
    while (parse_space(parser));
    return parse_char(parser, ')') && check_events(parser, *events_r);
}

static bool note_selected(struct parser *parser, struct notify_request *request,
                          const struct notify_group *group)
{
    if (request->has_selected)
        return parser_expected(parser, "SELECTED only once");
    if (group->events & ~(unsigned)NOTIFY_MESSAGES)
        return parser_expected(parser, "events of messages for SELECTED");
    request->has_selected = true;
    request->is_delayed = group->filter == NOTIFY_SELECTED_DELAYED;
    request->selected_events = group->events;
    return true;
}

static bool parse_group(struct parser *parser, struct notify_request *request)
{
    struct notify_group group = {0};
    struct slice fetch = request->fetch;
    request->fetch = SLICE_EMPTY;
    if (!parse_char(parser, '(') || !parse_mailbox_filter(parser, false, &group) || !parse_space(parser) ||
        !parse_events(parser, request, &group.events) || !parse_char(parser, ')'))
        return false;
    if (group.filter <= NOTIFY_SELECTED_DELAYED)
        return note_selected(parser, request, &group);
    if (request->fetch.len > 0)
        return parser_expected(parser, "FETCH items for SELECTED only");
    request->fetch = fetch;
    if (request->group_count == NOTIFY_GROUPS_MAX)
        return parser_expected(parser, "fewer groups");
    request->groups[request->group_count++] = group;
    return true;
}

bool parse_notify(struct parser *parser, struct notify_request *request_r)
{
    struct notify_request request = {.none = parse_word(parser, S("NONE"))};
    if (!request.none) {
        if (!parse_word(parser, S("SET")))
            return parser_expected(parser, "SET or NONE");
        request.wants_status = parse_space_word(parser, S("STATUS"));
        request.groups = arena_array(parser->arena, struct notify_group, NOTIFY_GROUPS_MAX);
        if (!parse_space(parser))
            return false;
        do
            if (!parse_group(parser, &request))
                return false;
        while (parse_space(parser));
    }
    *request_r = request;
    return true;
}
