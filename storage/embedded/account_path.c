/* SPDX-License-Identifier: ISC */
/* Folder names of accounts. The encoding is injective: two accounts never share a folder. */
#include "account_path.h"

#define COMPONENT_MAX 255 /* NAME_MAX of every file system we meet */

static bool is_plain(char c, size_t position)
{
    return (c >= 'a' && c <= 'z') || char_is_digit(c) || c == '_' || c == '+' || c == '=' || c == '-' ||
           (c == '.' && position > 0);
}

enum err account_path_component(struct buf *out, struct slice name)
{
    size_t start = out->len;
    for (size_t i = 0; i < name.len; i++) {
        if (is_plain(name.data[i], i)) {
            buf_append_char(out, name.data[i]);
        } else {
            buf_printf(out, "%%%02X", (unsigned char)name.data[i]);
        }
    }
    return buf_ok(out) && out->len - start <= COMPONENT_MAX ? ERR_OK : ERR_TOO_LONG;
}

enum err account_path(struct buf *out, struct slice login)
{
    size_t at = slice_find_last(login, '@');
    struct slice local = slice_take(login, at);
    struct slice domain = slice_skip(login, at + 1);
    if (local.len == 0 || domain.len == 0) {
        return ERR_SYNTAX;
    }
    enum err err = account_path_component(out, domain);
    if (err) {
        return err;
    }
    buf_append_char(out, '/');
    return account_path_component(out, local);
}
