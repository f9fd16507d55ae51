/* SPDX-License-Identifier: ISC */
/*
 * Mail addresses as SMTP writes them: Mailbox of RFC 5321 section 4.1.2, with the UTF-8 of RFC 6531
 * section 3.3.
 *
 *     struct address address;
 *     if (address_parse(&arena, S("\"john doe\"@example.org"), false, &address) == ERR_OK)
 *         → local `john doe`, domain `example.org`
 *
 * The local part is held without its quoting ("canonical"), so `"john"@x` and `john@x` are the same mailbox,
 * and a quoted `"a@b"@c` cannot be taken for something else. address_format puts quotes back where the
 * grammar needs them. Addresses in header fields are another grammar: see addrlist.h.
 */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"

#define ADDRESS_LOCAL_MAX  64  /* octets, RFC 5321 section 4.5.3.1.1 */
#define ADDRESS_DOMAIN_MAX 255 /* section 4.5.3.1.2 */
#define ADDRESS_LABEL_MAX  63
#define ADDRESS_MAX        254 /* a Path is at most 256 octets with its angle brackets, section 4.5.3.1.3 */

struct address {
    struct slice local;  /* without quotes and quoted-pairs; empty for the null path */
    struct slice domain; /* as given: "Example.ORG", "[192.0.2.1]", "[IPv6:2001:db8::1]" */
};

/*
 * The whole text is one Mailbox: Local-part "@" ( Domain / address-literal ). Underscores in domain labels
 * are let through (hosts with them send mail), empty labels and a trailing dot are not. Without `allow_utf8`
 * any byte above 127 is ERR_SYNTAX, with it the text must be UTF-8. ERR_TOO_LONG when one of the limits above
 * is passed. Slices of *out live in the arena. A local part holds no control characters, so it may be logged
 * and put into protocol lines and paths after quoting; it may hold any other ASCII character, also '/', '@'
 * and a space.
 */
enum err address_parse(struct arena *arena, struct slice text, bool allow_utf8,
                       struct address *out) MUST_CHECK;

/* A domain alone (the argument of EHLO, a configured domain): the rules of Domain above, no literal. */
enum err address_check_domain(struct slice domain, bool allow_utf8) MUST_CHECK;
/* True for "[…]" forms. */
bool address_is_literal(struct slice domain);
/* An address-literal with its brackets: "[192.0.2.1]" or "[IPv6:…]", checked by inet_pton. */
bool address_check_literal(struct slice literal);

/* What stands behind the last "@" of an address as text; empty when there is none. */
struct slice address_domain_of(struct slice text);

/* The forms that tables are looked up by; NUL-terminated, in the arena.
 * Domain: lower case, U-labels as A-labels (IDNA 2008, nontransitional), address literals in lower case as
 * they are. ERR_SYNTAX when a label is no valid IDNA label. */
enum err address_domain_key(struct arena *arena, struct slice domain, struct slice *out) MUST_CHECK;
/* Local part: ASCII letters in lower case, other bytes as they are. (RFC 6532 section 3.1 asks senders for
 * NFC, so no normalisation is done here: a name typed in another form is another name.) */
struct slice address_local_key(struct arena *arena, struct slice local);
/* "local@domain" of the two keys, quoted where needed. */
enum err address_key(struct arena *arena, const struct address *address, struct slice *out) MUST_CHECK;

/* Appends the Mailbox in SMTP syntax, local part quoted when it is no Dot-string. Without domain: the local
 * part alone ("postmaster"); both empty: nothing (the caller writes the angle brackets). */
void address_format(struct buf *out, const struct address *address);
/* The same as a text of its own; NUL-terminated, in the arena. */
struct slice address_text(struct arena *arena, const struct address *address);
/* Same mailbox: local parts byte by byte, domains in any case. */
bool address_eq(const struct address *a, const struct address *b);

/*
 * Cuts "user+tag" at the first of the characters in `delimiter` ("+", or "+-" for both) into user and detail,
 * both slices of `local`. False (user = local, detail empty) when there is none, when it comes first, or when
 * `delimiter` is empty.
 */
bool address_split_detail(struct slice local, struct slice delimiter, struct slice *user_r,
                          struct slice *detail_r);

#endif
