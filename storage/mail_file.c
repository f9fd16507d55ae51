/* SPDX-License-Identifier: ISC */
/* Writing and reading the names of message files. */
#include "mail_file.h"

#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/scan.h"
#include "storage/account.h"

/* P (passed on) has no flag here. */
#define PASSED 'P'

/* In ASCII order. */
static const struct {
    char letter;
    uint32_t flag;
} flag_letters[] = {
    {'D', MESSAGE_DRAFT},    {'F', MESSAGE_FLAGGED}, {PASSED, 0},
    {'R', MESSAGE_ANSWERED}, {'S', MESSAGE_SEEN},    {'T', MESSAGE_DELETED},
};

static uint32_t flag_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(flag_letters); i++) {
        if (flag_letters[i].letter == letter) {
            return flag_letters[i].flag;
        }
    }
    return 0;
}

struct mail_letters mail_letters_parse(struct slice suffix)
{
    struct mail_letters letters = {0};
    for (size_t i = 0; i < suffix.len; i++) {
        char letter = suffix.data[i];
        if (letter >= 'a' && letter <= 'z') {
            letters.keywords |= UINT32_C(1) << (letter - 'a');
        }
        letters.flags |= flag_of(letter);
        letters.passed = letters.passed || letter == PASSED;
    }
    return letters;
}

/* `<secs>.M<usec>P…`; a name without the microseconds still tells the second. */
static void parse_time(struct slice base, struct mail_file *file)
{
    struct scan scan = scan_of(base);
    uint64_t seconds = 0;
    uint64_t micros = 0;
    if (!scan_number(&scan, INT64_MAX / 1000001, &seconds) || !scan_char(&scan, '.')) {
        return;
    }
    if (!scan_char(&scan, 'M') || !scan_number(&scan, 999999, &micros)) {
        micros = 0;
    }
    file->has_time = true;
    file->time_us = (int64_t)(seconds * 1000000 + micros);
}

static void parse_guid(struct slice text, struct mail_file *file)
{
    struct buf bytes;
    buf_init(&bytes, GUID_SIZE);
    if (text.len == 2 * GUID_SIZE && !hex_decode(&bytes, text)) {
        memcpy(file->guid, bytes.data, GUID_SIZE);
        file->has_guid = true;
    }
    buf_free(&bytes);
}

static void parse_field(struct slice field, struct mail_file *file)
{
    uint64_t number = 0;
    if (field.len < 2 || field.data[1] != '=') {
        return;
    }
    struct slice value = slice_skip(field, 2);
    switch (field.data[0]) {
    case 'U':
        if (slice_to_u64(value, UINT32_MAX, &number) && number > 0) {
            file->uid = (uint32_t)number;
            file->has_uid = true;
        }
        break;
    case 'G':
        parse_guid(value, file);
        break;
    case 'S':
        file->has_size = slice_to_u64(value, INT64_MAX, &file->file_size);
        break;
    default:
        break;
    }
}

void mail_file_parse(struct slice name, struct mail_file *file_r)
{
    *file_r = (struct mail_file){0};
    size_t colon = slice_find_text(name, S(":2,"));
    file_r->base = slice_take(name, colon);
    file_r->suffix = slice_skip(name, colon + 3);
    file_r->letters = mail_letters_parse(file_r->suffix);
    parse_time(file_r->base, file_r);
    struct slice rest = file_r->base;
    slice_split(&rest, ',');
    while (rest.data) {
        parse_field(slice_split(&rest, ','), file_r);
    }
}

void mail_file_format(struct buf *out, const struct mail_file_identity *identity)
{
    uint64_t time_us =
        (uint64_t)MAX_OF(identity->time_us, 0); /* the name of what is older than 1970 says 1970 */
    buf_append_number(out, time_us / 1000000, 1);
    buf_append(out, S(".M"));
    buf_append_number(out, time_us % 1000000, 6);
    buf_append_char(out, 'P');
    buf_append_number(out, identity->pid, 1);
    buf_append_char(out, 'Q');
    buf_append_number(out, identity->sequence, 1);
    buf_append_char(out, '.');
    buf_append(out, slice_from(identity->host));
    buf_append(out, S(",S="));
    buf_append_number(out, identity->file_size, 1);
    if (identity->wire_size != identity->file_size) {
        buf_append(out, S(",W="));
        buf_append_number(out, identity->wire_size, 1);
    }
    buf_append(out, S(",U="));
    buf_append_number(out, identity->uid, 1);
    buf_append(out, S(",G="));
    hex_encode(out, slice_of(identity->guid, GUID_SIZE));
}

void mail_letters_format(struct mail_letters letters, char suffix_r[MAIL_FILE_SUFFIX_MAX + 1])
{
    size_t length = 0;
    for (size_t i = 0; i < ARRAY_LEN(flag_letters); i++) {
        bool set = flag_letters[i].letter == PASSED ? letters.passed : letters.flags & flag_letters[i].flag;
        if (set) {
            suffix_r[length++] = flag_letters[i].letter;
        }
    }
    for (unsigned i = 0; i < MAIL_FILE_KEYWORDS; i++) {
        if (letters.keywords >> i & 1) {
            suffix_r[length++] = (char)('a' + i);
        }
    }
    suffix_r[length] = '\0';
}

void mail_file_host(struct buf *out, struct slice hostname)
{
    for (size_t i = 0; i < hostname.len; i++) {
        char c = hostname.data[i];
        if (char_is_alnum(c) || c == '.' || c == '-' || c == '_') {
            buf_append_char(out, c);
        } else {
            buf_printf(out, "\\%03o", (unsigned char)c);
        }
    }
}
