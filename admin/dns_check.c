/* SPDX-License-Identifier: ISC */
/* Asking the name service what relayd would ask. */
#include "dns_check.h"

#include "mail/address.h"
#include "mta_sts.h"
#include "net/dns_record.h"

#define QUESTION_MS (INT64_C(20) * 1000)

struct search {
    const struct dns_check_tools *tools;
    struct arena *arena;
    struct dns_check *check;
};

/* RFC 6698 section 2.2, as zone files write it. */
static struct slice tlsa_text(struct arena *arena, const struct dns_tlsa *tlsa)
{
    struct buf text;
    buf_init(&text, 64 * 1024 * 2 + 100);
    buf_printf(&text, "%u %u %u ", tlsa->usage, tlsa->selector, tlsa->matching);
    for (size_t i = 0; i < tlsa->data.len; i++) {
        buf_printf(&text, "%02X", (unsigned char)tlsa->data.data[i]);
    }
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

/* RFC 7672 section 2.2.3: _25._tcp.<host>. */
static enum err find_tlsa(struct search *search, unsigned port, struct dns_check_host *host)
{
    struct arena *arena = search->arena;
    struct dns_answer answer;
    const char *name = arena_printf(arena, "_%u._tcp.%.*s", port, SLICE_ARG(host->host.name));
    enum err err = dns_ask(search->tools->dns, slice_from(name), DNS_TLSA, QUESTION_MS, arena, &answer);
    if (err) {
        return err;
    }
    host->tlsa_result = answer.result;
    host->tlsa_secure = answer.secure;
    host->tlsa = arena_array(arena, struct slice, answer.count);
    for (size_t i = 0; i < answer.count; i++) {
        struct dns_tlsa tlsa;
        bool is_good = !dns_parse_tlsa(answer.records[i], &tlsa);
        host->tlsa[host->tlsa_count++] = is_good ? tlsa_text(arena, &tlsa) : S("malformed");
    }
    return ERR_OK;
}

/* The policy that holds for the host, asked as relayd asks. */
static enum err find_protection(struct search *search, unsigned port, struct dns_check_host *found)
{
    const struct dns_check *check = search->check;
    const struct conf_route *route = check->destination.route;
    bool is_by_mx = check->destination.hop.kind == NEXT_HOP_MX;
    const struct relay_hop hop = {.rules = is_by_mx ? &check->rules : NULL,
                                  .is_list_secure = !is_by_mx || check->route.is_secure,
                                  .list_domain = is_by_mx ? check->route.domain : found->host.name,
                                  .host = found->host.name,
                                  .port = port,
                                  .addresses = &found->addresses,
                                  .setting = route ? (enum conf_route_tls)route->tls : ROUTE_TLS_POLICY};
    return relay_policy_host(search->tools->policy, &hop, search->arena, &found->protection);
}

static enum err look_at_host(struct search *search, const struct relay_host *host,
                             struct dns_check_host *found)
{
    const struct next_hop *hop = &search->check->destination.hop;
    unsigned port = hop->kind == NEXT_HOP_MX ? (unsigned)search->tools->conf->relay_port : hop->port;
    bool is_name = !address_is_literal(search->check->domain) && !hop->is_address;
    found->host = *host;
    enum err err = relay_find_addresses(search->tools->dns, host->name, false, QUESTION_MS, search->arena,
                                        &found->addresses);
    if (!err && is_name) {
        err = find_tlsa(search, port, found);
    }
    if (!err && found->addresses.result == RELAY_ROUTE_FOUND) {
        err = find_protection(search, port, found);
    }
    return err;
}

/* RFC 8461 section 3.1. */
static enum err find_sts(struct search *search)
{
    struct dns_check *check = search->check;
    struct arena *arena = search->arena;
    struct dns_answer answer;
    size_t count = 0;
    const char *name = arena_printf(arena, "_mta-sts.%.*s", SLICE_ARG(check->domain));
    enum err err = dns_ask(search->tools->dns, slice_from(name), DNS_TXT, QUESTION_MS, arena, &answer);
    if (err) {
        return err;
    }
    struct slice *texts = arena_array(arena, struct slice, answer.count);
    for (size_t i = 0; i < answer.count; i++) {
        count += dns_parse_text(arena, answer.records[i], &texts[count]) == ERR_OK;
    }
    check->sts_result = answer.result;
    check->sts_err = mta_sts_find_record(texts, count, &check->sts_id);
    return relay_policy_domain(search->tools->policy, check->domain, arena, &check->rules);
}

/* Where the configuration names the host, nobody is asked which it is. */
static void take_configured_host(struct search *search)
{
    struct dns_check *check = search->check;
    check->route = (struct relay_route){.result = RELAY_ROUTE_FOUND, .domain = check->domain, .count = 1};
    check->route.hosts = arena_new(search->arena, struct relay_host);
    check->route.hosts->name = check->destination.hop.host;
}

static enum err find_hosts(struct search *search)
{
    struct dns_check *check = search->check;
    struct slice own = slice_from(search->tools->conf->hostname);
    if (check->destination.hop.kind == NEXT_HOP_LMTP_UNIX) {
        return ERR_OK;
    }
    if (check->destination.hop.kind != NEXT_HOP_MX) {
        take_configured_host(search);
        return ERR_OK;
    }
    enum err err = relay_find_hosts(search->tools->dns, check->destination.domain, &own, 1, QUESTION_MS,
                                    search->arena, &check->route);
    return err || address_is_literal(check->domain) ? err : find_sts(search);
}

static enum err run(struct search *search)
{
    struct dns_check *check = search->check;
    enum err err = find_hosts(search);
    if (err || check->route.result != RELAY_ROUTE_FOUND) {
        return err;
    }
    check->hosts = arena_array(search->arena, struct dns_check_host, check->route.count);
    for (size_t i = 0; i < check->route.count && !err; i++) {
        err = look_at_host(search, &check->route.hosts[i], &check->hosts[check->host_count++]);
    }
    return err;
}

enum err dns_check_run(const struct dns_check_tools *tools, struct slice domain, struct arena *arena,
                       struct dns_check *check_r)
{
    const struct conf *conf = tools->conf;
    struct dns_check check = {.sts_err = ERR_NOT_FOUND, .sts_result = DNS_NO_NAME};
    struct search search = {tools, arena, &check};
    size_t at = slice_find_last(domain, '@');
    domain = at < domain.len ? slice_skip(domain, at + 1) : domain;
    enum err err = address_domain_key(arena, domain, &check.domain);
    if (!err) {
        check.destination_text = destination_of(conf, check.domain, arena);
        err = destination_parse(conf, check.destination_text, arena, &check.destination);
    }
    if (!err) {
        err = run(&search);
        bool is_found = check.route.result == RELAY_ROUTE_FOUND && check.route.count > 0;
        check.limits = limits_for(conf, &check.destination,
                                  is_found ? limits_provider_of_host(check.route.hosts[0].name) : NULL);
    }
    if (!err) {
        *check_r = check;
    }
    return err;
}

bool dns_check_is_good(const struct dns_check *check)
{
    bool found = check->destination.hop.kind == NEXT_HOP_LMTP_UNIX;
    for (size_t i = 0; i < check->host_count; i++) {
        found = found || check->hosts[i].addresses.result == RELAY_ROUTE_FOUND;
    }
    return found;
}
