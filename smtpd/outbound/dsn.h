/* SPDX-License-Identifier: ISC */
/*
 * Reports to the sender (RFC 3461, 3464, 6522; RFC 6533 where addresses are UTF-8): what became of a message
 * for some of its recipients, first in words for people, then for programs, then the message or its header.
 * Pure: bytes in, bytes out.
 *
 *     has_8bit = dsn_write_begin(&report, &out);
 *     dsn_write_original(&report, the message, or its header without the empty line, &out);
 *     dsn_write_end(&report, &out);
 *
 * Whatever a text holds, it is cut into lines and cleaned here: other servers' words can forge no field, no
 * part and no sentence of ours.
 */
#ifndef SMTPD_OUTBOUND_DSN_H
#define SMTPD_OUTBOUND_DSN_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/conf.h"

enum dsn_action {
    DSN_FAILED,
    DSN_DELAYED,
    DSN_DELIVERED, /* into a mailbox here, or the next host confirms it by itself no more */
    DSN_RELAYED,   /* to a host that does not tell of delivery (RFC 3461 section 5.2.2) */
    DSN_EXPANDED   /* to several who stand behind the address (section 5.2.7.3) */
};

struct dsn_recipient {
    struct slice address, orcpt; /* orcpt as it came: "rfc822;bob@example.org" */
    unsigned code;               /* SMTP's; 0: there was no reply */
    struct slice text;           /* "5.1.1 no such user" */
    struct slice host;           /* "mx.example.net [192.0.2.1]" whose words these are; empty: ours */
    bool is_theirs;
    int64_t last_attempt_us; /* 0: none was made */
};

struct dsn_report {
    enum dsn_action action;
    enum conf_language language;      /* of the words for people */
    struct slice host;                /* our name */
    struct slice sender;              /* who gets the report */
    struct slice envid;               /* as it came, xtext */
    struct slice trace;               /* the id that the message has in our log */
    struct slice message_id, subject; /* of the message; may be empty */
    int64_t arrived_us, now_us;
    int64_t expires_us; /* DSN_DELAYED: until when it is tried */
    const struct dsn_recipient *recipients;
    size_t count;
    struct slice id;       /* of the report: letters, digits, "." and "-"; Message-ID and boundary have it */
    bool returns_message;  /* the whole message follows, else its header only */
    bool original_is_utf8; /* the message has UTF-8 in its header */
    bool original_is_8bit; /* what follows has octets above 127 */
    /* It may meet hosts without 8BITMIME (RFC 6152), which would refuse it: parts of 8 bits are encoded. Not
     * with a whole message of 8 bits that is no `original_is_utf8`, which no part may encode (RFC 2046
     * section 5.2.1). */
    bool is_7bit;
};

/* What stands before the original and behind it. True: the whole is of 8 bits. */
bool dsn_write_begin(const struct dsn_report *report, struct buf *out);
void dsn_write_original(const struct dsn_report *report, struct slice original, struct buf *out);
void dsn_write_end(const struct dsn_report *report, struct buf *out);

/* "5.1.1" of "5.1.1 no such user"; without one, what the SMTP code or the want of one says. In `status`. */
void dsn_status(const struct dsn_recipient *recipient, enum dsn_action action, char status[16]);

struct dsn_words {
    const char *what; /* happened */
    const char *todo; /* what the sender can do; "" nothing */
};
/* For a person, by the enhanced code (RFC 3463, and what it is used for). */
struct dsn_words dsn_words_for(const char *status, enum conf_language language);

#endif
