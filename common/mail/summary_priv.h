/* SPDX-License-Identifier: ISC */
/* Writers of IMAP texts, shared by envelope.c, bodystructure.c and summary.c. */
#ifndef MAIL_SUMMARY_PRIV_H
#define MAIL_SUMMARY_PRIV_H

#include "base/buf.h"
#include "mail/mime.h"

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE; 8-bit text as encoded-words, NUL and line ends as spaces. */
void imap_append_string(struct buf *out, struct slice text);
/* nstring = string / nil: NIL when text.data is NULL. */
void imap_append_nstring(struct buf *out, struct slice text);

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" of the fields of one message. */
void envelope_append(struct buf *out, const struct mime_field *fields);
/* "(…)" of a part and all inside it, with extension data. */
void bodystructure_append(struct buf *out, const struct mime_part *root);

#endif
