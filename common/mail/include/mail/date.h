/* SPDX-License-Identifier: ISC */
/* Dates of messages: RFC 5322 section 3.3 with its obsolete forms (4.3), and the date-time of IMAP. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include "base/buf.h"

struct mail_date {
    int64_t seconds;  /* since 1970 UTC */
    int zone_minutes; /* east of UTC: "+0200" is 120 */
};

/*
 * "Fri, 21 Nov 1997 09:55:06 -0600", also: day name missing or wrong, seconds missing, two- and three-digit
 * years, comments and folds anywhere, zones by name (EST, military letters) or missing (all that say nothing
 * count as UTC), and the order of ctime(3) ("Fri Nov 21 09:55:06 1997"). ERR_SYNTAX when no date can be made
 * of it or a field is out of range.
 */
enum err date_parse(struct slice text, struct mail_date *out) MUST_CHECK;

/* "Sat, 21 Nov 2026 12:00:00 +0000" in the given zone. */
void date_format(struct buf *out, int64_t seconds, int zone_minutes);
/* "21-Nov-2026 12:00:00 +0000" without the quotes, day padded with a space: date-time of RFC 3501. */
void date_format_imap(struct buf *out, int64_t seconds, int zone_minutes);
/* The offset of the host's zone at that moment, in minutes. */
int date_local_zone(int64_t seconds);

/* Days since 1970-01-01 of a date in the Gregorian calendar, and back (month from 1). */
int64_t date_days_from_civil(int64_t year, unsigned month, unsigned day);
void date_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
