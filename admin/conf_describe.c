/* SPDX-License-Identifier: ISC */
/* Words about an option. */
#include "conf_describe.h"

const char *conf_type_name(enum conf_type type)
{
    static const char *const names[] = {
        [CONF_TEXT] = "text", [CONF_PATH] = "path",         [CONF_NUMBER] = "number",
        [CONF_SIZE] = "size", [CONF_DURATION] = "duration", [CONF_CHOICE] = "choice",
        [CONF_TEXTS] = "list"};
    return names[type];
}

static void describe_range(const struct conf_option *option, const char *kind, struct buf *out)
{
    buf_printf(out, "%s from ", kind);
    conf_format_number(option->type, option->minimum, out);
    buf_append(out, S(" to "));
    conf_format_number(option->type, option->maximum, out);
}

static void describe_choices(const struct conf_option *option, struct buf *out)
{
    struct slice rest = slice_from(option->choices);
    buf_append(out, S("one of "));
    while (rest.data) {
        buf_append(out, slice_split(&rest, '|'));
        buf_append(out, rest.data ? S(", ") : SLICE_EMPTY);
    }
}

void conf_describe_values(const struct conf_option *option, struct buf *out)
{
    static const char *const lists[] = {
        [CONF_ITEM_LISTEN] = "a list of addresses with ports, or of paths",
        [CONF_ITEM_NETWORK] = "a list of networks",
        [CONF_ITEM_DOMAIN] = "a list of domains",
        [CONF_ITEM_ROUTE_DOMAIN] = "a list of domains",
        [CONF_ITEM_RESOLVER] = "a list of addresses",
    };
    switch (option->type) {
    case CONF_TEXT:
        buf_append(out, S("text"));
        break;
    case CONF_PATH:
        buf_append(out, S("a path"));
        break;
    case CONF_NUMBER:
        describe_range(option, "a number", out);
        break;
    case CONF_SIZE:
        describe_range(option, "a size", out);
        break;
    case CONF_DURATION:
        describe_range(option, "a time", out);
        break;
    case CONF_CHOICE:
        describe_choices(option, out);
        break;
    case CONF_TEXTS:
        buf_append(out, slice_from(lists[option->item]));
        break;
    }
}

const char *conf_describe_default(const struct conf_option *option)
{
    if (option->type == CONF_TEXTS) {
        return option->item == CONF_ITEM_LISTEN         ? "none, the service is off"
               : option->item == CONF_ITEM_ROUTE_DOMAIN ? "none, it must be set"
                                                        : "none";
    }
    if (option->default_text[0]) {
        return option->default_text;
    }
    return option->minimum > 0 ? "none, it must be set" : "empty";
}
