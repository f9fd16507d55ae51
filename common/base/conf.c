/* SPDX-License-Identifier: ISC */
/*
 * Reading the configuration. libconfuse does the file's grammar; every option is a string to it, so that
 * `50M` needs no quotes and all values are checked in one place (conf_value.c). The checks run while
 * libconfuse parses, because only then it knows the line.
 */
#include "base/conf.h"

#include <confuse.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fsio.h"
#include "base/mem.h"
#include "base/next_hop.h"
#include "conf_priv.h"

#define FILE_SIZE_MAX (1024 * 1024)

struct reader {
    struct conf *conf;
    struct conf_findings findings;
    struct arena scratch;        /* until conf_load returns */
    struct conf_seen *seen;      /* beside conf_options */
    int sections[SERVICE_COUNT]; /* for each section: the line where it ended */
    struct conf_routes routes;
};

/* libconfuse hands no pointer of ours to its callbacks. */
static _Thread_local struct reader *reading;

void conf_finding(struct conf_findings *findings, int line, const char *format, ...)
{
    va_list args;
    buf_append(findings->why, slice_from(findings->file));
    if (line > 0) {
        buf_printf(findings->why, ":%d", line);
    }
    buf_append(findings->why, S(": "));
    size_t start = findings->why->len;
    va_start(args, format);
    buf_vprintf(findings->why, format, args);
    va_end(args);
    for (size_t i = start; i < findings->why->len; i++) { /* a value with a line break still makes one line */
        if (char_is_ctl(findings->why->data[i])) {
            findings->why->data[i] = '?';
        }
    }
    buf_append_char(findings->why, '\n');
    findings->count++;
}

static const struct conf_option *find_option(const char *section, const char *name)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        if (strcmp(conf_options[i].section, section) == 0 && strcmp(conf_options[i].name, name) == 0) {
            return &conf_options[i];
        }
    }
    return NULL;
}

const char *conf_full_name(struct arena *arena, const struct conf_option *option)
{
    return option->section[0] ? arena_printf(arena, "%s.%s", option->section, option->name) : option->name;
}

void conf_wrong_value(struct conf_findings *findings, int line, const struct conf_option *option,
                      const char *value, const struct buf *expected)
{
    struct arena scratch = {0};
    conf_finding(findings, line, "%s = \"%s\": must be %s", conf_full_name(&scratch, option), value,
                 buf_cstr(expected));
    arena_free(&scratch);
}

bool conf_see(struct conf_findings *findings, struct conf_seen *seen, const struct conf_option *option,
              int line, unsigned entries)
{
    bool is_list = option->type == CONF_TEXTS;
    bool again = is_list ? seen->is_complete && seen->line > 0 : seen->line > 0;
    if (again) {
        struct arena scratch = {0};
        conf_finding(findings, line, "%s is set a second time, after line %d",
                     conf_full_name(&scratch, option), seen->line);
        arena_free(&scratch);
        *seen = (struct conf_seen){.line = line, .entries = entries};
        return false;
    }
    seen->is_complete = seen->line > 0 && seen->entries == entries;
    seen->line = line;
    seen->entries = entries;
    return true;
}

static void check_list(struct reader *reader, int line, const struct conf_option *option, cfg_opt_t *list)
{
    unsigned int count = cfg_opt_size(list);
    struct conf_list result = {.items = arena_array(&reader->conf->arena, const char *, count),
                               .count = count};
    struct buf expected;
    buf_init(&expected, 4096);
    for (unsigned int i = 0; i < count; i++) {
        const char *value = cfg_opt_getnstr(list, i);
        buf_clear(&expected);
        if (conf_item_check(reader->conf, option->item, slice_from(value), &result.items[i], &expected)) {
            conf_wrong_value(&reader->findings, line, option, value, &expected);
        }
    }
    buf_free(&expected);
    *(struct conf_list *)conf_place(reader->conf, option) = result;
}

static void check_value(struct reader *reader, int line, const struct conf_option *option, const char *value)
{
    struct buf expected;
    buf_init(&expected, 4096);
    if (conf_value_set(reader->conf, reader->conf, option, slice_from(value), &expected)) {
        conf_wrong_value(&reader->findings, line, option, value, &expected);
    }
    buf_free(&expected);
}

/* libconfuse: a value was read. 0 goes on, so that one run finds all that is wrong. */
static int on_value(cfg_t *section, cfg_opt_t *opt)
{
    struct reader *reader = reading;
    if (section->title) { /* routes alone have one */
        conf_route_value(&reader->routes, section->title, opt->name, section->line,
                         cfg_opt_size(opt) ? cfg_opt_getnstr(opt, 0) : "", cfg_opt_size(opt));
        return 0;
    }
    bool top = strcmp(section->name, "root") == 0;
    const struct conf_option *option = find_option(top ? "" : section->name, opt->name);
    conf_see(&reader->findings, &reader->seen[option - conf_options], option, section->line,
             cfg_opt_size(opt));
    if (option->type != CONF_TEXTS) { /* read_lists looks at lists when they are complete */
        check_value(reader, section->line, option, cfg_opt_getnstr(opt, 0));
    }
    return 0;
}

/* libconfuse: a section ended. A second one of the same name would silently replace the first. */
static int on_section(cfg_t *root, cfg_opt_t *opt)
{
    struct reader *reader = reading;
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (strcmp(conf_service_names[i], opt->name) != 0) {
            continue;
        }
        if (reader->sections[i]) {
            conf_finding(&reader->findings, root->line,
                         "there are two sections named %s, one ends on line %d", opt->name,
                         reader->sections[i]);
        }
        reader->sections[i] = root->line;
    }
    return 0;
}

/* libconfuse: a route ended. The title of one that nothing was set in is that of the last. */
static int on_route(cfg_t *root, cfg_opt_t *opt)
{
    struct reader *reader = reading;
    unsigned int last = cfg_opt_size(opt) - 1;
    const char *title =
        reader->routes.is_open ? reader->routes.route.name : cfg_opt_getnsec(opt, last)->title;
    cfg_opt_t *list = cfg_getopt(cfg_opt_gettsec(opt, title), "domains");
    unsigned int count = cfg_opt_size(list);
    const char **domains = arena_array(&reader->scratch, const char *, count);
    for (unsigned int i = 0; i < count; i++) {
        domains[i] = cfg_opt_getnstr(list, i);
    }
    conf_route_end(&reader->routes, title, root->line, domains, count);
    return 0;
}

static void on_error(cfg_t *section, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void on_error(cfg_t *section, const char *format, va_list args)
{
    struct reader *reader = reading;
    struct buf text;
    buf_init(&text, 4096);
    buf_vprintf(&text, format, args);
    struct slice unknown = S("no such option");
    if (slice_starts_with(buf_slice(&text), unknown)) {
        conf_finding(&reader->findings, section->line, "unknown option%s", buf_cstr(&text) + unknown.len);
    } else {
        conf_finding(&reader->findings, section->line, "%s", buf_cstr(&text));
    }
    buf_free(&text);
}

static cfg_opt_t option_row(const struct conf_option *option)
{
    cfg_opt_t scalar = CFG_STR(option->name, NULL, CFGF_NODEFAULT);
    cfg_opt_t list = CFG_STR_LIST(option->name, NULL, CFGF_NODEFAULT);
    cfg_opt_t result = option->type == CONF_TEXTS ? list : scalar;
    result.validcb = on_value;
    return result;
}

/* The rows of one section of a table as libconfuse wants them, with room for `more` and the end mark behind.
 */
static cfg_opt_t *section_options(struct arena *arena, const struct conf_option *table, size_t table_count,
                                  const char *section, size_t more, size_t *count_r)
{
    cfg_opt_t end = CFG_END();
    cfg_opt_t *options = arena_array(arena, cfg_opt_t, table_count + more + 1);
    size_t count = 0;
    for (size_t i = 0; i < table_count; i++) {
        if (strcmp(table[i].section, section) == 0) {
            options[count++] = option_row(&table[i]);
        }
    }
    options[count] = end;
    *count_r = count;
    return options;
}

static cfg_opt_t *all_options(struct arena *arena)
{
    cfg_opt_t end = CFG_END();
    size_t count, ignored;
    cfg_opt_t *options =
        section_options(arena, conf_options, conf_option_count, "", SERVICE_COUNT + 1, &count);
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        const char *name = conf_service_names[i];
        cfg_opt_t section = CFG_SEC(
            name, section_options(arena, conf_options, conf_option_count, name, 0, &ignored), CFGF_NONE);
        section.validcb = on_section;
        options[count++] = section;
    }
    cfg_opt_t route = CFG_SEC(
        "route", section_options(arena, conf_route_options, conf_route_option_count, "route", 0, &ignored),
        CFGF_MULTI | CFGF_TITLE);
    route.validcb = on_route;
    options[count++] = route;
    options[count] = end;
    return options;
}

static void read_lists(struct reader *reader, cfg_t *root)
{
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        if (option->type == CONF_TEXTS) {
            cfg_t *section = option->section[0] ? cfg_getsec(root, option->section) : root;
            check_list(reader, reader->seen[i].line, option, cfg_getopt(section, option->name));
        }
    }
}

/* False when the text could not be read to its end; wrong values alone do not stop it. */
static bool parse(struct reader *reader, const char *text)
{
    cfg_t *root = cfg_init(all_options(&reader->scratch), CFGF_NONE);
    cfg_set_error_function(root, on_error);
    reading = reader;
    bool complete = cfg_parse_buf(root, text) == CFG_SUCCESS;
    reading = NULL;
    if (complete) {
        read_lists(reader, root);
        conf_routes_finish(&reader->routes);
    } else if (reader->findings.count == 0) { /* on_error was not called: out of memory and the like */
        conf_finding(&reader->findings, 0, "cannot be parsed");
    }
    cfg_free(root);
    return complete;
}

/* The line where an option of the top level was set; 0: it was not. */
static int line_of(const struct reader *reader, const char *name)
{
    return reader->seen[find_option("", name) - conf_options].line;
}

/* What the table cannot say. */
static void check_whole(struct reader *reader)
{
    struct conf *conf = reader->conf;
    int hostname_line = line_of(reader, "hostname");
    if (!hostname_line) {
        conf_finding(&reader->findings, 0,
                     "hostname is not set, write for example hostname = \"mail.example.org\"");
    } else if (conf->hostname[0] && !host_name_is_valid(slice_from(conf->hostname))) {
        conf_finding(&reader->findings, hostname_line,
                     "hostname = \"%s\": must be a domain name of letters, digits, hyphens and dots",
                     conf->hostname);
    }
    if (conf->retry_first > conf->retry_longest) {
        int line = MAX_OF(line_of(reader, "retry_first"), line_of(reader, "retry_longest"));
        conf_finding(&reader->findings, line, "retry_first is longer than retry_longest");
    }
    if (strcmp(conf->log_target, "stderr") != 0) {
        conf->log_target = conf_absolute_path(conf, slice_from(conf->log_target));
    }
}

static void set_defaults(struct conf *conf)
{
    struct buf ignored;
    buf_init(&ignored, 4096);
    for (size_t i = 0; i < conf_option_count; i++) {
        const struct conf_option *option = &conf_options[i];
        if (option->type == CONF_TEXTS) {
            continue; /* empty: the service is off, no network is trusted */
        }
        if (conf_value_set(conf, conf, option, slice_from(option->default_text), &ignored)) {
            /* Only the hostname, which has no default. */
            *(const char **)conf_place(conf, option) = "";
        }
    }
    buf_free(&ignored);
}

static void read_text(struct reader *reader, struct buf *text)
{
    conf_text_prepare(text->data, text->len, &reader->findings);
    if (reader->findings.count) {
        return; /* libconfuse must not see a text that ends inside a string */
    }
    set_defaults(reader->conf);
    if (parse(reader, buf_cstr(text))) {
        check_whole(reader);
    }
}

enum err conf_load(const char *path, struct conf **conf_r, struct buf *why)
{
    struct reader reader = {.findings = {.file = path, .why = why}};
    struct buf text;
    char *absolute = realpath(path, NULL);
    buf_init(&text, FILE_SIZE_MAX);
    enum err err = fs_read_file(path, &text);
    if (!absolute || err) {
        conf_finding(&reader.findings, 0, "cannot read the configuration: %s",
                     err_text(err ? err : ERR_NOT_FOUND));
        err = absolute && err != ERR_NOT_FOUND ? ERR_CONFIG : ERR_NOT_FOUND;
    } else {
        buf_append_char(&text, '\n'); /* so that the text is never empty */
        reader.conf = mem_new(struct conf);
        reader.conf->file = arena_cstr(&reader.conf->arena, slice_from(absolute));
        reader.seen = arena_array(&reader.scratch, struct conf_seen, conf_option_count);
        reader.routes = (struct conf_routes){.conf = reader.conf, .findings = &reader.findings};
        read_text(&reader, &text);
        err = reader.findings.count ? ERR_CONFIG : ERR_OK;
    }
    if (err) {
        conf_free(reader.conf);
    } else {
        *conf_r = reader.conf;
    }
    conf_routes_free(&reader.routes);
    arena_free(&reader.scratch);
    buf_free(&text);
    free(absolute);
    return err;
}

void conf_free(struct conf *conf)
{
    while (conf) {
        struct conf *former = conf->former;
        arena_free(&conf->arena);
        mem_free(conf);
        conf = former;
    }
}
