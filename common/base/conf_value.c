/* SPDX-License-Identifier: ISC */
/*
 * The syntax of values, in both directions: what the file says becomes a value in struct conf, and a value
 * becomes what the file would say.
 */
#include "conf_priv.h"

/* Units, largest first, so that the first that divides a value without rest is the one to show. */
struct unit {
    const char *name;
    int64_t factor;
};
static const struct unit size_units[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit no_units[] = {{"", 1}};

struct units {
    const struct unit *list;
    size_t count;
};

static struct units units_of(enum conf_type type)
{
    switch (type) {
    case CONF_SIZE:
        return (struct units){size_units, ARRAY_LEN(size_units)};
    case CONF_DURATION:
        return (struct units){duration_units, ARRAY_LEN(duration_units)};
    default:
        return (struct units){no_units, ARRAY_LEN(no_units)};
    }
}

static void put_number(struct buf *out, int64_t value, struct units units)
{
    for (size_t i = 0; i < units.count; i++) {
        const struct unit *unit = &units.list[i];
        if (value % unit->factor == 0 && (value != 0 || i + 1 == units.count)) {
            buf_printf(out, "%lld%s", (long long)(value / unit->factor), value ? unit->name : "");
            return;
        }
    }
}

/* Digits and a unit; "-1" where negative values exist; "0" needs no unit. */
static bool parse_number(struct slice text, struct units units, int64_t *value_r)
{
    bool negative = slice_starts_with(text, S("-"));
    struct slice digits = negative ? slice_skip(text, 1) : text;
    size_t end = 0;
    uint64_t number;
    int64_t value;
    while (end < digits.len && char_is_digit(digits.data[end])) {
        end++;
    }
    struct slice name = slice_skip(digits, end);
    if (!slice_to_u64(slice_take(digits, end), INT64_MAX, &number)) {
        return false;
    }
    for (size_t i = 0; i < units.count; i++) {
        bool zero = number == 0 && name.len == 0;
        if (!zero && !slice_eq_nocase(name, slice_from(units.list[i].name))) {
            continue;
        }
        if (__builtin_mul_overflow((int64_t)number, units.list[i].factor, &value)) {
            return false;
        }
        *value_r = negative ? -value : value;
        return true;
    }
    return false;
}

bool conf_parse_duration(struct slice text, int64_t max, int64_t *ms_r)
{
    int64_t value;
    if (!parse_number(text, units_of(CONF_DURATION), &value) || value < 0 || value > max) {
        return false;
    }
    *ms_r = value;
    return true;
}

static enum err set_number(void *record, const struct conf_option *option, struct slice text,
                           struct buf *expected)
{
    static const char *const kinds[] = {[CONF_NUMBER] = "a number",
                                        [CONF_SIZE] = "a size such as \"50M\"",
                                        [CONF_DURATION] = "a time such as \"5m\""};
    struct units units = units_of(option->type);
    int64_t value;
    if (parse_number(text, units, &value) && value >= option->minimum && value <= option->maximum) {
        *(int64_t *)conf_place(record, option) = value;
        return ERR_OK;
    }
    buf_printf(expected, "%s from ", kinds[option->type]);
    put_number(expected, option->minimum, units);
    buf_append(expected, S(" to "));
    put_number(expected, option->maximum, units);
    return ERR_CONFIG;
}

static enum err set_choice(void *record, const struct conf_option *option, struct slice text,
                           struct buf *expected)
{
    struct slice rest = slice_from(option->choices);
    for (int64_t index = 0; rest.data; index++) {
        if (slice_eq(slice_split(&rest, '|'), text)) {
            *(int64_t *)conf_place(record, option) = index;
            return ERR_OK;
        }
    }
    buf_append(expected, S("one of "));
    for (rest = slice_from(option->choices); rest.data;) {
        buf_append(expected, slice_split(&rest, '|'));
        buf_append(expected, rest.data ? S(", ") : S(""));
    }
    return ERR_CONFIG;
}

static enum err set_text(struct conf *conf, void *record, const struct conf_option *option, struct slice text,
                         struct buf *expected)
{
    if (conf_has_control(text)) {
        buf_append(expected, S("a text without control characters"));
        return ERR_CONFIG;
    }
    if ((int64_t)text.len < option->minimum || (int64_t)text.len > option->maximum) {
        buf_printf(expected, "a text of %lld to %lld characters", (long long)option->minimum,
                   (long long)option->maximum);
        return ERR_CONFIG;
    }
    *(const char **)conf_place(record, option) = arena_cstr(&conf->arena, text);
    return ERR_OK;
}

const char *conf_absolute_path(struct conf *conf, struct slice text)
{
    if (slice_starts_with(text, S("/"))) {
        return arena_cstr(&conf->arena, text);
    }
    struct slice file = slice_from(conf->file);
    struct slice folder = slice_take(file, slice_find_last(file, '/'));
    return arena_printf(&conf->arena, "%.*s/%.*s", SLICE_ARG(folder), SLICE_ARG(text));
}

static enum err set_path(struct conf *conf, void *record, const struct conf_option *option, struct slice text,
                         struct buf *expected)
{
    bool is_none = text.len == 0 && !option->default_text[0];
    if ((text.len == 0 && !is_none) || text.len > 1000 || conf_has_control(text)) {
        buf_append(expected, S("a path"));
        return ERR_CONFIG;
    }
    *(const char **)conf_place(record, option) = is_none ? "" : conf_absolute_path(conf, text);
    return ERR_OK;
}

enum err conf_value_set(struct conf *conf, void *record, const struct conf_option *option, struct slice text,
                        struct buf *expected)
{
    switch (option->type) {
    case CONF_TEXT:
        return set_text(conf, record, option, text, expected);
    case CONF_PATH:
        return set_path(conf, record, option, text, expected);
    case CONF_CHOICE:
        return set_choice(record, option, text, expected);
    default:
        return set_number(record, option, text, expected);
    }
}

void conf_format_text(struct buf *out, const char *text)
{
    buf_append_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\' || *text == '$') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, *text);
    }
    buf_append_char(out, '"');
}

static void put_list(struct buf *out, const struct conf_list *list)
{
    if (list->count == 0) {
        buf_append(out, S("{}"));
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        buf_append(out, i ? S(", ") : S("{ "));
        conf_format_text(out, list->items[i]);
    }
    buf_append(out, S(" }"));
}

static void put_choice(struct buf *out, const struct conf_option *option, int64_t value)
{
    struct slice rest = slice_from(option->choices);
    struct slice name = slice_split(&rest, '|');
    while (value-- > 0) {
        name = slice_split(&rest, '|');
    }
    buf_append_char(out, '"');
    buf_append(out, name);
    buf_append_char(out, '"');
}

void conf_format_number(enum conf_type type, int64_t value, struct buf *out)
{
    put_number(out, value, units_of(type));
}

void conf_format_value(const void *record, const struct conf_option *option, struct buf *out)
{
    const void *place = conf_place(record, option);
    switch (option->type) {
    case CONF_TEXT:
    case CONF_PATH:
        conf_format_text(out, *(const char *const *)place);
        break;
    case CONF_CHOICE:
        put_choice(out, option, *(const int64_t *)place);
        break;
    case CONF_TEXTS:
        put_list(out, place);
        break;
    case CONF_NUMBER:
        put_number(out, *(const int64_t *)place, units_of(option->type));
        break;
    case CONF_SIZE:
    case CONF_DURATION:
        buf_append_char(out, '"');
        put_number(out, *(const int64_t *)place, units_of(option->type));
        buf_append_char(out, '"');
        break;
    }
}
