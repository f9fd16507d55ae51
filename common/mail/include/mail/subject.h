/* SPDX-License-Identifier: ISC */
/* The base subject (RFC 5256 section 2.1): what is left of a subject without "Re:", "[list]", "(fwd)". */
#ifndef MAIL_SUBJECT_H
#define MAIL_SUBJECT_H

#include "base/arena.h"

/* Of a subject that is unfolded and decoded. White space comes out as single spaces; letter case stays. In
 * the arena. *is_reply_r (may be NULL): something said that it is a reply or was forwarded. */
struct slice subject_base(struct arena *arena, struct slice subject, bool *is_reply_r);

#endif
