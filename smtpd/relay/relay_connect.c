/* SPDX-License-Identifier: ISC */
/*
 * RFC 5321 section 5.1: hosts in the order of their preference, each of their addresses, until one takes us.
 * A server that can be reached and does not want us at its greeting is passed over like one that cannot.
 */
#include "relay_connect_priv.h"

#define DNS_MS (INT64_C(20) * 1000) /* for one question */
/* What one attempt may try: a domain with many hosts that do not answer holds up nobody for long. */
#define CONNECTS_MAX 8
#define SESSIONS_MAX 3 /* that got as far as a connection */

void relay_connection_init(struct relay_connection *connection)
{
    *connection = (struct relay_connection){.client = {.conn = NULL}};
    buf_init(&connection->host, 1024);
}

void search_drop(struct relay_connection *connection)
{
    if (connection->client.conn) {
        conn_close(connection->client.conn);
        relay_client_free(&connection->client);
        connection->client.conn = NULL;
    }
}

void relay_connection_close(struct relay_connection *connection)
{
    if (connection->client.conn) {
        relay_quit(&connection->client);
        search_drop(connection);
    }
}

void relay_connection_free(struct relay_connection *connection)
{
    search_drop(connection);
    buf_free(&connection->host);
}

void search_fail(struct search *search, struct slice text)
{
    search->verdict = verdict_deferred(text, arena_copy(search->arena, buf_slice(&search->connection->host)));
    search->refused_only = false;
}

struct relay_tls_session search_tls_session(const struct search *search,
                                            const struct relay_protection *protection, struct slice host,
                                            struct slice address)
{
    return (struct relay_tls_session){
        .rules = search->rules, .protection = protection, .host = host, .remote_address = address};
}

/* --- one host --- */

static enum progress find_addresses(struct search *search, struct slice host,
                                    struct relay_addresses *addresses)
{
    const struct next_hop *hop = &search->destination->hop;
    if (hop->kind == NEXT_HOP_LMTP_UNIX) {
        *addresses = (struct relay_addresses){
            .result = RELAY_ROUTE_FOUND, .list = arena_array(search->arena, struct slice, 1), .count = 1};
        addresses->list[0] = hop->path;
        return READY;
    }
    if (relay_find_addresses(search->tools->dns, host, search->ipv6_first, DNS_MS, search->arena,
                             addresses)) {
        return END;
    }
    if (addresses->result == RELAY_ROUTE_FOUND) {
        search->unreachable = false;
        return READY;
    }
    buf_clear(&search->connection->host);
    buf_append(&search->connection->host, host);
    search_fail(search, addresses->text);
    search->unreachable &= addresses->result == RELAY_ROUTE_NEVER;
    return NEXT;
}

static enum progress find_protection(struct search *search, struct slice host, unsigned port,
                                     const struct relay_addresses *addresses,
                                     struct relay_protection *protection)
{
    const struct conf_route *route = search->destination->route;
    const struct relay_hop hop = {.rules = search->rules,
                                  .is_list_secure = search->is_list_secure,
                                  .list_domain = search->list_domain,
                                  .host = host,
                                  .port = port,
                                  .addresses = addresses,
                                  .setting = route ? (enum conf_route_tls)route->tls : ROUTE_TLS_POLICY,
                                  .flags = search->flags};
    if (relay_policy_host(search->tools->policy, &hop, search->arena, protection)) {
        return END;
    }
    if (!protection->skip) {
        return READY;
    }
    struct relay_tls_session session = search_tls_session(search, protection, host, SLICE_EMPTY);
    session.outcome = RELAY_TLS_SKIPPED;
    relay_policy_note(search->tools->policy, &session);
    buf_clear(&search->connection->host);
    buf_append(&search->connection->host, host);
    bool refused_only = search->refused_only && protection->code / 100 == 5;
    search_fail(search, protection->text);
    search->verdict.reply.code = protection->code;
    search->refused_only = refused_only;
    return NEXT;
}

static enum progress try_host(struct search *search, struct slice host, unsigned port)
{
    struct relay_addresses addresses;
    struct relay_protection protection;
    enum progress progress = find_addresses(search, host, &addresses);
    if (progress == READY) {
        progress = find_protection(search, host, port, &addresses, &protection);
    }
    if (progress != READY) {
        return progress;
    }
    progress = NEXT;
    for (size_t i = 0; i < addresses.count && progress == NEXT; i++) {
        if (search->connects == CONNECTS_MAX || search->sessions == SESSIONS_MAX) {
            break;
        }
        progress = search_try_address(search, &protection, host, addresses.list[i], port);
    }
    return progress;
}

/* --- all hosts --- */

static enum progress try_mail_exchangers(struct search *search)
{
    const struct relay_tools *tools = search->tools;
    struct relay_route route;
    struct relay_rules *rules = arena_new(search->arena, struct relay_rules);
    struct slice own = slice_from(tools->conf->hostname);
    enum progress progress = NEXT;
    if (relay_find_hosts(tools->dns, search->destination->domain, &own, 1, DNS_MS, search->arena, &route)) {
        return END;
    }
    if (route.result != RELAY_ROUTE_FOUND) {
        search->verdict = verdict_deferred(route.text, SLICE_EMPTY);
        search->verdict.reply.code = route.code;
        search->verdict.fate = route.result == RELAY_ROUTE_NEVER ? RELAY_REFUSED : RELAY_DEFERRED;
        return NEXT;
    }
    struct relay_connection *connection = search->connection;
    if (connection->may_connect && !connection->may_connect(connection->data, route.hosts[0].name)) {
        return NOT_NOW;
    }
    if (relay_policy_domain(tools->policy, search->destination->domain, search->arena, rules)) {
        return END;
    }
    search->rules = rules;
    search->is_list_secure = route.is_secure;
    search->list_domain = route.domain;
    search->unreachable = true;
    for (size_t i = 0; i < route.count && progress == NEXT; i++) {
        progress = try_host(search, route.hosts[i].name, (unsigned)tools->conf->relay_port);
    }
    if (progress == NEXT && search->unreachable) {
        search->verdict.fate = RELAY_REFUSED;
        search->verdict.reply.code = 550;
    }
    return progress;
}

enum err relay_connect(const struct relay_tools *tools, const struct destination *destination, unsigned flags,
                       bool ipv6_first, struct arena *arena, struct relay_connection *connection,
                       struct verdict *verdict_r)
{
    struct search search = {.tools = tools,
                            .destination = destination,
                            .flags = flags,
                            .ipv6_first = ipv6_first,
                            .arena = arena,
                            .connection = connection};
    relay_connection_close(connection);
    search_fail(&search, S("4.4.4 no host could be tried"));
    search.refused_only = true;
    enum progress progress;
    if (destination->hop.kind == NEXT_HOP_MX) {
        progress = try_mail_exchangers(&search);
    } else {
        search.is_list_secure = true;
        search.list_domain = destination->hop.host;
        progress = try_host(&search, destination->hop.host, destination->hop.port);
    }
    /* RFC 8689 section 4.2.1: the sender is told; with time it would get no better. */
    if (progress == NEXT && search.refused_only && search.verdict.reply.code / 100 == 5) {
        search.verdict.fate = RELAY_REFUSED;
    }
    if (progress != READY) {
        search_drop(connection);
        *verdict_r = search.verdict;
    } else {
        conn_set_end(connection->client.conn, NO_DEADLINE);
    }
    return progress == END       ? ERR_CANCELED
           : progress == NOT_NOW ? ERR_BUSY
           : progress == LACKING ? ERR_LIMIT
                                 : ERR_OK;
}
