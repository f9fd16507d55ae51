/* SPDX-License-Identifier: ISC */
/* Mailboxes of other users, from end to end: what each right allows, and who has seen what (RFC 4314 section
 * 4).
 */
#include "sharing.h"

#define SHARED "Shared/alice@example.org"

/* The untagged lines of SELECT, whatever their numbers. */
#define FLAG_LINES(permanent) \
    "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)$\n* OK [PERMANENTFLAGS (" permanent ")] \n"
#define COUNTS(exists, unseen)                                                                   \
    "* " exists " EXISTS$\n* " exists " RECENT$\n" unseen "* OK [UIDVALIDITY \n* OK [UIDNEXT \n" \
    "* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"
#define UNSEEN(number) "* OK [UNSEEN " number "] \n"

static void each_has_seen_for_himself(void)
{
    add_users();
    fill(3);
    give("INBOX", "bob@example.org", "lrs");
    give("INBOX", "dave@example.org", "lrs");
    struct peer *b = login_as("bob"), *b2 = login_as("bob"), *d = login_as("dave");
    peer_do(b, "SELECT " SHARED, FLAG_LINES("\\Seen") COUNTS("3", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(b2, "SELECT " SHARED, FLAG_LINES("\\Seen") COUNTS("3", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(d, "SELECT " SHARED, FLAG_LINES("\\Seen") COUNTS("3", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(b, "STORE 1:2 +FLAGS (\\Seen)",
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\n* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))$\nOK ");
    /* His other session hears of it, dave hears of a change that is none for him. */
    peer_do(b2, "NOOP",
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\n* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))$\nOK ");
    peer_do(d, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Recent))$\n* 2 FETCH (UID 2 FLAGS (\\Recent))$\nOK ");
    peer_do(d, "FETCH 3 BODY[TEXT]", "* 3 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\nbody 3$\n)$\nOK ");
    struct peer *a = peer_login();
    peer_do(a, "EXAMINE INBOX", FLAG_LINES("") COUNTS("3", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(
        a, "FETCH 1:3 FLAGS",
        "* 1 FETCH (FLAGS (\\Recent))$\n* 2 FETCH (FLAGS (\\Recent))$\n* 3 FETCH (FLAGS (\\Recent))$\nOK ");
    peer_do(b, "SEARCH UNSEEN", "* 3 FETCH (UID 3 FLAGS (\\Recent))$\n* SEARCH 3$\nOK ");
    peer_do(b, "SEARCH SEEN", "* SEARCH 1 2$\nOK ");
    peer_do(d, "SEARCH SEEN", "* SEARCH 3$\nOK ");
    peer_do(a, "SEARCH SEEN", "* SEARCH$\nOK ");
    peer_do(b, "STATUS " SHARED " (UNSEEN)", "* STATUS \"" SHARED "\" (UNSEEN 1)$\nOK ");
    peer_do(d, "STATUS " SHARED " (UNSEEN)", "* STATUS \"" SHARED "\" (UNSEEN 2)$\nOK ");
    peer_do(a, "STATUS INBOX (UNSEEN)", "* STATUS \"INBOX\" (UNSEEN 3)$\nOK ");
    peer_do(b, "SELECT " SHARED,
            "* OK [CLOSED] \n" FLAG_LINES("\\Seen") COUNTS("3", UNSEEN("3")) "OK [READ-ONLY] ");
}
PEER_CASE(each_has_seen_for_himself)

/* RFC 4314 section 4: "l" to know of it, "r" to open it. */
static void looking_and_opening(void)
{
    static const struct {
        const char *rights, *answer;
    } cases[] = {
        {"", "NO [NONEXISTENT] "},
        {"l", "NO [NOPERM] "},
        {"lswipkxtea", "NO [NOPERM] "},
        {"swipkxtea", "NO [NONEXISTENT] "},
    };
    add_users();
    create("Work");
    struct peer *b = login_as("bob");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        give("Work", "bob@example.org", cases[i].rights);
        peer_do(b, "SELECT " SHARED "/Work", cases[i].answer);
        peer_do(b, "EXAMINE " SHARED "/Work", cases[i].answer);
        peer_do(b, "STATUS " SHARED "/Work (MESSAGES)", cases[i].answer);
    }
    peer_do(b, "SELECT " SHARED "/None", "NO [NONEXISTENT] ");
    peer_do(b, "SELECT Shared/nobody@example.org", "NO [NONEXISTENT] ");
    peer_do(b, "SELECT Shared", "NO [NONEXISTENT] ");
    give("Work", "bob@example.org", "r"); /* it is enough, though LIST does not show it */
    peer_do(b, "EXAMINE " SHARED "/Work", FLAG_LINES("") COUNTS("0", "") "OK [READ-ONLY] ");
    peer_do(b, "LIST \"\" Shared*", "OK ");
}
PEER_CASE(looking_and_opening)

/* Section 5.2, and PERMANENTFLAGS (section 5.1.1). */
static void select_tells_what_may_be_done(void)
{
    static const struct {
        const char *rights, *lines;
    } cases[] = {
        {"lr", FLAG_LINES("") COUNTS("0", "") "OK [READ-ONLY] "},
        {"lrs", FLAG_LINES("\\Seen") COUNTS("0", "") "OK [READ-ONLY] "}, /* example 1 */
        {"lrit", FLAG_LINES("\\Deleted") COUNTS("0", "") "OK [READ-WRITE] "},
        {"lri", FLAG_LINES("") COUNTS("0", "") "OK [READ-WRITE] "},
        {"lrset", FLAG_LINES("\\Seen \\Deleted") COUNTS("0", "") "OK [READ-WRITE] "},
        {"lre", FLAG_LINES("") COUNTS("0", "") "OK [READ-WRITE] "},
        {"lrw", FLAG_LINES("\\Answered \\Flagged \\Draft \\*") COUNTS("0", "") "OK [READ-WRITE] "},
        {"lrpkxa", FLAG_LINES("") COUNTS("0", "") "OK [READ-ONLY] "},
        {"lrswt",
         FLAG_LINES("\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*") COUNTS("0", "") "OK [READ-WRITE] "},
    };
    add_users();
    create("Work");
    struct peer *b = login_as("bob");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        give("Work", "bob@example.org", cases[i].rights);
        peer_do(b, "SELECT " SHARED "/Work", cases[i].lines);
        peer_do(b, "UNSELECT", "OK ");
    }
    peer_do(b, "EXAMINE " SHARED "/Work", FLAG_LINES("") COUNTS("0", "") "OK [READ-ONLY] ");
}
PEER_CASE(select_tells_what_may_be_done)

/* Opens alice's INBOX as bob, who is given these rights first. */
static struct peer *open_with(const char *rights)
{
    give("INBOX", "bob@example.org", rights);
    struct peer *b = login_as("bob");
    peer_send(b, "s SELECT " SHARED "\r\n");
    while (!slice_starts_with(peer_line(b), S("s OK "))) {}
    return b;
}

static void store_changes_what_one_may_change(void)
{
    add_users();
    fill(2);
    struct peer *b = open_with("lrs");
    peer_do(b, "STORE 1 +FLAGS (\\Flagged)", "NO [NOPERM] ");
    peer_do(b, "STORE 1 FLAGS (\\Deleted Work)", "NO [NOPERM] ");
    peer_do(b, "STORE 1 +FLAGS (\\Seen \\Flagged \\Deleted)",
            "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\nOK ");
    /* What the client cannot know it is told, though it asked for silence. */
    peer_do(b, "STORE 2 +FLAGS.SILENT (\\Seen \\Flagged)", "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))$\nOK ");
    peer_do(b, "STORE 2 -FLAGS.SILENT (\\Seen)", "OK ");
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_do(b, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Flagged \\Recent))$\nOK ");
    peer_do(b, "STORE 1 FLAGS ()", "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))$\nOK ");
    b = open_with("lrw");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "NO [NOPERM] ");
    peer_do(b, "STORE 1 FLAGS (\\Answered \\Seen $Work)",
            "* FLAGS (\n* 1 FETCH (UID 1 FLAGS (\\Answered \\Recent $Work))$\nOK ");
    b = open_with("lrt");
    peer_do(b, "STORE 1 +FLAGS ($Work)", "NO [NOPERM] ");
    peer_do(b, "STORE 1 FLAGS (\\Deleted)",
            "* 1 FETCH (UID 1 FLAGS (\\Answered \\Deleted \\Recent $Work))$\nOK ");
    b = open_with("lri");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "NO [NOPERM] ");
    peer_do(b, "STORE 1 FLAGS ()", "NO [NOPERM] ");
}
PEER_CASE(store_changes_what_one_may_change)

static void fetch_marks_only_with_the_right(void)
{
    add_users();
    fill(1);
    struct peer *b = open_with("lrwite");
    peer_do(b, "FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1$\n)$\nOK ");
    peer_do(b, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent))$\nOK ");
    b = open_with("lrs");
    peer_do(b, "FETCH 1 (FLAGS BODY[TEXT])",
            "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\nbody 1$\n)$\nOK ");
}
PEER_CASE(fetch_marks_only_with_the_right)

static void expunging_needs_the_right(void)
{
    add_users();
    fill(3);
    struct peer *b = open_with("lrst");
    peer_do(b, "STORE 1 +FLAGS.SILENT (\\Deleted)", "OK ");
    peer_do(b, "EXPUNGE", "NO [NOPERM] ");
    peer_do(b, "UID EXPUNGE 1", "NO [NOPERM] ");
    peer_do(b, "CLOSE", "OK "); /* "the server MUST ignore the expunge request" */
    peer_do(b, "STATUS " SHARED " (MESSAGES)", "* STATUS \"" SHARED "\" (MESSAGES 3)$\nOK ");
    b = open_with("lre");
    peer_do(b, "EXPUNGE", "* 1 EXPUNGE$\nOK ");
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_DELETED);
    peer_do(b, "CLOSE", "OK ");
    peer_do(b, "STATUS " SHARED " (MESSAGES)", "* STATUS \"" SHARED "\" (MESSAGES 1)$\nOK ");
}
PEER_CASE(expunging_needs_the_right)

#define TEXT "Subject: x\r\n\r\nx\r\n"

static void append_sets_the_flags_one_may_set(void)
{
    add_users();
    struct peer *a = peer_login(), *b = login_as("bob");
    peer_do(b, "APPEND " SHARED " {17+}\r\n" TEXT, "NO [TRYCREATE] ");
    give("INBOX", "bob@example.org", "lr");
    peer_do(b, "APPEND " SHARED " {17+}\r\n" TEXT, "NO [NOPERM] ");
    give("INBOX", "bob@example.org", "i"); /* a letter-box */
    peer_do(b, "APPEND " SHARED " (\\Seen \\Deleted \\Flagged Work) {17+}\r\n" TEXT, "OK appended$");
    give("INBOX", "bob@example.org", "lris");
    peer_do(b, "APPEND " SHARED " (\\Seen \\Deleted \\Flagged Work) {17+}\r\n" TEXT, "OK [APPENDUID ");
    give("INBOX", "bob@example.org", "lritw");
    peer_do(b, "APPEND " SHARED " (\\Seen \\Deleted \\Flagged Work) {17+}\r\n" TEXT, "OK [APPENDUID ");
    give("INBOX", "bob@example.org", "lr");
    peer_do(b, "EXAMINE " SHARED,
            "* FLAGS (\n* OK [PERMANENTFLAGS ()] \n" COUNTS("3", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(b, "FETCH 1:3 FLAGS",
            "* 1 FETCH (FLAGS (\\Recent))$\n* 2 FETCH (FLAGS (\\Seen \\Recent))$\n"
            "* 3 FETCH (FLAGS (\\Flagged \\Deleted \\Recent Work))$\nOK ");
    /* The owner has not seen what another had seen when he put it there. */
    peer_do(a, "STATUS INBOX (UNSEEN)", "* STATUS \"INBOX\" (UNSEEN 3)$\nOK ");
}
PEER_CASE(append_sets_the_flags_one_may_set)

/* RFC 4314 section 4, the example of COPY: \Deleted is lost without "t", the others without "w". */
static void copies_lose_flags_without_right(void)
{
    add_users();
    create("Target");
    fill(3);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_DRAFT | MESSAGE_DELETED);
    flag_elsewhere("INBOX", 2, FLAGS_ADD, MESSAGE_ANSWERED);
    struct peer *b = open_with("lrsw");
    peer_do(b, "STORE 3 +FLAGS.SILENT ($Forwarded \\Seen)", "OK ");
    peer_do(b, "COPY 1:3 " SHARED "/Target", "NO [TRYCREATE] ");
    give("Target", "bob@example.org", "lrws");
    peer_do(b, "COPY 1:3 " SHARED "/Target", "NO [NOPERM] ");
    give("Target", "bob@example.org", "rwis");
    peer_do(b, "COPY 1:3 " SHARED "/Target", "OK [COPYUID ");
    give("Target", "bob@example.org", "rsti");
    peer_do(b, "COPY 1:3 " SHARED "/Target", "OK [COPYUID ");
    give("Target", "bob@example.org", "lri");
    peer_do(b, "COPY 3 " SHARED "/Target", "OK [COPYUID ");
    peer_do(
        b, "EXAMINE " SHARED "/Target",
        "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n" COUNTS("7", UNSEEN("1")) "OK [READ-ONLY] ");
    peer_do(b, "FETCH 1:7 FLAGS",
            "* 1 FETCH (FLAGS (\\Draft \\Recent))$\n* 2 FETCH (FLAGS (\\Answered \\Recent))$\n"
            "* 3 FETCH (FLAGS (\\Seen \\Recent $Forwarded))$\n"
            "* 4 FETCH (FLAGS (\\Deleted \\Recent))$\n* 5 FETCH (FLAGS (\\Recent))$\n"
            "* 6 FETCH (FLAGS (\\Seen \\Recent))$\n* 7 FETCH (FLAGS (\\Recent))$\nOK ");
}
PEER_CASE(copies_lose_flags_without_right)

/* RFC 4315 section 5: who may put something into a mailbox that he may not open hears no UIDs of it. */
static void letter_boxes_tell_no_uids(void)
{
    add_users();
    create("Target");
    fill(4);
    give("Target", "bob@example.org", "i");
    struct peer *b = open_with("lrswite");
    peer_do(b, "COPY 1 " SHARED "/Target", "OK copied$");
    peer_do(b, "MOVE 1 " SHARED "/Target", "* 1 EXPUNGE$\nOK moved$");
    peer_do(b, "REPLACE 1 " SHARED "/Target {17+}\r\n" TEXT, "* 1 EXPUNGE$\nOK replaced$");
    peer_do(b, "COPY 1 INBOX", "OK [COPYUID ");
    give("Target", "bob@example.org", "lri");
    peer_do(b, "STATUS " SHARED "/Target (MESSAGES)", "* STATUS \"" SHARED "/Target\" (MESSAGES 3)$\nOK ");
}
PEER_CASE(letter_boxes_tell_no_uids)

/* From one account into the other, and back. */
static void messages_go_from_user_to_user(void)
{
    add_users();
    fill(3);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    struct peer *b = open_with("lrsi");
    peer_do(b, "STORE 2 +FLAGS.SILENT (\\Seen)", "OK ");
    peer_do(b, "COPY 1:2 Archive", "OK [COPYUID ");
    peer_do(b, "MOVE 1:2 Archive", "NO [NOPERM] ");
    peer_do(b, "COPY 1 None", "NO [TRYCREATE] ");
    b = open_with("lriste");
    peer_do(b, "MOVE 3 Archive", "* OK [COPYUID \n* 3 EXPUNGE$\nOK moved$");
    peer_do(b, "UID MOVE 4711 Archive", "OK ");
    peer_do(b, "SELECT Archive",
            "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS (\n* 3 EXISTS$\n* 3 RECENT$\n" UNSEEN(
                "1") "* OK [UIDVALIDITY \n* OK [UIDNEXT 4] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK "
                     "[READ-WRITE] ");
    peer_do(b, "FETCH 1:3 (FLAGS BODY.PEEK[TEXT])",
            "* 1 FETCH (FLAGS (\\Flagged \\Recent) BODY[TEXT] {8}\nbody 1$\n)$\n"
            "* 2 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\nbody 2$\n)$\n"
            "* 3 FETCH (FLAGS (\\Recent) BODY[TEXT] {8}\nbody 3$\n)$\nOK ");
    /* And back: "t" but no "w" there. */
    peer_do(b, "STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)", "OK ");
    peer_do(b, "MOVE 1,3 " SHARED, "* OK [COPYUID \n* 3 EXPUNGE$\n* 1 EXPUNGE$\nOK moved$");
    peer_do(b, "EXAMINE " SHARED,
            "* OK [CLOSED] \n* FLAGS (\n* OK [PERMANENTFLAGS ()] \n* 4 EXISTS$\n* 4 RECENT$\n" UNSEEN(
                "1") "* OK [UIDVALIDITY \n* OK [UIDNEXT 6] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK "
                     "[READ-ONLY] ");
    peer_do(b, "FETCH 3:4 (FLAGS BODY.PEEK[TEXT])",
            "* 3 FETCH (FLAGS (\\Seen \\Deleted \\Recent) BODY[TEXT] {8}\nbody 1$\n)$\n"
            "* 4 FETCH (FLAGS (\\Recent) BODY[TEXT] {8}\nbody 3$\n)$\nOK ");
}
PEER_CASE(messages_go_from_user_to_user)

/* CREATE below, DELETE, RENAME; what is new has the rights of what is above. */
static void mailboxes_are_made_and_removed_by_right(void)
{
    add_users();
    create("Work");
    struct peer *a = peer_login(), *b = login_as("bob");
    peer_do(b, "CREATE " SHARED "/Work/2024", "NO [NONEXISTENT] ");
    give("Work", "bob@example.org", "lr");
    peer_do(b, "CREATE " SHARED "/Work/2024", "NO [NOPERM] ");
    give("Work", "bob@example.org", "lrk");
    peer_do(b, "CREATE " SHARED "/Work/2024", "OK ");
    peer_do(b, "MYRIGHTS " SHARED "/Work/2024", "* MYRIGHTS \"" SHARED "/Work/2024\" lrkc$\nOK ");
    peer_do(b, "DELETE " SHARED "/Work/2024", "NO [NOPERM] ");
    peer_do(b, "RENAME " SHARED "/Work/2024 " SHARED "/Work/2025", "NO [NOPERM] ");
    give("Work/2024", "bob@example.org", "lrx");
    peer_do(b, "RENAME " SHARED "/Work/2024 " SHARED "/Work/2025", "OK ");
    peer_do(b, "RENAME " SHARED "/Work/2025 Mine", "NO ");
    peer_do(b, "MYRIGHTS " SHARED "/Work/2025", "* MYRIGHTS \"" SHARED "/Work/2025\" lrxc$\nOK ");
    peer_do(b, "DELETE " SHARED "/Work/2025", "OK ");
    peer_do(a, "STATUS Work/2025 (MESSAGES)", "NO [NONEXISTENT] ");
    peer_do(b, "CREATE " SHARED "/New", "NO [NONEXISTENT] "); /* below INBOX, so to say */
    give("INBOX", "bob@example.org", "lk");
    peer_do(b, "CREATE " SHARED "/New", "OK ");
    /* What he may not see he cannot make, and does not learn of. */
    create("Secret");
    peer_do(b, "CREATE " SHARED "/Secret", "NO [NOPERM] ");
    give("New", "bob@example.org", "lx");
    peer_do(b, "RENAME " SHARED "/New " SHARED "/Secret", "NO [NOPERM] ");
    give("Secret", "bob@example.org", "l");
    peer_do(b, "CREATE " SHARED "/Secret", "NO [ALREADYEXISTS] ");
    peer_do(b, "RENAME " SHARED "/New " SHARED "/Secret", "NO [ALREADYEXISTS] ");
    peer_do(b, "CREATE Shared/Mine", "NO [");
    peer_do(b, "CREATE Shared", "NO [");
    peer_do(b, "CREATE Shared/nobody@example.org/New", "NO [NONEXISTENT] ");
}
PEER_CASE(mailboxes_are_made_and_removed_by_right)

static void lists_show_what_is_shared(void)
{
    add_users();
    create("Work/2024");
    give("Work/2024", "bob@example.org", "lr");
    give("Work", "bob@example.org", "r");
    give("Sent", "anyone", "l");
    struct peer *b = login_as("bob"), *d = login_as("dave");
    peer_do(b, "LIST \"\" \"Shared*\"",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"" SHARED "/Sent\"$\n"
            "* LIST (\\HasNoChildren) \"/\" \"" SHARED "/Work/2024\"$\nOK ");
    peer_do(b, "LIST \"\" \"Shared/%/%\"",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"" SHARED "/Sent\"$\n"
            "* LIST (\\Noselect \\HasChildren) \"/\" \"" SHARED "/Work\"$\nOK ");
    peer_do(d, "LIST \"\" \"Shared/*\"",
            "* LIST (\\Noselect \\HasNoChildren) \"/\" \"" SHARED "/Sent\"$\nOK ");
    peer_do(d, "LIST \"\" \"Shared/%\"", "* LIST (\\Noselect \\HasChildren) \"/\" \"" SHARED "\"$\nOK ");
    give("Sent", "-dave@example.org", "l");
    peer_do(d, "LIST \"\" \"Shared/*\"", "OK ");
    peer_do(d, "NAMESPACE", "* NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL$\nOK ");
    peer_do(b, "LIST \"\" \"" SHARED "/Work/%\" RETURN (STATUS (MESSAGES UNSEEN) MYRIGHTS)",
            "* LIST (\\HasNoChildren) \"/\" \"" SHARED "/Work/2024\"$\n"
            "* STATUS \"" SHARED "/Work/2024\" (MESSAGES 0 UNSEEN 0)$\n"
            "* MYRIGHTS \"" SHARED "/Work/2024\" lr$\nOK ");
}
PEER_CASE(lists_show_what_is_shared)

/* A name of the owner's own, said with his login. */
static void ones_own_mailboxes_by_the_long_name(void)
{
    add_users();
    fill(1);
    struct peer *a = peer_login();
    peer_do(a, "MYRIGHTS " SHARED, "* MYRIGHTS \"INBOX\" lrswipkxteacd$\nOK ");
    peer_do(a, "SELECT " SHARED,
            FLAG_LINES("\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*")
                COUNTS("1", UNSEEN("1")) "OK [READ-WRITE] ");
    peer_do(a, "STORE 1 +FLAGS (\\Seen)", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\nOK ");
    peer_do(a, "STATUS INBOX (UNSEEN)", "* STATUS \"INBOX\" (UNSEEN 0)$\nOK ");
}
PEER_CASE(ones_own_mailboxes_by_the_long_name)

/* RFC 4314 section 5.1.1: what is changed while a mailbox is open. */
static void rights_change_while_the_mailbox_is_open(void)
{
    add_users();
    fill(1);
    struct peer *a = peer_login(), *b = open_with("lr");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "NO [NOPERM] ");
    peer_do(a, "SETACL INBOX bob +st", "OK ");
    peer_do(b, "NOOP", "* OK [PERMANENTFLAGS (\\Seen \\Deleted)] flags can be changed$\nOK ");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))$\nOK ");
    peer_do(a, "SETACL INBOX bob -t", "OK ");
    peer_do(b, "STORE 1 +FLAGS (\\Flagged)", "* OK [PERMANENTFLAGS (\\Seen)] \nNO [NOPERM] ");
    peer_do(a, "SETACL INBOX dave lr", "OK ");
    peer_do(b, "NOOP", "OK ");
    peer_send(b, "x IDLE\r\n");
    peer_expect(b, "+ idling$");
    peer_do(a, "DELETEACL INBOX bob", "OK ");
    peer_expect(b, "* BYE ");
}
PEER_CASE(rights_change_while_the_mailbox_is_open)

/* IDLE hears of changes in the account of somebody else. */
static void idle_in_anothers_mailbox(void)
{
    add_users();
    fill(1);
    struct peer *b = open_with("lrs");
    peer_send(b, "x IDLE\r\n");
    peer_expect(b, "+ idling$");
    fill(1);
    peer_expect(b, "* 2 EXISTS$\n* 2 RECENT$");
    expunge_elsewhere("INBOX", 1);
    peer_expect(b, "* 1 EXPUNGE$");
    peer_send(b, "DONE\r\n");
    peer_expect(b, "x OK ");
}
PEER_CASE(idle_in_anothers_mailbox)

/* The first command after that does without them. */
static void rights_are_taken_away(void)
{
    add_users();
    fill(1);
    struct peer *a = peer_login(), *b = open_with("lrs");
    peer_do(a, "SETACL INBOX bob -s", "OK ");
    peer_do(b, "STORE 1 +FLAGS (\\Seen)", "* OK [PERMANENTFLAGS ()] \nNO [NOPERM] ");
    peer_do(a, "DELETEACL INBOX bob", "OK ");
    peer_send(b, "x FETCH 1 BODY.PEEK[]\r\n");
    peer_expect(b, "* BYE ");
    b = open_with("lrte");
    peer_do(b, "STORE 1 +FLAGS.SILENT (\\Deleted)", "OK ");
    peer_do(a, "SETACL INBOX bob -e", "OK ");
    peer_do(b, "CLOSE", "OK ");
    peer_do(a, "STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 1)$\nOK ");
}
PEER_CASE(rights_are_taken_away)

/* A URL beside the open mailbox (RFC 4469 section 3) means that mailbox, not one's own of its name. */
static void urls_beside_it(void)
{
    add_users();
    fill(1);
    struct peer *b = open_with("lr");
    peer_do(b, "APPEND Drafts CATENATE (URL \";UID=1\")", "OK [APPENDUID ");
    peer_do(b, "STATUS Drafts (MESSAGES)", "* STATUS \"Drafts\" (MESSAGES 1)$\nOK ");
}
PEER_CASE(urls_beside_it)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(each_has_seen_for_himself),
        peer_test(looking_and_opening),
        peer_test(select_tells_what_may_be_done),
        peer_test(store_changes_what_one_may_change),
        peer_test(fetch_marks_only_with_the_right),
        peer_test(expunging_needs_the_right),
        peer_test(append_sets_the_flags_one_may_set),
        peer_test(copies_lose_flags_without_right),
        peer_test(letter_boxes_tell_no_uids),
        peer_test(messages_go_from_user_to_user),
        peer_test(mailboxes_are_made_and_removed_by_right),
        peer_test(lists_show_what_is_shared),
        peer_test(ones_own_mailboxes_by_the_long_name),
        peer_test(rights_change_while_the_mailbox_is_open),
        peer_test(idle_in_anothers_mailbox),
        peer_test(rights_are_taken_away),
        peer_test(urls_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
