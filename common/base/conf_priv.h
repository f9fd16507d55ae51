/* SPDX-License-Identifier: ISC */
/* Shared by the files of the configuration reader: findings, the text's preparation, the values' syntax. */
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

/* conf_text.c: overwrites comments by blanks and finds strings and braces that stay open. */
void conf_text_prepare(char *text, size_t len, struct conf_findings *findings);

/* conf_value.c: checks `text` as a value of the option and stores it in `conf`. On failure gives ERR_CONFIG,
 * leaves `conf` alone, and writes to `expected` what would be allowed ("a number from 1 to 64"). Not for
 * CONF_TEXTS. */
enum err conf_value_set(struct conf *conf, const struct conf_option *option, struct slice text,
                        struct buf *expected) MUST_CHECK;
/* The same for one entry of a CONF_TEXTS option; *item_r lives in the arena of `conf`. */
enum err conf_listen_check(struct conf *conf, struct slice text, const char **item_r,
                           struct buf *expected) MUST_CHECK;
/* An absolute path for `text`, which counts from the configuration file's folder. */
const char *conf_absolute_path(struct conf *conf, struct slice text);

/* The value's place inside `conf`. */
static inline void *conf_place(const struct conf *conf, const struct conf_option *option)
{
    return (char *)conf + option->offset;
}

#endif
