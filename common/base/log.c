/* SPDX-License-Identifier: ISC */
/*
 * The log writer. A line is put together on the stack and goes out by one write(2), which the kernel does not
 * mix with the writes of other threads and processes; so there is no lock and nothing to hang on. A value
 * that fits no plain word is quoted; whatever could end the line, move a terminal's cursor or is not UTF-8 is
 * escaped, so that foreign bytes stay inside their quotes.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define LINE_MAX_BYTES 4096
#define CUT_MARK       "...\n"

struct line {
    char data[LINE_MAX_BYTES];
    size_t len;
    bool cut; /* something did not fit; nothing more is added */
};

static struct {
    _Atomic int fd; /* lines go here */
    int file_fd;    /* the log file's own descriptor, -1 before the first; its number never changes */
    char program[32];
    char path[1024];   /* "" for stderr */
    _Atomic int level; /* enum log_level */
    _Atomic bool priority_prefix;
} state = {.fd = STDERR_FILENO, .file_fd = -1, .level = LOG_INFO};

/* Opens `path` under the descriptor that the log uses already, so that a thread that is about to write never
 * meets a closed one. */
static enum err open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        return err_from_errno(errno);
    }
    if (state.file_fd < 0) {
        state.file_fd = fd;
        return ERR_OK;
    }
    enum err err = dup3(fd, state.file_fd, O_CLOEXEC) < 0 ? err_from_errno(errno) : ERR_OK;
    close(fd);
    return err;
}

enum err log_open(const char *program, const char *target, enum log_level level)
{
    bool to_stderr = strcmp(target, "stderr") == 0;
    if (!to_stderr) {
        if (strlen(target) >= sizeof(state.path)) {
            return ERR_TOO_LONG;
        }
        enum err err = open_file(target);
        if (err) {
            return err;
        }
    }
    snprintf(state.program, sizeof(state.program), "%s", program);
    snprintf(state.path, sizeof(state.path), "%s", to_stderr ? "" : target);
    atomic_store(&state.priority_prefix, to_stderr && getenv("JOURNAL_STREAM") != NULL);
    atomic_store(&state.level, (int)level);
    atomic_store(&state.fd, to_stderr ? STDERR_FILENO : state.file_fd);
    return ERR_OK;
}

void log_reopen(void)
{
    if (state.path[0]) {
        enum err err = open_file(state.path);
        if (err) { /* lines go on into the rotated file: better there than nowhere */
            log_error("log.reopen_failed", log_cstr("path", state.path), log_err(err));
        }
    }
}

/* Adds all of `text` or nothing, so that no escape and no UTF-8 character is cut in two. */
static void put(struct line *line, struct slice text)
{
    if (line->cut || text.len > sizeof(line->data) - sizeof(CUT_MARK) - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->data + line->len, text.data, text.len);
    line->len += text.len;
}

static void put_format(struct line *line, const char *format, ...) PRINTF_LIKE(2, 3);
static void put_format(struct line *line, const char *format, ...)
{
    char text[128];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(line, slice_from(text));
}

/* Well-formed, but with an effect on a terminal or a line-oriented reader: C0 and DEL, the C1 controls U+0080
 * to U+009F, and the line and paragraph separators U+2028 and U+2029. */
static bool is_control(struct slice character)
{
    const unsigned char *byte = (const unsigned char *)character.data;
    switch (character.len) {
    case 1:
        return char_is_ctl(character.data[0]);
    case 2:
        return byte[0] == 0xC2 && byte[1] < 0xA0;
    case 3:
        return byte[0] == 0xE2 && byte[1] == 0x80 && (byte[2] == 0xA8 || byte[2] == 0xA9);
    default:
        return false;
    }
}

/* One character after the other, so that a long text is cut and not left out. */
static void put_word(struct line *line, struct slice text)
{
    while (text.len && !line->cut) {
        size_t length = utf8_char_length(text);
        put(line, slice_take(text, length));
        text = slice_skip(text, length);
    }
}

static bool is_plain_word(struct slice text)
{
    if (text.len == 0) {
        return false;
    }
    while (text.len) {
        size_t length = utf8_char_length(text);
        struct slice character = slice_take(text, length);
        char c = text.data[0];
        if (length == 0 || is_control(character) || c == ' ' || c == '"' || c == '\\' || c == '=') {
            return false;
        }
        text = slice_skip(text, length);
    }
    return true;
}

static void put_escaped(struct line *line, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        switch (bytes.data[i]) {
        case '\r':
            put(line, S("\\r"));
            break;
        case '\n':
            put(line, S("\\n"));
            break;
        case '\t':
            put(line, S("\\t"));
            break;
        default:
            put_format(line, "\\x%02x", (unsigned char)bytes.data[i]);
        }
    }
}

static void put_quoted(struct line *line, struct slice text)
{
    put(line, S("\""));
    while (text.len && !line->cut) {
        size_t length = utf8_char_length(text);
        struct slice character = slice_take(text, length ? length : 1);
        if (length == 0 || is_control(character)) {
            put_escaped(line, character);
        } else if (text.data[0] == '"' || text.data[0] == '\\') {
            put_format(line, "\\%c", text.data[0]);
        } else {
            put(line, character);
        }
        text = slice_skip(text, character.len);
    }
    put(line, S("\""));
}

static bool is_secret(const char *key)
{
    static const char *const names[] = {"password", "secret", "response", "token", "credential"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (slice_ends_with_nocase(slice_from(key), slice_from(names[i]))) {
            return true;
        }
    }
    return false;
}

static void put_field(struct line *line, const struct log_field *field)
{
    put_format(line, " %s=", field->key);
    if (is_secret(field->key)) {
        put(line, S("***"));
    } else if (field->type == LOG_FIELD_NUMBER) {
        put_format(line, "%lld", (long long)field->number);
    } else if (is_plain_word(field->text)) {
        put_word(line, field->text);
    } else {
        put_quoted(line, field->text);
    }
}

static void put_head(struct line *line, enum log_level level, const char *event)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    static const char priorities[] = {'3', '4', '6', '7'}; /* syslog's numbers */
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    if (atomic_load(&state.priority_prefix)) {
        put_format(line, "<%c>", priorities[level]);
    }
    put_format(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
               utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
    put_format(line, "%s[%d] %s %s", state.program[0] ? state.program : program_invocation_short_name,
               (int)getpid(), names[level], event);
}

void log_event(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    struct line line;
    int saved_errno = errno;
    if ((int)level > atomic_load(&state.level)) {
        return;
    }
    line.len = 0;
    line.cut = false;
    put_head(&line, level, event);
    for (size_t i = 0; i < count; i++) {
        put_field(&line, &fields[i]);
    }
    struct slice end = line.cut ? S(CUT_MARK) : S("\n");
    memcpy(line.data + line.len, end.data, end.len);
    line.len += end.len;
    while (write(atomic_load(&state.fd), line.data, line.len) < 0 && errno == EINTR) {}
    errno = saved_errno;
}
