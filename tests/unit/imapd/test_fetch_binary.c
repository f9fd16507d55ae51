/* SPDX-License-Identifier: ISC */
/* BINARY (RFC 3516), PREVIEW (RFC 8970), SAVEDATE (RFC 8514), EMAILID and THREADID (RFC 8474). */
#include "base/clock.h"
#include "fetching.h"

#define PART(encoding, body)                                                                                \
    "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: " encoding "\r\n\r\n" body \
    "\r\n"
#define PARTS                                                                                        \
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n" PART("base64", "SGVsbG8s\r\nIFdvcmxk") PART( \
        "quoted-printable", "=48i =\r\nthere=21") PART("BASE64", "AAEC") PART("8bit", "plain\r\n")   \
        PART("x-uuencode",                                                                           \
             "what?") "--b\r\nContent-Type: message/rfc822\r\n\r\n"                                  \
                      "Subject: inside\r\nContent-Transfer-Encoding: base64\r\n\r\nZGVlcA==\r\n--b--\r\n"

static void binary(void)
{
    append("INBOX", PARTS);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_answer(a, "BINARY[1]", "BINARY[1] {12}\r\nHello, World");
    expect_answer(a, "BINARY.PEEK[2]", "BINARY[2] {9}\r\nHi there!");
    /* "if the data contains NUL": literal8 */
    expect_answer(a, "BINARY.SIZE[3]", "BINARY.SIZE[3] 3");
    expect_answer(a, "BINARY.PEEK[4]", "BINARY[4] {7}\r\nplain\r\n");
    expect_answer(a, "(BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[4])",
                  "BINARY.SIZE[1] 12 BINARY.SIZE[2] 9 BINARY.SIZE[4] 7");
    expect_answer(a, "BINARY[6.1]", "BINARY[6.1] {4}\r\ndeep");
    /* What is not there; what has a part within, which is not decoded there. */
    expect_answer(a, "(BINARY[7] BINARY.SIZE[7])", "BINARY[7] NIL BINARY.SIZE[7] 0");
    expect_answer(a, "(BINARY.SIZE[6] BINARY[6])",
                  "BINARY.SIZE[6] 62 BINARY[6] {62}\r\nSubject: inside\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\nZGVlcA==");
    /* RFC 3516 section 4.3 */
    peer_do(a, "FETCH 1 (UID BINARY[5])", "NO [UNKNOWN-CTE] ");
    peer_do(a, "FETCH 1 BINARY.SIZE[5]", "NO [UNKNOWN-CTE] ");
    expect_answer(a, "BODY[5]", "BODY[5] {5}\r\nwhat?");
    peer_do(a, "FETCH 1 BINARY.SIZE[1]<0.1>", "BAD ");
}
PEER_CASE(binary)

/* "the <partial> arguments refer to the DECODED section data" */
static void binary_partial(void)
{
    append("INBOX", PARTS);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_answer(a, "BINARY[1]<7.100>", "BINARY[1]<7> {5}\r\nWorld");
    expect_answer(a, "BINARY[1]<0.5>", "BINARY[1]<0> {5}\r\nHello");
    expect_answer(a, "BINARY[2]<3.2>", "BINARY[2]<3> {2}\r\nth");
    expect_answer(a, "BINARY[2]<9.2>", "BINARY[2]<9> {0}\r\n");
    expect_answer(a, "BINARY[2]<9223372036854775807.9223372036854775807>",
                  "BINARY[2]<9223372036854775807> {0}\r\n");
}
PEER_CASE(binary_partial)

static void binary_nul(void)
{
    append("INBOX", PARTS);
    struct peer *a = peer_at("EXAMINE INBOX");
    struct slice got = peer_answer(a, "FETCH 1 BINARY.PEEK[3]");
    assert_slice(got, S("* 1 FETCH (BINARY[3] ~{3}\r\n\0\1\2)\r\nOK fetched"));
}
PEER_CASE(binary_nul)

/* The same file with bare LF: what is encoded is not touched, text gets CRLF (RFC 3516 section 6). */
static void binary_bare_lf(void)
{
    append("INBOX",
           "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\nYTpi\n"
           "--b\nContent-Transfer-Encoding: quoted-printable\n\nc=\nd\ne=3Df\n--b\n\ng\nh\n--b--\n");
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_answer(a, "BINARY[1]", "BINARY[1] {3}\r\na:b");
    expect_answer(a, "BINARY[2]", "BINARY[2] {7}\r\ncd\r\ne=f");
    expect_answer(a, "(BINARY.SIZE[2] BINARY[3])", "BINARY.SIZE[2] 7 BINARY[3] {4}\r\ng\r\nh");
}
PEER_CASE(binary_bare_lf)

/* What RFC 3516 leaves out: words, as BODY has them; nothing is decoded there. A partial without a length. */
static void binary_words(void)
{
    append("INBOX", PARTS);
    struct peer *a = peer_at("EXAMINE INBOX");
    struct arena *arena = &world.fixture->arena;
    static const char *const sections[] = {"HEADER", "TEXT", "1.MIME", "HEADER.FIELDS (Content-Type X)",
                                           "HEADER.FIELDS.NOT (Subject)"};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        struct slice body =
            arena_copy(arena, peer_answer(a, arena_printf(arena, "FETCH 1 BODY[%s]", sections[i])));
        size_t cut = slice_find(body, '{');
        unsigned octets = 0;
        assert_int_equal(sscanf(body.data + cut, "{%u}", &octets), 1);
        assert_true(octets > 2);
        assert_slice(peer_answer(a, arena_printf(arena, "FETCH 1 BINARY.PEEK[%s]", sections[i])),
                     slice_from(arena_printf(arena, "* 1 FETCH (BINARY[%s] %.*s", sections[i],
                                             (int)(body.len - cut), body.data + cut)));
        expect_answer(a, arena_printf(arena, "BINARY.SIZE[%s]", sections[i]),
                      arena_printf(arena, "BINARY.SIZE[%s] %u", sections[i], octets));
    }
    expect_answer(a, "(BINARY[1.HEADER] BINARY.SIZE[9.MIME])", "BINARY[1.HEADER] NIL BINARY.SIZE[9.MIME] 0");
    expect_answer(a, "(BINARY[1]<10> BODY[1.MIME]<9999>)",
                  "BINARY[1]<10> {2}\r\nld BODY[1.MIME]<9999> {0}\r\n");
}
PEER_CASE(binary_words)

static void binary_sets_seen(void)
{
    append("INBOX", PARTS);
    struct peer *a = peer_at_inbox();
    expect_answer(a, "(FLAGS BINARY.PEEK[1]<0.1>)", "FLAGS (\\Recent) BINARY[1]<0> {1}\r\nH");
    expect_answer(a, "(FLAGS BINARY.SIZE[1])", "FLAGS (\\Recent) BINARY.SIZE[1] 12");
    expect_answer(a, "BINARY[1]<0.1>", "FLAGS (\\Seen \\Recent) BINARY[1]<0> {1}\r\nH");
}
PEER_CASE(binary_sets_seen)

/* Decoded in pieces, over a line that takes little at a time. */
static void binary_large(void)
{
    struct buf text;
    buf_init(&text, 2000000);
    buf_append(&text, S("Content-Transfer-Encoding: base64\r\n\r\n"));
    for (unsigned i = 0; i < 20000; i++)
        buf_append(&text, S("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5\r\n")); /* 30 digits */
    append_bytes(buf_slice(&text));
    world.chunk = 3000;
    struct peer *a = peer_at("EXAMINE INBOX");
    struct slice answer = peer_answer(a, "FETCH 1 BINARY.PEEK[1]");
    struct slice head = S("* 1 FETCH (BINARY[1] {600000}\r\n");
    assert_true(slice_starts_with(answer, head));
    for (unsigned i = 0; i < 600000; i++)
        assert_int_equal(answer.data[head.len + i], '0' + i % 10);
    assert_slice(slice_skip(answer, head.len + 600000), S(")\r\nOK fetched"));
    buf_free(&text);
}
PEER_CASE(binary_large)

/* --- PREVIEW --- */

static void expect_preview(struct peer *peer, const char *message, const char *preview)
{
    static unsigned number;
    struct arena *arena = &world.fixture->arena;
    number = append("INBOX", message);
    const char *command = arena_printf(arena, "UID FETCH %u PREVIEW", number);
    struct slice answer = peer_answer(peer, command);
    const char *want = arena_printf(arena, "PREVIEW %s)\r\nOK fetched", preview);
    size_t at = slice_find_text(answer, slice_from(want));
    if (at + strlen(want) != answer.len) {
        print_error("expected '%s' at the end of '%.*s'\n", want, SLICE_ARG(answer));
        fail();
    }
}

static void previews(void)
{
    struct peer *a = peer_at_inbox();
    /* RFC 8970 section 3.2 */
    expect_preview(a, "Subject: x\r\n\r\nPreview text!\r\n", "\"Preview text!\"");
    expect_preview(a, "Subject: x\r\n\r\n", "\"\"");
    expect_preview(a, "Content-Type: image/png; name=x.png\r\n\r\nPNG", "\"\"");
    expect_preview(a, "\r\n  a \r\n\r\n\tb\xc2\xa0\xe2\x80\x8b c", "\"a b c\"");
    expect_preview(a, "\r\n\"q\" \\", "\"\\\"q\\\" \\\\\"");
    expect_preview(a, "Content-Type: text/plain; charset=iso-8859-1\r\n\r\nGr\xfc\xdf\x65",
                   "{7}\r\nGr\xc3\xbc\xc3\x9f\x65");
    expect_preview(a, "Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=", "\"Hello\"");
    expect_preview(a, "Content-Type: text/html\r\n\r\n<style>p {}</style><p>Hello <b>W</b>orld</p>",
                   "\"Hello World\"");
    /* The first part that has something; names of files are not text. */
    expect_preview(
        a,
        "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n \r\n--b\r\nContent-Type: "
        "text/html\r\n\r\n<p>first</p>\r\n--b\r\n\r\nsecond\r\n--b--\r\n",
        "\"first\"");
    expect_preview(a,
                   "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png; "
                   "name=picture.png\r\n\r\nx\r\n--b\r\n\r\ntext\r\n--b--\r\n",
                   "\"text\"");
}
PEER_CASE(previews)

static void previews_without_quotations(void)
{
    struct peer *a = peer_at_inbox();
    expect_preview(a, "\r\nAlice wrote:\r\n\r\n> Shall we?\r\n>\r\n> Alice\r\n\r\nYes: let us.\r\n-- \r\nBob",
                   "\"Yes: let us.\"");
    expect_preview(a, "\r\nNo.\r\n-----Original Message-----\r\nFrom: a", "\"No.\"");
    expect_preview(a, "\r\n==========\r\nNews\r\n* * *\r\ntoday", "\"News today\"");
    expect_preview(a, "\r\nTo do:\r\n- this\r\nAnd:", "\"To do: - this And:\"");
    expect_preview(a, "\r\n> only\r\n> quoted", "\"> only > quoted\"");
    expect_preview(a, "\r\n-----BEGIN PGP MESSAGE-----\r\nhQEMA", "\"\"");
}
PEER_CASE(previews_without_quotations)

/* "The server SHOULD limit the length of the preview text to 200 preview characters", which take more bytes.
 */
static void long_previews(void)
{
    struct peer *a = peer_at_inbox();
    struct arena *arena = &world.fixture->arena;
    struct buf text, want;
    buf_init(&text, 100000);
    buf_init(&want, 100000);
    buf_append(&text, S("Content-Type: text/plain; charset=utf-8\r\n\r\n"));
    for (unsigned i = 0; i < 5000; i++)
        buf_append(&text, i % 10 == 9 ? S(" ") : S("\xe2\x82\xac"));
    for (unsigned i = 0; i < 200; i++)
        buf_append(&want, i % 10 == 9 ? S(" ") : S("\xe2\x82\xac"));
    buf_truncate(&want, want.len - 1); /* a blank at the end is none */
    expect_preview(a, buf_cstr(&text), arena_printf(arena, "{%zu}\r\n%s", want.len, buf_cstr(&want)));
    buf_free(&text);
    buf_free(&want);
}
PEER_CASE(long_previews)

static void lazy_previews(void)
{
    for (unsigned i = 0; i < 202; i++)
        append("INBOX", "\r\nPreview!\r\n");
    struct peer *a = peer_login();
    peer_answer(a, "SELECT INBOX (CONDSTORE)");
    expect_answer(a, "(PREVIEW (LAZY))", "PREVIEW \"Preview!\"");
    expect_answer(a, "PREVIEW (LAZY)", "PREVIEW \"Preview!\"");
    expect_answer(a, "PREVIEW (LAZY) (CHANGEDSINCE 0)", "PREVIEW \"Preview!\" MODSEQ (2)");
    peer_do(a, "FETCH 1 PREVIEW (FUZZY)", "BAD ");
    struct slice answer = peer_answer(a, "UID FETCH 1:* (PREVIEW (LAZY))");
    assert_true(
        slice_find_text(answer, S("* 200 FETCH (UID 200 PREVIEW \"Preview!\")\r\n* 201 FETCH (UID 201 "
                                  "PREVIEW NIL)\r\n* 202 FETCH (UID 202 PREVIEW NIL)\r\nOK")) < answer.len);
    answer = peer_answer(a, "UID FETCH 1:* (PREVIEW)");
    assert_int_equal(slice_find_text(answer, S("NIL")), answer.len);
}
PEER_CASE(lazy_previews)

/* --- what the store knows --- */

/* RFC 8474 section 5: the same mail has the same EMAILID wherever it is, and answers have one THREADID. */
static void object_ids(void)
{
    append("INBOX", "Subject: Message A\r\nMessage-ID: <1@example.com>\r\n\r\nx");
    append("INBOX",
           "Subject: Re: Message A\r\nMessage-ID: <2@example.com>\r\nReferences: <1@example.com>\r\n\r\ny");
    append("INBOX", "Subject: Message C\r\nMessage-ID: <3@example.com>\r\n\r\nz");
    struct peer *a = peer_at_inbox();
    const char *before = peer_answer(a, "FETCH 1:* (EMAILID THREADID)").data;
    char email[3][64], thread[3][64];
    assert_int_equal(sscanf(before,
                            "* 1 FETCH (EMAILID (%63[^)]) THREADID (%63[^)]))\r\n"
                            "* 2 FETCH (EMAILID (%63[^)]) THREADID (%63[^)]))\r\n"
                            "* 3 FETCH (EMAILID (%63[^)]) THREADID (%63[^)]))",
                            email[0], thread[0], email[1], thread[1], email[2], thread[2]),
                     6);
    assert_int_equal(email[0][0], 'M');
    assert_int_equal(thread[0][0], 'T');
    assert_string_not_equal(email[0], email[1]);
    assert_string_equal(thread[0], thread[1]);
    assert_string_not_equal(thread[0], thread[2]);
    peer_do(a, "UID COPY 2 INBOX", "* 4 EXISTS\n* 4 RECENT\nOK [COPYUID ");
    assert_slice(
        peer_answer(a, "FETCH 4 (EMAILID THREADID)"),
        slice_from(arena_printf(&world.fixture->arena, "* 4 FETCH (EMAILID (%s) THREADID (%s))\r\nOK fetched",
                                email[1], thread[1])));
}
PEER_CASE(object_ids)

/* RFC 8514 section 4.2: when it came here, whatever INTERNALDATE says. */
static void save_date(void)
{
    struct account *account = open_account(world.fixture, ALICE);
    struct sealed sealed = seal(world.fixture, S("Subject: x\r\n\r\n"));
    struct batch_operation operation = append_to("INBOX", &sealed);
    operation.append.internal_date_us = 1420134653 * INT64_C(1000000);
    assert_ok(batch_commit(account, &operation, 1, NULL));
    blob_free(sealed.blob);
    account_close(account);
    struct peer *a = peer_at_inbox();
    expect_answer(a, "INTERNALDATE", "INTERNALDATE \" 1-Jan-2015 17:50:53 +0000\"");
    struct slice answer = peer_answer(a, "FETCH 1 SAVEDATE");
    int64_t saved = 0;
    struct parser parser =
        parser_of(&world.fixture->arena, slice_skip(answer, strlen("* 1 FETCH (SAVEDATE ")));
    assert_true(parse_date_time(&parser, &saved));
    assert_true(saved > clock_wall_us() - 60 * 60 * INT64_C(1000000) && saved <= clock_wall_us());
}
PEER_CASE(save_date)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(binary),         peer_test(binary_partial), peer_test(binary_nul),
        peer_test(binary_bare_lf), peer_test(binary_words),   peer_test(binary_sets_seen),
        peer_test(binary_large),   peer_test(previews),       peer_test(previews_without_quotations),
        peer_test(long_previews),  peer_test(lazy_previews),  peer_test(object_ids),
        peer_test(save_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
