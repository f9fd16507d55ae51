/* SPDX-License-Identifier: ISC */
/* Dates of mails: RFC 5322, its obsolete forms, and what mailers make of them. */
#include "check.h"

#include <time.h>

#include "mail/date.h"

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
        int zone;
    } good[] = {
        {"Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360},
        {"21 Nov 1997 09:55:06 -0600", 880127706, -360},
        {"Mon, 21 Nov 1997 09:55:06 -0600", 880127706, -360}, /* it was a Friday: not believed */
        {"Fri, 21 Nov 1997 09:55 -0600", 880127700, -360},
        {"Fri, 21 Nov 97 09:55:06 GMT", 880106106, 0},
        {"Fri, 21 Nov 097 09:55:06 GMT", 880106106, 0},
        {"21 Nov 49 00:00 GMT", 2521065600, 0},
        {"21 Nov 50 00:00 GMT", -603158400, 0},
        {"Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 "
         "(Newfoundland Time)",
         -27723480, -210},
        {"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360},
        {"(a (nested \\) one)) Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360},
        {"fri, 21 NOV 1997 09:55:06 est", 880124106, -300},
        {"Fri, 21 November 1997 09:55:06 PDT", 880131306, -420},
        {"Fri, 21 Nov 1997 09:55:06 Z", 880106106, 0},
        {"Fri, 21 Nov 1997 09:55:06 XYZZY", 880106106, 0},
        {"Fri, 21 Nov 1997 09:55:06", 880106106, 0},
        {"Fri, 21 Nov 1997 09:55:06 -0000", 880106106, 0},
        {"Fri, 21 Nov 1997 09:55:06 +0000 (UTC) more", 880106106, 0},
        {"21-Nov-1997 09:55:06 +0000", 880106106, 0},
        {"Fri Nov 21 09:55:06 1997", 880106106, 0},
        {"Fri Nov 21 09:55:06 EST 1997", 880124106, -300},
        {"Fri Nov 21 09:55:06 1997 -0500", 880124106, -300},
        {"Thu, 29 Feb 2024 23:59:60 +0000", 1709251200, 0},
        {"Thu, 01 Jan 1970 00:00:00 +0000", 0, 0},
        {"Sat, 1 Jan 0000 00:00:00 +0000", -62167219200, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct mail_date date = {0};
        enum err err = date_parse(slice_from(good[i].text), &date);
        if (err || date.seconds != good[i].seconds) {
            print_error("%s: %s, %lld\n", good[i].text, err_text(err), (long long)date.seconds);
        }
        assert_ok(err);
        assert_int_equal(date.seconds, good[i].seconds);
        assert_int_equal(date.zone_minutes, good[i].zone);
    }
    static const char *const bad[] = {
        "",
        "Fri",
        "Fri,",
        "21",
        "Fri, 21",
        "Fri, 21 Nov",
        "Fri, 21 Nov 1997",
        "Fri, 21 Nov 1997 09",
        "Fri, 21 Nov 1997 24:00:00 +0000",
        "Fri, 21 Nov 1997 09:60:00 +0000",
        "Fri, 21 Nov 1997 09:00:61 +0000",
        "Fri, 0 Nov 1997 09:00:00 +0000",
        "Fri, 31 Nov 1997 09:00:00 +0000",
        "Fri, 29 Feb 1900 09:00:00 +0000",
        "Fri, 21 Nix 1997 09:00:00 +0000",
        "Fri, 21 Nov 7 09:00:00 +0000",
        "Fri, 21 Nov 19970 09:00:00 +0000",
        "Fri, 21 Nov 1997 09:00:00 +100",
        "Fri, 21 Nov 1997 09:00:00 +0099",
        "Fri, 21 Nov 1997 09:00:00 +00000",
        "Friday 13th, of course",
        "1997-11-21T09:55:06Z",
        "(((",
        "21 Nov 1997 09-55-06",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct mail_date date = {.seconds = 4711};
        if (date_parse(slice_from(bad[i]), &date) != ERR_SYNTAX) {
            print_error("%s\n", bad[i]);
        }
        assert_err(date_parse(slice_from(bad[i]), &date), ERR_SYNTAX);
        assert_int_equal(date.seconds, 4711);
    }
}

static void test_format(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        int zone;
        const char *mail, *imap;
    } cases[] = {
        {1795262400, 0, "Sat, 21 Nov 2026 12:00:00 +0000", "21-Nov-2026 12:00:00 +0000"},
        {1795262400, 330, "Sat, 21 Nov 2026 17:30:00 +0530", "21-Nov-2026 17:30:00 +0530"},
        {880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600", "21-Nov-1997 09:55:06 -0600"},
        {-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000", "31-Dec-1969 23:59:59 +0000"},
        {951782400, -1, "Mon, 28 Feb 2000 23:59:00 -0001", "28-Feb-2000 23:59:00 -0001"},
        {951782400, 0, "Tue, 29 Feb 2000 00:00:00 +0000", "29-Feb-2000 00:00:00 +0000"},
        {951868800, 0, "Wed, 01 Mar 2000 00:00:00 +0000", " 1-Mar-2000 00:00:00 +0000"},
    };
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct mail_date date;
        buf_clear(&out);
        date_format(&out, cases[i].seconds, cases[i].zone);
        assert_text(buf_slice(&out), cases[i].mail);
        assert_ok(date_parse(buf_slice(&out), &date));
        assert_int_equal(date.seconds, cases[i].seconds);
        assert_int_equal(date.zone_minutes, cases[i].zone);
        buf_clear(&out);
        date_format_imap(&out, cases[i].seconds, cases[i].zone);
        assert_text(buf_slice(&out), cases[i].imap);
    }
    buf_free(&out);
}

/* Each day of 800 years, and some before the year 0, there and back, and against the C library. */
static void test_calendar(void **state)
{
    (void)state;
    for (int64_t days = -719468 - 1000; days < -719468 + 1000; days++) {
        int64_t year;
        unsigned month, day;
        date_civil_from_days(days, &year, &month, &day);
        assert_int_equal(date_days_from_civil(year, month, day), days);
        assert_true(month >= 1 && month <= 12 && day >= 1 && day <= 31);
    }
    int64_t first = date_days_from_civil(1600, 1, 1);
    for (int64_t days = first; days < first + 2 * 146097; days++) {
        int64_t year;
        unsigned month, day;
        date_civil_from_days(days, &year, &month, &day);
        assert_int_equal(date_days_from_civil(year, month, day), days);
        if (days % 97 == 0) {
            time_t moment = (time_t)(days * 86400);
            struct tm tm;
            gmtime_r(&moment, &tm);
            assert_int_equal(tm.tm_year + 1900, year);
            assert_int_equal(tm.tm_mon + 1, month);
            assert_int_equal(tm.tm_mday, day);
        }
    }
}

static void test_local_zone(void **state)
{
    (void)state;
    setenv("TZ", "XST-02:30", 1);
    tzset();
    assert_int_equal(date_local_zone(1795262400), 150);
    setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
    tzset();
    assert_int_equal(date_local_zone(1795262400), -300); /* November */
    assert_int_equal(date_local_zone(1783684800), -240); /* July */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_local_zone),
    };
    return cmocka_run_group_tests_name("mail/date", tests, NULL, NULL);
}
