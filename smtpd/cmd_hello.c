/* SPDX-License-Identifier: ISC */
/* EHLO, HELO (RFC 5321 section 4.1.1.1) and LHLO (RFC 2033 section 4.1): the client's name, and what we can
 * do. */
#include "commands.h"
#include "session.h"

/*
 *   ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
 *   helo = "HELO" SP Domain CRLF
 *
 * Clients send all sorts of names here (of their desktop, with underscores, an address without brackets). RFC
 * 5321 section 4.1.4 forbids to refuse mail for a name that does not check out, so any single word will do.
 */
static bool hello_is_valid(struct slice name)
{
    if (name.len == 0 || name.len > HELLO_NAME_LIMIT)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (char_is_ctl(name.data[i]) || name.data[i] == ' ')
            return false;
    return true;
}

/* A second greeting is a RSET as well; the login stays (RFC 5321 section 4.1.4). */
static bool begin(struct session *session, enum hello hello, struct slice name)
{
    if (!hello_is_valid(name)) {
        session_reply(session, REPLY_BAD_HELLO);
        return false;
    }
    transaction_reset(&session->transaction);
    session->hello = hello;
    buf_clear(&session->hello_name);
    buf_append(&session->hello_name, name);
    return true;
}

void cmd_helo(struct session *session, struct slice arguments)
{
    if (begin(session, HELLO_HELO, arguments))
        reply_line(session->conn, 250, true, "%s", session->conf->hostname);
}

/*
 *   ehlo-ok-rsp = "250-" Domain [ SP ehlo-greet ] CRLF *( "250-" ehlo-line CRLF ) "250" SP ehlo-line CRLF
 *
 * SIZE: RFC 1870 section 3. PIPELINING: RFC 2920. 8BITMIME: RFC 6152. SMTPUTF8: RFC 6531. CHUNKING: RFC 3030.
 * STARTTLS: RFC 3207 section 2, not offered under TLS. AUTH: RFC 4954 section 3, only what may be used now.
 * DSN: RFC 3461 section 3. REQUIRETLS: RFC 8689 section 2, under TLS only. LIMITS: RFC 9422.
 */
static void list_extensions(struct session *session)
{
    struct conn *conn = session->conn;
    const struct conf *conf = session->conf;
    const char *mechanisms = session_mechanisms(session);

    reply_line(conn, 250, false, "%s", conf->hostname);
    reply_line(conn, 250, false, "PIPELINING");
    reply_line(conn, 250, false, "SIZE %lld", (long long)conf->message_size_limit);
    reply_line(conn, 250, false, "8BITMIME");
    reply_line(conn, 250, false, "SMTPUTF8");
    reply_line(conn, 250, false, "CHUNKING");
    reply_line(conn, 250, false, "ENHANCEDSTATUSCODES");
    reply_line(conn, 250, false, "DSN");
    if (session_offers_requiretls(session))
        reply_line(conn, 250, false, "REQUIRETLS");
    if (session_offers_starttls(session))
        reply_line(conn, 250, false, "STARTTLS");
    if (*mechanisms && !session_is_authenticated(session))
        reply_line(conn, 250, false, "AUTH %s", mechanisms);
    reply_line(conn, 250, false, "LIMITS RCPTMAX=%lld MAILMAX=%lld", (long long)conf->recipient_limit,
               (long long)conf->transaction_limit);
    reply_line(conn, 250, true, "HELP");
}

void cmd_ehlo(struct session *session, struct slice arguments)
{
    if (begin(session, HELLO_EHLO, arguments))
        list_extensions(session);
}

void cmd_lhlo(struct session *session, struct slice arguments)
{
    if (begin(session, HELLO_LHLO, arguments))
        list_extensions(session);
}
