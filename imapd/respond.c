/* SPDX-License-Identifier: ISC */
#include "respond.h"

#include "base/encode.h"
#include "base/utf8.h"
#include "mail/mutf7.h"

#define QUOTED_MAX 1000

const struct slice system_flag_names[SYSTEM_FLAG_COUNT] = {
    {"\\Seen", 5}, {"\\Answered", 9}, {"\\Flagged", 8}, {"\\Deleted", 8}, {"\\Draft", 6}};

static bool can_be_quoted(struct slice text, bool utf8)
{
    if (text.len > QUOTED_MAX)
        return false;
    bool high = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\0' || c == '\r' || c == '\n')
            return false;
        high |= (unsigned char)c >= 0x80;
    }
    return !high || (utf8 && utf8_is_valid(text));
}

void respond_string(struct buf *out, struct slice text, bool utf8)
{
    if (!can_be_quoted(text, utf8)) {
        buf_append(out, slice_has(text, '\0') ? S("~{") : S("{"));
        buf_append_number(out, text.len, 1);
        buf_append(out, S("}\r\n"));
        buf_append(out, text);
        return;
    }
    buf_append_char(out, '"');
    size_t plain = 0; /* what lies between two characters to be escaped goes out at once */
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '"' && text.data[i] != '\\')
            continue;
        buf_append(out, slice_of(text.data + plain, i - plain));
        buf_append_char(out, '\\');
        plain = i;
    }
    buf_append(out, slice_skip(text, plain));
    buf_append_char(out, '"');
}

void respond_nstring(struct buf *out, struct slice text, bool utf8)
{
    if (text.data)
        respond_string(out, text, utf8);
    else
        buf_append(out, S("NIL"));
}

void respond_mailbox(struct buf *out, struct slice name, bool utf8)
{
    struct buf encoded;
    buf_init(&encoded, name.len * 8 + 16);
    if (utf8 || mutf7_encode(&encoded, name, SLICE_EMPTY))
        respond_string(out, name, utf8);
    else
        respond_string(out, buf_slice(&encoded), false);
    buf_free(&encoded);
}

void respond_uid_set(struct buf *out, const struct uid_set *uids)
{
    for (size_t i = 0; i < uids->count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_number(out, uids->ranges[i].first, 1);
        if (uids->ranges[i].last > uids->ranges[i].first) {
            buf_append_char(out, ':');
            buf_append_number(out, uids->ranges[i].last, 1);
        }
    }
}

static void append_flag(struct buf *out, struct slice name, bool *first)
{
    if (!*first)
        buf_append_char(out, ' ');
    *first = false;
    buf_append(out, name);
}

void respond_flags(struct buf *out, const struct message_flags *message, const struct flag_names *names)
{
    bool first = true;
    buf_append_char(out, '(');
    for (size_t i = 0; i < SYSTEM_FLAG_COUNT; i++)
        if (message->flags & (1u << i))
            append_flag(out, system_flag_names[i], &first);
    if (message->recent)
        append_flag(out, S("\\Recent"), &first);
    uint64_t bits = message->keywords & ~KEYWORD_OTHERS;
    for (size_t i = 0; bits != 0 && i < names->keyword_count; i++, bits >>= 1)
        if (bits & 1)
            append_flag(out, names->keywords[i], &first);
    for (size_t i = 0; i < message->other_count; i++)
        append_flag(out, message->others[i], &first);
    buf_append_char(out, ')');
}

void respond_permanent_flags(struct buf *out, const struct message_flags *flags, bool any_keyword,
                             enum imap_language language)
{
    struct flag_names names = {0};
    buf_append(out, S("* OK [PERMANENTFLAGS "));
    size_t begin = out->len;
    respond_flags(out, flags, &names);
    if (any_keyword) {
        bool is_empty = out->len == begin + 2;
        buf_truncate(out, out->len - 1);
        buf_append(out, is_empty ? S("\\*)") : S(" \\*)"));
    }
    buf_printf(out, "] %s\r\n",
               imap_text(language, flags->flags ? "flags can be changed" : "nothing can be changed"));
}
