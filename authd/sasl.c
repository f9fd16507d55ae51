/* SPDX-License-Identifier: ISC */
/*
 * PLAIN (RFC 4616) and LOGIN (draft-murchison-sasl-login) through GNU SASL. A row of `mechanisms` says how a
 * mechanism begins and what it asks. GNU SASL calls back when it has name and password; they are only noted
 * down there, because checking them takes threads and time, which the callback does not have.
 */
#include "sasl.h"

#include <gsasl.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define FIELD_LIMIT 16384

struct sasl_mechanism {
    const char *name;
    bool server_first; /* asks before it listens: an initial response answers the first question */
    /* What is asked, instead of GNU SASL's own texts: Outlook goes on only after exactly these. */
    const char *prompts[2];
};

static const struct sasl_mechanism mechanisms[] = {
    {.name = "PLAIN"},
    {.name = "LOGIN", .server_first = true, .prompts = {"Username:", "Password:"}},
};

struct sasl_library {
    Gsasl *gsasl;
};

static void replace(struct buf *field, struct slice text)
{
    buf_clear(field);
    buf_append(field, text);
}

static int note_credentials(Gsasl *gsasl, Gsasl_session *session, Gsasl_property property)
{
    struct sasl *sasl = gsasl_session_hook_get(session);
    (void)gsasl;
    if (property != GSASL_VALIDATE_SIMPLE) {
        return GSASL_NO_CALLBACK;
    }
    replace(&sasl->name, slice_from(gsasl_property_fast(session, GSASL_AUTHID)));
    replace(&sasl->identity, slice_from(gsasl_property_fast(session, GSASL_AUTHZID)));
    replace(&sasl->password, slice_from(gsasl_property_fast(session, GSASL_PASSWORD)));
    return GSASL_OK;
}

struct sasl_library *sasl_library_new(void)
{
    struct sasl_library *library = mem_new(struct sasl_library);
    int result = gsasl_init(&library->gsasl);
    if (result != GSASL_OK) {
        log_error("sasl.failed", log_cstr("reason", gsasl_strerror(result)));
        mem_free(library);
        return NULL;
    }
    gsasl_callback_set(library->gsasl, note_credentials);
    return library;
}

void sasl_library_free(struct sasl_library *library)
{
    if (library) {
        gsasl_done(library->gsasl);
        mem_free(library);
    }
}

/* All the room from the start, so that no copy of a password stays behind in memory that was outgrown. */
static void field_init(struct buf *field)
{
    buf_init(field, FIELD_LIMIT);
    buf_reserve(field, FIELD_LIMIT);
}

static const struct sasl_mechanism *find_mechanism(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        if (slice_eq_nocase(name, slice_from(mechanisms[i].name))) {
            return &mechanisms[i];
        }
    }
    return NULL;
}

/*
 * RFC 4616 section 2:
 *
 *     message = [authzid] UTF8NUL authcid UTF8NUL passwd
 *
 * GNU SASL insists on SASLprep for names and passwords, so text with characters younger than Unicode 3.2
 * (every emoji) or in Latin-1 is refused by it. Such passwords exist: they are taken as they stand, and
 * compared as password_prepare says.
 */
static enum sasl_result take_unprepared(struct sasl *sasl, struct slice message)
{
    struct slice identity = slice_split(&message, '\0');
    struct slice name = slice_split(&message, '\0');
    if (!message.data || slice_has(message, '\0')) {
        return SASL_MALFORMED;
    }
    replace(&sasl->identity, identity);
    replace(&sasl->name, name);
    replace(&sasl->password, message);
    return SASL_CREDENTIALS;
}

static void put_challenge(struct sasl *sasl, struct slice text, struct buf *challenge)
{
    const char *const *prompts = sasl->mechanism->prompts;
    if (sasl->step < ARRAY_LEN(sasl->mechanism->prompts) && prompts[sasl->step]) {
        text = slice_from(prompts[sasl->step]);
    }
    sasl->step++;
    buf_append(challenge, text);
}

enum sasl_result sasl_step(struct sasl *sasl, struct slice response, struct buf *challenge)
{
    char *output = NULL;
    size_t output_len = 0;
    /* Neither mechanism has an empty message; GNU SASL would ask for ever. */
    if (response.len == 0) {
        return SASL_MALFORMED;
    }
    int result = gsasl_step(sasl->session, response.data, response.len, &output, &output_len);
    if (result == GSASL_NEEDS_MORE) {
        put_challenge(sasl, slice_of(output, output_len), challenge);
    }
    gsasl_free(output);
    if (result == GSASL_SASLPREP_ERROR && !sasl->mechanism->server_first) {
        return take_unprepared(sasl, response);
    }
    return result == GSASL_NEEDS_MORE ? SASL_CONTINUE
           : result == GSASL_OK       ? SASL_CREDENTIALS
                                      : SASL_MALFORMED;
}

/* What the server says when the client has said nothing yet. */
static enum sasl_result ask(struct sasl *sasl, struct buf *challenge)
{
    char *output = NULL;
    size_t output_len = 0;
    int result = gsasl_step(sasl->session, NULL, 0, &output, &output_len);
    if (result == GSASL_NEEDS_MORE) {
        put_challenge(sasl, slice_of(output, output_len), challenge);
    }
    gsasl_free(output);
    return result == GSASL_NEEDS_MORE ? SASL_CONTINUE : SASL_MALFORMED;
}

enum sasl_result sasl_begin(struct sasl_library *library, struct slice mechanism, const struct slice *initial,
                            struct sasl **sasl_r, struct buf *challenge)
{
    struct sasl *sasl = mem_new(struct sasl);
    *sasl_r = sasl;
    field_init(&sasl->name);
    field_init(&sasl->identity);
    field_init(&sasl->password);
    sasl->mechanism = find_mechanism(mechanism);
    if (!sasl->mechanism ||
        gsasl_server_start(library->gsasl, sasl->mechanism->name, &sasl->session) != GSASL_OK) {
        return SASL_NO_MECHANISM;
    }
    gsasl_session_hook_set(sasl->session, sasl);
    if (!initial) {
        return ask(sasl, challenge);
    }
    if (sasl->mechanism->server_first) {
        /* Outlook's "AUTH LOGIN <name>": the question is skipped, the answer is there already. */
        enum sasl_result result = ask(sasl, challenge);
        buf_clear(challenge);
        if (result != SASL_CONTINUE) {
            return result;
        }
    }
    return sasl_step(sasl, *initial, challenge);
}

const char *sasl_mechanism_name(const struct sasl *sasl)
{
    return sasl->mechanism ? sasl->mechanism->name : "";
}

static void field_free(struct buf *field)
{
    mem_wipe(field->data, field->size);
    buf_free(field);
}

void sasl_end(struct sasl *sasl)
{
    if (sasl->session) {
        char *password = (char *)(uintptr_t)gsasl_property_fast(sasl->session, GSASL_PASSWORD);
        if (password) {
            mem_wipe(password, strlen(password));
        }
        gsasl_finish(sasl->session);
    }
    field_free(&sasl->name);
    field_free(&sasl->identity);
    field_free(&sasl->password);
    mem_free(sasl);
}
