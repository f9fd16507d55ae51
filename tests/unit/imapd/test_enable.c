/* SPDX-License-Identifier: ISC */
/* ENABLE (RFC 5161), UTF8=ACCEPT (RFC 6855), and what IMAP4rev2 (RFC 9051 appendix E) says differently. */
#include "world.h"

static void enable(void)
{
    struct peer *a = peer_login();
    peer_do(a, "ENABLE CONDSTORE X-GOOD-IDEA", "* ENABLED CONDSTORE$\nOK ");
    peer_do(a, "ENABLE CONDSTORE", "* ENABLED$\nOK ");
    peer_do(a, "ENABLE X-GOOD-IDEA", "* ENABLED$\nOK ");
    peer_do(a, "ENABLE utf8=accept imap4REV2", "* ENABLED UTF8=ACCEPT IMAP4rev2$\nOK ");
    peer_do(a, "ENABLE", "BAD ");
    struct peer *b = peer_connect();
    peer_do(b, "ENABLE UTF8=ACCEPT", "BAD ");
}
PEER_CASE(enable)

/* Rule 5: 7 bits for those who did not ask. "&" is written "&-", and means itself where it is no shift. */
static void rule_5_seven_bits(void)
{
    create("Entwürfe");
    create("Tom & Jerry");
    struct peer *a = peer_login();
    peer_do(a, "LIST \"\" (Ent% Tom%)",
            "* LIST (\\HasNoChildren) \"/\" \"Entw&APw-rfe\"$\n* LIST (\\HasNoChildren) \"/\" \"Tom &- "
            "Jerry\"$\nOK ");
    peer_do(a, "STATUS \"Entwürfe\" (MESSAGES)", "* STATUS \"Entw&APw-rfe\" (MESSAGES 0)$\nOK ");
    peer_do(a, "STATUS \"Tom & Jerry\" (MESSAGES)", "* STATUS \"Tom &- Jerry\" (MESSAGES 0)$\nOK ");
    peer_do(a, "STATUS \"Tom &- Jerry\" (MESSAGES)", "* STATUS \"Tom &- Jerry\" (MESSAGES 0)$\nOK ");
}
PEER_CASE(rule_5_seven_bits)

/* RFC 6855 section 3: names are UTF-8 both ways, and "&" is nothing special (Thunderbird sends it bare). */
static void names_are_utf8(void)
{
    create("Entwürfe");
    struct peer *a = peer_login();
    peer_do(a, "ENABLE UTF8=ACCEPT", "* ENABLED UTF8=ACCEPT$\nOK ");
    peer_do(a, "LIST \"\" Ent%", "* LIST (\\HasNoChildren) \"/\" \"Entwürfe\"$\nOK ");
    peer_do(a, "STATUS \"Entwürfe\" (MESSAGES)", "* STATUS \"Entwürfe\" (MESSAGES 0)$\nOK ");
    peer_do(a, "CREATE \"Tom & Jerry\"", "OK ");
    peer_do(a, "CREATE \"A&APw-B\"", "OK ");
    peer_do(a, "SUBSCRIBE \"A&APw-B\"", "OK ");
    peer_do(
        a, "LIST \"\" (Tom% \"A&APw-B\" \"Aü%\")",
        "* LIST (\\HasNoChildren) \"/\" \"A&APw-B\"$\n* LIST (\\HasNoChildren) \"/\" \"Tom & Jerry\"$\nOK ");
    peer_do(a, "LSUB \"\" A&*", "* LSUB (\\HasNoChildren) \"/\" \"A&APw-B\"$\nOK ");
    peer_do(a, "SETMETADATA \"Tom & Jerry\" (/private/comment \"Mäuse\")", "OK ");
    peer_do(a, "GETMETADATA \"Tom & Jerry\" /private/comment",
            "* METADATA \"Tom & Jerry\" (/private/comment {6}$\nMäuse)$\nOK ");
    peer_do(a, "STATUS \"Entw\xfcrfe\" (MESSAGES)", "BAD "); /* no UTF-8: MUST be refused */
    struct peer *b = peer_login();
    peer_do(b, "LIST \"\" A*B", "* LIST (\\HasNoChildren) \"/\" \"A&-APw-B\"$\nOK ");
}
PEER_CASE(names_are_utf8)

/* Appendix E, items 4, 10, 11, 12, and section 6.3.2's [CLOSED]. */
static void rev2_says_differently(void)
{
    fill(2);
    create("Entwürfe");
    struct peer *a = peer_login();
    peer_do(a, "ENABLE IMAP4rev2", "* ENABLED IMAP4rev2$\nOK ");
    peer_do(a, "SELECT inbox",
            "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* OK [UIDVALIDITY \n* OK [UIDNEXT 3] \n"
            "* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\n* LIST () \"/\" \"INBOX\" (\"OLDNAME\" "
            "(\"inbox\"))$\nOK [READ-WRITE] ");
    peer_do(a, "SEARCH UNSEEN", "* ESEARCH (TAG \"t4\") ALL 1:2$\nOK ");
    peer_do(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS ())$\nOK ");
    fill(1);
    peer_do(a, "NOOP", "* 3 EXISTS$\nOK ");
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_SEEN);
    peer_do(a, "NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen))$\nOK ");
    peer_do(a, "EXAMINE \"Entwürfe\"",
            "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* OK [UIDVALIDITY \n* OK "
            "[UIDNEXT 1] \n"
            "* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\n* LIST () \"/\" \"Entwürfe\"$\nOK [READ-ONLY] ");
    peer_do(a, "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)",
            "* STATUS \"INBOX\" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY \nOK ");
}
PEER_CASE(rev2_says_differently)

/* Sections 6.3.4 to 6.3.6 and 6.3.9.7: a name that is kept in another form. */
static void rev2_tells_old_names(void)
{
    struct peer *a = peer_login();
    peer_do(a, "CREATE \"Ko\xcc\x88ln\"", "OK "); /* a rev1 client is not told */
    peer_do(a, "DELETE \"K\xc3\xb6ln\"", "OK ");
    peer_do(a, "ENABLE IMAP4rev2", "* ENABLED IMAP4rev2$\nOK ");
    peer_do(a, "CREATE \"Ko\xcc\x88ln\"",
            "* LIST () \"/\" \"K\xc3\xb6ln\" (\"OLDNAME\" (\"Ko\xcc\x88ln\"))$\nOK [MAILBOXID ");
    peer_do(a, "RENAME \"K\xc3\xb6ln\" \"Mu\xcc\x88nchen\"",
            "* LIST () \"/\" \"M\xc3\xbcnchen\" (\"OLDNAME\" (\"K\xc3\xb6ln\"))$\nOK ");
    peer_do(a, "DELETE \"Mu\xcc\x88nchen\"",
            "* LIST (\\NonExistent) \"/\" \"M\xc3\xbcnchen\" (\"OLDNAME\" (\"Mu\xcc\x88nchen\"))$\nOK ");
    peer_do(a, "CREATE Plain", "OK ");
    peer_do(a, "RENAME Plain Other/", "OK ");
}
PEER_CASE(rev2_tells_old_names)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(enable),
        peer_test(rule_5_seven_bits),
        peer_test(names_are_utf8),
        peer_test(rev2_says_differently),
        peer_test(rev2_tells_old_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
