/* SPDX-License-Identifier: ISC */
/* Requests over HTTPS to a server that means well, and to some that do not. */
#include "fake_https.h"
#include "net/https.h"
#include "net/work.h"
#include "task_case.h"

#define ANSWER_MAX 1000

static struct arena arena;
static const struct slice loopback = {"127.0.0.1", 9};

static int start(void **state)
{
    static const char *const names[] = {"mta-sts.example.net"};
    (void)state;
    https_init();
    return fake_https_prepare(names, ARRAY_LEN(names));
}

static int stop(void **state)
{
    (void)state;
    fake_https_remove();
    arena_free(&arena);
    return 0;
}

struct call {
    struct https_request request;
    struct https_answer answer;
    struct buf why;
    enum err err;
};

static void run_call(void *arg)
{
    struct call *call = arg;
    call->err = https_run(&call->request, &arena, &call->answer, &call->why);
}

static struct call call_to(const char *host)
{
    struct call call = {0};
    buf_init(&call.why, 1000);
    call.request = (struct https_request){
        .url = arena_printf(&arena, "https://%s:%u/.well-known/mta-sts.txt", host, fake_https.port),
        .addresses = &loopback,
        .address_count = 1,
        .ca_path = fake_https.ca_path,
        .timeout_ms = 20000,
        .answer_max = ANSWER_MAX};
    return call;
}

/* On a thread, as it will be. */
static enum err perform(struct call *call)
{
    struct work_pool *pool = work_pool_new(task_loop(), 1, 1);
    assert_int_equal(work_run(pool, 0, run_call, call), ERR_OK);
    work_pool_free(pool);
    assert_int_equal(call->why.len > 0, call->err != ERR_OK);
    buf_free(&call->why);
    return call->err;
}

static void a_text_is_fetched(void *arg)
{
    (void)arg;
    fake_https_start();
    fake_https.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: 4\r\n\r\ntext";
    struct call call = call_to("mta-sts.example.net");
    assert_int_equal(perform(&call), ERR_OK);
    assert_int_equal(call.answer.status, 200);
    assert_text(call.answer.content_type, "text/plain; charset=utf-8");
    assert_text(call.answer.body, "text");
    assert_string_equal(fake_https.request, "GET /.well-known/mta-sts.txt HTTP/1.1");
    fake_https_stop();
}

static void redirects_are_told_and_not_followed(void *arg)
{
    (void)arg;
    fake_https_start();
    fake_https.answer = arena_printf(&arena,
                                     "HTTP/1.1 302 Found\r\nLocation: https://mta-sts.example.net:%u/x\r\n"
                                     "Content-Length: 0\r\n\r\n",
                                     fake_https.port);
    struct call call = call_to("mta-sts.example.net");
    assert_int_equal(perform(&call), ERR_OK);
    assert_int_equal(call.answer.status, 302);
    assert_int_equal(fake_https.requests, 1);
    fake_https_stop();
}

static void an_answer_has_a_limit(void *arg)
{
    (void)arg;
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"};
    fake_https_start();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct call call = call_to("mta-sts.example.net");
        fake_https.answer = answers[i];
        fake_https.padding = ANSWER_MAX + 1;
        assert_int_equal(perform(&call), ERR_TOO_LONG);
    }
    struct call call = call_to("mta-sts.example.net");
    fake_https.padding = ANSWER_MAX;
    assert_int_equal(perform(&call), ERR_OK);
    assert_int_equal(call.answer.body.len, ANSWER_MAX);
    fake_https_stop();
}

static void certificates_must_be_good(void *arg)
{
    (void)arg;
    fake_https_start();
    fake_https.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    struct call other = call_to("mta-sts.other.example"), unknown = call_to("mta-sts.example.net");
    assert_int_equal(perform(&other), ERR_TLS);
    unknown.request.ca_path = "/etc/ssl/certs/ca-certificates.crt";
    assert_int_equal(perform(&unknown), ERR_TLS);
    assert_int_equal(fake_https.requests, 0);
    fake_https_stop();
}

static void nobody_waits_longer_than_he_wants(void *arg)
{
    (void)arg;
    atomic_bool ended;
    fake_https_start();
    fake_https.answer = NULL;
    struct call slow = call_to("mta-sts.example.net"), stopped = slow;
    slow.request.timeout_ms = 300;
    assert_int_equal(perform(&slow), ERR_TIMEOUT);
    atomic_init(&ended, true);
    buf_init(&stopped.why, 1000);
    stopped.request.stop = &ended;
    assert_int_equal(perform(&stopped), ERR_CANCELED);
    fake_https_stop();
    struct call refused = call_to("mta-sts.example.net");
    assert_int_equal(perform(&refused), ERR_IO);
}

static void a_body_is_posted(void *arg)
{
    (void)arg;
    fake_https_start();
    fake_https.answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    struct call call = call_to("mta-sts.example.net");
    call.request.content_type = "application/tlsrpt+gzip";
    call.request.body = slice_of("\x1f\x8b\0\n", 4);
    assert_int_equal(perform(&call), ERR_OK);
    assert_int_equal(call.answer.status, 201);
    assert_string_equal(fake_https.request, "POST /.well-known/mta-sts.txt HTTP/1.1");
    assert_string_equal(fake_https.type, "application/tlsrpt+gzip");
    assert_slice(buf_slice(&fake_https.body), slice_of("\x1f\x8b\0\n", 4));
    fake_https_stop();
}

static const char *parts_of(const char *url)
{
    struct slice host;
    unsigned port;
    if (https_parse_url(url, &arena, &host, &port))
        return "bad";
    return arena_printf(&arena, "%.*s %u", SLICE_ARG(host), port);
}

static void addresses_are_read(void *arg)
{
    (void)arg;
    assert_string_equal(parts_of("https://reports.example/tls?x=1"), "reports.example 443");
    assert_string_equal(parts_of("https://reports.example:8443"), "reports.example 8443");
    assert_string_equal(parts_of("http://reports.example/"), "bad");
    assert_string_equal(parts_of("reports.example"), "bad");
    assert_string_equal(parts_of("file:///etc/passwd"), "bad");
    assert_string_equal(parts_of("https://user:secret@reports.example/"), "bad");
    assert_string_equal(parts_of("https://reports.example:0/"), "bad");
    assert_string_equal(parts_of("https://reports.example:65536/"), "bad");
    assert_string_equal(parts_of(""), "bad");
    struct call call = call_to("mta-sts.example.net");
    call.request.url = "gopher://mta-sts.example.net/";
    assert_int_equal(perform(&call), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(a_text_is_fetched),
        task_test(redirects_are_told_and_not_followed),
        task_test(an_answer_has_a_limit),
        task_test(certificates_must_be_good),
        task_test(nobody_waits_longer_than_he_wants),
        task_test(a_body_is_posted),
        task_test(addresses_are_read),
    };
    return cmocka_run_group_tests_name("net/https", tests, start, stop);
}
