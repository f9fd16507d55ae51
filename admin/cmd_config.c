/* SPDX-License-Identifier: ISC */
/*
 * postern config: what the configuration says. `show` prints a configuration file in which every option
 * stands with its meaning; both commands look at the table of base/conf.h and at nothing else.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/fsio.h"
#include "base/mem.h"
#include "conf_describe.h"
#include "handlers.h"
#include "identity.h"
#include "instance.h"
#include "net/tls.h"
#include "output.h"
#include "report.h"

#define OUTPUT_CAP (4 * 1024 * 1024)
#define WHY_CAP    (64 * 1024)
#define LINE_WIDTH 100

#define PASSWORD_FILE_MAX 4096

/* The files with the passwords of routes can be read, and hold one. */
static enum err check_passwords(const struct conf *conf, struct buf *why)
{
    for (size_t i = 0; i < conf->route_count; i++) {
        const struct conf_route *route = &conf->routes[i];
        struct buf text;
        if (!route->password_file[0]) {
            continue;
        }
        buf_init(&text, PASSWORD_FILE_MAX);
        enum err err = fs_read_file(route->password_file, &text);
        if (err) {
            buf_printf(why, "route %s: cannot read %s: %s\n", route->name, route->password_file,
                       err_text(err));
        } else if (slice_find(buf_slice(&text), '\n') == 0) {
            buf_printf(why, "route %s: the first line of %s is empty\n", route->name, route->password_file);
            err = ERR_CONFIG;
        }
        mem_wipe(text.data, text.len);
        buf_free(&text);
        if (err) {
            return err;
        }
    }
    return ERR_OK;
}

/* What the file alone does not tell: whether the things it names are there. */
static int check_surroundings(const struct conf *conf)
{
    struct tls_context *context = NULL;
    struct buf why;
    int code = EXIT_DONE;
    buf_init(&why, WHY_CAP);
    enum err err = identity_assume(conf->user, &why);
    if (!err) {
        err = tls_context_new(conf->tls_certificate, conf->tls_key, &context, &why);
    }
    if (!err) {
        err = check_passwords(conf, &why);
    }
    if (err) {
        code = refuse_because(conf->file, err, &why);
    }
    tls_context_free(context);
    buf_free(&why);
    return code;
}

int cmd_config_check(const struct invocation *call)
{
    struct conf *conf = NULL;
    struct buf why;
    const char *path = instance_config_path(call);
    buf_init(&why, WHY_CAP);
    int code = EXIT_REFUSED;
    if (conf_load(path, &conf, &why)) {
        fputs(buf_cstr(&why), stderr);
    } else {
        code = check_surroundings(conf);
    }
    buf_free(&why);
    conf_free(conf);
    if (code == EXIT_DONE) {
        printf("%s: no errors\n", path);
    }
    return code;
}

/* Comment lines of at most LINE_WIDTH bytes. */
static void append_comment(struct buf *out, const char *indent, struct slice text)
{
    size_t column = 0;
    while (text.data) {
        struct slice word = slice_split(&text, ' ');
        if (column > 0 && column + 1 + word.len > LINE_WIDTH) {
            buf_append_char(out, '\n');
            column = 0;
        }
        if (column == 0) {
            buf_printf(out, "%s#", indent);
            column = strlen(indent) + 1;
        }
        buf_append_char(out, ' ');
        buf_append(out, word);
        column += 1 + word.len;
    }
    buf_append_char(out, '\n');
}

/* What an option means and may be. */
static void append_meaning(struct buf *out, const char *indent, const struct conf_option *option)
{
    struct buf facts;
    buf_init(&facts, 4096);
    buf_append(&facts, S("Value: "));
    conf_describe_values(option, &facts);
    buf_printf(&facts, ". Default: %s. Taken over at %s.", conf_describe_default(option),
               option->reloadable ? "SIGHUP" : "the next start");
    append_comment(out, indent, slice_from(option->help));
    append_comment(out, indent, buf_slice(&facts));
    buf_free(&facts);
}

static void append_value(struct buf *out, const char *indent, const void *record,
                         const struct conf_option *option)
{
    buf_printf(out, "%s%s = ", indent, option->name);
    conf_format_value(record, option, out);
    buf_append_char(out, '\n');
}

static void append_option(struct buf *out, const struct conf *conf, const struct conf_option *option)
{
    const char *indent = option->section[0] ? "    " : "";
    append_meaning(out, indent, option);
    append_value(out, indent, conf, option);
}

/* The meanings once, since there may be any number of routes, or none. */
static void append_routes(struct buf *out, const struct conf *conf)
{
    buf_append_char(out, '\n');
    append_comment(out, "",
                   S("Where mail for some domains goes, and how much of it: route NAME { ... }, any number "
                     "of them. In each:"));
    for (size_t i = 0; i < conf_route_option_count; i++) {
        buf_printf(out, "#\n# %s\n", conf_route_options[i].name);
        append_meaning(out, "", &conf_route_options[i]);
    }
    for (size_t i = 0; i < conf->route_count; i++) {
        buf_printf(out, "\nroute %s {\n", conf->routes[i].name);
        for (size_t k = 0; k < conf_route_option_count; k++) {
            append_value(out, "    ", &conf->routes[i], &conf_route_options[k]);
        }
        buf_append(out, S("}\n"));
    }
}

static void append_configuration(struct buf *out, const struct conf *conf)
{
    const char *section = "";
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        bool same = strcmp(section, option->section) == 0;
        if (!same && section[0]) {
            buf_append(out, S("}\n"));
        }
        buf_append(out, i ? S("\n") : SLICE_EMPTY);
        if (!same) {
            buf_printf(out, "%s {\n", option->section);
            section = option->section;
        }
        append_option(out, conf, option);
    }
    buf_append(out, section[0] ? S("}\n") : SLICE_EMPTY);
    append_routes(out, conf);
}

/* The value as a program wants it: bytes, milliseconds, the choice's word. */
static json_t *value_json(const void *record, const struct conf_option *option)
{
    const void *place = (const char *)record + option->offset;
    switch (option->type) {
    case CONF_TEXT:
    case CONF_PATH:
        return json_text(slice_from(*(const char *const *)place));
    case CONF_CHOICE: {
        struct slice rest = slice_from(option->choices), word = SLICE_EMPTY;
        for (int64_t i = *(const int64_t *)place; i >= 0; i--) {
            word = slice_split(&rest, '|');
        }
        return json_text(word);
    }
    case CONF_TEXTS: {
        const struct conf_list *list = place;
        json_t *array = json_array();
        for (size_t i = 0; i < list->count; i++) {
            json_array_append_new(array, json_text(slice_from(list->items[i])));
        }
        return array;
    }
    default:
        return json_integer(*(const int64_t *)place);
    }
}

static const char *unit_of(enum conf_type type)
{
    return type == CONF_SIZE ? "bytes" : type == CONF_DURATION ? "milliseconds" : NULL;
}

static json_t *option_json(const void *record, const struct conf_option *option)
{
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:o, s:s?, s:s, s:b, s:s}", "section", option->section, "name", option->name, "type",
        conf_type_name(option->type), "value", value_json(record, option), "unit", unit_of(option->type),
        "default", option->default_text, "reloadable", (int)option->reloadable, "help", option->help);
    if (option->type == CONF_NUMBER || unit_of(option->type)) {
        json_object_set_new(object, "minimum", json_integer(option->minimum));
        json_object_set_new(object, "maximum", json_integer(option->maximum));
    }
    if (option->type == CONF_CHOICE) {
        struct slice rest = slice_from(option->choices);
        json_t *choices = json_array();
        while (rest.data) {
            json_array_append_new(choices, json_text(slice_split(&rest, '|')));
        }
        json_object_set_new(object, "choices", choices);
    }
    return object;
}

static int print_configuration(const struct conf *conf, bool json)
{
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < conf_option_count; i++) {
            json_array_append_new(list, option_json(conf, &conf_options[i]));
        }
        for (size_t i = 0; i < conf->route_count; i++) {
            for (size_t k = 0; k < conf_route_option_count; k++) {
                json_t *object = option_json(&conf->routes[i], &conf_route_options[k]);
                json_object_set_new(object, "route", json_text(slice_from(conf->routes[i].name)));
                json_array_append_new(list, object);
            }
        }
        return print_json(list);
    }
    struct buf text;
    buf_init(&text, OUTPUT_CAP);
    append_configuration(&text, conf);
    int code = print_text(buf_slice(&text));
    buf_free(&text);
    return code;
}

int cmd_config_show(const struct invocation *call)
{
    struct instance instance;
    int code = instance_load(&instance, call);
    if (!code) {
        code = print_configuration(instance.conf, option_given(call, "json"));
    }
    instance_close(&instance);
    return code;
}
