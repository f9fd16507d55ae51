/* SPDX-License-Identifier: ISC */
/* The commands on rights (RFC 4314 section 3), with the RFC's examples. The users there have other names, and
 * the rights are told in the order of section 2.1. */
#include "sharing.h"

/* Section 3.1 */
static void setacl_adds_takes_and_replaces(void)
{
    add_users();
    struct peer *a = peer_login();
    peer_do(a, "GETACL Drafts", "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd$\nOK ");
    peer_do(a, "SETACL Drafts bob@example.org lrswi", "OK ");
    peer_do(a, "GETACL Drafts",
            "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd \"bob@example.org\" lrswi$\nOK ");
    peer_do(a, "SETACL Drafts bob@example.org +cda", "OK ");
    peer_do(a, "GETACL Drafts",
            "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd \"bob@example.org\" lrswikxteacd$\nOK ");
    peer_do(a, "SETACL Drafts bob@example.org -lkx", "OK ");
    peer_do(a, "SETACL Drafts bob@example.org +", "OK ");
    peer_do(a, "GETACL Drafts",
            "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd \"bob@example.org\" rswitead$\nOK ");
    peer_do(a, "SETACL Drafts dave@example.org lrQswicda", "BAD there is no right \"Q\"$");
    peer_do(a, "SETACL Drafts dave@example.org lrqswicda", "BAD there is no right \"q\"$");
    peer_do(a, "SETACL Drafts dave@example.org \"l r\"", "BAD ");
    peer_do(a, "SETACL Drafts bob@example.org \"\"", "OK ");
    peer_do(a, "GETACL Drafts", "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd$\nOK ");
}
PEER_CASE(setacl_adds_takes_and_replaces)

/* Section 2.1.1 */
static void obsolete_rights_are_understood_and_told(void)
{
    add_users();
    struct peer *a = peer_login();
    peer_do(a, "SeTacl Drafts dave@example.org lrswida", "OK ");
    peer_do(a, "getacl Drafts",
            "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd \"dave@example.org\" lrswitead$\nOK ");
    peer_do(a, "Setacl Drafts bob@example.org lrswikda", "OK ");
    peer_do(a, "getAcl Drafts",
            "* ACL \"Drafts\" \"alice@example.org\" lrswipkxteacd \"bob@example.org\" lrswikteacd "
            "\"dave@example.org\" lrswitead$\nOK ");
}
PEER_CASE(obsolete_rights_are_understood_and_told)

/* Section 3.2: an entry goes, the negative one of the same user stays. */
static void deleteacl_takes_one_entry(void)
{
    add_users();
    struct peer *a = peer_login();
    peer_do(a, "SETACL INBOX bob@example.org rwipslxetad", "OK ");
    peer_do(a, "SETACL INBOX -bob@example.org wetd", "OK ");
    peer_do(
        a, "getacl INBOX",
        "* ACL \"INBOX\" \"alice@example.org\" lrswipkxteacd \"-bob@example.org\" wted \"bob@example.org\" "
        "lrswipxteacd$\nOK ");
    peer_do(a, "DeleteAcl INBOX bob@example.org", "OK ");
    peer_do(a, "GETACL INBOX",
            "* ACL \"INBOX\" \"alice@example.org\" lrswipkxteacd \"-bob@example.org\" wted$\nOK ");
    peer_do(a, "DELETEACL INBOX bob@example.org", "OK "); /* is so already */
    peer_do(a, "DELETEACL INBOX nobody@example.org", "OK ");
    peer_do(a, "DELETEACL INBOX alice@example.org", "NO [CANNOT] ");
}
PEER_CASE(deleteacl_takes_one_entry)

/* Section 3.4 */
static void listrights_tells_what_can_be_given(void)
{
    add_users();
    struct peer *a = peer_login();
    peer_do(a, "LISTRIGHTS Archive bob@example.org",
            "* LISTRIGHTS \"Archive\" \"bob@example.org\" \"\" l r s w i p k x t e a c d$\nOK ");
    peer_do(a, "listrights Archive anyone",
            "* LISTRIGHTS \"Archive\" \"anyone\" \"\" l r s w i p k x t e a c d$\nOK ");
    peer_do(a, "LISTRIGHTS Archive alice",
            "* LISTRIGHTS \"Archive\" \"alice@example.org\" lrswipkxteacd$\nOK ");
    peer_do(a, "LISTRIGHTS Archive smith", "* LISTRIGHTS \"Archive\" \"smith\" \"\" l r s\nOK ");
    peer_do(a, "LISTRIGHTS None smith", "NO [NONEXISTENT] ");
}
PEER_CASE(listrights_tells_what_can_be_given)

/* Section 3.5 */
static void myrights(void)
{
    add_users();
    struct peer *a = peer_login(), *b = login_as("bob");
    give("INBOX", "bob@example.org", "lrswitea");
    peer_do(a, "MYRIGHTS INBOX", "* MYRIGHTS \"INBOX\" lrswipkxteacd$\nOK ");
    peer_do(b, "MYRIGHTS Shared/alice@example.org",
            "* MYRIGHTS \"Shared/alice@example.org\" lrswitead$\nOK ");
    peer_do(b, "MYRIGHTS Shared/Alice@Example.org/inbox",
            "* MYRIGHTS \"Shared/alice@example.org\" lrswitead$\nOK ");
    peer_do(a, "MYRIGHTS None", "NO [NONEXISTENT] ");
    peer_do(b, "MYRIGHTS Shared/alice@example.org/Drafts", "NO [NONEXISTENT] ");
    peer_do(b, "MYRIGHTS Shared/alice@example.org/None", "NO [NONEXISTENT] ");
    peer_do(b, "MYRIGHTS Shared/nobody@example.org", "NO [NONEXISTENT] ");
    /* One of lrikxa is enough; "s", "w", "p", "t" and "e" tell nobody anything. */
    give("Drafts", "bob@example.org", "i");
    peer_do(b, "MYRIGHTS Shared/alice@example.org/Drafts",
            "* MYRIGHTS \"Shared/alice@example.org/Drafts\" i$\nOK ");
    give("Drafts", "bob@example.org", "swpte");
    peer_do(b, "MYRIGHTS Shared/alice@example.org/Drafts", "NO [NONEXISTENT] ");
}
PEER_CASE(myrights)

static void identifiers_are_users_as_people_type_them(void)
{
    add_users();
    struct peer *a = peer_login();
    peer_do(a, "SETACL Sent Bob lr", "OK "); /* there is one domain */
    peer_do(a, "SETACL Sent DAVE@EXAMPLE.ORG l", "OK ");
    peer_do(a, "SETACL Sent Anyone l", "OK ");
    peer_do(a, "SETACL Sent -dave w", "OK ");
    peer_do(a, "GETACL Sent",
            "* ACL \"Sent\" \"alice@example.org\" lrswipkxteacd \"-dave@example.org\" w \"anyone\" l "
            "\"bob@example.org\" lr \"dave@example.org\" l$\nOK ");
    peer_do(a, "SETACL Sent nobody@example.org l", "NO [CANNOT] there is no such user$");
    peer_do(a, "SETACL Sent smith@elsewhere.example l", "NO [CANNOT] there is no such user$");
    peer_do(a, "SETACL Sent \"\" l", "BAD ");
    peer_do(a, "SETACL Sent \"-\" l", "BAD ");
    peer_do(a, "SETACL Sent {3}\r\na\tb l", "+ \nBAD ");
    peer_do(a, "SETACL Sent alice lr", "NO [CANNOT] ");
    peer_do(a, "SETACL Sent -alice a", "NO [CANNOT] ");
    peer_do(a, "SETACL Sent bob", "BAD ");
    peer_do(a, "SETACL", "BAD ");
    peer_do(a, "GETACL", "BAD ");
    peer_do(a, "LISTRIGHTS Sent", "BAD ");
    peer_do(a, "DELETEACL Sent", "BAD ");
    peer_do(a, "MYRIGHTS", "BAD ");
}
PEER_CASE(identifiers_are_users_as_people_type_them)

/* A user who is gone can lose what he had, and is given no more. */
static void entries_of_users_who_are_gone(void)
{
    add_users();
    struct peer *a = peer_login();
    give("Sent", "gone@example.org", "lrs");
    peer_do(a, "SETACL Sent gone@example.org +w", "NO [CANNOT] ");
    peer_do(a, "SETACL Sent gone@example.org -s", "OK ");
    peer_do(a, "GETACL Sent",
            "* ACL \"Sent\" \"alice@example.org\" lrswipkxteacd \"gone@example.org\" lr$\nOK ");
    peer_do(a, "DELETEACL Sent gone@example.org", "OK ");
    peer_do(a, "GETACL Sent", "* ACL \"Sent\" \"alice@example.org\" lrswipkxteacd$\nOK ");
}
PEER_CASE(entries_of_users_who_are_gone)

/* Section 4: "a" is needed; section 6: without "l" there is nothing to be denied. */
static void administering_needs_the_right(void)
{
    static const char *const commands[] = {
        "GETACL Shared/alice@example.org/Work", "SETACL Shared/alice@example.org/Work dave l",
        "DELETEACL Shared/alice@example.org/Work dave", "LISTRIGHTS Shared/alice@example.org/Work dave"};
    add_users();
    create("Work");
    struct peer *b = login_as("bob");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        give("Work", "bob@example.org", "");
        peer_do(b, commands[i], "NO [NONEXISTENT] ");
        give("Work", "bob@example.org", "lrswipkxte");
        peer_do(b, commands[i], "NO [NOPERM] ");
        give("Work", "bob@example.org", "rswipkxtea");
        peer_do(b, commands[i], "NO [NONEXISTENT] ");
    }
    give("Work", "bob@example.org", "la");
    peer_do(b, "SETACL Shared/alice@example.org/Work dave lr", "OK ");
    peer_do(b, "GETACL Shared/alice@example.org/Work",
            "* ACL \"Shared/alice@example.org/Work\" \"alice@example.org\" lrswipkxteacd "
            "\"bob@example.org\" la \"dave@example.org\" lr$\nOK ");
    /* He may take the right away from himself; not from the owner. */
    peer_do(b, "SETACL Shared/alice@example.org/Work alice -a", "NO [CANNOT] ");
    peer_do(b, "SETACL Shared/alice@example.org/Work bob -a", "OK ");
    peer_do(b, "GETACL Shared/alice@example.org/Work", "NO [NOPERM] ");
}
PEER_CASE(administering_needs_the_right)

static void names_need_not_be_ascii(void)
{
    add_users();
    create("B\xc3\xbc"
           "cher");
    struct peer *a = peer_login();
    peer_do(a, "SETACL B&APw-cher bob lr", "OK ");
    peer_do(a, "GETACL B&APw-cher",
            "* ACL \"B&APw-cher\" \"alice@example.org\" lrswipkxteacd \"bob@example.org\" lr$\nOK ");
    struct peer *b = login_as("bob");
    peer_do(b, "MYRIGHTS Shared/alice@example.org/B&APw-cher",
            "* MYRIGHTS \"Shared/alice@example.org/B&APw-cher\" lr$\nOK ");
}
PEER_CASE(names_need_not_be_ascii)

static void capability_names_the_rights(void **state)
{
    (void)state;
    expect("a CAPABILITY\r\n" LOGOUT, GREETING "* CAPABILITY IMAP4rev1 \na OK \n" BYE);
    struct talk talk = {.input = S(LOGIN "b CAPABILITY\r\n" LOGOUT)};
    run_talk(&talk);
    /* RFC 4314 section 5.1.1: "t", "e", "x" and "k", and none of RFC 2086. */
    assert_non_null(strstr(buf_cstr(&talk.output), " ACL RIGHTS=kxte "));
    buf_free(&talk.output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(setacl_adds_takes_and_replaces),
        peer_test(obsolete_rights_are_understood_and_told),
        peer_test(deleteacl_takes_one_entry),
        peer_test(listrights_tells_what_can_be_given),
        peer_test(myrights),
        peer_test(identifiers_are_users_as_people_type_them),
        peer_test(entries_of_users_who_are_gone),
        peer_test(administering_needs_the_right),
        peer_test(names_need_not_be_ascii),
        dialogue_test(capability_names_the_rights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
