/* SPDX-License-Identifier: ISC */
/* URLs of messages (RFC 5092), and those that carry their own permission (RFC 4467). */
#include "world.h"

#include "imapurl.h"

/* --- the URL as such --- */

static struct imapurl parse(struct arena *arena, const char *text)
{
    struct imapurl url;
    assert_true(imapurl_parse(arena, slice_from(text), &url));
    return url;
}

static void test_relative(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct imapurl url = parse(&arena, "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME");
    assert_text(url.mailbox, "Drafts");
    assert_int_equal(url.uidvalidity, 385759045);
    assert_int_equal(url.uid, 20);
    assert_text(url.section, "1.MIME");
    assert_false(url.has_server);
    url = parse(&arena, "/gray%20council/%C3%A4/;UID=3/;PARTIAL=10.20");
    assert_text(url.mailbox, "gray council/ä");
    assert_true(url.is_partial && url.offset == 10 && url.length == 20);
    url = parse(&arena, ";UID=7/;SECTION=HEADER.FIELDS%20(To%20From)");
    assert_null(url.mailbox.data);
    assert_text(url.section, "HEADER.FIELDS (To From)");
    arena_free(&arena);
}

static void test_whole(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct imapurl url = parse(
        &arena, "imap://joe@example.com:143/INBOX/;uid=20/;section=1.2;expire=2004-12-31T23:59:59.5+01:00"
                ";urlauth=submit+fred:internal:91354a473744909de610943775f92038");
    assert_text(url.user, "joe");
    assert_text(url.host, "example.com");
    assert_text(url.access, "submit+fred");
    assert_text(url.mechanism, "internal");
    assert_text(url.token, "91354a473744909de610943775f92038");
    assert_true(url.expires_us == (int64_t)1104533999 * 1000000);
    assert_true(slice_ends_with_nocase(url.rump, S(";urlauth=submit+fred")));
    url = parse(&arena, "imap://alice%40example.org@mx.example.org/INBOX/;uid=20;urlauth=anonymous");
    assert_text(url.user, "alice@example.org");
    assert_int_equal(url.token.len, 0);
    arena_free(&arena);
}

static void test_no_url(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "/",
                                      "/INBOX",
                                      "/INBOX/;UID=0",
                                      "/INBOX/;UID=x",
                                      "/INBOX/;UID=1/;SECTION=",
                                      "/IN%0DBOX/;UID=1",
                                      "/%/;UID=1",
                                      "/%C3/;UID=1",
                                      "/INBOX;UIDVALIDITY=/;UID=1",
                                      "/INBOX/;UID=1/;PARTIAL=",
                                      "/INBOX/;UID=1/;PARTIAL=1.0",
                                      "/INBOX/;UID=1 ",
                                      "imap://",
                                      "imap:///INBOX/;UID=1",
                                      "http://x/INBOX/;UID=1",
                                      "/INBOX/;UID=1;EXPIRE=x;URLAUTH=a",
                                      "/INBOX/;UID=1;EXPIRE=2004-13-31T23:59:59Z;URLAUTH=a",
                                      "/INBOX/;UID=1;URLAUTH=a:b",
                                      "/INBOX/;UID=1;URLAUTH=",
                                      "/INBOX/;UID=1;EXPIRE=2004-12-31T23:59:59Z"};
    struct arena arena = {0};
    struct imapurl url;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (imapurl_parse(&arena, slice_from(bad[i]), &url))
            fail_msg("taken for a URL: %s", bad[i]);
    arena_free(&arena);
}

/* --- permission --- */

#define RUMP "imap://alice%40example.org@mx.example.org/INBOX/;uid=1/;section=TEXT;urlauth="

/* Asks for the URL's token; the whole URL. */
static const char *authorise(struct peer *peer, const char *rump)
{
    struct arena *arena = &world.fixture->arena;
    peer_send(peer, arena_printf(arena, "g GENURLAUTH \"%s\" INTERNAL\r\n", rump));
    struct slice line = peer_line(peer);
    assert_true(slice_starts_with(line, S("* GENURLAUTH \"")));
    peer_expect(peer, "g OK ");
    line = slice_skip(line, strlen("* GENURLAUTH \""));
    return arena_cstr(arena, slice_take(line, line.len - 1));
}

static void expect_content(struct peer *peer, const char *url, const char *answer)
{
    struct arena *arena = &world.fixture->arena;
    peer_do(peer, arena_printf(arena, "URLFETCH \"%s\"", url),
            arena_printf(arena, "* URLFETCH \"%s\" %s\nOK ", url, answer));
}

static void fetch_by_url(void)
{
    world.conf.hostname = "mx.example.org";
    append("INBOX", "Subject: x\r\n\r\nthe body\r\n");
    struct peer *a = peer_login();
    const char *url = authorise(a, RUMP "anonymous");
    expect_content(a, url, "{10}$\nthe body$\n$");
    expect_content(a, authorise(a, RUMP "user+alice@example.org"), "{10}$\nthe body$\n$");
    /* The login itself before the first slash: for alice@example.org that is alice at this server. */
    expect_content(a, authorise(a, "imap://alice@example.org/INBOX/;uid=1/;section=TEXT;urlauth=anonymous"),
                   "{10}$\nthe body$\n$");
    peer_do(a, "GENURLAUTH \"imap://bob@example.org/INBOX/;uid=1;urlauth=anonymous\" INTERNAL",
            "NO [NOPERM] ");
    peer_do(a, "GENURLAUTH \"imap://alice@other.example/INBOX/;uid=1;urlauth=anonymous\" INTERNAL",
            "NO [NOPERM] ");
    /* For somebody else; for nobody who comes by IMAP; forged; not signed; expired; another server. */
    expect_content(a, authorise(a, RUMP "user+fred"), "NIL$");
    expect_content(a, authorise(a, RUMP "submit+fred"), "NIL$");
    char *forged = arena_cstr(&world.fixture->arena, slice_from(url));
    forged[strlen(forged) - 1] ^= 1;
    expect_content(a, forged, "NIL$");
    expect_content(a, RUMP "anonymous", "NIL$");
    expect_content(a,
                   authorise(a, "imap://alice%40example.org@mx.example.org/INBOX/;uid=1;"
                                "expire=2004-12-31T23:59:59Z;urlauth=anonymous"),
                   "NIL$");
    expect_content(a,
                   authorise(a, "imap://alice%40example.org@mx.example.org/INBOX/;uid=1/;partial=0.7;"
                                "expire=2099-12-31T23:59:59Z;urlauth=authuser"),
                   "{7}$\nSubject");
    expect_content(a, "imap://alice%40example.org@other.example/INBOX/;uid=1;urlauth=anonymous:internal:01ab",
                   "NIL$");
    expect_content(a, "nonsense", "NIL$");
}

static void fetch_and_reset(void)
{
    world.conf.hostname = "mx.example.org";
    append("INBOX", "Subject: x\r\n\r\nthe body\r\n");
    struct peer *a = peer_login();
    const char *url = authorise(a, RUMP "anonymous");
    peer_do(a, "RESETKEY Drafts", "OK [URLMECH INTERNAL] ");
    expect_content(a, url, "{10}$\nthe body$\n$");
    peer_do(a, "RESETKEY INBOX INTERNAL", "OK [URLMECH INTERNAL] ");
    expect_content(a, url, "NIL$");
    url = authorise(a, RUMP "anonymous");
    peer_do(a, "RESETKEY", "OK ");
    expect_content(a, url, "NIL$");
    peer_do(a, "RESETKEY Nowhere", "NO [NONEXISTENT] ");
    peer_do(a, "RESETKEY INBOX XSAMPLE", "BAD ");
    peer_do(a, "GENURLAUTH \"imap://joe@mx.example.org/INBOX/;uid=1;urlauth=anonymous\" INTERNAL",
            "NO [NOPERM] ");
    peer_do(
        a,
        "GENURLAUTH \"imap://alice%40example.org@mx.example.org/Nowhere/;uid=1;urlauth=anonymous\" INTERNAL",
        "NO [NONEXISTENT] ");
    peer_do(a, "GENURLAUTH \"/INBOX/;uid=1\" INTERNAL", "NO ");
    peer_do(a, "GENURLAUTH \"nonsense\" INTERNAL", "BAD ");
    peer_do(a, "GENURLAUTH \"" RUMP "anonymous\" XSAMPLE", "BAD ");
    peer_do(a, "GENURLAUTH", "BAD ");
    peer_do(a, "URLFETCH", "BAD ");
}
PEER_CASE(fetch_by_url)
PEER_CASE(fetch_and_reset)

/* A part that takes several visits. */
static void large_part(void)
{
    world.conf.hostname = "mx.example.org";
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    buf_append(&text, S("Subject: x\r\n\r\n"));
    while (text.len < 2500000)
        buf_append(&text, S("0123456789012345678901234567890123456789\r\n"));
    append("INBOX", buf_cstr(&text));
    struct peer *a = peer_login();
    struct arena *arena = &world.fixture->arena;
    const char *url =
        authorise(a, "imap://alice%40example.org@mx.example.org/INBOX/;uid=1;urlauth=anonymous");
    peer_send(a, arena_printf(arena, "f URLFETCH \"%s\"\r\n", url));
    peer_expect(a, arena_printf(arena, "* URLFETCH \"%s\" {%zu}$", url, text.len));
    struct slice rest = buf_slice(&text);
    while (rest.len > 0) {
        struct slice bytes;
        assert_ok(conn_peek(a->client, &bytes));
        bytes = slice_take(bytes, rest.len);
        assert_true(slice_starts_with(rest, bytes));
        rest = slice_skip(rest, bytes.len);
        conn_consume(a->client, bytes.len);
    }
    peer_expect(a, "$\nf OK ");
    buf_free(&text);
}
PEER_CASE(large_part)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_relative), cmocka_unit_test(test_whole), cmocka_unit_test(test_no_url),
        peer_test(fetch_by_url),         peer_test(fetch_and_reset),   peer_test(large_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
