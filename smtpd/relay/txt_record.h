/* SPDX-License-Identifier: ISC */
/* TXT records that begin with a version, of which a name may have one (RFC 8461 section 3.1, RFC 8460 section
 * 3). Pure. */
#ifndef SMTPD_RELAY_TXT_RECORD_H
#define SMTPD_RELAY_TXT_RECORD_H

#include "base/error.h"
#include "base/slice.h"

/* The one that begins with `version` ("v=STSv1") and a semicolon; others are somebody else's.
 * ERR_NOT_FOUND: there is none; ERR_SYNTAX: there are several. */
enum err txt_record_find(const struct slice *texts, size_t count, struct slice version,
                         struct slice *record_r) MUST_CHECK;

#endif
