/* SPDX-License-Identifier: ISC */
/* FETCH: what the index answers, \Seen, modifiers, and who is told what when several sessions are at work. */
#include "fetching.h"
#include "storage_memory/faults.h"

static void expect_of(struct peer *peer, const char *command, const char *answer)
{
    assert_slice(peer_answer(peer, command), slice_from(answer));
}

static void items_of_the_index(void)
{
    fill(2);
    struct peer *a = peer_at_inbox();
    expect_of(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent))\r\nOK fetched");
    expect_of(a, "FETCH 1:2 (UID RFC822.SIZE)",
              "* 1 FETCH (UID 1 RFC822.SIZE 43)\r\n* 2 FETCH (UID 2 RFC822.SIZE 43)\r\nOK fetched");
    expect_answer(a, "ENVELOPE",
                  "ENVELOPE (NIL \"1\" ((NIL NIL \"a\" \"example.org\")) ((NIL NIL \"a\" \"example.org\")) "
                  "((NIL NIL \"a\" \"example.org\")) NIL NIL NIL NIL NIL)");
    expect_answer(a, "(BODY BODYSTRUCTURE)",
                  "BODY (\"text\" \"plain\" NIL NIL NIL \"7bit\" 8 1) BODYSTRUCTURE "
                  "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL)");
    peer_do(a, "FETCH 1 FAST", "* 1 FETCH (FLAGS (\\Recent) INTERNALDATE \"\nOK ");
    peer_do(a, "UID FETCH 2 ALL", "* 2 FETCH (UID 2 FLAGS (\\Recent) INTERNALDATE \"\nOK ");
    expect_of(a, "UID FETCH 2 (FLAGS UID)", "* 2 FETCH (FLAGS (\\Recent) UID 2)\r\nOK fetched");
    peer_do(a, "FETCH 3 FLAGS", "BAD ");
    peer_do(a, "FETCH 1 FLAGS FLAGS", "BAD ");
    peer_do(a, "FETCH 1 (FLAGS XYZZY)", "BAD expected something that can be fetched where \"XYZZY");
}
PEER_CASE(items_of_the_index)

/* Rule of the clients: "n:*" is the last message when nothing is new, and a UID that is not there is none. */
static void uid_sets(void)
{
    fill(3);
    expunge_elsewhere("INBOX", 2);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_of(a, "UID FETCH 10:* (UID)", "* 2 FETCH (UID 3)\r\nOK fetched");
    expect_of(a, "UID FETCH 2 (UID)", "OK fetched");
    expect_of(a, "UID FETCH 1:10 (UID)", "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\nOK fetched");
    expect_of(a, "FETCH *:1 UID", "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 3)\r\nOK fetched");
    /* A message that came meanwhile and is named is there. */
    fill(1);
    expect_of(a, "UID FETCH 4 (UID)", "* 3 EXISTS\r\n* 3 RECENT\r\n* 3 FETCH (UID 4)\r\nOK fetched");
}
PEER_CASE(uid_sets)

/* RFC 9051 section 6.4.5: "The \Seen flag is implicitly set; if this causes the flags to change, they SHOULD
 * be included". */
static void sets_seen(void)
{
    fill(4);
    flag_elsewhere("INBOX", 3, FLAGS_ADD, MESSAGE_SEEN);
    struct peer *a = peer_at_inbox(), *b = peer_at_inbox();
    expect_of(a, "FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\r\nbody 1\r\n)\r\nOK fetched");
    expect_of(a, "FETCH 1 (RFC822.HEADER)<1", "BAD expected the end of the command where \"<1\" stands");
    expect_of(a, "FETCH 1:3 BODY[TEXT]",
              "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\r\nbody 1\r\n)\r\n"
              "* 2 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\r\nbody 2\r\n)\r\n"
              "* 3 FETCH (BODY[TEXT] {8}\r\nbody 3\r\n)\r\nOK fetched");
    expect_of(a, "FETCH 1:2 BODY[TEXT]<0.1>",
              "* 1 FETCH (BODY[TEXT]<0> {1}\r\nb)\r\n* 2 FETCH (BODY[TEXT]<0> {1}\r\nb)\r\nOK fetched");
    /* What a client did itself it is not told again; others are. */
    expect_of(a, "NOOP", "OK done");
    expect_of(b, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n* 2 FETCH (UID 2 FLAGS (\\Seen))\r\nOK done");
    expect_of(a, "FETCH 4 RFC822.HEADER",
              "* 4 FETCH (RFC822.HEADER {35}\r\nFrom: a@example.org\r\nSubject: 4\r\n\r\n)\r\nOK fetched");
    expect_of(
        a, "FETCH 4 (FLAGS BODY[HEADER.FIELDS (SUBJECT)])",
        "* 4 FETCH (FLAGS (\\Seen \\Recent) BODY[HEADER.FIELDS (SUBJECT)] {14}\r\nSubject: 4\r\n\r\n)\r\n"
        "OK fetched");
}
PEER_CASE(sets_seen)

static void examine_sets_nothing(void)
{
    fill(1);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_of(a, "FETCH 1 (BODY[TEXT] FLAGS)",
              "* 1 FETCH (BODY[TEXT] {8}\r\nbody 1\r\n FLAGS (\\Recent))\r\nOK fetched");
    expect_of(a, "FETCH 1 (RFC822.TEXT FLAGS)",
              "* 1 FETCH (RFC822.TEXT {8}\r\nbody 1\r\n FLAGS (\\Recent))\r\nOK fetched");
}
PEER_CASE(examine_sets_nothing)

/* RFC 7162: MODSEQ comes with CHANGEDSINCE and with flags that this command changes, once it was asked for.
 */
static void modseq(void)
{
    fill(3);
    struct peer *a = peer_at_inbox();
    struct slice answer = peer_answer(a, "FETCH 1:3 (MODSEQ)");
    unsigned long long modseqs[3];
    assert_int_equal(
        sscanf(answer.data,
               "* 1 FETCH (MODSEQ (%llu))\r\n* 2 FETCH (MODSEQ (%llu))\r\n* 3 FETCH (MODSEQ (%llu))",
               &modseqs[0], &modseqs[1], &modseqs[2]),
        3);
    struct arena *arena = &world.fixture->arena;
    expect_of(
        a, arena_printf(arena, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE %llu)", modseqs[1]),
        arena_printf(arena, "* 3 FETCH (UID 3 FLAGS (\\Recent) MODSEQ (%llu))\r\nOK fetched", modseqs[2]));
    expect_of(a, arena_printf(arena, "FETCH 1:3 (UID MODSEQ) (CHANGEDSINCE %llu)", modseqs[1]),
              arena_printf(arena, "* 3 FETCH (UID 3 MODSEQ (%llu))\r\nOK fetched", modseqs[2]));
    expect_of(a, arena_printf(arena, "FETCH 1:3 (UID) (CHANGEDSINCE %llu)", modseqs[2]), "OK fetched");
    /* All of them. */
    peer_do(a, "FETCH 1:3 UID (CHANGEDSINCE 0)",
            "* 1 FETCH (UID 1 MODSEQ (\n* 2 FETCH (UID 2 MODSEQ (\n* 3 FETCH (UID 3 MODSEQ (\nOK ");
    /* What is answered is settled before \Seen changes the MODSEQ. */
    expect_of(a, arena_printf(arena, "FETCH 1:3 BODY[TEXT]<0.1> (CHANGEDSINCE %llu)", modseqs[1]),
              arena_printf(arena,
                           "* 3 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]<0> {1}\r\nb MODSEQ (%llu))\r\n"
                           "OK fetched",
                           modseqs[2] + 1));
    expect_of(
        a, "FETCH 2 BODY[TEXT]<0.1>",
        arena_printf(arena,
                     "* 2 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (%llu) BODY[TEXT]<0> {1}\r\nb)\r\nOK fetched",
                     modseqs[2] + 2));
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    peer_do(a, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent) MODSEQ (\nOK ");
}
PEER_CASE(modseq)

/* RFC 7162 section 3.2.6 */
static void vanished(void)
{
    fill(6);
    struct peer *a = peer_at_inbox();
    expect_of(a, "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)", "BAD VANISHED needs ENABLE QRESYNC");
    peer_do(a, "ENABLE QRESYNC", "* ENABLED QRESYNC$\n* OK [HIGHESTMODSEQ \nOK ");
    expect_of(a, "FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)", "BAD VANISHED is for UID FETCH");
    expect_of(a, "UID FETCH 1:* (FLAGS) (VANISHED)", "BAD VANISHED needs CHANGEDSINCE");
    struct slice answer = peer_answer(a, "FETCH 6 (MODSEQ)");
    unsigned long long modseq;
    assert_int_equal(sscanf(answer.data, "* 6 FETCH (MODSEQ (%llu))", &modseq), 1);
    expunge_elsewhere("INBOX", 2);
    expunge_elsewhere("INBOX", 4);
    peer_do(a, "NOOP", "* VANISHED 2,4$\nOK ");
    flag_elsewhere("INBOX", 5, FLAGS_ADD, MESSAGE_FLAGGED);
    expunge_elsewhere("INBOX", 6);
    /* UID 6 is still in the client's view: it goes by an ordinary VANISHED, behind the FETCHes. */
    struct arena *arena = &world.fixture->arena;
    peer_do(a, arena_printf(arena, "UID FETCH 1:6 (FLAGS) (CHANGEDSINCE %llu VANISHED)", modseq),
            "* VANISHED (EARLIER) 2,4$\n* 3 FETCH (UID 5 FLAGS (\\Flagged \\Recent) MODSEQ (\n* VANISHED 6$\n"
            "* 3 FETCH (UID 5 \nOK ");
    peer_do(a, arena_printf(arena, "UID FETCH 3:4 (FLAGS) (CHANGEDSINCE %llu VANISHED)", modseq),
            "* VANISHED (EARLIER) 4$\nOK ");
}
PEER_CASE(vanished)

/* RFC 9394 section 3.3, from either end; a window may reach over the end of what there is. */
static void partial_window(void)
{
    fill(8);
    expunge_elsewhere("INBOX", 3);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_of(a, "UID FETCH 1:7 (UID) (PARTIAL -1:-3)",
              "* 4 FETCH (UID 5)\r\n* 5 FETCH (UID 6)\r\n* 6 FETCH (UID 7)\r\nOK fetched");
    expect_of(a, "UID FETCH 2:7 (UID) (PARTIAL 1:2)", "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 4)\r\nOK fetched");
    expect_of(a, "UID FETCH 1:* (UID) (PARTIAL 7:3)",
              "* 3 FETCH (UID 4)\r\n* 4 FETCH (UID 5)\r\n* 5 FETCH (UID 6)\r\n* 6 FETCH (UID 7)\r\n"
              "* 7 FETCH (UID 8)\r\nOK fetched");
    expect_of(a, "UID FETCH 1:* (UID) (PARTIAL -6:-100)",
              "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\nOK fetched");
    expect_of(a, "UID FETCH 1:* (UID) (PARTIAL 8:100)", "OK fetched");
    expect_of(a, "UID FETCH 1:* (UID) (PARTIAL -8:-9)", "OK fetched");
    expect_of(a, "UID FETCH 1:* (UID) (PARTIAL 7:4294967295)", "* 7 FETCH (UID 8)\r\nOK fetched");
    /* Section 3.4: first the window, then what changed of it. */
    struct slice answer = peer_answer(a, "UID FETCH 8 MODSEQ");
    unsigned long long modseq;
    assert_int_equal(sscanf(answer.data, "* 7 FETCH (UID 8 MODSEQ (%llu))", &modseq), 1);
    flag_elsewhere("INBOX", 1, FLAGS_ADD, MESSAGE_FLAGGED);
    flag_elsewhere("INBOX", 7, FLAGS_ADD, MESSAGE_FLAGGED);
    struct arena *arena = &world.fixture->arena;
    peer_do(a, arena_printf(arena, "UID FETCH 1:* (UID) (PARTIAL -1:-3 CHANGEDSINCE %llu)", modseq),
            "* 6 FETCH (UID 7 MODSEQ (\n* 1 FETCH (UID 1 FLAGS \n* 6 FETCH (UID 7 FLAGS \nOK ");
}
PEER_CASE(partial_window)

/* RFC 2180 section 4.1.3, RFC 5530: what another session expunged has no answer; the numbers stay until they
 * may change. */
static void expunged_elsewhere(void)
{
    fill(4);
    struct peer *a = peer_at_inbox();
    expunge_elsewhere("INBOX", 2);
    expect_of(a, "FETCH 1:3 RFC822.SIZE",
              "* 1 FETCH (RFC822.SIZE 43)\r\n* 3 FETCH (RFC822.SIZE 43)\r\n"
              "NO [EXPUNGEISSUED] some of the messages were expunged");
    /* Its UID the session still knows. */
    expect_of(a, "FETCH 1:3 UID",
              "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\nOK fetched");
    expect_of(a, "FETCH 2 BODY.PEEK[]", "NO [EXPUNGEISSUED] some of the messages were expunged");
    expect_of(a, "FETCH 3 UID", "* 3 FETCH (UID 3)\r\nOK fetched");
    /* By UID it is as if it were not there (RFC 9051 section 6.4.9). */
    expect_of(a, "UID FETCH 1:3 UID", "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n* 2 EXPUNGE\r\nOK fetched");
    expect_of(a, "FETCH 2 UID", "* 2 FETCH (UID 3)\r\nOK fetched");
}
PEER_CASE(expunged_elsewhere)

/* No parenthesis stands alone in a text: to a client that reads texts as it reads all else, a list began. */
static void what_was_expected(void)
{
    struct peer *a = peer_at_inbox();
    expect_of(a, "FETCH 1 (FLAGS", "BAD expected a closing parenthesis at the end");
    expect_of(a, "FETCH 1 FLAGS UID", "BAD expected an opening parenthesis where \"UID\" stands");
}
PEER_CASE(what_was_expected)

/* Thunderbird overlooks new mail that is announced inside the reply to a FETCH of bodies. */
static void new_mail_waits_for_bodies(void)
{
    fill(2);
    struct peer *a = peer_at_inbox();
    fill(1);
    expect_of(a, "UID FETCH 1 BODY.PEEK[TEXT]",
              "* 1 FETCH (UID 1 BODY[TEXT] {8}\r\nbody 1\r\n)\r\nOK fetched");
    expect_of(a, "UID FETCH 2 (BODY.PEEK[] RFC822.SIZE)<",
              "* 3 EXISTS\r\n* 3 RECENT\r\nBAD expected the end of the "
              "command where \"<\" stands");
    fill(1);
    expect_of(a, "UID FETCH 2 BODY.PEEK[1]", "* 2 FETCH (UID 2 BODY[1] {8}\r\nbody 2\r\n)\r\nOK fetched");
    expect_of(a, "UID FETCH 2 RFC822.TEXT",
              "* 2 FETCH (FLAGS (\\Seen \\Recent) UID 2 RFC822.TEXT {8}\r\nbody 2\r\n)\r\nOK fetched");
    expect_of(a, "NOOP", "* 4 EXISTS\r\n* 4 RECENT\r\nOK done");
    /* Header fields are no bodies. */
    fill(1);
    peer_do(a, "UID FETCH 1 (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
            "* 1 FETCH (UID 1 FLAGS (\\Recent) BODY[HEADER.FIELDS (SUBJECT)] {14}\nSubject: 1$\n$\n)$\n"
            "* 5 EXISTS$\n* 5 RECENT$\nOK ");
    fill(1);
    peer_do(a, "FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1$\n)$\nOK ");
    peer_send(a, "i IDLE\r\n");
    peer_expect(a, "+ idling$\n* 6 EXISTS$\n* 6 RECENT$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "i OK ");
}
PEER_CASE(new_mail_waits_for_bodies)

/* But not for ever. */
static void new_mail_waits_so_long(void)
{
    struct selected selected = {0};
    selected_hold(&selected, 1000);
    assert_true(selected.is_held);
    selected_hold(&selected, 1000 + HOLD_MAX_MS - 1);
    assert_true(selected.is_held);
    selected_hold(&selected, 1000 + HOLD_MAX_MS);
    assert_false(selected.is_held);
}
PEER_CASE(new_mail_waits_so_long)

/* More keywords than have bits (storage/mailbox.h); one that was not in FLAGS is listed before it is used. */
static void keywords(void)
{
    struct arena *arena = &world.fixture->arena;
    fill(2);
    struct peer *a = peer_at_inbox();
    struct uid_range first = {1, 1};
    for (unsigned i = 1; i <= 66; i++) {
        struct slice name = slice_from(arena_printf(arena, "Word%u", i));
        change((struct batch_operation){.kind = BATCH_FLAGS,
                                        .mailbox = mailbox_named(S("INBOX")),
                                        .flags = {.uids = {&first, 1},
                                                  .change = i > 64 ? FLAGS_ADD : FLAGS_REPLACE,
                                                  .keywords = &name,
                                                  .keyword_count = 1}});
    }
    peer_do(a, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Recent Word64 Word65 Word66))$\nOK ");
    expect_of(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent Word64 Word65 Word66))\r\nOK fetched");
    flag_elsewhere("INBOX", 1, FLAGS_REPLACE, 0);
    peer_do(a, "NOOP", "* 1 FETCH (UID 1 FLAGS (\\Recent))$\nOK ");
    struct slice seven = S("Word7");
    change((struct batch_operation){
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(S("INBOX")),
        .flags = {.uids = {&first, 1}, .change = FLAGS_ADD, .keywords = &seven, .keyword_count = 1}});
    peer_do(a, "FETCH 1:2 FLAGS",
            "* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft Word7)$\n* 1 FETCH (FLAGS (\\Recent "
            "Word7))$\n"
            "* 2 FETCH (FLAGS (\\Recent))$\n* 1 FETCH (UID 1 FLAGS (\\Recent Word7))$\nOK ");
    peer_do(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent Word7))$\nOK ");
}
PEER_CASE(keywords)

/* Many pages and visits, over a line that takes little at a time; in order, none twice. */
static void many(void)
{
    struct arena *arena = &world.fixture->arena;
    fill(2500);
    world.chunk = 1000;
    struct peer *a = peer_at("EXAMINE INBOX");
    struct buf want;
    buf_init(&want, 10000000);
    for (unsigned i = 1; i <= 2500; i++)
        buf_printf(&want, "* %u FETCH (UID %u FLAGS (\\Recent))\r\n", i, i);
    buf_append(&want, S("OK fetched"));
    expect_of(a, "UID FETCH 1:* FLAGS", buf_cstr(&want));
    buf_clear(&want);
    for (unsigned i = 1; i <= 2500; i += 3) {
        const char *text = arena_printf(arena, "From: a@example.org\r\nSubject: %u\r\n\r\nbody %u\r\n", i, i);
        buf_printf(&want, "* %u FETCH (BODY[] {%zu}\r\n%s)\r\n", i, strlen(text), text);
    }
    buf_append(&want, S("OK fetched"));
    struct buf command;
    buf_init(&command, 100000);
    buf_append(&command, S("FETCH 1"));
    for (unsigned i = 4; i <= 2500; i += 3)
        buf_printf(&command, ",%u", i);
    buf_append(&command, S(" BODY.PEEK[]"));
    expect_of(a, buf_cstr(&command), buf_cstr(&want));
    buf_free(&want);
    buf_free(&command);
}
PEER_CASE(many)

/* --- what goes wrong --- */

/* A full disk is no reason to withhold mail. */
static void seen_cannot_be_set(void)
{
    fill(1);
    struct peer *a = peer_at_inbox();
    memory_store_fail(world.fixture->store, MEMORY_COMMIT, 1, ERR_NO_SPACE);
    expect_of(a, "FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\r\nbody 1\r\n)\r\nOK fetched");
    expect_of(a, "FETCH 1 BODY[TEXT]",
              "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}\r\nbody 1\r\n)\r\nOK fetched");
}
PEER_CASE(seen_cannot_be_set)

/* The store fails at any of its steps: the answer is NO, nothing is said twice or by halves, and the next
 * command works. */
static void reading_fails(void)
{
    fill(2);
    struct peer *a = peer_at("EXAMINE INBOX");
    const char *good = "* 1 FETCH (FLAGS (\\Recent) BODY[TEXT] {8}\r\nbody 1\r\n)\r\n"
                       "* 2 FETCH (FLAGS (\\Recent) BODY[TEXT] {8}\r\nbody 2\r\n)\r\nOK fetched";
    bool went_well = false;
    for (unsigned step = 1; !went_well; step++) {
        memory_store_fail(world.fixture->store, MEMORY_READ, step, ERR_IO);
        struct slice answer = peer_answer(a, "FETCH 1:2 (FLAGS BODY.PEEK[TEXT])");
        went_well = slice_eq(answer, slice_from(good));
        if (!went_well) {
            size_t last = slice_find_text(answer, S("NO ["));
            assert_true(last < answer.len &&
                        (last == 0 || slice_eq(slice_take(slice_skip(answer, last - 3), 3), S(")\r\n"))));
            assert_true(step < 20);
        }
        memory_store_heal(world.fixture->store);
        expect_of(a, "FETCH 1:2 (FLAGS BODY.PEEK[TEXT])", good);
    }
}
PEER_CASE(reading_fails)

/* A command that comes in pieces, with a literal in it. */
static void in_pieces(void **state)
{
    (void)state;
    fill(1);
    expect(LOGIN "b EXAMINE INBOX\r\nc FETCH 1 BODY.PEEK[HEADER.FIELDS ({7}\r\nSubject To)]\r\n"
                 "d FETCH 1 (UID BODY.PEEK[HEADER.FIELDS ({7+}\r\nSUBJECT)]<0.3>)\r\n" LOGOUT,
           LOGGED_IN "* FLAGS (\n* OK [PERMANENTFLAGS ()\n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1] \n"
                     "* OK [UIDVALIDITY \n* OK [UIDNEXT 2] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"
                     "b OK [READ-ONLY] \n"
                     "+ ready for the literal$\n"
                     "* 1 FETCH (BODY[HEADER.FIELDS (Subject To)] {14}$\nSubject: 1$\n$\n)$\nc OK fetched$\n"
                     "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)]<0> {3}$\nSub)$\nd OK fetched$\n" BYE);
}

/* Each message may have a thousand of 255 characters: what is made of a page of them goes in parts. */
static void long_keywords(void)
{
    struct arena *arena = &world.fixture->arena;
    struct uid_range all = {1, 12};
    struct slice names[200];
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        names[i] = slice_from(arena_printf(arena, "%0255u", i));
    fill(12);
    change((struct batch_operation){
        .kind = BATCH_FLAGS,
        .mailbox = mailbox_named(S("INBOX")),
        .flags = {
            .uids = {&all, 1}, .change = FLAGS_ADD, .keywords = names, .keyword_count = ARRAY_LEN(names)}});
    struct peer *a = peer_at_inbox();
    for (unsigned round = 1; round <= 2; round++) { /* asked for, and told */
        struct slice answer = peer_answer(a, round == 1 ? "FETCH 1:* FLAGS" : "NOOP");
        for (unsigned i = 1; i <= all.last; i++) {
            struct slice line = slice_split(&answer, '\n');
            assert_true(slice_starts_with(line, slice_from(arena_printf(arena, "* %u FETCH (", i))));
            for (size_t k = 0; k < ARRAY_LEN(names); k++)
                assert_true(slice_find_text(line, names[k]) < line.len);
        }
        assert_true(slice_starts_with(answer, S("OK ")));
        change((struct batch_operation){
            .kind = BATCH_FLAGS,
            .mailbox = mailbox_named(S("INBOX")),
            .flags = {.uids = {&all, 1}, .change = FLAGS_ADD, .flags = MESSAGE_FLAGGED}});
    }
}
PEER_CASE(long_keywords)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(items_of_the_index),
        peer_test(uid_sets),
        peer_test(sets_seen),
        peer_test(examine_sets_nothing),
        peer_test(modseq),
        peer_test(vanished),
        peer_test(partial_window),
        peer_test(expunged_elsewhere),
        peer_test(what_was_expected),
        peer_test(new_mail_waits_for_bodies),
        peer_test(new_mail_waits_so_long),
        peer_test(keywords),
        peer_test(long_keywords),
        peer_test(many),
        peer_test(seen_cannot_be_set),
        peer_test(reading_fails),
        dialogue_test(in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
