/* SPDX-License-Identifier: ISC */
/* Dates of SEARCH and APPEND (RFC 9051 section 9: date, date-time). */
#include "base/scan.h"
#include "mail/date.h"

#include "parser.h"

#define SECOND_US 1000000

static bool scan_month(struct scan *scan, unsigned *month_r)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++) {
        if (scan_word(scan, slice_of(names + (size_t)3 * i, 3))) {
            *month_r = i + 1;
            return true;
        }
    }
    return false;
}

static bool day_exists(int64_t year, unsigned month, unsigned day, int64_t *days_r)
{
    int64_t back_year;
    unsigned back_month, back_day;
    *days_r = date_days_from_civil(year, month, day);
    date_civil_from_days(*days_r, &back_year, &back_month, &back_day);
    return back_year == year && back_month == month && back_day == day;
}

/* date-text = date-day "-" date-month "-" date-year, the year with four digits */
static bool scan_date(struct scan *scan, int64_t *days_r)
{
    uint64_t day, year;
    unsigned month;
    struct slice before;
    if (!scan_number(scan, 31, &day) || !scan_char(scan, '-') || !scan_month(scan, &month) ||
        !scan_char(scan, '-'))
        return false;
    before = scan->rest;
    return scan_number(scan, 9999, &year) && before.len - scan->rest.len == 4 && day > 0 &&
           day_exists((int64_t)year, month, (unsigned)day, days_r);
}

bool parse_date(struct parser *parser, int64_t *day_r)
{
    struct scan scan = scan_of(parser->rest);
    bool quoted = scan_char(&scan, '"');
    int64_t days;
    if (!scan_date(&scan, &days) || (quoted && !scan_char(&scan, '"')))
        return parser_expected(parser, "a date (like 1-Feb-2024)");
    *day_r = days;
    parser->rest = scan.rest;
    return true;
}

static bool scan_two_digits(struct scan *scan, uint64_t max, uint64_t *value_r)
{
    struct slice before = scan->rest;
    return scan_number(scan, max, value_r) && before.len - scan->rest.len == 2;
}

/* time = 2DIGIT ":" 2DIGIT ":" 2DIGIT, with a leap second */
static bool scan_time(struct scan *scan, int64_t *seconds_r)
{
    uint64_t hour, minute, second;
    if (!scan_two_digits(scan, 23, &hour) || !scan_char(scan, ':') || !scan_two_digits(scan, 59, &minute) ||
        !scan_char(scan, ':') || !scan_two_digits(scan, 60, &second))
        return false;
    *seconds_r = (int64_t)(hour * 3600 + minute * 60 + second);
    return true;
}

/* zone = ("+" / "-") 4DIGIT: hours and minutes east of UTC */
static bool scan_zone(struct scan *scan, int64_t *seconds_r)
{
    uint64_t zone;
    bool west = scan_char(scan, '-');
    if (!west && !scan_char(scan, '+'))
        return false;
    struct slice before = scan->rest;
    if (!scan_number(scan, 2359, &zone) || before.len - scan->rest.len != 4 || zone % 100 > 59)
        return false;
    int64_t seconds = (int64_t)(zone / 100 * 3600 + zone % 100 * 60);
    *seconds_r = west ? -seconds : seconds;
    return true;
}

bool parse_date_time(struct parser *parser, int64_t *time_us_r)
{
    struct scan scan = scan_of(parser->rest);
    int64_t days, time, zone;
    bool good = scan_char(&scan, '"');
    while (scan_char(&scan, ' ')) /* date-day-fixed = (SP DIGIT) / 2DIGIT */
        ;
    if (!good || !scan_date(&scan, &days) || !scan_char(&scan, ' ') || !scan_time(&scan, &time) ||
        !scan_char(&scan, ' ') || !scan_zone(&scan, &zone) || !scan_char(&scan, '"'))
        return parser_expected(parser, "a date and time (like \"01-Feb-2024 09:30:00 +0100\")");
    *time_us_r = (days * 86400 + time - zone) * SECOND_US;
    parser->rest = scan.rest;
    return true;
}
