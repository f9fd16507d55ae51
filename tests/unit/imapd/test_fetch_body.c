/* SPDX-License-Identifier: ISC */
/* Sections and parts of them, of messages with CRLF line ends and of files that other programs wrote with LF.
 */
#include "fetching.h"

#include "fetch_run.h"

/* The message of RFC 9051 section 6.4.5.1. */
static const char complex_message[] = "From: a@example.org\n"
                                      "Received: by nobody;\n\tlong ago\n"
                                      "Subject: complex\n"
                                      "MIME-Version: 1.0\n"
                                      "Content-Type: multipart/mixed; boundary=a\n"
                                      "\n"
                                      "a preamble\n"
                                      "--a\n"
                                      "Content-Type: text/plain\n"
                                      "\n"
                                      "one\n"
                                      "--a\n"
                                      "Content-Type: application/octet-stream\n"
                                      "\n"
                                      "two\n"
                                      "--a\n"
                                      "Content-Type: message/rfc822\n"
                                      "\n"
                                      "Subject: inside\n"
                                      "To: b@example.org\n"
                                      "Content-Type: multipart/mixed; boundary=b\n"
                                      "\n"
                                      "--b\n"
                                      "\n"
                                      "three one\n"
                                      "--b\n"
                                      "Content-Type: application/octet-stream\n"
                                      "\n"
                                      "three\n"
                                      "two\n"
                                      "\n"
                                      "--b--\n"
                                      "--a\n"
                                      "Content-Type: multipart/mixed; boundary=c\n"
                                      "\n"
                                      "--c\n"
                                      "Content-Type: image/gif\n"
                                      "\n"
                                      "GIF\n"
                                      "--c\n"
                                      "Content-Type: message/rfc822\n"
                                      "\n"
                                      "Subject: deep inside\n"
                                      "Content-Type: multipart/mixed; boundary=d\n"
                                      "\n"
                                      "--d\n"
                                      "\n"
                                      "four two one\n"
                                      "--d\n"
                                      "Content-Type: multipart/alternative; boundary=e\n"
                                      "\n"
                                      "--e\n"
                                      "\n"
                                      "plain\n"
                                      "--e\n"
                                      "Content-Type: text/richtext\n"
                                      "\n"
                                      "rich\n"
                                      "--e--\n"
                                      "--d--\n"
                                      "--c--\n"
                                      "--a--\n"
                                      "an epilogue\n";

#define COMPLEX_HEADER                                                          \
    "From: a@example.org\nReceived: by nobody;\n\tlong ago\nSubject: complex\n" \
    "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=a\n\n"
#define THREE_HEADER     "Subject: inside\nTo: b@example.org\nContent-Type: multipart/mixed; boundary=b\n\n"
#define THREE_TEXT       "--b\n\nthree one\n--b\nContent-Type: application/octet-stream\n\nthree\ntwo\n\n--b--"
#define DEEP_HEADER      "Subject: deep inside\nContent-Type: multipart/mixed; boundary=d\n\n"
#define DEEP_ALTERNATIVE "--e\n\nplain\n--e\nContent-Type: text/richtext\n\nrich\n--e--"
#define DEEP_TEXT                                                                                           \
    "--d\n\nfour two one\n--d\nContent-Type: multipart/alternative; boundary=e\n\n" DEEP_ALTERNATIVE "\n--" \
    "d--"

/* What is stored with LF is served as if it had CRLF. */
static void complex_with(const char *text)
{
    append_bytes(slice_from(text));
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_literal(a, "BODY[]", "BODY[]", complex_message);
    expect_literal(a, "RFC822", "RFC822", complex_message);
    expect_literal(a, "BODY[HEADER]", "BODY[HEADER]", COMPLEX_HEADER);
    expect_literal(a, "RFC822.HEADER", "RFC822.HEADER", COMPLEX_HEADER);
    expect_literal(a, "BODY[TEXT]", "BODY[TEXT]", complex_message + strlen(COMPLEX_HEADER));
    expect_literal(a, "RFC822.TEXT", "RFC822.TEXT", complex_message + strlen(COMPLEX_HEADER));
    expect_literal(a, "BODY[1]", "BODY[1]", "one");
    expect_literal(a, "body.peek[1.mime]", "BODY[1.MIME]", "Content-Type: text/plain\n\n");
    expect_literal(a, "BODY[2]", "BODY[2]", "two");
    expect_literal(a, "BODY[3]", "BODY[3]", THREE_HEADER THREE_TEXT);
    expect_literal(a, "BODY[3.MIME]", "BODY[3.MIME]", "Content-Type: message/rfc822\n\n");
    expect_literal(a, "BODY[3.HEADER]", "BODY[3.HEADER]", THREE_HEADER);
    expect_literal(a, "BODY[3.TEXT]", "BODY[3.TEXT]", THREE_TEXT);
    expect_literal(a, "BODY[3.1]", "BODY[3.1]", "three one");
    expect_literal(a, "BODY[3.1.MIME]", "BODY[3.1.MIME]", "\n");
    expect_literal(a, "BODY[3.2]", "BODY[3.2]", "three\ntwo\n");
    expect_literal(a, "BODY[4.1]", "BODY[4.1]", "GIF");
    expect_literal(a, "BODY[4.1.MIME]", "BODY[4.1.MIME]", "Content-Type: image/gif\n\n");
    expect_literal(a, "BODY[4.2.HEADER]", "BODY[4.2.HEADER]", DEEP_HEADER);
    expect_literal(a, "BODY[4.2.TEXT]", "BODY[4.2.TEXT]", DEEP_TEXT);
    expect_literal(a, "BODY[4.2.1]", "BODY[4.2.1]", "four two one");
    expect_literal(a, "BODY[4.2.2]", "BODY[4.2.2]", DEEP_ALTERNATIVE);
    expect_literal(a, "BODY[4.2.2.1]", "BODY[4.2.2.1]", "plain");
    expect_literal(a, "BODY[4.2.2.2]", "BODY[4.2.2.2]", "rich");
    expect_answer(a,
                  "(BODY[5] BODY[1.2] BODY[1.HEADER] BODY[4.TEXT] BODY[3.3.MIME] BODY[4.HEADER.FIELDS (X)])",
                  "BODY[5] NIL BODY[1.2] NIL BODY[1.HEADER] NIL BODY[4.TEXT] NIL BODY[3.3.MIME] NIL "
                  "BODY[4.HEADER.FIELDS (X)] NIL");
    expect_answer(a, "RFC822.SIZE",
                  arena_printf(&world.fixture->arena, "RFC822.SIZE %zu", strlen(crlf(complex_message))));
}

static void complex_crlf(void)
{
    complex_with(crlf(complex_message));
}
PEER_CASE(complex_crlf)

static void complex_bare_lf(void)
{
    complex_with(complex_message);
}
PEER_CASE(complex_bare_lf)

/* Octets count as they are served; a substring of header fields is cut behind the choice of fields. */
static void partial_with(const char *text)
{
    append_bytes(slice_from(text));
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_literal(a, "BODY[]<0.10>", "BODY[]<0>", "From: a@ex");
    expect_literal(a, "BODY[]<21.9>", "BODY[]<21>", "Received:");
    expect_literal(a, "BODY[]<6.100000>", "BODY[]<6>", complex_message + 6);
    expect_answer(a, "BODY[]<100000.1>", "BODY[]<100000> {0}\r\n");
    expect_answer(a, "BODY[]<9223372036854775807.9223372036854775807>",
                  "BODY[]<9223372036854775807> {0}\r\n");
    expect_literal(a, "BODY[TEXT]<2.8>", "BODY[TEXT]<2>", "preamble");
    expect_literal(a, "BODY[TEXT]<12.3>", "BODY[TEXT]<12>", "--a");
    expect_literal(a, "BODY[3.2]<5.5>", "BODY[3.2]<5>", "\ntwo");
    expect_literal(a, "BODY[3.2]<7.3>", "BODY[3.2]<7>", "two");
    expect_literal(a, "BODY.PEEK[HEADER.FIELDS (SUBJECT)]<9.7>", "BODY[HEADER.FIELDS (SUBJECT)]<9>",
                   "complex");
    expect_literal(a, "BODY.PEEK[HEADER]<23.8>", "BODY[HEADER]<23>", "ceived: ");
}

static void partial_crlf(void)
{
    partial_with(crlf(complex_message));
}
PEER_CASE(partial_crlf)

static void partial_bare_lf(void)
{
    partial_with(complex_message);
}
PEER_CASE(partial_bare_lf)

/* Of the index, of the file, of a message inside; in the order of the message, all occurrences. */
static void header_fields_with(const char *text)
{
    append_bytes(slice_from(text));
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_literal(a, "BODY[HEADER.FIELDS (SUBJECT FROM)]", "BODY[HEADER.FIELDS (SUBJECT FROM)]",
                   "From: a@example.org\nSubject: complex\n\n");
    expect_literal(a, "BODY[header.fields (received subject)]", "BODY[HEADER.FIELDS (received subject)]",
                   "Received: by nobody;\n\tlong ago\nSubject: complex\n\n");
    expect_literal(a, "BODY[HEADER.FIELDS.NOT (RECEIVED subject Content-Type)]",
                   "BODY[HEADER.FIELDS.NOT (RECEIVED subject Content-Type)]",
                   "From: a@example.org\nMIME-Version: 1.0\n\n");
    expect_literal(a, "BODY[HEADER.FIELDS (X-None \"Sub ject\")]",
                   "BODY[HEADER.FIELDS (X-None \"Sub ject\")]", "\n");
    expect_literal(a, "BODY[3.HEADER.FIELDS (TO)]", "BODY[3.HEADER.FIELDS (TO)]", "To: b@example.org\n\n");
    expect_literal(a, "BODY[3.HEADER.FIELDS.NOT (TO)]", "BODY[3.HEADER.FIELDS.NOT (TO)]",
                   "Subject: inside\nContent-Type: multipart/mixed; boundary=b\n\n");
}

static void header_fields_crlf(void)
{
    header_fields_with(crlf(complex_message));
}
PEER_CASE(header_fields_crlf)

static void header_fields_bare_lf(void)
{
    header_fields_with(complex_message);
}
PEER_CASE(header_fields_bare_lf)

/* RFC 9051 section 6.4.5.1: the empty line is there, but for a message that has none. */
static void header_only(void)
{
    append("INBOX", "Subject: x\r\n\r\n");
    append("INBOX", "Subject: y\r\n");
    append("INBOX", "Subject: z");
    struct peer *a = peer_at("EXAMINE INBOX");
    peer_do(a, "FETCH 1:3 (BODY[HEADER.FIELDS (SUBJECT)] BODY[TEXT])",
            "* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {14}$\nSubject: x$\n$\n BODY[TEXT] {0}$\n)$\n"
            "* 2 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {12}$\nSubject: y$\n BODY[TEXT] {0}$\n)$\n"
            "* 3 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {10}$\nSubject: z BODY[TEXT] {0}$\n)$\nOK ");
}
PEER_CASE(header_only)

/* A message that is no multipart has one part, itself. */
static void single_part(void)
{
    append("INBOX", "Subject: x\r\nContent-Type: text/plain\r\n\r\nbody\r\n");
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_literal(a, "BODY[1]", "BODY[1]", "body\n");
    expect_literal(a, "BODY[1.MIME]", "BODY[1.MIME]", "Subject: x\nContent-Type: text/plain\n\n");
    expect_answer(a, "(BODY[2] BODY[1.1] BODY[1.TEXT])", "BODY[2] NIL BODY[1.1] NIL BODY[1.TEXT] NIL");
}
PEER_CASE(single_part)

/* No literal may have NUL in it: clients in C would see its end there. */
static void nul(void)
{
    append_bytes(S("Subject: a\0b\r\nX-None: c\0d\r\n\r\ne\0\0f\r\n"));
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_answer(a, "BODY[TEXT]", "BODY[TEXT] {6}\r\ne\200\200f\r\n");
    expect_answer(a, "BODY[HEADER.FIELDS (SUBJECT)]",
                  "BODY[HEADER.FIELDS (SUBJECT)] {16}\r\nSubject: a\200b\r\n\r\n");
    expect_answer(a, "BODY[HEADER.FIELDS (X-NONE)]",
                  "BODY[HEADER.FIELDS (X-NONE)] {15}\r\nX-None: c\200d\r\n\r\n");
}
PEER_CASE(nul)

/* Larger than the buffer, between small ones, whole and in parts, over a line that takes little at a time. */
static void large_with(const char *line_end)
{
    struct buf text, served;
    buf_init(&text, 1000000);
    buf_init(&served, 1000000);
    buf_printf(&text, "Subject: large%s%s", line_end, line_end);
    buf_append(&served, S("Subject: large\r\n\r\n"));
    for (unsigned i = 0; i < 40000; i++) {
        buf_printf(&text, "line %u%s", i, line_end);
        buf_printf(&served, "line %u\r\n", i);
    }
    fill(1);
    append_bytes(buf_slice(&text));
    fill(1);
    world.chunk = 4096;
    struct peer *a = peer_at("EXAMINE INBOX");
    struct slice answer = peer_answer(a, "UID FETCH 1:3 (BODY.PEEK[] RFC822.SIZE)");
    struct slice large = buf_slice(&served);
    struct buf want;
    buf_init(&want, 1000000);
    buf_printf(&want,
               "* 1 FETCH (UID 1 BODY[] {43}\r\nFrom: a@example.org\r\nSubject: 1\r\n\r\nbody 1\r\n"
               " RFC822.SIZE 43)\r\n* 2 FETCH (UID 2 BODY[] {%zu}\r\n",
               large.len);
    buf_append(&want, large);
    buf_printf(&want,
               " RFC822.SIZE %zu)\r\n* 3 FETCH (UID 3 BODY[] {43}\r\nFrom: a@example.org\r\nSubject: 1\r\n"
               "\r\nbody 1\r\n RFC822.SIZE 43)\r\nOK fetched",
               large.len);
    assert_true(slice_eq(answer, buf_slice(&want)));
    buf_free(&want);

    answer = peer_answer(a, "FETCH 2 BODY.PEEK[]<200001.150000>");
    struct slice head = S("* 2 FETCH (BODY[]<200001> {150000}\r\n");
    assert_true(slice_starts_with(answer, head));
    assert_true(slice_eq(slice_take(slice_skip(answer, head.len), 150000),
                         slice_take(slice_skip(large, 200001), 150000)));
    buf_free(&text);
    buf_free(&served);
}

static void large_crlf(void)
{
    large_with("\r\n");
}
PEER_CASE(large_crlf)

static void large_bare_lf(void)
{
    large_with("\n");
}
PEER_CASE(large_bare_lf)

/* A file with both line ends, and a CRLF that lies across the border of what is read at a time. */
static void mixed_line_ends(void)
{
    struct buf text;
    buf_init(&text, 200000);
    buf_append(&text, S("Subject: 1\n\nabcd\n")); /* then each CR is the last of eight octets */
    for (unsigned i = 0; i < 10000; i++)
        buf_append(&text, S("yyyyyy\r\n"));
    append_bytes(buf_slice(&text));
    buf_free(&text);
    struct peer *a = peer_at("EXAMINE INBOX");
    struct slice answer = peer_answer(a, "FETCH 1 BODY.PEEK[TEXT]");
    struct slice head = S("* 1 FETCH (BODY[TEXT] {80006}\r\nabcd\r\n");
    assert_true(slice_starts_with(answer, head));
    for (unsigned i = 0; i < 10000; i++)
        assert_slice(slice_take(slice_skip(answer, head.len + (size_t)i * 8), 8), S("yyyyyy\r\n"));
}
PEER_CASE(mixed_line_ends)

/* Whatever is asked for, no more than one item beyond the size of a visit is made at once. */
static void long_headers(void)
{
    enum { FIELD = 200000, ITEMS = 8 };
    struct arena *arena = &world.fixture->arena;
    char *field = arena_alloc(arena, FIELD + 1);
    memset(field, 'x', FIELD);
    append("INBOX", arena_printf(arena, "X: %.*s\r\n\r\n", FIELD, field));
    struct buf command;
    buf_init(&command, 4096);
    for (unsigned i = 0; i < ITEMS; i++)
        buf_printf(&command, "%sBODY.PEEK[HEADER.FIELDS.NOT (A%u)]", i == 0 ? " 1 (" : " ", i);
    buf_append(&command, S(")"));
    struct imap_session session = {.context = &world.context, .conf = &world.conf};
    struct account *account = open_account(world.fixture, ALICE);
    struct select_request select = {
        .account = account, .name = S("INBOX"), .read_only = true, .viewer = SLICE_EMPTY};
    struct select_result opened;
    struct fetch_request request;
    struct fetch_run run = {0};
    struct uid_range one = {1, 1};
    assert_ok(selected_open(&select, &session.arena, &session.selected, &opened));
    assert_ok(selected_load(session.selected));
    struct parser parser = parser_of(&session.arena, buf_slice(&command));
    assert_true(parse_fetch(&parser, &request));
    fetch_run_init(&run, &session, &request, (struct uid_set){&one, 1});
    uint64_t all = 0;
    while (!run.done) {
        assert_ok(fetch_run_visit(&run));
        assert_true(run.out.len < FETCH_OUT_SIZE + FIELD + 1000);
        all += run.out.len;
    }
    assert_true(all > (uint64_t)ITEMS * FIELD);
    fetch_run_free(&run);
    selected_free(session.selected);
    arena_free(&session.arena);
    account_close(account);
    buf_free(&command);
}
PEER_CASE(long_headers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(complex_crlf),    peer_test(complex_bare_lf),    peer_test(partial_crlf),
        peer_test(partial_bare_lf), peer_test(header_fields_crlf), peer_test(header_fields_bare_lf),
        peer_test(header_only),     peer_test(single_part),        peer_test(nul),
        peer_test(large_crlf),      peer_test(large_bare_lf),      peer_test(mixed_line_ends),
        peer_test(long_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
