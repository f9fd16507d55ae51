/* SPDX-License-Identifier: ISC */
/* Dialogues with servers, as they should be and as they are. */
#include <sys/mman.h>
#include <unistd.h>

#include "relay_send.h"
#include "script.h"

static struct arena arena;

static int body(const char *text)
{
    int fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

#define TEXT "Subject: x\r\n\r\n.dot\r\nend\r\n"

static struct relay_message message_to(struct relay_recipient *recipients, size_t count)
{
    return (struct relay_message){.sender = S("alice@example.org"),
                                  .size = strlen(TEXT),
                                  .body_fd = body(TEXT),
                                  .recipients = recipients,
                                  .count = count};
}

/* Greets and sends; what came of it. */
static enum err send_all(struct script *script, struct relay_message *message)
{
    struct relay_client client;
    script_begin(script, &client);
    enum err err = relay_greet(&client);
    assert_int_equal(err, ERR_OK);
    err = relay_send(&client, message, &arena);
    if (!err)
        relay_quit(&client);
    script_end(script, &client);
    close(message->body_fd);
    return err;
}

static void check(const struct relay_recipient *recipient, enum relay_fate fate, unsigned code,
                  const char *text)
{
    assert_int_equal(recipient->fate, fate);
    assert_int_equal(recipient->code, code);
    assert_text(recipient->text, text);
}

static void a_message_goes_in_lockstep(void *arg)
{
    (void)arg;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct relay_recipient to[] = {{.address = S("bob@example.net")}, {.address = S("eve@example.net")}};
        struct relay_message message = message_to(to, 2);
        struct script script = SCRIPT(
            "< 220 mx.example ESMTP", "> EHLO us.example", "< 250-mx.example", "< 250 HELP",
            "> MAIL FROM:<alice@example.org>", "< 250 2.1.0 fine", "> RCPT TO:<bob@example.net>",
            "< 250 2.1.5 fine", "> RCPT TO:<eve@example.net>", "< 550-5.1.1 no such", "< 550 5.1.1 user",
            "> DATA", "< 354 go", ".", "< 250 2.0.0 queued as 1", "> QUIT", "< 221 bye");
        script.chunk = chunk;
        assert_int_equal(send_all(&script, &message), ERR_OK);
        check(&to[0], RELAY_ACCEPTED, 250, "2.0.0 queued as 1");
        check(&to[1], RELAY_REFUSED, 550, "5.1.1 no such user");
        assert_true(to[1].is_theirs);
    }
}

static void the_text_is_stuffed(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    struct relay_client client;
    struct script script =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>", "< 250 ok",
               "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 354 go", ".", "< 250 ok");
    script_begin(&script, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(relay_send(&client, &message, &arena), ERR_OK);
    assert_text(buf_slice(&script.text), "Subject: x\n\n..dot\nend\n");
    script_end(&script, &client);
    close(message.body_fd);
}

static void what_the_server_can_is_used(void *arg)
{
    (void)arg;
    struct relay_recipient to[] = {{.address = S("bob@example.net"),
                                    .orcpt = S("rfc822;bob@example.org"),
                                    .notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE},
                                   {.address = S("j\xc3\xb6rg@example.net"), .notify = QUEUE_NOTIFY_NEVER}};
    struct relay_message message = message_to(to, 2);
    message.flags = QUEUE_8BIT | QUEUE_RETURN_HEADER;
    message.envid = S("QQ314159");
    struct script script =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250-PIPELINING", "< 250-SIZE 1000",
               "< 250-8BITMIME", "< 250-SMTPUTF8", "< 250 DSN",
               "> MAIL FROM:<alice@example.org> SIZE=25 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ314159",
               "> RCPT TO:<bob@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;bob@example.org",
               "> RCPT TO:<j\xc3\xb6rg@example.net> NOTIFY=NEVER", "> DATA", "< 250 ok", "< 250 ok",
               "< 250 ok", "< 354 go", ".", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&script, &message), ERR_OK);
    check(&to[0], RELAY_ACCEPTED, 250, "ok");
    check(&to[1], RELAY_ACCEPTED, 250, "ok");
}

static void chunks_go_with_the_commands(void *arg)
{
    (void)arg;
    for (size_t chunk = 0; chunk < 3; chunk++) {
        struct relay_recipient to[] = {{.address = S("bob@example.net")}, {.address = S("eve@example.net")}};
        struct relay_message message = message_to(to, 2);
        struct relay_client client;
        struct script script = SCRIPT(
            "< 220 hi", "> EHLO us.example", "< 250-hi", "< 250-PIPELINING", "< 250 CHUNKING",
            "> MAIL FROM:<alice@example.org>", "> RCPT TO:<bob@example.net>", "> RCPT TO:<eve@example.net>",
            "> BDAT 25 LAST", "# 25", "< 250 ok", "< 550 5.1.1 who?", "< 250 ok", "< 250 2.0.0 taken",
            /* Nobody takes it: the answer to the chunk says nothing. */
            "> MAIL FROM:<alice@example.org>", "> RCPT TO:<bob@example.net>", "> RCPT TO:<eve@example.net>",
            "> BDAT 25 LAST", "# 25", "< 250 ok", "< 550 5.1.1 who?", "< 451 later",
            "< 503 5.5.1 no recipients", "> RSET", "< 250 ok");
        script.chunk = chunk;
        script_begin(&script, &client);
        assert_ok(relay_greet(&client));
        assert_ok(relay_send(&client, &message, &arena));
        assert_text(buf_slice(&script.text), TEXT); /* no dot was doubled */
        check(&to[0], RELAY_REFUSED, 550, "5.1.1 who?");
        check(&to[1], RELAY_ACCEPTED, 250, "2.0.0 taken");
        assert_ok(relay_send(&client, &message, &arena));
        check(&to[0], RELAY_REFUSED, 550, "5.1.1 who?");
        check(&to[1], RELAY_DEFERRED, 451, "later");
        script_end(&script, &client);
        close(message.body_fd);
    }
}

/* Without PIPELINING, and for large ones, it is known first that somebody wants it. */
static void a_chunk_waits_for_a_recipient(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    struct script refused =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 CHUNKING",
               "> MAIL FROM:<alice@example.org>", "< 250 ok", "> RCPT TO:<bob@example.net>",
               "< 550 5.1.1 who?", "> RSET", "< 250 ok", "> QUIT", "< 221 bye");
    assert_ok(send_all(&refused, &message));
    check(&to, RELAY_REFUSED, 550, "5.1.1 who?");
    message = message_to(&to, 1);
    message.top = S("X: y\r\n");
    message.size += message.top.len;
    struct script taken = SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 CHUNKING",
                                 "> MAIL FROM:<alice@example.org>", "< 250 ok", "> RCPT TO:<bob@example.net>",
                                 "< 250 ok", "> BDAT 31 LAST", "# 31", "< 250 ok", "> QUIT", "< 221 bye");
    assert_ok(send_all(&taken, &message));
    check(&to, RELAY_ACCEPTED, 250, "ok");
}

/* It takes the chunk for commands, perhaps: that connection is over, and the next one gets DATA. */
static void who_announces_chunks_and_knows_none_gets_data(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    struct relay_client client;
    for (int early = 0; early < 2; early++) {
        struct script plain =
            SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 CHUNKING",
                   "> MAIL FROM:<alice@example.org>", "< 250 ok", "> RCPT TO:<bob@example.net>", "< 250 ok",
                   "> BDAT 25 LAST", "< 502 5.5.1 what?", "< 500 5.5.1 Subject: is no command");
        struct script pipelined =
            SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250-PIPELINING", "< 250 CHUNKING",
                   "> MAIL FROM:<alice@example.org>", "> RCPT TO:<bob@example.net>", "> BDAT 25 LAST",
                   "< 250 ok", "< 250 ok", "< 502 5.5.1 what?");
        struct script *script = early ? &pipelined : &plain;
        script_begin(script, &client);
        assert_ok(relay_greet(&client));
        assert_err(relay_send(&client, &message, &arena), ERR_PROTOCOL);
        assert_true(client.refuses_chunks);
        assert_int_equal(to.fate, RELAY_DEFERRED);
        assert_int_equal(to.code, 0);
        script_end(script, &client);
    }
    struct script second = SCRIPT(
        "< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 CHUNKING", "> MAIL FROM:<alice@example.org>",
        "< 250 ok", "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 354 go", ".", "< 250 ok");
    script_begin(&second, &client);
    assert_ok(relay_greet(&client));
    client.refuses_chunks = true;
    assert_ok(relay_send(&client, &message, &arena));
    check(&to, RELAY_ACCEPTED, 250, "ok");
    script_end(&second, &client);
    close(message.body_fd);
}

static void a_file_that_is_shorter_than_its_chunk_ends_the_connection(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    message.size = 30;
    struct script script =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 CHUNKING",
               "> MAIL FROM:<alice@example.org>", "< 250 ok", "> RCPT TO:<bob@example.net>", "< 250 ok");
    assert_err(send_all(&script, &message), ERR_IO);
    assert_int_equal(to.fate, RELAY_DEFERRED);
}

/* Its end must not be taken for the end of the message. */
static void a_file_of_another_length_is_not_finished(void *arg)
{
    (void)arg;
    const uint64_t sizes[] = {strlen(TEXT) + 1, strlen(TEXT) - 1};
    for (size_t i = 0; i < 2; i++) {
        struct relay_recipient to = {.address = S("bob@example.net")};
        struct relay_message message = message_to(&to, 1);
        message.size = sizes[i];
        struct script script =
            SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>", "< 250 ok",
                   "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 354 go");
        assert_err(send_all(&script, &message), ERR_IO);
        assert_int_equal(to.fate, RELAY_DEFERRED);
    }
}

/* RFC 6533 section 3: towards who has no SMTPUTF8, or gets none of it. */
static void original_recipients_in_ascii(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net"),
                                 .orcpt = S("utf-8;j\xc3\xb6rg\xe2\x82\xac\xf0\x9f\x90\x98@example.org")};
    struct relay_message message = message_to(&to, 1);
    struct script script =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250-SMTPUTF8", "< 250 DSN",
               "> MAIL FROM:<alice@example.org>", "< 250 ok",
               "> RCPT TO:<bob@example.net> ORCPT=utf-8;j\\x{F6}rg\\x{20AC}\\x{1F418}@example.org",
               "< 250 ok", "> DATA", "< 354 go", ".", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&script, &message), ERR_OK);
    check(&to, RELAY_ACCEPTED, 250, "ok");
}

static void our_own_fields_stay_and_those_of_a_forward_come_first(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    struct relay_client client;
    struct script script =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>", "< 250 ok",
               "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 354 go", ".", "< 250 ok");
    message.top = S("Delivered-To: list@example.org\r\n.dotted: x\r\n");
    message.skip = strlen("Subject: x\r\n\r\n");
    message.size += message.top.len - message.skip;
    script_begin(&script, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(relay_send(&client, &message, &arena), ERR_OK);
    assert_text(buf_slice(&script.text), "Delivered-To: list@example.org\n..dotted: x\n..dot\nend\n");
    script_end(&script, &client);
    close(message.body_fd);
}

#define ABLE \
    "< 220 hi", "> EHLO us.example", "< 250-hi", "< 250-PIPELINING", "< 250-SIZE 20", "< 250 8BITMIME"

static void what_the_server_cannot_is_not_tried(void *arg)
{
    (void)arg;
    static const struct {
        unsigned flags;
        uint64_t size;
        bool utf8;
        unsigned code;
        const char *begin;
    } cases[] = {{0, 21, false, 552, "5.3.4 "},
                 {0, 20, true, 553, "5.6.7 "},
                 {QUEUE_REQUIRETLS, 20, false, 550, "5.7.30 "}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct relay_recipient to = {.address = S("bob@example.net")};
        struct relay_message message = message_to(&to, 1);
        struct script script = SCRIPT(ABLE, "> QUIT", "< 221 bye");
        message.flags = cases[i].flags;
        message.size = cases[i].size;
        message.header_is_utf8 = cases[i].utf8;
        assert_int_equal(send_all(&script, &message), ERR_OK);
        assert_int_equal(to.fate, RELAY_REFUSED);
        assert_int_equal(to.code, cases[i].code);
        assert_true(slice_starts_with(to.text, slice_from(cases[i].begin)));
        assert_false(to.is_theirs);
    }
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    message.flags = QUEUE_8BIT;
    struct script script = SCRIPT("< 220 hi", "> EHLO us.example", "< 500 what?", "> HELO us.example",
                                  "< 250 hi", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&script, &message), ERR_OK);
    check(&to, RELAY_REFUSED, 554, "5.6.3 that server takes text of 7 bits only");
}

/* RFC 8689 section 5 */
static void a_report_goes_without_requiretls(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    message.sender = SLICE_EMPTY;
    message.flags = QUEUE_REQUIRETLS;
    struct script script = SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<>", "< 250 ok",
                                  "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 354 go", ".",
                                  "< 250 2.0.0 taken", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&script, &message), ERR_OK);
    check(&to, RELAY_ACCEPTED, 250, "2.0.0 taken");
}

static void a_refused_sender_is_refused_for_all(void *arg)
{
    (void)arg;
    struct relay_recipient to[] = {{.address = S("bob@example.net")}, {.address = S("eve@example.net")}};
    struct relay_message message = message_to(to, 2);
    struct script pipelined = SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 PIPELINING",
                                     "> MAIL FROM:<alice@example.org>", "> RCPT TO:<bob@example.net>",
                                     "> RCPT TO:<eve@example.net>", "> DATA", "< 451 4.7.1 greylisted",
                                     "< 503 5.5.1 MAIL first", "< 503 5.5.1 MAIL first",
                                     "< 503 5.5.1 RCPT first", "> RSET", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&pipelined, &message), ERR_OK);
    check(&to[0], RELAY_DEFERRED, 451, "4.7.1 greylisted");
    check(&to[1], RELAY_DEFERRED, 451, "4.7.1 greylisted");
    message = message_to(to, 2);
    struct script lockstep =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>",
               "< 550 5.7.1 no", "> RSET", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&lockstep, &message), ERR_OK);
    check(&to[1], RELAY_REFUSED, 550, "5.7.1 no");
}

static void a_text_for_nobody_is_empty(void *arg)
{
    (void)arg;
    struct relay_recipient to = {.address = S("bob@example.net")};
    struct relay_message message = message_to(&to, 1);
    struct script script = SCRIPT("< 220 hi", "> EHLO us.example", "< 250-hi", "< 250 PIPELINING",
                                  "> MAIL FROM:<alice@example.org>", "> RCPT TO:<bob@example.net>", "> DATA",
                                  "< 250 ok", "< 550 5.1.1 who?", "< 354 go", "> .",
                                  "< 554 5.5.1 no recipients", "> RSET", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&script, &message), ERR_OK);
    check(&to, RELAY_REFUSED, 550, "5.1.1 who?");
}

static void what_data_says_counts_for_those_who_were_taken(void *arg)
{
    (void)arg;
    struct relay_recipient to[] = {{.address = S("bob@example.net")}, {.address = S("eve@example.net")}};
    struct relay_message message = message_to(to, 2);
    struct script refused = SCRIPT(
        "< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>", "< 250 ok",
        "> RCPT TO:<bob@example.net>", "< 250 ok", "> RCPT TO:<eve@example.net>", "< 452 4.5.3 too many",
        "> DATA", "< 554 5.7.1 not today", "> RSET", "< 250 ok", "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&refused, &message), ERR_OK);
    check(&to[0], RELAY_REFUSED, 554, "5.7.1 not today");
    check(&to[1], RELAY_DEFERRED, 452, "4.5.3 too many");
    /* 250 to DATA is no promise for a text that was not sent. */
    message = message_to(to, 1);
    struct script nonsense =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi", "> MAIL FROM:<alice@example.org>", "< 250 ok",
               "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA", "< 250 thanks", "> RSET", "< 250 ok",
               "> QUIT", "< 221 bye");
    assert_int_equal(send_all(&nonsense, &message), ERR_OK);
    check(&to[0], RELAY_DEFERRED, 451, "thanks");
}

static void a_connection_that_breaks_has_promised_nothing(void *arg)
{
    (void)arg;
    static const char *const lines[] = {"< 220 hi",
                                        "> EHLO us.example",
                                        "< 250 hi",
                                        "> MAIL FROM:<alice@example.org>",
                                        "< 250 ok",
                                        "> RCPT TO:<bob@example.net>",
                                        "< 550 5.1.1 no",
                                        "> RCPT TO:<eve@example.net>",
                                        "< 250 ok",
                                        "> DATA",
                                        "< 354 go",
                                        ".",
                                        "x"};
    for (size_t cut = 3; cut < ARRAY_LEN(lines); cut++) {
        struct relay_recipient to[] = {{.address = S("bob@example.net")}, {.address = S("eve@example.net")}};
        struct relay_message message = message_to(to, 2);
        struct script script = {.lines = lines, .count = cut};
        assert_int_equal(send_all(&script, &message), ERR_CLOSED);
        assert_int_equal(to[1].fate, RELAY_DEFERRED);
        assert_int_equal(to[1].code, 0);
        assert_false(to[1].is_theirs);
        assert_int_equal(to[0].fate, cut > 6 ? RELAY_REFUSED : RELAY_DEFERRED);
    }
}

static void what_is_no_reply_ends_it(void *arg)
{
    (void)arg;
    static const char *const answers[] = {"< 2500 ok", "< hello", "< 250-ok\r\n251 ok", "< "};
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct relay_recipient to = {.address = S("bob@example.net")};
        struct relay_message message = message_to(&to, 1);
        struct script script = SCRIPT("< 220 hi", "> EHLO us.example", "< 250 hi",
                                      "> MAIL FROM:<alice@example.org>", answers[i]);
        assert_int_equal(send_all(&script, &message), ERR_PROTOCOL);
        assert_int_equal(to.fate, RELAY_DEFERRED);
        assert_true(slice_starts_with(to.text, S("4.5.0 what the server said is no reply: ")));
    }
}

/* Whoever believed it would take the text for promised before it was sent. */
static void answers_before_questions_end_it(void *arg)
{
    (void)arg;
    static const char *const lines[] = {
        "< 220 hi", "> EHLO us.example",           "< 250 hi", "> MAIL FROM:<alice@example.org>",
        "< 250 ok", "> RCPT TO:<bob@example.net>", "< 250 ok", "> DATA",
        "< 354 go"};
    struct relay_client client;
    struct script greeting = SCRIPT("< 220 hi\r\n250 ok");
    script_begin(&greeting, &client);
    assert_int_equal(relay_greet(&client), ERR_PROTOCOL);
    script_end(&greeting, &client);
    for (size_t early = 2; early < ARRAY_LEN(lines); early += 2) {
        const char *said[ARRAY_LEN(lines)];
        struct relay_recipient to = {.address = S("bob@example.net")};
        struct relay_message message = message_to(&to, 1);
        struct script script = {.lines = said, .count = early + 1};
        for (size_t i = 0; i < early; i++)
            said[i] = lines[i];
        said[early] = arena_printf(&arena, "%s\r\n250 ok", lines[early]);
        assert_int_equal(send_all(&script, &message), ERR_PROTOCOL);
        assert_int_equal(to.fate, RELAY_DEFERRED);
    }
}

static void a_line_without_end_is_not_awaited(void *arg)
{
    (void)arg;
    struct relay_client client;
    struct conn *ends[2];
    conn_pair(task_loop(), 65536, 65536, ends);
    relay_client_init(&client, ends[0], "us.example");
    for (int i = 0; i < RELAY_LINE_MAX / 16 + 1; i++)
        conn_printf(ends[1], "220 xxxxxxxxxxxx");
    conn_flush(ends[1]);
    assert_int_equal(relay_greet(&client), ERR_PROTOCOL);
    assert_true(slice_starts_with(buf_slice(&client.reply.text), S("\"220 xxxx")));
    relay_client_free(&client);
    conn_close(ends[0]);
    conn_close(ends[1]);
}

static void a_server_that_drips_is_left(void *arg)
{
    (void)arg;
    struct relay_times times = relay_times_standard;
    struct relay_client client;
    struct conn *ends[2];
    conn_pair(task_loop(), 65536, 65536, ends);
    times.greeting = 60;
    relay_client_init(&client, ends[0], "us.example");
    client.times = &times;
    for (int i = 0; i < 30; i++)
        conn_printf(ends[1], "220-still busy\r\n");
    conn_flush(ends[1]);
    assert_int_equal(relay_greet(&client), ERR_TIMEOUT);
    relay_client_free(&client);
    conn_close(ends[0]);
    conn_close(ends[1]);
}

static void hello_is_said_as_the_server_knows_it(void *arg)
{
    (void)arg;
    struct relay_client client;
    struct script refusing = SCRIPT("< 554 5.7.1 go away");
    script_begin(&refusing, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(client.reply.code, 554);
    script_end(&refusing, &client);
    struct script busy = SCRIPT("< 220 hi", "> EHLO us.example", "< 421 4.3.2 later");
    script_begin(&busy, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(client.reply.code, 421);
    assert_false(client.speaks_esmtp);
    script_end(&busy, &client);
    struct script unwilling =
        SCRIPT("< 220 hi", "> EHLO us.example", "< 550 5.7.1 you?", "> HELO us.example", "< 550 5.7.1 you!");
    script_begin(&unwilling, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(client.reply.code, 550);
    script_end(&unwilling, &client);
}

static void lmtp_answers_for_each(void *arg)
{
    (void)arg;
    struct relay_recipient to[] = {{.address = S("a@example.net")},
                                   {.address = S("b@example.net")},
                                   {.address = S("c@example.net")},
                                   {.address = S("d@example.net")}};
    struct relay_message message = message_to(to, 4);
    struct relay_client client;
    struct script script = SCRIPT(
        "< 220 hi", "> LHLO us.example", "< 250-hi", "< 250 PIPELINING", "> MAIL FROM:<alice@example.org>",
        "> RCPT TO:<a@example.net>", "> RCPT TO:<b@example.net>", "> RCPT TO:<c@example.net>",
        "> RCPT TO:<d@example.net>", "> DATA", "< 250 ok", "< 250 ok", "< 550 5.1.1 who?", "< 250 ok",
        "< 250 ok", "< 354 go", ".", "< 250 2.0.0 a has it", "< 452 4.2.2 c is full", "x");
    script_begin(&script, &client);
    client.is_lmtp = true;
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(relay_send(&client, &message, &arena), ERR_CLOSED);
    check(&to[0], RELAY_ACCEPTED, 250, "2.0.0 a has it");
    check(&to[1], RELAY_REFUSED, 550, "5.1.1 who?");
    check(&to[2], RELAY_DEFERRED, 452, "4.2.2 c is full");
    assert_int_equal(to[3].fate, RELAY_DEFERRED);
    script_end(&script, &client);
    close(message.body_fd);
}

static void many_recipients_do_not_block_each_other(void *arg)
{
    (void)arg;
    enum { COUNT = 450 };
    static struct relay_recipient to[COUNT];
    static const char *lines[4 + 2 * COUNT + 20];
    struct relay_message message;
    struct relay_client client;
    size_t count = 0, commands = 0;
    lines[count++] = "< 220 hi";
    lines[count++] = "> EHLO us.example";
    lines[count++] = "< 250-hi";
    lines[count++] = "< 250 PIPELINING";
    for (size_t i = 0; i < COUNT + 2; i++) {
        commands++;
        lines[count++] = i == 0           ? "> MAIL FROM:<alice@example.org>"
                         : i == COUNT + 1 ? "> DATA"
                                          : arena_printf(&arena, "> RCPT TO:<r%zu@example.net>", i - 1);
        lines[count++] = i == COUNT + 1 ? "< 354 go" : "< 250 ok";
    }
    lines[count++] = ".";
    lines[count++] = "< 250 all";
    for (size_t i = 0; i < COUNT; i++)
        to[i] = (struct relay_recipient){.address = slice_from(arena_printf(&arena, "r%zu@example.net", i))};
    message = message_to(to, COUNT);
    struct script script = {.lines = lines, .count = count, .chunk = 7};
    script_begin(&script, &client);
    assert_int_equal(relay_greet(&client), ERR_OK);
    assert_int_equal(relay_send(&client, &message, &arena), ERR_OK);
    for (size_t i = 0; i < COUNT; i++)
        check(&to[i], RELAY_ACCEPTED, 250, "all");
    script_end(&script, &client);
    close(message.body_fd);
    assert_int_equal(commands, COUNT + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(a_message_goes_in_lockstep),
        task_test(the_text_is_stuffed),
        task_test(original_recipients_in_ascii),
        task_test(our_own_fields_stay_and_those_of_a_forward_come_first),
        task_test(what_the_server_can_is_used),
        task_test(chunks_go_with_the_commands),
        task_test(a_chunk_waits_for_a_recipient),
        task_test(who_announces_chunks_and_knows_none_gets_data),
        task_test(a_file_that_is_shorter_than_its_chunk_ends_the_connection),
        task_test(a_file_of_another_length_is_not_finished),
        task_test(what_the_server_cannot_is_not_tried),
        task_test(a_report_goes_without_requiretls),
        task_test(a_refused_sender_is_refused_for_all),
        task_test(a_text_for_nobody_is_empty),
        task_test(what_data_says_counts_for_those_who_were_taken),
        task_test(a_connection_that_breaks_has_promised_nothing),
        task_test(what_is_no_reply_ends_it),
        task_test(answers_before_questions_end_it),
        task_test(a_line_without_end_is_not_awaited),
        task_test(a_server_that_drips_is_left),
        task_test(hello_is_said_as_the_server_knows_it),
        task_test(lmtp_answers_for_each),
        task_test(many_recipients_do_not_block_each_other),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(&arena);
    return failed;
}
