/* SPDX-License-Identifier: ISC */
/*
 * The grammar of RFC 5321 section 4.1.2, top to bottom as it stands there:
 *
 *     Mailbox       = Local-part "@" ( Domain / address-literal )
 *     Local-part    = Dot-string / Quoted-string
 *     Dot-string    = Atom *("."  Atom)
 *     Quoted-string = DQUOTE *QcontentSMTP DQUOTE
 *     Domain        = sub-domain *("." sub-domain)
 *     sub-domain    = Let-dig [Ldh-str]
 *
 * RFC 6531 section 3.3 adds UTF8-non-ascii to Atom, qtextSMTP and sub-domain. The text is checked to be UTF-8
 * as a whole first, so that the code below may look at single bytes.
 */
#include "mail/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/utf8.h"
#include "mail_priv.h"

static bool is_8bit(char c)
{
    return (unsigned char)c >= 0x80;
}

/* atext of RFC 5322 section 3.2.3, with the UTF-8 of RFC 6531 (which the callers have allowed or refused
 * before). */
static bool is_atext(char c)
{
    return char_is_alnum(c) || is_8bit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Let-dig, "-" and the underscore that hosts in the wild have in their names. */
static bool is_label_char(char c)
{
    return char_is_alnum(c) || is_8bit(c) || c == '-' || c == '_';
}

static bool scan_dot_string(struct scan *scan, struct slice *out)
{
    struct slice start = scan->rest, atom;
    do {
        if (!scan_while(scan, is_atext, &atom)) {
            return false;
        }
    } while (scan_char(scan, '.'));
    *out = slice_take(start, start.len - scan->rest.len);
    return true;
}

/*
 * qtextSMTP       = %d32-33 / %d35-91 / %d93-126
 * quoted-pairSMTP = %d92 %d32-126
 */
static bool scan_quoted_string(struct arena *arena, struct scan *scan, struct slice *out)
{
    if (!scan_char(scan, '"')) {
        return false;
    }
    /* Nothing longer than the limit is copied: the caller sees the length and refuses. */
    char content[ADDRESS_LOCAL_MAX + 1];
    size_t length = 0;
    while (!scan_char(scan, '"')) {
        bool pair = scan_char(scan, '\\');
        char c = scan_peek(scan);
        if (scan_at_end(scan) || char_is_ctl(c) || (pair && is_8bit(c))) {
            return false;
        }
        scan->rest = slice_skip(scan->rest, 1);
        if (length < sizeof(content)) {
            content[length++] = c;
        }
    }
    *out = arena_copy(arena, slice_of(content, length));
    return true;
}

enum err domain_scan(struct scan *scan, bool allow_utf8, struct slice *out)
{
    struct slice start = scan->rest, label;
    do {
        if (!scan_while(scan, is_label_char, &label) || label.data[0] == '-' ||
            label.data[label.len - 1] == '-') {
            return ERR_SYNTAX;
        }
        bool ascii = utf8_is_ascii(label);
        if (!ascii && (!allow_utf8 || !utf8_is_valid(label))) {
            return ERR_SYNTAX;
        }
        /* The limit is on the A-label, which libidn2 checks when the key is made. */
        if (ascii && label.len > ADDRESS_LABEL_MAX) {
            return ERR_TOO_LONG;
        }
    } while (scan_char(scan, '.'));
    struct slice domain = slice_take(start, start.len - scan->rest.len);
    if (domain.len > ADDRESS_DOMAIN_MAX) {
        return ERR_TOO_LONG;
    }
    *out = domain;
    return ERR_OK;
}

struct slice address_domain_of(struct slice text)
{
    return slice_skip(text, slice_find_last(text, '@') + 1);
}

bool address_is_literal(struct slice domain)
{
    return domain.len > 0 && domain.data[0] == '[';
}

/*
 * address-literal      = "[" ( IPv4-address-literal / IPv6-address-literal / General-address-literal ) "]"
 * IPv6-address-literal = "IPv6:" IPv6-addr
 *
 * No General-address-literal was ever registered; it is refused.
 */
bool address_check_literal(struct slice literal)
{
    if (!address_is_literal(literal) || literal.data[literal.len - 1] != ']') {
        return false;
    }
    struct slice inner = slice_take(slice_skip(literal, 1), literal.len - 2);
    int family = AF_INET;
    if (slice_starts_with_nocase(inner, S("IPv6:"))) {
        family = AF_INET6;
        inner = slice_skip(inner, 5);
    }
    char text[INET6_ADDRSTRLEN];
    unsigned char binary[sizeof(struct in6_addr)];
    if (inner.len == 0 || inner.len >= sizeof(text) || slice_has(inner, '\0')) {
        return false;
    }
    memcpy(text, inner.data, inner.len);
    text[inner.len] = '\0';
    return inet_pton(family, text, binary) == 1;
}

static enum err scan_domain_or_literal(struct scan *scan, bool allow_utf8, struct slice *out)
{
    if (scan_peek(scan) != '[') {
        return domain_scan(scan, allow_utf8, out);
    }
    size_t length = slice_find(scan->rest, ']') + 1;
    struct slice literal = slice_take(scan->rest, length);
    if (!address_check_literal(literal)) {
        return ERR_SYNTAX;
    }
    scan->rest = slice_skip(scan->rest, length);
    *out = literal;
    return ERR_OK;
}

enum err address_scan(struct arena *arena, struct scan *scan, bool allow_utf8, struct address *out)
{
    struct scan at = *scan;
    struct slice local, domain;
    bool quoted = scan_peek(&at) == '"';
    if (quoted ? !scan_quoted_string(arena, &at, &local) : !scan_dot_string(&at, &local)) {
        return ERR_SYNTAX;
    }
    if (!scan_char(&at, '@')) {
        return ERR_SYNTAX;
    }
    if (!utf8_is_ascii(local) && (!allow_utf8 || (local.len <= ADDRESS_LOCAL_MAX && !utf8_is_valid(local)))) {
        return ERR_SYNTAX;
    }
    enum err err = scan_domain_or_literal(&at, allow_utf8, &domain);
    if (err) {
        return err;
    }
    if (local.len > ADDRESS_LOCAL_MAX) {
        return ERR_TOO_LONG;
    }
    *out = (struct address){arena_copy(arena, local), arena_copy(arena, domain)};
    *scan = at;
    return ERR_OK;
}

enum err address_parse(struct arena *arena, struct slice text, bool allow_utf8, struct address *out)
{
    struct scan scan = scan_of(text);
    struct address address;
    enum err err = address_scan(arena, &scan, allow_utf8, &address);
    if (err) {
        return err;
    }
    if (!scan_at_end(&scan)) {
        return ERR_SYNTAX;
    }
    if (text.len > ADDRESS_MAX) {
        return ERR_TOO_LONG;
    }
    *out = address;
    return ERR_OK;
}

enum err address_check_domain(struct slice domain, bool allow_utf8)
{
    struct scan scan = scan_of(domain);
    struct slice found;
    enum err err = domain_scan(&scan, allow_utf8, &found);
    if (err) {
        return err;
    }
    return scan_at_end(&scan) ? ERR_OK : ERR_SYNTAX;
}

static bool is_dot_string(struct slice local)
{
    struct scan scan = scan_of(local);
    struct slice all;
    return scan_dot_string(&scan, &all) && scan_at_end(&scan);
}

void address_format(struct buf *out, const struct address *address)
{
    if (address->local.len == 0 && address->domain.len == 0) {
        return;
    }
    if (is_dot_string(address->local)) {
        buf_append(out, address->local);
    } else {
        buf_append_char(out, '"');
        for (size_t i = 0; i < address->local.len; i++) {
            char c = address->local.data[i];
            if (c == '"' || c == '\\') {
                buf_append_char(out, '\\');
            }
            buf_append_char(out, c);
        }
        buf_append_char(out, '"');
    }
    if (address->domain.len > 0) {
        buf_append_char(out, '@');
        buf_append(out, address->domain);
    }
}

struct slice address_text(struct arena *arena, const struct address *address)
{
    struct buf text;
    buf_init(&text, 2 * address->local.len + address->domain.len + 3);
    address_format(&text, address);
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

bool address_eq(const struct address *a, const struct address *b)
{
    return slice_eq(a->local, b->local) && slice_eq_nocase(a->domain, b->domain);
}

bool address_split_detail(struct slice local, struct slice delimiter, struct slice *user_r,
                          struct slice *detail_r)
{
    *user_r = local;
    *detail_r = SLICE_EMPTY;
    size_t at = 0;
    while (at < local.len && !slice_has(delimiter, local.data[at])) {
        at++;
    }
    if (at == 0 || at == local.len) {
        return false;
    }
    *user_r = slice_take(local, at);
    *detail_r = slice_skip(local, at + 1);
    return true;
}
