/* SPDX-License-Identifier: ISC */
/* What the files of this room share among themselves. */
#ifndef MAIL_PRIV_H
#define MAIL_PRIV_H

#include "base/scan.h"
#include "mail/address.h"
#include "mail/header.h"

/* A Mailbox at the start of *scan, which moves behind it. Lengths of the parts are checked, the total is the
 * caller's. */
enum err address_scan(struct arena *arena, struct scan *scan, bool allow_utf8,
                      struct address *out) MUST_CHECK;
/* A Domain (no literal) at the start of *scan. */
enum err domain_scan(struct scan *scan, bool allow_utf8, struct slice *out) MUST_CHECK;

/* Cuts the raw text of one field into name and value; the name is empty when there is no good one. */
void header_split(struct slice raw, struct slice *name, struct slice *value);
/* The work of header_unfold on `text` itself: the result is never longer than its source. */
struct slice header_unfold_into(char *target, struct slice value);

#endif
