/* SPDX-License-Identifier: ISC */
/* What the parts of a report share. */
#ifndef SMTPD_OUTBOUND_DSN_PRIVATE_H
#define SMTPD_OUTBOUND_DSN_PRIVATE_H

#include "dsn.h"

/* One line of text: line ends and tabs become spaces; other control characters, what is no UTF-8, and with
 * `ascii` all above 127, become "?". */
void dsn_append_clean(struct buf *out, struct slice text, bool ascii);
/* Appends a clean text in lines of 72 columns or so: each further one begins with a line end and `indent`.
 * `column` is where the first one begins. Words longer than a line may be are cut. */
void dsn_append_wrapped(struct buf *out, struct slice text, size_t column, const char *indent);
/* Quoted-printable (RFC 2045 section 6.7); line ends are CRLF. */
void dsn_append_quoted(struct buf *out, struct slice text);
void dsn_append_date(struct buf *out, int64_t us);

/* The words for people: the first part, without its header. */
void dsn_write_text(const struct dsn_report *report, struct slice subject, struct buf *out);
/* RFC 3464 section 2, the second part; with `global` that of RFC 6533 section 4.1. */
void dsn_write_fields(const struct dsn_report *report, bool global, struct buf *out);

#endif
