/* SPDX-License-Identifier: ISC */
/* SEARCH as clients say it: keys, charsets, return options, "$". */
#include "searching.h"

#include "search_program.h"

/* Five messages; the third is expunged, so numbers and UIDs differ: 1 2 3 4 are 1 2 4 5. */
static struct peer *four_messages(void)
{
    append("INBOX", "From: Smith <smith@example.org>\r\nTo: fred@example.net\r\nSubject: lunch\r\n"
                    "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n\r\nnoon at the usual place\r\n");
    append("INBOX", "From: Jones <jones@example.org>\r\nCc: smith@example.org\r\n"
                    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus Wien\r\n\r\nServus, kommst du?\r\n");
    append("INBOX", "From: gone@example.org\r\n\r\ngone\r\n");
    append("INBOX", "From: Smith <smith@example.org>\r\nSubject: supper\r\nX-Mood: good\r\n"
                    "Content-Type: text/plain; charset=koi8-r\r\n\r\n\xcd\xc1\xd4\xd8\r\n");
    append("INBOX",
           "From: Eve <eve@example.org>\r\nBcc: hidden@example.org\r\nMessage-ID: <5@example.org>\r\n"
           "Subject: supper for smith\r\n\r\nlunch was nothing\r\n");
    expunge_elsewhere("INBOX", 3);
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN | MESSAGE_ANSWERED);
    flag_elsewhere("INBOX", 4, FLAGS_ADD, MESSAGE_FLAGGED | MESSAGE_DELETED);
    struct peer *peer = peer_login();
    select_inbox(peer);
    return peer;
}

#define SEARCH(keys, numbers) peer_do(peer, "SEARCH " keys, "* SEARCH" numbers "$\nOK searched$")

static void flags_and_sets(void)
{
    struct peer *peer = four_messages();
    SEARCH("ALL", " 1 2 3 4");
    SEARCH("SEEN", " 2");
    SEARCH("UNSEEN", " 1 3 4");
    SEARCH("ANSWERED UNFLAGGED", " 2");
    SEARCH("FLAGGED DELETED", " 3");
    SEARCH("UNDELETED", " 1 2 4");
    SEARCH("DRAFT", "");
    SEARCH("1:* NOT DELETED", " 1 2 4");
    SEARCH("3:9", " 3 4");
    SEARCH("9:*", " 4");
    SEARCH("9", "");
    SEARCH("UID 3:4", " 3");
    SEARCH("UID 9:*", " 4");
    SEARCH("OR SEEN FLAGGED", " 2 3");
    SEARCH("NOT (SEEN)", " 1 3 4");
    SEARCH("NOT OR SEEN FLAGGED", " 1 4");
    SEARCH("OR (SEEN ANSWERED) OR 1 4", " 1 2 4");
    SEARCH("NEW", " 1 3 4");
    SEARCH("RECENT SEEN", " 2");
    SEARCH("OLD", "");
    peer_do(peer, "UID SEARCH ALL", "* SEARCH 1 2 4 5$\nOK ");
    peer_do(peer, "UID SEARCH 1:* NOT DELETED", "* SEARCH 1 2 5$\nOK ");
    peer_do(peer, "UID SEARCH 3", "* SEARCH 4$\nOK ");
    peer_do(peer, "UID SEARCH UID 3:4", "* SEARCH 4$\nOK ");
}
PEER_CASE(flags_and_sets)

static void keywords(void)
{
    struct slice work = S("Work");
    struct uid_range uids = {2, 3};
    fill(4);
    change((struct batch_operation){
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(S("INBOX")),
        .flags = {.uids = {&uids, 1}, .change = FLAGS_ADD, .keywords = &work, .keyword_count = 1}});
    struct peer *peer = peer_login();
    select_inbox(peer);
    SEARCH("KEYWORD work", " 2 3");
    SEARCH("UNKEYWORD Work", " 1 4");
    SEARCH("KEYWORD nobody", "");
    SEARCH("UNKEYWORD nobody", " 1 2 3 4");
    SEARCH("OR KEYWORD WORK 1", " 1 2 3");
}
PEER_CASE(keywords)

static void texts(void)
{
    struct peer *peer = four_messages();
    SEARCH("FROM smith", " 1 3");
    SEARCH("FROM \"SMITH@example\"", " 1 3");
    SEARCH("NOT FROM smith", " 2 4");
    SEARCH("CC smith", " 2");
    SEARCH("TO fred", " 1");
    SEARCH("BCC hidden", " 4");
    SEARCH("SUBJECT supper", " 3 4");
    SEARCH("SUBJECT \"GR\xc3\x9cSSE\"", " 2");
    SEARCH("HEADER X-Mood \"\"", " 3");
    SEARCH("HEADER Message-ID <5@example.org>", " 4");
    SEARCH("BODY lunch", " 4");
    SEARCH("TEXT lunch", " 1 4");
    SEARCH("TEXT smith UNSEEN", " 1 3 4");
    SEARCH("OR FROM smith SUBJECT smith", " 1 3 4");
    SEARCH("OR SEEN (FROM smith SUBJECT supper)", " 2 3");
    SEARCH("NOT (FROM smith) UNSEEN", " 4");
    SEARCH("BODY \"\xd0\xbc\xd0\xb0\xd1\x82\xd1\x8c\"", " 3");
    SEARCH("TEXT \"string not in mailbox\"", "");
}
PEER_CASE(texts)

/* With the literals that clients send: a synchronising one, as Thunderbird does, and others. */
static void charsets(void)
{
    struct peer *peer = four_messages();
    peer_send(peer, "x uid SEARCH CHARSET UTF-8 UNDELETED SUBJECT {6}\r\n");
    peer_expect(peer, "+ ");
    peer_send(peer, "supper\r\n");
    peer_expect(peer, "* SEARCH 5$\nx OK ");
    peer_do(peer, "SEARCH CHARSET UTF-8 TEXT {8+}\r\n\xd0\xbc\xd0\xb0\xd1\x82\xd1\x8c", "* SEARCH 3$\nOK ");
    peer_do(peer, "SEARCH CHARSET KOI8-R (OR 1 2:3) TEXT {4+}\r\n\xcd\xc1\xd4\xd8", "* SEARCH 3$\nOK ");
    peer_do(peer, "SEARCH CHARSET \"ISO-8859-1\" SUBJECT {3+}\r\nGr\xfc", "* SEARCH 2$\nOK ");
    peer_do(peer, "SEARCH CHARSET US-ASCII SUBJECT supper", "* SEARCH 3 4$\nOK ");
    peer_do(peer, "SEARCH CHARSET X-UNKNOWN TEXT {4+}\r\nXXXX", "NO [BADCHARSET (UTF-8 US-ASCII)] ");
    peer_do(peer, "SEARCH CHARSET", "BAD ");
}
PEER_CASE(charsets)

static void sizes_and_dates(void)
{
    fill(2); /* of now */
    append("INBOX", "Date: Tue, 1 Feb 1994 23:30:00 -0500\r\n\r\nlate in the evening, 2 February in UTC\r\n");
    append("INBOX", "Date: Wed, 2 Feb 1994 00:30:00 +0900\r\n\r\nearly, 1 February in UTC\r\n");
    append("INBOX", "Date: nonsense\r\n\r\n\r\n");
    struct peer *peer = peer_login();
    select_inbox(peer);
    SEARCH("SENTON 1-Feb-1994", " 3");
    SEARCH("SENTON \"2-Feb-1994\"", " 4");
    SEARCH("SENTBEFORE 2-Feb-1994", " 3");
    SEARCH("SENTSINCE 2-Feb-1994", " 4");
    SEARCH("NOT SENTSINCE 1-Jan-1980", " 1 2 5");
    SEARCH("SINCE 1-Feb-1994", " 1 2 3 4 5");
    SEARCH("BEFORE 1-Feb-1994", "");
    SEARCH("ON 1-Feb-1994", "");
    SEARCH("SAVEDSINCE 28-Dec-2014", " 1 2 3 4 5");
    SEARCH("SAVEDBEFORE 28-Dec-2014", "");
    SEARCH("SAVEDON 28-Dec-2014", "");
    SEARCH("SAVEDATESUPPORTED", " 1 2 3 4 5");
    SEARCH("YOUNGER 259200", " 1 2 3 4 5");
    SEARCH("OLDER 259200", "");
    SEARCH("SMALLER 43", " 5");
    SEARCH("LARGER 42 SMALLER 44", " 1 2");
    peer_do(peer, "SEARCH SINCE 31-Feb-1994", "BAD ");
    peer_do(peer, "SEARCH OLDER 0", "BAD ");
}
PEER_CASE(sizes_and_dates)

static void return_options(void)
{
    struct peer *peer = four_messages();
    peer_do(peer, "SEARCH RETURN (MIN COUNT) UNSEEN", "* ESEARCH (TAG \"t2\") MIN 1 COUNT 3$\nOK ");
    peer_do(peer, "SEARCH RETURN () UNSEEN", "* ESEARCH (TAG \"t3\") ALL 1,3:4$\nOK ");
    peer_do(peer, "UID SEARCH RETURN () UNSEEN", "* ESEARCH (TAG \"t4\") UID ALL 1,4:5$\nOK ");
    peer_do(peer, "UID SEARCH RETURN (MIN MAX) 1:5000", "* ESEARCH (TAG \"t5\") UID MIN 1 MAX 5$\nOK ");
    peer_do(peer, "SEARCH RETURN (MAX) NOT FROM eve", "* ESEARCH (TAG \"t6\") MAX 3$\nOK ");
    peer_do(peer, "SEARCH RETURN (MIN MAX ALL) DRAFT", "* ESEARCH (TAG \"t7\")$\nOK ");
    peer_do(peer, "SEARCH RETURN (COUNT) DRAFT", "* ESEARCH (TAG \"t8\") COUNT 0$\nOK ");
    peer_do(peer, "SEARCH RETURN (COUNT ALL) CHARSET UTF-8 FROM smith",
            "* ESEARCH (TAG \"t9\") COUNT 2 ALL 1,3$\nOK ");
    peer_do(peer, "SEARCH RETURN (PARTIAL 1:2) UNSEEN", "* ESEARCH (TAG \"t10\") PARTIAL (1:2 1,3)$\nOK ");
    peer_do(peer, "SEARCH RETURN (PARTIAL -1:-2) UNSEEN",
            "* ESEARCH (TAG \"t11\") PARTIAL (-1:-2 3:4)$\nOK ");
    peer_do(peer, "SEARCH RETURN (PARTIAL 3:2 COUNT) UNSEEN",
            "* ESEARCH (TAG \"t12\") COUNT 3 PARTIAL (2:3 3:4)$\nOK ");
    peer_do(peer, "UID SEARCH RETURN (PARTIAL 24000:24500) UNSEEN",
            "* ESEARCH (TAG \"t13\") UID PARTIAL (24000:24500 NIL)$\nOK ");
    peer_do(peer, "SEARCH RETURN (PARTIAL 1:2 ALL) UNSEEN", "BAD ");
    peer_do(peer, "SEARCH RETURN (PARTIAL 1:-2) UNSEEN", "BAD ");
    peer_do(peer, "SEARCH RETURN (NOTHING) UNSEEN", "BAD ");
    peer_do(peer, "SEARCH RETURN (RELEVANCY) UNSEEN", "BAD ");
}
PEER_CASE(return_options)

/* RFC 5182, RFC 9051 section 6.4.4.4. */
static void saved(void)
{
    struct peer *peer = four_messages();
    SEARCH("$", "");
    peer_do(peer, "SEARCH RETURN (SAVE) UNSEEN", "OK searched, and saved$");
    SEARCH("$", " 1 3 4");
    SEARCH("OR $ 2", " 1 2 3 4");
    peer_do(peer, "UID SEARCH UID $ FROM smith", "* SEARCH 1 4$\nOK ");
    peer_do(peer, "SEARCH RETURN (SAVE MIN) UNSEEN", "* ESEARCH (TAG \"t7\") MIN 1$\nOK ");
    SEARCH("$", " 1");
    peer_do(peer, "SEARCH RETURN (MAX SAVE MIN) UNSEEN", "* ESEARCH (TAG \"t9\") MIN 1 MAX 4$\nOK ");
    SEARCH("$", " 1 4");
    peer_do(peer, "SEARCH RETURN (SAVE MIN COUNT) UNSEEN", "* ESEARCH (TAG \"t11\") MIN 1 COUNT 3$\nOK ");
    SEARCH("$", " 1 3 4");
    peer_do(peer, "SEARCH RETURN (SAVE PARTIAL -1:-1 MIN) UNSEEN",
            "* ESEARCH (TAG \"t13\") MIN 1 PARTIAL (-1:-1 4)$\nOK ");
    SEARCH("$", " 1 4");
    /* BAD leaves it, NO empties it. */
    peer_do(peer, "SEARCH RETURN (SAVE) UNSENT", "BAD ");
    SEARCH("$", " 1 4");
    peer_do(peer, "SEARCH RETURN (COUNT) CHARSET X-UNKNOWN ALL", "NO [BADCHARSET ");
    SEARCH("$", " 1 4");
    peer_do(peer, "SEARCH RETURN (SAVE) CHARSET X-UNKNOWN ALL", "NO [BADCHARSET ");
    SEARCH("$", "");
    peer_do(peer, "SEARCH RETURN (SAVE) ALL", "OK ");
    expunge_elsewhere("INBOX", 2);
    peer_do(peer, "NOOP", "* 2 EXPUNGE$\nOK ");
    SEARCH("$", " 1 2 3");
}
PEER_CASE(saved)

/* RFC 7162 section 3.1.5. */
static void modseqs(void)
{
    struct peer *peer = four_messages();
    peer_do(peer, "SEARCH MODSEQ 620162338", "* SEARCH$\n* OK [HIGHESTMODSEQ \nOK searched$");
    peer_send(peer, "x SEARCH MODSEQ \"/flags/\\\\draft\" all 1\r\n");
    peer_expect(peer, "* SEARCH 1 2 3 4 (MODSEQ ");
    peer_expect(peer, "x OK ");
    peer_send(peer, "x SEARCH RETURN (ALL) MODSEQ 1\r\n");
    peer_expect(peer, "* ESEARCH (TAG \"x\") ALL 1:4 MODSEQ ");
    peer_expect(peer, "x OK ");
    SEARCH("OR NOT MODSEQ 1 LARGER 50000", "");
    peer_do(peer, "SEARCH MODSEQ \"/flags/\\\\draft\" any 1", "BAD ");
}
PEER_CASE(modseqs)

/* Also when every byte comes alone. */
static void mistakes(void)
{
    world.chunk = 1;
    fill(1);
    struct peer *peer = peer_login();
    select_inbox(peer);
    peer_send(peer, "c SEARCH\r\nd SEARCH UNSENT\r\ne SEARCH (SEEN\r\nf SEARCH OR SEEN\r\n"
                    "g SEARCH NOT\r\nh SEARCH SEEN)\r\ni SEARCH SUBJECT\r\n"
                    "j SEARCH SEEN FILTER missing\r\nk SEARCH ( SEEN  UNSEEN )  \r\n"
                    "l UID SEARCH subject {1+}\r\n1 (or 1 body {4+}\r\nbody)\r\n");
    peer_expect(peer, "c BAD \nd BAD \ne BAD \nf BAD \ng BAD \nh BAD \ni BAD \n"
                      "j NO [UNDEFINED-FILTER missing] \n* SEARCH$\nk OK \n* SEARCH 1$\nl OK ");
}
PEER_CASE(mistakes)

/* RFC 8474: what FETCH tells can be searched for. */
static void objects(void)
{
    static const char *const names[] = {"EMAILID", "THREADID"};
    struct arena *arena = &world.fixture->arena;
    append("INBOX", "Message-ID: <1@x>\r\n\r\n\r\n");
    append("INBOX", "Message-ID: <2@x>\r\n\r\n\r\n");
    append("INBOX", "In-Reply-To: <1@x>\r\n\r\n\r\n");
    struct peer *peer = peer_login();
    select_inbox(peer);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        peer_send(peer, arena_printf(arena, "x FETCH 1 (%s)\r\n", names[i]));
        struct slice line = peer_line(peer), id = slice_skip(line, slice_find(line, '(') + 1);
        id = slice_skip(id, slice_find(id, '(') + 1);
        id = slice_take(id, slice_find(id, ')'));
        assert_int_equal(id.len, 33);
        peer_expect(peer, "x OK ");
        peer_do(peer, arena_printf(arena, "SEARCH %s %.*s", names[i], SLICE_ARG(id)),
                i == 0 ? "* SEARCH 1$\nOK " : "* SEARCH 1 3$\nOK ");
        peer_do(peer, arena_printf(arena, "SEARCH NOT %s %.*s", names[i], SLICE_ARG(id)),
                i == 0 ? "* SEARCH 2 3$\nOK " : "* SEARCH 2$\nOK ");
        peer_do(peer, arena_printf(arena, "SEARCH %s foreign_id", names[i]), "* SEARCH$\nOK ");
    }
}
PEER_CASE(objects)

static void annotate(const char *entry, const char *value)
{
    change((struct batch_operation){.kind = BATCH_ANNOTATE,
                                    .annotate = {.entry = slice_from(entry), .value = slice_from(value)}});
}

/* RFC 5466 section 3.1. */
static void filters(void)
{
    annotate("/private/filters/values/on-the-road", "OR LARGER 5000 FROM \"eve@example.org\"");
    annotate("/shared/filters/values/on-the-road", "SEEN");
    annotate("/shared/filters/values/away", "NOT FILTER on-the-road");
    annotate("/private/filters/values/half", "OR SEEN");
    annotate("/private/filters/values/umlaut", "SUBJECT \"Gr\xc3\xbc\"");
    struct peer *peer = four_messages();
    SEARCH("FILTER on-the-road", " 4");
    SEARCH("UID 2:9 FILTER Away UNDELETED", " 2");
    SEARCH("CHARSET UTF-8 FILTER umlaut", " 2");
    peer_do(peer, "SEARCH FILTER half SEEN", "BAD ");
    struct buf many; /* each is read anew */
    buf_init(&many, 4096);
    buf_append(&many, S("SEARCH ALL"));
    for (unsigned i = 0; i < SEARCH_FILTERS_ALL; i++)
        buf_append(&many, S(" FILTER on-the-road"));
    peer_do(peer, buf_cstr(&many), "* SEARCH 4$\nOK ");
    buf_append(&many, S(" FILTER on-the-road"));
    peer_do(peer, buf_cstr(&many), "NO [LIMIT] ");
    buf_free(&many);
    peer_do(peer, "SEARCH FILTER missing", "NO [UNDEFINED-FILTER missing] ");
    peer_do(peer, "SEARCH CHARSET ISO-8859-1 FILTER umlaut", "BAD [BADCHARSET ");
}
PEER_CASE(filters)

/* RFC 9586 section 3: message numbers are not to be said, and not to be answered. */
static void uids_only(void)
{
    struct peer *peer = four_messages();
    peer_do(peer, "ENABLE UIDONLY", "* ENABLED UIDONLY$\nOK ");
    peer_do(peer, "SEARCH ALL", "BAD [UIDREQUIRED] ");
    peer_do(peer, "UID SEARCH 1:2", "BAD [UIDREQUIRED] ");
    peer_do(peer, "UID SEARCH OR SEEN (NOT 1)", "BAD [UIDREQUIRED] ");
    peer_do(peer, "UID SEARCH RETURN (SAVE) UID 2:4", "OK ");
    peer_do(peer, "UID SEARCH $", "* SEARCH 2 4$\nOK ");
    peer_do(peer, "SORT (DATE) UTF-8 ALL", "BAD [UIDREQUIRED] ");
    peer_do(peer, "THREAD REFERENCES UTF-8 ALL", "BAD [UIDREQUIRED] ");
}
PEER_CASE(uids_only)

/* RFC 9051 section 6.4.4: SEARCH answers as ESEARCH does. */
static void rev2(void)
{
    struct peer *peer = four_messages();
    peer_do(peer, "ENABLE IMAP4rev2", "* ENABLED IMAP4rev2$\nOK ");
    peer_do(peer, "SEARCH TEXT \"string not in mailbox\"", "* ESEARCH (TAG \"t3\")$\nOK ");
    peer_do(peer, "UID SEARCH UNSEEN", "* ESEARCH (TAG \"t4\") UID ALL 1,4:5$\nOK ");
    peer_do(peer, "SEARCH RETURN (MIN COUNT) UNSEEN", "* ESEARCH (TAG \"t5\") MIN 1 COUNT 3$\nOK ");
    peer_do(peer, "SORT (REVERSE ARRIVAL) UTF-8 UNSEEN", "* SORT 4 3 1$\nOK ");
}
PEER_CASE(rev2)

/* New mail is announced before it is found, so its number means something. */
static void new_mail(void)
{
    struct peer *peer = four_messages();
    append("INBOX", "Subject: new\r\n\r\n\r\n");
    peer_do(peer, "SEARCH SUBJECT new", "* 5 EXISTS$\n* 5 RECENT$\n* SEARCH 5$\nOK ");
    append("INBOX", "Subject: new\r\n\r\n\r\n");
    expunge_elsewhere("INBOX", 1);
    peer_do(peer, "SEARCH UID 6:*", "* 6 EXISTS$\n* 6 RECENT$\n* SEARCH 5 6$\nOK ");
    peer_do(peer, "UID SEARCH UID 6:*", "* SEARCH 6 7$\n* 1 EXPUNGE$\nOK ");
}
PEER_CASE(new_mail)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(flags_and_sets),  peer_test(keywords),       peer_test(texts),   peer_test(charsets),
        peer_test(sizes_and_dates), peer_test(return_options), peer_test(saved),   peer_test(modseqs),
        peer_test(mistakes),        peer_test(objects),        peer_test(filters), peer_test(uids_only),
        peer_test(new_mail),        peer_test(rev2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
