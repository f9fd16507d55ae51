/* SPDX-License-Identifier: ISC */
/*
 * What other servers answer (RFC 5321 section 4.2), and what they can (section 4.1.1.1). Pure.
 *
 *     Reply-line     = *( Reply-code "-" [ textstring ] CRLF )
 *                      Reply-code [ SP textstring ] CRLF
 *     Reply-code     = %x32-35 %x30-35 %x30-39
 *
 * Servers send more than that: lines without text behind the hyphen, codes of 6xx, text that is not ASCII.
 * What is clear is taken; a code that changes between two lines, or is none, ends the session, because nobody
 * could say any more which reply belongs to which command.
 */
#ifndef SMTPD_RELAY_REPLY_H
#define SMTPD_RELAY_REPLY_H

#include "base/buf.h"

#define RELAY_LINE_MAX  4096 /* octets of a reply line; RFC 5321 section 4.5.3.1.5 says 512 */
#define RELAY_LINES_MAX 200  /* of one reply */
#define RELAY_TEXT_MAX  4096 /* what is kept of the text */

struct relay_reply {
    unsigned code;   /* 200 to 599 */
    char status[16]; /* "5.1.1" (RFC 2034, RFC 3463); empty: there was none */
    struct buf text; /* UTF-8, without codes, lines separated by LF; controls and what is no UTF-8 are "?";
                        cut at the limit */
    unsigned lines;
};

void relay_reply_init(struct relay_reply *reply);
void relay_reply_free(struct relay_reply *reply);
void relay_reply_clear(struct relay_reply *reply);

enum relay_line { RELAY_LINE_MORE, RELAY_LINE_LAST, RELAY_LINE_BAD };
/* One line, without its end. After RELAY_LINE_LAST the reply is complete. */
enum relay_line relay_reply_add(struct relay_reply *reply, struct slice line);

static inline bool relay_reply_is(const struct relay_reply *reply, unsigned hundreds)
{
    return reply->code / 100 == hundreds;
}

/* "550 5.1.1 no such user", on one line. */
void relay_reply_format(const struct relay_reply *reply, struct buf *out);

enum relay_extension {
    RELAY_PIPELINING = 1 << 0, /* RFC 2920 */
    RELAY_SIZE = 1 << 1,       /* RFC 1870 */
    RELAY_8BITMIME = 1 << 2,   /* RFC 6152 */
    RELAY_SMTPUTF8 = 1 << 3,   /* RFC 6531 */
    RELAY_CHUNKING = 1 << 4,   /* RFC 3030 */
    RELAY_DSN = 1 << 5,        /* RFC 3461 */
    RELAY_STARTTLS = 1 << 6,   /* RFC 3207 */
    RELAY_REQUIRETLS = 1 << 7, /* RFC 8689 */
    RELAY_AUTH = 1 << 8,       /* RFC 4954 */
    RELAY_LIMITS = 1 << 9      /* RFC 9422 */
};

#define RELAY_MECHANISMS_MAX 300

struct relay_abilities {
    unsigned extensions; /* RELAY_PIPELINING … */
    uint64_t size;       /* octets a message may have; 0: it did not say */
    uint64_t rcpt_max;   /* recipients of one message (RFC 9422 section 4.2); 0: it did not say */
    uint64_t mail_max;   /* messages of one session */
    char mechanisms[RELAY_MECHANISMS_MAX]; /* "PLAIN LOGIN SCRAM-SHA-256", in capitals */
};
/* Reads the answer to EHLO: its first line is the greeting, each further one an extension. */
void relay_abilities_read(const struct relay_reply *reply, struct relay_abilities *abilities_r);
bool relay_has_mechanism(const struct relay_abilities *abilities, const char *name);

#endif
