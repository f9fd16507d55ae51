/* SPDX-License-Identifier: ISC */
/*
 * Paths and parameters of MAIL and RCPT, RFC 5321 section 4.1.2:
 *
 *     Reverse-path   = Path / "<>"
 *     Forward-path   = Path
 *     Path           = "<" [ A-d-l ":" ] Mailbox ">"
 *     A-d-l          = At-domain *( "," At-domain )
 *     At-domain      = "@" Domain
 *
 * and section 4.1.1.3: RCPT also takes "<Postmaster>".
 */
#include "mail/path.h"

#include "mail_priv.h"

#define PATH_MAX_OCTETS 256 /* section 4.5.3.1.3 */

static bool scan_postmaster(struct scan *scan, bool bracketed)
{
    struct scan at = *scan;
    if (!scan_word(&at, S("postmaster"))) {
        return false;
    }
    if (bracketed ? scan_peek(&at) != '>' : !scan_at_end(&at) && !char_is_wsp(scan_peek(&at))) {
        return false;
    }
    *scan = at;
    return true;
}

static enum err scan_route(struct scan *scan, bool allow_utf8, bool *found)
{
    struct slice domain;
    *found = false;
    if (scan_peek(scan) != '@') {
        return ERR_OK;
    }
    do {
        if (!scan_char(scan, '@')) {
            return ERR_SYNTAX;
        }
        enum err err = domain_scan(scan, allow_utf8, &domain);
        if (err) {
            return err;
        }
    } while (scan_char(scan, ','));
    *found = true;
    return scan_char(scan, ':') ? ERR_OK : ERR_SYNTAX;
}

/* What stands between the angle brackets, or without them. */
static enum err scan_path_content(struct arena *arena, struct scan *scan, bool allow_utf8, bool bracketed,
                                  struct mail_path *path)
{
    if (bracketed && scan_peek(scan) == '>') {
        path->is_null = true;
        path->address = (struct address){SLICE_EMPTY, SLICE_EMPTY};
        return ERR_OK;
    }
    if (scan_postmaster(scan, bracketed)) {
        path->is_postmaster = true;
        path->address = (struct address){S("postmaster"), SLICE_EMPTY};
        return ERR_OK;
    }
    enum err err = scan_route(scan, allow_utf8, &path->has_route);
    if (err) {
        return err;
    }
    return address_scan(arena, scan, allow_utf8, &path->address);
}

enum err path_parse(struct arena *arena, struct slice *rest, bool allow_utf8, struct mail_path *out)
{
    struct scan scan = scan_of(*rest);
    struct mail_path path = {.sloppy = scan_wsp(&scan)};
    size_t before = scan.rest.len;
    bool bracketed = scan_char(&scan, '<');
    path.sloppy = path.sloppy || !bracketed;
    enum err err = scan_path_content(arena, &scan, allow_utf8, bracketed, &path);
    if (err) {
        return err;
    }
    if (bracketed && !scan_char(&scan, '>')) {
        return ERR_SYNTAX;
    }
    if (before - scan.rest.len + (bracketed ? 0 : 2) > PATH_MAX_OCTETS) {
        return ERR_TOO_LONG;
    }
    if (!scan_at_end(&scan) && !scan_wsp(&scan)) {
        return ERR_SYNTAX;
    }
    *rest = scan.rest;
    *out = path;
    return ERR_OK;
}

static bool is_keyword_char(char c)
{
    return char_is_alnum(c) || c == '-';
}

static bool is_value_char(char c)
{
    return (unsigned char)c > ' ' && c != '=' && c != 0x7f;
}

/*
 * esmtp-param   = esmtp-keyword ["=" esmtp-value]
 * esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
 * esmtp-value   = 1*(%d33-60 / %d62-126)     with UTF-8 by RFC 6531 section 3.3
 */
enum err esmtp_parameter_next(struct slice *rest, struct slice *keyword, struct slice *value)
{
    struct scan scan = scan_of(*rest);
    struct slice name, text = {0};
    scan_skip_wsp(&scan);
    if (scan_at_end(&scan)) {
        *rest = scan.rest;
        return ERR_NOT_FOUND;
    }
    if (!scan_while(&scan, is_keyword_char, &name) || name.data[0] == '-') {
        return ERR_SYNTAX;
    }
    if (scan_char(&scan, '=') && !scan_while(&scan, is_value_char, &text)) {
        return ERR_SYNTAX;
    }
    if (!scan_at_end(&scan) && !scan_wsp(&scan)) {
        return ERR_SYNTAX;
    }
    *rest = scan.rest;
    *keyword = name;
    *value = text;
    return ERR_OK;
}
