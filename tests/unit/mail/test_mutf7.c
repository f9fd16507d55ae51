/* SPDX-License-Identifier: ISC */
/* Modified UTF-7: the RFC's examples, all planes, and everything that is not the one right form. */
#include "check.h"

#include "mail/mutf7.h"

#define NONE SLICE_EMPTY
#define DOT  S(".")

struct pair {
    struct slice utf8, mutf7;
};

static const struct pair pairs[] = {
    {S(""), S("")},
    {S("INBOX"), S("INBOX")},
    {S(" !#~}|"), S(" !#~}|")},
    {S("&"), S("&-")},
    {S("&&-"), S("&-&--")},
    {S("a&b"), S("a&-b")},
    /* RFC 3501 section 5.1.3 */
    {S("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"),
     S("~peter/mail/&U,BTFw-/&ZeVnLIqe-")},
    {S("\xe2\x98\xba!"), S("&Jjo-!")},
    {S("\xc3\xa4"), S("&AOQ-")},
    {S("\xc3\xa4\xc3\xb6"), S("&AOQA9g-")},
    {S("\xc3\xa4\xc3\xb6\xc3\xbc"), S("&AOQA9gD8-")},
    {S("\xc3\xa4&\xc3\xb6"), S("&AOQ-&-&APY-")},
    {S("\xc3\xa4-"), S("&AOQ--")},
    {S("Entw\xc3\xbcrfe"), S("Entw&APw-rfe")},
    {S("\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf"), S("&B,8IAP,,-")},
    {S("\xf0\x90\x80\x80"), S("&2ADcAA-")},
    {S("\xf4\x8f\xbf\xbf"), S("&2,,f,w-")},
    {S("\xf0\x9f\x93\xa7x"), S("&2D3c5w-x")},
    {S("\t\x7f"), S("&AAkAfw-")},
    {S("\0"), S("&AAA-")},
};

static void test_pairs(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        buf_clear(&out);
        buf_append(&out, S("x"));
        assert_ok(mutf7_encode(&out, pairs[i].utf8, NONE));
        assert_slice(slice_skip(buf_slice(&out), 1), pairs[i].mutf7);
        buf_clear(&out);
        buf_append(&out, S("x"));
        assert_ok(mutf7_decode(&out, pairs[i].mutf7, NONE));
        assert_slice(slice_skip(buf_slice(&out), 1), pairs[i].utf8);
    }
    buf_free(&out);
}

static void test_also(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 200);
    assert_ok(mutf7_encode(&out, S("a.b\xc3\xa4.."), DOT));
    assert_text(buf_slice(&out), "a&AC4-b&AOQALgAu-");
    struct buf back;
    buf_init(&back, 200);
    assert_ok(mutf7_decode(&back, buf_slice(&out), DOT));
    assert_text(buf_slice(&back), "a.b\xc3\xa4..");
    buf_clear(&back);
    assert_err(mutf7_decode(&back, buf_slice(&out), NONE), ERR_SYNTAX);
    assert_err(mutf7_decode(&back, S("a.b"), DOT), ERR_SYNTAX);
    assert_int_equal(back.len, 0);
    buf_free(&back);
    buf_free(&out);
}

static void test_wrong_forms(void **state)
{
    (void)state;
    static const struct slice wrong[] = {
        S("&"),          S("a&b"),      S("&AOQ"),  /* no end */
        S("&AO-"),                                  /* a part of a character */
        S("&A-"),        S("&AOQA-"),               /* a digit too much */
        S("&AOQAA-"),    S("&AOR-"),                /* left-over bits */
        S("&AOQ-&APY-"),                            /* one shift would do */
        S("&AGE-"),                                 /* "a" */
        S("&AOQAYQ-"),                              /* "ä", "a" */
        S("&ACY-"),                                 /* "&" */
        S("&AO/k-"),                                /* the digits of plain Base64 */
        S("&AOQ=-"),     S("&AO Q-"),   S("&2AA-"), /* half a pair */
        S("&3AA-"),      S("&3ADYAA-"),             /* the wrong way round */
        S("&2ADYANwA-"), S("&2AAA5A-"),             /* half a pair, "ä" */
        S("\xc3\xa4"),                              /* bare UTF-8 */
        S("a\tb"),       S("a\0b"),     S("a\x7f"),
    };
    struct buf out;
    buf_init(&out, 200);
    buf_append(&out, S("kept"));
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        enum err err = mutf7_decode(&out, wrong[i], NONE);
        if (err != ERR_SYNTAX) {
            print_error("%.*s\n", SLICE_ARG(wrong[i]));
        }
        assert_err(err, ERR_SYNTAX);
        assert_text(buf_slice(&out), "kept");
    }
    assert_err(mutf7_encode(&out, S("a\xff"), NONE), ERR_SYNTAX);
    assert_err(mutf7_encode(&out, S("\xed\xa0\x80"), NONE), ERR_SYNTAX);
    assert_text(buf_slice(&out), "kept");
    buf_free(&out);
}

/* Every character there is, alone: one form, which comes back, and none of its beginnings is one. */
static void test_all_characters(void **state)
{
    (void)state;
    struct buf encoded, decoded;
    buf_init(&encoded, 64);
    buf_init(&decoded, 64);
    for (uint32_t c = 0x80; c <= 0x10ffff; c += c < 0x3000 ? 1 : 61) {
        char text[4];
        size_t length = 0;
        if (c >= 0xd800 && c <= 0xdfff) {
            continue;
        }
        if (c < 0x800) {
            text[length++] = (char)(0xc0 | c >> 6);
        } else if (c < 0x10000) {
            text[length++] = (char)(0xe0 | c >> 12);
            text[length++] = (char)(0x80 | (c >> 6 & 63));
        } else {
            text[length++] = (char)(0xf0 | c >> 18);
            text[length++] = (char)(0x80 | (c >> 12 & 63));
            text[length++] = (char)(0x80 | (c >> 6 & 63));
        }
        text[length++] = (char)(0x80 | (c & 63));
        buf_clear(&encoded);
        buf_clear(&decoded);
        assert_ok(mutf7_encode(&encoded, slice_of(text, length), NONE));
        assert_ok(mutf7_decode(&decoded, buf_slice(&encoded), NONE));
        assert_slice(buf_slice(&decoded), slice_of(text, length));
        for (size_t cut = 1; cut < encoded.len; cut++) {
            assert_err(mutf7_decode(&decoded, slice_take(buf_slice(&encoded), cut), NONE), ERR_SYNTAX);
        }
    }
    buf_free(&encoded);
    buf_free(&decoded);
}

static void test_caps(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 6);
    assert_err(mutf7_encode(&out, S("\xc3\xa4\xc3\xb6"), NONE), ERR_TOO_LONG);
    buf_clear(&out);
    assert_err(mutf7_decode(&out, S("abcdefg"), NONE), ERR_TOO_LONG);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),       cmocka_unit_test(test_also),
        cmocka_unit_test(test_wrong_forms), cmocka_unit_test(test_all_characters),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests_name("mail/mutf7", tests, NULL, NULL);
}
