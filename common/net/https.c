/* SPDX-License-Identifier: ISC */
#include "net/https.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

#define CONTENT_TYPE_MAX 200

void https_init(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        log_error("https.init_failed");
        abort();
    }
}

static struct slice take_part(CURLU *url, CURLUPart part, unsigned flags, struct arena *arena)
{
    char *text = NULL;
    struct slice copy = SLICE_EMPTY;
    if (curl_url_get(url, part, &text, flags) == CURLUE_OK && text)
        copy = arena_copy(arena, slice_from(text));
    curl_free(text);
    return copy;
}

enum err https_parse_url(const char *text, struct arena *arena, struct slice *host_r, unsigned *port_r)
{
    CURLU *url = curl_url();
    uint64_t port = 0;
    if (!url)
        abort();
    bool good = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK;
    struct slice scheme = take_part(url, CURLUPART_SCHEME, 0, arena),
                 user = take_part(url, CURLUPART_USER, 0, arena),
                 host = take_part(url, CURLUPART_HOST, 0, arena),
                 port_text = take_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, arena);
    curl_url_cleanup(url);
    if (!good || !slice_eq(scheme, S("https")) || user.len > 0 || host.len == 0 ||
        !slice_to_u64(port_text, 65535, &port) || port == 0)
        return ERR_SYNTAX;
    *host_r = host;
    *port_r = (unsigned)port;
    return ERR_OK;
}

/* --- a request --- */

struct running {
    const struct https_request *request;
    CURL *curl;
    struct curl_slist *resolved, *header;
    struct buf body;
    char reason[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *arg)
{
    struct running *running = arg;
    buf_append(&running->body, slice_of(data, size * count));
    return buf_ok(&running->body) ? size * count : 0;
}

static int look_at_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct running *running = arg;
    (void)a, (void)b, (void)c, (void)d;
    return running->request->stop && atomic_load(running->request->stop);
}

/* "host:443:192.0.2.1,[2001:db8::1]": libcurl has no resolver of its own to ask. */
static void set_addresses(struct running *running, struct slice host, unsigned port)
{
    const struct https_request *request = running->request;
    struct buf line;
    buf_init(&line, 65536);
    buf_printf(&line, "%.*s:%u:", SLICE_ARG(host), port);
    for (size_t i = 0; i < request->address_count; i++) {
        bool v6 = slice_has(request->addresses[i], ':');
        buf_printf(&line, "%s%s%.*s%s", i ? "," : "", v6 ? "[" : "", SLICE_ARG(request->addresses[i]),
                   v6 ? "]" : "");
    }
    running->resolved = curl_slist_append(NULL, buf_cstr(&line));
    curl_easy_setopt(running->curl, CURLOPT_RESOLVE, running->resolved);
    buf_free(&line);
}

static void set_body(struct running *running)
{
    const struct https_request *request = running->request;
    struct buf line;
    buf_init(&line, CONTENT_TYPE_MAX + 20);
    buf_printf(&line, "Content-Type: %s", request->content_type);
    running->header = curl_slist_append(NULL, buf_cstr(&line));
    running->header = curl_slist_append(running->header, "Expect:"); /* no wait for "100 Continue" */
    buf_free(&line);
    curl_easy_setopt(running->curl, CURLOPT_HTTPHEADER, running->header);
    curl_easy_setopt(running->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(running->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    curl_easy_setopt(running->curl, CURLOPT_POSTFIELDS, request->body.data);
}

static void set_options(struct running *running)
{
    const struct https_request *request = running->request;
    CURL *curl = running->curl;
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "Postern/" POSTERN_VERSION);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_path);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->answer_max);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, running->reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, running);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_at_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, running);
}

static enum err outcome(CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return ERR_OK;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return ERR_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_FILESIZE_EXCEEDED:
    case CURLE_WRITE_ERROR: /* by take_body */
        return ERR_TOO_LONG;
    case CURLE_ABORTED_BY_CALLBACK:
        return ERR_CANCELED;
    default:
        return ERR_IO;
    }
}

static void read_answer(struct running *running, struct arena *arena, struct https_answer *answer_r)
{
    long status = 0;
    const char *type = NULL;
    curl_easy_getinfo(running->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(running->curl, CURLINFO_CONTENT_TYPE, &type);
    *answer_r = (struct https_answer){
        .status = status > 0 ? (unsigned)status : 0,
        .content_type = arena_copy(arena, slice_take(slice_from(type), CONTENT_TYPE_MAX)),
        .body = arena_copy(arena, buf_slice(&running->body)),
    };
}

enum err https_run(const struct https_request *request, struct arena *arena, struct https_answer *answer_r,
                   struct buf *why)
{
    struct running running = {.request = request};
    struct slice host;
    unsigned port;
    enum err err = https_parse_url(request->url, arena, &host, &port);
    if (err) {
        buf_append(why, S("the address is not of the form https://host/path"));
        return err;
    }
    running.curl = curl_easy_init();
    if (!running.curl)
        abort();
    buf_init(&running.body, request->answer_max);
    set_options(&running);
    set_addresses(&running, host, port);
    if (request->content_type)
        set_body(&running);
    CURLcode code = curl_easy_perform(running.curl);
    err = outcome(code);
    if (err)
        buf_append(why, slice_from(*running.reason ? running.reason : curl_easy_strerror(code)));
    else
        read_answer(&running, arena, answer_r);
    curl_easy_cleanup(running.curl);
    curl_slist_free_all(running.resolved);
    curl_slist_free_all(running.header);
    buf_free(&running.body);
    return err;
}
