/* SPDX-License-Identifier: ISC */
/* The tests' own reader of IMAP responses: takes what the RFCs show, and nothing that is only nearly so. */
#include "check.h"
#include "reply.h"

static const char *const good[] = {
    /* RFC 3501 */
    "a001 OK LOGIN completed\r\n",
    "* BAD Command line too long\r\n",
    "* OK [UNSEEN 12] Message 12 is first unseen\r\n",
    "* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited\r\n",
    "* CAPABILITY IMAP4rev1 STARTTLS AUTH=GSSAPI LOGINDISABLED\r\n",
    "* LIST (\\Noselect) \"/\" \"\"\r\n",
    "* LIST (\\Noselect) \"/\" ~/Mail/foo\r\n",
    "* LSUB () \".\" #news.comp.mail.misc\r\n",
    "* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)\r\n",
    "* SEARCH 2 84 882\r\n",
    "* SEARCH\r\n",
    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n",
    "* 23 EXISTS\r\n",
    "* 44 EXPUNGE\r\n",
    "* 23 FETCH (FLAGS (\\Seen) RFC822.SIZE 44827)\r\n",
    "* 12 FETCH (BODY[HEADER] {12}\r\nSubject: a\r\n)\r\n",
    "* 12 FETCH (BODY[TEXT]<5> \"x\" UID 4)\r\n",
    "* 12 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 4286 ENVELOPE "
    "(\"Wed, 17 "
    "Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" ((\"Terry Gray\" NIL \"gray\" "
    "\"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL "
    "\"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) ((NIL NIL \"minutes\" "
    "\"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
    "\"<B27397-0100000@cac.washington.edu>\") BODY (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL "
    "\"7BIT\" 3028 92))\r\n",
    "* 1 FETCH (BODY ((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)(\"TEXT\" "
    "\"PLAIN\" "
    "(\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \"<960723163407.20117h@cac.washington.edu>\" \"Compiler "
    "diff\" \"BASE64\" 4554 73) \"MIXED\"))\r\n",
    "+ Ready for additional command text\r\n",
    /* RFC 4315, 4731, 5182, 7162 */
    "A004 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n",
    "A003 OK [APPENDUID 38505 3955] APPEND completed\r\n",
    "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\n",
    "* ESEARCH (TAG \"A284\") UID ALL 2,10:15 MODSEQ 1236\r\n",
    "* ESEARCH (TAG \"A285\")\r\n",
    "* SEARCH 2 5 6 7 11 12 18 19 20 23 (MODSEQ 917162500)\r\n",
    "d105 OK [MODIFIED 7,9] Conditional STORE failed\r\n",
    "* VANISHED (EARLIER) 41,43:116,118,120:211,214:540\r\n",
    "* VANISHED 505,507,510,625\r\n",
    "* 1 FETCH (UID 4 MODSEQ (65402) FLAGS (\\Seen))\r\n",
    /* RFC 5258, 8474, 8970, 3516 */
    "* LIST (\\Subscribed) \"/\" \"Fruit/Peach\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n",
    "* 3 FETCH (EMAILID (Md8976d99ac3275bb4e) THREADID NIL)\r\n",
    "* 1 FETCH (PREVIEW \"Preview text!\")\r\n",
};

static const char *const bad[] = {
    "a001 OK\r\n",                                                                /* no text */
    "a001 MAYBE done\r\n",                                                        /* no condition */
    "a001 OK  done\r\n",                                                          /* two spaces */
    "* OK [UNSEEN 0] no message\r\n",                                             /* nz-number */
    "* OK [TRYCREATE x] what\r\n",                                                /* takes no arguments */
    "* OK [UIDNEXT 5]done\r\n",                                                   /* no space */
    "* OK \xc3\xa4\r\n",                                                          /* 8-bit text */
    "* 0 EXPUNGE\r\n",                                                            /* nz-number */
    "* 03 EXISTS\r\n",                                                            /* leading zero */
    "* 4294967296 EXISTS\r\n",                                                    /* 32 bits */
    "* FLAGS (\\Seen  \\Draft)\r\n",                                              /* two spaces */
    "* FLAGS (\\Seen \\Draft )\r\n",                                              /* a space at the end */
    "* FLAGS (\\Seen\r\n",                                                        /* not closed */
    "* SEARCH 1 \r\n",                                                            /* a space at the end */
    "* SEARCH 1  2\r\n",                                                          /* two spaces */
    "* LIST () / INBOX\r\n",                                                      /* delimiter not quoted */
    "* LIST () \"//\" INBOX\r\n",                                                 /* two characters */
    "* LIST () \"/\" in box\r\n",                                                 /* name not quoted */
    "* STATUS INBOX (MESSAGES)\r\n",                                              /* no number */
    "* STATUS INBOX (MESSAGES 1 )\r\n",                                           /* a space at the end */
    "* 1 FETCH ()\r\n",                                                           /* nothing */
    "* 1 FETCH (FLAGS (\\Seen) FLAGS ())\r\n",                                    /* twice */
    "* 1 FETCH (UID 0)\r\n",                                                      /* nz-number */
    "* 1 FETCH (MODSEQ 7)\r\n",                                                   /* no parentheses */
    "* 1 FETCH (INTERNALDATE \"7-Jul-1996 02:44:25 -0700\")\r\n",                 /* day in one place */
    "* 1 FETCH (INTERNALDATE \"17-Jul-1996 24:44:25 -0700\")\r\n",                /* hour 24 */
    "* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL))\r\n",             /* nine fields */
    "* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))\r\n",          /* no address */
    "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3028))\r\n",        /* lines missing */
    "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" () NIL NIL \"7BIT\" 3028 92))\r\n",      /* empty parameters */
    "* 1 FETCH (BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3028 92 NIL))\r\n", /* extension data in BODY */
    "* 1 FETCH (BODY[] \"\\x\")\r\n",      /* backslash before an ordinary character */
    "* 1 FETCH (BODY[] \"\xc3\xa4\")\r\n", /* 8-bit in a quoted string */
    "* 1 FETCH (BODY[] abc)\r\n",          /* an atom */
    "* VANISHED 5,\r\n",                   /* an empty range */
    "* VANISHED (EARLIER)\r\n",            /* no set */
    "* ESEARCH (TAG A282) MIN 2\r\n",      /* tag not quoted */
};

static bool parse(struct slice bytes, const char **why)
{
    struct arena arena = {0};
    struct reply reply;
    bool well = reply_parse(&arena, bytes, false, &reply, why);
    arena_free(&arena);
    return well;
}

static void takes_what_the_rfcs_show(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const char *why = NULL;
        if (!parse(slice_from(good[i]), &why)) {
            print_error("%s: %s\n", good[i], why);
            fail();
        }
    }
}

static void refuses_what_is_nearly_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *why = NULL;
        if (parse(slice_from(bad[i]), &why)) {
            print_error("taken: %s\n", bad[i]);
            fail();
        }
        assert_non_null(why);
    }
}

/* However it arrives: a response is complete with its last byte and not before. */
static void frames_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct slice bytes = slice_from(good[i]);
        const char *why;
        for (size_t n = 0; n < bytes.len; n++) {
            assert_int_equal(reply_frame(slice_take(bytes, n), &why), 0);
            assert_null(why);
        }
        assert_int_equal(reply_frame(bytes, &why), bytes.len);
    }
}

static void line_ends_are_crlf(void **state)
{
    (void)state;
    static const char *const lines[] = {"* 1 EXISTS\n", "* OK a\rb\r\n", "\n"};
    const char *why;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        assert_int_equal(reply_frame(slice_from(lines[i]), &why), 0);
        assert_non_null(why);
    }
    assert_int_equal(reply_frame(S("* OK a\0b\r\n"), &why), 0);
    assert_non_null(why);
}

static void tells_what_it_read(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct reply reply;
    const char *why;
    assert_true(
        reply_parse(&arena, S("A4 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n"), false, &reply, &why));
    assert_int_equal(reply.kind, REPLY_TAGGED);
    assert_text(reply.code.name, "COPYUID");
    assert_int_equal(reply.code.number, 38505);
    assert_int_equal(reply_set_size(&reply.code.set), 3);
    assert_true(reply_set_has(&reply.code.to, 3957));
    assert_true(reply_parse(&arena, S("* 2 FETCH (BODY[1.MIME]<9> {3}\r\nabc FLAGS (\\Seen x) UID 7)\r\n"),
                            false, &reply, &why));
    assert_int_equal(reply.number, 2);
    assert_int_equal(reply.fetch.uid, 7);
    assert_int_equal(reply.fetch.flags.count, 2);
    assert_text(reply.fetch.sections[0].name, "1.MIME");
    assert_int_equal(reply.fetch.sections[0].origin, 9);
    assert_text(reply.fetch.sections[0].value, "abc");
    assert_true(reply_parse(&arena, S("* 1 FETCH (BINARY[1] ~{3}\r\na\0b)\r\n"), false, &reply, &why));
    assert_slice(reply.fetch.sections[0].value, S("a\0b"));
    assert_false(reply_parse(&arena, S("* 1 FETCH (BODY[1] {3}\r\na\0b)\r\n"), false, &reply, &why));
    assert_true(reply_parse(&arena, S("* 1 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\n"), false,
                            &reply, &why));
    assert_int_equal(reply.fetch.date, 837596665);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_rfcs_show), cmocka_unit_test(refuses_what_is_nearly_so),
        cmocka_unit_test(frames_byte_by_byte),      cmocka_unit_test(line_ends_are_crlf),
        cmocka_unit_test(tells_what_it_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
