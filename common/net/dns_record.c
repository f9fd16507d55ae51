/* SPDX-License-Identifier: ISC */
#include "net/dns_record.h"

#include <arpa/inet.h>

static bool take_octet(struct slice *rest, unsigned *value_r)
{
    if (rest->len == 0) {
        return false;
    }
    *value_r = (unsigned char)rest->data[0];
    *rest = slice_skip(*rest, 1);
    return true;
}

static bool is_plain(char c)
{
    return char_is_alnum(c) || c == '-' || c == '_' || c == '/' || c == '*';
}

/* <domain-name>: labels with their lengths before them, the empty one at the end. Octets that no host has in
 * its name are refused: they would have to be written in another way everywhere. */
static bool take_name(struct slice *rest, struct buf *out)
{
    unsigned length = 1;
    while (length > 0) {
        if (!take_octet(rest, &length)) {
            return false;
        }
        size_t dot = out->len > 0 && length > 0;
        if (length > 63 || length > rest->len || out->len + dot + length > DNS_NAME_MAX) {
            return false;
        }
        if (dot) {
            buf_append_char(out, '.');
        }
        for (unsigned i = 0; i < length; i++) {
            if (!is_plain(rest->data[i])) {
                return false;
            }
            buf_append_char(out, char_lower(rest->data[i]));
        }
        *rest = slice_skip(*rest, length);
    }
    return true;
}

static enum err parse_name(struct arena *arena, struct slice rest, struct slice *name_r)
{
    struct buf name;
    buf_init(&name, DNS_NAME_MAX + 1);
    bool good = rest.len > 0 && take_name(&rest, &name) && rest.len == 0 && buf_ok(&name);
    if (good) {
        *name_r = arena_copy(arena, buf_slice(&name));
    }
    buf_free(&name);
    return good ? ERR_OK : ERR_SYNTAX;
}

enum err dns_parse_name(struct arena *arena, struct slice record, struct slice *name_r)
{
    return parse_name(arena, record, name_r);
}

enum err dns_parse_mx(struct arena *arena, struct slice record, struct dns_mx *mx_r)
{
    unsigned high, low;
    struct dns_mx mx;
    if (!take_octet(&record, &high) || !take_octet(&record, &low)) {
        return ERR_SYNTAX;
    }
    mx.preference = (uint16_t)(high << 8 | low);
    enum err err = parse_name(arena, record, &mx.host);
    if (!err) {
        *mx_r = mx;
    }
    return err;
}

enum err dns_parse_address(struct arena *arena, struct slice record, struct slice *address_r)
{
    char text[INET6_ADDRSTRLEN];
    if (record.len != 4 && record.len != 16) {
        return ERR_SYNTAX;
    }
    inet_ntop(record.len == 4 ? AF_INET : AF_INET6, record.data, text, sizeof(text));
    *address_r = arena_copy(arena, slice_from(text));
    return ERR_OK;
}

/* One or more <character-string>s: a length octet and so many octets. */
enum err dns_parse_text(struct arena *arena, struct slice record, struct slice *text_r)
{
    char *text = arena_alloc(arena, record.len + 1);
    size_t used = 0;
    unsigned length;
    if (record.len == 0) {
        return ERR_SYNTAX;
    }
    while (take_octet(&record, &length)) {
        if (length > record.len) {
            return ERR_SYNTAX;
        }
        for (unsigned i = 0; i < length; i++) {
            text[used++] = record.data[i];
        }
        record = slice_skip(record, length);
    }
    *text_r = slice_of(text, used);
    return ERR_OK;
}

enum err dns_parse_tlsa(struct slice record, struct dns_tlsa *tlsa_r)
{
    unsigned usage, selector, matching;
    if (!take_octet(&record, &usage) || !take_octet(&record, &selector) || !take_octet(&record, &matching) ||
        record.len == 0) {
        return ERR_SYNTAX;
    }
    *tlsa_r = (struct dns_tlsa){(uint8_t)usage, (uint8_t)selector, (uint8_t)matching, record};
    return ERR_OK;
}
