/* SPDX-License-Identifier: ISC */
/* Questions to a name server that answers as it is told, wrongly too, or not at all. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dns.h"
#include "net/dns_record.h"
#include "task_case.h"

/* What it says to a name; the first label chooses. RFC 1035 section 4.1. */
static const struct behaviour {
    const char *label;
    unsigned rcode;
    const char *records; /* each: type (2 octets), length of RDATA (2), RDATA; the owner is the question */
    size_t length, count;
    enum { ANSWERS, IS_SILENT, HAS_WRONG_ID, IS_CUT } manner;
} behaviours[] = {
#define RECORDS(text) text, sizeof(text) - 1
    {"mail", 0,
     RECORDS("\x00\x0f\x00\x0e\x00\x0a\x02mx\x07"
             "example\x00"
             "\x00\x0f\x00\x0f\x00\x14\x03mx2\x07"
             "example\x00"),
     2, ANSWERS},
    {"address", 0, RECORDS("\x00\x01\x00\x04\x7f\x00\x00\x02"), 1, ANSWERS},
    {"nothing", 0, RECORDS(""), 0, ANSWERS},
    {"nobody", 3, RECORDS(""), 0, ANSWERS},
    {"broken", 2, RECORDS(""), 0, ANSWERS},
    {"refused", 5, RECORDS(""), 0, ANSWERS},
    {"silent", 0, RECORDS(""), 0, IS_SILENT},
    {"forged", 0, RECORDS("\x00\x01\x00\x04\x7f\x00\x00\x02"), 1, HAS_WRONG_ID},
    {"cut", 0, RECORDS("\x00\x01\x00\x04\x7f\x00\x00\x02"), 1, IS_CUT},
};

static struct {
    int fd;
    pthread_t thread;
    char address[64];
    atomic_int questions;
} server;

static const struct behaviour *find_behaviour(const unsigned char *question)
{
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++)
        if (question[12] == strlen(behaviours[i].label) &&
            memcmp(question + 13, behaviours[i].label, question[12]) == 0)
            return &behaviours[i];
    return NULL;
}

static size_t question_end(const unsigned char *packet, size_t length)
{
    size_t at = 12;
    while (at < length && packet[at])
        at += packet[at] + 1u;
    return at + 5;
}

static size_t compose(const struct behaviour *behaviour, const unsigned char *question, size_t end,
                      unsigned char *answer)
{
    size_t length = end, at = 0;
    memcpy(answer, question, end);
    answer[0] ^= behaviour->manner == HAS_WRONG_ID;
    answer[2] = 0x81;
    answer[3] = (unsigned char)(0x80 | behaviour->rcode);
    memset(answer + 6, 0, 6);
    answer[7] = (unsigned char)behaviour->count;
    for (size_t i = 0; i < behaviour->count; i++) {
        const unsigned char *record = (const unsigned char *)behaviour->records + at;
        size_t size = (size_t)record[2] << 8 | record[3];
        memcpy(answer + length, "\xc0\x0c", 2);
        memcpy(answer + length + 2, record, 2);
        memcpy(answer + length + 4, "\x00\x01\x00\x00\x0e\x10", 6); /* IN, an hour */
        memcpy(answer + length + 10, record + 2, 2 + size);
        length += 12 + size;
        at += 4 + size;
    }
    return behaviour->manner == IS_CUT ? length - 3 : length;
}

static void *serve(void *arg)
{
    unsigned char question[1000], answer[2000];
    struct sockaddr_in from;
    socklen_t from_length = sizeof(from);
    ssize_t got;
    while ((got = recvfrom(server.fd, question, sizeof(question), 0, (struct sockaddr *)&from,
                           &from_length)) > 12) {
        size_t end = question_end(question, (size_t)got);
        const struct behaviour *behaviour = find_behaviour(question);
        atomic_fetch_add(&server.questions, 1);
        if (!behaviour || behaviour->manner == IS_SILENT || end > (size_t)got)
            continue;
        size_t length = compose(behaviour, question, end, answer);
        sendto(server.fd, answer, length, 0, (struct sockaddr *)&from, from_length);
    }
    return arg;
}

static int start_server(void **state)
{
    (void)state;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return 1;
    getsockname(server.fd, (struct sockaddr *)&address, &length);
    snprintf(server.address, sizeof(server.address), "127.0.0.1@%d", ntohs(address.sin_port));
    return pthread_create(&server.thread, NULL, serve, NULL);
}

/* An empty packet ends it. */
static int stop_server(void **state)
{
    (void)state;
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    getsockname(server.fd, (struct sockaddr *)&address, &length);
    sendto(server.fd, "", 0, 0, (struct sockaddr *)&address, length);
    pthread_join(server.thread, NULL);
    close(server.fd);
    return 0;
}

static struct dns *new_dns(void)
{
    const char *resolvers[] = {server.address};
    struct dns_settings settings = {.resolvers = resolvers, .resolver_count = 1};
    struct dns *dns = NULL;
    assert_int_equal(dns_new(task_loop(), &settings, &dns, NULL), ERR_OK);
    return dns;
}

static struct arena arena;

static struct dns_answer ask(struct dns *dns, const char *name, enum dns_type type)
{
    struct dns_answer answer;
    assert_int_equal(dns_ask(dns, slice_from(name), type, 20000, &arena, &answer), ERR_OK);
    return answer;
}

static void answers_are_told_apart(void *arg)
{
    (void)arg;
    struct dns *dns = new_dns();
    struct dns_answer answer = ask(dns, "mail.example.", DNS_MX);
    struct dns_mx mx;
    struct slice address;
    assert_int_equal(answer.result, DNS_FOUND);
    assert_int_equal(answer.count, 2);
    assert_false(answer.secure);
    assert_true(answer.ttl > 3000 && answer.ttl <= 3600);
    assert_int_equal(dns_parse_mx(&arena, answer.records[0], &mx), ERR_OK);
    int known = atomic_load(&server.questions);
    answer = ask(dns, "MAIL.example", DNS_MX);
    assert_int_equal(answer.count, 2);
    assert_int_equal(atomic_load(&server.questions), known); /* nobody was asked again */
    answer = ask(dns, "address.example", DNS_A);
    assert_int_equal(answer.count, 1);
    assert_int_equal(dns_parse_address(&arena, answer.records[0], &address), ERR_OK);
    assert_text(address, "127.0.0.2");
    assert_int_equal(ask(dns, "nothing.example", DNS_MX).result, DNS_NO_DATA);
    assert_int_equal(ask(dns, "nobody.example", DNS_MX).result, DNS_NO_NAME);
    answer = ask(dns, "broken.example", DNS_MX);
    assert_int_equal(answer.result, DNS_TEMPORARY);
    assert_true(answer.why.len > 0);
    assert_int_equal(ask(dns, "refused.example", DNS_MX).result, DNS_TEMPORARY);
    dns_free(dns);
}

static void what_can_be_no_name_is_none(void *arg)
{
    (void)arg;
    struct dns *dns = new_dns();
    int before = atomic_load(&server.questions);
    char label[80];
    memset(label, 'a', 64);
    strcpy(label + 64, ".example");
    assert_int_equal(ask(dns, "", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, ".", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, "a..example", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, "a b.example", DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(ask(dns, label, DNS_MX).result, DNS_NO_NAME);
    assert_int_equal(atomic_load(&server.questions), before);
    dns_free(dns);
}

static void silence_and_forgery_are_temporary(void *arg)
{
    (void)arg;
    static const char *const names[] = {"silent.example", "forged.example", "cut.example"};
    struct dns *dns = new_dns();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct dns_answer answer;
        assert_int_equal(dns_ask(dns, slice_from(names[i]), DNS_A, 300, &arena, &answer), ERR_OK);
        assert_int_equal(answer.result, DNS_TEMPORARY);
        assert_true(answer.why.len > 0);
    }
    dns_free(dns);
}

struct asker {
    struct dns *dns;
    enum err err;
    struct dns_answer answer;
    struct arena arena;
};

static void ask_for_silence(void *arg)
{
    struct asker *asker = arg;
    asker->err = dns_ask(asker->dns, S("silent.example"), DNS_A, 60000, &asker->arena, &asker->answer);
}

static void whoever_waits_holds_up_nobody_and_can_be_cancelled(void *arg)
{
    (void)arg;
    struct asker askers[5] = {0};
    struct task *tasks[ARRAY_LEN(askers)];
    struct dns *dns = new_dns();
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        askers[i].dns = dns;
        tasks[i] = task_spawn(task_loop(), "asker", ask_for_silence, &askers[i]);
    }
    assert_int_equal(task_sleep(20), ERR_OK);
    assert_int_equal(ask(dns, "address.example", DNS_A).result, DNS_FOUND);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++) {
        task_cancel(tasks[i]);
        assert_int_equal(task_join(tasks[i]), ERR_OK);
        assert_int_equal(askers[i].err, ERR_CANCELED);
        arena_free(&askers[i].arena);
    }
    dns_free(dns);
}

static void settings_that_are_wrong_are_told(void *arg)
{
    (void)arg;
    const char *resolvers[] = {"not an address"};
    struct dns_settings settings = {.resolvers = resolvers, .resolver_count = 1};
    struct dns *dns = NULL;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(dns_new(task_loop(), &settings, &dns, &why), ERR_CONFIG);
    assert_null(dns);
    assert_true(slice_find_text(buf_slice(&why), S("not an address")) < why.len);
    buf_free(&why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        task_test(answers_are_told_apart),
        task_test(what_can_be_no_name_is_none),
        task_test(silence_and_forgery_are_temporary),
        task_test(whoever_waits_holds_up_nobody_and_can_be_cancelled),
        task_test(settings_that_are_wrong_are_told),
    };
    int failed = cmocka_run_group_tests(tests, start_server, stop_server);
    arena_free(&arena);
    return failed;
}
