/* SPDX-License-Identifier: ISC */
/*
 * One request over HTTPS, by libcurl, which nothing but this file pair sees. Blocks: for a thread of a pool
 * of its own (work_run), since the other side may be slow. Certificates are always checked, redirects never
 * followed, no proxy asked, nothing kept; what the other side can make us hold and wait for has a limit.
 */
#ifndef NET_HTTPS_H
#define NET_HTTPS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"

/* Before the first request, on the main thread; further calls do nothing. */
void https_init(void);

/* What an address of the form https://host[:port]/… names; the port is 443 when it names none. ERR_SYNTAX:
 * it is no such address, or it holds a password. */
enum err https_parse_url(const char *url, struct arena *arena, struct slice *host_r,
                         unsigned *port_r) MUST_CHECK;

struct https_request {
    const char *url;
    const struct slice *addresses; /* of its host, as looked up by the caller: "192.0.2.1", "2001:db8::1" */
    size_t address_count;
    const char *ca_path; /* whose certificates are trusted */
    int64_t timeout_ms;  /* for all of it */
    size_t answer_max;   /* bytes of the answer's body */
    /* POST with this body when there is a type: "application/tlsrpt+gzip"; else GET. */
    const char *content_type;
    struct slice body;
    const atomic_bool *stop; /* set: end soon with ERR_CANCELED */
};

struct https_answer {
    unsigned status; /* 200 … */
    struct slice content_type;
    struct slice body;
};
/* In the arena. ERR_OK: there was an answer, whatever its status. Else the reason in `why`: ERR_TLS (also a
 * certificate that is not good), ERR_TIMEOUT, ERR_TOO_LONG, ERR_CANCELED, ERR_SYNTAX (of the address),
 * ERR_IO. */
enum err https_run(const struct https_request *request, struct arena *arena, struct https_answer *answer_r,
                   struct buf *why) MUST_CHECK;

#endif
