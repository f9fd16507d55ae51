/* SPDX-License-Identifier: ISC */
/* Shared by the files of the configuration reader: findings, the text's preparation, the values' syntax,
 * routes.
 */
#ifndef BASE_CONF_PRIV_H
#define BASE_CONF_PRIV_H

#include "base/conf.h"

/* Where findings go: "file:line: message\n" each. Line 0 means the file as a whole. */
struct conf_findings {
    const char *file; /* as the caller named it */
    struct buf *why;
    size_t count;
};

void conf_finding(struct conf_findings *findings, int line, const char *format, ...) PRINTF_LIKE(3, 4);

/* Where an option was set. libconfuse tells of a list once for each entry, and once more at its closing
 * brace; of an empty one it says nothing. */
struct conf_seen {
    int line; /* 0: not yet */
    unsigned entries;
    bool is_complete;
};
/* Takes note of a value at this line (CONF_TEXTS: of the list, which has so many entries now). False when the
 * option had been set before, which is told once. */
bool conf_see(struct conf_findings *findings, struct conf_seen *seen, const struct conf_option *option,
              int line, unsigned entries);

/* conf_text.c: overwrites comments by blanks and finds strings and braces that stay open. */
void conf_text_prepare(char *text, size_t len, struct conf_findings *findings);

/* "smtp.listen = "x": must be …" */
void conf_wrong_value(struct conf_findings *findings, int line, const struct conf_option *option,
                      const char *value, const struct buf *expected);
/* "smtp.listen", or "hostname" at the top level. */
const char *conf_full_name(struct arena *arena, const struct conf_option *option);

/* conf_value.c: checks `text` as a value of the option and stores it in `record`, which is `conf` or one of
 * its routes. On failure gives ERR_CONFIG, leaves the record alone, and writes to `expected` what would be
 * allowed
 * ("a number from 1 to 64"). Not for CONF_TEXTS. */
enum err conf_value_set(struct conf *conf, void *record, const struct conf_option *option, struct slice text,
                        struct buf *expected) MUST_CHECK;
/* conf_item.c: the same for one entry of a CONF_TEXTS option; *item_r lives in the arena of `conf`. */
enum err conf_item_check(struct conf *conf, enum conf_item item, struct slice text, const char **item_r,
                         struct buf *expected) MUST_CHECK;
/* An absolute path for `text`, which counts from the configuration file's folder. */
const char *conf_absolute_path(struct conf *conf, struct slice text);

/* The value's place inside its record. */
static inline void *conf_place(const void *record, const struct conf_option *option)
{
    return (char *)record + option->offset;
}

static inline bool conf_has_control(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (char_is_ctl(text.data[i])) {
            return true;
        }
    }
    return false;
}

/* conf_route.c: the routes, while libconfuse goes through the file. */
struct conf_routes {
    struct conf *conf;
    struct conf_findings *findings;
    struct conf_route *list; /* those that are complete */
    struct conf_route_lines {
        int domains, end;
    } * places; /* beside them */
    size_t count;
    bool is_open; /* one is being read: */
    struct conf_route route;
    struct conf_seen *seen; /* beside conf_route_options; NULL before the first route */
};
/* A value was read (of a list: one of its entries); the first one begins the route. */
void conf_route_value(struct conf_routes *routes, const char *title, const char *option, int line,
                      const char *value, unsigned entries);
/* The route ends here. */
void conf_route_end(struct conf_routes *routes, const char *title, int line, const char *const *domains,
                    size_t count);
/* The file ends here: hands them over to the configuration. */
void conf_routes_finish(struct conf_routes *routes);
void conf_routes_free(struct conf_routes *routes);

#endif
