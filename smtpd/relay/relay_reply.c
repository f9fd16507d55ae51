/* SPDX-License-Identifier: ISC */
#include "relay_reply.h"

#include <string.h>

#include "base/scan.h"
#include "base/utf8.h"

void relay_reply_init(struct relay_reply *reply)
{
    *reply = (struct relay_reply){0};
    buf_init(&reply->text, RELAY_TEXT_MAX);
}

void relay_reply_free(struct relay_reply *reply)
{
    buf_free(&reply->text);
}

void relay_reply_clear(struct relay_reply *reply)
{
    buf_clear(&reply->text);
    reply->code = reply->lines = 0;
    reply->status[0] = '\0';
}

static bool take_code(struct slice *line, unsigned *code_r)
{
    if (line->len < 3 || line->data[0] < '2' || line->data[0] > '5')
        return false;
    *code_r = 0;
    for (size_t i = 0; i < 3; i++) {
        if (!char_is_digit(line->data[i]))
            return false;
        *code_r = *code_r * 10 + (unsigned)(line->data[i] - '0');
    }
    *line = slice_skip(*line, 3);
    return true;
}

/* status-code = ("2"/"4"/"5") "." 1*3digit "." 1*3digit, and a blank behind it (RFC 3463 section 2); its
 * class must be that of the code (RFC 2034 section 4). */
static size_t status_length(struct slice text, unsigned code)
{
    struct scan scan = scan_of(slice_skip(text, 2));
    uint64_t number;
    if (text.len < 5 || code / 100 == 3 || text.data[0] != (char)('0' + code / 100) || text.data[1] != '.')
        return 0;
    if (!scan_number(&scan, 999, &number) || !scan_char(&scan, '.') || !scan_number(&scan, 999, &number))
        return 0;
    size_t length = text.len - scan.rest.len;
    return length == text.len || text.data[length] == ' ' ? length : 0;
}

/* The same status stands on each line (RFC 2034 section 4): it is told once. */
static struct slice without_status(struct relay_reply *reply, struct slice text)
{
    size_t length = status_length(text, reply->code);
    if (length == 0 || length >= sizeof(reply->status))
        return text;
    if (!reply->status[0]) {
        memcpy(reply->status, text.data, length);
        reply->status[length] = '\0';
    } else if (!slice_eq(slice_take(text, length), slice_from(reply->status))) {
        return text;
    }
    text = slice_skip(text, length);
    return text.len > 0 ? slice_skip(text, 1) : text;
}

/* Of a character with this many octets; with 0 it is none. C1 controls lead terminals on as C0's do. */
static bool is_control(struct slice text, size_t length)
{
    unsigned char first = (unsigned char)text.data[0];
    return length == 0 || first < ' ' || first == 0x7f ||
           (first == 0xc2 && (unsigned char)text.data[1] < 0xa0);
}

/* Whole characters, as far as there is room. */
static void keep_text(struct relay_reply *reply, struct slice text)
{
    size_t room = RELAY_TEXT_MAX - reply->text.len;
    if (reply->lines > 0 && room > 0) {
        buf_append_char(&reply->text, '\n');
        room--;
    }
    while (text.len > 0) {
        size_t length = utf8_char_length(text);
        bool harmless = !is_control(text, length);
        length = MAX_OF(length, (size_t)1);
        if ((harmless ? length : 1) > room)
            break;
        struct slice kept = harmless ? slice_take(text, length) : S("?");
        buf_append(&reply->text, kept);
        room -= kept.len;
        text = slice_skip(text, length);
    }
}

enum relay_line relay_reply_add(struct relay_reply *reply, struct slice line)
{
    unsigned code;
    if (!take_code(&line, &code) || (reply->lines > 0 && code != reply->code) ||
        reply->lines == RELAY_LINES_MAX)
        return RELAY_LINE_BAD;
    bool more = line.len > 0 && line.data[0] == '-';
    if (line.len > 0 && !more && line.data[0] != ' ')
        return RELAY_LINE_BAD;
    reply->code = code;
    keep_text(reply, without_status(reply, slice_skip(line, line.len > 0)));
    reply->lines++;
    return more ? RELAY_LINE_MORE : RELAY_LINE_LAST;
}

void relay_reply_format(const struct relay_reply *reply, struct buf *out)
{
    struct slice text = buf_slice(&reply->text);
    buf_printf(out, "%u", reply->code);
    if (reply->status[0])
        buf_printf(out, " %s", reply->status);
    if (text.len > 0)
        buf_append_char(out, ' ');
    for (size_t i = 0; i < text.len; i++)
        buf_append_char(out, text.data[i] == '\n' ? ' ' : text.data[i]);
}

/* --- EHLO --- */

static const struct {
    const char *keyword;
    unsigned extension;
} extensions[] = {
    {"PIPELINING", RELAY_PIPELINING},
    {"SIZE", RELAY_SIZE},
    {"8BITMIME", RELAY_8BITMIME},
    {"SMTPUTF8", RELAY_SMTPUTF8},
    {"CHUNKING", RELAY_CHUNKING},
    {"DSN", RELAY_DSN},
    {"STARTTLS", RELAY_STARTTLS},
    {"REQUIRETLS", RELAY_REQUIRETLS},
    {"AUTH", RELAY_AUTH},
    {"LIMITS", RELAY_LIMITS},
};

/* "AUTH PLAIN LOGIN", and "AUTH=PLAIN" of old; a server may say both. */
static void read_mechanisms(struct relay_abilities *abilities, struct slice words)
{
    size_t used = strlen(abilities->mechanisms);
    struct slice word;
    while (words.len > 0) {
        word = slice_split(&words, ' ');
        if (word.len == 0 || used + word.len + 2 > sizeof(abilities->mechanisms))
            continue;
        if (used > 0)
            abilities->mechanisms[used++] = ' ';
        for (size_t i = 0; i < word.len; i++)
            abilities->mechanisms[used++] = char_upper(word.data[i]);
        abilities->mechanisms[used] = '\0';
    }
}

/* RFC 9422 section 3: name=value, separated by blanks. */
static void read_limits(struct relay_abilities *abilities, struct slice words)
{
    while (words.len > 0) {
        struct slice value = slice_split(&words, ' ');
        struct slice name = slice_split(&value, '=');
        uint64_t *limit = slice_eq_nocase(name, S("RCPTMAX"))   ? &abilities->rcpt_max
                          : slice_eq_nocase(name, S("MAILMAX")) ? &abilities->mail_max
                                                                : NULL;
        uint64_t number;
        if (limit && slice_to_u64(value, UINT64_MAX, &number))
            *limit = number;
    }
}

static void read_line(struct relay_abilities *abilities, struct slice line)
{
    struct slice keyword = slice_split(&line, ' ');
    if (slice_starts_with_nocase(keyword, S("AUTH=")) && keyword.len > 5) {
        abilities->extensions |= RELAY_AUTH;
        read_mechanisms(abilities, slice_skip(keyword, 5));
        read_mechanisms(abilities, line);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        if (!slice_eq_nocase(keyword, slice_from(extensions[i].keyword)))
            continue;
        abilities->extensions |= extensions[i].extension;
        if (extensions[i].extension == RELAY_AUTH)
            read_mechanisms(abilities, line);
        if (extensions[i].extension == RELAY_LIMITS)
            read_limits(abilities, line);
        uint64_t size;
        if (extensions[i].extension == RELAY_SIZE && slice_to_u64(line, UINT64_MAX, &size))
            abilities->size = size;
    }
}

void relay_abilities_read(const struct relay_reply *reply, struct relay_abilities *abilities_r)
{
    struct slice rest = buf_slice(&reply->text);
    *abilities_r = (struct relay_abilities){0};
    slice_split(&rest, '\n');
    while (rest.len > 0)
        read_line(abilities_r, slice_split(&rest, '\n'));
}

bool relay_has_mechanism(const struct relay_abilities *abilities, const char *name)
{
    struct slice words = slice_from(abilities->mechanisms);
    while (words.len > 0)
        if (slice_eq(slice_split(&words, ' '), slice_from(name)))
            return true;
    return false;
}
