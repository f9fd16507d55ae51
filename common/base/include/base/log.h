/* SPDX-License-Identifier: ISC */
/*
 * The operator's log: one line per outcome, `key=value`.
 *
 *     log_info("message.accepted", log_text("id", id), log_number("size", size), log_cstr("from", from));
 *     → 2026-11-21T10:00:00.123Z smtpd[12] info message.accepted id=4f… size=4711 from=a@b.example
 *
 * Values are quoted and control characters escaped here, in one place, so foreign bytes cannot forge a line.
 * Values of keys named password, secret, response, token or credential are replaced by ***. Lines are cut at
 * 4 KiB. Safe to call from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"
#include "base/slice.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log_field {
    const char *key;
    enum { LOG_FIELD_TEXT, LOG_FIELD_NUMBER } type;
    struct slice text;
    int64_t number;
};

#define log_text(k, s)   ((struct log_field){.key = (k), .type = LOG_FIELD_TEXT, .text = (s)})
#define log_cstr(k, s)   ((struct log_field){.key = (k), .type = LOG_FIELD_TEXT, .text = slice_from(s)})
#define log_number(k, n) ((struct log_field){.key = (k), .type = LOG_FIELD_NUMBER, .number = (int64_t)(n)})
#define log_err(e)       log_cstr("error", err_text(e))
#define log_errno(e)     log_cstr("errno", strerror(e)) /* needs <string.h> */

/* `target`: "stderr" (journald understands the "<6>" prefix that is added when JOURNAL_STREAM is set) or the
 * path of a file that is appended to. Before log_open lines go to stderr at level info. */
enum err log_open(const char *program, const char *target, enum log_level level);
/* Opens the file again after it was rotated (SIGHUP). */
void log_reopen(void);

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count);

#define log_at(level, event, ...)                                        \
    log_event((level), (event), (const struct log_field[]){__VA_ARGS__}, \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))
#define log_error(event, ...)   log_at(LOG_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_at(LOG_WARNING, event, __VA_ARGS__)
#define log_info(event, ...)    log_at(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)   log_at(LOG_DEBUG, event, __VA_ARGS__)

#endif
