/* SPDX-License-Identifier: ISC */
/* The parameters of MAIL and RCPT for reports and TLS, with the limits of RFC 3461 section 5.4. */
#include "check.h"

#include "arguments.h"
#include "storage/queue.h"

static struct arena arena;

static enum reply mail(unsigned knows, const char *parameters, struct mail_arguments *out)
{
    return mail_arguments_parse(&arena, slice_from(arena_printf(&arena, "FROM:<a@b.example> %s", parameters)),
                                knows, out);
}

static enum reply rcpt(bool smtputf8, const char *parameters, struct rcpt_arguments *out)
{
    return rcpt_arguments_parse(&arena, slice_from(arena_printf(&arena, "TO:<a@b.example> %s", parameters)),
                                smtputf8, out);
}

static const char *letters(size_t count)
{
    char *text = arena_alloc(&arena, count + 1);
    memset(text, 'x', count);
    return text;
}

static void what_is_returned(void **state)
{
    (void)state;
    struct mail_arguments out;
    assert_int_equal(mail(0, "", &out), REPLY_NONE);
    assert_int_equal(out.ret, RETURN_ANY);
    assert_int_equal(out.envid.len, 0);
    assert_int_equal(mail(0, "RET=HDRS ENVID=QQ314159", &out), REPLY_NONE); /* RFC 3461 section 10.1 */
    assert_int_equal(out.ret, RETURN_HEADER);
    assert_text(out.envid, "QQ314159");
    assert_int_equal(mail(0, "envid=a+2Bb+20c ret=full", &out), REPLY_NONE);
    assert_int_equal(out.ret, RETURN_FULL);
    assert_text(out.envid, "a+2Bb+20c");
    assert_int_equal(mail(0, arena_printf(&arena, "ENVID=%s", letters(100)), &out), REPLY_NONE);
    static const char *const bad[] = {"RET",
                                      "RET=",
                                      "RET=ALL",
                                      "RET=FULL,HDRS",
                                      "RET=FULL RET=FULL",
                                      "ENVID",
                                      "ENVID=",
                                      "ENVID=a+2bc",
                                      "ENVID=+0D+0A",
                                      "ENVID=+C3+BC",
                                      "ENVID=a+",
                                      "ENVID=a ENVID=a",
                                      "ENVID=\xc3\xbc"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (mail(3, bad[i], &out) != REPLY_BAD_PARAMETER)
            fail_msg("%s", bad[i]);
    }
    assert_int_equal(mail(0, arena_printf(&arena, "ENVID=%s", letters(101)), &out), REPLY_BAD_PARAMETER);
}

static void tls_is_required_where_it_can_be(void **state)
{
    (void)state;
    struct mail_arguments out;
    assert_int_equal(mail(MAIL_KNOWS_AUTH, "REQUIRETLS", &out), REPLY_UNKNOWN_PARAMETER);
    assert_int_equal(mail(MAIL_KNOWS_REQUIRETLS, "AUTH=<>", &out), REPLY_UNKNOWN_PARAMETER);
    assert_int_equal(mail(MAIL_KNOWS_REQUIRETLS, "", &out), REPLY_NONE);
    assert_false(out.requiretls);
    assert_int_equal(mail(MAIL_KNOWS_REQUIRETLS, "requiretls SIZE=1", &out), REPLY_NONE);
    assert_true(out.requiretls);
    assert_int_equal(mail(MAIL_KNOWS_REQUIRETLS, "REQUIRETLS=1", &out), REPLY_BAD_PARAMETER);
    assert_int_equal(mail(MAIL_KNOWS_REQUIRETLS, "REQUIRETLS REQUIRETLS", &out), REPLY_BAD_PARAMETER);
}

static void what_the_sender_wants_to_hear(void **state)
{
    (void)state;
    struct rcpt_arguments out;
    static const struct {
        const char *value;
        unsigned notify;
    } good[] = {{"NEVER", QUEUE_NOTIFY_NEVER},
                {"never", QUEUE_NOTIFY_NEVER},
                {"SUCCESS", QUEUE_NOTIFY_SUCCESS},
                {"FAILURE,DELAY", QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY},
                {"Success,Failure,Delay", QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY},
                {"DELAY,DELAY", QUEUE_NOTIFY_DELAY}};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(rcpt(false, arena_printf(&arena, "NOTIFY=%s", good[i].value), &out), REPLY_NONE);
        assert_int_equal(out.notify, good[i].notify);
    }
    static const char *const bad[] = {"NOTIFY",
                                      "NOTIFY=",
                                      "NOTIFY=,",
                                      "NOTIFY=SUCCESS,",
                                      "NOTIFY=,SUCCESS",
                                      "NOTIFY=NEVER,SUCCESS",
                                      "NOTIFY=SUCCESS,NEVER",
                                      "NOTIFY=ALWAYS",
                                      "NOTIFY=SUCCESS,FAILURE,DELAY,SUCCESS",
                                      "NOTIFY=DELAY NOTIFY=DELAY"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (rcpt(true, bad[i], &out) != REPLY_BAD_PARAMETER)
            fail_msg("%s", bad[i]);
    }
    assert_int_equal(rcpt(false, "NOTIFYING=NEVER", &out), REPLY_UNKNOWN_PARAMETER);
}

static void whom_he_wrote_to(void **state)
{
    (void)state;
    struct rcpt_arguments out;
    static const char *const good[] = {"rfc822;Carol@Ivory.EDU", "RFC822;a+2Bb@c", "x400;+2FG+3DJohn",
                                       "utf-8;a\\x{FC}b@c", "x-local;+20"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        if (rcpt(false, arena_printf(&arena, "ORCPT=%s NOTIFY=NEVER", good[i]), &out) != REPLY_NONE)
            fail_msg("%s", good[i]);
        assert_text(out.orcpt, good[i]);
        assert_int_equal(out.notify, QUEUE_NOTIFY_NEVER);
    }
    static const char *const bad[] = {"ORCPT",
                                      "ORCPT=",
                                      "ORCPT=rfc822",
                                      "ORCPT=;a@b",
                                      "ORCPT=rfc822;",
                                      "ORCPT=rfc 822;a",
                                      "ORCPT=rfc.822;a",
                                      "ORCPT=rfc822;a+b",
                                      "ORCPT=rfc822;+0Aa",
                                      "ORCPT=rfc822;+FFa",
                                      "ORCPT=rfc822;\xc3\xbc@b",
                                      "ORCPT=rfc822;a ORCPT=rfc822;a"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (rcpt(true, bad[i], &out) != REPLY_BAD_PARAMETER)
            fail_msg("%s", bad[i]);
    }
    const char *most = arena_printf(&arena, "ORCPT=rfc822;%s", letters(493));
    assert_int_equal(rcpt(false, most, &out), REPLY_NONE);
    assert_int_equal(rcpt(false, arena_printf(&arena, "%sx", most), &out), REPLY_BAD_PARAMETER);
    /* RFC 6533 section 3 */
    assert_int_equal(rcpt(true, "ORCPT=utf-8;j\xc3\xb6rg@b", &out), REPLY_NONE);
    assert_int_equal(rcpt(true, "ORCPT=utf-8;j\xc3@b", &out), REPLY_BAD_PARAMETER);
    assert_int_equal(rcpt(false, "ORCPT=utf-8;j\xc3\xb6rg@b", &out), REPLY_BAD_PARAMETER);
}

static int forget(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_returned, forget),
        cmocka_unit_test_teardown(tls_is_required_where_it_can_be, forget),
        cmocka_unit_test_teardown(what_the_sender_wants_to_hear, forget),
        cmocka_unit_test_teardown(whom_he_wrote_to, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
