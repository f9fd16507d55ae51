/* SPDX-License-Identifier: ISC */
#include "names.h"

#include "base/buf.h"

static bool needs_escape(char c)
{
    return c == '/' || c == '%' || c == '*' || c == '=' || char_is_ctl(c);
}

static void escape_login(struct buf *out, struct slice login)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < login.len; i++) {
        unsigned char c = (unsigned char)login.data[i];
        if (needs_escape(login.data[i])) {
            buf_append_char(out, '=');
            buf_append_char(out, digits[c >> 4]);
            buf_append_char(out, digits[c & 15]);
        } else {
            buf_append_char(out, login.data[i]);
        }
    }
}

static int digit_value(char c)
{
    c = char_lower(c);
    return char_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A "=" that begins no escape stands for itself. */
static struct slice unescape_login(struct arena *arena, struct slice level)
{
    char *login = arena_alloc(arena, level.len + 1);
    size_t length = 0;
    for (size_t i = 0; i < level.len; i++) {
        int high = i + 2 < level.len ? digit_value(level.data[i + 1]) : -1;
        int low = high >= 0 ? digit_value(level.data[i + 2]) : -1;
        if (level.data[i] == '=' && low >= 0) {
            login[length++] = char_lower((char)(high << 4 | low));
            i += 2;
        } else {
            login[length++] = char_lower(level.data[i]);
        }
    }
    return slice_of(login, length);
}

struct imap_name imap_name_parse(struct arena *arena, struct slice name)
{
    struct slice rest = slice_skip(name, sizeof(SHARED_PREFIX) - 1);
    bool is_below = slice_starts_with(name, S(SHARED_PREFIX));
    struct slice level = is_below ? slice_split(&rest, '/') : SLICE_EMPTY;
    if (!slice_has(level, '@'))
        return (struct imap_name){SLICE_EMPTY, mailbox_name_canonical(arena, name)};
    return (struct imap_name){unescape_login(arena, level),
                              rest.data ? mailbox_name_canonical(arena, rest) : S("INBOX")};
}

struct slice imap_shared_name(struct arena *arena, struct slice owner, struct slice mailbox)
{
    struct buf name;
    buf_init(&name, sizeof(SHARED_PREFIX) + 3 * owner.len + mailbox.len + 2);
    buf_append(&name, S(SHARED_PREFIX));
    escape_login(&name, owner);
    if (!slice_eq(mailbox, S("INBOX"))) {
        buf_append_char(&name, '/');
        buf_append(&name, mailbox);
    }
    struct slice copy = arena_copy(arena, buf_slice(&name));
    buf_free(&name);
    return copy;
}

bool imap_name_is_reserved(struct slice name)
{
    return slice_eq(name, S(SHARED_LEVEL)) || slice_starts_with(name, S(SHARED_PREFIX));
}
