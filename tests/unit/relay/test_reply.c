/* SPDX-License-Identifier: ISC */
/* Replies of other servers: what is clear is taken, what is not ends the session. */
#include "base/utf8.h"
#include "check.h"
#include "relay_reply.h"

#include <stdio.h>

/* Feeds lines, separated by LF; "code|status|text", or what was wrong with which line. */
static const char *read_lines(const char *lines)
{
    static char result[RELAY_TEXT_MAX + 100];
    struct relay_reply reply;
    struct slice rest = slice_from(lines);
    unsigned count = 0;
    relay_reply_init(&reply);
    snprintf(result, sizeof(result), "more");
    while (rest.data) {
        enum relay_line line = relay_reply_add(&reply, slice_split(&rest, '\n'));
        count++;
        if (line == RELAY_LINE_BAD) {
            snprintf(result, sizeof(result), "bad %u", count);
            break;
        }
        if (line == RELAY_LINE_LAST) {
            assert_null(rest.data);
            snprintf(result, sizeof(result), "%u|%s|%.*s", reply.code, reply.status,
                     SLICE_ARG(buf_slice(&reply.text)));
        }
    }
    relay_reply_free(&reply);
    return result;
}

static void clear_replies_are_taken(void **state)
{
    (void)state;
    assert_string_equal(read_lines("250 ok"), "250||ok");
    assert_string_equal(read_lines("250"), "250||");
    assert_string_equal(read_lines("250 "), "250||");
    assert_string_equal(read_lines("220-mx.example ESMTP\n220-\n220 hello"),
                        "220||mx.example ESMTP\n\nhello");
    assert_string_equal(read_lines("250-one\n250"), "250||one\n");
    assert_string_equal(read_lines("550 5.1.1 no such user"), "550|5.1.1|no such user");
    assert_string_equal(read_lines("550-5.7.1 go away\n550 5.7.1 please"), "550|5.7.1|go away\nplease");
    assert_string_equal(read_lines("550-5.7.1 go away\n550 please"), "550|5.7.1|go away\nplease");
    assert_string_equal(read_lines("550-go away\n550 5.7.1 please"), "550|5.7.1|go away\nplease");
    assert_string_equal(read_lines("421 4.3.2"), "421|4.3.2|");
    assert_string_equal(read_lines("250 2.1.0\tok"), "250||2.1.0?ok");
    assert_string_equal(read_lines("250-more"), "more");
}

static void what_is_no_status_is_text(void **state)
{
    (void)state;
    assert_string_equal(read_lines("550 4.1.1 other class"), "550||4.1.1 other class");
    assert_string_equal(read_lines("550 5.1 short"), "550||5.1 short");
    assert_string_equal(read_lines("550 5.1.1234 long"), "550||5.1.1234 long");
    assert_string_equal(read_lines("550 5.1.1x"), "550||5.1.1x");
    assert_string_equal(read_lines("550-5.1.1 one\n550 5.2.2 two"), "550|5.1.1|one\n5.2.2 two");
    assert_string_equal(read_lines("354 3.0.0 go"), "354||3.0.0 go");
}

static void unclear_replies_are_bad(void **state)
{
    (void)state;
    static const char *const lines[] = {"",          "25",       "2500 ok", "abc ok",
                                        "150 early", "650 late", "260x ok", "25a ok",
                                        "250_ok",    " 250 ok",  "-250 ok", "HTTP/1.1 400"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_string_equal(read_lines(lines[i]), "bad 1");
    assert_string_equal(read_lines("250-one\n251 two"), "bad 2");
    assert_string_equal(read_lines("250-one\ntwo"), "bad 2");
    assert_string_equal(read_lines("250-one\n"), "bad 2");
}

static void text_is_harmless_and_bounded(void **state)
{
    (void)state;
    struct relay_reply reply;
    char line[RELAY_LINE_MAX];
    assert_string_equal(read_lines("550 \x1b[2Jyou\r\x07\x7f \xc3\xa4"), "550||?[2Jyou??? \xc3\xa4");
    /* Octets that are no UTF-8, and the controls that are written with two. */
    assert_string_equal(read_lines("550 \xff\xfe \xc3( \xc2\x9b[2J \xc2\xa0 \xc3"),
                        "550||?? ?( ?[2J \xc2\xa0 ?");
    relay_reply_init(&reply);
    memset(line, 'x', sizeof(line));
    memcpy(line, "550-", 4);
    for (unsigned i = 0; i < RELAY_LINES_MAX; i++)
        assert_int_equal(relay_reply_add(&reply, slice_of(line, sizeof(line))), RELAY_LINE_MORE);
    assert_int_equal(reply.text.len, RELAY_TEXT_MAX);
    assert_int_equal(relay_reply_add(&reply, slice_of(line, sizeof(line))), RELAY_LINE_BAD);
    /* No character is cut: of those with two octets one less fits behind a single x. */
    relay_reply_clear(&reply);
    for (size_t i = 5; i < sizeof(line); i++)
        line[i] = i % 2 ? '\xc3' : '\xa4';
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(relay_reply_add(&reply, slice_of(line, sizeof(line) - 1)), RELAY_LINE_MORE);
    assert_true(utf8_is_valid(buf_slice(&reply.text)));
    assert_in_range(reply.text.len, RELAY_TEXT_MAX - 1, RELAY_TEXT_MAX);
    relay_reply_clear(&reply);
    assert_int_equal(relay_reply_add(&reply, S("250 2.0.0 fine")), RELAY_LINE_LAST);
    assert_int_equal(reply.lines, 1);
    assert_string_equal(reply.status, "2.0.0");
    relay_reply_free(&reply);
}

static void replies_are_written_on_one_line(void **state)
{
    (void)state;
    struct relay_reply reply;
    struct buf out;
    buf_init(&out, 1000);
    relay_reply_init(&reply);
    relay_reply_add(&reply, S("550-5.7.1 go away"));
    relay_reply_add(&reply, S("550 5.7.1 please"));
    relay_reply_format(&reply, &out);
    assert_string_equal(buf_cstr(&out), "550 5.7.1 go away please");
    assert_true(relay_reply_is(&reply, 5));
    relay_reply_free(&reply);
    buf_free(&out);
}

static struct relay_abilities read_ehlo(const char *lines)
{
    struct relay_abilities abilities;
    struct relay_reply reply;
    struct slice rest = slice_from(lines);
    relay_reply_init(&reply);
    while (rest.data)
        assert_int_not_equal(relay_reply_add(&reply, slice_split(&rest, '\n')), RELAY_LINE_BAD);
    relay_abilities_read(&reply, &abilities);
    relay_reply_free(&reply);
    return abilities;
}

static void abilities_are_read(void **state)
{
    (void)state;
    struct relay_abilities abilities =
        read_ehlo("250-SIZE 99 PIPELINING\n250-pipelining\n250-SIZE 52428800\n250-8BITMIME\n250-AUTH plain "
                  "scram-sha-256\n250-AUTH=LOGIN\n250-LIMITS RCPTMAX=20 X=1 mailmax=5\n250-X-NEW\n250 DSN");
    assert_int_equal(abilities.extensions,
                     RELAY_PIPELINING | RELAY_SIZE | RELAY_8BITMIME | RELAY_AUTH | RELAY_LIMITS | RELAY_DSN);
    assert_int_equal(abilities.size, 52428800);
    assert_int_equal(abilities.rcpt_max, 20);
    assert_int_equal(abilities.mail_max, 5);
    assert_string_equal(abilities.mechanisms, "PLAIN SCRAM-SHA-256 LOGIN");
    assert_true(relay_has_mechanism(&abilities, "PLAIN"));
    assert_true(relay_has_mechanism(&abilities, "LOGIN"));
    assert_false(relay_has_mechanism(&abilities, "SCRAM-SHA"));
    abilities = read_ehlo("250 hello");
    assert_int_equal(abilities.extensions, 0);
    abilities = read_ehlo(
        "250-hello\n250-SIZE\n250-SIZE x\n250-STARTTLS\n250-REQUIRETLS\n250-CHUNKING\n250 SMTPUTF8");
    assert_int_equal(abilities.extensions,
                     RELAY_SIZE | RELAY_STARTTLS | RELAY_REQUIRETLS | RELAY_CHUNKING | RELAY_SMTPUTF8);
    assert_int_equal(abilities.size, 0);
}

static void mechanisms_are_bounded(void **state)
{
    (void)state;
    char lines[RELAY_LINE_MAX] = "250-hello\n250-AUTH";
    for (int i = 0; i < 200; i++)
        strcat(lines, " MECHANISM");
    strcat(lines, "\n250 AUTH PLAIN");
    struct relay_abilities abilities = read_ehlo(lines);
    assert_true(strlen(abilities.mechanisms) < RELAY_MECHANISMS_MAX);
    assert_true(relay_has_mechanism(&abilities, "MECHANISM"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_replies_are_taken),         cmocka_unit_test(what_is_no_status_is_text),
        cmocka_unit_test(unclear_replies_are_bad),         cmocka_unit_test(text_is_harmless_and_bounded),
        cmocka_unit_test(replies_are_written_on_one_line), cmocka_unit_test(abilities_are_read),
        cmocka_unit_test(mechanisms_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
