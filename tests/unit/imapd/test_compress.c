/* SPDX-License-Identifier: ISC */
/* COMPRESS (RFC 4978): what is answered, and that a session goes on behind it as before. */
#include "world.h"

#include <zlib.h>

/* --- a client that says everything at once --- */

static void compress_text(struct buf *out, const char *text)
{
    z_stream zlib = {.next_in = (Bytef *)text, .avail_in = (uInt)strlen(text)};
    assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    zlib.next_out = (Bytef *)buf_reserve(out, 10000);
    zlib.avail_out = 10000;
    assert_int_equal(deflate(&zlib, Z_SYNC_FLUSH), Z_OK);
    buf_commit(out, 10000 - zlib.avail_out);
    deflateEnd(&zlib);
}

static struct slice inflate_text(struct slice bytes, char *text, size_t size)
{
    z_stream zlib = {.next_in = (Bytef *)bytes.data,
                     .avail_in = (uInt)bytes.len,
                     .next_out = (Bytef *)text,
                     .avail_out = (uInt)size};
    assert_int_equal(inflateInit2(&zlib, -MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&zlib, Z_SYNC_FLUSH), Z_OK);
    inflateEnd(&zlib);
    return slice_of(text, size - zlib.avail_out);
}

/* `clear` is answered with `clear_answers`, of which the last line is `start`; `compressed` with the rest. */
static void expect_compressed(const char *clear, const char *clear_answers, const char *start,
                              const char *compressed, const char *answers)
{
    static const size_t chunks[] = {0, 1, 7};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct buf input;
        char text[10000];
        buf_init(&input, 100000);
        buf_append(&input, slice_from(clear));
        compress_text(&input, compressed);
        struct talk talk = {.input = buf_slice(&input), .chunk = chunks[i]};
        run_talk(&talk);
        char *end = memmem(talk.output.data, talk.output.len, start, strlen(start));
        assert_non_null(end);
        size_t len = (size_t)(end - talk.output.data) + strlen(start);
        talk_compare(slice_take(buf_slice(&talk.output), len), clear_answers);
        talk_compare(inflate_text(slice_skip(buf_slice(&talk.output), len), text, sizeof text), answers);
        buf_free(&talk.output);
        buf_free(&input);
    }
}

/* RFC 4978 section 3, the first example, but for TLS and its "d OK", which answers "c". */
static void test_example(void **state)
{
    (void)state;
    expect_compressed("b login alice@example.org secret\r\nc compress deflate\r\n",
                      GREETING "b OK [CAPABILITY \nc OK DEFLATE active$\n", "c OK DEFLATE active\r\n",
                      "d NOOP\r\n" LOGOUT, "d OK done$\n" BYE);
}

#define EMPTY_INBOX                                                                                          \
    "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 0 EXISTS$\n* 0 RECENT$\n* OK [UIDVALIDITY \n* OK [UIDNEXT 1] \n* " \
    "OK [HIGHESTMODSEQ \n* OK [MAILBOXID \n"

static void test_literals_and_errors_go_on(void **state)
{
    (void)state;
    expect_compressed(
        LOGIN "b COMPRESS DEFLATE\r\n", LOGGED_IN "b OK DEFLATE active$\n", "b OK DEFLATE active\r\n",
        "c SELECT {5+}\r\nINBOX\r\nd nonsense\r\ne SELECT {5}\r\nINBOX\r\nf COMPRESS DEFLATE\r\n" LOGOUT,
        EMPTY_INBOX "c OK [READ-WRITE] \nd BAD \n+ \n* OK [CLOSED] \n" EMPTY_INBOX
                    "e OK [READ-WRITE] \nf BAD compression is active already$\n" BYE);
}

static void test_refusals(void **state)
{
    (void)state;
    expect("a COMPRESS DEFLATE\r\n" LOGOUT, GREETING "a BAD log in first$\n" BYE);
    expect(LOGIN "b COMPRESS\r\nc COMPRESS \r\nd COMPRESS GZIP\r\ne COMPRESS DEFLATE GZIP\r\n" LOGOUT,
           LOGGED_IN "b BAD \nc BAD \nd BAD DEFLATE is the only algorithm there is$\ne BAD \n" BYE);
}

static void test_capability(void **state)
{
    (void)state;
    struct talk talk = {.input = S(LOGIN LOGOUT)};
    run_talk(&talk);
    char *greeting_end = memmem(talk.output.data, talk.output.len, "\r\n", 2);
    assert_null(memmem(talk.output.data, (size_t)(greeting_end - talk.output.data), "COMPRESS", 8));
    assert_non_null(memmem(talk.output.data, talk.output.len, " COMPRESS=DEFLATE", 17));
    buf_free(&talk.output);
}

static void test_garbage_ends_the_session(void **state)
{
    (void)state;
    expect(LOGIN "b COMPRESS DEFLATE\r\nc NOOP\r\nd NOOP\r\n", LOGGED_IN "b OK DEFLATE active$\n");
}

/* --- clients that take turns --- */

static void peer_compress(struct peer *peer)
{
    peer_do(peer, "COMPRESS DEFLATE", "OK DEFLATE active$");
    assert_ok(conn_start_deflate(peer->client));
}

static void idle_beside_another(void)
{
    struct peer *a = peer_login(), *b = peer_login();
    fill(1);
    peer_compress(a);
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK \n* 1 EXISTS$\n* 1 RECENT$\n* OK [UNSEEN 1]\n* OK [UIDVALIDITY \n* OK [UIDNEXT \n"
        "* OK [HIGHESTMODSEQ \n* OK [MAILBOXID \nOK ");
    peer_send(a, "x IDLE\r\n");
    peer_expect(a, "+ idling$");
    fill(1);
    peer_expect(a, "* 2 EXISTS$\n* 2 RECENT$");
    conn_set_quiet_after(a->client, 0);
    conn_set_quiet_after(a->server, 0);
    fill(1);
    peer_expect(a, "* 3 EXISTS$\n* 3 RECENT$");
    fill(1);
    peer_expect(a, "* 4 EXISTS$\n* 4 RECENT$");
    peer_send(a, "DONE\r\n");
    peer_expect(a, "x OK ");
    peer_do(b, "NOOP", "OK ");
}
PEER_CASE(idle_beside_another)

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(test_example),
        dialogue_test(test_literals_and_errors_go_on),
        dialogue_test(test_refusals),
        dialogue_test(test_capability),
        dialogue_test(test_garbage_ends_the_session),
        peer_test(idle_beside_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
