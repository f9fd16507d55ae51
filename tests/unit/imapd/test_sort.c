/* SPDX-License-Identifier: ISC */
/* SORT (RFC 5256, RFC 5957, RFC 5267 section 3, RFC 6203 section 6). */
#include "searching.h"

#include "sort.h"

/* UIDs 1, 2, 4, 5, 6 are messages 1 … 5. */
static struct peer *five_messages(void)
{
    append("INBOX",
           "From: =?utf-8?Q?=C3=84rger?= <zoe@example.org>\r\nTo: b@example.org\r\nSubject: Re: lunch\r\n"
           "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\n\r\n"); /* 8 February, 05:52 in UTC */
    append("INBOX",
           "From: adam@example.org\r\nTo: Zack <c@example.org>\r\nCc: x@example.org\r\nSubject: supper\r\n"
           "Date: Tue, 8 Feb 1994 04:00:00 +0000\r\n\r\na long text, the longest of all of them\r\n");
    append("INBOX", "From: gone@example.org\r\n\r\ngone\r\n");
    append("INBOX", "From: Bob <bob@example.org>\r\nTo: a@example.org\r\nSubject: [list] LUNCH\r\n"
                    "Date: Tue, 8 Feb 1994 05:00:00 +0000\r\n\r\n\r\n");
    append("INBOX", "From: bob@example.com\r\nSubject: dinner\r\nDate: never\r\n\r\n\r\n");
    append("INBOX", "Subject: Fwd: supper\r\nDate: Tue, 8 Feb 1994 04:00:00 +0000\r\n\r\n\r\n");
    expunge_elsewhere("INBOX", 3);
    struct peer *peer = peer_login();
    select_inbox(peer);
    return peer;
}

#define SORT(what, numbers) peer_do(peer, "SORT " what, "* SORT" numbers "$\nOK sorted$")

static void criteria(void)
{
    struct peer *peer = five_messages();
    SORT("(ARRIVAL) UTF-8 ALL", " 1 2 3 4 5");
    SORT("(REVERSE ARRIVAL) UTF-8 1:2", " 2 1");
    /* In UTC; without a valid date by arrival; equal ones in their order, reversed too. */
    SORT("(DATE) UTF-8 ALL", " 2 5 3 1 4");
    SORT("(REVERSE DATE) UTF-8 ALL", " 4 1 3 2 5");
    SORT("(SUBJECT) UTF-8 ALL", " 4 1 3 2 5");
    SORT("(SUBJECT DATE) UTF-8 ALL", " 4 3 1 2 5");
    SORT("(SUBJECT REVERSE DATE) US-ASCII ALL", " 4 1 3 2 5");
    SORT("(FROM) UTF-8 ALL", " 5 2 3 4 1");
    SORT("(TO) UTF-8 ALL", " 4 5 3 1 2");
    SORT("(CC REVERSE TO) UTF-8 ALL", " 1 3 4 5 2");
    SORT("(REVERSE SIZE) UTF-8 1:2", " 2 1");
    /* RFC 5957: names first, and without them the address */
    SORT("(DISPLAYFROM) UTF-8 ALL", " 5 2 1 3 4");
    SORT("(DISPLAYTO) UTF-8 ALL", " 4 5 3 1 2");
    SORT("(SUBJECT) UTF-8 SINCE 1-Feb-2094", "");
    SORT("(SUBJECT) US-ASCII TEXT \"not in mailbox\"", "");
    peer_do(peer, "UID SORT (SUBJECT DATE) UTF-8 ALL", "* SORT 5 4 1 2 6$\nOK ");
}
PEER_CASE(criteria)

/* RFC 5256 section 2.2 sorts by RFC 5051, in title case: what stands between "Z" and "a" comes behind both.
 */
static void marks_behind_letters(void)
{
    static const char *const subjects[] = {"zoo", "_draft", "Ant", "[list]", "{x", "`y", "~", "7"};
    for (size_t i = 0; i < ARRAY_LEN(subjects); i++)
        append("INBOX", arena_printf(&world.fixture->arena, "Subject: %s\r\n\r\nx\r\n", subjects[i]));
    struct peer *peer = peer_login();
    select_inbox(peer);
    SORT("(SUBJECT) UTF-8 ALL", " 8 3 1 4 2 6 5 7");
}
PEER_CASE(marks_behind_letters)

/* RFC 5267 section 3. */
static void extended(void)
{
    struct peer *peer = five_messages();
    peer_do(peer, "UID SORT RETURN () (REVERSE DATE) UTF-8 UNDELETED",
            "* ESEARCH (TAG \"t2\") UID ALL 5,1,4,2,6$\nOK ");
    peer_do(peer, "SORT RETURN (MIN MAX COUNT ALL) (REVERSE ARRIVAL FROM) UTF-8 1:3",
            "* ESEARCH (TAG \"t3\") MIN 3 MAX 1 COUNT 3 ALL 3,2,1$\nOK ");
    peer_do(peer, "SORT RETURN (ALL) (FROM) UTF-8 2:4", "* ESEARCH (TAG \"t4\") ALL 2:4$\nOK ");
    peer_do(peer, "SORT RETURN (PARTIAL 2:3) (DATE) UTF-8 ALL",
            "* ESEARCH (TAG \"t5\") PARTIAL (2:3 5,3)$\nOK ");
    peer_do(peer, "SORT RETURN (PARTIAL -1:-2 COUNT) (DATE) UTF-8 ALL",
            "* ESEARCH (TAG \"t6\") COUNT 5 PARTIAL (-1:-2 1,4)$\nOK ");
    peer_do(peer, "SORT RETURN (SAVE PARTIAL 1:2) (DATE) UTF-8 ALL",
            "* ESEARCH (TAG \"t7\") PARTIAL (1:2 2,5)$\nOK ");
    SORT("(REVERSE ARRIVAL) UTF-8 $", " 5 2");
}
PEER_CASE(extended)

/* RFC 6203: what was searched for stands in the subject, in an address, in the body. */
static void relevancy(void)
{
    append("INBOX", "From: a@example.org\r\nSubject: x\r\n\r\nall about the new work\r\n");
    append("INBOX", "From: a@example.org\r\nSubject: new work\r\n\r\n\r\n");
    append("INBOX", "From: work <new@example.org>\r\nSubject: x\r\n\r\n\r\n");
    append("INBOX", "From: a@example.org\r\nSubject: work\r\n\r\nnew\r\n");
    append("INBOX", "From: a@example.org\r\nSubject: work only\r\n\r\n\r\n");
    struct peer *peer = peer_login();
    select_inbox(peer);
    SORT("(RELEVANCY) UTF-8 FUZZY TEXT \"work new\"", " 2 3 4 1");
    SORT("(REVERSE RELEVANCY) UTF-8 FUZZY TEXT \"work new\"", " 1 4 3 2");
    peer_do(peer, "SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT \"work new\"",
            "* ESEARCH (TAG \"t4\") ALL 2:4,1 RELEVANCY (100 70 65 30)$\nOK ");
    peer_do(peer, "SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT \"work new\"",
            "* ESEARCH (TAG \"t5\") ALL 1:4 RELEVANCY (30 100 70 65)$\nOK ");
    peer_do(peer, "SORT RETURN (PARTIAL 1:2) (RELEVANCY) UTF-8 FUZZY TEXT work",
            "* ESEARCH (TAG \"t6\") PARTIAL (1:2 2,4)$\nOK ");
    peer_do(peer, "SEARCH FUZZY SUBJECT work FROM a@example", "* SEARCH 2 4 5$\nOK ");
    peer_do(peer, "SORT (RELEVANCY) UTF-8 TEXT work", "BAD ");
}
PEER_CASE(relevancy)

static void mistakes(void)
{
    struct peer *peer = peer_login();
    select_inbox(peer);
    peer_do(peer, "SORT", "BAD ");
    peer_do(peer, "SORT () UTF-8 ALL", "BAD ");
    peer_do(peer, "SORT (REVERSE) UTF-8 ALL", "BAD ");
    peer_do(peer, "SORT (SUBJECT", "BAD ");
    peer_do(peer, "SORT (SUBJECTS) UTF-8 ALL", "BAD ");
    peer_do(peer, "SORT (SUBJECT) UTF-8", "BAD ");
    peer_do(peer, "SORT (SUBJECT) X-UNKNOWN ALL", "NO [BADCHARSET ");
    peer_do(peer, "SORT (TO CC FROM TO CC FROM TO CC FROM TO CC FROM TO CC FROM TO CC) UTF-8 ALL", "BAD ");
    SORT("(to reverse date) \"utf-8\" all", "");
}
PEER_CASE(mistakes)

/* RFC 5255 section 4.7. */
static void comparator(void)
{
    struct peer *peer = peer_login();
    peer_do(peer, "COMPARATOR", "* COMPARATOR i;unicode-casemap$\nOK ");
    peer_do(peer, "COMPARATOR \"cz;*\" i;basic", "NO [BADCOMPARATOR] ");
    peer_do(peer, "COMPARATOR \"cz;*\" \"i;unicode*\"", "* COMPARATOR i;unicode-casemap$\nOK ");
    peer_do(peer, "COMPARATOR \"*;*code*map\"", "* COMPARATOR i;unicode-casemap$\nOK ");
    peer_do(peer, "COMPARATOR \"*map;*\"", "NO [BADCOMPARATOR] ");
    peer_do(peer, "COMPARATOR +I;Unicode-Casemap", "* COMPARATOR i;unicode-casemap$\nOK ");
    peer_do(peer, "COMPARATOR i;octet default", "* COMPARATOR i;unicode-casemap$\nOK ");
    peer_do(peer, "COMPARATOR i;unicode-casemapx", "NO [BADCOMPARATOR] ");
    peer_do(peer, "COMPARATOR (", "BAD ");
}
PEER_CASE(comparator)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(criteria), peer_test(marks_behind_letters), peer_test(extended), peer_test(relevancy),
        peer_test(mistakes), peer_test(comparator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
