/* SPDX-License-Identifier: ISC */
/* What `postern dns check` found, in words and as JSON. */
#include "dns_check.h"

#include "mail/address.h"
#include "output.h"

static const char *result_name(enum relay_route_result result)
{
    return result == RELAY_ROUTE_FOUND ? "found" : result == RELAY_ROUTE_LATER ? "later" : "never";
}

static const char *proof(bool is_secure)
{
    return is_secure ? "proven by DNSSEC" : "not proven by DNSSEC";
}

static const char *sts_mode_name(enum sts_mode mode)
{
    return mode == STS_MODE_ENFORCE ? "enforce" : mode == STS_MODE_TESTING ? "testing" : "none";
}

static bool is_by_mx(const struct dns_check *check)
{
    return check->destination.hop.kind == NEXT_HOP_MX;
}

static void append_way(const struct dns_check *check, struct buf *out)
{
    buf_printf(out, FIELD_NAME, "goes");
    if (is_by_mx(check)) {
        buf_append(out, S("by MX"));
        if (check->destination.route) {
            buf_printf(out, ", with the limits of route %s", check->destination.route->name);
        }
    } else {
        buf_printf(out, "by route %s to %s", check->destination.route->name, check->destination.route->via);
    }
    buf_printf(out, "\n" FIELD_NAME "%u connection%s at a time", "limits", check->limits.concurrency,
               check->limits.concurrency == 1 ? "" : "s");
    if (check->limits.messages) {
        buf_printf(out, ", %u messages over each", check->limits.messages);
    }
    if (check->limits.rate) {
        buf_printf(out, ", %u messages a minute", check->limits.rate);
    }
    buf_append_char(out, '\n');
}

static const char *sts_words(const struct dns_check *check)
{
    if (check->sts_result == DNS_TEMPORARY || check->sts_result == DNS_BOGUS) {
        return "nobody could tell";
    }
    return check->sts_err == ERR_NOT_FOUND ? "no record" : "the record is malformed, or there are several";
}

static void append_policy(const struct relay_rules *rules, struct buf *out)
{
    if (rules->mode == STS_MODE_NONE) {
        buf_append(out, rules->problem_text.len ? S(", but no policy: ") : SLICE_EMPTY);
        append_printable(out, rules->problem_text);
        return;
    }
    buf_printf(out, "%s for", rules->mode == STS_MODE_ENFORCE ? "" : ", only tested,");
    for (size_t i = 0; i < rules->mx_count; i++) {
        buf_append(out, i ? S(", ") : S(" "));
        append_printable(out, rules->mx[i]);
    }
}

static void append_sts(const struct dns_check *check, struct buf *out)
{
    if (address_is_literal(check->domain)) {
        return;
    }
    buf_printf(out, FIELD_NAME, "MTA-STS");
    if (check->sts_err) {
        buf_append(out, slice_from(sts_words(check)));
    } else {
        buf_append(out, S("record with id "));
        append_printable(out, check->sts_id);
    }
    append_policy(&check->rules, out);
    buf_append_char(out, '\n');
}

static void append_list(const struct dns_check *check, struct buf *out)
{
    if (check->route.result != RELAY_ROUTE_FOUND) {
        append_field(out, check->route.result == RELAY_ROUTE_LATER ? "for now" : "never", check->route.text);
        return;
    }
    buf_printf(out, FIELD_NAME "%zu, %s\n", "hosts", check->route.count, proof(check->route.is_secure));
    append_sts(check, out);
}

/* Whether another host than the right one would be refused. */
static bool is_verified(const struct relay_protection *protection)
{
    return protection->level == RELAY_TLS_MUST && protection->expectation.check != TLS_CHECK_NOTHING;
}

/* What a connection to the host must be like. */
static const char *tls_words(const struct relay_protection *protection)
{
    bool verified = is_verified(protection);
    switch (protection->level) {
    case RELAY_TLS_OFF:
        return "none";
    case RELAY_TLS_MAY:
        return "if the host offers it, whoever it is";
    case RELAY_TLS_MUST:
        break;
    }
    switch (protection->basis) {
    case RELAY_BASIS_DANE:
        return verified ? "always, with a certificate as the TLSA records say (DANE)"
                        : "always, whoever it is: there are TLSA records, but none that can be used (DANE)";
    case RELAY_BASIS_STS:
        return "always, with a certificate that is trusted and names the host (MTA-STS)";
    default:
        return verified ? "always, with a certificate that is trusted and names the host"
                        : "always, whoever it is";
    }
}

static void append_tls(const struct relay_protection *protection, struct buf *out)
{
    if (protection->skip) {
        append_field(out, "not used", protection->text);
        return;
    }
    buf_printf(out, FIELD_NAME "%s", "TLS", tls_words(protection));
    if (protection->level == RELAY_TLS_MAY && protection->reason.len) { /* what would be more */
        buf_append(out, S("; "));
        append_printable(out, protection->reason);
    }
    buf_append_char(out, '\n');
}

static void append_tlsa(const struct dns_check_host *host, struct buf *out)
{
    if (host->tlsa_result == DNS_TEMPORARY || host->tlsa_result == DNS_BOGUS) {
        buf_printf(out, FIELD_NAME "nobody could tell\n", "TLSA");
    }
    for (size_t i = 0; i < host->tlsa_count; i++) {
        buf_printf(out, FIELD_NAME "%.*s, %s\n", "TLSA", SLICE_ARG(host->tlsa[i]), proof(host->tlsa_secure));
    }
}

static void append_host(const struct dns_check *check, const struct dns_check_host *host, struct buf *out)
{
    const struct relay_addresses *addresses = &host->addresses;
    buf_append_char(out, '\n');
    append_field(out, "host", host->host.name);
    if (is_by_mx(check) && check->route.hosts != NULL) {
        buf_printf(out, FIELD_NAME "%u\n", "preference", host->host.preference);
    }
    if (addresses->result != RELAY_ROUTE_FOUND) {
        append_field(out, addresses->result == RELAY_ROUTE_LATER ? "for now" : "never", addresses->text);
        return;
    }
    buf_printf(out, FIELD_NAME, "addresses");
    for (size_t i = 0; i < addresses->count; i++) {
        append_printable(out, addresses->list[i]);
        buf_append(out, S(", "));
    }
    buf_printf(out, "%s\n", proof(addresses->is_secure));
    append_tlsa(host, out);
    append_tls(&host->protection, out);
}

void dns_check_append(const struct dns_check *check, struct buf *out)
{
    append_field(out, "domain", check->domain);
    append_way(check, out);
    if (is_by_mx(check)) {
        append_list(check, out);
    }
    for (size_t i = 0; i < check->host_count; i++) {
        append_host(check, &check->hosts[i], out);
    }
}

/* ---- for programs ---- */

static json_t *texts_json(const struct slice *list, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(array, json_text(list[i]));
    }
    return array;
}

static json_t *protection_json(const struct relay_protection *protection)
{
    static const char *const levels[] = {
        [RELAY_TLS_OFF] = "off", [RELAY_TLS_MAY] = "may", [RELAY_TLS_MUST] = "must"};
    static const char *const bases[] = {[RELAY_BASIS_NONE] = "none",
                                        [RELAY_BASIS_CONFIGURED] = "configured",
                                        [RELAY_BASIS_REQUIRETLS] = "requiretls",
                                        [RELAY_BASIS_STS] = "mta-sts",
                                        [RELAY_BASIS_DANE] = "dane"};
    return json_pack("{s:s, s:s, s:b, s:b, s:o}", "level", levels[protection->level], "basis",
                     bases[protection->basis], "verified", (int)is_verified(protection), "skip",
                     (int)protection->skip, "text",
                     json_text(protection->skip ? protection->text : protection->reason));
}

static json_t *sts_json(const struct dns_check *check)
{
    if (check->sts_err && check->rules.mode == STS_MODE_NONE) {
        return json_null();
    }
    return json_pack("{s:o, s:s, s:o, s:o}", "id", json_text(check->sts_id), "mode",
                     sts_mode_name(check->rules.mode), "mx",
                     texts_json(check->rules.mx, check->rules.mx_count), "problem",
                     json_text(check->rules.problem_text));
}

static json_t *host_json(const struct dns_check_host *host)
{
    json_t *tls =
        host->addresses.result == RELAY_ROUTE_FOUND ? protection_json(&host->protection) : json_null();
    const struct relay_addresses *addresses = &host->addresses;
    return json_pack("{s:o, s:I, s:s, s:o, s:b, s:o, s:o, s:b, s:o}", "host", json_text(host->host.name),
                     "preference", (json_int_t)host->host.preference, "result",
                     result_name(addresses->result), "addresses",
                     texts_json(addresses->list, addresses->count), "secure", (int)addresses->is_secure,
                     "text", json_text(addresses->text), "tlsa", texts_json(host->tlsa, host->tlsa_count),
                     "tlsa_secure", (int)host->tlsa_secure, "tls", tls);
}

static json_t *limits_json(const struct limits *limits)
{
    return json_pack("{s:I, s:I, s:I}", "connections", (json_int_t)limits->concurrency, "messages",
                     (json_int_t)limits->messages, "rate", (json_int_t)limits->rate);
}

json_t *dns_check_json(const struct dns_check *check)
{
    const struct conf_route *route = check->destination.route;
    json_t *hosts = json_array();
    for (size_t i = 0; i < check->host_count; i++) {
        json_array_append_new(hosts, host_json(&check->hosts[i]));
    }
    return json_pack("{s:o, s:o, s:s?, s:s, s:o, s:b, s:o, s:o, s:o}", "domain", json_text(check->domain),
                     "destination", json_text(check->destination_text), "route", route ? route->name : NULL,
                     "result", result_name(check->route.result), "text", json_text(check->route.text),
                     "secure", (int)check->route.is_secure, "mta_sts", sts_json(check), "limits",
                     limits_json(&check->limits), "hosts", hosts);
}
