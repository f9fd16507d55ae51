/* SPDX-License-Identifier: ISC */
#include "policy.h"

#include "base/ip_network.h"
#include "destination.h"
#include "mail/addrlist.h"
#include "session.h"
#include "storage/directory.h"

enum { FROM_ADDRESS_LIMIT = 100 };

enum reply policy_check_service(const struct session *session)
{
    if (!session_is_submission(session) || session_is_authenticated(session))
        return REPLY_NONE;
    /* RFC 3207 section 4, RFC 4954 section 6 */
    bool tls_first = !*session_mechanisms(session) && session_offers_starttls(session);
    return tls_first ? REPLY_TLS_NEEDED : REPLY_AUTH_NEEDED;
}

struct ownership {
    struct session *session;
    const struct address *address;
    bool owned;
    enum err err;
};

static void ask_directory(void *arg)
{
    struct ownership *ownership = arg;
    const struct session *session = ownership->session;
    ownership->err =
        directory_may_send_as(session->context->store, buf_slice(&session->login), ownership->address,
                              session->conf->recipient_delimiter, &ownership->owned);
}

enum reply policy_check_sender(struct session *session, const struct address *sender)
{
    /* The null path is what a mail program uses for a read receipt (RFC 8098 section 3). */
    if (!session_is_submission(session) || sender->local.len == 0)
        return REPLY_NONE;
    struct ownership ownership = {.session = session, .address = sender};
    enum err err = work_run(session->context->work, 0, ask_directory, &ownership);
    if (err || ownership.err)
        return REPLY_LOCAL_ERROR;
    return ownership.owned ? REPLY_NONE : REPLY_SENDER_NOT_OWNED;
}

/*
 * Local parts that ask for relaying in the spellings of old (RFC 5321 appendix C and F.2, RFC 1123
 * section 5.2.16): user%elsewhere@here, elsewhere!user@here, "user@elsewhere"@here. No mailbox here has such
 * a name, and a catch-all must not make it look as if the mail went further.
 */
bool policy_is_source_routed(const struct address *address)
{
    const struct slice local = address->local;
    return slice_has(local, '%') || slice_has(local, '!') || slice_has(local, '@');
}

/*
 * For a domain that trusts us with its mail nobody needs to be known; but a name like user%elsewhere@there
 * would make us and it a relay for everybody. LMTP is how other programs deliver here, and no way out.
 */
enum reply policy_check_relaying(const struct session *session, const struct address *recipient)
{
    const struct conf *conf = session->conf;
    if (session->service == SERVICE_LMTP)
        return REPLY_RELAYING_DENIED;
    if (session_is_authenticated(session) ||
        ip_networks_have(&conf->relay_networks, slice_from(conn_peer_address(session->conn))))
        return REPLY_NONE;
    bool is_backup = destination_is_listed(&conf->relay_domains, recipient->domain);
    return is_backup && !policy_is_source_routed(recipient) ? REPLY_NONE : REPLY_RELAYING_DENIED;
}

void policy_explain_sender(struct session *session)
{
    session->error_count++;
    reply_printf(
        session->conn, REPLY_SENDER_NOT_OWNED,
        "this sender address is not yours; the administrator can grant it: postern alias add ADDRESS %s",
        buf_cstr(&session->login));
}

static enum reply check_mailbox(struct store *store, struct slice login, const char *delimiter,
                                const struct addrlist_item *item)
{
    struct address address = {.local = item->mailbox, .domain = item->host};
    bool owned = false;
    if (item->host.len == 0) /* a bare word: whose it is depends on who reads it */
        return REPLY_FROM_NOT_OWNED;
    enum err err = directory_may_send_as(store, login, &address, delimiter, &owned);
    if (err && err != ERR_SYNTAX && err != ERR_NOT_FOUND)
        return REPLY_LOCAL_ERROR;
    return !err && owned ? REPLY_NONE : REPLY_FROM_NOT_OWNED;
}

/* One From field. Anything that cannot be read for certain is not taken for the user's own: a mail program
 * might read it in another way. */
static enum reply check_field(struct store *store, struct slice login, const char *delimiter,
                              const struct mime_field *field, struct arena *arena)
{
    struct addrlist list;
    addrlist_parse(arena, field->value, FROM_ADDRESS_LIMIT, &list);
    if (field->cut || list.truncated)
        return REPLY_FROM_NOT_OWNED;
    size_t mailboxes = 0;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].kind != ADDRLIST_MAILBOX)
            continue;
        enum reply refusal = check_mailbox(store, login, delimiter, &list.items[i]);
        if (refusal)
            return refusal;
        mailboxes++;
    }
    return mailboxes > 0 ? REPLY_NONE : REPLY_FROM_NOT_OWNED;
}

enum reply policy_check_from(struct store *store, struct slice login, const char *delimiter,
                             const struct mime_parser *parser)
{
    const struct mime_counts *counts = mime_parser_counts(parser);
    struct arena arena = {0};
    enum reply refusal = REPLY_NONE;
    size_t fields = 0;
    for (const struct mime_field *field = mime_parser_field(parser, S("From")); field && !refusal;
         field = mime_field_find(field->next, S("From"))) {
        refusal = check_field(store, login, delimiter, field, &arena);
        fields++;
    }
    arena_free(&arena);
    if (!refusal && (fields == 0 || fields != counts->from_fields))
        refusal = REPLY_FROM_NOT_OWNED; /* a field that was not kept was not looked at */
    return refusal;
}
