/* SPDX-License-Identifier: ISC */
/* The rules of mailbox names: what RFC 9051 section 5.1 and Net-Unicode (RFC 5198) ask for, and what keeps
 * names free of surprises: one form for each, no wildcards of LIST in them. */
#include "storage/mailbox.h"

#include <stdlib.h>

#include <utf8proc.h>

#include "base/utf8.h"

#define INBOX S("INBOX")

/* Composed (NFC). The text is valid UTF-8. */
static struct slice compose(struct arena *arena, struct slice name)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t length =
        utf8proc_map((const utf8proc_uint8_t *)name.data, (utf8proc_ssize_t)name.len, &composed,
                     (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    struct slice result = length < 0 ? name : arena_copy(arena, slice_of(composed, (size_t)length));
    free(composed); /* of utf8proc */
    return result;
}

/* INBOX in any case, alone or as the first level. */
static bool begins_with_inbox(struct slice name)
{
    return slice_starts_with_nocase(name, INBOX) && (name.len == INBOX.len || name.data[INBOX.len] == '/');
}

struct slice mailbox_name_canonical(struct arena *arena, struct slice name)
{
    if (!utf8_is_ascii(name)) {
        /* Longer ones are no names; they are not worth the work. */
        bool worth = name.len <= 4 * MAILBOX_NAME_MAX && utf8_is_valid(name);
        name = worth ? compose(arena, name) : name;
    }
    if (begins_with_inbox(name) && !slice_starts_with(name, INBOX)) {
        struct slice rest = slice_skip(name, INBOX.len);
        name = rest.len ? slice_from(arena_printf(arena, "INBOX%.*s", SLICE_ARG(rest))) : INBOX;
    }
    return name;
}

/* C0 and C1 controls, DEL, the line and paragraph separators (RFC 5198 section 2). */
static bool is_control(struct slice rest)
{
    unsigned char first = (unsigned char)rest.data[0];
    return char_is_ctl(rest.data[0]) ||
           (first == 0xc2 && (unsigned char)rest.data[1] >= 0x80 && (unsigned char)rest.data[1] <= 0x9f) ||
           slice_starts_with(rest, S("\xe2\x80\xa8")) || slice_starts_with(rest, S("\xe2\x80\xa9"));
}

static bool characters_are_fine(struct slice name)
{
    while (name.len) {
        size_t length = utf8_char_length(name);
        if (length == 0 || is_control(name) || name.data[0] == '%' || name.data[0] == '*') {
            return false;
        }
        name = slice_skip(name, length);
    }
    return true;
}

static bool levels_are_fine(struct slice name)
{
    size_t depth = 0;
    struct slice rest = name;
    while (rest.data) {
        struct slice level = slice_split(&rest, '/');
        if (level.len == 0 || ++depth > MAILBOX_DEPTH_MAX) {
            return false;
        }
    }
    return depth > 0;
}

enum err mailbox_name_check(struct arena *arena, struct slice name, struct slice *canonical_r)
{
    struct slice canonical = mailbox_name_canonical(arena, name);
    if (canonical.len == 0 || canonical.len > MAILBOX_NAME_MAX || !characters_are_fine(canonical) ||
        !levels_are_fine(canonical)) {
        return ERR_SYNTAX;
    }
    *canonical_r = canonical;
    return ERR_OK;
}

bool mailbox_name_is_below(struct slice name, struct slice above)
{
    return name.len > above.len && slice_starts_with(name, above) && name.data[above.len] == '/';
}

bool special_use_is_valid(struct slice special_use)
{
    if (special_use.len < 2 || special_use.len > SPECIAL_USE_MAX || special_use.data[0] != '\\') {
        return false;
    }
    for (size_t i = 1; i < special_use.len; i++) {
        if (!char_is_alnum(special_use.data[i]) && special_use.data[i] != '-' && special_use.data[i] != '_') {
            return false;
        }
    }
    return true;
}
