/* SPDX-License-Identifier: ISC */
/*
 * How a connection to another server must be protected: what the recipient's domain publishes by DANE (RFC
 * 7672) or by MTA-STS (RFC 8461), else TLS if the server can (RFC 7435). Per domain it is asked which policy
 * applies, per host what that means for it, and after each session it is told what came of it, for the
 * reports that domains get (RFC 8460) and for a warning in the log when a domain is protected less than it
 * was before.
 *
 *     relay_policy_domain(policy, domain, &arena, &rules);
 *     for each host:
 *         relay_policy_host(policy, &hop, &arena, &protection);
 *         protection.skip: the next host (relay_policy_note with RELAY_TLS_SKIPPED)
 *         connect; EHLO; relay_start_tls with &protection.expectation
 *         relay_policy_note(policy, &session);
 *         no TLS, and protection.level is RELAY_TLS_MUST: the next host
 */
#ifndef SMTPD_RELAY_POLICY_H
#define SMTPD_RELAY_POLICY_H

#include "base/conf.h"
#include "mta_sts.h"
#include "net/work.h"
#include "relay_mx.h"
#include "storage/store.h"
#include "tls_result.h"

struct relay_policy;

struct relay_policy_settings {
    struct loop *loop;
    struct dns *dns;
    struct work_pool *work; /* for the store; HTTPS has threads of its own */
    struct store *store;
    const struct conf *conf;
};
/* One per process. ERR_CONFIG with the reason in `why`. */
enum err relay_policy_new(const struct relay_policy_settings *settings, struct relay_policy **policy_r,
                          struct buf *why) MUST_CHECK;
/* After a reload. */
void relay_policy_set_conf(struct relay_policy *policy, const struct conf *conf);
/* Begins what goes on beside the sessions: policies are fetched again before they end, counts are written
 * down, reports are sent. */
void relay_policy_start(struct relay_policy *policy);
/* Ends that, also fetches under way, and writes down what is not yet; suspends. To be called in a task, when
 * no other one is inside of a function below. */
void relay_policy_stop(struct relay_policy *policy);
void relay_policy_free(struct relay_policy *policy);

/* --- (a) the domain --- */

/* What MTA-STS says of a domain. Lives in the arena. */
struct relay_rules {
    struct slice domain;
    enum sts_mode mode;     /* STS_MODE_NONE: no policy applies */
    const struct slice *mx; /* "mx.example.net", "*.example.net" */
    size_t mx_count;
    struct slice text; /* the policy as it was fetched */
    /* There should be a policy, but it cannot be had, and none is kept from before. */
    enum tls_result problem;
    struct slice problem_text;
};
/* Looks at _mta-sts.<domain> and fetches the policy when it is new; suspends, for a minute at worst. `domain`
 * with A-labels, lower case; an address literal has no policy. ERR_OK or ERR_CANCELED. */
enum err relay_policy_domain(struct relay_policy *policy, struct slice domain, struct arena *arena,
                             struct relay_rules *rules_r) MUST_CHECK;

/* --- (b) the host --- */

struct relay_hop {
    const struct relay_rules *rules; /* NULL: the host was configured, and not found by MX */
    bool is_list_secure;             /* route.is_secure; of a configured host: true */
    struct slice list_domain;        /* route.domain; of a configured host: its name */
    struct slice host;
    unsigned port;
    const struct relay_addresses *addresses;
    enum conf_route_tls setting;
    unsigned flags; /* of the message: QUEUE_REQUIRETLS, QUEUE_TLS_OPTIONAL count */
};

enum relay_tls_level {
    RELAY_TLS_OFF,
    RELAY_TLS_MAY, /* TLS if it can be had, whoever it is; without it in plain text, on a new connection if
                      the handshake failed */
    RELAY_TLS_MUST /* TLS as `expectation` says, or nothing */
};
/* What the level stands on; weaker ones first. */
enum relay_basis {
    RELAY_BASIS_NONE,       /* no policy was found, or none was looked for */
    RELAY_BASIS_CONFIGURED, /* by the route */
    RELAY_BASIS_REQUIRETLS, /* by the message (RFC 8689) */
    RELAY_BASIS_STS,
    RELAY_BASIS_DANE
};

struct relay_protection {
    bool skip; /* this host must not be used, not for this message */
    unsigned code;
    struct slice text; /* skip: "4.7.5 the host mx.example.net does not stand in the MTA-STS policy …" */
    /* For the reports: skip, or the host is not in a policy that is only tested. */
    enum tls_result failure;

    enum relay_tls_level level;
    enum relay_basis basis;
    /* Ready for relay_start_tls and conn_start_tls_client; lives in the arena. */
    struct tls_expectation expectation;
    struct slice dane_text; /* the TLSA records, a line each ("3 1 1 A0B1…"), for reports */
    struct slice reason;    /* why it is not more; may be empty */
    bool counts;            /* in reports: the domain's own rules were followed */
};
/* Looks for TLSA records where DANE can be used; suspends. ERR_OK or ERR_CANCELED. */
enum err relay_policy_host(struct relay_policy *policy, const struct relay_hop *hop, struct arena *arena,
                           struct relay_protection *protection_r) MUST_CHECK;

/* --- (c), (d) what came of it --- */

enum relay_tls_outcome {
    RELAY_TLS_ON,          /* the handshake was good; with `failure`, in a policy that is only tested, not */
    RELAY_TLS_NOT_OFFERED, /* no STARTTLS in EHLO's answer, or it was refused */
    RELAY_TLS_FAILED,      /* `failure` and `why` say how */
    RELAY_TLS_GIVEN_UP,    /* in plain text, after a session before that was noted as failed */
    RELAY_TLS_SKIPPED      /* protection.skip: nobody connected */
};
struct relay_tls_session {
    const struct relay_rules *rules; /* as in the hop */
    const struct relay_protection *protection;
    struct slice host;
    struct slice local_address, remote_address; /* "192.0.2.1"; empty: not known */
    enum relay_tls_outcome outcome;
    enum tls_failure failure;
    struct slice why;
};
/* To be told once of each connection that got as far as EHLO's answer. Does not suspend. */
void relay_policy_note(struct relay_policy *policy, const struct relay_tls_session *session);

#endif
