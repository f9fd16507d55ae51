/* SPDX-License-Identifier: ISC */
/*
 * Dates, RFC 5322 section 3.3:
 *
 *     date-time   = [ day-of-week "," ] date time [CFWS]
 *     date        = day month year
 *     time        = hour ":" minute [ ":" second ] zone
 *     zone        = ( "+" / "-" ) 4DIGIT
 *
 * with the obsolete forms of section 4.3 and the habits of old mailers. Comments and blanks may stand between
 * any two tokens; both are skipped before each one.
 */
#include "mail/date.h"

#include <time.h>

#include "base/scan.h"

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* Days by eras of 400 years that begin on 1 March (Howard Hinnant, "chrono-Compatible Low-Level Date
 * Algorithms"). */
int64_t date_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void date_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (unsigned)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* CFWS: blanks, folds and nested comments. */
static void skip_cfws(struct scan *scan)
{
    size_t depth = 0;
    while (!scan_at_end(scan)) {
        char c = scan_peek(scan);
        if (c == '(') {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (c == '\\' && depth > 0) {
            scan->rest = slice_skip(scan->rest, 1);
        } else if (depth == 0 && !char_is_wsp(c) && c != '\r' && c != '\n') {
            return;
        }
        scan->rest = slice_skip(scan->rest, 1);
    }
}

static bool scan_letters(struct scan *scan, struct slice *out)
{
    skip_cfws(scan);
    return scan_while(scan, char_is_alpha, out);
}

static bool scan_field(struct scan *scan, uint64_t max, uint64_t *out)
{
    skip_cfws(scan);
    return scan_number(scan, max, out);
}

/* "Nov" and "November" alike; 0 when it is no month. */
static unsigned month_of(struct slice word)
{
    for (unsigned i = 0; i < ARRAY_LEN(month_names); i++) {
        if (word.len >= 3 && slice_eq_nocase(slice_take(word, 3), slice_from(month_names[i]))) {
            return i + 1;
        }
    }
    return 0;
}

/* Section 4.3: two digits 00-49 are 2000-2049, 50-99 are 1950-1999, three digits count from 1900. */
static bool scan_year(struct scan *scan, int64_t *year)
{
    skip_cfws(scan);
    size_t before = scan->rest.len;
    uint64_t number;
    if (!scan_number(scan, 9999, &number)) {
        return false;
    }
    size_t digits = before - scan->rest.len;
    *year = (int64_t)number + (digits >= 4 ? 0 : digits == 2 && number < 50 ? 2000 : 1900);
    return digits >= 2;
}

struct clock_time {
    uint64_t hour, minute, second;
};

static bool scan_time(struct scan *scan, struct clock_time *time)
{
    time->second = 0;
    if (!scan_field(scan, 23, &time->hour)) {
        return false;
    }
    skip_cfws(scan);
    if (!scan_char(scan, ':') || !scan_field(scan, 59, &time->minute)) {
        return false;
    }
    skip_cfws(scan);
    /* 60 is a leap second. */
    return !scan_char(scan, ':') || scan_field(scan, 60, &time->second);
}

/* Section 4.3: the names of North America mean something, "UT" and "GMT" are zero; the military letters were
 * used with either sign, so they and all unknown names count as "-0000". */
static int named_zone(struct slice name)
{
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                 {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        if (slice_eq_nocase(name, slice_from(zones[i].name))) {
            return zones[i].hours * 60;
        }
    }
    return 0;
}

static bool scan_zone(struct scan *scan, int *minutes)
{
    struct slice name;
    *minutes = 0;
    skip_cfws(scan);
    bool east = scan_char(scan, '+');
    if (!east && !scan_char(scan, '-')) {
        *minutes = scan_letters(scan, &name) ? named_zone(name) : 0;
        return true;
    }
    size_t before = scan->rest.len;
    uint64_t digits;
    if (!scan_number(scan, 9959, &digits) || before - scan->rest.len != 4 || digits % 100 > 59) {
        return false;
    }
    int offset = (int)(digits / 100 * 60 + digits % 100);
    *minutes = east ? offset : -offset;
    return true;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
    static const unsigned char days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool scan_separator(struct scan *scan)
{
    skip_cfws(scan);
    (void)scan_char(scan, '-'); /* "21-Nov-97" */
    return true;
}

/* month year time zone, after the day */
static bool scan_mail_order(struct scan *scan, int64_t *year, unsigned *month, struct clock_time *time,
                            int *zone)
{
    struct slice word;
    if (!scan_separator(scan) || !scan_letters(scan, &word) || (*month = month_of(word)) == 0) {
        return false;
    }
    return scan_separator(scan) && scan_year(scan, year) && scan_time(scan, time) && scan_zone(scan, zone);
}

/* time [zone] year, after month and day: ctime(3) and date(1) */
static bool scan_ctime_order(struct scan *scan, int64_t *year, struct clock_time *time, int *zone)
{
    if (!scan_time(scan, time)) {
        return false;
    }
    skip_cfws(scan);
    if (!char_is_digit(scan_peek(scan)) && !scan_zone(scan, zone)) {
        return false;
    }
    if (!scan_year(scan, year)) {
        return false;
    }
    skip_cfws(scan);
    char sign = scan_peek(scan);
    return (sign != '+' && sign != '-') || scan_zone(scan, zone);
}

enum err date_parse(struct slice text, struct mail_date *out)
{
    struct scan scan = scan_of(text);
    struct slice word;
    struct clock_time time = {0};
    uint64_t day = 0;
    int64_t year = 0;
    unsigned month = 0;
    int zone = 0;
    bool good;

    if (scan_letters(&scan, &word)) {
        month = month_of(word);
    }
    if (month == 0) { /* a day name, or nothing: what it says is not believed */
        skip_cfws(&scan);
        while (scan_char(&scan, ',') || scan_char(&scan, '.')) {
            skip_cfws(&scan);
        }
        if (scan_letters(&scan, &word) && (month = month_of(word)) == 0) {
            return ERR_SYNTAX;
        }
    }
    good = scan_field(&scan, 31, &day);
    if (good) {
        good = month ? scan_ctime_order(&scan, &year, &time, &zone)
                     : scan_mail_order(&scan, &year, &month, &time, &zone);
    }
    if (!good || day == 0 || day > days_in_month(year, month)) {
        return ERR_SYNTAX;
    }
    int64_t local = date_days_from_civil(year, month, (unsigned)day) * 86400 +
                    (int64_t)(time.hour * 3600 + time.minute * 60 + time.second);
    *out = (struct mail_date){.seconds = local - (int64_t)zone * 60, .zone_minutes = zone};
    return ERR_OK;
}

/* The parts of a moment as a clock in that zone shows them. */
struct shown {
    int64_t year;
    unsigned month, day, weekday, second_of_day;
    char sign;
    unsigned zone_hours, zone_minutes;
};

static struct shown show(int64_t seconds, int zone_minutes)
{
    struct shown shown;
    int64_t local = seconds + (int64_t)zone_minutes * 60;
    int64_t days = local / 86400 - (local % 86400 < 0);
    unsigned zone = (unsigned)(zone_minutes < 0 ? -zone_minutes : zone_minutes);
    date_civil_from_days(days, &shown.year, &shown.month, &shown.day);
    shown.weekday = (unsigned)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    shown.second_of_day = (unsigned)(local - days * 86400);
    shown.sign = zone_minutes < 0 ? '-' : '+';
    shown.zone_hours = zone / 60;
    shown.zone_minutes = zone % 60;
    return shown;
}

void date_format(struct buf *out, int64_t seconds, int zone_minutes)
{
    struct shown s = show(seconds, zone_minutes);
    buf_printf(out, "%s, %02u %s %04lld %02u:%02u:%02u %c%02u%02u", day_names[s.weekday], s.day,
               month_names[s.month - 1], (long long)s.year, s.second_of_day / 3600, s.second_of_day / 60 % 60,
               s.second_of_day % 60, s.sign, s.zone_hours, s.zone_minutes);
}

void date_format_imap(struct buf *out, int64_t seconds, int zone_minutes)
{
    struct shown s = show(seconds, zone_minutes);
    if (s.day < 10)
        buf_append_char(out, ' ');
    buf_append_number(out, s.day, 1);
    buf_append_char(out, '-');
    buf_append(out, slice_from(month_names[s.month - 1]));
    buf_append_char(out, '-');
    buf_append_number(out, (uint64_t)MAX_OF(s.year, (int64_t)0), 4);
    buf_append_char(out, ' ');
    buf_append_number(out, s.second_of_day / 3600, 2);
    buf_append_char(out, ':');
    buf_append_number(out, s.second_of_day / 60 % 60, 2);
    buf_append_char(out, ':');
    buf_append_number(out, s.second_of_day % 60, 2);
    buf_append_char(out, ' ');
    buf_append_char(out, s.sign);
    buf_append_number(out, s.zone_hours, 2);
    buf_append_number(out, s.zone_minutes, 2);
}

int date_local_zone(int64_t seconds)
{
    time_t moment = (time_t)seconds;
    struct tm local;
    return localtime_r(&moment, &local) ? (int)(local.tm_gmtoff / 60) : 0;
}
