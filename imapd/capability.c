/* SPDX-License-Identifier: ISC */
/*
 * What is offered, and when (RFC 9051 section 6.1.1). What stands here works: docs/protocols.md says where
 * each one is tested.
 */
#include "client_profile.h"
#include "session.h"

enum offer { BEFORE_LOGIN = 1, AFTER_LOGIN = 2, ALWAYS = 3 };

static const struct {
    struct slice name;
    enum offer when;
} capabilities[] = {
    {{"IMAP4rev1", 9}, ALWAYS},
    {{"IMAP4rev2", 9}, ALWAYS},
    {{"LITERAL+", 8}, ALWAYS},
    {{"SASL-IR", 7}, BEFORE_LOGIN},
    {{"ENABLE", 6}, ALWAYS},
    {{"ID", 2}, ALWAYS},
    {{"IDLE", 4}, ALWAYS},
    {{"LANGUAGE", 8}, ALWAYS},
    {{"UNSELECT", 8}, AFTER_LOGIN},
    {{"UIDPLUS", 7}, AFTER_LOGIN},
    {{"MOVE", 4}, AFTER_LOGIN},
    {{"CONDSTORE", 9}, AFTER_LOGIN},
    {{"QRESYNC", 7}, AFTER_LOGIN},
    {{"UIDONLY", 7}, AFTER_LOGIN},
    {{"NAMESPACE", 9}, AFTER_LOGIN},
    {{"CHILDREN", 8}, AFTER_LOGIN},
    {{"LIST-EXTENDED", 13}, AFTER_LOGIN},
    {{"LIST-STATUS", 11}, AFTER_LOGIN},
    {{"LIST-MYRIGHTS", 13}, AFTER_LOGIN},
    {{"LIST-METADATA", 13}, AFTER_LOGIN},
    {{"METADATA", 8}, AFTER_LOGIN},
    {{"SPECIAL-USE", 11}, AFTER_LOGIN},
    {{"CREATE-SPECIAL-USE", 18}, AFTER_LOGIN},
    {{"STATUS=SIZE", 11}, AFTER_LOGIN},
    {{"OBJECTID", 8}, AFTER_LOGIN},
    {{"UTF8=ACCEPT", 11}, AFTER_LOGIN},
    {{"QUOTA", 5}, AFTER_LOGIN},
    {{"QUOTA=RES-STORAGE", 17}, AFTER_LOGIN},
    {{"QUOTA=RES-MESSAGE", 17}, AFTER_LOGIN},
    {{"ACL", 3}, AFTER_LOGIN},
    {{"RIGHTS=kxte", 11}, AFTER_LOGIN}, /* of RFC 4314, beside those of RFC 2086 */
    {{"COMPRESS=DEFLATE", 16}, AFTER_LOGIN},
    {{"ESEARCH", 7}, AFTER_LOGIN},
    {{"SEARCHRES", 9}, AFTER_LOGIN},
    {{"WITHIN", 6}, AFTER_LOGIN},
    {{"SEARCH=FUZZY", 12}, AFTER_LOGIN},
    {{"CONTEXT=SEARCH", 14}, AFTER_LOGIN},
    {{"CONTEXT=SORT", 12}, AFTER_LOGIN},
    {{"MULTISEARCH", 11}, AFTER_LOGIN},
    {{"FILTERS", 7}, AFTER_LOGIN},
    {{"SORT", 4}, AFTER_LOGIN},
    {{"SORT=DISPLAY", 12}, AFTER_LOGIN},
    {{"ESORT", 5}, AFTER_LOGIN},
    {{"THREAD=ORDEREDSUBJECT", 21}, AFTER_LOGIN},
    {{"THREAD=REFERENCES", 17}, AFTER_LOGIN},
    {{"THREAD=REFS", 11}, AFTER_LOGIN},
    {{"I18NLEVEL=2", 11}, AFTER_LOGIN},
    {{"INPROGRESS", 10}, AFTER_LOGIN},
    {{"MULTIAPPEND", 11}, AFTER_LOGIN},
    {{"REPLACE", 7}, AFTER_LOGIN},
    {{"BINARY", 6}, AFTER_LOGIN},
    {{"PREVIEW", 7}, AFTER_LOGIN},
    {{"SAVEDATE", 8}, AFTER_LOGIN},
    {{"PARTIAL", 7}, AFTER_LOGIN},
    {{"CATENATE", 8}, AFTER_LOGIN},
    {{"URLAUTH", 7}, AFTER_LOGIN},
    {{"URL-PARTIAL", 11}, AFTER_LOGIN},
    {{"NOTIFY", 6}, AFTER_LOGIN},
};

static void append_name(struct buf *out, struct slice name)
{
    if (out->len > 0)
        buf_append_char(out, ' ');
    buf_append(out, name);
}

/* What depends on how the connection is protected (RFC 9051 section 6.2.1). */
static void append_login_ways(const struct imap_session *session, struct buf *out)
{
    bool tls = conn_is_tls(session->conn);
    struct slice mechanisms =
        slice_from(auth_mechanisms(tls, conn_peer_is_loopback(session->conn), session->conf->plaintext_auth));
    if (session->context->tls && !tls)
        append_name(out, S("STARTTLS"));
    if (mechanisms.len == 0)
        append_name(out, S("LOGINDISABLED"));
    while (mechanisms.len > 0) {
        append_name(out, S("AUTH="));
        buf_append(out, slice_split(&mechanisms, ' '));
    }
}

/* RFC 7889 section 2, RFC 8437 section 3, RFC 9738 section 3. */
static void append_limits(const struct imap_session *session, struct buf *out)
{
    buf_printf(out, " APPENDLIMIT=%lld", (long long)session->conf->message_size_limit);
    if (session->conf->imap_message_limit > 0)
        buf_printf(out, " MESSAGELIMIT=%lld", (long long)session->conf->imap_message_limit);
    if (!conn_is_deflated(session->conn))
        append_name(out, S("UNAUTHENTICATE"));
}

void imap_write_capabilities(const struct imap_session *session, struct buf *out)
{
    enum offer now = session->state == IMAP_NOT_AUTHENTICATED ? BEFORE_LOGIN : AFTER_LOGIN;
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        if (capabilities[i].when & now && !client_profile_hides(session->profile, capabilities[i].name))
            append_name(out, capabilities[i].name);
    if (now == BEFORE_LOGIN)
        append_login_ways(session, out);
    else
        append_limits(session, out);
}
