/* SPDX-License-Identifier: ISC */
/*
 * What the server can do and how it speaks: CAPA (RFC 2449 section 5), STLS (RFC 2595 section 4), UTF8 and
 * LANG (RFC 6856).
 */
#include "session.h"

/* RFC 2449 section 5: "Capabilities available in the AUTHORIZATION state MUST be announced in both states."
 * But for STLS, which means that the command is "permitted in the current state" (RFC 2595 section 4). */
void pop3_capa(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    struct conn *conn = session->conn;
    const struct conf *conf = session->conf;
    pop3_ok(session, TEXT_CAPABILITIES);
    const char *mechanisms = pop3_mechanisms(session);
    if (*mechanisms)
        conn_printf(conn, "USER\r\nSASL %s\r\n", mechanisms);
    if (session->context->tls && !conn_is_tls(conn) && session->state == POP3_AUTHORIZATION)
        conn_write(conn, S("STLS\r\n"));
    conn_write(conn, S("TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nUTF8 USER\r\nLANG\r\n"));
    if (conf->pop3_expire < 0)
        conn_write(conn, S("EXPIRE NEVER\r\n"));
    else
        conn_printf(conn, "EXPIRE %lld\r\n", (long long)conf->pop3_expire);
    conn_printf(conn, "LOGIN-DELAY %lld\r\n", (long long)conf->pop3_login_delay);
    conn_write(conn, S("IMPLEMENTATION Postern-" POSTERN_VERSION "\r\n"));
    pop3_end_lines(session);
}

/* RFC 2595 section 4: "A TLS negotiation begins immediately after the CRLF at the end of the +OK response".
 */
void pop3_stls(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    if (conn_is_tls(session->conn)) {
        pop3_error(session, NULL, TEXT_TLS_ALREADY);
    } else if (!session->context->tls) {
        pop3_error(session, NULL, TEXT_NO_TLS);
    } else if (session->utf8) {
        pop3_error(session, NULL, TEXT_NO_STLS_AFTER_UTF8);
    } else {
        pop3_ok(session, TEXT_START_TLS);
        conn_flush(session->conn);
        /* What was said in clear may have been said by somebody else (RFC 6856 section 7). */
        session->language = &pop3_languages[0];
        /* Clear text behind STLS is an attack or a broken client: conn_start_tls refuses, and the session
         * ends. */
        enum err err = conn_start_tls(session->conn, session->context->tls);
        if (err)
            session->ended = err_text(err);
    }
}

/* RFC 6856 section 2.1. Messages are sent byte for byte in either mode, as every POP3 server does: a message
 * with UTF-8 header fields would otherwise be out of reach for all clients of today. */
void pop3_utf8(struct pop3_session *session, struct slice arguments)
{
    (void)arguments;
    session->utf8 = true;
    pop3_ok(session, TEXT_UTF8_ON);
}

/* RFC 6856 section 3.2: LANG [language-range] */
void pop3_lang(struct pop3_session *session, struct slice arguments)
{
    struct slice range = slice_trim(arguments);
    if (range.len == 0) {
        pop3_ok(session, TEXT_LANGUAGES);
        for (size_t i = 0; i < pop3_language_count; i++) {
            conn_write(session->conn, pop3_languages[i].tag);
            conn_write(session->conn, S(" "));
            conn_write(session->conn, pop3_languages[i].name);
            conn_write(session->conn, S("\r\n"));
        }
        pop3_end_lines(session);
        return;
    }
    const struct pop3_language *language = pop3_language_find(range);
    if (!language) {
        pop3_error(session, NULL, TEXT_NO_LANGUAGE);
        return;
    }
    session->language = language;
    conn_write(session->conn, S("+OK "));
    conn_write(session->conn, language->tag);
    conn_printf(session->conn, " %s\r\n", language->texts[TEXT_LANGUAGE_SET]);
}
