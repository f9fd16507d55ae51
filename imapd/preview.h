/* SPDX-License-Identifier: ISC */
/*
 * The begin of a message's text as a list of messages shows it (RFC 8970 section 3.3): at most PREVIEW_MAX
 * characters of the first part that has text, without HTML, quotations and the lines that introduce them,
 * rulers, and what cannot be seen; blanks as single spaces. Empty when there is nothing to tell.
 */
#ifndef IMAPD_PREVIEW_H
#define IMAPD_PREVIEW_H

#include "mail/text.h"

#define PREVIEW_MAX 200 /* characters */

/* Errors are those of `source`. */
enum err preview_make(struct text_extractor *extractor, const struct text_source *source,
                      struct buf *out) MUST_CHECK;

#endif
