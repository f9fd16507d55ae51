/* SPDX-License-Identifier: ISC */
/*
 * What one host must do to get a message: the route's own setting, the message's wish (RFC 8689), the
 * domain's TLSA records (RFC 7672), its MTA-STS policy (RFC 8461), in that order; else whatever TLS there is.
 */
#include <arpa/inet.h>

#include "base/encode.h"
#include "net/dns.h"
#include "policy_priv.h"
#include "storage/queue.h"

#define ASK_MS      10000
#define RECORDS_MAX 50 /* of one host that are looked at */

struct decision {
    struct relay_policy *policy;
    const struct relay_hop *hop;
    struct arena *arena;
    struct relay_protection *protection;
};

static void refuse(struct decision *decision, unsigned code, enum tls_result failure, const char *text)
{
    decision->protection->skip = true;
    decision->protection->code = code;
    decision->protection->failure = failure;
    decision->protection->text = slice_from(text);
}

static void because(struct decision *decision, const char *text)
{
    decision->protection->reason = slice_from(text);
}

static void add_name(struct tls_expectation *expectation, const char **names, const char *name)
{
    for (size_t i = 0; i < expectation->name_count; i++)
        if (slice_eq_nocase(slice_from(names[i]), slice_from(name)))
            return;
    names[expectation->name_count++] = name;
}

/* RFC 6066 section 3: no addresses are told to the server. */
static bool is_address(const char *host)
{
    unsigned char binary[16];
    return inet_pton(AF_INET, host, binary) == 1 || inet_pton(AF_INET6, host, binary) == 1;
}

static void expect(struct decision *decision, enum relay_tls_level level, enum tls_check check,
                   enum relay_basis basis)
{
    struct relay_protection *protection = decision->protection;
    const char **names = arena_array(decision->arena, const char *, 1);
    names[0] = arena_cstr(decision->arena, decision->hop->host);
    protection->level = level;
    protection->basis = basis;
    protection->expectation = (struct tls_expectation){.check = check,
                                                       .server_name = is_address(names[0]) ? NULL : names[0],
                                                       .names = names,
                                                       .name_count = check == TLS_CHECK_NAMES};
}

/* --- DANE --- */

enum dane { DANE_NOT_USED, DANE_USED, DANE_UNUSABLE, DANE_REFUSED };

/* RFC 7672 section 2.1.1: when nobody could tell, the host may not be used, since records might exist. */
static enum dane not_told(struct decision *decision, const char *what, const struct dns_answer *answer)
{
    bool bogus = answer->result == DNS_BOGUS;
    refuse(decision, 451, TLS_RESULT_DNSSEC_INVALID,
           arena_printf(decision->arena, "4.7.5 the %s of the mail host %.*s %s: %.*s", what,
                        SLICE_ARG(decision->hop->host),
                        bogus ? "are not signed as they must be" : "could not be found out",
                        SLICE_ARG(answer->why)));
    return DANE_REFUSED;
}

/* The records as people write them: "3 1 1 a0b1…" (RFC 8460 section 4.4). */
static struct slice show_records(const struct dns_answer *answer, struct arena *arena)
{
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < answer->count && i < RECORDS_MAX; i++) {
        struct dns_tlsa record;
        if (dns_parse_tlsa(answer->records[i], &record))
            continue;
        buf_printf(&out, "%u %u %u ", record.usage, record.selector, record.matching);
        hex_encode(&out, record.data);
        buf_append(&out, S("\n"));
    }
    struct slice text = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return text;
}

static enum dane use_records(struct decision *decision, struct slice base, const struct dns_answer *answer)
{
    const struct relay_hop *hop = decision->hop;
    struct tls_expectation *expectation = &decision->protection->expectation;
    struct dns_tlsa *records = arena_array(decision->arena, struct dns_tlsa, RECORDS_MAX);
    size_t count = 0;
    for (size_t i = 0; i < answer->count && i < RECORDS_MAX; i++)
        count += dns_parse_tlsa(answer->records[i], &records[count]) == ERR_OK &&
                 tls_record_is_usable(&records[count]);
    decision->protection->dane_text = show_records(answer, decision->arena);
    if (count == 0) { /* RFC 7672 section 2.2: TLS, whoever it is */
        expect(decision, RELAY_TLS_MUST, TLS_CHECK_NOTHING, RELAY_BASIS_DANE);
        because(decision, "none of the host's TLSA records can be used");
        return DANE_UNUSABLE;
    }
    expect(decision, RELAY_TLS_MUST, TLS_CHECK_DANE, RELAY_BASIS_DANE);
    /* Section 3.2.2: the records' name, and those of the domain, as the way from it is proven. */
    const char **names = arena_array(decision->arena, const char *, 3);
    expectation->names = names;
    expectation->name_count = 0;
    expectation->server_name = arena_cstr(decision->arena, base);
    add_name(expectation, names, expectation->server_name);
    if (hop->list_domain.len > 0)
        add_name(expectation, names, arena_cstr(decision->arena, hop->list_domain));
    if (hop->rules)
        add_name(expectation, names, arena_cstr(decision->arena, hop->rules->domain));
    expectation->records = records;
    expectation->record_count = count;
    return DANE_USED;
}

static enum err try_base(struct decision *decision, struct slice base, enum dane *dane_r)
{
    struct dns_answer answer;
    struct slice name =
        slice_from(arena_printf(decision->arena, "_%u._tcp.%.*s", decision->hop->port, SLICE_ARG(base)));
    enum err err = dns_ask(decision->policy->dns, name, DNS_TLSA, ASK_MS, decision->arena, &answer);
    if (err)
        return err;
    if (answer.result == DNS_TEMPORARY || answer.result == DNS_BOGUS)
        *dane_r = not_told(decision, "TLSA records", &answer);
    else if (answer.result == DNS_FOUND && answer.secure)
        *dane_r = use_records(decision, base, &answer);
    return ERR_OK;
}

/*
 * The names under which TLSA records may stand (RFC 7672 sections 2.2.2 and 2.2.3). Where all of the way to
 * the addresses is signed: the name behind the aliases, then the host's. Where it is not, no question is
 * asked, since name servers of such zones are known to choke on TLSA, but for a host that is itself a signed
 * alias.
 */
static enum err find_bases(struct decision *decision, struct slice bases[2], size_t *count_r,
                           enum dane *dane_r)
{
    const struct relay_hop *hop = decision->hop;
    bool is_alias =
        hop->addresses->canonical.len > 0 && !slice_eq_nocase(hop->addresses->canonical, hop->host);
    struct dns_answer answer;
    *count_r = 0;
    if (hop->addresses->is_secure) {
        bases[(*count_r)++] = is_alias ? hop->addresses->canonical : hop->host;
        if (is_alias)
            bases[(*count_r)++] = hop->host;
        return ERR_OK;
    }
    if (!is_alias)
        return ERR_OK;
    enum err err = dns_ask(decision->policy->dns, hop->host, DNS_CNAME, ASK_MS, decision->arena, &answer);
    if (err)
        return err;
    if (answer.result == DNS_TEMPORARY || answer.result == DNS_BOGUS)
        *dane_r = not_told(decision, "addresses", &answer);
    else if (answer.result == DNS_FOUND && answer.secure)
        bases[(*count_r)++] = hop->host;
    return ERR_OK;
}

static enum err find_dane(struct decision *decision, enum dane *dane_r)
{
    struct slice bases[2];
    size_t count;
    *dane_r = DANE_NOT_USED;
    if (!decision->hop->is_list_secure) { /* section 2.2.1 */
        because(decision, "the domain's list of mail hosts is not signed");
        return ERR_OK;
    }
    enum err err = find_bases(decision, bases, &count, dane_r);
    if (!err && count == 0)
        because(decision, "the addresses of the host are not signed");
    else if (!err)
        because(decision, "the host has no signed TLSA records");
    for (size_t i = 0; i < count && !err && *dane_r == DANE_NOT_USED; i++)
        err = try_base(decision, bases[i], dane_r);
    return err;
}

/* --- MTA-STS --- */

static void not_in_policy(struct decision *decision)
{
    const char *text = arena_printf(decision->arena, "the MTA-STS policy of %.*s does not name the host %.*s",
                                    SLICE_ARG(decision->hop->rules->domain), SLICE_ARG(decision->hop->host));
    because(decision, text);
    decision->protection->failure = TLS_RESULT_VALIDATION_FAILURE;
    if (decision->hop->rules->mode == STS_MODE_ENFORCE)
        refuse(decision, 451, TLS_RESULT_VALIDATION_FAILURE, arena_printf(decision->arena, "4.7.5 %s", text));
}

static bool is_in_policy(const struct relay_hop *hop)
{
    return mta_sts_has_host(hop->rules->mx, hop->rules->mx_count, hop->host);
}

/* RFC 8461 section 5. */
static void follow_sts(struct decision *decision)
{
    const struct relay_rules *rules = decision->hop->rules;
    if (!is_in_policy(decision->hop)) {
        not_in_policy(decision);
        return;
    }
    if (rules->mode == STS_MODE_ENFORCE) {
        expect(decision, RELAY_TLS_MUST, TLS_CHECK_NAMES, RELAY_BASIS_STS);
        return;
    }
    expect(decision, RELAY_TLS_MAY, TLS_CHECK_NAMES, RELAY_BASIS_NONE);
    decision->protection->expectation.is_observed = true;
    because(decision, "the domain's MTA-STS policy is only tested");
}

static enum err follow_domain(struct decision *decision)
{
    const struct relay_rules *rules = decision->hop->rules;
    bool has_sts = rules && rules->mode != STS_MODE_NONE;
    enum dane dane;
    enum err err = find_dane(decision, &dane);
    if (err || dane == DANE_USED || dane == DANE_REFUSED)
        return err;
    /* RFC 8461 section 2: never instead of DANE. It asks for more than records that cannot be used do. */
    if (has_sts &&
        (dane == DANE_NOT_USED || (rules->mode == STS_MODE_ENFORCE && is_in_policy(decision->hop))))
        follow_sts(decision);
    else if (rules && rules->problem != TLS_RESULT_SUCCESS)
        because(decision,
                arena_printf(decision->arena, "no MTA-STS policy: %.*s", SLICE_ARG(rules->problem_text)));
    return ERR_OK;
}

/* --- the message's wish --- */

/* RFC 8689 section 4.2.2: the policy is followed where it can be, and delivery does not fail by it. */
static void make_optional(struct decision *decision)
{
    decision->protection->skip = false;
    decision->protection->counts = false;
    expect(decision, RELAY_TLS_MAY, TLS_CHECK_NOTHING, RELAY_BASIS_NONE);
    because(decision, "the message says \"TLS-Required: no\"");
}

/* RFC 8689 section 4.2.1, steps 2 and 4: the host is proven to be the domain's, and its certificate good. */
static void make_required(struct decision *decision)
{
    const struct relay_hop *hop = decision->hop;
    struct relay_protection *protection = decision->protection;
    bool is_proven =
        !hop->rules || hop->is_list_secure || (hop->rules->mode != STS_MODE_NONE && is_in_policy(hop));
    if (protection->skip || protection->expectation.check == TLS_CHECK_DANE)
        return;
    protection->counts = false;
    if (protection->level == RELAY_TLS_OFF || !is_proven) {
        refuse(
            decision, 550, TLS_RESULT_VALIDATION_FAILURE,
            arena_printf(decision->arena, "5.7.10 the message must be encrypted all the way, and %s%.*s",
                         is_proven ? "the route does not use TLS to " : "nothing proves whose host this is: ",
                         SLICE_ARG(hop->host)));
        return;
    }
    enum relay_basis basis = protection->basis == RELAY_BASIS_STS ? RELAY_BASIS_STS : RELAY_BASIS_REQUIRETLS;
    expect(decision, RELAY_TLS_MUST, TLS_CHECK_NAMES, basis);
}

enum err relay_policy_host(struct relay_policy *policy, const struct relay_hop *hop, struct arena *arena,
                           struct relay_protection *protection_r)
{
    struct decision decision = {policy, hop, arena, protection_r};
    enum err err = ERR_OK;
    *protection_r = (struct relay_protection){.counts = hop->rules && hop->setting == ROUTE_TLS_POLICY};
    expect(&decision, RELAY_TLS_MAY, TLS_CHECK_NOTHING, RELAY_BASIS_NONE);
    switch (hop->setting) {
    case ROUTE_TLS_POLICY:
        err = follow_domain(&decision);
        break;
    case ROUTE_TLS_OPTIONAL:
        break;
    case ROUTE_TLS_REQUIRED:
        expect(&decision, RELAY_TLS_MUST, TLS_CHECK_NOTHING, RELAY_BASIS_CONFIGURED);
        break;
    case ROUTE_TLS_VERIFIED:
        expect(&decision, RELAY_TLS_MUST, TLS_CHECK_NAMES, RELAY_BASIS_CONFIGURED);
        break;
    case ROUTE_TLS_OFF:
        expect(&decision, RELAY_TLS_OFF, TLS_CHECK_NOTHING, RELAY_BASIS_CONFIGURED);
        break;
    }
    if (!err && (hop->flags & QUEUE_REQUIRETLS))
        make_required(&decision);
    else if (!err && (hop->flags & QUEUE_TLS_OPTIONAL) && hop->setting == ROUTE_TLS_POLICY &&
             (protection_r->skip || protection_r->level == RELAY_TLS_MUST))
        make_optional(&decision);
    return err;
}
