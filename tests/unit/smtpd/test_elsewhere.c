/* SPDX-License-Identifier: ISC */
/* Mail for other servers: who may send it, what the queue gets, and forwards with their way back. */
#include "world.h"

#include "arguments.h"
#include "base/clock.h"
#include "srs.h"
#include "storage/queue.h"

#define GREETING "220 mail.example.org ESMTP\n"
#define HELLO    "HELO client.example\r\n"
#define OUT      "EHLO client.example\r\nAUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHNlY3JldA==\r\n"
#define TEXT     "DATA\r\nFrom: <alice@example.org>\r\nSubject: lunch\r\n\r\nat noon\r\n.\r\n"
#define QUIT     "QUIT\r\n"

/* Only the replies from the first MAIL on. */
static void run(enum conf_service service, const char *input, const char *expected)
{
    struct buf output;
    buf_init(&output, 1 << 20);
    talk(service, slice_from(input), 65536, &output);
    struct slice rest = buf_slice(&output);
    size_t at = slice_find_text(rest, S("250 2.1.0"));
    compare(slice_skip(rest, at < rest.len ? at : 0), expected, 0);
    buf_free(&output);
}

static void a_user_sends_to_elsewhere(void **state)
{
    (void)state;
    run(SERVICE_SUBMISSION,
        OUT "MAIL FROM:<alice@example.org> RET=HDRS ENVID=QQ314159\r\n"
            "RCPT TO:<Bob@Elsewhere.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@Elsewhere.example\r\n"
            "RCPT TO:<eve@other.example>\r\nRCPT TO:<eve@other.example>\r\n" TEXT QUIT,
        "250\n250\n250\n250\n354\n250 2.0.0\n221\n");
    const struct fake_queued *queued = fake_store_queued(0);
    assert_null(fake_store_queued(1));
    assert_string_equal(queued->sender, "alice@example.org");
    assert_string_equal(queued->login, "alice@example.org");
    assert_string_equal(queued->envid, "QQ314159");
    assert_string_equal(queued->subject, "lunch");
    assert_string_equal(queued->recipients,
                        "Bob@Elsewhere.example [rfc822;Bob+2Bx@Elsewhere.example] 10 elsewhere.example, "
                        "eve@other.example [] 0 other.example");
    assert_int_equal(queued->flags, QUEUE_RETURN_HEADER);
    assert_true(slice_starts_with(buf_slice(&queued->sent), S("Received: ")));
    assert_true(slice_ends_with_nocase(buf_slice(&queued->sent), S("\r\n\r\nat noon\r\n")));
    assert_int_equal(fake_store.delivery_calls, 0);
    assert_string_equal(fake_store.reports, "");
}

static void accounts_and_others_get_the_same(void **state)
{
    (void)state;
    run(SERVICE_SUBMISSION,
        OUT "MAIL FROM:<alice@example.org> SMTPUTF8\r\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS\r\n"
            "RCPT TO:<eve@b\xc3\xbc"
            "cher.test>\r\nRCPT TO:<out@example.org>\r\n" TEXT QUIT,
        "250\n250\n250\n250\n354\n250\n221\n");
    assert_int_equal(fake_store_count("bob@example.org"), 1);
    assert_string_equal(fake_store_queued(0)->recipients, "eve@xn--bcher-kva.test [] 0 xn--bcher-kva.test");
    assert_string_equal(fake_store_queued(0)->top, "");
    assert_string_equal(fake_store_queued(1)->recipients,
                        "x@elsewhere.example [rfc822;out@example.org] 0 elsewhere.example");
    assert_string_equal(fake_store_queued(1)->top, "Delivered-To: out@example.org\r\n");
    assert_string_equal(fake_store_queued(1)->sender, "alice@example.org"); /* who is ours stays */
    struct slice bodies[] = {
        fake_store_last("bob@example.org"), buf_slice(&fake_store_queued(0)->sent),
        slice_skip(buf_slice(&fake_store_queued(1)->sent), strlen("Delivered-To: out@example.org\r\n"))};
    assert_true(slice_starts_with(bodies[0], S("Return-Path: <alice@example.org>\r\n")));
    bodies[0] = slice_skip(bodies[0], strlen("Return-Path: <alice@example.org>\r\n"));
    assert_slice(bodies[1], bodies[0]);
    assert_slice(bodies[2], bodies[0]);
    assert_string_equal(fake_store.reports, "delivered to <alice@example.org>: bob@example.org []\n");
}

/* RFC 5890: an emoji is in no U-label, so no name server can be asked for it. */
static void a_domain_that_is_none_is_refused(void **state)
{
    (void)state;
    run(SERVICE_SUBMISSION,
        OUT "MAIL FROM:<alice@example.org> SMTPUTF8\r\nRCPT TO:<x@\xf0\x9f\x92\xa9.example>\r\n"
            "RCPT TO:<x@b\xc3\xbc"
            "cher.test>\r\n" QUIT,
        "250\n501 5.1.3\n250\n221\n");
}

static void all_or_nobody(void **state)
{
    (void)state;
#define BOTH                                                                                               \
    OUT "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<x@other.example>\r\n" TEXT \
        QUIT
    fake_store.deliver_error = ERR_NO_SPACE;
    run(SERVICE_SUBMISSION, BOTH, "250\n250\n250\n354\n452 4.3.1\n221\n");
    assert_null(fake_store_queued(0));
    assert_int_equal(fake_store.queued[0].state, FAKE_CANCELED);
    fake_store.deliver_error = ERR_OK;
    fake_store.queue_error = ERR_IO;
    run(SERVICE_SUBMISSION, BOTH, "250\n250\n250\n354\n451 4.3.0\n221\n");
    assert_int_equal(fake_store.message_count, 0);
    run(SERVICE_SUBMISSION, OUT "MAIL FROM:<alice@example.org>\r\nRCPT TO:<x@other.example>\r\n" TEXT QUIT,
        "250\n250\n354\n451 4.3.0\n221\n");
    /* That the sender is not told of success makes it no failure. */
    fake_store.queue_error = ERR_OK;
    fake_store.report_error = ERR_IO;
    run(SERVICE_SMTP, HELLO "MAIL FROM:<>\r\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS\r\n" TEXT QUIT,
        "250\n250\n354\n250\n221\n");
}

static void what_the_next_host_must_be_able_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *mail, *header, *body;
        unsigned flags;
    } cases[] = {
        {"", "", "x", 0},
        {" BODY=8BITMIME RET=FULL", "", "x", QUEUE_RETURN_FULL},
        {" BODY=8BITMIME", "", "\xc3\xbc", QUEUE_8BIT},
        {"", "", "\xc3\xbc", QUEUE_8BIT},
        {" SMTPUTF8", "", "\xc3\xbc", QUEUE_8BIT},
        {" SMTPUTF8", "Subject: \xc3\xbc\r\n", "x", QUEUE_8BIT | QUEUE_SMTPUTF8},
        {"", "Subject: \xc3\xbc\r\n", "x", QUEUE_8BIT},
        {"", "TLS-Required: No\r\n", "x", QUEUE_TLS_OPTIONAL},
        {"", "tls-required:\r\n\tno \r\n", "x", QUEUE_TLS_OPTIONAL},
        {"", "TLS-Required: Never\r\n", "x", 0},
        {"", "Subject: x\r\n\r\nTLS-Required: No\r\n", "x", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[1000];
        snprintf(input, sizeof(input),
                 OUT "MAIL FROM:<alice@example.org>%s\r\nRCPT TO:<x@other.example>\r\n"
                     "DATA\r\n%s\r\n%s\r\n.\r\n" QUIT,
                 cases[i].mail, cases[i].header, cases[i].body);
        run(SERVICE_SUBMISSION, input, "250\n250\n354\n250\n221\n");
        if (fake_store_queued(i)->flags != cases[i].flags)
            fail_msg("case %zu: flags %u", i, fake_store_queued(i)->flags);
    }
}

static void a_backup_takes_mail_for_its_domains(void **state)
{
    (void)state;
    const char *domains[] = {"backup.example", ".deep.example",
                             "b\xc3\xbc"
                             "cher.test",
                             "*"};
    world.conf.relay_domains = (struct conf_list){domains, ARRAY_LEN(domains)};
    static const struct {
        const char *address, *reply;
    } cases[] = {{"x@backup.example", "250 2.1.5"},
                 {"x@BACKUP.example", "250 2.1.5"},
                 {"x@a.deep.example", "250 2.1.5"},
                 {"x@xn--bcher-kva.test", "250 2.1.5"},
                 {"x@deep.example", "550 5.7.1"},
                 {"x@notbackup.example", "550 5.7.1"},
                 {"x@a.backup.example", "550 5.7.1"},
                 {"x@other.example", "550 5.7.1"},
                 {"x%other.example@backup.example", "550 5.7.1"},
                 {"other.example!x@backup.example", "550 5.7.1"},
                 {"\"x@other.example\"@backup.example", "550 5.7.1"},
                 {"@backup.example:x@other.example", "550 5.7.1"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char input[300], expected[100];
        snprintf(input, sizeof(input), HELLO "MAIL FROM:<x@remote.example>\r\nRCPT TO:<%s>\r\n" QUIT,
                 cases[i].address);
        snprintf(expected, sizeof(expected), "250\n%s\n221\n", cases[i].reply);
        run(SERVICE_SMTP, input, expected);
    }
    /* LMTP is no way out. */
    run(SERVICE_LMTP, "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<x@backup.example>\r\n" QUIT,
        "250\n550 5.7.1\n221\n");
}

/* --- forwards --- */

/* What the alias `far` makes of a sender. */
static struct slice forwarded_sender(const char *sender, size_t n)
{
    char input[1000];
    snprintf(input, sizeof(input), HELLO "MAIL FROM:<%s>\r\nRCPT TO:<far@example.org>\r\n" TEXT QUIT, sender);
    run(SERVICE_SMTP, input, "250\n250\n354\n250\n221\n");
    return slice_from(fake_store_queued(n)->sender);
}

static void a_forward_has_a_way_back(void **state)
{
    (void)state;
    char input[1000];
    struct slice sender = forwarded_sender("Bob@remote.example", 0);
    assert_true(slice_starts_with(sender, S("SRS0=")));
    assert_true(slice_ends_with_nocase(sender, S("=remote.example=Bob@example.org")));
    assert_true(slice_starts_with(buf_slice(&fake_store_queued(0)->sent),
                                  S("Delivered-To: far@example.org\r\nReceived: ")));
    assert_text(forwarded_sender("", 1), "");
    assert_text(forwarded_sender("bob@example.org", 2), "bob@example.org");
    /* Anybody may answer to it; the letters are those of some host on the way. */
    snprintf(input, sizeof(input), HELLO "MAIL FROM:<>\r\nRCPT TO:<srs0%.*s>\r\n" TEXT QUIT,
             SLICE_ARG(slice_skip(sender, 4)));
    run(SERVICE_SMTP, input, "250\n250\n354\n250\n221\n");
    assert_string_equal(fake_store_queued(3)->sender, "");
    assert_true(slice_starts_with(slice_from(fake_store_queued(3)->recipients), S("Bob@remote.example [")));
    /* Who forwarded before us gets it back, in his own words. */
    sender = forwarded_sender("SRS0=HHHH=TT=first.example=al@hop.example", 4);
    assert_true(slice_starts_with(sender, S("SRS1=")));
    assert_true(slice_ends_with_nocase(sender, S("=hop.example==HHHH=TT=first.example=al@example.org")));
    snprintf(input, sizeof(input), HELLO "MAIL FROM:<>\r\nRCPT TO:<%.*s>\r\n" TEXT QUIT, SLICE_ARG(sender));
    run(SERVICE_SMTP, input, "250\n250\n354\n250\n221\n");
    assert_true(slice_starts_with(slice_from(fake_store_queued(5)->recipients),
                                  S("SRS0=HHHH=TT=first.example=al@hop.example [")));
}

static void nobody_makes_up_a_way_back(void **state)
{
    (void)state;
    struct srs_key key;
    struct arena arena = {0};
    struct address sender = {S("bob"), S("remote.example")}, old;
    assert_ok(srs_key_load(world.directory, &key));
    assert_ok(srs_rewrite(&key, &sender, S("example.org"), clock_wall_us() - (int64_t)23 * 86400 * 1000000,
                          &arena, &old));
    const char *addresses[] = {"SRS0=AAAA=AA=remote.example=bob@example.org",
                               "SRS1=AAAA=remote.example==x@example.org",
                               "SRS0=x@catch.example", /* the catch-all is no way around */
                               "SRS0+x@example.org", arena_cstr(&arena, address_text(&arena, &old))};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        char input[300];
        snprintf(input, sizeof(input), HELLO "MAIL FROM:<>\r\nRCPT TO:<%s>\r\n" QUIT, addresses[i]);
        run(SERVICE_SMTP, input, "250\n550 5.1.1\n221\n");
    }
    /* Of other domains they mean nothing to us. */
    run(SERVICE_SMTP, HELLO "MAIL FROM:<>\r\nRCPT TO:<SRS0=AAAA=AA=a.example=b@other.example>\r\n" QUIT,
        "250\n550 5.7.1\n221\n");
    arena_free(&arena);
}

static void a_forward_that_comes_again_is_a_loop(void **state)
{
    (void)state;
#define AGAIN "DATA\r\nDelivered-To: far@example.org\r\nFrom: <x@y.example>\r\n\r\nx\r\n.\r\n"
    run(SERVICE_SMTP, HELLO "MAIL FROM:<x@y.example>\r\nRCPT TO:<far@example.org>\r\n" AGAIN QUIT,
        "250\n250\n354\n554 5.4.6\n221\n");
    run(SERVICE_SMTP, HELLO "MAIL FROM:<x@y.example>\r\nRCPT TO:<bob@example.org>\r\n" AGAIN QUIT,
        "250\n250\n354\n250\n221\n");
    run(SERVICE_LMTP,
        "LHLO x\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<far@example.org>\r\nRCPT "
        "TO:<bob@example.org>\r\n" AGAIN QUIT,
        "250\n250\n250\n354\n554 5.4.6 <far@example.org>\n250\n221\n");
    assert_null(fake_store_queued(0));
    assert_int_equal(fake_store_count("bob@example.org"), 2);
}

static void by_lmtp_each_forward_for_itself(void **state)
{
    (void)state;
    fake_store.queue_error = ERR_NO_SPACE;
    run(SERVICE_LMTP,
        "LHLO x\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<far@example.org>\r\nRCPT "
        "TO:<alice@example.org>\r\n" TEXT QUIT,
        "250\n250\n250\n354\n452 4.3.1\n250\n221\n");
    assert_int_equal(fake_store_count("alice@example.org"), 1);
    fake_store.queue_error = ERR_OK;
    run(SERVICE_LMTP,
        "LHLO x\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<out@example.org>\r\nRCPT TO:<far@example.org>\r\n"
        "RCPT TO:<bob@example.org>\r\n" TEXT QUIT,
        "250\n250\n250\n250\n354\n250\n250\n250\n221\n");
    assert_int_equal(fake_store_count("bob@example.org"), 1);
    assert_string_equal(fake_store_queued(0)->top, "Delivered-To: out@example.org\r\n");
    assert_string_equal(fake_store_queued(1)->top, "Delivered-To: far@example.org\r\n");
    assert_null(fake_store_queued(2));
}

/* RFC 3461 sections 5.2.3 and 5.2.7. */
static void the_sender_hears_of_success_once(void **state)
{
    (void)state;
    run(SERVICE_SMTP,
        HELLO
        "MAIL FROM:<x@y.example>\r\nRCPT TO:<bob@example.org> NOTIFY=SUCCESS ORCPT=rfc822;b@z.example\r\n"
        "RCPT TO:<team@example.org> NOTIFY=SUCCESS,FAILURE\r\nRCPT TO:<alice@example.org> NOTIFY=FAILURE\r\n"
        "RCPT TO:<sales@example.org>\r\nRCPT TO:<postmaster@example.org> NOTIFY=NEVER\r\n"
        "RCPT TO:<far@example.org> NOTIFY=SUCCESS\r\nRCPT TO:<out@example.org> NOTIFY=SUCCESS,DELAY\r\n"
        "RCPT TO:<farther@example.org> NOTIFY=SUCCESS\r\n" TEXT QUIT,
        "250\n250\n250\n250\n250\n250\n250\n250\n250\n354\n250\n221\n");
    assert_string_equal(
        fake_store.reports,
        "delivered to <x@y.example>: bob@example.org [rfc822;b@z.example] team@example.org []\n"
        "expanded to <x@y.example>: out@example.org [] farther@example.org []\n");
    /* The one behind an alias of his own tells it himself; several do not. */
    assert_string_equal(fake_store_queued(0)->recipients,
                        "x@elsewhere.example [rfc822;far@example.org] 2 elsewhere.example");
    assert_string_equal(fake_store_queued(1)->recipients,
                        "x@elsewhere.example [rfc822;out@example.org] 8 elsewhere.example");
    assert_string_equal(fake_store_queued(2)->recipients,
                        "x@elsewhere.example [rfc822;farther@example.org] 1 elsewhere.example, "
                        "y@elsewhere.example [rfc822;farther@example.org] 1 elsewhere.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(a_user_sends_to_elsewhere),
        dialogue_test(accounts_and_others_get_the_same),
        dialogue_test(a_domain_that_is_none_is_refused),
        dialogue_test(all_or_nobody),
        dialogue_test(what_the_next_host_must_be_able_to_do),
        dialogue_test(a_backup_takes_mail_for_its_domains),
        dialogue_test(a_forward_has_a_way_back),
        dialogue_test(nobody_makes_up_a_way_back),
        dialogue_test(a_forward_that_comes_again_is_a_loop),
        dialogue_test(by_lmtp_each_forward_for_itself),
        dialogue_test(the_sender_hears_of_success_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
