/* SPDX-License-Identifier: ISC */
/*
 * libunbound resolves on a thread of its own and makes a descriptor readable when answers are there. Every
 * task that waits for an answer waits for the descriptor too, and whoever is woken by it hands out all the
 * answers: there is no task that only does this.
 */
#include "net/dns.h"

#include <string.h>
#include <sys/socket.h>
#include <unbound.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/dns_record.h"
#include "net/event.h"
#include "net/task.h"

#define CLASS_IN 1
/* RCODEs of RFC 1035 section 4.1.1. */
#define RCODE_NOERROR  0
#define RCODE_SERVFAIL 2
#define RCODE_NXDOMAIN 3

struct dns {
    struct loop *loop;
    struct ub_ctx *context;
    int fd;
};

static enum err refuse(struct buf *why, const char *what, const char *value, int error)
{
    if (why) {
        buf_printf(why, "%s %s: %s", what, value, ub_strerror(error));
    }
    return ERR_CONFIG;
}

static const struct {
    const char *name, *value;
} options[] = {
    {"do-not-query-localhost:", "no"}, /* a resolver on this host is the usual one */
    {"qname-minimisation:", "yes"},     {"msg-cache-size:", "4m"},          {"rrset-cache-size:", "8m"},
    {"cache-max-ttl:", "86400"},        {"cache-max-negative-ttl:", "900"}, {"val-log-level:", "0"},
    {"harden-dnssec-stripped:", "yes"}, {"aggressive-nsec:", "yes"},
};

static enum err configure(struct dns *dns, const struct dns_settings *settings, struct buf *why)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        int error = ub_ctx_set_option(dns->context, options[i].name, options[i].value);
        if (error) {
            return refuse(why, "option", options[i].name, error);
        }
    }
    for (size_t i = 0; i < settings->resolver_count; i++) {
        int error = ub_ctx_set_fwd(dns->context, settings->resolvers[i]);
        if (error) {
            return refuse(why, "resolver", settings->resolvers[i], error);
        }
    }
    if (settings->trust_anchor_path && access(settings->trust_anchor_path, R_OK) == 0) {
        int error = ub_ctx_add_ta_file(dns->context, settings->trust_anchor_path);
        if (error) {
            return refuse(why, "trust anchor", settings->trust_anchor_path, error);
        }
    }
    int error = ub_ctx_async(dns->context, 1);
    return error ? refuse(why, "resolver", "thread", error) : ERR_OK;
}

enum err dns_new(struct loop *loop, const struct dns_settings *settings, struct dns **dns_r, struct buf *why)
{
    struct dns *dns = mem_new(struct dns);
    dns->loop = loop;
    dns->context = ub_ctx_create();
    dns->fd = dns->context ? ub_fd(dns->context) : -1;
    enum err err = dns->context ? configure(dns, settings, why) : ERR_UNAVAILABLE;
    if (err) {
        dns_free(dns);
    } else {
        *dns_r = dns;
    }
    return err;
}

void dns_free(struct dns *dns)
{
    if (!dns) {
        return;
    }
    if (dns->fd >= 0) {
        fd_forget(dns->loop, dns->fd);
    }
    if (dns->context) {
        ub_ctx_delete(dns->context);
    }
    mem_free(dns);
}

/* --- one question --- */

/* On the stack of the task: after ub_cancel nobody calls on_answer for it. */
struct question {
    struct event answered;
    int error;
    struct ub_result *result;
};

static void on_answer(void *data, int error, struct ub_result *result)
{
    struct question *question = data;
    question->error = error;
    question->result = result;
    event_raise(&question->answered);
}

static enum err wait_for_answer(struct dns *dns, struct question *question, int64_t deadline)
{
    enum err err = ERR_OK;
    while (!err && !question->answered.is_set) {
        struct wait_item items[] = {{.event = &question->answered}, {.fd = dns->fd}};
        size_t which = 0;
        err = wait_any(items, ARRAY_LEN(items), deadline, &which);
        if (!err && which == 1) {
            ub_process(dns->context);
        }
    }
    return err;
}

static void copy_records(const struct ub_result *result, struct arena *arena, struct dns_answer *answer)
{
    size_t count = 0;
    while (count < DNS_RECORDS_MAX && result->data[count]) {
        count++;
    }
    answer->records = arena_array(arena, struct slice, count);
    answer->count = count;
    for (size_t i = 0; i < count; i++) {
        answer->records[i] = arena_copy(arena, slice_of(result->data[i], (size_t)result->len[i]));
    }
}

static enum dns_result kind_of(const struct ub_result *result)
{
    if (result->bogus) {
        return DNS_BOGUS;
    }
    if (result->havedata) {
        return DNS_FOUND;
    }
    if (result->nxdomain || result->rcode == RCODE_NXDOMAIN) {
        return DNS_NO_NAME;
    }
    return result->rcode == RCODE_NOERROR ? DNS_NO_DATA : DNS_TEMPORARY;
}

static struct slice explain(const struct ub_result *result, struct arena *arena)
{
    if (result->bogus) {
        return slice_from(arena_printf(arena, "DNSSEC: %s", result->why_bogus ? result->why_bogus : "bogus"));
    }
    if (result->rcode == RCODE_SERVFAIL) {
        return S("the name servers did not answer usefully (SERVFAIL)");
    }
    return slice_from(arena_printf(arena, "the name servers answered with code %d", result->rcode));
}

static void read_answer(const struct ub_result *result, struct slice name, struct arena *arena,
                        struct dns_answer *answer)
{
    *answer = (struct dns_answer){.result = kind_of(result),
                                  .secure = result->secure != 0,
                                  .ttl = result->ttl > 0 ? (uint32_t)result->ttl : 0,
                                  .canonical = arena_copy(arena, name)};
    if (result->canonname) {
        struct slice canonical = slice_from(result->canonname);
        if (canonical.len > 0 && canonical.data[canonical.len - 1] == '.') {
            canonical.len--;
        }
        answer->canonical = arena_copy(arena, canonical);
    }
    if (answer->result == DNS_FOUND) {
        copy_records(result, arena, answer);
    } else if (answer->result == DNS_TEMPORARY || answer->result == DNS_BOGUS) {
        answer->why = explain(result, arena);
    }
}

static bool can_be_asked(struct slice name)
{
    size_t label = 0;
    for (size_t i = 0; i < name.len; i++) {
        label = name.data[i] == '.' ? 0 : label + 1;
        if (label > 63 || name.data[i] <= ' ' || name.data[i] == '\\' || name.data[i] == 0x7f ||
            (i > 0 && name.data[i] == '.' && name.data[i - 1] == '.')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= DNS_NAME_MAX + 1 && name.data[0] != '.';
}

enum err dns_ask(struct dns *dns, struct slice name, enum dns_type type, int64_t timeout_ms,
                 struct arena *arena, struct dns_answer *answer_r)
{
    struct question question = {0};
    int id = 0;
    *answer_r = (struct dns_answer){.result = DNS_NO_NAME};
    if (!can_be_asked(name)) {
        return ERR_OK;
    }
    int error = ub_resolve_async(dns->context, arena_cstr(arena, name), (int)type, CLASS_IN, &question,
                                 on_answer, &id);
    enum err err = ERR_OK;
    if (!error) {
        err = wait_for_answer(dns, &question, loop_now(dns->loop) + timeout_ms);
        error = question.error;
    }
    if (err) {
        ub_cancel(dns->context, id); /* it calls nobody any more */
    }
    if (!err && !error && question.result) {
        read_answer(question.result, name, arena, answer_r);
    } else {
        *answer_r = (struct dns_answer){.result = DNS_TEMPORARY,
                                        .why = err ? S("the name servers did not answer in time")
                                                   : slice_from(ub_strerror(error))};
    }
    ub_resolve_free(question.result);
    return err == ERR_CANCELED ? err : ERR_OK;
}
