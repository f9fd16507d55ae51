/* SPDX-License-Identifier: ISC */
/*
 * A name server on a port of its own that answers as it is told, wrongly too, or not at all. What it says to
 * a question is chosen by the first label of the name and the type; a name that it knows for another type has
 * no data, and one that it does not know does not exist (RFC 1035 section 4.1).
 */
#ifndef TEST_FAKE_DNS_H
#define TEST_FAKE_DNS_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dns.h"

enum fake_manner { FAKE_ANSWERS, FAKE_IS_SILENT, FAKE_HAS_WRONG_ID, FAKE_IS_CUT };

struct fake_answer {
    const char *label;
    enum dns_type type;
    unsigned rcode;
    const char *records; /* each: length of RDATA (2 octets), RDATA */
    size_t length, count;
    enum fake_manner manner;
};
#define FAKE_RECORDS(text) text, sizeof(text) - 1

static struct {
    const struct fake_answer *answers;
    size_t count;
    int fd;
    pthread_t thread;
    char address[64]; /* for struct dns_settings */
    atomic_int questions;
} fake_dns;

static inline const struct fake_answer *fake_find(const unsigned char *question, size_t end, bool *known_r)
{
    unsigned type = (unsigned)question[end - 4] << 8 | question[end - 3];
    *known_r = false;
    for (size_t i = 0; i < fake_dns.count; i++) {
        const struct fake_answer *answer = &fake_dns.answers[i];
        size_t length = strlen(answer->label);
        if (question[12] != length || memcmp(question + 13, answer->label, length) != 0)
            continue;
        *known_r = true;
        if (answer->type == type || answer->rcode || answer->manner == FAKE_IS_SILENT)
            return answer;
    }
    return NULL;
}

/* Behind the question; beyond the packet when it is none. */
static inline size_t fake_question_end(const unsigned char *packet, size_t length)
{
    size_t at = 12;
    while (at < length && packet[at])
        at += packet[at] + 1u;
    return at + 5;
}

static inline size_t fake_compose(const struct fake_answer *answer, bool known, const unsigned char *question,
                                  size_t end, unsigned char *out)
{
    size_t length = end, at = 0;
    memcpy(out, question, end);
    out[0] ^= answer && answer->manner == FAKE_HAS_WRONG_ID;
    out[2] = 0x81;
    out[3] = (unsigned char)(0x80 | (answer ? answer->rcode : known ? 0 : 3));
    memset(out + 6, 0, 6);
    out[7] = (unsigned char)(answer ? answer->count : 0);
    for (size_t i = 0; answer && i < answer->count; i++) {
        const unsigned char *record = (const unsigned char *)answer->records + at;
        size_t size = (size_t)record[0] << 8 | record[1];
        memcpy(out + length, "\xc0\x0c", 2);
        memcpy(out + length + 2, question + end - 4, 4);
        memcpy(out + length + 6, "\x00\x00\x0e\x10", 4); /* an hour */
        memcpy(out + length + 10, record, 2 + size);
        length += 12 + size;
        at += 2 + size;
    }
    return answer && answer->manner == FAKE_IS_CUT ? length - 3 : length;
}

static inline void *fake_serve(void *arg)
{
    unsigned char question[1000], out[4000];
    struct sockaddr_in from;
    socklen_t from_length = sizeof(from);
    ssize_t got;
    while ((got = recvfrom(fake_dns.fd, question, sizeof(question), 0, (struct sockaddr *)&from,
                           &from_length)) > 12) {
        bool known;
        size_t end = fake_question_end(question, (size_t)got);
        if (end > (size_t)got)
            continue;
        const struct fake_answer *answer = fake_find(question, end, &known);
        atomic_fetch_add(&fake_dns.questions, 1);
        if (answer && answer->manner == FAKE_IS_SILENT)
            continue;
        size_t length = fake_compose(answer, known, question, end, out);
        sendto(fake_dns.fd, out, length, 0, (struct sockaddr *)&from, from_length);
    }
    return arg;
}

static inline int fake_dns_start(const struct fake_answer *answers, size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    fake_dns.answers = answers;
    fake_dns.count = count;
    fake_dns.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fake_dns.fd < 0 || bind(fake_dns.fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return 1;
    getsockname(fake_dns.fd, (struct sockaddr *)&address, &length);
    snprintf(fake_dns.address, sizeof(fake_dns.address), "127.0.0.1@%d", ntohs(address.sin_port));
    return pthread_create(&fake_dns.thread, NULL, fake_serve, NULL);
}

/* An empty packet ends it. */
static inline int fake_dns_stop(void)
{
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    getsockname(fake_dns.fd, (struct sockaddr *)&address, &length);
    sendto(fake_dns.fd, "", 0, 0, (struct sockaddr *)&address, length);
    pthread_join(fake_dns.thread, NULL);
    return close(fake_dns.fd);
}

/* Inside of a task. */
static inline struct dns *fake_dns_client(struct loop *loop)
{
    const char *resolvers[] = {fake_dns.address};
    struct dns_settings settings = {.resolvers = resolvers, .resolver_count = 1};
    struct dns *dns = NULL;
    return dns_new(loop, &settings, &dns, NULL) ? NULL : dns;
}

#endif
