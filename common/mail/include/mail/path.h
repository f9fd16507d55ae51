/* SPDX-License-Identifier: ISC */
/*
 * The arguments of MAIL and RCPT: Reverse-path, Forward-path and ESMTP parameters (RFC 5321 section 4.1.2),
 * and xtext (RFC 3461 section 4).
 *
 *     rest = "<@relay.example:user@example.org> SIZE=1000 BODY=8BITMIME"      behind "FROM:" or "TO:"
 *     path_parse(&arena, &rest, utf8, &path)
 *     while (rest.len > 0)
 *         esmtp_parameter_next(&rest, &keyword, &value)
 */
#ifndef MAIL_PATH_H
#define MAIL_PATH_H

#include "mail/address.h"

struct mail_path {
    struct address address; /* both empty for the null path; domain empty for <postmaster> */
    bool is_null;           /* "<>", for MAIL only: the caller refuses it for RCPT */
    bool is_postmaster; /* "<postmaster>" in any case and without domain, for RCPT only (section 4.1.1.3) */
    bool
        has_route; /* there was a source route "@a,@b:"; checked and ignored (section 3.6.1 and appendix C) */
    bool sloppy;   /* spaces before the path (Outlook), or no angle brackets (old printers) */
};

/*
 * Takes one path from the start of *rest and moves *rest behind it and the spaces that follow. What stands
 * there next must be nothing or, after at least one space, a parameter. ERR_SYNTAX or ERR_TOO_LONG leave
 * *rest and *out as they were.
 */
enum err path_parse(struct arena *arena, struct slice *rest, bool allow_utf8,
                    struct mail_path *out) MUST_CHECK;

/*
 * Takes one esmtp-param from *rest and the spaces behind it; value.data is NULL when there is no "=".
 * Slices point into *rest. ERR_NOT_FOUND when nothing is left, ERR_SYNTAX (rest untouched) for anything else.
 * Bytes above 127 are let through in values: RFC 6531 allows them in ORCPT; who takes a value checks it.
 */
enum err esmtp_parameter_next(struct slice *rest, struct slice *keyword, struct slice *value) MUST_CHECK;

/* xtext = *( xchar / hexchar ), hexchar = "+" 2(%x30-39 / %x41-46). ERR_SYNTAX leaves `out` as it was. */
enum err xtext_decode(struct buf *out, struct slice text) MUST_CHECK;
/* Whether it is xtext of printable ASCII characters and blanks, as ENVID and ORCPT want it. */
bool xtext_is_printable(struct slice text);
void xtext_encode(struct buf *out, struct slice bytes);

#endif
