/* SPDX-License-Identifier: ISC */
#include "auth/sasl_client.h"

#include <gsasl.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* In the order of preference. SCRAM-…-PLUS would bind the login to the TLS connection, whose keys are not at
 * hand here. */
static const struct mechanism {
    const char *name;
    bool goes_first;     /* has an initial response */
    bool shows_password; /* to whoever reads the connection */
    bool hashes_long;    /* as often as the server says */
} mechanisms[] = {
    {"SCRAM-SHA-256", .goes_first = true, .hashes_long = true},
    {"SCRAM-SHA-1", .goes_first = true, .hashes_long = true},
    {"CRAM-MD5"},
    {"PLAIN", .goes_first = true, .shows_password = true},
    {"LOGIN", .shows_password = true},
};

struct sasl_client {
    const struct mechanism *mechanism;
    Gsasl *gsasl;
    Gsasl_session *session;
    bool is_complete;
};

static const struct mechanism *find_mechanism(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (strcmp(mechanisms[i].name, name) == 0) {
            return &mechanisms[i];
        }
    }
    return NULL;
}

const char *sasl_client_choose(const char *after, bool (*offers)(void *data, const char *mechanism),
                               void *data, bool may_show)
{
    const struct mechanism *last = after ? find_mechanism(after) : NULL;
    for (size_t i = last ? (size_t)(last - mechanisms) + 1 : 0; i < ARRAY_LEN(mechanisms); i++) {
        if ((may_show || !mechanisms[i].shows_password) && offers(data, mechanisms[i].name)) {
            return mechanisms[i].name;
        }
    }
    return NULL;
}

struct sasl_client *sasl_client_new(const char *mechanism, const char *user, const char *password)
{
    struct sasl_client *client = mem_new(struct sasl_client);
    client->mechanism = find_mechanism(mechanism);
    int result = client->mechanism ? gsasl_init(&client->gsasl) : GSASL_UNKNOWN_MECHANISM;
    if (result == GSASL_OK) {
        result = gsasl_client_start(client->gsasl, mechanism, &client->session);
    }
    if (result == GSASL_OK) {
        result = gsasl_property_set(client->session, GSASL_AUTHID, user);
    }
    if (result == GSASL_OK) {
        result = gsasl_property_set(client->session, GSASL_PASSWORD, password);
    }
    if (result != GSASL_OK) {
        log_error("sasl.failed", log_cstr("mechanism", mechanism),
                  log_cstr("reason", gsasl_strerror(result)));
        sasl_client_free(client);
        return NULL;
    }
    return client;
}

void sasl_client_free(struct sasl_client *client)
{
    if (!client) {
        return;
    }
    if (client->session) {
        char *password = (char *)(uintptr_t)gsasl_property_fast(client->session, GSASL_PASSWORD);
        if (password) {
            mem_wipe(password, strlen(password));
        }
        gsasl_finish(client->session);
    }
    if (client->gsasl) {
        gsasl_done(client->gsasl);
    }
    mem_free(client);
}

bool sasl_client_goes_first(const struct sasl_client *client)
{
    return client->mechanism->goes_first;
}

bool sasl_client_is_complete(const struct sasl_client *client)
{
    return client->is_complete;
}

/*
 * RFC 5802 section 7:
 *
 *     server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions]
 *     iteration-count      = "i=" posit-number
 */
static bool is_too_costly(struct slice challenge)
{
    while (challenge.len > 0) {
        struct slice attribute = slice_split(&challenge, ',');
        uint64_t iterations;
        if (slice_starts_with(attribute, S("i=")) &&
            !slice_to_u64(slice_skip(attribute, 2), SASL_CLIENT_ITERATIONS_MAX, &iterations)) {
            return true;
        }
    }
    return false;
}

enum sasl_client_result sasl_client_step(struct sasl_client *client, struct slice challenge,
                                         struct buf *response)
{
    char *output = NULL;
    size_t output_len = 0;
    /* Both know that all was said: nobody asks further. And GNU SASL ends texts at their NULs. */
    if ((client->is_complete && challenge.len > 0) || slice_has(challenge, '\0') ||
        (client->mechanism->hashes_long && is_too_costly(challenge))) {
        return SASL_CLIENT_MALFORMED;
    }
    if (client->is_complete) {
        return SASL_CLIENT_ANSWERED;
    }
    int result = gsasl_step(client->session, challenge.data, challenge.len, &output, &output_len);
    if (result == GSASL_OK || result == GSASL_NEEDS_MORE) {
        buf_append(response, slice_of(output, output_len));
        client->is_complete = result == GSASL_OK;
    }
    if (output) {
        mem_wipe(output, output_len);
    }
    gsasl_free(output);
    switch (result) {
    case GSASL_OK:
    case GSASL_NEEDS_MORE:
        return SASL_CLIENT_ANSWERED;
    case GSASL_SASLPREP_ERROR:
        return SASL_CLIENT_UNFIT;
    case GSASL_AUTHENTICATION_ERROR:
        return SASL_CLIENT_IMPOSTOR;
    default:
        return SASL_CLIENT_MALFORMED;
    }
}
