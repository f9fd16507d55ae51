/* SPDX-License-Identifier: ISC */
/*
 * Everything smtpd says: three digits, an enhanced status code (RFC 2034, RFC 3463) and a sentence, all in
 * one table, so that the same situation is answered alike wherever it arises, and docs and tests have one
 * place to look at.
 */
#ifndef SMTPD_REPLY_H
#define SMTPD_REPLY_H

#include "net/conn.h"

/* name, code, enhanced status code ("" where RFC 2034 section 4 wants none), counts as an error of the
 * client, text */
#define REPLY_LIST(X)                                                                                        \
    X(REPLY_NONE, 0, "", false, "")                                                                          \
    X(REPLY_OK, 250, "2.0.0", false, "OK")                                                                   \
    X(REPLY_GOODBYE, 221, "2.0.0", false, "goodbye")                                                         \
    X(REPLY_SENDER_OK, 250, "2.1.0", false, "sender OK")                                                     \
    X(REPLY_RECIPIENT_OK, 250, "2.1.5", false, "recipient OK")                                               \
    X(REPLY_ACCEPTED, 250, "2.0.0", false, "accepted")                                                       \
    X(REPLY_CHUNK_OK, 250, "2.0.0", false, "chunk received")                                                 \
    X(REPLY_CANNOT_VERIFY, 252, "2.0.0", false, "addresses are not verified here; they are checked at RCPT") \
    X(REPLY_SEND_DATA, 354, "", false, "go ahead, end with <CR><LF>.<CR><LF>")                               \
    X(REPLY_START_TLS, 220, "2.0.0", false, "ready to start TLS")                                            \
    X(REPLY_AUTHENTICATED, 235, "2.7.0", false, "authentication succeeded")                                  \
                                                                                                             \
    X(REPLY_SHUTTING_DOWN, 421, "4.3.2", false, "the server is shutting down, try again in a minute")        \
    X(REPLY_IDLE, 421, "4.4.2", false, "nothing heard for too long, closing the connection")                 \
    X(REPLY_TOO_MANY_ERRORS, 421, "4.7.0", false, "too many errors, closing the connection")                 \
    X(REPLY_TOO_MANY_MESSAGES, 421, "4.7.0", false, "enough messages in this session, connect again")        \
    X(REPLY_NOT_HTTP, 421, "4.7.0", false, "this is a mail server, it does not speak HTTP")                  \
    X(REPLY_STREAM_TOO_LONG, 421, "4.7.0", false, "far more data than the size limit, closing")              \
                                                                                                             \
    X(REPLY_DISABLED, 450, "4.2.1", false, "the mailbox is disabled at present")                             \
    X(REPLY_MAILBOX_FULL, 452, "4.2.2", false, "a recipient's mailbox is full")                              \
    X(REPLY_LOCAL_ERROR, 451, "4.3.0", false, "a local error, try again later")                              \
    X(REPLY_NO_SPACE, 452, "4.3.1", false, "no space left here, try again later")                            \
    X(REPLY_ALIAS_LOOP, 451, "4.3.5", false, "the aliases of this address point in a circle")                \
    X(REPLY_TOO_MANY_RECIPIENTS, 452, "4.5.3", false, "too many recipients, send the rest separately")       \
    X(REPLY_AUTH_UNAVAILABLE, 454, "4.7.0", false, "authentication is not available now, try again later")   \
    X(REPLY_TLS_UNAVAILABLE, 454, "4.7.0", false, "TLS is not available now")                                \
                                                                                                             \
    X(REPLY_UNKNOWN_COMMAND, 500, "5.5.2", true, "command not recognised")                                   \
    X(REPLY_LINE_TOO_LONG, 500, "5.5.2", true, "command line too long")                                      \
    X(REPLY_NOT_HERE, 500, "5.5.1", true, "this command is not offered on this port")                        \
    X(REPLY_BAD_ARGUMENT, 501, "5.5.4", true, "syntax error in the arguments")                               \
    X(REPLY_NO_ARGUMENT, 501, "5.5.4", true, "this command takes no arguments")                              \
    X(REPLY_BAD_HELLO, 501, "5.5.4", true, "a host name is expected")                                        \
    X(REPLY_BAD_SENDER, 501, "5.1.7", true, "syntax: MAIL FROM:<address> [parameters]")                      \
    X(REPLY_BAD_RECIPIENT, 501, "5.1.3", true, "syntax: RCPT TO:<address> [parameters]")                     \
    X(REPLY_BAD_PARAMETER, 501, "5.5.4", true, "a parameter has a bad value or comes twice")                 \
    X(REPLY_UNKNOWN_PARAMETER, 555, "5.5.4", true, "a parameter is not recognised")                          \
    X(REPLY_BAD_BASE64, 501, "5.5.2", true, "malformed authentication response")                             \
    X(REPLY_AUTH_CANCELLED, 501, "5.7.0", true, "authentication cancelled")                                  \
    X(REPLY_AUTH_TOO_LONG, 500, "5.5.6", true, "authentication response too long")                           \
    X(REPLY_NOT_IMPLEMENTED, 502, "5.5.1", true, "command not implemented")                                  \
    X(REPLY_NO_HELLO, 503, "5.5.1", true, "introduce yourself first")                                        \
    X(REPLY_NO_MAIL, 503, "5.5.1", true, "MAIL is needed first")                                             \
    X(REPLY_NESTED_MAIL, 503, "5.5.1", true, "a mail transaction is under way")                              \
    X(REPLY_NO_RCPT, 503, "5.5.1", true, "RCPT is needed first")                                             \
    X(REPLY_MIXED_BDAT, 503, "5.5.1", true, "a BDAT transfer is under way, only BDAT or RSET may follow")    \
    X(REPLY_BDAT_FAILED, 503, "5.5.1", true, "the transfer failed, send RSET first")                         \
    X(REPLY_TLS_ACTIVE, 503, "5.5.1", true, "TLS is active already")                                         \
    X(REPLY_ALREADY_AUTHENTICATED, 503, "5.5.1", true, "already authenticated")                              \
    X(REPLY_BAD_MECHANISM, 504, "5.5.4", true, "authentication mechanism not offered")                       \
    X(REPLY_AUTH_NEEDED, 530, "5.7.0", true, "authentication required")                                      \
    X(REPLY_TLS_NEEDED, 530, "5.7.0", true, "send STARTTLS first")                                           \
    X(REPLY_AUTH_WRONG, 535, "5.7.8", true, "wrong user name or password")                                   \
    X(REPLY_AUTH_DISABLED, 535, "5.7.8", true, "the account is disabled")                                    \
    X(REPLY_AUTH_NEEDS_TLS, 538, "5.7.11", true, "authentication is offered under TLS only")                 \
    X(REPLY_NO_SUCH_USER, 550, "5.1.1", true, "no such user here")                                           \
    X(REPLY_BAD_RETURN, 550, "5.1.1", true, "this return address is not valid, or not any more")             \
    X(REPLY_BARE_NEWLINE, 550, "5.6.0", true, "the message has a bare CR or LF; lines end with CR LF")       \
    X(REPLY_HAS_NUL, 550, "5.6.0", true, "the message contains NUL bytes")                                   \
    X(REPLY_BAD_START, 550, "5.6.0", true, "the message does not start with a header field")                 \
    X(REPLY_RELAYING_DENIED, 550, "5.7.1", true, "relaying denied: not a recipient of this server")          \
    X(REPLY_FROM_NOT_OWNED, 550, "5.7.1", true, "the From field names an address that is not yours")         \
    X(REPLY_MAILBOX_FULL_FOR_GOOD, 552, "5.2.2", false, "the mailbox is full")                               \
    X(REPLY_TOO_BIG, 552, "5.3.4", true, "the message is larger than the limit")                             \
    X(REPLY_HEADER_TOO_BIG, 552, "5.3.4", true, "the message header is larger than the limit")               \
    X(REPLY_NEEDS_SMTPUTF8, 553, "5.6.7", true, "an address that is not ASCII needs SMTPUTF8")               \
    X(REPLY_SENDER_NOT_OWNED, 553, "5.7.1", true, "this sender address is not yours")                        \
    X(REPLY_LOOP, 554, "5.4.6", true, "too many hops: the message seems to loop")                            \
    X(REPLY_FORWARD_LOOP, 554, "5.4.6", true, "the message was forwarded here before: it runs in a circle")  \
    X(REPLY_NO_RECIPIENTS, 554, "5.5.1", true, "no valid recipients")

enum reply {
#define X(name, code, status, counts, text) name,
    REPLY_LIST(X)
#undef X
};

int reply_code(enum reply reply);
const char *reply_status(enum reply reply); /* "5.1.1" or "" */
const char *reply_text(enum reply reply);
/* A fault of the client, counted against error_limit. */
bool reply_counts(enum reply reply);

/* "250 2.0.0 OK". Output is buffered; errors of the connection stick there. */
void reply_send(struct conn *conn, enum reply reply);
/* The same codes with a text of its own, which must hold no CR or LF. */
void reply_printf(struct conn *conn, enum reply reply, const char *format, ...) PRINTF_LIKE(3, 4);
/* "550 5.1.1 <bob@example.org>: no such user here": names the address when it is short printable ASCII. */
void reply_about(struct conn *conn, enum reply reply, struct slice address);
/* One line of a reply of several lines, without enhanced status code: "250-PIPELINING", the last one "250
 * HELP". */
void reply_line(struct conn *conn, int code, bool last, const char *format, ...) PRINTF_LIKE(4, 5);

#endif
